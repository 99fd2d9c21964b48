"""The parts of the page that Gradio does not have: pictures that are safe to take, fields from `Options`, a mask."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio import utils
from gradio.data_classes import ImageData

import pictures
from impasto import ImageError
from impasto.options import describe

_ABOUT = {about["name"]: about for about in describe()}
_STEPS = {"strength": 0.05, "style_scale": 0.05}


class Upload(gr.Image):
    """A picture from a visitor. What arrives in a function is an upright RGB or RGBA image, None, or an ImageError.

    Gradio's own Image decodes whatever it is sent, fetches links, and opens any file of the server that a payload names.
    """

    is_template = True  # for the browser it is an Image

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        path = str(url_or_file_path or "")
        if path.startswith(("http:", "https:")):
            # What was uploaded here, clients may name by its address.
            _, own, local = unquote(path).partition("/gradio_api/file=")
            if not own or not _uploaded(local):
                raise gr.Error("Links are not accepted: upload the picture itself.", print_exception=False)
            path = str(Path(local).resolve())
        return await super().async_move_resource_to_block_cache(path or None)

    def preprocess(self, payload: ImageData | None) -> Any:
        if payload is None:
            return None
        name = f"the {str(self.label).lower()}"
        try:
            if (payload.url or "").startswith("data:"):
                return pictures.read(base64.b64decode(str(payload.url).partition(",")[2]), name)
            if not payload.path or not _uploaded(payload.path):
                raise ImageError(f"{name} was not uploaded here")
            return pictures.read(Path(payload.path).resolve(), name)
        except ImageError as error:
            return error
        except FileNotFoundError:
            return ImageError(f"{name} has been deleted, as everything is within the hour: add it again")
        except (OSError, ValueError):
            return ImageError(f"{name} cannot be read: is it a picture?")


def upload(label: str, **more: Any) -> Upload:
    sources = ["upload", "webcam", "clipboard"]
    return Upload(label=label, interactive=True, sources=sources, buttons=[], **more)


def field(name: str, choices: list[tuple[str, Any]] | None = None, **more: Any) -> Any:
    """A field for one of `Options`, with its name, range, default and help; `choices` to offer a few values only."""
    about = _ABOUT[name]
    shared = {
        "label": about["title"],
        "info": about["help"][0].upper() + about["help"][1:],
        "value": about["default"],
        "elem_id": name,
        **more,
    }
    if choices is not None:
        return gr.Dropdown(choices, **shared)
    if about["kind"] == "choice":
        return gr.Radio(offers(name), **{**shared, "value": shared["value"] or ""})
    if about["kind"] in ("float", "floats"):
        return gr.Slider(about["low"], about["high"], step=_STEPS[name], **shared)
    return gr.Number(precision=0, minimum=about["low"], maximum=min(about["high"], 2**31 - 1), **shared)


def offers(name: str) -> list[tuple[str, str]]:
    """Labels and values of a choice; what is left to the preset is an empty text."""
    return [(label, value or "") for label, value in _ABOUT[name]["offers"]]


def shelf(pictures: list[tuple[str, str]], title: str, elem_id: str) -> gr.Gallery:
    """A row of six pictures with names, to choose one by a click; on a phone there are three in a row."""
    gr.Markdown(title)
    return gr.Gallery(
        pictures,
        label=title,
        show_label=False,
        elem_id=elem_id,
        elem_classes="shelf",
        height="auto",
        fit_columns=False,
        allow_preview=False,
        object_fit="cover",
        buttons=[],
        container=False,
        interactive=False,
    )


def mask() -> gr.HTML:
    """Paint on the photo where the style shall come. Its value is a PNG as a data URL, "" where nothing is painted."""
    return gr.HTML(
        value="",
        photo="",
        elem_id="mask",
        html_template=web("mask.html"),
        css_template=web("mask.css"),
        js_on_load=web("mask.js"),
        apply_default_css=False,
    )


def mask_photo(photo: Any) -> dict[str, Any]:
    """What the mask is painted on, and nothing painted on it"""
    if isinstance(photo, ImageError) or photo is None:
        return gr.update(value="", photo="")
    return gr.update(value="", photo="data:image/jpeg;base64," + base64.b64encode(pictures.jpeg(photo)).decode())


def web(name: str) -> str:
    """What the browser runs and reads"""
    return (Path(__file__).parent / "web" / name).read_text(encoding="utf-8")


def _uploaded(path: str) -> bool:
    return utils.is_in_or_equal(Path(path).resolve(), utils.get_upload_folder())
