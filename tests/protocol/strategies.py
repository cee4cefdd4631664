"""Hypothesis strategies for packets, made from the structs' own annotations."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import NODEFAULT, UNSET, Struct
from msgspec import inspect as kinds

from chat_protocol import limits, packets

_UNBOUNDED_CHARS = 24
"""Longer text finds nothing more where no bound is near."""
_LINE = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))
_TEXT = st.one_of(_LINE, st.sampled_from("\n\t"))
_ID = st.sampled_from("ABCXYZabcxyz0189_-")
_JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-limits.MAX_INT, limits.MAX_INT) | st.floats(-1e9, 1e9) | st.text(_LINE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_LINE, max_size=5), inner, max_size=3),
    max_leaves=5,
)


@cache
def packets_of(struct: type[Struct]) -> SearchStrategy[Struct]:
    """Every valid value of ``struct``."""
    info = kinds.type_info(struct)
    assert isinstance(info, kinds.StructType)
    return _struct(info)


def _struct(info: kinds.StructType) -> SearchStrategy[Struct]:
    fields: dict[str, SearchStrategy[Any]] = {}
    for field in info.fields:
        values = _values(field.type, {})
        has_default = field.default is not NODEFAULT or field.default_factory is not NODEFAULT
        fields[field.name] = values if field.required or has_default else st.just(UNSET) | values
    return st.builds(info.cls, **fields)


def _values(kind: kinds.Type, extra: dict[str, Any]) -> SearchStrategy[Any]:
    match kind:
        case kinds.Metadata():
            return _values(kind.type, kind.extra or {})
        case kinds.StrType():
            return _strings(kind, extra)
        case kinds.IntType():
            return st.integers(
                -limits.MAX_INT if kind.ge is None else kind.ge, limits.MAX_INT if kind.le is None else kind.le
            )
        case kinds.BoolType():
            return st.booleans()
        case kinds.NoneType():
            return st.none()
        case kinds.AnyType():
            return _JSON
        case kinds.UnionType():
            return st.one_of([_values(part, {}) for part in kind.types])
        case kinds.ListType():
            return st.lists(_values(kind.item_type, {}), max_size=3)
        case kinds.VarTupleType():
            return st.lists(_values(kind.item_type, {}), max_size=3).map(tuple)
        case kinds.DictType():
            return st.dictionaries(_values(kind.key_type, {}), _values(kind.value_type, {}), max_size=3)
        case kinds.StructType():
            return _struct(kind)
        case _:
            raise AssertionError(f"no strategy for {kind}")


def _strings(kind: kinds.StrType, extra: dict[str, Any]) -> SearchStrategy[str]:
    if kind.pattern is not None:
        return st.sampled_from(choices(kind.pattern))
    alphabet = {packets.TEXT: _TEXT, packets.CONTENT: _TEXT, packets.MESSAGE_ID: _ID}.get(extra.get("text", ""), _LINE)
    low = kind.min_length or 0
    high = min(kind.max_length or _UNBOUNDED_CHARS, extra.get("max_chars", limits.MAX_CONTENT_CHARS))
    short = st.text(alphabet, min_size=low, max_size=max(low, min(high, _UNBOUNDED_CHARS)))
    return short | st.just("x" * high)


def choices(pattern: str) -> list[str]:
    """The words that a pattern like ``^(one|other)`` allows."""
    return pattern[pattern.index("(") + 1 : pattern.rindex(")")].split("|")
