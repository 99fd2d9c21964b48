"""The part of the dialog that sets up the engine."""

from __future__ import annotations

import queue
from typing import Callable

from gi.repository import GLib, Gtk

from impasto_client.i18n import i18n
from impasto_client.installation import Computer, describe, this_local_folder
from impasto_client.setup_runner import SetupRunner

from . import settings

_INTERVAL_MS = 200


class SetupPanel(Gtk.Box):  # type: ignore[misc]  # GTK has no types
    """What will be installed, the button that does it, its progress, and its log on demand."""

    def __init__(self, ready: Callable[[], None]) -> None:
        """ready: is called when the engine has been installed"""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self._ready = ready
        self._runner: SetupRunner | None = None
        self._text = Gtk.Label(wrap=True, max_width_chars=48, xalign=0)
        self._button = Gtk.Button(use_underline=True)
        self._button.connect("clicked", lambda button: self._start_or_stop())
        self._bar = Gtk.ProgressBar(show_text=True, no_show_all=True)
        self._log = Gtk.TextView(editable=False, monospace=True)
        scrolled = Gtk.ScrolledWindow(min_content_height=120)
        scrolled.add(self._log)
        details = Gtk.Expander(label=i18n("Show the log"))
        details.add(scrolled)
        for widget in (self._text, self._bar, self._button, details):
            self.pack_start(widget, False, False, 0)
        self._show_idle("")

    def _show_idle(self, problem: str) -> None:
        self._text.set_text(problem or describe(Computer.this(), this_local_folder()))
        self._button.set_label("_" + i18n("Download and install"))
        self._bar.hide()

    def _start_or_stop(self) -> None:
        if self._runner is not None:
            self.cancel()
            return
        self._runner = SetupRunner(this_local_folder())
        self._runner.start()
        self._button.set_label(i18n("Stop"))
        self._bar.show()
        GLib.timeout_add(_INTERVAL_MS, self._tick)

    def cancel(self) -> None:
        """Stop the installation, if it is running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            self._show_idle(runner.problem or "")

    def _tick(self) -> bool:
        runner = self._runner
        if runner is None:
            return False
        fraction, text = runner.progress()
        self._bar.set_fraction(fraction)
        self._bar.set_text(text)
        while True:
            try:
                line = runner.lines.get_nowait()
            except queue.Empty:
                break
            self._log.get_buffer().insert(self._log.get_buffer().get_end_iter(), line + "\n")
        if runner.problem is None:
            return True
        self._runner = None
        if runner.problem:
            self._show_idle(runner.problem)
        else:
            settings.store(engine="")  # use the new engine, whichever was set before
            self._ready()
        return False
