"""A small painting in the dialog, which follows the settings, and what the large one will take."""

from __future__ import annotations

from typing import Any, Callable

from gi.repository import GdkPixbuf, Gimp, GLib, Gtk

from impasto_client import messages
from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest

from .engine import Engine
from .layers import LayerPicture, ReducedPicture, swap_red_and_blue
from .painting import send_job
from .preview_subject import Subject

#: Longest side of the preview as it is shown, and of a style that is a layer, in pixels
_SHOWN_SIDE, _STYLE_SIDE = 320, 512
#: Milliseconds between looks at the engine, and from a change until it is painted
_INTERVAL_MS, _DELAY_MS = 50, 250


class Preview(Gtk.Box):  # type: ignore[misc]  # GTK has no types
    """Shows the subject at once, and then its painting."""

    def __init__(
        self,
        engine: Engine,
        subject: Subject,
        read_request: Callable[[], PaintRequest],
        networks_known: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """read_request: returns what the dialog asks for now, or raises PluginError

        networks_known: is called with the networks that the engine knows
        """
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._engine, self._read_request, self._networks_known = engine, read_request, networks_known
        self._subject = subject
        self._image = Gtk.Image()
        self._image.set_size_request(_SHOWN_SIDE, -1)
        self._text, self._estimate = (Gtk.Label(wrap=True, max_width_chars=44, xalign=0.5) for _ in range(2))
        for widget in (self._image, self._text, self._estimate):
            self.pack_start(widget, False, False, 0)
        self._show(subject.before)
        self._painted = bytearray()
        self._request: PaintRequest | None = None  # of the preview
        self._knows_networks = False
        self._expects_estimate, self._enlargement = False, 1.0
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
            while self._job or self._expects_estimate or not (self._engine.hello and self._knows_networks):
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
        is_first, self._request = self._request is None, request
        if not is_first:  # the first estimate measures the computer, which would delay the preview
            self._ask_for_estimate()
        self._job = number = self._engine.next_job()
        send_job(self._engine, number, request.styles, self._subject.picture, self._subject.options(request), _read_style)
        width, height = self._subject.picture.size
        self._painted = bytearray(4 * width * height)
        self._text.set_text(i18n("Painting a preview"))

    def _cancel(self) -> None:
        if self._job:
            self._engine.send({"op": "cancel", "job": self._job})
            self._job = 0

    def _receive(self, header: dict[str, Any], blob: bytes) -> None:
        if header["op"] == "nets":
            self._knows_networks = True
            self._networks_known(header["nets"])
        elif header["op"] == "estimate":
            self._expects_estimate = False
            self._estimate.set_text(messages.painting_estimate(header, self._enlargement))
        if not self._job or header.get("job") != self._job:
            return
        if header["op"] == "rows":
            start = 4 * self._subject.picture.size[0] * header["y"]
            self._painted[start : start + len(blob)] = blob
        elif header["op"] == "done":
            self._job = 0
            self._show(self._subject.shown(bytes(self._painted)))
            self._text.set_text(self._subject.text)
            if not self._estimate.get_text():
                self._ask_for_estimate()
        elif header["op"] == "error":
            self._job = 0
            self._text.set_text(str(header.get("text")))

    def _ask_for_estimate(self) -> None:
        """Ask what the painting will take."""
        request = self._request
        self._estimate.set_text("")
        if request is not None and not request.styles[0].network:
            (width, height), options, self._enlargement = self._subject.full_options(request)
            self._engine.send({"op": "estimate", "width": width, "height": height, "options": options})
            self._expects_estimate = True

    def _show(self, pixels: bytes) -> None:
        """pixels: in the format bgra8"""
        width, height = self._subject.size
        data = GLib.Bytes.new(swap_red_and_blue(pixels, "bgra8"))
        colors = GdkPixbuf.Colorspace.RGB
        picture = GdkPixbuf.Pixbuf.new_from_bytes(data, colors, True, 8, width, height, 4 * width)
        scale = _SHOWN_SIDE / max(width, height)
        size = max(1, round(scale * width)), max(1, round(scale * height))
        self._image.set_from_pixbuf(picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))


def _read_style(layer: Gimp.Drawable) -> ReducedPicture:
    return LayerPicture(layer).reduced(_STYLE_SIDE)
