"""The results that were painted in the document: show one, compare it with its source, fade it, keep it, use its settings."""

from __future__ import annotations

from krita import Document

from impasto_client.history import Result
from impasto_client.i18n import i18n
from impasto_client.messages import format_seconds
from impasto_client.request import PaintRequest

from ..document_history import DocumentHistory
from ..qt import QtCore, QtGui, QtWidgets
from ..runner import get_runner
from ..steps import StepRunner
from .labels import button, label, let_shrink
from .option_widgets import PercentSlider

_THUMBNAIL_SIDE = 64
_LIST_HEIGHT = 116
#: How long after the last movement of the slider the canvas is drawn again.
_FADE_DELAY_MS = 30


class ResultsPanel(QtWidgets.QWidget):
    """Signal: `settings_wanted(Result)` when the user wants to go on with the settings of a result"""

    settings_wanted = QtCore.pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._runner = get_runner()
        self._history: DocumentHistory | None = None
        self._listed: list[tuple[int, bool, bool]] = []  # number, shown, without a layer
        self._selected = 0  # number of the result that the buttons are about
        self._list = _ResultList()
        self._list.itemClicked.connect(self._on_clicked)
        self._list.toggled.connect(self._on_clicked)
        self._list.deleted.connect(self._delete)
        self._list.currentItemChanged.connect(self._on_current_changed)
        self._info = label("result_info")
        self._refine = button(i18n("Refine to full size"), "refine", self._refine_result)
        self._refine.setToolTip(i18n("Go on from this result: the same strokes, and finer ones, at the size of its layer."))
        self.fade = PercentSlider(0, 1)
        self.fade.setObjectName("impasto_fade")
        self.fade.setToolTip(i18n("Mix the result with what is below it, at once. It is the opacity of its layer."))
        self.fade.changed.connect(self._on_fade)
        self._fade_timer = QtCore.QTimer(self)
        self._fade_timer.setSingleShot(True)
        self._fade_timer.timeout.connect(self._apply_fade)
        self._exact = button("", "exact_strength", self._paint_exact_strength)
        self._exact.setToolTip(i18n("Paint it again at this strength, instead of fading it."))
        self._compare = button(i18n("Show original"), "compare", self._toggle_shown)
        self._compare.setCheckable(True)
        self._compare.setToolTip(i18n("Show the original, and the result again. A click on the result does the same."))
        self._keep = button(i18n("Keep as layer"), "keep", self._keep_as_layer)
        self._keep.setToolTip(i18n("Add a copy of this result as a layer of its own, above the group of results."))
        self._use = button(i18n("Use settings"), "use_settings", self._use_settings)
        self._use.setToolTip(i18n("Set style and options as they were for this result."))
        self._delete_button = button(i18n("Delete"), "delete_result", self._delete)
        self._delete_button.setToolTip(i18n("Remove this result and its layer."))
        self._steps = StepRunner(self)
        self._steps.failed.connect(lambda message, details: self._runner.refuse(message))

        title = QtWidgets.QLabel(i18n("Results"))
        fade_row = QtWidgets.QHBoxLayout()
        fade_label = QtWidgets.QLabel(i18n("Fade"))
        fade_row.addWidget(fade_label)
        fade_row.addWidget(self.fade, 1)
        buttons = QtWidgets.QGridLayout()
        for index, widget in enumerate((self._compare, self._keep, self._use, self._delete_button)):
            let_shrink(widget)
            buttons.addWidget(widget, index // 2, index % 2)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(title)
        column.addWidget(self._list)
        column.addWidget(self._info)
        column.addLayout(fade_row)
        column.addWidget(self._exact)
        column.addWidget(self._refine)
        column.addLayout(buttons)
        self.hide()

    def refresh(self, document: Document | None) -> None:
        """Show the results of this document. A new result becomes the selected one."""
        history = self._runner.histories.of(document)
        if history is not None:
            history.sync()
        if history is not self._history:
            self._history, self._listed, self._selected = history, [], 0
        states = [] if history is None else history.states()
        if not self._listed:  # of another document: what is seen there is selected
            self._selected = next((result.number for result, shown, _ in states if shown), 0)
        results = [result for result, _, _ in states]
        listed = [(result.number, shown, missing) for result, shown, missing in states]
        if [entry[0] for entry in listed] != [entry[0] for entry in self._listed]:
            newest = results[0].number if results else 0
            known = {entry[0] for entry in self._listed}
            if (known and newest not in known) or self._selected not in {entry[0] for entry in listed}:
                self._selected = newest
            self._list.show_results(results, self._selected)
        if listed != self._listed:
            self._listed = listed
            for row, (_, shown, missing) in enumerate(listed):
                self._list.mark(row, shown, missing)
        self.setVisible(bool(results))
        self._update_buttons()

    @property
    def result(self) -> Result | None:
        """The selected result"""
        return None if self._history is None else self._history.history.find(self._selected)

    def _update_buttons(self) -> None:
        result, history = self.result, self._history
        if result is None or history is None:
            return
        exists, shown = next((not gone, shown) for number, shown, gone in self._listed if number == result.number)
        self._info.setText(describe(result) if exists else i18n("{title}: its layer was removed.", title=result.title))
        self._compare.setEnabled(exists)
        self._compare.setChecked(exists and not shown)
        self._keep.setEnabled(exists or result.picture_bytes > 0)
        self._refine.setVisible(exists and result.is_refinable)
        fade = history.fade(result)
        self.fade.setEnabled(exists)
        if not self._fade_timer.isActive():
            blocked = self.fade.blockSignals(True)
            self.fade.set_value(fade)
            self.fade.blockSignals(blocked)
        strength = self._faded_strength(result)
        self._exact.setVisible(exists and strength is not None)
        if strength is not None:
            self._exact.setText(i18n("Paint at {percent} % strength", percent=round(100 * strength)))

    def _faded_strength(self, result: Result) -> float | None:
        """The strength that the faded result corresponds to; None: it is not faded"""
        strength, fade = result.options.get("strength"), self.fade.value()
        return None if strength is None or fade > 0.99 else round(strength * fade, 2)

    def _on_current_changed(self, item: QtWidgets.QListWidgetItem | None) -> None:
        if item is not None:
            self._selected = item.data(QtCore.Qt.ItemDataRole.UserRole)
            self._update_buttons()

    def _on_clicked(self, item: QtWidgets.QListWidgetItem) -> None:
        self._selected = item.data(QtCore.Qt.ItemDataRole.UserRole)
        self._toggle_shown()

    def _toggle_shown(self) -> None:
        """Show the selected result; if it is shown already, show its source."""
        result, history = self.result, self._history
        if result is not None and history is not None and history.layer_of(result) is not None:
            self._runner.live.uncover(history.document)
            if history.is_shown(result):
                history.hide(result)
            else:
                history.show(result)
        self._refresh_now()

    def _on_fade(self) -> None:
        self._fade_timer.start(_FADE_DELAY_MS)
        result = self.result
        if result is not None:
            self._update_buttons()

    def _apply_fade(self) -> None:
        result = self.result
        if result is not None and self._history is not None:
            self._history.set_fade(result, self.fade.value())

    def _paint_exact_strength(self) -> None:
        result = self.result
        strength = self._faded_strength(result) if result is not None else None
        if result is not None and strength is not None and self._history is not None:
            request = self._history.repetition(result)
            self._runner.paint(request._replace(options={**request.options, "strength": strength}))

    def _refine_result(self) -> None:
        result = self.result
        request: PaintRequest | None = None
        if result is not None and self._history is not None:
            request = self._history.refinement(result)
        if request is not None:
            self._runner.paint(request)

    def _keep_as_layer(self) -> None:
        result = self.result
        if result is not None and self._history is not None:
            self._runner.clear_problem()
            self._steps.start(self._history.keep_as_layer(result))

    def _use_settings(self) -> None:
        if self.result is not None:
            self.settings_wanted.emit(self.result)

    def _delete(self) -> None:
        result = self.result
        if result is not None and self._history is not None:
            self._history.delete(result)
            self._refresh_now()

    def _refresh_now(self) -> None:
        if self._history is not None:
            self.refresh(self._history.document)


def describe(result: Result) -> str:
    """One line about a result: `Harvest (50 %) on Coffee, 512 x 384 px, enlarged 5.9 x, 40 s`"""
    title = i18n("{title}, a selection", title=result.title) if result.of_selection else result.title
    text = i18n("{title}, {width} x {height} px", title=title, width=result.width, height=result.height)
    if result.enlargement > 1.05:
        text += i18n(", enlarged {factor} x", factor=f"{result.enlargement:.1f}")
    text = i18n("{text}, {seconds}", text=text, seconds=format_seconds(result.seconds))
    if not result.created:
        return text
    created = QtCore.QDateTime.fromMSecsSinceEpoch(round(1000 * result.created))
    return f"{text}\n{QtCore.QLocale().toString(created, QtCore.QLocale.FormatType.ShortFormat)}"


class _ResultList(QtWidgets.QListWidget):
    """Thumbnails, the newest first. Signals: `toggled(item)` on Enter or Space, `deleted` on Delete"""

    toggled = QtCore.pyqtSignal(QtWidgets.QListWidgetItem)
    deleted = QtCore.pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("impasto_results")
        self.setViewMode(QtWidgets.QListView.ViewMode.IconMode)
        self.setMovement(QtWidgets.QListView.Movement.Static)
        self.setResizeMode(QtWidgets.QListView.ResizeMode.Adjust)
        self.setIconSize(QtCore.QSize(_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
        self.setGridSize(QtCore.QSize(_THUMBNAIL_SIDE + 8, _THUMBNAIL_SIDE + 40))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(QtCore.Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.setFixedHeight(_LIST_HEIGHT)

    def show_results(self, results: list[Result], selected: int) -> None:
        """results: the newest first; selected: number of one of them"""
        blocked = self.blockSignals(True)
        self.clear()
        for result in results:
            item = QtWidgets.QListWidgetItem(self._icon(result), _short_title(result))
            item.setData(QtCore.Qt.ItemDataRole.UserRole, result.number)
            item.setToolTip(describe(result))
            self.addItem(item)
            if result.number == selected:
                self.setCurrentItem(item)
        self.blockSignals(blocked)

    def _icon(self, result: Result) -> QtGui.QIcon:
        """The thumbnail in the middle of a square, in its true colors also where it is selected"""
        ratio = self.devicePixelRatioF()
        side = round(ratio * _THUMBNAIL_SIDE)
        square = QtGui.QPixmap(side, side)
        square.fill(QtCore.Qt.GlobalColor.transparent)
        image = QtGui.QImage.fromData(result.thumbnail)
        if not image.isNull():
            keep, smooth = QtCore.Qt.AspectRatioMode.KeepAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
            image = image.scaled(side, side, keep, smooth)
            painter = QtGui.QPainter(square)
            painter.drawImage((side - image.width()) // 2, (side - image.height()) // 2, image)
            painter.end()
        square.setDevicePixelRatio(ratio)
        icon = QtGui.QIcon(square)
        icon.addPixmap(square, QtGui.QIcon.Mode.Selected)
        return icon

    def mark(self, row: int, shown: bool, missing: bool) -> None:
        """shown: it is visible on the canvas; missing: its layer was removed"""
        item = self.item(row)
        if item is not None:
            font = item.font()
            font.setBold(shown)
            font.setStrikeOut(missing)
            item.setFont(font)

    def keyPressEvent(self, event: QtGui.QKeyEvent | None) -> None:
        key = event.key() if event is not None else None
        item = self.currentItem()
        if key in (QtCore.Qt.Key.Key_Return, QtCore.Qt.Key.Key_Enter, QtCore.Qt.Key.Key_Space) and item is not None:
            self.toggled.emit(item)
        elif key == QtCore.Qt.Key.Key_Delete and item is not None:
            self.deleted.emit()
        else:
            super().keyPressEvent(event)


def _short_title(result: Result) -> str:
    """`Harvest`, and below it `50 %`"""
    strength = result.options.get("strength")
    styles = " + ".join(style.name for style in result.styles)
    return styles if strength is None else f"{styles}\n{100 * strength:.0f} %"
