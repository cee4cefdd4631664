"""Requests that do not wait for answers, and what refuses some of them for now (protocol.md 1)."""

from __future__ import annotations

from tests.conftest import StartServer
from tests.support.people import People, contents, events_in, history, new_id, read_up_to, refusal, seqs, start_say


def test_session_in_one_go(people: People) -> None:
    """hello, register, sync and what comes next may be sent without waiting for answers (protocol.md 1, 4)."""
    client = people.connect()
    name, group = people.name("alice"), people.name("group")
    requests = [
        client.start("hello", protocol=1, client="test/1"),
        client.start("register", user=name, password="correct horse", device="first"),
        client.start("sync", limit=0),
        client.start("create_group", group=group),
        start_say(client, f"#{group}", "hello"),
        client.start("history", conversation=f"#{group}"),
    ]
    answers = [client.answer(request) for request in requests]
    assert [each["type"] for each in answers] == ["welcome", "session", "synced", "ok", "ack", "ok"], answers


def test_requests_on_one_conversation_keep_their_order(people: People) -> None:
    """Requests of one connection on one conversation take effect in the order sent (protocol.md 1)."""
    alice, bob = people.users("alice", "bob")
    group, message_id = people.name("group"), new_id()
    mine = [
        alice.start("create_group", group=group, visibility="private"),
        alice.start("invite", group=group, user=bob.user),
        start_say(alice, f"#{group}", "one", message_id=message_id),
        alice.start("edit", message_id=new_id(), target=message_id, content="two"),
        alice.start("react", message_id=new_id(), target=message_id, emoji="👍"),
        alice.start("set_topic", group=group, text="the topic"),
    ]
    assert [answer for answer in map(alice.answer, mine) if answer["type"] == "error"] == []
    theirs = [
        bob.start("join", group=group),
        start_say(bob, f"#{group}", "three"),
        bob.start("leave", group=group),
        start_say(bob, f"#{group}", "four"),
        bob.start("join", group=group),
    ]
    answers = [bob.answer(request) for request in theirs]
    assert [each["type"] for each in answers[:3]] == ["ok", "ack", "ok"]
    assert [each["code"] for each in answers[3:]] == ["not_found", "not_found"]
    told = [event.get("action", event["type"]) for event in history(alice, f"#{group}")]
    assert told == [
        "created", "invited", "group_message", "edited", "reaction", "topic", "joined", "group_message", "left",
    ]  # fmt: skip


def test_history_after_a_send(people: People) -> None:
    """Who sends and then asks for history, without waiting, finds what was sent (protocol.md 1)."""
    alice = people.user()
    conversation = f"#{people.group(alice)}"
    for number in range(20):
        sent = start_say(alice, conversation, f"{number}")
        page = alice.answer(alice.start("history", conversation=conversation, limit=1))
        assert contents(page["events"]) == [f"{number}"]
        assert alice.answer(sent)["seq"] == page["events"][-1]["seq"]


def test_rate_limit(start_server: StartServer) -> None:
    """What is refused for now may be sent again; nothing overtakes it in its conversation (protocol.md 1)."""
    people = People(start_server("--rate-limit", "100").address)
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    ids = [new_id() for _ in range(200)]
    requests = [start_say(alice, conversation, f"{n}", message_id=key) for n, key in enumerate(ids)]
    answers = [alice.answer(request) for request in requests]
    acked = [answer["type"] == "ack" for answer in answers]
    assert acked == sorted(acked, reverse=True), "a later message overtook one that was refused"
    refused = answers[acked.index(False) :]
    assert refused[0]["code"] == "rate_limited"
    assert {answer["code"] for answer in refused} <= {"rate_limited", "retry_order"}
    assert all(answer["retry_after_ms"] >= 0 for answer in refused)
    assert contents(history(bob, conversation)) == [f"{number}" for number in range(acked.count(True))]
    again = acked.count(True)
    while again < len(ids):  # send it until it is taken, then the next one
        answer = alice.answer(start_say(alice, conversation, f"{again}", message_id=ids[again]))
        assert answer["type"] == "ack" or answer["code"] == "rate_limited"
        again += answer["type"] == "ack"
    last = history(alice, conversation)[-1]["seq"]
    events = events_in(read_up_to(bob, conversation, last), conversation)
    assert contents(events) == [f"{number}" for number in range(200)]
    assert seqs(events) == list(range(events[0]["seq"], last + 1))
    people.close()


def test_retry_order(start_server: StartServer) -> None:
    """After a transient refusal later sends there are ``retry_order`` until that one came again (protocol.md 1)."""
    people = People(start_server("--rate-limit", "100").address)
    alice, bob = people.users("alice", "bob")
    first, second = (f"#{people.group(alice, bob)}" for _ in range(2))
    refused, code = "", ""
    while code != "rate_limited":
        refused = new_id()
        answers = [alice.answer(start_say(alice, first, "first", message_id=refused))]
        code = answers[0].get("code", "")
        assert code in {"", "rate_limited"}
    fields = {"group": first[1:], "message_id": new_id(), "content": "overtaking"}
    code = refusal(alice, "group_message", **fields)
    assert code in {"retry_order", "rate_limited"}
    elsewhere = alice.ask("group_message", group=second[1:], message_id=new_id(), content="elsewhere")
    assert elsewhere["type"] == "ack" or elsewhere["code"] == "rate_limited"
    while alice.answer(start_say(alice, first, "first", message_id=refused))["type"] != "ack":
        pass
    while (answer := alice.ask("group_message", **fields))["type"] != "ack":
        assert answer["code"] == "rate_limited"
    assert contents(history(bob, first))[-2:] == ["first", "overtaking"]
    people.close()
