"""The store on disk against the simple one in memory: any sequence of batches, the same answers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chat_server.store import batch, writer
from chat_server.store.base import (
    AT_HEAD,
    Advance,
    ConversationRow,
    DropConversation,
    DropDevice,
    Hit,
    MarkRead,
    MemberRow,
    PutConversation,
    PutMember,
    Reader,
    Snapshot,
    Write,
)
from chat_server.store.errors import BadQuery
from chat_server.store.memory import MemoryStore
from chat_server.store.sqlite import SqliteStore, open_store
from chat_server.store.verify import verify
from tests.support.store import ALICE, BOB, CAROL, DEV, EVERYTHING, OPS, delete, device, edit, post, rooms

IDS = [f"m{n}" for n in range(12)] + [f"0197a5c0-1111-7000-8000-0123456789a{n}" for n in range(4)]
WORDS = ["apple", "Äpfel", "foo.bar()", "世界", "世界杯", "->", "a", "appletree", "🎉"]

users = st.sampled_from([ALICE, BOB, CAROL])
conversations = st.sampled_from([OPS, DEV, 3])
ids = st.sampled_from(IDS)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
seqs = st.integers(0, 20) | st.just(AT_HEAD)
devices = st.sampled_from(["d1", "d2"])
mentions = st.lists(users, max_size=2).map(tuple)
kinds = st.sampled_from(["group_message", "system_message", "notification"])

posts = st.builds(
    lambda text, id_, to, by, kind, names: post(text, id=id_, to=to, by=by, kind=kind, mentions=names),
    texts, ids, conversations, users, kinds, mentions,
)  # fmt: skip
changes = st.one_of(
    st.builds(lambda target, text, id_, names: edit(target, text, id=id_, mentions=names), ids, texts, ids, mentions),
    st.builds(lambda target, id_: delete(target, id=id_), ids, ids),
    st.builds(lambda target, id_: post("", id=id_, kind="reaction", target=target), ids, ids),
)
others = st.one_of(
    st.builds(MarkRead, users, conversations, seqs, st.integers(0, 99)),
    st.builds(Advance, st.just("d1"), st.just(BOB), conversations, seqs, st.integers(0, 99)),
    st.builds(Advance, st.just("d2"), st.just(BOB), conversations, seqs, st.integers(0, 99)),
    st.builds(device, devices, st.just(BOB)),
    st.builds(DropDevice, devices),
    st.builds(MemberRow, conversations, users, st.just("member"), seqs, st.none() | seqs).map(PutMember),
    st.builds(lambda c: PutConversation(ConversationRow(c, "group", f"g{c}")), conversations),
)
drops = st.builds(DropConversation, conversations)
batches = st.lists(st.one_of(posts, posts, posts, changes, others, others, drops), max_size=12)


class Stores(RuleBasedStateMachine):
    """Both stores, fed alike."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "data"
        self.disk: SqliteStore = open_store(self.path)
        self.memory = MemoryStore()
        self.disk.load()
        self.memory.load()
        self.commit([*rooms()])
        self.reader: Reader = self.disk.reader()
        self.has_changed = True

    def commit(self, writes: list[Write]) -> None:
        assert self.disk.commit(writes) == self.memory.commit(writes)
        self.has_changed = True

    @rule(writes=batches)
    def write(self, writes: list[Write]) -> None:
        self.commit(writes)

    @rule(text=texts, count=st.sampled_from([5, 300]))
    def write_many(self, text: str, count: int) -> None:
        head = self.memory.load().heads.get(OPS)
        self.commit([post(f"{text} {n}", id=f"{head}-{n}") for n in range(count)])

    @rule()
    def load(self) -> None:
        self.disk.load()

    @rule()
    def tidy(self) -> None:
        self.disk.tidy()
        self.has_changed = True

    @rule()
    def reopen(self) -> None:
        self.reader.close()
        self.disk.close()
        self.disk = open_store(self.path)
        self.reader = self.disk.reader()

    @rule(query=texts, limit=st.integers(1, 4))
    def search(self, query: str, limit: int) -> None:
        assert _hits(self.reader, query, limit) == _hits(self.memory.reader(), query, limit)

    @invariant()
    @precondition(lambda self: self.has_changed)
    def agree(self) -> None:
        self.has_changed = False
        assert _plain(self.disk.load()) == _plain(self.memory.load())
        reference = self.memory.reader()
        for conversation in (OPS, DEV, 3):
            pages = [reader.events(conversation, 0, 2**53, 10_000) for reader in (self.reader, reference)]
            assert pages[0] == pages[1]
            ends = [reader.events(conversation, 2, 2**53, 3, newest=True) for reader in (self.reader, reference)]
            assert ends[0] == ends[1]
            everybody = [ALICE, BOB, CAROL]
            reach = [
                [(row.user, row.received_seq, row.read_seq, row.read_at_ms) for row in rows]
                for rows in (each.reach(conversation, everybody) for each in (self.reader, reference))
            ]  # not received_at_ms: of two devices at the same seq either time will do
            assert reach[0] == reach[1]
        for user in (ALICE, BOB, CAROL):
            for name in ("d1", "d2"):
                asked = (user, name, [DEV, OPS, 3])
                assert self.reader.standings(*asked) == reference.standings(*asked)
        for id_ in IDS:
            assert self.reader.locate(id_) == reference.locate(id_)
        assert list(verify(self.path)) == []

    def teardown(self) -> None:
        self.reader.close()
        self.disk.close()
        self.folder.cleanup()


def _plain(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, epoch="")


def _hits(reader: Reader, query: str, limit: int) -> list[Hit] | str:
    try:
        hits = reader.search(query, EVERYTHING, sender=None, before=None, limit=limit)
    except BadQuery as error:
        return str(error)
    return [msgspec.structs.replace(hit, position=0) for hit in hits]


@pytest.mark.parametrize(("place_every", "erase_at_once"), [(4096, 4096), (7, 2)])
def test_both_stores_agree(monkeypatch: pytest.MonkeyPatch, place_every: int, erase_at_once: int) -> None:
    """Whatever is written, in whatever order; also where the one on disk moves and erases all the time."""
    monkeypatch.setattr(writer, "PLACE_EVERY", place_every)
    monkeypatch.setattr(batch, "ERASE_AT_ONCE", erase_at_once)
    run_state_machine_as_test(Stores, settings=settings(max_examples=20, stateful_step_count=20, deadline=None))
