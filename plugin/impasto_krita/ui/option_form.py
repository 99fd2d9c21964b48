"""The form with the styles and the options, for the docker and the dialog, which say what options it has.

Titles, ranges, choices and help texts of the options come from the engine.
"""

from __future__ import annotations

from typing import Any, Sequence

from krita import Document

from impasto_client.history import Result
from impasto_client.i18n import i18n
from impasto_client.request import StyleSource

from .. import settings
from ..qt import QtCore, QtWidgets
from .area_picker import AreaPicker
from .keep_faces import KeepFaces
from .labels import button, let_shrink
from .option_widgets import Field, PercentSlider, SizeChoice
from .style_chooser import StyleChooser

#: The options that every form has, by the engine's names
BASIC_OPTIONS = ("strength", "colors", "quality", "size")
#: Those of them that a trained network heeds
_NETWORK_OPTIONS = ("strength", "colors", "style_scale")
_STORE_DELAY_MS = 400


class Form(QtWidgets.QWidget):
    """The style and the options.

    Signals: `changed` when any of them has changed, `comparison_requested` when the user wants several strengths painted.
    """

    changed, comparison_requested = QtCore.pyqtSignal(), QtCore.pyqtSignal()

    def __init__(self, more_options: Sequence[str] = (), compared_strengths: Sequence[float] = ()) -> None:
        """more_options: shown in a section that can be expanded, with a second style; without them there is no such section

        compared_strengths: what the button below the strength says; without them there is no such button
        """
        super().__init__()
        self._more_options, self._compared_strengths = more_options, compared_strengths
        self._fields: dict[str, Field] = {}
        self._finds_faces = False
        self.style_picker = StyleChooser()
        self.style_picker.setToolTip(i18n("The style: a layer, which may be hidden, a picture or an instant style."))
        self.second_picker = StyleChooser("second_style", i18n("None"))
        self.second_picker.setToolTip(i18n("A second style, mixed with the first"))
        self.region_picker = AreaPicker("region", i18n("Everywhere"))
        self.region_picker.setToolTip(
            i18n(
                "Where the second style goes: the opaque pixels of a layer, the light ones of a fully opaque layer, or a mask"
            )
        )
        self.keep_faces = KeepFaces()
        self.keep_faces.setVisible(False)
        self.protect_picker = AreaPicker("protect", i18n("No layer"))
        self.protect_picker.setToolTip(
            i18n(
                "What else keeps its shapes, such as a dog or a name: the opaque pixels of a layer, the light ones of a fully "
                "opaque layer, or a mask"
            )
        )
        self.balance = PercentSlider(0, 1)
        self.balance.set_value(0.5)
        self.balance.setToolTip(i18n("The proportion of the second style"))
        self._basic, self._more = QtWidgets.QFormLayout(), QtWidgets.QFormLayout()
        for layout in (self._basic, self._more):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setRowWrapPolicy(QtWidgets.QFormLayout.RowWrapPolicy.WrapLongRows)
        self._basic.addRow(self.style_picker)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._basic)
        column.addWidget(self.keep_faces)
        if more_options:
            section = QtWidgets.QWidget()
            section.setLayout(self._more)
            section.setVisible(False)
            column.addWidget(_expand_button(section))
            column.addWidget(section)
            self._more.addRow(QtWidgets.QLabel(i18n("Second style")))
            self._more.addRow(self.second_picker)
            self._more.addRow(i18n("Mix"), self.balance)
            self._more.addRow(i18n("Where"), self.region_picker)
            self._more.addRow(i18n("Protect"), self.protect_picker)
        for picker in (self.style_picker, self.second_picker):
            picker.picked.connect(self._update_enabled)
        self._update_enabled()
        for picker in (self.style_picker, self.second_picker, self.region_picker, self.protect_picker):
            picker.picked.connect(self.changed)
        self.keep_faces.toggled.connect(self._on_field_changed)
        self._store_timer = QtCore.QTimer(self)
        self._store_timer.setSingleShot(True)
        self._store_timer.timeout.connect(self.store)

    def create_fields(self, schemas: list[dict[str, Any]], finds_faces: bool = False) -> None:
        """Create the option fields from the engine's descriptions, once, with the values that were used last.

        finds_faces: whether the engine has a face detector
        """
        if not schemas:
            return
        self._finds_faces = finds_faces
        self.keep_faces.setVisible(finds_faces)
        if self._fields:
            return
        by_name = {schema["name"]: schema for schema in schemas}
        last = settings.load().get("options", {})
        self.keep_faces.setChecked(last.get("protect") != "none")
        for names, layout in ((BASIC_OPTIONS, self._basic), (self._more_options, self._more)):
            for name in names:
                if name in by_name:
                    field = self._fields[name] = Field(by_name[name])
                    field.set(last.get(name, field.default))
                    field.changed.connect(self._on_field_changed)
                    label = QtWidgets.QLabel(field.title)
                    label.setToolTip(field.help)
                    layout.addRow(label, field.widget)
                    if name == "strength" and self._compared_strengths:
                        layout.addRow(self._create_comparison())
        self._update_enabled()

    def _create_comparison(self) -> QtWidgets.QPushButton:
        """The button that paints several strengths."""
        values = ", ".join(f"{100 * strength:.0f}" for strength in self._compared_strengths)
        created = button(i18n("Compare {values} %", values=values), "compare_strengths", self.comparison_requested.emit)
        created.setToolTip(i18n("Paint it at each of these strengths, one after another."))
        let_shrink(created)
        return created

    @property
    def has_schema(self) -> bool:
        """Whether the option fields exist."""
        return bool(self._fields)

    @property
    def size_choice(self) -> SizeChoice | None:
        """The field of the size, once it exists."""
        field = self._fields.get("size")
        return field.widget if field is not None and isinstance(field.widget, SizeChoice) else None

    def refresh(self, document: Document | None) -> None:
        """List the document's layers again if they have changed."""
        self.style_picker.refresh(document)
        if self._more_options:
            self.second_picker.refresh(document)
            self.region_picker.refresh(document)
            self.protect_picker.refresh(document)

    def reload(self) -> None:
        """Show the options that another form has stored."""
        last = settings.load().get("options", {})
        blocked = self.blockSignals(True)
        for name, field in self._fields.items():
            field.set(last.get(name, field.default))
        self.keep_faces.setChecked(last.get("protect") != "none")
        self.blockSignals(blocked)

    def set_instant_styles(self, networks: list[dict[str, Any]]) -> None:
        """networks: their names, titles and thumbnails, from the engine"""
        self.style_picker.set_instant_styles(networks)

    @property
    def instant_style(self) -> StyleSource | None:
        """The selected style if a trained network is to paint it, as chosen by Quality, or because there is no picture."""
        style = self.style_picker.style_source(self._is_instant)
        return style if style is not None and style.network else None

    @property
    def live_style(self) -> StyleSource | None:
        """The selected style if there is a trained network of it."""
        style = self.style_picker.style_source(instant=True)
        return style if style is not None and style.network else None

    @property
    def _is_instant(self) -> bool:
        field = self._fields.get("quality")
        return field is not None and field.value() == "instant"

    def styles(self) -> list[StyleSource]:
        """The selected styles: none, one or two. An instant style is always the only one."""
        if self.instant_style:
            return [self.instant_style]
        styles = [self.style_picker.style_source(), self.second_picker.style_source() if self._more_options else None]
        return [style for style in styles if style is not None]

    def region(self, styles: list[StyleSource]) -> StyleSource | None:
        """The layer or mask that marks the area of the second style, if there are two; None: everywhere."""
        return self.region_picker.source() if self._more_options and len(styles) == 2 else None

    def protected(self) -> StyleSource | None:
        """The layer or mask that marks what else keeps its shapes; None: nothing."""
        return self.protect_picker.source() if self._more_options else None

    def style_combinations(self) -> list[list[StyleSource]]:
        """The styles of each painting: one painting, or one for each of several selected styles."""
        chosen = self.style_picker.style_sources(self._is_instant)
        return [self.styles()] if len(chosen) == 1 else [[style] for style in chosen]

    def options(self, styles: list[StyleSource] | None = None) -> dict[str, Any]:
        """The engine's options: those that the form shows, and the stored values of the others.

        styles: those of the painting, by default `styles()`
        """
        options = {**settings.load().get("options", {}), **{name: field.value() for name, field in self._fields.items()}}
        options = {name: value for name, value in options.items() if value is not None}
        options.pop("style_weights", None)
        if self._finds_faces:  # elsewhere what was chosen last stays stored
            options["protect"] = "faces" if self.keep_faces.isChecked() else "none"
        if len(self.styles() if styles is None else styles) == 2:
            options["style_weights"] = [1 - self.balance.value(), self.balance.value()]
        return options

    def use(self, result: Result) -> None:
        """Set the form as it was for a result. A style that is gone stays as it is."""
        for name, field in self._fields.items():
            field.set(result.options.get(name, field.default))
        if self._finds_faces:
            self.keep_faces.setChecked(result.options.get("protect") != "none")
        first, second = (*result.styles, None)[:2]
        if first is not None:
            self.style_picker.choose(first)
        if self._more_options:
            self.second_picker.choose(second)
            self.region_picker.choose(result.region)
            self.protect_picker.choose(result.protected)
            weights = result.options.get("style_weights")
            if weights and len(weights) == 2:
                self.balance.set_value(weights[1])
        self.store()

    def store(self) -> None:
        """Save the options in the settings."""
        if self._fields:
            settings.store(options=self.options())

    def _on_field_changed(self, *value: Any) -> None:
        self._update_enabled()
        self._store_timer.start(_STORE_DELAY_MS)
        self.changed.emit()

    def _update_enabled(self) -> None:
        instant = self.instant_style is not None
        style = self.style_picker.style_source()
        has_picture = style is not None and not style.network
        two_styles = self.second_picker.style_source() is not None and not instant
        self.second_picker.setEnabled(not instant)
        for widget in (self.balance, self.region_picker):
            widget.setEnabled(two_styles)
        for name, field in self._fields.items():
            field.widget.setEnabled(not instant or name in _NETWORK_OPTIONS or (name == "quality" and has_picture))


def _expand_button(section: QtWidgets.QWidget) -> QtWidgets.QToolButton:
    """A button "More" that shows and hides a section."""
    created = QtWidgets.QToolButton()
    created.setText(i18n("More"))
    created.setObjectName("impasto_more")
    created.setCheckable(True)
    created.setAutoRaise(True)
    created.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    created.setArrowType(QtCore.Qt.ArrowType.RightArrow)

    def expand(shown: bool) -> None:
        section.setVisible(shown)
        created.setArrowType(QtCore.Qt.ArrowType.DownArrow if shown else QtCore.Qt.ArrowType.RightArrow)

    created.toggled.connect(expand)
    return created
