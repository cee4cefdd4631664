"""The programs as people use them, each in a terminal of its own: what is read on the screen is what was said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.e2e.persons import Kept, Person
from tests.e2e.terminals import Terminal, Terminals
from tests.support.people import People, contents, history, start_say
from tools.replaying.serving import free_port

GROUP = "harbour"
COUNT = 500
_NUMBERED = re.compile(r"│ message (\d+)\b")
_OWN = re.compile(r"│ queued (\d+)\b")

Connect = Callable[[tuple[str, int]], People]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connections without a program in front, closed at the end."""
    opened: list[People] = []

    def to(address: tuple[str, int]) -> People:
        opened.append(People(address))
        return opened[-1]

    yield to
    for each in opened:
        each.close()


def in_group(terminal: Terminal, command: str) -> None:
    """Make the group or join it, and wait until it is open."""
    terminal.type(f"/{command} {GROUP}")
    terminal.sees(f"#{GROUP}", "created the group")


def numbers(lines: list[str], pattern: re.Pattern[str] = _NUMBERED) -> list[int]:
    """The numbers of the messages that a screen of chat-tui shows, from top to bottom."""
    return [int(match[1]) for line in lines if (match := pattern.search(line))]


def _is_next_page(newest: int, lines: list[str]) -> bool:
    """Tell whether the screen shows numbers beyond ``newest``, from top to bottom without a gap.

    A screen may be caught half drawn, the old page below the new one; one that stays so is the fault.
    """
    page = numbers(lines)
    return bool(page) and page[-1] > newest and page == list(range(page[0], page[-1] + 1))


def begins_with(lines: list[str], mark: str, pattern: str) -> bool:
    """Tell whether a line with ``mark`` is there, and the next one matches."""
    return any(mark in line and re.search(pattern, below) for line, below in pairwise(lines))


def page_through(terminal: Terminal, last: int) -> list[int]:
    """Page down from where the reader stands to ``last``; all numbers that were seen, in order.

    Pages may overlap, so what comes again is left out; what stays twice on one screen is a fault.
    """
    seen: list[int] = []
    while not seen or seen[-1] < last:
        if seen:
            terminal.press("PageDown")
        newest = seen[-1] if seen else 0
        page = numbers(terminal.until(partial(_is_next_page, newest), f"no page in order after {newest}"))
        assert page[0] <= newest + 1, f"{page[0]} follows {newest}"
        seen += [number for number in page if number > newest]
    return seen


@pytest.mark.timeout(240)
def test_two_tui_and_one_cli_talk_and_one_comes_back_to_500_messages(
    terminals: Terminals, start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    """In a group and in private; the "new" line stands above the first of them, all are there once and in order."""
    address = start_server().address
    ada, bob, cleo = (Person(terminals, tmp_path, name, address) for name in ("ada", "bob", "cleo"))
    at_ada, at_bob, at_cleo = ada.start_tui(), bob.start_tui(), cleo.start_cli()
    in_group(at_ada, "create")
    in_group(at_bob, "join")
    in_group(at_cleo, "join")
    greetings = ["ada is here", "bob as well", "and cleo, line by line"]
    for speaker, text in zip((at_ada, at_bob, at_cleo), greetings, strict=True):
        speaker.type(text)
        for terminal in (at_ada, at_bob, at_cleo):
            terminal.sees(text)

    at_ada.type("/msg @bob only for you")
    at_bob.sees("1 unread elsewhere")  # a toast tells of it, too, before it can be gone to
    at_bob.press("M-a")
    at_bob.sees("your chat with @ada", "only for you")
    at_bob.type("nobody else reads this")
    at_ada.sees("only for you", "nobody else reads this")
    at_cleo.type("/msg @ada and a word from me")
    at_ada.sees("1 unread elsewhere")
    at_ada.press("M-a")
    at_ada.sees("your chat with @cleo", "and a word from me")
    assert "only for you" not in "\n".join(at_cleo.lines)

    at_bob.type(f"/open #{GROUP}")
    at_bob.sees("and cleo, line by line")
    at_bob.type("/quit")
    assert at_bob.until_over() == "0"
    at_bob.close()

    people = connect(address)
    dora = people.visitor()
    dora.register("dora", device="wire")
    dora.request("join", group=GROUP)
    sent = [start_say(dora, f"#{GROUP}", f"message {number}") for number in range(1, COUNT + 1)]
    acks = [dora.answer(request) for request in sent]
    first, last = acks[0]["seq"], acks[-1]["seq"]
    assert (last - first, acks[0]["result"]) == (COUNT - 1, "partial")

    at_bob = bob.start_tui()
    at_bob.sees(f"{COUNT}")
    at_bob.type(f"/open #{GROUP}")
    at_bob.until(lambda rows: begins_with(rows, f"─ {COUNT} new ─", r"dora │ message 1\b"), "not at the first new one")
    assert page_through(at_bob, COUNT) == list(range(1, COUNT + 1))
    at_bob.until(lambda rows: not any(re.search(rf"# {GROUP} +\d", row) for row in rows), "something is still unread")

    expected = [Kept(seq, "dora", f"message {number}") for number, seq in enumerate(range(first, last + 1), 1)]
    at_ada.type(f"/open #{GROUP}")
    at_ada.sees(f"─ {COUNT} new ─")
    assert page_through(at_ada, COUNT) == list(range(1, COUNT + 1))
    at_cleo.sees(f"dora: message {COUNT}")
    for terminal, person in ((at_bob, bob), (at_ada, ada), (at_cleo, cleo)):
        terminal.type("/quit")
        assert terminal.until_over() == "0"
        kept = person.kept(f"#{GROUP}")
        assert kept[-COUNT:] == expected
        assert [message.content for message in kept[:-COUNT]] == greetings
        assert person.queued() == []
    assert bob.counts(f"#{GROUP}") == (0, 0)
    private = [Kept(1, "ada", "only for you"), Kept(2, "bob", "nobody else reads this")]
    assert (ada.kept("@bob"), bob.kept("@ada")) == (private, private)
    assert ada.kept("@cleo") == cleo.kept("@ada") == [Kept(1, "cleo", "and a word from me")]


def _is_last(person: Person, text: str, _: list[str]) -> bool:
    return person.queued()[-1:] == [text]


@pytest.mark.timeout(240)
def test_what_is_typed_while_the_server_is_away_outlives_a_kill_of_the_tui(
    terminals: Terminals, start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    """Server killed, messages typed, chat-tui killed, both started again: they go out once, in order."""
    server = start_server("--port", str(free_port()))
    ada, bob = (Person(terminals, tmp_path, name, server.address) for name in ("ada", "bob"))
    at_ada, at_bob = ada.start_tui(), bob.start_tui()
    in_group(at_ada, "create")
    in_group(at_bob, "join")
    at_ada.type("before")
    at_bob.sees("before")

    server.kill9()
    at_ada.sees_no("● connected")
    typed = [f"queued {number}" for number in range(1, 8)]
    for text in typed:
        at_ada.type(text)
        at_ada.until(partial(_is_last, ada, text), f"{text} is not in the outbox")
    assert ada.queued() == typed
    at_ada.kill9()
    at_ada.close()
    assert ada.queued() == typed

    at_ada = ada.open_tui()
    at_ada.sees(f"# {GROUP}")
    server.start()
    at_bob.until(lambda lines: numbers(lines, _OWN) == list(range(1, 8)), "not all came")
    at_ada.sees("● connected")
    at_ada.type(f"/open #{GROUP}")
    at_ada.until(lambda lines: numbers(lines, _OWN) == list(range(1, 8)), "not all are shown")
    at_ada.until(lambda _: ada.queued() == [], "the outbox is not empty")

    at_ada.type("after")
    at_bob.sees("after")
    for terminal, person in ((at_ada, ada), (at_bob, bob)):
        terminal.type("/quit")
        assert terminal.until_over() == "0"
        assert [message.content for message in person.kept(f"#{GROUP}")] == ["before", *typed, "after"]
    people = connect(server.address)
    visitor = people.user("visitor")
    visitor.request("join", group=GROUP)
    assert contents(history(visitor, f"#{GROUP}")) == ["before", *typed, "after"]
