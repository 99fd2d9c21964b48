"""A small painting of the layer in the dialog, which follows the settings."""

from __future__ import annotations

from typing import Any, Callable

from gi.repository import GdkPixbuf, Gimp, GLib, Gtk

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest

from .engine import Engine
from .layers import LayerPicture, ReducedPicture, swap_red_and_blue
from .painting import send_job

#: Longest side of the preview, in pixels: as it is painted, which takes two seconds, and as it is shown
_SIDE, _SHOWN_SIDE = 256, 320
#: Milliseconds between looks at the engine, and from a change until it is painted
_INTERVAL_MS, _DELAY_MS = 50, 250


class Preview(Gtk.Box):  # type: ignore[misc]  # GTK has no types
    """Shows the layer at once, and then its painting."""

    def __init__(
        self,
        engine: Engine,
        source: Gimp.Drawable,
        read_request: Callable[[], PaintRequest],
        networks_known: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """read_request: returns what the dialog asks for now, or raises PluginError

        networks_known: is called with the networks that the engine knows
        """
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._engine, self._read_request, self._networks_known = engine, read_request, networks_known
        self._picture = LayerPicture(source).reduced(_SIDE)
        self._image = Gtk.Image()
        self._image.set_size_request(_SHOWN_SIDE, _SHOWN_SIDE)
        self._text = Gtk.Label(wrap=True, max_width_chars=44, xalign=0.5)
        self.pack_start(self._image, False, False, 0)
        self.pack_start(self._text, False, False, 0)
        self._show(b"".join(pixels for _, _, pixels in self._picture.stripes()))
        self._painted = bytearray()
        self._job = self._waiting = 0
        self._timer = GLib.timeout_add(_INTERVAL_MS, self._tick)
        self.change()

    def change(self) -> None:
        """The settings have changed: paint again, once they stay as they are for a moment."""
        self._waiting = _DELAY_MS

    def close(self) -> None:
        """Stop painting."""
        GLib.source_remove(self._timer)
        self._cancel()

    def _tick(self) -> bool:
        try:
            if self._waiting and self._engine.hello:
                self._waiting = max(0, self._waiting - _INTERVAL_MS)
                if not self._waiting:
                    self._start(self._read_request())
            elif self._waiting:
                self._text.set_text(i18n("Starting the engine"))
            while self._job or not self._engine.hello:
                frame = self._engine.receive(0)
                if frame is None:
                    break
                self._receive(*frame)
        except PluginError as error:
            self._text.set_text(str(error))
            self._job = 0
        return True

    def _start(self, request: PaintRequest) -> None:
        self._cancel()
        self._job = number = self._engine.next_job()
        options = {**request.options, "quality": "instant", "size": max(self._picture.size)}
        send_job(self._engine, number, request.styles, self._picture, options, _read_style)
        width, height = self._picture.size
        self._painted = bytearray(4 * width * height)
        self._text.set_text(i18n("Painting a preview"))

    def _cancel(self) -> None:
        if self._job:
            self._engine.send({"op": "cancel", "job": self._job})
            self._job = 0

    def _receive(self, header: dict[str, Any], blob: bytes) -> None:
        if header["op"] == "nets":
            self._networks_known(header["nets"])
        if not self._job or header.get("job") != self._job:
            return
        if header["op"] == "rows":
            start = 4 * self._picture.size[0] * header["y"]
            self._painted[start : start + len(blob)] = blob
        elif header["op"] == "done":
            self._job = 0
            self._show(bytes(self._painted))
            self._text.set_text(i18n("A quick preview. The painting has more detail."))
        elif header["op"] == "error":
            self._job = 0
            self._text.set_text(str(header.get("text")))

    def _show(self, pixels: bytes) -> None:
        """pixels: in the format bgra8"""
        width, height = self._picture.size
        data = GLib.Bytes.new(swap_red_and_blue(pixels, "bgra8"))
        colors = GdkPixbuf.Colorspace.RGB
        picture = GdkPixbuf.Pixbuf.new_from_bytes(data, colors, True, 8, width, height, 4 * width)
        scale = _SHOWN_SIDE / max(width, height)
        size = max(1, round(scale * width)), max(1, round(scale * height))
        self._image.set_from_pixbuf(picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))


def _read_style(layer: Gimp.Drawable) -> ReducedPicture:
    return LayerPicture(layer).reduced(2 * _SIDE)
