"""What happens on the page's events, except for painting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from impasto import ImageError, OptionError
from impasto.images.faces import find_faces
from impasto.images.picture import read_picture
from impasto.option_values import finds_faces
from impasto.options import resolve_options

from . import uploads
from .components import face_outlines, reset_mask_editor, status
from .contact_sheet import contact_sheet
from .gallery import PHOTOS, STYLE_LOSS_CHOICES, STYLES, is_sample
from .layout import MAX_SEVERAL, AddedPhoto, Page
from .messages import KEEP_FACES, RESULT_DELETED, error_message, faces_message
from .picture_wall import update_wall
from .results import PaintingResult, open_picture, stored_results
from .sessions import new_folder, paintings_folder, sessions
from .texts import label, preferred_language, translate
from .viewer import picture_pair
from .views import Updates, Views


def added_photo(picture: dict[str, Any] | None, known: AddedPhoto) -> AddedPhoto:
    """Return where a new photo is stored, and when it was added. Gradio reports a change twice, but this changes once."""
    path = str((picture or {}).get("path") or "")
    return known if path == known.path else AddedPhoto(path, time.monotonic())


def validate_upload(picture: Any, request: gr.Request) -> Any:
    """Remove an upload that cannot be read, and tell the visitor why."""
    if isinstance(picture, ImageError):
        gr.Warning(error_message(picture, preferred_language(request)))
        return None
    return gr.skip()


def remember_name(names: dict[str, str], picture: dict[str, Any] | None, which: str) -> dict[str, str]:
    """Remember the name of the file that a visitor has added, for the names of downloads."""
    name = str((picture or {}).get("orig_name") or "")
    return {**names, which: Path(name).stem[:80]}


def download_view(result: PaintingResult | None) -> Any:
    """Prepare the download of what is shown."""
    if result is None or not result.exists():
        return gr.skip()
    return gr.update(value=result.download_file(), interactive=True)


def make_jpeg(result: PaintingResult | None, request: gr.Request) -> str:
    return _existing(result, request).download_file("jpeg")


def make_film(result: PaintingResult | None, request: gr.Request) -> str:
    return _existing(result, request).film_file()


def _existing(result: PaintingResult | None, request: gr.Request) -> PaintingResult:
    if result is None or not result.exists():
        raise gr.Error(translate(RESULT_DELETED, preferred_language(request)), print_exception=False)
    return result


def use_result_as_input(result: PaintingResult, request: gr.Request) -> Any:
    """Use the painting as it is shown as the next photo or style."""
    if result.exists():
        return result.download_file()
    gr.Warning(translate(RESULT_DELETED, preferred_language(request)))
    return gr.skip()


def choose_style(names: dict[str, str], event: gr.SelectData) -> tuple[Any, str, dict[str, str]]:
    """Update the style, the network for the first result, and the names of files."""
    style = STYLES[event.index]
    return style.painting or None, style.network, {**names, "style": style.title}


def choose_several(event: gr.EventData) -> tuple[list[int], dict[str, Any]]:
    """Return the styles that are picked, by index, and end picking.  Raises gr.Error for what the page does not send"""
    picked = event._data.get("indices") if isinstance(event._data, dict) else None
    on_wall = range(len(STYLES))
    if not isinstance(picked, list) or not 2 <= len(picked) <= MAX_SEVERAL or any(index not in on_wall for index in picked):
        raise gr.Error("These styles are not on the wall.", print_exception=False)
    return picked, update_wall(picked=[])


def forget_style() -> tuple[dict[str, Any], str]:
    """The visitor's own painting takes the place of that on the wall."""
    return update_wall(chosen=-1), ""


def choose_style_loss(event: gr.SelectData) -> str:
    index: int = event.index
    return STYLE_LOSS_CHOICES[index][1]


def show_seed(preset: str) -> Any:
    """Show the seed only where a painting begins with noise."""
    try:
        options = resolve_options({"preset": preset})
    except OptionError:  # a value that the page's own field does not send
        return gr.skip()
    return gr.update(visible=options.init == "noise" or options.init_noise > 0)


def stop_painting(request: gr.Request) -> None:
    sessions.stop(request.session_hash or "")


class Handlers:
    """The event handlers that update components by name."""

    def __init__(self, page: Page, views: Views) -> None:
        self._page, self._views = page, views

    def painting_finished(self, result: PaintingResult | None, results: list[PaintingResult], request: gr.Request) -> Updates:
        """Reset the buttons, and show the painting if there is one, unless the next painting is in progress already."""
        page = self._page
        if sessions.is_painting(request.session_hash or ""):
            return {page.stylize_button: gr.skip()}
        updates: Updates = {page.stylize_button: gr.update(visible=True), page.stop_button: gr.update(visible=False)}
        if result is not None:
            updates |= self._views.session(result, results)
            updates[page.stored] = [each.name for each in results]
        return updates

    def restore(self, stored: Any, names: dict[str, str]) -> Updates:
        """After a reload of the page, show the paintings that the visitor has made already, and the photo of the last one."""
        page, results = self._page, stored_results(paintings_folder(), stored)
        if not results:
            return {page.results: []}
        shown = self._views.session(results[0], results)
        return {**shown, page.results: results, page.photo: results[0].photo, page.names: {**names, "photo": ""}}

    def change_strength(self, strength: float, result: PaintingResult | None, request: gr.Request) -> Updates:
        """Fade the painting to a lower strength at once; a higher one has to be painted."""
        page, language = self._page, preferred_language(request)
        if result is None or sessions.is_painting(request.session_hash or ""):
            return {page.status: gr.skip()}
        if not result.exists():
            return {page.status: status(translate(RESULT_DELETED, language))}
        faded = self._views.without_download(result.with_strength(strength), keep_line=True)
        updates = {**faded, page.download: gr.update(interactive=False)}
        if strength > result.strength:
            text = "Painted at {strength}. Press Paint it to make it stronger."
            if "net" in result.recipe:
                text = "Painted at {strength}. Choose its painting again to make it stronger."
            updates[page.status] = status(translate(text, language, strength=f"{100 * result.strength:.0f} %"))
        return updates

    def reopen_result(self, results: list[PaintingResult], event: gr.SelectData, request: gr.Request) -> Updates:
        page, result = self._page, results[event.index]
        if not result.exists():
            return {page.status: status(translate(RESULT_DELETED, preferred_language(request)))}
        return {**self._views.result(result), page.strength: result.strength}

    def choose_photo(self, names: dict[str, str], event: gr.SelectData) -> Updates:
        """Use one of the photos to try, and show what it can become."""
        page, photo = self._page, PHOTOS[event.index]
        return {
            page.photo: photo.photo,
            page.result: photo.pair,
            page.result_buttons: gr.update(visible=False),
            page.shown_result: None,
            page.names: {**names, "photo": Path(photo.photo).stem},
        }

    def photo_changed(self, photo: Any, added: AddedPhoto, shown: PaintingResult | None, request: gr.Request) -> Updates:
        """Prepare the page for another photo: an empty mask, its size and faces; and show it if it is the visitor's own.

        A photo that cannot be read is removed.  shown: a painting of this photo stays in sight
        """
        page, language = self._page, preferred_language(request)
        updates: Updates = {page.face_outlines: ""}
        if isinstance(photo, ImageError):
            gr.Warning(error_message(photo, language))
            updates[page.photo] = photo = None
        updates[page.mask] = reset_mask_editor(photo)
        if photo is None:
            return {**updates, page.photo_size: None, page.keep_faces: gr.update(info=label(KEEP_FACES))}
        faces = find_faces(read_picture(np.asarray(photo))) if finds_faces() else []
        updates[page.keep_faces] = gr.update(info=faces_message(len(faces), language))
        updates |= {page.face_outlines: face_outlines(faces), page.photo_size: photo.size}
        if is_sample(photo):
            return updates
        updates[page.photos] = update_wall(chosen=-1)
        session = request.session_hash or ""
        is_late = sessions.is_painting(session) or sessions.has_painted_since(session, added.moment)
        if is_late or (shown is not None and shown.is_of(photo)):
            return updates
        address = uploads.file_address(uploads.write_jpeg(photo, new_folder() / "photo.jpg", uploads.SCREEN_SIDE))
        return {
            **updates,
            page.result: picture_pair(address, address, photo.size, title=""),
            page.result_buttons: gr.update(visible=False),
            page.shown_result: None,
            page.status: status(translate("Your photo is ready: tap a painting.", language)),
        }

    def show_sheet(self, results: list[PaintingResult], request: gr.Request) -> Updates:
        """Put what was painted at once on one sheet, show it, and offer it as a download."""
        page, language = self._page, preferred_language(request)
        pictures = [(open_picture(result.download_file()), result.title) for result in results if result.exists()]
        if len(pictures) < 2:
            return {page.status: status(translate(RESULT_DELETED, language)) if results else gr.skip()}
        sheet = contact_sheet(pictures)
        path = Path(uploads.write_jpeg(sheet, new_folder() / "impasto-sheet.jpg", max(sheet.size)))
        address, title = uploads.file_address(path), translate("All on one sheet", language)
        shown = picture_pair(address, address, sheet.size, title=title, file_name=path.name)
        return {
            page.result: shown,
            page.shown_result: None,
            page.download: gr.update(value=str(path), visible=True, interactive=True),
            page.refine_button: gr.update(visible=False),
            **dict.fromkeys(page.single_result_buttons, gr.update(visible=False)),
        }
