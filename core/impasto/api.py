"""The public functions, and the one place that joins optimization and feed-forward networks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from typing import Any

from .feedforward.initializer import NetworkInitializer
from .optimization.cache import ModelCache
from .optimization.run import Result, Run, Step
from .optimization.synthesis import blank_content, reconstruction_options, texture_options
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

    By default with the preset `paper`, from noise.
    Raises ImpastoError.
    """
    return _finish(create_reconstruction_run(image, layer, options, **settings))


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
