"""What the long soak looks for, for a moment: work that leaves something behind each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[3] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.usefixtures("vgg16")
@pytest.mark.parametrize("what", ["worker", "page"])
def test_a_round_of_jobs_leaves_nothing_behind(what: str) -> None:
    """Memory is still settling in so short a time, and is given more room than in the long one."""
    line = [sys.executable, str(SOAK), "--only", what, "--minutes", "0.3", "--allow", "0.1"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
