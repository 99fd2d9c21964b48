"""Run another program by its command."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from typing import Any


def run_program(command: str, **fields: Any) -> float:
    """Run a command in which {name} stands for the field `name`; return the seconds."""
    words = [word.format(**fields) for word in shlex.split(command)]
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=sys.stderr)
    return time.perf_counter() - start
