"""A client of the worker: what an editor plugin does, without an editor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from impasto.worker.protocol import FrameReader, Header, encode_frame, stripes
from tests.conftest import MEASURED


class Client:
    """A worker process and the pipes to and from it"""

    def __init__(self, *, silent: bool = False, setup_code: str = "", **variables: str) -> None:
        """silent: run the plain command; otherwise code in the process prints to standard output, outside the protocol
        setup_code: Python statements to run before the worker starts; `live_task` is imported
        variables: environment variables
        """
        command = [sys.executable, "-m", "impasto", "worker"]
        if not silent:  # print from Python, and below it
            noise = "import os; print('noise'); os.write(1, b'more noise')"
            code = (
                "from impasto.cli.main import main\n"
                "from impasto.worker import live_task\n"
                "from impasto.worker.server import Worker\n"
                f"serve = Worker.serve\n{setup_code}\n"
                f"def noisy(self):\n    {noise}\n    return serve(self)\n"
                "Worker.serve = noisy\n"
                "raise SystemExit(main(['worker']))"
            )
            command = [sys.executable, "-c", code]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, bufsize=0, env={**os.environ, **MEASURED, **variables}, **pipes)
        self._frames = self._read_frames()
        self.greeting: list[tuple[Header, bytes]] = []

    def _read_frames(self) -> Iterator[tuple[Header, bytes]]:
        reader = FrameReader()
        assert self.process.stdout is not None
        while chunk := self.process.stdout.read(1 << 16):
            yield from reader.feed(chunk)

    def send(self, header: Header, blob: bytes = b"") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode_frame(header, blob))

    def send_image(
        self, job: int, role: str, values: np.ndarray, kind: str = "bgra8", index: int = 0, rows: int = 20, **more: int
    ) -> None:
        """Send an image, (height, width, channels), in stripes of `rows` rows. kind: the pixel format; more: of the header"""
        height, width = values.shape[:2]
        self.send({"op": "image", "job": job, "role": role, "width": width, "height": height, "format": kind, **more})
        for y, count in stripes(height, rows):
            header = {"op": "rows", "job": job, "role": role, "index": index, "y": y, "rows": count}
            self.send(header, values[y : y + count].tobytes())

    def read_until(self, *ops: str) -> list[tuple[Header, bytes]]:
        """Return all frames up to the first with one of these ops."""
        frames = []
        for header, blob in self._frames:
            frames.append((header, blob))
            if header["op"] in ops:
                return frames
        raise AssertionError(f"the stream ended after {[header for header, _ in frames]}")

    def run_job(self, number: int, options: dict[str, Any]) -> list[tuple[Header, bytes]]:
        """Start a job whose images have been sent; return the frames up to its end."""
        self.send({"op": "start", "job": number, "options": options})
        return self.read_until("done", "error", "cancelled")

    def close(self) -> str:
        """End the worker as a plugin does; return what it wrote to standard error."""
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        with self.process.stdin, self.process.stdout, self.process.stderr:
            self.process.stdin.close()
            assert self.process.wait(10) == 0
            return bytes(self.process.stderr.read()).decode()
