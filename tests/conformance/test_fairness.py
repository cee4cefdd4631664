"""One who floods does not delay the others beyond a share (protocol.md 5)."""

from __future__ import annotations

from tests.support.people import People, say, start_say

FLOOD = 2_000


def test_a_flood_does_not_go_first(people: People) -> None:
    """Somebody else's message gets its place amid the flood of one sender, not behind it; all of it is stored."""
    flooder, other = people.users("flooder", "other")
    group = f"#{people.group(flooder, other)}"
    requests = [start_say(flooder, group, f"flood {number}") for number in range(FLOOD)]
    first = other.expect("group_message", conversation=group)["seq"]

    amid = say(other, group, "may I?")["seq"]

    acks = [flooder.answer(request) for request in requests]
    assert [ack["type"] for ack in acks] == ["ack"] * FLOOD
    last = acks[-1]["seq"]
    assert first < amid < last
    assert {ack["seq"] for ack in acks} | {amid} == set(range(acks[0]["seq"], last + 1))
