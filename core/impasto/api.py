"""The public functions, and the one place that joins optimization and feed-forward networks."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from .errors import OptionError
from .feedforward.initializer import NetworkInitializer
from .feedforward.network import Style
from .feedforward.photos import photos_from_folders, sample_photos
from .feedforward.registry import available_networks
from .feedforward.style_network import StyleNetwork
from .feedforward.training import DEFAULT_MINUTES, Trainer, TrainingStep
from .images.picture import read_picture
from .optimization.cache import ModelCache
from .optimization.run import Result, Run, Step
from .optimization.synthesis import blank_content, reconstruction_options, texture_options
from .option_values import parse_number
from .options import NETWORK_PREFIX, Options, resolve_options


def stylize(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Result:
    """Paint `content` in the style of `styles` (Gatys et al., arXiv 1508.06576), and return the result.

    content: a path, a PIL image, an H x W x C uint8, uint16 or float array, or a C x H x W float tensor
    styles: one such picture, or a list of them
    options: an Options; or single settings by name, as in stylize("photo.jpg", "painting.jpg", size=1024)
    checkpoint: a file to write during the run, so that it can be resumed; resume: such a file, to go on from
    Raises ImpastoError, of the kind that says what is wrong.
    """
    return _finish(create_run(content, styles, options, checkpoint=checkpoint, resume=resume, **settings))


def stream(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Generator[Step]:
    """Like `stylize`, but yield a Step after each step. Bad input raises at once; `close()` cancels within a step.

    The last step has fraction 1 and the finished image.
    """
    return create_run(content, styles, options, checkpoint=checkpoint, resume=resume, **settings).steps()


def texture(styles: Any, size: tuple[int, int], options: Options | None = None, /, **settings: Any) -> Result:
    """Synthesize a texture from one or more styles, without content (Gatys et al., arXiv 1505.07376).

    styles: a picture, or a list of pictures, as in `stylize`; size: (width, height) of the texture, in pixels
    Raises ImpastoError.
    """
    return _finish(create_texture_run(styles, size, options, **settings))


def reconstruct(image: Any, layer: str, options: Options | None = None, /, **settings: Any) -> Result:
    """Reconstruct a picture from its features in one layer, such as `conv4_2` (Gatys et al., arXiv 1508.06576, fig. 1).

    By default with the preset `paper`. It starts from noise unless `init` or `init_image` say otherwise.
    Raises ImpastoError.
    """
    return _finish(create_reconstruction_run(image, layer, options, **settings))


def train(
    styles: Any,
    options: Options | None = None,
    /,
    *,
    photos: Sequence[str | Path] | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    names: Sequence[str] | None = None,
    license: str = "",
    resume: StyleNetwork | None = None,
    **settings: Any,
) -> Generator[TrainingStep]:
    """Train a network on one or more styles (Johnson et al., arXiv 1603.08155), and yield a TrainingStep after each step.

    The `network` of the last step is the result; `close()` ends the training within a step.

    styles: a picture, or a list of pictures, as in `stylize`
    options, settings: `size` is the longest side at which strokes have the size of the style's; `network` the VGG network
    photos: folders or files of photographs to train on; by default those of scikit-image
    minutes, steps: when to stop, 20 minutes by default; with steps alone the result is reproducible on one machine
    names: of the styles; by default their file names
    license: of the styles, stored in the network; resume: a network of the same styles to train further
    Bad input raises at once.  Raises ImpastoError.
    """
    options = resolve_options(settings, options)
    style_list = list(styles) if isinstance(styles, list | tuple) else [styles]
    pictures = [read_picture(style, max_megapixels=options.max_megapixels) for style in style_list]
    if names is None:
        names = [
            Path(style).stem if isinstance(style, str | os.PathLike) else f"style {n}" for n, style in enumerate(style_list, 1)
        ]
    if len(names) != len(pictures):
        raise OptionError(f"{len(names)} names for {len(pictures)} style(s): give one for each")
    if steps is not None:
        parse_number("steps", steps, int, 1, None)
    if minutes is not None:
        parse_number("minutes", minutes, float, 0.01, None)
    trainer = Trainer(
        pictures,
        sample_photos() if photos is None else photos_from_folders(photos, options.max_megapixels),
        options,
        style_info=[Style.from_image(name, picture.image, license) for name, picture in zip(names, pictures, strict=True)],
        resume=None if resume is None else resume.network,
    )
    if minutes is None and steps is None:
        minutes = DEFAULT_MINUTES
    seconds = math.inf if minutes is None else 60 * minutes
    return trainer.steps(seconds, math.inf if steps is None else steps)


def networks() -> list[str]:
    """Return the names of the bundled networks and the user's own, for `StyleNetwork.load` and init "net:NAME"."""
    return list(available_networks())


def create_run(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    cache: ModelCache | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Run:
    """Create the run of `stylize`, with the initial image from a network where `init` is "net:NAME".

    cache: weights, network and style statistics, shared with other runs
    Raises ImpastoError.
    """
    options = resolve_options(settings, options)
    initializer = None
    if options.init.startswith(NETWORK_PREFIX):
        initializer = NetworkInitializer.load(options.init.removeprefix(NETWORK_PREFIX))
    return Run(content, styles, options, initializer=initializer, cache=cache, checkpoint=checkpoint, resume=resume)


def create_texture_run(
    styles: Any,
    size: tuple[int, int],
    options: Options | None = None,
    /,
    *,
    cache: ModelCache | None = None,
    **settings: Any,
) -> Run:
    """Create the run of `texture`."""
    return create_run(blank_content(*size), styles, texture_options(size, options, settings), cache=cache)


def create_reconstruction_run(
    image: Any, layer: str, options: Options | None = None, /, *, cache: ModelCache | None = None, **settings: Any
) -> Run:
    """Create the run of `reconstruct`."""
    return create_run(image, [], reconstruction_options(layer, options, settings), cache=cache)


def _finish(run: Run) -> Result:
    (last,) = deque(run.steps(), maxlen=1)
    return run.result(last)
