"""Where a server is, and what a link to it says. Pure: no socket, no file.

A link to a server, as `chat-server` prints it and /invite-link makes it::

    chat://host:port/?invite=CODE&fp=sha256:HEX&user=NAME        TLS
    tcp://127.0.0.1:port/                                        in the clear, loopback only
"""

import ipaddress
import re
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from chat_client.core.errors import ConfigError
from chat_client.core.language import tr

__all__ = ["DEFAULT_PORT", "ServerAddress", "ServerLink", "fingerprint_of", "parse_link"]

DEFAULT_PORT: Final = 7007
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class ServerAddress(msgspec.Struct, frozen=True):
    """Host and port, and whether the connection is encrypted."""

    host: str
    port: int = DEFAULT_PORT
    tls: bool = True

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine; only then the clear is allowed."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def key(self) -> str:
        """The address as one word, as the trust store and the accounts name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        """Return the address as a link without anything else."""
        return f"{'chat' if self.tls else 'tcp'}://{self.key}"


class ServerLink(msgspec.Struct, frozen=True):
    """What a link says: the server, its pinned certificate, an invite, a user name. Empty where it does not say."""

    address: ServerAddress
    fingerprint: str = ""
    """``sha256:`` and 64 hex digits."""
    invite: str = ""
    user: str = ""

    def __str__(self) -> str:
        """Return the link as text; it holds the invite, so it is a secret while that is valid."""
        fields = [("invite", self.invite), ("fp", self.fingerprint), ("user", self.user)]
        query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in fields if value)
        return f"{self.address}/" + (f"?{query}" if query else "")


def parse_link(text: str) -> ServerLink:
    """Read ``chat://…``, ``tcp://…``, ``host``, ``host:port`` or ``[v6]:port``.

    Raises:
        ConfigError: It is none of these, or would send in the clear over a network.
    """
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"chat://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(
            tr("the address {text!r} cannot be understood: {error}").format(text=text, error=error)
        ) from None
    is_host = bool(host) and host.isprintable() and " " not in host
    if parts.scheme not in ("chat", "tcp") or not is_host or parts.username is not None or parts.path not in ("", "/"):
        raise ConfigError(
            tr("the address {text!r} cannot be understood: expected chat://host:port or host:port").format(text=text)
        )
    address = ServerAddress(host, DEFAULT_PORT if port is None else port, parts.scheme == "chat")
    if not address.tls and not address.is_loopback:
        raise ConfigError(
            tr("tcp:// sends in the clear and is only for this machine: use chat://{address}").format(
                address=address.key
            )
        )
    query = parse_qs(parts.query)
    fingerprint = query.get("fp", [""])[0]
    return ServerLink(
        address,
        fingerprint_of(fingerprint) if fingerprint else "",
        query.get("invite", [""])[0],
        query.get("user", [""])[0],
    )


def fingerprint_of(text: str) -> str:
    """Return a fingerprint in its one form, ``sha256:`` and 64 lower-case hex digits; colons and case do not matter.

    Raises:
        ConfigError: It is no SHA-256 fingerprint.
    """
    digits = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if not _FINGERPRINT.fullmatch(digits):
        raise ConfigError(tr("a fingerprint is sha256: and 64 hex digits, as chat-server prints it when it starts"))
    return f"sha256:{digits}"
