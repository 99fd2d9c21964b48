"""A wall of pictures to choose from, such as styles or sample photos: filters, previews, and picking several at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from . import texts
from .components import web_file

#: English texts of wall.js
TEXTS = (
    "All",
    "Pick several",
    "Pick 2 to {count}",
    "{picked} of {count} picked",
    "At most {count}",
    "Paint these",
    "Paint this one",
    "Paint these {count}",
)


class WallPicture(NamedTuple):
    """A picture on a wall. Its texts are English; those with a translation are shown in the visitor's language."""

    title: str
    address: str  # relative to the page; the picture is cropped to 4:3
    kind: str = ""  # the filter button that shows it
    description: str = ""  # what the picture shows, for screen readers
    badge: str = ""  # a short text on the picture, such as "1 s"


def picture_wall(
    pictures: Sequence[WallPicture], name: str, elem_id: str, *, several: int = 0, chosen: int = -1, **settings: Any
) -> gr.HTML:
    """Make a wall of pictures: a grid, on a phone a strip to swipe.

    The value is {"chosen": index or -1, "previews": {"3": address, ...}, "picked": [index, ...]}. A tap triggers `select`:
    the listener's gr.SelectData has the index and the title. "Paint these" triggers `submit`: its gr.EventData has `indices`.

    name: of the group, for screen readers; several: how many pictures can be picked at a time, 0 for one only
    chosen: index of the picture that is chosen first; settings: arguments of gr.HTML
    """
    # Not as properties: while a wall is in a hidden column, an update of some of its properties drops all others.
    constants = {"name": name, "several": several, "texts": texts.for_browser([*TEXTS, name])}
    return gr.HTML(
        value={"chosen": chosen, "previews": {}, "picked": []},
        elem_id=elem_id,
        html_template=web_file("wall.html"),
        css_template=web_file("wall.css"),
        js_on_load=f"const constants = {json.dumps(constants)};\n{web_file('wall.js')}",
        apply_default_css=False,
        **_properties(pictures),
        **settings,
    )


def update_wall(
    *,
    chosen: int | None = None,
    previews: Mapping[int, str] | None = None,
    picked: Sequence[int] | None = None,
    pictures: Sequence[WallPicture] | None = None,
) -> dict[str, Any]:
    """Update what is given, and keep the rest, also what the visitor has changed in the meantime.

    chosen: index of a picture, -1 for none
    previews: addresses of pictures to show in place of those at these indices; all others are shown as they are
    picked: indices in the order of picking; an empty list ends picking
    pictures: in place of those on the wall
    """
    value: dict[str, Any] = {}
    if chosen is not None:
        value["chosen"] = chosen
    if previews is not None:
        value["previews"] = {str(index): address for index, address in previews.items()}
    if picked is not None:
        value["picked"] = list(picked)
    return gr.update(value=value, **({} if pictures is None else _properties(pictures)))


def _properties(pictures: Sequence[WallPicture]) -> dict[str, Any]:
    shown_texts = [text for picture in pictures for text in picture._replace(address="")]
    return {"pictures": [picture._asdict() for picture in pictures], "texts": texts.for_browser(shown_texts)}
