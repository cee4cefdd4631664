"""What a window remembers over a restart besides what the core keeps: where one was, what was written, what was hidden.

It is for comfort alone: a file that cannot be read or written is no reason to say anything.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec

from chat_client.core.accounts import Account
from chat_client.core.errors import ConfigError
from chat_client.core.files import read_private, write_private
from chat_client.core.profile import Profile

__all__ = ["Memory"]

MAX_LINES: Final = 200
MAX_ACCOUNTS: Final = 32
MAX_PLACES: Final = 200

_log = logging.getLogger(__name__)


class _Kept(msgspec.Struct):
    room: str = ""
    lines: list[str] = []
    places: dict[str, tuple[str, int]] = {}
    hidden: list[str] = []
    widths: dict[str, int] = {}


class _File(msgspec.Struct):
    version: int = 1
    accounts: dict[str, _Kept] = {}


class Memory:
    """The memory of one account on this device. :meth:`load` and :meth:`save` block for a disk access."""

    def __init__(self, profile: Profile, account: Account) -> None:
        self._path: Path = profile.directory / "tui.json"
        self._key = account.key
        self.room = ""
        """The conversation that was open last; empty: none."""
        self.lines: list[str] = []
        """What was sent last, oldest first."""
        self.places: dict[str, tuple[str, int]] = {}
        """Where the reader stood, by conversation: an entry's key and a row of the screen; not there: at the end."""
        self.hidden: set[str] = set()
        """Panes and parts of the list of conversations that were put away."""
        self.widths: dict[str, int] = {}
        """Cells of the panes that have another width than the usual one."""
        self.is_changed = False

    def load(self) -> "Memory":
        """Take over what is on disk, if anything is."""
        kept = _read(self._path).accounts.get(self._key, _Kept())
        self.room, self.lines = kept.room, kept.lines[-MAX_LINES:]
        self.places, self.hidden, self.widths = dict(kept.places), set(kept.hidden), dict(kept.widths)
        return self

    def open(self, room: str) -> None:
        """Remember which conversation is open."""
        if room != self.room:
            self.room, self.is_changed = room, True

    def wrote(self, line: str) -> None:
        """Remember what was sent."""
        if not self.lines or self.lines[-1] != line:
            self.lines = [*self.lines[1 - MAX_LINES :], line]
            self.is_changed = True

    def stood(self, room: str, place: tuple[str, int] | None) -> None:
        """Remember where the reader stands in a conversation; None: at its end."""
        if self.places.get(room) == place:
            return
        self.places.pop(room, None)
        if place is not None:
            self.places[room] = place
            while len(self.places) > MAX_PLACES:
                del self.places[next(iter(self.places))]
        self.is_changed = True

    def hide(self, part: str, hidden: bool) -> None:
        """Remember that a part of the screen was put away, or brought back."""
        if hidden != (part in self.hidden):
            self.hidden ^= {part}
            self.is_changed = True

    def size(self, pane: str, width: int) -> None:
        """Remember how wide a pane is, in cells; 0: as usual."""
        if width != self.widths.get(pane, 0):
            self.widths = {**self.widths, pane: width}
            self.is_changed = True

    def save(self) -> None:
        """Write what changed; what other windows wrote for other accounts stays."""
        if not self.is_changed:
            return
        self.is_changed = False
        file = _read(self._path)
        file.accounts.pop(self._key, None)
        file.accounts[self._key] = _Kept(self.room, self.lines, self.places, sorted(self.hidden), self.widths)
        while len(file.accounts) > MAX_ACCOUNTS:
            del file.accounts[next(iter(file.accounts))]
        try:
            write_private(self._path, msgspec.json.encode(file))
        except (OSError, ConfigError):
            _log.warning("%s cannot be written", self._path, exc_info=True)


def _read(path: Path) -> _File:
    try:
        content = read_private(path)
        return _File() if content is None else msgspec.json.decode(content, type=_File)
    except (OSError, ConfigError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _log.warning("%s cannot be read", path, exc_info=True)
        return _File()
