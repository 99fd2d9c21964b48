"""The engine as a child process, for an editor whose plugin may wait for it. Threads read and write its pipes."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from typing import IO, Any

from .engine_stream import EngineStream, KnowsStream, missing_message, unreadable_message
from .errors import PluginError
from .protocol import FrameError, encode_frame
from .setup_steps import NO_WINDOW, program_environment

_READ_BYTES = 1 << 20
#: Frames that may wait to be written: few, because those of large images are large
_MAX_PENDING = 8
_STOP_SECONDS = 0.5


class WorkerProcess(KnowsStream):
    """A worker process. It ends with this one, whose end of the pipe is its input."""

    def __init__(self, command: list[str]) -> None:
        """command: that runs `impasto`.  Raises PluginError: there is no such program"""
        self._stream = EngineStream()
        self._frames: queue.SimpleQueue[tuple[dict[str, Any], bytes] | str] = queue.SimpleQueue()  # or why there are no more
        self._unsent: queue.Queue[bytes | None] = queue.Queue(_MAX_PENDING)
        self._end = ""  # why it has ended; "" while it runs
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            self._process = subprocess.Popen([*command, "worker"], bufsize=0, env=program_environment(), **pipes, **NO_WINDOW)
        except OSError:
            raise PluginError(missing_message(command[0])) from None
        targets = (self._read, self._read_stderr, self._write)
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        return not self._end and self._process.poll() is None

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Write a frame; wait while too many are pending. Nothing happens if the process has ended."""
        frame = encode_frame(header, blob)
        while self.running:
            with contextlib.suppress(queue.Full):
                self._unsent.put(frame, timeout=0.1)
                return

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes] | None:
        """Return the next frame, or None if there is none within so many seconds.  Raises PluginError: it has ended"""
        if not self._end:
            try:
                frame = self._frames.get(timeout=seconds) if seconds else self._frames.get_nowait()
            except queue.Empty:
                return None
            if not isinstance(frame, str):
                return frame
            self._end = frame
        raise PluginError(self._end)

    def stop(self) -> None:
        """End the process."""
        with contextlib.suppress(queue.Full):
            self._unsent.put_nowait(None)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def _read(self) -> None:
        try:
            with _pipe(self._process.stdout) as output:
                while True:
                    chunk = output.read(_READ_BYTES)
                    if not chunk:
                        break
                    for frame in self._stream.feed(chunk):
                        self._frames.put(frame)
        except FrameError as error:
            self._process.kill()
            self._frames.put(unreadable_message(error))
            return
        code = self._process.wait()
        self._frames.put(self._stream.end_message(code, crashed=code < 0))

    def _read_stderr(self) -> None:
        with _pipe(self._process.stderr) as errors:
            while True:
                chunk = errors.read(_READ_BYTES)
                if not chunk:
                    return
                self._stream.feed_stderr(chunk)

    def _write(self) -> None:
        with contextlib.suppress(OSError), _pipe(self._process.stdin) as pipe:
            while True:
                frame = self._unsent.get()
                if frame is None:
                    return
                view = memoryview(frame)
                while view:  # a pipe may take less than it is given
                    view = view[pipe.write(view) :]


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
