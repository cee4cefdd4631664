"""Connections that come and go while something is decided about their user (protocol.md 4, 6)."""

from __future__ import annotations

import pytest

from chat_protocol import packets
from tests.server.dispatch.desk import Desk
from tests.server.routing.builders import crew


@pytest.mark.parametrize(
    "verdict", [packets.AdminDisableUser(1, "mia"), packets.AdminResetPassword(1, "mia")], ids=["disabled", "reset"]
)
def test_a_login_that_is_stored_after_the_verdict(verdict: packets.ClientPacket) -> None:
    """A session that opens after its user was thrown out is closed at once and gets nothing (protocol.md 6)."""
    world = crew()
    desk = Desk(world)
    world.ok("root", verdict)
    late = desk.log_in("mia")
    desk.flush()

    assert late.is_closed
    assert [getattr(each, "code", "") for each in late.seen] == ["bad_credentials"]
    assert desk.connections.online == {}
    assert world.who("mia").connections == 0
