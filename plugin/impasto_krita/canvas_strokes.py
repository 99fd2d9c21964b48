"""Reports when the user may begin or end a brush stroke on a canvas. Krita's API does not."""

from __future__ import annotations

from krita import Krita

from .qt import QtCore, QtGui, QtWidgets

_CANVAS_CLASSES = ("KisOpenGLCanvas2", "KisQPainterCanvas")
_EVENTS = (
    QtCore.QEvent.Type.MouseButtonPress,
    QtCore.QEvent.Type.MouseButtonRelease,
    QtCore.QEvent.Type.TabletPress,
    QtCore.QEvent.Type.TabletRelease,
    QtCore.QEvent.Type.TouchBegin,
)


class CanvasStrokes(QtCore.QObject):
    """Watches the canvases of all windows.

    Signal: `pressed` before Krita handles a press or release of the pen or the left button: tools such as the line draw when
    it is released. With Ctrl, Krita picks a color.
    """

    pressed = QtCore.pyqtSignal()

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._watching = False
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.viewCreated.connect(lambda: QtCore.QTimer.singleShot(0, self._watch_canvases))

    def start(self) -> None:
        """Watch the canvases that are open, and those that will be opened."""
        self._watching = True
        self._watch_canvases()

    def stop(self) -> None:
        self._watching = False
        for canvas in _open_canvases():
            canvas.removeEventFilter(self)

    def eventFilter(self, watched: QtCore.QObject | None, event: QtCore.QEvent | None) -> bool:
        if event is not None and event.type() in _EVENTS and _may_draw(event):
            self.pressed.emit()
        return False

    def _watch_canvases(self) -> None:
        if self._watching:
            for canvas in _open_canvases():
                canvas.installEventFilter(self)  # which replaces an earlier installation


def _may_draw(event: QtCore.QEvent) -> bool:
    if not isinstance(event, (QtGui.QMouseEvent, QtGui.QTabletEvent)):
        return True
    return event.button() == QtCore.Qt.MouseButton.LeftButton and not (
        event.modifiers() & QtCore.Qt.KeyboardModifier.ControlModifier
    )


def _open_canvases() -> list[QtWidgets.QWidget]:
    found: list[QtWidgets.QWidget] = []
    for window in Krita.instance().windows():
        center = window.qwindow().centralWidget()  # the whole window has thousands of widgets
        for area in [] if center is None else center.findChildren(QtWidgets.QMdiArea):
            for view in area.subWindowList():
                widgets = view.findChildren(QtWidgets.QWidget)
                found += [widget for widget in widgets if any(widget.inherits(name) for name in _CANVAS_CLASSES)]
    return found
