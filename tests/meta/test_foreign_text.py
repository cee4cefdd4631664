"""Text from others reaches a widget only through the door, and never as markup (docs/adr/0007).

What the faces get from the core is safe already (tests/client/test_door.py). These rules keep it the only way: they are
read off the source, so that a new widget breaks them at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from chat_protocol import packets
from tests.meta.tree import PACKAGES

FACES: Final = PACKAGES["chat_client"]
DRAWS_EXAMPLES: Final = {"screenshot.py"}
"""Makes up its own messages to draw a picture for the README."""
DOORS: Final = {"printable", "safe_line"}
WIDGETS: Final = {"Static", "Label"}
TITLES: Final = {"border_title", "border_subtitle", "tooltip"}
READS_MARKUP: Final = {"from_markup", "from_ansi", "to_content", "render_markup"}
RAW: Final = {
    name
    for kind in msgspec.inspect.type_info(packets.LogEvent).types  # type: ignore[attr-defined]
    for name in kind.cls.__struct_fields__
    if name not in ("seq", "timestamp", "removed", "deleted")
} - {"about_seq"}
"""Members of events as they come from the wire."""


def modules(face: str) -> list[Path]:
    """The modules of ``tui`` or ``line``."""
    return sorted((FACES / face).rglob("*.py"))


def called(node: ast.AST) -> str:
    """The last part of the name of what is called; empty: no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_off(call: ast.Call) -> bool:
    """Whether a call says ``markup=False``."""
    return any(
        word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def markup_flaws(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a widget, a toast or a title could take a text for markup."""
    for node in ast.walk(tree):
        name = called(node)
        if isinstance(node, ast.Call):
            if name in READS_MARKUP or (any(word.arg == "markup" for word in node.keywords) and not is_off(node)):
                yield node.lineno, f"{name} reads markup"
            if name in WIDGETS | {"notify"} and not is_off(node):
                yield node.lineno, f"{name} without markup=False"
            if name in WIDGETS and node.args and called(node.args[0]) != "Content":
                yield node.lineno, f"{name} of something that is no Content"
            if name == "Button" and node.args and not is_plain(node.args[0]):
                yield node.lineno, "Button of something that is no Content"
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(getattr(target, "attr", "") in TITLES for target in targets) and not is_plain(node.value):
                yield node.lineno, "a title that is no Content"


def is_plain(value: ast.expr) -> bool:
    """Whether a value is a Content, a literal text without brackets, nothing, or one of these on a condition."""
    if isinstance(value, ast.IfExp):
        return is_plain(value.body) and is_plain(value.orelse)
    if isinstance(value, ast.Constant):
        return not isinstance(value.value, str) or "[" not in value.value
    return called(value) == "Content"


def raw_flaws(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a text of an event from the wire is put into another text without going through the door."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        events = {argument.arg for argument in function.args.args if is_wire(argument.annotation)}
        for text in ast.walk(function):
            if isinstance(text, ast.FormattedValue):
                for name in outside_doors(text.value, events):
                    yield text.lineno, f"{name} in a text"


def is_wire(annotation: ast.expr | None) -> bool:
    """Whether an annotation names an event of the wire."""
    return annotation is not None and any(word in ast.unparse(annotation) for word in ("LogEvent", "packets."))


def outside_doors(node: ast.AST, events: set[str]) -> Iterator[str]:
    """The texts of ``events`` in an expression that no door is around."""
    if called(node) in DOORS:
        return
    if isinstance(node, ast.Attribute) and node.attr in RAW and getattr(node.value, "id", "") in events:
        yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from outside_doors(child, events)


@pytest.mark.parametrize("path", modules("tui"), ids=lambda path: str(path.relative_to(FACES)))
def test_no_text_is_markup(path: Path) -> None:
    """Widgets, toasts, buttons and titles show text as it is."""
    assert list(markup_flaws(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", modules("tui"), ids=lambda path: str(path.relative_to(FACES)))
def test_the_tui_knows_no_packets(path: Path) -> None:
    """What it draws comes from the core's state, in which every text is safe."""
    named = {
        f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    assert path.name in DRAWS_EXAMPLES or not any(name.startswith("chat_protocol.packets") for name in named)


@pytest.mark.parametrize("path", modules("line"), ids=lambda path: str(path.relative_to(FACES)))
def test_events_go_through_the_door(path: Path) -> None:
    """chat-cli prints events of the log as they come: each text of them through the door."""
    assert list(raw_flaws(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    ("source", "flaw"),
    [
        ("app.notify(text)", "notify without markup=False"),
        ("app.notify(text, markup=True)", "notify reads markup"),
        ("Static(text, markup=False)", "Static of something that is no Content"),
        ("Static(Content(text))", "Static without markup=False"),
        ("Button(name)", "Button of something that is no Content"),
        ("Content.from_markup(text)", "from_markup reads markup"),
        ("frame.border_title = name", "a title that is no Content"),
        ("frame.border_title = name if name else None", "a title that is no Content"),
        ("def f(event: LogEvent): return f'{event.sender}'", "event.sender in a text"),
        ("def f(event: packets.Skip): return f'a {str(event.conversation):>9}'", "event.conversation in a text"),
    ],
)
def test_the_rules_bite(source: str, flaw: str) -> None:
    """Each of these breaks a rule."""
    tree = ast.parse(source)
    assert flaw in [told for _, told in [*markup_flaws(tree), *raw_flaws(tree)]]


def test_the_rules_let_pass() -> None:
    """What is right is no flaw."""
    tree = ast.parse(
        "def f(event: LogEvent): return f'{event.seq} {safe_line(event.sender)}'\n"
        "Static(Content(title), markup=False)\n"
        "app.notify(text, markup=False)\n"
        "frame.border_title = Content(name) if name else None\n"
    )
    assert [*markup_flaws(tree), *raw_flaws(tree)] == []
