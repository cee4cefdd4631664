"""One who floods does not delay the others beyond a share (protocol.md 5)."""

from __future__ import annotations

import os
import signal

from tests.conftest import StartServer
from tests.support.people import People, start_say

FLOOD = 1_000


def test_a_flood_does_not_go_first(start_server: StartServer) -> None:
    """Somebody else's message gets its place amid the flood of one sender, not behind it; all of it is stored."""
    server = start_server()
    people = People(server.address)
    flooder, other = people.users("flooder", "other")
    group = f"#{people.group(flooder, other)}"
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)  # it finds both when it goes on, however slow this process is
    try:
        requests = [start_say(flooder, group, f"flood {number}") for number in range(FLOOD)]
        request = start_say(other, group, "may I?")
    finally:
        os.kill(server.pid, signal.SIGCONT)

    amid = other.answer(request)["seq"]

    acks = [flooder.answer(request) for request in requests]
    assert [ack["type"] for ack in acks] == ["ack"] * FLOOD
    last = acks[-1]["seq"]
    assert amid < last
    assert {ack["seq"] for ack in acks} | {amid} == set(range(acks[0]["seq"], last + 1))
    people.close()
