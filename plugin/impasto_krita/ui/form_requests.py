"""From the form to paintings: what the user asks for, and what prevents it."""

from __future__ import annotations

import os

from krita import Krita

from impasto_client import messages
from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest

from .. import layers
from ..runner import get_runner
from .keep_faces import PICTURE_SIDE
from .option_form import Form
from .source_row import SourceRow, source_layer, whole_picture


def requests_from_form(form: Form, source_row: SourceRow | None = None) -> list[PaintRequest]:
    """The paintings that the form describes: one, or one for each of several styles.  Raises PluginError

    source_row: names what is painted; without it, the active layer is
    """
    document = Krita.instance().activeDocument()
    history = get_runner().histories.of(document)
    if document is None or history is None:
        raise PluginError(i18n("There is no layer to paint: open a picture first."))
    if source_row is not None:
        source_row.refresh(document, history)  # what it shows is what is painted
    source = source_layer(document, history) if source_row is None else source_row.source(document, history)
    form.refresh(document)
    combinations = form.style_combinations()
    if not combinations:
        raise PluginError(i18n("Choose a style first."))
    if any(style.layer_key == source.key for styles in combinations for style in styles):
        raise PluginError(i18n("{layer} cannot be its own style: choose another one.", layer=source.name))
    for style in (style for styles in combinations for style in styles):
        if style.path and not os.path.isfile(style.path):
            raise PluginError(i18n("The picture of {style} was moved or deleted: choose another style.", style=style.name))
    selection = layers.copy_selection(document)
    requests = [
        PaintRequest(
            document,
            source.key,
            source.name,
            styles,
            form.options(styles),
            form.region(styles),
            form.protected(),
            selection=selection,
        )
        for styles in combinations
    ]
    bounds = source.node.bounds()
    if source.key != layers.WHOLE_PICTURE and source.node.type() != "filllayer" and bounds.width() * bounds.height() == 0:
        whole = whole_picture(document)
        instead = [request._replace(layer_key=whole.key, layer_name=whole.name) for request in requests]
        raise EmptyLayer(i18n("{layer} is empty. Stylize the whole picture instead?", layer=source.name), instead)
    return requests


class EmptyLayer(PluginError):
    """The layer to paint is empty."""

    def __init__(self, message: str, instead: list[PaintRequest]) -> None:
        """instead: the paintings of the whole picture"""
        super().__init__(message)
        self.instead = instead


def start_painting(form: Form, source_row: SourceRow | None = None, strengths: tuple[float, ...] = ()) -> None:
    """Start the paintings that the form describes. What is wrong with it is shown in the docker.

    strengths: paint each of them, instead of the form's
    """
    runner = get_runner()
    try:
        requests = requests_from_form(form, source_row)
    except EmptyLayer as error:
        instead = _with_strengths(error.instead, strengths)
        runner.refuse(str(error), i18n("Stylize the whole picture"), lambda: runner.paint(*instead))
        return
    except PluginError as error:
        runner.refuse(str(error))
        return
    form.store()
    form.style_picker.mark_used()
    runner.paint(*_with_strengths(requests, strengths))


def _with_strengths(requests: list[PaintRequest], strengths: tuple[float, ...]) -> list[PaintRequest]:
    """Each request at each of these strengths; without any, as it is."""
    if not strengths:
        return requests
    return [
        request._replace(options={**request.options, "strength": strength}) for request in requests for strength in strengths
    ]


def instant_request(form: Form, source_row: SourceRow) -> PaintRequest | None:
    """The painting of the form in an instant style, for Live and animations. What prevents it is shown in the docker."""
    runner = get_runner()
    try:
        request = requests_from_form(form, source_row)[0]
        style = form.live_style
        if runner.setup.running or runner.engine_command() is None:
            raise PluginError(messages.engine_missing())
        if style is None:
            raise PluginError(i18n("Choose an instant style, one with a bolt, or make this style instant first."))
    except PluginError as error:
        runner.refuse(str(error))
        return None
    form.store()
    runner.start_engine()
    return request._replace(styles=[style])


def connect_faces(form: Form) -> None:
    """Show the faces of the active layer while the pointer rests on "Keep faces"."""
    runner = get_runner()

    def look() -> None:
        try:
            node = layers.layer_to_paint(Krita.instance().activeDocument())
        except PluginError:
            return
        picture = layers.thumbnail(node, PICTURE_SIDE)
        if runner.request_faces(picture):
            form.keep_faces.expect(picture)

    form.keep_faces.looked_at.connect(look)
    runner.faces_found.connect(form.keep_faces.show_faces)
