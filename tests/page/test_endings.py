"""The page's end, in good order or not: no process stays, and nothing of what visitors sent."""

from __future__ import annotations

import signal
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
    server.process.wait(20)
    assert psutil.wait_procs(children, 10)[1] == []


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
