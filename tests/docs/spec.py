"""Reads tables and examples of the documents, and describes structs in the same words, for tests to compare them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec import inspect as kinds

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "docs" / "protocol.md"

_MAX_INT = 2**53 - 1
_NUMBER = r"[0-9]+(\.[0-9]+)?"
_HEADING = re.compile(r"^#### `(?P<name>\w+)` (?P<side>.+)$")
OBJECT_NAMES = {
    "ConversationEntry": "entry",
    "GroupInfo": "group",
    "MemberInfo": "member",
    "UserInfo": "user",
    "SearchHit": "hit",
    "Recipient": "recipient",
    "DeviceInfo": "device",
    "SessionInfo": "connection",
    "AuditEntry": "audit_line",
}
_EVENTS = frozenset({"group_message", "private_message", "system_message", "broadcast", "notification"})


@dataclass(frozen=True)
class Row:
    """One field of a frame, as a table of the document shows it (without its meaning)."""

    name: str
    type: str
    presence: str
    bounds: str


# ---- Structs in words ----------------------------------------------------------------------------------------------


def describe(struct: type[Struct]) -> list[Row]:
    """The rows that the document has to have for ``struct``."""
    info = kinds.type_info(struct)
    assert isinstance(info, kinds.StructType)
    return [_row(field) for field in info.fields]


def _row(field: kinds.Field) -> Row:
    words, bounds = _words(field.type)
    return Row(field.encode_name, words, _presence(field), bounds)


def _presence(field: kinds.Field) -> str:
    if field.required:
        return "required"
    if field.default is not NODEFAULT:
        default = field.default
    elif field.default_factory is not NODEFAULT:
        default = field.default_factory()
    else:  # the default is UNSET, which inspect leaves out
        return "optional"
    return f"default `{msgspec.json.encode(default).decode()}`"


def _words(kind: kinds.Type) -> tuple[str, str]:
    """The type and its bounds in the words of the document."""
    match kind:
        case kinds.Metadata():
            words, bounds = _words(kind.type)
            return words, _join(bounds, _of_extra(kind.extra or {}))
        case kinds.UnionType():
            return _union(kind)
        case kinds.IntType():
            return "integer", _range(kind.ge, kind.le)
        case kinds.StrType():
            return "string", _join(_length(kind), _choices(kind.pattern))
        case kinds.LiteralType():
            return "string", ", ".join(map(str, kind.values))
        case kinds.BoolType():
            return "boolean", ""
        case kinds.ListType() | kinds.VarTupleType():
            words, bounds = _words(kind.item_type)
            return f"array of {words}", bounds
        case kinds.DictType():
            words, bounds = _words(kind.value_type)
            return f"object of {words}", bounds
        case kinds.StructType():
            return OBJECT_NAMES[kind.cls.__name__], ""
        case kinds.AnyType():
            return "any", ""
        case _:
            raise AssertionError(f"the document has no word for {kind}")


def _union(kind: kinds.UnionType) -> tuple[str, str]:
    parts = kind.types
    tags = {str(part.tag) for part in parts if isinstance(part, kinds.StructType)}
    if tags >= _EVENTS:
        return "event", ""
    words = [_words(part) for part in parts if not isinstance(part, kinds.NoneType)]
    assert len(words) == 1, kind
    nullable = len(words) < len(parts)
    return words[0][0] + (" or null" if nullable else ""), words[0][1]


def _range(low: int | None, high: int | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {low}"
    return f"{low} to {'2^53-1' if high == _MAX_INT else high}"


def _length(kind: kinds.StrType) -> str:
    if kind.max_length is None:
        return "not empty" if kind.min_length else ""
    return f"{kind.min_length or 0} to {kind.max_length} characters"


def _choices(pattern: str | None) -> str:
    if pattern is None:
        return ""
    words = pattern.removeprefix("^(").removesuffix(")$").removesuffix(r")\Z")
    return ", ".join(words.split("|")).replace(_NUMBER, "a number")


def _of_extra(extra: dict[str, Any]) -> str:
    words = {"text": "text", "line": "line", "content": "content", "topic": "line", "message_id": "message id"}
    limit = f"at most {extra['max_chars']} characters" if "max_chars" in extra else ""
    return _join(limit, words[extra["text"]] if "text" in extra else "")


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


# ---- Documents -----------------------------------------------------------------------------------------------------


def frames(side: str) -> dict[str, list[Row]]:
    """The field tables of protocol.md under headings that end with ``side`` (``→``, ``←``, ``event`` …), by name."""
    found: dict[str, list[Row]] = {}
    name, inside = "", False
    for line in PROTOCOL.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = _HEADING.match(line)
            name = heading["name"] if heading and heading["side"] == side else ""
            if name:
                assert name not in found, f"{name} {side} is described twice"
                found[name] = []
        inside = line.startswith("| field |") or (inside and line.startswith("|"))
        if name and inside and line.startswith("| `"):
            field, type_, presence, bounds, _meaning = _cells(line)
            found[name].append(Row(field.strip("`"), type_, presence, bounds))
    return found


def table(document: Path, first_header: str) -> list[list[str]]:
    """The rows of all tables in ``document`` whose first header is ``first_header``."""
    rows: list[list[str]] = []
    inside = False
    for line in document.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
        elif inside:
            if not set(line) <= set("|-: "):
                rows.append(_cells(line))
        else:
            inside = _cells(line)[0] == first_header
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def json_examples(document: Path) -> list[tuple[int, str]]:
    """The lines of ``json`` code blocks, each with its number in ``document``."""
    examples: list[tuple[int, str]] = []
    inside = False
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            inside = line == "```json"
        elif inside and line.strip():
            examples.append((number, line))
    return examples
