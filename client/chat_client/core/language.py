"""The language that the clients speak. One catalogue for the process, chosen once when it starts (and by a setting).

The source texts are English, so English needs no catalogue. A text is looked up when it is shown: what is made when a
module is imported (keys, summaries of commands) is only marked there. ``make catalogue`` collects what is given to
:func:`tr`, :func:`tr_n` and :func:`mark`, so it has to be a literal there; values come in with ``format``.
"""

import gettext
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chat_client.core.text import Safe

__all__ = ["DOMAIN", "LOCALE_DIRECTORY", "choose", "language", "mark", "tr", "tr_n"]

DOMAIN: Final = "chat_client"
LOCALE_DIRECTORY: Final = Path(__file__).resolve().parent.parent / "locale"
VARIABLE: Final = "CHAT_CLIENT_LANGUAGE"

_SIMPLIFIED: Final = frozenset({"zh", "zh_cn", "zh_sg", "zh_hans", "zh_hans_cn", "zh_hans_sg"})

_language = "en"
_catalogue = gettext.NullTranslations()


def tr(text: str) -> Safe:
    """Return a text of the program in the user's language, with its ``{names}`` still to be filled in."""
    return Safe(_catalogue.gettext(text))


def tr_n(one: str, many: str, count: int, **values: object) -> str:
    """Return the text for a count, with ``{count}`` and other values filled in."""
    return _catalogue.ngettext(one, many, count).format(count=count, **values)


def mark(text: str) -> str:
    """Return ``text`` as it is: it goes into the catalogue, and whoever shows it gives it to :func:`tr`."""
    return text


def language() -> str:
    """Return which language is spoken now, ``en`` or ``zh``."""
    return _language


def choose(setting: str = "", environment: Mapping[str, str] | None = None) -> None:
    """Speak the language of a setting from now on; blocks for a disk access.

    Args:
        setting: ``en``, ``zh`` or ``auto``; empty: what ``CHAT_CLIENT_LANGUAGE`` says, before the settings are read.
        environment: Where ``auto`` finds the locale; None: the process's own. The system need not have that locale.
    """
    global _language, _catalogue  # noqa: PLW0603 - a process speaks one language
    environment = os.environ if environment is None else environment
    setting = setting or environment.get(VARIABLE, "")
    wanted = setting if setting in ("en", "zh") else _of_locale(environment)
    if wanted != _language:
        _catalogue = gettext.translation(DOMAIN, LOCALE_DIRECTORY, [wanted], fallback=True)
        _language = wanted


def _of_locale(environment: Mapping[str, str]) -> str:
    """Return the first language that we speak of those that the user prefers, as gettext reads the variables."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((name for name in names if name), "C")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return "en"  # then LANGUAGE does not count
    for named in (environment.get("LANGUAGE") or locale).split(":"):
        name = named.partition(".")[0].partition("@")[0].replace("-", "_").lower()
        if name in _SIMPLIFIED:
            return "zh"
        if name.partition("_")[0] == "en":
            return "en"
    return "en"
