"""Components that Gradio does not have: safe picture uploads, fields made from `Options`, a mask editor, thumbnails."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio import utils
from gradio.data_classes import ImageData
from PIL import Image

from impasto import ImageError
from impasto.images.faces import Face
from impasto.options import option_schema

from . import texts, uploads
from .texts import label

_SCHEMA = {field["name"]: field for field in option_schema()}
_SLIDER_STEPS = {"strength": 0.05, "style_scale": 0.05}
#: Names on this page, where they differ from those of the other programs
_TITLES = {"size": "Size"}
_CHOICE_TITLES = {
    "The style's": "From the painting",
    "The photo's": "From the photo",
    "Matched to the photo's": "Painting, tuned to the photo",
}
#: The English texts of mask.js
MASK_TEXTS = (
    "Mask: arrow keys move the brush, with Shift they paint, Space paints a dot",
    "Choose a photo first.",
    "Brush size",
    "Clear",
)
#: Uses of the mask editor
PAINT, PROTECT = "paint", "protect"
MASK_USES = [("Paint only there", PAINT), ("Keep its shapes, as those of faces", PROTECT)]
_WEB_FOLDER = Path(__file__).parents[1] / "web"


class Upload(gr.Image):
    """A picture from a visitor. Event handlers get an upright RGB or RGBA image, None, or an ImageError.

    Gradio's own Image decodes whatever it is sent, follows links, and opens any file of the server that a payload names.
    """

    is_template = True  # the browser treats it as an Image

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        path = str(url_or_file_path or "")
        if path.startswith(("http:", "https:")):
            # API clients may name a file that they uploaded here by its URL.
            _, separator, local = unquote(path).partition("/gradio_api/file=")
            if not separator or not _is_upload(local):
                raise gr.Error("Links are not accepted: upload the picture itself.", print_exception=False)
            path = str(Path(local).resolve())
        return await super().async_move_resource_to_block_cache(path or None)

    def preprocess(self, payload: ImageData | None) -> Any:
        if payload is None:
            return None
        name = f"the {texts.english(self.label or 'picture').lower()}"
        try:
            if (payload.url or "").startswith("data:"):
                return uploads.read_upload(base64.b64decode(str(payload.url).partition(",")[2]), name)
            if not payload.path or not _is_upload(payload.path):
                raise ImageError(f"{name} was not uploaded here")
            return uploads.read_upload(Path(payload.path).resolve(), name)
        except ImageError as error:
            return error
        except FileNotFoundError:
            return ImageError(f"{name} has been deleted (uploads are kept for less than an hour): add it again")
        except (OSError, ValueError):
            return ImageError(f"{name} cannot be read: is it a picture?")


# Gradio writes a stub file next to the module of every component class. Type checkers would read it instead of this module.
with contextlib.suppress(OSError):
    Path(__file__).with_suffix(".pyi").unlink(missing_ok=True)


def _is_upload(path: str) -> bool:
    return bool(utils.is_in_or_equal(Path(path).resolve(), utils.get_upload_folder()))


def picture_upload(name: str, prompt: str = "", *, text: Callable[[str], Any] = label, **settings: Any) -> Upload:
    """Make a field for a picture.

    name: its accessible name, also in messages, such as "The photo cannot be read"
    prompt: what it says while it is empty; text: translates both
    """
    sources: Any = ["upload", "webcam", "clipboard"]
    placeholder = text(prompt) if prompt else None
    return Upload(label=text(name), placeholder=placeholder, interactive=True, sources=sources, buttons=[], **settings)


def heading(text: str) -> gr.Markdown:
    return gr.Markdown("## " + label(text), elem_classes="heading")


def option_field(
    name: str, dropdown: list[tuple[str, Any]] | None = None, *, text: Callable[[str], Any] = label, **settings: Any
) -> Any:
    """Make the form field of an option, with its title, range, default and help.

    dropdown: labels and values to offer in a drop-down list, instead of the whole range
    text: translates the texts
    settings: arguments of the Gradio component that replace those made from the option
    """
    field = _SCHEMA[name]
    arguments = {
        "label": _TITLES.get(name, field["title"]),
        "info": field["help"][0].upper() + field["help"][1:],
        "value": field["default"],
        "elem_id": name,
        **settings,
    }
    for shown in ("label", "info"):
        arguments[shown] = text(arguments[shown]) if arguments[shown] else None
    if dropdown is not None:
        return gr.Dropdown([(title if title.isdigit() else text(title), value) for title, value in dropdown], **arguments)
    if field["kind"] == "choice":
        offers = [(text(title), value) for title, value in choices(name)]
        return gr.Radio(offers, **{**arguments, "value": arguments["value"] or ""})
    if field["kind"] in ("float", "floats"):
        return gr.Slider(field["low"], field["high"], step=_SLIDER_STEPS[name], **arguments)
    return gr.Number(precision=0, minimum=field["low"], maximum=min(field["high"], 2**31 - 1), **arguments)


def choices(name: str) -> list[tuple[str, str]]:
    """Labels and values of an option's choices; an empty value leaves the choice to the preset."""
    return [(_CHOICE_TITLES.get(title, title), value or "") for title, value in _SCHEMA[name]["offers"]]


def status_line() -> gr.HTML:
    """Make the line that says what happens, with a bar for a painting in progress. Its value is made by `status`."""
    return gr.HTML(
        value=status(""),
        elem_id="status",
        html_template=web_file("status.html"),
        css_template=web_file("status.css"),
        js_on_load=web_file("status.js"),
        apply_default_css=False,
    )


def status(text: str, fraction: float | None = None) -> dict[str, Any]:
    """What the status line shows.  fraction: of a painting in progress that is done, from 0 to 1; None: there is none"""
    return {"text": text, "fraction": fraction}


def mask_editor(photo: str) -> gr.HTML:
    """Make a brush to paint a mask on a photo. Its value is a PNG file as a data URL, "" if nothing is painted.

    photo: its address
    """
    return gr.HTML(
        value="",
        photo=photo,
        elem_id="mask",
        html_template=web_file("mask.html"),
        css_template=web_file("mask.css"),
        js_on_load=f"const constants = {json.dumps({'texts': texts.for_browser(MASK_TEXTS)})};\n{web_file('mask.js')}",
        apply_default_css=False,
    )


def reset_mask_editor(photo: Any) -> dict[str, Any]:
    """Update the mask editor: show another photo (or none), with nothing painted on it."""
    if not isinstance(photo, Image.Image):
        return gr.update(value="", photo="")
    return gr.update(value="", photo=uploads.jpeg_data_url(photo))


def face_outlines(faces: Sequence[Face]) -> str:
    """Return the HTML that passes the outlines of faces to page.js, which shows them."""
    outlines = [[*face.outline.center, *face.outline[1:]] for face in faces]
    return f'<i data-faces="{json.dumps(outlines)}"></i>'


def web_file(name: str) -> str:
    """Read one of the files that run in the browser."""
    return (_WEB_FOLDER / name).read_text(encoding="utf-8")
