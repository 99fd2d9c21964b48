"""The page in a real browser: on this computer, on a simulated ZeroGPU, and built as a Space."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.conftest import png_text
from tests.gradio_app.conftest import APP, ON_ONE_SERVER, OpenPage, rgb_values

pytestmark = pytest.mark.browser


def test_stopping_a_painting_keeps_what_the_preview_shows(open_page: OpenPage, large: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", large)
    estimate = r"About \d+ (s|min)"
    visitor.wait_until(lambda: re.fullmatch(estimate, visitor.find("takes").inner_text().strip()))
    visitor.start_painting()
    assert not visitor.find("go").is_visible()
    previews: list[str] = []
    while len(previews) < 3:
        visitor.wait_until(lambda: "preview" in visitor.result_url() and visitor.result_url() not in previews)
        previews.append(visitor.result_url())
    visitor.wait_until(lambda: visitor.status().startswith("Painting…") and "left" in visitor.status())
    visitor.find("stop").click()
    visitor.wait_until(lambda: visitor.status().startswith("Stopped: 480 × 360 pixels, not in full"), 15)
    visitor.find("go").wait_for()
    kept = visitor.download(tmp_path / "kept.png")
    assert (kept.format, kept.size) == ("PNG", (480, 360))
    recipe = json.loads(png_text(kept)["impasto"])
    assert recipe["options"]["size"] == 480
    assert recipe["options"]["colors"] == "style"


@ON_ONE_SERVER
def test_a_finished_painting_can_be_faded_reopened_and_used_as_photo(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.paint()
    assert visitor.status().startswith("Done in")
    whole = visitor.download(tmp_path / "whole.png")
    assert whole.size == (72, 54)
    with Image.open(small) as photo:
        photo.load()
    assert np.abs(rgb_values(whole) - rgb_values(photo)).mean() > 10

    visitor.set_number("strength", "0.25")  # half of what it was painted with: half of the way to the photo
    visitor.wait_until(lambda: "painting-50" in visitor.result_url())
    half = visitor.download(tmp_path / "half.png")
    assert np.abs(rgb_values(half) - (rgb_values(whole) + rgb_values(photo)) / 2).max() < 2
    visitor.set_number("strength", "0.9")
    visitor.wait_until(lambda: "Press Paint it to make it stronger" in visitor.status())

    visitor.tiles("session").first.click()
    visitor.wait_until(lambda: visitor.status().startswith("Done in"))
    assert visitor.find("strength").locator("input[type=number]").input_value() == "0.5"

    before = visitor.find("photo").locator("img").get_attribute("src")
    visitor.find("as_photo").click()
    visitor.wait_until(lambda: visitor.find("photo").locator("img").get_attribute("src") != before)
    visitor.find("colors").get_by_label("From the photo", exact=True).check()
    visitor.paint()
    assert visitor.tiles("session").count() == 2
    again = json.loads(png_text(visitor.download(tmp_path / "again.png"))["impasto"])
    assert again["options"]["colors"] == "content"
    assert again["content"] != json.loads(png_text(whole)["impasto"])["content"]


@ON_ONE_SERVER
def test_the_mask_is_reset_once_for_a_new_photo(open_page: OpenPage, small: Path) -> None:
    """What is brushed meanwhile would be lost the second time."""
    visitor = open_page()
    config = visitor.page.evaluate("window.gradio_config")
    mask = next(component["id"] for component in config["components"] if component["props"].get("elem_id") == "mask")
    resets = {handler["id"] for handler in config["dependencies"] if mask in handler["outputs"]}
    started: list[int] = []

    def record(request: Any) -> None:
        if "/queue/join" in request.url and (handler := json.loads(request.post_data)["fn_index"]) in resets:
            started.append(handler)

    visitor.page.on("request", record)
    visitor.upload("photo", small)
    visitor.wait_until(lambda: visitor.status().startswith("Your photo is ready"), 30)
    visitor.page.wait_for_timeout(1000)
    assert len(started) == 1


def test_a_mask_limits_the_painting(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    with Image.open(small) as image:
        photo = rgb_values(image)
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.open_tab("Brush")
    # The uploaded photo, in place of that on arrival
    visitor.page.wait_for_function("document.querySelector('#mask img')?.naturalWidth === 72")
    canvas = visitor.find("mask").locator("canvas")
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'start'})")
    canvas.hover(position={"x": 1, "y": 1})  # waits until the canvas no longer moves
    box = canvas.bounding_box()
    assert box is not None
    mouse = visitor.page.mouse
    for top, bottom in ((0.1, 0.3), (0.7, 0.9)):
        mouse.move(box["x"] + 0.25 * box["width"], box["y"] + top * box["height"])
        mouse.down()
        mouse.move(box["x"] + 0.25 * box["width"], box["y"] + bottom * box["height"], steps=6)
        mouse.up()
        visitor.wait_for_rendering()
    visitor.paint()
    change = np.abs(rgb_values(visitor.download(tmp_path / "masked.png")) - photo).mean(2)
    assert change[8:14, 15:21].mean() > 10
    assert change[40:46, 15:21].mean() > 10
    assert change[26:29].max() <= 1  # between the strokes
    assert change[:, 40:].max() <= 1
    visitor.find("mask").get_by_text("Clear").click()
    visitor.wait_for_rendering()
    visitor.paint()
    change = np.abs(rgb_values(visitor.download(tmp_path / "whole.png")) - photo).mean(2)
    assert change[:, 40:].mean() > 10
    canvas.focus()
    for key in ("ArrowRight",) * 6 + ("Space", "Shift+ArrowDown"):
        visitor.page.keyboard.press(key)
    visitor.wait_for_rendering()
    visitor.paint()
    change = np.abs(rgb_values(visitor.download(tmp_path / "keys.png")) - photo).mean(2)
    assert change[24:30, 50:56].mean() > 10
    assert change[:, :30].max() <= 1
    visitor.find("mask_use").get_by_label("Keep its shapes").check()
    visitor.paint()
    painting = visitor.download(tmp_path / "protected.png")
    assert np.abs(rgb_values(painting) - photo).mean(2)[:, :30].mean() > 10  # the whole photo is painted
    assert len(json.loads(png_text(painting)["impasto"])["protect"]) == 1

    visitor.open_tab("Mix")
    visitor.upload("second", small)  # now the mask is for the second style, and the whole photo is painted
    visitor.find("together").get_by_label("The brushed area").check()
    visitor.paint()
    painting = visitor.download(tmp_path / "regions.png")
    assert np.abs(rgb_values(painting) - photo).mean(2)[:, :30].mean() > 10
    assert len(json.loads(png_text(painting)["impasto"])["masks"]) == 2
    visitor.open_tab("Brush")
    visitor.find("mask").get_by_text("Clear").click()
    visitor.wait_for_rendering()
    visitor.find("go").click()
    visitor.wait_until(lambda: visitor.status().startswith("Brush the area of the second painting first"))


def test_faces_are_found_shown_and_kept(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    with Image.open(APP / "assets" / "astronaut.jpg") as image:
        image.convert("RGB").resize((128, 128)).save(tmp_path / "person.png")
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.wait_until(lambda: "No face was found in this photo." in visitor.find("keep_faces").inner_text(), 10)
    visitor.find("keep_faces").hover()
    assert not visitor.find("outlines").is_visible()
    visitor.upload("photo", tmp_path / "person.png")
    visitor.wait_until(lambda: "One face was found." in visitor.find("keep_faces").inner_text(), 10)
    visitor.find("header").hover()
    visitor.find("keep_faces").hover()
    visitor.wait_until(lambda: visitor.find("outlines").is_visible(), 5)
    outline = visitor.find("outlines").locator("ellipse").bounding_box()
    photo = visitor.find("photo").locator("img").first.bounding_box()
    assert outline is not None
    assert photo is not None
    side = min(photo["width"], photo["height"])  # the photo is square, and shown whole
    left, top = photo["x"] + (photo["width"] - side) / 2, photo["y"] + (photo["height"] - side) / 2
    assert (outline["x"] + outline["width"] / 2 - left) / side == pytest.approx(0.435, abs=0.05)
    assert (outline["y"] + outline["height"] / 2 - top) / side == pytest.approx(0.22, abs=0.05)
    visitor.find("header").hover()
    visitor.wait_until(lambda: not visitor.find("outlines").is_visible(), 5)
    visitor.choose_small("Draft")
    visitor.paint()
    assert json.loads(png_text(visitor.download(tmp_path / "kept.png"))["impasto"])["faces"] == 1
    visitor.find("keep_faces").get_by_role("checkbox").uncheck()
    visitor.paint()
    assert "faces" not in json.loads(png_text(visitor.download(tmp_path / "plain.png"))["impasto"])


@ON_ONE_SERVER
def test_every_field_of_more_options_reaches_the_recipe(open_page: OpenPage, small: Path, large: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", large)
    visitor.choose_small("Draft")
    visitor.set_number("style_scale", "0.5")
    visitor.open_tab("Mix")
    visitor.upload("second", small)
    visitor.set_number("share", "0.25")
    visitor.find("together").get_by_label("Large shapes").check()
    visitor.open_tab("Expert")
    visitor.find("padding").get_by_label("Both ways").check()
    visitor.tiles("looks").nth(3).click()
    visitor.wait_until(lambda: visitor.find("style_loss").get_by_label("Wasserstein").is_checked(), 5)
    visitor.start_painting()
    visitor.wait_until(lambda: "painting-100" in visitor.result_url())  # the first result
    visitor.wait_until(lambda: "preview" in visitor.result_url())
    visitor.find("stop").click()
    visitor.wait_until(lambda: visitor.status().startswith("Stopped: 256 × 192"))
    options = json.loads(png_text(visitor.download(tmp_path / "kept.png"))["impasto"])["options"]
    expected = {"quality": "draft", "size": 256, "style_scale": [0.5], "style_weights": [0.75, 0.25]}
    expected |= {"padding": "circular", "style_loss": "wasserstein", "style_layers": "conv1_1,conv2_1/conv3_1,conv4_1,conv5_1"}
    assert {name: options[name] for name in expected} == expected


def test_the_first_tap_paints_the_photo_that_is_there_on_arrival(open_page: OpenPage, tmp_path: Path) -> None:
    visitor = open_page()
    assert "coffee_harvest" in visitor.result_url()
    visitor.tiles("gallery").nth(1).click()
    visitor.wait_until(lambda: visitor.status().startswith(("Ready in", "Painting…", "Done in")))
    visitor.wait_until(lambda: visitor.tiles("session").count() == 1 or "preview" in visitor.result_url())
    visitor.find("stop").click()
    visitor.find("go").wait_for()
    assert visitor.download(tmp_path / "first.png").size == (512, 341)


@ON_ONE_SERVER
def test_a_photo_to_try_shows_what_it_can_become(open_page: OpenPage) -> None:
    visitor = open_page()
    visitor.tiles("photos").nth(1).click()
    visitor.wait_until(lambda: "chelsea_koi" in visitor.result_url(), 10)
    visitor.find("photo").locator("img[src*='chelsea']").wait_for()
    assert not visitor.find("download").is_visible()  # it is not the visitor's


@pytest.mark.parametrize("page_server", ["space"], indirect=True)  # where there can be no quota left, too
def test_missing_and_broken_pictures_are_reported_and_nothing_is_lost(
    open_page: OpenPage, small: Path, tmp_path: Path, page_server: SimpleNamespace
) -> None:
    visitor = open_page()
    visitor.find("photo").get_by_label("Remove Image").click()
    visitor.find("go").click()
    visitor.page.get_by_text("Choose a photo first").wait_for()
    visitor.find("go").wait_for()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is not a picture")
    visitor.find("photo").locator("input[type=file]").first.set_input_files(broken)
    visitor.page.get_by_text("The photo cannot be read: is it a picture?").first.wait_for()
    visitor.page.wait_for_timeout(500)
    visitor.errors.clear()  # the browser reports that it could not show it
    visitor.upload("photo", small)
    (page_server.uploads / "no quota").touch()
    visitor.find("go").click()
    visitor.wait_until(lambda: visitor.status().startswith("You have exceeded your free GPU quota"))
    (page_server.uploads / "no quota").unlink()
    visitor.find("go").wait_for()
    visitor.paint()
    assert visitor.status().startswith("Done in")


DROP = """([selector, name, data]) => {
    const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0)), transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type: 'image/png'}));
    const event = {bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer};
    const target = document.querySelector(selector);
    if (name === 'pasted.png') return target.dispatchEvent(new ClipboardEvent('paste', event));
    target.dispatchEvent(new DragEvent('dragover', event));
    return target.dispatchEvent(new DragEvent('drop', event));
}"""


@ON_ONE_SERVER
@pytest.mark.parametrize(
    ("selector", "name", "field"),
    [("#style img", "dropped.png", "style"), ("#header", "dropped.png", "photo"), ("body", "pasted.png", "photo")],
)
def test_pictures_can_be_dropped_and_pasted(open_page: OpenPage, small: Path, selector: str, name: str, field: str) -> None:
    visitor = open_page()
    visitor.find("style").locator("img").wait_for()
    data = base64.b64encode(small.read_bytes()).decode()
    assert not visitor.page.evaluate(DROP, [selector, name, data]) or name == "pasted.png"  # the browser stays on the page
    visitor.find(field).locator(f"img[src*='{name}']").wait_for()


@ON_ONE_SERVER
def test_a_deleted_painting_is_reported(open_page: OpenPage, small: Path, page_server: SimpleNamespace) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.paint()
    for folder in page_server.uploads.glob("paintings/*"):
        shutil.rmtree(folder)
    visitor.tiles("session").first.click()
    visitor.wait_until(lambda: "has been deleted" in visitor.status(), 10)
    visitor.paint()
    assert visitor.status().startswith("Done in")


def test_a_waiting_visitor_has_a_first_result_and_paintings_do_not_mix(
    open_page: OpenPage, large: Path, small: Path, page_server: SimpleNamespace
) -> None:
    first, second = open_page(), open_page()
    first.upload("photo", large)
    second.upload("photo", small)
    first.start_painting()
    if page_server.kind == "space":  # there is no queue
        second.paint()
        first.find("stop").click()
        first.wait_until(lambda: first.status().startswith("Stopped"))
        return
    first.wait_until(lambda: first.status().startswith("Painting…"))
    second.find("go").click()
    second.wait_until(lambda: second.status().startswith("In full detail after the painting of somebody else"))
    second.wait_until(lambda: "painting-100" in second.result_url(), 10)
    shown = second.result_url()
    second.find("stop").click()
    second.find("go").wait_for()
    assert second.status().startswith("Done in")
    assert second.result_url() == shown
    second.find("go").click()
    second.wait_until(lambda: second.status().startswith("In full detail after the painting of somebody else"))
    first.find("stop").click()
    second.wait_until(lambda: second.status().startswith("Done in"))
    first.wait_until(lambda: first.status().startswith("Stopped"))
    assert second.tiles("session").count() == 2


def test_closing_the_tab_stops_painting(open_page: OpenPage, large: Path, small: Path, page_server: SimpleNamespace) -> None:
    first, second = open_page(), open_page()
    first.upload("photo", large)
    second.upload("photo", small)
    first.start_painting()
    first.wait_until(lambda: "preview" in first.result_url())

    children = psutil.Process(page_server.process.pid).children
    assert len(children()) == (1 if page_server.kind == "space" else 2)  # the painters: on ZeroGPU a new process each time
    first.page.close()
    start = time.monotonic()
    second.paint()
    assert second.status().startswith("Done in")
    assert time.monotonic() - start < 40  # the other painting would have taken minutes
    if page_server.kind == "space":
        second.wait_until(lambda: not children(), 15)


@ON_ONE_SERVER
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(open_page: OpenPage, small: Path, scheme: str) -> None:
    visitor = open_page(window={"width": 390, "height": 844}, color_scheme=scheme, touch=True)
    visitor.upload("photo", small)
    visitor.paint()
    visitor.find("more").locator("button").first.click()
    visitor.wait_for_rendering()
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.page.evaluate("document.body.classList.contains('dark')") is (scheme == "dark")
    assert visitor.find("result").bounding_box()["width"] <= 390


@ON_ONE_SERVER
def test_the_page_works_with_keyboard_and_screen_reader(open_page: OpenPage, small: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.find("go").focus()
    visitor.page.keyboard.press("Enter")
    visitor.find("stop").wait_for()
    visitor.wait_until(lambda: visitor.status().startswith("Done in"))
    assert visitor.find("status").locator(".spoken").inner_text() == visitor.status()
    unnamed = visitor.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select')].filter(control => {
            const visible = control.offsetParent !== null && control.type !== 'file';
            const name = control.getAttribute('aria-label') || control.title || control.innerText.trim() || control.placeholder
                || control.labels?.length || control.querySelector('img[alt]:not([alt=""])');
            return visible && !name;
        }).map(control => control.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []
    paintings = visitor.find("gallery").locator(".layers > img:first-child").all()  # the visitor's photo may be on top of them
    assert len(paintings) > 10
    assert all(image.get_attribute("alt") for image in paintings)


def test_results_are_written_only_where_they_expire(open_page: OpenPage, small: Path, page_server: SimpleNamespace) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.paint()
    assert not list(page_server.temporary.rglob("impasto.png"))
    assert list(page_server.uploads.glob("paintings/*/impasto.png"))
