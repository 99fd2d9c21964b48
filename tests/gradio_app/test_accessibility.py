"""The page for everybody: no violation that axe-core finds, at every width, light and dark, also while it paints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gradio_app.conftest import ON_ONE_SERVER, OpenPage, Visitor

pytestmark = pytest.mark.browser

#: What axe-core finds in Gradio's own parts, and cannot be mended from outside: none.
_WINDOWS = [(1440, "light"), (1024, "dark"), (768, "light"), (390, "dark"), (360, "light")]


def violations(visitor: Visitor) -> list[str]:
    """What axe-core finds: the rule and the parts of the page"""
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(visitor.page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@ON_ONE_SERVER
@pytest.mark.parametrize(("width", "scheme"), _WINDOWS)
def test_axe_finds_no_violation(open_page: OpenPage, small: Path, width: int, scheme: str) -> None:
    visitor = open_page(window={"width": width, "height": 900}, color_scheme=scheme, touch=width < 700)
    assert violations(visitor) == []
    visitor.upload("photo", small)
    visitor.paint()
    for name in ("Detail", "Mix", "Brush", "Expert"):
        visitor.open_tab(name)
        visitor.wait_for_rendering()
        assert violations(visitor) == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@ON_ONE_SERVER
def test_a_painting_in_progress_has_no_violation(open_page: OpenPage, large: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", large)
    visitor.start_painting()
    visitor.wait_until(lambda: visitor.status().startswith("Painting…"))
    assert violations(visitor) == []
    visitor.find("stop").click()
    visitor.find("go").wait_for()


@ON_ONE_SERVER
def test_a_photo_is_painted_and_compared_by_keyboard_alone(open_page: OpenPage) -> None:
    visitor = open_page()
    visitor.find("result").get_by_role("slider").wait_for()  # which is there once the pictures are
    keyboard = visitor.page.keyboard
    seen: list[str] = []
    for _ in range(40):  # the order in which the keyboard reaches the parts of the page
        keyboard.press("Tab")
        part = visitor.page.evaluate(
            "() => document.activeElement.closest('#result, #photo, #photos, #gallery, #style, #strength, #go')?.id || ''"
        )
        if part and part not in seen:
            seen.append(part)
        if part == "go":
            break
    assert seen == ["result", "photo", "photos", "gallery", "style", "strength", "go"]
    visitor.tiles("gallery").nth(0).focus()
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    visitor.find("stop").wait_for()
    visitor.wait_until(lambda: "painting-100" in visitor.result_url())
    visitor.find("stop").focus()
    keyboard.press("Enter")
    visitor.find("go").wait_for()
    line = visitor.find("result").get_by_role("slider")
    line.focus()
    before = int(line.get_attribute("aria-valuenow") or "0")
    keyboard.press("ArrowRight")
    assert int(line.get_attribute("aria-valuenow") or "0") > before
