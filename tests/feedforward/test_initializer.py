"""Optimization that starts from the output of a feed-forward network (init "net:NAME")."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto import NetError, OptionError
from impasto.api import create_run
from impasto.cli.main import main
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.encode import read_recipe_text, save_picture
from impasto.images.picture import read_picture
from impasto.optimization.pyramid import pyramid_levels
from impasto.options import Options
from tests.conftest import scene
from tests.feedforward.helpers import random_net


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path / "nets"))
    (tmp_path / "nets").mkdir()
    random_net(1).save(tmp_path / "nets" / "waves.safetensors")
    return tmp_path / "nets" / "waves.safetensors"


@pytest.fixture
def settings(random_weights_file: Path) -> dict[str, Any]:
    return {"weights": str(random_weights_file), "network": "vgg16", "size": 64, "iterations": 1, "precision": "float32"}


@pytest.mark.parametrize("colors", ["style", "content"])
def test_run_starts_from_the_network_output(net: Path, settings: dict[str, Any], colors: str) -> None:
    run = create_run(scene(64, 48), scene(40, 40, 1), **settings, init="net:waves", colors=colors, strength=0.7)
    first = next(run.steps())
    options = Options(size=64, strength=0.7, colors=colors)
    expected = FeedforwardStylizer(TransformNet.load(net), options).stylize(scene(64, 48)).pixels
    content = torch.from_numpy(scene(64, 48)).float() / 255
    pixels = first.snapshot.render().pixels
    assert float((pixels - expected).abs().mean()) < 0.061  # Adam's first step
    assert float((pixels - content).abs().max()) > 0.3


def test_start_from_network_skips_small_levels_and_adds_steps_at_the_lowest() -> None:
    plain, with_network = (
        pyramid_levels((1024, 768), Options(size=1024, init="content")),
        pyramid_levels((1024, 768), Options(size=1024, init="net:waves")),
    )
    assert [level[:2] for level in with_network] == [level[:2] for level in plain if level.width >= 512]
    assert [level.steps for level in with_network] == [2 * plain[-2].steps, plain[-1].steps]
    assert [level.steps for level in pyramid_levels((300, 200), Options(size=300, init="net:waves"))] == [2 * 34]
    assert [level.steps for level in pyramid_levels((300, 200), Options(size=300, init="net:waves", iterations=3))] == [3]


def test_unknown_network_raises_net_error() -> None:
    with pytest.raises(NetError, match="no style network 'nowhere'"):
        impasto.stylize(scene(64, 48), scene(64, 48, 1), init="net:nowhere", size=64)
    with pytest.raises(OptionError, match="no init 'nets'"):
        Options(init="nets")


@pytest.mark.slow
def test_recipe_names_the_network_by_digest_and_rerun_uses_only_that_one(
    net: Path, settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seed in (("photo", 0), ("painting", 1)):
        Image.fromarray(scene(64, 48, seed)).save(tmp_path / f"{name}.png")
    result = impasto.stylize(str(tmp_path / "photo.png"), str(tmp_path / "painting.png"), **settings, init=f"net:{net}")
    result.save(tmp_path / "out.png")
    recipe = json.loads(read_recipe_text(tmp_path / "out.png"))
    assert recipe["options"]["init"] == "net:waves"
    assert recipe["init_net"] == {"name": "waves", "sha256": TransformNet.load(net).digest}
    assert str(tmp_path) not in json.dumps(recipe)
    line = ["rerun", str(tmp_path / "out.png"), "-o", str(tmp_path / "again.png"), "--weights", settings["weights"], "--force"]
    assert main(line) == 0
    first, second = (np.asarray(Image.open(tmp_path / name)) for name in ("out.png", "again.png"))
    assert (first == second).all()
    # Another network of that name is refused; --init may name the file; a recipe cannot name a file.
    net.rename(tmp_path / "elsewhere.safetensors")
    TransformNet.initialize([Style("other")], 5, 8, 1).save(net)
    capsys.readouterr()
    assert main(line) == 2
    assert "the run started from the style network 'waves': name its file with --init net:FILE" in capsys.readouterr().err
    assert main([*line, "--init", f"net:{tmp_path / 'elsewhere.safetensors'}"]) == 0
    assert (np.asarray(Image.open(tmp_path / "again.png")) == first).all()
    hostile = {**recipe, "init_net": {**recipe["init_net"], "name": str(tmp_path / "elsewhere")}}
    save_picture(tmp_path / "hostile.png", read_picture(tmp_path / "out.png"), json.dumps(hostile))
    line[1] = str(tmp_path / "hostile.png")
    assert main(line) == 2
    assert "name its file with --init" in capsys.readouterr().err
    for invalid in ({"init_net": None}, {"init_net": {"name": 3, "sha256": ""}}, {"init_net": "waves"}):
        save_picture(tmp_path / "hostile.png", read_picture(tmp_path / "out.png"), json.dumps({**recipe, **invalid}))
        assert main(line) == 2
        assert "has no recipe" in capsys.readouterr().err
