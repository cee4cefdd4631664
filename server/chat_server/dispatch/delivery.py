"""How events reach connections: live fan-out, and catching up from ring or store.

One mechanism for backlog, reconnecting and slow readers.

A connection is, per conversation, *live* (it has everything up to the head and is pushed what comes) or *lagging*
at a position (it is
sent pages of the log as fast as it takes them, until it is live). Offline is the same state without a connection.
The router thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from chat_protocol import packets
from chat_protocol.codec import encode, encode_backlog, place_event
from chat_protocol.errors import ErrorCode
from chat_protocol.frames import encode_frame
from chat_protocol.limits import MAX_BACKLOG_EVENTS
from chat_protocol.names import Kind
from chat_server.dispatch.audience import Audience
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import Deliver, Lag, Peer
from chat_server.dispatch.ring import Ring
from chat_server.dispatch.statistics import Statistics
from chat_server.routing import access
from chat_server.routing.directory import Conversation, Directory
from chat_server.store.base import AT_HEAD, Reader, StoredEvent

_PAGE_EVENTS: Final = 500
"""Events read at once for one connection."""
_PAGE_BYTES: Final = 512 * 1024
"""Bound of one ``backlog`` push; a server's frame may have 1 MiB."""

ReadPage = Callable[[Callable[[Reader], Any], Callable[[Any], None]], None]
"""Reads on a reader thread, then calls back on the router thread; with None where the read failed."""


class Delivery:
    """The live audiences and the connections that catch up."""

    def __init__(
        self, directory: Directory, outbound: Outbound, ring: Ring, statistics: Statistics, read_page: ReadPage
    ) -> None:
        self.directory = directory
        self._outbound = outbound
        self.ring = ring
        self._statistics = statistics
        self._read_page = read_page
        self._audiences: dict[int, Audience] = {}
        self._fresh: dict[int, list[tuple[int, bytes, Peer | None]]] = {}
        self._page_key: tuple[int, int, int, str, bool] | None = None
        self._page_blob = b""

    def audience(self, conversation: Conversation) -> Audience:
        """The live audience of a conversation."""
        found = self._audiences.get(conversation.id)
        if found is None:
            found = self._audiences[conversation.id] = Audience(conversation)
        return found

    def replace_directory(self, directory: Directory) -> None:
        """Go on with a directory made anew: audiences point to its conversations; heads are what the store says."""
        self.directory = directory
        self.ring.clear()
        self._page_key = None
        for conversation_id in list(self._audiences):
            conversation = directory.conversations.get(conversation_id)
            if conversation is None:
                del self._audiences[conversation_id]
            else:
                self._audiences[conversation_id].conversation = conversation

    # ---- live

    def publish(self, conversation: Conversation, seq: int, body: bytes, origin: Peer | None) -> None:
        """A stored event is to be pushed; goes out with the next :meth:`flush`. ``origin`` knows it by its ack."""
        conversation.head = seq
        self.ring.append(conversation.id, seq, body)
        fresh = self._fresh.get(conversation.id)
        if fresh is None:
            self._fresh[conversation.id] = [(seq, body, origin)]
        else:
            fresh.append((seq, body, origin))

    def flush(self) -> None:
        """Push what was published, joined per conversation."""
        if self._fresh:
            fresh, self._fresh = self._fresh, {}
            for conversation_id, events in fresh.items():
                audience = self._audiences.get(conversation_id)
                if audience is not None and audience.by_user:
                    self._push(audience, events)

    def flush_conversation(self, conversation: Conversation) -> None:
        """Push what was published in one conversation, before its audience changes."""
        events = self._fresh.pop(conversation.id, None)
        if events is not None:
            audience = self.audience(conversation)
            if audience.by_user:
                self._push(audience, events)

    def _push(self, audience: Audience, events: list[tuple[int, bytes, Peer | None]]) -> None:
        conversation = audience.conversation
        if conversation.kind is Kind.PRIVATE:
            for user, devices in audience.by_user.items():
                self._push_to_user(self.directory.name_for(conversation, user), devices, conversation.id, events)
            return
        viewer = int(conversation.key) if conversation.kind is Kind.NOTIFICATIONS else 0
        name = self.directory.name_for(conversation, viewer)
        frames = [encode_frame(place_event(name, body)) for _, body, _ in events]
        blob = b"".join(frames)
        left_out = _spans(events, frames, conversation.id)
        for outlet, peers in audience.groups().items():
            own = {origin: _without(blob, spans) for origin, spans in left_out.items() if origin.outlet is outlet}
            self._outbound.deliver(outlet, Deliver(conversation.id, events[0][0], blob, peers, own or None))
            self._statistics.deliveries += len(peers) * len(events)
        self._statistics.deliveries -= sum(map(len, left_out.values()))

    def _push_to_user(
        self, name: str, peers: list[Peer], conversation: int, events: list[tuple[int, bytes, Peer | None]]
    ) -> None:
        for peer in peers:
            frames = [encode_frame(place_event(name, body)) for _, body, origin in events if origin is not peer]
            if frames:
                blob = frames[0] if len(frames) == 1 else b"".join(frames)
                self._outbound.deliver(peer.outlet, Deliver(conversation, events[0][0], blob, (peer,)))
                self._statistics.deliveries += len(frames)

    # ---- positions

    def go_live(self, peer: Peer, conversation: Conversation) -> None:
        """``peer`` has everything up to the head."""
        # what is published but not pushed yet belongs to its backlog: it must not come again
        self.flush_conversation(conversation)
        peer.live.add(conversation.id)
        self.audience(conversation).add(peer)

    def leave(self, peer: Peer, conversation: Conversation) -> None:
        """``peer`` gets no more pushes of ``conversation``."""
        peer.live.discard(conversation.id)
        audience = self._audiences.get(conversation.id)
        if audience is not None:
            audience.remove(peer)

    def catch_up(self, peer: Peer, conversation: Conversation, position: int, limit: int | None = None) -> None:
        """``peer`` has everything up to ``position``: send what it may see of the rest, at most the newest ``limit``.

        What is left out is announced. :meth:`pump` does the sending.
        """
        user = self.directory.users[peer.session.user]
        over = None if user.id in conversation.members else user.ended.get(conversation.id)
        # an end that is not stored yet is none yet
        until = None if over is None or over.until_seq == AT_HEAD else over.until_seq
        end = conversation.head if until is None else until
        lowest = min((access.first_visible(conversation, user) if over is None else over.since_seq) - 1, end)
        if position < lowest:
            self._tell_skip(peer, conversation, position + 1, lowest, "not_visible")
            position = lowest
        if limit is not None and position < end - limit:
            self._tell_skip(peer, conversation, position + 1, end - limit, "limit")
            position = end - limit
        self.leave(peer, conversation)
        peer.lagging[conversation.id] = Lag(position, until)

    def lagged(self, peer: Peer, conversation_id: int, first: int) -> None:
        """The I/O thread left out what begins with ``first``: the connection takes too little."""
        conversation = self.directory.conversations.get(conversation_id)
        if conversation is None or peer.is_gone or conversation_id in peer.lagging:
            return
        self._statistics.lagged += 1
        user = peer.session.user
        stay = conversation.members.get(user) or self.directory.users[user].ended.get(conversation_id)
        if stay is not None and first <= stay.since_seq:
            self._tell_entry(peer, conversation, first - 1, stay.role)  # that it began was left out, too
        self.catch_up(peer, conversation, first - 1)

    def forget(self, peer: Peer) -> None:
        """The connection is gone."""
        for conversation_id in peer.live:
            audience = self._audiences.get(conversation_id)
            if audience is not None:
                audience.remove(peer)
                if not audience.by_user:
                    del self._audiences[conversation_id]
        peer.live.clear()
        peer.lagging.clear()

    def drop(self, conversation: Conversation) -> None:
        """The conversation is deleted."""
        self._fresh.pop(conversation.id, None)
        self._audiences.pop(conversation.id, None)
        self.ring.forget(conversation.id)

    # ---- catching up

    def pump(self, peer: Peer) -> None:
        """Send the next page to a lagging connection, or make it live. Nothing while a page is on its way."""
        while peer.lagging and not peer.fetching and not peer.is_gone:
            conversation_id, lag = next(iter(peer.lagging.items()))
            conversation = self.directory.conversations.get(conversation_id)
            if conversation is None:
                del peer.lagging[conversation_id]
                continue
            end = conversation.head if lag.until is None else min(lag.until, conversation.head)
            if lag.position >= end:
                self._caught_up(peer, conversation, lag)
                continue
            limit = min(_PAGE_EVENTS, end - lag.position)
            bodies = self.ring.after(conversation_id, lag.position, limit)
            if bodies:
                self._send_page(peer, conversation, lag, bodies, end)
            else:
                self._fetch(peer, conversation, lag, limit, end)

    def _fetch(self, peer: Peer, conversation: Conversation, lag: Lag, limit: int, end: int) -> None:
        peer.fetching = True
        position = lag.position

        def fetched(events: list[StoredEvent] | None) -> None:
            peer.fetching = False
            if peer.is_gone:
                return
            if events is None:
                problem = packets.Error(code=ErrorCode.STORAGE, message="the backlog could not be read: connect again")
                self._outbound.close(peer, problem)
                return
            if peer.lagging.get(conversation.id) is lag and lag.position == position:
                if events:
                    self._send_page(peer, conversation, lag, [event.body for event in events], end)
                else:
                    self._skip(peer, conversation, lag, end)
            self.pump(peer)

        self._read_page(lambda reader: reader.events(conversation.id, position, end + 1, limit), fetched)

    def _skip(self, peer: Peer, conversation: Conversation, lag: Lag, end: int) -> None:
        """Announce events that the store does not have any more."""
        self._tell_skip(peer, conversation, lag.position + 1, end, "retention")
        lag.position = end

    def _tell_skip(self, peer: Peer, conversation: Conversation, first: int, last: int, reason: str) -> None:
        """Announce a hole, before what follows it."""
        name = self.directory.name_for(conversation, peer.session.user)
        skip = packets.Skip(conversation=name, from_=first, to=last, reason=reason)
        self._outbound.page(peer, encode_frame(encode(skip)), tell=False)

    def _send_page(self, peer: Peer, conversation: Conversation, lag: Lag, bodies: list[bytes], end: int) -> None:
        name = self.directory.name_for(conversation, peer.session.user)
        last = lag.position + len(bodies)
        key = (conversation.id, lag.position, last, name, last >= end)
        if key != self._page_key:
            # many who were away ask for the same page one after another
            self._page_blob = b"".join(_backlog_frames(name, bodies, is_last=last >= end))
            self._page_key = key
        # round robin: the other conversations have their turn first
        del peer.lagging[conversation.id]
        lag.position = last
        peer.lagging[conversation.id] = lag
        is_done = last >= end and len(peer.lagging) == 1
        peer.fetching = not is_done
        self._outbound.page(peer, self._page_blob, tell=not is_done)

    def drained(self, peer: Peer) -> None:
        """The I/O thread has sent most of what it had for the connection."""
        peer.fetching = False
        self.pump(peer)

    def revised(self, conversation: Conversation) -> None:
        """An event of ``conversation`` was edited or erased: what is kept of it in memory is out of date."""
        self.ring.forget(conversation.id)
        self._page_key = None

    def _caught_up(self, peer: Peer, conversation: Conversation, lag: Lag) -> None:
        del peer.lagging[conversation.id]
        self._outbound.resume(peer, conversation.id)
        if lag.until is None:
            self.go_live(peer, conversation)
        else:
            self._outbound.page(peer, self._end_frame(peer, conversation, lag.until), tell=False)

    # ---- what a conversation is for somebody

    def begin(self, peer: Peer, conversation: Conversation) -> None:
        """A conversation appeared for a synced connection: tell it, and push from the next event on."""
        lag = peer.lagging.get(conversation.id)
        if lag is not None:
            # not even through with the last time
            self._tell_entry(peer, conversation, lag.position, "member")
            self.catch_up(peer, conversation, lag.position)
            self.pump(peer)
        elif conversation.id not in peer.live:
            self._push_to_one(peer, conversation, self._entry_frame(peer, conversation, conversation.head, "member"))
            self.go_live(peer, conversation)

    def end(self, peer: Peer, conversation: Conversation) -> None:
        """A conversation ended for a synced connection, with its head: tell that after the last event."""
        lag = peer.lagging.get(conversation.id)
        if lag is not None and conversation.id in self.directory.conversations:
            lag.until = conversation.head
            self.pump(peer)
            return
        peer.lagging.pop(conversation.id, None)
        self._push_to_one(peer, conversation, self._end_frame(peer, conversation, conversation.head))
        self.leave(peer, conversation)

    def _push_to_one(self, peer: Peer, conversation: Conversation, frame: bytes) -> None:
        """Push like an event that follows the head: left out, and reported, where events are left out."""
        self._outbound.settle(peer)
        if conversation.id in self.directory.conversations:
            self._outbound.deliver(peer.outlet, Deliver(conversation.id, conversation.head + 1, frame, (peer,)))
        else:
            self._outbound.page(peer, frame, tell=False)  # it is deleted, and nothing of it will follow

    def _tell_entry(self, peer: Peer, conversation: Conversation, cursor: int, role: str) -> None:
        self._outbound.page(peer, self._entry_frame(peer, conversation, cursor, role), tell=False)

    def _entry_frame(self, peer: Peer, conversation: Conversation, cursor: int, role: str) -> bytes:
        entry = self.entry(conversation, peer.session.user, cursor, conversation.head, 0, 0)
        entry["role"] = entry["role"] or role  # what is over again meanwhile is told to be over later
        return encode_frame(encode(packets.ConversationChanged(**entry)))  # type: ignore[arg-type]

    def _end_frame(self, peer: Peer, conversation: Conversation, end: int) -> bytes:
        entry = self.entry(conversation, peer.session.user, end, end, 0, 0) | {"role": None, "last_seq": end}
        return encode_frame(encode(packets.ConversationChanged(**entry)))  # type: ignore[arg-type]

    def entry(
        self, conversation: Conversation, user: int, cursor: int, read_seq: int, unread: int, mentions: int
    ) -> dict[str, object]:
        """The members of a conversation's entry as ``user`` sees it."""
        over = self.directory.users[user].ended.get(conversation.id)
        stay = over if over is not None and over.until_seq == AT_HEAD else conversation.members.get(user)
        shown: dict[str, object] = {
            "conversation": self.directory.name_for(conversation, user),
            "title": conversation.title,
            "last_seq": conversation.head,
            "cursor": cursor,
            "read_seq": read_seq,
            "unread": unread,
            "mentions": mentions,
            "role": stay.role if stay is not None else "member",
            "muted": stay.muted if stay is not None else user in conversation.muted,
            "topic": conversation.topic,
        }
        match conversation.kind:
            case Kind.GROUP if stay is None:
                # who is out of it learns nothing that came later
                last_seq = cursor if over is None or over.until_seq is None else over.until_seq
                shown |= {"role": None, "title": conversation.key, "topic": "", "last_seq": last_seq}
            case Kind.GROUP:
                shown["visibility"] = conversation.visibility
            case Kind.PRIVATE:
                peer = self.directory.users[self.directory.peer_of(conversation, user)]
                shown["display_name"] = shown["title"] = peer.display_name
            case Kind.ANNOUNCEMENTS:
                shown["title"] = "Announcements"
            case Kind.NOTIFICATIONS:
                shown["title"] = "Notifications"
        return shown


def _spans(
    events: list[tuple[int, bytes, Peer | None]], frames: list[bytes], conversation: int
) -> dict[Peer, list[tuple[int, int]]]:
    """Where in the joined frames stand those that a live connection sent itself: it knows them by their acks."""
    spans: dict[Peer, list[tuple[int, int]]] = {}
    start = 0
    for event, frame in zip(events, frames, strict=True):
        end = start + len(frame)
        origin = event[2]
        if origin is not None and conversation in origin.live:
            spans.setdefault(origin, []).append((start, end))
        start = end
    return spans


def _without(blob: bytes, spans: list[tuple[int, int]]) -> bytes:
    """``blob`` without these parts of it: as many pieces as there are parts, whatever else it holds."""
    view = memoryview(blob)
    pieces: list[memoryview] = []
    at = 0
    for start, end in spans:
        pieces.append(view[at:start])
        at = end
    pieces.append(view[at:])
    return b"".join(pieces)


def _backlog_frames(name: str, bodies: list[bytes], *, is_last: bool) -> Iterable[bytes]:
    """``bodies`` as ``backlog`` pushes, each within the bounds of a frame and of protocol.md 4."""
    page: list[bytes] = []
    size = 0
    for body in bodies:
        if len(page) == MAX_BACKLOG_EVENTS or size + len(body) > _PAGE_BYTES:
            yield encode_frame(encode_backlog(name, page, more=True))
            page, size = [], 0
        page.append(body)
        size += len(body)
    yield encode_frame(encode_backlog(name, page, more=not is_last))
