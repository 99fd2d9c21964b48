"""Every option with its default, range and help text, in one frozen dataclass.

The Python API, the command line, the web page and the editor plugins read names, defaults, ranges and help from here.
Importing this loads neither torch nor NumPy, so `impasto --help` answers at once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .errors import OptionError, validate_choice
from .layers import NETWORKS, TOTAL_STRIDE, canonical_network, limit_depth, parse_layers
from .option_values import FACES, finds_faces, validate_protect, validate_value
from .presets import PAPER_RATIO, PRESETS

QUALITIES = ("instant", "draft", "normal", "fine")
#: Longest side of a first result, which another run refines, in pixels: larger ones take too long to wait for
_FIRST_RESULT_SIZE = 512
#: Style loss -> content weight at strength 0.5 where the loss is relative to the images' own. Chosen by measurement so that
#: every loss keeps the same amount of content (relative conv4_2 distance about 0.85, coffee in the style of harvest). The
#: losses themselves are in losses/style.py, which needs torch.
LOSS_BALANCE = {"gram": 0.02, "moments": 0.125, "covariance": 0.15, "wasserstein": 0.055}
STYLE_LOSS_NAMES = tuple(LOSS_BALANCE)
#: Padding option -> padding mode of the layers (vertical, horizontal). `circular` makes opposite edges match;
#: `replicate-first` is for the first layer only, and the others are padded with zeros.
PADDING_MODES = {
    "zero": ("zero", "zero"),
    "replicate": ("replicate", "replicate"),
    "replicate-first": ("replicate", "replicate"),
    "circular": ("circular", "circular"),
    "circular-x": ("replicate", "circular"),
    "circular-y": ("circular", "replicate"),
}
#: Figures of the paper that `impasto paper` reproduces, and the settings it uses unless others are given.
FIGURES = ("content", "style", "grid", "ratio", "layers", "inits", "gallery")
FIGURE_DEFAULTS = {"size": 256, "quality": "draft"}
#: Prefix of `init` values that name a feed-forward network.
NETWORK_PREFIX = "net:"

#: Pairs of options that set the same thing.
_EXCLUSIVE = (("strength", "ratio"), ("init", "init_image"))
#: Powers of ten per unit of strength below 0.5 and above. Near strength 1 little content is left to lose.
_DECADES_WEAKER, _DECADES_STRONGER = 4.0, 2.5
#: Number of pixels for which presets with mean-reduced losses give their ratio.
_REFERENCE_POSITIONS = 512 * 384


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    group: str = "more",
    display_default: Any = None,
    kind: str = "",
    title: str = "",
    form_help: str = "",
    form_choices: tuple[tuple[str, Any], ...] = (),
) -> Any:
    """Declare a field of Options.

    default: None takes the preset's value, if it has one
    low, high: inclusive range of a number
    group: "basic" for what most users set, or "more"
    display_default: value that help texts and forms show for an option without a default
    kind: "picture" or "pictures" for options that take images
    title, form_help: label and help of the option in forms, where they differ from its name and its help
    form_choices: the (label, value) pairs offered in forms; value None: the preset's
    """
    metadata = {
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "group": group,
        "display_default": display_default,
        "kind": kind,
        "title": title,
        "form_help": form_help,
        "form_choices": form_choices,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a run, validated on creation. A field left at None takes the preset's value.

    Raises OptionError: a choice or layer is unknown, a number is out of range, or two options exclude each other.
    """

    preset: str = option(
        "impasto",
        "defaults of the other options",
        choices=tuple(PRESETS),
        group="basic",
        form_help="Impasto is the recommended one; the others paint as other programs do",
    )
    size: int = option(
        512,
        "longest side of the result in pixels; 0 keeps the size of the content",
        low=0,
        high=16384,
        group="basic",
        title="Paint at",
        form_help="Larger shows finer strokes and takes longer",
    )
    quality: str = option(
        "normal",
        "amount of computation; instant takes a few large steps with a trained network",
        choices=QUALITIES,
        group="basic",
        form_help="Higher looks better and takes longer",
    )
    strength: float | None = option(
        None,
        "strength of the style from 0 to 1, comparable across pictures and sizes; 0.5 is the preset's own balance",
        low=0,
        high=1,
        group="basic",
        form_help="How much of the style is painted; 50 % is a good balance",
    )
    colors: str = option(
        "style",
        "colors of the result: style (the style's colors), content (the content's colors; only its lightness is painted), or "
        "match (the style's colors, matched to the content's first)",
        choices=("style", "content", "match"),
        group="basic",
        form_help="The colors of the painting, or those of your picture",
        form_choices=(("The style's", "style"), ("The photo's", "content"), ("Matched to the photo's", "match")),
    )
    color_match: str = option(
        "monge",
        "method of color matching: monge (smallest change of color), pca (along the principal axes) or cholesky",
        choices=("monge", "pca", "cholesky"),
    )
    seed: int = option(
        0,
        "seed of the noise in the initial image (init, init_noise)",
        low=0,
        high=2**63 - 1,
        form_help="Another number gives another version of the same painting",
    )
    ratio: float | None = option(
        None,
        "content-to-style ratio, instead of strength: alpha/beta in the paper's units with style loss gram (the paper: 1e-3); "
        "other losses have a balance of their own, which 1e-3 leaves as it is and 2e-3 doubles",
        low=0,
    )
    iterations: int | None = option(None, "steps at the final size; the default depends on quality", low=1, high=100_000)
    ladder: bool = option(None, "start at a small size and work up to the final one (coarse to fine)")
    network: str = option("auto", "network that extracts the features", choices=("auto", *NETWORKS))
    weights: str | None = option(None, "file with the network's weights (.safetensors or .pth)")
    pooling: str = option(None, "pooling of the network (the paper: average)", choices=("average", "max"))
    padding: str = option(
        None,
        "padding at the border of every layer: zero (the paper), replicate (repeat the edge), replicate-first (in the first "
        "layer only, as in style-transfer-pytorch, with zeros in the others), or circular for a seamless, "
        "tileable result: both ways, side by side (circular-x) or one above the other (circular-y); the sides of seamless "
        "results are rounded to multiples of 16",
        choices=tuple(PADDING_MODES),
        title="Seamless",
        form_help="Makes a tile that repeats without seams",
        form_choices=(
            ("No", None),
            ("Both ways", "circular"),
            ("Side by side", "circular-x"),
            ("One above the other", "circular-y"),
        ),
    )
    content_layers: str = option(None, "layers of the content loss, as NAME or NAME:WEIGHT,... or none")
    style_layers: str = option(
        None,
        "layers of the style loss, as NAME or NAME:WEIGHT,... or none; separate lists for several styles with slashes, for "
        "example to combine the fine layers of one style with the coarse layers of another",
    )
    style_loss: str = option(
        None,
        "statistics that the style loss compares: gram (Gram matrices, the paper), moments (these, means and deviations), "
        "covariance (means and covariances) or wasserstein (Wasserstein distance of these); each relative to the style's own "
        "statistics, except gram with a ratio",
        choices=STYLE_LOSS_NAMES,
        title="Texture matching",
        form_help="How the strokes of the painting are matched",
        form_choices=(
            ("Default", None),
            ("Gram, as in the paper", "gram"),
            ("Moments", "moments"),
            ("Covariance", "covariance"),
            ("Wasserstein", "wasserstein"),
        ),
    )
    tv: float = option(None, "weight of the total variation loss, which smooths the result", low=0)
    style_weights: tuple[float, ...] | None = option(None, "weight of each style; the default is equal weights", low=0)
    style_scale: tuple[float, ...] | None = option(
        None,
        "size of the style relative to the result, one number for all styles or one for each; at 1 or less, a style is not "
        "enlarged beyond its own pixels",
        low=0.1,
        high=4,
        display_default=1.0,
        title="Brush stroke size",
        form_help="The size of the strokes; below 100 % they are finer",
    )
    masks: Any = option(None, "region of each style in the result: one picture per style, white inside", kind="pictures")
    style_masks: Any = option(None, "region of each style to learn from: one picture per style, white inside", kind="pictures")
    guides: str = option(
        "plain",
        "how masks carry over to the layers: plain (each position by the mask below it), inside (positions whose receptive "
        "field lies inside the region) or all (positions whose receptive field touches the region)",
        choices=("plain", "inside", "all"),
    )
    keep: Any = option(None, "region of the content to leave unchanged: a picture, white inside", kind="picture")
    protect: Any = option(
        None,
        "what stays recognizable while it is painted: faces, which are found by themselves, none, or pictures, white where it "
        "applies, also together with faces; the default is faces where the extra faces is installed, with preset impasto",
        kind="pictures",
    )
    protect_strength: float = option(0.5, "how much the protected regions keep of their shapes, from 0 to 1", low=0, high=1)
    init: str = option(
        None,
        "initial image: content (in the colors of the style), noise, gray, style, image (init_image), painting (init_image, a "
        "smaller painting that only gets finer strokes), instant (the result of quality instant), or net:NAME, the result of "
        "the style network NAME",
        choices=("content", "noise", "gray", "style", "image", "painting", "instant", f"{NETWORK_PREFIX}NAME"),
    )
    init_image: Any = option(None, "picture to start from, for init image or painting", kind="picture")
    init_noise: float = option(0.0, "share of white noise in the initial image", low=0, high=1)
    optimizer: str = option(None, "optimizer", choices=("lbfgs", "adam"))
    device: str = option("auto", "compute device: auto, cpu, cuda, cuda:N or mps")
    precision: str = option(
        "auto",
        "number format of the convolutions; auto is bfloat16 on devices that are fast at it, else float32, which NVIDIA cards "
        "from Ampere on round to TF32",
        choices=("auto", "float32", "bfloat16"),
    )
    memory: str = option("auto", "memory limit, such as 4GB; auto is three quarters of the free memory")
    max_megapixels: float = option(200, "largest input picture that is read, in megapixels", low=0.001)

    def __post_init__(self) -> None:
        if self.init_image is not None:
            if self.init not in (None, "image", "painting"):
                raise OptionError(f"init is {self.init!r}, but an init_image is given too: give one of the two")
            object.__setattr__(self, "init", self.init or "image")
        if isinstance(self.network, str):
            object.__setattr__(self, "network", canonical_network(self.network))
        preset_values = PRESETS[validate_choice("preset", self.preset, PRESETS)].values
        init_is_set = self.init is not None
        balance_is_set = self.strength is not None or self.ratio is not None
        for name, value in preset_values.items():
            if getattr(self, name) is None and not (balance_is_set and name in ("strength", "ratio")):
                object.__setattr__(self, name, value)
        for field in fields(self):
            object.__setattr__(self, field.name, validate_value(field, getattr(self, field.name)))
        object.__setattr__(self, "protect", validate_protect(self.protect, faces_by_default=self._faces_by_default))
        if not init_is_set and self.init == "instant" and (self._instant_problem() or not self.ladder):
            object.__setattr__(self, "init", "content")
        if self.strength is not None and self.ratio is not None:
            raise OptionError("strength and ratio set the same thing: give one of the two")
        if self.size and self.size < 32:
            raise OptionError(f"size {self.size} is too small: give 32 to 16384, or 0 for the content's own size")
        if self.init in ("image", "painting") and self.init_image is None:
            raise OptionError(f"init {self.init!r} has no picture: give init_image too")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", self.device):
            raise OptionError(f"no device {self.device!r}: choose from auto, cpu, cuda, cuda:N, mps")
        self.memory_limit()
        for name in ("quality", "init"):
            if (value := getattr(self, name)) in ("instant", "painting") and (problem := self._instant_problem()):
                raise OptionError(f"{name} {value} {problem}")
        content_layers, style_layers = parse_layers(self.content_layers), self.style_layer_weights()
        if not content_layers and not any(style_layers):
            raise OptionError("content_layers and style_layers are both none: name at least one layer")
        if not content_layers:
            if self.protect_masks:
                raise OptionError("protect needs content_layers: name at least one layer, or leave it out")
            object.__setattr__(self, "protect", ())

    @property
    def _faces_by_default(self) -> bool:
        return self.preset == "impasto" and self.content_layers != "none" and finds_faces()

    @property
    def protects_faces(self) -> bool:
        """Whether faces are to be found and protected"""
        return any(isinstance(region, str) and region == FACES for region in self.protect)

    @property
    def protect_masks(self) -> tuple[Any, ...]:
        """The pictures of what is protected in addition to faces"""
        return tuple(region for region in self.protect if not (isinstance(region, str) and region == FACES))

    def first_result(self, longest: int) -> Options | None:
        """Return the options of a result within seconds, which may be smaller, before the run with these options refines it.

        None for runs that do not start from the instant result, and for quality "instant" itself
        longest: longest side of the content in pixels
        """
        if self.quality == "instant" or self.init != "instant":
            return None
        size = min(self.size or longest, _FIRST_RESULT_SIZE)
        return dataclasses.replace(self, quality="instant", size=size, iterations=None)

    @property
    def can_be_refined(self) -> bool:
        """Whether a run can go on from a finished painting of these options, at a larger size"""
        return self.ladder and not self._instant_problem()

    def can_refine(self, painting_side: int, content_side: int) -> bool:
        """Return whether a run with these options can go on from a painting: its result is larger, if not just by rounding.

        painting_side, content_side: longest sides in pixels. Sides of seamless paintings are rounded to the total stride.
        """
        return self.can_be_refined and (self.size or content_side) > painting_side + TOTAL_STRIDE

    def refinement(self, painting: Any) -> Options:
        """Return the options of a run that goes on from a finished painting of these options.

        Raises OptionError: there is none, as the learned optimizer does not go with these options.
        """
        if not self.can_be_refined:
            raise OptionError("a painting with these options cannot be refined: paint it at the larger size instead")
        return dataclasses.replace(self, init="painting", init_image=painting, init_noise=0.0, iterations=None)

    @property
    def network_to_load(self) -> str:
        """The network, unless "auto" chooses it: the learned optimizer was trained on VGG-16"""
        return "vgg16" if self.network == "auto" and self.uses_learned_optimizer else self.network

    @property
    def uses_learned_optimizer(self) -> bool:
        """Whether the learned optimizer takes some of the steps, or all"""
        return self.quality == "instant" or self.init in ("instant", "painting")

    def _instant_problem(self) -> str:
        """Return why the learned optimizer does not go with the other options, "" if it does."""
        if self.preset != "impasto" or self.network not in ("auto", "vgg16") or self.weights is not None:
            return "needs preset impasto and network vgg16 or auto: leave them out"
        if self.content_layers == "none" or "none" in self.style_layers.split("/"):
            return "needs content_layers and style_layers"
        return ""

    def memory_limit(self) -> float | None:
        """Return the memory limit in bytes, or None if it depends on the free memory.  Raises OptionError: not a size."""
        if self.memory == "auto":
            return None
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MG])i?B?", self.memory, re.IGNORECASE)
        if not match or not float(match[1]):
            raise OptionError(f"memory is {self.memory!r}: give a size such as 4GB or 800MB, or auto")
        return float(match[1]) * {"M": 1e6, "G": 1e9}[match[2].upper()]

    def style_layer_weights(self, network: str | None = None, *, deepest: str | None = None) -> list[dict[str, float]]:
        """Return layer -> weight of the style loss: one dictionary for all styles, or one per style.

        deepest: layer to which the weights of deeper ones are moved, as at some levels of the pyramid
        """
        return [_layer_weights(text, network, deepest) for text in self.style_layers.split("/")]

    def content_layer_weights(self, network: str | None = None, *, deepest: str | None = None) -> dict[str, float]:
        """Return layer -> weight of the content loss.  deepest: as in `style_layer_weights`"""
        return _layer_weights(self.content_layers, network, deepest)

    def all_layers(self, network: str, *, deepest: str | None = None) -> set[str]:
        """Return all layers that the content and style losses use.  deepest: as in `style_layer_weights`"""
        style_layers = self.style_layer_weights(network, deepest=deepest)
        return set().union(self.content_layer_weights(network, deepest=deepest), *style_layers)

    def content_weight(self, width: int, height: int) -> tuple[float, bool]:
        """Return the weight of the content loss for an image of this size, and whether it is in the paper's units.

        In the paper's units it is alpha for a beta of 1 (eq. 7). Otherwise both losses are relative to the images' own:
        content |F - P|^2 / |P|^2, style |S - S*|^2 / |S*|^2 or similar. A strength other than 0.5 scales the preset's own
        weight by powers of ten. With losses other than the paper's, a ratio is relative to the paper's 1e-3.
        """
        preset = PRESETS[self.preset]
        ratio = preset.values.get("ratio") if self.ratio is None else self.ratio
        weaker = 0.0 if self.strength is None else 0.5 - self.strength
        factor = 10 ** (weaker * (_DECADES_WEAKER if weaker > 0 else _DECADES_STRONGER))
        if ratio is None:
            return LOSS_BALANCE[self.style_loss] * factor, False
        if self.style_loss != "gram":
            return LOSS_BALANCE[self.style_loss] * factor * ratio / PAPER_RATIO, False
        return factor * ratio * (_REFERENCE_POSITIONS / (width * height) if preset.mean_reduced else 1), True


#: Options that take images.
IMAGE_OPTIONS = tuple(field.name for field in fields(Options) if field.metadata["kind"])

#: Options of feed-forward networks. A network brings its own styles, so options for style pictures are missing.
FEEDFORWARD_OPTIONS = (
    *("size", "strength", "colors", "color_match", "style_weights", "style_scale", "masks", "keep"),
    *("protect", "protect_strength", "device", "memory", "max_megapixels"),
)


def resolve_options(settings: Mapping[str, Any], options: Options | None = None) -> Options:
    """Return `options`, or the defaults if None, with the given settings replaced.

    A setting displaces the one that sets the same thing: ratio displaces strength, init displaces init_image, and so on.
    Raises OptionError: a name is unknown, a value is invalid, or a preset is given together with options.
    """
    for name in settings:
        validate_choice("option", name, (field.name for field in fields(Options)))
    if options is None:
        return Options(**settings)
    if "preset" in settings:
        raise OptionError("the preset of existing options cannot be changed: create new Options with it")
    if settings and options.init == PRESETS[options.preset].values["init"]:
        settings = {"init": None, **settings}  # it depends on the other options
    for a, b in _EXCLUSIVE:
        for name, displaced in ((a, b), (b, a)):
            if settings.get(name) is not None:
                settings = {displaced: None, **settings}
    return dataclasses.replace(options, **settings) if settings else options


def default_value(field: dataclasses.Field[Any], preset: str = "impasto") -> Any:
    """Return the value of an option that nobody sets, from its default or the preset."""
    if field.default is not None:
        return field.default
    return PRESETS[preset].values.get(field.name, field.metadata["display_default"])


def option_schema() -> list[dict[str, Any]]:
    """Describe every option that does not take images, so that other programs can build forms.

    Keys: name, kind (choice, bool, int, float, floats or text), default, help (that for forms, if there is one), low, high,
    choices, group, title, and offers: the `form_choices`, (label, value) pairs of which value None leaves the choice to the
    preset.
    """
    schema = []
    for field in fields(Options):
        if field.name in IMAGE_OPTIONS:
            continue
        kind = "choice" if field.metadata["choices"] else str(field.type).split(" ")[0].replace("str", "text")
        kind = "floats" if kind.startswith("tuple") else kind
        shared = {key: field.metadata[key] for key in ("low", "high", "choices", "group")}
        shared["help"] = field.metadata["form_help"] or field.metadata["help"]
        title = field.metadata["title"] or field.name.replace("_", " ").capitalize()
        choices = tuple((choice.capitalize(), choice) for choice in field.metadata["choices"])
        form_choices = field.metadata["form_choices"] or choices
        default = None if None in (value for _, value in form_choices) else default_value(field)
        schema.append({"name": field.name, "kind": kind, "default": default, **shared, "title": title, "offers": form_choices})
    return schema


def _layer_weights(text: str, network: str | None, deepest: str | None) -> dict[str, float]:
    weights = parse_layers(text, network)
    return limit_depth(weights, deepest) if deepest else weights
