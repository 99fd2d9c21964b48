"""Random cases for the fuzz tests: how many, and what they are made of.

`make test` tries the same cases each time. `make fuzz` tries forty times as many, and new ones each time; for a failure it
prints a decorator that reproduces the case. Add such a case as an @example.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError

_T = TypeVar("_T")
_FACTOR = int(os.environ.get("IMPASTO_FUZZ", "1"))

#: Any JSON value, and what Python's JSON reader accepts beyond the standard: NaN, infinity, lone surrogates
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def cases(count: int) -> Callable[[Any], Any]:
    """Decorator: try `count` cases, or `count` times IMPASTO_FUZZ new ones."""
    return settings(
        max_examples=count * _FACTOR,
        derandomize=_FACTOR == 1,
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )


def result_or_none(function: Callable[[], _T], error_type: type[ImpastoError] = ImpastoError) -> _T | None:
    """Return the function's result, or None if it raises an error of this type, whose message must be one line."""
    try:
        return function()
    except error_type as error:
        message = str(error)
    assert message
    assert "\n" not in message
    return None


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A file with some of its bytes changed, removed or repeated"""
    return st.integers(0, 2**32).map(lambda seed: _damage(content, random.Random(seed)))  # ten times as fast as many draws


def _damage(content: bytes, generator: random.Random) -> bytes:
    result = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        start = generator.randint(0, max(0, len(result) - 1))
        length = generator.randint(1, 32)
        change = generator.choice(("replace", "replace", "remove", "repeat", "truncate", "zero"))
        if change == "replace":
            new = generator.randbytes(generator.randint(1, 8))
            result[start : start + len(new)] = new
        elif change == "remove":
            del result[start : start + length]
        elif change == "repeat":
            result[start:start] = result[start : start + length]
        elif change == "truncate":
            del result[start:]
        else:
            result[start : start + length] = bytes(length)
    return bytes(result)
