"""Outbox and cache in their database."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_client.core import cache, outbox
from chat_client.core.database import VERSION, Database
from chat_client.core.errors import ConfigError
from chat_client.core.sending import Outgoing
from chat_client.core.state import Conversation
from chat_client.core.text import Safe
from chat_protocol import packets


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An open database."""
    made = Database(tmp_path / "chat.sqlite3")
    made.open()
    yield made
    made.close()


def message(seq: int, content: str = "", sender: str = "bob") -> packets.GroupMessage:
    """An event of #ops."""
    return packets.GroupMessage("#ops", seq, f"m{seq}", sender, sender, seq * 10, content=content or f"text {seq}")


def item(number: int) -> Outgoing:
    """Something queued."""
    return Outgoing(f"id-{number}", "#ops", "message", number, f"text {number}", reply_to="m1")


def stand(cursor: int, **more: int) -> list[Conversation]:
    """Where #ops stands."""
    return [Conversation("#ops", "group", title=Safe("Ops"), role="member", cursor=cursor, last_seq=cursor, **more)]  # type: ignore[arg-type]


def seqs(page: cache.Page | None) -> list[int]:
    """The places of a page's events."""
    assert page is not None
    return [event.seq for event in page.events]


def test_pragmas_and_mode(database: Database) -> None:
    """The file is the user's alone, and a commit is on the disk (design.md 3)."""
    pragmas = database.do(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete", "user_version")
        ]
    ).result()
    assert pragmas == ["wal", 2, 1, VERSION]
    assert database.path.stat().st_mode & 0o777 == 0o600


def test_outbox_keeps_the_order_and_the_failed(database: Database) -> None:
    """Items come back as they were, in order; failed ones apart; retried ones last."""
    for number in range(4):
        database.do(lambda connection, number=number: outbox.add(connection, item(number))).result()  # type: ignore[misc]
    database.do(lambda connection: outbox.failed(connection, "id-1", "no")).result()
    database.do(lambda connection: outbox.forget(connection, ["id-0"])).result()
    assert database.do(outbox.pending).result() == [item(2), item(3)]
    assert database.do(outbox.everything).result() == [(item(1), "no"), (item(2), None), (item(3), None)]
    database.do(lambda connection: outbox.add(connection, item(1))).result()
    assert database.do(outbox.pending).result() == [item(2), item(3), item(1)]
    database.do(lambda connection: outbox.adopt(connection, [(item(2), None), (item(9), None)])).result()
    assert database.do(outbox.pending).result() == [item(2), item(3), item(1), item(9)]


def test_failing_work_undoes_itself_alone(database: Database) -> None:
    """One poisoned job of a batch does not take its neighbours with it."""

    def poison(connection: sqlite3.Connection) -> None:
        outbox.add(connection, item(7))
        raise ValueError("poison")

    futures = [database.do(lambda connection: outbox.add(connection, item(1))), database.do(poison)]
    futures.append(database.do(lambda connection: outbox.add(connection, item(2))))
    with pytest.raises(ValueError, match="poison"):
        futures[1].result()
    assert database.do(outbox.pending).result() == [item(1), item(2)]


def test_what_must_follow_is_never_left_out(database: Database) -> None:
    """A page of events that a full disk refused is written before the cursor that comes after it."""
    attempts = 0

    def page(connection: sqlite3.Connection) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise sqlite3.OperationalError("database or disk is full")
        cache.put_events(connection, [message(seq) for seq in range(1, 21)])

    def cursor(connection: sqlite3.Connection) -> None:
        cache.put_conversations(connection, stand(20))

    def kept(connection: sqlite3.Connection) -> list[tuple[int, int]]:
        return connection.execute(
            "SELECT (SELECT count(*) FROM event), (SELECT max(cursor) FROM conversation)"
        ).fetchall()

    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.do(page, must_follow=True).result()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.do(cursor, must_follow=True).result()
    assert database.do(kept).result() == [(20, 20)]


def test_pages_backwards(database: Database) -> None:
    """Pages come newest first, with the gaps between and the reactions that belong to them."""

    def fill(connection: sqlite3.Connection) -> None:
        cache.put_conversations(connection, stand(4, loaded_from=5))
        cache.put_events(connection, [message(seq) for seq in range(5, 15)])
        cache.put_gap(connection, "#ops", 15, 20, "limit")
        reaction = packets.Reaction("#ops", 22, "r", "eve", "Eve", 0, target="m6", emoji="x", removed=False)
        cache.put_events(connection, [message(21), reaction])
        cache.put_conversations(connection, stand(22, loaded_from=5))

    database.do(fill).result()
    first = database.do(lambda connection: cache.page_before(connection, "#ops", 23, 3)).result()
    assert seqs(first) == [14, 21, 22]
    assert first is not None
    assert (first.gaps, first.first_seq, first.has_older) == (((15, 20, "limit"),), 14, True)
    rest = database.do(lambda connection: cache.page_before(connection, "#ops", 14, 100)).result()
    assert seqs(rest) == list(range(5, 14))
    assert rest is not None
    assert [event.message_id for event in rest.reactions] == ["r"]
    assert (rest.first_seq, rest.has_older) == (5, True)
    assert database.do(lambda connection: cache.page_before(connection, "#ops", 5, 100)).result() is None


def test_server_pages_extend_the_cache(database: Database) -> None:
    """A page from the server fills a gap and lowers the floor; the beginning is remembered as such."""

    def fill(connection: sqlite3.Connection) -> None:
        cache.put_conversations(connection, stand(10, loaded_from=11))
        cache.put_gap(connection, "#ops", 11, 20, "limit")
        cache.put_page(connection, "#ops", [message(seq) for seq in range(13, 18)], 13, 17, None)
        cache.put_page(connection, "#ops", [message(seq) for seq in range(1, 11)], 1, 10, False)

    database.do(fill).result()
    page = database.do(lambda connection: cache.page_before(connection, "#ops", 21, 100)).result()
    assert seqs(page) == [*range(1, 11), *range(13, 18)]
    assert page is not None
    assert page.gaps == ((11, 12, "limit"), (18, 20, "limit"))
    assert not page.has_older


def test_deletion_erases_the_text_from_the_file(tmp_path: Path) -> None:
    """After a deletion the words are nowhere in the files (reliability I14)."""
    database = Database(tmp_path / "chat.sqlite3")
    database.open()
    database.do(lambda connection: cache.put_events(connection, [message(1, "the secret word is xylophone")])).result()
    deleted = packets.Deleted("#ops", 2, "d", "bob", "bob", 20, target="m1")
    database.do(lambda connection: cache.put_events(connection, [deleted])).result()
    assert database.do(lambda connection: cache.search(connection, ["xylophone"], None, None, None, 9)).result() == []
    database.close()
    assert b"xylophone" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_search_finds_any_script_without_case(database: Database) -> None:
    """All words, any case, any script, narrowed by conversation, sender and time; the newest first."""
    lines = ["Hello World", "WORLD peace, hello", "straße", "文件在这里", "hello"]
    database.do(
        lambda connection: cache.put_events(connection, [message(at + 1, line) for at, line in enumerate(lines)])
    ).result()

    def find(*words: str, sender: str | None = None, before: int | None = None) -> list[int]:
        work = database.do(lambda connection: cache.search(connection, words, "#ops", sender, before, 10))
        return [event.seq for event in work.result()]

    assert find("hello", "world") == [2, 1]
    assert find("STRASSE") == [3]
    assert find("在这") == [4]
    assert find("hello", sender="eve") == []
    assert find("hello", before=50) == [2, 1]
    assert find("%") == []
    assert cache.snippet("a" * 100 + " needle " + "b" * 100, ["NEEDLE"]).count("needle") == 1


def test_edit_changes_the_cached_message(database: Database) -> None:
    """The cache holds messages as they stand now."""
    edited = packets.Edited("#ops", 2, "e", "bob", "bob", 20, target="m1", content="second")
    database.do(lambda connection: cache.put_events(connection, [message(1, "first"), edited])).result()
    [found] = database.do(lambda connection: cache.search(connection, ["second"], None, None, None, 9)).result()
    assert isinstance(found, packets.GroupMessage)
    assert (found.content, found.edited_at, found.seq) == ("second", 20, 1)


def test_new_epoch_keeps_drafts_and_outbox(database: Database) -> None:
    """Positions and lines go, what the user wrote stays (protocol.md 4)."""

    def fill(connection: sqlite3.Connection) -> None:
        cache.put_events(connection, [message(1)])
        cache.put_conversations(connection, [Conversation("#ops", "group", cursor=1, last_seq=1, draft="half")])
        outbox.add(connection, item(1))
        cache.clear_logs(connection)

    database.do(fill).result()
    [entry] = database.do(cache.load).result().conversations
    assert (entry.cursor, entry.last_seq, entry.draft) == (0, 0, "half")
    assert database.do(outbox.pending).result() == [item(1)]


def test_file_of_a_newer_version_is_refused(database: Database, tmp_path: Path) -> None:
    """A newer file is not touched, and the message says what to do."""
    database.do(lambda connection: connection.execute("SELECT 1").fetchone()).result()
    newer = sqlite3.connect(tmp_path / "newer.sqlite3")
    newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    with pytest.raises(ConfigError, match="newer version"):
        Database(tmp_path / "newer.sqlite3").open()


def test_damaged_file_is_named(tmp_path: Path) -> None:
    """A file that is no database is named, not overwritten."""
    path = tmp_path / "bad.sqlite3"
    path.write_bytes(b"this is no database at all, not even a small one")
    with pytest.raises(ConfigError, match=r"bad\.sqlite3 cannot be opened"):
        Database(path).open()
    assert path.read_bytes().startswith(b"this is no database")


async def test_a_waiter_that_is_cancelled_does_not_stop_the_disk(tmp_path: Path) -> None:
    """Work whose asker was cancelled is done all the same, and so is everything after it."""
    database = Database(tmp_path / "chat.sqlite3")
    database.open()
    go = threading.Event()
    blocked = database.do(lambda _: go.wait(10))
    done: list[str] = []
    asked = asyncio.wrap_future(database.do(lambda _: done.append("first")))
    asked.cancel()
    go.set()
    assert await asyncio.wrap_future(blocked)
    await asyncio.wrap_future(database.do(lambda _: done.append("second")))
    assert done == ["first", "second"]
    database.close()
