"""What happens on the page's events: painting, and everything that changes what the page shows."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from impasto import ImageError, ImpastoError
from impasto.images.faces import find_faces
from impasto.images.picture import read_picture
from impasto.option_values import FACES, NOTHING, finds_faces

from . import painter, uploads
from .components import PROTECT, Upload, face_outlines, reset_mask_editor
from .gallery import ASSETS, EXAMPLES, STYLE_LOSS_CHOICES, STYLES
from .jobs import make_job, refinement, require_pictures, style_masks
from .messages import (
    KEEP_FACES,
    RESULT_DELETED,
    STOPPED_WAITING,
    error_message,
    faces_message,
    first_result_message,
    kept_message,
    progress_message,
    result_message,
    waiting_message,
)
from .results import PaintingResult, save_result
from .sessions import Painting, client_address, mark_created, new_folder, sessions

#: Results that a session shows; older ones can no longer be opened.
_MAX_SESSION_RESULTS = 24

#: New values by component, as Gradio takes them from an event handler.
Updates = dict[Any, Any]
#: Values by component, as Gradio passes them to a handler whose inputs are a set.
Values = dict[Any, Any]


class PaintingRequest(NamedTuple):
    """What a visitor asks to be painted"""

    photo: Image.Image
    styles: list[Image.Image]
    settings: dict[str, Any]
    style_masks: list[painter.Pixels] | None  # where each style applies
    protected: painter.Pixels | None  # what keeps its shapes, in addition to faces
    mask: Image.Image | None  # where the photo is painted; None: everywhere
    network: str  # for the first result; "": none
    refined: painter.Pixels | None = None  # a smaller painting of the same, which is to get finer strokes


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """The components of the page, in the order in which they appear."""

    photo: Upload
    style: Upload
    gallery: gr.Gallery
    strength: gr.Slider
    colors: gr.Radio
    keep_faces: gr.Checkbox
    face_outlines: gr.HTML
    stylize_button: gr.Button
    estimate: gr.Markdown
    stop_button: gr.Button

    quality: gr.Radio
    size: gr.Dropdown
    style_scale: gr.Slider
    second_style: Upload
    second_style_use: gr.Radio
    second_style_share: gr.Slider
    mask: gr.HTML
    mask_use: gr.Radio
    padding: gr.Radio
    preset: gr.Radio
    style_loss: gr.Radio
    style_loss_examples: gr.Gallery
    seed: gr.Number

    result: gr.ImageSlider
    status: gr.Markdown
    result_buttons: gr.Row
    download: gr.DownloadButton
    refine_button: gr.Button
    use_as_photo: gr.Button
    use_as_style: gr.Button
    session_column: gr.Column
    session_results: gr.Gallery
    examples: gr.Gallery

    results: gr.State  # list[PaintingResult] of this session, newest first
    new_result: gr.State  # PaintingResult | None, of the painting that has just finished
    shown_result: gr.State  # PaintingResult | None
    refined_result: gr.State  # PaintingResult | None: what the painting in progress goes on from
    photo_size: gr.State  # (width, height) | None
    network: gr.State  # name of the feed-forward network for the first result; "": none

    @property
    def result_outputs(self) -> list[gr.blocks.Block]:
        """What `Handlers.result_view` updates"""
        return [self.result, self.status, self.download, self.refine_button, self.result_buttons, self.shown_result]

    @property
    def estimate_inputs(self) -> list[gr.components.Component]:
        """The parameters of `estimate_message`"""
        return [self.photo_size, self.preset, self.quality, self.size, self.style_loss, self.padding]

    @property
    def paint_inputs(self) -> set[gr.components.Component]:
        """What `Handlers.paint` reads"""
        return {
            *(self.photo, self.style, self.second_style, self.second_style_share, self.strength, self.second_style_use),
            *(self.colors, self.style_loss, self.padding, self.preset, self.quality, self.size, self.seed),
            *(self.style_scale, self.mask, self.mask_use, self.keep_faces, self.results, self.network, self.refined_result),
        }


#: Updates of the Stylize button, the new result and the result that is refined, before a painting
BeforePainting = tuple[dict[str, Any], None, PaintingResult | None]


def validate_request(photo: Any, style: Any, second_style: Any, request: gr.Request) -> tuple[Any, ...]:
    """Before the queue: require pictures, and no painting in progress. Raises gr.Error.

    The pictures are the browser's payloads: given or not. `paint` reads them.
    Updates those of BeforePainting, and the network.
    """
    _require_idle(request)
    return *_require_request(photo, style, second_style), ""


def validate_refinement(result: PaintingResult | None, request: gr.Request) -> BeforePainting:
    """Before the queue: require a result that can be refined, and no painting in progress. Raises gr.Error."""
    _require_idle(request)
    if result is None or not result.exists() or not result.full_size:
        raise gr.Error(RESULT_DELETED, print_exception=False)
    return gr.update(visible=False), None, result


def validate_choice(photo: Any, style: Any, second_style: Any, network: str) -> BeforePainting:
    """Do as `validate_request` does after a click on a style, which takes the place of a painting in progress.

    As long as there is no photo, a click only chooses the style.
    """
    if photo is None:
        raise gr.Error("no photo yet", visible=False, print_exception=False)
    return _require_request(photo, style, second_style, network)


@contextlib.contextmanager
def _shown_to_the_visitor() -> Iterator[None]:
    """Turn an error into one that Gradio shows."""
    try:
        yield
    except ImpastoError as error:
        raise gr.Error(error_message(error), print_exception=False) from None


def _require_idle(request: gr.Request) -> None:
    with _shown_to_the_visitor():
        sessions.require_idle(request.session_hash or "")


def _require_request(photo: Any, style: Any, second_style: Any, network: str = "") -> BeforePainting:
    with _shown_to_the_visitor():
        require_pictures(photo, style, second_style, network=network)
    return gr.update(visible=False), None, None


def photo_changed(photo: Any) -> tuple[dict[str, Any], tuple[int, int] | None, dict[str, Any], str]:
    """Show the new photo in the mask editor, store its size, say how many faces it has, and pass their outlines on."""
    if not isinstance(photo, Image.Image):
        return reset_mask_editor(photo), None, gr.update(info=KEEP_FACES), ""
    faces = find_faces(read_picture(np.asarray(photo))) if finds_faces() else []
    return reset_mask_editor(photo), photo.size, gr.update(info=faces_message(len(faces))), face_outlines(faces)


def validate_upload(picture: Any) -> Any:
    """Remove an upload that cannot be read, and tell the visitor why."""
    if isinstance(picture, ImageError):
        gr.Warning(error_message(picture))
        return None
    return gr.skip()


def download_view(result: PaintingResult | None) -> Any:
    """Prepare the download of what is shown."""
    if result is None or not result.exists():
        return gr.skip()
    return gr.update(value=result.download_file(), interactive=True)


def use_result_as_input(result: PaintingResult) -> Any:
    """Use the painting as it is shown as the next photo or style."""
    if result.exists():
        return result.download_file()
    gr.Warning(RESULT_DELETED)
    return gr.skip()


def choose_style(event: gr.SelectData) -> tuple[Any, str]:
    """Update the style and the network for the first result."""
    style = STYLES[event.index]
    return style.painting or None, style.network


def choose_style_loss(event: gr.SelectData) -> str:
    index: int = event.index
    return STYLE_LOSS_CHOICES[index][1]


def stop_painting(request: gr.Request) -> None:
    sessions.stop(request.session_hash or "")


def session_thumbnails(results: list[PaintingResult]) -> list[tuple[str, str]]:
    return [(str(result.screen_file), f"Painting {len(results) - i}") for i, result in enumerate(results)]


class Handlers:
    """The event handlers that update components by name."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def paint(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Paint and show the progress: a first result within seconds, where the options allow it, then the exact painting.

        Errors go to the status line, and the previous result stays.
        """
        page, session = self._page, request.session_hash or uuid.uuid4().hex
        first: PaintingResult | None = None
        try:
            asked = self._read_request(values)
            if asked.refined is not None:
                first_settings, exact = None, True
            else:
                first_settings = asked.settings if asked.network else painter.first_settings(asked.photo.size, asked.settings)
                exact = bool(asked.styles) and asked.settings["quality"] != "instant"
            with sessions.painting(session, client_address(request), supersede=True) as painting:
                yield {
                    page.status: "Starting…",
                    page.stylize_button: gr.update(visible=False),  # also after the end of a painting that was superseded
                    page.stop_button: gr.update(visible=True),
                }
                if first_settings is not None or not exact:
                    stage = asked._replace(settings=first_settings or asked.settings)
                    first = yield from self._paint(painter.paint_instant, stage, painting, values, to_refine=exact)
                if exact and not painting.stopped:
                    yield from self._paint(painter.paint, asked._replace(network=""), painting, values, first)
        except Exception as error:
            shown = {} if first is None else self.view_without_download(first)  # instead of a preview
            yield {**shown, page.status: error_message(error), page.new_result: None}

    def _paint(
        self,
        paint: painter.Painter,
        asked: PaintingRequest,
        painting: Painting,
        values: Values,
        first: PaintingResult | None = None,
        *,
        to_refine: bool = False,
    ) -> Generator[Updates, None, PaintingResult | None]:
        """Wait for the painter, paint, show the progress, and save the result, which takes the place of the first one.

        Gradio remakes the configuration of outputs that are not plain values each time: few outputs make previews cheap.
        """
        page = self._page
        with paint.turn() as paintings_ahead:
            for count in paintings_ahead:
                if painting.stopped:
                    break
                yield {page.status: waiting_message(count, refine=first is not None)}
            if painting.stopped:
                yield {page.status: STOPPED_WAITING}
                return None
            folder = painting.new_folder()
            more = {"masks": asked.style_masks, "network": asked.network, "painting": asked.refined}
            more["protected"] = asked.protected
            job = make_job(asked.photo, asked.styles, asked.settings, folder, **more)
            photo_file = uploads.write_jpeg(asked.photo, folder / "before.jpg")
            start, last = time.monotonic(), None
            with contextlib.closing(paint(job)) as progresses:
                for last in progresses:
                    if painting.superseded:
                        return None
                    if not last.end_reason:
                        updates: Updates = {page.status: progress_message(last)}
                        if first is None or last.size >= first.painted_at:  # smaller previews look worse
                            if asked.mask is not None:
                                uploads.overlay_preview(asked.photo, Path(last.preview), asked.mask)
                            updates[page.result] = (photo_file, last.preview)
                        yield updates
        assert last is not None
        assert last.painting is not None
        if first is not None and last.size < first.painted_at:  # stopped before it got as far
            first = first._replace(status=kept_message(last))
            yield {page.new_result: first}
            return first
        recipe = {**(last.recipe or {}), "page": {"ended": last.end_reason, "painted_at": last.size}}
        seconds = time.monotonic() - start
        image, strength = Image.fromarray(last.painting), float(asked.settings["strength"])
        result = save_result(folder, asked.photo, image, strength, recipe, result_message(last, seconds), asked.mask)
        if asked.refined is not None:
            result = result._replace(opacity=values[page.refined_result].opacity)  # as it was faded
        mark_created(folder)
        results = [result, *values[page.results]][:_MAX_SESSION_RESULTS]
        updates = {page.new_result: result, page.results: results}
        if to_refine and last.end_reason == "done":
            updates |= {**self.session_view(result, results), page.status: first_result_message(seconds)}
            updates[page.refine_button] = gr.update(visible=False)
        yield updates
        return result

    def _read_request(self, values: Values) -> PaintingRequest:
        """Return what a visitor asks for.  Raises ImpastoError."""
        page = self._page
        style, second_style, network = (values[field] for field in (page.style, page.second_style, page.network))
        result = values[page.refined_result]
        if result is not None:
            return PaintingRequest(**refinement(result, *require_pictures(values[page.photo], style, second_style)))
        photo, styles = require_pictures(values[page.photo], style, second_style, network=network)
        if network and style is None:  # it was trained on a picture that is not here
            styles = []
        elif second_style is not None:
            network = ""
        fields = ("preset", "strength", "colors", "style_loss", "padding", "quality", "size", "seed", "style_scale")
        settings = {name: values[getattr(page, name)] for name in fields}
        # The other presets do as other programs do.
        keeps_faces = values[page.keep_faces] and finds_faces() and settings["preset"] == "impasto"
        settings["protect"] = FACES if keeps_faces else NOTHING
        mask, masks, protected = uploads.read_mask(values[page.mask], photo.size), None, None
        use, share = values[page.second_style_use], values[page.second_style_share]
        if len(styles) == 2 and use == "brush":
            masks, mask = style_masks(mask), None
        elif mask is not None and values[page.mask_use] == PROTECT:
            protected, mask = np.asarray(mask), None
        if len(styles) == 2 and masks is None:
            settings["style_weights"] = (1 - share, share)
            settings["style_layers"] = painter.FINE_AND_COARSE_LAYERS if use == "coarse" else None
        return PaintingRequest(photo, styles, settings, masks, protected, mask, network)

    def painting_finished(self, result: PaintingResult | None, results: list[PaintingResult], request: gr.Request) -> Updates:
        """Reset the buttons, and show the painting if there is one, unless the next painting is in progress already."""
        page = self._page
        if sessions.is_painting(request.session_hash or ""):
            return {page.status: gr.skip()}
        updates: Updates = {page.stylize_button: gr.update(visible=True), page.stop_button: gr.update(visible=False)}
        if result is not None:
            updates |= self.session_view(result, results)
        return updates

    def session_view(self, result: PaintingResult, results: list[PaintingResult]) -> Updates:
        """Show a new painting, and those of this session."""
        page = self._page
        session = {page.session_results: session_thumbnails(results), page.session_column: gr.update(visible=True)}
        return self.result_view(result) | session

    def result_view(self, result: PaintingResult) -> Updates:
        """Show a painting, ready to download."""
        download = gr.update(value=result.download_file(), visible=True, interactive=True)
        return {**self.view_without_download(result), self._page.download: download}

    def view_without_download(self, result: PaintingResult) -> Updates:
        """Show a painting without its download, which takes longer to make."""
        page = self._page
        return {
            page.result: gr.update(value=result.screen_files(), label="Photo and painting"),
            page.status: result.status,
            page.result_buttons: gr.update(visible=True),
            page.refine_button: gr.update(visible=bool(result.full_size)),
            page.shown_result: result,
        }

    def change_strength(self, strength: float, result: PaintingResult | None, request: gr.Request) -> Updates:
        """Fade the painting to a lower strength at once; a higher one has to be painted."""
        page = self._page
        if result is None or sessions.is_painting(request.session_hash or ""):
            return {page.status: gr.skip()}
        if not result.exists():
            return {page.status: RESULT_DELETED}
        updates = {**self.view_without_download(result.with_strength(strength)), page.download: gr.update(interactive=False)}
        if strength > result.strength:
            action = "click its style again" if "net" in result.recipe else "press Stylize"
            updates[page.status] = f"This was painted at strength {result.strength:g}. To make it stronger, {action}."
        return updates

    def reopen_result(self, results: list[PaintingResult], event: gr.SelectData) -> Updates:
        page, result = self._page, results[event.index]
        if not result.exists():
            return {page.status: RESULT_DELETED}
        return {**self.result_view(result), page.strength: result.strength}

    def open_example(self, event: gr.SelectData) -> Updates:
        """Show an example that was painted in advance, with the pictures it was made from."""
        page, example = self._page, EXAMPLES[event.index]
        photo, painting = str(ASSETS / example["photo"]), str(ASSETS / example["painting"])
        strength = example["strength"]
        result = PaintingResult(str(new_folder()), photo, painting, strength, example["recipe"], example["status"])
        style = str(ASSETS / example["style"])
        return {**self.result_view(result), page.photo: photo, page.style: style, page.strength: strength}
