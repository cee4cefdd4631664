"""What can go wrong for the user of the client core, each with a sentence that says what happened and what to do.

ClientError
├── RequestError        the server refused a request, or it could not be asked
├── ConnectError        no connection: unreachable, untrusted, wrong fingerprint, insecure
├── ProfileInUse        another process works with every slot of this account
└── ConfigError         a file or a link cannot be understood
"""

from chat_client.core.text import Safe, safe_line

__all__ = ["ClientError", "ConfigError", "ConnectError", "ProfileInUse", "RequestError"]


class ClientError(Exception):
    """Base of what the core raises on purpose; ``str()`` of it can be shown."""


class RequestError(ClientError):
    """A request failed.

    Attributes:
        code: The server's code (protocol.md 1), or the client's own ``offline``, ``timeout``, ``connection_lost``.
        message: What happened and what to do, safe to show.
        retry_after_ms: When trying again makes sense; None if it does not, or any time.
    """

    def __init__(self, code: str, message: str, retry_after_ms: int | None = None) -> None:
        self.code = code
        self.message: Safe = safe_line(message)
        self.retry_after_ms = retry_after_ms
        super().__init__(self.message)


class ConnectError(ClientError):
    """There is no connection.

    Attributes:
        code: ``unreachable``, ``timeout``, ``untrusted``, ``wrong_fingerprint``, ``insecure`` or ``connection_lost``.
        message: What happened and what to do, safe to show.
        fingerprint: What the server showed, where that is the point.
        is_final: Whether trying again is senseless before the user does something.
    """

    def __init__(self, code: str, message: str, *, fingerprint: str = "", is_final: bool = False) -> None:
        self.code = code
        self.message: Safe = safe_line(message)
        self.fingerprint = fingerprint
        self.is_final = is_final
        super().__init__(self.message)


class ProfileInUse(ClientError):
    """Another process of this user works with the same files."""


class ConfigError(ClientError):
    """A configuration file, an account file or a link cannot be understood; the message names it."""
