"""The engine from Krita's side: a child process that speaks frames, started when it is first needed and kept warm.

Nothing here waits: what the process says arrives as signals.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, Iterable, Iterator

from .frames import FrameError, Reader, pack
from .qt import QtCore, QtGui

#: What Krita sets for itself and the engine's Python must not see.
_KRITAS_OWN = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH", "VIRTUAL_ENV")
#: Bytes that are taken from the pipe before Krita gets its turn.
_AT_A_TIME = 1 << 21
_LAST_WORDS = 8192
#: Bytes that may wait for the pipe while a layer is read.
_WAITING = 32 << 20
#: What Krita's event loop is given between two pieces of our work, and when there is nothing to do but to wait.
NEXT_MS, IDLE_MS = 0, 20


def clean_environment() -> Any:
    """The environment for a program that is not Krita's."""
    environment = QtCore.QProcessEnvironment.systemEnvironment()
    for name in _KRITAS_OWN:
        environment.remove(name)
    environment.insert("PYTHONUTF8", "1")
    return environment


def find_command(setting: str, own_python: str | None) -> list[str] | None:
    """The command that runs the engine: the user's setting, IMPASTO_ENGINE, the plugin's own environment, the PATH."""
    for given in (setting, os.environ.get("IMPASTO_ENGINE", "")):
        if given:
            return [given, "-m", "impasto"] if os.path.basename(given).lower().startswith("python") else [given]
    if own_python:
        return [own_python, "-m", "impasto"]
    found = shutil.which("impasto")
    return [found] if found else None


def picture(header: dict[str, Any], blob: bytes) -> Any:
    """A preview that the engine has sent, as a QImage of its own"""
    width, height = header["width"], header["height"]
    return QtGui.QImage(blob, width, height, 4 * width, QtGui.QImage.Format.Format_ARGB32).copy()


class Engine(QtCore.QObject):
    """A worker process. `said` gives its frames, `stopped` a sentence when it ended without being asked to."""

    said = QtCore.pyqtSignal(dict, bytes)
    stopped = QtCore.pyqtSignal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.hello: dict[str, Any] = {}  # what it said first: version and options
        self.ready: dict[str, Any] = {}  # what it said once it was warm: device
        self.last_words = ""  # the end of what it wrote to standard error
        self._process: Any | None = None
        self._reader = Reader()

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, command: list[str]) -> None:
        """Start the process, unless it runs."""
        if self._process is not None:
            return
        self.hello, self.ready, self.last_words = {}, {}, ""
        self._reader = Reader()
        process = QtCore.QProcess(self)
        process.setProcessEnvironment(clean_environment())
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._listen)
        process.errorOccurred.connect(self._failed)
        process.finished.connect(self._finished)
        self._process = process
        process.start(command[0], [*command[1:], "worker"])

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Write a frame; Qt keeps what the pipe does not take yet. Nothing happens where no process runs."""
        if self._process is not None:
            self._process.write(pack(header, blob))

    def send_rows(
        self, number: int, role: str, index: int, size: tuple[int, int], kind: str, stripes: Iterable[tuple[int, int, bytes]]
    ) -> Iterator[int]:
        """Send a picture, a stripe at a time. Yields milliseconds to wait.  size: width and height"""
        about = {"op": "image", "job": number, "role": role}
        self.send({**about, "width": size[0], "height": size[1], "format": kind})
        for y, rows, pixels in stripes:
            self.send({"op": "rows", "job": number, "role": role, "index": index, "y": y, "rows": rows}, pixels)
            yield NEXT_MS
            while self.pending() > _WAITING:
                yield IDLE_MS

    def pending(self) -> int:
        """Bytes that wait for the pipe"""
        return self._process.bytesToWrite() if self._process is not None else 0

    def stop(self) -> None:
        """End the process; it says nothing more."""
        process, self._process = self._process, None
        self.hello, self.ready = {}, {}
        if process is None:
            return
        for signal in (process.readyReadStandardOutput, process.errorOccurred, process.finished):
            signal.disconnect()
        process.closeWriteChannel()
        if not process.waitForFinished(200):
            process.kill()
            process.waitForFinished(500)
        process.deleteLater()

    def _read(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            for header, blob in self._reader.feed(bytes(process.read(_AT_A_TIME))):
                if header.get("op") == "hello":
                    self.hello = header
                elif header.get("op") == "ready":
                    self.ready = header
                self.said.emit(header, blob)
                if self._process is not process:  # a listener stopped it
                    return
        except FrameError as error:
            self.stop()
            self.stopped.emit(f"The engine does not speak the plugin's language ({error}). Set it up again.")
            return
        if process.bytesAvailable():
            QtCore.QTimer.singleShot(0, self._read)

    def _listen(self) -> None:
        if self._process is not None:
            text = bytes(self._process.readAllStandardError()).decode("utf-8", "replace")
            self.last_words = (self.last_words + text)[-_LAST_WORDS:]

    def _failed(self, error: Any) -> None:
        if error == QtCore.QProcess.ProcessError.FailedToStart and self._process is not None:
            program = self._process.program()
            self._drop()
            self.stopped.emit(f"The engine cannot be started: there is no program {program}. Set it up again.")

    def _finished(self, code: int, status: Any) -> None:
        if self._process is None:
            return
        self._listen()
        self._drop()
        last = [line for line in self.last_words.splitlines() if line.strip()]
        if status == QtCore.QProcess.ExitStatus.CrashExit or not last:
            self.stopped.emit(f"The engine ended unexpectedly ({code}). It starts again with the next picture.")
        else:
            self.stopped.emit(f"The engine ended: {last[-1]}")

    def _drop(self) -> None:
        process, self._process = self._process, None
        self.hello, self.ready = {}, {}
        if process is not None:
            process.deleteLater()
