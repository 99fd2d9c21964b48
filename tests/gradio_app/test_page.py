"""The page's fields, instant styles, examples and messages, without a server."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import WeightsError
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
def test_every_network_is_an_instant_style(load_module: LoadModule, write_network: Callable[..., TransformNet]) -> None:
    for name, thumbnail in (("harvest", ""), ("my_own", "bm9uZQ==")):
        write_network(name, thumbnail=thumbnail)
    app, gallery, messages = (load_module(name) for name in ("app", "page.gallery", "page.messages"))
    assert [style.title for style in gallery.INSTANT_STYLES.values()] == ["Harvest", "My own"]
    assert Path(gallery.INSTANT_STYLES["harvest"].painting) == APP / "assets" / "harvest.jpg"
    assert gallery.INSTANT_STYLES["my_own"].painting == ""
    assert app.page.instant_column.visible
    progress = load_module("page.painter").Progress(1.0, (90, 60), 1, None, "", "done", np.zeros((60, 90, 3), np.uint8))
    message = "Done in 0.6 s: 90 × 60 pixels, in the instant style "
    assert messages.result_message(progress, 0.63, "harvest") == (
        message + "Harvest. For a closer match to the style, press Stylize."
    )
    assert messages.result_message(progress, 0.63, "my_own") == (
        message + "My own. Drag the line to compare; move Strength to fade the painting."
    )


@pytest.mark.slow
def test_without_networks_the_instant_styles_are_hidden(
    load_module: LoadModule, write_network: Callable[..., TransformNet]
) -> None:
    app = load_module("app")
    assert load_module("page.gallery").INSTANT_STYLES == {}
    assert not app.page.instant_column.visible


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
        assert field.label == schema[name]["title"]
        if schema[name]["kind"] == "choice":
            assert field.choices == [(label, value or "") for label, value in schema[name]["offers"]]
    assert (app.page.strength.minimum, app.page.strength.maximum) == (0, 1)
    parameters = inspect.signature(app.stylize).parameters
    for name in ("strength", "colors", "quality", "size", "seed"):
        assert parameters[name].default == schema[name]["default"]
    public = [fn.api_name for fn in app.demo.fns.values() if fn.api_visibility == "public"]
    assert public == ["stylize"]


def test_examples_are_complete(load_module: LoadModule) -> None:
    assets = APP / "assets"
    examples = json.loads((assets / "examples.json").read_text())
    credits = (assets / "CREDITS.md").read_text()
    assert len(json.loads((assets / "paintings.json").read_text())) == 6
    for example in examples:
        with Image.open(assets / example["photo"]) as photo, Image.open(assets / example["painting"]) as painting:
            assert photo.size == painting.size
        assert (assets / example["style"]).exists()
        assert f"`{example['photo']}`" in credits
        assert example["recipe"]["options"]["size"] == max(photo.size)
    for path in assets.iterdir():
        assert path.stat().st_size < 1 << 20
