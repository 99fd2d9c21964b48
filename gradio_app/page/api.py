"""The page's only public function, for other programs: `stylize`."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any

import gradio as gr
from PIL import Image

from impasto.option_values import FACES, NOTHING, finds_faces

from . import paint_job, painter, uploads
from .jobs import expected_seconds, make_job, require_pictures
from .messages import error_message, progress_message, waiting_message
from .sessions import client_address, sessions
from .texts import preferred_language


def stylize(
    photo: Any,
    style: Any,
    strength: float = 0.5,
    colors: str = "style",
    quality: str = "normal",
    size: int = 512,
    seed: int = 0,
    keep_faces: bool = True,
    request: gr.Request | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  -- Gradio looks for a default of this class
) -> str:
    """Paint a photo in the style of a painting, with the method of Gatys, Ecker and Bethge.

    Args:
        photo: the picture to paint, as an uploaded file or a data URL
        style: the picture in whose style to paint
        strength: how strong the style is, from 0 to 1; 0.5 is a good start
        colors: "style" for the colors of the style, "content" to keep those of the photo
        quality: how much work: "instant", "draft", "normal" or "fine"
        size: longest side of the result in pixels, at most that of the photo; 0 is the photo's own size
        seed: the same seed gives the same picture
        keep_faces: whether faces that are found keep the shapes of their eyes, noses and mouths

    Returns:
        A PNG file with the painting and its recipe.
    """
    address = client_address(request)
    language = preferred_language(request)
    session = f"program {address if paint_job.ON_SPACE else uuid.uuid4().hex}"
    try:
        photo, styles = require_pictures(photo, style)
        settings = {"strength": strength, "colors": colors, "quality": quality, "size": size, "seed": seed}
        settings["protect"] = FACES if keep_faces and finds_faces() else NOTHING
        paint = painter.paint_instant if quality == "instant" else painter.paint
        with sessions.painting(session, address) as painting, paint.turn(expected_seconds(photo, settings)) as waits:
            for waiting in waits:
                progress(0.0, waiting_message(waiting, language))
            folder, last = painting.new_folder(), None
            with contextlib.closing(paint(make_job(photo, styles, settings, folder))) as progresses:
                for last in progresses:
                    progress(last.fraction, progress_message(last, language))
            assert last is not None
            assert last.painting is not None
            return uploads.write_png(Image.fromarray(last.painting), folder / "impasto.png", json.dumps(last.recipe))
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(error_message(error, language), print_exception=False) from None
