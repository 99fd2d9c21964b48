"""What a job of the worker's is made of: its pictures, which arrive stripe by stripe, and its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, OptionError
from ..options import IMAGE_OPTIONS
from .protocol import PIXEL_BYTES, Header

if TYPE_CHECKING:
    from ..images.picture import Picture

#: The most bytes of pictures that one job may send: 200 megapixels in 16 bits with alpha.
_MAX_JOB_BYTES = 1_600_000_000


@dataclass
class Job:
    """What has arrived of a job: its pictures, stripe by stripe."""

    number: int
    failed: bool = False
    _images: dict[tuple[str, int], _IncomingImage] = field(default_factory=dict)

    def begin(self, header: Header) -> None:
        role = header.get("role")
        if role not in ("content", "style", "mask", "region"):
            raise ImageError(f"no role {role!r}: a picture is content, style, mask or region")
        index = sum(each == role for each, _ in self._images)
        if index and role != "style":
            raise ImageError(f"a second {role}: a job has one")
        if role == "style" and ("path" in header or "net" in header):
            path, net = str(header.get("path", "")), str(header.get("net", ""))
            if not path and not net:
                raise ImageError("a style without a name: give the path of a picture, or a net")
            self._images[role, index] = _IncomingImage(path=path, net=net)
            return
        width, height, kind = header.get("width"), header.get("height"), header.get("format")
        if (
            not isinstance(kind, str)
            or kind not in PIXEL_BYTES
            or (role != "region" and (kind == "gray8") != (role == "mask"))
        ):
            raise ImageError(f"a {role} in the format {kind!r}: pictures are bgra8 or bgra16, masks are gray8")
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            raise ImageError(f"a {role} of {width} x {height} pixels")
        size = width * height * PIXEL_BYTES[kind]
        if size + sum(len(image.pixels) for image in self._images.values()) > _MAX_JOB_BYTES:
            raise ImageError(f"{width} x {height} pixels are too many for one job: choose a smaller layer, or a selection")
        self._images[role, index] = _IncomingImage(width, height, kind, bytearray(size))

    def add(self, header: Header, blob: bytes) -> None:
        y, rows, index = header.get("y"), header.get("rows"), header.get("index", 0)
        image = self._images.get((str(header.get("role")), index)) if isinstance(index, int) else None
        if image is None or image.path or image.net or not isinstance(y, int) or not isinstance(rows, int):
            raise ImageError("rows of a picture that was not announced")
        stride = image.width * PIXEL_BYTES[image.format]
        if y != image.rows or rows < 1 or y + rows > image.height or len(blob) != rows * stride:
            raise ImageError(f"rows {y} to {y + rows} with {len(blob)} bytes do not fit a picture of {image.height} rows")
        image.pixels[y * stride : (y + rows) * stride] = blob
        image.rows += rows

    def picture(self, role: str, index: int = 0) -> Picture:
        from ..images.picture import read_picture

        image = self._images.get((role, index))
        if image is None:
            raise ImageError(f"a job without a {role}")
        return read_picture(image.values()[..., [2, 1, 0, 3]], name=f"the {role} layer")

    def styles(self) -> list[Picture | str]:
        """Pictures, and paths of picture files"""
        indices = [index for role, index in self._images if role == "style"]
        if not indices:
            raise ImageError("a job without a style")
        if any(self._images["style", index].net for index in indices):
            raise ImageError("a net is a style by itself, and learns none")
        return [self._images["style", index].path or self.picture("style", index) for index in indices]

    @property
    def net(self) -> str:
        """The name of the net that is the style, or nothing"""
        image = self._images.get(("style", 0))
        return "" if image is None else image.net

    def size(self) -> tuple[int, int]:
        """Width and height of the content"""
        image = self._images["content", 0]
        return image.width, image.height

    def values(self) -> Any:
        """The content, (H, W, 4) uint8: red, green, blue, alpha"""
        image = self._images.get(("content", 0))
        if image is None or image.format != "bgra8":
            raise ImageError("what is live is a content of 8 bits")
        return image.values()[..., [2, 1, 0, 3]]

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

    def _as_large_as_the_content(self, role: str) -> _IncomingImage | None:
        image, content = self._images.get((role, 0)), self._images.get(("content", 0))
        if image and (content is None or (content.width, content.height) != (image.width, image.height)):
            raise ImageError(f"the {role} has to be as large as the content")
        return image


@dataclass
class _IncomingImage:
    width: int = 0
    height: int = 0
    format: str = ""
    pixels: bytearray = field(default_factory=bytearray, repr=False)
    rows: int = 0  # that have arrived
    path: str = ""
    net: str = ""

    def values(self) -> Any:
        """(H, W, channels) uint8 or uint16"""
        import numpy as np

        if self.rows != self.height:
            raise ImageError(f"only {self.rows} of a picture's {self.height} rows have arrived")
        deep = self.format == "bgra16"
        return np.frombuffer(self.pixels, "<u2" if deep else "u1").reshape(self.height, self.width, -1)


def job_settings(header: Header) -> dict[str, Any]:
    """The settings in a frame.  Raises OptionError."""
    found = header.get("options", {})
    if not isinstance(found, dict) or found.keys() & set(IMAGE_OPTIONS):  # these are sent
        raise OptionError("a job's options are a JSON object of settings by name, pictures aside")
    return found


def to_bgra(values: Any) -> bytes:
    """(H, W, 3 or 4) uint8 or uint16 -> B, G, R, A"""
    import numpy as np

    height, width, channels = values.shape
    result = np.full((height, width, 4), np.iinfo(values.dtype).max, values.dtype.newbyteorder("<"))
    result[..., :3] = values[..., 2::-1]
    if channels == 4:
        result[..., 3] = values[..., 3]
    return result.tobytes()
