"""Write down what happened: which rows of the database follow from which events. Blocks nothing."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from msgspec import Struct

from chat_client.core import cache, events, outbox
from chat_client.core.database import Database
from chat_client.core.events import Event
from chat_client.core.sending import Outgoing
from chat_client.core.state import ClientState, Conversation, Person

__all__ = ["Change", "Keeper"]

_log = logging.getLogger(__name__)

_ABOUT_MANY = (events.Restored, events.Synced, events.EpochReplaced, events.EntryChanged, events.ConversationOpened)
"""Events that change conversations which they do not name in ``conversation``."""


class Change(Struct, frozen=True):
    """One step of the client: the states around it, and what the outbox has to do with it."""

    before: ClientState
    after: ClientState
    happened: Sequence[Event]
    confirmed: Sequence[str] = ()
    failed: Sequence[tuple[Outgoing, str]] = ()

    @property
    def arrived(self) -> dict[str, int]:
        """The conversations whose log grew here, each with its position."""
        names = {event.conversation for event in self.happened if isinstance(event, events.Arrived | events.Skipped)}
        return {name: entry.cursor for name in names if (entry := self.after.conversations.get(name)) is not None}


class Keeper:
    """Turns changes into work for the database, in order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, change: Change) -> "Future[None] | None":
        """Queue what is to be written; None if nothing is. The future is done when it is on stable storage."""
        conversations = _changed_conversations(change)
        people = _changed_people(change)
        facts = _changed_facts(change)
        kept = (events.Arrived, events.Skipped, events.HistoryLoaded, events.EpochReplaced)
        log = [event for event in change.happened if isinstance(event, kept)]
        if not (conversations or people or facts or log or change.confirmed or change.failed):
            return None

        def work(connection: sqlite3.Connection) -> None:
            for event in log:
                _keep_event(connection, event)
            cache.put_conversations(connection, conversations)
            cache.put_people(connection, people)
            cache.put_facts(connection, facts)
            outbox.forget(connection, list(change.confirmed))
            for item, reason in change.failed:
                if item.kind == "message":
                    outbox.failed(connection, item.message_id, reason)
                else:
                    outbox.forget(connection, [item.message_id])

        # a cursor that is kept without what came before it would make a hole that nobody ever fills
        return self._database.do(work, must_follow=True)

    def keep_drafts(self, conversations: Sequence[Conversation]) -> "Future[None]":
        """Queue the writing of half-written texts."""
        return self._database.do(lambda connection: cache.put_conversations(connection, conversations))

    async def add(self, item: Outgoing) -> None:
        """Put an item into the outbox; returns when it is on stable storage."""
        await asyncio.wrap_future(self._database.do(lambda connection: outbox.add(connection, item)))

    async def forget(self, message_id: str) -> None:
        """Take an item out of the outbox."""
        await asyncio.wrap_future(self._database.do(lambda connection: outbox.forget(connection, [message_id])))


def _keep_event(connection: sqlite3.Connection, event: Event) -> None:
    match event:
        case events.Arrived():
            cache.put_events(connection, event.events)
        case events.Skipped():
            cache.put_gap(connection, event.conversation, event.first_seq, event.last_seq, event.reason)
        case events.HistoryLoaded() if not event.from_cache:
            cache.put_page(
                connection, event.conversation, event.events, event.first_seq, event.last_seq, event.has_older
            )
        case events.EpochReplaced():
            cache.clear_logs(connection)
        case _:
            pass


def _row(entry: Conversation) -> tuple[object, ...]:
    """What is kept of a conversation, but for its draft, which has a pace of its own."""
    return (
        entry.title,
        entry.topic,
        entry.role,
        entry.visibility,
        entry.muted,
        entry.last_seq,
        entry.cursor,
        entry.read_seq,
        entry.unread,
        entry.mentions,
        entry.peer_read_seq,
        entry.last_timestamp_ms,
    )


def _changed_conversations(change: Change) -> list[Conversation]:
    before, after = change.before.conversations, change.after.conversations
    if before is after:
        return []
    if any(isinstance(event, events.EpochReplaced) for event in change.happened):
        # Their rows were emptied in this step: also those that stand where they stood before have to be written.
        return list(after.values())
    touched: Iterable[str] = after
    if not any(isinstance(event, _ABOUT_MANY) for event in change.happened):
        touched = {name for event in change.happened if isinstance(name := getattr(event, "conversation", None), str)}
    entries = [entry for name in touched if (entry := after.get(name)) is not None]
    return [
        entry
        for entry in entries
        if (known := before.get(entry.name)) is not entry and (known is None or _row(known) != _row(entry))
    ]


def _changed_people(change: Change) -> list[Person]:
    before, after = change.before.people, change.after.people
    if before is after:
        return []
    return [
        person
        for user, person in after.items()
        if (known := before.get(user)) is not person and (known is None or known.display_name != person.display_name)
    ]


def _changed_facts(change: Change) -> dict[str, str]:
    before, after = change.before, change.after
    pairs = {
        "me": (before.me, after.me),
        "display_name": (before.display_name, after.display_name),
        "server_name": (before.server_name, after.server_name),
        "epoch": (before.epoch, after.epoch),
    }
    return {name: str(new) for name, (old, new) in pairs.items() if old != new}
