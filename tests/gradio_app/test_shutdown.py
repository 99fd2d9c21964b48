"""When the page exits, cleanly or not, no process and no upload stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.gradio_app.conftest import APP, FAST_PAGE, python_path, serve_page

pytestmark = pytest.mark.slow


def upload_and_terminate(server: SimpleNamespace, signal_number: signal.Signals) -> None:
    """Upload a picture, and end the page while its painter is running."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    request = urllib.request.Request(f"{server.url}gradio_api/upload", head + b"a picture\r\n--x--")
    request.add_header("content-type", "multipart/form-data; boundary=x")
    urllib.request.urlopen(request, timeout=60).close()
    children = psutil.Process(server.process.pid).children()
    assert children  # the painter
    server.process.send_signal(signal_number)
    server.process.wait(60)
    assert psutil.wait_procs(children, 60)[1] == []


def uploaded_files(temporary: Path) -> list[Path]:
    return list(temporary.rglob("a.png"))


def test_uploads_are_deleted_when_the_page_exits_or_starts_again(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"TMPDIR": str(temporary), "GRADIO_TEMP_DIR": "", "PYTHONPATH": python_path(FAST_PAGE)}
    with serve_page(APP, tmp_path / "killed", **variables) as server:
        upload_and_terminate(server, signal.SIGKILL)
    assert len(uploaded_files(temporary)) == 1  # no code ran to delete it
    with serve_page(APP, tmp_path / "stopped", **variables) as server:
        assert uploaded_files(temporary) == []
        upload_and_terminate(server, signal.SIGTERM)
    assert uploaded_files(temporary) == []
    assert list(temporary.glob(".impasto-*")) == []
    assert "Traceback" not in (tmp_path / "stopped" / "log").read_text()


def test_sigterm_during_startup_exits_cleanly(tmp_path: Path) -> None:
    """Gradio handles the signal only once it waits for visitors."""
    variables = {
        "TMPDIR": str(tmp_path),
        "GRADIO_TEMP_DIR": "",
        "PYTHONPATH": python_path(FAST_PAGE),
        "IMPASTO_TEST_TERMINATE": "1",
    }
    page = subprocess.run(
        [sys.executable, "app.py"],
        cwd=APP,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Running on" in page.stdout
    assert (page.returncode, "Traceback" in page.stderr) == (0, False)
    assert list(tmp_path.glob(".impasto-*")) == []
