"""Where the painting is done: one order after another, in a process beside the page, or on a ZeroGPU slice.

Either way what goes in and comes out is pickled: an order and its frames are plain values, and the word to stop is a file.
ZeroGPU forks a process for each call. Elsewhere there is one, which stays warm; in a thread of the page the engine would
be a third slower, for OpenMP lets its threads sleep as soon as there are more of them in a process than processors.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

try:
    import spaces
except ImportError:
    spaces = None

import numpy as np
import torch
from PIL import Image

import pictures
from impasto import ImpastoError, OptionError, Options, WeightsError, instant, library
from impasto.engine import Run, Warm, options_from
from impasto.ladder import ladder
from impasto.options import OF_NETS
from impasto.plans import forecast
from impasto.training import STROKES

ON_SPACE = bool(os.environ.get("SPACE_ID"))
ON_ZERO = bool(os.environ.get("SPACES_ZERO_GPU"))
#: The largest size on a public page, and at home.
LARGEST = 2048 if ON_SPACE else 4096
#: A painting is finished as it is after so many seconds; at home it may take its time.
LIMIT_S = float(os.environ.get("IMPASTO_SECONDS") or (100 if ON_ZERO else 600 if ON_SPACE else 24 * 3600))
#: What a visitor may set. What else `Options` has stays as it is.
OFFERED = (
    *("preset", "strength", "colors", "quality", "size", "seed"),
    *("style_scale", "style_weights", "style_layers", "style_loss", "padding"),
)
#: Fine strokes by the first style, large shapes by the second.
FINE_AND_COARSE = "conv1_1,conv2_1/conv3_1,conv4_1,conv5_1"
#: Seconds from one preview to the next, at first and at most; between that, a share of the time that has passed. Making one
#: takes at most another share of the time.
_SOONEST_S, _LATEST_S, _PACE, _MAKING = 0.4, 2.0, 0.05, 0.03
#: Megapixels times steps that a ZeroGPU slice does in a second, and seconds until it begins: estimates, on the safe side.
_ZERO_SPEED, _ZERO_START_S = 8, 15

logger = logging.getLogger("impasto.page")


class Order(NamedTuple):
    """What is to be painted, in values that can be pickled."""

    photo: np.ndarray  # (H, W, 3 or 4) uint8
    styles: list[np.ndarray]
    options: dict[str, Any]
    folder: str  # of this order alone; a file `stop` in it ends the painting
    limit: float = LIMIT_S  # seconds
    masks: list[np.ndarray] | None = None  # where each style goes, (H, W) uint8; None: everywhere
    net: str = ""  # the name of one that paints it at once; of the options, those of OF_NETS count then, and no styles


class Stopped(ImpastoError):
    """There is nothing to keep: a net was stopped, or its time was up."""


class Frame(NamedTuple):
    """How far it is. The last frame has the painting."""

    fraction: float
    size: tuple[int, int]
    iteration: int
    eta: float | None  # seconds left, once there is a pace to tell it by
    preview: str  # path of a JPEG; a net makes none
    ended: str = ""  # done, stopped or time
    painting: np.ndarray | None = None  # (h, w, 3 or 4) uint8
    recipe: dict[str, Any] | None = None


def settings(photo: tuple[int, int], values: dict[str, Any]) -> dict[str, Any]:
    """The options that a visitor's values make, within this page's limits.  Raises OptionError.

    photo: width and height; no painting is larger than its photo
    """
    unknown = set(values) - set(OFFERED)
    if unknown:
        raise OptionError(f"{min(unknown)!r} cannot be set here; there are: {', '.join(OFFERED)}")
    given = {name: value for name, value in values.items() if value not in (None, "")}
    size = min(options_from(given).size or max(photo), max(photo), LARGEST)
    return {**given, "size": max(32, size)}


def duration(order: Order) -> int:
    """Seconds of a GPU that an order asks ZeroGPU for: fewer mean a better place in the queue."""
    if order.net:
        return _ZERO_START_S
    height, width = order.photo.shape[:2]
    return int(min(order.limit, _zero_seconds((width, height), options_from(order.options))) + _ZERO_START_S)


def _zero_seconds(photo: tuple[int, int], options: Options) -> float:
    return sum(rung.width * rung.height * rung.steps for rung in ladder(photo, options)) / 1e6 / _ZERO_SPEED


def estimate(photo: tuple[int, int], values: dict[str, Any]) -> tuple[tuple[int, int], float, int]:
    """Width and height, seconds, and bytes of memory (0: of no concern) of what would be painted.  Raises ImpastoError."""
    options = options_from(settings(photo, values))
    if ON_ZERO:
        return ladder(photo, options)[-1][:2], min(LIMIT_S, _zero_seconds(photo, options)), 0
    found = forecast(photo, options)
    return (found.width, found.height), min(LIMIT_S, found.seconds), found.memory


def _paint(order: Order) -> Iterator[Frame]:
    """Paint, with a frame every now and then.  Raises ImpastoError."""
    if ON_ZERO:
        torch.set_num_threads(1)  # the pool of the process that this one was forked from is not here
    if order.net:
        yield _by_net(order)
        return
    started = time.perf_counter()
    folder, stop = Path(order.folder), Path(order.folder, "stop")
    run = Run(order.photo, order.styles, options_from({**order.options, "masks": order.masks}), warm=_warm)
    run.load_weights()
    number, due, ended = 0, 0.0, ""
    for step in run.steps():
        now = time.perf_counter()
        if stop.exists():
            ended = "stopped"
        elif now - started > order.limit:
            ended = "time"
        elif step.fraction >= 1:
            ended = "done"
        elif now < due:
            continue
        image = step.image
        number += 1
        shown = pictures.show(image, folder / f"preview-{number}.jpg")
        eta = step.eta if step.scale or step.iteration > 2 else None
        frame = Frame(step.fraction, step.size, step.iteration, eta, shown)
        if ended:
            whole = pictures.resized(image, run.rungs[-1][:2])
            yield frame._replace(ended=ended, painting=np.asarray(whole), recipe=run.result(step).recipe)
            return
        yield frame
        after = time.perf_counter()
        pace = min(_LATEST_S, max(_SOONEST_S, _PACE * (after - started)))
        due = after + max(pace, (after - now) / _MAKING)


def _by_net(order: Order) -> Frame:
    """Paint in one pass, with strokes of a size that nets know.  Raises ImpastoError."""
    options = options_from({name: value for name, value in order.options.items() if name in OF_NETS})
    strokes = tuple(np.clip(options.style_scale or 1.0, STROKES[0], STROKES[-1]).reshape(-1).tolist())
    started = time.perf_counter()
    net = library.load(library.known()[order.net])  # a name, and no path
    painter = instant.Painter(net, dataclasses.replace(options, style_scale=strokes), name=order.net)

    def check() -> None:
        if Path(order.folder, "stop").exists() or time.perf_counter() - started > order.limit:
            raise Stopped("Stopped before anything was painted: a smaller size takes less time.")

    image = painter.paint(order.photo, check).image
    return Frame(1.0, image.size, 1, None, "", "done", np.asarray(image), json.loads(painter.recipe))


def stop(folder: str | os.PathLike[str]) -> None:
    """Have a painting finished as it is."""
    Path(folder, "stop").touch()


class _Told(Exception):
    """The painter's own error is the argument; it is ready for the next order."""


class Painter:
    """The engine in a process of its own, which is started when it is first needed and ends with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._left: Iterator[Frame] = iter(())  # what the process still has to say of the order before

    def start(self) -> None:
        """Have it load the network, before somebody waits for it."""
        if self._process is None or self._process.poll() is not None:
            program = [sys.executable, "-c", "import studio; studio.serve()"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self._process = subprocess.Popen(program, cwd=Path(__file__).parent, **pipes)

    def __call__(self, order: Order) -> Iterator[Frame]:
        """Paint, with a frame every now and then; who closes the iterator ends the painting.  Raises ImpastoError."""
        with self._lock:
            self.start()
            process = self._process
            assert process is not None
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with contextlib.suppress(_Told):
                    for _ in self._left:
                        pass
                pickle.dump(order, process.stdin)
                process.stdin.flush()
                self._left = _messages(process.stdout)
                try:
                    for frame in self._left:  # noqa: UP028  -- `yield from` would close them too
                        yield frame
                finally:  # Gradio closes this on its event loop: nothing may wait here
                    with contextlib.suppress(OSError):
                        stop(order.folder)
            except _Told as told:
                raise told.args[0] from None
            except Exception as error:  # out of step with the process
                self.close()
                raise RuntimeError("the painter has ended") from error

    def close(self) -> None:
        """End the process; the next order gets another."""
        process, self._process = self._process, None
        self._left = iter(())
        if process is not None:
            process.kill()
            process.communicate()


def _messages(pipe: Any) -> Iterator[Frame]:
    """The frames of one order.  Raises _Told with what the painter has raised, EOFError where it is gone."""
    while True:
        kind, value = pickle.load(pipe)
        if kind == "error":
            raise _Told(value)
        if kind == "end":
            return
        yield value


def serve() -> None:
    """The painter's process: orders come from standard input, frames go to what was standard output."""
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not for the page
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page, with which this ends
    with contextlib.suppress(Exception):  # what is wrong is told with the first order
        warm_up()
    while True:
        try:
            order = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            for frame in _paint(order):
                pickle.dump(("frame", frame), said)
                said.flush()
        except Exception as error:
            traceback.print_exception(error)
            pickle.dump(("error", error if isinstance(error, ImpastoError) else RuntimeError(repr(error))), said)
        else:
            pickle.dump(("end", None), said)
        said.flush()


def warm_up() -> None:
    """Load the network, and see that it runs."""
    blank = np.asarray(Image.linear_gradient("L").resize((64, 64)))
    for _ in Run(blank, blank, size=64, iterations=1, warm=_warm).steps():
        pass


_warm = Warm()
paint = spaces.GPU(duration=duration)(_paint) if ON_ZERO else Painter()


def prepare() -> None:
    """What can be done before somebody waits for it: the weights are fetched, and where there is no ZeroGPU, loaded.

    Without them the page is there all the same: it is tried again with each painting, and told.
    """
    told = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if done == total or time.monotonic() - told > 5:
            told = time.monotonic()
            logger.info("fetching the network, once: %.0f of %.0f MB", done / 1e6, total / 1e6)

    try:
        (_warm if ON_ZERO else Warm()).weights(Options(), progress)
    except WeightsError as error:
        logger.error("%s", error)
    if isinstance(paint, Painter):
        with contextlib.suppress(ImpastoError):
            estimate((512, 512), {})  # how fast this computer is can be told as long as nothing is painted
        paint.start()
