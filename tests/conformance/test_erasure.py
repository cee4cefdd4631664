"""What was deleted is soon in no file of the server any more, whatever the server went through (protocol.md 3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.people import People, new_id, refusal, say, until_true
from tests.support.server import Server
from tests.support.wire import Client

KEPT = "wympletot"
DEADLINE_S = 60.0
"""Far more than the server promises; a loaded machine has to make it."""


def found(server: Server, words: list[str]) -> dict[str, list[str]]:
    """Which words stand in which files of the data directory, or in what the server has logged."""
    texts = {str(path): path.read_bytes().lower() for path in files(server.data_dir)}
    texts["the log"] = server.log().lower().encode()
    # an index may leave out letters that a word shares with the one before it, so its first ones are not asked for
    return {
        word: names
        for word in words
        if (names := [name for name, text in texts.items() if word[min(2, len(word) - 2) :].lower().encode() in text])
    }


def files(folder: Path) -> Iterator[Path]:
    """All that can be read; the server may remove one meanwhile."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "server.lock":
            yield path


def until_gone(server: Server, words: list[str]) -> None:
    """Look again and again until none of them is left; a few times a second, for the server needs the processor."""
    until = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while left := found(server, words):
        assert time.monotonic() < until, f"still there: {left}"
        pause.wait(0.2)


def edited(client: Client, target: str, *versions: str) -> None:
    """Change a message again and again."""
    for content in versions:
        client.request("edit", message_id=new_id(), target=target, content=content)


def delete(client: Client, target: str) -> None:
    """Delete a message; acked when this returns."""
    client.request("delete", message_id=new_id(), target=target)


def until_indexed(client: Client, word: str) -> None:
    """Wait until a search finds it, for then it stands in the index, too."""
    until_true(lambda: bool(client.request("search", query=word)["hits"]), f"{word} is not found")


@pytest.mark.parametrize("is_killed", [False, True], ids=["running on", "killed"])
def test_deleted_words_are_in_no_file(start_server: StartServer, is_killed: bool) -> None:
    """Neither content nor earlier versions, title nor topic; in no log of writes, no index; what is kept is (I14)."""
    words = [
        "qvortamil",
        "xylophimba",
        "zanzibulto",
        "jukebrinza",
        "kvetchlora",
        "ygdraspiel",
        "uxormantle",
        "hrimthursa",
    ]
    first, second, third, private, announced, told, topic, title = words
    chinese = ["密語", "遺跡"]
    server = start_server("--rate-limit", "off")
    people = People(server.address)
    admin, alice, bob = people.users("boss", "alice", "bob")
    group = people.group(alice, bob)
    doomed = people.group(bob, visibility="private", title=title)
    say(alice, f"#{group}", KEPT)
    changed = say(alice, f"#{group}", first)["message_id"]
    edited(alice, changed, second, third)
    foreign = say(bob, f"#{group}", "".join(chinese))["message_id"]
    note = say(alice, f"@{bob.user}", private)["message_id"]
    bob.request("set_topic", group=doomed, text=topic)
    for number in range(50):
        say(bob, f"#{doomed}", f"{topic} {number}")
    broadcast, notification = new_id(), new_id()
    admin.request("broadcast", message_id=broadcast, content=announced)
    admin.request("notification", to=bob.user, message_id=notification, kind="build", content=told)
    until_indexed(bob, told)
    assert set(found(server, [*words, *chinese, KEPT])) == {*words, *chinese, KEPT}

    delete(alice, changed)
    delete(alice, foreign)
    delete(alice, note)
    if is_killed:
        server.kill9()
        people.close()
        server.start()
        people = People(server.address)
        admin, bob = (back(people, each) for each in (admin, bob))
    delete(admin, broadcast)
    delete(bob, notification)
    until_gone(server, [first, second, third, private, announced, told, *chinese])
    admin.request("admin_delete_group", group=doomed)
    until_gone(server, [*words, *chinese])
    assert refusal(bob, "history", conversation=f"#{doomed}") == "not_found"
    until_indexed(bob, KEPT)
    assert found(server, [KEPT])
    people.close()
    server.restart()
    assert found(server, [*words, *chinese]) == {}


def back(people: People, client: Client) -> Client:
    """The same device again, synced."""
    again = people.again(client)
    again.sync(limit=0)
    return again
