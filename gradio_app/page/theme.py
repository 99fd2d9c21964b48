"""The page's look: colors for light and dark, type, buttons and fields.

`launch(theme=THEME)` serves all of it, `web/theme.css` included.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NamedTuple

import gradio as gr

_STYLESHEET = Path(__file__).parents[1] / "web" / "theme.css"


class Shade(NamedTuple):
    """One color of the palette, in light and in dark mode"""

    light: str
    dark: str


#: Colors by the names of their CSS variables
PALETTE = {
    # Grounds
    "paper": Shade("#F6F3EC", "#171512"),
    "raised": Shade("#FFFDF8", "#211E1A"),  # cards and fields
    "tint": Shade("#E6E9F4", "#2A3048"),  # what is chosen
    # Text, with a contrast of at least 4.5 on each ground
    "ink": Shade("#1F1B16", "#F1ECE2"),
    "secondary": Shade("#5E564B", "#B9AFA0"),  # help and captions
    "action": Shade("#23408E", "#8FA8F0"),  # links, and the ground of buttons
    "action-hover": Shade("#182F6E", "#AFC1F6"),
    "error": Shade("#9F2A1C", "#FFB3A6"),
    # Text on `action` and `action-hover`
    "on-action": Shade("#FFFFFF", "#171512"),
    # Borders
    "line": Shade("#DDD6C8", "#3A352E"),  # hairlines, for looks only
    "edge": Shade("#857C6E", "#8A8070"),  # fields and check boxes, with a contrast of at least 3
}
_SANS = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
_TEXT = {
    "body_text_color_subdued": "var(--secondary)",
    "block_info_text_color": "var(--secondary)",
    "block_info_text_size": "14px",
    "block_label_text_color": "var(--ink)",
    "block_label_text_size": "15px",
    "block_label_text_weight": "600",
    "block_title_text_color": "var(--ink)",
    "block_title_text_size": "15px",
    "block_title_text_weight": "600",
    "section_header_text_weight": "600",
    "link_text_color": "var(--action)",
    "link_text_color_active": "var(--action)",
    "link_text_color_hover": "var(--action-hover)",
    "link_text_color_visited": "var(--action)",
    "error_text_color": "var(--error)",
    "error_icon_color": "var(--error)",
}
_SURFACES = {
    "background_fill_primary": "var(--raised)",
    "background_fill_secondary": "var(--paper)",
    "block_background_fill": "transparent",
    "block_border_width": "0px",
    "block_border_color": "var(--line)",
    "block_padding": "0",
    "block_label_background_fill": "transparent",
    "block_label_border_width": "0px",
    "block_label_shadow": "none",
    "block_label_padding": "0",
    "block_title_padding": "0",
    "block_title_border_width": "0px",
    "border_color_primary": "var(--line)",
    "border_color_accent": "var(--action)",
    "border_color_accent_subdued": "var(--edge)",
    "panel_background_fill": "transparent",
    "panel_border_width": "0px",
    "code_background_fill": "var(--tint)",
    "color_accent": "var(--action)",
    "color_accent_soft": "var(--tint)",
    "error_background_fill": "var(--raised)",
    "error_border_color": "var(--error)",
    "stat_background_fill": "var(--tint)",
    "table_border_color": "var(--line)",
    "table_even_background_fill": "var(--raised)",
    "table_odd_background_fill": "var(--paper)",
    "layout_gap": "20px",
    "form_gap_width": "0px",
}
_FIELDS = {
    "input_background_fill": "var(--raised)",
    "input_background_fill_focus": "var(--raised)",
    "input_background_fill_hover": "var(--raised)",
    "input_border_color": "var(--edge)",
    "input_border_color_focus": "var(--action)",
    "input_border_color_hover": "var(--secondary)",
    "input_border_width": "1px",
    "input_placeholder_color": "var(--secondary)",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_text_size": "16px",  # below, phones zoom in on the field
    "slider_color": "var(--action)",
    "loader_color": "var(--action)",
}
_CHOICES = {
    "checkbox_background_color": "var(--raised)",
    "checkbox_background_color_focus": "var(--raised)",
    "checkbox_background_color_hover": "var(--raised)",
    "checkbox_background_color_selected": "var(--action)",
    "checkbox_border_color": "var(--edge)",
    "checkbox_border_color_focus": "var(--action)",
    "checkbox_border_color_hover": "var(--secondary)",
    "checkbox_border_color_selected": "var(--action)",
    "checkbox_border_width": "1px",
    "checkbox_shadow": "none",
    "checkbox_label_background_fill": "var(--raised)",
    "checkbox_label_background_fill_hover": "var(--raised)",
    "checkbox_label_background_fill_selected": "var(--tint)",
    "checkbox_label_border_color": "var(--line)",
    "checkbox_label_border_color_hover": "var(--edge)",
    "checkbox_label_border_color_selected": "var(--action)",
    "checkbox_label_border_width": "1px",
    "checkbox_label_padding": "9px 14px",
    "checkbox_label_text_color": "var(--ink)",
    "checkbox_label_text_color_selected": "var(--ink)",
    "checkbox_label_text_size": "15px",
}
_BUTTONS = {
    "button_border_width": "1px",
    "button_large_padding": "10px 20px",
    "button_large_radius": "8px",
    "button_large_text_size": "16px",
    "button_large_text_weight": "600",
    "button_medium_radius": "8px",
    "button_medium_text_weight": "600",
    "button_small_radius": "8px",
    "button_small_text_size": "14px",
    "button_small_text_weight": "600",
    "button_transition": "background-color 0.15s, border-color 0.15s",
    "button_primary_background_fill": "var(--action)",
    "button_primary_background_fill_hover": "var(--action-hover)",
    "button_primary_border_color": "var(--action)",
    "button_primary_border_color_hover": "var(--action-hover)",
    "button_primary_text_color": "var(--on-action)",
    "button_primary_text_color_hover": "var(--on-action)",
    "button_secondary_background_fill": "var(--raised)",
    "button_secondary_background_fill_hover": "var(--tint)",
    "button_secondary_border_color": "var(--edge)",
    "button_secondary_border_color_hover": "var(--action)",
    "button_secondary_text_color": "var(--ink)",
    "button_secondary_text_color_hover": "var(--ink)",
    "button_cancel_background_fill": "var(--raised)",
    "button_cancel_background_fill_hover": "var(--tint)",
    "button_cancel_border_color": "var(--ink)",
    "button_cancel_border_color_hover": "var(--ink)",
    "button_cancel_text_color": "var(--ink)",
    "button_cancel_text_color_hover": "var(--ink)",
    **{
        f"button_{kind}_shadow{state}": "none"
        for kind in ("primary", "secondary", "cancel")
        for state in ("", "_hover", "_active")
    },
}


def _build_theme() -> gr.themes.Base:
    theme = gr.themes.Base(font=_SANS, font_mono=_MONO)
    settings = _TEXT | _SURFACES | _FIELDS | _CHOICES | _BUTTONS
    # The variables have another value in dark mode, Gradio's settings the same one.
    known = inspect.signature(theme.set).parameters
    settings |= {f"{name}_dark": value for name, value in settings.items() if f"{name}_dark" in known}
    # Colors, not variables: the page has them before this style sheet.
    for name, shade in {"body_background_fill": PALETTE["paper"], "body_text_color": PALETTE["ink"]}.items():
        settings |= {name: shade.light, f"{name}_dark": shade.dark}
    theme.set(**settings)  # all at once: each call resets some settings of earlier ones
    variables = [f"{selector} {{ {_variables(mode)} }}\n" for selector, mode in ((":root", "light"), (":root .dark", "dark"))]
    theme.custom_css = "".join(variables) + _STYLESHEET.read_text(encoding="utf-8")
    return theme


def _variables(mode: str) -> str:
    return " ".join(f"--{name}: {getattr(shade, mode)};" for name, shade in PALETTE.items())


THEME = _build_theme()
