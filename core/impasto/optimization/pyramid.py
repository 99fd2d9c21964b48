"""The ladder: the sizes that a painting is worked at, from small to its own, and how many steps it takes at each."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..images.resize import fit_size
from ..images.tileable import Tileable
from ..layers import SMALLEST_SIDE, TOTAL_STRIDE
from ..options import NETWORK_PREFIX, Options
from ..presets import PRESET_STEPS

#: The smallest rung of the ladder, by its longest side: what the network sees there in one look is most of the picture.
_SMALLEST_LEVEL = 128
#: Where a net has painted the start: the smallest rung, which is about as large as pictures that nets learn by, and takes so
#: many times the steps: that leads as far as all the rungs below would, in three quarters of their time. Measured.
_NETWORK_SIDE, _NETWORK_STEP_FACTOR = 512, 2


class Level(NamedTuple):
    """One size on the ladder, with its number of steps."""

    width: int
    height: int
    steps: int


def pyramid_levels(size: tuple[int, int], options: Options) -> list[Level]:
    """The sizes to work at for a content of some size, each about sqrt 2 of the one below, and the steps at each.

    Where a net has painted the start, small rungs are left out. Where edges are to meet, sides are rounded to multiples of the
    network's stride.
    """
    longest = options.size or max(size)
    wraps = Tileable.of(options.padding)

    def rung(wanted: tuple[int, int], steps: int) -> Level:
        width, height = (
            max(TOTAL_STRIDE, round(side / TOTAL_STRIDE) * TOTAL_STRIDE) if wrap else side
            for wrap, side in zip((wraps.x, wraps.y), wanted, strict=True)
        )
        return Level(width, height, steps)

    width, height = fit_size(size, longest) if longest != max(size) else size
    rungs = [rung((width, height), _final_steps(longest, options))]
    if not options.ladder:
        return rungs
    ahead = options.init.startswith(NETWORK_PREFIX)
    short, long = min(width, height), max(width, height)
    bottom = max(_SMALLEST_LEVEL, math.ceil(long / short * 2 * SMALLEST_SIDE))
    count = max(0, round(2 * math.log2(long / bottom)))
    for below in range(1, count + 1):
        side = round(long / 2 ** (below / 2))
        if ahead and side < _NETWORK_SIDE:
            break
        rungs.append(rung(fit_size((width, height), side), _level_steps(side, options)))
    if ahead and (len(rungs) > 1 or options.iterations is None):
        rungs[-1] = rungs[-1]._replace(steps=_NETWORK_STEP_FACTOR * rungs[-1].steps)
    return rungs[::-1]


def _level_steps(side: int, options: Options) -> int:
    """Steps at a size: half as many at twice the size, so that most are taken where the picture takes shape, and yet each
    rung may cost more than the one below, for fine layers need steps of their own.
    """
    if options.preset in PRESET_STEPS:
        return round(PRESET_STEPS[options.preset] * {"draft": 0.3, "normal": 1, "fine": 2}[options.quality])
    bottom, least = {"draft": (40, 8), "normal": (80, 12), "fine": (240, 36)}[options.quality]
    return max(least, round(bottom * _SMALLEST_LEVEL / max(side, _SMALLEST_LEVEL)))


def _final_steps(side: int, options: Options) -> int:
    if options.iterations is not None:
        return options.iterations
    if not options.ladder and options.preset not in PRESET_STEPS:
        return {"draft": 150, "normal": 500, "fine": 1000}[options.quality]
    return _level_steps(side, options)
