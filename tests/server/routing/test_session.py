"""What the rules know of one connection (protocol.md 1)."""

from chat_server.routing.session import Session


def test_errors_are_counted_by_the_minute() -> None:
    """More than 20 errors within a minute are too many (protocol.md 1)."""
    session = Session()

    assert not any(session.count_error(now_ms) for now_ms in range(0, 20_000, 1_000))
    assert session.count_error(59_999)
    assert not session.count_error(79_001)


def test_old_errors_are_forgotten() -> None:
    """Errors in a long life are no reason, if they are few a minute (protocol.md 1)."""
    session = Session()

    assert not any(session.count_error(now_ms) for now_ms in range(0, 10_000_000, 3_001))
    assert len(session.error_times_ms) <= 21


def test_new_connection() -> None:
    """A connection begins unknown (protocol.md 4)."""
    session = Session(address="127.0.0.1:5")

    assert (session.user, session.device, session.is_greeted, session.is_synced) == (0, "", False, False)
