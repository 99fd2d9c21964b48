"""The figures of the paper (Gatys et al., arXiv 1508.06576, and CVPR 2016), each as panels that are runs of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api import create_reconstruction_run, create_run, create_texture_run
from ..images.picture import read_picture
from ..images.resize import fit_size
from ..optimization.cache import ModelCache
from ..optimization.run import Run
from ..options import Options


@dataclass(frozen=True)
class Panel:
    """One picture of a figure"""

    name: str  # of its file
    label: str
    create_run: Callable[[], Run]


@dataclass(frozen=True)
class Figure:
    """A figure of the paper: its panels, row by row"""

    title: str
    note: str
    panels: Sequence[Sequence[Panel]]
    rows: Sequence[str] = ()  # row titles


#: The style layers of figure 1: one more in each set
STYLE_LAYER_SUBSETS = tuple(",".join(f"conv{block}_1" for block in range(1, deepest + 1)) for deepest in range(1, 6))


def make_figures(content: str, styles: Sequence[str], settings: Mapping[str, Any], cache: ModelCache) -> dict[str, Figure]:
    """Return all figures of a photo and the first style, by name; the gallery uses all styles.

    settings: options of every run, such as `size`
    """
    fixed = {"preset": "paper", "init": "noise", **settings}
    style = styles[0]

    def painting(name: str, label: str, style: str = style, **options: Any) -> Panel:
        return Panel(name, label, lambda: create_run(content, style, Options(**{**fixed, **options}), cache=cache))

    def reconstruction(layer: str) -> Panel:
        return Panel(
            f"content_{layer}", layer, lambda: create_reconstruction_run(content, layer, Options(**fixed), cache=cache)
        )

    def texture_panel(layers: str) -> Panel:
        def create_panel_run() -> Run:
            options = Options(**fixed)
            size = read_picture(style, max_megapixels=options.max_megapixels).size
            width, height = fit_size(size, options.size)
            return create_texture_run(style, (width, height), options, cache=cache, style_layers=layers)

        return Panel(f"style_{layers.count(',') + 1}", _layer_range(layers), create_panel_run)

    def ratio(value: float) -> str:
        return f"alpha/beta = {value:g}"

    return {
        "content": Figure(
            "Content reconstructions",
            "From white noise, by the features of one layer. Above, the layers of 2015; below, those of 2016.",
            [[reconstruction(f"conv{block}_{n}") for block in range(1, 6)] for n in (1, 2)],
        ),
        "style": Figure(
            "Style reconstructions",
            "From white noise, by the Gram matrices of more and more layers.",
            [[texture_panel(layers) for layers in STYLE_LAYER_SUBSETS]],
        ),
        "grid": Figure(
            "Style layers and balance",
            "Downwards the style is matched in more layers; to the right the content weighs more.",
            [
                [
                    painting(f"grid_{row}_{value:g}", ratio(value), style_layers=layers, ratio=value)
                    for value in (1e-5, 1e-4, 1e-3, 1e-2)
                ]
                for row, layers in enumerate(STYLE_LAYER_SUBSETS, 1)
            ],
            rows=[_layer_range(layers) for layers in STYLE_LAYER_SUBSETS],
        ),
        "ratio": Figure(
            "From texture to photograph",
            "The style in all five layers, the content in conv4_2.",
            [[painting(f"ratio_{value:g}", ratio(value), ratio=value) for value in (1e-4, 1e-3, 1e-2, 1e-1)]],
        ),
        "layers": Figure(
            "The layer of the content",
            "A low layer keeps the photograph's pixels, a high one what is where.",
            [[painting(f"layer_{layer}", layer, content_layers=layer) for layer in ("conv2_2", "conv4_2")]],
        ),
        "inits": Figure(
            "What it starts from",
            "The content, the style, and four times noise.",
            [
                [painting("init_content", "content", init="content"), painting("init_style", "style", init="style")]
                + [painting(f"init_noise_{seed}", f"noise, seed {seed}", seed=seed) for seed in range(1, 5)]
            ],
        ),
        "gallery": Figure(
            "One photograph in several styles",
            "",
            [[painting(f"gallery_{n}", Path(path).stem, path) for n, path in enumerate(styles, 1)]],
        ),
    }


def _layer_range(layers: str) -> str:
    first, *rest = layers.split(",")
    return f"{first} to {rest[-1]}" if rest else first
