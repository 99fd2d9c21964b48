"""The page: drop a photo, pick a painting, watch it being painted, compare, download.

    python app.py            on this computer, at http://127.0.0.1:7860

On Hugging Face Spaces the same file is the Space. Its only public function is `stylize`, for programs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: the page talks to nobody else
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import studio  # isort: skip  -- spaces wants to be imported before torch

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware

import pictures
import widgets
from impasto import ImageError, ImpastoError
from impasto.stops import heed_termination
from kept import Kept, keep
from orders import checked, hint, order, regions
from programs import stylize
from said import GONE, outcome, sentence, where
from shelves import ASSETS, EXAMPLES, INSTANT, LOOKS, PAINTINGS
from visitors import KEPT_S, LOOKED_S, BoundedBodies, address, keep_sweeping, made, new_folder, own_folder, visitors

SIZES = [size for size in (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096) if size <= studio.LARGEST]
#: Visitors who may wait.
QUEUE = 12


def check(photo: Any, style: Any, second: Any, net: str, request: gr.Request) -> tuple[dict[str, Any], dict[str, Any], None]:
    """Before the queue: is there something to paint, and nothing being painted? Raises gr.Error."""
    try:
        visitors.see_free(request.session_hash or "")
        checked(photo, style, second, net=net)  # they are there or not; what is in them is looked at when it is painted from
    except ImpastoError as error:
        raise gr.Error(sentence(error), print_exception=False) from None
    return gr.update(visible=False), gr.update(visible=True), None


def arrived(photo: Any) -> tuple[dict[str, Any], tuple[int, int] | None]:
    """There is another photo: what the mask is painted on, and how large it is."""
    return widgets.mask_photo(photo), photo.size if isinstance(photo, Image.Image) else None


def took(photo: Any) -> Any:
    """A picture has arrived: one that cannot be read goes at once, and the visitor is told why."""
    if isinstance(photo, ImageError):
        gr.Warning(sentence(photo))
        return None
    return gr.skip()


def paint(
    photo: Any,
    style: Any,
    second: Any,
    share: float,
    strength: float,
    together: str,
    colors: str,
    look: str,
    seamless: str,
    preset: str,
    quality: str,
    size: int,
    seed: int,
    style_scale: float,
    mask: str,
    runs: list[Kept],
    net: str,
    request: gr.Request,
) -> Iterator[dict[Any, Any]]:
    """Paint, by a net where one is named, and show how far it is.

    What goes wrong is said in the status line; what was shown before stays.
    Gradio makes the schemas of what is not yielded anew each time: a few outputs, and values alone, keep the previews cheap.
    """
    visitor = request.session_hash or uuid.uuid4().hex
    try:
        photo, styles = checked(photo, style, second, net=net)
        values = {"preset": preset, "strength": strength, "colors": colors, "style_loss": look, "padding": seamless}
        values |= {"quality": quality, "size": size, "seed": seed, "style_scale": style_scale}
        covered = pictures.read_mask(mask, photo.size)
        masks = None
        if len(styles) == 2 and together == "brush":
            masks, covered = regions(covered), None
        elif len(styles) == 2:
            values["style_weights"] = (1 - share, share)
            values["style_layers"] = studio.FINE_AND_COARSE if together == "coarse" else None
        with visitors.painting(visitor, address(request)) as folder:
            ordered = order(photo, styles, values, folder, masks=masks, net=net)
            before = pictures.show(photo, folder / "before.jpg")
            yield {status: "Starting…", leave: gr.update(visible=False), stop: gr.update(visible=True)}
            started, frame = time.monotonic(), None
            with contextlib.closing(studio.paint(ordered)) as frames:
                for frame in frames:
                    if not frame.ended:
                        if covered is not None:
                            pictures.cover(photo, Path(frame.preview), covered)
                        yield {result: (before, frame.preview), status: where(frame)}
            assert frame is not None
            assert frame.painting is not None
            recipe = {**(frame.recipe or {}), "page": {"ended": frame.ended, "painted_at": frame.size}}
            line = outcome(frame, time.monotonic() - started, net)
            kept = keep(folder, photo, Image.fromarray(frame.painting), strength, recipe, line, covered)
            made(folder)
            yield {painted: kept, history: [kept, *runs][:24]}
    except Exception as error:
        yield {status: sentence(error)}


def done(kept: Kept | None, runs: list[Kept]) -> dict[Any, Any]:
    """After a painting, or when there was none: the buttons as before, and what was painted."""
    page: dict[Any, Any] = {button: gr.update(visible=button is go) for button in (go, leave, stop)}
    if kept is not None:
        page |= {**opened(kept), session: strip(runs), past: gr.update(visible=True)}
    return page


def opened(kept: Kept) -> dict[Any, Any]:
    """The page with a painting on it"""
    return {**shown(kept), download: gr.update(value=kept.download(), visible=True, interactive=True)}


def shown(kept: Kept) -> dict[Any, Any]:
    """The same without the download, which takes longer to make"""
    return {
        result: gr.update(value=kept.shown(), label="Photo and painting"),
        status: kept.line,
        again: gr.update(visible=True),
        current: kept,
    }


def fade(strength: float, kept: Kept | None, request: gr.Request) -> dict[Any, Any]:
    """Strength, moved after the painting: less of it is shown at once, more has to be painted."""
    if kept is None or visitors.paints(request.session_hash or ""):
        return {status: gr.skip()}
    if not kept.exists():
        return {status: GONE}
    page = {**shown(kept.faded(strength)), download: gr.update(interactive=False)}
    if strength > kept.strength:
        how = "click its instant style again" if "net" in kept.recipe else "press Stylize"
        page[status] = f"It was painted at {kept.strength:g}: {how} to paint it stronger."
    return page


def ready(kept: Kept | None) -> Any:
    """What is shown, to be downloaded"""
    return gr.update(value=kept.download(), interactive=True) if kept is not None and kept.exists() else gr.skip()


def strip(history: list[Kept]) -> list[tuple[str, str]]:
    return [(str(kept.screen), f"Painting {len(history) - i}") for i, kept in enumerate(history)]


def reopen(history: list[Kept], event: gr.SelectData) -> dict[Any, Any]:
    kept = history[event.index]
    return {**opened(kept), strength: kept.strength} if kept.exists() else {status: GONE}


def reuse(kept: Kept) -> Any:
    """The painting as it is shown, as photo or style of the next"""
    if kept.exists():
        return kept.download()
    gr.Warning(GONE)
    return gr.skip()


def example(event: gr.SelectData) -> dict[Any, Any]:
    """An example, as the program painted it before: at once"""
    about = EXAMPLES[event.index]
    their_photo, painting = str(ASSETS / about["photo"]), str(ASSETS / about["painting"])
    kept = Kept(str(new_folder()), their_photo, painting, about["strength"], about["recipe"], about["line"])
    return {**opened(kept), photo: their_photo, style: str(ASSETS / about["style"]), strength: about["strength"]}


def choose(event: gr.SelectData) -> str:
    return str(ASSETS / PAINTINGS[event.index]["file"])


def choose_instant(event: gr.SelectData) -> dict[Any, Any]:
    """The net that is to paint, and for the next painting, the style that it has learned"""
    chosen = list(INSTANT.values())[event.index]
    return {net: chosen.net, style: chosen.painting or gr.skip()}


def choose_look(event: gr.SelectData) -> str:
    return LOOKS[event.index][1]


def halt(request: gr.Request) -> None:
    visitors.stop(request.session_hash or "")


THEME = gr.themes.Soft(
    primary_hue="orange", neutral_hue="stone", font=["ui-sans-serif", "system-ui", "sans-serif"], font_mono=["ui-monospace"]
)
#: What the second style may give.
TOGETHER = [("A share of everything", "mixed"), ("What is under the brush", "brush"), ("The large shapes", "coarse")]
#: On a narrow screen the painting is below: go there when it begins.
GO_TO = """(...values) => {
    if (innerWidth < 700) document.querySelector('#result').scrollIntoView({behavior: 'smooth'});
    return values;
}"""

if __name__ == "__main__":
    own_folder()

with gr.Blocks(title="Impasto", analytics_enabled=False, delete_cache=(LOOKED_S, KEPT_S)) as demo:
    gr.Markdown("# Impasto\nPaint a photo in the style of any painting.", elem_id="title")
    history, painted, current, shape = gr.State([]), gr.State(None), gr.State(None), gr.State(None)
    no_net, net = gr.State(""), gr.State("")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            with gr.Row():
                photo = widgets.upload("Photo", elem_id="photo", height=230, min_width=150)
                style = widgets.upload(
                    "Style", elem_id="style", height=230, min_width=150, value=str(ASSETS / PAINTINGS[0]["file"])
                )
            library = widgets.shelf(
                [(str(ASSETS / painting["thumbnail"]), painting["title"]) for painting in PAINTINGS],
                "Paintings: click one to paint in its style",
                "library",
            )
            with gr.Column(visible=bool(INSTANT)):
                instant = widgets.shelf(
                    [(each.thumbnail, each.title) for each in INSTANT.values()],
                    "Instant styles: click one, and the photo is painted in a second",
                    "instant",
                )
            strength = widgets.field("strength")
            colors = widgets.field("colors", info=None)
            go = gr.Button("Stylize", variant="primary", elem_id="go")
            takes = gr.Markdown("", elem_id="takes")
            leave = gr.Button("Leave the queue", elem_id="leave", visible=False)
            stop = gr.Button("Stop and keep this", variant="stop", elem_id="stop", visible=False)
            with gr.Accordion("More", open=False, elem_id="more"):
                quality = widgets.field("quality")
                size = widgets.field("size", choices=[*((str(n), n) for n in SIZES), ("The photo's own", 0)])
                style_scale = widgets.field("style_scale")
                with gr.Row():
                    second = widgets.upload("Second style", elem_id="second", height=200, min_width=150)
                    with gr.Column(min_width=150):
                        together = gr.Radio(TOGETHER, label="What it gives", value="mixed", elem_id="together")
                        share = gr.Slider(0, 1, 0.5, step=0.05, label="Its share", elem_id="share")
                with gr.Accordion("The brush: paint only here", open=False, elem_id="mask_fold"):
                    mask = widgets.mask()
                seamless = widgets.field("padding", info="Copies of the result join without a seam.")
                preset = widgets.field("preset")
                look = widgets.field("style_loss", info="What of the style is matched.")
                looks = widgets.shelf(
                    [(str(ASSETS / f"look_{value}.jpg"), label) for label, value in LOOKS],
                    "Coffee in the style of Harvest, in each look: click one",
                    "looks",
                )
                seed = widgets.field("seed")
        with gr.Column(scale=6, min_width=320):
            result = gr.ImageSlider(
                value=(str(ASSETS / EXAMPLES[0]["photo"]), str(ASSETS / EXAMPLES[0]["painting"])),
                label="An example: drag the line",
                elem_id="result",
                interactive=False,
                buttons=["fullscreen"],
                max_height=620,
            )
            status = gr.Markdown("", elem_id="status")
            with gr.Row(visible=False) as again:
                download = gr.DownloadButton("Download", variant="primary", elem_id="download", min_width=120)
                as_photo = gr.Button("Use as photo", elem_id="as_photo", min_width=120)
                as_style = gr.Button("Use as style", elem_id="as_style", min_width=120)
            with gr.Column(visible=False) as past:
                session = widgets.shelf([], "This session: click one to reopen it", "session")
    examples = widgets.shelf(
        [(str(ASSETS / about["painting"]), about["title"]) for about in EXAMPLES],
        "Examples: click one to open it",
        "examples",
    )
    gr.Markdown((ASSETS / "footer.md").read_text(encoding="utf-8"), elem_id="footer")

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    at_once: dict[str, Any] = {**quiet, "queue": False}
    compute: dict[str, Any] = {"concurrency_id": "compute", "concurrency_limit": 4 if studio.ON_ZERO else 1}
    page = [result, status, download, again, current]
    to_take = [shape, preset, quality, size, look, seamless]

    for picture in (photo, style, second):
        picture.upload(took, picture, picture, **quiet)
    photo.change(arrived, photo, [mask, shape], **quiet).then(hint, to_take, takes, preprocess=False, **at_once)
    for field in to_take[1:]:
        field.change(hint, to_take, takes, preprocess=False, **at_once)
    library.select(choose, None, style, **at_once)
    looks.select(choose_look, None, look, **at_once)
    examples.select(example, None, [*page, photo, style, strength], **at_once)
    session.select(reopen, history, [*page, strength], **at_once)
    faded = strength.input(fade, [strength, current], page, trigger_mode="always_last", **at_once)
    faded.then(ready, current, download, trigger_mode="always_last", **at_once)
    for button, picture in ((as_photo, photo), (as_style, style)):
        button.click(reuse, current, picture, **at_once)

    asked = [photo, style, second, share, strength, together, colors, look, seamless, preset, quality, size, seed]
    asked += [style_scale, mask, history]
    jobs = []
    chosen = instant.select(choose_instant, None, [net, style], **at_once)
    for begin, by in ((go.click, no_net), (chosen.success, net)):
        begun = begin(
            check,
            [photo, style, second, by],
            [go, leave, painted],
            preprocess=False,
            js=GO_TO,
            concurrency_limit=None,  # in the queue all the same: outside of it an error would not be told
            **quiet,
        )
        job = begun.success(
            paint,
            [*asked, by],
            [result, status, leave, stop, painted, history],
            show_progress_on=[status],
            api_visibility="private",
            **compute,
        )
        for after in (job.then, job.failure):  # `then` does not run after a failure
            after(done, [painted, history], [*page, session, past, go, leave, stop], **at_once)
        jobs.append(job)
    leave.click(lambda: "Left the queue.", None, status, cancels=jobs, **at_once)
    stop.click(halt, None, None, **at_once)
    demo.unload(halt)

    with gr.Group(visible=False):  # what programs call
        their_photo, their_style = widgets.upload("photo"), widgets.upload("style")
        fields = [widgets.field(name, elem_id=None) for name in ("strength", "colors", "quality", "size", "seed")]
        their_painting = gr.Image(label="painting", type="filepath", format="png")
        gr.Button().click(stylize, [their_photo, their_style, *fields], their_painting, api_name="stylize", **compute)

demo.queue(max_size=QUEUE, api_open=False)
# Elsewhere than on Windows Gradio looks into its queue a thousand times a second: a tenth of a core, taken from the painting.
demo._queue.sleep_when_free, demo._queue.progress_update_sleep_when_free = 0.05, 0.1


def launch(**more: Any) -> Any:
    """Serve the page; what is not said here Gradio decides, by the environment too."""
    Image.MAX_IMAGE_PIXELS = int(pictures.MEGAPIXELS * 1e6)  # Gradio opens pictures in other places too
    keep_sweeping()
    studio.prepare()
    return demo.launch(
        theme=THEME,
        css=widgets.web("page.css"),
        js=widgets.web("page.js"),
        max_file_size=f"{pictures.MEGABYTES}mb",
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api", "settings"],
        mcp_server=True,
        app_kwargs={"middleware": [Middleware(BoundedBodies, limit=2 * pictures.MEGABYTES << 20)]},
        **more,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    heed_termination()  # a container's end is one in good order
    with contextlib.suppress(KeyboardInterrupt):  # Gradio heeds it too, once it waits for visitors
        launch()
