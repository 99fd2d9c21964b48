"""Films: the frames of one in a folder, smooth over time across interruptions, and film files (extra `video`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
from numpy.typing import NDArray

from ..errors import ImageError, OptionError
from ..feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
from ..images.decode import ensure_allowed_size
from ..images.folder import Frame
from ..images.picture import Picture, to_uint
from ..runtime.files import replace_file, resolve_link, temporary_path, write_atomic
from ..runtime.tensor_files import read_tensor_file

if TYPE_CHECKING:
    import av

_H264 = ("libx264", {"crf": "17", "preset": "medium"})
#: Film files: suffix -> video codec, and options for about the quality of the original
FILM_CODECS: dict[str, tuple[str, dict[str, str]]] = {
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv"), _H264),
    ".webm": ("libvpx-vp9", {"crf": "24", "b": "0"}),
}
#: Suffixes of films that can be read
_FILM_SUFFIXES = (*FILM_CODECS, ".avi")
#: In the folder of the frames, after each of them: the averages up to there
STATE_NAME = ".impasto-steady"
_STATE_KEY = "impasto_steady"
#: Color primaries, transfer and matrix of high-definition video, in ffmpeg's numbers
_BT709 = 1


class SteadyFrames:
    """Stylizes the frames of a film one by one, smoothly over time. A sequence that was interrupted goes on where it was.

    The averages of the smoothing are kept in a file. If that is missing, or a frame in the middle is, the frames before are
    stylized again, but not written.
    """

    def __init__(
        self,
        stylizer: FeedforwardStylizer,
        smoothing: TemporalSmoothing,
        frames: Mapping[Path, Path | Frame],
        folder: Path,
        *,
        force: bool = False,
    ) -> None:
        """frames: target -> content, in the order of the film; smoothing: the statistics filter of the stylizer"""
        self._stylizer, self._smoothing, self._frames = stylizer, smoothing, frames
        self._index = {target: index for index, target in enumerate(frames)}
        #: For each number of frames: a digest of what the averages after these depend on
        self._keys = [hashlib.sha256(f"{stylizer.recipe} {smoothing.decay}".encode()).hexdigest()]
        for target in frames:
            self._keys.append(hashlib.sha256(f"{self._keys[-1]} {target.name}".encode()).hexdigest())
        self._state_path = folder / STATE_NAME
        self._exists = {target: target.exists() and not force for target in frames}
        missing = [index for index, target in enumerate(frames) if not self._exists[target]]
        self._last_missing = missing[-1] if missing else -1
        self._next = self._restore(missing[0]) if missing and missing[0] else 0

    def stylize(self, target: Path) -> Picture | None:
        """Return the picture for a target; None: it exists. Call it for all targets, in order.  Raises ImpastoError."""
        index = self._index[target]
        if self._exists[target] and (index < self._next or index > self._last_missing):
            return None
        picture = self._stylizer.stylize(self._frames[target])
        return None if self._exists[target] else picture

    def store(self, target: Path) -> None:
        """Store the averages after the frame of this target, which has been written. After the last one, nothing is left."""
        count = self._index[target] + 1
        if count > self._last_missing:
            self._state_path.unlink(missing_ok=True)
            return
        state = {name: tensor.cpu().contiguous() for name, tensor in self._smoothing.state().items()}
        metadata = {_STATE_KEY: json.dumps({"count": count, "key": self._keys[count]})}
        write_atomic(self._state_path, safetensors.torch.save(state, metadata))

    def _restore(self, first_missing: int) -> int:
        """Restore the averages if they are those before the first missing frame. Returns how many frames they cover."""
        try:
            state, metadata = read_tensor_file(self._state_path, _STATE_KEY)
            stored = json.loads(metadata[_STATE_KEY])
            if stored == {"count": first_missing, "key": self._keys[first_missing]}:
                self._smoothing.restore(state, self._stylizer.device)
                return first_missing
        except (OSError, safetensors.SafetensorError, KeyError, ValueError, TypeError):
            pass  # it is only a shortcut
        self._smoothing.reset()
        return 0


def is_film(path: Path) -> bool:
    """Return whether a file is a film, by its suffix."""
    return path.suffix.lower() in _FILM_SUFFIXES


def stylize_film(stylizer: FeedforwardStylizer, source: Path, target: Path) -> Generator[float]:
    """Stylize a film file, and yield the fraction that is done after each frame.

    Rate, size and sound stay. When the iteration ends, or is closed early, the target is a film of what is done.
    Raises ImageError: the film cannot be read or written; OptionError: PyAV is not installed.
    """
    if target.suffix.lower() not in FILM_CODECS:
        raise ImageError(f"{str(target)!r} is no film that can be written: end the name in {', '.join(FILM_CODECS)}")
    try:
        import av
    except ImportError:
        raise OptionError("films need PyAV, which is not installed: pip install 'impasto[video]'") from None
    with temporary_path(resolve_link(target).parent) as folder:
        folder.mkdir()
        partial = folder / f"film{target.suffix.lower()}"
        try:
            with av.open(str(source)) as film:
                if not film.streams.video:
                    raise ImageError(f"{str(source)!r} has no pictures: name a film")
                writer = _FilmWriter(film, partial)
                try:
                    yield from _stylize_frames(stylizer, film, writer, str(source))
                finally:
                    writer.close()
                    if writer.frames:
                        replace_file(partial, target)
        except av.FFmpegError as error:
            raise ImageError(f"{str(source)!r} cannot be read or written as a film ({error.strerror or error})") from error


def _stylize_frames(
    stylizer: FeedforwardStylizer, film: av.container.InputContainer, writer: _FilmWriter, name: str
) -> Iterator[float]:
    video = film.streams.video[0]
    ensure_allowed_size((video.width, video.height), repr(name), stylizer.options.max_megapixels)
    rate = float(video.average_rate or video.guessed_rate or 25)
    seconds = float(film.duration or 0) / 1e6 or float((video.duration or 0) * (video.time_base or 0))
    total = video.frames or round(seconds * rate) or 1
    for packet in film.demux([video, *writer.sources]):
        if packet.stream is not video:
            writer.copy(packet)
            continue
        frame: Any
        for frame in packet.decode():
            pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
            writer.write(to_uint(stylizer.stylize(np.ascontiguousarray(pixels)), 8), frame.pts)
            yield min(1.0, writer.frames / total)


class _FilmWriter:
    """Writes the frames and the sound of a film. The size is that of the first frame."""

    def __init__(self, film: av.container.InputContainer, target: Path) -> None:
        import av

        self.frames = 0
        self._codec, self._options = FILM_CODECS[target.suffix]
        self._source = film.streams.video[0]
        self._output = av.open(str(target), "w")
        self._video: Any = None
        #: Streams that are copied
        self.sources = list(film.streams.audio)
        self._copies: dict[int, Any] = {}
        self._waiting: list[Any] = []  # packets before the first frame

    def write(self, pixels: NDArray[Any], time: int | None) -> None:
        """Add a frame (H, W, 3) of 8 bits. time: in units of the source's time base"""
        import av

        if self._video is None:
            self._video = self._add_streams(*pixels.shape[:2])
            for packet in self._waiting:
                self.copy(packet)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[..., :3]), format="rgb24")
        frame = frame.reformat(format=self._video.pix_fmt, dst_colorspace=_BT709, dst_color_range=1)
        frame.pts, frame.time_base = time, self._source.time_base
        self._output.mux(self._video.encode(frame))
        self.frames += 1

    def copy(self, packet: Any) -> None:
        """Add a packet of sound."""
        if self._video is None:
            self._waiting.append(packet)
        elif packet.dts is not None:  # the last packet of a stream is empty
            packet.stream = self._copies[packet.stream.index]
            self._output.mux(packet)

    def close(self) -> None:
        """Write what is left, so that the file can be played."""
        if self._video is not None:
            self._output.mux(self._video.encode(None))
        self._output.close()

    def _add_streams(self, height: int, width: int) -> Any:
        video: Any = self._output.add_stream(self._codec, rate=self._source.average_rate or 25, options=self._options)
        video.width, video.height = width, height
        video.pix_fmt = "yuv420p" if width % 2 == height % 2 == 0 else "yuv444p"  # half the colors need an even size
        context = video.codec_context
        if self._source.time_base is not None:
            context.time_base = self._source.time_base
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1
        for source in self.sources:
            self._copies[source.index] = self._output.add_stream_from_template(source)
        return video
