"""The page's fields, styles, examples and messages, without a server."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from impasto import OptionError, WeightsError
from impasto.feedforward import registry
from impasto.feedforward.network import TransformNet
from impasto.options import option_schema
from tests.gradio_app.conftest import APP, LoadModule, save_network


@pytest.fixture
def write_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TransformNet]:
    """Write an untrained network: write_network("mine"). There are no others."""
    folder = tmp_path / "networks"
    folder.mkdir()
    monkeypatch.setenv("IMPASTO_NETS", str(folder))
    monkeypatch.setattr(registry, "bundled_networks", dict)

    return partial(save_network, folder)


@pytest.mark.slow
def test_the_gallery_has_paintings_and_networks_and_each_style_once(
    load_module: LoadModule, write_network: Callable[..., TransformNet]
) -> None:
    for name, thumbnail in (("harvest", ""), ("my_own", "bm9uZQ==")):
        write_network(name, thumbnail=thumbnail)
    gallery, handlers = load_module("page.gallery"), load_module("page.handlers")
    paintings = json.loads((APP / "assets" / "paintings.json").read_text())
    titles = [style.title for style in gallery.STYLES]
    assert titles == [*(painting["title"] for painting in paintings), "My own"]
    networks = {style.title: style.network for style in gallery.STYLES if style.network}
    assert sorted(networks.values()) == ["harvest", "my_own"]
    chosen = [handlers.choose_style({}, SimpleNamespace(index=index))[:2] for index in range(len(titles))]
    assert (str(APP / "assets" / "harvest.jpg"), "harvest") in chosen
    assert chosen[-1] == (None, "my_own")
    assert all(network == "" for _, network in chosen if network not in ("harvest", "my_own"))


def test_the_status_says_whether_a_result_is_refined(load_module: LoadModule) -> None:
    messages = load_module("page.messages")
    progress = load_module("page.paint_job").Progress(1.0, (90, 60), 1, None, "", "done", np.zeros((60, 90, 3), np.uint8))
    waiting = load_module("page.painter").Waiting
    assert messages.result_message(progress, 0.63, "en") == "Done in 0.6 s: 90 × 60 pixels."
    assert messages.result_message(progress, 0.63, "de") == "Fertig in 0,6 s: 90 × 60 Pixel."
    assert messages.first_result_message(3.21, "en") == "Ready in 3.2 s. Now in full detail…"
    assert messages.waiting_message(waiting(1, 31.0), "en") == "1 painting ahead of you, about 31 s"
    assert messages.waiting_message(waiting(2, 0.0), "en", refine=True) == "In full detail after 2 paintings of others"
    assert messages.waiting_message(waiting(1, 0.0), "de") != messages.waiting_message(waiting(1, 0.0), "en")


def test_error_messages_contain_no_path(load_module: LoadModule, caplog: pytest.LogCaptureFixture) -> None:
    messages = load_module("page.messages")
    message = messages.error_message(RuntimeError("cannot open /home/somebody/secret.png"))
    reference = re.search(r"reference ([0-9a-f]{8})", message)
    assert "secret" not in message
    assert reference is not None
    assert reference[1] in caplog.text
    assert "secret.png" in caplog.text
    assert messages.error_message(messages.gr.Error("You have no quota left")) == "You have no quota left"
    assert "cache" not in messages.error_message(WeightsError("'/root/.cache/impasto' cannot be written"))


def test_fields_match_the_options(load_module: LoadModule) -> None:
    app = load_module("app")
    schema = {option["name"]: option for option in option_schema()}
    names = ("strength", "colors", "quality", "size", "preset", "style_scale", "seed", "padding", "style_loss")
    for name in names:
        field = getattr(app.page, name)
        assert field.value == (schema[name]["default"] or "" if schema[name]["kind"] == "choice" else schema[name]["default"])
        assert field.label.key == {"size": "Size"}.get(name, schema[name]["title"])
        if schema[name]["kind"] == "choice":
            assert [value for _, value in field.choices] == [value or "" for _, value in schema[name]["offers"]]
    assert (app.page.strength.minimum, app.page.strength.maximum) == (0, 1)
    parameters = inspect.signature(app.stylize).parameters
    for name in ("strength", "colors", "quality", "size", "seed"):
        assert parameters[name].default == schema[name]["default"]
    public = [fn.api_name for fn in app.demo.fns.values() if fn.api_visibility == "public"]
    assert public == ["stylize"]


def test_visitors_name_no_file_to_protect(load_module: LoadModule) -> None:
    paint_job = load_module("page.paint_job")
    settings = {"size": 64, "protect": "/etc/passwd"}
    with pytest.raises(OptionError, match="protect"):
        paint_job.validated_options((64, 64), settings)
    assert paint_job.validated_options((64, 64), {**settings, "protect": "none"})["protect"] == "none"


def test_examples_are_complete(load_module: LoadModule) -> None:
    assets = APP / "assets"
    examples = json.loads((assets / "examples.json").read_text())
    credits = (assets / "CREDITS.md").read_text()
    assert len(json.loads((assets / "paintings.json").read_text())) == 14
    for example in examples:
        with Image.open(assets / example["photo"]) as photo, Image.open(assets / example["painting"]) as painting:
            assert photo.size == painting.size
        assert (assets / example["style"]).exists()
        assert f"`{example['photo']}`" in credits
        assert example["recipe"]["options"]["size"] == max(photo.size)
    for path in assets.iterdir():
        assert path.stat().st_size < 1 << 20


@pytest.mark.parametrize("picked", [None, [], [0], [0, 99], [0, -1], list(range(7)), ["0", "1"], [0, [1]], "01", {"a": 1}])
def test_only_styles_on_the_wall_can_be_painted_at_once(load_module: LoadModule, picked: object) -> None:
    handlers = load_module("page.handlers")
    with pytest.raises(handlers.gr.Error, match="not on the wall"):
        handlers.choose_several(SimpleNamespace(_data={"indices": picked}))
    assert handlers.choose_several(SimpleNamespace(_data={"indices": [3, 1]}))[0] == [3, 1]
