"""What a visitor asks to be painted, and the checks of it before the queue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from impasto import ImpastoError
from impasto.option_values import FACES, NOTHING, finds_faces

from . import paint_job, uploads
from .components import PROTECT
from .jobs import refinement, require_photo, require_pictures, style_masks
from .layout import Page
from .messages import RESULT_DELETED, error_message
from .results import PaintingResult
from .sessions import sessions
from .texts import preferred_language, translate

#: Values by component, as Gradio passes them to a handler whose inputs are a set.
Values = dict[Any, Any]
#: Updates of the Paint button, the new result and the result that is refined, before a painting
BeforePainting = tuple[dict[str, Any], None, PaintingResult | None]
_BEFORE_PAINTING: BeforePainting = gr.update(visible=False), None, None


class PaintingRequest(NamedTuple):
    """What a visitor asks to be painted"""

    photo: Image.Image
    styles: list[Image.Image]
    settings: dict[str, Any]
    style_masks: list[paint_job.Pixels] | None  # where each style applies
    protected: paint_job.Pixels | None  # what keeps its shapes, in addition to faces
    mask: Image.Image | None  # where the photo is painted; None: everywhere
    network: str  # for the first result; "": none
    refined: paint_job.Pixels | None = None  # a smaller painting of the same, which is to get finer strokes


def read_request(page: Page, values: Values) -> PaintingRequest:
    """Return what a visitor asks for.  Raises ImpastoError."""
    style, second_style, network = (values[field] for field in (page.style, page.second_style, page.network))
    result = values[page.refined_result]
    if result is not None:
        return PaintingRequest(**refinement(result, *require_pictures(values[page.photo], style, second_style)))
    photo, styles = require_pictures(values[page.photo], style, second_style, network=network)
    if network and style is None:  # it was trained on a picture that is not here
        styles = []
    elif second_style is not None:
        network = ""
    settings = read_settings(page, values)
    mask, masks, protected = uploads.read_mask(values[page.mask], photo.size), None, None
    use, share = values[page.second_style_use], values[page.second_style_share]
    if len(styles) == 2 and use == "brush":
        masks, mask = style_masks(mask), None
    elif mask is not None and values[page.mask_use] == PROTECT:
        protected, mask = np.asarray(mask), None
    if len(styles) == 2 and masks is None:
        settings["style_weights"] = (1 - share, share)
        settings["style_layers"] = paint_job.FINE_AND_COARSE_LAYERS if use == "coarse" else None
    return PaintingRequest(photo, styles, settings, masks, protected, mask, network)


def read_settings(page: Page, values: Values) -> dict[str, Any]:
    """Return the options that the visitor has set."""
    fields = ("preset", "strength", "colors", "style_loss", "padding", "quality", "size", "seed", "style_scale")
    settings = {name: values[getattr(page, name)] for name in fields}
    # The other presets do as other programs do.
    keeps_faces = values[page.keep_faces] and finds_faces() and settings["preset"] == "impasto"
    return {**settings, "protect": FACES if keeps_faces else NOTHING}


def validate_request(photo: Any, style: Any, second_style: Any, request: gr.Request) -> tuple[Any, ...]:
    """Before the queue: require pictures, and no painting in progress. Raises gr.Error.

    The pictures are the browser's payloads: given or not. `paint` reads them.
    Updates those of BeforePainting, and the network.
    """
    _require_idle(request)
    return *_require_pictures(photo, style, second_style, request=request), ""


def validate_refinement(result: PaintingResult | None, request: gr.Request) -> BeforePainting:
    """Before the queue: require a result that can be refined, and no painting in progress. Raises gr.Error."""
    _require_idle(request)
    if result is None or not result.exists() or not result.full_size:
        raise gr.Error(translate(RESULT_DELETED, preferred_language(request)), print_exception=False)
    return gr.update(visible=False), None, result


def validate_choice(photo: Any, style: Any, second_style: Any, network: str, request: gr.Request) -> BeforePainting:
    """Do as `validate_request` does after a click on a style, which takes the place of a painting in progress.

    As long as there is no photo, a click chooses the style, and a message says what is missing.
    """
    return _require_pictures(photo, style, second_style, network=network, request=request)


def validate_several(photo: Any, request: gr.Request) -> BeforePainting:
    """Before the queue: require a photo. What is in progress is replaced.  Raises gr.Error."""
    with _shown_to_the_visitor(request):
        require_photo(photo)
    return _BEFORE_PAINTING


@contextlib.contextmanager
def _shown_to_the_visitor(request: gr.Request) -> Iterator[None]:
    """Turn an error into one that Gradio shows."""
    try:
        yield
    except ImpastoError as error:
        raise gr.Error(error_message(error, preferred_language(request)), title="Impasto", print_exception=False) from None


def _require_idle(request: gr.Request) -> None:
    with _shown_to_the_visitor(request):
        sessions.require_idle(request.session_hash or "")


def _require_pictures(photo: Any, *styles: Any, request: gr.Request, network: str = "") -> BeforePainting:
    with _shown_to_the_visitor(request):
        require_pictures(photo, *styles, network=network)
    return _BEFORE_PAINTING
