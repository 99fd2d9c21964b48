"""GIMP, Krita and the command line paint the same picture of the same layers and settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.editor_plugins.package import KRITA_PLUGIN, build_zip
from tests.gimp.conftest import read_layer
from tests.gimp.gimp_session import GimpSession
from tests.plugin.krita_session import INSTALL, KRITA, KritaSession, create_profile, virtual_display

pytestmark = [pytest.mark.gimp, pytest.mark.krita, pytest.mark.slow, pytest.mark.xdist_group("gimp")]
SETTINGS = {"size": 96, "quality": "draft", "strength": 0.6, "colors": "match", "seed": 5}


def test_gimp_krita_and_the_command_line_paint_the_same(gimp: GimpSession, tmp_path: Path) -> None:
    if not all(map(shutil.which, (KRITA[0], "Xvfb"))):
        pytest.skip(f"Krita and Xvfb are not installed: {INSTALL}")
    plugin = build_zip(KRITA_PLUGIN, tmp_path)
    with virtual_display() as display:
        home = create_profile(tmp_path / "krita", plugin, display)
        with KritaSession(home, display, sys.executable, 1) as krita:
            options: dict[str, Any] = {"iterations": None, **SETTINGS}
            answer = krita.run("painting.color_space", model="RGBA", depth="U8", profile="sRGB-elle-V2-srgbtrc.icc", **options)
    assert answer["problem"] == ""
    layers = {name: np.frombuffer(bytes.fromhex(answer[name]), np.uint8).reshape(64, 96, 4) for name in ("photo", "style")}
    for name, pixels in layers.items():
        Image.fromarray(np.ascontiguousarray(pixels[..., [2, 1, 0]])).save(tmp_path / f"{name}.png")
    photo, style, output = (str(tmp_path / f"{name}.png") for name in ("photo", "style", "painted"))
    in_krita = np.frombuffer(bytes.fromhex(answer["result"]), np.uint8).reshape(64, 96, 4)[..., [2, 1, 0]].astype(int)

    answer = gimp.run("use_a_layer_as_style", picture=photo, style=style, folder=str(tmp_path), **SETTINGS)
    assert answer["problem"] == ""
    in_gimp = read_layer(tmp_path, answer["result"])[..., :3]

    flags = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "impasto", "stylize", photo, style, "-o", output, *flags]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    with Image.open(output) as image:
        from_the_command_line = np.asarray(image.convert("RGB")).astype(int)
    assert from_the_command_line.std() > 10
    assert np.abs(in_gimp - from_the_command_line).max() <= 1
    assert np.abs(in_krita - from_the_command_line).max() <= 1
