"""How the demo looks: the colours of the reports, the fonts of the reader's own system, and nothing fetched."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

SANS = (
    "system-ui", "-apple-system", "'Segoe UI'", "Roboto", "'Helvetica Neue'", "'Noto Sans'", "sans-serif",
)  # fmt: skip
MONO = ("ui-monospace", "'SF Mono'", "'Cascadia Mono'", "Consolas", "'Liberation Mono'", "monospace")
SHADES = ("c50", "c100", "c200", "c300", "c400", "c500", "c600", "c700", "c800", "c900", "c950")
BLUES = (
    "#eff4fe", "#dde8fd", "#c3d6fb", "#8db4ff", "#6e9eff", "#3f74e0", "#1f54c5", "#1a479f", "#1a3c7d",
    "#1b3259", "#16223a",
)  # fmt: skip
# Paper in the light, slate in the dark: the light end is warm and the dark end is cool.
GREYS = (
    "#fbfaf8", "#f4f2ed", "#eceae4", "#dcdad4", "#a5a8b1", "#80838c", "#595c66", "#363a43", "#2a2e36",
    "#1b1e24", "#14161a",
)  # fmt: skip
# Theme variable -> its value on a light page, on a dark one. Each text keeps 4.5:1 against what it stands on, each
# border of something to fill in 3:1 (WCAG 2.2, success criteria 1.4.3 and 1.4.11).
COLOURS: dict[str, tuple[str, str]] = {
    "body_background_fill": ("#fbfaf8", "#14161a"),
    "body_text_color": ("#1c1d21", "#e9e8e4"),
    "body_text_color_subdued": ("#595c66", "#a5a8b1"),
    "background_fill_primary": ("#ffffff", "#1b1e24"),
    "background_fill_secondary": ("#f4f2ed", "#22262d"),
    "border_color_primary": ("#dcdad4", "#363a43"),
    "border_color_accent": ("#1f54c5", "#8db4ff"),
    "border_color_accent_subdued": ("#c3d6fb", "#35507f"),
    "color_accent_soft": ("#eff4fe", "#1d2839"),
    "link_text_color": ("#1f54c5", "#8db4ff"),
    "link_text_color_active": ("#1f54c5", "#8db4ff"),
    "link_text_color_hover": ("#1a3c7d", "#b9d0ff"),
    "link_text_color_visited": ("#1f54c5", "#8db4ff"),
    "code_background_fill": ("#f4f2ed", "#22262d"),
    "block_background_fill": ("#ffffff", "#1b1e24"),
    "block_border_color": ("#dcdad4", "#363a43"),
    "block_info_text_color": ("#595c66", "#a5a8b1"),
    "block_label_background_fill": ("transparent", "transparent"),
    "block_label_text_color": ("#595c66", "#a5a8b1"),
    "block_title_text_color": ("#1c1d21", "#e9e8e4"),
    "panel_background_fill": ("#ffffff", "#1b1e24"),
    "panel_border_color": ("#dcdad4", "#363a43"),
    "accordion_text_color": ("#1c1d21", "#e9e8e4"),
    "table_text_color": ("#1c1d21", "#e9e8e4"),
    "table_border_color": ("#dcdad4", "#363a43"),
    "table_even_background_fill": ("#ffffff", "#1b1e24"),
    "table_odd_background_fill": ("#ffffff", "#1b1e24"),
    "table_row_focus": ("#eff4fe", "#1d2839"),
    "error_background_fill": ("#fbe6e6", "#41191d"),
    "error_border_color": ("#a01c24", "#ff9d9d"),
    "error_text_color": ("#a01c24", "#ff9d9d"),
    "error_icon_color": ("#a01c24", "#ff9d9d"),
    "input_background_fill": ("#ffffff", "#14161a"),
    "input_background_fill_focus": ("#ffffff", "#14161a"),
    "input_border_color": ("#8a8c94", "#6b707c"),
    "input_border_color_hover": ("#595c66", "#a5a8b1"),
    "input_border_color_focus": ("#1f54c5", "#8db4ff"),
    "input_placeholder_color": ("#686b74", "#989ca6"),
    "loader_color": ("#1f54c5", "#8db4ff"),
    "slider_color": ("#1f54c5", "#8db4ff"),
    "stat_background_fill": ("#1f54c5", "#8db4ff"),
    "checkbox_background_color_selected": ("#1f54c5", "#3f74e0"),
    "checkbox_border_color": ("#8a8c94", "#6b707c"),
    "checkbox_border_color_focus": ("#1f54c5", "#8db4ff"),
    "checkbox_border_color_selected": ("#1f54c5", "#8db4ff"),
    "checkbox_label_background_fill": ("#ffffff", "#22262d"),
    "checkbox_label_background_fill_hover": ("#f4f2ed", "#2a2e36"),
    "checkbox_label_background_fill_selected": ("#eff4fe", "#1d2839"),
    "checkbox_label_border_color": ("#dcdad4", "#363a43"),
    "checkbox_label_text_color": ("#1c1d21", "#e9e8e4"),
    "checkbox_label_text_color_selected": ("#1c1d21", "#e9e8e4"),
    "button_primary_background_fill": ("#1f54c5", "#8db4ff"),
    "button_primary_background_fill_hover": ("#1a479f", "#b9d0ff"),
    "button_primary_border_color": ("#1f54c5", "#8db4ff"),
    "button_primary_text_color": ("#ffffff", "#10131a"),
    "button_secondary_background_fill": ("#ffffff", "#22262d"),
    "button_secondary_background_fill_hover": ("#f4f2ed", "#2a2e36"),
    "button_secondary_border_color": ("#c6c4bd", "#4a4f5a"),
    "button_secondary_border_color_hover": ("#8a8c94", "#6b707c"),
    "button_secondary_text_color": ("#1c1d21", "#e9e8e4"),
    "button_cancel_background_fill": ("#ffffff", "#22262d"),
    "button_cancel_background_fill_hover": ("#fbe6e6", "#41191d"),
    "button_cancel_border_color": ("#a01c24", "#ff9d9d"),
    "button_cancel_text_color": ("#a01c24", "#ff9d9d"),
}
SHAPES = {
    "embed_radius": "0", "body_text_size": "1rem", "prose_text_size": "1rem", "prose_header_text_weight": "650",
    "color_accent": "*primary_600", "shadow_drop": "none", "shadow_drop_lg": "0 1px 2px rgb(0 0 0 / 8%)",
    "shadow_inset": "none", "layout_gap": "1.1rem", "block_border_width": "1px", "block_radius": "0.6rem",
    "block_padding": "1rem 1.1rem", "block_shadow": "none", "block_label_border_width": "0px",
    "block_label_text_size": "0.9rem", "block_label_text_weight": "600", "block_label_shadow": "none",
    "block_label_padding": "0.6rem 1.1rem", "block_label_radius": "0", "block_title_text_size": "0.95rem",
    "block_title_text_weight": "600", "block_info_text_size": "0.9rem", "container_radius": "0.6rem",
    "form_gap_width": "0px", "input_border_width": "1px", "input_padding": "0.7rem 0.85rem", "input_radius": "0.45rem",
    "input_shadow": "none", "input_shadow_focus": "none", "input_text_size": "1rem", "table_radius": "0.45rem",
    "button_border_width": "1px", "button_transform_hover": "none", "button_transform_active": "none",
    "button_large_radius": "0.5rem", "button_small_radius": "0.45rem", "button_medium_radius": "0.5rem",
    "button_large_padding": "0.7rem 1.3rem", "button_medium_padding": "0.55rem 1rem",
    "button_small_padding": "0.4rem 0.8rem", "button_large_text_size": "1rem", "button_medium_text_size": "0.95rem",
    "button_small_text_size": "0.9rem", "button_primary_shadow": "none", "button_primary_shadow_hover": "none",
    "button_primary_shadow_active": "none", "button_secondary_shadow": "none", "button_secondary_shadow_hover": "none",
    "button_secondary_shadow_active": "none",
}  # fmt: skip


def make_theme() -> Any:
    """A Gradio theme for light and dark pages, its stylesheet included.

    Returns:
        A `gradio.themes.Base`; it names no font that would have to be fetched.
    """
    from gradio import themes

    theme = themes.Base(
        primary_hue=_hue(BLUES), secondary_hue=_hue(BLUES), neutral_hue=_hue(GREYS), font=SANS, font_mono=MONO
    )
    light = {name: value for name, (value, _) in COLOURS.items()}
    dark = {f"{name}_dark": value for name, (_, value) in COLOURS.items()}
    theme.set(**light, **dark, **SHAPES)
    theme.name = "finetune"
    # Given to `launch(css=…)`, Gradio would put its own container before every selector inside of a media query; as a
    # part of the theme the rules stay as written, and are there before the page is first drawn.
    theme.custom_css = css()
    return theme


def css() -> str:
    """The stylesheet of the demo, which `make_theme` already has in it."""
    return _asset("style.css")


def head() -> str:
    """What goes into the page's head: the colours of the browser's own parts, and what Gradio leaves undone for
    keyboards and screen readers."""
    light, dark = COLOURS["body_background_fill"]
    return (
        '<meta name="color-scheme" content="light dark">'
        f'<meta name="theme-color" content="{light}" media="(prefers-color-scheme: light)">'
        f'<meta name="theme-color" content="{dark}" media="(prefers-color-scheme: dark)">'
        f"<script>{_asset('access.js')}</script>"
    )


def _asset(name: str) -> str:
    return (files("finetune.serving") / "assets" / name).read_text(encoding="utf-8")


def _hue(shades: tuple[str, ...]) -> Any:
    from gradio.themes.utils.colors import Color

    return Color(**dict(zip(SHADES, shades, strict=True)))
