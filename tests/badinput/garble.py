"""Requests that are nearly right, and bytes that are not: made from a seed, for the real server and for its parts."""

from __future__ import annotations

import json
import random
import struct
from typing import Any, Final, get_args

from msgspec import structs

from chat_protocol.packets import ClientPacket

KINDS: Final = {
    packet.__struct_config__.tag: [field.encode_name for field in structs.fields(packet)]
    for packet in get_args(ClientPacket)
}
"""The requests of the protocol with their fields, as they stand in the code."""

ODD_TEXTS: Final = (
    "", " ", "a", "#", "@", "!", "!announcements", "!notifications", "server", "admin", "x" * 33, "x" * 9_000,
    "\x00", "a\x1b]2;t\x07", "\x9b31m", "\u202eabc", "a\u0300" * 300, "\ufeff", "e\u0301", "\U0001f468\u200d\U0001f469",
    "'; DROP TABLE event; --", "%", "_", "\\", '"', "*", "(", "NOT", "NEAR(" * 50, "a AND", "-x", "c:x", "{}", "[/]",
    "[@click=app.quit]x[/]", "../../etc/passwd", "\r\n", "\t", "before:2020-01-01", "0" * 64, "٣", "Ａdmin", "аdmin",
)  # fmt: skip
ODD_VALUES: Final[tuple[object, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 10**30, 1.0, 1.5, 1e300, [], {},
    [[]], [1, "a"], {"a": 1}, {"#ops": -1}, {"#ops": 2**53 - 1}, {"@a": True}, ["x"] * 100,
)  # fmt: skip


def value(chance: random.Random, known: list[str]) -> object:
    """A value for any field: something that exists, or something odd."""
    kind = chance.random()
    if kind < 0.5:
        return chance.choice(known)
    if kind < 0.75:
        return chance.choice(ODD_TEXTS)
    return chance.choice(ODD_VALUES)


def request(chance: random.Random, number: int, known: list[str], *, leave_out: frozenset[str]) -> dict[str, Any]:
    """A request of some kind: some fields are missing, some are of the wrong type, some do not belong to it."""
    kind = chance.choice([each for each in KINDS if each not in leave_out])
    frame: dict[str, Any] = {"type": kind, "id": number}
    for name in KINDS[kind]:
        if name not in frame and chance.random() < 0.9:
            frame[name] = value(chance, known)
    if "message_id" in frame and chance.random() < 0.8:
        frame["message_id"] = f"m-{chance.randrange(10**12)}"
    if chance.random() < 0.1:
        frame[chance.choice(["sender", "seq", "epoch", "timestamp", "x_y"])] = value(chance, known)
    return frame


def packed(payload: bytes) -> bytes:
    """A payload as a frame."""
    return struct.pack(">I", len(payload)) + payload


def bent(chance: random.Random, frame: dict[str, Any]) -> bytes:
    """A frame in which some bytes were changed, left out, doubled."""
    data = bytearray(packed(json.dumps(frame).encode()))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randint(1, 8)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 8)]
            case _:
                data[at] = chance.randrange(256)
        if not data:
            break
    return bytes(data)
