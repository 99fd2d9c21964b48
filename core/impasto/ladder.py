"""The ladder: the sizes that a painting is worked at, from small to its own, and how many steps it takes at each."""

from __future__ import annotations

import math
from typing import NamedTuple

from .borders import STRIDE, Wraps
from .images import SMALLEST_SIDE, fit
from .options import FROM_NET, STEPS, Options

#: The smallest rung of the ladder, by its longest side: what the network sees there in one look is most of the picture.
_BOTTOM = 128
#: Where a net has painted the start: the smallest rung, which is about as large as pictures that nets learn by, and takes so
#: many times the steps: that leads as far as all the rungs below would, in three quarters of their time. Measured.
_LEARNED, _MORE = 512, 2


class Rung(NamedTuple):
    """One size on the ladder, with its number of steps."""

    width: int
    height: int
    steps: int


def ladder(size: tuple[int, int], options: Options) -> list[Rung]:
    """The sizes to work at for a content of some size, each about sqrt 2 of the one below, and the steps at each.

    Where a net has painted the start, small rungs are left out. Where edges are to meet, sides are rounded to multiples of the
    network's stride.
    """
    longest = options.size or max(size)
    wraps = Wraps.of(options.padding)

    def rung(wanted: tuple[int, int], steps: int) -> Rung:
        width, height = (
            max(STRIDE, round(side / STRIDE) * STRIDE) if wrap else side
            for wrap, side in zip((wraps.x, wraps.y), wanted, strict=True)
        )
        return Rung(width, height, steps)

    width, height = fit(size, longest) if longest != max(size) else size
    rungs = [rung((width, height), _top_steps(longest, options))]
    if not options.ladder:
        return rungs
    ahead = options.init.startswith(FROM_NET)
    short, long = min(width, height), max(width, height)
    bottom = max(_BOTTOM, math.ceil(long / short * 2 * SMALLEST_SIDE))
    count = max(0, round(2 * math.log2(long / bottom)))
    for below in range(1, count + 1):
        side = round(long / 2 ** (below / 2))
        if ahead and side < _LEARNED:
            break
        rungs.append(rung(fit((width, height), side), _steps(side, options)))
    if ahead and (len(rungs) > 1 or options.iterations is None):
        rungs[-1] = rungs[-1]._replace(steps=_MORE * rungs[-1].steps)
    return rungs[::-1]


def _steps(side: int, options: Options) -> int:
    """Steps at a size: half as many at twice the size, so that most are taken where the picture takes shape, and yet each
    rung may cost more than the one below, for fine layers need steps of their own.
    """
    if options.preset in STEPS:
        return round(STEPS[options.preset] * {"draft": 0.3, "normal": 1, "fine": 2}[options.quality])
    bottom, least = {"draft": (40, 8), "normal": (80, 12), "fine": (240, 36)}[options.quality]
    return max(least, round(bottom * _BOTTOM / max(side, _BOTTOM)))


def _top_steps(side: int, options: Options) -> int:
    if options.iterations is not None:
        return options.iterations
    if not options.ladder and options.preset not in STEPS:
        return {"draft": 150, "normal": 500, "fine": 1000}[options.quality]
    return _steps(side, options)
