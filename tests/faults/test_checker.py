"""The checker itself: histories that are good, and bad ones of every kind that it has to catch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.checker import Run, Stored, check
from tests.faults.history import History, Note, digest, read, signed

OPS = "#ops"


def invoke(id_: str, *, by: str = "a", text: str = "") -> Note:
    """A send begins."""
    return Note("invoke", device=by, user=by, conversation=OPS, message_id=id_, digest=digest(text or id_))


def ok(id_: str, seq: int, *, by: str = "a", epoch: str = "e") -> Note:
    """An ack came."""
    return Note("ok", device=by, user=by, conversation=OPS, message_id=id_, seq=seq, epoch=epoch)


def fail(id_: str, code: str) -> Note:
    """A send was refused."""
    return Note("fail", device="a", user="a", conversation=OPS, message_id=id_, code=code)


def recv(id_: str, seq: int, *, by: str = "b", link: int = 1, text: str = "", epoch: str = "e") -> Note:
    """An event came."""
    return Note(
        "recv",
        device=by,
        user=by,
        link=link,
        conversation=OPS,
        message_id=id_,
        seq=seq,
        digest=digest(text or id_),
        epoch=epoch,
    )


def at(kind: str, seq: int, *, by: str = "b", link: int = 1) -> Note:
    """A cursor, a head, a connection, the end of a membership."""
    return Note(kind, device=by, user=by, link=link, conversation=OPS, seq=seq, epoch="e")  # type: ignore[arg-type]


def log(*ids: str, start: int = 1) -> list[Stored]:
    """A stored log."""
    return [Stored(OPS, seq, id_, digest(id_), "a") for seq, id_ in enumerate(ids, start)]


def found(notes: list[Note], stored: list[Stored], **more: object) -> set[str]:
    """The invariants that are broken."""
    return {finding.invariant for finding in check(Run(notes, stored, "e", **more))}  # type: ignore[arg-type]


SENT = [invoke("m1"), ok("m1", 1), invoke("m2"), ok("m2", 2)]
GOT = [at("connect", 0), recv("m1", 1), recv("m2", 2)]


def test_a_good_history() -> None:
    """Sends, a repeat, a refusal that was sent again, an unknown end, two connections: nothing is found."""
    notes = [
        *SENT,
        invoke("m2"),
        ok("m2", 2),
        invoke("m3"),
        fail("m3", "storage"),
        invoke("m3"),
        ok("m3", 3),
        invoke("lost"),
        invoke("no"),
        fail("no", "too_long"),
        *GOT,
        at("cursor", 2),
        at("connect", 2, link=2),
        recv("m3", 3, link=2),
        at("cursor", 3),
        at("head", 3),
    ]
    assert check(Run(notes, log("m1", "m2", "m3"), "e", {OPS: ["a", "b"]}, {"b": log("m1", "m2", "m3")})) == []


def test_another_epoch_is_another_log() -> None:
    """What was acknowledged before a backup was restored need not be there, and is never held against the new log."""
    notes = [
        invoke("m1"),
        ok("m1", 1, epoch="old"),
        invoke("m2"),
        ok("m2", 2, epoch="old"),
        recv("m2", 2, epoch="old"),
        invoke("m3"),
        ok("m3", 2),
    ]
    assert found(notes, log("m1", "m3")) == set()


BAD: dict[str, tuple[str, list[Note], list[Stored], dict[str, object]]] = {
    "an acknowledged message is gone": ("I1", SENT, log("m1"), {}),
    "an acknowledged message has become another text": (
        "I1",
        SENT,
        [*log("m1"), Stored(OPS, 2, "m2", digest("else"))],
        {},
    ),
    "stored twice": ("I2", SENT, log("m1", "m2", "m1"), {}),
    "acknowledged at two places": ("I1 I2", [*SENT, invoke("m1"), ok("m1", 2)], log("m1", "m2"), {}),
    "a hole in the log": ("I3", SENT[:2], [*log("m1"), Stored(OPS, 3, "s", "")], {}),
    "a seq that was given twice": ("I3", SENT, [*log("m1", "m2"), Stored(OPS, 2, "s", "")], {}),
    "two devices see different events at one place": (
        "I4",
        [*SENT, *GOT, at("connect", 1, by="c"), recv("m1", 2, by="c")],
        log("m1", "m2"),
        {},
    ),
    "a device got another event than is stored": ("I4", [*SENT, recv("m2", 1)], log("m1", "m2"), {}),
    "a device lacks an event": (
        "I5",
        [*SENT, at("connect", 0), recv("m2", 2)],
        log("m1", "m2"),
        {"members": {OPS: "b"}},
    ),
    "a sender's messages have changed places": ("I6", [invoke("m1"), invoke("m2")], log("m2", "m1"), {}),
    "a message before one that was acknowledged already": (
        "I7",
        [invoke("m1"), ok("m1", 2), invoke("m2", by="b")],
        [Stored(OPS, 1, "m2", digest("m2"), "b"), Stored(OPS, 2, "m1", digest("m1"), "a")],
        {},
    ),
    "a message that nobody sent": ("I8", SENT, log("m1", "m2", "m9"), {}),
    "a message under another sender's name": ("I8", [invoke("m1", by="b")], log("m1"), {}),
    "pushed and never stored": ("I8", [*SENT, invoke("m3"), *GOT, recv("m3", 3)], log("m1", "m2"), {}),
    "the same event twice on one connection": ("I9", [*SENT, *GOT, recv("m2", 2)], log("m1", "m2"), {}),
    "an event that the device said it had": ("I9", [*SENT, at("connect", 2), recv("m2", 2)], log("m1", "m2"), {}),
    "a cache with an event twice": ("I9", SENT, log("m1", "m2"), {"caches": {"b": [*log("m1"), *log("m1")]}}),
    "refused for good and stored": ("I10", [invoke("m1"), fail("m1", "too_long")], log("m1"), {}),
    "refused for now and stored": ("I10", [invoke("m1"), fail("m1", "storage")], log("m1"), {}),
    "read after a kick": ("I11", [*SENT, at("left", 1), *GOT], log("m1", "m2"), {}),
    "read from between two memberships": (
        "I11",
        [*SENT, Note("left", user="b", conversation=OPS, seq=1, to_seq=3), *GOT],
        log("m1", "m2"),
        {},
    ),
    "a cache that mixes two lives of the log": ("I12", SENT, log("m1", "m2"), {"caches": {"b": log("m1", "x")}}),
    "a cursor that goes back": ("I13", [*SENT, at("cursor", 2), at("cursor", 1)], log("m1", "m2"), {}),
    "a head that goes back": ("I13", [*SENT, at("head", 2), at("head", 1)], log("m1", "m2"), {}),
    "a device that is not done": ("I21", [*SENT, Note("late", device="a")], log("m1", "m2"), {}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_histories(name: str) -> None:
    """Each bad history is caught, under the right name and no other."""
    invariant, notes, stored, more = BAD[name]
    assert found(notes, stored, **more) == set(invariant.split())


def test_long_histories() -> None:
    """The work grows with the history, not with its square: four times the notes are checked, too."""
    for count in (5_000, 20_000):
        ids = [f"m{number}" for number in range(count)]
        notes = [note for seq, id_ in enumerate(ids, 1) for note in (invoke(id_), ok(id_, seq), recv(id_, seq))]
        assert check(Run(notes, log(*ids), "e", {OPS: ["a", "b"]})) == []


def test_histories_can_be_kept(tmp_path: Path) -> None:
    """A history that was written down is the same when it is read."""
    history = History()
    history.add("recv", device="b", conversation=OPS, seq=7, message_id="m", digest=digest(signed(b"k", "a", 1)))
    history.add("fault", code="kill")
    history.write(tmp_path / "history.jsonl")
    assert read(tmp_path / "history.jsonl") == history.notes
