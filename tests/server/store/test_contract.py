"""What every store does (store/base.py)."""

from __future__ import annotations

import pytest

from chat_server.store.base import (
    AT_HEAD,
    Advance,
    Append,
    Appended,
    Audit,
    AuditLine,
    Conflict,
    ConversationRow,
    DeviceRow,
    DropConversation,
    DropDevice,
    DropInvitation,
    InvitationRow,
    InviteRow,
    Located,
    MarkRead,
    MemberRow,
    Missing,
    PutConversation,
    PutDevice,
    PutInvitation,
    PutInvite,
    PutMember,
    PutUser,
    Reach,
    Reader,
    Standing,
    Store,
    UserRow,
    Write,
)
from chat_server.store.errors import BadWrite
from tests.support.store import ALICE, BOB, CAROL, DEV, OPS, contents, delete, device, edit, post

UUID = "0197a5c0-1111-7000-8000-0123456789ab"


def seqs(outcomes: list[object]) -> list[int | None]:
    """The seqs that were given, None where none was."""
    return [outcome.seq if isinstance(outcome, Appended) else None for outcome in outcomes]


def test_seqs_count_from_one_in_each_conversation(store: Store) -> None:
    """Each log is numbered by itself, in the order of the batch (protocol.md 3)."""
    outcomes = store.commit([post(id="a"), post(id="b", to=DEV), post(id="c"), post(id="d")])
    assert seqs([*outcomes]) == [1, 1, 2, 3]
    assert seqs([*store.commit([post(id="e", to=DEV)])]) == [2]
    assert store.load().heads == {OPS: 3, DEV: 2}


def test_the_body_is_stored_behind_its_seq(store: Store, reader: Reader) -> None:
    """What a reader gets is what the commit returned."""
    append = post("hello", id="a")
    (outcome,) = store.commit([append])
    assert outcome == Appended(1, 1000, b'"seq":1,' + append.body)
    assert [event.body for event in reader.events(OPS, 0, 9, 9)] == [outcome.body]


def test_other_writes_have_no_outcome(store: Store) -> None:
    """One entry per write, None for what is no event."""
    assert store.commit([Audit(1, 2, "x", "y"), post(id="a"), MarkRead(ALICE, OPS, 1, 5)])[0::2] == [None, None]


def test_an_empty_batch_is_allowed(store: Store) -> None:
    """Nothing to do is nothing to fail."""
    assert store.commit([]) == []


@pytest.mark.parametrize("message_id", ["plain", UUID, UUID.upper(), UUID.replace("-", ""), "x" * 64])
def test_a_repeat_gives_the_first_seq(store: Store, message_id: str) -> None:
    """The same id with the same content changes nothing, at once or later (protocol.md 5)."""
    first = post("same", id=message_id, at=1000)
    again = post("same", id=message_id, at=2000)
    body = b'"seq":1,' + first.body
    one, two = store.commit([first, again])
    assert (one, two) == (Appended(1, 1000, body), Appended(1, 1000, body, duplicate=True))
    assert store.commit([post(id="between"), again])[1] == Appended(1, 1000, body, duplicate=True)
    store.load()  # forgets what it remembered of recent ids
    outcomes = store.commit([post(id="new"), again, post(id="newer")])
    assert seqs([*outcomes]) == [3, 1, 4]


def test_ids_that_look_alike_are_different(store: Store) -> None:
    """However an id is stored, it stays itself."""
    ids = [UUID, UUID.upper(), UUID.replace("-", ""), UUID.replace("-", "_")]
    assert seqs([*store.commit([post(id=each) for each in ids])]) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "other",
    [
        post("other", id="a"),
        post("hi", id="a", to=DEV),
        post("hi", id="a", by=BOB),
        post("hi", id="a", kind="broadcast"),
    ],
    ids=["content", "conversation", "sender", "kind"],
)
def test_a_known_id_with_anything_else_is_a_conflict(store: Store, other: Append) -> None:
    """It uses no seq (protocol.md 5)."""
    store.commit([post("hi", id="a")])
    assert store.commit([other]) == [Conflict()]
    store.load()
    assert store.commit([other, post(id="b")]) == [Conflict(), Appended(2, 1000, b'"seq":2,' + post(id="b").body)]


def test_an_event_for_a_missing_conversation_is_missing(store: Store) -> None:
    """Its neighbours are stored all the same."""
    outcomes = store.commit([post(id="a"), post(id="b", to=99), post(id="c")])
    assert outcomes[1] == Missing()
    assert seqs([*outcomes]) == [1, None, 2]


def test_pages_are_cut_out_of_the_log(store: Store, reader: Reader) -> None:
    """Both bounds are excluded; the limit takes the oldest, or the newest."""
    store.commit([post(id=f"m{n}", to=OPS if n % 2 else DEV) for n in range(200)])

    def page(after: int, before: int, limit: int, newest: bool = False) -> list[int]:
        return [event.seq for event in reader.events(OPS, after, before, limit, newest=newest)]

    assert page(0, 2**53, 1000) == list(range(1, 101))
    assert page(10, 20, 1000) == list(range(11, 20))
    assert page(10, 2**53, 3) == [11, 12, 13]
    assert page(10, 20, 3, newest=True) == [17, 18, 19]
    assert page(0, 2**53, 2, newest=True) == [99, 100]
    assert page(100, 2**53, 5) == page(5, 6, 5) == page(0, 9, 0) == page(0, 9, 0, newest=True) == []
    assert reader.events(99, 0, 9, 9) == []


def test_a_log_is_whole_however_long(store: Store, reader: Reader) -> None:
    """Nothing is lost or doubled where the store moves events inside itself."""
    total = 0
    for size in (1, 5, 17, 300, 256, 4000, 1, 700):
        store.commit([post(id=f"m{total + n}") for n in range(size)])
        total += size
        newest = reader.events(OPS, total - 3, 2**53, 10)
        assert [event.seq for event in newest] == [seq for seq in range(total - 2, total + 1) if seq > 0]
    assert list(contents(reader)) == list(range(1, total + 1))
    assert reader.standings(BOB, "d", [OPS])[0].unread == total


def test_an_id_is_located(store: Store, reader: Reader) -> None:
    """Where it stands and whose it is; an id that cannot be is not there."""
    store.commit([post(id="a"), post(id=UUID, to=DEV, by=BOB, at=7)])
    assert reader.locate(UUID) == Located(DEV, 1, "group_message", BOB, 7, deleted=False)
    assert reader.locate("unknown") is None
    assert reader.locate("\ud800") is None


def test_an_edit_rewrites_its_target(store: Store, reader: Reader) -> None:
    """The message has its newest content and edited_at; seqs stay; the edit is an event, too (protocol.md 3)."""
    store.commit([post("first", id="a"), post("other", id="b")])
    outcome = store.commit([edit("a", "second", id="e", at=2000)])
    assert seqs([*outcome]) == [3]
    log = contents(reader)
    assert (log[1]["content"], log[1]["edited_at"], log[1]["seq"]) == ("second", 2000, 1)
    assert (log[3]["type"], log[3]["content"], log[3]["target"]) == ("edited", "second", "a")
    assert "edited_at" not in log[2]


def test_a_deletion_erases_the_target_and_its_edits(store: Store, reader: Reader) -> None:
    """All versions of the content go; the seqs stay (protocol.md 3)."""
    store.commit([post("first", id="a"), edit("a", "second", id="e1"), edit("a", "third", id="e2")])
    store.commit([delete("a", id="d")])
    log = contents(reader)
    assert [log[seq].get("content") for seq in (1, 2, 3)] == [None, None, None]
    assert [log[seq].get("deleted") for seq in (1, 2, 3, 4)] == [True, True, True, None]
    assert reader.locate("a") == Located(OPS, 1, "group_message", ALICE, 1000, deleted=True)


def test_changes_within_one_batch_build_on_each_other(store: Store, reader: Reader) -> None:
    """Order within a batch is order, also for what is about each other."""
    outcomes = store.commit(
        [
            post("first", id="a"),
            edit("a", "second", id="e"),
            post(id="r", kind="reaction", target="a"),
            delete("a", id="d"),
            post(id="r2", kind="reaction", target="a"),
            edit("a", "third", id="e2"),
            post("last", id="z"),
        ]
    )
    assert seqs([*outcomes]) == [1, 2, 3, 4, None, None, 5]
    log = contents(reader)
    assert "content" not in log[1]
    assert "content" not in log[2]
    assert log[5]["content"] == "last"


@pytest.mark.parametrize("kind", ["edited", "deleted", "reaction"])
def test_what_is_not_there_cannot_be_changed(store: Store, kind: str) -> None:
    """Nor what is deleted, stands in another conversation, or is a change itself; no event is added."""
    store.commit(
        [post(id="a"), post(id="gone"), post(id="far", to=DEV), delete("gone", id="d"), edit("a", "x", id="e")]
    )
    for target in ("unknown", "gone", "far", "d", "e"):
        assert store.commit([post(id=f"on-{target}", kind=kind, target=target)]) == [Missing()]
    assert store.load().heads == {OPS: 4, DEV: 1}


def test_a_repeated_change_changes_nothing_again(store: Store, reader: Reader) -> None:
    """A resent edit must not undo a later one, and a resent deletion is no Missing."""
    first = edit("a", "second", id="e1")
    store.commit([post("first", id="a"), first, edit("a", "third", id="e2")])
    (again,) = store.commit([first])
    assert isinstance(again, Appended)
    assert again.duplicate
    assert contents(reader)[1]["content"] == "third"
    gone = delete("a", id="d")
    store.commit([gone])
    assert seqs([*store.commit([gone])]) == [4]
    store.load()  # forgets what it remembered of recent ids
    assert seqs([*store.commit([gone])]) == [4]
    assert seqs([*store.commit([first])]) == [2]


def test_a_duplicate_has_the_body_as_it_stands_now(store: Store, reader: Reader) -> None:
    """A sender that resends after an edit sees the edit."""
    store.commit([post("first", id="a"), edit("a", "second", id="e")])
    (again,) = store.commit([post("first", id="a")])
    assert isinstance(again, Appended)
    assert [again.body] == [event.body for event in reader.events(OPS, 0, 2, 1)]


def test_unread_counts_messages_of_others_above_the_marker(store: Store, reader: Reader) -> None:
    """Not one's own, not what is no message, not what is deleted."""
    store.commit(
        [
            post(id="1"),
            post(id="2", by=BOB),
            post(id="3", kind="system_message", by=0),
            post(id="4", kind="notification"),
            post(id="5"),
            post(id="6", kind="reaction", target="1"),
            edit("1", "new", id="7"),
            delete("5", id="8"),
            post(id="9", kind="broadcast"),
        ]
    )
    assert [standing.unread for standing in reader.standings(BOB, "d", [OPS, DEV])] == [3, 0]
    store.commit([MarkRead(BOB, OPS, 3, 1)])
    assert reader.standings(BOB, "d", [OPS]) == [Standing(OPS, 3, None, 2, 0, 9)]
    store.commit([MarkRead(BOB, OPS, AT_HEAD, 1)])
    assert reader.standings(BOB, "d", [OPS]) == [Standing(OPS, 9, None, 0, 0, 9)]


def test_mentions_follow_edits_and_deletions(store: Store, reader: Reader) -> None:
    """Counted above the marker, of others, as the message stands now."""

    def count(user: int) -> int:
        return reader.standings(user, "d", [OPS])[0].mentions

    store.commit([post(id="1", mentions=(ALICE, BOB, BOB)), post(id="2", mentions=(BOB, CAROL))])
    assert [count(user) for user in (ALICE, BOB, CAROL)] == [0, 2, 1]
    store.commit([edit("1", "new", id="3", mentions=(CAROL,))])
    assert [count(user) for user in (ALICE, BOB, CAROL)] == [0, 1, 2]
    store.commit([delete("2", id="4")])
    assert [count(user) for user in (ALICE, BOB, CAROL)] == [0, 0, 1]
    store.commit([MarkRead(CAROL, OPS, 1, 1)])
    assert count(CAROL) == 0


def test_positions_only_move_forward(store: Store, reader: Reader) -> None:
    """Within a batch and across batches; the time is that of the furthest."""
    store.commit([device("d", BOB), *(post(id=f"{n}") for n in range(9))])
    store.commit([Advance("d", BOB, OPS, 5, 50), Advance("d", BOB, OPS, 4, 60), MarkRead(BOB, OPS, 3, 30)])
    store.commit([Advance("d", BOB, OPS, 5, 70), MarkRead(BOB, OPS, 2, 90)])
    assert reader.reach(OPS, [BOB]) == [Reach(BOB, 5, 50, 3, 30)]
    assert reader.standings(BOB, "d", [OPS])[0].cursor == 5


def test_at_head_is_the_head_at_that_point_of_the_batch(store: Store, reader: Reader) -> None:
    """So that a join or a kick bounds a stay by itself."""
    store.commit(
        [
            device("d", BOB),
            post(id="1"),
            Advance("d", BOB, OPS, AT_HEAD, 1),
            post(id="2"),
            MarkRead(BOB, OPS, AT_HEAD, 1),
            PutMember(MemberRow(OPS, BOB, "member", AT_HEAD, AT_HEAD)),
            post(id="3"),
            Advance("d", BOB, DEV, AT_HEAD, 1),
        ]
    )
    assert reader.standings(BOB, "d", [OPS, DEV]) == [Standing(OPS, 2, 1, 1, 0, 3), Standing(DEV, 0, 0, 0, 0, 0)]
    assert store.load().members == [MemberRow(OPS, BOB, "member", 2, 2)]


def test_reach_is_the_furthest_of_all_devices(store: Store, reader: Reader) -> None:
    """In the order asked for, zeros where there is nothing."""
    store.commit([device("d1", BOB), device("d2", BOB), device("d3", CAROL), *(post(id=f"{n}") for n in range(9))])
    store.commit([Advance("d1", BOB, OPS, 3, 31), Advance("d2", BOB, OPS, 7, 72), MarkRead(CAROL, OPS, 2, 5)])
    expected = [Reach(CAROL, 0, 0, 2, 5), Reach(BOB, 7, 72, 0, 0), Reach(ALICE, 0, 0, 0, 0)]
    assert reader.reach(OPS, [CAROL, BOB, ALICE]) == expected
    store.commit([DropDevice("d2"), DropDevice("unknown")])
    assert reader.reach(OPS, [BOB]) == [Reach(BOB, 3, 31, 0, 0)]


def test_cursors_of_unknown_devices_and_positions_nowhere_are_ignored(store: Store, reader: Reader) -> None:
    """A device may be revoked while its last words are on their way."""
    store.commit([device("d", BOB), post(id="1")])
    store.commit(
        [
            Advance("unknown", BOB, OPS, 1, 1),
            Advance("d", BOB, 99, 1, 1),
            MarkRead(BOB, 99, 1, 1),
            Advance("d", BOB, OPS, -5, 1),
            Advance("d", BOB, OPS, 1, 1),
            DropDevice("d"),
            Advance("d", BOB, OPS, 1, 1),
            device("d", BOB),
        ]
    )
    assert reader.standings(BOB, "d", [OPS, 99]) == [Standing(OPS, 0, None, 1, 0, 1), Standing(99, 0, None, 0, 0, 0)]


def test_a_snapshot_has_every_row(store: Store) -> None:
    """Insert or replace, by the key that each row names."""
    users = [UserRow(2, "bob", "Bob", "h2", (), 2, disabled=True), UserRow(1, "al", "Ål", "h", ("admin", "bot"), 1)]
    new = UserRow(1, "al", "Alice", "h3", (), 1)
    rows: list[Write] = [
        *map(PutUser, [*users, new]),
        PutDevice(DeviceRow("d", 1, "laptop", b"\x00\xff", 1, 2)),
        PutDevice(DeviceRow("d", 1, "laptop", b"\x00\xff", 1, 3)),
        PutConversation(ConversationRow(OPS, "group", "ops", "T", "P", "private", "since_join", 5)),
        PutConversation(ConversationRow(7, "private", "1:2")),
        PutMember(MemberRow(OPS, 1, "owner", 1)),
        PutMember(MemberRow(OPS, 1, "moderator", 3, 4, muted=True)),
        PutInvite(InviteRow(b"c", 1, None, 3, 9)),
        PutInvite(InviteRow(b"c", 1, OPS, 2, 9)),
        PutInvite(InviteRow(b"used", 1, None, 1, 9)),
        PutInvite(InviteRow(b"used", 1, None, 0, 9)),
        PutInvitation(InvitationRow(OPS, 2, 1, 4)),
        PutInvitation(InvitationRow(OPS, 3, 1, 4)),
        DropInvitation(OPS, 3),
        DropInvitation(OPS, 3),
    ]
    store.commit(rows)
    snapshot = store.load()
    assert len(snapshot.epoch) == 32
    assert snapshot.users == [new, users[0]]
    assert snapshot.devices == [DeviceRow("d", 1, "laptop", b"\x00\xff", 1, 3)]
    assert snapshot.conversations[0] == ConversationRow(OPS, "group", "ops", "T", "P", "private", "since_join", 5)
    assert [row.id for row in snapshot.conversations] == [OPS, DEV, 7]
    assert snapshot.members == [MemberRow(OPS, 1, "moderator", 3, 4, muted=True)]
    assert snapshot.invites == [InviteRow(b"c", 1, OPS, 2, 9)]
    assert snapshot.invitations == [InvitationRow(OPS, 2, 1, 4)]
    assert snapshot.heads == {OPS: 0, DEV: 0, 7: 0}


def test_a_dropped_conversation_leaves_nothing(store: Store, reader: Reader) -> None:
    """Its log, members, marks and cursors; message ids are free again."""
    store.commit([device("d", BOB), *(post(id=f"{n}", mentions=(BOB,)) for n in range(30)), post(id="kept", to=DEV)])
    store.commit(
        [
            PutMember(MemberRow(OPS, BOB, "member", 1)),
            PutInvitation(InvitationRow(OPS, CAROL, BOB, 1)),
            MarkRead(BOB, OPS, 1, 1),
            Advance("d", BOB, OPS, 1, 1),
            DropConversation(OPS),
            post(id="late"),
        ]
    )
    assert reader.events(OPS, 0, 99, 99) == []
    assert reader.locate("3") is None
    assert reader.standings(BOB, "d", [OPS]) == [Standing(OPS, 0, None, 0, 0, 0)]
    assert reader.reach(OPS, [BOB]) == [Reach(BOB, 0, 0, 0, 0)]
    snapshot = store.load()
    assert (snapshot.members, snapshot.invitations, snapshot.heads) == ([], [], {DEV: 1})
    assert seqs([*store.commit([post(id="3", to=DEV)])]) == [2]


def test_a_conversation_may_come_again(store: Store, reader: Reader) -> None:
    """Even in the batch that drops it: the new log begins at 1."""
    again = PutConversation(ConversationRow(OPS, "group", "ops"))
    store.commit([post(id="1"), post(id="2")])
    outcomes = store.commit([post(id="3"), DropConversation(OPS), again, post(id="1"), post(id="4")])
    assert seqs([*outcomes]) == [3, None, None, 1, 2]
    assert [value["message_id"] for value in contents(reader).values()] == ["1", "4"]


def test_audit_lines_come_newest_first(store: Store, reader: Reader) -> None:
    """An id continues the list."""
    store.commit([Audit(n, ALICE, "act", f"detail {n}") for n in range(1, 6)])
    newest = reader.audit(None, 2)
    assert [line.at_ms for line in newest] == [5, 4]
    assert reader.audit(newest[-1].id, 1)[0].at_ms == 3
    assert isinstance(newest[0], AuditLine)


POISON: dict[str, Write] = {
    "surrogate in a message id": Append(OPS, "group_message", ALICE, "\ud800", 1, 1, b"}"),
    "kind": Append(OPS, "unknown", ALICE, "p", 1, 1, b"}"),
    "time": Append(OPS, "group_message", ALICE, "p", 2**63, 1, b"}"),
    "digest": Append(OPS, "group_message", ALICE, "p", 1, -(2**63) - 1, b"}"),
    "sender": Append(OPS, "group_message", 2**70, "p", 1, 1, b"}"),
    "mention": Append(OPS, "group_message", ALICE, "p", 1, 1, b"}", (2**63,)),
    "target": Append(OPS, "reaction", ALICE, "p", 1, 1, b"}", target="\udfff"),
    "edit without content": Append(OPS, "edited", ALICE, "p", 1, 1, b'"type":"edited"}', target="good"),
    "edit that is no JSON": Append(OPS, "edited", ALICE, "p", 1, 1, b'"type', target="good"),
    "surrogate in a name": PutUser(UserRow(1, "a\ud800", "", "", (), 1)),
    "surrogate in a role": PutUser(UserRow(1, "a", "", "", ("\ud800",), 1)),
    "cursor": Advance("device", BOB, OPS, 2**63, 1),
    "marker": MarkRead(2**64, OPS, 1, 1),
    "audit": Audit(1, 1, "\udc00", ""),
    "name taken": PutUser(UserRow(8, "bob", "", "", (), 1)),
    "group taken": PutConversation(ConversationRow(9, "group", "dev")),
}


@pytest.mark.parametrize("name", POISON)
@pytest.mark.parametrize("neighbours", [3, 300])
def test_a_write_that_cannot_be_stored_is_named(store: Store, reader: Reader, name: str, neighbours: int) -> None:
    """Nothing is applied, and without it the same batch is (reliability: one poison row never fails its neighbours)."""
    store.commit([PutUser(UserRow(7, "bob", "", "", (), 1)), device("device", BOB), post(id="good")])
    good: list[Write] = [post(id=f"m{n}", mentions=(BOB,)) for n in range(neighbours)]
    with pytest.raises(BadWrite) as caught:
        store.commit([*good[:2], POISON[name], *good[2:]])
    assert caught.value.index == 2
    assert reader.standings(BOB, "device", [OPS]) == [Standing(OPS, 0, None, 1, 0, 1)]
    assert seqs([*store.commit(good)]) == list(range(2, neighbours + 2))
    assert len(contents(reader)) == neighbours + 1
