"""The list of thumbnails from which the user chooses styles, by mouse and keyboard."""

from __future__ import annotations

import os
from typing import Any, Sequence

from impasto_client.i18n import i18n
from impasto_client.style_library import StyleEntry

from ..qt import QtCore, QtGui, QtWidgets
from .style_thumbnails import Thumbnails

#: Side of a thumbnail, in the screen's units, the margin around it, and the rows that are shown
THUMBNAIL_SIDE, _MARGIN, _SHOWN_ROWS = 64, 1, 2.4
_MARK_SIDE = 18
_STAR = ((0, -7), (2, -2), (7, -2), (3, 1.5), (4.5, 7), (0, 3.5), (-4.5, 7), (-3, 1.5), (-7, -2), (-2, -2))
_BOLT = ((1.5, -7), (-4, 1), (-0.5, 1), (-1.5, 7), (4, -1.5), (0.5, -1.5))

_Key = QtCore.Qt.Key
_USED_KEYS = (
    _Key.Key_Up,
    _Key.Key_Down,
    _Key.Key_Left,
    _Key.Key_Right,
    _Key.Key_Home,
    _Key.Key_End,
    _Key.Key_PageUp,
    _Key.Key_PageDown,
    _Key.Key_Return,
    _Key.Key_Enter,
    _Key.Key_Delete,
    _Key.Key_F2,
    _Key.Key_Menu,
)


class StyleModel(QtCore.QAbstractListModel):
    """The styles that are listed.  Signal: `renamed` with the key and the new name of a style"""

    renamed = QtCore.pyqtSignal(str, str)

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: list[StyleEntry] = []

    def set_entries(self, entries: list[StyleEntry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: QtCore.QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: QtCore.QModelIndex, role: int = 0) -> Any:
        entry = self.entries[index.row()]
        if role in (QtCore.Qt.ItemDataRole.DisplayRole, QtCore.Qt.ItemDataRole.EditRole):
            return entry.name
        if role == QtCore.Qt.ItemDataRole.ToolTipRole:
            return "\n".join(line for line in (entry.name, describe(entry), entry.path) if line)
        if role == QtCore.Qt.ItemDataRole.AccessibleDescriptionRole:
            return describe(entry)
        return None

    def setData(self, index: QtCore.QModelIndex, value: Any, role: int = 0) -> bool:
        self.renamed.emit(self.entries[index.row()].key, str(value))
        return True

    def flags(self, index: QtCore.QModelIndex) -> QtCore.Qt.ItemFlags:
        editable = index.isValid() and self.entries[index.row()].can_rename
        return super().flags(index) | QtCore.Qt.ItemFlag.ItemIsEditable if editable else super().flags(index)


def describe(entry: StyleEntry) -> str:
    """What kind of style it is, in a few words."""
    if entry.kind == "folder":
        return i18n("The folder is missing")
    if entry.missing:
        return i18n("The file is missing")
    kinds = {
        "layer": i18n("Layer"),
        "picture": i18n("Picture"),
        "painting": i18n("Painting"),
        "network": i18n("Instant style"),
    }
    kind = kinds.get(entry.kind, "")
    if entry.folder:
        kind = i18n("Picture of {folder}", folder=os.path.basename(entry.folder))
    return i18n("{kind}, also instant", kind=kind) if entry.network and entry.has_picture else kind


class _Delegate(QtWidgets.QStyledItemDelegate):
    """Draws a style: its thumbnail, its marks, and its name below."""

    def __init__(self, thumbnails: Thumbnails, view: StyleView) -> None:
        super().__init__(view)
        self._thumbnails, self._view = thumbnails, view

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex) -> QtCore.QSize:
        return self._view.gridSize()

    def paint(self, painter: QtGui.QPainter | None, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex) -> None:
        assert painter is not None
        entry = self._view.styles.entries[index.row()]
        palette, cell = option.palette, option.rect
        selected = bool(option.state & QtWidgets.QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QtWidgets.QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        highlight = palette.color(QtGui.QPalette.ColorRole.Highlight)
        if selected:
            painter.setPen(QtCore.Qt.PenStyle.NoPen)
            painter.setBrush(highlight)
            painter.drawRoundedRect(cell.adjusted(0, 0, -1, -1), 3, 3)
        side = THUMBNAIL_SIDE
        square = QtCore.QRect(cell.x() + (cell.width() - side) // 2, cell.y() + _MARGIN + 1, side, side)
        self._draw_thumbnail(painter, entry, square, palette)
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        if entry.key in self._view.chosen:
            painter.setPen(
                QtGui.QPen(
                    palette.color(
                        QtGui.QPalette.ColorRole.HighlightedText if selected else QtGui.QPalette.ColorRole.Highlight
                    ),
                    2,
                )
            )
            painter.drawRect(square.adjusted(1, 1, -1, -1))
        if focused:
            painter.setPen(QtGui.QPen(palette.color(QtGui.QPalette.ColorRole.Text), 1, QtCore.Qt.PenStyle.DotLine))
            painter.drawRect(cell.adjusted(0, 0, -1, -1))
        role = QtGui.QPalette.ColorRole.HighlightedText if selected else QtGui.QPalette.ColorRole.Text
        group = QtGui.QPalette.ColorGroup.Disabled if entry.missing and not selected else QtGui.QPalette.ColorGroup.Normal
        painter.setPen(palette.color(group, role))
        line = self._name_rect(cell)
        name = option.fontMetrics.elidedText(entry.name, QtCore.Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, QtCore.Qt.AlignmentFlag.AlignCenter, name)
        painter.restore()

    def updateEditorGeometry(
        self, editor: QtWidgets.QWidget | None, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex
    ) -> None:
        """The name is edited on the full width of the list if need be."""
        assert editor is not None
        if isinstance(editor, QtWidgets.QLineEdit):
            editor.setFrame(True)
        line = self._name_rect(option.rect)
        area, height = self._view.contentsRect(), editor.sizeHint().height()
        width = min(area.width(), 2 * option.rect.width())
        left = max(0, min(line.center().x() - width // 2, area.width() - width))
        editor.setGeometry(left, line.bottom() - height, width, height)

    def _name_rect(self, cell: QtCore.QRect) -> QtCore.QRect:
        top = cell.y() + THUMBNAIL_SIDE + 2 * _MARGIN + 1
        return QtCore.QRect(cell.x() + 2, top, cell.width() - 4, cell.bottom() - top)

    def _draw_thumbnail(
        self, painter: QtGui.QPainter, entry: StyleEntry, square: QtCore.QRect, palette: QtGui.QPalette
    ) -> None:
        image = self._thumbnails.image(entry, round(square.width() * self._view.devicePixelRatioF()))
        if image is not None and not entry.missing:
            painter.drawImage(square, image)
        else:  # not ready, missing, or of a kind that Qt cannot read
            painter.setPen(QtGui.QPen(palette.color(QtGui.QPalette.ColorRole.Mid), 1, QtCore.Qt.PenStyle.DashLine))
            painter.setBrush(palette.color(QtGui.QPalette.ColorRole.Window))
            painter.drawRect(square.adjusted(0, 0, -1, -1))
            if entry.missing:
                painter.setPen(palette.color(QtGui.QPalette.ColorRole.Text))
                painter.drawText(square, QtCore.Qt.AlignmentFlag.AlignCenter, "?")
        half = _MARK_SIDE // 2
        if entry.favorite:
            _draw_mark(painter, QtCore.QPoint(square.right() - half, square.top() + half + 1), _STAR)
        if entry.network:
            _draw_mark(painter, QtCore.QPoint(square.right() - half, square.bottom() - half), _BOLT)


def _draw_mark(painter: QtGui.QPainter, center: QtCore.QPoint, corners: Sequence[tuple[float, float]]) -> None:
    """Draw a small bright sign on a dark disk, which is visible on every picture."""
    painter.setPen(QtCore.Qt.PenStyle.NoPen)
    painter.setBrush(QtGui.QColor(20, 20, 20, 190))
    painter.drawEllipse(center, _MARK_SIDE // 2, _MARK_SIDE // 2)
    painter.setBrush(QtGui.QColor(255, 214, 64))
    painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(center.x() + 0.8 * x, center.y() + 0.8 * y) for x, y in corners]))


class StyleView(QtWidgets.QListView):
    """Thumbnails in columns that fill the width.

    Signals: `picked` with the keys of the styles that the user has clicked or confirmed; `favorite_pressed`, `delete_pressed`,
    `paste_pressed`, and `menu_requested` with a position in the view.
    """

    picked = QtCore.pyqtSignal(list)
    favorite_pressed, delete_pressed, paste_pressed = QtCore.pyqtSignal(), QtCore.pyqtSignal(), QtCore.pyqtSignal()
    menu_requested = QtCore.pyqtSignal(QtCore.QPoint)

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.styles = StyleModel(self)
        self.chosen: list[str] = []  # keys of the styles that are in use
        self.setModel(self.styles)
        self.setItemDelegate(_Delegate(thumbnails, self))
        self.setViewMode(QtWidgets.QListView.ViewMode.IconMode)
        self.setMovement(QtWidgets.QListView.Movement.Static)
        self.setResizeMode(QtWidgets.QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumWidth(THUMBNAIL_SIDE)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setToolTip(i18n("Click to choose a style; Ctrl-click chooses several."))
        self.setAcceptDrops(False)  # the chooser accepts them
        thumbnails.changed.connect(self._redraw)
        self._fit_columns()

    @property
    def editing(self) -> bool:
        """Whether the user is typing a name."""
        return self.state() == QtWidgets.QAbstractItemView.State.EditingState

    def set_entries(self, entries: list[StyleEntry]) -> None:
        """List these styles, and keep the position and the selection, which is that in use if nothing of it remains."""
        selected, current = [entry.key for entry in self.selected()], self.current()
        bar = self.verticalScrollBar()
        position = bar.value() if bar is not None else 0
        self.styles.set_entries(entries)
        self.updateGeometry()
        listed = {entry.key for entry in entries}
        kept = [key for key in selected if key in listed] or self.chosen
        self.select(kept, current.key if current is not None else "", scroll=False)
        if bar is not None:
            bar.setValue(position)

    def set_chosen(self, keys: list[str]) -> None:
        """Mark and select the styles that are in use."""
        self.chosen = list(keys)
        self.select(keys, keys[0] if keys else "")
        self._redraw()

    def select(self, keys: Sequence[str], current: str, scroll: bool = True) -> None:
        """Select the styles with these keys, as far as they are listed."""
        rows = {entry.key: row for row, entry in enumerate(self.styles.entries)}
        selection, model = QtCore.QItemSelection(), self.selectionModel()
        if model is None:
            return
        for key in keys:
            if key in rows:
                index = self.styles.index(rows[key])
                selection.select(index, index)
        if current in rows:
            index = self.styles.index(rows[current])
            model.setCurrentIndex(index, QtCore.QItemSelectionModel.SelectionFlag.NoUpdate)
            if scroll:
                self.scrollTo(index)
        model.select(selection, QtCore.QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def select_chosen(self) -> None:
        """Select the styles that are in use."""
        self.select(self.chosen, "", scroll=False)

    def selected(self) -> list[StyleEntry]:
        """The selected styles, in the order of the list."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [self.styles.entries[row] for row in rows]

    def current(self) -> StyleEntry | None:
        """The style that has the keyboard's focus."""
        index = self.currentIndex()
        return self.styles.entries[index.row()] if index.isValid() else None

    def rename(self) -> None:
        """Let the user edit the name of the current style."""
        entry = self.current()
        if entry is not None and entry.can_rename:
            self.edit(self.currentIndex())

    def pick(self) -> None:
        """Choose the selected styles."""
        keys = [entry.key for entry in self.selected()]
        if keys:
            self.picked.emit(keys)
        else:
            self.select_chosen()

    def sizeHint(self) -> QtCore.QSize:
        """As high as the styles need, but not higher than some rows."""
        columns = max(1, self._inner_width() // max(1, self.gridSize().width()))
        rows = max(1, -(-len(self.styles.entries) // columns))
        height = round(min(rows, _SHOWN_ROWS) * self.gridSize().height()) + 2 * self.frameWidth()
        return QtCore.QSize(3 * (THUMBNAIL_SIDE + 2 * _MARGIN), height)

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(THUMBNAIL_SIDE, self.sizeHint().height())

    def event(self, event: QtCore.QEvent | None) -> bool:
        """Keep the keys that the list uses from Krita's shortcuts."""
        if isinstance(event, QtGui.QKeyEvent) and event.type() == QtCore.QEvent.Type.ShortcutOverride and self._uses(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QtGui.QKeyEvent | None) -> None:
        assert event is not None
        key = event.key()
        if key in (_Key.Key_Return, _Key.Key_Enter):
            self.pick()
        elif key == _Key.Key_F2:
            self.rename()
        elif key == _Key.Key_Delete:
            self.delete_pressed.emit()
        elif event.text() == "*":
            self.favorite_pressed.emit()
        elif event.matches(QtGui.QKeySequence.StandardKey.Paste):
            self.paste_pressed.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent | None) -> None:
        super().mouseReleaseEvent(event)
        if event is not None and event.button() == QtCore.Qt.MouseButton.LeftButton:
            self.pick()

    def contextMenuEvent(self, event: QtGui.QContextMenuEvent | None) -> None:
        assert event is not None
        place = event.pos()
        if event.reason() == QtGui.QContextMenuEvent.Reason.Keyboard:
            place = self.visualRect(self.currentIndex()).center()
        self.menu_requested.emit(place)

    def resizeEvent(self, event: QtGui.QResizeEvent | None) -> None:
        self._fit_columns()
        self.updateGeometry()
        super().resizeEvent(event)

    def _inner_width(self) -> int:
        viewport = self.viewport()
        return viewport.width() if viewport is not None else THUMBNAIL_SIDE

    def _fit_columns(self) -> None:
        width = self._inner_width()
        columns = max(1, width // (THUMBNAIL_SIDE + 2 * _MARGIN))
        height = THUMBNAIL_SIDE + 4 * _MARGIN + self.fontMetrics().height() + 3
        self.setGridSize(QtCore.QSize(max(THUMBNAIL_SIDE, (width - 1) // columns), height))

    def _redraw(self) -> None:
        viewport = self.viewport()
        if viewport is not None:
            viewport.update()

    def _uses(self, event: QtGui.QKeyEvent) -> bool:
        """Whether a key means something to the list."""
        shift = QtCore.Qt.KeyboardModifier.ShiftModifier
        plain = event.modifiers() in (QtCore.Qt.KeyboardModifier.NoModifier, shift, QtCore.Qt.KeyboardModifier.KeypadModifier)
        typed = plain and bool(event.text().strip())
        return typed or event.key() in _USED_KEYS or event.matches(QtGui.QKeySequence.StandardKey.Paste)
