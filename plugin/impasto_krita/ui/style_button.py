"""The button that shows the chosen style."""

from __future__ import annotations

from typing import Any

from impasto_client.i18n import i18n

from ..qt import QtCore, QtGui, QtWidgets

_ICON_SIDE, _ARROW_SIDE = 48, 16


class StyleButton(QtWidgets.QToolButton):
    """A flat button with the chosen style and an arrow that tells whether the grid is expanded."""

    def __init__(self) -> None:
        super().__init__()
        self._title, self._text = "", ""
        self._image: QtGui.QImage | None = None
        self.setCheckable(True)
        self.setAutoRaise(True)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)

    def show_style(self, title: str, text: str, image: QtGui.QImage | None) -> None:
        """title: the name; text: a line below it; image: its thumbnail"""
        if (title, text) != (self._title, self._text) or image is not self._image:
            self._title, self._text, self._image = title, text, image
            self.setAccessibleName(i18n("Style: {name}", name=title))
            self.setToolTip(i18n("{name}\n{kind}\nClick to show or hide all styles.", name=title, kind=text))
            self.update()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(160, _ICON_SIDE + 8)

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(_ICON_SIDE + 40, _ICON_SIDE + 8)

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        painter = QtWidgets.QStylePainter(self)
        option: Any = QtWidgets.QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = ""
        option.icon = QtGui.QIcon()
        option.state &= ~QtWidgets.QStyle.StateFlag.State_On  # the arrow tells that it is expanded
        painter.drawComplexControl(QtWidgets.QStyle.ComplexControl.CC_ToolButton, option)
        square = QtCore.QRect(4, (self.height() - _ICON_SIDE) // 2, _ICON_SIDE, _ICON_SIDE)
        if self._image is not None:
            painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(square, self._image)
        else:
            painter.setPen(QtGui.QPen(self.palette().color(QtGui.QPalette.ColorRole.Mid), 1, QtCore.Qt.PenStyle.DashLine))
            painter.drawRect(square.adjusted(0, 0, -1, -1))
        left, right = square.right() + 8, self.width() - _ARROW_SIDE - 8
        line = self.fontMetrics().height()
        for number, (text, group) in enumerate(
            ((self._title, QtGui.QPalette.ColorGroup.Active), (self._text, QtGui.QPalette.ColorGroup.Disabled))
        ):
            painter.setPen(self.palette().color(group, QtGui.QPalette.ColorRole.ButtonText))
            area = QtCore.QRect(left, self.height() // 2 - line + number * line, max(0, right - left), line)
            elided = self.fontMetrics().elidedText(text, QtCore.Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter, elided)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(right + 4, (self.height() - _ARROW_SIDE) // 2, _ARROW_SIDE, _ARROW_SIDE)
        elements = QtWidgets.QStyle.PrimitiveElement
        shape = elements.PE_IndicatorArrowDown if self.isChecked() else elements.PE_IndicatorArrowRight
        painter.drawPrimitive(shape, arrow)
