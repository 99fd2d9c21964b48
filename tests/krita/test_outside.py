"""The plugin's parts without Krita, under both of the Qt bindings that Kritas have; and layers in Krita without a window."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("binding", ["PyQt5", "PyQt6"])
def test_engine_job_and_form(binding: str, made_up_file: Path) -> None:
    probe = subprocess.run([sys.executable, "-c", f"import {binding}.QtWidgets"], capture_output=True, text=True, check=False)
    if probe.returncode:
        missing = probe.stderr.strip().splitlines()[-1]
        pytest.skip(f"{binding} cannot be imported ({missing}): apt-get install libgl1 libegl1 libxkbcommon0 libdbus-1-3")
    variables = {
        **os.environ,
        "IMPASTO_QT": binding,
        "IMPASTO_TEST_WEIGHTS": str(made_up_file),
        "QT_QPA_PLATFORM": "offscreen",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "outside.py")]
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
