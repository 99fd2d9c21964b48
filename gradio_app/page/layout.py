"""The components of the page, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from impasto.option_values import finds_faces

from . import components, paint_job
from .components import Upload
from .gallery import ARRIVAL, ASSETS, PHOTOS, STYLE_LOSS_CHOICES, STYLES
from .messages import KEEP_FACES
from .picture_wall import WallPicture, picture_wall
from .static_files import address
from .texts import label
from .viewer import result_viewer

SIZES = [size for size in (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096) if size <= paint_job.MAX_SIZE]
#: Open the browser's dialog for a photo.
CHOOSE_PHOTO = "() => document.querySelector('#photo input[type=file]').click()"
SECOND_STYLE_USES = [("Everything, mixed", "mixed"), ("The brushed area", "brush"), ("Large shapes", "coarse")]
#: How many styles may be painted at once
MAX_SEVERAL = 6


class AddedPhoto(NamedTuple):
    """The photo on the page"""

    path: str  # "": there is none
    moment: float  # when it was added, in the seconds of `time.monotonic`


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """The components of the page, in the order in which they appear."""

    result: gr.HTML
    result_buttons: gr.Row
    download: gr.DownloadButton
    jpeg_button: gr.Button
    film_button: gr.Button
    sheet_button: gr.Button
    refine_button: gr.Button
    use_as_photo: gr.Button
    use_as_style: gr.Button
    file: gr.DownloadButton  # invisible: what one of the buttons above has made
    session_results: gr.HTML

    photo: Upload
    photos: gr.HTML
    gallery: gr.HTML
    style: Upload
    strength: gr.Slider
    compare_button: gr.Button
    colors: gr.Radio
    keep_faces: gr.Checkbox
    face_outlines: gr.HTML

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
    style_loss_examples: gr.HTML
    seed: gr.Number

    stylize_button: gr.Button
    stop_button: gr.Button
    estimate: gr.Markdown
    status: gr.HTML

    stored: gr.BrowserState  # list[str]: the names of the results, which outlive a reload of the page
    results: gr.State  # list[PaintingResult] of this session, newest first
    new_result: gr.State  # PaintingResult | None, of the painting that has just finished
    shown_result: gr.State  # PaintingResult | None
    refined_result: gr.State  # PaintingResult | None: what the painting in progress goes on from
    sheet: gr.State  # list[PaintingResult]: what was painted at once, for a contact sheet
    chosen: gr.State  # list[int]: the styles to paint at once
    added_photo: gr.State  # AddedPhoto
    photo_size: gr.State  # (width, height) | None
    names: gr.State  # dict: the file names of the visitor's photo and painting
    network: gr.State  # name of the feed-forward network for the first result; "": none

    @property
    def result_outputs(self) -> list[gr.blocks.Block]:
        """What `Views.result` updates"""
        shown = [self.result, self.status, self.download, self.refine_button, self.result_buttons, self.shown_result]
        return [*shown, *self.single_result_buttons]

    @property
    def single_result_buttons(self) -> list[gr.Button]:
        """What can be done with a painting, but not with a sheet of several"""
        return [self.jpeg_button, self.film_button, self.use_as_photo, self.use_as_style]

    @property
    def session_outputs(self) -> list[gr.blocks.Block]:
        """What `Views.session` updates in addition"""
        return [self.session_results, self.sheet_button]

    @property
    def photo_outputs(self) -> list[gr.blocks.Block]:
        """What `Handlers.photo_changed` updates"""
        shown = [self.photos, self.result, self.result_buttons, self.shown_result, self.status]
        return [self.photo, self.photo_size, self.mask, self.keep_faces, self.face_outlines, *shown]

    @property
    def estimate_inputs(self) -> list[gr.components.Component]:
        """The parameters of `estimate_message`"""
        return [self.photo_size, self.preset, self.quality, self.size, self.style_loss, self.padding]

    @property
    def paint_inputs(self) -> set[gr.components.Component]:
        """What `PaintingHandlers` reads"""
        return {
            *(self.photo, self.style, self.second_style, self.second_style_share, self.strength, self.second_style_use),
            *(self.colors, self.style_loss, self.padding, self.preset, self.quality, self.size, self.seed),
            *(self.style_scale, self.mask, self.mask_use, self.keep_faces, self.results, self.network, self.refined_result),
            *(self.names, self.chosen),
        }


def add_components() -> Page:
    """Lay out the page."""
    with gr.Column(elem_id="header"):
        gr.Markdown("# Impasto")
        gr.Markdown(label("Your photo, painted like any picture you love."))
    with gr.Row(elem_id="columns"):
        with gr.Column(scale=6, min_width=320, elem_id="stage"):
            stage = _add_stage()
        with gr.Column(scale=4, min_width=320, elem_id="controls"):
            controls = _add_controls()
    gr.Markdown(label(" ".join((ASSETS / "footer.md").read_text(encoding="utf-8").split())), elem_id="footer")
    states: dict[str, Any] = {name: gr.State() for name in ("new_result", "shown_result", "refined_result")}
    states["added_photo"] = gr.State(AddedPhoto(ARRIVAL.photo, 0.0))
    states["stored"] = gr.BrowserState([], storage_key="impasto-paintings")
    names = {"photo": Path(ARRIVAL.photo).stem, "style": STYLES[0].title}
    states |= {"photo_size": gr.State(ARRIVAL.size), "names": gr.State(names), "results": gr.State([])}
    states |= {"network": gr.State(STYLES[0].network), "sheet": gr.State([]), "chosen": gr.State([])}
    return Page(**stage, **controls, **states)


def _add_stage() -> dict[str, Any]:
    """What shows the result.  -> components by their names in Page"""
    result = result_viewer(ARRIVAL.pair)
    with gr.Column(elem_id="result_actions"):  # one of the two: page.css hides the button where there is a result
        gr.Button(label("Choose your photo"), elem_id="own_photo").click(None, None, None, js=CHOOSE_PHOTO)
        with gr.Row(visible=False, elem_id="result_buttons") as result_buttons:
            download = gr.DownloadButton(label("Download"), variant="primary", elem_id="download", min_width=110)
            sheet_button = gr.Button(label("All on one sheet"), elem_id="sheet", min_width=120, visible=False)
            refine = gr.Button(label("Paint at full size"), elem_id="refine", min_width=120, visible=False)
            other_photo = gr.Button(label("Other photo"), elem_id="other_photo", min_width=100)
            other_photo.click(None, None, None, js=CHOOSE_PHOTO)
            film_button = gr.Button(label("Film"), elem_id="film", min_width=80)
            jpeg_button = gr.Button("JPEG", elem_id="jpeg", min_width=80)
            use_as_photo = gr.Button(label("Use as photo"), elem_id="as_photo", min_width=110)
            use_as_style = gr.Button(label("Use as painting"), elem_id="as_style", min_width=110)
    file = gr.DownloadButton("File", elem_id="file", visible="hidden")
    with gr.Column(elem_id="session_column"):  # which page.css hides while it is empty
        components.heading("Your paintings")
        session_results = picture_wall([], "Your paintings", "session")
    return {
        "result": result,
        "result_buttons": result_buttons,
        "download": download,
        "jpeg_button": jpeg_button,
        "film_button": film_button,
        "sheet_button": sheet_button,
        "refine_button": refine,
        "use_as_photo": use_as_photo,
        "use_as_style": use_as_style,
        "file": file,
        "session_results": session_results,
    }


def _add_controls() -> dict[str, Any]:
    """What is painted, and how.  -> components by their names in Page"""
    components.heading("1 Photo")
    with gr.Row(elem_id="photo_row"):
        photo = components.picture_upload("Photo", "Choose a photo", elem_id="photo", min_width=150, value=ARRIVAL.photo)
        photos = picture_wall([photo.wall_picture for photo in PHOTOS], "Photos to try", "photos", chosen=0)
    components.heading("2 Painting")
    gr.Markdown(label("Tap one, and your photo is painted at once."), elem_classes="hint")
    gallery = picture_wall([style.wall_picture for style in STYLES], "Paintings", "gallery", several=MAX_SEVERAL, chosen=0)
    style = components.picture_upload(
        "Painting", "Or add your own painting", elem_id="style", min_width=150, value=STYLES[0].painting
    )
    components.heading("3 Adjust")
    with gr.Row(elem_id="strength_row"):
        strength = components.option_field("strength", info="Left: closer to your photo. Right: closer to the painting.")
        compare_button = gr.Button(label("Compare strengths"), elem_id="compare", size="sm", min_width=120)
    fields = {
        "colors": components.option_field("colors", info=None),
        "keep_faces": gr.Checkbox(
            True, label=label("Keep faces"), info=label(KEEP_FACES), elem_id="keep_faces", visible=finds_faces()
        ),
        "face_outlines": gr.HTML("", elem_id="face_outlines"),
        **_add_more_options(),
    }
    with gr.Column(elem_id="paint_bar"):
        status = components.status_line()
        with gr.Row(elem_id="paint_buttons"):
            stylize_button = gr.Button(label("Paint it"), variant="primary", elem_id="go")
            stop_button = gr.Button(label("Stop here"), variant="stop", elem_id="stop", visible=False)
            estimate = gr.Markdown("", elem_id="takes")
    return {
        "photo": photo,
        "photos": photos,
        "gallery": gallery,
        "style": style,
        "strength": strength,
        "compare_button": compare_button,
        **fields,
        "stylize_button": stylize_button,
        "stop_button": stop_button,
        "estimate": estimate,
        "status": status,
    }


def _add_more_options() -> dict[str, Any]:
    """Components by their names in Page"""
    with gr.Accordion(label("More"), open=False, elem_id="more"), gr.Tabs():
        with gr.Tab(label("Detail"), elem_id="detail_tab"):
            quality = components.option_field("quality", info="Draft is quickest, Fine takes longest.")
            same_size = ("Same as the photo", 0)
            size = components.option_field("size", dropdown=[*((str(n), n) for n in SIZES), same_size])
            style_scale = components.option_field("style_scale", info="Below 1, the strokes are finer.")
        with gr.Tab(label("Mix"), elem_id="mix_tab"):
            second_style = components.picture_upload("Second painting", "Mix in another painting", elem_id="second")
            use = gr.Radio(
                [(label(text), value) for text, value in SECOND_STYLE_USES],
                label=label("Use it for"),
                value="mixed",
                elem_id="together",
            )
            share = gr.Slider(0, 1, 0.5, step=0.05, label=label("Share of the second painting"), elem_id="share")
        with gr.Tab(label("Brush"), elem_id="brush_tab"):
            gr.Markdown(label("Paint over the part of the photo that you mean."), elem_classes="hint")
            mask = components.mask_editor(address(Path(ARRIVAL.photo)))
            mask_use = gr.Radio(
                [(label(text), value) for text, value in components.MASK_USES],
                label=label("The brushed area"),
                value=components.PAINT,
                elem_id="mask_use",
            )
        with gr.Tab(label("Expert"), elem_id="expert_tab"):
            padding = components.option_field("padding", info="Make a tile: copies side by side show no seam.")
            preset = components.option_field("preset")
            style_loss = components.option_field("style_loss", info="How the style is measured.")
            examples = picture_wall(
                [WallPicture(text, address(ASSETS / f"look_{value}.jpg")) for text, value in STYLE_LOSS_CHOICES],
                "The same photo and painting with each of these",
                "looks",
            )
            seed = components.option_field("seed", visible=False)
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
        "style_loss_examples": examples,
        "seed": seed,
    }
