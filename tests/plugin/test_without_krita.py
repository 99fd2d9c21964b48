"""The plugin's parts without Krita, under both of the Qt bindings that Kritas have; and layers in Krita without a window."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from impasto import krita as package
from tests.krita.conftest import INSTALL, environment

HERE = Path(__file__).parent


@pytest.mark.slow
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
    plugins = ["-p", "no:cacheprovider", "-p", "tests.krita.stand_in"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, str(HERE / "outside.py")]
    ran = subprocess.run(command, env=variables, cwd=HERE.parents[1], capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


@pytest.mark.krita
def test_layers_without_a_window(tmp_path: Path) -> None:
    if shutil.which("kritarunner") is None:
        pytest.skip(f"Krita is not installed: {INSTALL}")
    package.unpack(tmp_path / "plugin")
    out = tmp_path / "result.json"
    paths = {"PYTHONPATH": str(HERE), "IMPASTO_PLUGIN": str(tmp_path / "plugin"), "IMPASTO_PROBE": str(out)}
    variables = {**environment(tmp_path, ""), **paths, "QT_QPA_PLATFORM": "offscreen"}
    command = ["kritarunner", "-s", "windowless", "-f", "main"]
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert out.exists(), ran.stdout[-2000:] + ran.stderr[-2000:]
    told = json.loads(out.read_text())
    assert "error" not in told, told["error"]
    found = told["result"]
    assert all(worst <= 1 for _, worst in found["spaces"].values()), found["spaces"]
    assert found["same"]
    assert "no such profile" in found["missing"]
    assert found["added"] == ["Result", -5, 7, 40, 300]
    assert found["stripes"] == [[0, 256], [256, 44]]
    assert found["read"] <= 1  # the high bytes, rounded
    assert found["top"] == "Other"
    assert [name for _, name in found["listed"]][:2] == ["Other", "Result"]
