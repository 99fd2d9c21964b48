"""Durations and byte counts as text."""

from __future__ import annotations


def format_bytes(count: float) -> str:
    """Format a number of bytes: "640 MB", "1.5 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def format_duration(seconds: float) -> str:
    """Format a duration: "45 s", "12 min"."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
