"""Codes of errors (protocol.md 1)."""

from chat_protocol.errors import (
    CLOSING,
    COUNTED,
    TRANSIENT,
    ErrorCode,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
)


def test_closing_codes() -> None:
    """Exactly the codes marked * close the connection (protocol.md 1)."""
    assert set(CLOSING) == {
        "bad_frame",
        "bad_json",
        "too_many_errors",
        "protocol_version",
        "going_away",
        "slow_consumer",
    }


def test_transient_codes() -> None:
    """Exactly these say: nothing was stored, send it again (protocol.md 1)."""
    assert set(TRANSIENT) == {
        "rate_limited",
        "overloaded",
        "storage",
        "retry_order",
        "going_away",
        "slow_consumer",
    }


def test_counted_codes() -> None:
    """More than 20 of these in a minute are too many (protocol.md 1)."""
    assert set(COUNTED) == {"bad_request", "bad_text", "unknown_type", "wrong_state"}


def test_counted_codes_are_permanent() -> None:
    """A mistake of the client's is never one that passes by itself (protocol.md 1)."""
    assert not COUNTED & TRANSIENT
    assert not COUNTED & CLOSING


def test_remote_error_says_what_to_answer() -> None:
    """An error of the other side carries code, request and field (protocol.md 1)."""
    error = RemoteProtocolError(ErrorCode.BAD_TEXT, "no", re=7, field="content")

    assert (error.code, error.message, error.re, error.field, str(error)) == ("bad_text", "no", 7, "content", "no")
    assert isinstance(error, ProtocolError)
    assert issubclass(LocalProtocolError, ProtocolError)
