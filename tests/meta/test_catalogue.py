"""Every text that a user sees can be translated, and is: the catalogues against the source (docs/translating.md)."""

from __future__ import annotations

import ast
import io
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from tests.meta.tree import PACKAGES, ROOT
from tools import catalogue

CLIENT: Final = PACKAGES["chat_client"]
SOURCES: Final = sorted(CLIENT.rglob("*.py"))
DRAWS_EXAMPLES: Final = {"tui/screenshot.py"}
"""Makes up messages of people, which nobody translates."""
SHOWS: Final = {
    "ClientError": 0, "ConfigError": 0, "UsageError": 0, "RequestError": 1, "ConnectError": 1, "CommandError": 1,
    "notify": 0, "Content": 0, "Static": 0, "Label": 0, "Button": 0, "Head": 0, "Told": 0, "Listing": 0, "Question": 0,
    "Notice": 0, "tell": 0, "wrong": 1, "_note": 0, "Binding": 2, "DiscoveryHit": 0, "error": 0,
    "rule": 0, "_say": 0, "_ask": 0, "secret": 0, "getpass": 0, "print": 0, "write": 0,
}  # fmt: skip
"""Calls whose argument at this place is shown to the user, by the last part of their name."""
SHOWN_WORDS: Final = {"placeholder", "summary", "help", "description", "epilog", "note", "no", "yes"}
"""Arguments that are shown, by name."""
NO_PROSE: Final = {"error", "info", "ada"}
"""Kinds of notices, and a name to show what one looks like."""
ROLES: Final = {
    "text", "dim", "strong", "italic", "title", "accent", "new", "error", "warning", "banner", "chip", "mark",
}  # fmt: skip
"""What stands behind a text in a piece of a row: how it is drawn."""
LOGS: Final = {"_log", "logging"}
MARKERS: Final = set(catalogue.MARKERS)


@pytest.fixture(scope="module")
def template() -> Catalog:
    """What the source marks."""
    return catalogue.template()


@pytest.fixture(scope="module", params=catalogue.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each language in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def translated(language: str) -> Catalog:
    """What the ``.po`` says."""
    return catalogue.read(language)


def texts(catalog: Catalog) -> set[tuple[str, ...]]:
    """All source texts of a catalogue; those with a plural are pairs."""
    return {ids(message) for message in catalog if message.id}


def ids(message: Message) -> tuple[str, ...]:
    """The source texts of a message."""
    return tuple(message.id) if isinstance(message.id, list | tuple) else (message.id,)


def strings(message: Message) -> tuple[str, ...]:
    """The translations of a message."""
    return tuple(message.string) if isinstance(message.string, list | tuple) else (message.string or "",)


def fields(text: str) -> set[str]:
    """The names of the values that come into a text; how they are written is the translator's."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_has_its_place(template: Catalog, translated: Catalog) -> None:
    """Nothing new is missing in the ``.po`` and nothing that is gone stands in it; ``make catalogue`` mends both."""
    assert texts(translated) == texts(template)
    assert not translated.obsolete


def test_every_text_is_translated(translated: Catalog) -> None:
    """No translation is empty or only guessed, and each plural form is there."""
    missing = [
        message.id
        for message in translated
        if message.id
        and (message.fuzzy or not all(strings(message)) or len(strings(message)) != _forms(translated, message))
    ]
    assert missing == []


def _forms(catalog: Catalog, message: Message) -> int:
    return catalog.num_plurals if message.pluralizable else 1


def test_values_come_in_at_the_same_places(translated: Catalog) -> None:
    """A translation has the ``{names}`` of the source text and no other ones."""
    wrong = [
        (ids(message), text)
        for message in translated
        if message.id
        for text in strings(message)
        if fields(text) != fields(ids(message)[-1])
    ]
    assert wrong == []


def test_edges_are_kept(translated: Catalog) -> None:
    """Line ends stand where the source text has them; a key or a command in the text is there in both."""
    wrong = [
        text
        for message in translated
        if message.id
        for text in strings(message)
        if text.endswith("\n") != ids(message)[0].endswith("\n")
        or any(word not in text for word in ids(message)[0].split() if word.startswith("--") and word[2:].isalpha())
    ]
    assert wrong == []


def glossary() -> list[tuple[str, str]]:
    """The words of docs/translating.md."""
    lines = (ROOT / "docs" / "translating.md").read_text(encoding="utf-8").partition("| English |")[2].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:] if line.startswith("|")]
    return [(english, chinese) for english, chinese in rows]


@pytest.mark.parametrize(("english", "chinese"), glossary())
def test_the_words_are_those_of_the_glossary(english: str, chinese: str) -> None:
    """Of the texts with a word there is one whose translation has the word that was agreed upon."""
    word = re.compile(rf"\b{english}s?\b", re.IGNORECASE)
    said = [
        (str(each.id if isinstance(each.id, str) else each.id[0]), str(each.string))
        for each in catalogue.read("zh")
        if each.id and word.search(each.id if isinstance(each.id, str) else each.id[0])
    ]
    assert any(chinese in translation for _, translation in said), said


def test_what_is_compiled_is_what_is_written(language: str, translated: Catalog) -> None:
    """The ``.mo`` says what the ``.po`` says; ``make catalogue`` compiles it."""
    compiled = read_mo(io.BytesIO(catalogue.po_path(language).with_suffix(".mo").read_bytes()))

    assert {ids(each): strings(each) for each in compiled if each.id} == {
        ids(each): strings(each) for each in translated if each.id
    }


def unmarked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Literal texts that are shown to the user and not marked: where, and what."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            yield from _bare_piece(*node.elts)
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(node.func.value, "id", "") if isinstance(node.func, ast.Attribute) else ""
        place = SHOWS.get(name)
        if owner in LOGS or name in MARKERS:
            continue
        shown = [word.value for word in node.keywords if word.arg in SHOWN_WORDS]
        if place is not None:
            shown += node.args[place : place + 1]
        for value in shown:
            yield from _bare(value)


def _bare_piece(first: ast.expr, second: ast.expr) -> Iterator[tuple[int, str]]:
    """The text of a piece of a row: ``(text, role)`` in chat-tui, ``(style, text)`` in chat-cli."""
    for text, role in ((first, second), (second, first)):
        if isinstance(role, ast.Constant) and role.value in ROLES and not isinstance(text, ast.Constant | ast.Tuple):
            yield from _bare(text)
        elif isinstance(role, ast.Constant) and role.value in ROLES and isinstance(text, ast.Constant):
            yield from (each for each in _bare(text) if each[1] not in ROLES)


def _bare(value: ast.expr) -> Iterator[tuple[int, str]]:
    """Texts with words in an expression that no marker is around."""
    match value:
        case ast.Call(func=ast.Name(id=name)) if name in MARKERS:
            return
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            yield from _bare(inner)
        case ast.Call(func=ast.Name(id="Content" | "Safe" | "safe_line" | "printable" | "str")):
            for argument in value.args:
                yield from _bare(argument)
        case ast.Constant(value=str(text)) if _is_prose(text):
            yield value.lineno, text
        case ast.JoinedStr():
            for part in value.values:
                if isinstance(part, ast.Constant) and _is_prose(str(part.value)):
                    yield value.lineno, str(part.value)
        case ast.IfExp():
            yield from _bare(value.body)
            yield from _bare(value.orelse)
        case ast.BinOp(op=ast.Add()):
            yield from _bare(value.left)
            yield from _bare(value.right)
        case _:
            return


def _is_prose(text: str) -> bool:
    """Whether a text has a word that is no command, option, address or name of a program."""
    words = [word.strip(".,:;()'\"!?") for word in text.split()]
    return (
        text not in NO_PROSE
        and any(word.isalpha() and word.isascii() and len(word) > 1 and word != word.upper() for word in words)
        and not text.startswith(("/", "#", "@", "chat-", "http", "host:port"))
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CLIENT)))
def test_what_is_shown_is_marked(path: Path) -> None:
    """What is given to a widget, a toast, an error, a key or an option goes through ``tr`` or ``mark``."""
    name = path.relative_to(CLIENT).as_posix()
    found = [] if name in DRAWS_EXAMPLES else list(unmarked(ast.parse(path.read_text())))
    assert found == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("app.notify('nothing here', markup=False)", "nothing here"),
        ("raise RequestError('usage', f'{name} is no group')", " is no group"),
        ("Binding('f1', 'help', 'Help', id='chat-help')", "Help"),
        ("Static(Content('User name'), markup=False)", "User name"),
        ("Told(safe_line('you left ' + group))", "you left "),
        ("Input(placeholder='the old one' if old else '')", "the old one"),
        ("command('join', summary='Join a group.')", "Join a group."),
        ("Button(Content('no {name}'.format(name=name)))", "no {name}"),
        ("Row(left=((f' {count} new', 'dim'),))", " new"),
        ("fragments.append(('mark', ' was deleted'))", " was deleted"),
    ],
)
def test_the_rule_bites(source: str, text: str) -> None:
    """Each of these shows a text that could not be translated."""
    assert {found for _, found in unmarked(ast.parse(source))} == {text}


def test_the_rule_lets_pass() -> None:
    """What is marked, what others wrote, keys and what goes to the log are no flaws."""
    source = (
        "app.notify(tr('nothing here'), markup=False)\n"
        "raise RequestError('usage', tr('{name} is no group').format(name=name))\n"
        "Binding('f1', 'help', mark('Help'), id='chat-help')\n"
        "Told(entry.topic)\n"
        "_log.error('the client failed')\n"
        "Input(placeholder='host:port')\n"
    )
    assert list(unmarked(ast.parse(source))) == []


def test_only_literals_are_marked() -> None:
    """A text that is put together first could not be found again in the catalogue."""
    with pytest.raises(ValueError, match="no literal"):
        list(catalogue.marked(ast.parse("mark(f'{count} new')")))
