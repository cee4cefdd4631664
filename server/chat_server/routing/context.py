"""What every rule is given: the directory, the time, and where fresh ids and secrets come from."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from msgspec import Struct

from chat_protocol.names import ConversationName
from chat_server.routing.directory import Directory
from chat_server.routing.guessing import Guesses
from chat_server.routing.rates import Rates

_TYPING_MS: Final = 3_000


class Rules(Struct, frozen=True):
    """The settings that decisions depend on."""

    server: str = "chat-server"
    """Name and version, as ``welcome`` tells it."""
    name: str = "chat"
    """The server's title for people."""
    registration: str = "invite"
    """open, invite or closed."""
    max_frame_before_login: int = 4096
    max_frame: int = 65536
    max_groups_per_user: int = 1000
    max_members_per_group: int = 10_000
    max_devices_per_user: int = 100
    max_connections_per_user: int = 32
    login_failures: int = 0
    """Failed logins before each further one has to wait; 0: none ever has to."""
    registrations_per_hour: int = 0
    """Accounts that one network may make where registration is open; 0: no limit."""


class Passwords:
    """How passwords become hashes; the methods are slow and run on hashing threads."""

    def __init__(self, hash_: Callable[[str], str], verify: Callable[[str, str], bool]) -> None:
        self.hash = hash_
        self.verify = verify
        """Whether a password belongs to a hash."""
        self.dummy = hash_("nobody has this password")
        """Verified for unknown users, so that they take as long as known ones."""


class Context:
    """Handed to every rule. ``now_ms`` is set by the dispatcher before each turn: milliseconds since the epoch, UTC."""

    def __init__(
        self,
        directory: Directory,
        rules: Rules,
        passwords: Passwords,
        new_id: Callable[[], str],
        new_secret: Callable[[int], str],
    ) -> None:
        self.directory = directory
        self.rules = rules
        self.passwords = passwords
        self.new_id = new_id
        """Mints the message id of a system event, or a device id."""
        self.new_secret = new_secret
        """Mints a URL-safe secret of so many random bytes."""
        self.now_ms = 0
        self.guesses = Guesses(rules.login_failures)
        hourly = rules.registrations_per_hour
        self.registrations = Rates(hourly / 3600, hourly) if hourly else None
        self._typed_ms: dict[tuple[int, str], int] = {}

    def may_type(self, user: int, conversation: ConversationName) -> bool:
        """Whether 3 s have passed since ``user`` was last told to be typing in ``conversation``; counts as told."""
        last_ms = self._typed_ms.get((user, conversation))
        if last_ms is not None and 0 <= self.now_ms - last_ms < _TYPING_MS:
            return False
        self._typed_ms[user, conversation] = self.now_ms
        return True

    def forget_typing(self) -> None:
        """Drop what has lasted long enough, so that memory follows who is typing now."""
        self._typed_ms = {key: at for key, at in self._typed_ms.items() if self.now_ms - at < _TYPING_MS}


def secret_hash(secret: str) -> bytes:
    """The form in which tokens and invite codes are kept: random secrets need no slow hash."""
    return sha256(secret.encode()).digest()
