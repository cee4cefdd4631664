"""Known servers and accounts with their tokens, in one file of the user's own. It is read and written whole."""

import msgspec

from chat_client.core.addresses import ServerAddress

__all__ = ["Account", "Credentials"]


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
