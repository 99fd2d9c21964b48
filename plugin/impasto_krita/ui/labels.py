"""Buttons and labels that the docker's panels have in common."""

from __future__ import annotations

from typing import Any

from ..qt import QtCore, QtWidgets


def button(text: str, name: str, on_click: Any) -> QtWidgets.QPushButton:
    created = QtWidgets.QPushButton(text)
    created.setObjectName("impasto_" + name)
    created.clicked.connect(on_click)
    return created


def let_shrink(widget: QtWidgets.QWidget) -> None:
    """Let a widget be narrower than its text, and as wide as there is room: the docker may be narrow."""
    widget.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)


def label(name: str) -> QtWidgets.QLabel:
    """A label with line breaks, in plain text because it may contain layer names."""
    created = QtWidgets.QLabel()
    created.setWordWrap(True)
    created.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    created.setObjectName("impasto_" + name)
    return created


def show_text(shown_in: QtWidgets.QLabel, text: str) -> None:
    shown_in.setText(text)
    shown_in.setVisible(bool(text))
