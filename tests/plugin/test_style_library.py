"""The style library in the real Krita: defaults, mouse and keyboard, drag and drop, the clipboard."""

from __future__ import annotations

import pytest

from tests.plugin.krita_session import KritaSession

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita")]


def test_default_style_is_never_the_active_layer(krita: KritaSession) -> None:
    result = krita.run("style_library.default_style")
    assert result["one_layer"] == ["Harvest", True]
    assert result["two_layers"] == "Imported"
    assert result["other_active"]
    assert result["removed"] == ["Harvest", ["Harvest"]]


def test_styles_are_chosen_by_mouse_and_keyboard(krita: KritaSession) -> None:
    result = krita.run("style_library.choose")
    assert result["expanded"]
    assert result["names"][:2] == ["Painting", "Photo"]
    assert result["clicked"] == ["Koi", ["Koi"]]
    assert result["several"] == [["Koi", False], ["Painting", True]]
    assert result["moved"] == "Harvest"
    assert result["entered"] == "Rose window"
    assert result["favorites"] == ["Rose window"]
    assert result["found"][0] == "Painting"
    assert result["drawn"]
    assert (result["columns"], result["bars"]) == ([3, 5], 0)


def test_pictures_are_dropped_pasted_and_deleted(krita: KritaSession) -> None:
    result = krita.run("style_library.add_pictures")
    assert result["dropped"] == ["sea", True, ["sea"]]
    assert result["pasted"] == ["#30a030", True]
    assert result["layers"] == 1
    assert result["after"]


def test_keys_of_the_grid_are_not_kritas(krita: KritaSession) -> None:
    assert krita.run("style_library.shortcuts")["unchanged"]
