"""Writes for tests of stores, short to write down."""

from __future__ import annotations

import json
from zlib import crc32

from chat_server.store.base import Append, ConversationRow, DeviceRow, PutConversation, PutDevice, Reader, Scope, Store

OPS, DEV = 1, 2
ALICE, BOB, CAROL = 11, 12, 13
EVERYTHING = [Scope(OPS, 1, 2**53), Scope(DEV, 1, 2**53)]


def post(
    content: str = "hi",
    *,
    id: str,  # noqa: A002 - as in the protocol
    to: int = OPS,
    by: int = ALICE,
    kind: str = "group_message",
    at: int = 1000,
    mentions: tuple[int, ...] = (),
    target: str | None = None,
) -> Append:
    """An event as the router would make it."""
    body: dict[str, object] = {"type": kind, "message_id": id, "sender": f"user{by}", "timestamp": at}
    if kind not in ("deleted", "reaction"):
        body["content"] = content
    if mentions:
        body["mentions"] = [f"user{user}" for user in mentions]
    if target is not None:
        body["target"] = target
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Append(to, kind, by, id, at, crc32(content.encode()), text[1:].encode(), mentions, target)


def edit(target: str, content: str, *, id: str, at: int = 2000, mentions: tuple[int, ...] = ()) -> Append:  # noqa: A002
    """A change of a message's content."""
    return post(content, id=id, kind="edited", target=target, at=at, mentions=mentions)


def delete(target: str, *, id: str) -> Append:  # noqa: A002
    """The erasure of a message."""
    return post("", id=id, kind="deleted", target=target, at=3000)


def device(name: str, user: int) -> PutDevice:
    """A device that may have cursors."""
    return PutDevice(DeviceRow(name, user, "laptop", b"t", 0, 0))


def rooms() -> list[PutConversation]:
    """Two groups."""
    return [
        PutConversation(ConversationRow(OPS, "group", "ops")),
        PutConversation(ConversationRow(DEV, "group", "dev")),
    ]


def contents(reader: Reader, conversation: int = OPS) -> dict[int, dict[str, object]]:
    """All events of a conversation, decoded, by seq."""
    found = reader.events(conversation, 0, 2**53, 10_000)
    decoded = {event.seq: json.loads(b"{" + event.body) for event in found}
    assert all(value["seq"] == seq for seq, value in decoded.items())
    return decoded


def found(reader: Reader, query: str, scopes: list[Scope] | None = None) -> list[int]:
    """The seqs that a search finds, as they come."""
    hits = reader.search(query, EVERYTHING if scopes is None else scopes, sender=None, before=None, limit=100)
    return [hit.seq for hit in hits]


def tidy(store: Store) -> None:
    """Do background work until nothing is left, or what is left is not due yet."""
    for _ in range(200):
        if not store.tidy():
            return
