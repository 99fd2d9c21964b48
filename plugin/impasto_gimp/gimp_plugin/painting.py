"""One painting: sends the layer and its style to the engine, and makes a layer of the result."""

from __future__ import annotations

import time
from typing import Any, Callable

from gi.repository import Gimp

from impasto_client import messages
from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.protocol import PROTOCOL
from impasto_client.request import PaintRequest, StyleSource, painted_side
from impasto_client.texture import BlankPicture, Texture

from .engine import Engine, Picture
from .layers import LayerPicture, ResultLayer, filled_area, painted_area, selection_mask

#: Seconds between looks at the engine, and until it must have begun to answer
_INTERVAL, _START_SECONDS = 0.25, 120.0
#: Called with the fraction of a painting that is done, and a status line
Report = Callable[[float, str], None]


def paint(request: PaintRequest, engine: Engine, report: Report, note: dict[str, Any]) -> Gimp.Layer:
    """Paint, and add the result above the layer.  -> the result

    request: its document is the image, and its layer keys are drawables' ids
    report: is called now and then; what it raises ends the painting
    note: is saved with the result
    Raises PluginError.
    """
    image, source = request.document, Gimp.Item.get_by_id(int(request.layer_key))
    content = LayerPicture(source, painted_area(source))
    mask = selection_mask(image, content.rect)
    result = ResultLayer(image, request.title, content.rect, content.format)  # refuses what no layer can be added to
    options = {**request.options, "size": painted_side(request.options.get("size", 0), content.size)}
    whole_side = max(source.get_width(), source.get_height())
    _run(request.styles, content, options, engine, report, result, result.write, whole_side)
    return result.add_above(source, _style_layer(request), mask, note)


def fill(request: PaintRequest, engine: Engine, report: Report, note: dict[str, Any]) -> Gimp.Layer:
    """Fill what is selected of the layer, or all of it, with a texture.  The arguments are those of `paint`."""
    image, source = request.document, Gimp.Item.get_by_id(int(request.layer_key))
    area = filled_area(source)
    mask = selection_mask(image, area)
    texture = Texture(request.options["size"], area)
    content = BlankPicture(texture.tile_size)
    result = ResultLayer(image, i18n("{style}, texture", style=request.styles[0].name), area, content.format)

    def write(y: int, rows: int, pixels: bytes) -> None:
        for stripe in texture.repeat(y, rows, pixels):
            result.write(*stripe)

    _run(request.styles, content, texture.options(request.options), engine, report, result, write)
    return result.add_above(source, _style_layer(request), mask, note)


def _run(
    styles: list[StyleSource],
    content: Picture,
    options: dict[str, Any],
    engine: Engine,
    report: Report,
    result: ResultLayer,
    write: Callable[[int, int, bytes], None],
    whole_side: int = 0,
) -> None:
    """Paint. What fails takes the result's layer away.

    write: is called with (y, rows, pixels) of the painting; whole_side: as in `send_job`
    """
    number = engine.next_job()
    try:
        _wait_for_hello(engine, report)
        report(0.0, i18n("Reading the layers"))
        send_job(engine, number, styles, content, options, whole_side=whole_side)
        _receive(number, engine, write, report)
    except BaseException:
        engine.send({"op": "cancel", "job": number})
        result.discard()
        raise


def _style_layer(request: PaintRequest) -> Gimp.Item | None:
    key = request.styles[0].layer_key
    return Gimp.Item.get_by_id(int(key)) if key else None


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
    whole_side: int = 0,
) -> None:
    """Send what is painted, the styles and the options.

    whole_side: longest side of the layer that the content is a part of, in pixels; 0: it is no part
    """
    for index, style in enumerate(styles):
        if style.layer_key:
            engine.send_image(number, "style", index, read_layer(Gimp.Item.get_by_id(int(style.layer_key))))
        else:
            engine.send({"op": "image", "job": number, "role": "style", **style.to_header()})
    engine.send_image(number, "content", 0, content)
    more = {"whole_side": whole_side} if whole_side else {}
    engine.send({"op": "start", "job": number, "options": options, **more})


def _receive(number: int, engine: Engine, write: Callable[[int, int, bytes], None], report: Report) -> None:
    """Receive the painting, and report the progress."""
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
            write(header["y"], header["rows"], blob)
        elif header["op"] == "done":
            return
        elif header["op"] == "error":
            raise PluginError(str(header.get("text")))
