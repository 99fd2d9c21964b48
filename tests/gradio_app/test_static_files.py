"""Pictures and fonts of the page: what is served, where, and what is not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.gradio_app.conftest import APP, LoadModule


@pytest.fixture
def static_files(load_module: LoadModule) -> ModuleType:
    module = load_module("page.static_files")
    assert isinstance(module, ModuleType)
    return module


@pytest.fixture
def client(static_files: ModuleType) -> TestClient:
    return TestClient(FastAPI(routes=static_files.ROUTES))


@pytest.mark.parametrize(
    ("file", "expected", "content_type"),
    [
        ("assets/koi_small.jpg", "static/assets/koi_small.jpg", "image/jpeg"),
        ("assets/icon.png", "static/assets/icon.png", "image/png"),
        ("web/fonts/fraunces-600.woff2", "static/fonts/fraunces-600.woff2", "font/woff2"),
    ],
)
def test_files_are_served_at_their_address_and_may_be_cached(
    static_files: ModuleType, client: TestClient, file: str, expected: str, content_type: str
) -> None:
    assert static_files.address(APP / file) == expected
    response = client.get(f"/{expected}")
    assert response.content == (APP / file).read_bytes()
    assert response.headers["content-type"] == content_type
    assert response.headers["cache-control"].startswith("public, max-age=86400")
    assert response.headers["x-content-type-options"] == "nosniff"
    again = client.get(f"/{expected}", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == response.headers["cache-control"]
    head = client.head(f"/{expected}")
    assert (head.content, head.headers["content-length"]) == (b"", str((APP / file).stat().st_size))


@pytest.mark.parametrize("prefix", ["", "/impasto"], ids=["proxy removes the root path", "proxy keeps the root path"])
def test_files_are_served_behind_a_root_path(static_files: ModuleType, prefix: str) -> None:
    client = TestClient(FastAPI(routes=static_files.ROUTES), root_path="/impasto")
    assert client.get(f"{prefix}/static/assets/koi_small.jpg").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/assets/",
        "/static/assets",
        "/static/assets/examples.json",
        "/static/assets/missing.jpg",
        "/static/assets/%2e%2e/app.py",
        "/static/assets/..%2fapp.py",
        "/static/assets/..%5capp.py",
        "/static/assets/..%2fweb%2ffonts%2ffraunces-600.woff2",
        "/static/assets/%2fetc%2fhostname.txt",
        "/static/assets/a%00.jpg",
        "/static/fonts/" + 300 * "a" + ".woff2",
        "/static/web/page.js",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_links_do_not_leave_the_folder(static_files: ModuleType, tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret.jpg", tmp_path / "folder"
    secret.write_bytes(b"secret")
    folder.mkdir()
    (folder / "link.jpg").symlink_to(secret)
    route = static_files.Route("/{name}", static_files._serve(folder))
    assert TestClient(FastAPI(routes=[route])).get("/link.jpg").status_code == 404


def test_files_are_read_only(client: TestClient) -> None:
    before = (APP / "assets" / "icon.png").read_bytes()
    for method in ("POST", "PUT", "DELETE"):
        assert client.request(method, "/static/assets/icon.png", content=b"x").status_code == 405
    assert (APP / "assets" / "icon.png").read_bytes() == before


@pytest.mark.parametrize(
    "file", ["app.py", "web/page.css", "assets/../app.py", "assets/examples.json", "assets/deeper/koi.jpg"]
)
def test_other_files_have_no_address(static_files: ModuleType, file: str) -> None:
    with pytest.raises(ValueError, match="is not served"):
        static_files.address(APP / file)
