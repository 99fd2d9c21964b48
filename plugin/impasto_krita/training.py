"""Trains an instant style: a network learns a style in an engine process of its own, while painting goes on in the other."""

from __future__ import annotations

from typing import Any, Callable

from impasto_client.i18n import i18n
from impasto_client.messages import training_progress
from impasto_client.protocol import PROTOCOL
from impasto_client.request import StyleSource

from . import layers
from .engine_process import EngineProcess, preview_image
from .qt import QtCore, QtGui
from .steps import IDLE_MS, StepRunner, Steps

#: How long a style is trained. Twice as long gives a better network, but not twice as good.
MINUTES = 20
_JOB = 1
#: The options that a training uses
_OPTIONS = ("style_loss", "seed")


class StyleTraining(QtCore.QObject):
    """Trains one style at a time.

    Signals: `changed` when something visible has changed, `trained(path, network)` when there is a new
    network: the picture file that it was trained on, or an empty string, and its name.
    """

    changed, trained = QtCore.pyqtSignal(), QtCore.pyqtSignal(str, str)

    def __init__(self, engine_command: Callable[[], list[str] | None], parent: QtCore.QObject | None = None) -> None:
        """engine_command: returns the command that runs the engine, or None if there is no engine"""
        super().__init__(parent)
        self.status, self.fraction = "", 0.0
        self.preview: QtGui.QImage | None = None
        self._engine_command = engine_command
        self._engine = EngineProcess(self)
        self._engine.frame_received.connect(self._on_frame)
        self._engine.exited.connect(self._end)
        self._name = self._path = ""  # of the style that is trained
        self._steps = StepRunner(self)
        self._steps.failed.connect(self._end)

    @property
    def busy(self) -> bool:
        return bool(self._name)

    def start(self, document: Any, style: StyleSource, options: dict[str, Any], minutes: float = MINUTES) -> None:
        """Train a style that is a layer or an image file.  options: the engine's, of which a training uses some"""
        options = {name: options[name] for name in _OPTIONS if name in options}
        command = self._engine_command()
        if self.busy or command is None:
            return
        self._name, self._path, self.fraction, self.preview = style.name, style.path, 0.0, None
        self._set_status(i18n("Learning {style}: starting", style=style.name))
        self._engine.start(command)
        self._steps.start(self._send_style(document, style, options, minutes))

    def finish(self) -> None:
        """Stop early and keep the network, or cancel if nothing has been learned yet."""
        if not self.busy:
            return
        if self._steps.running or not self.fraction:
            self._end(i18n("Stopped: nothing has been learned yet."))
            return
        self._engine.send({"op": "finish", "job": _JOB})
        self._set_status(i18n("Learning {style}: saving the network", style=self._name))

    def close(self) -> None:
        """Stop and discard the network. Call this when Krita closes."""
        self._end("")

    def _send_style(self, document: Any, style: StyleSource, options: dict[str, Any], minutes: float) -> Steps:
        """Send the style to the engine and start the training."""
        snapshot = None if style.path else layers.Snapshot(document)
        try:
            while not self._engine.ready:
                yield IDLE_MS
            if snapshot is None:
                self._engine.send({"op": "image", "job": _JOB, "role": "style", **style.to_header()})
            else:
                yield from snapshot.make_visible([style.layer_key])
                picture = snapshot.picture(style.layer_key)
                yield from self._engine.send_image(_JOB, "style", 0, picture.size, picture.format, picture.stripes())
        finally:
            if snapshot is not None:
                snapshot.close()
        self._engine.send({"op": "train", "job": _JOB, "name": style.name, "minutes": minutes, "options": options})

    def _on_frame(self, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "hello" and header.get("protocol") != PROTOCOL:
            self._end(i18n("The engine does not match the plugin: install it again."))
        elif op == "progress":
            if header.get("phase") == "training":
                self.fraction = float(header["fraction"])
            self._set_status(training_progress(self._name, header))
        elif op == "preview":
            self.preview = preview_image(header, blob)
            self.changed.emit()
        elif op == "done":
            path = self._path
            self._end(i18n("{style} is an instant style now.", style=self._name))
            self.trained.emit(path, str(header.get("net")))
        elif op == "error":
            self._end(str(header.get("text")))

    def _end(self, message: str) -> None:
        self._steps.stop()
        self._engine.stop()
        self._name, self.preview = "", None
        self._set_status(message)

    def _set_status(self, status: str) -> None:
        self.status = status
        self.changed.emit()
