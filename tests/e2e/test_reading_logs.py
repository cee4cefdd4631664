"""What a log says is read as it stands: who, what and when; and the plan of a run follows from its seed."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_protocol.limits import MAX_CONTENT_BYTES, MAX_CONTENT_CHARS
from chat_protocol.names import new_name, skeleton
from tests.e2e.logs import SMALL_LOG
from tools.replaying.irclog import Names, Utterance, parse
from tools.replaying.schedule import absences, times

FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def said(log: str | bytes) -> list[tuple[str, str]]:
    """Who said what."""
    data = log.encode() if isinstance(log, str) else log
    return [(each.user, each.content) for each in parse(data, Names())]


def assert_sendable(utterances: list[Utterance]) -> None:
    """A server takes these names and texts (protocol.md 1 to 3)."""
    users = {each.user for each in utterances}
    assert [new_name(user) for user in users] == [*users]
    assert len({skeleton(user) for user in users}) == len(users)
    for each in utterances:
        assert each.content.strip()
        assert len(each.content) <= MAX_CONTENT_CHARS
        assert len(each.content.encode()) <= MAX_CONTENT_BYTES
        assert not FORBIDDEN.search(each.content)


def test_messages_and_actions_are_read_and_all_else_is_left_out() -> None:
    """Blank texts cannot be sent."""
    log = "=== x has joined #a\n[09:03] <ann> hi\nnoise\n[09:03]  * ben waves\n[09:04] <ann>  \n[9:04] <ann> no"
    assert said(log) == [("ann", "hi"), ("ben", "*waves*")]


def test_a_person_is_one_user_whatever_the_nick() -> None:
    """Upper case is the same nick, and a nick that was given up is somebody else's."""
    log = "[09:00] <Ann> a\n=== Ann is now known as ann_away\n[09:01] <ann_away> b\n[09:02] <ann> c\n[09:03] <ANN> d"
    assert said(log) == [("ann", "a"), ("ann", "b"), ("ann-2", "c"), ("ann-2", "d")]


def test_names_that_a_server_refuses_are_replaced() -> None:
    """Reserved ones, such without a letter that is allowed, and such that look like another."""
    users = [user for user, _ in said("".join(f"[09:00] <{nick}> x\n" for nick in ("admin", "李", "lll", "l1l")))]
    assert users == ["admin-2", "nick", "lll", "l1l-2"]


def test_a_tag_ends_every_name() -> None:
    """So that two runs on one server do not meet."""
    assert Names("-x7").user("Ann") == "ann-x7"


def test_what_cannot_be_sent_is_replaced_and_nothing_else() -> None:
    """Bytes that are no UTF-8, and controls; U+FEFF, tabs and blanks stay."""
    assert said(b"[09:00] <a> caf\xe9 \x1b[2J\x7f\xc2\x85 \xef\xbb\xbf\ttab  \r\n") == [
        ("a", "caf\ufffd \u241b[2J\u2421\ufffd \ufeff\ttab  ")
    ]


def test_a_text_over_the_bound_becomes_several_messages() -> None:
    """In the same order, without a loss."""
    text = "水" * MAX_CONTENT_CHARS + "x" * MAX_CONTENT_CHARS
    parts = parse(f"[09:00] <a> {text}".encode(), Names())
    assert "".join(each.content for each in parts) == text
    assert_sendable(parts)


def test_midnight_begins_another_day_and_time_never_goes_back() -> None:
    """A clock that was set back by an hour is not midnight."""
    log = "[23:59] <a> 1\n[00:01] <a> 2\n[00:00] <a> 3\n[23:59] <a> 4\n[00:00] <a> 5"
    assert [each.minute for each in parse(log.encode(), Names())] == [1439, 1441, 1441, 2879, 2880]


def test_the_small_log_is_read_whole() -> None:
    """Every line that is one of a message, but for the blank one."""
    data = SMALL_LOG.read_bytes()
    utterances = parse(data, Names())
    lines = [line for line in data.split(b"\n") if re.match(rb"\[\d\d:\d\d\] ( ?\* |<)", line)]
    assert len(utterances) == len(lines) - 1 == 99
    assert_sendable(utterances)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=40)), max_size=8), st.binary(max_size=60))
def test_any_bytes_give_what_can_be_sent(lines: list[tuple[str, str]], noise: bytes) -> None:
    """Whoever wrote the log."""
    log = "\n".join(f"[12:00] <{nick}> {text}" for nick, text in lines)
    assert_sendable(parse(log.encode() + b"\n" + noise, Names()))


@given(st.integers(1, 400), st.integers(0, 30), st.floats(0, 1), st.integers())
def test_absences_lie_within_the_run_and_never_overlap(count: int, members: int, share: float, seed: int) -> None:
    """As many members as wanted, and the same for the same seed."""
    names = [f"m{number}" for number in range(members)]
    plan = absences(names, count, share, seed)
    assert plan == absences(names, count, share, seed)
    assert len({each.member for each in plan}) == round(members * share)
    edges: dict[str, int] = {}
    for each in plan:
        assert edges.get(each.member, -1) < each.start < each.end <= count
        edges[each.member] = each.end


@pytest.mark.parametrize(("speed", "expected"), [(1, [0, 30, 120, 140, 160]), (60, [0, 0.5, 2, 2 + 1 / 3, 2 + 2 / 3])])
def test_a_minute_is_spread_evenly(speed: float, expected: list[float]) -> None:
    """The log has no seconds."""
    assert times([7, 7, 9, 9, 9], speed) == pytest.approx(expected)


def test_as_fast_as_possible_has_no_times() -> None:
    """Nobody waits."""
    assert times([1, 2, 3], 0) is None


@given(st.lists(st.integers(0, 2000), min_size=1).map(sorted), st.floats(0.1, 100))
def test_times_never_go_back(minutes: list[int], speed: float) -> None:
    """From the first message on, each in its own minute."""
    found = times(minutes, speed)
    assert found is not None
    assert found == sorted(found)
    assert Counter(int(time * speed / 60 + 1e-6) + minutes[0] for time in found) == Counter(minutes)
