"""The page's end, in good order or not: no process stays, and nothing of what visitors sent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil

from tests.page.conftest import QUICK, ROOT, served


def ended(server: SimpleNamespace, number: signal.Signals) -> None:
    """Have a page something to lose, a picture and a painter, and end it."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    request = urllib.request.Request(f"{server.url}gradio_api/upload", head + b"a picture\r\n--x--")
    request.add_header("content-type", "multipart/form-data; boundary=x")
    urllib.request.urlopen(request, timeout=60).close()
    children = psutil.Process(server.process.pid).children()
    assert children  # the painter
    server.process.send_signal(number)
    server.process.wait(60)
    assert psutil.wait_procs(children, 60)[1] == []


def sent(temporary: Path) -> list[Path]:
    return list(temporary.rglob("a.png"))


def test_what_visitors_sent_goes_with_the_page(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"TMPDIR": str(temporary), "GRADIO_TEMP_DIR": "", "PYTHONPATH": QUICK}
    with served(ROOT / "gradio_app", tmp_path / "killed", **variables) as server:
        ended(server, signal.SIGKILL)
    assert len(sent(temporary)) == 1  # nobody was there to remove it
    with served(ROOT / "gradio_app", tmp_path / "stopped", **variables) as server:
        assert sent(temporary) == []
        ended(server, signal.SIGTERM)
    assert sent(temporary) == []
    assert list(temporary.glob(".impasto-*")) == []
    assert "Traceback" not in (tmp_path / "stopped" / "log").read_text()


def test_a_page_that_is_ended_as_it_begins_ends_in_good_order(tmp_path: Path) -> None:
    """Gradio heeds the signal only once it waits for visitors."""
    variables = {"TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": "", "PYTHONPATH": QUICK, "IMPASTO_TEST_ENDED": "1"}
    page = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT / "gradio_app",
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Running on" in page.stdout
    assert (page.returncode, "Traceback" in page.stderr) == (0, False)
    assert list(tmp_path.glob(".impasto-*")) == []
