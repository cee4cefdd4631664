"""Small things done to what the user typed before it is sent or looked for. Pure."""

import re
import shlex
from typing import Final

__all__ = ["expand_emoji", "split_words"]

_SHORTCODE: Final = re.compile(r":[a-z0-9_+-]+:", re.IGNORECASE)
_CODE: Final = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def expand_emoji(text: str) -> str:
    """Replace ``:tada:`` by its emoji, but not inside of code."""
    if _SHORTCODE.search(text) is None:
        return text
    import emoji

    parts = _CODE.split(text)
    return "".join(part if index % 2 else emoji.emojize(part, language="alias") for index, part in enumerate(parts))


def split_words(text: str) -> list[str]:
    """Split a query into words and quoted phrases; a quote that does not end is a character like any other."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
