"""TODO-DOC formatting"""

from __future__ import annotations

from typing import TYPE_CHECKING


def format_bytes(count: float) -> str:
    """A number of bytes, for people"""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


if TYPE_CHECKING:
    pass


def format_duration(seconds: float) -> str:
    """A time, for people"""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
