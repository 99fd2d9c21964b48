"""Turn a visitor's pictures and settings into a job for the painter, and estimate what a job takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from impasto import ImageError, ImpastoError, OptionError
from impasto.formatting import format_bytes, format_duration
from impasto.images.picture import read_picture
from impasto.option_values import FACES, NOTHING

from . import painter, uploads
from .messages import error_message
from .results import PaintingResult, open_picture
from .sessions import sessions


def require_pictures(photo: Any, *styles: Any, network: str = "") -> tuple[Image.Image, list[Image.Image]]:
    """Return the photo and the styles that are given: at least one, unless a feed-forward network paints.

    Each is what an Upload returns: a picture, None or an ImageError.  Raises ImageError.
    """
    for picture in (photo, *styles):
        if isinstance(picture, ImageError):
            raise picture
    if photo is None:
        raise ImageError("Add a photo first: drop one on Photo, paste one, or take one.")
    given_styles = [style for style in styles if style is not None]
    if not given_styles and not network:
        raise ImageError("Choose a painting first: click one below the photo, or drop your own on Style.")
    return photo, given_styles


def make_job(
    photo: Image.Image, styles: list[Image.Image], settings: dict[str, Any], folder: Path, **more: Any
) -> painter.Job:
    """Raises OptionError.

    more: other fields of Job
    """
    options = painter.validated_options(photo.size, settings)
    return painter.Job(np.asarray(photo), [np.asarray(style) for style in styles], options, str(folder), **more)


def refinement(result: PaintingResult, photo: Image.Image, styles: list[Image.Image]) -> dict[str, Any]:
    """Return the fields of a request that goes on from a result, at its full size.  Raises ImageError.

    photo, styles: those on the page, which must be those of the result
    """
    recipe = result.recipe
    given = [read_picture(np.asarray(picture)).digest for picture in (photo, *styles)]
    if given != [recipe["content"], *recipe["styles"]]:
        raise ImageError("The photo or the painting on Style was changed since: press Stylize instead.")
    options = {name: recipe["options"].get(name) for name in painter.ALLOWED_OPTIONS}
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


def style_masks(brushed: Image.Image | None) -> list[painter.Pixels]:
    """Make the masks of two styles: the second goes where the mask is brushed, the first elsewhere.  Raises ImageError."""
    if brushed is None:
        raise ImageError("Brush the area of the second style first: open More options, then Brush.")
    second = np.asarray(brushed)
    if second.min() > 254:
        raise ImageError("The brush covers the whole photo. Leave some of it for the first style.")
    return [np.asarray(ImageOps.invert(brushed)), second]


def estimate_message(
    photo_size: tuple[int, int] | None, preset: str, quality: str, size: int, style_loss: str, padding: str
) -> str:
    """Describe the size, time and memory of a painting before it starts; "" while that is unknown."""
    if photo_size is None or sessions.busy:  # a painting in progress uses memory that will be free later
        return ""
    settings = {"preset": preset, "quality": quality, "size": size, "style_loss": style_loss, "padding": padding}
    width, height = photo_size
    try:
        estimate = painter.estimate((width, height), settings)
    except OptionError:  # values that the page's own fields do not send
        return ""
    except ImpastoError as error:
        return error_message(error)
    memory = f" and {format_bytes(estimate.memory)} of memory" if estimate.memory else ""
    return f"{estimate.width} × {estimate.height} pixels, about {format_duration(estimate.seconds)}{memory}"
