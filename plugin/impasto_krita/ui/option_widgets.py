"""Widgets for the engine's options, created from its descriptions of them. Which options are shown: see option_form.py."""

from __future__ import annotations

from typing import Any, Callable

from impasto_client.i18n import i18n
from impasto_client.messages import format_seconds
from impasto_client.request import painted_side

from ..qt import QtCore, QtWidgets

_MAX_INT = 2**31 - 1
#: The longest side of a preview, in pixels; the size of the whole layer, as the engine spells it
PREVIEW_SIZE, FULL_SIZE = 512, 0


class _WheelFilter(QtCore.QObject):
    """Leaves the mouse wheel to the docker, which it scrolls, unless the widget was clicked."""

    def eventFilter(self, watched: QtCore.QObject | None, event: QtCore.QEvent | None) -> bool:
        is_wheel = event is not None and event.type() == QtCore.QEvent.Type.Wheel
        if event is None or not is_wheel or not isinstance(watched, QtWidgets.QWidget) or watched.hasFocus():
            return False
        event.ignore()
        return True


def ignore_wheel(widget: QtWidgets.QWidget) -> None:
    """Keep the mouse wheel from changing a widget that does not have the focus."""
    widget.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelFilter(widget))


class Field:
    """A widget for one option, created from the engine's description of it."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """schema: the option's name, title, help, kind, default, low, high and offers (its choices)"""
        self.name, self.default = schema["name"], schema["default"]
        self.title, self.help = i18n(schema["title"]), i18n(schema["help"])
        kind, low, high = schema["kind"], schema["low"], schema["high"]
        self._kind = kind
        self.widget: QtWidgets.QWidget
        self.changed: Any  # the widget's signal
        self.value: Callable[[], Any]
        self._show: Callable[[Any], None]
        if self.name == "size":
            size = SizeChoice()
            self.default = FULL_SIZE
            self.widget, self.changed, self.value, self._show = (
                size,
                size.currentIndexChanged,
                size.currentData,
                size.show_size,
            )
        elif kind == "choice":
            self._create_choice(schema["offers"])
        elif kind == "bool":
            box = QtWidgets.QCheckBox()
            self.widget, self.changed, self.value = box, box.toggled, box.isChecked
            self._show = lambda value: box.setChecked(bool(value))
        elif kind in ("float", "floats") and low is not None and high is not None:
            slider = PercentSlider(low, high)
            self.widget, self.changed, self.value, self._show = slider, slider.changed, slider.value, slider.set_value
        elif kind == "int":
            spin = QtWidgets.QSpinBox()
            spin.setRange(int(low or 0), int(min(high or _MAX_INT, _MAX_INT)))
            self.widget, self.changed, self.value, self._show = spin, spin.valueChanged, spin.value, spin.setValue
        else:
            raise ValueError(f"no widget for {self.name}, which is {kind}")
        self.widget.setToolTip(self.help)
        self.widget.setObjectName("impasto_" + self.name)
        if not isinstance(self.widget, PercentSlider):
            ignore_wheel(self.widget)
        self.set(self.default)

    def set(self, value: Any) -> None:
        """Show a value. One that the engine no longer knows is ignored."""
        if self._kind == "floats" and isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        if value is not None or self._kind == "choice":  # None is a choice too: what the preset says
            self._show(value)

    def _create_choice(self, choices: list[tuple[str, Any]]) -> None:
        box = QtWidgets.QComboBox()
        for label, value in choices:
            box.addItem(i18n(label), value)
        values = [value for _, value in choices]

        def show(value: Any) -> None:
            if value in values:
                box.setCurrentIndex(values.index(value))

        self.widget, self.changed, self.value, self._show = box, box.currentTextChanged, box.currentData, show


class SizeChoice(QtWidgets.QComboBox):
    """How large the picture is painted: for a preview, for the screen or for the whole layer, with the time for each"""

    def __init__(self) -> None:
        super().__init__()
        screen = QtWidgets.QApplication.primaryScreen()
        size, ratio = (screen.size(), screen.devicePixelRatio()) if screen is not None else (QtCore.QSize(1920, 1080), 1)
        screen_side = round(ratio * max(size.width(), size.height()))
        self._titles = {PREVIEW_SIZE: i18n("Preview"), screen_side: i18n("Screen"), FULL_SIZE: i18n("Full")}
        self._layer_size = (0, 0)
        self._seconds: dict[int, float] = {}
        for value, title in self._titles.items():
            self.addItem(title, value)

    def sizes(self) -> list[int]:
        """The sizes offered: longest sides in pixels, or FULL_SIZE."""
        return list(self._titles)

    def show_size(self, value: int) -> None:
        """Choose a size, also one that is not offered."""
        if value not in self._titles:
            self._titles[value] = i18n("Other")
            self.insertItem(0, self._titles[value], value)
            self._update_texts()
        self.setCurrentIndex(self.findData(value))

    def show_seconds(self, seconds: dict[int, float]) -> None:
        """Show how long each size takes, as far as this is known."""
        self._seconds = seconds
        self._update_texts()

    def show_layer_size(self, width: int, height: int) -> None:
        """Show at how many pixels a layer of this size would be painted."""
        self._layer_size = width, height
        self._update_texts()

    @property
    def enlargement(self) -> float:
        """How much larger the layer is than the chosen size"""
        longest = max(self._layer_size)
        return longest / painted_side(self.currentData(), self._layer_size) if longest else 1.0

    def _update_texts(self) -> None:
        for index in range(self.count()):
            value = self.itemData(index)
            text = self._titles[value]
            if min(self._layer_size):
                side = painted_side(value, self._layer_size)
                text = i18n("{name}, {side} px", name=text, side=side)
            if value in self._seconds:
                text += f" ({format_seconds(self._seconds[value])})"
            self.setItemText(index, text)
        self._hide_repetitions()

    def _hide_repetitions(self) -> None:
        """List only one of several sizes that are painted alike, because the layer has no more pixels: the full one."""
        view = self.view()
        if not isinstance(view, QtWidgets.QListView) or not min(self._layer_size):
            return
        full = painted_side(FULL_SIZE, self._layer_size)
        for index in range(self.count()):
            value = self.itemData(index)
            is_repetition = value != FULL_SIZE and painted_side(value, self._layer_size) == full
            view.setRowHidden(index, is_repetition and index != self.currentIndex())


class PercentSlider(QtWidgets.QWidget):
    """A slider for a number, in steps of 0.01, with its value in percent beside it. Signal: `changed`."""

    changed = QtCore.pyqtSignal()

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._slider.setRange(round(100 * low), round(100 * high))
        ignore_wheel(self._slider)
        percent = QtWidgets.QLabel()
        percent.setMinimumWidth(percent.fontMetrics().boundingRect("100 %").width() + 4)
        self._slider.valueChanged.connect(lambda value: percent.setText(f"{value} %"))
        self._slider.valueChanged.connect(lambda value: self.changed.emit())
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider)
        row.addWidget(percent)

    def value(self) -> float:
        return self._slider.value() / 100

    def set_value(self, value: float) -> None:
        self._slider.setValue(round(100 * value))
