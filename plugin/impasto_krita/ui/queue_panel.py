"""The paintings that wait: drag them into another order, remove one, or all."""

from __future__ import annotations

from typing import Any

from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest

from ..qt import QtCore, QtGui, QtWidgets
from ..runner import get_runner
from .labels import button, let_shrink

_ROW_HEIGHT, _MAX_ROWS = 22, 5


class QueuePanel(QtWidgets.QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._runner = get_runner()
        self._listed: list[PaintRequest] = []
        self._title = QtWidgets.QLabel()
        self._list = _QueueList()
        self._list.removed.connect(self._remove)
        model = self._list.model()
        assert model is not None
        model.rowsMoved.connect(self._on_moved)
        self._remove_button = button(i18n("Remove"), "remove_queued", self._remove)
        self._remove_button.setToolTip(i18n("Remove the selected painting from the queue."))
        self._clear_button = button(i18n("Remove all"), "clear_queue", self._runner.clear_queue)
        self._clear_button.setToolTip(i18n("Remove all paintings that wait. The one in progress goes on."))
        row = QtWidgets.QHBoxLayout()
        for widget in (self._remove_button, self._clear_button):
            let_shrink(widget)
            row.addWidget(widget)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._title)
        column.addWidget(self._list)
        column.addLayout(row)
        self.hide()

    def refresh(self) -> None:
        queue = self._runner.queue
        self.setVisible(bool(queue))
        if len(queue) == len(self._listed) and all(a is b for a, b in zip(queue, self._listed)):
            return
        row = self._list.currentRow()
        self._listed = list(queue)
        self._list.clear()
        for request in queue:
            self._list.addItem(request.title)
        self._list.setCurrentRow(min(row, len(queue) - 1))
        self._list.setFixedHeight(_ROW_HEIGHT * min(len(queue), _MAX_ROWS) + 6)
        self._title.setText(i18n("Waiting: {count}", count=len(queue)))

    def _remove(self) -> None:
        row = max(0, self._list.currentRow())
        if self._runner.queue:
            self._runner.remove_queued(row)

    def _on_moved(self, parent: Any, first: int, last: int, target: Any, row: int) -> None:
        new = row - 1 if row > first else row
        self._listed.insert(new, self._listed.pop(first))
        self._runner.move_queued(first, new)


class _QueueList(QtWidgets.QListWidget):
    """Signal: `removed` on Delete"""

    removed = QtCore.pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("impasto_queue")
        self.setDragDropMode(QtWidgets.QAbstractItemView.DragDropMode.InternalMove)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(QtCore.Qt.TextElideMode.ElideMiddle)
        self.setToolTip(i18n("Drag a painting to another place, or press Delete to remove it."))

    def keyPressEvent(self, event: QtGui.QKeyEvent | None) -> None:
        if event is not None and event.key() == QtCore.Qt.Key.Key_Delete:
            self.removed.emit()
        else:
            super().keyPressEvent(event)
