"""Known accounts with their tokens, in one file that only the user can read."""

from pathlib import Path

import msgspec

from chat_client.core.addresses import ServerAddress
from chat_client.core.errors import ConfigError
from chat_client.core.files import locked, read_private, write_private
from chat_client.core.language import tr

__all__ = ["Account", "AccountStore", "Credentials"]


class Account(msgspec.Struct, frozen=True):
    """A user at a server."""

    address: ServerAddress
    user: str
    """Folded to lower case."""

    @property
    def key(self) -> str:
        """``user@host:port``."""
        return f"{self.user}@{self.address.key}"


class Credentials(msgspec.Struct, frozen=True):
    """How to log in when there is no token, or the server has forgotten it. Never kept longer than needed."""

    password: str
    register: bool = False
    """Make the account first."""
    display_name: str = ""
    invite: str = ""

    def __repr__(self) -> str:
        """Return a text without the secrets, for logs and tracebacks."""
        return f"Credentials(register={self.register})"


class _Kept(msgspec.Struct):
    account: Account
    token: str = ""


class _File(msgspec.Struct):
    version: int = 1
    accounts: list[_Kept] = []


class AccountStore:
    """The file. Every method reads it anew, so several programs may use it at once. Blocks for a disk access."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Account]:
        """Return the known accounts, the one used last first.

        Raises:
            ConfigError: The file cannot be understood, or others can read it.
        """
        return [kept.account for kept in self._read().accounts]

    def find(self, user: str = "", address: ServerAddress | None = None) -> Account | None:
        """Return the account used last that fits; empty fits all."""
        for account in self.all():
            if user in ("", account.user) and address in (None, account.address):
                return account
        return None

    def token(self, account: Account) -> str:
        """Return the token of an account; empty if there is none."""
        return next((kept.token for kept in self._read().accounts if kept.account.key == account.key), "")

    def keep(self, account: Account, token: str) -> None:
        """Keep an account as the one used last; an empty token keeps the account alone."""
        with locked(self._lock):
            rest = [kept for kept in self._read().accounts if kept.account.key != account.key]
            self._write([_Kept(account, token), *rest])

    def forget(self, account: Account) -> None:
        """Forget an account and its token."""
        with locked(self._lock):
            self._write([kept for kept in self._read().accounts if kept.account.key != account.key])

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")

    def _read(self) -> _File:
        content = read_private(self._path)
        if content is None:
            return _File()
        try:
            return msgspec.json.decode(content, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                tr("{path} cannot be understood: {error}: move it away to start anew").format(
                    path=self._path, error=error
                )
            ) from None

    def _write(self, accounts: list[_Kept]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(_File(accounts=accounts)), indent=2))
