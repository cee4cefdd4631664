"""The log: its numbers, the forms of its events, and how it shows what was changed or erased (protocol.md 3)."""

from __future__ import annotations

from tests.conftest import StartServer
from tests.support.people import People, contents, history, new_id, read_up_to, say, seqs, until_true
from tests.support.wire import Client, Frame

COMMON = {"type", "conversation", "seq", "message_id", "sender", "sender_name", "timestamp"}


def from_backlog(people: People, reader: Client, conversation: str) -> list[Frame]:
    """A conversation as the backlog of a new connection shows it, from the first event."""
    device = people.device(reader, sync=False)
    synced = device.sync(cursors={conversation: 0}, limit=None)
    last = next(each["last_seq"] for each in synced["conversations"] if each["conversation"] == conversation)
    pushes = read_up_to(device, conversation, last)
    return [event for push in pushes if push["type"] == "backlog" for event in push["events"]]


def check_forms(people: People, reader: Client, live: Frame, *further: str) -> None:
    """The event has these fields, and stands in history and backlog as it came live."""
    assert set(live) == COMMON | set(further), live
    assert isinstance(live["timestamp"], int)
    assert live["message_id"]
    assert live["sender_name"]
    assert live in history(reader, live["conversation"])
    assert live in from_backlog(people, reader, live["conversation"])


# ---- Numbers ----


def test_numbers(people: People) -> None:
    """Events of a conversation are numbered 1, 2, 3, … without a hole, whoever causes them (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    for number in range(5):
        ack = say(alice, f"#{group}", f"a{number}")
        say(bob, f"#{group}", f"b{number}")
        alice.request("react", message_id=new_id(), target=ack["message_id"], emoji="👍")
    alice.request("set_topic", group=group, text="numbers")
    last = say(bob, f"#{group}", "last")["seq"]
    assert seqs(history(alice, f"#{group}")) == list(range(1, last + 1))


def test_numbers_of_conversations_are_their_own(people: People) -> None:
    """Each conversation has numbers of its own, which begin with 1 (protocol.md 3)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    assert say(alice, f"@{bob.user}", "one")["seq"] == 1
    assert say(alice, f"@{carol.user}", "one")["seq"] == 1
    assert say(bob, f"@{alice.user}", "two")["seq"] == 2
    assert history(alice, f"#{people.group(alice)}")[0]["seq"] == 1


def test_refused_messages_have_no_number(people: People) -> None:
    """What is refused leaves no hole (protocol.md 3)."""
    alice = people.user()
    group = people.group(alice)
    first = say(alice, f"#{group}", "one")["seq"]
    assert alice.ask("group_message", group=group, message_id=new_id(), content="x" * 9000)["type"] == "error"
    assert say(alice, f"#{group}", "two")["seq"] == first + 1


def test_same_for_all_in_a_group(people: People) -> None:
    """The log of a group is the same for all who see it (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    say(alice, f"#{group}", "hello")
    say(bob, f"#{group}", f"hello @{alice.user}")
    assert history(alice, f"#{group}") == history(bob, f"#{group}")


def test_same_for_both_in_a_private_chat(people: People) -> None:
    """A private chat is one log; only its name differs between the two sides (protocol.md 2, 3)."""
    alice, bob = people.users("alice", "bob")
    say(alice, f"@{bob.user}", "hello")
    say(bob, f"@{alice.user}", "hello yourself")
    of_alice, of_bob = history(alice, f"@{bob.user}"), history(bob, f"@{alice.user}")
    assert {event.pop("conversation") for event in of_alice} == {f"@{bob.user}"}
    assert {event.pop("conversation") for event in of_bob} == {f"@{alice.user}"}
    assert of_alice == of_bob


# ---- Forms ----


def test_form_of_group_message(people: People) -> None:
    """``group_message`` has content, mentions and, for an answer, reply_to (protocol.md 3)."""
    alice, bob = people.user("alice", display_name="Alice"), people.user("bob")
    group = people.group(alice, bob)
    ack = say(alice, f"#{group}", f"hello @{bob.user}")
    live = bob.expect("group_message", seq=ack["seq"])
    check_forms(people, bob, live, "content", "mentions")
    for field in ("conversation", "message_id", "timestamp"):
        assert live[field] == ack[field]
    assert live["conversation"] == f"#{group}"
    assert (live["sender"], live["sender_name"]) == (alice.user, "Alice")
    assert live["content"] == f"hello @{bob.user}"
    assert live["mentions"] == [bob.user]
    say(alice, f"#{group}", "again", reply_to=ack["message_id"])
    answer = bob.expect("group_message", content="again")
    check_forms(people, bob, answer, "content", "mentions", "reply_to")
    assert answer["reply_to"] == ack["message_id"]
    assert answer["mentions"] == []


def test_form_of_private_message(people: People) -> None:
    """``private_message`` is named after the other side, for each of the two (protocol.md 2, 3)."""
    alice, bob = people.users("alice", "bob")
    other = people.device(alice)
    ack = say(alice, f"@{bob.user}", "hi")
    assert ack["conversation"] == f"@{bob.user}"
    for reader, name in ((bob, f"@{alice.user}"), (other, f"@{bob.user}")):
        live = reader.expect("private_message", message_id=ack["message_id"])
        check_forms(people, reader, live, "content", "mentions")
        assert live["conversation"] == name
        assert live["sender"] == alice.user
    answer = say(alice, f"@{bob.user}", "?", reply_to=ack["message_id"])
    live = bob.expect("private_message", message_id=answer["message_id"])
    check_forms(people, bob, live, "content", "mentions", "reply_to")


def test_own_notes(people: People) -> None:
    """The private chat with oneself is a log of own notes (protocol.md 2)."""
    alice = people.user()
    other = people.device(alice)
    ack = say(alice, f"@{alice.user}", "milk")
    live = other.expect("private_message", content="milk")
    assert live["conversation"] == ack["conversation"] == f"@{alice.user}"
    check_forms(people, other, live, "content", "mentions")
    assert len(history(alice, f"@{alice.user}")) == 1


def test_form_of_system_message(people: People) -> None:
    """``system_message`` tells what happened and to whom; its sender is ``server``; all get it (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    group = people.name("group")
    alice.request("create_group", group=group, visibility="private")
    alice.request("invite", group=group, user=bob.user)
    bob.request("join", group=group)
    alice.request("set_role", group=group, user=bob.user, role="moderator")
    alice.request("set_topic", group=group, text="the topic")
    alice.request("set_title", group=group, text="The Title")
    bob.request("leave", group=group)
    alice.request("invite", group=group, user=bob.user)
    bob.request("join", group=group)
    alice.request("kick", group=group, user=bob.user)
    events = history(alice, f"#{group}")
    told = [(event["action"], event["subject"]) for event in events]
    assert [action for action, _ in told] == [
        "created", "invited", "joined", "role", "topic", "title", "left", "invited", "joined", "kicked",
    ]  # fmt: skip
    about_bob = ("invited", "joined", "role", "left", "kicked")
    assert all(subject == bob.user for action, subject in told if action in about_bob)
    for event in events:
        assert event["sender"] == "server"
        assert event["content"]
        assert alice.expect("system_message", seq=event["seq"]) == event
        check_forms(people, alice, event, "action", "subject", "content")


def test_form_of_broadcast(people: People, admin: Client) -> None:
    """``broadcast`` stands in ``!announcements``, for everybody (protocol.md 2, 3)."""
    alice = people.user("alice")
    ack = admin.request("broadcast", message_id=new_id(), content="maintenance")
    live = alice.expect("broadcast", message_id=ack["message_id"])
    check_forms(people, alice, live, "content")
    assert live["conversation"] == ack["conversation"] == "!announcements"
    assert live["sender"] == admin.user
    assert live in history(people.user("carol"), "!announcements")


def test_form_of_notification(people: People, admin: Client) -> None:
    """``notification`` stands in the ``!notifications`` of one user and of nobody else (protocol.md 2, 3)."""
    alice, bob = people.users("alice", "bob")
    admin.request("notification", to=alice.user, message_id=new_id(), kind="build", content="green")
    live = alice.expect("notification", kind="build")
    check_forms(people, alice, live, "kind", "content")
    assert live["conversation"] == "!notifications"
    assert live["content"] == "green"
    assert not history(bob, "!notifications")
    assert not [push for push in bob.settle() if push["type"] == "notification"]


def test_notifications_of_the_server(people: People) -> None:
    """Who is invited, given a role or kicked is notified of it, with the group it is about (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    group = people.name("group")
    alice.request("create_group", group=group, visibility="private")
    alice.request("invite", group=group, user=bob.user)
    assert bob.expect("notification", kind="invited")["about"] == f"#{group}"
    bob.request("join", group=group)
    alice.request("set_role", group=group, user=bob.user, role="moderator")
    assert bob.expect("notification", kind="role")["about"] == f"#{group}"
    alice.request("kick", group=group, user=bob.user)
    assert bob.expect("notification", kind="kicked")["about"] == f"#{group}"
    assert [event["kind"] for event in history(bob, "!notifications")] == ["invited", "role", "kicked"]


def test_form_of_changes(people: People) -> None:
    """``edited``, ``reaction`` and ``deleted`` are events of the conversation of their target (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    target = say(alice, f"#{group}", "helo")
    change = {"message_id": new_id(), "target": target["message_id"]}
    ack = alice.request("edit", **change, content="hello")
    assert ack["type"] == "ack"
    assert (ack["conversation"], ack["seq"]) == (f"#{group}", target["seq"] + 1)
    edited = bob.expect("edited", target=target["message_id"])
    assert edited["content"] == "hello"
    assert edited["message_id"] == ack["message_id"] == change["message_id"]
    assert edited["sender"] == alice.user
    assert COMMON | {"target", "content"} <= set(edited)
    assert edited in history(bob, f"#{group}")
    bob.request("react", message_id=new_id(), target=target["message_id"], emoji="👍")
    bob.request("react", message_id=new_id(), target=target["message_id"], emoji="👍", removed=True)
    for removed in (False, True):
        reaction = alice.expect("reaction", target=target["message_id"], removed=removed)
        check_forms(people, alice, reaction, "target", "emoji", "removed")
        assert (reaction["sender"], reaction["emoji"]) == (bob.user, "👍")
    alice.request("delete", message_id=new_id(), target=target["message_id"])
    deleted = bob.expect("deleted", target=target["message_id"])
    check_forms(people, bob, deleted, "target")
    assert seqs(history(bob, f"#{group}")) == list(range(1, deleted["seq"] + 1))


# ---- How it stands now ----


def test_after_an_edit(people: People) -> None:
    """A message is shown with its newest content and ``edited_at``; its ``seq`` stays (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    for conversation, seen_as in ((f"#{people.group(alice, bob)}", ""), (f"@{bob.user}", f"@{alice.user}")):
        target = say(alice, conversation, "one")
        for content in ("two", f"three @{bob.user}"):
            alice.request("edit", message_id=new_id(), target=target["message_id"], content=content)
        for log in (history(bob, seen_as or conversation), from_backlog(people, bob, seen_as or conversation)):
            shown = next(event for event in log if event["message_id"] == target["message_id"])
            assert shown["content"] == f"three @{bob.user}"
            assert shown["mentions"] == [bob.user]
            assert isinstance(shown["edited_at"], int)
            assert shown["seq"] == target["seq"]
            assert shown["timestamp"] == target["timestamp"]


def test_after_a_deletion(people: People) -> None:
    """A deleted message and its ``edited`` events keep their ``seq`` and have no content any more (protocol.md 3)."""
    alice, bob = people.users("alice", "bob")
    for conversation, seen_as in ((f"#{people.group(alice, bob)}", ""), (f"@{bob.user}", f"@{alice.user}")):
        target = say(alice, conversation, "zwölfzylinder")
        alice.request("edit", message_id=new_id(), target=target["message_id"], content="dreizylinder")
        before = seqs(history(alice, conversation))
        alice.request("delete", message_id=new_id(), target=target["message_id"])
        assert seqs(history(alice, conversation)) == [*before, before[-1] + 1]
        for log in (history(bob, seen_as or conversation), from_backlog(people, bob, seen_as or conversation)):
            assert "zylinder" not in str(log)
            shown = next(event for event in log if event["message_id"] == target["message_id"])
            assert shown["deleted"] is True
            assert "content" not in shown
            assert shown["seq"] == target["seq"]
            changed = next(event for event in log if event["type"] == "edited")
            assert changed["deleted"] is True
            assert "content" not in changed


def test_deleted_content_is_erased_from_the_store(start_server: StartServer) -> None:
    """After a deletion no file of the server holds the content, its earlier versions or its words (protocol.md 3)."""
    server = start_server()
    people = People(server.address)
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    say(alice, f"#{group}", "keepsake")
    target = say(alice, f"#{group}", "quicksilver moonlight")
    alice.request("edit", message_id=new_id(), target=target["message_id"], content="thunderstorm moonlight")
    until_true(lambda: bool(alice.request("search", query="thunderstorm")["hits"]), "it is not found")
    alice.request("delete", message_id=new_id(), target=target["message_id"])
    until_true(lambda: not alice.request("search", query="thunderstorm")["hits"], "it is still found")
    server.terminate()
    stored = b"".join(path.read_bytes() for path in sorted(server.data_dir.rglob("*")) if path.is_file())
    assert b"keepsake" in stored
    for word in (b"quicksilver", b"thunderstorm", b"moonlight"):
        assert word not in stored
    people.close()


def test_only_the_sender_edits(people: People) -> None:
    """Foreign messages are ``forbidden``, those that one cannot read ``not_found`` (protocol.md 1, 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    group = people.group(alice, bob, visibility="private")
    target = say(alice, f"#{group}", "mine")["message_id"]
    for kind, fields in (("edit", {"content": "yours"}), ("delete", {})):
        answer = bob.ask(kind, message_id=new_id(), target=target, **fields)
        assert answer["code"] == "forbidden"
        for outsider in (carol, people.user("dave")):
            answer = outsider.ask(kind, message_id=new_id(), target=target, **fields)
            assert answer["code"] == "not_found"
        assert alice.ask(kind, message_id=new_id(), target=new_id(), **fields)["code"] == "not_found"
    assert carol.ask("react", message_id=new_id(), target=target, emoji="👍")["code"] == "not_found"
    assert contents(history(alice, f"#{group}")) == ["mine"]


def test_changes_are_idempotent(people: People) -> None:
    """The same edit, reaction or deletion again has the first ``seq`` and is a duplicate (protocol.md 5, 6)."""
    alice = people.user()
    group = people.group(alice)
    target = say(alice, f"#{group}", "one")["message_id"]
    for kind, fields in (("edit", {"content": "two"}), ("react", {"emoji": "👍"}), ("delete", {})):
        request = {"message_id": new_id(), "target": target, **fields}
        first, again = alice.request(kind, **request), alice.request(kind, **request)
        assert first["duplicate"] is False
        assert again["duplicate"] is True
        assert again["seq"] == first["seq"]


def test_timestamps(people: People) -> None:
    """Times are milliseconds since the Unix epoch from the server's clock (protocol.md 1)."""
    welcome_before = people.connect().hello()["time"]
    alice = people.user()
    ack = say(alice, f"@{alice.user}", "now")
    assert welcome_before <= ack["timestamp"] <= people.connect().hello()["time"]
