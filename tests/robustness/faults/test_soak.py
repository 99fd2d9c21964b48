"""A short run of the soak benchmark: jobs leave no memory, threads or files behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[3] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.xdist_group("long")
@pytest.mark.usefixtures("vgg16")
@pytest.mark.parametrize("target", ["worker", "page"])
def test_rounds_of_jobs_leave_nothing_behind(target: str) -> None:
    """In so short a time memory is still settling, so it is allowed more than in a long run."""
    command = [sys.executable, str(SOAK), "--only", target, "--minutes", "0.3", "--allow", "0.1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
