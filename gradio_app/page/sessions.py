"""Who is painting: one picture at a time for each visitor, a folder for each picture, and a word to stop it."""

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
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.responses import PlainTextResponse

import studio
from impasto import ImpastoError
from impasto.files import unfinished

#: Paintings that one address may begin within so many seconds, on a public page.
RATE, RATE_S = 40, 3600.0
#: Results are gone after so many seconds; it is looked every so often. Together that is within the hour.
KEPT_S, LOOKED_S = 2900, 600
#: The file in a folder whose time is that of the painting; Gradio changes the folder's own when it clears files.
_MADE = "made"


def own_folder() -> None:
    """From now on all that visitors send and get lies in a folder of this process, unless the environment names another.

    It goes when the page ends, and where the page was killed, when the next one begins.
    """
    if os.environ.get("GRADIO_TEMP_DIR"):
        return
    leaving = contextlib.ExitStack()
    place = leaving.enter_context(unfinished(Path(tempfile.gettempdir())))
    place.mkdir(mode=0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(place)
    atexit.register(leaving.close)


def new_folder() -> Path:
    """A folder that nobody can guess, among those that are cleared within the hour"""
    folder = _paintings() / uuid.uuid4().hex
    folder.mkdir(parents=True)
    made(folder)
    return folder


def made(folder: Path) -> None:
    """From now on a folder's time runs."""
    (folder / _MADE).touch()


def sweep(age: float = KEPT_S) -> None:
    """Delete the folders of paintings that were made so many seconds ago."""
    for mark in _paintings().glob(f"*/{_MADE}"):
        with contextlib.suppress(OSError):  # somebody else swept it
            if mark.stat().st_mtime <= time.time() - age:
                shutil.rmtree(mark.parent)


def keep_sweeping() -> None:
    """Sweep every LOOKED_S seconds, for as long as the page is there. What Gradio keeps itself, it deletes itself."""

    def go_on() -> None:
        while True:
            sweep()
            time.sleep(LOOKED_S)

    threading.Thread(target=go_on, name="sweeper", daemon=True).start()


def _paintings() -> Path:
    return Path(get_upload_folder(), "paintings")


class TooMany(ImpastoError):
    """This visitor has a painting under way, or has had a great many."""


class BoundedBodies:
    """ASGI middleware: a request whose body is longer than `limit` bytes is refused, before it is in memory."""

    def __init__(self, app: Any, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await PlainTextResponse("That is too large.", 413)(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # One who sends more than was announced is not listened to any longer.
            return message if taken <= self._limit else {"type": "http.disconnect"}

        await self._app(scope, bounded, send)


class Visitors:
    """The paintings under way. Thread-safe."""

    def __init__(self, rate: int | None = None) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._folders: dict[str, Path] = {}
        self._begun: dict[str, deque[float]] = defaultdict(deque)

    @contextlib.contextmanager
    def painting(self, visitor: str, address: str) -> Iterator[Path]:
        """A new folder for the painting that a visitor makes within this block.  Raises TooMany."""
        folder = self._begin(visitor, address)
        try:
            yield folder
        finally:
            with self._lock:
                del self._folders[visitor]

    def _begin(self, visitor: str, address: str) -> Path:
        with self._lock:
            self.see_free(visitor)
            now = time.monotonic()
            for known in [known for known, times in self._begun.items() if times[-1] < now - RATE_S]:
                del self._begun[known]
            begun = self._begun[address]
            while begun and begun[0] < now - RATE_S:
                begun.popleft()
            if self._rate is not None and len(begun) >= self._rate:
                raise TooMany(f"These were {self._rate} paintings within the hour: come back a little later.")
            begun.append(now)
            folder = self._folders[visitor] = new_folder()
            return folder

    def see_free(self, visitor: str) -> None:
        """Raises TooMany: the visitor has a painting under way."""
        if self.paints(visitor):
            raise TooMany("One painting at a time: stop the one under way, or wait for it.")

    def paints(self, visitor: str) -> bool:
        """Whether the visitor has a painting under way"""
        return visitor in self._folders

    @property
    def busy(self) -> bool:
        """Whether anything is being painted"""
        return bool(self._folders)

    def stop(self, visitor: str) -> None:
        """Have the visitor's painting finished as it is; nothing where there is none."""
        with self._lock:
            folder = self._folders.get(visitor)
        if folder is not None:
            studio.stop(folder)


def address(request: gr.Request | None) -> str:
    """Where a request comes from; on a Space, what its proxy says, which can be made up: a courtesy, no lock."""
    if request is None or not request.client:
        return ""
    forwarded = request.headers.get("x-forwarded-for", "") if studio.ON_SPACE else ""
    return forwarded.split(",")[0].strip() or request.client.host


visitors = Visitors(RATE if studio.ON_SPACE else None)
