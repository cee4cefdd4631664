"""docs/protocol.md and the code say the same: every field, bound, code, limit and example, in both directions."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import pytest

from chat_protocol import limits, packets
from chat_protocol.codec import CLIENT_TYPES, SERVER_TYPES, decode_client, decode_server
from chat_protocol.errors import CLOSING, TRANSIENT, ErrorCode
from tests.docs import spec

EVENTS = {tag: struct for tag, struct in SERVER_TYPES.items() if issubclass(struct, packets.Event)}
PUSHES_AND_ANSWERS = {tag: struct for tag, struct in SERVER_TYPES.items() if tag not in EVENTS}
OBJECTS = {name: getattr(packets, struct) for struct, name in spec.OBJECT_NAMES.items()}
ANSWERS = {"welcome", "session", "synced", "ack", "ok"}


def described(structs: dict[str, Any], without: type[msgspec.Struct] | None = None) -> dict[str, list[spec.Row]]:
    """The rows of ``structs``, without the fields that they have from ``without``."""
    known = set() if without is None else set(without.__struct_fields__)
    return {tag: [row for row in spec.describe(struct) if row.name not in known] for tag, struct in structs.items()}


def test_requests_are_described() -> None:
    """Every frame of a client stands in the document with all its fields, and no other does."""
    requests = {tag: struct for tag, struct in CLIENT_TYPES.items() if issubclass(struct, packets.Request)}
    others = {tag: struct for tag, struct in CLIENT_TYPES.items() if tag not in requests}

    assert spec.frames("→") == described(requests, packets.Request) | described(others)


def test_server_frames_are_described() -> None:
    """Every answer and push stands in the document with all its fields, and no other does."""
    assert spec.frames("←") == described(PUSHES_AND_ANSWERS)


def test_events_are_described() -> None:
    """Every event of a log stands in the document with the fields that are its own."""
    assert spec.frames("event") == described(EVENTS, packets.Event)


def test_common_fields_are_described() -> None:
    """What requests and events have in common stands in one table each."""
    assert spec.frames("common") == described({"request": packets.Request, "event": packets.Event})


def test_objects_are_described() -> None:
    """Every object within a frame has a table of its own."""
    assert spec.frames("object") == described(OBJECTS)


def test_changed_conversation_has_the_fields_of_an_entry() -> None:
    """The push ``conversation`` is an entry of ``synced`` (protocol.md 4)."""
    assert spec.describe(packets.ConversationChanged) == spec.describe(packets.ConversationEntry)


def test_every_request_names_its_answer() -> None:
    """A request is followed by what answers it, and every field of ``ok`` answers some request (protocol.md 6)."""
    answers: dict[str, list[str]] = {}
    request = ""
    for line in spec.PROTOCOL.read_text(encoding="utf-8").splitlines():
        if line.startswith("#### "):
            request = re.sub(r"#### `(\w+)` →|.*", r"\1", line)
        elif line.startswith("Answer: "):
            assert request not in answers, f"{request} has two answers"
            answers[request] = re.findall(r"`(\w+)`", line)
    requests = {tag for tag, struct in CLIENT_TYPES.items() if issubclass(struct, packets.Request)}
    fields = {field for words in answers.values() for field in words[1:]}

    assert set(answers) == requests
    assert {words[0] for words in answers.values()} == ANSWERS
    assert fields == set(packets.Ok.__struct_fields__) - {"re"}


def test_error_codes_are_described() -> None:
    """The table of codes is ErrorCode, with what closes and what is transient (protocol.md 1)."""
    rows = {code.strip("`"): (closes, transient) for code, closes, transient, _ in spec.table(spec.PROTOCOL, "code")}

    assert rows == {
        str(code): ("yes" if code in CLOSING else "", "yes" if code in TRANSIENT else "") for code in ErrorCode
    }


def test_limits_are_described() -> None:
    """The table of limits is limits.py (protocol.md 1)."""
    rows = {name.strip("`"): int(value) for name, value, _ in spec.table(spec.PROTOCOL, "limit")}

    assert rows == {name: value for name, value in vars(limits).items() if name.isupper()}


@pytest.mark.parametrize(("line", "example"), spec.json_examples(spec.PROTOCOL))
def test_examples_are_frames(line: int, example: str) -> None:
    """Each example is what a client sends or what a server sends, by the strict decoders."""
    payload = example.encode()
    tag = msgspec.json.decode(payload)["type"]
    from_client = tag in CLIENT_TYPES and (b'"id":' in payload or tag not in SERVER_TYPES)

    if from_client:
        assert decode_client(payload).__struct_config__.tag == tag
    else:
        packet = decode_server(payload)
        assert packet is not None, f"line {line}: no frame of this protocol"
        assert packet.__struct_config__.tag == tag
        known = {field.encode_name for field in msgspec.structs.fields(type(packet))} | {"type"}
        assert set(msgspec.json.decode(payload)) <= known


def test_every_event_of_a_log_can_stand_in_pages() -> None:
    """``event`` in a field table means any of the events (protocol.md 3)."""
    assert {str(event.__struct_config__.tag) for event in get_args(packets.LogEvent)} == set(EVENTS)


def test_sections_are_numbered_as_the_code_cites_them() -> None:
    """Docstrings cite protocol.md by section, so sections keep their numbers."""
    titles = re.findall(r"^## (\d+)\. (.+)$", spec.PROTOCOL.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1))
    assert [title for _, title in titles][:7] == [
        "Frames",
        "Names and conversations",
        "The log",
        "Session",
        "Sending",
        "Everything else",
        "Starting a server from a script",
    ]
