"""A server in place of uv's release page, of the page with its Pythons, and of a package index that fails."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import platform
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from impasto import installation

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_UV = f"/uv/{installation.UV_VERSION}"


class UvServer:
    """What the set-up downloads, from this machine: the uv of the test environment, and the Python that runs the tests"""

    def __init__(self, folder: Path) -> None:
        self.archive_name = installation.Computer.this().uv_archive()
        self.uv = _archive_of_uv()
        self.python = folder / "python.tar.gz"
        _pack_python(self.python)
        self.fault = ""  # of the next answers: forbidden, login page; or of the next one only: broken off
        self.ranges: list[str | None] = []  # asked for by requests for uv
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def constants(self) -> dict[str, Any]:
        """What replaces the constants of the module `installation`."""
        archives = {self.archive_name: hashlib.sha256(self.uv).hexdigest()}
        constants = {"UV_PAGE": f"{self.address}/uv", "UV_ARCHIVES": archives, "PYTHON_VERSION": PYTHON}
        # PyTorch's own server, which has the builds, cannot be replaced.
        return constants | {"EXTRAS": "demo,faces", "TORCH_OPTION": ""}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for uv: its Pythons come from here, the package index is empty, and it gives up at once."""
        return {
            "UV_PYTHON_DOWNLOADS_JSON_URL": f"{self.address}/pythons.json",
            "UV_DEFAULT_INDEX": f"{self.address}/empty",
            "UV_HTTP_RETRIES": "0",
        }

    def _pythons(self) -> bytes:
        version, machine = sys.version_info, platform.machine()
        entry = {
            "name": "cpython",
            "arch": {"family": machine, "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": version.major,
            "minor": version.minor,
            "patch": version.micro,
            "prerelease": "",
            "url": f"{self.address}/python.tar.gz",
            "sha256": None,
            "variant": None,
            "build": None,
        }
        return json.dumps({f"cpython-{platform.python_version()}-linux-{machine}-gnu": entry}).encode()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_uv = self.path == f"{_UV}/{server.archive_name}"
                if self.path.startswith("/forbidden/") or (is_uv and server.fault == "forbidden"):
                    self.send_error(403)
                elif is_uv:
                    self._send_uv()
                elif self.path == "/pythons.json":
                    self._send(server._pythons())
                elif self.path == "/python.tar.gz":
                    self._send(server.python.read_bytes())
                else:
                    self.send_error(404)

            def _send_uv(self) -> None:
                server.ranges.append(range_ := self.headers.get("Range"))
                start = int(range_.removeprefix("bytes=").removesuffix("-")) if range_ else 0
                content = server.uv[start:]
                if server.fault == "login page":
                    content = b"<html>Log in to this network</html>"
                breaks_off = server.fault == "broken off"
                if breaks_off:
                    server.fault = ""
                self._send(content, 206 if start else 200, len(content) // 2 if breaks_off else None)

            def _send(self, content: bytes, status: int = 200, stop_at: int | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:stop_at])
                if stop_at is not None:
                    self.wfile.flush()
                    self.connection.shutdown(2)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def uv_server(folder: Path) -> Iterator[UvServer]:
    """Serve until the block ends. Skips the test where there is no uv to serve, or no Linux."""
    pytest.importorskip("uv", reason="uv is not installed: pip install '.[test]'")
    if platform.system() != "Linux":
        pytest.skip("the archive of Python is made on Linux only")
    server = UvServer(folder)
    try:
        yield server
    finally:
        server.close()


def _archive_of_uv() -> bytes:
    import uv

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        tar.add(uv.find_uv_bin(), "uv-of-this-machine/uv")
    return buffer.getvalue()


def _pack_python(path: Path) -> None:
    """Pack the Python that runs the tests, without its packages and tests."""
    left_out = {"__pycache__", "site-packages", "test", "idlelib", "share", "include"}

    def keep(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if left_out & set(Path(member.name).parts) or member.name.endswith(".a") else member

    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(sys.base_prefix, "python", filter=keep)
