"""Reading more of the logs: older pages, gaps, the surroundings of a line, members, search. From the cache first."""

import asyncio
from typing import Final, TypeVar

from msgspec import UNSET

from chat_client.core import answers, cache, events
from chat_client.core.answers import Hit, SearchPage
from chat_client.core.database import Database, Work
from chat_client.core.engine import Engine
from chat_client.core.errors import RequestError
from chat_client.core.language import tr
from chat_client.core.lines import line_of
from chat_client.core.query import Query
from chat_client.core.state import Conversation, Gap, Member, Message
from chat_client.core.text import printable
from chat_protocol import packets

__all__ = ["Histories"]

T = TypeVar("T")

PAGE: Final = 200
AROUND: Final = 25
MAX_CACHED: Final = 5_000
"""How far back :meth:`Histories.load_around` goes through the cache before it makes an island instead."""
WANTED_MS: Final = 60_000
"""How long older lines that were loaded are wanted, whether or not somebody looks at them yet."""
SEARCH_PAGES: Final = 20
"""Pages of 100 hits that one search looks through for what the server cannot narrow down."""


class Histories(Engine):
    """The part of a client that loads what is not in the state yet."""

    _database: Database

    async def _read(self, work: Work[T]) -> T:
        return await asyncio.wrap_future(self._database.do(work))

    def _conversation(self, name: str) -> Conversation:
        entry = self.state.conversations.get(name)
        if entry is None:
            raise RequestError("not_found", tr("{name} is not one of your conversations").format(name=name))
        return entry

    async def load_older(self, conversation: str, count: int = 100) -> bool:
        """Put up to ``count`` older events before the timeline, from the cache or the server.

        Returns:
            Whether there may be more. While it is asking, :attr:`Conversation.loading_older` is true; a second call
            meanwhile does nothing.
        """
        entry = self._conversation(conversation)
        if entry.loading_older or not entry.has_older:
            return entry.has_older
        self.apply([events.HistoryLoading(conversation, True)])
        try:
            await self._load_page(conversation, entry.loaded_from, min(count, PAGE))
        finally:
            if self._conversation(conversation).loading_older:
                self.apply([events.HistoryLoading(conversation, False)])
        return self._conversation(conversation).has_older

    def _wanted_lines(self, conversation: str) -> int:
        """Return how many older lines were loaded that somebody may be on the way to."""
        at_ms, lines = self._wanted.get(conversation, (0, 0))
        return lines if self._clock_ms() - at_ms < WANTED_MS else 0

    def _want(self, conversation: str, lines: int) -> None:
        """Count lines that are wanted, before they are there."""
        self._wanted[conversation] = (self._clock_ms(), self._wanted_lines(conversation) + lines)

    async def _load_page(self, conversation: str, before: int, count: int) -> None:
        page = await self._read(lambda connection: cache.page_before(connection, conversation, before, count))
        if page is not None:
            self._want(conversation, len(page.events))
            self.apply(
                [
                    events.HistoryLoaded(
                        conversation,
                        page.events,
                        page.first_seq,
                        page.last_seq,
                        page.has_older,
                        page.reactions,
                        page.gaps,
                        from_cache=True,
                    )
                ]
            )
            return
        found, more = await self._history(conversation, before=before, limit=count)
        first = found[0].seq if found and more else 1
        self._want(conversation, len(found))
        if before > 1:
            self.apply([events.HistoryLoaded(conversation, found, first, before - 1, more)])

    async def _history(
        self, conversation: str, *, limit: int, before: int | None = None, after: int | None = None
    ) -> tuple[tuple[packets.LogEvent, ...], bool]:
        answer = await self._ok(
            packets.History,
            conversation=conversation,
            before=UNSET if before is None else before,
            after=UNSET if after is None else after,
            limit=limit,
        )
        return tuple(answer.events or ()), answer.more is True

    async def fill_gap(self, conversation: str, gap: Gap, *, newest_first: bool = True) -> None:
        """Load up to 200 events of a gap that is ``loadable``, from its newer or its older end."""
        self._conversation(conversation)
        if not gap.loadable:
            return
        if newest_first:
            found, more = await self._history(conversation, before=gap.seq + 1, limit=PAGE)
            first = max(found[0].seq, gap.first_seq) if found and more else gap.first_seq
            last = gap.seq
        else:
            found, more = await self._history(conversation, after=gap.first_seq - 1, limit=PAGE)
            first = gap.first_seq
            last = min(found[-1].seq, gap.seq) if found and more else gap.seq
        inside = tuple(event for event in found if first <= event.seq <= last)
        self.apply([events.HistoryLoaded(conversation, inside, first, last)])

    async def load_around(self, conversation: str, seq: int) -> bool:
        """Load the events around ``seq`` (a search hit, a quoted message) with a gap between them and the others.

        Returns:
            Whether ``seq`` can be shown now.
        """
        await self._load_cached_to(conversation, seq)
        entry = self._conversation(conversation)
        there = entry.timeline.by_seq(seq)
        if there is None and seq >= entry.loaded_from:
            return False
        if there is None or (isinstance(there, Gap) and there.loadable):
            bounds = (there.first_seq, there.seq) if there is not None else (1, entry.loaded_from - 1)
            found, more = await self._history(conversation, before=min(seq + AROUND, bounds[1] + 1), limit=2 * AROUND)
            first = max(found[0].seq, bounds[0]) if found and more else bounds[0]
            last = min(seq + AROUND - 1, bounds[1])
            inside = tuple(event for event in found if first <= event.seq <= last)
            self._want(conversation, len(inside))
            older = None if there is not None else more
            self.apply([events.HistoryLoaded(conversation, inside, first, last, older)])
        there = self._conversation(conversation).timeline.by_seq(seq)
        return there is not None and not isinstance(there, Gap)

    async def _load_cached_to(self, conversation: str, seq: int) -> None:
        """Load cached pages until ``seq`` is in the state, if that is not far."""
        for _ in range(MAX_CACHED // PAGE):
            before = self._conversation(conversation).loaded_from
            if seq >= before:
                return
            page = await self._read(lambda connection, at=before: cache.page_before(connection, conversation, at, PAGE))  # type: ignore[misc]
            if page is None:
                return
            await self._load_page(conversation, before, PAGE)

    async def load_members(self, conversation: str) -> tuple[Member, ...]:
        """Ask who is in a conversation and keep it in :attr:`Conversation.members`."""
        answer = await self._ok(packets.ListMembers, conversation=conversation)
        infos = answer.members or ()
        members = tuple(answers.member(info) for info in infos)
        people = tuple(answers.person(info) for info in infos)
        self.apply([events.PeopleListed(people), events.MembersListed(conversation, members)])
        return members

    def synced(self) -> None:
        """Learn who is there."""
        super().synced()
        self.start(self.load_people())

    async def load_person(self, user: str) -> bool:
        """Learn the name and the presence of a user; return whether there is such a user."""
        after = ""
        while page := await self.users(user, after=after):  # all whose names contain it, in their order
            found = tuple(person for person in page if person.user == user)
            if found:
                self.apply([events.PeopleListed(found)])
                return True
            after = page[-1].user
        return False

    async def load_people(self) -> None:
        """Learn the names and presences of the server's users, 1,000 at a time."""
        after = ""
        while True:
            page = await self.users(after=after, limit=1_000)
            self.apply([events.PeopleListed(tuple(page))])
            if len(page) < 1_000:
                return
            after = page[-1].user

    async def search(
        self,
        query: str,
        *,
        conversation: str | None = None,
        sender: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> SearchPage:
        """Find messages that hold all words, newest first; ``before`` is that of the page before."""
        words = tuple(query.split())
        if not words:
            raise RequestError("bad_query", tr("there is nothing to search for: give one word or more"))
        name = None if sender is None else sender.removeprefix("@")
        return await self.find(Query(words, conversation, name), before=before, limit=limit)

    async def find(self, query: Query, *, before: int | None = None, limit: int = 50) -> SearchPage:
        """Find messages, newest first; without a connection, or without a word to look for, on this device alone.

        What the server cannot narrow down (dates, links) is narrowed here, over at most :data:`SEARCH_PAGES` of its
        pages; :attr:`SearchPage.before` goes on from there.
        """
        if not query.text:
            return await self._search_here(query, before, limit)
        hits: list[Hit] = []
        for _ in range(SEARCH_PAGES if query.is_narrow else 1):
            try:
                found, before = await self._search_page(query, before, 100 if query.is_narrow else limit)
            except RequestError as error:
                if error.code not in ("offline", "connection_lost", "timeout"):
                    raise
                return await self._search_here(query, None, limit)
            hits += [hit for hit in found if query.fits(hit.message.timestamp_ms, hit.message.content)]
            is_past = bool(found) and found[-1].message.timestamp_ms < (query.since_ms or 0)
            if before is None or is_past:
                return SearchPage(tuple(hits), None)
            if len(hits) >= limit:
                break
        return SearchPage(tuple(hits), before)

    async def _search_page(self, query: Query, before: int | None, limit: int) -> tuple[list[Hit], int | None]:
        answer = await self._ok(
            packets.Search,
            query=query.text,
            conversation=UNSET if query.conversation is None else query.conversation,
            sender=UNSET if query.sender is None else query.sender,
            before=UNSET if before is None else before,
            limit=min(limit, 100),
        )
        hits = [
            Hit(hit.event.conversation, line, printable(hit.snippet))
            for hit in answer.hits or ()
            if isinstance(line := line_of(hit.event, self.state.me), Message)
        ]
        return hits, answer.next if isinstance(answer.next, int) else None

    async def _search_here(self, query: Query, before: int | None, limit: int) -> SearchPage:
        words = query.words
        found = await self._read(lambda connection: cache.find(connection, query, before, limit))
        hits = tuple(
            Hit(event.conversation, line, cache.snippet(line.content, words))
            for event in found
            if isinstance(line := line_of(event, self.state.me), Message)
        )
        return SearchPage(hits, found[-1].timestamp if len(found) == limit else None, local=True)
