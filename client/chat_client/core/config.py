"""Settings of the clients, from one TOML file and the environment. Read once, passed down by constructors."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from chat_client.core.errors import ConfigError

__all__ = ["ClientConfig", "config_path", "load_config"]


class ClientConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a user may set; each key is also an environment variable ``CHAT_CLIENT_<KEY>``."""

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
        ConfigError: The file is no TOML, a key is unknown, or a value is of the wrong kind.
    """
    path = config_path() if path is None else path
    environment = os.environ if environment is None else environment
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        values = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    known = ClientConfig.__struct_fields__
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f", did you mean {near[0]}?" if near else f", known are {', '.join(known)}"
            raise ConfigError(f"{path}: {key} is no setting{hint}")
    for key in known:
        named = environment.get(f"CHAT_CLIENT_{key.upper()}")
        if named is not None and key != "keys":
            values[key] = named
    try:
        return msgspec.convert(values, ClientConfig, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None
