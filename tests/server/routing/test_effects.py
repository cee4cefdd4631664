"""Refusals as values (protocol.md 1)."""

import pytest
from msgspec import UNSET

from chat_protocol import packets
from chat_protocol.errors import TRANSIENT, ErrorCode
from chat_server.routing.effects import RETRY_AFTER_MS, Reply, refuse


@pytest.mark.parametrize("code", list(ErrorCode))
def test_transient_refusals_advise(code: ErrorCode) -> None:
    """Every transient refusal says when to try again, no other does (protocol.md 1)."""
    (effect,) = refuse(7, code, "no")

    advice = RETRY_AFTER_MS if code in TRANSIENT else UNSET
    assert effect == Reply(packets.Error(code, "no", re=7, retry_after_ms=advice))


def test_better_advice_is_kept() -> None:
    """Where it is known when to try again, that is told (protocol.md 1)."""
    (effect,) = refuse(7, ErrorCode.RATE_LIMITED, "no", retry_after_ms=20)

    assert isinstance(effect, Reply)
    assert isinstance(effect.packet, packets.Error)
    assert effect.packet.retry_after_ms == 20
