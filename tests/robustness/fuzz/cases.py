"""How many cases are tried, and what they are made of.

In the tests they are the same each time. `make fuzz` tries twenty times as many, new ones each time; what it finds comes with
the line that tries it again, and belongs into an @example.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError

_T = TypeVar("_T")
_MORE = int(os.environ.get("IMPASTO_FUZZ", "1"))

#: Anything that JSON can say, and Python's reader of it besides: NaN, numbers without end, halves of characters
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def cases(count: int) -> Callable[[Any], Any]:
    """So many cases of a test, and more of them by `make fuzz`"""
    return settings(
        max_examples=count * _MORE,
        derandomize=_MORE == 1,
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )


def tried(make: Callable[[], _T], kind: type[ImpastoError] = ImpastoError) -> _T | None:
    """What comes of it; None: an error of that kind, of one line"""
    try:
        return make()
    except kind as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return None


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file with some of its bytes changed, lost or doubled"""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(1, 32))
        what = draw(st.sampled_from(("change", "change", "lose", "double", "end", "zero")))
        if what == "change":
            new = draw(st.binary(min_size=1, max_size=8))
            content[at : at + len(new)] = new
        elif what == "lose":
            del content[at : at + length]
        elif what == "double":
            content[at:at] = content[at : at + length]
        elif what == "end":
            del content[at:]
        else:
            content[at : at + length] = bytes(length)
    return bytes(content)
