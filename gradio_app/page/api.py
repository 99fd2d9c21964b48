"""What programs call: the page's only public function."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any

import gradio as gr
from PIL import Image

import pictures
import studio
from orders import checked, order
from said import sentence, where
from visitors import address, visitors


def stylize(
    photo: Any,
    style: Any,
    strength: float = 0.5,
    colors: str = "style",
    quality: str = "normal",
    size: int = 512,
    seed: int = 0,
    request: gr.Request | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  -- how Gradio finds it
) -> str:
    """Paint a photo in the style of a painting (Gatys, Ecker and Bethge's method).

    Args:
        photo: the picture to paint, as an uploaded file or a data URL
        style: the picture in whose style to paint it
        strength: how strong the style is, from 0 to 1; 0.5 is the balance to begin with
        colors: "style" for the colors of the style, "content" to keep those of the photo
        quality: how much work: "draft", "normal" or "fine"
        size: longest side of the result in pixels, never more than the photo's own; 0 is the photo's own
        seed: the same seed gives the same picture

    Returns:
        A PNG file with the painting, which carries its recipe.
    """
    visitor = f"program {address(request) if studio.ON_SPACE else uuid.uuid4().hex}"
    try:
        photo, styles = checked(photo, style)
        values = {"strength": strength, "colors": colors, "quality": quality, "size": size, "seed": seed}
        with visitors.painting(visitor, address(request)) as folder:
            frame = None
            with contextlib.closing(studio.paint(order(photo, styles, values, folder))) as frames:
                for frame in frames:
                    progress(frame.fraction, where(frame))
            assert frame is not None
            assert frame.painting is not None
            return pictures.save(Image.fromarray(frame.painting), folder / "impasto.png", json.dumps(frame.recipe))
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from None
