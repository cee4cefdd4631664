"""The directory with everything that the clients of one user keep on disk.

::

    accounts.json               known accounts with their tokens, 0600
    trust.json                  pinned certificates, 0600
    USER@HOST_PORT/slot-1/      one running client's files: its database and its lock
    USER@HOST_PORT/slot-2/      the same for a second client of this account that runs at the same time

Two clients never share a database. One that starts alone takes over what others left in their outboxes, so a message
written in a window that is gone is sent all the same.
"""

import os
from pathlib import Path
from typing import Final

import platformdirs

from chat_client.core.accounts import Account, AccountStore
from chat_client.core.errors import ProfileInUse
from chat_client.core.files import make_private_dir, try_lock
from chat_client.core.language import tr
from chat_client.core.trust import TrustStore

__all__ = ["Profile", "Slot"]

MAX_SLOTS: Final = 16


class Slot:
    """One running client's directory, locked until :meth:`close` or the end of the process."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory = directory
        self.database = directory / "chat.sqlite3"
        self._lock = lock

    def close(self) -> None:
        """Let another client have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class Profile:
    """The files of one user. Making one touches no file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.accounts = AccountStore(directory / "accounts.json")
        self.trust = TrustStore(directory / "trust.json")

    @classmethod
    def default(cls) -> "Profile":
        """Return the profile in the place that the system wants for it; ``CHAT_DATA_DIR`` names another."""
        named = os.environ.get("CHAT_DATA_DIR")
        return cls(Path(named) if named else platformdirs.user_data_path("chat-suite", appauthor=False))

    def prepare(self) -> None:
        """Make the directory.

        Raises:
            ConfigError: It cannot be made, or belongs to somebody else.
        """
        make_private_dir(self.directory)

    def open_slot(self, account: Account) -> Slot:
        """Lock the first slot of an account that no other client uses.

        Raises:
            ConfigError: The directory cannot be made.
            ProfileInUse: All slots are in use.
        """
        for number in range(1, MAX_SLOTS + 1):
            slot = self._try(self._base(account) / f"slot-{number}")
            if slot is not None:
                return slot
        raise ProfileInUse(
            tr("{count} other clients run as {account}: close one, or use another directory with --data-dir").format(
                count=MAX_SLOTS, account=account.key
            )
        )

    def orphans(self, account: Account, own: Slot) -> list[Slot]:
        """Lock and return the slots of clients that do not run any more; close each when done with it."""
        base = self._base(account)
        others = sorted(path.parent for path in base.glob("slot-*/chat.sqlite3") if path.parent != own.directory)
        return [slot for path in others if (slot := self._try(path)) is not None]

    def _base(self, account: Account) -> Path:
        host = account.address.key.replace(":", "_").replace("[", "").replace("]", "").replace("/", "_")
        return self.directory / f"{account.user}@{host}"

    def _try(self, directory: Path) -> Slot | None:
        make_private_dir(directory)
        lock = try_lock(directory / "lock")
        return None if lock is None else Slot(directory, lock)
