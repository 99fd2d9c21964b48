"""The frames of an animation: read from a clone of the document, and the files of those that are painted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import zlib
from typing import Callable, Generator, NamedTuple, Tuple

from impasto_client.disk import delete_in_background
from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest, with_margin
from impasto_client.version import VERSION

from . import layers, settings
from .animated_layer import encode_picture, write_animated_layer
from .steps import IDLE_MS, NEXT_MS, Steps

#: So many folders with the frames of unfinished animations are kept; older ones are deleted.
_KEPT_FOLDERS = 4

Stripes = Tuple[Tuple[int, int, bytes], ...]  # (y, rows, pixels) from the top


class Film:
    """A range of frames to paint, and the files of those that are done"""

    def __init__(self, request: PaintRequest, first: int, last: int, steady: float) -> None:
        self.request, self.first, self.last, self.steady = request, first, last, steady
        self.files: list[str] = []  # of the frames from the first on; equal frames share a file
        self.earlier_files: list[str] = []  # the same, before painting went on
        self.store: FrameStore | None = None  # where the files are
        self.canvas = layers.canvas_rect(request.document)
        self.rect = self.canvas  # that the engine paints
        self._mask = None
        if request.selection is not None:
            self._mask, selected = request.selection
            self.rect = with_margin(selected).intersection(self.canvas) if selected.width and selected.height else selected

    @property
    def count(self) -> int:
        """How many frames the range has."""
        return self.last + 1 - self.first

    def problem(self) -> str:
        """Why the film cannot go on, in one sentence, or an empty string."""
        if not layers.is_open(self.request.document):
            return i18n("The picture was closed. Open it and paint its frames again: those that are done are kept.")
        if layers.canvas_rect(self.request.document) != self.canvas:
            return i18n("The picture's size was changed: paint the frames again.")
        if not self.rect.width or not self.rect.height:
            return i18n("The selection is outside the picture: there is nothing to paint.")
        return ""

    def keep_earlier_files(self) -> None:
        """Painting has stopped, perhaps before it was where it was stopped before: what was done then is still done."""
        if self.earlier_files[: len(self.files)] == self.files:
            self.files = self.earlier_files
        self.earlier_files = []

    def require(self) -> None:
        """Raises PluginError if the film cannot go on"""
        problem = self.problem()
        if problem:
            raise PluginError(problem)

    def read_mask(self) -> Generator[int, None, Stripes]:
        """Read the selection, one stripe per step.  Returns its stripes, or an empty tuple if everything is painted"""
        stripes: list[tuple[int, int, bytes]] = []
        if self._mask is not None:
            for stripe in layers.mask_stripes(self._mask, self.rect):
                stripes.append(stripe)
                yield NEXT_MS
        return tuple(stripes)

    def key(self, mask: Stripes) -> str:
        """A string that is different for all settings on which the result depends."""
        request = self.request
        names = [VERSION, request.layer_key, request.styles[0].network, request.protected and request.protected.layer_key]
        values = json.dumps([names, self.steady, self.canvas, self.rect, request.options], sort_keys=True, default=str)
        return digest_of(values.encode(), *(pixels for _, _, pixels in mask)).hex()


class FilmSnapshot(layers.Snapshot):
    """A clone of a document, to read frames from."""

    def show_frame(self, moment: int) -> Steps:
        """Go to a frame, and wait until Krita has drawn it."""
        self._document.setCurrentTime(moment)
        yield from layers.wait_for_drawing(self._document)


class Frame(NamedTuple):
    """The pixels of a frame"""

    stripes: Stripes
    protected: tuple[str, Stripes] | None  # format and stripes of what keeps its shapes
    digest: bytes
    is_empty: bool  # transparent everywhere


def read_frame(snapshot: FilmSnapshot, film: Film) -> Generator[int, None, Frame]:
    """Read the current frame of the snapshot, one stripe per step."""
    picture = snapshot.picture(film.request.layer_key, film.rect)
    picture.depth = "U8"
    hasher, is_empty = hashlib.blake2b(digest_size=16), True
    stripes, protected_stripes = [], []
    for stripe in picture.stripes():
        stripes.append(stripe)
        hasher.update(stripe[2])
        is_empty = is_empty and not stripe[2][3::4].strip(b"\0")
        yield NEXT_MS
    protected = None
    if film.request.protected is not None:
        pixel_format, region = snapshot.region(film.request.protected.layer_key, film.rect)
        for stripe in region:
            protected_stripes.append(stripe)
            hasher.update(stripe[2])
            yield NEXT_MS
        protected = pixel_format, tuple(protected_stripes)
    return Frame(tuple(stripes), protected, hasher.digest(), is_empty)


class FrameStore:
    """The folder with the painted frames of a film"""

    def __init__(self, key: str) -> None:
        """Raises PluginError if the folder cannot be created"""
        parent = os.path.join(settings.data_folder(), "animations")
        self._folder = os.path.join(parent, key)
        try:
            os.makedirs(self._folder, exist_ok=True)
            os.utime(self._folder)
        except OSError as error:
            raise PluginError(_cannot_store(error)) from error
        with contextlib.suppress(OSError):  # one of them is being deleted
            folders = sorted((os.path.join(parent, name) for name in os.listdir(parent)), key=os.path.getmtime)
            for folder in folders[:-_KEPT_FOLDERS]:
                delete_in_background(folder)

    def path(self, name: str) -> str:
        return os.path.join(self._folder, f"{name}.frame")

    def contains(self, name: str, film: Film) -> bool:
        """Whether this frame is complete."""
        return os.path.exists(self.path(name)) and (not film.steady or os.path.exists(self._state_path(name)))

    def state(self, name: str) -> bytes:
        """The state of the smoothing after this frame; empty if `name` is.  Raises PluginError"""
        if not name:
            return b""
        try:
            with open(self._state_path(name), "rb") as file:
                return file.read()
        except OSError as error:
            raise PluginError(_cannot_store(error)) from error

    def write(self, name: str, film: Film, rows: list[bytes], state: bytes) -> Steps:
        """Write a frame in another thread.  rows: of the part that was painted.  Raises PluginError"""

        def write() -> None:
            if state:
                _write_file(self._state_path(name), state)
            _write_file(self.path(name), encode_picture(b"".join(rows), film.rect))

        yield from _run_in_thread(write)

    def write_layer(self, film: Film) -> Generator[int, None, str]:
        """Write a Krita file with the frames that are done in another thread.  Returns its path.  Raises PluginError

        A drawing that is held has one keyframe. After the last frame, the layer is transparent.
        """
        path = os.path.join(self._folder, "layer.kra")
        files = [*film.files]
        if film.first + len(files) <= film.request.document.fullClipRangeEndTime():
            files.append("")
        changes = [index for index in range(len(files)) if index == 0 or files[index] != files[index - 1]]
        keyframes = [(film.first + index, files[index]) for index in changes]
        try:
            yield from _run_in_thread(lambda: write_animated_layer(path, film.canvas, keyframes))
        except zlib.error as error:
            film.files = film.earlier_files = []
            self.delete()
            raise PluginError(i18n("The frames that were painted are damaged: paint them again.")) from error
        return path

    def delete(self) -> None:
        """Delete the folder."""
        delete_in_background(self._folder)

    def _state_path(self, name: str) -> str:
        return os.path.join(self._folder, f"{name}.state")


def _run_in_thread(work: Callable[[], None]) -> Steps:
    """Wait for work in another thread.  Raises PluginError if a file cannot be written or read, and what else `work` raises"""
    problems: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            problems.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        yield IDLE_MS
    for problem in problems:
        if isinstance(problem, OSError):
            raise PluginError(_cannot_store(problem)) from problem
        raise problem


def _write_file(path: str, content: bytes) -> None:
    """Write a file that exists only once it is complete.  Raises OSError"""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.replace(path + ".new", path)


def _cannot_store(error: OSError) -> str:
    reason = error.strerror or str(error)
    return i18n("The frames cannot be stored ({reason}): free some space on the disk, and press Resume.", reason=reason)


def digest_of(*parts: bytes) -> bytes:
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        hasher.update(part)
    return hasher.digest()
