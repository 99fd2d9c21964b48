"""The picture wall in a real browser, on a page of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests.conftest import MEASURED
from tests.gradio_app.conftest import APP, ROOT, python_path, serve_page

pytestmark = pytest.mark.browser

ASSETS = APP / "assets"
TITLES = ["Harvest", "Rose window", "Harbor", "Alpenglow", "Bamboo", "Koi"]
KINDS = ["Classic", "Modern", "Patterns"]
PICTURES, SEVERAL = 122, 6  # the last row has two pictures
HOSTILE = ["<img src=x onerror=hacked()>", "${hacked()}", "{{name}}", "constructor", "__proto__", "{count}", "\\`'\"></span>"]
HOSTILE_NAME = '"><script>hacked()</script>'
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
COLORS = """
.gradio-container { --paper: #F6F3EC; --ink: #1F1B16; --secondary: #5E564B; --action: #23408E; --on-action: #FFFFFF;
    --line: #DDD6C8; --raised: #FFFFFF; }
.dark .gradio-container { --paper: #171512; --ink: #F3EEE4; --secondary: #B8AE9F; --action: #8FA8F0; --on-action: #171512;
    --line: #3A352E; --raised: #211E1A; }
body, .gradio-container { background: var(--paper) !important; }
#walls { width: 100%; }
@media (min-width: 701px) { #walls { width: 460px; flex: none; } }
"""


def picture_address(index: int, parameter: str = "picture") -> str:
    """A different address for each index"""
    name = TITLES[index % len(TITLES)].lower().replace(" ", "_")
    return f"gradio_api/file={ASSETS / name}_small.jpg?{parameter}={index}"


def preview_address(index: int) -> str:
    return f"gradio_api/file={ASSETS / 'chelsea_koi.jpg'}?preview={index}"


def serve_walls() -> None:
    """Run the page: in a process of its own, for `serve_page`."""
    from page import texts
    from page.picture_wall import WallPicture, picture_wall, update_wall

    texts.TRANSLATIONS = {
        "de": {"All": "Alle", "At most {count}": "Höchstens {count}", "Koi": "Koi-Karpfen", "Styles": "Stile", "New": "Neu"}
    }
    styles = [
        WallPicture(
            TITLES[index % 6] if index < 6 else f"{TITLES[index % 6]} {index}",
            picture_address(index),
            KINDS[index % 3],
            f"A painting of number {index}",
            "1 s" if index % 2 == 0 else "",
        )
        for index in range(PICTURES)
    ]
    samples = [WallPicture(title, picture_address(index, "sample")) for index, title in enumerate(TITLES[:5])]
    hostile = [WallPicture(text, picture_address(0, f"hostile{i}"), text, text, text) for i, text in enumerate(HOSTILE)]

    def log_choice(value: dict[str, Any], event: gr.SelectData) -> str:
        return json.dumps({"index": event.index, "value": event.value, "chosen": value["chosen"], "picked": value["picked"]})

    def log_order(value: dict[str, Any], event: gr.EventData) -> str:
        return json.dumps({"indices": event.indices, "picked": value["picked"]})

    with gr.Blocks(analytics_enabled=False) as blocks:
        with gr.Column(elem_id="walls"):
            wall = picture_wall(styles, "Styles", "styles", several=SEVERAL)
            samples_wall = picture_wall(samples, "Sample photos", "samples", chosen=1)
            picture_wall(hostile, HOSTILE_NAME, "hostile")
            with gr.Column(visible=False) as hidden_column:
                hidden_wall = picture_wall([], "Hidden", "hidden", several=2)
        log = gr.Textbox(elem_id="log", label="Log")
        settings: dict[str, Any] = {"show_progress": "hidden", "queue": False}
        wall.select(log_choice, wall, log, **settings)
        wall.submit(log_order, wall, log, **settings)
        updates = {
            "paint": {"previews": {index: preview_address(index) for index in (0, 1, PICTURES - 1)}},
            "repaint": {"previews": {0: preview_address(100)}},
            "clear": {"previews": {}},
            "choose_last": {"chosen": PICTURES - 1},
            "pick": {"picked": [4, 2]},
            "end_picking": {"picked": []},
        }
        for name, values in updates.items():
            button = gr.Button(name, elem_id=name)
            button.click(lambda values=values: update_wall(**values), None, wall, **settings)
        more = [WallPicture("New", picture_address(9, "sample")), *samples[:2]]
        button = gr.Button("replace", elem_id="replace")
        button.click(lambda: update_wall(pictures=more, chosen=0), None, samples_wall, **settings)
        show = gr.Button("show", elem_id="show")
        shown = [hidden_wall, hidden_column]
        show.click(lambda: (update_wall(pictures=more, chosen=1), gr.update(visible=True)), None, shown, **settings)
    blocks.launch(allowed_paths=[str(ASSETS)], css=COLORS, run_history=False, enable_monitoring=False)


@pytest.fixture(scope="module")
def wall_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    app = tmp_path_factory.mktemp("walls")
    (app / "app.py").write_text("from tests.gradio_app.test_picture_wall import serve_walls\nserve_walls()\n")
    path = python_path(str(ROOT), str(ROOT / "scripts"), str(APP))
    with serve_page(app, app / "server", PYTHONPATH=path, **MEASURED) as server:
        yield server


class WallPage:
    """A browser window with the walls. Records what the browser reports and requests."""

    def __init__(self, browser: Any, url: str, window: dict[str, int], media: dict[str, str], language: str) -> None:
        self.page = browser.new_page()
        self.page.set_viewport_size(window)
        self.page.emulate_media(**media)
        self.page.set_default_timeout(60_000)  # for a busy machine
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.add_init_script(
            f"""Object.defineProperty(navigator, 'language', {{get: () => '{language}'}});
            window.hacks = 0; window.hacked = () => ++window.hacks;
            window.durations = [];
            window.shifts = [];
            const isInWall = ({{node}}) => node?.nodeType === 1 && node.closest('.wall');
            new PerformanceObserver(list => {{
                for (const {{sources, value}} of list.getEntries()) if (sources.some(isInWall)) shifts.push(value);
            }}).observe({{type: 'layout-shift', buffered: true}});
            const animate = Element.prototype.animate;
            Element.prototype.animate = function(frames, options) {{
                if (this.matches('#styles img')) durations.push(options);
                return animate.call(this, frames, options);
            }};"""
        )
        self.page.goto(url)
        self.tile(0).locator("img[src]").first.wait_for()

    def tile(self, index: int, wall: str = "styles") -> Any:
        return self.page.locator(f"#{wall} .tile").nth(index)

    def find(self, selector: str) -> Any:
        return self.page.locator(selector)

    def button(self, name: str) -> Any:
        return self.find("#styles").get_by_role("button", name=name, exact=True)

    def wait(self, condition: str, argument: Any = None) -> None:
        """Wait until a JavaScript function returns true."""
        self.page.wait_for_function(condition, arg=argument)

    def wait_for_log(self, **values: Any) -> None:
        self.wait("expected => document.querySelector('#log textarea').value === expected", json.dumps(values))

    def pressed(self, wall: str = "styles") -> list[int]:
        """Indices of the pressed pictures"""
        script = "tiles => tiles.flatMap((tile, index) => tile.ariaPressed === 'true' ? [index] : [])"
        return self.find(f"#{wall} .tile").evaluate_all(script)

    def marks(self) -> dict[int, str]:
        """The visible marks by the pictures' indices"""
        script = "marks => marks.flatMap((mark, index) => mark.checkVisibility() ? [[index, mark.textContent]] : [])"
        return dict(self.find("#styles .mark").evaluate_all(script))

    def focused(self) -> int:
        """Index of the style that has the focus, -1 for none"""
        return self.find("#styles .tile").evaluate_all("tiles => tiles.indexOf(document.activeElement)")

    def requested(self, parameter: str) -> set[int]:
        """Indices of the pictures that have been requested"""
        urls = [url.partition(f"?{parameter}=")[2] for url in self.requests]
        return {int(number) for number in urls if number}

    def update(self, name: str) -> None:
        """Click one of the buttons that update the wall, without moving the focus or the page."""
        self.find(f"#{name}").dispatch_event("click")

    def wait_for_preview(self, index: int, number: int) -> None:
        """Wait until a picture has a preview as its only one above its thumbnail."""
        self.wait(
            """([index, number]) => {
                const layers = document.querySelectorAll('#styles .tile')[index].querySelectorAll('img');
                return layers.length === 2 && layers[1].src.endsWith(`preview=${number}`)
                    && getComputedStyle(layers[1]).opacity === '1';
            }""",
            [index, number],
        )


OpenWalls = Callable[..., WallPage]


@pytest.fixture
def open_walls(browser: Any, wall_server: SimpleNamespace) -> Iterator[OpenWalls]:
    """Open the walls in a new window. At the end no window has contacted another host or seen an error."""
    opened: list[WallPage] = []

    def open_window(window: dict[str, int] = DESKTOP, language: str = "en-US", **media: str) -> WallPage:
        opened.append(WallPage(browser, wall_server.url, window, media, language))
        return opened[-1]

    yield open_window
    for walls in opened:
        walls.page.close()
        assert [url for url in walls.requests if not url.startswith((wall_server.url, "data:", "blob:"))] == []
        assert walls.errors == []


def test_a_tap_chooses_a_picture(open_walls: OpenWalls) -> None:
    walls = open_walls()
    assert walls.pressed() == []
    assert walls.pressed("samples") == [1]
    walls.tile(3).click()
    walls.wait_for_log(index=3, value="Alpenglow", chosen=3, picked=[])
    assert walls.pressed() == [3]
    assert walls.marks() == {3: ""}
    walls.tile(4).click()
    walls.wait_for_log(index=4, value="Bamboo", chosen=4, picked=[])
    assert walls.pressed() == [4]
    assert walls.pressed("samples") == [1]


def test_screen_readers_get_names_and_descriptions(open_walls: OpenWalls) -> None:
    walls = open_walls()
    group = walls.page.get_by_role("group", name="Styles", exact=True)
    assert group.get_by_role("button", name="Rose window", exact=True).get_attribute("aria-pressed") == "false"
    session = walls.page.context.new_cdp_session(walls.page)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    tile = session.send("DOM.querySelector", {"nodeId": root, "selector": "#styles .tile"})["nodeId"]
    node = session.send("Accessibility.getPartialAXTree", {"nodeId": tile, "fetchRelatives": False})["nodes"][0]
    assert (node["role"]["value"], node["name"]["value"]) == ("button", "Harvest")
    assert node["description"]["value"] == "1 s A painting of number 0"


def test_hostile_texts_stay_text(open_walls: OpenWalls) -> None:
    walls = open_walls()
    wall = walls.find("#hostile")
    wall.scroll_into_view_if_needed()
    assert wall.locator(".title").all_text_contents() == HOSTILE
    assert wall.locator(".badge").all_text_contents() == HOSTILE
    assert wall.locator(".kinds button").all_text_contents() == ["All", *HOSTILE]
    assert wall.locator("img").evaluate_all("images => images.map(image => image.alt)") == HOSTILE
    assert wall.get_by_role("group").first.get_attribute("aria-label") == HOSTILE_NAME
    assert wall.locator("script").count() == 0
    walls.find("#hostile img[src]").first.wait_for()
    assert walls.page.evaluate("hacks") == 0


def test_filters_hide_the_other_kinds(open_walls: OpenWalls) -> None:
    walls = open_walls()
    filters = walls.find("#styles .kinds button")
    assert filters.all_text_contents() == ["All", *KINDS]
    visible = "tiles => tiles.flatMap((tile, index) => tile.checkVisibility() ? [index] : [])"
    walls.button("Modern").click()
    assert walls.find("#styles .tile").evaluate_all(visible) == list(range(1, PICTURES, 3))
    assert [button.get_attribute("aria-pressed") for button in filters.all()] == ["false", "false", "true", "false"]
    walls.wait("() => document.querySelectorAll('#styles .tile:not([hidden]) img[src]').length >= 20")
    walls.button("All").click()
    assert walls.find("#styles .tile").evaluate_all(visible) == list(range(PICTURES))
    assert not walls.find("#samples .bar").is_visible()  # one kind only, and no way to pick several


def test_the_keyboard_reaches_every_picture_and_leaves_the_wall_with_one_tab(open_walls: OpenWalls) -> None:
    walls = open_walls()
    press = walls.page.keyboard.press
    walls.button("Pick several").focus()
    press("Tab")
    assert walls.focused() == 0
    for key, index in (
        ("ArrowRight", 1),
        ("ArrowDown", 5),
        ("ArrowDown", 9),
        ("ArrowLeft", 8),
        ("ArrowUp", 4),
        ("End", PICTURES - 1),
        ("ArrowRight", PICTURES - 1),
        ("ArrowDown", PICTURES - 1),
        ("ArrowUp", PICTURES - 5),
        ("ArrowRight", PICTURES - 4),
        ("ArrowDown", PICTURES - 1),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowUp", 0),
        ("ArrowDown", 4),
    ):
        press(key)
        assert walls.focused() == index, key
    press("Tab")
    assert walls.focused() == -1
    assert walls.tile(1, "samples").evaluate("tile => tile === document.activeElement")  # the chosen one
    press("Shift+Tab")
    assert walls.focused() == 4
    press("Enter")
    walls.wait_for_log(index=4, value="Bamboo", chosen=4, picked=[])
    press("ArrowRight")
    press("Space")
    walls.wait_for_log(index=5, value="Koi", chosen=5, picked=[])

    walls.button("Modern").click()  # hides the picture that Tab reached
    assert walls.find("#styles .tile[tabindex='0']").evaluate("tile => tile.textContent").endswith("Rose window")
    walls.tile(1).focus()
    press("ArrowRight")
    assert walls.focused() == 4
    press("ArrowDown")
    assert walls.focused() == 16
    press("End")
    assert walls.focused() == PICTURES - 1


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_focus_is_visible(open_walls: OpenWalls, color_scheme: str) -> None:
    walls = open_walls(color_scheme=color_scheme)
    walls.button("Pick several").focus()
    walls.page.keyboard.press("Tab")
    style = "tile => { const s = getComputedStyle(tile); return [s.outlineStyle, s.outlineWidth, s.outlineColor]; }"
    action = {"light": "rgb(35, 64, 142)", "dark": "rgb(143, 168, 240)"}[color_scheme]
    assert walls.tile(0).evaluate(style) == ["solid", "3px", action]
    assert walls.tile(1).evaluate(style)[0] == "none"


@pytest.mark.parametrize(("window", "most"), [(DESKTOP, 32), (PHONE, 8)], ids=["desktop", "phone"])
def test_pictures_out_of_view_are_not_requested_at_once(open_walls: OpenWalls, window: dict[str, int], most: int) -> None:
    walls = open_walls(window)
    walls.wait("() => [...document.querySelectorAll('#styles img')].slice(0, 3).every(image => image.naturalWidth > 0)")
    assert {0, 1, 2} <= walls.requested("picture")
    assert max(walls.requested("picture")) < most
    assert walls.find("#styles img[src]").count() <= most
    walls.find("#styles .pictures").evaluate("grid => grid.scrollTo(grid.scrollWidth, grid.scrollHeight)")
    walls.wait("() => [...document.querySelectorAll('#styles img')].at(-1).naturalWidth > 0")
    assert PICTURES - 1 in walls.requested("picture")
    assert 40 not in walls.requested("picture")  # was jumped over


def test_previews_replace_thumbnails_and_leave_focus_and_scroll_position(open_walls: OpenWalls) -> None:
    walls = open_walls()
    walls.tile(9).focus()
    walls.find("#styles .pictures").evaluate("grid => { grid.scrollTop = 40; window.buttons = [...grid.children]; }")
    walls.update("paint")
    for index in (0, 1):
        walls.wait_for_preview(index, index)
    assert walls.focused() == 9
    assert walls.find("#styles .pictures").evaluate("grid => grid.scrollTop") == 40
    assert walls.page.evaluate("[...document.querySelector('#styles .pictures').children].every((b, i) => b === buttons[i])")
    assert walls.requested("preview") == {0, 1}  # the last picture is out of view
    walls.update("repaint")  # another one for the first picture, none for the others
    walls.wait_for_preview(0, 100)
    walls.wait("() => document.querySelectorAll('#styles .tile')[1].querySelectorAll('img').length === 1")
    walls.update("clear")
    walls.wait(
        "() => document.querySelectorAll('#styles .layers img').length === document.querySelectorAll('#styles .tile').length"
    )
    assert walls.focused() == 9
    durations = walls.page.evaluate("durations")
    assert len(durations) == 5
    assert min(durations) > 0
    walls.tile(0).click()
    walls.wait_for_log(index=0, value="Harvest", chosen=0, picked=[])


def test_previews_appear_at_once_for_those_who_want_no_motion(open_walls: OpenWalls) -> None:
    walls = open_walls(reduced_motion="reduce")
    walls.update("paint")
    walls.wait_for_preview(1, 1)
    walls.wait_for_preview(0, 0)
    assert walls.page.evaluate("durations") == [0, 0]
    walls.tile(0).hover()
    assert walls.tile(0).locator(".frame").evaluate("frame => getComputedStyle(frame).transform") == "none"


def test_several_pictures_are_picked_in_order(open_walls: OpenWalls) -> None:
    walls = open_walls()
    toggle, paint, hint = (walls.find(f"#styles {selector}") for selector in (".several", ".paint", ".order p"))
    walls.tile(3).click()
    walls.wait_for_log(index=3, value="Alpenglow", chosen=3, picked=[])
    assert not paint.is_visible()
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    assert (paint.inner_text(), paint.is_disabled(), hint.inner_text()) == ("Paint these", True, "Pick 2 to 6")
    assert walls.pressed() == []
    walls.tile(5).click()
    assert (paint.inner_text(), paint.is_disabled(), hint.inner_text()) == ("Paint this one", True, "1 of 6 picked")
    for index in (2, 0):
        walls.tile(index).click()
    assert (paint.inner_text(), paint.is_disabled(), hint.inner_text()) == ("Paint these 3", False, "3 of 6 picked")
    assert walls.marks() == {5: "1", 2: "2", 0: "3"}
    walls.tile(2).click()  # again: no longer picked
    assert walls.marks() == {5: "1", 0: "2"}
    paint.click()
    walls.wait_for_log(indices=[5, 0], picked=[5, 0])

    for index in (1, 2, 4, 7):
        walls.tile(index).click()
    walls.tile(8).click()
    assert hint.inner_text() == "At most 6"
    assert walls.marks() == {5: "1", 0: "2", 1: "3", 2: "4", 4: "5", 7: "6"}
    walls.tile(7).click()
    assert hint.inner_text() == "5 of 6 picked"

    toggle.click()
    assert (walls.pressed(), walls.marks()) == ([3], {3: ""})
    assert (paint.is_visible(), hint.inner_text()) == (False, "")
    walls.tile(4).click()
    walls.wait_for_log(index=4, value="Bamboo", chosen=4, picked=[])


def test_escape_ends_picking(open_walls: OpenWalls) -> None:
    walls = open_walls()
    toggle, paint = walls.find("#styles .several"), walls.find("#styles .paint")
    toggle.click()
    walls.tile(0).click()
    walls.tile(1).press("Space")
    assert walls.marks() == {0: "1", 1: "2"}
    paint.focus()
    walls.page.keyboard.press("Escape")
    assert toggle.get_attribute("aria-pressed") == "false"
    assert toggle.evaluate("button => button === document.activeElement")
    assert (walls.pressed(), paint.is_visible()) == ([], False)
    toggle.click()
    assert walls.marks() == {}


def test_the_server_updates_one_part_of_the_value(open_walls: OpenWalls) -> None:
    walls = open_walls()
    walls.update("pick")
    walls.wait("() => !document.querySelector('#styles .paint').hidden")
    assert walls.marks() == {4: "1", 2: "2"}
    walls.update("choose_last")
    walls.wait("() => document.querySelector('#styles .pictures').scrollTop > 0")  # shows the chosen picture
    box, view = walls.tile(PICTURES - 1).bounding_box(), walls.find("#styles .pictures").bounding_box()
    assert box["y"] >= view["y"]
    assert box["y"] + box["height"] <= view["y"] + view["height"]
    assert walls.page.evaluate("scrollY") == 0
    assert walls.pressed() == [2, 4]
    walls.update("end_picking")
    walls.wait("() => document.querySelector('#styles .paint').hidden")
    assert walls.pressed() == [PICTURES - 1]
    walls.update("paint")
    walls.wait_for_preview(PICTURES - 1, PICTURES - 1)
    assert walls.pressed() == [PICTURES - 1]


def test_the_server_replaces_the_pictures(open_walls: OpenWalls) -> None:
    walls = open_walls()
    walls.tile(1, "samples").focus()
    walls.tile(1, "samples").evaluate("tile => { window.kept = tile; }")
    walls.update("replace")
    walls.wait("() => document.querySelectorAll('#samples .tile').length === 3")
    assert walls.find("#samples .title").all_text_contents() == ["New", "Harvest", "Rose window"]
    assert walls.pressed("samples") == [0]
    assert walls.tile(2, "samples").evaluate("tile => tile === kept && tile === document.activeElement")
    walls.page.keyboard.press("Home")
    assert walls.tile(0, "samples").evaluate("tile => tile === document.activeElement")
    walls.wait("() => document.querySelector('#samples img').naturalWidth > 0")
    walls.page.keyboard.press("End")
    walls.page.keyboard.press("Enter")
    assert walls.pressed("samples") == [2]


def test_a_wall_that_was_hidden_shows_what_it_was_given_meanwhile(open_walls: OpenWalls) -> None:
    walls = open_walls(language="de-DE")
    walls.update("show")
    group = walls.page.get_by_role("group", name="Hidden", exact=True)
    group.scroll_into_view_if_needed()
    walls.wait("() => document.querySelector('#hidden img').naturalWidth > 0")
    assert group.locator(".title").all_text_contents() == ["Neu", "Harvest", "Rose window"]
    assert walls.pressed("hidden") == [1]
    group.get_by_role("button", name="Pick several").click()
    for index in range(3):
        walls.tile(index, "hidden").click()
    assert group.locator(".order p").inner_text() == "Höchstens 2"


def test_texts_are_in_the_language_of_the_browser(open_walls: OpenWalls) -> None:
    walls = open_walls(language="de-AT")
    assert walls.find("#styles .kinds button").first.inner_text() == "Alle"
    assert walls.tile(5).inner_text() == "Koi-Karpfen"
    assert walls.page.get_by_role("group", name="Stile", exact=True).count() == 1
    assert walls.find("#styles .several").inner_text() == "Pick several"  # not translated
    walls.find("#styles .several").click()
    for index in range(SEVERAL + 1):
        walls.tile(index).click()
    assert walls.find("#styles .order p").inner_text() == "Höchstens 6"
    walls.button("Pick several").click()
    walls.tile(5).click()
    walls.wait_for_log(index=5, value="Koi", chosen=5, picked=[])


def test_four_pictures_to_a_row_on_a_desktop(open_walls: OpenWalls) -> None:
    walls = open_walls()
    boxes = [walls.tile(index).locator(".frame").bounding_box() for index in range(8)]
    assert len({box["y"] for box in boxes[:4]}) == 1
    assert boxes[4]["y"] > boxes[0]["y"]
    for box in boxes:
        assert box["width"] / box["height"] == pytest.approx(4 / 3, rel=0.02)
    for width, columns in ((420, 4), (520, 4), (340, 3), (700, 6)):
        walls.find("#walls").evaluate("(walls, width) => { walls.style.width = `${width}px`; }", width)
        template = "grid => getComputedStyle(grid).gridTemplateColumns.split(' ').length"
        assert walls.find("#styles .pictures").evaluate(template) == columns, width
    walls.find("#walls").evaluate("walls => { walls.style.width = ''; }")
    row = boxes[4]["y"] - boxes[0]["y"]
    grid = walls.find("#styles .pictures")
    assert 5 < grid.bounding_box()["height"] / row < 6
    assert grid.evaluate("grid => grid.scrollHeight > grid.clientHeight")
    assert walls.find("#samples .pictures").evaluate("grid => grid.scrollHeight === grid.clientHeight")


def test_nothing_shifts_while_pictures_load(open_walls: OpenWalls) -> None:
    walls = open_walls()
    walls.wait("() => [...document.querySelectorAll('#styles img')].slice(0, 20).every(image => image.naturalWidth > 0)")
    walls.update("paint")
    walls.wait_for_preview(1, 1)
    assert walls.page.evaluate("shifts") == []


def test_a_strip_to_swipe_on_a_phone(open_walls: OpenWalls) -> None:
    walls = open_walls(PHONE)
    grid = walls.find("#styles .pictures")
    view, boxes = grid.bounding_box(), [walls.tile(index).bounding_box() for index in range(PICTURES)]
    assert len({box["y"] for box in boxes}) == 1
    assert view["width"] / (boxes[1]["x"] - boxes[0]["x"]) == pytest.approx(3.3, abs=0.2)
    assert walls.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for button in walls.find("#styles button").all():
        if button.is_visible():
            assert button.bounding_box()["height"] >= 44
    walls.tile(0).focus()
    for _ in range(4):
        walls.page.keyboard.press("ArrowRight")
    assert walls.focused() == 4
    box = walls.tile(4).bounding_box()
    assert view["x"] <= box["x"]
    assert box["x"] + box["width"] <= view["x"] + view["width"]
    walls.button("Pick several").click()
    assert walls.find("#styles .paint").bounding_box()["height"] >= 44
    walls.update("choose_last")
    walls.wait("() => document.querySelector('#styles .pictures').scrollLeft > 4000")
