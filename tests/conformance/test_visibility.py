"""One rule decides who may read, on every path: what is hidden here must not come out there (protocol.md 6)."""

from __future__ import annotations

import pytest

from tests.support.people import (
    People,
    catch_up,
    contents,
    entry,
    events_in,
    history,
    new_id,
    read_up_to,
    refusal,
    say,
    seqs,
    until_closed,
    until_true,
    walk,
)
from tests.support.wire import Client


def late_group(people: People, owner: Client, member: Client) -> tuple[str, str]:
    """A group whose history begins with the join; its conversation and a message that ``member`` may not read."""
    conversation = f"#{people.group(owner, history='since_join')}"
    hidden = say(owner, conversation, "hidden away")["message_id"]
    member.request("join", group=conversation[1:])
    member.settle()
    return conversation, str(hidden)


def test_hidden_messages_do_not_exist(people: People) -> None:
    """Who may not read a message can neither react to it nor ask for its receipts (protocol.md 1, 6)."""
    alice, bob = people.users("alice", "bob")
    conversation, hidden = late_group(people, alice, bob)
    for target in (hidden, new_id()):
        assert refusal(bob, "react", message_id=new_id(), target=target, emoji="👍") == "not_found"
        assert refusal(bob, "receipts", conversation=conversation, target=target) == "not_found"
        assert refusal(bob, "edit", message_id=new_id(), target=target, content="x") == "not_found"
        assert refusal(bob, "delete", message_id=new_id(), target=target) == "not_found"


def test_edits_of_hidden_messages(people: People) -> None:
    """An edit is said now and seen by who is there now; what stood there before stays unread (docs/protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    conversation, hidden = late_group(people, alice, bob)
    edit = alice.request("edit", message_id=new_id(), target=hidden, content="said anew")["seq"]
    last = say(alice, conversation, "seen")["seq"]
    live = [push["seq"] for push in read_up_to(bob, conversation, last) if push["type"] in ("edited", "group_message")]
    assert live == [edit, last]
    until_true(lambda: bool(bob.request("search", query="seen")["hits"]), "it is not found")
    _, backlog = catch_up(people.again(bob), conversation, cursors={conversation: 0}, limit=None)
    walk(0, backlog)
    assert bob.request("search", query="anew")["hits"] == []
    for seen in (history(bob, conversation), backlog):
        assert "hidden" not in str(seen)


def test_limit_and_not_visible_together(people: People) -> None:
    """What may not be read and what is over the limit are both announced, with no hole between (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation, _ = late_group(people, alice, bob)
    last = [say(alice, conversation, f"{number}")["seq"] for number in range(10)][-1]
    _, pushes = catch_up(people.again(bob), conversation, cursors={conversation: 0}, limit=3)
    assert contents(walk(0, pushes)) == ["7", "8", "9"]
    assert {push["reason"] for push in pushes if push["type"] == "skip"} == {"limit", "not_visible"}
    assert history(bob, conversation)[-1]["seq"] == last


@pytest.mark.parametrize("mode", ["all", "since_join"])
def test_absence_is_announced(people: People, mode: str) -> None:
    """Who left and came back gets no silent hole, and with ``since_join`` not what was between (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob, history=mode)}"
    cursor = say(alice, conversation, "before")["seq"]
    bob.request("leave", group=conversation[1:])
    say(alice, conversation, "meanwhile")
    bob.request("join", group=conversation[1:])
    last = say(alice, conversation, "after")["seq"]
    told, pushes = catch_up(people.again(bob), conversation, cursors={conversation: cursor}, limit=None)
    assert told["last_seq"] == last
    events = walk(told["cursor"], pushes)
    assert contents(events)[-1] == "after"
    shown = contents(history(bob, conversation))
    assert shown[-1] == "after"
    if mode == "since_join":
        assert "meanwhile" not in str(pushes) + str(shown)


@pytest.mark.parametrize("way", ["leave", "kick"])
def test_after_the_end(people: People, way: str) -> None:
    """Who is out of a group gets nothing of it any more, on any path (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob, visibility='private')}"
    known = say(alice, conversation, "seen")["message_id"]
    until_true(lambda: bool(bob.request("search", query="seen")["hits"]), "it is not found")
    if way == "leave":
        bob.request("leave", group=conversation[1:])
    else:
        alice.request("kick", group=conversation[1:], user=bob.user)
    end = events_in(bob.settle(), conversation)[-1]["seq"]
    alice.request("react", message_id=new_id(), target=known, emoji="👍")
    alice.request("set_topic", group=conversation[1:], text="hidden topic")
    alice.request("set_title", group=conversation[1:], text="hidden title")
    alice.send({"type": "typing", "conversation": conversation})
    say(alice, conversation, "hidden")
    assert not [push for push in bob.settle() if push.get("conversation") == conversation]
    assert bob.request("search", query="seen")["hits"] == []
    for kind, fields in (
        ("history", {"conversation": conversation}),
        ("members", {"conversation": conversation}),
        ("receipts", {"conversation": conversation, "target": known}),
        ("read", {"conversation": conversation, "seq": 1}),
        ("search", {"conversation": conversation, "query": "hidden"}),
    ):
        assert refusal(bob, kind, **fields) == "not_found", kind
    assert refusal(bob, "react", message_id=new_id(), target=known, emoji="👍") == "not_found"
    again = people.again(bob)
    synced = again.sync(cursors={conversation: 0}, limit=None)
    say(alice, f"@{bob.user}", "the end")
    read_up_to(again, f"@{alice.user}", 1)
    told = [*synced["conversations"], *again.settle()]
    assert "hidden" not in str(told)
    for each in told:
        if each.get("conversation") == conversation and "last_seq" in each:
            assert each["role"] is None
            assert each["last_seq"] <= end, "it tells how much was said after the end"


def test_answers_to_what_one_cannot_see(people: People) -> None:
    """``reply_to`` gives nothing away of a message that is not the asker's to read (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    hidden = say(alice, f"@{alice.user}", "hidden")["message_id"]
    fields = {"to": bob.user, "content": "x"}
    one = bob.ask("private_message", message_id=new_id(), reply_to=hidden, **fields)
    other = bob.ask("private_message", message_id=new_id(), reply_to=new_id(), **fields)
    assert one["type"] == other["type"]
    assert one.get("code") == other.get("code")
    assert "hidden" not in str(history(bob, f"@{bob.user}"))


def test_a_foreign_private_chat(people: People) -> None:
    """A private chat is named from one's own side, so that there is no name for a foreign one (protocol.md 2, 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    target = say(alice, f"@{bob.user}", "between us")["message_id"]
    for peer in (alice.user, bob.user):
        assert carol.request("history", conversation=f"@{peer}")["events"] == []
    assert refusal(carol, "react", message_id=new_id(), target=target, emoji="👍") == "not_found"
    assert "between us" not in str(carol.settle())


# ---- Devices and races ----


def test_two_connections_of_one_device(people: People) -> None:
    """Two connections with one token: the sending one gets the ack, the other one the push (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    conversation = f"#{people.group(alice, bob)}"
    twin = people.again(alice)
    twin.sync(cursors={conversation: 2**53 - 1})
    ack = say(alice, conversation, "hello")
    assert seqs(events_in(twin.settle(), conversation)) == [ack["seq"]]
    assert seqs(events_in(bob.settle(), conversation)) == [ack["seq"]]
    assert events_in(alice.settle(), conversation) == []


def test_nothing_is_taken_after_a_logout(people: People) -> None:
    """What is pipelined after a ``logout`` is not done (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    alice.start("logout")
    alice.start("private_message", to=bob.user, message_id=new_id(), content="too late")
    until_closed(alice)
    assert history(bob, f"@{alice.user}") == []


def test_one_name_for_two(people: People) -> None:
    """Of registrations with one name at the same time exactly one succeeds (protocol.md 1, 2)."""
    visitors = [people.visitor() for _ in range(8)]
    name = people.name("alice")
    requests = [each.start("register", user=name, password=f"password {n}") for n, each in enumerate(visitors)]
    answers = [each.answer(request) for each, request in zip(visitors, requests, strict=True)]
    assert sorted(answer.get("code", "") for answer in answers) == [""] + ["name_taken"] * 7
    winner = [answer["type"] for answer in answers].index("session")
    people.visitor().login(user=name, password=f"password {winner}")


def test_one_group_for_two(people: People) -> None:
    """Of groups with one name made at the same time exactly one is made (protocol.md 1, 2)."""
    users = people.users("a", "b", "c", "d")
    name = people.name("group")
    requests = [each.start("create_group", group=name) for each in users]
    answers = [each.answer(request) for each, request in zip(users, requests, strict=True)]
    assert sorted(answer.get("code", "") for answer in answers) == ["", "name_taken", "name_taken", "name_taken"]
    lookalike = name.replace("group", "gr0up")
    assert refusal(users[0], "create_group", group=lookalike) == "name_taken"


def test_one_id_for_two(people: People) -> None:
    """Of two senders with one ``message_id`` at one time one is acked, the other has a conflict (protocol.md 5)."""
    alice, bob = people.users("alice", "bob")
    group, other = people.group(alice, bob), people.group(alice, bob)
    for _ in range(20):
        message = {"message_id": new_id(), "content": "x"}
        requests = (
            alice.start("group_message", group=group, **message),
            bob.start("group_message", group=other, **message),
        )
        answers = alice.answer(requests[0]), bob.answer(requests[1])
        assert sorted(answer["type"] for answer in answers) == ["ack", "error"]
        assert [answer["code"] for answer in answers if answer["type"] == "error"] == ["conflict"]
    total = contents(history(alice, f"#{group}")) + contents(history(alice, f"#{other}"))
    assert len(total) == 20
    for name in (group, other):
        events = history(alice, f"#{name}")
        assert seqs(events) == list(range(1, len(events) + 1))


# ---- Sizes ----


def test_answers_fit_in_a_frame(people: People) -> None:
    """However large the events are, an answer has at most 1 MiB, and one can ask for the rest (protocol.md 1, 6)."""
    alice = people.user()
    conversation = f"@{alice.user}"
    for _ in range(8):
        requests = [
            alice.start("private_message", to=alice.user, message_id=new_id(), content="apple " + '"\n' * 3990)
            for _ in range(20)
        ]
        assert [alice.answer(request)["type"] for request in requests] == ["ack"] * 20
    assert len(history(alice, conversation)) == 160
    newest = alice.request("history", conversation=conversation, limit=200)
    assert newest["events"][-1]["seq"] == 160
    assert newest["more"] is (newest["events"][0]["seq"] > 1)

    def all_hits() -> int:
        page = alice.request("search", query="apple", limit=100)
        count = len(page["hits"])
        while page.get("next") is not None:
            page = alice.request("search", query="apple", limit=100, before=page["next"])
            count += len(page["hits"])
        return count

    until_true(lambda: all_hits() == 160, "not all are found")
    assert entry(people.again(alice).sync(), conversation)["last_seq"] == 160
