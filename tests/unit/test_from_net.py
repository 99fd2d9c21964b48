"""The exact method, begun with what a net has painted."""

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
from impasto.cli.main import main
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.encode import read_recipe_text, save_picture
from impasto.images.picture import read_picture
from impasto.optimization.pyramid import pyramid_levels
from impasto.optimization.run import Run
from impasto.options import Options
from tests.conftest import scene
from tests.unit.test_nets import made


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path / "nets"))
    (tmp_path / "nets").mkdir()
    made(1).save(tmp_path / "nets" / "waves.safetensors")
    return tmp_path / "nets" / "waves.safetensors"


@pytest.fixture
def settings(made_up_file: Path) -> dict[str, Any]:
    return {"weights": str(made_up_file), "network": "vgg16", "size": 64, "iterations": 1, "precision": "float32"}


@pytest.mark.parametrize("colors", ["style", "content"])
def test_it_begins_where_the_net_has_ended(net: Path, settings: dict[str, Any], colors: str) -> None:
    run = Run(scene(64, 48), scene(40, 40, 1), **settings, init="net:waves", colors=colors, strength=0.7)
    first = next(run.steps())
    options = Options(size=64, strength=0.7, colors=colors)
    wanted = FeedforwardStylizer(TransformNet.load(net), options).paint(scene(64, 48)).pixels
    content = torch.from_numpy(scene(64, 48)).float() / 255
    found = first.painted.finished().pixels
    assert float((found - wanted).abs().mean()) < 0.061  # Adam's first step
    assert float((found - content).abs().max()) > 0.3


def test_small_rungs_are_left_out_and_the_lowest_takes_more_steps() -> None:
    plain, ahead = (
        pyramid_levels((1024, 768), Options(size=1024)),
        pyramid_levels((1024, 768), Options(size=1024, init="net:waves")),
    )
    assert [rung[:2] for rung in ahead] == [rung[:2] for rung in plain if rung.width >= 512]
    assert [rung.steps for rung in ahead] == [2 * plain[-3].steps, plain[-2].steps, plain[-1].steps]
    assert [rung.steps for rung in pyramid_levels((300, 200), Options(size=300, init="net:waves"))] == [2 * 34]
    assert [rung.steps for rung in pyramid_levels((300, 200), Options(size=300, init="net:waves", iterations=3))] == [3]


def test_a_net_that_is_not_there_is_told() -> None:
    with pytest.raises(NetError, match="there is no net 'nowhere'"):
        impasto.stylize(scene(64, 48), scene(64, 48, 1), init="net:nowhere", size=64)
    with pytest.raises(OptionError, match="no init 'nets'"):
        Options(init="nets")


def test_its_recipe_names_the_net_and_no_path(
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
    pictures = [np.asarray(Image.open(tmp_path / name)) for name in ("out.png", "again.png")]
    assert (pictures[0] == pictures[1]).all()
    # Another net of that name is none; a file may be named; and a recipe cannot name one.
    net.rename(tmp_path / "elsewhere.safetensors")
    TransformNet.new([Style("other")], 5, 8, 1).save(net)
    capsys.readouterr()
    assert main(line) == 2
    assert "the painting began with the net 'waves': name its file with --init net:FILE" in capsys.readouterr().err
    assert main([*line, "--init", f"net:{tmp_path / 'elsewhere.safetensors'}"]) == 0
    assert (np.asarray(Image.open(tmp_path / "again.png")) == pictures[0]).all()
    hostile = {**recipe, "init_net": {**recipe["init_net"], "name": str(tmp_path / "elsewhere")}}
    save_picture(tmp_path / "hostile.png", read_picture(tmp_path / "out.png"), json.dumps(hostile))
    line[1] = str(tmp_path / "hostile.png")
    assert main(line) == 2
    assert "name its file with --init" in capsys.readouterr().err
    for bent in ({"init_net": None}, {"init_net": {"name": 3, "sha256": ""}}, {"init_net": "waves"}):
        save_picture(tmp_path / "hostile.png", read_picture(tmp_path / "out.png"), json.dumps({**recipe, **bent}))
        assert main(line) == 2
        assert "carries no recipe" in capsys.readouterr().err
