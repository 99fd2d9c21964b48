"""Sessions and their paintings: one at a time per session, each in a folder of its own that expires within the hour."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from impasto import ImpastoError
from impasto.runtime.files import temporary_path

from . import paint_job

#: On a public page: paintings that one address may start, within so many seconds.
MAX_PAINTINGS, RATE_WINDOW_SECONDS = 40, 3600.0
#: On a public page: photos of one address that are shown in several styles, within as many seconds.
MAX_PREVIEWED_PHOTOS = 40
#: Age at which results are deleted, and the interval between checks, in seconds. Their sum stays below an hour.
RETENTION_SECONDS, CLEANUP_SECONDS = 2900, 600
#: The file whose modification time is a painting's age. The folder's own time changes when Gradio deletes files in it.
_CREATED = "created"


class TooManyPaintingsError(ImpastoError):
    """This session is painting already, or this address has started too many paintings."""


class Painting:
    """A painting in progress, in one or two stages that each have a folder of their own"""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self.stopped = False  # by the visitor, who keeps what there is
        self.superseded = False  # by the session's next painting

    def new_folder(self) -> Path:
        """Make the folder of the next stage."""
        self._folder = new_folder()
        if self.stopped:
            paint_job.request_stop(self._folder)
        return self._folder

    def stop(self) -> None:
        """Finish it early."""
        self.stopped = True
        if self._folder is not None:
            with contextlib.suppress(OSError):  # it is done, and its folder may have expired
                paint_job.request_stop(self._folder)


class RateLimit:
    """How often each address may start something."""

    def __init__(self, most: int | None) -> None:
        """most: within RATE_WINDOW_SECONDS; None: no limit"""
        self.most = most
        self._start_times: dict[str, deque[float]] = defaultdict(deque)  # by address

    def start(self, address: str) -> bool:
        """Count a start, unless there were too many. Returns whether it is allowed."""
        now = time.monotonic()
        for idle in [known for known, times in self._start_times.items() if times[-1] < now - RATE_WINDOW_SECONDS]:
            del self._start_times[idle]
        times = self._start_times[address]
        while times and times[0] < now - RATE_WINDOW_SECONDS:
            times.popleft()
        if self.most is not None and len(times) >= self.most:
            return False
        times.append(now)
        return True


class Sessions:
    """The paintings in progress. Thread-safe."""

    def __init__(self, max_paintings: int | None = None, max_previewed_photos: int | None = None) -> None:
        """Per address within RATE_WINDOW_SECONDS; None: no limit"""
        self._lock = threading.Lock()
        self._paintings: dict[str, Painting] = {}  # by session
        self._started: dict[str, float] = {}  # when a session's last painting began
        self._previews: dict[str, Painting] = {}  # of a photo in several styles, by session
        self._painting_limit, self._preview_limit = RateLimit(max_paintings), RateLimit(max_previewed_photos)

    @contextlib.contextmanager
    def painting(self, session: str, address: str, *, supersede: bool = False) -> Iterator[Painting]:
        """Begin a painting, which is in progress until the block ends.

        supersede: whether it takes the place of one that the session has in progress already
        Raises TooManyPaintingsError.
        """
        painting = self._start(session, address, supersede)
        try:
            yield painting
        finally:
            with self._lock:
                if self._paintings[session] is painting:
                    del self._paintings[session]

    def _start(self, session: str, address: str, supersede: bool) -> Painting:
        with self._lock:
            if not supersede:
                self.require_idle(session)
            if not self._painting_limit.start(address):
                text = "You have made {count} paintings this hour. Please try again later."
                raise TooManyPaintingsError(text.format(count=self._painting_limit.most))
            if session in self._previews:
                self._previews[session].stop()
            if session in self._paintings:
                self._paintings[session].superseded = True
                self._paintings[session].stop()
            painting = self._paintings[session] = Painting()
            now = time.monotonic()
            self._started = {known: start for known, start in self._started.items() if now - start < RETENTION_SECONDS}
            self._started[session] = now
            return painting

    @contextlib.contextmanager
    def previews(self, session: str, address: str) -> Iterator[Painting]:
        """Begin previews of a photo, which stop when the session begins a painting or the previews of another photo.

        Raises TooManyPaintingsError.
        """
        with self._lock:
            if not self._preview_limit.start(address):
                raise TooManyPaintingsError("There were too many photos this hour.")
            if session in self._previews:
                self._previews[session].stop()
            painting = self._previews[session] = Painting()
            if session in self._paintings:
                painting.stop()
        try:
            yield painting
        finally:
            with self._lock:
                if self._previews[session] is painting:
                    del self._previews[session]

    def stop_previews(self, session: str) -> None:
        """Stop the previews of the session's photo, if there are any."""
        with self._lock:
            if session in self._previews:
                self._previews[session].stop()

    def require_idle(self, session: str) -> None:
        """Raises TooManyPaintingsError if the session has a painting in progress."""
        if self.is_painting(session):
            raise TooManyPaintingsError("One painting at a time: stop the current one, or wait for it.")

    def is_painting(self, session: str) -> bool:
        return session in self._paintings

    def has_painted_since(self, session: str, moment: float) -> bool:
        """Whether a painting of the session has begun after this moment, in the seconds of `time.monotonic`"""
        return self._started.get(session, 0.0) > moment

    @property
    def busy(self) -> bool:
        """Whether any painting is in progress"""
        return bool(self._paintings)

    def stop(self, session: str) -> None:
        """Finish the session's painting early, if there is one, and keep it as it is."""
        with self._lock:
            found = [known.get(session) for known in (self._paintings, self._previews)]
        for painting in found:
            if painting is not None:
                painting.stop()


sessions = Sessions(MAX_PAINTINGS, MAX_PREVIEWED_PHOTOS) if paint_job.ON_SPACE else Sessions()


def client_address(request: gr.Request | None) -> str:
    """Return the address a request comes from.

    On a Space that is what the proxy's header says, which a client can forge: good enough for a rate limit, not for security.
    """
    if request is None or not request.client:
        return ""
    forwarded = request.headers.get("x-forwarded-for", "") if paint_job.ON_SPACE else ""
    return forwarded.split(",")[0].strip() or str(request.client.host)


def use_private_folder() -> None:
    """Keep uploads and results in a temporary folder of this process, unless GRADIO_TEMP_DIR names a folder.

    It is deleted when the page exits; if the page was killed, when it starts the next time.
    """
    if os.environ.get("GRADIO_TEMP_DIR"):
        return
    cleanup = contextlib.ExitStack()
    folder = cleanup.enter_context(temporary_path(Path(tempfile.gettempdir())))
    folder.mkdir(mode=0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(cleanup.close)


def new_folder() -> Path:
    """Make a folder for a painting, with a name that cannot be guessed. It expires after RETENTION_SECONDS."""
    folder = paintings_folder() / uuid.uuid4().hex
    folder.mkdir(parents=True)
    mark_created(folder)
    return folder


def mark_created(folder: Path) -> None:
    """Set a painting's age to zero."""
    (folder / _CREATED).touch()


def delete_expired(age: float = RETENTION_SECONDS) -> None:
    """Delete the folders of paintings that are at least `age` seconds old."""
    for marker in paintings_folder().glob(f"*/{_CREATED}"):
        with contextlib.suppress(OSError):  # deleted by another process
            if marker.stat().st_mtime <= time.time() - age:
                shutil.rmtree(marker.parent)


def start_cleanup() -> None:
    """Call `delete_expired` every CLEANUP_SECONDS in a background thread. Gradio deletes its own cached files itself."""

    def repeat() -> None:
        while True:
            delete_expired()
            time.sleep(CLEANUP_SECONDS)

    threading.Thread(target=repeat, name="cleanup", daemon=True).start()


def paintings_folder() -> Path:
    return Path(get_upload_folder(), "paintings")
