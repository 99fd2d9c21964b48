"""What visitors show to others: downloads, films and sheets; and what the page shows before it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.conftest import png_text
from tests.gradio_app.conftest import ON_ONE_SERVER, OpenPage, Visitor

pytestmark = pytest.mark.browser


def save(visitor: Visitor, button: str, folder: Path) -> Path:
    """Press a button that downloads a file"""
    with visitor.page.expect_download() as download:
        visitor.find(button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_downloads_have_telling_names(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    photo = tmp_path / "Golden Gate.png"
    photo.write_bytes(small.read_bytes())
    visitor = open_page()
    visitor.upload("photo", photo)
    visitor.paint()
    with visitor.page.expect_download() as download:
        visitor.find("download").click()
    assert download.value.suggested_filename == "golden-gate-harvest.png"
    jpeg = save(visitor, "jpeg", tmp_path)
    assert jpeg.name == "golden-gate-harvest.jpg"
    film = save(visitor, "film", tmp_path)
    assert film.name == "golden-gate-harvest.webp"
    with Image.open(jpeg) as picture, Image.open(film) as frames:
        assert (picture.format, picture.size) == ("JPEG", (72, 54))
        assert (frames.format, frames.is_animated) == ("WEBP", True)  # type: ignore[attr-defined]


def test_several_paintings_are_painted_and_put_on_one_sheet(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    wall = visitor.find("gallery")
    wall.get_by_role("button", name="Pick several").click()
    for index in (1, 3):
        visitor.tiles("gallery").nth(index).click()
    assert wall.get_by_role("button", name="Paint these 2").is_visible()
    visitor.find("go").click()  # paints those that are picked, too
    visitor.find("sheet").wait_for()
    visitor.find("go").wait_for()
    assert visitor.tiles("session").count() == 2
    assert not wall.get_by_role("button", name="Paint these").is_visible()  # picking has ended
    visitor.wait_until(lambda: "impasto-sheet" in visitor.result_url(), 20)
    with Image.open(save(visitor, "download", tmp_path)) as sheet:
        assert sheet.width > 2 * 72
    assert not visitor.find("result").get_by_role("slider").is_visible()  # there is nothing to compare
    assert not visitor.find("film").is_visible()
    visitor.tiles("session").first.click()  # one of them
    visitor.find("film").wait_for()
    assert "impasto-sheet" not in visitor.result_url()
    visitor.find("sheet").click()
    visitor.wait_until(lambda: "impasto-sheet" in visitor.result_url(), 20)


@ON_ONE_SERVER
def test_an_uploaded_photo_is_shown_and_confirmed(open_page: OpenPage, small: Path) -> None:
    visitor = open_page()
    with visitor.page.expect_file_chooser() as chooser:
        visitor.find("own_photo").click()
    chooser.value.set_files(small)
    visitor.wait_until(lambda: visitor.status() == "Your photo is ready: tap a painting.", 20)
    visitor.wait_until(lambda: "/photo.jpg" in visitor.result_url(), 20)
    visitor.paint()
    assert not visitor.find("own_photo").is_visible()
    assert not visitor.find("other_photo").is_visible()  # the field for the photo is in sight
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    with visitor.page.expect_file_chooser():
        visitor.find("other_photo").click()


def test_strengths_are_compared_side_by_side(open_page: OpenPage, small: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.find("compare").click()
    visitor.find("sheet").wait_for()
    visitor.find("go").wait_for()
    titles = [tile.inner_text().strip() for tile in visitor.tiles("session").all()]
    assert titles == ["Harvest 75 %", "Harvest 50 %", "Harvest 25 %"]


@ON_ONE_SERVER
def test_an_uploaded_photo_is_shown_in_the_styles_before_one_is_chosen(open_page: OpenPage, small: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    previews = visitor.find("gallery").locator("img[src*='small.jpg'][src*='paintings/']")
    visitor.wait_until(lambda: previews.count() >= 2)
    assert visitor.tiles("session").count() == 0
    visitor.tiles("photos").nth(0).click()
    visitor.wait_until(lambda: previews.count() == 0, 20)
    visitor.page.wait_for_timeout(2000)  # what was being painted does not come back
    assert previews.count() == 0


@ON_ONE_SERVER
def test_a_second_click_paints_once(open_page: OpenPage, small: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.find("go").dblclick()
    visitor.wait_until(lambda: visitor.status().startswith("Done in"))
    visitor.find("go").wait_for()
    assert visitor.tiles("session").count() == 1
    assert visitor.page.locator("[data-testid=toast-body]").count() == 0


@ON_ONE_SERVER
@pytest.mark.parametrize(("language", "text"), [("de-AT", "Fertig in"), ("fr-FR", "Fini en"), ("it-IT", "Done in")])
def test_the_page_speaks_the_browsers_language(open_page: OpenPage, small: Path, language: str, text: str) -> None:
    visitor = open_page(language=language)
    visitor.upload("photo", small)
    visitor.find("go").click()
    visitor.wait_until(lambda: visitor.status().startswith(text))
    labels = {"de-AT": "Stärke", "fr-FR": "Intensité", "it-IT": "Strength"}
    assert labels[language] in visitor.find("strength").inner_text()


LAYOUT_SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
    }).observe({type: 'layout-shift', buffered: true});
    setTimeout(() => done(sum), 500);
})"""


@ON_ONE_SERVER
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_jumps_while_the_page_loads_and_paints(open_page: OpenPage, width: int) -> None:
    visitor = open_page(window={"width": width, "height": 844})
    visitor.tiles("gallery").nth(1).click()
    visitor.wait_until(lambda: "painting-100" in visitor.result_url())
    visitor.find("stop").click()
    visitor.find("go").wait_for()
    assert visitor.page.evaluate(LAYOUT_SHIFTS) < 0.1


@ON_ONE_SERVER
def test_a_phone_shows_the_result_first_and_what_paints_always(open_page: OpenPage) -> None:
    visitor = open_page(window={"width": 390, "height": 844}, touch=True)
    result = visitor.find("result").bounding_box()
    assert result["y"] + result["height"] < 844
    visitor.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = visitor.find("go").bounding_box()
    assert box["y"] + box["height"] <= 844


@ON_ONE_SERVER
def test_large_photos_are_shrunk_before_they_are_sent(
    open_page: OpenPage, page_server: SimpleNamespace, tmp_path: Path
) -> None:
    photo = tmp_path / "huge.jpg"
    Image.effect_noise((5200, 3900), 60).convert("RGB").save(photo, quality=60)
    visitor = open_page()
    visitor.upload("photo", photo)
    visitor.find("photo").locator("img[src*='huge']").wait_for()
    (sent,) = (path for path in page_server.uploads.rglob("huge.jpg") if "paintings" not in path.parts)
    with Image.open(sent) as picture:
        assert picture.size == (4096, 3072)
    assert sent.stat().st_size < photo.stat().st_size


@ON_ONE_SERVER
def test_the_page_is_small_enough_for_a_slow_connection(open_page: OpenPage) -> None:
    visitor = open_page(window={"width": 390, "height": 844}, touch=True)
    visitor.find("style").locator("img").wait_for()
    loaded = visitor.page.evaluate(
        """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
            .map(entry => [entry.name, entry.encodedBodySize])"""
    )
    assert sum(size for name, size in loaded if not name.endswith(".jpg")) < 600_000  # 3 s at 1.6 Mbit/s
    assert sum(size for name, size in loaded if name.endswith("_small.jpg")) < 120_000
    assert sum(name.endswith("_small.jpg") for name, _ in loaded) < 14  # the others load when they come near


def test_paintings_outlive_a_reload_of_the_page(open_page: OpenPage, small: Path, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.upload("photo", small)
    visitor.paint()
    shown = visitor.result_url()
    visitor.page.reload()
    visitor.wait_until(lambda: visitor.tiles("session").count() == 1)
    visitor.wait_until(lambda: visitor.result_url() == shown)
    kept = visitor.download(tmp_path / "kept.png")
    assert kept.size == (72, 54)
    visitor.page.wait_for_timeout(1500)
    assert visitor.result_url() == shown  # the photo, which is back too, does not take its place
    visitor.paint()
    again = visitor.download(tmp_path / "again.png")
    content, content_again = (json.loads(png_text(picture)["impasto"])["content"] for picture in (kept, again))
    assert content == content_again
