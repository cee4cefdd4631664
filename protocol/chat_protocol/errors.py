"""What can be wrong, on the wire and in using this package.

ProtocolError
├── LocalProtocolError      this side used the package wrongly: a bug, let it propagate
└── RemoteProtocolError     the other side broke the contract; carries the code to answer with
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Codes of an ``error`` frame (protocol.md 1). A client treats a code that it does not know as permanent."""

    BAD_FRAME = "bad_frame"
    BAD_JSON = "bad_json"
    BAD_REQUEST = "bad_request"
    BAD_TEXT = "bad_text"
    BAD_QUERY = "bad_query"
    UNKNOWN_TYPE = "unknown_type"
    WRONG_STATE = "wrong_state"
    TOO_MANY_ERRORS = "too_many_errors"
    PROTOCOL_VERSION = "protocol_version"
    NOT_AUTHENTICATED = "not_authenticated"
    BAD_CREDENTIALS = "bad_credentials"
    NAME_TAKEN = "name_taken"
    BAD_NAME = "bad_name"
    REGISTRATION_CLOSED = "registration_closed"
    BAD_INVITE = "bad_invite"
    NOT_FOUND = "not_found"
    NOT_MEMBER = "not_member"
    FORBIDDEN = "forbidden"
    TOO_LONG = "too_long"
    CONFLICT = "conflict"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    STORAGE = "storage"
    RETRY_ORDER = "retry_order"
    GOING_AWAY = "going_away"
    SLOW_CONSUMER = "slow_consumer"
    INTERNAL = "internal"


CLOSING = frozenset(
    {
        ErrorCode.BAD_FRAME,
        ErrorCode.BAD_JSON,
        ErrorCode.TOO_MANY_ERRORS,
        ErrorCode.PROTOCOL_VERSION,
        ErrorCode.GOING_AWAY,
        ErrorCode.SLOW_CONSUMER,
    }
)
"""Codes after which the server closes the connection (marked * in protocol.md 1)."""

TRANSIENT = frozenset(
    {
        ErrorCode.RATE_LIMITED,
        ErrorCode.OVERLOADED,
        ErrorCode.STORAGE,
        ErrorCode.RETRY_ORDER,
        ErrorCode.GOING_AWAY,
        ErrorCode.SLOW_CONSUMER,
    }
)
"""Codes after which the same request may succeed later.

Nothing was stored, send it again with the same ``message_id``.
"""

COUNTED = frozenset({ErrorCode.BAD_REQUEST, ErrorCode.BAD_TEXT, ErrorCode.UNKNOWN_TYPE, ErrorCode.WRONG_STATE})
"""Codes of which more than ``MAX_ERRORS_PER_MINUTE`` become ``too_many_errors``."""


class ProtocolError(Exception):
    """Base of everything this package raises."""


class LocalProtocolError(ProtocolError):
    """This side did what the protocol does not allow (sent too much, sent after closing)."""


class RemoteProtocolError(ProtocolError):
    """The other side sent what the protocol does not allow.

    Attributes:
        code: What to answer with.
        message: A sentence for people: what was wrong and what would be right.
        re: The ``id`` of the request, where it could be read.
        field: The member that was wrong, where it is one.
    """

    def __init__(self, code: ErrorCode, message: str, *, re: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.re = re
        self.field = field
