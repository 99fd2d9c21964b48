"""The plugin without Krita under both Qt bindings that Krita uses, and its layers in Krita without a window."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.editor_plugins.package import KRITA_PLUGIN, write_files
from tests.conftest import MEASURED
from tests.plugin.krita_session import IN_KRITA, INSTALL, krita_environment

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.xdist_group("long")
@pytest.mark.parametrize("binding", ["PyQt5", "PyQt6"])
def test_engine_runner_and_form(binding: str, random_weights_file: Path) -> None:
    check = subprocess.run([sys.executable, "-c", f"import {binding}.QtWidgets"], capture_output=True, text=True, check=False)
    if check.returncode:
        reason = check.stderr.strip().splitlines()[-1]
        pytest.skip(f"{binding} cannot be imported ({reason}): apt-get install libgl1 libegl1 libxkbcommon0 libdbus-1-3")
    variables = {
        **os.environ,
        **(MEASURED if binding == "PyQt5" else {}),
        "IMPASTO_QT": binding,
        "IMPASTO_TEST_WEIGHTS": str(random_weights_file),
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",  # tiny pictures, and other tests run beside them
    }
    # Without conftest.py, which loads torch
    options = ["-q", "--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "tests.plugin.without_krita.fake_krita"]
    files = [
        str(HERE / "without_krita" / name)
        for name in ("animation.py", "engine.py", "form.py", "history.py", "style_library.py")
    ]
    command = [sys.executable, "-m", "pytest", *options, *files]
    process = subprocess.run(
        command, env=variables, cwd=HERE.parents[1], capture_output=True, text=True, check=False, timeout=600
    )
    assert process.returncode == 0, process.stdout[-6000:] + process.stderr[-2000:]


@pytest.mark.krita
def test_layers_without_a_window(tmp_path: Path) -> None:
    if shutil.which("kritarunner") is None:
        pytest.skip(f"Krita is not installed: {INSTALL}")
    write_files(KRITA_PLUGIN, tmp_path / "plugin")
    result_file = tmp_path / "result.json"
    paths = {"PYTHONPATH": str(IN_KRITA), "IMPASTO_PLUGIN": str(tmp_path / "plugin"), "IMPASTO_RESULT": str(result_file)}
    variables = {**krita_environment(tmp_path, ""), **paths, "QT_QPA_PLATFORM": "offscreen"}
    command = ["kritarunner", "-s", "headless_layers", "-f", "main"]
    process = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert result_file.exists(), process.stdout[-2000:] + process.stderr[-2000:]
    answer = json.loads(result_file.read_text())
    assert "error" not in answer, answer["error"]
    result = answer["result"]
    assert all(error <= 1 for error in result["errors"].values()), result["errors"]
    assert result["unchanged"]
    assert "no such profile" in result["missing_profile"]
    assert result["added"] == ["Result", -5, 7, 40, 300]
    assert result["stripes"] == [[0, 256], [256, 44]]
    assert result["read_error"] <= 1  # of the high bytes, which are rounded
    assert result["top"] == "Other"
    assert result["listed"][:2] == ["Other", "Result"]
