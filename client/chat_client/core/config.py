"""Settings of the clients, from one TOML file and the environment. Read once, passed down by constructors."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from chat_client.core.errors import ConfigError
from chat_client.core.language import tr

__all__ = ["ClientConfig", "config_path", "line_of_key", "load_config"]


class ClientConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a user may set; each key is also an environment variable ``CHAT_CLIENT_<KEY>``."""

    language: Literal["auto", "en", "zh"] = "auto"
    """What the program speaks; auto: the language of the locale if it is one of these, else English."""
    theme: str = ""
    """Name of the theme; empty: the face's own."""
    time_format: str = "%H:%M"
    """How a message's time is shown (strftime)."""
    notify: Literal["all", "mentions", "none"] = "mentions"
    """What rings the bell and sends a desktop notification while nobody looks."""
    typing: bool = True
    """Whether the others see that the user is typing."""
    mouse: bool = True
    """Whether the program takes the mouse; false leaves selecting to the terminal."""
    ascii: bool = False
    """Whether to draw with ASCII alone."""
    fold_joins: bool = True
    """Whether joins and leaves in a row are shown as one line."""
    hide_joins: bool = False
    """Whether joins and leaves are not shown at all."""
    up_edits: bool = True
    """Whether up in an empty line edits the last message of one's own; false: it goes through the history."""
    account: str = ""
    """``user@host:port`` to start with; empty: the one used last."""
    keys: dict[str, str] = {}
    """Own keys by action."""


def config_path() -> Path:
    """Return where the file is: ``CHAT_CLIENT_CONFIG``, or the place that the system wants."""
    named = os.environ.get("CHAT_CLIENT_CONFIG")
    return Path(named) if named else platformdirs.user_config_path("chat-suite", appauthor=False) / "client.toml"


def load_config(path: Path | None = None, environment: Mapping[str, str] | None = None) -> ClientConfig:
    """Read the settings: environment over file over default. A file that is not there is empty.

    Raises:
        ConfigError: The file is no TOML, a key is unknown, or a value is of the wrong kind; all that is wrong is told,
            each with file and line, or with the variable.
    """
    path = config_path() if path is None else path
    environment = os.environ if environment is None else environment
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(tr("{path} cannot be read: {error}").format(path=path, error=error)) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        place = int(found.group(1)) if found else len(text.splitlines())
        reason = re.sub(r" \(at [^)]*\)$", "", str(error))
        raise ConfigError(f"{path}:{place}: {tr('this cannot be read: {reason}').format(reason=reason)}") from None
    known = ClientConfig.__struct_fields__
    wrong = [
        f"{path}:{_line(text, key)}: {tr('{key} is no setting').format(key=key)}{_hint(key, known)}"
        for key in values
        if key not in known
    ]
    wrong += [
        f"{path}:{_line(text, key)}: {reason}"
        for key, value in values.items()
        if key in known and (reason := _wrong(key, value, strict=True))
    ]
    for key in known:
        named = environment.get(f"CHAT_CLIENT_{key.upper()}")
        if named is not None and key != "keys":
            values[key] = named
            if reason := _wrong(key, named, strict=False):
                wrong.append(f"CHAT_CLIENT_{key.upper()}: {reason}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return msgspec.convert(values, ClientConfig, strict=False)


def line_of_key(path: Path, key: str) -> str:
    """Return ``path:line`` of a key, for what only a face can find wrong with it."""
    try:
        return f"{path}:{_line(path.read_text(encoding='utf-8'), key)}"
    except (OSError, UnicodeDecodeError):
        return str(path)


def _wrong(key: str, value: object, *, strict: bool) -> str:
    """Return what is wrong with a value; empty: nothing."""
    try:
        _ = msgspec.convert({key: value}, ClientConfig, strict=strict)
    except msgspec.ValidationError as error:
        return f"{key}: {str(error).partition(' - at')[0]}"
    return ""


def _hint(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return tr(", did you mean {near}?").format(near=near[0])
    return tr(", known are {known}").format(known=", ".join(known))


def _line(text: str, key: str) -> int:
    """Return the line on which a key, or a table of that name, stands; 1 where it is written in another way."""
    quoted = re.escape(key)
    found = re.search(rf"""^[ \t]*(\[[ \t]*)?["']?{quoted}["']?[ \t]*(=|\.|\])""", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1
