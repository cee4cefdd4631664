"""Search: what is found, how, and by whom (protocol.md 3, 6)."""

from __future__ import annotations

import pytest

from tests.support.people import People, history, new_id, refusal, say, until_true
from tests.support.wire import Client, Frame


def found(client: Client, query: str, **fields: object) -> list[str]:
    """What the messages say that a search finds."""
    hits = client.request("search", query=query, **fields)["hits"]
    return [hit["event"]["content"] for hit in hits]


def until_found(client: Client, query: str, count: int = 1, **fields: object) -> list[str]:
    """Search until there are so many hits; the contract does not say how soon a message can be found."""
    until_true(lambda: len(found(client, query, **fields)) >= count, f"{query!r} is not found {count} times")
    return found(client, query, **fields)


CODE = "call `foo_bar.baz()` at https://example.org/a?b=c, see ERR-4711 in main.rs"


def test_hits(people: People) -> None:
    """A hit is the event and a snippet of it (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob)
    say(alice, f"#{group}", "the quick brown fox")
    say(alice, f"#{group}", "the lazy dog")
    assert until_found(bob, "brown") == ["the quick brown fox"]
    (hit,) = bob.request("search", query="brown")["hits"]
    assert hit["event"] in history(bob, f"#{group}")
    assert "brown" in hit["snippet"]


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("我们明天下午三点开会讨论设计", "下午"),
        ("我们明天下午三点开会讨论设计", "开会讨论"),
        ("こんにちは世界", "世界"),
        ("Ärger im Büro", "büro"),
        ("Привет мир", "привет"),
        ("the Quick brown fox", "quick"),
        (CODE, "foo_bar"),
        (CODE, "foo_bar.baz()"),
        (CODE, "ERR-4711"),
        (CODE, "main.rs"),
        (CODE, "example.org"),
    ],
)
def test_languages_and_code(people: People, content: str, query: str) -> None:
    """Words are found in any script, also within a Chinese sentence, and so are pieces of code (protocol.md 6)."""
    alice = people.user()
    say(alice, f"@{alice.user}", content)
    say(alice, f"@{alice.user}", "something else")
    assert until_found(alice, query) == [content]


ODD = [
    '"', '""', '"a', "'", "*", "**", "a*", "(", ")", "((", "NEAR(", "NEAR(a b", "a NEAR/3 b", "AND", "OR", "NOT",
    "a OR", "a AND", "NOT a", "^", "a^b", ":", "content:x", "-", "--", "a -b", "+", "%", "_", "\\", "{", "}",
    "[@click]", "🙂", "漢", "", " ", "\n", "\t", "'; DROP TABLE events; --", "x" * 200, "a " * 100,
]  # fmt: skip


@pytest.mark.parametrize("query", ODD)
def test_odd_queries(people: People, query: str) -> None:
    """A search that cannot be understood is ``bad_query``; none breaks anything (protocol.md 1, 6)."""
    alice = people.user()
    say(alice, f"@{alice.user}", "a message")
    answer = alice.ask("search", query=query)
    if answer["type"] == "error":
        assert answer["code"] in {"bad_query", "bad_request"}
        assert "fts" not in answer["message"].lower()
    else:
        assert isinstance(answer["hits"], list)
    alice.settle()


def test_filters(people: People) -> None:
    """A search can be held to one conversation and to one sender (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    one, two = people.group(alice, bob), people.group(alice, bob)
    say(alice, f"#{one}", "apple one alice")
    say(bob, f"#{one}", "apple one bob")
    say(bob, f"#{two}", "apple two bob")
    assert len(until_found(alice, "apple", 3)) == 3
    assert sorted(found(alice, "apple", conversation=f"#{one}")) == ["apple one alice", "apple one bob"]
    assert sorted(found(alice, "apple", sender=bob.user)) == ["apple one bob", "apple two bob"]
    assert found(alice, "apple", conversation=f"#{two}", sender=bob.user) == ["apple two bob"]
    assert found(alice, "apple", conversation=f"#{two}", sender=alice.user) == []
    private = people.group(people.user("carol"), visibility="private")
    assert refusal(alice, "search", query="apple", conversation=f"#{private}") == "not_found"


def test_pages_of_hits(people: People) -> None:
    """``next`` is the ``before`` of the page that follows; together they are all hits, each once (protocol.md 6)."""
    alice = people.user()
    for number in range(7):
        say(alice, f"@{alice.user}", f"apple {number}")
    until_found(alice, "apple", 7)
    seen: list[str] = []
    page: Frame = alice.request("search", query="apple", limit=3)
    while True:
        assert len(page["hits"]) <= 3
        seen += [hit["event"]["content"] for hit in page["hits"]]
        if page.get("next") is None:
            break
        page = alice.request("search", query="apple", limit=3, before=page["next"])
    assert sorted(seen) == [f"apple {number}" for number in range(7)]
    assert refusal(alice, "search", query="apple", limit=101) == "bad_request"


def test_search_finds_only_what_one_may_read(people: People) -> None:
    """Push, history and search have one rule: nobody finds what they may not read (protocol.md 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    kept = people.group(alice, bob, carol)
    left = people.group(alice, carol)
    late = people.group(alice, history="since_join")
    say(alice, f"#{left}", "apple in a group that carol leaves")
    say(alice, f"#{people.group(alice)}", "apple in a public group")
    say(alice, f"#{people.group(alice, bob, visibility='private')}", "apple in a private group")
    say(alice, f"@{bob.user}", "apple in a private chat")
    say(alice, f"@{alice.user}", "apple in own notes")
    say(alice, f"#{late}", "apple before the join")
    carol.request("join", group=late)
    carol.request("leave", group=left)
    say(alice, f"#{late}", "apple after the join")
    say(alice, f"#{kept}", "apple for all")
    until_found(alice, "apple", 8)
    assert sorted(found(carol, "apple")) == ["apple after the join", "apple for all"]
    assert found(carol, "apple", sender=alice.user, conversation=f"#{late}") == ["apple after the join"]
    assert refusal(carol, "search", query="apple", conversation=f"#{left}") == "not_member"


def test_search_finds_the_newest_content(people: People) -> None:
    """Search finds the newest content only, and nothing that was deleted (protocol.md 3)."""
    alice = people.user()
    edited = say(alice, f"@{alice.user}", "apple pie")["message_id"]
    deleted = say(alice, f"@{alice.user}", "pear pie")["message_id"]
    until_found(alice, "pie", 2)
    alice.request("edit", message_id=new_id(), target=edited, content="plum pie")
    alice.request("delete", message_id=new_id(), target=deleted)
    assert until_found(alice, "plum") == ["plum pie"]
    until_true(lambda: found(alice, "pie") == ["plum pie"], "search finds what was deleted")
    assert found(alice, "apple") == []
    assert found(alice, "pear") == []
