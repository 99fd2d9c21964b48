"""Turn a visitor's pictures and settings into a job for the painter, and estimate what a job takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

from impasto import ImageError, ImpastoError, OptionError
from impasto.images.picture import read_picture
from impasto.option_values import FACES, NOTHING

from . import paint_job, uploads
from .messages import error_message, estimate_text
from .results import PaintingResult, open_picture
from .sessions import sessions
from .texts import preferred_language


def require_pictures(photo: Any, *styles: Any, network: str = "") -> tuple[Image.Image, list[Image.Image]]:
    """Return the photo and the styles that are given: at least one, unless a feed-forward network paints.

    Each is what an Upload returns: a picture, None or an ImageError.  Raises ImageError.
    """
    _require_readable(photo, *styles)
    require_photo(photo)
    given_styles = [style for style in styles if style is not None]
    if not given_styles and not network:
        raise ImageError("Choose a painting first, or add your own.")
    return photo, given_styles


def require_photo(photo: Any) -> Image.Image:
    """Return the photo: what an Upload returns.  Raises ImageError."""
    _require_readable(photo)
    if photo is None:
        raise ImageError("Choose a photo first.")
    picture: Image.Image = photo
    return picture


def _require_readable(*pictures: Any) -> None:
    for picture in pictures:
        if isinstance(picture, ImageError):
            raise picture


def make_job(
    photo: Image.Image, styles: list[Image.Image], settings: dict[str, Any], folder: Path, **more: Any
) -> paint_job.Job:
    """Raises OptionError.

    more: other fields of Job
    """
    options = paint_job.validated_options(photo.size, settings)
    return paint_job.Job(np.asarray(photo), [np.asarray(style) for style in styles], options, str(folder), **more)


def refinement(result: PaintingResult, photo: Image.Image, styles: list[Image.Image]) -> dict[str, Any]:
    """Return the fields of a request that goes on from a result, at its full size.  Raises ImageError.

    photo, styles: those on the page, which must be those of the result
    """
    recipe = result.recipe
    given = [read_picture(np.asarray(picture)).digest for picture in (photo, *styles)]
    if given != [recipe["content"], *recipe["styles"]]:
        raise ImageError("The photo or the painting was changed since: press Paint it instead.")
    options = {name: recipe["options"].get(name) for name in paint_job.ALLOWED_OPTIONS}
    options["protect"] = FACES if recipe.get("faces") else NOTHING
    mask = open_picture(result.mask).resize(photo.size) if result.mask else None
    return {
        "photo": photo,
        "styles": styles,
        "settings": {**options, "strength": result.strength, "size": result.full_size},
        "style_masks": None,
        "protected": None,
        "mask": mask,
        "network": "",
        "refined": np.asarray(uploads.resize(open_picture(result.painting), result.painted_at)),
    }


def style_masks(brushed: Image.Image | None) -> list[paint_job.Pixels]:
    """Make the masks of two styles: the second goes where the mask is brushed, the first elsewhere.  Raises ImageError."""
    if brushed is None:
        raise ImageError("Brush the area of the second painting first: open More, then Brush.")
    second = np.asarray(brushed)
    if second.min() > 254:
        raise ImageError("The brush covers the whole photo. Leave some of it for the first painting.")
    return [np.asarray(ImageOps.invert(brushed)), second]


def estimate_message(
    photo_size: tuple[int, int] | None,
    preset: str,
    quality: str,
    size: int,
    style_loss: str,
    padding: str,
    request: gr.Request | None = None,
) -> str:
    """Describe the time and memory of a painting before it starts; "" while that is unknown."""
    if photo_size is None or sessions.busy:  # a painting in progress uses memory that will be free later
        return ""
    language = preferred_language(request)
    settings = {"preset": preset, "quality": quality, "size": size, "style_loss": style_loss, "padding": padding}
    width, height = photo_size
    try:
        return estimate_text(paint_job.estimate((width, height), settings), language)
    except OptionError:  # values that the page's own fields do not send
        return ""
    except ImpastoError as error:
        return error_message(error, language)


def expected_seconds(photo: Image.Image, settings: dict[str, Any]) -> float:
    """Estimate how long a job takes, for those who wait for it; 0 if that is unknown."""
    try:
        return paint_job.estimate(photo.size, settings).seconds
    except ImpastoError:  # it will be reported when the job is painted
        return 0.0
