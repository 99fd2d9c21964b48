"""The engine as a child process that exchanges frames with the plugin. It is started when first needed and kept running.

No call waits for the process: its answers arrive as signals.
"""

from __future__ import annotations

from typing import Any, Iterable

from impasto_client.engine_stream import EngineStream, KnowsStream, image_frames, missing_message, unreadable_message
from impasto_client.protocol import FrameError, encode_frame
from impasto_client.setup_steps import program_environment

from .qt import QtCore, QtGui
from .steps import IDLE_MS, NEXT_MS, Steps

#: Bytes that are read from the pipe before the event loop runs again.
_READ_BYTES = 1 << 21
#: Bytes that may wait in the pipe before the next rows of an image are read.
_MAX_PENDING_BYTES = 32 << 20


def engine_environment() -> QtCore.QProcessEnvironment:
    """The environment variables for a program that is not part of Krita."""
    environment = QtCore.QProcessEnvironment()
    for name, value in program_environment().items():
        environment.insert(name, value)
    return environment


def preview_image(header: dict[str, Any], pixels: bytes) -> QtGui.QImage:
    """The image of a `preview` frame."""
    width, height = header["width"], header["height"]
    return QtGui.QImage(pixels, width, height, 4 * width, QtGui.QImage.Format.Format_ARGB32).copy()


def bgra_bytes(image: QtGui.QImage) -> bytes:
    """The pixels of an image in the format bgra8."""
    image = image.convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    pixels = image.constBits()
    assert pixels is not None
    return bytes(pixels.asarray(image.sizeInBytes()))


class EngineProcess(QtCore.QObject, KnowsStream):
    """A worker process.

    Signals: `frame_received(header, blob)`, and `exited(message)` when the process has ended without being asked to.
    """

    frame_received = QtCore.pyqtSignal(dict, bytes)
    exited = QtCore.pyqtSignal(str)

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QtCore.QProcess | None = None
        self._stream = EngineStream()

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, command: list[str]) -> None:
        """Start the process, unless it is running."""
        if self._process is not None:
            return
        self._stream = EngineStream()
        process = QtCore.QProcess(self)
        process.setProcessEnvironment(engine_environment())
        process.readyReadStandardOutput.connect(self._read_frames)
        process.readyReadStandardError.connect(self._read_stderr)
        process.errorOccurred.connect(self._on_error)
        process.finished.connect(self._on_finished)
        self._process = process
        process.start(command[0], [*command[1:], "worker"])

    def send(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Write a frame, unless no process is running. Qt buffers what the pipe cannot take yet."""
        if self._process is not None:
            self._process.write(encode_frame(header, blob))

    def send_image(
        self,
        job: int,
        role: str,
        index: int,
        size: tuple[int, int],
        pixel_format: str,
        stripes: Iterable[tuple[int, int, bytes]],
        **more: int,
    ) -> Steps:
        """Send an image, one stripe per step.  size: width, height; stripes: (y, rows, pixels); more: of its header"""
        for header, blob in image_frames(job, role, index, size, pixel_format, stripes, **more):
            self.send(header, blob)
            if not blob:
                continue
            yield NEXT_MS
            while self.bytes_pending() > _MAX_PENDING_BYTES:
                yield IDLE_MS

    def bytes_pending(self) -> int:
        """The number of bytes that wait for the pipe."""
        return self._process.bytesToWrite() if self._process is not None else 0

    def stop(self) -> None:
        """End the process. No signal is emitted after this."""
        process = self._process
        if process is None:
            return
        for signal in (process.readyReadStandardOutput, process.errorOccurred, process.finished):
            signal.disconnect()
        self._forget_process()
        process.closeWriteChannel()
        if not process.waitForFinished(200):
            process.kill()
            process.waitForFinished(500)

    def _read_frames(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            for header, blob in self._stream.feed(bytes(process.read(_READ_BYTES))):
                self.frame_received.emit(header, blob)
                if self._process is not process:  # a receiver of the signal has stopped it
                    return
        except FrameError as error:
            self.stop()
            self.exited.emit(unreadable_message(error))
            return
        if process.bytesAvailable():
            QtCore.QTimer.singleShot(0, self._read_frames)

    def _read_stderr(self) -> None:
        if self._process is not None:
            self._stream.feed_stderr(bytes(self._process.readAllStandardError()))

    def _on_error(self, error: QtCore.QProcess.ProcessError) -> None:
        if error == QtCore.QProcess.ProcessError.FailedToStart and self._process is not None:
            program = self._process.program()
            self._forget_process()
            self.exited.emit(missing_message(program))

    def _on_finished(self, code: int, status: QtCore.QProcess.ExitStatus) -> None:
        if self._process is None:
            return
        self._read_stderr()
        self._forget_process()
        self.exited.emit(self._stream.end_message(code, status == QtCore.QProcess.ExitStatus.CrashExit))

    def _forget_process(self) -> None:
        process, self._process = self._process, None
        self._stream.forget()
        if process is not None:
            process.deleteLater()
