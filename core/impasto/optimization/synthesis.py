"""TODO-DOC optimization.synthesis"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import OptionError
from ..layers import SMALLEST_SIDE
from ..options import Options, resolve_options
from .cache import ModelCache
from .recipe import BLANK_GRAY
from .run import Run


def reconstruction_run(
    image: Any, layer: str, options: Options | None = None, /, *, warm: ModelCache | None = None, **settings: Any
) -> Run:
    """A run from noise to a picture with the same features in a layer, such as `conv4_2`.  Raises ImpastoError.

    Unless told otherwise it is the paper's own, with the preset `paper`.
    """
    given = {"preset": "paper", **settings} if options is None else settings
    return Run(image, [], resolve_options({**given, "content_layers": layer, "style_layers": "none"}, options), warm=warm)


def texture_run(
    styles: Any, size: tuple[int, int], options: Options | None = None, /, *, warm: ModelCache | None = None, **settings: Any
) -> Run:
    """A run from noise to a picture of the styles alone, of a size (width, height) in pixels.  Raises ImpastoError."""
    given = {"init": "noise", **settings, "content_layers": "none", "size": max(size)}
    return Run(blank_content(*size), styles, resolve_options(given, options), warm=warm)


def blank_content(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """An empty picture, for what has no content.  Raises OptionError."""
    if min(width, height) < SMALLEST_SIDE or max(width, height) > 16384:
        raise OptionError(f"a texture of {width} x {height} pixels: give {SMALLEST_SIDE} to 16384 each way")
    return np.full((height, width, 3), BLANK_GRAY, np.uint8)
