"""Bytes to packets and back: the only JSON of the project's wire.

Decoding a request has three layers, each closed to whatever the next one could choke on: nesting is counted before
anything is parsed, the
text must be UTF-8, and msgspec checks types and bounds. What the types cannot say (control characters, bytes of
content) is checked last, by
a table made from the packets' annotations.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, NewType, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from chat_protocol import limits, packets
from chat_protocol.errors import ErrorCode, RemoteProtocolError
from chat_protocol.packets import ClientPacket, Event, ServerPacket

EventBody = NewType("EventBody", bytes)
"""An event's JSON object without its opening brace and without ``conversation``: ``b'"seq":42,"type":…}'``."""

_encoder: Final = msgspec.json.Encoder()
_client_packets: Final[msgspec.json.Decoder[ClientPacket]] = msgspec.json.Decoder(ClientPacket)
_server_packets: Final[msgspec.json.Decoder[ServerPacket]] = msgspec.json.Decoder(ServerPacket)

encode: Final[Callable[[object], bytes]] = _encoder.encode
"""The payload of a packet. Any thread."""


# ---- Depth ---------------------------------------------------------------------------------------------------------

_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


def _is_too_deep(payload: bytes) -> bool:
    # most frames have fewer brackets than levels are allowed: two scans in C decide
    if payload.count(b"{") + payload.count(b"[") <= limits.MAX_DEPTH:
        return False
    depth = 0
    for match in _BRACKETS.finditer(payload):
        match match.group():
            case b"{" | b"[":
                depth += 1
                if depth > limits.MAX_DEPTH:
                    return True
            case b"}" | b"]":
                depth -= 1
            case _:
                pass
    return False


# ---- What types cannot say -----------------------------------------------------------------------------------------

_FORBIDDEN_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FORBIDDEN_IN_LINE = re.compile("[\x00-\x1f\x7f-\x9f]")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]+")

_Check = Callable[[str], tuple[ErrorCode, str] | None]


def _check_text(text: str) -> tuple[ErrorCode, str] | None:
    # isprintable() is false for newlines and some harmless spaces, so it only clears the common case
    if not text.isprintable() and (found := _FORBIDDEN_IN_TEXT.search(text)):
        return ErrorCode.BAD_TEXT, f"control character U+{ord(found.group()):04X}, only newline and tab are allowed"
    return None


def _check_line(text: str) -> tuple[ErrorCode, str] | None:
    if not text.isprintable() and (found := _FORBIDDEN_IN_LINE.search(text)):
        return ErrorCode.BAD_TEXT, f"control character U+{ord(found.group()):04X}, none is allowed here"
    return None


def _check_content(text: str) -> tuple[ErrorCode, str] | None:
    if len(text) > limits.MAX_CONTENT_CHARS:
        return (
            ErrorCode.TOO_LONG,
            f"{len(text)} characters, at most {limits.MAX_CONTENT_CHARS} are allowed: send it in parts",
        )
    if not text.isascii() and len(text.encode()) > limits.MAX_CONTENT_BYTES:
        return ErrorCode.TOO_LONG, f"more than {limits.MAX_CONTENT_BYTES} bytes in UTF-8: send it in parts"
    return _check_text(text)


def _check_message_id(text: str) -> tuple[ErrorCode, str] | None:
    if not _MESSAGE_ID.fullmatch(text):
        return ErrorCode.BAD_REQUEST, "a message_id is made of A-Z, a-z, 0-9, '_' and '-'"
    return None


def _check_topic(max_chars: int) -> _Check:
    def check(text: str) -> tuple[ErrorCode, str] | None:
        if len(text) > max_chars:
            return ErrorCode.TOO_LONG, f"{len(text)} characters, at most {max_chars} are allowed"
        return _check_line(text)

    return check


def _check_for(annotation: object) -> _Check | None:
    """The check that an annotated field asks for; looks into unions."""
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) is not Annotated:
            continue
        for meta in get_args(part)[1:]:
            extra = getattr(meta, "extra", None) or {}
            match extra.get("text"):
                case packets.TEXT:
                    return _check_text
                case packets.LINE:
                    return _check_line
                case packets.CONTENT:
                    return _check_content
                case packets.MESSAGE_ID:
                    return _check_message_id
                case packets.TOPIC:
                    return _check_topic(extra["max_chars"])
                case _:
                    pass
    return None


def _checks_of(struct: type[Struct]) -> tuple[tuple[str, _Check], ...]:
    hints = get_type_hints(struct, include_extras=True)
    found = ((name, _check_for(hints[name])) for name in struct.__struct_fields__)
    return tuple((name, check) for name, check in found if check is not None)


_Checks = tuple[tuple[str, _Check], ...]
_CHECKS: Final[dict[type[Any], _Checks]] = {struct: _checks_of(struct) for struct in get_args(ClientPacket)}
_CHECKS_OF_CLEAN: Final[dict[type[Any], _Checks]] = {
    struct: tuple((field, check) for field, check in checks if check not in (_check_text, _check_line, _check_content))
    for struct, checks in _CHECKS.items()
}
"""What is left to check where :func:`_is_clean` holds."""
CLIENT_TYPES: Final[dict[str, type[Struct]]] = {
    cast(str, struct.__struct_config__.tag): struct for struct in get_args(ClientPacket)
}
"""The struct of every frame that a client may send, by its wire type."""
SERVER_TYPES: Final[dict[str, type[Struct]]] = {
    cast(str, struct.__struct_config__.tag): struct for struct in get_args(ServerPacket)
}
"""The struct of every frame that a server may send, by its wire type."""


def _is_clean(payload: bytes) -> bool:
    """Whether no text in ``payload`` can hold a control character or be too long, by a look at its bytes alone.

    A raw C0 character in a JSON string is malformed, an escaped one has a backslash, and C1 is not ASCII.
    """
    return (
        len(payload) <= limits.MAX_CONTENT_CHARS
        and payload.isascii()
        and b"\\" not in payload
        and b"\x7f" not in payload
    )


# ---- Requests ------------------------------------------------------------------------------------------------------


def decode_client(payload: bytes) -> ClientPacket:
    """The packet in a client's frame.

    Raises:
        RemoteProtocolError: with the code, the request's id and the field, as protocol.md 1 tells; never anything else.
    """
    if _is_too_deep(payload):
        raise RemoteProtocolError(ErrorCode.BAD_JSON, f"nested more than {limits.MAX_DEPTH} deep")
    try:
        if not payload.isascii():
            payload.decode()  # msgspec does not look at members that it ignores
        packet = _client_packets.decode(payload)
    except msgspec.ValidationError as error:
        raise _explain(payload, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RemoteProtocolError(ErrorCode.BAD_JSON, "the payload is not one JSON object in UTF-8") from None
    checks = _CHECKS[packet.__class__]
    if len(checks) > 1 and _is_clean(payload):
        checks = _CHECKS_OF_CLEAN[packet.__class__]
    for field, check in checks:
        value = getattr(packet, field)
        if value.__class__ is str and (problem := check(value)) is not None:
            code, message = problem
            raise RemoteProtocolError(code, f"{field}: {message}", re=_id_of(packet), field=field)
    return packet


def _id_of(packet: ClientPacket) -> int | None:
    value = getattr(packet, "id", None)
    return value if isinstance(value, int) else None


_PATH = re.compile(r" - at `\$\.([A-Za-z_]+)")
_MISSING = re.compile(r"required field `([A-Za-z_]+)`")


def _explain(payload: bytes, complaint: str) -> RemoteProtocolError:
    """Turn what msgspec says of a well-formed payload into an answer with ``re`` and ``field``."""
    try:
        content = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return RemoteProtocolError(ErrorCode.BAD_JSON, "the payload is not one JSON object in UTF-8")
    if not isinstance(content, dict):
        return RemoteProtocolError(ErrorCode.BAD_JSON, "the payload is not a JSON object")
    number = content.get("id")
    known = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= limits.MAX_INT
    re_ = number if known else None
    kind = content.get("type")
    if isinstance(kind, str) and kind not in CLIENT_TYPES:
        name = kind if len(kind) <= limits.MAX_NAME_CHARS and kind.isprintable() else "this one"
        return RemoteProtocolError(ErrorCode.UNKNOWN_TYPE, f"unknown type: {name}", re=re_)
    found = _PATH.search(complaint) or _MISSING.search(complaint)
    field = found.group(1) if found else None
    return RemoteProtocolError(ErrorCode.BAD_REQUEST, complaint.replace("$.", ""), re=re_, field=field)


# ---- Frames of the server ------------------------------------------------------------------------------------------


def decode_server(payload: bytes) -> ServerPacket | None:
    """The packet in a server's frame; None for a type that this client does not know (protocol.md 1: ignore it).

    Raises:
        RemoteProtocolError: it is no packet; never anything else.
    """
    if _is_too_deep(payload):
        raise RemoteProtocolError(ErrorCode.BAD_JSON, f"nested more than {limits.MAX_DEPTH} deep")
    try:
        if not payload.isascii():
            payload.decode()
        return _server_packets.decode(payload)
    except msgspec.ValidationError as error:
        problem = _explain_server(payload, str(error))
        if problem is None:
            return None
        raise problem from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RemoteProtocolError(ErrorCode.BAD_JSON, "the payload is not one JSON object in UTF-8") from None


def _explain_server(payload: bytes, complaint: str) -> RemoteProtocolError | None:
    try:
        content = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return RemoteProtocolError(ErrorCode.BAD_JSON, "the payload is not one JSON object in UTF-8")
    if isinstance(content, dict) and isinstance(content.get("type"), str) and content["type"] not in SERVER_TYPES:
        return None
    return RemoteProtocolError(ErrorCode.BAD_REQUEST, complaint)


# ---- Events as logs keep them --------------------------------------------------------------------------------------
# An event is encoded once, when it is accepted. A log keeps it without the conversation, because a private chat has
# another name on each side; whoever sends it puts the name in front again, for one event or for a whole page.

_ENVELOPE_BYTES: Final = 4 * 1024
"""What a frame has besides its list."""
_PLACE_BYTES: Final = 32
"""What placing an event adds to its body, besides the conversation's name."""
_SEAM: Final = b'"conversation":"","seq":0,'


def encode_event(event: Event) -> bytes:
    """``event`` without its place in a log.

    Its JSON object without ``{``, ``conversation`` and ``seq``, which must be ``""`` and 0.
    """
    head, tail = encode(event).split(_SEAM, 1)
    return head[1:] + tail


def fitting(sizes_bytes: Iterable[int]) -> int:
    """How many items of these encoded sizes, from the first on, fit into one frame of the server's."""
    left = limits.MAX_SERVER_FRAME_BYTES - _ENVELOPE_BYTES
    for count, size in enumerate(sizes_bytes):
        left -= size + 1
        if left < 0:
            return count
    return sys.maxsize


def event_size(conversation: str, body: bytes) -> int:
    """The encoded size of an event in bytes."""
    return len(body) + 4 * len(conversation) + _PLACE_BYTES


def place_event(conversation: str, body: bytes) -> bytes:
    """The payload of one event, from its body in the log and the conversation's name as the reader sees it."""
    return b'{"conversation":"%s",%s' % (conversation.encode(), body)


def join_events(conversation: str, bodies: Iterable[bytes]) -> bytes:
    """A JSON array of events, from their bodies in the log."""
    head = b'{"conversation":"%s",' % conversation.encode()
    joined = (b"," + head).join(bodies)
    return b"[%s%s]" % (head, joined) if joined else b"[]"


def encode_backlog(conversation: str, bodies: Iterable[bytes], *, more: bool) -> bytes:
    """The payload of a ``backlog`` push."""
    return b'{"type":"backlog","conversation":"%s","events":%s,"more":%s}' % (
        conversation.encode(),
        join_events(conversation, bodies),
        b"true" if more else b"false",
    )


def encode_history(re_: int, conversation: str, bodies: Iterable[bytes], *, more: bool) -> bytes:
    """The payload of the answer to ``history``."""
    return b'{"type":"ok","re":%d,"events":%s,"more":%s}' % (
        re_,
        join_events(conversation, bodies),
        b"true" if more else b"false",
    )


def encode_hits(re_: int, hits: Iterable[tuple[str, bytes, str]], next_: int | None) -> bytes:
    """The payload of the answer to ``search``, from (conversation, body, snippet) of each hit."""
    items = b",".join(
        b'{"event":%s,"snippet":%s}' % (place_event(name, body), encode(snippet)) for name, body, snippet in hits
    )
    more = b"" if next_ is None else b',"next":%d' % next_
    return b'{"type":"ok","re":%d,"hits":[%s]%s}' % (re_, items, more)
