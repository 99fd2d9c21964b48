"""The order in which the Tab key moves through widgets."""

from __future__ import annotations

from typing import Iterator

from ..qt import QtCore, QtWidgets


def set_tab_order(content: QtWidgets.QWidget) -> None:
    """Let the Tab key move through the widgets as they are laid out, whenever each was created."""
    previous: QtWidgets.QWidget | None = None
    for widget in _focusable(content):
        if previous is not None:
            QtWidgets.QWidget.setTabOrder(previous, widget)
        previous = widget


def _focusable(widget: QtWidgets.QWidget) -> Iterator[QtWidgets.QWidget]:
    if isinstance(widget, QtWidgets.QScrollArea):
        inner = widget.widget()
        if inner is not None:
            yield from _focusable(inner)
        return
    layout = widget.layout()
    if widget.focusPolicy() not in (QtCore.Qt.FocusPolicy.NoFocus, QtCore.Qt.FocusPolicy.ClickFocus):
        yield widget
    if layout is not None and not isinstance(widget, QtWidgets.QAbstractItemView):
        yield from _in_layout(layout)


def _in_layout(layout: QtWidgets.QLayout) -> Iterator[QtWidgets.QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        widget = item.widget() if item is not None else None
        inner = item.layout() if item is not None else None
        if widget is not None:
            yield from _focusable(widget)
        elif inner is not None:
            yield from _in_layout(inner)
