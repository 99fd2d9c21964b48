"""A job of the worker: its images, which arrive in stripes, and its options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, OptionError
from ..layers import TOTAL_STRIDE
from ..option_values import FACES, NOTHING, add_protected
from ..options import IMAGE_OPTIONS
from .protocol import PIXEL_BYTES, Header

if TYPE_CHECKING:
    from ..images.picture import Picture
    from ..images.tileable import Tileable

#: Maximum number of image bytes in one job: 200 megapixels with 16 bits and alpha
_MAX_JOB_BYTES = 1_600_000_000


@dataclass
class Job:
    """The images of a job that have been announced so far."""

    number: int
    failed: bool = False
    _images: dict[tuple[str, int], _IncomingImage] = field(default_factory=dict)

    def announce(self, header: Header) -> None:
        """Add the image that an `image` frame announces.  Raises ImageError: the header is not valid."""
        role = header.get("role")
        if role not in ("content", "style", "mask", "region", "protect", "painting"):
            raise ImageError(f"unknown role {role!r}: an image is content, style, mask, region, protect or painting")
        index = sum(known_role == role for known_role, _ in self._images)
        if index and role != "style":
            raise ImageError(f"a second {role}: send one {role} per job")
        if role == "style" and ("path" in header or "net" in header):
            path, style_network = str(header.get("path", "")), str(header.get("net", ""))
            if not path and not style_network:
                raise ImageError("a style without a name: give the path of a picture, or the name of a network")
            self._images[role, index] = _IncomingImage(path=path, style_network=style_network)
            return
        width, height, pixel_format = header.get("width"), header.get("height"), header.get("format")
        if (
            not isinstance(pixel_format, str)
            or pixel_format not in PIXEL_BYTES
            or (role not in ("region", "protect") and (pixel_format == "gray8") != (role == "mask"))
        ):
            raise ImageError(f"a {role} in format {pixel_format!r}: send pictures as bgra8 or bgra16, masks as gray8")
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            raise ImageError(f"a {role} of {width} x {height} pixels: give a positive width and height")
        size = width * height * PIXEL_BYTES[pixel_format]
        if size + sum(len(image.pixels) for image in self._images.values()) > _MAX_JOB_BYTES:
            raise ImageError(f"{width} x {height} pixels are too many for one job: choose a smaller layer, or a selection")
        painted_size = header.get("painted_width", width), header.get("painted_height", height)
        limits = zip(painted_size, (width, height), strict=True)
        if not all(isinstance(side, int) and 0 < side < largest + TOTAL_STRIDE for side, largest in limits):
            raise ImageError(f"a {role} painted at {painted_size}: give painted_width and painted_height, at most its size")
        self._images[role, index] = _IncomingImage(
            width, height, pixel_format, bytearray(size), painted_width=painted_size[0], painted_height=painted_size[1]
        )

    def add_rows(self, header: Header, blob: bytes) -> None:
        """Add the pixels of a `rows` frame.  Raises ImageError: they do not continue an announced image."""
        y, rows, index = header.get("y"), header.get("rows"), header.get("index", 0)
        image = self._images.get((str(header.get("role")), index)) if isinstance(index, int) else None
        if image is None or image.path or image.style_network or not isinstance(y, int) or not isinstance(rows, int):
            raise ImageError("rows of an image that was not announced: send its image frame first")
        stride = image.width * PIXEL_BYTES[image.pixel_format]
        if y != image.received_rows or rows < 1 or y + rows > image.height or len(blob) != rows * stride:
            raise ImageError(
                f"rows {y} to {y + rows} with {len(blob)} bytes do not fit: "
                f"row {image.received_rows} of {image.height} is next, with {stride} bytes per row"
            )
        image.pixels[y * stride : (y + rows) * stride] = blob
        image.received_rows += rows

    def picture(self, role: str, index: int = 0) -> Picture:
        """Return an image as a Picture.  Raises ImageError: it is missing, incomplete or unusable."""
        from ..images.picture import read_picture

        image = self._images.get((role, index))
        if image is None:
            raise ImageError(f"the job has no {role}: send an image with this role before start")
        return read_picture(image.to_array()[..., [2, 1, 0, 3]], name=f"the {role} layer")

    def styles(self) -> list[Picture]:
        """Return the styles.  Raises ImageError: there is none, it is a network, or it cannot be read."""
        from ..images.picture import read_picture

        indices = [index for role, index in self._images if role == "style"]
        if not indices:
            raise ImageError("the job has no style: send an image with this role before start")
        if any(self._images["style", index].style_network for index in indices):
            raise ImageError("a network cannot be trained on, or combined with other styles: give a picture")
        paths = [self._images["style", index].path for index in indices]
        return [
            read_picture(path) if path else self.picture("style", index) for index, path in zip(indices, paths, strict=True)
        ]

    def painting(self, content: Picture, tileable: Tileable) -> Picture | None:
        """Return the painting that is to get finer strokes, at the size at which it was painted; None: there is none.

        Where a mask has made it transparent, it shows the content.
        """
        import torch

        image = self._images.get(("painting", 0))
        if image is None:
            return None
        painting = self.picture("painting").resize(image.painted_width, image.painted_height, tileable)
        if painting.alpha is None:
            return painting
        below = content.resize(image.painted_width, image.painted_height, tileable)
        share = (painting.alpha / below.opacity.clamp(min=1e-3)).clamp(0, 1)[..., None]
        return dataclasses.replace(painting, pixels=torch.lerp(below.pixels, painting.pixels, share), alpha=below.alpha)

    @property
    def style_network(self) -> str:
        """Name of the network that is the style, or ''"""
        image = self._images.get(("style", 0))
        return "" if image is None else image.style_network

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the content, in pixels"""
        image = self._images["content", 0]
        return image.width, image.height

    def content_rgba(self) -> Any:
        """Return the content as RGBA, (H, W, 4) uint8.  Raises ImageError: it is missing or has 16 bits."""
        image = self._images.get(("content", 0))
        if image is None or image.pixel_format != "bgra8":
            raise ImageError("live painting needs an 8-bit content: send it as bgra8")
        return image.to_array()[..., [2, 1, 0, 3]]

    def regions(self) -> list[Any] | None:
        """Return the area of the first and of the second style, each (H, W) float32 in [0, 1]; None: both everywhere."""
        second = self._area("region")
        if second is None:
            return None
        if second.max() < 1 / 255 or second.min() > 254 / 255:
            raise ImageError(
                "the region of the second style is empty or covers everything: paint on its layer where that style is to go"
            )
        return [1 - second, second]

    def protection(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the option `protect`, with the job's image of what is protected, if there is any within the content.

        settings: options by name
        Raises ImageError.
        """
        area = self._area("protect")
        if area is None or not (area * (self._images["content", 0].to_array()[..., 3] > 0) >= 1 / 255).any():
            return {}
        return {"protect": add_protected(settings.get("protect"), area)}

    def _area(self, role: str) -> Any:
        """Return the area that an image marks, by its alpha, or its brightness if it is opaque, (H, W) float32; None: none."""
        image = self._image_of_content_size(role)
        if image is None:
            return None
        values = image.to_array()
        values = values.astype("float32") / (65535 if values.dtype.itemsize == 2 else 255)
        area = values[..., -1]  # alpha, or the only channel of a mask
        return values[..., :3].mean(2) if image.pixel_format != "gray8" and (area == 1).all() else area

    def render(self, content: Picture, painting: Picture) -> Any:
        """Return the painting in the content's depth, with the content's alpha times the job's mask.

        content and painting have the same size.  Returns (H, W, 3 or 4) uint8 or uint16.
        """
        import torch

        from ..images.picture import to_uint

        alpha, image = content.alpha, self._image_of_content_size("mask")
        if image is not None:
            mask = torch.from_numpy(image.to_array()[..., 0].astype("float32")) / 255
            alpha = mask if alpha is None else alpha * mask
        return to_uint(dataclasses.replace(painting, alpha=alpha), content.depth)

    def _image_of_content_size(self, role: str) -> _IncomingImage | None:
        image, content = self._images.get((role, 0)), self._images.get(("content", 0))
        if image and (content is None or (content.width, content.height) != (image.width, image.height)):
            raise ImageError(f"the {role} and the content differ in size: send both at the same width and height")
        return image


@dataclass
class _IncomingImage:
    """An image of which some rows may still be missing; or a style's path or network instead of pixels"""

    width: int = 0
    height: int = 0
    pixel_format: str = ""  # a key of PIXEL_BYTES
    pixels: bytearray = field(default_factory=bytearray, repr=False)
    received_rows: int = 0
    path: str = ""
    style_network: str = ""
    painted_width: int = 0
    painted_height: int = 0

    def to_array(self) -> Any:
        """Return the pixels, (H, W, channels) uint8 or uint16.  Raises ImageError: rows are missing."""
        import numpy as np

        if self.received_rows != self.height:
            raise ImageError(
                f"only {self.received_rows} of the image's {self.height} rows have arrived: send all before start"
            )
        dtype = "<u2" if self.pixel_format == "bgra16" else "u1"
        return np.frombuffer(self.pixels, dtype).reshape(self.height, self.width, -1)


def parse_options(header: Header) -> dict[str, Any]:
    """Return the options of a frame by name.  Raises OptionError: not an object, or it contains pictures."""
    options = header.get("options", {})
    if not isinstance(options, dict) or {name for name in IMAGE_OPTIONS if _is_picture(name, options.get(name))}:
        raise OptionError(
            f"options must be a JSON object of option names and values, without pictures ({', '.join(IMAGE_OPTIONS)})"
        )
    return options


def _is_picture(name: str, value: Any) -> bool:
    """Return whether a value of IMAGE_OPTIONS names a picture: a file of this computer."""
    return value is not None and not (name == "protect" and isinstance(value, str) and value in (FACES, NOTHING))


def to_bgra(values: Any) -> bytes:
    """Convert RGB or RGBA pixels, (H, W, 3 or 4) uint8 or uint16, to little-endian BGRA. Without alpha, they are opaque."""
    import numpy as np

    height, width, channels = values.shape
    bgra = np.full((height, width, 4), np.iinfo(values.dtype).max, values.dtype.newbyteorder("<"))
    bgra[..., :3] = values[..., 2::-1]
    if channels == 4:
        bgra[..., 3] = values[..., 3]
    return bgra.tobytes()
