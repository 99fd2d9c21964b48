"""One painting: sends the layers to the engine, starts it, and writes its result to a new layer."""

from __future__ import annotations

import time
from typing import Any

from impasto_client.errors import PluginError
from impasto_client.geometry import Rect
from impasto_client.history import Result
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest, area_to_paint, painted_side

from . import layers, results
from .document_history import DocumentHistory
from .engine_process import EngineProcess
from .qt import QtCore
from .result_pictures import ResultPicture
from .steps import IDLE_MS, NEXT_MS, Steps

#: How often to check whether the document is still open.
_DOCUMENT_CHECK_MS = 500


class DocumentClosed(Exception):
    """The document was closed: there is nothing left to paint."""


class PaintingJob(QtCore.QObject):
    """Signal: `state_changed(state, status)` for each of the states reading, painting and writing"""

    state_changed = QtCore.pyqtSignal(str, str)

    def __init__(
        self,
        request: PaintRequest,
        number: int,
        engine: EngineProcess,
        history: DocumentHistory,
        parent: QtCore.QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.request, self.number = request, number
        self.note = ""  # what the result cannot preserve of the layer
        self.done: dict[str, Any] = {}  # the engine's last frame
        self.added = False  # whether the result is in the document
        self._engine, self._history = engine, history
        self._rect = Rect(0, 0, 0, 0)  # of the result
        self._whole_side = 0  # longest side of the layer, in pixels
        self._depth = "U8"
        self._opacity: list[tuple[int, int, bytes]] = []  # stripes of the selection, or of the mask of an earlier result
        self._received: list[tuple[int, int, bytes] | None] = []  # (y, rows, pixels) to be written; None: the end

    def receive_rows(self, header: dict[str, Any], blob: bytes) -> None:
        """From a `rows` frame"""
        self._received.append((header["y"], header["rows"], blob))

    def receive_done(self, header: dict[str, Any]) -> None:
        """From a `done` frame"""
        self.done = header
        self._received.append(None)

    def run(self) -> Steps:
        """Paint.  Raises PluginError, DocumentClosed"""
        request = self.request
        yield from self._send_layers()
        self.state_changed.emit("painting", i18n("Painting the picture"))
        self._engine.send({"op": "start", "job": self.number, "options": self._options(), "whole_side": self._whole_side})
        layer: results.ResultLayer | None = None
        picture: ResultPicture | None = None
        last_check = QtCore.QElapsedTimer()
        while True:
            if not last_check.isValid() or last_check.elapsed() > _DOCUMENT_CHECK_MS or self._received:
                last_check.start()
                if not layers.is_open(request.document):
                    raise DocumentClosed
            if not self._received:
                yield IDLE_MS
                require_engine(self._engine)
                continue
            stripe = self._received.pop(0)
            if stripe is None:
                break
            if layer is None or picture is None:
                self.state_changed.emit("writing", i18n("Adding the layer"))
                layer = results.ResultLayer(request.document, request.title, self._rect, self._depth)
                picture = ResultPicture(self._rect)
            picture.add(stripe[2], self._depth)
            yield from layer.write(*stripe)
        assert layer is not None
        assert picture is not None
        yield from self._add(layer, picture)

    def _add(self, layer: results.ResultLayer, picture: ResultPicture) -> Steps:
        """Add the layer to the document and to its history."""
        request, history = self.request, self._history
        if self._opacity:
            layer.add_mask(i18n("Selection"), self._opacity)
            picture.add_mask(self._opacity)
            yield NEXT_MS
        active = request.document.activeNode()
        name = i18n("{layer}, painted", layer=request.layer_name)
        known, source = history.history, request.layer_key
        above = known.group_of(known.source_of(source)) or source  # a result that is painted is within a group
        group = layer.add_to_group(source, above, name, known.group_of(source))
        result = Result(
            history.history.next_number(),
            request.title,
            request.layer_key,
            request.layer_name,
            layer.key,
            self._rect,
            self.done["width"],
            self.done["height"],
            request.styles,
            request.options,
            self.done["seconds"],
            bool(self.done.get("can_be_refined")),
            b"",
            request.region,
            request.protected,
            time.time(),
            of_selection=bool(self._opacity),
        )
        if self._opacity:
            request.document.refreshProjection()  # Krita has drawn the layer without its mask
        history.add(result, group)
        covering = results.covering_layer(request.document, group, self._rect)
        if covering:
            self.note = i18n("It is below {layer}.", layer=covering)
        picture.size = self.done["width"], self.done["height"]
        history.keep_picture(result.number, picture)
        self.added = True
        yield from results.keep_active(request.document, active, (layer.key, group))

    def _options(self) -> dict[str, Any]:
        """The engine's options, by name"""
        side = painted_side(self.request.options.get("size", 0), (self._rect.width, self._rect.height))
        options = {**self.request.options, "size": side}
        if options.get("preset", "impasto") != "impasto":  # the other presets do as other programs do
            options.pop("protect", None)
        return options

    def _send_layers(self) -> Steps:
        """Send the layer to paint, the styles, the region and what is protected to the engine."""
        request, send = self.request, self._engine.send_image
        snapshot = layers.Snapshot(request.document)
        try:
            yield NEXT_MS  # cloning the document took as long as one step may
            sources: list[Any] = [*request.styles, request.region, request.protected, request.painting]
            sources = [source for source in sources if source is not None and source.layer_key]
            area = request.painting or request.area
            if area is not None:
                self._opacity = snapshot.take_mask(area.layer_key, area.rect)
            yield from snapshot.make_visible([request.layer_key, *(source.layer_key for source in sources)])
            while not self._engine.hello:
                yield IDLE_MS
                require_engine(self._engine)
            self.state_changed.emit("reading", i18n("Reading the layers"))
            content = self._content(snapshot)
            self._rect, self._depth, self.note, size = content.rect, content.depth, content.note, content.size
            for index, style in enumerate(request.styles):
                if style.layer_key:
                    picture = snapshot.picture(style.layer_key)
                    yield from send(self.number, "style", index, picture.size, picture.format, picture.stripes())
                else:
                    self._engine.send({"op": "image", "job": self.number, "role": "style", **style.to_header()})
            for role, marked in (("region", request.region), ("protect", request.protected)):
                if marked is not None:
                    yield from send(self.number, role, 0, size, *snapshot.region(marked.layer_key, content.rect))
            if request.painting is not None:
                key, rect, width, height = request.painting
                picture = snapshot.picture(key, rect)
                stripes = picture.stripes()
                yield from send(
                    self.number, "painting", 0, size, picture.format, stripes, painted_width=width, painted_height=height
                )
            if request.layer_key == layers.WHOLE_PICTURE:  # without its earlier paintings
                snapshot.hide(self._history.history.group_of(request.layer_key))
                yield from snapshot.make_visible([])
            yield from send(self.number, "content", 0, size, content.format, content.stripes())
        finally:
            snapshot.close()

    def _content(self, snapshot: layers.Snapshot) -> layers.LayerPicture:
        """What is painted of the layer, which has not been read yet.  Raises PluginError"""
        request = self.request
        whole = snapshot.picture(request.layer_key)
        self._whole_side = max(whole.size)
        area = request.painting or request.area
        if area is not None:
            return snapshot.picture(request.layer_key, area.rect)
        if request.selection is None:
            return whole
        mask, selected = request.selection
        rect = area_to_paint(selected, whole.rect)
        self._opacity = list(layers.mask_stripes(mask, rect))
        return snapshot.picture(request.layer_key, rect)


def require_engine(engine: EngineProcess) -> None:
    """Raises PluginError: it has ended"""
    if not engine.running:
        raise PluginError(i18n("The engine has ended. Press Stylize again."))
