"""The names of files that visitors download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gradio_app.conftest import page_modules


@pytest.fixture(scope="module")
def file_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with page_modules(tmp_path_factory.mktemp("uploads")):
        from page import file_names

        yield file_names


@pytest.mark.parametrize(
    ("photo", "style", "name"),
    [
        ("Golden Gate.JPG", "Harvest", "golden-gate-harvest.jpg"),
        ("Café Müller – Ærøskøbing.heic", "Rose window", "cafe-muller-aeroskobing-rose-window.jpg"),
        ("Straße_nach Łódź.png", "Koi", "strasse-nach-lodz-koi.jpg"),
        ("Grandma's garden.webp", "Van Gogh’s Irises", "grandmas-garden-van-goghs-irises.jpg"),
        ("St. Moritz", "Mr. Whistler", "st-moritz-mr-whistler.jpg"),
        ("golden-gate-2.jpg", "Koi", "golden-gate-2-koi.jpg"),
        ("harvest.jpg", "Harvest", "harvest.jpg"),
        ("金門大橋.jpg", "Harvest", "harvest.jpg"),
        ("Golden Gate.jpg", "", "golden-gate.jpg"),
        ("", "", "painting.jpg"),
        ("...", "///", "painting.jpg"),
    ],
)
def test_a_name_tells_what_is_painted_and_how(file_names: Any, photo: str, style: str, name: str) -> None:
    assert file_names.file_name(photo, style, "jpg") == name


@pytest.mark.parametrize(
    "photo",
    [
        *("IMG_2034.HEIC", "IMG_E2034.JPG", "IMG_20240501_123456.jpg", "IMG-20240501-WA0001.jpg", "_MG_1234.jpg"),
        *("DSC_0123.JPG", "DSC01234.JPG", "_DSC1234.tif", "DSCF1234.jpg", "DSCN0001.JPG", "P1010123.JPG", "GOPR0042.JPG"),
        *("PXL_20240501_123456789.jpg", "PXL_20240501_123456789.MP.jpg", "MVIMG_20190101_000000.jpg", "DJI_0001.JPG"),
        *("20240501_123456.jpg", "1714567890123.jpg", "10153_38294_n.jpg", "3f2b9c44e0a1.png"),
        *("0f8fad5b-d9cb-469f-a165-70867728950e.jpg", "image.png", "image (1).png", "Photo 12.jpg", "download.jpeg"),
        *("Screenshot 2024-05-01 at 12.34.56 PM.png", "Screenshot_20240501-123456.png", "Bildschirmfoto 2024-05-01.png"),
        *("Capture d’écran 2024-05-01.png", "WhatsApp Image 2024-05-01 at 12.34.56.jpeg", "signal-2024-05-01-123456.jpg"),
        *("untitled.png", "unnamed.jpg", "IMG_2034 copy.jpg", "webcam.webp"),
    ],
)
def test_names_that_a_camera_gives_are_left_out(file_names: Any, photo: str) -> None:
    assert file_names.file_name(photo, "Harvest", "jpg") == "harvest.jpg"


@pytest.mark.parametrize(
    ("photo", "style", "name"),
    [
        ("../../etc/passwd", "Koi", "passwd-koi.png"),
        ("C:\\fakepath\\golden.jpg", "Koi", "golden-koi.png"),
        ("a\x00b\r\nSet-Cookie: c.jpg", "Koi", "a-b-set-cookie-c-koi.png"),
        ("<script>alert(1)</script>.jpg", "Koi", "script-koi.png"),
        ("", "Con", "con-painting.png"),
        ("LPT1.txt.png", "", "lpt1-txt.png"),
        ("com¹", "", "com1-painting.png"),
        ("\udcff\ud800", "\u202egpj.exe", "gpj-exe.png"),
    ],
)
def test_a_hostile_name_becomes_safe(file_names: Any, photo: str, style: str, name: str) -> None:
    assert file_names.file_name(photo, style, ".png") == name


def test_long_names_are_cut_after_words_and_keep_the_style(file_names: Any) -> None:
    photo = "The Golden Gate Bridge seen from Battery Spencer on a foggy morning in June.jpg"
    assert file_names.file_name(photo, "Harvest", "jpg") == "the-golden-gate-bridge-seen-from-battery-spencer-harvest.jpg"
    name = file_names.file_name(photo, "A wheat field under a stormy sky with crows and cypresses", "jpg")
    assert name == "the-golden-gate-bridge-seen-a-wheat-field-under-a-stormy.jpg"
    assert file_names.file_name("x" * 300, "Koi", "jpg") == f"{'x' * 52}-koi.jpg"


@given(photo=st.text(max_size=200), style=st.text(max_size=200), extension=st.sampled_from(["jpg", ".png", ".webp"]))
def test_every_name_is_short_and_safe(file_names: Any, photo: str, style: str, extension: str) -> None:
    name = file_names.file_name(photo, style, extension)
    assert len(name) <= 60
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.(jpg|png|webp)", name)
    assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)\.", name)
