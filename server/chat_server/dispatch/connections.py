"""The connections by user: opening, closing, and pushes that are not stored. The router thread alone."""

from __future__ import annotations

from time import monotonic
from typing import Final

from chat_protocol import packets
from chat_protocol.codec import encode
from chat_protocol.errors import ErrorCode
from chat_protocol.frames import encode_frame
from chat_protocol.packets import Error
from chat_server.dispatch.delivery import Delivery
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import Peer
from chat_server.routing import accounts, presence
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation
from chat_server.routing.effects import Commit, Disconnect
from chat_server.store.base import Advance

_TICK_S: Final = 1.0
"""How often cursors are stored and presence is told, while there is something of it."""


class Connections:
    """All connections, and by user those that are logged in."""

    def __init__(self, context: Context, delivery: Delivery, outbound: Outbound) -> None:
        self._context = context
        self._delivery = delivery
        self._outbound = outbound
        self.all: set[Peer] = set()
        self.online: dict[int, list[Peer]] = {}
        self._cursors: dict[tuple[str, int], tuple[int, int]] = {}
        """By device and conversation: the user, and what the device has. Told every few events, stored once."""
        self._presence: set[int] = set()
        self._tick_at: float | None = None

    # ---- coming and going

    def open(self, peer: Peer) -> None:
        """``peer`` is logged in; turned away where the account was disabled or the device logged out meanwhile."""
        if not accounts.is_valid(self._context, peer.session):
            self.hang_up(peer, Error(code=ErrorCode.BAD_CREDENTIALS, message="this device was logged out"))
            return
        user = self._context.directory.users[peer.session.user]
        self.online.setdefault(user.id, []).append(peer)
        peer.session.since_ms = self._context.now_ms
        user.connections += 1
        if user.connections == 1:
            user.presence, user.status = "online", ""
            self.presence_changed(user.id)
        self._outbound.widen(peer, self._context.rules.max_frame)

    def hang_up(self, peer: Peer, packet: packets.Packet | None) -> None:
        """Send ``packet``, if any, and close."""
        self._outbound.close(peer, packet)
        self.forget(peer)

    def forget(self, peer: Peer) -> None:
        """The connection is gone, or as good as gone."""
        if peer.is_gone:
            return
        peer.is_gone = True
        self.all.discard(peer)
        self._delivery.forget(peer)
        peer.waiting.clear()
        peers = self.online.get(peer.session.user)
        if peers is None or peer not in peers:
            return
        peers.remove(peer)
        if not peers:
            del self.online[peer.session.user]
        user = self._context.directory.users.get(peer.session.user)
        if user is not None:
            user.connections -= 1
            if user.connections == 0:
                self.presence_changed(user.id)

    def disconnect(self, asker: Peer, effect: Disconnect) -> None:
        """Close a device's connections; the asker itself has had its answer."""
        for peer in list(self.online.get(effect.user, ())):
            if effect.device is None or peer.session.device == effect.device:
                self.hang_up(peer, None if peer is asker else Error(code=effect.code, message=effect.message))

    # ---- pushes

    def tell(self, users: tuple[int, ...], packet: packets.Packet, asker: Peer) -> None:
        """Push to the synced connections of ``users``, but not to the asker's."""
        frame = encode_frame(encode(packet))
        for user in users:
            for peer in self.online.get(user, ()):
                if peer is not asker and peer.session.is_synced:
                    self._outbound.frame(peer, frame)

    def tell_members(self, conversation: Conversation, packet: packets.Packet, asker: Peer) -> None:
        """Push to the live connections of the others in a conversation."""
        frame = encode_frame(encode(packet))
        for user, peers in self._delivery.audience(conversation).by_user.items():
            if user != asker.session.user:
                for peer in peers:
                    self._outbound.frame(peer, frame)

    def presence_changed(self, user: int) -> None:
        """Tell it at the next tick, however often it changes until then."""
        self._presence.add(user)
        self._want_tick()

    def advance(self, peer: Peer, conversation: Conversation, seq: int) -> None:
        """A device told what it has; stored at the next tick."""
        seq = min(seq, conversation.head)
        if seq <= peer.received.get(conversation.id, -1):
            return
        peer.received[conversation.id] = seq
        session = peer.session
        self._cursors[session.device, conversation.id] = (session.user, seq)
        if self._tick_at is None:
            self._want_tick()

    # ---- once in a while

    @property
    def timeout_s(self) -> float | None:
        """After how long :meth:`tick` has something to do; None if nothing waits."""
        return None if self._tick_at is None else max(0.0, self._tick_at - monotonic())

    def _want_tick(self) -> None:
        if self._tick_at is None:
            self._tick_at = monotonic() + _TICK_S

    def tick(self) -> None:
        """Tell presence and forget who typed."""
        self._tick_at = None
        self._tell_presence()
        self._context.forget_typing()

    def take_cursors(self) -> Commit | None:
        """The cursors that are to be stored."""
        if not self._cursors:
            return None
        now_ms = self._context.now_ms
        cursors, self._cursors = self._cursors, {}
        return Commit(tuple(Advance(device, user, at, seq, now_ms) for (device, at), (user, seq) in cursors.items()))

    def _tell_presence(self) -> None:
        directory = self._context.directory
        changed, self._presence = self._presence, set()
        for user_id in changed:
            user = directory.users.get(user_id)
            if user is None:
                continue
            frame = encode_frame(encode(presence.presence_packet(user)))
            for other in presence.audience(directory, user):
                for peer in self.online.get(other, ()):
                    if peer.session.is_synced:
                        self._outbound.frame(peer, frame)
