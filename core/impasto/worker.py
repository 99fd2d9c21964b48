"""The engine as a child process: frames (see `frames`) in on standard input, frames out on standard output.

One process serves many jobs, one after another, and keeps the network warm between them. It listens on no port, and it ends
when its standard input does: with the program that started it, however that ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from . import __version__
from .errors import ImageError, ImpastoError, OptionError
from .frames import FORMATS, PROTOCOL, FrameError, Header, Reader, pack, stripes
from .options import BLOCKS, PICTURES, Options, describe

if TYPE_CHECKING:
    from .engine import Step, Warm
    from .images import Picture

#: The longest side of a preview, and the least time from one to the next.
_PREVIEW_SIDE = 512
_PREVIEW_SECONDS = 0.5
#: The most bytes of pictures that one job may send: 200 megapixels in 16 bits with alpha.
_MOST_BYTES = 1_600_000_000


def main() -> int:
    """Serve the frames on this process's standard input and output until the input ends."""
    # Standard output belongs to the frames: what a library prints goes to standard error instead.
    outgoing = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    incoming = os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if sys.platform == "win32":
        import msvcrt

        for stream in (incoming, outgoing):
            msvcrt.setmode(stream.fileno(), os.O_BINARY)
    if hasattr(os, "nice"):  # whoever started us has a window to keep alive: all that it leaves is enough
        os.nice(5)
    # The reader ends the process: nobody is there to tell, and a step in the middle would only hold it up.
    return Worker(incoming, outgoing, gone=lambda: os._exit(0)).serve()


class _Cancelled(Exception):
    pass


class Worker:
    """Reads frames in a thread of its own, so that `cancel` is heard while a job is painted."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, *, gone: Callable[[], None] = lambda: None) -> None:
        """gone: called when the incoming stream ends"""
        self._incoming, self._outgoing, self._gone = incoming, outgoing, gone
        self._arrived: queue.SimpleQueue[tuple[Header, bytes] | None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._cancelled: set[int] = set()
        self._warm: Warm | None = None

    def serve(self) -> int:
        """Until the incoming stream ends."""
        self._say(
            {"op": "hello", "protocol": PROTOCOL, "version": __version__, "networks": list(BLOCKS), "options": describe()}
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self._warm_up()
        job: _Job | None = None
        while (arrived := self._arrived.get()) is not None:
            header, blob = arrived
            number = header.get("job", 0)
            try:
                if header.get("op") == "cancel":
                    job = None
                    self._cancelled.discard(number)
                    self._say({"op": "cancelled", "job": number})
                elif header.get("op") == "estimate":
                    self._estimate(header)
                elif header.get("op") in ("image", "rows", "start"):
                    if job is None or job.number != number:
                        job = _Job(number)
                    if not job.failed:
                        self._take(job, header, blob)
            except _Cancelled:
                pass  # the frame that asked for it has arrived: it is answered in its turn
            except BrokenPipeError:
                break
            except Exception as error:
                if job is not None and job.number == number:
                    job.failed = True
                self._say({"op": "error", "job": number, **_described(error)})
            if header.get("op") == "start":
                job = None
        return 0

    def _listen(self) -> None:
        reader = Reader()
        try:
            while piece := self._incoming.read(1 << 16):
                for header, blob in reader.feed(piece):
                    if header.get("op") == "cancel":
                        self._cancelled.add(header.get("job", 0))
                    self._arrived.put((header, blob))
        except FrameError as error:
            self._say({"op": "error", "job": 0, **_described(error)})
        except (OSError, ValueError):  # the pipe broke, or was closed under us
            pass
        finally:  # whatever ended it: nobody would be heard any more
            self._arrived.put(None)
            self._gone()

    def _say(self, header: Header, blob: bytes = b"") -> None:
        frame = memoryview(pack(header, blob))
        with self._sending:
            while frame:
                frame = frame[self._outgoing.write(frame) :]

    def _warm_up(self) -> None:
        """Import torch and, where they are on disk already, load the weights: before the first job, not in it."""
        import torch

        from . import weights
        from .devices import choose_device
        from .engine import Warm

        self._warm = Warm()
        self._say({"op": "ready", "device": str(choose_device()), "torch": torch.__version__})
        if any(weights.cached(name).exists() for name in weights.SOURCES):
            with contextlib.suppress(ImpastoError):  # the job that needs them says why
                self._warm.weights(Options())

    def _estimate(self, header: Header) -> None:
        """Say what a painting would take, of a content of this width and height."""
        from . import engine, plans

        width, height = header.get("width"), header.get("height")
        about: Header = {"op": "estimate", "job": header.get("job", 0)}
        try:
            if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
                raise ImageError(f"a content of {width} x {height} pixels")
            assert self._warm is not None
            options = engine.options_from(_options(header))
            found = plans.forecast((width, height), options, network_there=self._warm.has_network(options))
        except ImpastoError as error:  # not of the job's: it may be asked anew with other options
            self._say({**about, "text": str(error)})
        else:
            self._say(about | found._asdict())

    def _take(self, job: _Job, header: Header, blob: bytes) -> None:
        if header["op"] == "image":
            job.begin(header)
        elif header["op"] == "rows":
            job.add(header, blob)
        else:
            self._paint(job, _options(header))

    def _paint(self, job: _Job, settings: dict[str, Any]) -> None:
        from . import engine, images
        from .borders import Wraps

        def check() -> None:
            if job.number in self._cancelled:
                raise _Cancelled

        started = time.monotonic()
        content, mask = job.picture("content"), job.mask()
        options = engine.options_from({**settings, "masks": job.regions()})
        run = engine.Run(content, job.styles(), options, warm=self._warm)

        def fetched(done: int, total: int) -> None:
            check()
            self._say(
                {"op": "progress", "job": job.number, "phase": "weights", "fraction": done / total, "seconds": 0, "eta": None}
            )

        check()
        run.load_weights(fetched)
        shown, step = 0.0, None
        for step in run.steps():
            check()
            now = time.monotonic()
            progress = {"fraction": step.fraction, "width": step.size[0], "height": step.size[1]}
            progress |= {"seconds": now - started, "eta": step.eta}
            self._say({"op": "progress", "job": job.number, "phase": "painting", **progress})
            if now - shown >= _PREVIEW_SECONDS and step.fraction < 1:
                shown = now
                self._preview(job.number, step)
        assert step is not None
        result = run.result(step)
        alpha = content.alpha if mask is None else mask if content.alpha is None else content.alpha * mask
        whole = result.picture.resized(*content.size, Wraps.of(options.padding))
        picture = dataclasses.replace(whole, alpha=alpha)
        values = images.quantized(picture, content.depth)
        for y, rows in stripes(content.size[1]):
            check()
            self._say({"op": "rows", "job": job.number, "y": y, "rows": rows}, _bgra(values[y : y + rows]))
        facts = {"seconds": time.monotonic() - started, "width": step.size[0], "height": step.size[1]}
        self._say({"op": "done", "job": job.number, "network": result.options.network, **facts})

    def _preview(self, number: int, step: Step) -> None:
        from . import images

        picture = step.painted.finished()
        scale = min(1.0, _PREVIEW_SIDE / max(picture.size))
        width, height = (max(1, round(side * scale)) for side in picture.size)
        small = picture.resized(width, height)
        self._say(
            {"op": "preview", "job": number, "width": small.size[0], "height": small.size[1]},
            _bgra(images.quantized(small, 8)),
        )


@dataclass
class _Job:
    """What has arrived of a job: its pictures, stripe by stripe."""

    number: int
    failed: bool = False
    _images: dict[tuple[str, int], _Incoming] = field(default_factory=dict)

    def begin(self, header: Header) -> None:
        role = header.get("role")
        if role not in ("content", "style", "mask", "region"):
            raise ImageError(f"no role {role!r}: a picture is content, style, mask or region")
        index = sum(each == role for each, _ in self._images)
        if index and role != "style":
            raise ImageError(f"a second {role}: a job has one")
        if role == "style" and "path" in header:
            self._images[role, index] = _Incoming(path=str(header["path"]))
            return
        width, height, kind = header.get("width"), header.get("height"), header.get("format")
        if not isinstance(kind, str) or kind not in FORMATS or (role != "region" and (kind == "gray8") != (role == "mask")):
            raise ImageError(f"a {role} in the format {kind!r}: pictures are bgra8 or bgra16, masks are gray8")
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            raise ImageError(f"a {role} of {width} x {height} pixels")
        size = width * height * FORMATS[kind]
        if size + sum(len(image.pixels) for image in self._images.values()) > _MOST_BYTES:
            raise ImageError(f"{width} x {height} pixels are too many for one job: choose a smaller layer, or a selection")
        self._images[role, index] = _Incoming(width, height, kind, bytearray(size))

    def add(self, header: Header, blob: bytes) -> None:
        y, rows, index = header.get("y"), header.get("rows"), header.get("index", 0)
        image = self._images.get((str(header.get("role")), index)) if isinstance(index, int) else None
        if image is None or image.path or not isinstance(y, int) or not isinstance(rows, int):
            raise ImageError("rows of a picture that was not announced")
        stride = image.width * FORMATS[image.format]
        if y != image.rows or rows < 1 or y + rows > image.height or len(blob) != rows * stride:
            raise ImageError(f"rows {y} to {y + rows} with {len(blob)} bytes do not fit a picture of {image.height} rows")
        image.pixels[y * stride : (y + rows) * stride] = blob
        image.rows += rows

    def picture(self, role: str, index: int = 0) -> Picture:
        from . import images

        image = self._images.get((role, index))
        if image is None:
            raise ImageError(f"a job without a {role}")
        return images.read(image.values()[..., [2, 1, 0, 3]], name=f"the {role} layer")

    def styles(self) -> list[Picture | str]:
        """Pictures, and paths of picture files"""
        indices = [index for role, index in self._images if role == "style"]
        if not indices:
            raise ImageError("a job without a style")
        return [self._images["style", index].path or self.picture("style", index) for index in indices]

    def mask(self) -> Any:
        """(H, W) floats from 0 to 1, or None"""
        import torch

        image = self._as_large_as_the_content("mask")
        return None if image is None else torch.from_numpy(image.values()[..., 0].astype("float32")) / 255

    def regions(self) -> list[Any] | None:
        """Where the first style goes and where the second, (H, W) floats from 0 to 1; None: both everywhere"""
        image = self._as_large_as_the_content("region")
        if image is None:
            return None
        values = image.values()
        values = values.astype("float32") / (65535 if values.dtype.itemsize == 2 else 255)
        where = values[..., -1]  # its alpha, or all there is of a mask
        if image.format != "gray8" and (where == 1).all():
            where = values[..., :3].mean(2)
        if where.max() < 1 / 255 or where.min() > 254 / 255:
            raise ImageError("the region of the second style is empty, or is everything: paint on its layer where it goes")
        return [1 - where, where]

    def _as_large_as_the_content(self, role: str) -> _Incoming | None:
        image, content = self._images.get((role, 0)), self._images.get(("content", 0))
        if image and (content is None or (content.width, content.height) != (image.width, image.height)):
            raise ImageError(f"the {role} has to be as large as the content")
        return image


@dataclass
class _Incoming:
    width: int = 0
    height: int = 0
    format: str = ""
    pixels: bytearray = field(default_factory=bytearray, repr=False)
    rows: int = 0  # that have arrived
    path: str = ""

    def values(self) -> Any:
        """(H, W, channels) uint8 or uint16"""
        import numpy as np

        if self.rows != self.height:
            raise ImageError(f"only {self.rows} of a picture's {self.height} rows have arrived")
        deep = self.format == "bgra16"
        return np.frombuffer(self.pixels, "<u2" if deep else "u1").reshape(self.height, self.width, -1)


def _options(header: Header) -> dict[str, Any]:
    """The settings in a frame.  Raises OptionError."""
    settings = header.get("options", {})
    if not isinstance(settings, dict) or settings.keys() & set(PICTURES):  # these are sent
        raise OptionError("a job's options are a JSON object of settings by name, pictures aside")
    return settings


def _bgra(values: Any) -> bytes:
    """(H, W, 3 or 4) uint8 or uint16 -> B, G, R, A"""
    import numpy as np

    height, width, channels = values.shape
    result = np.full((height, width, 4), np.iinfo(values.dtype).max, values.dtype.newbyteorder("<"))
    result[..., :3] = values[..., 2::-1]
    if channels == 4:
        result[..., 3] = values[..., 3]
    return result.tobytes()


def _described(error: Exception) -> dict[str, str]:
    """`code` and `text` of an error frame, for a person to read and a program to tell apart"""
    if isinstance(error, ImpastoError):
        return {"code": type(error).__name__, "text": str(error)}
    if isinstance(error, FrameError):
        return {"code": "FrameError", "text": str(error)}
    import traceback

    print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
    return {"code": "internal", "text": f"something went wrong in the engine ({type(error).__name__}: {error})"}
