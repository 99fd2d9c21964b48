"""What the page's HTML says about the page before any script runs: for link previews, search engines and browser tabs."""

from __future__ import annotations

import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient

from tests.gradio_app.conftest import APP, ON_ONE_SERVER, LoadModule

#: As short as possible, with everything that Gradio's head has
GRADIO_PAGE = """<!doctype html>
<html lang="en">
<head>
    <meta charset="utf-8" />
    <base href="./" />
    <meta name="viewport" content="width=device-width" />
    <title>Gradio</title>
    <meta property="og:title" content="Gradio" />
    <meta
        property="og:image"
        content="https://raw.githubusercontent.com/header-image.jpg"
    />
    <meta name='twitter:creator' content='@Gradio'>
    <meta content="a > b" name="description">
    <style>:root { --bg: white }</style>
    <meta property="og:url" content="https://gradio.app/" />
    <script>const tag = '<meta property="og:title" content="in a script">';</script>
    <link rel="preconnect" href="https://fonts.example.org">
    <link rel="manifest" href="/manifest.json" />
    <link rel="stylesheet" crossorigin href="./assets/index.css">
</head>
<body><p>größer</p><meta property="og:title" content="in the body"></body>
</html>"""


class Head(HTMLParser):
    """The tags of a page's head"""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.title = ""
        self._inside = self._in_title = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag != "body" and (self._inside or tag == "head")
        self._in_title = tag == "title"
        if self._inside or tag == "html":
            self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def meta(self) -> dict[str, str]:
        """Contents by name. No name comes twice, apart from theme-color, which there is for each color scheme."""
        metas = [attributes for tag, attributes in self.tags if tag == "meta" and "content" in attributes]
        names = [meta.get("property") or meta["name"] + meta.get("media", "") for meta in metas]
        assert len(names) == len(set(names)), names
        return {name: meta["content"] for name, meta in zip(names, metas, strict=True)}

    def links(self) -> dict[str, str]:
        return {attributes["rel"]: attributes["href"] for tag, attributes in self.tags if tag == "link"}


@pytest.fixture
def middleware(load_module: LoadModule) -> ModuleType:
    module = load_module("page.middleware")
    assert isinstance(module, ModuleType)
    return module


def serve(middleware: ModuleType, page: Response | None = None, root_path: str = "") -> TestClient:
    app = FastAPI()
    app.add_middleware(middleware.LinkPreview)
    app.add_api_route("/", lambda: page or HTMLResponse(GRADIO_PAGE), methods=["GET", "HEAD"])
    app.add_api_route("/other", lambda: HTMLResponse(GRADIO_PAGE))
    return TestClient(app, base_url="http://page.example", root_path=root_path, headers={"accept-encoding": "identity"})


def test_a_link_to_the_page_has_a_title_a_text_and_a_picture(middleware: ModuleType) -> None:
    response = serve(middleware).get("/")
    head = Head(response.text)
    assert head.title == middleware.TITLE
    assert head.tags[0] == ("html", {"lang": "en"})
    meta = head.meta()
    assert meta["description"] == meta["og:description"] == middleware.DESCRIPTION
    assert (meta["og:title"], meta["og:type"]) == (middleware.TITLE, "website")
    assert meta["og:url"] == "http://page.example/"
    assert meta["og:image"] == "http://page.example/static/assets/link_preview.jpg"
    assert meta["og:image:alt"] == middleware.PICTURE_ALT
    assert meta["twitter:card"] == "summary_large_image"
    assert meta["viewport"] == "width=device-width"
    assert {meta[f"theme-color(prefers-color-scheme: {scheme})"] for scheme in ("light", "dark")} == {"#F6F3EC", "#171512"}


def test_nothing_of_gradio_or_of_other_hosts_is_left_in_the_head(middleware: ModuleType) -> None:
    head = Head(serve(middleware).get("/").text)
    contents = [value for tag, attributes in head.tags if tag != "script" for value in attributes.values()]
    assert not [content for content in contents if "gradio" in content.lower()]
    assert {urlsplit(content).netloc for content in contents if "//" in content} == {"page.example"}
    assert sorted(head.links()) == ["apple-touch-icon", "icon", "preload", "stylesheet"]


def test_scripts_and_the_body_stay_as_they_are(middleware: ModuleType) -> None:
    page = serve(middleware).get("/").text
    for part in (GRADIO_PAGE[GRADIO_PAGE.index("</head>") :], '\'<meta property="og:title" content="in a script">\''):
        assert part in page
    assert page.index("<base") < page.index("og:title") < page.index("<style")


def test_the_picture_is_what_its_tags_say(middleware: ModuleType) -> None:
    meta = Head(serve(middleware).get("/").text).meta()
    path = APP / "assets" / "link_preview.jpg"
    with Image.open(path) as picture:
        assert (
            (str(picture.width), str(picture.height)) == (meta["og:image:width"], meta["og:image:height"]) == ("1200", "630")
        )
        assert Image.MIME[str(picture.format)] == meta["og:image:type"]
    assert path.stat().st_size < 150_000
    with Image.open(APP / "assets" / "icon.png") as icon:
        assert icon.size == (192, 192)


@pytest.mark.parametrize(
    "page", [None, StreamingResponse(iter([GRADIO_PAGE[:700], GRADIO_PAGE[700:]]), media_type="text/html")]
)
def test_the_length_is_that_of_the_new_page(middleware: ModuleType, page: Response | None) -> None:
    response = serve(middleware, page).get("/")
    assert int(response.headers["content-length"]) == len(response.content)
    assert "größer" in response.text


def test_head_is_answered_with_the_headers_of_get(middleware: ModuleType) -> None:
    client = serve(middleware)
    head, get = client.head("/"), client.get("/")
    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(get.headers))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "127.0.0.1:7860"}, "http://127.0.0.1:7860/"),
        ({"host": "[::1]:7860"}, "http://[::1]:7860/"),
        ({"x-forwarded-proto": "https"}, "https://page.example/"),
        ({"x-forwarded-proto": "https, http", "x-forwarded-host": "art.example, inner:80"}, "https://art.example/"),
        ({"x-forwarded-proto": "javascript"}, "http://page.example/"),
    ],
)
def test_addresses_begin_with_the_host_that_the_visitor_knows(
    middleware: ModuleType, headers: dict[str, str], expected: str
) -> None:
    meta = Head(serve(middleware).get("/", headers=headers).text).meta()
    assert (meta["og:url"], meta["og:image"]) == (expected, f"{expected}static/assets/link_preview.jpg")


@pytest.mark.parametrize(
    "host",
    [
        '"><script>alert(1)</script>',
        "user@evil.example",
        "evil.example/path",
        "evil.example?a",
        "a..b",
        "-",
        "a:b",
        "x" * 300,
        "a b",
    ],
)
@pytest.mark.parametrize("header", ["host", "x-forwarded-host"])
def test_hosts_that_are_none_are_not_repeated(middleware: ModuleType, header: str, host: str) -> None:
    page = serve(middleware).get("/", headers={header: host}).text
    meta = Head(page).meta()
    assert meta["og:title"] == middleware.TITLE
    assert "og:url" not in meta
    assert "og:image" not in meta
    assert "evil" not in page
    assert "alert" not in page


@pytest.mark.parametrize(
    ("root_path", "path", "expected"),
    [
        ("/impasto", "/", "http://page.example/impasto/"),
        ("/impasto", "/impasto/", "http://page.example/impasto/"),
        ("https://art.example/impasto", "/", "https://art.example/impasto/"),
    ],
)
def test_addresses_contain_the_root_path(middleware: ModuleType, root_path: str, path: str, expected: str) -> None:
    meta = Head(serve(middleware, root_path=root_path).get(path).text).meta()
    assert (meta["og:url"], meta["og:image"]) == (expected, f"{expected}static/assets/link_preview.jpg")


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/other", None),
        ("/", PlainTextResponse(GRADIO_PAGE)),
        ("/", HTMLResponse(GRADIO_PAGE, 401)),
        ("/", HTMLResponse("no head")),
    ],
)
def test_other_responses_stay_as_they_are(middleware: ModuleType, path: str, page: Response | None) -> None:
    response = serve(middleware, page).get(path)
    assert response.content == (page or HTMLResponse(GRADIO_PAGE)).body
    assert int(response.headers["content-length"]) == len(response.content)


@ON_ONE_SERVER
@pytest.mark.browser
def test_the_page_as_it_is_served(page_server: SimpleNamespace) -> None:
    with urllib.request.urlopen(page_server.url, timeout=60) as response:
        page = response.read().decode()
    head = Head(page)
    assert head.title.startswith("Impasto")
    assert "lang" in dict(head.tags)["html"]
    meta, links = head.meta(), head.links()
    assert not [name for name, content in meta.items() if "gradio" in content.lower()]
    assert not [address for address in links.values() if address.startswith(("http", "//"))]
    for address in (meta["og:image"], page_server.url + links["icon"], page_server.url + links["preload"]):
        assert address.startswith(page_server.url)
        with urllib.request.urlopen(address, timeout=60) as response:
            served = response.read()
        assert served == (Path(page_server.app) / local_path(address, page_server.url)).read_bytes()


def local_path(address: str, page: str) -> str:
    return address.removeprefix(f"{page}static/").replace("fonts/", "web/fonts/")


def test_the_page_is_compressed_where_the_client_can_read_it(middleware: ModuleType) -> None:
    client = serve(middleware)
    plain, small = (client.get("/", headers={"accept-encoding": coding}) for coding in ("identity", "gzip, br"))
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert small.text == plain.text
