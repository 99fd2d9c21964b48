"""The result: the painting over the photo, with a line between them that the visitor moves."""

from __future__ import annotations

from typing import Any

import gradio as gr

from . import texts
from .components import web_file

#: The English texts of web/viewer.js
TEXTS = (
    "Line between the photo and the painting",
    "{percent} % photo",
    "Photo: {title}",
    "Painting: {title}",
    "Your painting appears here.",
    "Hold to see the photo",
    "Full screen",
    "Leave full screen",
    "Share",
    "It could not be shared. Download it instead.",
)


def result_viewer(value: dict[str, Any] | None, **settings: Any) -> gr.HTML:
    """Make the component that compares a painting with its photo.

    value: made by `picture_pair`; None or {} shows an empty frame
    settings: further arguments of gr.HTML
    """
    return gr.HTML(
        value=value,
        texts=texts.for_browser(TEXTS),
        elem_id="result",
        html_template=web_file("viewer.html"),
        css_template=web_file("viewer.css"),
        js_on_load=web_file("viewer.js"),
        apply_default_css=False,
        **settings,
    )


def picture_pair(
    photo: str, painting: str, size: tuple[int, int], *, title: str, keep_line: bool = False, file_name: str = ""
) -> dict[str, Any]:
    """Return a value of the result viewer.

    photo, painting: addresses relative to the page
    size: width and height of the finished painting, also for its previews, so that the frame keeps its shape
    title: names the pictures to screen readers; "" leaves it at "Photo" and "Painting"
    keep_line: leave the line where the visitor put it, because this shows the same painting as before
    file_name: name of the file that the visitor shares; "" for the last part of the painting's address
    """
    width, height = size
    return {
        "photo": photo,
        "painting": painting,
        "width": width,
        "height": height,
        "title": title,
        "keepLine": keep_line,
        "fileName": file_name,
    }
