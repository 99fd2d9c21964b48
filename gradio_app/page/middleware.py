"""ASGI middleware: limit what the server accepts, and describe the page to programs that preview links to it."""

from __future__ import annotations

import gzip
import re
from html import escape

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .static_files import ASSETS, FONTS, address
from .theme import PALETTE


class BodySizeLimit:
    """Refuse a request whose body is longer than `limit` bytes, before it is read into memory."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        content_length = dict(scope["headers"]).get(b"content-length", b"0")
        if content_length.isdigit() and int(content_length) > self._limit:
            await PlainTextResponse("Request body too large.", 413)(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # Disconnect a client that sends more than its content-length header says.
            return message if received <= self._limit else {"type": "http.disconnect"}

        await self._app(scope, receive_within_limit, send)


TITLE = "Impasto: paint a photo in the style of any painting"
DESCRIPTION = (
    "Choose a photo and a painting, and watch the photo being painted in its style. "
    "Compare, download and share the result. Pictures are deleted within the hour."
)
PICTURE, PICTURE_SIZE = ASSETS / "link_preview.jpg", (1200, 630)
PICTURE_ALT = "A photo of a cup of coffee that turns into a painting with swirling brush strokes"
ICON = ASSETS / "icon.png"
HEADING_FONT = FONTS / "fraunces-600.woff2"

_HEAD = re.compile(r"<head\b[^>]*>(.*?)</head\s*>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTES = r"""(?:"[^"]*"|'[^']*'|[^'">])*"""
#: Scripts and style sheets, which stay as they are; and tags that ours replace, or that name other hosts or Gradio's logo
_TAGS = re.compile(
    r"(?P<kept><(script|style)\b.*?</\2\s*>)"
    r"|<title\b.*?</title\s*>\s*"
    rf"|<meta\s(?={_ATTRIBUTES}\b(?:property|name)\s*=\s*[\"']?(?:og:|twitter:|description\b|theme-color\b)){_ATTRIBUTES}>\s*"
    rf"|<link\s(?={_ATTRIBUTES}\brel\s*=\s*[\"']?(?:preconnect|dns-prefetch|manifest|(?:shortcut )?icon|apple-touch-icon)\b)"
    rf"{_ATTRIBUTES}>\s*",
    re.DOTALL | re.IGNORECASE,
)
_SCRIPT = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE)
_ROOT_PATH = re.compile(r"(?:/[\w.~%-]+)*", re.ASCII)


class LinkPreview:
    """Put the page's title, description, picture, icon and font into the head of its HTML, in place of Gradio's.

    Programs that preview links, and search engines, run no scripts and need absolute addresses. As in Gradio, these begin with
    the root path if it is a URL, or else with the host that a proxy (X-Forwarded-Host, X-Forwarded-Proto) or the client names.
    If that is not a valid host, the tags that need one are left out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not _is_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None  # of a response to rewrite
        body = bytearray()

        async def rewrite(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
            elif message["type"] != "http.response.body" or start is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    content = _describe(body.decode(), _page_address(scope)).encode()
                    headers = MutableHeaders(scope=start)
                    headers.add_vary_header("Accept-Encoding")
                    if b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b""):
                        content = gzip.compress(content, 6)  # to an eighth: nothing of the page can be shown before
                        headers["content-encoding"] = "gzip"
                    headers["content-length"] = str(len(content))
                    await send(start)
                    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

        # The length of the answer to HEAD is that of the answer to GET.
        await self._app({**scope, "method": "GET"}, receive, rewrite)


def _is_page(scope: Scope) -> bool:
    path, root_path = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path == "/" or path.rstrip("/") == root_path != ""


def _is_html(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_html = headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
    return start["status"] == 200 and is_html


def _page_address(scope: Scope) -> str | None:
    """Return the page's absolute address, with a slash at the end, or None if the request names no valid host."""
    root_path = str(scope.get("root_path", "")).rstrip("/")
    if root_path.startswith(("http://", "https://")):
        return f"{root_path}/"
    headers = Headers(scope=scope)
    host, protocol = (_first(headers.get(f"x-forwarded-{name}", "")) for name in ("host", "proto"))
    host = host or headers.get("host", "")
    if not _HOST.fullmatch(host) or ".." in host:
        return None
    scheme = protocol.lower() if protocol.lower() in ("http", "https") else scope["scheme"]
    return f"{scheme}://{host}{root_path if _ROOT_PATH.fullmatch(root_path) else ''}/"


def _first(values: str) -> str:
    return values.partition(",")[0].strip()


def _describe(page: str, page_address: str | None) -> str:
    """Replace the tags about the page in its HTML."""
    head = _HEAD.search(page)
    if head is None:
        return page
    kept = _TAGS.sub(lambda tag: tag["kept"] or "", head[1])
    # After <base>, which the addresses need, and before the scripts: previews read only the beginning of a page.
    script = _SCRIPT.search(kept)
    position = script.start() if script else len(kept)
    return page[: head.start(1)] + kept[:position] + _tags(page_address) + kept[position:] + page[head.end(1) :]


def _tags(page_address: str | None) -> str:
    names = {"description": DESCRIPTION, "twitter:card": "summary_large_image"}
    properties = {"og:type": "website", "og:site_name": "Impasto", "og:title": TITLE, "og:description": DESCRIPTION}
    if page_address is not None:
        width, height = PICTURE_SIZE
        picture = {
            "": page_address + address(PICTURE),
            ":type": "image/jpeg",
            ":width": width,
            ":height": height,
            ":alt": PICTURE_ALT,
        }
        properties |= {"og:url": page_address, **{f"og:image{detail}": str(value) for detail, value in picture.items()}}
    tags = [f"<title>{escape(TITLE)}</title>"]
    tags += [f'<meta name="{name}" content="{escape(content)}">' for name, content in names.items()]
    tags += [f'<meta property="{name}" content="{escape(content)}">' for name, content in properties.items()]
    for scheme, color in PALETTE["paper"]._asdict().items():
        tags.append(f'<meta name="theme-color" content="{color}" media="(prefers-color-scheme: {scheme})">')
    tags += [f'<link rel="{relation}" href="{address(ICON)}">' for relation in ("icon", "apple-touch-icon")]
    # Without this, the browser learns of the font late, and headings change under the visitor's eyes.
    tags.append(f'<link rel="preload" href="{address(HEADING_FONT)}" as="font" type="font/woff2" crossorigin>')
    return "\n\t\t".join([*tags, ""])
