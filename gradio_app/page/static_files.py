"""Pictures and fonts that come with the page, at addresses that browsers may cache.

`launch(app_kwargs={"routes": ROUTES})` serves them. Gradio's own routes for files send no cache headers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

_APP = Path(__file__).resolve().parents[1]
ASSETS, FONTS = _APP / "assets", _APP / "web" / "fonts"
#: Folders by the first part of their address. What else there is below static/ is Gradio's.
_FOLDERS = {"static/assets": ASSETS, "static/fonts": FONTS}
#: Python takes them from the operating system, which may not know all.
_CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
#: A day from the cache, then a week in which the cached file is shown while the browser asks for a newer one
_CACHE_CONTROL = "public, max-age=86400, stale-while-revalidate=604800"


def address(path: Path) -> str:
    """Return the address of a picture or font, relative to the page.  Raises ValueError for a file that is not served."""
    for prefix, folder in _FOLDERS.items():
        if path.resolve().parent == folder and path.suffix in _CONTENT_TYPES:
            return f"{prefix}/{quote(path.name)}"
    raise ValueError(f"{path.name!r} is not served: it must be a picture or font in {' or '.join(_FOLDERS)}")


def _serve(folder: Path) -> Callable[[Request], Awaitable[Response]]:
    files = StaticFiles(directory=folder)

    async def respond(request: Request) -> Response:
        name: str = request.path_params["name"]
        content_type = _CONTENT_TYPES.get(Path(name).suffix)
        if content_type is None:
            raise HTTPException(404)
        response = await files.get_response(name, request.scope)
        response.headers.update({"cache-control": _CACHE_CONTROL, "x-content-type-options": "nosniff"})
        if response.status_code == 200:
            response.headers["content-type"] = content_type
        return response

    return respond


#: Not mounts: those fail behind a proxy that removes the root path.
ROUTES = [Route(f"/{prefix}/{{name}}", _serve(folder)) for prefix, folder in _FOLDERS.items()]
