"""What happens on the page's events: painting, and everything that changes what the page shows."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from impasto import ImageError, ImpastoError

from . import painter, uploads
from .components import Upload, reset_mask_editor
from .gallery import ASSETS, EXAMPLES, INSTANT_STYLES, PAINTINGS, STYLE_LOSS_CHOICES
from .jobs import make_job, require_pictures, style_masks
from .messages import RESULT_DELETED, error_message, progress_message, result_message
from .results import PaintingResult, save_result
from .sessions import client_address, mark_created, new_folder, sessions

#: Results that a session shows; older ones can no longer be opened.
_MAX_SESSION_RESULTS = 24

#: New values by component, as Gradio takes them from an event handler.
Updates = dict[Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """The components of the page, in the order in which they appear."""

    photo: Upload
    style: Upload
    paintings: gr.Gallery
    instant_column: gr.Column
    instant_styles: gr.Gallery
    strength: gr.Slider
    colors: gr.Radio
    stylize_button: gr.Button
    estimate: gr.Markdown
    leave_queue_button: gr.Button
    stop_button: gr.Button

    quality: gr.Radio
    size: gr.Dropdown
    style_scale: gr.Slider
    second_style: Upload
    second_style_use: gr.Radio
    second_style_share: gr.Slider
    mask: gr.HTML
    padding: gr.Radio
    preset: gr.Radio
    style_loss: gr.Radio
    style_loss_examples: gr.Gallery
    seed: gr.Number

    result: gr.ImageSlider
    status: gr.Markdown
    result_buttons: gr.Row
    download: gr.DownloadButton
    use_as_photo: gr.Button
    use_as_style: gr.Button
    session_column: gr.Column
    session_results: gr.Gallery
    examples: gr.Gallery

    results: gr.State  # list[PaintingResult] of this session, newest first
    new_result: gr.State  # PaintingResult | None, of the painting that has just finished
    shown_result: gr.State  # PaintingResult | None
    photo_size: gr.State  # (width, height) | None
    network: gr.State  # name of the feed-forward network to paint with
    no_network: gr.State  # always "": the Stylize button passes it as the network

    @property
    def result_outputs(self) -> list[gr.blocks.Block]:
        """What `Handlers.result_view` updates"""
        return [self.result, self.status, self.download, self.result_buttons, self.shown_result]

    @property
    def estimate_inputs(self) -> list[gr.components.Component]:
        """The parameters of `estimate_message`"""
        return [self.photo_size, self.preset, self.quality, self.size, self.style_loss, self.padding]

    @property
    def paint_inputs(self) -> list[gr.components.Component]:
        """The parameters of `Handlers.paint`, except for the network"""
        return [
            *(self.photo, self.style, self.second_style, self.second_style_share, self.strength, self.second_style_use),
            *(self.colors, self.style_loss, self.padding, self.preset, self.quality, self.size, self.seed),
            *(self.style_scale, self.mask, self.results),
        ]


def validate_request(
    photo: Any, style: Any, second_style: Any, network: str, request: gr.Request
) -> tuple[dict[str, Any], dict[str, Any], None]:
    """Before the queue: require pictures, and no painting in progress. Raises gr.Error.

    The pictures are the browser's payloads: given or not. `paint` reads them.
    Updates the Stylize button, the Leave button and the new result.
    """
    try:
        sessions.require_idle(request.session_hash or "")
        require_pictures(photo, style, second_style, network=network)
    except ImpastoError as error:
        raise gr.Error(error_message(error), print_exception=False) from None
    return gr.update(visible=False), gr.update(visible=True), None


def photo_changed(photo: Any) -> tuple[dict[str, Any], tuple[int, int] | None]:
    """Show the new photo in the mask editor, and store its size."""
    return reset_mask_editor(photo), photo.size if isinstance(photo, Image.Image) else None


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


def choose_painting(event: gr.SelectData) -> str:
    return str(ASSETS / PAINTINGS[event.index]["file"])


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

    def paint(
        self,
        photo: Any,
        style: Any,
        second_style: Any,
        second_style_share: float,
        strength: float,
        second_style_use: str,
        colors: str,
        style_loss: str,
        padding: str,
        preset: str,
        quality: str,
        size: int,
        seed: int,
        style_scale: float,
        mask_url: str,
        results: list[PaintingResult],
        network: str,
        request: gr.Request,
    ) -> Iterator[Updates]:
        """Paint and show the progress; with a feed-forward network, if one is named.

        Errors go to the status line, and the previous result stays.
        Gradio remakes the configuration of outputs that are not plain values each time: few outputs make previews cheap.
        """
        page = self._page
        session = request.session_hash or uuid.uuid4().hex
        try:
            photo, styles = require_pictures(photo, style, second_style, network=network)
            settings = {"preset": preset, "strength": strength, "colors": colors, "style_loss": style_loss}
            settings |= {"padding": padding, "quality": quality, "size": size, "seed": seed, "style_scale": style_scale}
            mask = uploads.read_mask(mask_url, photo.size)
            masks = None
            if len(styles) == 2 and second_style_use == "brush":
                masks, mask = style_masks(mask), None
            elif len(styles) == 2:
                settings["style_weights"] = (1 - second_style_share, second_style_share)
                settings["style_layers"] = painter.FINE_AND_COARSE_LAYERS if second_style_use == "coarse" else None
            with sessions.painting(session, client_address(request)) as folder:
                job = make_job(photo, styles, settings, folder, masks=masks, network=network)
                photo_file = uploads.write_jpeg(photo, folder / "before.jpg")
                yield {
                    page.status: "Starting…",
                    page.leave_queue_button: gr.update(visible=False),
                    page.stop_button: gr.update(visible=True),
                }
                start, last = time.monotonic(), None
                with contextlib.closing(painter.paint(job)) as steps:
                    for last in steps:
                        if not last.end_reason:
                            if mask is not None:
                                uploads.overlay_preview(photo, Path(last.preview), mask)
                            yield {page.result: (photo_file, last.preview), page.status: progress_message(last)}
                assert last is not None
                assert last.painting is not None
                recipe = {**(last.recipe or {}), "page": {"ended": last.end_reason, "painted_at": last.size}}
                message = result_message(last, time.monotonic() - start, network)
                result = save_result(folder, photo, Image.fromarray(last.painting), strength, recipe, message, mask)
                mark_created(folder)
                yield {page.new_result: result, page.results: [result, *results][:_MAX_SESSION_RESULTS]}
        except Exception as error:
            yield {page.status: error_message(error)}

    def painting_finished(self, result: PaintingResult | None, results: list[PaintingResult]) -> Updates:
        """Reset the buttons, and show the painting if there is one."""
        page = self._page
        updates: Updates = {
            button: gr.update(visible=button is page.stylize_button)
            for button in (page.stylize_button, page.leave_queue_button, page.stop_button)
        }
        if result is not None:
            updates |= self.result_view(result)
            updates |= {page.session_results: session_thumbnails(results), page.session_column: gr.update(visible=True)}
        return updates

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
            action = "click its instant style again" if "net" in result.recipe else "press Stylize"
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

    def choose_instant_style(self, event: gr.SelectData) -> Updates:
        """Select the network to paint with and, for the next painting, the style it was trained on."""
        chosen = list(INSTANT_STYLES.values())[event.index]
        return {self._page.network: chosen.network, self._page.style: chosen.painting or gr.skip()}
