"""First results on the page, in a real browser: shown within seconds, and refined without another click."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.feedforward.registry import available_networks
from impasto.images.picture import read_picture
from tests.conftest import MEASURED, png_text
from tests.gradio_app.conftest import APP, ON_ONE_SERVER, PAINTINGS, OpenPage, Visitor, rgb_values, save_network, serve_page

pytestmark = pytest.mark.browser


def test_a_click_on_a_style_paints_at_once_and_then_refines(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    files = [painting["file"] for painting in PAINTINGS]
    index = next(i for i, file in enumerate(files) if i and Path(file).stem in available_networks())  # 0 is chosen already
    file = files[index]
    with Image.open(small) as image:
        photo = rgb_values(image)
    visitor = open_page()
    button = visitor.tiles("gallery").nth(index)
    visitor.find("photo").get_by_label("Remove Image").click()
    button.click()
    visitor.find("style").locator(f"img[src*='{file}']").wait_for()  # without a photo a click only chooses the style
    visitor.page.get_by_text("Choose a photo first").first.wait_for()
    assert visitor.find("go").is_visible()
    visitor.upload("photo", small)
    visitor.set_number("strength", "0.6")
    for paintings in (1, 2):  # clicking it again paints again
        button.click()
        visitor.find("stop").wait_for()
        visitor.wait_until(lambda: visitor.status().startswith("Done in") and visitor.find("go").is_visible())
        assert visitor.tiles("session").count() == paintings
    whole = visitor.download(tmp_path / "whole.png")
    assert (whole.format, whole.size) == ("PNG", (72, 54))
    recipe = json.loads(png_text(whole)["impasto"])
    assert (recipe["options"]["strength"], recipe["page"]["ended"], "net" in recipe) == (0.6, "done", False)
    assert recipe["styles"] == [read_picture(APP / "assets" / file).digest]
    assert np.abs(rgb_values(whole) - photo).mean() > 5


@ON_ONE_SERVER
def test_a_first_result_is_shown_within_seconds_and_refined_without_a_click(
    open_page: OpenPage, large: Path, tmp_path: Path
) -> None:
    visitor = open_page()
    visitor.paint_first_result(large)
    first = json.loads(png_text(visitor.download(tmp_path / "first.png"))["impasto"])
    assert (first["options"]["quality"], first["page"]["ended"]) == ("instant", "done")
    assert visitor.tiles("session").count() == 1
    first_url = visitor.result_url()
    visitor.wait_until(lambda: visitor.status().startswith("Painting…"))
    visitor.wait_until(lambda: "preview" in visitor.result_url())
    assert visitor.result_url() != first_url
    visitor.find("stop").click()
    visitor.wait_until(lambda: visitor.status().startswith("Stopped: 480 × 360"))
    exact = json.loads(png_text(visitor.download(tmp_path / "exact.png"))["impasto"])
    assert (exact["options"]["quality"], exact["page"]["ended"]) == ("normal", "stopped")
    assert visitor.tiles("session").count() == 1  # it is the same painting
    visitor.find("more").locator("button").first.click()
    visitor.find("quality").get_by_label("Instant").check()
    visitor.find("go").click()
    visitor.find("stop").wait_for()
    visitor.wait_until(lambda: visitor.status().startswith("Done in") and visitor.find("go").is_visible())
    assert json.loads(png_text(visitor.download(tmp_path / "instant.png"))["impasto"])["options"]["quality"] == "instant"


@ON_ONE_SERVER
def test_stopping_before_the_exact_painting_has_got_as_far_keeps_the_first_result(
    open_page: OpenPage, large: Path, tmp_path: Path
) -> None:
    visitor = open_page()
    visitor.paint_first_result(large)
    visitor.find("stop").click()
    visitor.wait_until(lambda: visitor.status() == "Stopped: the first result is kept.")
    visitor.find("go").wait_for()
    kept = visitor.download(tmp_path / "kept.png")
    assert json.loads(png_text(kept)["impasto"])["options"]["quality"] == "instant"
    assert visitor.tiles("session").count() == 1


@ON_ONE_SERVER
def test_a_click_on_another_style_takes_the_place_of_a_painting(open_page: OpenPage, large: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", large)
    visitor.start_painting()
    visitor.wait_until(lambda: visitor.status().startswith(("Painting…", "Ready in")))
    buttons = visitor.tiles("gallery")
    buttons.nth(1).click()
    buttons.nth(2).click()  # at once
    visitor.find("style").locator(f"img[src*='{PAINTINGS[2]['file']}']").wait_for()
    visitor.find("result").get_by_alt_text(f"Painting: {PAINTINGS[2]['title']}").wait_for()  # once something is painted
    assert visitor.find("stop").is_visible()
    assert not visitor.find("go").is_visible()
    visitor.find("stop").click()
    visitor.wait_until(lambda: visitor.status().startswith(("Stopped", "Done")) and visitor.find("go").is_visible())
    recipe = json.loads(png_text(visitor.download(tmp_path / "last.png"))["impasto"])
    assert recipe["styles"] == [read_picture(APP / "assets" / PAINTINGS[2]["file"]).digest]


def test_a_style_that_is_only_a_network_is_not_refined(
    browser: Any, small: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    networks = tmp_path / "networks"
    networks.mkdir()
    save_network(networks, "my_own")
    with serve_page(APP, tmp_path / "server", IMPASTO_NETS=str(networks), **MEASURED) as server:
        visitor = Visitor(browser, server)
        visitor.upload("photo", small)
        visitor.tiles("gallery").last.click()
        visitor.wait_until(lambda: visitor.status().startswith("Done in"))
        assert visitor.find("style").locator("img").count() == 0
        recipe = json.loads(png_text(visitor.download(tmp_path / "own.png"))["impasto"])
        assert recipe["net"]["name"] == "my_own"
        visitor.set_number("strength", "0.9")
        visitor.wait_until(lambda: "Choose its painting again" in visitor.status())
        visitor.close()


def test_a_small_result_is_refined_to_the_size_of_the_photo(open_page: OpenPage, large: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", large)
    visitor.choose_small("Instant")
    visitor.set_number("strength", "0.6")
    visitor.find("go").click()
    visitor.find("refine").wait_for()
    small = visitor.download(tmp_path / "small.png").convert("RGB")
    visitor.set_number("strength", "0.7")  # not of this result
    visitor.find("refine").click()
    visitor.wait_until(lambda: visitor.status().startswith("Done in") and "480 × 360" in visitor.status())
    assert not visitor.find("refine").is_visible()
    assert visitor.tiles("session").count() == 2
    refined = visitor.download(tmp_path / "refined.png")
    options = json.loads(png_text(refined)["impasto"])["options"]
    assert {name: options[name] for name in ("init", "strength", "size")} == {"init": "painting", "strength": 0.6, "size": 480}
    shrunk = rgb_values(refined.convert("RGB").resize(small.size, Image.Resampling.BICUBIC))
    assert np.abs(shrunk - rgb_values(small)).mean() < 4
    visitor.tiles("session").nth(1).click()
    visitor.find("refine").wait_for()
    visitor.upload("photo", tmp_path / "small.png")
    visitor.wait_until(lambda: not visitor.find("refine").is_visible())  # it is of another photo
