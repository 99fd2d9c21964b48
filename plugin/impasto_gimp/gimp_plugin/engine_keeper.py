"""Keeps the engine warm between calls: an extension of GIMP's, a process that starts with GIMP and ends with it.

Nothing listens: calls reach it through a temporary procedure, by the pipe between GIMP and this process.
"""

from __future__ import annotations

import json
import time
from typing import Any

from gi.repository import Gimp, GLib, GObject

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.protocol import FrameReader, encode_frame
from impasto_client.worker_process import WorkerProcess

from .engine import EXCHANGE

#: Seconds without a call after which the engine ends, and after which the job of a call that was killed is cancelled
_IDLE_SECONDS, _SILENT_SECONDS = 600.0, 5.0
#: Bytes of frames that a call returns at most, unless one is larger
_MAX_BYTES = 4 << 20
_CHECK_SECONDS = 1
_ENDS = ("done", "cancelled", "error")


class EngineKeeper:
    """The engine, and the call that it works for"""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._command: list[str] = []
        self._session = ""  # of the call
        self._reader = FrameReader()  # of what it sends
        self._job = 0  # in progress; 0: none
        self._networks: dict[str, Any] = {}  # the latest `nets` frame
        self._greeting: list[tuple[dict[str, Any], bytes]] = []  # for a call that has just begun
        self._last_call = time.monotonic()

    def exchange(self, session: str, command: list[str], sent: bytes, wait: float) -> bytes:
        """Pass frames on, in both directions.  -> those of the engine

        session: identifies the call; command: that runs `impasto`; wait: seconds to wait for a frame, if there is none
        Raises PluginError: the engine cannot be started, or has ended.
        """
        self._last_call = time.monotonic()
        worker = self._worker_for(session, command)
        for header, blob in self._reader.feed(sent):
            if header.get("op") == "start":
                self._job = header["job"]
            worker.send(header, blob)
        received = bytearray()
        for header, blob in self._greeting:
            received += encode_frame(header, blob)
        self._greeting = []
        try:
            while len(received) < _MAX_BYTES:
                frame = worker.receive(0 if received else wait)
                if frame is None:
                    break
                received += self._pass_on(*frame)
        except PluginError:
            if not received:  # otherwise the next call finds it
                self._worker = None
                raise
        return bytes(received)

    def _pass_on(self, header: dict[str, Any], blob: bytes) -> bytes:
        if header.get("op") == "nets":
            self._networks = header
        elif header.get("op") in _ENDS and header.get("job") == self._job:
            self._job = 0
        return encode_frame(header, blob)

    def _worker_for(self, session: str, command: list[str]) -> WorkerProcess:
        """The engine, started if needed, without what it still says about an earlier call"""
        worker = self._worker
        if worker is not None and (command != self._command or not worker.running):
            self.stop()
            worker = None
        if worker is None:
            worker = self._worker = WorkerProcess(command)
            self._command, self._job, self._networks = command, 0, {}
        elif session != self._session:
            self._cancel_job()
            while worker.receive(0) is not None:
                pass
            self._greeting = [(frame, b"") for frame in (worker.hello, worker.ready, self._networks) if frame]
        if session != self._session:
            self._session, self._reader = session, FrameReader()
        return worker

    def _cancel_job(self) -> None:
        if self._worker is not None and self._job:
            self._worker.send({"op": "cancel", "job": self._job})
        self._job = 0

    def check(self) -> bool:
        """Cancel the job of a call that is silent, and end the engine when it is idle. GLib calls this now and then."""
        silent = time.monotonic() - self._last_call
        if silent > _SILENT_SECONDS:
            self._cancel_job()
        if silent > _IDLE_SECONDS:
            self.stop()
        return True

    def stop(self) -> None:
        """End the engine."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()


def run(plugin: Gimp.PlugIn, procedure: Gimp.Procedure) -> None:
    """Serve the calls until GIMP ends."""
    keeper = EngineKeeper()

    def answer(exchange: Gimp.Procedure, config: Gimp.ProcedureConfig, _: object) -> Gimp.ValueArray:
        sent = config.get_property("sent")
        received, problem = b"", ""
        try:
            received = keeper.exchange(
                config.get_property("session"),
                json.loads(config.get_property("command")),
                sent.get_data() or b"" if sent is not None else b"",
                config.get_property("wait"),
            )
        except PluginError as error:
            problem = str(error)
        values = exchange.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
        for index, value in ((1, GObject.Value(GLib.Bytes, GLib.Bytes.new(received))), (2, GObject.Value(str, problem))):
            values.remove(index)
            values.insert(index, value)
        return values

    exchange = Gimp.Procedure.new(plugin, EXCHANGE, Gimp.PDBProcType.TEMPORARY, answer, None)
    exchange.set_documentation(i18n("For Impasto's own procedures"), "", EXCHANGE)
    read_write = GObject.ParamFlags.READWRITE
    for name in ("session", "command"):
        exchange.add_string_argument(name, name, None, "", read_write)
    exchange.add_bytes_argument("sent", "sent", None, read_write)
    exchange.add_double_argument("wait", "wait", None, 0, 1, 0, read_write)
    exchange.add_bytes_return_value("received", "received", None, read_write)
    exchange.add_string_return_value("problem", "problem", None, "", read_write)
    plugin.add_temp_procedure(exchange)
    procedure.persistent_ready()
    plugin.persistent_enable()
    GLib.timeout_add_seconds(_CHECK_SECONDS, keeper.check)
    GLib.MainLoop().run()
