"""Colours and signs: what every part of the screen is drawn with, made from the theme that is set.

Roles name what a piece of text is, never a colour. Each sign also says by its shape what its colour says.
"""

import zlib
from collections.abc import Mapping
from typing import Final

import msgspec
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

__all__ = ["CONTRAST", "DARK", "GLYPHS", "LIGHT", "PLAIN_GLYPHS", "THEMES", "Glyphs", "Looks", "contrast"]

MIN_CONTRAST: Final = 4.5
"""What WCAG asks of text at the least."""

_HUES: Final = (4, 24, 42, 64, 96, 140, 166, 186, 204, 222, 252, 278, 304, 332)
_ANSI_NICKS: Final = ("red", "green", "yellow", "blue", "magenta", "cyan", "bright_red", "bright_green",
                      "bright_yellow", "bright_blue", "bright_magenta", "bright_cyan")  # fmt: skip

DARK: Final = Theme(
    name="chat-dark",
    primary="#7fb0e8",
    secondary="#8fa3bf",
    accent="#e6b673",
    warning="#e6b673",
    error="#f08a8a",
    success="#8ecf9c",
    foreground="#d5dae3",
    background="#12161d",
    surface="#171c25",
    panel="#1e2530",
    dark=True,
    variables={
        "border": "#4a5a72",
        "border-blurred": "#2b3442",
        "input-selection-background": "#2f4a6d",
        "screen-selection-background": "#2f4a6d",
        "block-cursor-background": "#2a3648",
        "block-cursor-foreground": "#eef2f8",
        "scrollbar": "#2b3442",
        "scrollbar-hover": "#3a465a",
        "scrollbar-active": "#4a5a72",
        "scrollbar-background": "#12161d",
        "scrollbar-background-hover": "#12161d",
        "scrollbar-background-active": "#12161d",
        "scrollbar-corner-color": "#12161d",
    },
)
LIGHT: Final = Theme(
    name="chat-light",
    primary="#1f5fa8",
    secondary="#51617a",
    accent="#8a5200",
    warning="#8a5200",
    error="#b3261e",
    success="#1d6b37",
    foreground="#232a34",
    background="#fbfbf9",
    surface="#f3f3ef",
    panel="#e9e9e4",
    dark=False,
    variables={
        "border": "#8a97a8",
        "border-blurred": "#d3d6da",
        "input-selection-background": "#bcd6f5",
        "screen-selection-background": "#bcd6f5",
        "block-cursor-background": "#dbe6f3",
        "block-cursor-foreground": "#16202c",
        "scrollbar": "#d3d6da",
        "scrollbar-hover": "#b9c0c9",
        "scrollbar-active": "#8a97a8",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-background-hover": "#fbfbf9",
        "scrollbar-background-active": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
    },
)
CONTRAST: Final = Theme(
    name="chat-contrast",
    primary="#7fd0ff",
    secondary="#ffffff",
    accent="#ffd75f",
    warning="#ffd75f",
    error="#ff8080",
    success="#7fff9f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    dark=True,
    variables={
        "border": "#ffffff",
        "border-blurred": "#b0b0b0",
        "input-selection-background": "#005f87",
        "screen-selection-background": "#005f87",
        "block-cursor-background": "#ffffff",
        "block-cursor-foreground": "#000000",
        "scrollbar": "#b0b0b0",
        "scrollbar-background": "#000000",
        "scrollbar-background-hover": "#000000",
        "scrollbar-background-active": "#000000",
        "scrollbar-corner-color": "#000000",
    },
)
THEMES: Final = (DARK, LIGHT, CONTRAST)


class Glyphs(msgspec.Struct, frozen=True):
    """The signs, each one cell wide."""

    rule: str = "─"
    dots: str = "┄"
    bar: str = "│"
    strong_bar: str = "┃"
    cursor: str = "▌"
    ellipsis: str = "…"
    pending: str = "…"
    failed: str = "✗"
    read: str = "✓"
    quote: str = "╭"
    online: str = "●"
    away: str = "◐"
    offline: str = "○"
    down: str = "▼"
    up: str = "▲"
    more: str = "▾"
    folded: str = "▸"
    came: str = "→"
    went: str = "←"
    both: str = "⇄"
    draft: str = "✎"
    dot: str = "·"
    warning: str = "⚠"


GLYPHS: Final = Glyphs()
PLAIN_GLYPHS: Final = Glyphs(
    rule="-", dots="-", bar="|", strong_bar="#", cursor=">", ellipsis="~", pending=".", failed="x", read="+", quote=",",
    online="*", away="%", offline="o", down="v", up="^", more="v", folded=">", came=">", went="<", both="=", draft="&",
    dot="-", warning="!",
)  # fmt: skip


class Looks(msgspec.Struct, frozen=True):
    """Styles by role, nick colours and signs, for one theme."""

    name: str
    """Of the theme; two looks with the same name draw alike."""
    styles: Mapping[str, Style]
    nicks: tuple[Style, ...]
    glyphs: Glyphs = GLYPHS

    def nick(self, user: str) -> Style:
        """Return the style of a user's name: the same on every run and every device."""
        return self.nicks[zlib.crc32(user.encode()) % len(self.nicks)]

    def style(self, role: str) -> Style:
        """Return the style of a role; ``nick:NAME`` is the colour of a user."""
        if role.startswith("nick:"):
            return self.nick(role[5:])
        return self.styles[role]

    @classmethod
    def of(
        cls, theme: Theme, variables: Mapping[str, str], *, ascii_only: bool = False, is_mono: bool = False
    ) -> "Looks":
        """Make the looks of a theme; ``variables`` are its colours as Textual has worked them out.

        With ``is_mono`` no style has a colour, whatever the theme: what stands out is bold, underlined or reversed.
        """
        glyphs = PLAIN_GLYPHS if ascii_only else GLYPHS
        name = f"{theme.name}{'-ascii' if ascii_only else ''}{'-mono' if is_mono else ''}"
        if is_mono:
            return cls(name, {role: style.without_color for role, style in _ansi_styles().items()}, (Style(),), glyphs)
        if theme.ansi or Color.parse(variables["foreground"]).ansi is not None:
            return cls(name, _ansi_styles(), tuple(Style(color=color) for color in _ANSI_NICKS), glyphs)
        colours = {key: Color.parse(variables[key]) for key in _NEEDED}
        return cls(name, _styles(colours), _nicks(colours["background"], theme.dark), glyphs)


_NEEDED: Final = ("foreground", "background", "panel", "primary", "accent", "error", "warning", "success")


def _styles(colours: Mapping[str, Color]) -> dict[str, Style]:
    ground, text = colours["background"], colours["foreground"]
    # Themes are made for larger things than letters: what cannot be read in its colour is moved towards the text's.
    told = {
        name: _readable(colours[name], text, ground) for name in ("primary", "accent", "error", "warning", "success")
    }

    def plain(color: Color, bold: bool = False, italic: bool = False, underline: bool = False) -> Style:
        # What is not asked for stays open, so that a style can lie over another one.
        return Style(color=color.rich_color, bold=bold or None, italic=italic or None, underline=underline or None)

    dim = _readable(ground.blend(text, 0.62), text, ground)
    selected = ground.blend(colours["primary"], 0.16).rich_color
    return {
        "text": plain(text),
        "strong": plain(text, bold=True),
        "dim": plain(dim),
        "italic": plain(dim, italic=True),
        "emphasis": plain(text, italic=True),
        "rule": plain(ground.blend(text, 0.22)),
        "accent": plain(told["primary"]),
        "title": plain(told["primary"], bold=True),
        "me": plain(text, bold=True),
        "mention": plain(told["accent"], bold=True),
        "badge": plain(told["primary"], bold=True),
        "new": plain(told["accent"]),
        "error": plain(told["error"]),
        "warning": plain(told["warning"], bold=True),
        "success": plain(told["success"]),
        "link": plain(told["primary"], underline=True),
        "code": Style(color=text.rich_color, bgcolor=colours["panel"].rich_color),
        "mark": plain(dim),
        "selected": Style(bgcolor=selected),
        "cursor": Style(bgcolor=ground.blend(colours["primary"], 0.22).rich_color, bold=True),
        "chip": Style(color=ground.rich_color, bgcolor=told["primary"].rich_color, bold=True),
        "banner": Style(color=ground.rich_color, bgcolor=told["warning"].rich_color, bold=True),
    }


def _ansi_styles() -> dict[str, Style]:
    """The roles in the terminal's own palette."""
    return {role: Style.parse(definition) for role, definition in _ANSI.items()}


_ANSI: Final = {
    "text": "none",
    "strong": "bold",
    "dim": "dim",
    "italic": "dim italic",
    "emphasis": "italic",
    "rule": "dim",
    "accent": "blue",
    "title": "bold blue",
    "me": "bold",
    "mention": "bold yellow",
    "badge": "bold blue",
    "new": "yellow",
    "error": "red",
    "warning": "bold yellow",
    "success": "green",
    "link": "underline blue",
    "code": "cyan",
    "mark": "dim",
    "selected": "reverse",
    "cursor": "bold reverse",
    "chip": "bold reverse",
    "banner": "bold yellow reverse",
}


def contrast(first: Color, second: Color) -> float:
    """Return the contrast of two colours as WCAG counts it, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    parts = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized)
    red, green, blue = parts
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(color: Color, towards: Color, ground: Color) -> Color:
    """Return ``color`` moved towards another one until it can be read on ``ground``."""
    for step in range(11):
        moved = color.blend(towards, step / 10)
        if contrast(moved, ground) >= MIN_CONTRAST:
            return moved
    return towards


def _nicks(ground: Color, dark: bool) -> tuple[Style, ...]:
    """Return a colour for each hue, as calm as it can be read."""
    end = Color.parse("#ffffff" if dark else "#000000")
    lightness, saturation = (0.70, 0.52) if dark else (0.36, 0.62)
    base = (Color.from_hsl(hue / 360, saturation, lightness) for hue in _HUES)
    return tuple(Style(color=_readable(color, end, ground).rich_color) for color in base)
