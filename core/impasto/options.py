"""Options: every setting there is, with its default, range and help, in one frozen dataclass.

The Python API, the command line, the page and the plugin take names, defaults, ranges and help from here and from nowhere
else. Reading it needs neither torch nor NumPy, so that `impasto --help` answers at once.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import OptionError, choose

#: The layers of the networks by block: VGG-16 has three convolutions in its last three blocks, VGG-19 four.
BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
LAYERS = {
    network: tuple(f"conv{b}_{i}" for b, count in enumerate(counts, 1) for i in range(1, count + 1))
    for network, counts in BLOCKS.items()
}
QUALITIES = ("draft", "normal", "fine")

#: Content to style at strength 0.5, for each style loss: the paper's alpha/beta, and what looks alike with relative losses.
OWN_BALANCE = {"gram": 1e-3, "covariance": 0.03}

#: What each preset sets. A field that is not given takes its value from here.
PRESETS: dict[str, dict[str, Any]] = {
    "impasto": {
        "pooling": "max",
        "padding": "replicate",
        "content_layers": "conv4_2",
        "style_layers": "conv1_1:0.25,conv2_1:0.225,conv3_1:0.2,conv4_1:0.175,conv5_1:0.15",
        "style_loss": "covariance",
        "tv": 2.0,
        "init": "content",
        "optimizer": "adam",
        "ladder": True,
    },
    "paper": {
        "pooling": "average",
        "padding": "zero",
        "content_layers": "conv4_2",
        "style_layers": "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1",
        "style_loss": "gram",
        "tv": 0.0,
        "init": "noise",
        "optimizer": "lbfgs",
        "ladder": False,
    },
}


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    group: str = "more",
    stands_for: Any = None,
) -> Any:
    """A field of Options. `default` None: the preset's own, or none, which `stands_for` what is shown to people.

    `group`: `first` for what a painter sets first.
    """
    about = {"help": help, "low": low, "high": high, "choices": choices, "group": group, "stands_for": stands_for}
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to paint. Checked when made; a field left at None takes the preset's value.

    Raises OptionError: an unknown choice or layer, a number out of range, `strength` together with `ratio`.
    """

    preset: str = setting("impasto", "where the other settings start from", choices=tuple(PRESETS), group="first")
    size: int = setting(512, "longest side of the result, in pixels; 0 is the content's own", low=0, high=16384, group="first")
    quality: str = setting("normal", "how much work", choices=QUALITIES, group="first")
    strength: float | None = setting(
        None,
        "how strong the style is, from 0 to 1; 0.5 is the preset's own balance",
        low=0,
        high=1,
        group="first",
        stands_for=0.5,
    )
    colors: str = setting(
        "style",
        "colors of the result: those of the style, or those of the content (only light and dark are painted)",
        choices=("style", "content"),
        group="first",
    )
    seed: int = setting(0, "seed of the noise; the same seed gives the same picture", low=0, high=2**63 - 1, group="first")
    ratio: float | None = setting(
        None, "content to style, alpha/beta in the paper's units, instead of strength (the paper: 1e-3)", low=0
    )
    iterations: int | None = setting(None, "steps at the final size, instead of the quality's", low=1, high=100_000)
    ladder: bool = setting(None, "work up from small sizes")
    network: str = setting("auto", "the network that looks at the pictures", choices=("auto", *BLOCKS))
    weights: str | None = setting(None, "a file with the network's weights (.safetensors or .pth)")
    pooling: str = setting(None, "the network's pooling (the paper: average)", choices=("average", "max"))
    padding: str = setting(
        None,
        "what lies beyond the picture's border: zeros (the paper), or its edge once more at the first layer",
        choices=("zero", "replicate"),
    )
    content_layers: str = setting(None, "layers whose features the content keeps, as NAME or NAME:WEIGHT,...")
    style_layers: str = setting(None, "layers whose statistics the style gives, as NAME or NAME:WEIGHT,...")
    style_loss: str = setting(
        None,
        "what of the style is matched: Gram matrices (the paper), or means and covariances, each relative to the style's",
        choices=tuple(OWN_BALANCE),
    )
    tv: float = setting(None, "weight of the total variation, which smooths", low=0)
    style_weights: tuple[float, ...] | None = setting(None, "the share of each style; equal if not given", low=0)
    style_scale: float = setting(
        1.0, "size of the style against the result; up to 1 a style is not enlarged beyond its own pixels", low=0.1, high=4
    )
    init: str = setting(None, "what to start from", choices=("content", "noise", "style", "image"))
    init_image: Any = setting(None, "the picture to start from, with init image")
    optimizer: str = setting(None, "the optimizer", choices=("lbfgs", "adam"))
    device: str = setting("auto", "where to compute: auto, cpu, cuda, cuda:N or mps")
    precision: str = setting(
        "auto",
        "numbers in the convolutions; auto is bfloat16 where the device is fast at it, else float32",
        choices=("auto", "float32", "bfloat16"),
    )
    max_megapixels: float = setting(200, "the largest picture that is read, in millions of pixels", low=0.001)

    def __post_init__(self) -> None:
        if self.init_image is not None:
            if self.init not in (None, "image"):
                raise OptionError(f"init is {self.init!r}, but there is an init_image: give one of the two")
            object.__setattr__(self, "init", "image")
        preset = PRESETS[choose("preset", self.preset, PRESETS)]
        for name, value in preset.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for about in fields(self):
            object.__setattr__(self, about.name, _checked(about, getattr(self, about.name)))
        if self.strength is not None and self.ratio is not None:
            raise OptionError("strength and ratio set the same thing: give one of the two")
        if self.size and self.size < 32:
            raise OptionError(f"size {self.size} is too small: give 32 to 16384, or 0 for the content's own size")
        if self.init == "image" and self.init_image is None:
            raise OptionError("init 'image' needs the picture: give init_image too")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", self.device):
            raise OptionError(f"no device {self.device!r}: there are auto, cpu, cuda, cuda:N and mps")
        parse_layers(self.content_layers)
        parse_layers(self.style_layers)

    @property
    def alpha(self) -> float:
        """The weight of the content against a style weight of 1 (eq. 7), from ratio or strength.

        With the Gram loss this is the paper's alpha/beta. With relative losses it multiplies the mean squared difference
        of the features, and a ratio counts against the paper's 1e-3. A quarter of strength is a factor of 10.
        """
        own = OWN_BALANCE[self.style_loss]
        if self.ratio is not None:
            return own * self.ratio / OWN_BALANCE["gram"]
        strength = 0.5 if self.strength is None else self.strength
        return own * 10 ** (4 * (0.5 - strength))


def parse_layers(text: str, network: str | None = None) -> dict[str, float]:
    """`conv1_1:2,conv2_1` -> layer weights that sum to 1.  Raises OptionError for what is not a layer of `network`."""
    known = LAYERS[network] if network else max(LAYERS.values(), key=len)
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition(":")
        try:
            weight = float(number) if number else 1.0
        except ValueError:
            weight = math.nan
        if not 0 <= weight < math.inf:
            raise OptionError(f"layer weight {number!r} of {name!r} is not a number from 0 up")
        weights[choose(f"layer in {network}" if network else "layer", name.strip(), known)] = weight
    total = sum(weights.values())
    if total <= 0:
        raise OptionError(f"layers {text!r}: name at least one layer with a weight above 0")
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def default_of(about: dataclasses.Field[Any]) -> Any:
    """What a field is when nobody sets it, the default preset's value included."""
    if about.default is not None:
        return about.default
    return PRESETS["impasto"].get(about.name, about.metadata["stands_for"])


def describe() -> list[dict[str, Any]]:
    """Every option that can be written down, as a program of another kind needs it to make a form: names, kinds, ranges.

    kind: choice, bool, int, float, floats or text
    """
    described = []
    for about in fields(Options):
        if about.name == "init_image":  # a picture
            continue
        kind = "choice" if about.metadata["choices"] else str(about.type).split(" ")[0].replace("str", "text")
        kind = "floats" if kind.startswith("tuple") else kind
        facts = {name: about.metadata[name] for name in ("help", "low", "high", "choices", "group")}
        described.append({"name": about.name, "kind": kind, "default": default_of(about), **facts})
    return described


def _checked(about: dataclasses.Field[Any], value: Any) -> Any:
    """`value` in the field's type and within its range, or an OptionError."""
    name, low, high = about.name, about.metadata["low"], about.metadata["high"]
    if value is None or name == "init_image":
        return about.default if value is None else value
    if about.metadata["choices"]:
        return choose(name, value, about.metadata["choices"])
    kind = str(about.type)
    if kind.startswith("tuple"):
        numbers = value if isinstance(value, list | tuple) else (value,)
        return tuple(_number(name, number, float, low, high) for number in numbers)
    if kind.startswith("float"):
        return _number(name, value, float, low, high)
    if kind.startswith("int"):
        return _number(name, value, int, low, high)
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise OptionError(f"{name} is {value!r}: it is either true or false")
        return value
    return str(value)


def _number(name: str, value: Any, kind: type, low: float | None, high: float | None) -> Any:
    try:
        number = kind(value)
        fits = not isinstance(value, bool) and (kind is float or number == value or isinstance(value, str))
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits or not math.isfinite(number):
        what = "a whole number" if kind is int else "a number"
        raise OptionError(f"{name} is {value!r}: it has to be {what}")
    if (low is not None and number < low) or (high is not None and number > high):
        span = f"from {low:g} to {high:g}" if low is not None and high is not None else f"{low:g} or more"
        raise OptionError(f"{name} is {value!r}: it has to be {span}")
    return number
