"""The part of the docker that paints the frames of an animation."""

from __future__ import annotations

from typing import Any

from krita import Document

from impasto_client.i18n import i18n

from ..animation import STEADY, AnimationPainting, frame_range, has_animation
from ..qt import QtCore, QtWidgets
from .labels import button, label, show_text
from .option_widgets import PercentSlider, ignore_wheel

#: The largest number of a frame, and of the smoothing over time
_LAST_FRAME, _MAX_STEADY = 9999, 0.95
#: So narrow that the docker can be 250 pixels wide
_BOX_WIDTH = 56


class AnimationPanel(QtWidgets.QWidget):
    """The range of frames, the smoothing over time, the button that paints or stops, and what to do after a stop.

    Signals: `start_requested(first, last, steady)` and `resume_requested`, because the engine has to be started for them.
    """

    start_requested = QtCore.pyqtSignal(int, int, float)
    resume_requested = QtCore.pyqtSignal()

    def __init__(self, animation: AnimationPainting, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._animation = animation
        self._available = self._has_animation = False
        self._range: Any = None  # the document and its frames, as shown last
        self.first, self.last = _frame_box("first_frame"), _frame_box("last_frame")
        frames = QtWidgets.QHBoxLayout()
        frames.addWidget(QtWidgets.QLabel(i18n("Frames")))
        frames.addWidget(self.first, 1)
        frames.addWidget(QtWidgets.QLabel(i18n("to")))
        frames.addWidget(self.last, 1)
        self.steady = PercentSlider(0, _MAX_STEADY)
        self.steady.setObjectName("impasto_steady")
        self.steady.setToolTip(
            i18n("How much a frame takes over from the frames before it. More is calmer; less follows fast changes better.")
        )
        self.steady.set_value(STEADY)
        steady_title = QtWidgets.QLabel(i18n("Smooth over time"))
        self._button = button("", "paint_frames", self._on_button)
        self._button.setToolTip(i18n("Paint these frames of the active layer, and add them as a new animated layer."))
        self._bar = QtWidgets.QProgressBar()
        self._bar.setObjectName("impasto_animation_progress")
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(8)
        self._status = label("animation_status")
        self._resume = button(i18n("Resume"), "resume_frames", self.resume_requested.emit)
        self._add_done = button("", "add_frames", self._animation.add_done)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(frames)
        for widget in (steady_title, self.steady, self._button, self._bar, self._status, self._resume, self._add_done):
            column.addWidget(widget)
        animation.changed.connect(self._show_state)
        self._show_state()

    def set_available(self, available: bool) -> None:
        """available: whether an instant style is chosen. Without one, no frames can be painted."""
        self._available = available
        self._show_state()

    def refresh(self, document: Document | None) -> None:
        """Show the frames of the active layer, if they are others than before. Call this from time to time."""
        self._has_animation = has_animation(document)
        if document is not None and self._has_animation:
            frames = frame_range(document)
            if self._range != (document, frames):
                self._range = document, frames
                self.first.setValue(frames[0])
                self.last.setValue(frames[1])
        self._show_state()

    def _on_button(self) -> None:
        if self._animation.busy:
            self._animation.stop()
        else:
            self.start_requested.emit(self.first.value(), self.last.value(), self.steady.value())

    def _show_state(self) -> None:
        animation = self._animation
        busy, can_resume, done = animation.busy, animation.can_resume, animation.done_frames
        self.setVisible(busy or self._has_animation)
        self._button.setEnabled(busy or self._available)
        for widget in (self.first, self.last, self.steady):
            widget.setEnabled(not busy)
        self._button.setText(i18n("Stop") if busy else i18n("Paint frames"))
        self._bar.setVisible(busy)
        self._bar.setValue(round(1000 * animation.fraction))
        text = animation.status or i18n("Uses the instant style; Quality has no effect.")
        show_text(self._status, text if busy or self._available else i18n("Choose a style with a bolt."))
        self._resume.setVisible(can_resume)
        self._add_done.setVisible(can_resume and done > 0)
        self._add_done.setText(i18n("Add {count} finished frames", count=done))


def _frame_box(name: str) -> QtWidgets.QSpinBox:
    box = QtWidgets.QSpinBox()
    box.setObjectName("impasto_" + name)
    box.setRange(0, _LAST_FRAME)
    box.setMinimumWidth(_BOX_WIDTH)
    ignore_wheel(box)
    return box
