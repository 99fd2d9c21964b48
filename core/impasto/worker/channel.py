"""The worker's connection to the program that started it, and the view that one job has of it."""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import ImpastoError
from .job import to_bgra
from .protocol import FrameError, FrameReader, Header, encode_frame, stripes

if TYPE_CHECKING:
    from ..images.picture import Picture

#: Maximum side of a preview, in pixels
_PREVIEW_SIDE = 512
#: Operations that wait until a live painting is up to date
_DEFERRABLE_OPS = ("settle", "estimate", "nets", "hello")


class Cancelled(Exception):
    """The job has been cancelled."""


class Preempted(Exception):
    """A frame that cannot wait has arrived."""


class Connection:
    """Sends frames, and reads them in a thread of its own, so that `cancel` and `finish` reach a job while it runs."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, on_disconnect: Callable[[], None]) -> None:
        """on_disconnect: called by the reading thread when the incoming stream ends"""
        self._incoming, self._outgoing, self._on_disconnect = incoming, outgoing, on_disconnect
        self._queue: queue.SimpleQueue[tuple[Header, bytes] | None] = queue.SimpleQueue()
        self._send_lock = threading.Lock()
        #: Numbers of the jobs to cancel, and of those to end with what they have so far
        self.cancelled: set[int] = set()
        self.finished: set[int] = set()
        # Frames that cannot wait. Each counter is written by one thread.
        self._frames_received = self._frames_handled = 0

    def start_reading(self) -> None:
        """Start the thread that reads frames."""
        threading.Thread(target=self._read_frames, daemon=True).start()

    def frames(self) -> Iterator[tuple[Header, bytes]]:
        """Yield (header, blob) of each frame, until the incoming stream ends."""
        while (frame := self._queue.get()) is not None:
            self._frames_handled += frame[0].get("op") not in _DEFERRABLE_OPS
            yield frame

    @property
    def has_urgent_frames(self) -> bool:
        """Whether frames are waiting that cannot be deferred"""
        return self._frames_received > self._frames_handled

    def send_frame(self, header: Header, blob: bytes = b"") -> None:
        """Send a frame. Any thread may call this."""
        frame = memoryview(encode_frame(header, blob))
        with self._send_lock:
            while frame:
                frame = frame[self._outgoing.write(frame) :]

    def send_error(self, number: int, error: Exception) -> None:
        """Send an error: its code for programs, its text for people. Unexpected errors go to standard error too."""
        if isinstance(error, ImpastoError | FrameError):
            code, text = type(error).__name__, str(error)
        else:
            print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
            code, text = "internal", f"internal error of the engine ({type(error).__name__}: {error})"
        self.send_frame({"op": "error", "job": number, "code": code, "text": text})

    def send_networks(self) -> None:
        """Send what is known of the style networks, and the folders with the networks of this user."""
        from ..feedforward.registry import describe_networks, user_folder
        from ..runtime.files import cache_folder

        folders = [str(user_folder()), str(cache_folder())]
        self.send_frame({"op": "nets", "nets": describe_networks(), "folders": folders})

    def _read_frames(self) -> None:
        reader = FrameReader()
        try:
            while chunk := self._incoming.read(1 << 16):
                for header, blob in reader.feed(chunk):
                    if header.get("op") == "cancel":
                        self.cancelled.add(header.get("job", 0))
                    if header.get("op") == "finish":
                        self.finished.add(header.get("job", 0))
                    self._frames_received += header.get("op") not in _DEFERRABLE_OPS
                    self._queue.put((header, blob))
        except FrameError as error:
            self.send_error(0, error)
        except (OSError, ValueError):  # the pipe broke, or was closed while reading
            pass
        finally:  # nobody receives answers any more
            self._on_disconnect()
            self._queue.put(None)


class JobChannel:
    """What a running job needs of the connection: send its frames, and check whether it must stop."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection, self._number = connection, number

    @property
    def is_cancelled(self) -> bool:
        """Whether the job has been cancelled"""
        return self._number in self._connection.cancelled

    def check_cancelled(self) -> None:
        """Raise Cancelled if the job has been cancelled."""
        if self.is_cancelled:
            raise Cancelled

    def preemptible(self, after: float) -> Callable[[], None]:
        """Return a check like `check_cancelled` that also raises Preempted while urgent frames wait.

        after: seconds from now for which urgent frames do not preempt
        """
        start = time.monotonic()

        def check() -> None:
            self.check_cancelled()
            if self._connection.has_urgent_frames and time.monotonic() - start >= after:
                raise Preempted

        return check

    @property
    def finish_requested(self) -> bool:
        """Whether the job is to end with what it has so far"""
        return self._number in self._connection.finished

    def clear_finish_request(self) -> None:
        """Forget the request, so that it does not end a later job with the same number."""
        self._connection.finished.discard(self._number)

    def send(self, op: str, blob: bytes = b"", **fields: Any) -> None:
        """Send a frame of this job."""
        self._connection.send_frame({"op": op, "job": self._number, **fields}, blob)

    def send_progress(self, phase: str, fraction: float, seconds: float, eta: float | None, **fields: Any) -> None:
        """Send progress: phase "weights", "painting" or "training"; fraction done; seconds since the start, seconds left."""
        self.send("progress", phase=phase, fraction=fraction, seconds=seconds, eta=eta, **fields)

    def send_download_progress(self, done: int, total: int) -> None:
        """Send how many bytes of the weights have been loaded; the callback of `load_weights`.  Raises Cancelled."""
        self.check_cancelled()
        self.send_progress("weights", done / total, 0, None)

    def send_preview(self, picture: Picture) -> None:
        """Send a picture, resized to at most 512 pixels."""
        from ..images.picture import to_uint
        from ..images.resize import shrink_size

        small = picture.resize(*shrink_size(picture.size, _PREVIEW_SIDE))
        self.send("preview", to_bgra(to_uint(small, 8)), width=small.size[0], height=small.size[1])

    def send_rows(self, values: Any) -> None:
        """Send a finished painting, (H, W, 3 or 4) uint8 or uint16.  Raises Cancelled."""
        for y, rows in stripes(len(values)):
            self.check_cancelled()
            self.send("rows", to_bgra(values[y : y + rows]), y=y, rows=rows)
