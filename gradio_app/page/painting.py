"""Paint for visitors: one painting, first instantly and then in full detail; several at once; and previews of their photo."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from impasto import ImpastoError

from . import paint_job, painter, uploads
from .components import status
from .file_names import file_name
from .gallery import STYLES, Style, is_sample
from .jobs import expected_seconds, make_job, require_photo
from .layout import Page
from .messages import (
    STARTING,
    STOPPED_WAITING,
    error_message,
    first_result_message,
    kept_message,
    part_message,
    progress_message,
    result_message,
    waiting_message,
)
from .paint_job import Progress
from .picture_wall import update_wall
from .requests import PaintingRequest, Values, read_request, read_settings
from .results import MAX_STORED, PaintingResult, save_result
from .sessions import Painting, client_address, mark_created, sessions
from .texts import preferred_language, translate
from .viewer import picture_pair
from .views import Updates, Views

#: Longest side of the previews of a visitor's photo, in pixels
_PREVIEW_SIDE = 192
#: What "Compare strengths" paints
_STRENGTHS = (0.25, 0.5, 0.75)


class Stage(NamedTuple):
    """One stage of a painting: instantly, or in full detail."""

    paint: painter.Painter
    asked: PaintingRequest
    title: str  # of the result: its style's, also for the names of files
    first: PaintingResult | None = None  # what this stage takes the place of
    to_refine: bool = False  # whether another stage follows
    part: int = 0  # of several paintings: which one this is
    parts: int = 1


class PaintingHandlers:
    """The event handlers that paint."""

    def __init__(self, page: Page, views: Views) -> None:
        self._page, self._views = page, views

    def paint(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Paint and show the progress: a first result within seconds, where the options allow it, then in full detail.

        Errors go to the status line, and the previous result stays.
        """
        page, language = self._page, preferred_language(request)
        first: PaintingResult | None = None
        try:
            asked = read_request(page, values)
            if asked.refined is not None:
                first_settings, exact = None, True
            else:
                first_settings = _first_settings(asked)
                exact = bool(asked.styles) and asked.settings["quality"] != "instant"
            with sessions.painting(_session(request), client_address(request), supersede=True) as painting:
                yield self._start(asked, painting, language)
                refined: PaintingResult | None = values[page.refined_result]
                title = values[page.names].get("style", "") if refined is None else refined.title
                stage = Stage(painter.paint_instant, asked, title, to_refine=exact)
                if first_settings is not None or not exact:
                    instant = asked._replace(settings=first_settings or asked.settings)
                    first = yield from self._paint(stage._replace(asked=instant), painting, values, language)
                if exact and not painting.stopped:
                    stage = stage._replace(paint=painter.paint, asked=asked._replace(network=""), first=first, to_refine=False)
                    yield from self._paint(stage, painting, values, language)
        except Exception as error:
            shown = {} if first is None else self._views.without_download(first, keep_line=True)  # instead of a preview
            yield {**shown, page.status: status(error_message(error, language)), page.new_result: None}

    def paint_several(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Paint the photo instantly in several styles, for a contact sheet."""
        styles = [STYLES[index] for index in values[self._page.chosen]]
        yield from self._paint_sheet(values, [(style.title, style, {}) for style in styles], request)

    def compare(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Paint the photo instantly at several strengths, for a contact sheet."""
        style = translate(values[self._page.names].get("style", ""), preferred_language(request))
        entries = [(f"{style} {100 * strength:.0f} %".strip(), None, {"strength": strength}) for strength in _STRENGTHS]
        yield from self._paint_sheet(values, entries, request)

    def _paint_sheet(
        self, values: Values, entries: Sequence[tuple[str, Style | None, dict[str, Any]]], request: gr.Request
    ) -> Iterator[Updates]:
        """entries: of each painting, its title, its style (None: that on the page) and settings that differ"""
        page, language = self._page, preferred_language(request)
        painted: list[PaintingResult] = []
        try:
            with sessions.painting(_session(request), client_address(request), supersede=True) as painting:
                for number, (title, style, more) in enumerate(entries, 1):
                    if style is None:
                        asked = read_request(page, values)
                    else:
                        photo = require_photo(values[page.photo])
                        styles = [uploads.read_upload(style.painting, "the painting")] if style.painting else []
                        settings = read_settings(page, values)
                        asked = PaintingRequest(photo, styles, settings, None, None, None, style.network)
                    if number == 1:
                        yield self._start(asked, painting, language)
                    settings = {**(_first_settings(asked) or asked.settings), **more}
                    asked = asked._replace(settings={**settings, "quality": "instant"})
                    stage = Stage(painter.paint_instant, asked, title, None, True, number - 1, len(entries))
                    result = yield from self._paint(stage, painting, values, language)
                    if result is None or painting.superseded:
                        return
                    painted.append(result)
                    values[page.results] = [result, *values[page.results]]
                    text = part_message(number, len(entries), title, language)
                    yield {page.status: status(text, number / len(entries))}
                    if painting.stopped:
                        break
            yield {page.sheet: painted, page.sheet_button: gr.update(visible=len(painted) > 1)}
        except Exception as error:
            yield {page.status: status(error_message(error, language)), page.new_result: None}

    def _start(self, asked: PaintingRequest, painting: Painting, language: str) -> Updates:
        """Show the photo, and that it will be painted."""
        page = self._page
        updates: Updates = {
            page.status: status(translate(STARTING, language), 0.0),
            page.stylize_button: gr.update(visible=False),  # also after the end of a painting that was superseded
            page.stop_button: gr.update(visible=True),
            page.sheet_button: gr.update(visible=False),  # of what was painted before
        }
        if asked.refined is None:
            photo = uploads.file_address(uploads.write_jpeg(asked.photo, painting.new_folder() / "photo.jpg"))
            updates[page.result] = picture_pair(photo, photo, asked.photo.size, title="")
        return updates

    def _paint(
        self, stage: Stage, painting: Painting, values: Values, language: str
    ) -> Generator[Updates, None, PaintingResult | None]:
        """Wait for the painter, paint, show the progress, and save the result, which takes the place of the first one.

        Gradio remakes the configuration of outputs that are not plain values each time: few outputs make previews cheap.
        """
        page, asked, first = self._page, stage.asked, stage.first
        with stage.paint.turn(expected_seconds(asked.photo, asked.settings)) as waits:
            for waiting in waits:
                if painting.stopped:
                    break
                yield {page.status: status(waiting_message(waiting, language, refine=first is not None), 0.0)}
            if painting.stopped:
                yield {page.status: status(translate(STOPPED_WAITING, language))}
                return None
            folder = painting.new_folder()
            more = {"masks": asked.style_masks, "network": asked.network, "painting": asked.refined}
            more["protected"] = asked.protected
            job = make_job(asked.photo, asked.styles, asked.settings, folder, **more)
            photo = uploads.file_address(uploads.write_jpeg(asked.photo, folder / "before.jpg"))
            start, last, previews = time.monotonic(), None, []
            with contextlib.closing(stage.paint(job)) as progresses:
                for last in progresses:
                    if painting.superseded:
                        return None
                    if not last.end_reason:
                        text = progress_message(last, language)
                        if stage.parts > 1:
                            text = part_message(stage.part + 1, stage.parts, stage.title, language)
                        updates: Updates = {page.status: status(text, (stage.part + last.fraction) / stage.parts)}
                        if first is None or last.size >= first.painted_at:  # smaller previews look worse
                            if asked.mask is not None:
                                uploads.overlay_preview(asked.photo, Path(last.preview), asked.mask)
                            preview = uploads.file_address(last.preview)
                            updates[page.result] = picture_pair(
                                photo, preview, asked.photo.size, title=stage.title, keep_line=True
                            )
                        previews.append(last.preview)
                        yield updates
        assert last is not None
        assert last.painting is not None
        if first is not None and last.size < first.painted_at:  # stopped before it got as far
            first = first._replace(status=kept_message(last, language))
            yield {page.new_result: first}
            return first
        result = self._save(stage, last, time.monotonic() - start, folder, values, language, previews)
        results = [result, *values[page.results]][:MAX_STORED]
        updates = {page.new_result: result, page.results: results}
        if stage.to_refine and last.end_reason == "done":
            first_message = status(first_result_message(time.monotonic() - start, language), 0.0)
            updates |= {**self._views.session(result, results), page.status: first_message}
            updates[page.refine_button] = gr.update(visible=False)
        yield updates
        return result

    def _save(
        self,
        stage: Stage,
        last: Progress,
        seconds: float,
        folder: Path,
        values: Values,
        language: str,
        previews: list[str],
    ) -> PaintingResult:
        """Write the files of a painting."""
        asked, page = stage.asked, self._page
        assert last.painting is not None
        recipe = {**(last.recipe or {}), "page": {"ended": last.end_reason, "painted_at": last.size}}
        image, strength = Image.fromarray(last.painting), float(asked.settings["strength"])
        text = result_message(last, seconds, language)
        result = save_result(folder, asked.photo, image, strength, recipe, text, asked.mask)
        if asked.refined is not None:
            result = result._replace(opacity=values[page.refined_result].opacity)  # as it was faded
        mark_created(folder)
        earlier = stage.first.previews if stage.first is not None else ()
        result = result._replace(
            title=translate(stage.title, language),
            file_stem=Path(file_name(values[page.names].get("photo", ""), stage.title, "png")).stem,
            previews=(*earlier, *previews),
        )
        result.store()
        return result


def preview_styles(photo: Any, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Paint a small preview of the visitor's own photo in each style, until the visitor asks for a painting.

    -> updates of the wall of styles
    """
    sessions.stop_previews(_session(request))  # of another photo
    yield update_wall(previews={})
    if not isinstance(photo, Image.Image) or is_sample(photo) or paint_job.ON_ZERO_GPU:
        return
    with contextlib.suppress(ImpastoError), sessions.previews(_session(request), client_address(request)) as painting:
        yield from _paint_previews(uploads.resize_to(photo, _PREVIEW_SIDE), painting)
    yield gr.skip()  # Gradio repeats the last update at the end, which may come after those for the next photo


def _paint_previews(photo: Image.Image, painting: Painting) -> Iterator[dict[str, Any]]:
    """Paint the photo in each style.  -> updates of the wall of styles"""
    found: dict[int, str] = {}
    for index, style in enumerate(STYLES):
        with painter.paint_instant.turn() as waits:
            for _ in waits:
                if painting.stopped:
                    return
            if painting.stopped:
                return
            folder = painting.new_folder()
            styles = [] if style.network else [uploads.read_upload(style.painting, "the painting")]
            settings = {"quality": "instant", "size": _PREVIEW_SIDE}
            job = make_job(photo, styles, settings, folder, network=style.network)
            with contextlib.closing(painter.paint_instant(job)) as steps:
                *_, last = steps
            if painting.stopped:
                return
            if last.painting is None:
                continue
            preview = uploads.write_jpeg(Image.fromarray(last.painting), folder / "small.jpg")
            found[index] = uploads.file_address(preview)
        yield update_wall(previews=found)


def _first_settings(asked: PaintingRequest) -> dict[str, Any] | None:
    """Return the settings of a result within seconds, or None if there is none.  Raises OptionError."""
    return asked.settings if asked.network else paint_job.first_settings(asked.photo.size, asked.settings)


def _session(request: gr.Request) -> str:
    return request.session_hash or uuid.uuid4().hex
