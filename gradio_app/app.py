"""The web page: drop a photo, pick a painting, watch it being painted, compare, download.

    python app.py            on this computer, at http://127.0.0.1:7860

On Hugging Face Spaces the same file runs the Space. Other programs may call one function, `stylize`.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any

from impasto.option_values import finds_faces
from impasto.runtime.signals import raise_on_sigterm

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: the page contacts no other server
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from page import painter  # isort: skip  -- first, because spaces must be imported before torch

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware

from page import components, handlers, uploads
from page.api import stylize
from page.gallery import ASSETS, EXAMPLES, PAINTINGS, STYLE_LOSS_CHOICES, STYLES
from page.handlers import Handlers, Page
from page.jobs import estimate_message
from page.messages import KEEP_FACES
from page.middleware import BodySizeLimit
from page.sessions import CLEANUP_SECONDS, RETENTION_SECONDS, start_cleanup, use_private_folder

SIZES = [size for size in (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096) if size <= painter.MAX_SIZE]
#: Visitors who may paint or wait at a time, and further ones whose requests Gradio may keep.
MAX_VISITORS, QUEUE_SIZE = 12, 12
THEME = gr.themes.Soft(
    primary_hue="orange", neutral_hue="stone", font=["ui-sans-serif", "system-ui", "sans-serif"], font_mono=["ui-monospace"]
)
SECOND_STYLE_USES = [("Everything, mixed", "mixed"), ("The brushed area", "brush"), ("Large shapes", "coarse")]
#: On a narrow screen the result is below the inputs: scroll to it when painting starts.
SCROLL_TO_RESULT = """(...values) => {
    if (innerWidth < 700) document.querySelector('#result').scrollIntoView({behavior: 'smooth'});
    return values;
}"""


def build_page() -> tuple[gr.Blocks, Page]:
    """Lay out the page and connect its events."""
    with gr.Blocks(title="Impasto", analytics_enabled=False, delete_cache=(CLEANUP_SECONDS, RETENTION_SECONDS)) as blocks:
        gr.Markdown("# Impasto\nPaint a photo in the style of any painting.", elem_id="title")
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                inputs = _add_inputs()
            with gr.Column(scale=6, min_width=320):
                outputs = _add_outputs()
        examples = components.thumbnail_gallery(
            [(str(ASSETS / example["painting"]), example["title"]) for example in EXAMPLES],
            "Examples: click one to open it",
            "examples",
        )
        gr.Markdown((ASSETS / "footer.md").read_text(encoding="utf-8"), elem_id="footer")
        states: dict[str, Any] = {name: gr.State() for name in ("new_result", "shown_result", "refined_result", "photo_size")}
        states |= {"results": gr.State([]), "network": gr.State("")}
        page = Page(**inputs, **outputs, **states, examples=examples)
        _connect_events(blocks, page, Handlers(page))
        _add_api()
    blocks.queue(max_size=QUEUE_SIZE, api_open=False)
    # Except on Windows, Gradio polls its queue a thousand times a second: a tenth of a core that the painter could use.
    blocks._queue.sleep_when_free, blocks._queue.progress_update_sleep_when_free = 0.05, 0.1
    return blocks, page


def _add_inputs() -> dict[str, Any]:
    """Components by their names in Page"""
    with gr.Row():
        photo = components.picture_upload("Photo", elem_id="photo", height=230, min_width=150)
        default_style = str(ASSETS / PAINTINGS[0]["file"])
        style = components.picture_upload("Style", elem_id="style", height=230, min_width=150, value=default_style)
    gallery = components.thumbnail_gallery(
        [(style.thumbnail, style.title) for style in STYLES],
        "Paintings: click one to see your photo in its style within seconds",
        "gallery",
    )
    return {
        "photo": photo,
        "style": style,
        "gallery": gallery,
        "strength": components.option_field("strength"),
        "colors": components.option_field("colors", info=None),
        "keep_faces": gr.Checkbox(True, label="Keep faces", info=KEEP_FACES, elem_id="keep_faces", visible=finds_faces()),
        "face_outlines": gr.HTML("", elem_id="face_outlines"),
        "stylize_button": gr.Button("Stylize", variant="primary", elem_id="go"),
        "estimate": gr.Markdown("", elem_id="takes"),
        "stop_button": gr.Button("Stop and keep the result", variant="stop", elem_id="stop", visible=False),
        **_add_more_options(),
    }


def _add_more_options() -> dict[str, Any]:
    """Components by their names in Page"""
    with gr.Accordion("More options", open=False, elem_id="more"):
        quality = components.option_field("quality")
        size = components.option_field("size", dropdown=[*((str(n), n) for n in SIZES), ("Same as the photo", 0)])
        style_scale = components.option_field("style_scale")
        with gr.Row():
            second_style = components.picture_upload("Second style", elem_id="second", height=200, min_width=150)
            with gr.Column(min_width=150):
                use = gr.Radio(SECOND_STYLE_USES, label="Use it for", value="mixed", elem_id="together")
                share = gr.Slider(0, 1, 0.5, step=0.05, label="Share of the second style", elem_id="share")
        with gr.Accordion("Brush: paint only part of the photo, or protect it", open=False, elem_id="mask_fold"):
            mask = components.mask_editor()
            mask_use = gr.Radio(components.MASK_USES, label="The brushed area", value=components.PAINT, elem_id="mask_use")
        padding = components.option_field("padding", info="Make a tile: copies side by side show no seam.")
        preset = components.option_field("preset")
        style_loss = components.option_field("style_loss", info="How the style is measured.")
        style_loss_examples = components.thumbnail_gallery(
            [(str(ASSETS / f"look_{value}.jpg"), label) for label, value in STYLE_LOSS_CHOICES],
            "The same photo and painting with each of these: click one to use it",
            "looks",
        )
        seed = components.option_field("seed")
    return {
        "quality": quality,
        "size": size,
        "style_scale": style_scale,
        "second_style": second_style,
        "second_style_use": use,
        "second_style_share": share,
        "mask": mask,
        "mask_use": mask_use,
        "padding": padding,
        "preset": preset,
        "style_loss": style_loss,
        "style_loss_examples": style_loss_examples,
        "seed": seed,
    }


def _add_outputs() -> dict[str, Any]:
    """Components by their names in Page"""
    result = gr.ImageSlider(
        value=(str(ASSETS / EXAMPLES[0]["photo"]), str(ASSETS / EXAMPLES[0]["painting"])),
        label="Example: drag the line",
        elem_id="result",
        interactive=False,
        buttons=["fullscreen"],
        max_height=620,
    )
    status = gr.Markdown("", elem_id="status")
    with gr.Row(visible=False) as result_buttons:
        download = gr.DownloadButton("Download", variant="primary", elem_id="download", min_width=120)
        refine = gr.Button("Refine to full size", elem_id="refine", min_width=120, visible=False)
        use_as_photo = gr.Button("Use as photo", elem_id="as_photo", min_width=120)
        use_as_style = gr.Button("Use as style", elem_id="as_style", min_width=120)
    with gr.Column(visible=False) as session_column:
        session_results = components.thumbnail_gallery([], "This session: click one to reopen it", "session")
    return {
        "result": result,
        "status": status,
        "result_buttons": result_buttons,
        "download": download,
        "refine_button": refine,
        "use_as_photo": use_as_photo,
        "use_as_style": use_as_style,
        "session_column": session_column,
        "session_results": session_results,
    }


#: Arguments of event listeners: not callable by other programs; and run at once, even while the queue is busy.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
UNQUEUED: dict[str, Any] = {**PRIVATE, "queue": False}


def _connect_events(blocks: gr.Blocks, page: Page, on: Handlers) -> None:
    for picture in (page.photo, page.style, page.second_style):
        picture.upload(handlers.validate_upload, picture, picture, **PRIVATE)
    estimate: dict[str, Any] = {"fn": estimate_message, "inputs": page.estimate_inputs, "outputs": page.estimate}
    estimate |= {**UNQUEUED, "preprocess": False}
    shown = [page.mask, page.photo_size, page.keep_faces, page.face_outlines]
    photo_changed = page.photo.change(handlers.photo_changed, page.photo, shown, **PRIVATE)
    photo_changed.then(**estimate)
    for field in (page.preset, page.quality, page.size, page.style_loss, page.padding):
        field.change(**estimate)
    page.style_loss_examples.select(handlers.choose_style_loss, None, page.style_loss, **UNQUEUED)
    example_outputs = [*page.result_outputs, page.photo, page.style, page.strength]
    page.examples.select(on.open_example, None, example_outputs, **UNQUEUED)
    page.session_results.select(on.reopen_result, page.results, [*page.result_outputs, page.strength], **UNQUEUED)
    latest: dict[str, Any] = {**UNQUEUED, "trigger_mode": "always_last"}
    faded = page.strength.input(on.change_strength, [page.strength, page.shown_result], page.result_outputs, **latest)
    faded.then(handlers.download_view, page.shown_result, page.download, **latest)
    for button, picture in ((page.use_as_photo, page.photo), (page.use_as_style, page.style)):
        button.click(handlers.use_result_as_input, page.shown_result, picture, **UNQUEUED)
    _connect_painting(blocks, page, on)


def _connect_painting(blocks: gr.Blocks, page: Page, on: Handlers) -> None:
    # Each click counts: of one that arrives while another is handled, Gradio's "always_last" would repeat the first.
    style_chosen = page.gallery.select(
        handlers.choose_style, None, [page.style, page.network], trigger_mode="multiple", **UNQUEUED
    )
    pictures = [page.photo, page.style, page.second_style]
    reset = [page.stylize_button, page.new_result, page.refined_result]
    session_outputs = [page.session_results, page.session_column]
    for listen, validate, inputs, outputs, trigger_mode in (
        (page.stylize_button.click, handlers.validate_request, pictures, [*reset, page.network], "once"),
        (style_chosen.success, handlers.validate_choice, [*pictures, page.network], reset, "multiple"),
        (page.refine_button.click, handlers.validate_refinement, page.shown_result, reset, "once"),
    ):
        validated = listen(
            validate,
            inputs,
            outputs,
            preprocess=False,
            js=SCROLL_TO_RESULT,
            trigger_mode=trigger_mode,
            concurrency_limit=None,  # queued all the same: outside the queue Gradio would not show the error
            **PRIVATE,
        )
        painting = validated.success(
            on.paint,
            page.paint_inputs,
            [*page.result_outputs, *session_outputs, page.stylize_button, page.stop_button, page.new_result, page.results],
            trigger_mode="multiple",  # a click on a style takes the place of a painting in progress
            concurrency_id="paint",
            concurrency_limit=MAX_VISITORS,
            **PRIVATE,
        )
        finished_outputs = [*page.result_outputs, *session_outputs, page.stylize_button, page.stop_button]
        for listen_to_end in (painting.then, painting.failure):  # `then` does not run after a failure
            listen_to_end(on.painting_finished, [page.new_result, page.results], finished_outputs, **UNQUEUED)
    page.stop_button.click(handlers.stop_painting, None, None, **UNQUEUED)
    blocks.unload(handlers.stop_painting)


def _add_api() -> None:
    """Add the invisible components that define `stylize` for other programs."""
    with gr.Group(visible=False):
        pictures = [components.picture_upload("photo"), components.picture_upload("style")]
        names = ("strength", "colors", "quality", "size", "seed")
        fields = [components.option_field(name, elem_id=None) for name in names]
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
    painter.warm_up_at_start()
    return demo.launch(
        theme=THEME,
        css=components.web_file("page.css"),
        js=components.web_file("page.js"),
        max_file_size=f"{uploads.MAX_MEGABYTES}mb",
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api", "settings"],
        mcp_server=True,
        app_kwargs={"middleware": [Middleware(BodySizeLimit, limit=2 * uploads.MAX_MEGABYTES << 20)]},
        **settings,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    raise_on_sigterm()  # end cleanly when a container is stopped
    with contextlib.suppress(KeyboardInterrupt):  # Gradio handles it too, once it waits for visitors
        launch()
