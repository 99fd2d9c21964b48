"""The page's API from gradio_client, plain HTTP and MCP, and what it refuses to malicious clients."""

from __future__ import annotations

import base64
import io
import json
import shutil
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.conftest import png_text
from tests.gradio_app.conftest import resident_megabytes

pytestmark = pytest.mark.slow


def data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def post(url: str, content: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(content).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def call_stylize(server: SimpleNamespace, *values: Any) -> tuple[str, Any]:
    """Call stylize as curl would; returns the name and the data of the last event."""
    number = post(f"{server.url}gradio_api/call/stylize", {"data": list(values)})["event_id"]
    with urllib.request.urlopen(f"{server.url}gradio_api/call/stylize/{number}", timeout=120) as stream:
        lines = stream.read().decode().strip().splitlines()
    name = [line for line in lines if line.startswith("event:")][-1].removeprefix("event: ")
    data = [line for line in lines if line.startswith("data:")][-1].removeprefix("data: ")
    return name, json.loads(data)


def status_code(request: urllib.request.Request | str) -> int:
    """The HTTP status of the response; 0 if the server closes the connection"""
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except urllib.error.URLError:
        return 0
    return 200


#: Strength, colors, quality, size, seed and whether faces are kept
DEFAULTS = (0.5, "style", "normal", 512, 0, True)


@pytest.fixture
def picture(small: Path) -> dict[str, str]:
    return {"url": data_url(small)}


def run_client(program: str, *arguments: object) -> Any:
    """Run a program in another Python, since clients leave sockets open; returns what it prints as JSON."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


CLIENT = """
import json, sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
endpoints = list(client.view_api(return_format="dict")["named_endpoints"])
picture = handle_file(sys.argv[2])
painted = client.predict(picture, picture, strength=0.7, colors="content", seed=3, api_name="/stylize")
print(json.dumps([endpoints, painted]))
"""


def test_gradio_client(page_server: SimpleNamespace, small: Path) -> None:
    endpoints, painted = run_client(CLIENT, page_server.url, small)
    assert endpoints == ["/stylize"]
    with Image.open(painted) as image:
        assert (image.format, image.size) == ("PNG", (72, 54))
        options = json.loads(png_text(image)["impasto"])["options"]
    assert (options["strength"], options["colors"], options["seed"], options["size"]) == (0.7, "content", 3, 72)


def test_plain_http(page_server: SimpleNamespace, picture: dict[str, str]) -> None:
    event, data = call_stylize(page_server, picture, picture, *DEFAULTS)
    assert event == "complete", data
    with urllib.request.urlopen(data[0]["url"]) as answer:
        assert Image.open(io.BytesIO(answer.read())).size == (72, 54)


MCP = """
import asyncio, json, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

async def talk():
    url = sys.argv[1] + "gradio_api/mcp/"
    async with streamablehttp_client(url) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        answer = await session.call_tool(tools[0].name, {"photo": sys.argv[2], "style": sys.argv[2]})
        return [[tool.model_dump() for tool in tools], answer.model_dump()]

print(json.dumps(asyncio.run(talk())))
"""


def test_mcp(page_server: SimpleNamespace, small: Path) -> None:
    tools, answer = run_client(MCP, page_server.url, data_url(small))
    assert [tool["name"].rpartition("_")[2] for tool in tools] == ["stylize"]
    assert "Gatys" in tools[0]["description"]
    assert tools[0]["inputSchema"]["properties"]["strength"]["description"].startswith("how strong the style is")
    assert not answer["isError"], answer
    (image,) = [content for content in answer["content"] if content["type"] == "image"]
    assert Image.open(io.BytesIO(base64.b64decode(image["data"]))).size == (72, 54)


@pytest.mark.parametrize(
    ("index", "value"),
    [(2, 7), (2, "much"), (3, "rainbow"), (4, "endless"), (5, 10**9), (5, -1), (6, -1), (6, 2**70)],
    ids=str,
)
def test_values_out_of_range_are_refused(
    page_server: SimpleNamespace, picture: dict[str, str], index: int, value: object
) -> None:
    values = [picture, picture, *DEFAULTS]
    values[index] = value
    event, data = call_stylize(page_server, *values)
    assert event == "error"
    assert "/" not in json.dumps(data), "an error contains no path"
    assert "Something went wrong" not in json.dumps(data)


def decompression_bomb(side: int) -> bytes:
    """A PNG file of a few hundred kilobytes that decodes to side x side pixels"""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.fixture
def secret(page_server: SimpleNamespace, small: Path, tmp_path: Path) -> Path:
    """A picture on the server that was not uploaded"""
    return Path(shutil.copy(small, tmp_path / "secret.png"))


def test_stylize_opens_no_file_of_the_server(page_server: SimpleNamespace, picture: dict[str, str], secret: Path) -> None:
    uploads = page_server.uploads
    hostile = [
        {"path": str(secret)},
        {"path": str(secret), "orig_name": "x.svg"},
        {"path": "/etc/passwd", "orig_name": "x.svg"},
        {"path": str(secret), "meta": {"_type": "gradio.FileData"}},
        {"path": f"{uploads}/../{'../' * 8}{secret}"},
        {"path": str(page_server.app / "assets" / "harvest.jpg")},
        {"url": f"file://{secret}"},
        {"url": secret.as_uri(), "path": ""},
        str(secret),
    ]
    for payload in hostile:
        event, data = call_stylize(page_server, payload, picture, *DEFAULTS)
        assert event == "error", payload
        assert str(secret) not in json.dumps(data)
        assert data in (None, {"error": None}) or "was not uploaded here" in json.dumps(data), data


def call_event(server: SimpleNamespace, event: int, values: list[Any], event_data: Any = None) -> str:
    """Trigger one of the page's private events as a browser does; returns the stream of messages."""
    session = f"{event}-{len(values)}-{time.monotonic_ns()}"
    request = {"data": values, "fn_index": event, "session_hash": session, "event_data": event_data, "trigger_id": None}
    post(f"{server.url}gradio_api/queue/join", request)
    messages = ""
    with urllib.request.urlopen(f"{server.url}gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
        for line in stream:
            messages += line.decode()
            if any(end in messages for end in ("process_completed", "close_stream", "unexpected_error")):
                return messages
    return messages


def test_private_events_open_no_file_of_the_server(page_server: SimpleNamespace, small: Path, secret: Path) -> None:
    with urllib.request.urlopen(f"{page_server.url}config") as answer:
        config = json.loads(answer.read())
    types = {component["id"]: component["type"] for component in config["components"]}
    existing = set(page_server.uploads.glob("paintings/*"))
    hostile: dict[str, list[Any]] = {
        "image": [{"path": str(secret)}, {"path": "/etc/passwd", "orig_name": "x.svg"}, {"url": secret.as_uri(), "path": ""}],
        "html": [
            f"file://{secret}",
            "data:image/png;base64," + base64.b64encode(decompression_bomb(3000)).decode(),
            "data:image/png;base64,AA",
        ],
        "state": [{"painting": str(secret), "photo": str(secret), "folder": str(secret.parent)}],
    }
    calls = 0
    for event in config["dependencies"]:
        if not event["backend_fn"] or event["api_visibility"] == "public":
            continue
        for round_ in range(3):
            values = []
            for number in event["inputs"]:
                choices = hostile.get(types[number], [str(secret), 10**400, None])
                values.append(choices[round_ % len(choices)])
            for event_data in (None, {"index": [-1, 10**9, str(secret)][round_]}):
                messages = call_event(page_server, event["id"], values, event_data)
                calls += 1
                assert "process_completed" in messages, messages
                for leak in (str(secret), secret.name, str(page_server.app), "Traceback"):
                    assert leak not in messages, (event["targets"], values)
    assert calls > 60
    for folder in set(page_server.uploads.glob("paintings/*")) - existing:  # of examples that were opened
        assert not list(folder.glob("impasto.png"))
    assert call_stylize(page_server, {"url": data_url(small)}, {"url": data_url(small)}, *DEFAULTS)[0] == "complete"


def test_links_are_not_followed(page_server: SimpleNamespace, picture: dict[str, str], small: Path) -> None:
    import http.server
    import threading

    requests: list[str] = []

    class OtherHost(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(small.read_bytes())

        def log_message(self, *_: object) -> None: ...

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherHost)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    link = f"http://127.0.0.1:{other.server_port}/picture.png"
    for payload in ({"path": link}, {"url": link}, {"path": link, "url": link, "meta": {"_type": "gradio.FileData"}}, link):
        event, _ = call_stylize(page_server, payload, picture, *DEFAULTS)
        assert event == "error", payload
    other.shutdown()
    other.server_close()
    assert requests == []


def test_a_decompression_bomb_takes_no_memory(page_server: SimpleNamespace, picture: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "decompression_bomb.png"
    path.write_bytes(decompression_bomb(12_000))
    call_stylize(page_server, picture, {"url": "data:image/png;base64,AAAA"}, *DEFAULTS)  # imports what the first call needs
    before = resident_megabytes(page_server.process.pid)
    event, data = call_stylize(page_server, {"url": data_url(path)}, picture, *DEFAULTS)
    assert event == "error"
    assert "the limit is 51 megapixels" in json.dumps(data)
    assert resident_megabytes(page_server.process.pid) - before < 60  # decoded it would be 432


def test_requests_that_are_too_large_are_refused(page_server: SimpleNamespace) -> None:
    for path, content in (
        ("gradio_api/call/stylize", b'{"data": ["' + b"A" * (45 << 20) + b'"]}'),
        (
            "gradio_api/upload",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(21 << 20) + b"\r\n--x--",
        ),
    ):
        kind = "multipart/form-data; boundary=x" if "upload" in path else "application/json"
        request = urllib.request.Request(page_server.url + path, content, {"content-type": kind})
        assert status_code(request) in (413, 0)


def test_files_of_the_page_are_not_served(page_server: SimpleNamespace) -> None:
    for path in ("/etc/passwd", str(page_server.app / "app.py"), "../app.py", "..%2fapp.py", str(page_server.log)):
        assert status_code(f"{page_server.url}gradio_api/file={path}") in (403, 404)
