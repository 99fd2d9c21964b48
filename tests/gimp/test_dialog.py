"""The dialog and GIMP's window, used with mouse and keyboard on a virtual display."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from impasto.editor_plugins.package import GIMP_PLUGIN, write_files
from tests.conftest import scene
from tests.gimp.conftest import read_layer
from tests.gimp.gimp_session import PREFIX, SKIPPED, GimpSession
from tests.plugin.krita_session import virtual_display

pytestmark = [pytest.mark.gimp, pytest.mark.slow, pytest.mark.xdist_group("gimp")]


#: The size of the screen, and where GIMP's button Cancel is on it while something is painted
SCREEN, CANCEL = (1600, 1000), (1318, 983)
SHORTCUT = '(file-version 1)\n(action "plug-in-impasto-stylize" "<Primary><Alt>i")\n'


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[GimpSession]:
    """A GIMP with windows, and with a shortcut for the dialog: menus open at their own pace"""
    if PREFIX is None or shutil.which("Xvfb") is None:
        pytest.skip(SKIPPED)
    write_files(GIMP_PLUGIN, tmp_path / "gimp" / "plug-ins")
    (tmp_path / "gimp" / "shortcutsrc").write_text(SHORTCUT)
    with virtual_display() as display:
        session = GimpSession(tmp_path, display)
        yield session
        session.close()


def wait_until(session: GimpSession, condition: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, session.log()
        time.sleep(0.3)


def find_window(session: GimpSession, name: str) -> str:
    """The number of the window with this name, once it is there"""
    wait_until(session, lambda: session.xdotool("search", "--onlyvisible", "--name", name).strip())
    time.sleep(1)  # until it has its size
    return session.xdotool("search", "--onlyvisible", "--name", name).split()[0]


def show_picture(session: GimpSession, path: str) -> str:
    """Show a picture in GIMP's window, which fills the screen.  -> the number of the window"""
    session.run("show", picture=path)
    window = find_window(session, "GIMP$")
    for welcome in session.xdotool("search", "--onlyvisible", "--name", "^Welcome").split():
        session.xdotool("windowclose", welcome)
    session.xdotool("windowsize", "--sync", window, *SCREEN)
    return window


def press(session: GimpSession, window: str, keys: str) -> None:
    """Press keys in a window, if it is still there."""
    if session.xdotool("getwindowname", window):
        session.xdotool("windowfocus", "--sync", window, "key", keys)


def layers(session: GimpSession) -> list[str]:
    names: list[str] = session.run("shown_layers")["layers"]
    return names


def test_a_style_is_chosen_with_the_mouse_painted_undone_and_repeated(
    windows: GimpSession, pictures: tuple[str, str], tmp_path: Path
) -> None:
    gimp = show_picture(windows, pictures[0])
    press(windows, gimp, "ctrl+alt+i")
    dialog = find_window(windows, "^Impasto: Stylize$")
    geometry = dict(line.split("=") for line in windows.xdotool("getwindowgeometry", "--shell", dialog).splitlines())
    x, y, width, height = (int(geometry[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
    windows.xdotool("mousemove", x + 600, y + 70, "click", 1)  # the second painting in the first row
    windows.xdotool("mousemove", x + width - 70, y + height - 41, "click", 1)
    wait_until(windows, lambda: len(layers(windows)) == 2)
    answer = windows.run("shown_layers", folder=str(tmp_path))
    assert answer["layers"] == ["Rose window (50 %) on Photo", "Photo"]
    assert read_layer(tmp_path, answer["result"])[..., :3].std() > 10
    press(windows, gimp, "ctrl+z")
    wait_until(windows, lambda: len(layers(windows)) == 1)
    press(windows, gimp, "ctrl+f")  # Filters > Repeat Last
    wait_until(windows, lambda: layers(windows) == ["Rose window (50 %) on Photo", "Photo"])
    assert windows.run("paint_in_the_window", procedure="stylize-again") == ""
    assert layers(windows) == ["Rose window (50 %) on Photo #1", "Rose window (50 %) on Photo", "Photo"]


def test_gimps_button_cancels_a_painting(windows: GimpSession, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(scene(600, 500)).save(photo)
    gimp = show_picture(windows, str(photo))
    press(windows, gimp, "ctrl+alt+i")
    press(windows, find_window(windows, "^Impasto: Stylize$"), "Return")
    wait_until(windows, lambda: windows.run("processes", part="impasto worker"))
    time.sleep(5)  # until it is painted, which takes a minute
    assert windows.run("processes", part="impasto_gimp.py -gimp")
    windows.xdotool("mousemove", *CANCEL, "click", 1)
    wait_until(windows, lambda: len(windows.run("processes", part="impasto_gimp.py -gimp")) == 1, 10)  # the engine's keeper
    assert layers(windows) == ["Photo"]
    assert windows.run("paint_in_the_window", procedure="instant-style", style_network="harvest") == ""
    assert layers(windows) == ["harvest (50 %) on Photo", "Photo"]


def test_two_paintings_at_once_both_end(windows: GimpSession, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(scene(200, 160)).save(photo)
    gimp = show_picture(windows, str(photo))
    press(windows, gimp, "ctrl+alt+i")
    press(windows, find_window(windows, "^Impasto: Stylize$"), "Return")
    wait_until(windows, lambda: windows.run("processes", part="impasto worker"))
    assert windows.run("paint_in_the_window", procedure="instant-style", style_network="harvest") == ""
    assert "harvest (50 %) on Photo" in layers(windows)
    wait_until(windows, lambda: "Harvest (50 %) on Photo" in layers(windows), 120)
