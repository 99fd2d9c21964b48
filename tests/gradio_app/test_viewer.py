"""The result viewer, alone on a page, in a real browser."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.conftest import MEASURED
from tests.gradio_app.conftest import APP, ROOT, python_path, serve_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE = (120, 80)
COLORS = {"photo": (30, 60, 200), "first": (200, 40, 30), "second": (30, 160, 60), "third": (220, 200, 40)}
START = "from tests.gradio_app.test_viewer import serve_viewer\n\nserve_viewer()\n"
#: The variables that the viewer takes from the page's own style sheet
CSS = """
:root { --paper: #f6f3ec; --ink: #1f1b16; --secondary: #5e564b; --action: #23408e; --on-action: #fff; --line: #d9d2c4;
    --raised: #fffdf8; }
body.dark { --paper: #171512; --ink: #f6f3ec; --secondary: #b5ab9c; --action: #8fa8f0; --on-action: #1f1b16; --line: #3a352d;
    --raised: #221f1a; }
body, .gradio-container { background: var(--paper) !important; }
#value { margin-bottom: 1500px; }
"""
GERMAN = {"{percent} % photo": "{percent} % Foto", "Painting: {title}": "Gemälde: {title}", "Full screen": "Vollbild"}
ARROWS = ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown")


def serve_viewer() -> None:
    """Serve a page with the viewer, in a process of its own.

    The page has a field for a number and the arguments of `picture_pair`, in JSON. It shows the number of the last value.
    """
    import gradio as gr

    from page import texts, viewer

    def show(text: str) -> tuple[dict[str, Any] | None, str]:
        number, arguments = json.loads(text)
        return viewer.picture_pair(**arguments) if arguments else arguments, str(number)

    texts.TRANSLATIONS["de"] = GERMAN
    folder = Path.cwd()
    first = viewer.picture_pair(address(folder, "photo"), address(folder, "first"), SIZE, title="Harvest")
    with gr.Blocks(analytics_enabled=False) as blocks:
        result = viewer.result_viewer(first)
        field = gr.Textbox(label="Value", elem_id="value")
        number = gr.Textbox(label="Number", elem_id="number")
        field.submit(show, field, [result, number], queue=False, show_progress="hidden", trigger_mode="multiple")
    blocks.launch(css=CSS, allowed_paths=[str(folder)], run_history=False, enable_monitoring=False, footer_links=[])


def address(folder: Path, name: str) -> str:
    return f"gradio_api/file={folder}/{name}.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The page, with pictures of one color each"""
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "app.py").write_text(START)
    for name, color in COLORS.items():
        Image.new("RGB", SIZE, color).save(folder / f"{name}.png")
    Image.new("RGB", (80, 120), COLORS["third"]).save(folder / "upright.png")
    with serve_page(folder, folder / "server", PYTHONPATH=python_path(str(ROOT), str(APP)), **MEASURED) as server:
        yield SimpleNamespace(folder=folder, **vars(server))


class Visitor:
    """A window with the viewer"""

    def __init__(self, browser: Any, server: SimpleNamespace, *, width: int, height: int, script: str, **media: str) -> None:
        """script: runs before those of the page; media: what the visitor prefers"""
        self.server, self.values = server, 0
        self.errors: list[str] = []
        self.page = browser.new_page()
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(**media)
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.add_init_script(script)
        self.page.goto(server.url)
        self.wait_for_painting("first")
        self.frame, self.slider = self.find(".frame"), self.find("[role=slider]")
        self.hold, self.full_screen = self.find(".hold"), self.find(".full-screen")

    def find(self, selector: str) -> Any:
        return self.page.locator(f"#result {selector}")

    def send(self, values: object) -> None:
        """Let the server send this value, and wait until it is there."""
        self.submit(values)
        self.wait_for(f"document.querySelector('#number textarea, #number input').value === '{self.values}'")

    def submit(self, values: object) -> None:
        """Let the server send this value, with the pictures' addresses for their names."""
        if isinstance(values, dict) and values:
            values = values | {name: address(self.server.folder, values[name]) for name in ("photo", "painting")}
        self.values += 1
        field = self.page.locator("#value textarea, #value input")
        field.fill(json.dumps([self.values, values]))
        field.press("Enter")

    def show(self, painting: str, photo: str = "photo", size: tuple[int, int] = SIZE, **settings: Any) -> None:
        """Let the server send these pictures, and wait until the painting is shown."""
        self.send({"photo": photo, "painting": painting, "size": size, "title": "Harvest", **settings})
        self.wait_for_painting(painting)

    def wait_for_painting(self, name: str) -> None:
        self.wait_for(f"document.querySelector('#result .filled .painting')?.src.endsWith('{name}.png')")

    def wait_for(self, condition: str) -> None:
        self.page.wait_for_function(condition)

    def line(self) -> int:
        """Percent of the width at which the line is"""
        return int(self.slider.get_attribute("aria-valuenow"))

    def color(self, fraction: float) -> str:
        """The name of the picture that is visible at this fraction of the width"""
        with Image.open(io.BytesIO(self.frame.screenshot(animations="disabled"))) as screenshot:
            pixel = screenshot.convert("RGB").getpixel((int(fraction * screenshot.width), screenshot.height // 4))
        return next(name for name, color in COLORS.items() if color == pixel)

    def point(self, x: float, y: float = 0.5) -> tuple[float, float]:
        """The position on the page of these fractions of the frame's size"""
        box = self.frame.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def record_paintings(self) -> None:
        """Let the page's `shown` list the file names of the paintings from now on."""
        self.page.evaluate(
            """() => {
                window.shown = [];
                const add = () => shown.push(document.querySelector('#result .painting').src.match(/[a-z]+.png$/)[0]);
                new MutationObserver(add).observe(document.querySelector('#result .frame'), {childList: true});
            }"""
        )


OpenViewer = Callable[..., Visitor]


@pytest.fixture
def open_viewer(browser: Any, server: SimpleNamespace) -> Iterator[OpenViewer]:
    """Open the page in a new window. At the end no window has seen an error."""
    visitors: list[Visitor] = []

    def open_window(width: int = 1000, height: int = 800, script: str = "", **media: str) -> Visitor:
        visitors.append(Visitor(browser, server, width=width, height=height, script=script, **media))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.page.close()
    assert [visitor.errors for visitor in visitors] == [[]] * len(visitors)


def test_the_painting_is_what_one_sees_and_the_line_can_be_dragged(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    assert visitor.line() == 5
    assert (visitor.color(0.02), visitor.color(0.10)) == ("photo", "first")
    mouse = visitor.page.mouse
    mouse.move(*visitor.point(0.8))  # not on the line
    mouse.down()
    assert visitor.line() == 80
    mouse.move(*visitor.point(0.4, 0.9), steps=3)
    assert visitor.line() == 40
    assert (visitor.color(0.36), visitor.color(0.44)) == ("photo", "first")
    mouse.move(*visitor.point(1.3), steps=3)  # outside
    assert visitor.line() == 100
    mouse.move(*visitor.point(0.3), steps=3)
    mouse.up()
    mouse.move(*visitor.point(0.6))
    assert visitor.line() == 30
    visitor.page.keyboard.press("ArrowRight")
    assert visitor.line() == 32


def test_a_finger_drags_the_line_and_scrolls_the_page(open_viewer: OpenViewer) -> None:
    visitor = open_viewer(390, 500)
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})

    touch("Start", visitor.point(0.8))
    assert visitor.line() == 5
    for x in (0.7, 0.6, 0.5):
        touch("Move", visitor.point(x))
    touch("End")
    visitor.wait_for("Math.abs(document.querySelector('#result [role=slider]').ariaValueNow - 50) <= 1")
    before = visitor.line()
    visitor.page.evaluate("addEventListener('pointercancel', () => { window.scrolls = true; })")
    x, y = visitor.point(0.8)
    touch("Start", (x, y))
    for distance in range(20, 140, 20):
        touch("Move", (x, y - distance))
    touch("End")
    visitor.wait_for("window.scrolls && scrollY > 50")
    assert visitor.line() == before


def test_the_line_is_a_slider_for_the_keyboard_and_screen_readers(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    slider = visitor.page.get_by_role("slider", name="Line between the photo and the painting")
    assert (slider.get_attribute("aria-valuemin"), slider.get_attribute("aria-valuemax")) == ("0", "100")
    assert slider.get_attribute("aria-valuetext") == "5 % photo"
    slider.focus()
    lines = []
    for key in [
        "ArrowRight",
        "ArrowUp",
        "ArrowLeft",
        "ArrowDown",
        "PageUp",
        "PageDown",
        "PageDown",
        "End",
        "ArrowRight",
        "Home",
    ]:
        visitor.page.keyboard.press(key)
        lines.append(visitor.line())
    assert lines == [7, 9, 7, 5, 15, 5, 0, 100, 100, 0]
    assert slider.get_attribute("aria-valuetext") == "0 % photo"
    assert visitor.color(0.05) == "first"
    assert visitor.page.get_by_role("img", name="Photo: Harvest").count() == 1
    assert visitor.page.get_by_role("img", name="Painting: Harvest").count() == 1
    visitor.show("second", title="")
    assert visitor.page.get_by_role("img", name="Photo", exact=True).count() == 1
    assert visitor.page.get_by_role("img", name="Painting", exact=True).count() == 1


def test_previews_keep_the_line_and_a_new_painting_resets_it(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    visitor.slider.press("PageUp")
    visitor.show("second", keep_line=True)
    assert visitor.line() == 15
    assert visitor.color(0.5) == "second"
    visitor.show("third")
    assert visitor.line() == 5
    assert visitor.color(0.5) == "third"


def test_late_pictures_do_not_replace_newer_ones(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    held: list[Any] = []
    visitor.page.route("**/second.png", lambda route: held.append(route))
    visitor.record_paintings()
    visitor.slider.press("PageUp")
    late = {"photo": "photo", "painting": "second", "size": SIZE, "title": "Late"}
    with visitor.page.expect_request("**/second.png"):
        visitor.send(late)
    assert (visitor.color(0.5), visitor.line()) == ("first", 15)  # until the new picture is there
    visitor.show("third")
    with visitor.page.expect_response("**/second.png"):
        held.pop().continue_()
    visitor.show("first")
    visitor.show("third")
    assert visitor.page.evaluate("shown") == ["third.png", "first.png", "third.png"]


def test_on_a_slow_connection_only_the_newest_preview_is_loaded(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    held: list[Any] = []
    visitor.page.route("**/second.png", lambda route: held.append(route))
    visitor.record_paintings()
    preview = {"photo": "photo", "size": SIZE, "title": "Preview", "keep_line": True}
    with visitor.page.expect_request("**/second.png"):
        visitor.send({**preview, "painting": "second"})
    visitor.send({**preview, "painting": "third"})
    visitor.send({**preview, "painting": "photo"})
    held.pop().continue_()
    visitor.wait_for_painting("photo")
    assert visitor.page.evaluate("shown") == ["second.png", "photo.png"]


def test_the_photo_is_shown_while_the_button_is_held(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    mouse, keyboard = visitor.page.mouse, visitor.page.keyboard
    assert visitor.hold.inner_text() == "Hold to see the photo"
    visitor.hold.hover()
    mouse.down()
    assert (visitor.color(0.1), visitor.color(0.9)) == ("photo", "photo")
    assert visitor.hold.get_attribute("aria-pressed") == "true"
    mouse.move(5, 5)
    mouse.up()
    assert (visitor.color(0.1), visitor.color(0.9)) == ("first", "first")
    visitor.hold.focus()
    for key in ("Space", "Enter"):
        keyboard.down(key)
        assert visitor.color(0.9) == "photo"
        keyboard.up(key)
        assert visitor.color(0.9) == "first"
    keyboard.down("Space")
    visitor.full_screen.focus()
    assert visitor.color(0.9) == "first"
    keyboard.up("Space")
    for color in ("photo", "first"):  # as voice control does
        visitor.hold.evaluate("button => button.click()")
        assert visitor.color(0.9) == color


NO_FULL_SCREEN = "Object.defineProperty(Document.prototype, 'fullscreenEnabled', {get: () => false});"
REFUSED_FULL_SCREEN = "Element.prototype.requestFullscreen = () => Promise.reject(new TypeError('refused'));"


@pytest.mark.parametrize("script", ["", NO_FULL_SCREEN, REFUSED_FULL_SCREEN], ids=["native", "missing", "refused"])
@pytest.mark.parametrize("size", [(1000, 800), (390, 700)])
def test_full_screen(open_viewer: OpenViewer, script: str, size: tuple[int, int]) -> None:
    visitor = open_viewer(*size, script=script)
    before = visitor.frame.bounding_box()
    visitor.find("[role=slider]").press("PageUp")
    visitor.page.get_by_role("button", name="Full screen", exact=True).click()
    leave = visitor.page.get_by_role("button", name="Leave full screen")
    leave.wait_for()
    box = visitor.find(".viewer").bounding_box()
    assert box == {"x": 0, "y": 0, "width": size[0], "height": size[1]}
    frame = visitor.frame.bounding_box()
    assert frame["width"] > before["width"]
    assert frame["width"] / frame["height"] == pytest.approx(SIZE[0] / SIZE[1], rel=0.01)
    assert frame["height"] + 44 <= size[1]
    assert visitor.color(0.5) == "first"
    leave.click()
    visitor.page.get_by_role("button", name="Full screen", exact=True).wait_for()
    assert visitor.frame.bounding_box() == before
    assert visitor.line() == 15
    assert visitor.full_screen.evaluate("button => button === document.activeElement")


def test_escape_leaves_the_overlay_which_holds_the_focus(open_viewer: OpenViewer) -> None:
    visitor = open_viewer(script=NO_FULL_SCREEN)
    visitor.full_screen.click()
    dialog = visitor.page.get_by_role("dialog", name="Full screen")
    for _ in range(6):
        visitor.page.keyboard.press("Tab")
        assert visitor.page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    visitor.page.keyboard.press("Escape")
    visitor.page.get_by_role("button", name="Full screen", exact=True).wait_for()
    assert dialog.count() == 0
    assert visitor.full_screen.evaluate("button => button === document.activeElement")


def test_nothing_moves_when_pictures_are_swapped(open_viewer: OpenViewer) -> None:
    visitor = open_viewer(
        script="""
        window.shift = 0;
        const isInside = source => source.node && document.querySelector('#result')?.contains(source.node);
        new PerformanceObserver(list => {
            for (const entry of list.getEntries()) if (entry.sources.some(isInside)) shift += entry.value;
        }).observe({type: 'layout-shift', buffered: true});
        """
    )
    visitor.slider.press("PageUp")
    for name in ("second", "third", "second"):
        visitor.show(name, keep_line=True)
    visitor.show("first", photo="third")
    visitor.page.mouse.move(*visitor.point(0.2))
    visitor.page.mouse.down()
    visitor.page.mouse.move(*visitor.point(0.7), steps=5)
    visitor.page.mouse.up()
    visitor.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert visitor.page.evaluate("shift") == 0
    visitor.show("upright", size=(80, 120))  # of another shape: the buttons below it move
    visitor.wait_for("shift > 0")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (360, 640)])
def test_the_frame_has_the_shape_of_the_pictures(open_viewer: OpenViewer, width: int, height: int) -> None:
    visitor = open_viewer(width, height)
    available = visitor.find(".viewer").bounding_box()["width"]
    for painting, size in (("first", SIZE), ("upright", (80, 120))):
        visitor.show(painting, size=size)
        box = visitor.frame.bounding_box()
        assert box["width"] / box["height"] == pytest.approx(size[0] / size[1], rel=0.01)
        if width < 700:
            assert box["width"] == available
        else:
            assert box["width"] <= available
            assert box["height"] <= 0.72 * height + 1
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in visitor.find("button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 44


@pytest.mark.parametrize("script", ["", NO_FULL_SCREEN], ids=["native", "missing"])
def test_full_screen_ends_when_there_is_no_painting(open_viewer: OpenViewer, script: str) -> None:
    visitor = open_viewer(script=script)
    before = visitor.frame.bounding_box()
    held: list[Any] = []
    visitor.page.route("**/gradio_api/run/**", lambda route: held.append(route))
    with visitor.page.expect_request("**/gradio_api/run/**"):
        visitor.submit(None)
    visitor.full_screen.click()
    visitor.find(".full").wait_for()
    held.pop().continue_()
    visitor.page.get_by_text("Your painting appears here.").wait_for()
    visitor.find(".full").wait_for(state="detached")
    assert visitor.frame.bounding_box() == before


@pytest.mark.parametrize("nothing", [None, {}])
def test_without_a_painting_the_frame_is_empty(open_viewer: OpenViewer, nothing: object) -> None:
    visitor = open_viewer()
    before = visitor.frame.bounding_box()
    visitor.slider.press("PageUp")
    visitor.send(nothing)
    visitor.page.get_by_text("Your painting appears here.").wait_for()
    assert visitor.page.get_by_role("img").count() == 0
    assert visitor.page.get_by_role("slider").count() == 0
    assert not visitor.hold.is_visible()
    assert visitor.frame.bounding_box() == before
    visitor.show("second", keep_line=True)
    assert visitor.line() == 5
    assert visitor.page.get_by_role("slider").count() == 1


def test_markup_in_a_title_is_text(open_viewer: OpenViewer) -> None:
    visitor = open_viewer()
    title = """"><img src=x onerror="window.harmed = 1">${window.harmed = 2}{{title}}$&`<b>"""
    visitor.show("second", title=title)
    assert visitor.find(".photo").get_attribute("alt") == f"Photo: {title}"
    assert visitor.find(".painting").get_attribute("alt") == f"Painting: {title}"
    assert visitor.find("img").count() == 2
    assert visitor.page.evaluate("window.harmed") is None


FAKE_SHARE = """
navigator.canShare = data => data.files?.length === 1;
navigator.share = async data => {
    if (window.refuse) throw new DOMException('no', window.refuse);
    const [file] = data.files;
    window.shared = [file.name, file.type, [...new Uint8Array(await file.arrayBuffer())]];
};
"""


def test_the_painting_is_shared_as_a_file(open_viewer: OpenViewer, server: SimpleNamespace) -> None:
    visitor = open_viewer(script=FAKE_SHARE)
    share = visitor.page.get_by_role("button", name="Share")
    for painting, file_name in (("second", "golden-gate-harvest.png"), ("third", "")):
        visitor.show(painting, file_name=file_name)
        share.click()
        visitor.wait_for("window.shared")
        expected = [file_name or f"{painting}.png", "image/png", [*(server.folder / f"{painting}.png").read_bytes()]]
        assert visitor.page.evaluate("shared") == expected
        visitor.page.evaluate("window.shared = null")
    message = visitor.find("[role=status]")
    visitor.page.evaluate("window.refuse = 'NotAllowedError'")
    share.click()
    visitor.page.get_by_text("It could not be shared. Download it instead.").wait_for()
    visitor.show("second")
    assert message.inner_text() == ""
    visitor.page.evaluate("window.refuse = 'AbortError'")  # the visitor changes their mind
    with visitor.page.expect_response("**/second.png"):
        share.click()
    visitor.page.evaluate("() => new Promise(done => setTimeout(done))")
    assert message.inner_text() == ""


@pytest.mark.parametrize("script", ["navigator.canShare = undefined;", "navigator.canShare = () => false;"])
def test_there_is_no_share_button_where_files_cannot_be_shared(open_viewer: OpenViewer, script: str) -> None:
    visitor = open_viewer(script=script)
    assert visitor.page.get_by_role("button", name="Share").count() == 0
    assert visitor.find("button").count() == 2


@pytest.mark.parametrize("preference", ["no-preference", "reduce"])
def test_with_reduced_motion_nothing_glides(open_viewer: OpenViewer, preference: str) -> None:
    visitor = open_viewer(reduced_motion=preference)
    for selector in (".painting", ".line"):
        duration = visitor.find(selector).evaluate("node => getComputedStyle(node).transitionDuration")
        assert (duration == "0s") is (preference == "reduce")


def test_the_texts_are_in_the_visitors_language(open_viewer: OpenViewer) -> None:
    visitor = open_viewer(script="Object.defineProperty(navigator, 'language', {get: () => 'de-AT'});")
    assert visitor.slider.get_attribute("aria-valuetext") == "5 % Foto"
    assert visitor.find(".painting").get_attribute("alt") == "Gemälde: Harvest"
    assert visitor.page.get_by_role("button", name="Vollbild").count() == 1
    assert visitor.hold.inner_text() == "Hold to see the photo"  # without a translation


def test_all_texts_are_offered_for_translation(load_module: Callable[[str], Any]) -> None:
    script = (APP / "web" / "viewer.js").read_text(encoding="utf-8")
    used = {text for call in re.findall(r"\bt\(([^)]*)\)", script) for text in re.findall(r"'([^']*)'", call)}
    assert used == set(load_module("page.viewer").TEXTS)
