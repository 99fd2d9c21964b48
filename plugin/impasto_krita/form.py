"""What can be set: the style and the options. One form for the docker and the dialog.

Which options there are in it is said here; what they are called, what they may be and what they mean, the engine says.
"""

from __future__ import annotations

import base64
import contextlib
import os
from typing import Any

from . import layers, settings
from .qt import QtCore, QtGui, QtWidgets
from .task import Style

#: The options that are shown, by the engine's names: always, and under "More".
FIRST = ("strength", "colors", "quality")
MORE = ("size", "style_scale", "style_loss", "padding", "preset", "seed")
_THUMBNAIL = 32
_POLL_MS = 500
_STORE_MS = 400
_PICTURES = "Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif);;All files (*)"


class Field:
    """A widget for one option, made from the engine's description of it."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.name, self.default = about["name"], about["default"]
        self.label = about["title"]
        self._kind = about["kind"]
        if self._kind == "choice":
            self.widget: Any = QtWidgets.QComboBox()
            for label, choice in about["offers"]:
                self.widget.addItem(label, choice)
            self.changed = self.widget.currentTextChanged
        elif self._kind == "bool":
            self.widget = QtWidgets.QCheckBox()
            self.changed = self.widget.toggled
        elif self._kind in ("float", "floats") and about["low"] is not None and about["high"] is not None:
            self.widget = _Slider(about["low"], about["high"])
            self.changed = self.widget.slider.valueChanged
        else:
            self.widget = QtWidgets.QSpinBox()
            self.widget.setRange(int(about["low"] or 0), int(min(about["high"] or 2**31 - 1, 2**31 - 1)))
            if self.name == "size":
                self.widget.setSpecialValueText("Layer size")
                self.widget.setSingleStep(128)
            self.changed = self.widget.valueChanged
        self.widget.setToolTip(about["help"])
        self.widget.setObjectName("impasto_" + self.name)
        self.set(about["default"])

    def value(self) -> Any:
        if self._kind == "choice":
            return self.widget.currentData()
        return self.widget.isChecked() if self._kind == "bool" else self.widget.value()

    def set(self, value: Any) -> None:
        """Show a value; one that the engine no longer knows is left out."""
        if self._kind == "floats" and isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        if self._kind == "choice":
            offered = [self.widget.itemData(at) for at in range(self.widget.count())]  # None among them: the preset's
            if value in offered:
                self.widget.setCurrentIndex(offered.index(value))
            return
        if value is None:
            return
        if self._kind == "bool":
            self.widget.setChecked(bool(value))
        else:
            self.widget.setValue(value)


class _Slider(QtWidgets.QWidget):
    """A slider over a range of numbers, in hundredths, with what it stands at in percent."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self.slider.setRange(round(100 * low), round(100 * high))
        shown = QtWidgets.QLabel()
        shown.setMinimumWidth(shown.fontMetrics().boundingRect("100 %").width() + 4)
        self.slider.valueChanged.connect(lambda value: shown.setText(f"{value} %"))
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider)
        row.addWidget(shown)

    def value(self) -> float:
        return self.slider.value() / 100

    def setValue(self, value: float) -> None:
        self.slider.setValue(round(100 * value))


class StylePicker(QtWidgets.QComboBox):
    """The layers of the document, with thumbnails, picture files, and instant styles."""

    picked = QtCore.pyqtSignal()

    def __init__(self, nothing: str = "", files: bool = True) -> None:
        """nothing: what the entry for no layer at all is called, where there is one; files: whether a file may be chosen, and
        no mask
        """
        super().__init__()
        self._nothing, self._files = nothing, files
        self._listed: list[tuple[int, str, str]] = []
        self._path = str(settings.load().get("style_file", "")) if not nothing else ""
        self._before: Any = None  # what was chosen before a picture file was asked for
        self._nets: list[dict[str, Any]] = []
        self._stale = True  # to be listed anew, whatever is the same
        self._document: Any | None = None
        self._waiting: list[str] = []
        self._drawing = QtCore.QTimer(self)
        self._drawing.timeout.connect(self._draw)
        self.setIconSize(QtCore.QSize(_THUMBNAIL, _THUMBNAIL))
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.activated.connect(self._chosen)

    def offer(self, nets: list[dict[str, Any]]) -> None:
        """Instant styles, as the engine describes them"""
        if nets != self._nets:
            self._nets, self._stale = nets, True
            self.refresh(self._document)

    def refresh(self, document: Any | None) -> None:
        """List the document's layers, where they have changed."""
        nodes = [] if document is None else layers.showing(document, masks=not self._files)
        found = [(depth, layers.key(node), node.name()) for depth, node in nodes]
        if found == self._listed and document == self._document and not self._stale:
            return
        self._stale = False
        chosen = self.currentData()
        self._listed, self._document = found, document
        self.clear()
        if self._nothing:
            self.addItem(self._nothing, None)
        for depth, key, name in found:
            self.addItem("    " * depth + name, ("layer", key))
        if self._path:
            self.addItem(os.path.basename(self._path), ("file", self._path))
        if self._files:
            self.addItem("Picture file...", ("ask", ""))
        for about in self._nets:
            self.addItem(_icon(about["thumbnail"]), about["title"] + " (instant)", ("net", about["name"]))
        self._select(chosen)
        self._waiting = [key for _, key, _ in found]
        self._drawing.start(20)

    def style(self) -> Style | None:
        """What is chosen, or None"""
        chosen = self.currentData()
        if not chosen or chosen[0] == "ask":
            return None
        if chosen[0] == "file":
            return Style(os.path.splitext(os.path.basename(chosen[1]))[0], path=chosen[1])
        if chosen[0] == "net":
            return Style(next(about["title"] for about in self._nets if about["name"] == chosen[1]), net=chosen[1])
        return Style(self.currentText().strip(), layer=chosen[1])

    def choose_layer(self, key: str) -> None:
        self._select(("layer", key))

    def choose_net(self, name: str) -> None:
        self._select(("net", name))
        self.picked.emit()

    def choose_file(self, path: str) -> None:
        self._path = path
        self._stale = True
        self.refresh(self._document)
        self._select(("file", path))
        if not self._nothing:
            settings.store(style_file=path)

    def _select(self, chosen: Any) -> None:
        entries = [self.itemData(i) for i in range(self.count())]
        if chosen is not None and tuple(chosen) in entries:
            self.setCurrentIndex(entries.index(tuple(chosen)))
        elif not self._nothing and self._document is not None:  # the topmost layer but the active one
            node = self._document.activeNode()
            active = layers.key(node) if node is not None else ""
            others = [i for i, entry in enumerate(entries) if entry[0] == "layer" and entry[1] != active]
            self.setCurrentIndex(others[0] if others else 0)

    def _chosen(self, index: int) -> None:
        if self.itemData(index) != ("ask", ""):
            self._before = self.itemData(index)
            self.picked.emit()
            return
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self, "Style from a picture", os.path.dirname(self._path), _PICTURES)
        if path:
            self.choose_file(path)
        else:
            self._select(self._before)
        self.picked.emit()

    def _draw(self) -> None:
        """One thumbnail at a time: they take Krita some milliseconds each."""
        if not self._waiting or self._document is None:
            self._drawing.stop()
            return
        key = self._waiting.pop(0)
        node = layers.find(self._document, key)
        entries = [self.itemData(i) for i in range(self.count())]
        if node is not None and ("layer", key) in entries:
            self.setItemIcon(entries.index(("layer", key)), QtGui.QIcon(QtGui.QPixmap.fromImage(thumbnail(node))))

    def showPopup(self) -> None:
        self._waiting = [key for _, key, _ in self._listed]  # they may look different by now
        self._drawing.start(20)
        super().showPopup()


def _icon(jpeg: str) -> Any:
    """From what the engine says of a net, in base64"""
    picture = QtGui.QPixmap()
    with contextlib.suppress(ValueError):  # a stranger's net may carry anything
        picture.loadFromData(base64.b64decode(jpeg))
    return QtGui.QIcon(picture)


def thumbnail(node: Any) -> Any:
    return node.thumbnail(_THUMBNAIL, _THUMBNAIL)


class Form(QtWidgets.QWidget):
    """Style, options, and, where `more`, the second style and the rest under a fold. `changed` when anything is."""

    changed = QtCore.pyqtSignal()

    def __init__(self, more: bool) -> None:
        super().__init__()
        self._more = more
        self._fields: dict[str, Field] = {}
        self.style_picker = StylePicker()
        self.style_picker.setObjectName("impasto_style")
        self.style_picker.setToolTip(
            "The layer, or the picture file, in whose style to paint. It may be hidden. An instant style paints in a second."
        )
        self.second_picker = StylePicker("None")
        self.second_picker.setObjectName("impasto_second_style")
        self.second_picker.setToolTip("A second style, mixed into the first")
        self.region_picker = StylePicker("Everywhere, mixed in", files=False)
        self.region_picker.setObjectName("impasto_region")
        self.region_picker.setToolTip(
            "Where the second style goes: what is painted on a layer, what is light in one that is painted all over, or a mask"
        )
        self.balance = _Slider(0, 1)
        self.balance.setValue(0.5)
        self.balance.setToolTip("The second style's share")
        self._first, self._rest = QtWidgets.QFormLayout(), QtWidgets.QFormLayout()
        for form in (self._first, self._rest):
            form.setContentsMargins(0, 0, 0, 0)
        self._first.addRow("Style", self.style_picker)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._first)
        self._fold = QtWidgets.QWidget()
        if more:
            toggle = QtWidgets.QToolButton()
            toggle.setText("More")
            toggle.setObjectName("impasto_more")
            toggle.setCheckable(True)
            toggle.setAutoRaise(True)
            toggle.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            toggle.setArrowType(QtCore.Qt.ArrowType.RightArrow)
            toggle.toggled.connect(self._fold.setVisible)
            toggle.toggled.connect(
                lambda open: toggle.setArrowType(QtCore.Qt.ArrowType.DownArrow if open else QtCore.Qt.ArrowType.RightArrow)
            )
            self._fold.setLayout(self._rest)
            self._fold.setVisible(False)
            column.addWidget(toggle)
            column.addWidget(self._fold)
            self._rest.addRow("Second style", self.second_picker)
            self._rest.addRow("Its share", self.balance)
            self._rest.addRow("Its region", self.region_picker)
        for picker in (self.style_picker, self.second_picker):
            picker.picked.connect(self._enable)
        self._enable()
        for picker in (self.style_picker, self.second_picker, self.region_picker):
            picker.picked.connect(self.changed)
        self._storing = QtCore.QTimer(self)
        self._storing.setSingleShot(True)
        self._storing.timeout.connect(self.store)

    def describe(self, options: list[dict[str, Any]]) -> None:
        """Make the fields from the engine's descriptions, with the values that were last used."""
        if self._fields or not options:
            return
        known = {about["name"]: about for about in options}
        last = settings.load().get("options", {})
        for names, form in ((FIRST, self._first), (MORE if self._more else (), self._rest)):
            for name in names:
                if name in known:
                    field = self._fields[name] = Field(known[name])
                    field.set(last.get(name, field.default))
                    field.changed.connect(self._field_changed)
                    label = QtWidgets.QLabel(field.label)
                    label.setToolTip(known[name]["help"])
                    form.addRow(label, field.widget)

    @property
    def described(self) -> bool:
        return bool(self._fields)

    def refresh(self, document: Any | None) -> None:
        self.style_picker.refresh(document)
        if self._more:
            self.second_picker.refresh(document)
            self.region_picker.refresh(document)

    def reload(self) -> None:
        """Show what another form has stored."""
        last = settings.load().get("options", {})
        for name, field in self._fields.items():
            field.set(last.get(name, field.default))

    def offer(self, nets: list[dict[str, Any]]) -> None:
        """The instant styles that there are"""
        self.style_picker.offer(nets)

    @property
    def instant(self) -> Style | None:
        """The instant style, where one is chosen"""
        style = self.style_picker.style()
        return style if style is not None and style.net else None

    def styles(self) -> list[Style]:
        if self.instant:  # paints by itself
            return [self.instant]
        found = [self.style_picker.style(), self.second_picker.style() if self._more else None]
        return [style for style in found if style is not None]

    def region(self) -> Style | None:
        """Where the second style goes; None: everywhere"""
        return self.region_picker.style() if self._more and len(self.styles()) == 2 else None

    def options(self) -> dict[str, Any]:
        """For the engine: what is shown here, and what is remembered of the rest."""
        options = {**settings.load().get("options", {}), **{name: field.value() for name, field in self._fields.items()}}
        options = {name: value for name, value in options.items() if value is not None}
        options.pop("style_weights", None)
        if len(self.styles()) == 2:
            options["style_weights"] = [1 - self.balance.value(), self.balance.value()]
        return options

    def store(self) -> None:
        if self._fields:
            settings.store(options=self.options())

    def _field_changed(self, *value: Any) -> None:
        self._storing.start(_STORE_MS)
        self.changed.emit()

    def _enable(self) -> None:
        two = self.second_picker.style() is not None and not self.instant
        self.second_picker.setEnabled(not self.instant)
        for widget in (self.balance, self.region_picker):
            widget.setEnabled(two)
