"""The setup of the engine from GIMP's dialog, with the real uv and a local server in place of the Internet."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from pathlib import Path

import pytest

import build_plugin
from impasto.editor_plugins.package import GIMP_PLUGIN
from tests.gimp.gimp_session import PREFIX, SKIPPED, GimpSession
from tests.gimp.test_dialog import SHORTCUT, find_window, layers, press, show_picture, wait_until
from tests.plugin.krita_session import virtual_display
from tests.plugin.linked_wheels import write_linked_wheels
from tests.uv_server import uv_server

pytestmark = [pytest.mark.gimp, pytest.mark.slow, pytest.mark.xdist_group("gimp")]


def test_the_zip_and_one_button_lead_to_a_painting(pictures: tuple[str, str], tmp_path: Path) -> None:
    if PREFIX is None or shutil.which("Xvfb") is None:
        pytest.skip(SKIPPED)
    wheels, plugins, download = tmp_path / "wheels", tmp_path / "gimp" / "plug-ins", tmp_path / "download"
    for folder in (wheels, download):
        folder.mkdir()
    write_linked_wheels(wheels, "impasto", "demo,faces")
    options = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    with zipfile.ZipFile(build_plugin.build(GIMP_PLUGIN, tmp_path, *options)) as archive:
        archive.extractall(plugins)
    (plugins / GIMP_PLUGIN.program).chmod(0o755)
    (tmp_path / "gimp" / "shortcutsrc").write_text(SHORTCUT)
    with uv_server(download) as server, virtual_display() as display:
        with (plugins / GIMP_PLUGIN.name / "impasto_client" / "installation.py").open("a") as module:
            module.writelines(f"{name} = {value!r}\n" for name, value in server.constants.items())
        variables = {**server.environment, "UV_FIND_LINKS": str(wheels)}
        session = GimpSession(tmp_path, display, engine=None, **variables)
        try:
            gimp = show_picture(session, pictures[0])
            press(session, gimp, "ctrl+alt+i")
            dialog = find_window(session, "^Impasto: Stylize$")
            session.xdotool("mousemove", "--window", dialog, 210, 82, "click", 1)  # Download and install

            def painted() -> bool:
                press(session, dialog, "alt+y")  # does nothing until the engine is there, or once the dialog is gone
                return layers(session) == ["Harvest (50 %) on Photo", "Photo"]

            wait_until(session, painted, 180)
        finally:
            session.close()
