"""The dialog, used with the mouse on a virtual display."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto.editor_plugins.package import GIMP_PLUGIN, write_files
from tests.gimp.conftest import read_layer
from tests.gimp.gimp_session import PREFIX, SKIPPED, GimpSession
from tests.plugin.krita_session import virtual_display

pytestmark = [pytest.mark.gimp, pytest.mark.slow, pytest.mark.xdist_group("gimp")]


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[GimpSession]:
    """A GIMP with windows"""
    if PREFIX is None or shutil.which("Xvfb") is None:
        pytest.skip(SKIPPED)
    write_files(GIMP_PLUGIN, tmp_path / "gimp" / "plug-ins")
    with virtual_display() as display:
        session = GimpSession(tmp_path, display)
        yield session
        session.close()


def test_a_style_is_chosen_with_the_mouse_and_painted(windows: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    windows.begin("stylize_with_the_dialog", picture=pictures[0], folder=str(tmp_path))
    window = ""
    end = time.monotonic() + 60
    while not window:
        assert time.monotonic() < end, windows.log()
        time.sleep(0.5)
        window = windows.xdotool("search", "--onlyvisible", "--name", "^Impasto$").strip()
    time.sleep(1)  # until it has its size
    window = window.splitlines()[0]
    geometry = dict(line.split("=") for line in windows.xdotool("getwindowgeometry", "--shell", window).splitlines())
    x, y, width, height = (int(geometry[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
    windows.xdotool("mousemove", x + 600, y + 70, "click", 1)  # the second painting in the first row
    windows.xdotool("mousemove", x + width - 70, y + height - 41, "click", 1)
    answer = windows.answer()
    assert answer["problem"] == ""
    assert answer["layers"] == ["Photo x Rose window (50 %)", "Photo"]
    assert read_layer(tmp_path, answer["result"])[..., :3].std() > 10
