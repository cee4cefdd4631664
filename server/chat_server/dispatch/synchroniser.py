"""Answers ``sync``: tells where a user stands and decides where each conversation's catch-up starts.

The router thread alone.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import asdict

from chat_protocol import codec, packets
from chat_protocol.names import NOTIFICATIONS, Kind
from chat_server.dispatch.delivery import Delivery, ReadPage
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import Peer
from chat_server.routing import access
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, Directory, Stay, User
from chat_server.routing.effects import Changed, Synchronise
from chat_server.store.base import AT_HEAD, Reach, Reader, Standing

Online = dict[int, list[Peer]]
"""The connections that are logged in, by user."""


class Synchroniser:
    """What a connection is told of its conversations, apart from their events."""

    def __init__(self, context: Context, delivery: Delivery, outbound: Outbound) -> None:
        self._context = context
        self._delivery = delivery
        self._outbound = outbound

    def conversations(self, peer: Peer) -> list[int]:
        """The ids whose standings are needed to answer a ``sync``: current conversations, then those that are over."""
        user = self._context.directory.users[peer.session.user]
        current = [each.id for each in self._context.directory.conversations_of(user)]
        return current + [each for each in user.ended if each not in user.conversations]

    def is_settled(self, peer: Peer, conversations: list[int]) -> bool:
        """Whether ``conversations`` is still what to tell of, and where each begins and ends is stored."""
        user = self._context.directory.users[peer.session.user]
        return (
            conversations == self.conversations(peer)
            and all(stay.until_seq != AT_HEAD for stay in user.ended.values())
            and all(
                stay is None or stay.since_seq != AT_HEAD
                for stay in (each.members.get(user.id) for each in user.conversations.values())
            )
        )

    def answer(self, peer: Peer, sync: Synchronise, standings: list[Standing]) -> None:
        """Send ``synced``, then let live pushes and catch-up begin."""
        directory = self._context.directory
        user = directory.users[peer.session.user]
        is_other_epoch = bool(sync.epoch) and sync.epoch != directory.epoch
        cursors = {} if is_other_epoch else self._fold(user, sync.cursors)
        entries: list[packets.ConversationEntry] = []
        starts: list[tuple[Conversation, int]] = []
        for standing in standings:
            conversation = directory.conversations.get(standing.conversation)
            if conversation is None:
                continue
            over = None if conversation.id in user.conversations else user.ended.get(conversation.id)
            start = self._start(user, conversation, standing, cursors.get(conversation.id), over)
            if over is not None and start >= (over.until_seq or 0):
                continue  # the device knows the end already
            directory.read_marks.setdefault((user.id, conversation.id), standing.read_seq)
            members = self._delivery.entry(
                conversation, user.id, start, standing.read_seq, standing.unread, standing.mentions
            )
            if over is None:
                # what the counts are of: what came since is sent as backlog, and counted by the client
                members["last_seq"] = standing.last_seq
            entries.append(packets.ConversationEntry(**members))  # type: ignore[arg-type]
            starts.append((conversation, start))
        if user.notifications is None:
            entries.append(packets.ConversationEntry(NOTIFICATIONS, "Notifications", 0, 0, 0, 0, 0, "member", False))
        fitting = codec.fitting(len(codec.encode(entry)) for entry in entries)
        synced = packets.Synced(
            re=sync.re,
            epoch=directory.epoch,
            conversations=entries[:fitting],
            epoch_changed=True if is_other_epoch else UNSET,
        )
        self._outbound.packet(peer, synced)
        peer.session.is_synced = True
        for entry in entries[fitting:]:  # thousands of conversations do not fit into one frame
            self._outbound.packet(peer, packets.ConversationChanged(**asdict(entry)))
        self._outbound.settle(peer)
        for conversation, start in starts:
            if start >= conversation.head and conversation.id not in user.ended:
                self._delivery.go_live(peer, conversation)
            else:
                self._delivery.catch_up(peer, conversation, start, sync.limit)
        self._delivery.pump(peer)

    def _fold(self, user: User, cursors: dict[str, int]) -> dict[int, int]:
        """The client's cursors by conversation id; names that mean nothing to this user are left out."""
        found: dict[int, int] = {}
        for name, seq in cursors.items():
            conversation = access.find(self._context.directory, user, name)
            if isinstance(conversation, Conversation):
                found[conversation.id] = seq
            elif (group := self._context.directory.group(name)) is not None and group.id in user.ended:
                found[group.id] = seq
        return found

    def _start(
        self, user: User, conversation: Conversation, standing: Standing, told: int | None, over: Stay | None
    ) -> int:
        """The position from which the device has to catch up."""
        head = conversation.head
        if told is not None:
            return min(told, head)
        known = standing.cursor if standing.cursor is not None else standing.read_seq
        stay = over or conversation.members.get(user.id)
        # what was said before one came is history, not backlog
        joined = 0 if stay is None else (head if stay.since_seq < 0 else stay.since_seq - 1)
        return min(max(known, joined), head)

    # ---- later changes

    def tell_changed(
        self,
        change: Changed,
        online: Online,
        read: ReadPage,
    ) -> None:
        """Tell synced connections that a conversation's title, the user's role in it or the like is another."""
        conversation = change.conversation
        users = conversation.members if change.users is None else change.users
        peers = [peer for user in users for peer in online.get(user, ()) if peer.session.is_synced]
        if not peers:
            return

        def look_up(reader: Reader) -> list[Standing]:
            ids = [conversation.id]
            return [reader.standings(peer.session.user, peer.session.device, ids)[0] for peer in peers]

        def tell(standings: list[Standing] | None) -> None:
            for peer, standing in zip(peers, standings or (), strict=False):
                if peer.is_gone or conversation.id not in peer.live | peer.lagging.keys():
                    continue
                if change.conversation.kind is Kind.GROUP and peer.session.user not in conversation.members:
                    continue  # that it is over is told after its last event
                cursor = standing.read_seq if standing.cursor is None else standing.cursor
                entry = self._delivery.entry(
                    conversation, peer.session.user, cursor, standing.read_seq, standing.unread, standing.mentions
                )
                self._outbound.packet(peer, packets.ConversationChanged(**entry))  # type: ignore[arg-type]

        read(look_up, tell)

    def reload(self, context: Context, directory: Directory, online: Online) -> None:
        """Go on with a directory made anew from the store, after a commit failed."""
        old = context.directory
        directory.read_marks.clear()
        for user_id, peers in online.items():
            user, before = directory.users.get(user_id), old.users.get(user_id)
            if user is not None and before is not None:
                user.connections = len(peers)
                user.presence, user.status = before.presence, before.status
        context.directory = directory
        self._delivery.replace_directory(directory)

    # ---- receipts

    def recipients(
        self, conversation: Conversation, seq: int, reached: list[Reach], online: Online, now: float
    ) -> list[packets.Recipient]:
        """How far the event at ``seq`` got at each user: what the store knows, and what connections told since.

        ``now`` is of the monotonic clock, in seconds.
        """
        users = self._context.directory.users
        by_user = self._delivery.audience(conversation).by_user
        found: list[packets.Recipient] = []
        for reach in reached:
            peers = online.get(reach.user, [])
            told = max((peer.received.get(conversation.id, 0) for peer in peers), default=0)
            read = max(reach.read_seq, self._context.directory.read_marks.get((reach.user, conversation.id), 0))
            name = users[reach.user].name
            if read >= seq:
                at = reach.read_at_ms if reach.read_seq >= seq else None
                found.append(packets.Recipient(name, "read", at))
            elif max(reach.received_seq, told) >= seq:
                at = reach.received_at_ms if reach.received_seq >= seq else None
                found.append(packets.Recipient(name, "delivered", at))
            elif reach.user in by_user or any(
                peer.lagging[conversation.id].position >= seq for peer in peers if conversation.id in peer.lagging
            ):
                found.append(_waiting(name, "sent", peers, now))
            else:
                found.append(_waiting(name, "stored", peers, now))
        return found


def _waiting(name: str, state: str, peers: list[Peer], now: float) -> packets.Recipient:
    """Why somebody has not got an event: nobody is there, or the connection that takes the least holds it up."""
    blocked = [peer for peer in peers if peer.is_blocked]
    if not peers:
        return packets.Recipient(name, state, None, 0, "offline")
    if not blocked:
        attempts, reason = (1, UNSET) if state == "sent" else (0, "connected, catching up")
        return packets.Recipient(name, state, None, attempts, reason)
    worst = max(blocked, key=lambda peer: peer.retries)
    reason = f"the connection takes nothing: {worst.unsent_bytes} bytes wait"
    wait_ms = max(0, int((worst.retry_at - now) * 1000))
    return packets.Recipient(name, state, None, worst.retries + 1, reason, wait_ms)
