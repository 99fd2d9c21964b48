"""The page in a real browser: on this computer, on a made-up ZeroGPU, and as the Space's folder by itself."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from impasto import images, library
from tests.page.conftest import ROOT, Visitor

Arrive = Callable[..., Visitor]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=float)


def test_a_photo_is_painted_watched_stopped_and_kept(
    arrive: Arrive, large: Path, tmp_path: Path, page_server: SimpleNamespace
) -> None:
    visitor = arrive()
    visitor.give("photo", large)
    said = r"480 × 360 pixels, about \d+ (s|min)"
    said += "" if page_server.kind == "zero" else r" and \d+\.\d GB of memory"  # there it is another computer's
    visitor.until(lambda: re.fullmatch(said, visitor.find("takes").inner_text().strip()))
    visitor.begin()
    assert not visitor.find("go").is_visible()
    seen: list[str] = []
    while len(seen) < 3:
        visitor.until(lambda: "preview" in visitor.shown() and visitor.shown() not in seen)
        seen.append(visitor.shown())
    visitor.until(lambda: "Painting at" in visitor.status() and "left" in visitor.status())
    visitor.find("stop").click()
    began = time.monotonic()
    visitor.until(lambda: visitor.status().startswith("Stopped: 480 × 360 pixels, painted at"))
    assert time.monotonic() - began < 15
    visitor.find("go").wait_for()
    kept = visitor.download(tmp_path / "kept.png")
    assert (kept.format, kept.size) == ("PNG", (480, 360))
    recipe = json.loads(kept.text["impasto"])
    assert recipe["options"]["size"] == 480
    assert recipe["options"]["colors"] == "style"


def test_a_painting_is_finished_faded_reopened_and_painted_from(arrive: Arrive, small: Path, tmp_path: Path) -> None:
    visitor = arrive()
    visitor.give("photo", small)
    visitor.paint()
    assert visitor.status().startswith("Done in")
    whole = visitor.download(tmp_path / "whole.png")
    assert whole.size == (72, 54)
    with Image.open(small) as photo:
        photo.load()
    assert np.abs(pixels(whole) - pixels(photo)).mean() > 10

    visitor.set("strength", "0.25")  # half of what it was painted with: half of the way to the photo
    visitor.until(lambda: "painting-50" in visitor.shown())
    half = visitor.download(tmp_path / "half.png")
    assert np.abs(pixels(half) - (pixels(whole) + pixels(photo)) / 2).max() < 2
    visitor.set("strength", "0.9")
    visitor.until(lambda: "press Stylize to paint it stronger" in visitor.status())

    visitor.find("session").locator("button").first.click()
    visitor.until(lambda: visitor.status().startswith("Done in"))
    assert visitor.find("strength").locator("input[type=number]").input_value() == "0.5"

    before = visitor.find("photo").locator("img").get_attribute("src")
    visitor.find("as_photo").click()
    visitor.until(lambda: visitor.find("photo").locator("img").get_attribute("src") != before)
    visitor.find("colors").get_by_label("The photo's", exact=True).check()
    visitor.paint()
    assert visitor.find("session").locator("button").count() == 2
    again = json.loads(visitor.download(tmp_path / "again.png").text["impasto"])
    assert again["options"]["colors"] == "content"
    assert again["content"] != json.loads(whole.text["impasto"])["content"]


def test_an_instant_style_paints_at_once_and_is_there_for_the_next(arrive: Arrive, small: Path, tmp_path: Path) -> None:
    names = list(library.known())
    name = next(name for name in names if name != "harvest")  # that is on Style from the beginning
    with Image.open(small) as image:
        photo = pixels(image)
    visitor = arrive()
    button = visitor.find("instant").locator("button").nth(names.index(name))
    button.click()
    visitor.page.get_by_text("Add a photo first").wait_for()
    visitor.give("photo", small)
    visitor.set("strength", "0.6")
    for times in (1, 2):  # the same one again is another painting
        button.click()
        visitor.until(lambda times=times: visitor.find("session").locator("button").count() == times)
    said = rf"Done in \d+(\.\d)? s: 72 × 54 pixels, by the instant style {library.title(name)}\. Press Stylize .*"
    assert re.fullmatch(said, visitor.status().strip())
    whole = visitor.download(tmp_path / "instant.png")
    assert (whole.format, whole.size) == ("PNG", (72, 54))
    recipe = json.loads(whole.text["impasto"])
    assert (recipe["net"]["name"], recipe["options"]["strength"], recipe["page"]["ended"]) == (name, 0.6, "done")
    assert np.abs(pixels(whole) - photo).mean() > 5
    visitor.set("strength", "0.3")
    visitor.until(lambda: "painting-50" in visitor.shown())
    assert np.abs(pixels(visitor.download(tmp_path / "half.png")) - (pixels(whole) + photo) / 2).max() < 2
    visitor.set("strength", "0.9")
    visitor.until(lambda: "click its instant style again" in visitor.status())
    visitor.paint()
    recipe = json.loads(visitor.download(tmp_path / "exact.png").text["impasto"])
    assert "net" not in recipe
    assert recipe["styles"] == [images.read(ROOT / "gradio_app" / "assets" / f"{name}.jpg").digest]


def test_an_instant_style_does_not_disturb_a_painting(arrive: Arrive, large: Path) -> None:
    visitor = arrive()
    visitor.give("photo", large)
    visitor.begin()
    visitor.until(lambda: "preview" in visitor.shown())
    visitor.find("instant").locator("button").first.evaluate("button => button.click()")  # a mouse does not reach it
    visitor.page.get_by_text("One painting at a time").wait_for()
    assert visitor.find("stop").is_visible()
    visitor.find("stop").click()
    visitor.until(lambda: visitor.status().startswith("Stopped: 480 × 360"))
    visitor.find("go").wait_for()


def test_a_mask_limits_the_painting(arrive: Arrive, small: Path, tmp_path: Path) -> None:
    with Image.open(small) as image:
        photo = pixels(image)
    visitor = arrive()
    visitor.give("photo", small)
    visitor.find("more").locator("button").first.click()
    visitor.find("mask_fold").locator("button").first.click()
    canvas = visitor.find("mask").locator("canvas")
    canvas.scroll_into_view_if_needed()
    visitor.page.wait_for_timeout(300)
    box = canvas.bounding_box()
    assert box is not None
    mouse = visitor.page.mouse
    for top, bottom in ((0.1, 0.3), (0.7, 0.9)):
        mouse.move(box["x"] + 0.25 * box["width"], box["y"] + top * box["height"])
        mouse.down()
        mouse.move(box["x"] + 0.25 * box["width"], box["y"] + bottom * box["height"], steps=6)
        mouse.up()
        visitor.page.wait_for_timeout(300)
    visitor.paint()
    change = np.abs(pixels(visitor.download(tmp_path / "masked.png")) - photo).mean(2)
    assert change[8:14, 15:21].mean() > 10
    assert change[40:46, 15:21].mean() > 10
    assert change[26:29].max() <= 1  # between the strokes
    assert change[:, 40:].max() <= 1
    visitor.find("mask").get_by_text("Clear").click()
    visitor.page.wait_for_timeout(300)
    visitor.paint()
    change = np.abs(pixels(visitor.download(tmp_path / "whole.png")) - photo).mean(2)
    assert change[:, 40:].mean() > 10
    canvas.focus()
    for key in ("ArrowRight",) * 6 + ("Space", "Shift+ArrowDown"):
        visitor.page.keyboard.press(key)
    visitor.page.wait_for_timeout(300)
    visitor.paint()
    change = np.abs(pixels(visitor.download(tmp_path / "keys.png")) - photo).mean(2)
    assert change[24:30, 50:56].mean() > 10
    assert change[:, :30].max() <= 1
    visitor.find("instant").locator("button").first.click()
    visitor.until(lambda: "instant style" in visitor.status())
    change = np.abs(pixels(visitor.download(tmp_path / "instant.png")) - photo).mean(2)
    assert change[24:30, 50:56].mean() > 5
    assert change[:, :30].max() <= 1

    visitor.give("second", small)  # now it is where the second style goes, and all is painted
    visitor.find("together").get_by_label("What is under the brush").check()
    visitor.paint()
    painting = visitor.download(tmp_path / "regions.png")
    assert np.abs(pixels(painting) - photo).mean(2)[:, :30].mean() > 10
    assert len(json.loads(painting.text["impasto"])["masks"]) == 2
    visitor.find("mask").get_by_text("Clear").click()
    visitor.page.wait_for_timeout(300)
    visitor.find("go").click()
    visitor.until(lambda: visitor.status().startswith("Paint on the photo where the second style goes"))


def test_everything_under_more_has_its_say(arrive: Arrive, small: Path, large: Path, tmp_path: Path) -> None:
    visitor = arrive()
    visitor.give("photo", large)
    visitor.find("more").locator("button").first.click()
    visitor.find("quality").get_by_label("Draft").check()
    visitor.find("size").locator("input").click()
    visitor.page.get_by_role("option", name="256").click()
    visitor.set("seed", "7")
    visitor.set("style_scale", "0.5")
    visitor.give("second", small)
    visitor.set("share", "0.25")
    visitor.find("together").get_by_label("The large shapes").check()
    visitor.find("padding").get_by_label("Both ways").check()
    visitor.find("looks").locator("button").nth(3).click()
    visitor.until(lambda: visitor.find("style_loss").get_by_label("Wasserstein").is_checked(), 5)
    visitor.begin()
    visitor.until(lambda: "preview" in visitor.shown())
    visitor.find("stop").click()
    visitor.until(lambda: visitor.status().startswith("Stopped: 256 × 192"))
    options = json.loads(visitor.download(tmp_path / "kept.png").text["impasto"])["options"]
    wanted = {"quality": "draft", "size": 256, "seed": 7, "style_scale": [0.5], "style_weights": [0.75, 0.25]}
    wanted |= {"padding": "circular", "style_loss": "wasserstein", "style_layers": "conv1_1,conv2_1/conv3_1,conv4_1,conv5_1"}
    assert {name: options[name] for name in wanted} == wanted


def test_the_library_and_the_examples_answer_at_once(arrive: Arrive, tmp_path: Path) -> None:
    visitor = arrive()
    chosen = visitor.find("style").locator("img").get_attribute("src")
    visitor.until(lambda: visitor.find("library").locator("button").count() == 6, 5)
    visitor.find("library").locator("button").nth(1).click()
    visitor.until(lambda: visitor.find("style").locator("img").get_attribute("src") != chosen, 5)
    visitor.until(lambda: visitor.find("examples").locator("button").count() >= 3, 5)
    visitor.find("examples").locator("button").nth(1).click()
    visitor.until(lambda: visitor.status().startswith("An example"), 5)
    visitor.find("photo").locator("img").wait_for()
    example = visitor.download(tmp_path / "example.png")
    assert max(example.size) >= 400
    visitor.set("strength", "0.1")
    visitor.until(lambda: "painting-20" in visitor.shown(), 5)


def test_what_is_missing_or_broken_is_said_and_nothing_is_lost(
    arrive: Arrive, small: Path, tmp_path: Path, page_server: SimpleNamespace
) -> None:
    visitor = arrive()
    visitor.find("go").click()
    visitor.page.get_by_text("Add a photo first").wait_for()
    visitor.find("go").wait_for()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is not a picture")
    visitor.find("photo").locator("input[type=file]").first.set_input_files(broken)
    visitor.page.get_by_text("The photo cannot be read: is it a picture?").first.wait_for()
    visitor.page.wait_for_timeout(500)
    visitor.errors.clear()  # the browser could not show it either
    visitor.give("photo", small)
    if page_server.kind == "zero":
        (page_server.uploads / "no quota").touch()
        visitor.find("go").click()
        visitor.until(lambda: visitor.status().startswith("You have exceeded your free GPU quota"))
        (page_server.uploads / "no quota").unlink()
        visitor.find("go").wait_for()
    visitor.paint()
    assert visitor.status().startswith("Done in")


DROP = """([where, name, data]) => {
    const bytes = Uint8Array.from(atob(data), each => each.charCodeAt(0)), carried = new DataTransfer();
    carried.items.add(new File([bytes], name, {type: 'image/png'}));
    const event = {bubbles: true, cancelable: true, dataTransfer: carried, clipboardData: carried};
    const target = document.querySelector(where);
    if (name === 'pasted.png') return target.dispatchEvent(new ClipboardEvent('paste', event));
    target.dispatchEvent(new DragEvent('dragover', event));
    return target.dispatchEvent(new DragEvent('drop', event));
}"""


@pytest.mark.parametrize(
    ("where", "name", "field"),
    [("#style img", "dropped.png", "style"), ("#title", "dropped.png", "photo"), ("body", "pasted.png", "photo")],
)
def test_a_picture_may_be_dropped_anywhere_and_pasted(arrive: Arrive, small: Path, where: str, name: str, field: str) -> None:
    visitor = arrive()
    visitor.find("style").locator("img").wait_for()
    data = base64.b64encode(small.read_bytes()).decode()
    assert not visitor.page.evaluate(DROP, [where, name, data]) or name == "pasted.png"  # the browser stays on the page
    given = visitor.find(field).locator(f"img[src*='{name}']")
    given.wait_for()


def test_a_painting_whose_hour_is_over_is_said_to_be_gone(arrive: Arrive, small: Path, page_server: SimpleNamespace) -> None:
    visitor = arrive()
    visitor.give("photo", small)
    visitor.paint()
    for folder in page_server.uploads.glob("paintings/*"):
        shutil.rmtree(folder)
    visitor.find("session").locator("button").first.click()
    visitor.until(lambda: "has been deleted" in visitor.status(), 10)
    visitor.paint()
    assert visitor.status().startswith("Done in")


def test_who_waits_can_leave_and_two_do_not_meet(
    arrive: Arrive, large: Path, small: Path, page_server: SimpleNamespace
) -> None:
    first, second = arrive(), arrive()
    first.give("photo", large)
    second.give("photo", small)
    first.begin()
    if page_server.kind == "zero":  # nobody waits there
        second.paint()
        first.find("stop").click()
        first.until(lambda: first.status().startswith("Stopped"))
        return
    second.find("go").click()
    second.find("leave").wait_for()
    second.page.wait_for_timeout(500)
    assert second.find("leave").is_visible()
    second.find("leave").click()
    second.until(lambda: second.status() == "Left the queue.", 5)
    second.find("go").wait_for(timeout=5000)
    first.until(lambda: "preview" in first.shown())
    second.find("go").click()
    second.find("leave").wait_for()
    first.find("stop").click()
    second.until(lambda: second.status().startswith("Done in"))
    first.until(lambda: first.status().startswith("Stopped"))
    assert second.find("session").locator("button").count() == 1


def test_a_closed_tab_frees_the_machine(arrive: Arrive, large: Path, small: Path, page_server: SimpleNamespace) -> None:
    first, second = arrive(), arrive()
    first.give("photo", large)
    second.give("photo", small)
    first.begin()
    first.until(lambda: "preview" in first.shown())

    children = psutil.Process(page_server.process.pid).children
    assert len(children()) == 1  # the painter: on ZeroGPU a new process each time
    first.page.close()
    began = time.monotonic()
    second.paint()
    assert second.status().startswith("Done in")
    assert time.monotonic() - began < 40  # the other painting would have taken minutes
    if page_server.kind == "zero":
        second.until(lambda: not children(), 15)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_sees_all_of_it(arrive: Arrive, small: Path, scheme: str) -> None:
    visitor = arrive(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    visitor.give("photo", small)
    visitor.paint()
    visitor.find("more").locator("button").first.click()
    visitor.page.wait_for_timeout(300)
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.page.evaluate("document.body.classList.contains('dark')") is (scheme == "dark")
    assert visitor.find("result").bounding_box()["width"] <= 390


def test_it_can_be_used_without_a_mouse_and_without_sight(arrive: Arrive, small: Path) -> None:
    visitor = arrive()
    visitor.give("photo", small)
    visitor.find("go").focus()
    visitor.page.keyboard.press("Enter")
    visitor.find("stop").wait_for()
    visitor.until(lambda: visitor.status().startswith("Done in"))
    assert visitor.find("live").get_attribute("role") == "status"  # is read aloud
    assert visitor.find("live").inner_text() == visitor.status()
    unnamed = visitor.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select')].filter(each => {
            const shown = each.offsetParent !== null && each.type !== 'file';
            const name = each.getAttribute('aria-label') || each.title || each.innerText.trim() || each.placeholder
                || each.labels?.length || each.querySelector('img[alt]:not([alt=""])');
            return shown && !name;
        }).map(each => each.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []
    for shelf in ("library", "instant", "examples"):
        for image in visitor.find(shelf).locator("img").all():
            assert image.get_attribute("alt")


def test_results_lie_where_they_are_cleared(arrive: Arrive, small: Path, page_server: SimpleNamespace) -> None:
    visitor = arrive()
    visitor.give("photo", small)
    visitor.paint()
    places = os.walk(os.environ.get("TMPDIR", "/tmp"))  # which folders that go meanwhile do not disturb
    elsewhere = [Path(place, "impasto.png") for place, _, names in places if "impasto.png" in names and "uploads" not in place]
    assert not [path for path in elsewhere if time.time() - path.stat().st_mtime < 60]
    assert list(page_server.uploads.glob("paintings/*/impasto.png"))
