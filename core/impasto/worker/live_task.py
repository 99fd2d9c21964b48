"""Jobs painted by a trained network: in one pass, as a picture of a film, or live: edits are repainted as they arrive."""

from __future__ import annotations

import contextlib
import hashlib
import time
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, OptionError
from .channel import JobChannel, Preempted
from .job import Job, to_bgra
from .protocol import Header, stripes

if TYPE_CHECKING:
    from ..feedforward.live import LivePainting, Patch
    from ..feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
    from ..options import Options

#: Seconds for which a live update runs before urgent frames preempt it
_PREEMPT_SECONDS = 0.5


class SequenceError(OptionError):
    """The state of a film was made by another network, or with other settings."""


def paint_feedforward(
    job: Job, settings: dict[str, Any], channel: JobChannel, smoothing: TemporalSmoothing | None = None, state: bytes = b""
) -> None:
    """Stylize the content in one pass and send the result.

    smoothing: of a film, of which the content is one picture; state: of the smoothing, after the picture before; b"": none
    Raises ImpastoError, Cancelled.
    """
    from ..feedforward.registry import load_network
    from ..feedforward.stylizer import FeedforwardStylizer

    start = time.monotonic()
    network = load_network(job.style_network)
    options = _resolve_options({**settings, **job.protection(settings)})
    content = job.picture("content")
    stylizer = FeedforwardStylizer(network, options, statistics_filter=smoothing, network_name=job.style_network)
    if smoothing is not None and state:
        _restore_state(smoothing, stylizer, state)
    painting = stylizer.stylize(content, channel.check_cancelled)
    channel.send_rows(job.render(content, painting))
    _send_done(job, channel, start, b"" if smoothing is None else _encode_state(smoothing, stylizer))


def parse_sequence(header: Header) -> TemporalSmoothing | None:
    """Return the smoothing that a `start` frame asks for, or None.  Raises OptionError."""
    from ..feedforward.stylizer import TemporalSmoothing

    sequence = header.get("sequence")
    if sequence is None:
        return None
    steady = sequence.get("steady") if isinstance(sequence, dict) else None
    if isinstance(steady, bool) or not isinstance(steady, int | float):
        raise OptionError(f"sequence is {sequence!r}: give an object with a number `steady`")
    return TemporalSmoothing(steady)


def _encode_state(smoothing: TemporalSmoothing, stylizer: FeedforwardStylizer) -> bytes:
    import safetensors.torch

    averages = {name: tensor.cpu().contiguous() for name, tensor in smoothing.state().items()}
    return _state_key(smoothing, stylizer) + safetensors.torch.save(averages)


def _restore_state(smoothing: TemporalSmoothing, stylizer: FeedforwardStylizer, state: bytes) -> None:
    """Restore what `_encode_state` returned.  Raises SequenceError."""
    import safetensors.torch

    key = _state_key(smoothing, stylizer)
    if not state.startswith(key):
        raise SequenceError("the film was begun with another network, or with other settings: begin it again")
    try:
        smoothing.restore(safetensors.torch.load(state[len(key) :]), stylizer.device)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise SequenceError("the state of the film is damaged: begin it again") from error


def _state_key(smoothing: TemporalSmoothing, stylizer: FeedforwardStylizer) -> bytes:
    """Return a digest of what the averages depend on, besides the pictures."""
    return hashlib.sha256(f"{stylizer.recipe} {smoothing.decay}".encode()).digest()


class LiveTask:
    """A live job: repaints what a patch of the content changes, until it is cancelled."""

    def __init__(self, number: int, painting: LivePainting, channel: JobChannel) -> None:
        self.number = number
        self._painting, self._channel = painting, channel

    @classmethod
    def start(cls, job: Job, settings: dict[str, Any], channel: JobChannel) -> LiveTask:
        """Paint the content and send it; if preempted, without rows.  Raises ImpastoError, Cancelled."""
        from ..feedforward.live import LivePainting
        from ..feedforward.registry import load_network

        start = time.monotonic()
        network = load_network(job.style_network)
        painting = LivePainting(network, _resolve_options(settings), job.content_rgba())
        with contextlib.suppress(Preempted):
            channel.send_rows(painting.repaint(channel.preemptible(_PREEMPT_SECONDS)).pixels)
        _send_done(job, channel, start)
        return cls(job.number, painting, channel)

    def update(self, header: Header, blob: bytes) -> None:
        """Replace a rectangle of the content and send what changes in the painting; if preempted, an empty patch.

        Raises ImageError: the patch is malformed or outside the content.
        """
        import numpy as np

        sides = [header.get(key) for key in ("x", "y", "width", "height")]
        x, y, width, height = (side if isinstance(side, int) else -1 for side in sides)
        if min(width, height) < 1 or len(blob) != width * height * 4:
            raise ImageError(f"a patch of {sides[2]} x {sides[3]} pixels with {len(blob)} bytes: send 4 bytes per pixel")
        values = np.frombuffer(blob, np.uint8).reshape(height, width, 4)
        try:
            patch = self._painting.update(x, y, values[..., [2, 1, 0, 3]], self._channel.preemptible(_PREEMPT_SECONDS))
        except Preempted:
            self._channel.send("patch", x=x, y=y, width=0, height=0, last=True)
        else:
            self._send_patch(patch)

    def settle(self) -> None:
        """Repaint all of the content with its own statistics and send it, unless an urgent frame arrives."""
        try:
            self._send_patch(self._painting.repaint(self._channel.preemptible(0)))
            self._channel.send("settled", done=True)
        except Preempted:
            self._channel.send("settled", done=False)

    def _send_patch(self, patch: Patch) -> None:
        height, width = patch.pixels.shape[:2]
        for y, rows in stripes(height):
            fields: dict[str, Any] = {"x": patch.x, "y": patch.y + y, "width": width, "height": rows}
            self._channel.send("patch", to_bgra(patch.pixels[y : y + rows]), **fields, last=y + rows == height)


def _resolve_options(settings: dict[str, Any]) -> Options:
    """A network has its own styles, and the result has the size of the content."""
    from ..options import resolve_options

    return resolve_options({**settings, "size": 0, "style_weights": None})


def _send_done(job: Job, channel: JobChannel, start: float, state: bytes = b"") -> None:
    """state: of the film, for the next picture"""
    width, height = job.size
    channel.send("done", state, network=job.style_network, seconds=time.monotonic() - start, width=width, height=height)
