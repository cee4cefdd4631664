"""The server's settings: flag over environment over file over default, merged once.

Each field of :class:`Config` is a TOML key, a flag ``--some-key`` and an environment variable ``CHAT_SERVER_SOME_KEY``.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from platformdirs import user_data_path

from chat_protocol.limits import MAX_FRAME_BYTES, MAX_SERVER_FRAME_BYTES

ENVIRONMENT_PREFIX = "CHAT_SERVER_"
COMMAND_LINE = "command line"


class ConfigError(Exception):
    """A setting is wrong; the text says which, where it came from and what it should be.

    ``is_option`` tells whether it came from the command line.
    """

    def __init__(self, text: str, *, is_option: bool = False) -> None:
        super().__init__(text)
        self.is_option = is_option


Positive = Annotated[int, Meta(ge=1)]


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. The docstrings of docs/configuration.md say the same with units and defaults."""

    data_dir: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 7007
    insecure: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    allow_root: bool = False
    name: Annotated[str, Meta(min_length=1, max_length=64)] = "Team chat"
    registration: Annotated[str, Meta(pattern="^(open|invite|closed)$")] = "invite"
    rate_limit: Annotated[str, Meta(pattern=r"^(off|(?=.*[1-9])[0-9]+(\.[0-9]+)?)$")] = "10"
    rate_burst: Positive = 40
    request_limit: Annotated[int, Meta(ge=1)] = 50
    request_burst: Positive = 500
    login_failures: Positive = 5
    registrations_per_hour: Positive = 60
    max_connections_per_user: Positive = 32
    max_strangers_per_address: Positive = 32
    max_groups_per_user: Positive = 1000
    max_members_per_group: Positive = 10_000
    max_devices_per_user: Positive = 100
    max_frame: Annotated[int, Meta(ge=4096, le=MAX_SERVER_FRAME_BYTES)] = MAX_FRAME_BYTES
    retries: Annotated[int, Meta(ge=0, le=10)] = 3
    max_connections: Positive = 10_000
    io_threads: Annotated[int, Meta(ge=1, le=64)] = 1
    reader_threads: Annotated[int, Meta(ge=1, le=64)] = 2
    hashing_threads: Annotated[int, Meta(ge=1, le=64)] = 2
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=4_194_304)] = 19_456
    argon2_time_cost: Annotated[int, Meta(ge=1, le=1000)] = 2
    cache_mib: Positive = 64
    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"
    log_format: Annotated[str, Meta(pattern="^(auto|json|console)$")] = "auto"

    @property
    def data_path(self) -> Path:
        """Where everything is kept."""
        return Path(self.data_dir).expanduser() if self.data_dir else user_data_path("chat-server")

    @property
    def messages_per_s(self) -> float:
        """The rate limit of one user; 0 is none."""
        return 0.0 if self.rate_limit == "off" else float(self.rate_limit)

    @property
    def is_open_to_strangers(self) -> bool:
        """Whether limits on guessing, registering and connecting are in force: always, but for tests on loopback."""
        return self.rate_limit != "off" or not is_loopback(self.host)


def load(path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """Merge the settings.

    Raises:
        ConfigError: a source has an unknown key or a wrong value, or the file cannot be read.
    """
    merged: dict[str, Any] = {}
    if path is not None:
        merged |= _check(_read(path), str(path), strict=True)
    known = {ENVIRONMENT_PREFIX + field.upper(): field for field in Config.__struct_fields__}
    from_environment = {known[key]: value for key, value in environment.items() if key in known}
    merged |= _check(from_environment, "environment", strict=False)
    merged |= _check(dict(flags), COMMAND_LINE, strict=False)
    config = msgspec.convert(merged, Config)
    if config.insecure and not is_loopback(config.host):
        is_option = not flags.keys().isdisjoint({"insecure", "host"})
        raise ConfigError(f"insecure: plain TCP is allowed on loopback only, not on {config.host}", is_option=is_option)
    if config.tls_key and not config.tls_cert:
        raise ConfigError(
            "tls_key: a key is of use with its certificate only: set tls_cert", is_option="tls_key" in flags
        )
    try:
        _ = config.data_path
    except RuntimeError:  # the user has no home directory, as in many containers
        raise ConfigError(
            "data_dir: there is no home directory to take it from: set data_dir to a whole path",
            is_option="data_dir" in flags,
        ) from None
    return config


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # any other name may mean any machine, 127.example.org too


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _check(values: dict[str, Any], source: str, *, strict: bool) -> dict[str, Any]:
    """The values of one source, converted to their types."""
    try:
        config = msgspec.convert(values, Config, strict=strict)
    except msgspec.ValidationError as error:
        text = f"{source}: {error}".replace("`$.", "`").replace("$.", "")
        raise ConfigError(text, is_option=source is COMMAND_LINE) from None
    return {key: getattr(config, key) for key in values}
