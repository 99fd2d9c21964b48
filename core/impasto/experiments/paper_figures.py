"""What the network keeps of one picture alone, of its content (a reconstruction) and of its style (a texture); and the
figures of the paper, of which these are parts (Gatys et al., arXiv 1508.06576, and CVPR 2016).
"""

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
    make: Callable[[], Run]


@dataclass(frozen=True)
class Figure:
    """A figure of the paper: its panels, row by row"""

    title: str
    note: str
    panels: Sequence[Sequence[Panel]]
    rows: Sequence[str] = ()  # what stands left of each


#: The style layers of figure 1, one more in each.
STYLE_LAYER_SUBSETS = tuple(",".join(f"conv{block}_1" for block in range(1, deepest + 1)) for deepest in range(1, 6))


def make_figures(content: str, styles: Sequence[str], settings: Mapping[str, Any], warm: ModelCache) -> dict[str, Figure]:
    """All the figures of one photo and one style; the gallery takes all the styles.

    settings: what every picture is made with, `size` among them
    """
    fixed = {"preset": "paper", **settings}
    style = styles[0]

    def painted(name: str, label: str, style: str = style, **own: Any) -> Panel:
        return Panel(name, label, lambda: create_run(content, style, Options(**fixed, **own), cache=warm))

    def rebuilt(layer: str) -> Panel:
        return Panel(
            f"content_{layer}", layer, lambda: create_reconstruction_run(content, layer, Options(**fixed), cache=warm)
        )

    def textured(layers: str) -> Panel:
        def make() -> Run:
            options = Options(**fixed)
            size = read_picture(style, max_megapixels=options.max_megapixels).size
            fitted = fit_size(size, options.size)
            return create_texture_run(style, fitted, options, cache=warm, style_layers=layers)

        return Panel(f"style_{layers.count(',') + 1}", _layer_range(layers), make)

    def ratio(value: float) -> str:
        return f"alpha/beta = {value:g}"

    return {
        "content": Figure(
            "Content reconstructions",
            "From white noise, by the features of one layer. Above, the layers of 2015; below, those of 2016.",
            [[rebuilt(f"conv{block}_{n}") for block in range(1, 6)] for n in (1, 2)],
        ),
        "style": Figure(
            "Style reconstructions",
            "From white noise, by the Gram matrices of more and more layers.",
            [[textured(layers) for layers in STYLE_LAYER_SUBSETS]],
        ),
        "grid": Figure(
            "Style layers and balance",
            "Downwards the style is matched in more layers; to the right the content weighs more.",
            [
                [
                    painted(f"grid_{row}_{value:g}", ratio(value), style_layers=layers, ratio=value)
                    for value in (1e-5, 1e-4, 1e-3, 1e-2)
                ]
                for row, layers in enumerate(STYLE_LAYER_SUBSETS, 1)
            ],
            rows=[_layer_range(layers) for layers in STYLE_LAYER_SUBSETS],
        ),
        "ratio": Figure(
            "From texture to photograph",
            "The style in all five layers, the content in conv4_2.",
            [[painted(f"ratio_{value:g}", ratio(value), ratio=value) for value in (1e-4, 1e-3, 1e-2, 1e-1)]],
        ),
        "layers": Figure(
            "The layer of the content",
            "A low layer keeps the photograph's pixels, a high one what is where.",
            [[painted(f"layer_{layer}", layer, content_layers=layer) for layer in ("conv2_2", "conv4_2")]],
        ),
        "inits": Figure(
            "What it starts from",
            "The content, the style, and four times noise.",
            [
                [painted("init_content", "content", init="content"), painted("init_style", "style", init="style")]
                + [painted(f"init_noise_{seed}", f"noise, seed {seed}", seed=seed) for seed in range(1, 5)]
            ],
        ),
        "gallery": Figure(
            "One photograph in several styles",
            "",
            [[painted(f"gallery_{n}", Path(each).stem, each) for n, each in enumerate(styles, 1)]],
        ),
    }


def _layer_range(layers: str) -> str:
    first, *_, last = [*layers.split(","), layers] if "," not in layers else layers.split(",")
    return first if "," not in layers else f"{first} to {last}"
