"""What the server tells of its own work: the trace of a message, and why somebody has not got one (protocol.md 6)."""

from __future__ import annotations

from tests.support.people import People, new_id, refusal, say, until_true
from tests.support.wire import Client, Frame

BIG = "x" * 7_000


def test_trace_of_a_message(people: People, admin: Client) -> None:
    """Times in the order of the parts, the lane, and each recipient; nothing of what it says."""
    ada, bob, away = people.users("ada", "bob", "away")
    group = people.group(ada, bob, away)
    people.leave_connection(away, bob)
    ack = say(ada, f"#{group}", "whatever it says")
    bob.expect("group_message", seq=ack["seq"])
    bob.send({"type": "received", "conversation": f"#{group}", "seq": ack["seq"]})
    bob.settle()

    trace = admin.request("trace", target=ack["message_id"])["trace"]

    assert (trace["conversation"], trace["seq"], trace["sender"]) == (f"#{group}", ack["seq"], ada.user)
    assert (trace["type"], trace["lane"], trace["duplicate"]) == ("group_message", "group", False)
    steps = [trace["steps"][step] for step in ("queued", "commit_began", "commit_ended", "handed_on")]
    assert steps == sorted(steps)
    assert steps[0] >= 0
    assert trace["jobs"] >= 1
    assert trace["attempts"] == 1
    states = {recipient["user"]: recipient["state"] for recipient in trace["recipients"]}
    assert states == {bob.user: "delivered", away.user: "stored"}
    assert "whatever" not in str(trace)


def test_trace_of_a_repeat_and_of_nothing(people: People, admin: Client) -> None:
    """A repeat is told as one; what does not exist is not found, and only admins may ask."""
    ada, bob = people.users("ada", "bob")
    message_id = new_id()
    for _ in range(2):
        say(ada, f"@{bob.user}", "hi", message_id=message_id)

    assert admin.request("trace", target=message_id)["trace"]["duplicate"] is True
    assert refusal(admin, "trace", target=new_id()) == "not_found"
    assert refusal(ada, "trace", target=message_id) == "forbidden"


def test_why_bob_has_not_got_it(people: People, admin: Client) -> None:
    """A connection that takes nothing: receipts and statistics tell how often it was tried and when it is next."""
    ada = people.user("ada")
    bob = people.connect(receive_buffer_bytes=4096)
    bob.hello()
    bob.register(people.name("bob"))
    group = people.group(ada, bob)
    bob.sync()

    def stalled() -> list[Frame]:
        pushes = admin.request("stats")["stats"]["retrying"]["pushes"]
        return [push for push in pushes if push["user"] == bob.user]

    ack = say(ada, f"#{group}", "first")

    def is_stalled() -> bool:
        say(ada, f"#{group}", BIG)
        return bool(stalled())

    until_true(is_stalled, "the connection never blocked", deadline_s=30)
    last = say(ada, f"#{group}", "last")

    (push,) = stalled()
    (recipient,) = ada.request("receipts", conversation=f"#{group}", target=last["message_id"])["recipients"]
    assert push["unsent_bytes"] > 0
    assert 0 <= push["next_retry_ms"] <= 30_000
    assert recipient["attempts"] >= 1
    assert "takes nothing" in recipient["reason"]
    assert 0 <= recipient["next_retry_ms"] <= 30_000

    def is_tried_again() -> bool:
        say(ada, f"#{group}", BIG)
        return any(push["attempts"] > 1 for push in stalled())

    until_true(is_tried_again, "it was never tried again", deadline_s=30)
    found = bob.expect("group_message", seq=ack["seq"])
    assert found["content"] == "first"


def test_times_are_counted(people: People, admin: Client) -> None:
    """Each message counts once in the histograms of the lanes and of the whole way."""
    ada, bob = people.users("ada", "bob")
    before = admin.request("stats")["stats"]["latency"]
    for number in range(10):
        say(ada, f"@{bob.user}", f"{number}")
    after = admin.request("stats")["stats"]["latency"]

    assert after["route"]["count"] >= before["route"]["count"] + 10
    assert after["queued"]["count"] == after["route"]["count"]
    assert after["commit"]["count"] == after["fan_out"]["count"]
    assert after["route"]["p50_ms"] >= after["commit"]["p50_ms"] * 0.5
