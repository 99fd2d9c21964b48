"""Options: every setting there is, with its default, range and help, in one frozen dataclass.

The Python API, the command line, the page and the plugin take names, defaults, ranges and help from here and from nowhere
else. Reading it needs neither torch nor NumPy, so that `impasto --help` answers at once.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from .errors import OptionError, validate_choice
from .layers import NETWORKS, parse_layers
from .presets import MEAN_REDUCED_PRESETS, PAPER_RATIO, PRESETS

QUALITIES = ("draft", "normal", "fine")
STYLE_LOSS_NAMES = ("gram", "moments", "covariance", "wasserstein")
#: For each kind of padding, what lies above and below, and what lies left and right. Edges that meet are `circular`.
PADDING_MODES = {
    "zero": ("zero", "zero"),
    "replicate": ("replicate", "replicate"),
    "circular": ("circular", "circular"),
    "circular-x": ("replicate", "circular"),
    "circular-y": ("circular", "replicate"),
}
#: The figures of the paper that `impasto paper` makes.
FIGURES = ("content", "style", "grid", "ratio", "layers", "inits", "gallery")
#: What a start begins with that a net paints
NETWORK_PREFIX = "net:"

#: Content to style at strength 0.5, each loss relative to the pictures' own: measured, so that all of them leave as much of
#: the content (relative conv4_2 distance about 0.85, coffee in the style of harvest).
_LOSS_BALANCE = {"gram": 0.02, "moments": 0.125, "covariance": 0.15, "wasserstein": 0.055}
#: Powers of ten in a whole unit of strength, below 0.5 and above: the nearer to 1, the less of the content is left to give up.
_DECADES_WEAKER, _DECADES_STRONGER = 4.0, 2.5
_REFERENCE_POSITIONS = 512 * 384


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    group: str = "more",
    stands_for: Any = None,
    kind: str = "",
    title: str = "",
    offers: tuple[tuple[str, Any], ...] = (),
) -> Any:
    """A field of Options. `default` None: the preset's own, or none, which `stands_for` what is shown to people.

    `group`: `first` for what a painter sets first; `kind`: `picture` or `pictures`, where it is neither text nor numbers;
    `title`, `offers`: what forms call it, and what they offer of the choices, (label, value) each, None for the preset's.
    """
    about = {
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "group": group,
        "stands_for": stands_for,
        "kind": kind,
        "title": title,
        "offers": offers,
    }
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to paint. Checked when made; a field left at None takes the preset's value.

    Raises OptionError: an unknown choice or layer, a number out of range, `strength` together with `ratio`.
    """

    preset: str = option("impasto", "where the other settings start from", choices=tuple(PRESETS), group="first")
    size: int = option(512, "longest side of the result, in pixels; 0 is the content's own", low=0, high=16384, group="first")
    quality: str = option("normal", "how much work", choices=QUALITIES, group="first")
    strength: float | None = option(
        None,
        "how strong the style is, from 0 to 1: much alike on every picture, at every size; 0.5 is the preset's own balance",
        low=0,
        high=1,
        group="first",
    )
    colors: str = option(
        "style",
        "colors of the result: those of the style; of the content (only light and dark are painted); or those of the style "
        "brought to the content's before (match)",
        choices=("style", "content", "match"),
        group="first",
        offers=(("The style's", "style"), ("The photo's", "content"), ("Matched to the photo's", "match")),
    )
    color_match: str = option(
        "monge",
        "how colors are matched: moved as little as may be, along the principal axes, or by Cholesky factors",
        choices=("monge", "pca", "cholesky"),
    )
    seed: int = option(0, "seed of the noise to start from, where there is any (init, init_noise)", low=0, high=2**63 - 1)
    ratio: float | None = option(
        None,
        "content to style instead of strength: with style loss gram alpha/beta in the paper's units (the paper: 1e-3); with "
        "another loss 1e-3 is its own balance",
        low=0,
    )
    iterations: int | None = option(None, "steps at the final size, instead of the quality's", low=1, high=100_000)
    ladder: bool = option(None, "work up from small sizes")
    network: str = option("auto", "the network that looks at the pictures", choices=("auto", *NETWORKS))
    weights: str | None = option(None, "a file with the network's weights (.safetensors or .pth)")
    pooling: str = option(None, "the network's pooling (the paper: average)", choices=("average", "max"))
    padding: str = option(
        None,
        "what lies beyond the picture's border: zeros (the paper); its edge once more at the first layer; or its other side, "
        "so that copies of the result join without a seam, both ways, side by side (x) or one above the other (y); sides that "
        "join are rounded to multiples of 16",
        choices=tuple(PADDING_MODES),
        title="Seamless",
        offers=(
            ("No", None),
            ("Both ways", "circular"),
            ("Side by side", "circular-x"),
            ("One above the other", "circular-y"),
        ),
    )
    content_layers: str = option(None, "layers whose features the content keeps, as NAME or NAME:WEIGHT,... or none")
    style_layers: str = option(
        None,
        "layers whose statistics the style gives, as NAME or NAME:WEIGHT,... or none; with one list for each style between "
        "slashes, the fine layers of one go with the coarse ones of another",
    )
    style_loss: str = option(
        None,
        "what of the style is matched: Gram matrices (the paper), or, relative to the style's: Gram matrices, means and "
        "deviations (moments), means and covariances, or the Wasserstein distance between these",
        choices=STYLE_LOSS_NAMES,
        title="Look",
        offers=(
            ("The preset's", None),
            ("Gram, as in the paper", "gram"),
            ("Moments", "moments"),
            ("Covariance", "covariance"),
            ("Wasserstein", "wasserstein"),
        ),
    )
    tv: float = option(None, "weight of the total variation, which smooths", low=0)
    style_weights: tuple[float, ...] | None = option(None, "the share of each style; equal if not given", low=0)
    style_scale: tuple[float, ...] | None = option(
        None,
        "size of the style against the result, one number or one for each style; up to 1 a style is not enlarged beyond "
        "its own pixels",
        low=0.1,
        high=4,
        stands_for=1.0,
    )
    masks: Any = option(None, "where each style applies: one picture for each, white where it does", kind="pictures")
    style_masks: Any = option(None, "what of each style counts: one picture for each, white where it does", kind="pictures")
    guides: str = option(
        "plain",
        "how masks reach the layers: counting what lies under a position, only positions that see nothing but the region "
        "(inside), or all that see some of it",
        choices=("plain", "inside", "all"),
    )
    keep: Any = option(None, "where the content stays as it is: a picture, white where it does", kind="picture")
    init: str = option(
        None,
        "what to start from; net:NAME is what that net paints of the content at once",
        choices=("content", "noise", "gray", "style", "image", f"{NETWORK_PREFIX}NAME"),
    )
    init_image: Any = option(None, "the picture to start from, with init image", kind="picture")
    init_noise: float = option(0.0, "share of white noise in what to start from", low=0, high=1)
    optimizer: str = option(None, "the optimizer", choices=("lbfgs", "adam"))
    device: str = option("auto", "where to compute: auto, cpu, cuda, cuda:N or mps")
    precision: str = option(
        "auto",
        "numbers in the convolutions; auto is bfloat16 where the device is fast at it, else float32",
        choices=("auto", "float32", "bfloat16"),
    )
    memory: str = option("auto", "memory to take at most, such as 4GB; auto is three quarters of what is free")
    max_megapixels: float = option(200, "the largest picture that is read, in millions of pixels", low=0.001)

    def __post_init__(self) -> None:
        if self.init_image is not None:
            if self.init not in (None, "image"):
                raise OptionError(f"init is {self.init!r}, but there is an init_image: give one of the two")
            object.__setattr__(self, "init", "image")
        preset = dict(PRESETS[validate_choice("preset", self.preset, PRESETS)])
        if self.strength is not None or self.ratio is not None:  # they set the same thing, whichever the preset has
            preset = {name: value for name, value in preset.items() if name not in ("strength", "ratio")}
        for name, value in preset.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for about in fields(self):
            object.__setattr__(self, about.name, _validate(about, getattr(self, about.name)))
        if self.strength is not None and self.ratio is not None:
            raise OptionError("strength and ratio set the same thing: give one of the two")
        if self.size and self.size < 32:
            raise OptionError(f"size {self.size} is too small: give 32 to 16384, or 0 for the content's own size")
        if self.init == "image" and self.init_image is None:
            raise OptionError("init 'image' needs the picture: give init_image too")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", self.device):
            raise OptionError(f"no device {self.device!r}: there are auto, cpu, cuda, cuda:N and mps")
        self.most_memory()
        kept, styles = parse_layers(self.content_layers), self.layers_of_styles()
        if not kept and not any(styles):
            raise OptionError("content_layers and style_layers are both none: there is nothing to paint by")

    def most_memory(self) -> float | None:
        """Bytes that may be taken; None: what is free decides.  Raises OptionError."""
        if self.memory == "auto":
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MG])i?B?", self.memory, re.IGNORECASE)
        if not found or not float(found[1]):
            raise OptionError(f"memory is {self.memory!r}: give it as 4GB or 800MB, or auto")
        return float(found[1]) * {"M": 1e6, "G": 1e9}[found[2].upper()]

    def layers_of_styles(self, network: str | None = None) -> list[dict[str, float]]:
        """The style layers with their weights: one list for all styles, or one for each"""
        return [parse_layers(text, network) for text in self.style_layers.split("/")]

    def layers(self, network: str) -> set[str]:
        """All layers that are looked at"""
        return set().union(parse_layers(self.content_layers, network), *self.layers_of_styles(network))

    def balance(self, width: int, height: int) -> tuple[float, bool]:
        """Content to style for a picture of that size, and whether in the paper's units (alpha against a beta of 1, eq. 7).

        If not, both losses are relative to the pictures' own: content |F - P|^2 / |P|^2, style |S - S*|^2 / |S*|^2 or alike.
        Away from 0.5, strength divides the preset's own balance by powers of ten. A ratio with another loss than the
        paper's counts against the paper's 1e-3.
        """
        own = PRESETS[self.preset].get("ratio") if self.ratio is None else self.ratio
        weaker = 0.0 if self.strength is None else 0.5 - self.strength
        turned = 10 ** (weaker * (_DECADES_WEAKER if weaker > 0 else _DECADES_STRONGER))
        if own is None:
            return _LOSS_BALANCE[self.style_loss] * turned, False
        if self.style_loss != "gram":
            return _LOSS_BALANCE[self.style_loss] * turned * own / PAPER_RATIO, False
        return turned * own * (_REFERENCE_POSITIONS / (width * height) if self.preset in MEAN_REDUCED_PRESETS else 1), True


#: What of Options is pictures
IMAGE_OPTIONS = tuple(about.name for about in fields(Options) if about.metadata["kind"])

#: What a net can be told, whose own styles take the place of pictures
FEEDFORWARD_OPTIONS = (
    *("size", "strength", "colors", "color_match", "style_weights", "style_scale", "masks", "keep"),
    *("device", "memory", "max_megapixels"),
)


def default_value(about: dataclasses.Field[Any], preset: str = "impasto") -> Any:
    """What a field is when nobody sets it, the preset's value included."""
    if about.default is not None:
        return about.default
    return PRESETS[preset].get(about.name, about.metadata["stands_for"])


def option_schema() -> list[dict[str, Any]]:
    """Every option that can be written down, as a program of another kind needs it to make a form: names, kinds, ranges.

    kind: choice, bool, int, float, floats or text; offers: what a form lists of a choice, as label and value, where None
    leaves it to the preset
    """
    described = []
    for about in fields(Options):
        if about.name in IMAGE_OPTIONS:
            continue
        kind = "choice" if about.metadata["choices"] else str(about.type).split(" ")[0].replace("str", "text")
        kind = "floats" if kind.startswith("tuple") else kind
        facts = {name: about.metadata[name] for name in ("help", "low", "high", "choices", "group")}
        title = about.metadata["title"] or about.name.replace("_", " ").capitalize()
        offers = about.metadata["offers"] or tuple((choice.capitalize(), choice) for choice in about.metadata["choices"])
        default = None if None in (value for _, value in offers) else default_value(about)
        described.append({"name": about.name, "kind": kind, "default": default, **facts, "title": title, "offers": offers})
    return described


def _validate(about: dataclasses.Field[Any], value: Any) -> Any:
    """`value` in the field's type and within its range, or an OptionError."""
    name, low, high = about.name, about.metadata["low"], about.metadata["high"]
    if value is None or about.metadata["kind"] == "picture":
        return about.default if value is None else value
    if about.metadata["choices"]:
        named = tuple(choice.removesuffix("NAME") for choice in about.metadata["choices"] if choice.endswith(":NAME"))
        if isinstance(value, str) and value.startswith(named):
            return value
        return validate_choice(name, value, about.metadata["choices"])
    kind = str(about.type)
    if about.metadata["kind"] == "pictures":
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    if kind.startswith("tuple"):
        numbers = value if isinstance(value, list | tuple) else (value,)
        return tuple(parse_number(name, each, float, low, high) for each in numbers)
    if kind.startswith("float"):
        return parse_number(name, value, float, low, high)
    if kind.startswith("int"):
        return parse_number(name, value, int, low, high)
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise OptionError(f"{name} is {value!r}: it is either true or false")
        return value
    return str(value)


def parse_number(name: str, value: Any, kind: type, low: float | None, high: float | None) -> Any:
    """A value as a number of a kind within a range.  Raises OptionError."""
    try:
        found = kind(value)
        fits = not isinstance(value, bool) and (kind is float or found == value or isinstance(value, str))
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits or not math.isfinite(found):
        what = "a whole number" if kind is int else "a number"
        raise OptionError(f"{name} is {value!r}: it has to be {what}")
    if (low is not None and found < low) or (high is not None and found > high):
        span = f"from {low:g} to {high:g}" if low is not None and high is not None else f"{low:g} or more"
        raise OptionError(f"{name} is {value!r}: it has to be {span}")
    return found


def resolve_options(settings: dict[str, Any], options: Options | None = None) -> Options:
    """Options with settings by name, from the defaults or from other Options.  Raises OptionError, for unknown names too."""
    for name in settings:
        validate_choice("option", name, (about.name for about in dataclasses.fields(Options)))
    if options is None:
        return Options(**settings)
    if "preset" in settings:
        raise OptionError("a preset is what the other options start from: make new Options with it")
    for one, other in (("strength", "ratio"), ("init", "init_image")):  # two names for one thing: the last one said counts
        for said, before in ((one, other), (other, one)):
            if settings.get(said) is not None:
                settings = {before: None, **settings}
    return dataclasses.replace(options, **settings) if settings else options


if TYPE_CHECKING:
    pass

#: How the figures of the paper are painted unless they are told otherwise.
FIGURE_DEFAULTS = {"size": 256, "quality": "draft"}
