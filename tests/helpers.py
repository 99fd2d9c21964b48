"""A program that uses the worker: what a plugin does, without Krita."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from impasto.worker.protocol import FrameReader, Header, encode_frame, stripes


class Client:
    """A worker with a pipe at either end"""

    def __init__(self, *, silent: bool = False, first: str = "", **variables: str) -> None:
        """first: Python statements to run before the worker; `live_task` is imported"""
        command = [sys.executable, "-m", "impasto", "worker"]
        if not silent:  # a library that prints, from Python and from below
            noise = "import os; print('noise'); os.write(1, b'more noise')"
            code = (
                "from impasto.cli.main import main\n"
                "from impasto.worker import live_task\n"
                "from impasto.worker.server import Worker\n"
                f"serve = Worker.serve\n{first}\n"
                f"def noisy(self):\n    {noise}\n    return serve(self)\n"
                "Worker.serve = noisy\n"
                "raise SystemExit(main(['worker']))"
            )
            command = [sys.executable, "-c", code]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, bufsize=0, env={**os.environ, **variables}, **pipes)
        self._frames = self._read()
        self.greeting: list[tuple[Header, bytes]] = []

    def _read(self) -> Iterator[tuple[Header, bytes]]:
        reader = FrameReader()
        assert self.process.stdout is not None
        while piece := self.process.stdout.read(1 << 16):
            yield from reader.feed(piece)

    def send(self, header: Header, blob: bytes = b"") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode_frame(header, blob))

    def image(self, job: int, role: str, values: np.ndarray, kind: str = "bgra8", index: int = 0, rows: int = 20) -> None:
        height, width = values.shape[:2]
        self.send({"op": "image", "job": job, "role": role, "width": width, "height": height, "format": kind})
        for y, count in stripes(height, rows):
            about = {"op": "rows", "job": job, "role": role, "index": index, "y": y, "rows": count}
            self.send(about, values[y : y + count].tobytes())

    def until(self, *ops: str) -> list[tuple[Header, bytes]]:
        """All frames up to the first of these"""
        found = []
        for header, blob in self._frames:
            found.append((header, blob))
            if header["op"] in ops:
                return found
        raise AssertionError(f"the stream ended after {[header for header, _ in found]}")

    def job(self, number: int, options: dict[str, Any]) -> list[tuple[Header, bytes]]:
        self.send({"op": "start", "job": number, "options": options})
        return self.until("done", "error", "cancelled")

    def close(self) -> str:
        """End it as a plugin does; what it wrote to standard error"""
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        with self.process.stdin, self.process.stdout, self.process.stderr:
            self.process.stdin.close()
            assert self.process.wait(10) == 0
            return self.process.stderr.read().decode()
