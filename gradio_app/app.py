"""The web page: add a photo, tap a painting, watch it being painted, compare, and show it to others.

    python app.py            on this computer, at http://127.0.0.1:7860

On Hugging Face Spaces the same file runs the Space. Other programs may call one function, `stylize`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from typing import Any

from impasto.runtime.signals import raise_on_sigterm

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: the page contacts no other server
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from page import painter  # isort: skip  -- first, because spaces must be imported before torch

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware

from page import components, handlers, paint_job, requests, texts, uploads
from page.api import stylize
from page.gallery import STYLES
from page.handlers import Handlers
from page.jobs import estimate_message
from page.layout import Page, add_components
from page.middleware import ICON, BodySizeLimit, LinkPreview
from page.painting import PaintingHandlers, preview_styles
from page.sessions import CLEANUP_SECONDS, RETENTION_SECONDS, start_cleanup, use_private_folder
from page.static_files import ROUTES
from page.theme import THEME
from page.views import Views

#: Visitors who may paint or wait at a time, and further ones whose requests Gradio may keep.
MAX_VISITORS, QUEUE_SIZE = 12, 12
#: Photos that are previewed in all styles at a time; the painter takes one job after another anyway
MAX_PREVIEWED = 4
#: Where a painting begins, on a narrow screen, show the result if it is out of sight.
SHOW_RESULT = """(...values) => {
    const result = document.querySelector('#result');
    if (innerWidth <= 700 && result.getBoundingClientRect().bottom < 200) result.scrollIntoView({behavior: 'smooth'});
    document.querySelector('#result_buttons')?.scrollTo(0, 0);
    return values;
}"""
#: After a photo was added, on a narrow screen, show the paintings to choose from.
SHOW_PAINTINGS = "() => { if (innerWidth <= 700) document.querySelector('#gallery').scrollIntoView({block: 'center'}); }"
#: Download the file that a handler has made.
DOWNLOAD_FILE = "() => setTimeout(() => document.querySelector('#file')?.click(), 50)"


def build_page() -> tuple[gr.Blocks, Page]:
    """Lay out the page and connect its events."""
    with gr.Blocks(title="Impasto", analytics_enabled=False, delete_cache=(CLEANUP_SECONDS, RETENTION_SECONDS)) as blocks:
        page = add_components()
        _connect_events(blocks, page)
        _add_api()
    blocks.queue(max_size=QUEUE_SIZE, api_open=False)
    # Except on Windows, Gradio polls its queue a thousand times a second: a tenth of a core that the painter could use.
    blocks._queue.sleep_when_free, blocks._queue.progress_update_sleep_when_free = 0.05, 0.1
    return blocks, page


#: Arguments of event listeners: not callable by other programs; and run at once, even while the queue is busy.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
UNQUEUED: dict[str, Any] = {**PRIVATE, "queue": False}


def _connect_events(blocks: gr.Blocks, page: Page) -> None:
    views = Views(page)
    on, painting = Handlers(page, views), PaintingHandlers(page, views)
    _connect_inputs(blocks, page, on)
    latest: dict[str, Any] = {**UNQUEUED, "trigger_mode": "always_last"}
    faded = page.strength.input(on.change_strength, [page.strength, page.shown_result], page.result_outputs, **latest)
    faded.then(handlers.download_view, page.shown_result, page.download, **latest)
    page.session_results.select(on.reopen_result, page.results, [*page.result_outputs, page.strength], **UNQUEUED)
    for button, picture in ((page.use_as_photo, page.photo), (page.use_as_style, page.style)):
        button.click(handlers.use_result_as_input, page.shown_result, picture, **UNQUEUED)
    for button, make in ((page.jpeg_button, handlers.make_jpeg), (page.film_button, handlers.make_film)):
        made = button.click(make, page.shown_result, page.file, concurrency_limit=2, **PRIVATE)
        made.success(None, None, None, js=DOWNLOAD_FILE)
    page.sheet_button.click(on.show_sheet, page.sheet, page.result_outputs, **PRIVATE)
    _connect_painting(blocks, page, on, painting)


def _connect_inputs(blocks: gr.Blocks, page: Page, on: Handlers) -> None:
    """What follows when a picture or an option is changed"""
    for picture in (page.style, page.second_style):
        picture.upload(handlers.validate_upload, picture, picture, **PRIVATE)
    for picture, which in ((page.photo, "photo"), (page.style, "style")):
        remember = functools.partial(handlers.remember_name, which=which)
        picture.upload(remember, [page.names, picture], page.names, preprocess=False, **UNQUEUED)
    page.style.upload(handlers.forget_style, None, [page.gallery, page.network], **UNQUEUED)
    estimate: dict[str, Any] = {"fn": estimate_message, "inputs": page.estimate_inputs, "outputs": page.estimate}
    estimate |= {**UNQUEUED, "preprocess": False}
    blocks.load(**estimate)
    for field in (page.preset, page.quality, page.size, page.style_loss, page.padding):
        field.change(**estimate)
    page.preset.change(handlers.show_seed, page.preset, page.seed, preprocess=False, **UNQUEUED)
    page.style_loss_examples.select(handlers.choose_style_loss, None, page.style_loss, **UNQUEUED)
    chosen = [page.photo, page.result, page.result_buttons, page.shown_result, page.names]
    page.photos.select(on.choose_photo, page.names, chosen, **UNQUEUED)
    # Not `upload`, which a photo from the camera does not trigger
    # One at a time, else the change of the state comes twice
    page.photo.change(handlers.added_photo, [page.photo, page.added_photo], page.added_photo, preprocess=False, **PRIVATE)
    inputs = [page.photo, page.added_photo, page.shown_result]
    changed = page.added_photo.change(on.photo_changed, inputs, page.photo_outputs, **PRIVATE)
    changed.then(**estimate)
    page.photo.upload(None, None, None, js=SHOW_PAINTINGS)
    page.added_photo.change(
        preview_styles,
        page.photo,
        page.gallery,
        trigger_mode="multiple",
        concurrency_id="previews",
        concurrency_limit=MAX_PREVIEWED,
        **PRIVATE,
    )


def _connect_painting(blocks: gr.Blocks, page: Page, on: Handlers, painting: PaintingHandlers) -> None:
    # Each click counts: of one that arrives while another is handled, Gradio's "always_last" would repeat the first.
    style_chosen = page.gallery.select(
        handlers.choose_style, page.names, [page.style, page.network, page.names], trigger_mode="multiple", **UNQUEUED
    )
    several_chosen = page.gallery.submit(
        handlers.choose_several, None, [page.chosen, page.gallery], trigger_mode="multiple", **UNQUEUED
    )
    pictures = [page.photo, page.style, page.second_style]
    reset = [page.stylize_button, page.new_result, page.refined_result]
    for listen, validate, inputs, outputs, trigger_mode, paint in (
        (page.stylize_button.click, requests.validate_request, pictures, [*reset, page.network], "once", painting.paint),
        (style_chosen.success, requests.validate_choice, [*pictures, page.network], reset, "multiple", painting.paint),
        (page.refine_button.click, requests.validate_refinement, page.shown_result, reset, "once", painting.paint),
        (several_chosen.success, requests.validate_several, page.photo, reset, "multiple", painting.paint_several),
        (page.compare_button.click, requests.validate_request, pictures, [*reset, page.network], "once", painting.compare),
    ):
        validated = listen(
            validate,
            inputs,
            outputs,
            preprocess=False,
            js=SHOW_RESULT,
            trigger_mode=trigger_mode,
            concurrency_limit=None,  # queued all the same: outside the queue Gradio would not show the error
            **PRIVATE,
        )
        shown = [*page.result_outputs, *page.session_outputs, page.stylize_button, page.stop_button]
        painted = validated.success(
            paint,
            page.paint_inputs,
            [*shown, page.new_result, page.results, page.sheet],
            trigger_mode="multiple",  # a click on a style takes the place of a painting in progress
            concurrency_id="paint",
            concurrency_limit=MAX_VISITORS,
            **PRIVATE,
        )
        for listen_to_end in (painted.then, painted.failure):  # `then` does not run after a failure
            finished = listen_to_end(on.painting_finished, [page.new_result, page.results], [*shown, page.stored], **UNQUEUED)
            if paint in (painting.paint_several, painting.compare):
                finished.then(on.show_sheet, page.sheet, page.result_outputs, **PRIVATE)
    restored = [*page.result_outputs, *page.session_outputs, page.results, page.photo, page.names]
    blocks.load(on.restore, [page.stored, page.names], restored, **UNQUEUED)
    page.stop_button.click(handlers.stop_painting, None, None, **UNQUEUED)
    blocks.unload(handlers.stop_painting)


def _add_api() -> None:
    """Add the invisible components that define `stylize` for other programs."""
    with gr.Group(visible=False):
        pictures = [components.picture_upload(name, text=str) for name in ("photo", "style")]
        names = ("strength", "colors", "quality", "size", "seed")
        fields = [components.option_field(name, text=str, elem_id=None) for name in names]
        fields.append(gr.Checkbox(True, label="keep_faces"))
        painting = gr.Image(label="painting", type="filepath", format="png")
        gr.Button().click(stylize, [*pictures, *fields], painting, api_name="stylize", concurrency_limit=MAX_VISITORS)


if __name__ == "__main__":
    use_private_folder()  # before Gradio reads GRADIO_TEMP_DIR
demo, page = build_page()


def launch(**settings: Any) -> Any:
    """Serve the page. Gradio decides what is not set here, also from environment variables."""
    Image.MAX_IMAGE_PIXELS = int(uploads.MAX_MEGAPIXELS * 1e6)  # Gradio opens pictures in other places too
    start_cleanup()
    painter.warm_up_at_start([style.painting for style in STYLES if style.painting and not style.network])
    return demo.launch(
        theme=THEME,
        css=components.web_file("page.css"),
        js=components.web_file("page.js").replace("MAX_SIDE", str(paint_job.MAX_SIZE)),
        max_file_size=f"{uploads.MAX_MEGABYTES}mb",
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api", "settings"],
        mcp_server=True,
        i18n=texts.browser_translations(),
        favicon_path=ICON,
        app_kwargs={
            "routes": ROUTES,
            "middleware": [Middleware(BodySizeLimit, limit=2 * uploads.MAX_MEGABYTES << 20), Middleware(LinkPreview)],
        },
        **settings,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    raise_on_sigterm()  # end cleanly when a container is stopped
    with contextlib.suppress(KeyboardInterrupt):  # Gradio handles it too, once it waits for visitors
        launch()
