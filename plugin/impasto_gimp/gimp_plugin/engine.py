"""The engine for one call of a procedure: the one that is kept warm, or one of its own."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import time
from abc import ABC, abstractmethod
from typing import IO, Any, Iterator, Protocol

from gi.repository import Gimp, GLib

from impasto_client import messages
from impasto_client.disk import lock
from impasto_client.engine_install import find_engine_command
from impasto_client.engine_stream import image_frames
from impasto_client.errors import PluginError
from impasto_client.installation import engine_python, this_local_folder
from impasto_client.protocol import FrameReader, encode_frame
from impasto_client.worker_process import WorkerProcess

from . import settings

#: The temporary procedure of the process that keeps the engine
EXCHANGE = "impasto-engine-exchange"
#: Bytes that are sent in one call of it. GIMP copies them a few times.
_MAX_SENT_BYTES = 4 << 20
#: Seconds that one call of it may wait
_MAX_WAIT_SECONDS = 0.25


class Picture(Protocol):
    """A picture to send"""

    format: str  # of the protocol

    @property
    def size(self) -> tuple[int, int]:
        """Width and height"""

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (y, rows, pixels) from the top."""


class Engine(ABC):
    """Exchanges frames with a worker process."""

    @property
    @abstractmethod
    def hello(self) -> dict[str, Any]:
        """Its first frame, with version and options; empty before that"""

    @abstractmethod
    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Send a frame."""

    @abstractmethod
    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes] | None:
        """Return the next frame, or None if there is none within so many seconds.  Raises PluginError: it has ended"""

    @abstractmethod
    def close(self) -> None:
        """This call needs the engine no more."""

    def send_image(self, job: int, role: str, index: int, picture: Picture) -> None:
        """Send a picture."""
        for header, blob in image_frames(job, role, index, picture.size, picture.format, picture.stripes()):
            self.send(header, blob)

    def next_job(self) -> int:
        """A number that no job of this or another call has had"""
        return time.monotonic_ns() // 1000 % 2**31


class OwnEngine(Engine):
    """A worker process of this call, which ends with it"""

    def __init__(self, command: list[str]) -> None:
        self._worker = WorkerProcess(command)

    @property
    def hello(self) -> dict[str, Any]:
        return self._worker.hello

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        self._worker.send(header, blob)

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes] | None:
        return self._worker.receive(seconds)

    def close(self) -> None:
        self._worker.stop()


class KeptEngine(Engine):
    """The worker process that another process of the plug-in keeps warm. Frames travel through a procedure of GIMP's."""

    def __init__(self, command: list[str], lock_file: IO[str]) -> None:
        """command: that runs `impasto`; lock_file: from `lock`; this closes it"""
        self._lock_file = lock_file
        self._procedure = Gimp.get_pdb().lookup_procedure(EXCHANGE)
        self._arguments = {"session": f"{os.getpid()} {time.time()}", "command": json.dumps(command)}
        self._hello: dict[str, Any] = {}
        self._unsent = bytearray()
        self._received: collections.deque[tuple[dict[str, Any], bytes]] = collections.deque()
        self._reader = FrameReader()

    @property
    def hello(self) -> dict[str, Any]:
        return self._hello

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        self._unsent += encode_frame(header, blob)
        if len(self._unsent) > _MAX_SENT_BYTES:
            self._exchange()

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes] | None:
        end = time.monotonic() + seconds
        while not self._received:
            left = end - time.monotonic()
            self._exchange(max(0.0, left))
            if not self._received and left <= 0:
                return None
        return self._received.popleft()

    def close(self) -> None:
        if self._unsent:
            with contextlib.suppress(PluginError):  # it has ended
                self._exchange()
        self._lock_file.close()

    def _exchange(self, seconds: float = 0.0) -> None:
        """Send what is unsent, and receive what there is; if that is nothing, wait so long at most.  Raises PluginError"""
        config = self._procedure.create_config()
        config.set_property("wait", min(seconds, _MAX_WAIT_SECONDS))
        for name, value in self._arguments.items():
            config.set_property(name, value)
        config.set_property("sent", GLib.Bytes.new(bytes(self._unsent)))
        self._unsent.clear()
        answer = self._procedure.run(config)
        if answer.index(0) != Gimp.PDBStatusType.SUCCESS:
            raise PluginError(Gimp.get_pdb().get_last_error())
        if answer.index(2):
            raise PluginError(answer.index(2))
        for header, blob in self._reader.feed(answer.index(1).get_data() or b""):
            if header.get("op") == "hello":
                self._hello = header
            self._received.append((header, blob))


def open_engine() -> Engine:
    """The engine for this call: the one that is kept, or one of its own while another call has that.

    One call at a time, because GIMP mixes up the answers to two that run the same procedure at once.
    Raises PluginError: it is not installed, or cannot be started
    """
    command = engine_command()
    if command is None:
        raise PluginError(messages.engine_missing())
    if Gimp.get_pdb().procedure_exists(EXCHANGE):
        folder = settings.data_folder()
        with contextlib.suppress(OSError):
            os.makedirs(folder, exist_ok=True)
            lock_file = lock(os.path.join(folder, "engine.lock"))
            if lock_file is not None:
                return KeptEngine(command, lock_file)
    return OwnEngine(command)


def engine_command() -> list[str] | None:
    """The command that runs the engine, or None if there is no engine."""
    return find_engine_command(str(settings.load().get("engine", "")), engine_python(this_local_folder()))
