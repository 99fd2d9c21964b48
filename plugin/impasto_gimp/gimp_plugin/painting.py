"""One painting: sends the layer and its style to the engine, and makes a layer of the result."""

from __future__ import annotations

import time
from typing import Any, Callable

from gi.repository import Gimp

from impasto_client import messages
from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.protocol import PROTOCOL
from impasto_client.request import PaintRequest, StyleSource, area_to_paint, painted_side

from .engine import Engine, Picture
from .layers import LayerPicture, ResultLayer, selected_rect, selection_mask

#: Seconds between looks at the engine, and until it must have begun to answer
_INTERVAL, _START_SECONDS = 0.05, 120.0
#: Called with the fraction of a painting that is done, and a status line
Report = Callable[[float, str], None]


def paint(request: PaintRequest, engine: Engine, report: Report) -> tuple[Gimp.Layer, dict[str, Any]]:
    """Paint, and add the result above the layer.  -> the layer, and the engine's `done` frame

    request: its document is the image, and its layer keys are drawables' ids
    report: is called now and then; what it raises ends the painting
    Raises PluginError.
    """
    image, source = request.document, Gimp.Item.get_by_id(int(request.layer_key))
    whole = LayerPicture(source)
    selected, mask, content = selected_rect(image), None, whole
    if selected is not None:
        content = LayerPicture(source, area_to_paint(selected, whole.rect))
        mask = selection_mask(image, content.rect)
    result = ResultLayer(image, request.title, content.rect, content.format)  # refuses what no layer can be added to
    number = engine.next_job()
    try:
        _wait_for_hello(engine, report)
        report(0.0, i18n("Reading the layers"))
        options = {**request.options, "size": painted_side(request.options.get("size", 0), content.size)}
        send_job(engine, number, request.styles, content, options, whole_side=max(whole.size))
        done = _receive(number, engine, result, report)
    except BaseException:
        engine.send({"op": "cancel", "job": number})
        result.discard()
        raise
    return result.add_above(source, mask), done


def _wait_for_hello(engine: Engine, report: Report) -> None:
    end = time.monotonic() + _START_SECONDS
    while not engine.hello:
        engine.receive(_INTERVAL)
        report(0.0, i18n("Starting the engine"))
        if time.monotonic() > end:
            raise PluginError(i18n("The engine does not answer. Install it again."))
    if engine.hello.get("protocol") != PROTOCOL:
        raise PluginError(
            i18n("The engine (version {version}) does not match the plugin.", version=engine.hello.get("version"))
        )


def send_job(
    engine: Engine,
    number: int,
    styles: list[StyleSource],
    content: Picture,
    options: dict[str, Any],
    read_layer: Callable[[Gimp.Drawable], Picture] = LayerPicture,
    **more: int,
) -> None:
    """Send what is painted, the styles and the options.  more: of the header of the `start` frame"""
    for index, style in enumerate(styles):
        if style.layer_key:
            engine.send_image(number, "style", index, read_layer(Gimp.Item.get_by_id(int(style.layer_key))))
        else:
            engine.send({"op": "image", "job": number, "role": "style", **style.to_header()})
    engine.send_image(number, "content", 0, content)
    engine.send({"op": "start", "job": number, "options": options, **more})


def _receive(number: int, engine: Engine, result: ResultLayer, report: Report) -> dict[str, Any]:
    """Receive the result, and report the progress.  -> the header of the `done` frame"""
    fraction, text = 0.0, i18n("Painting the picture")
    while True:
        report(fraction, text)
        frame = engine.receive(_INTERVAL)
        if frame is None or frame[0].get("job") != number:
            continue
        header, blob = frame
        if header["op"] == "progress":
            fraction, text = float(header.get("fraction", 0)), messages.painting_progress(header)
        elif header["op"] == "rows":
            result.write(header["y"], header["rows"], blob)
        elif header["op"] == "done":
            return header
        elif header["op"] == "error":
            raise PluginError(str(header.get("text")))
