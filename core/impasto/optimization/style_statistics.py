"""TODO-DOC optimization.style_statistics"""

from __future__ import annotations

from typing import Any

from ..losses.moments import Moments

#: Statistics of styles, by all that they depend on
StyleCache = dict[tuple[Any, ...], dict[str, Moments]]
#: How many of them are kept: 2.4 MB each.
_CACHE_SIZE = 64
