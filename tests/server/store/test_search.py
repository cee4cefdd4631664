"""What a search finds, on both stores, before and after the index has caught up (protocol.md 6, reliability F10)."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_server.store import parts
from chat_server.store.base import DropConversation, Reader, Scope, Store
from chat_server.store.errors import BadQuery
from chat_server.store.text import folded, tokens
from tests.support.store import BOB, DEV, EVERYTHING, OPS, delete, edit, found, post, rooms, tidy

TEXTS = [
    "deploying the new build now",
    "call foo_bar.baz() before you leave",
    "it is a std::vector<int> of course",
    "C++ or C, that is the question",
    "p->next = q; a < b && c > d",
    "世界你好",
    "我们在北京大学学习",
    "Ünïcödé Größe, Crème brûlée",
    "안녕하세요 서울에서 왔습니다",
    "สวัสดีครับ",
    "日本語のテキスト",
    "हिन्दी में लिखा",
    "🎉🎉 party 🎉",
    "hello\nworld   of tabs\tand lines",
    "ﬁle ＦＵＬＬ ½",
    'say "quoted" and it\'s fine',
    "Привет, мир",
    "مرحبا بالعالم",
    "100% of 3.14",
]

FINDS = {
    "deploying": [1],
    "DEPLOYING": [1],
    "deploy": [1],
    "deplo*": [1],
    "ploying": [],
    "build deploying": [1],
    "new the": [1],
    "deploying absent": [],
    "foo_bar.baz()": [2],
    "foo_bar": [2],
    "baz(": [2],
    "foo bar": [2],
    "foo.bar": [],
    "std::vector<int>": [3],
    "vector<int": [3],
    "C++": [4],
    "c": [5, 4],
    "->": [5],
    "p->next": [5],
    "&&": [5],
    "a <": [5, 3],
    "世": [6],
    "界": [6],
    "好": [6],
    "世界": [6],
    "世界你": [6],
    "你世": [],
    "北京大学": [7],
    "大学": [7],
    "学": [7],
    "北京 学习": [7],
    "unicode": [8],
    "grosse": [8],
    "GRÖSSE": [8],
    "creme brulee": [8],
    "서울": [9],
    "울": [9],
    "สวัสดี": [10],
    "ครับ": [10],
    "テキスト": [11],
    "本語の": [11],
    "हिन्दी": [12],
    "🎉": [13],
    "🎉🎉": [13],
    "🎉 party": [13],
    '"hello world"': [14],
    '"world hello"': [],
    '"of tabs and': [14],
    "file": [15],
    "full": [15],
    '"quoted"': [16],
    "it's": [16],
    "мир": [17],
    "ПРИВЕТ": [17],
    "بالعالم": [18],
    "100%": [19],
    "3.14": [19],
    "3.14 %": [19],
    "%": [19],
    "(": [2],
    "NOT": [],
    "the AND build": [],
    "that OR is": [4],
    "that OR was": [],
    "NEAR(a b)": [],
    "tokens:deploying": [],
    "-deploying": [],
    "^deploying": [],
    "\ue0001": [],
    "deploying\x00now": [1],
}


@pytest.fixture(params=["tail", "indexed"])
def filled(request: pytest.FixtureRequest, store: Store) -> Store:
    """A store with the texts, indexed or not yet."""
    store.commit([post(text, id=f"m{n}") for n, text in enumerate(TEXTS)])
    if request.param == "indexed":
        tidy(store)
    return store


def test_every_query_finds_what_it_should(filled: Store) -> None:
    """Words, prefixes, phrases, code, scripts without spaces, signs, and what looks like syntax."""
    reader = filled.reader()
    assert {query: found(reader, query) for query in FINDS} == FINDS
    reader.close()


@pytest.mark.parametrize("query", ["", "   ", '"', '""', '" "', "\x00", "\n\t", "a*", "x" * 1001, "w " * 33])
def test_a_query_with_nothing_to_look_for_is_refused(reader: Reader, query: str) -> None:
    """The text says what to write instead."""
    with pytest.raises(BadQuery, match=r"search|letters|look for"):
        reader.search(query, EVERYTHING, sender=None, before=None, limit=10)


def test_any_text_is_a_query(store: Store) -> None:
    """It gives hits or BadQuery, never another error, and both phases agree."""
    store.commit([post(text, id=f"m{n}") for n, text in enumerate(TEXTS)])
    reader = store.reader()

    def answer(query: str) -> list[int] | None:
        try:
            return found(reader, query)
        except BadQuery:
            return None

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(st.text(max_size=40) | st.text(alphabet="ab\"*()-+:^{}<>[]&|!~\\' \t\x00", max_size=12))
    def ask(query: str) -> None:
        answer(query)

    ask()
    cut = {text[start : start + 5]: None for text in TEXTS for start in range(len(text))}
    before = {query: answer(query) for query in cut}
    tidy(store)
    ask()
    assert {query: answer(query) for query in cut} == before
    reader.close()


def test_whatever_was_said_is_found_by_its_words(store: Store) -> None:
    """Text of any script is found by itself, quoted, as long as it has something to look for."""
    reader = store.reader()
    said: list[str] = []
    characters = st.characters(codec="utf-8", exclude_characters='"', categories=("L", "M", "N", "P", "S", "Z", "Cf"))

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(st.text(alphabet=characters, min_size=1, max_size=30))
    def say(text: str) -> None:
        store.commit([post(text, id=f"m{len(said)}")])
        said.append(text)

    say()
    for phase in ("tail", "indexed"):
        for seq, text in enumerate(said, 1):
            try:
                assert seq in found(reader, f'"{text}"'), (phase, text)
            except BadQuery:
                assert not folded(text).strip()
        tidy(store)
    reader.close()


def test_only_what_the_asker_may_read_is_found(filled: Store) -> None:
    """Scopes bound conversations and stretches of them, both ends included (reliability I11)."""
    filled.commit([post(f"needle {n}", id=f"n{n}", to=DEV) for n in range(10)])
    reader = filled.reader()
    assert found(reader, "needle") == list(range(10, 0, -1))
    assert found(reader, "needle", [Scope(OPS, 1, 99)]) == []
    assert found(reader, "needle", [Scope(DEV, 3, 5)]) == [5, 4, 3]
    assert found(reader, "needle", [Scope(DEV, 9, 9), Scope(DEV, 2, 3), Scope(OPS, 1, 1)]) == [9, 3, 2]
    assert found(reader, "needle", []) == []
    many = [Scope(conversation, 1, 99) for conversation in range(DEV, 200)]
    assert found(reader, "needle", many) == list(range(10, 0, -1))
    assert found(reader, "->", [Scope(DEV, 1, 99)]) == []
    reader.close()


def test_hits_are_paged_newest_first(filled: Store) -> None:
    """``position`` of the last hit continues the search."""
    filled.commit([post(f"needle {n}", id=f"n{n}", to=OPS if n % 3 else DEV) for n in range(50)])
    reader = filled.reader()
    seen: list[tuple[int, int]] = []
    before = None
    while hits := reader.search("needle", EVERYTHING, sender=None, before=before, limit=7):
        seen += [(hit.conversation, hit.seq) for hit in hits]
        positions = [hit.position for hit in hits]
        assert positions == sorted(positions, reverse=True)
        before = positions[-1]
    assert len(seen) == len(set(seen)) == 50
    assert reader.search("needle", EVERYTHING, sender=None, before=None, limit=0) == []
    reader.close()


def test_a_sender_is_asked_for(filled: Store) -> None:
    """Only messages of that user."""
    filled.commit([post("deploying again", id="b", by=BOB)])
    reader = filled.reader()
    hits = reader.search("deploying", EVERYTHING, sender=BOB, before=None, limit=10)
    assert [hit.seq for hit in hits] == [len(TEXTS) + 1]
    reader.close()


def test_the_newest_content_only(filled: Store) -> None:
    """Edits and deletions count at once, and after the index has followed them (protocol.md 3)."""
    filled.commit([edit("m0", "released", id="e"), delete("m1", id="d")])
    reader = filled.reader()
    for _ in range(2):
        assert [found(reader, query) for query in ("released", "deploying", "foo_bar")] == [[1], [], []]
        tidy(filled)
    filled.commit([delete("m0", id="d2")])
    for _ in range(2):
        assert found(reader, "released") == []
        tidy(filled)
    reader.close()


def test_a_dropped_conversation_is_not_found(filled: Store) -> None:
    """Nor is anything of it found when its id is used again."""
    filled.commit([DropConversation(OPS)])
    reader = filled.reader()
    assert found(reader, "deploying") == []
    filled.commit([*rooms(), post("deploying anew", id="x")])
    for _ in range(2):
        assert found(reader, "deploying") == [1]
        tidy(filled)
    reader.close()


def test_a_search_goes_through_all_parts_of_the_index(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest first, whatever stands in which part; parts without a message of the conversation are passed over."""
    monkeypatch.setattr(parts, "STRETCH", 4)
    for number in range(1, 41):
        place = DEV if 9 <= number <= 24 else OPS
        store.commit([post(f"needle{number % 3} of {number}", to=place, id=f"m{number}")])
    store.commit([edit("m2", "another", id="e"), delete("m3", id="d")])
    tidy(store)
    in_ops = [Scope(OPS, 1, 99)]
    expected = [seq for seq in range(24, 0, -1) if seq not in (2, 3)]
    assert found(reader, "needle*", in_ops) == expected
    assert found(reader, "needle1 of", in_ops) == [seq for seq in expected if (seq if seq < 9 else seq + 16) % 3 == 1]
    assert found(reader, "another", in_ops) == [2]
    assert found(reader, "needle*", [Scope(DEV, 1, 99)]) == list(range(16, 0, -1))
    seen, before = [], None
    while hits := reader.search("needle*", in_ops, sender=None, before=before, limit=5):
        seen += [hit.seq for hit in hits]
        before = hits[-1].position
    assert seen == expected
    store.commit([DropConversation(DEV)])
    tidy(store)
    assert found(reader, "needle*", [Scope(DEV, 1, 99)]) == []
    assert found(reader, "needle*", in_ops) == expected


def test_only_messages_are_found(store: Store, reader: Reader) -> None:
    """Not what the system said, nor reactions, nor the edits themselves."""
    store.commit([post("needle", id="s", kind="system_message"), post("x", id="m"), edit("m", "needle", id="e")])
    for _ in range(2):
        assert found(reader, "needle") == [2]
        tidy(store)


@pytest.mark.parametrize(
    ("content", "query", "expected"),
    [
        ("short and\nsweet", "sweet", "short and sweet"),
        (f"{'left ' * 40}needle{' right' * 40}", "needle", None),
        (f"{'ä ' * 200}needle{' ß' * 200}", "needle", None),
        ("x" * 500 + " needle", "needle", None),
        ("needle" + "x" * 500, "needle", None),
        ("字" * 300 + "针" + "字" * 300, "针", None),
    ],
)
def test_a_snippet_shows_the_hit(store: Store, reader: Reader, content: str, query: str, expected: str | None) -> None:
    """About 80 characters of one line."""
    store.commit([post(content, id="m")])
    (hit,) = reader.search(query, EVERYTHING, sender=None, before=None, limit=10)
    assert query in hit.snippet
    assert "\n" not in hit.snippet
    assert len(hit.snippet) <= 82
    assert expected is None or hit.snippet == expected


def test_the_index_uses_what_unicode_this_python_knows() -> None:
    """Every character is folded and split without error, whatever it is."""
    for start in range(0, sys.maxunicode, 4096):
        text = "".join(map(chr, range(start, start + 4096)))
        for token in tokens(folded(text)):
            assert '"' not in token
            assert " " not in token
            assert "\ue000" not in token
