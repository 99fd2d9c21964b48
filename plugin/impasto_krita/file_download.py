"""Downloads a file in Qt's event loop, through the system's proxy, and goes on from what has arrived before."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from .qt import QtCore

try:
    from .qt import QtNetwork
except ImportError:  # a Krita without Qt's network
    QtNetwork = None  # type: ignore[assignment]

#: Milliseconds without a byte after which the connection counts as broken
_TIMEOUT_MS = 30000
_PARTIAL, _RANGE_REFUSED = 206, 416


class FileDownload(QtCore.QObject):
    """One download.

    Signals: `progress(received, total)` in bytes, and `finished(problem)` with what went wrong, empty after success.
    """

    progress = QtCore.pyqtSignal(float, float)
    finished = QtCore.pyqtSignal(str)

    def __init__(self, url: str, path: str, parent: QtCore.QObject | None = None) -> None:
        """path: where the file goes; what is there already is its beginning"""
        super().__init__(parent)
        self._url, self._path = url, path
        self._reply: Any = None
        self._file: Any = None
        self._start = 0
        self._problem = ""
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(lambda: self._abort("connection timed out"))

    def start(self) -> None:
        """Begin or go on.  Raises OSError: the file cannot be written; RuntimeError: Qt has no network."""
        if QtNetwork is None:
            raise RuntimeError("this Krita comes without Qt's network")
        self._start = os.path.getsize(self._path) if os.path.exists(self._path) else 0
        self._file = open(self._path, "ab")  # noqa: SIM115
        QtNetwork.QNetworkProxyFactory.setUseSystemConfiguration(True)
        request = QtNetwork.QNetworkRequest(QtCore.QUrl(self._url))
        redirects = QtNetwork.QNetworkRequest.RedirectPolicy.NoLessSafeRedirectPolicy
        attribute = QtNetwork.QNetworkRequest.Attribute.RedirectPolicyAttribute
        request.setAttribute(attribute, getattr(redirects, "value", redirects))
        if self._start:
            request.setRawHeader(b"Range", f"bytes={self._start}-".encode())
        self._manager = QtNetwork.QNetworkAccessManager(self)
        self._reply = self._manager.get(request)
        self._reply.readyRead.connect(self._read)
        self._reply.downloadProgress.connect(self._report)
        self._reply.finished.connect(self._end)
        self._timer.start(_TIMEOUT_MS)

    def stop(self) -> None:
        """Break it off, without a signal. What has arrived stays."""
        reply, self._reply = self._reply, None
        self._timer.stop()
        if reply is not None:
            reply.abort()
            with contextlib.suppress(OSError):
                self._file.close()

    def _abort(self, problem: str) -> None:
        """Break it off because of a problem."""
        self._problem = self._problem or problem
        if self._reply is not None:
            self._reply.abort()  # which ends it

    def _status(self) -> int:
        status = self._reply.attribute(QtNetwork.QNetworkRequest.Attribute.HttpStatusCodeAttribute)
        return int(status or 0)

    def _read(self) -> None:
        if self._reply is None or self._status() not in (0, 200, _PARTIAL):
            return
        self._timer.start(_TIMEOUT_MS)
        try:
            if self._start and self._status() == 200:  # the server sends the whole file
                self._file.truncate(0)
                self._start = 0
            self._file.write(bytes(self._reply.readAll()))
        except OSError as error:
            self._abort(str(error))

    def _report(self, received: float, total: float) -> None:
        if self._reply is not None and total > 0:
            self.progress.emit(self._start + received, self._start + total)

    def _end(self) -> None:
        reply = self._reply
        if reply is None:
            return
        self._read()
        status = self._status()
        self._reply = None
        self._timer.stop()
        try:
            self._file.close()
        except OSError as error:
            self._problem = self._problem or str(error)
        reply.deleteLater()
        problem = self._problem
        has_failed = reply.error() != QtNetwork.QNetworkReply.NetworkError.NoError and status != _RANGE_REFUSED
        if has_failed and not problem:  # a range is refused when all of it is there already
            problem = f"{reply.errorString()} (HTTP {status})" if status else f"connection error: {reply.errorString()}"
        self.finished.emit(problem)
