"""What every rule is given (protocol.md 6, typing)."""

from chat_protocol.names import group_conversation, private_conversation
from chat_server.routing.context import secret_hash
from tests.server.routing.builders import NOW_MS, World

CREW, BOB = group_conversation("crew"), private_conversation("bob")


def test_typing_at_most_once_in_three_seconds() -> None:
    """Typing is told at most once in 3 s, for each user and conversation (protocol.md 6)."""
    context = World(("mia",)).context

    assert context.may_type(1, CREW)
    assert not context.may_type(1, CREW)
    assert context.may_type(2, CREW)
    assert context.may_type(1, BOB)
    context.now_ms = NOW_MS + 2_999
    assert not context.may_type(1, CREW)
    context.now_ms = NOW_MS + 3_000
    assert context.may_type(1, CREW)


def test_typing_with_a_clock_set_back() -> None:
    """A clock that is set back does not silence anybody (reliability.md I19)."""
    context = World(("mia",)).context
    context.may_type(1, CREW)
    context.now_ms = NOW_MS - 3_600_000

    assert context.may_type(1, CREW)


def test_old_typing_is_forgotten() -> None:
    """What has lasted 3 s is dropped, the rest still counts (reliability.md I16)."""
    context = World(("mia",)).context
    context.may_type(1, CREW)
    context.now_ms += 2_000
    context.may_type(2, CREW)
    context.now_ms += 1_500
    context.forget_typing()

    assert not context.may_type(2, CREW)
    assert context.may_type(1, CREW)


def test_secrets_are_kept_as_hashes() -> None:
    """Tokens and invites are kept as SHA-256 (protocol.md 4)."""
    assert len(secret_hash("token")) == 32
    assert secret_hash("token") != secret_hash("Token")
