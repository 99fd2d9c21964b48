"""Small ICC profiles with a gamma, for tests: matrix profiles for RGB, and profiles for gray."""

from __future__ import annotations

import struct

#: Colors of red, green and blue light in XYZ (D50), as in the sRGB profile of Little CMS
SRGB_PRIMARIES = (
    (0.43603516, 0.22248840, 0.01391602),
    (0.38511658, 0.71690369, 0.09706116),
    (0.14305115, 0.06060791, 0.71391296),
)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(space: bytes, description: str, tags: dict[bytes, bytes]) -> bytes:
    text = description.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1, 0.8249),
        **tags,
    }
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s6H", start + len(body), b"none", 0x02400000, b"mntr", space, b"XYZ ", 2026, 1, 1, 0, 0, 0)
    header += b"acsp" + bytes(28) + _fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + body


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def rgb_profile(
    gamma: float, description: str = "sRGB in name only", primaries: tuple[tuple[float, ...], ...] = SRGB_PRIMARIES
) -> bytes:
    """Return a profile in which value ** gamma is the light of each channel."""
    tags = {f"{name}XYZ".encode(): b"XYZ \0\0\0\0" + _fixed(*column) for name, column in zip("rgb", primaries, strict=True)}
    return _profile(b"RGB ", description, tags | {f"{name}TRC".encode(): _curve(gamma) for name in "rgb"})


def gray_profile(gamma: float) -> bytes:
    """Return a profile for gray in which value ** gamma is the light."""
    return _profile(b"GRAY", "gray", {b"kTRC": _curve(gamma)})
