"""The coarse-to-fine image pyramid: sizes and optimization steps per level."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..errors import OptionError
from ..images.resize import fit_size
from ..images.tileable import Tileable
from ..layers import LEARNED_LAYER, SHALLOW_LAYER, SMALLEST_SIDE, TOTAL_STRIDE
from ..options import NETWORK_PREFIX, Options
from ..presets import PRESETS

#: Longest side of the smallest level, in pixels: the network's receptive field covers most of the image there.
_SMALLEST_LEVEL = 128
#: With an initial image from a network: the smallest level, about as large as the images that networks train on, and a factor
#: for its steps. This gets as far as all the smaller levels would, in three quarters of their time. Measured.
_NETWORK_SIDE, _NETWORK_STEP_FACTOR = 512, 2
#: Longest side in pixels up to which a pyramid uses all layers. The levels above are shallow, with few steps, for an image has
#: its forms there and needs finer strokes only. Measured.
_FULL_DEPTH_SIDE = 560
#: Steps of a level above, and the number of pixels above which a level takes half of them, as time is short there. Measured.
_UPPER_STEPS = {"instant": 2, "draft": 2, "normal": 2, "fine": 4}
_FEWER_STEPS_PIXELS = 4_000_000
#: Steps of quality "instant" at the smallest level, and at others per longest side in pixels. Measured.
_FIRST_INSTANT_STEPS = 12
_INSTANT_STEPS = {256: 5, 512: 3}
#: With init "instant": steps that refine the instant result. At the smallest level, where they set the large forms and cost
#: little; of the learned optimizer, for the strokes in these forms; and at the final level. Measured.
_REFINING_STEPS = {"draft": (12, 2, 6), "normal": (20, 1, 20), "fine": (60, 1, 62)}
#: Time of a step of a shallow level, relative to one through all layers, and of the learned optimizer's, relative to the
#: evaluation of the losses. Measured.
_SHALLOW_COST, LEARNED_COST = 0.5, 1.25
#: Shallow levels of more pixels than this are computed in tiles: their halo is so small that tiles cost little, and this keeps
#: the memory of a large image low. Only the learned optimizer's steps take longer by this factor: it sees each tile again.
#: Measured.
_SHALLOW_TILED_PIXELS, _TILED_LEARNED_COST = 600_000, 2.0


class Level(NamedTuple):
    """The size of one pyramid level, in pixels, its number of steps, and its losses"""

    width: int
    height: int
    steps: int
    deepest: str | None = None  # layer that stands for deeper ones in the losses; None: all are used
    learned: bool = False  # whether the learned optimizer takes the steps

    @property
    def shallow(self) -> bool:
        """Whether the losses use no layer deeper than SHALLOW_LAYER"""
        return self.deepest == SHALLOW_LAYER

    @property
    def keeps_forms(self) -> bool:
        """Whether the image has its forms when the level begins, and only gets finer strokes"""
        return self.shallow and max(self.width, self.height) > _FULL_DEPTH_SIDE

    @property
    def is_tiled(self) -> bool:
        """Whether it is computed in tiles even if the image fits into memory as a whole"""
        return self.shallow and self.width * self.height > _SHALLOW_TILED_PIXELS

    @property
    def step_cost(self) -> float:
        """Time of a step, in that of a pixel of a step through all layers"""
        pixels = self.width * self.height
        cost = pixels * (_SHALLOW_COST if self.shallow else 1.0) * (LEARNED_COST if self.learned else 1.0)
        return cost * (_TILED_LEARNED_COST if self.learned and self.is_tiled else 1.0)


def pyramid_levels(size: tuple[int, int], options: Options, painting_side: int = 0) -> list[Level]:
    """Return the levels for a content of this size (width, height), smallest first.

    painting_side: longest side of the painting that init "painting" names, in pixels
    Raises OptionError: the painting is as large as the result.

    Each is about sqrt 2 times the one below, or twice where the learned optimizer paints and at shallow levels.
    With an initial image from a network, the small levels are left out. With init "instant", the learned optimizer paints the
    levels up to the largest that uses all layers; then comes the smallest one again, with steps of the other optimizer, and
    then that largest one. Sides of seamless images are rounded to multiples of the total stride.
    """
    longest = options.size or max(size)
    final = fit_size(size, longest) if longest != max(size) else size
    sizes = _level_sizes(final) if options.ladder else [final]
    if options.init == "painting":
        # The sides of a seamless painting are rounded to multiples of the stride.
        levels = _upper_levels([size for size in sizes if max(size) > painting_side + TOTAL_STRIDE], options)
        if not levels:
            raise OptionError(f"the painting has {painting_side} pixels already: give a larger size than {max(final)}")
    else:
        count = len(sizes)
        if options.ladder and PRESETS[options.preset].steps is None:
            count = max(1, sum(max(size) <= _FULL_DEPTH_SIDE for size in sizes))
        lower = _learned_levels if options.quality == "instant" else _deep_levels
        levels = lower(sizes[:count], options) + _upper_levels(sizes[count:], options)
    return [*levels[:-1], levels[-1]._replace(steps=options.iterations or levels[-1].steps)]


def _deep_levels(sizes: list[tuple[int, int]], options: Options) -> list[Level]:
    """Return the levels up to a size at which all layers are used, for runs other than instant ones."""
    if options.init == "instant":
        levels = _learned_levels(sizes, options)
        smallest, largest = levels[0], levels[-1]
        form_steps, stroke_steps, final_steps = _REFINING_STEPS[options.quality]
        if len(levels) > 1:
            levels.append(smallest._replace(steps=form_steps, deepest=None, learned=False))
            levels.append(largest._replace(steps=stroke_steps))
        return [*levels, largest._replace(steps=final_steps, deepest=None, learned=False)]
    starts_from_network = options.init.startswith(NETWORK_PREFIX)
    if starts_from_network:
        sizes = [size for size in sizes if max(size) >= _NETWORK_SIDE] or sizes[-1:]
    levels = [Level(*_tileable_size(size, options), _level_steps(max(size), options)) for size in sizes]
    if starts_from_network and options.ladder:
        levels[0] = levels[0]._replace(steps=_NETWORK_STEP_FACTOR * levels[0].steps)
    return levels


def _upper_levels(sizes: list[tuple[int, int]], options: Options) -> list[Level]:
    """Return the shallow levels above: every other size up to the last."""
    levels = []
    for size in _every_other(sizes):
        width, height = _tileable_size(size, options)
        steps = _UPPER_STEPS[options.quality] // (2 if width * height > _FEWER_STEPS_PIXELS else 1)
        levels.append(Level(width, height, steps, SHALLOW_LAYER, learned=options.uses_learned_optimizer))
    return levels


def _learned_levels(sizes: list[tuple[int, int]], options: Options) -> list[Level]:
    """Return the levels that the learned optimizer paints: the first, which sets the large forms, and every other to the last.

    All but the first are shallow: deep layers would make them twice as long, and change little.
    """
    levels = [Level(*_tileable_size(sizes[0], options), _FIRST_INSTANT_STEPS, LEARNED_LAYER, learned=True)]
    for size in _every_other(sizes[1:]):
        nearest = min(_INSTANT_STEPS, key=lambda side: abs(math.log(side / max(size))))
        levels.append(Level(*_tileable_size(size, options), _INSTANT_STEPS[nearest], SHALLOW_LAYER, learned=True))
    return levels


def _every_other(sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the last of the sizes and every other one before it, smallest first."""
    return sizes[::-2][::-1]


def _level_sizes(final: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes of the levels up to a final one, smallest first."""
    short, long = min(final), max(final)
    smallest = max(_SMALLEST_LEVEL, math.ceil(long / short * 2 * SMALLEST_SIDE))
    count = max(0, round(2 * math.log2(long / smallest)))
    return [*(fit_size(final, round(long / 2 ** (n / 2))) for n in range(count, 0, -1)), final]


def _tileable_size(size: tuple[int, int], options: Options) -> tuple[int, int]:
    """Return a size whose seamless sides are multiples of the network's total stride."""
    tileable = Tileable.from_padding(options.padding)
    width, height = (
        max(TOTAL_STRIDE, round(side / TOTAL_STRIDE) * TOTAL_STRIDE) if is_seamless else side
        for is_seamless, side in zip((tileable.x, tileable.y), size, strict=True)
    )
    return width, height


def _level_steps(side: int, options: Options) -> int:
    """Return the steps at a longest side of `side` pixels: half as many at twice the side.

    Most steps are taken while the image takes shape; yet a level may cost more than the one below, since fine layers need
    steps of their own.
    """
    preset_steps = PRESETS[options.preset].steps
    if preset_steps is not None:
        return round(preset_steps * {"draft": 0.3, "normal": 1, "fine": 2}[options.quality])
    if not options.ladder:
        return {"draft": 150, "normal": 500, "fine": 1000}[options.quality]
    most, fewest = {"draft": (40, 8), "normal": (80, 12), "fine": (240, 36)}[options.quality]
    return max(fewest, round(most * _SMALLEST_LEVEL / max(side, _SMALLEST_LEVEL)))
