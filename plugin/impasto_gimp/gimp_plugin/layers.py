"""Read the pixels of GIMP's layers and selections, and make layers from pixels. GEGL converts precisions and color models."""

from __future__ import annotations

import array
import contextlib
import json
from typing import Any, Iterator

from gi.repository import Gegl, Gimp

from impasto_client.errors import PluginError
from impasto_client.geometry import Rect
from impasto_client.i18n import i18n
from impasto_client.protocol import stripes
from impasto_client.request import area_to_paint

#: GEGL's format for each of the engine's: sRGB, gamma-encoded, alpha not premultiplied; in RGBA order
_FORMATS = {"bgra8": "R'G'B'A u8", "bgra16": "R'G'B'A u16"}
_MASK_FORMAT = "Y u8"
#: Name of what is stored with a result's layer
_NOTE = "impasto-painting"
_8_BITS = (Gimp.Precision.U8_LINEAR, Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


class LayerPicture:
    """The picture of a drawable in a rectangle of the canvas, with its mask, in sRGB."""

    def __init__(self, drawable: Gimp.Drawable, rect: Rect | None = None) -> None:
        """rect: by default that of the drawable"""
        self._drawable = drawable
        self.rect = rect or drawable_rect(drawable)
        self.format = "bgra8" if drawable.get_image().get_precision() in _8_BITS else "bgra16"

    @property
    def size(self) -> tuple[int, int]:
        return self.rect.width, self.rect.height

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (y, rows, pixels) from the top."""
        with _Flattened(self._drawable) as drawable:
            own = drawable_rect(self._drawable)
            buffer = drawable.get_buffer()
            for y, rows in stripes(self.rect.height):
                area = Gegl.Rectangle.new(self.rect.x - own.x, self.rect.y - own.y + y, self.rect.width, rows)
                pixels = buffer.get(area, 1.0, _FORMATS[self.format], Gegl.AbyssPolicy.NONE)
                yield y, rows, swap_red_and_blue(pixels, self.format)

    def reduced(self, side: int) -> ReducedPicture:
        """The picture with at most so many pixels on its longest side, and 8 bits"""
        return ReducedPicture(self._drawable, self.rect, side)


class ReducedPicture:
    """A reduced copy of a drawable, for a preview"""

    format = "bgra8"

    def __init__(self, drawable: Gimp.Drawable, rect: Rect, side: int) -> None:
        scale = min(1.0, side / max(rect.width, rect.height))
        self.size = max(1, int(scale * rect.width)), max(1, int(scale * rect.height))
        own = drawable_rect(drawable)
        x, y = round(scale * (rect.x - own.x)), round(scale * (rect.y - own.y))
        with _Flattened(drawable) as flattened:
            buffer, area = flattened.get_buffer(), Gegl.Rectangle.new(x, y, *self.size)
            pixels = buffer.get(area, scale, _FORMATS[self.format], Gegl.AbyssPolicy.CLAMP)
        self._pixels = swap_red_and_blue(pixels, self.format)

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (y, rows, pixels) from the top."""
        stride = 4 * self.size[0]
        for y, rows in stripes(self.size[1]):
            yield y, rows, self._pixels[y * stride : (y + rows) * stride]


class _Flattened:
    """A drawable whose mask and layers are part of its pixels, in an image of its own that is deleted at the end."""

    def __init__(self, drawable: Gimp.Drawable) -> None:
        self._drawable = drawable
        self._image: Gimp.Image | None = None

    def __enter__(self) -> Gimp.Drawable:
        drawable = self._drawable
        if not isinstance(drawable, Gimp.Layer) or drawable.get_mask() is None:
            return drawable
        image = drawable.get_image()
        size = image.get_width(), image.get_height()
        own = self._image = Gimp.Image.new_with_precision(*size, image.get_base_type(), image.get_precision())
        own.set_color_profile(image.get_effective_color_profile())
        copy = Gimp.Layer.new_from_drawable(drawable, own)
        own.insert_layer(copy, None, 0)
        if copy.get_mask() is not None:
            copy.remove_mask(Gimp.MaskApplyMode.APPLY)
        return copy

    def __exit__(self, *_: object) -> None:
        if self._image is not None:
            self._image.delete()


def drawable_rect(drawable: Gimp.Drawable) -> Rect:
    """The rectangle of a drawable on the canvas."""
    _, x, y = drawable.get_offsets()
    return Rect(x, y, drawable.get_width(), drawable.get_height())


def selected_rect(image: Gimp.Image) -> Rect | None:
    """The rectangle around what is selected; None: nothing is, so that all of it counts."""
    _, is_limited, left, top, right, bottom = Gimp.Selection.bounds(image)
    return Rect(left, top, right - left, bottom - top) if is_limited else None


def painted_area(source: Gimp.Drawable) -> Rect:
    """What the engine has to paint of a layer: all of it, or what is selected and what is around that.

    Raises PluginError: none of it is selected
    """
    own, selected = drawable_rect(source), selected_rect(source.get_image())
    return own if selected is None else area_to_paint(selected, own)


def filled_area(source: Gimp.Drawable) -> Rect:
    """What a texture fills of a layer: all of it, or what is selected.  Raises PluginError: none of it is selected"""
    selected = selected_rect(source.get_image())
    return painted_area(source) if selected is None else painted_area(source).intersection(selected)


def selection_mask(image: Gimp.Image, rect: Rect) -> bytes | None:
    """How much each pixel of a rectangle of the canvas is selected, one byte per pixel; None: nothing is: all counts"""
    if selected_rect(image) is None:
        return None
    area = Gegl.Rectangle.new(*rect)
    return bytes(image.get_selection().get_buffer().get(area, 1.0, _MASK_FORMAT, Gegl.AbyssPolicy.NONE))


def read_note(drawable: Gimp.Drawable) -> dict[str, Any]:
    """The note of a result; empty for other layers"""
    parasite = drawable.get_parasite(_NOTE)
    if parasite is not None:
        with contextlib.suppress(ValueError):
            note = json.loads(bytes(parasite.get_data()).decode())
            if isinstance(note, dict):
                return note
    return {}


def _goes_below(layer: Gimp.Layer, source: Gimp.Drawable, style: Gimp.Item | None) -> bool:
    """Whether a new result has to be above this layer to be seen"""
    is_style = style is not None and layer.get_id() == style.get_id()
    return is_style or bool(read_note(layer).get("source") == source.get_tattoo())


def covering_layer(layer: Gimp.Layer) -> str:
    """The name of a layer that hides another one; "": none does, as far as that can be known"""
    parent, image = layer.get_parent(), layer.get_image()
    siblings = image.get_layers() if parent is None else parent.get_children()
    own = drawable_rect(layer)
    for other in siblings[: image.get_item_position(layer)]:
        is_plain = other.get_visible() and other.get_opacity() == 100 and other.get_mask() is None
        if is_plain and drawable_rect(other).contains(own) and not other.has_alpha():
            return str(other.get_name())
    return ""


def reduced_selection(drawable: Gimp.Drawable, size: tuple[int, int]) -> bytes | None:
    """How much each pixel of a reduced copy of a drawable is selected; None: nothing is, so that all of it counts.

    size: of the copy
    """
    image = drawable.get_image()
    if selected_rect(image) is None:
        return None
    own = drawable_rect(drawable)
    scale = max(size) / max(own.width, own.height)
    area = Gegl.Rectangle.new(round(scale * own.x), round(scale * own.y), *size)
    return bytes(image.get_selection().get_buffer().get(area, scale, _MASK_FORMAT, Gegl.AbyssPolicy.NONE))


class ResultLayer:
    """A layer that is filled before it is added to the image, as one undo step."""

    def __init__(self, image: Gimp.Image, name: str, rect: Rect, pixel_format: str) -> None:
        """rect: where the result lies on the canvas; pixel_format: of the pixels that will be written"""
        if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
            raise PluginError(i18n("This image has a palette of colors. Choose Image > Mode > RGB first."))
        is_gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
        layer_type = Gimp.ImageType.GRAYA_IMAGE if is_gray else Gimp.ImageType.RGBA_IMAGE
        mode = image.get_default_new_layer_mode()
        self._layer = Gimp.Layer.new(image, name, rect.width, rect.height, layer_type, 100, mode)
        self._layer.set_offsets(rect.x, rect.y)
        self._image, self._rect, self._format = image, rect, pixel_format
        self._buffer = self._layer.get_buffer()

    def write(self, y: int, rows: int, pixels: bytes) -> None:
        """Write one stripe."""
        area = Gegl.Rectangle.new(0, y, self._rect.width, rows)
        self._buffer.set(area, _FORMATS[self._format], swap_red_and_blue(pixels, self._format))

    def discard(self) -> None:
        """Delete the layer, which was not added."""
        self._layer.delete()

    def add_above(
        self, source: Gimp.Drawable, style: Gimp.Item | None, mask: bytes | None, note: dict[str, Any]
    ) -> Gimp.Layer:
        """Add the layer above the one that was painted, its earlier results and its style, as one undo step.  -> the layer

        style: the layer that was the style, if one was. What was selected in the image stays.
        mask: what shows of it, one byte per pixel; None: all; note: a JSON object that is saved with it
        """
        image, layer, selected = self._image, self._layer, self._image.get_selected_layers()
        parasite = Gimp.Parasite.new(_NOTE, Gimp.PARASITE_PERSISTENT, json.dumps(note).encode())
        layer.attach_parasite(parasite)  # before it is in the image, where this would be an undo step of its own
        self._buffer.flush()
        layer.update(0, 0, self._rect.width, self._rect.height)
        image.undo_group_start()
        try:
            parent, position = None, 0
            if isinstance(source, Gimp.Layer):
                parent, position = source.get_parent(), image.get_item_position(source)
                siblings = image.get_layers() if parent is None else parent.get_children()
                while position and _goes_below(siblings[position - 1], source, style):
                    position -= 1
            image.insert_layer(layer, parent, position)
            if mask is not None:
                layer_mask = layer.create_mask(Gimp.AddMaskType.WHITE)
                layer.add_mask(layer_mask)
                buffer = layer_mask.get_buffer()
                buffer.set(Gegl.Rectangle.new(0, 0, self._rect.width, self._rect.height), _MASK_FORMAT, mask)
                buffer.flush()
                layer_mask.update(0, 0, self._rect.width, self._rect.height)
                layer.set_edit_mask(False)
            if selected:
                image.set_selected_layers(selected)
        finally:
            image.undo_group_end()
        return layer


def swap_red_and_blue(pixels: bytes, pixel_format: str) -> bytes:
    """BGRA from RGBA, and the reverse"""
    values = array.array("B" if pixel_format == "bgra8" else "H")
    values.frombytes(pixels)
    values[0::4], values[2::4] = values[2::4], values[0::4]
    return values.tobytes()
