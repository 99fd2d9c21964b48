"""The two ends of the engine's pipes: what to send for an image, and what the engine has said. Knows no process."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

from .i18n import i18n
from .protocol import FrameReader

_STDERR_TAIL = 8192  # characters


class EngineStream:
    """What an engine process has said so far."""

    def __init__(self) -> None:
        self.hello: dict[str, Any] = {}  # its first frame, with version and options; empty before that
        self.ready: dict[str, Any] = {}  # its frame once torch is loaded, with the device; empty before that
        self.stderr_tail = ""
        self._reader = FrameReader()

    def feed(self, chunk: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield (header, blob) of each frame that this part of its output completes.  Raises FrameError"""
        for header, blob in self._reader.feed(chunk):
            if header.get("op") == "hello":
                self.hello = header
            elif header.get("op") == "ready":
                self.ready = header
            yield header, blob

    def feed_stderr(self, chunk: bytes) -> None:
        self.stderr_tail = (self.stderr_tail + chunk.decode("utf-8", "replace"))[-_STDERR_TAIL:]

    def forget(self) -> None:
        """The process has ended: nothing is known of the next one."""
        self.hello, self.ready = {}, {}

    def end_message(self, code: int, crashed: bool) -> str:
        """What to tell the user after the process has ended without being asked to."""
        lines = [line for line in self.stderr_tail.splitlines() if line.strip()]
        if crashed or not lines:
            return i18n("The engine ended unexpectedly ({code}). It starts again with the next picture.", code=code)
        return i18n("The engine ended: {reason}", reason=lines[-1])


class KnowsStream:
    """Offers what is known of an engine process. Its subclasses have the stream of that process."""

    _stream: EngineStream

    @property
    def hello(self) -> dict[str, Any]:
        """The first frame of the process, with version and options; empty before that, and while none is running"""
        return self._stream.hello

    @property
    def ready(self) -> dict[str, Any]:
        """The frame of the process once torch is loaded, with the device; empty before that, and while none is running"""
        return self._stream.ready

    @property
    def stderr_tail(self) -> str:
        """The end of what the process has written to standard error"""
        return self._stream.stderr_tail


def unreadable_message(error: Exception) -> str:
    """What to tell the user after a FrameError"""
    return i18n("The engine's output cannot be understood ({error}). Install it again.", error=error)


def missing_message(program: str) -> str:
    """What to tell the user if the engine cannot be started"""
    return i18n("The engine cannot be started: there is no program {program}. Install it again.", program=program)


def image_frames(
    job: int,
    role: str,
    index: int,
    size: tuple[int, int],
    pixel_format: str,
    stripes: Iterable[tuple[int, int, bytes]],
    **more: int,
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield (header, blob) of the frames of an image.  size: width, height; stripes: (y, rows, pixels); more: of its header"""
    image = {"op": "image", "job": job, "role": role, "width": size[0], "height": size[1], "format": pixel_format}
    yield {**image, **more}, b""
    for y, rows, pixels in stripes:
        yield {"op": "rows", "job": job, "role": role, "index": index, "y": y, "rows": rows}, pixels
