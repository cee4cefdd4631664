"""The router thread's desk without the thread: real parts, a fake I/O thread, and every step when the test wants it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from chat_protocol import packets
from chat_protocol.connection import ClientConnection
from chat_protocol.packets import ClientPacket, Error, ServerPacket
from chat_server.dispatch.completion import Completion
from chat_server.dispatch.connections import Connections
from chat_server.dispatch.delivery import Delivery
from chat_server.dispatch.outbound import Outbound
from chat_server.dispatch.peer import Close, Deliver, Item, News, Order, Peer, Resume, Send, Widen
from chat_server.dispatch.ring import Ring
from chat_server.dispatch.statistics import Statistics
from chat_server.dispatch.synchroniser import Synchroniser
from chat_server.dispatch.writer import Job
from chat_server.routing import effects
from chat_server.routing.effects import Effect
from chat_server.routing.router import decide
from chat_server.routing.session import Session
from chat_server.store.base import Reader
from tests.server.routing.builders import World

HIGH_ORDERS = 2
"""So much may wait for a connection that takes nothing, before it is behind."""


class FakePeer(Peer):
    """A connection whose other end is here: ``seen`` is what came out of it."""

    def __init__(self, outlet: FakeOutlet, session: Session) -> None:
        super().__init__(outlet, session)
        self.is_blocked = False
        self.is_closed = False
        self.behind: set[int] = set()
        self.tells_drained = False
        self.max_frame = 0
        self.seen: list[ServerPacket] = []
        self._kept: list[bytes] = []
        self._client = ClientConnection()

    @property
    def kept(self) -> int:
        """How much waits for the connection to take something."""
        return len(self._kept)

    def give(self, blob: bytes) -> None:
        """Bytes for the connection: they arrive, or wait while it takes nothing."""
        if self.is_blocked:
            self._kept.append(blob)
        else:
            self.seen += self._client.receive_data(blob)

    def drain(self) -> None:
        """The connection takes what waits, and whatever comes."""
        self.is_blocked = False
        kept, self._kept = self._kept, []
        for blob in kept:
            self.give(blob)

    def take(self) -> list[ServerPacket]:
        """What came out since the last time."""
        seen, self.seen = self.seen, []
        return seen


class FakeOutlet:
    """An I/O thread without sockets; does what :class:`chat_server.net.loop.IoThread` does with orders."""

    def __init__(self) -> None:
        self.news: deque[Item] = deque()
        self.orders: list[Order] = []

    def post(self, orders: list[Order]) -> None:
        """Carry out ``orders`` at once."""
        self.orders += orders
        for order in orders:
            for peer in order.peers if isinstance(order, Deliver) else (order.peer,):
                assert isinstance(peer, FakePeer)
                self._carry_out(peer, order)
                self.tell_drained(peer)

    def _carry_out(self, peer: FakePeer, order: Order) -> None:
        match order:
            case Deliver():
                self._deliver(peer, order)
            case Send() if not peer.is_closed:
                peer.tells_drained |= order.tell
                peer.give(order.blob)
            case Resume():
                peer.behind.discard(order.conversation)
            case Widen():
                peer.max_frame = order.max_frame
            case Close():
                peer.give(order.blob)
                peer.is_closed = True
            case Send():
                pass

    def _deliver(self, peer: FakePeer, order: Deliver) -> None:
        blob = order.blob if order.own is None else order.own.get(peer, order.blob)
        if peer.is_closed or not blob or order.conversation in peer.behind:
            return
        if peer.is_blocked and peer.kept >= HIGH_ORDERS:
            peer.behind.add(order.conversation)
            peer.tells_drained = True
            self.news.append((News.LAGGED, peer, (order.conversation, order.first)))
        else:
            peer.give(blob)

    def tell_drained(self, peer: FakePeer) -> None:
        """Report that little is left unsent, where somebody waits for that."""
        if peer.tells_drained and not peer.is_blocked:
            peer.tells_drained = False
            self.news.append((News.DRAINED, peer, None))


class Desk:
    """Decides and carries out like the dispatcher, one step at a time."""

    def __init__(self, world: World, *, ring_bytes: int = 1 << 20) -> None:
        self.world = world
        self.outlet = FakeOutlet()
        self.outbound = Outbound()
        self.statistics = Statistics(0)
        self.ring = Ring(ring_bytes, ring_bytes)
        self.delivery = Delivery(world.directory, self.outbound, self.ring, self.statistics, self.read_page)
        self.connections = Connections(world.context, self.delivery, self.outbound)
        self.synchroniser = Synchroniser(world.context, self.delivery, self.outbound)
        self.completion = Completion(
            world.context,
            self.connections,
            self.delivery,
            self.synchroniser,
            self.outbound,
            self.statistics,
            self.read_page,
            self._complain,
        )
        self.jobs: deque[Job] = deque()
        self.reads: deque[tuple[Callable[[Reader], Any], Callable[[Any], None]]] = deque()
        self.syncs: list[tuple[Peer, effects.Synchronise]] = []
        self.reader = world.store.reader()
        self._ids = count(1)

    # ---- what a test does

    def connect(self, name: str, *, cursors: dict[str, int] | None = None, limit: int | None = None) -> FakePeer:
        """A connection of ``name`` that is logged in and synced."""
        peer = self.log_in(name)
        self.ask(peer, packets.Sync(next(self._ids), "", cursors or {}, limit))
        return peer

    def log_in(self, name: str, outlet: FakeOutlet | None = None) -> FakePeer:
        """A connection of ``name`` that is logged in."""
        peer = FakePeer(outlet or self.outlet, self.world.session(name))
        self.connections.all.add(peer)
        self.connections.open(peer)
        return peer

    def ask(self, peer: Peer, packet: ClientPacket) -> None:
        """A request comes in."""
        self.perform(peer, decide(self.world.context, peer.session, packet))

    def say(self, peer: Peer, group: str = "crew", content: str = "hi") -> str:
        """A message to a group comes in; its message id."""
        number = next(self._ids)
        self.ask(peer, packets.PostGroup(number, group, f"m{number}", content))
        return f"m{number}"

    def commit(self) -> None:
        """Store the next commit that waits, and let its consequences be seen."""
        job = self.jobs.popleft()
        job.outcomes = self.world.store.commit(job.writes)
        self.completion.complete(job)
        if job.peer is not None:
            self.perform(job.peer, list(job.commit.then))
        self._synchronise()

    def flush(self) -> None:
        """The end of a turn: everything goes to the I/O thread."""
        self.delivery.flush()
        self.outbound.flush()

    def read(self) -> None:
        """Answer the look-up that waits longest."""
        look_up, then = self.reads.popleft()
        then(look_up(self.reader))

    def hear(self) -> None:
        """Take the next report of the I/O thread."""
        news, peer, detail = self.outlet.news.popleft()
        match news:
            case News.DRAINED:
                self.delivery.drained(peer)
            case News.LAGGED:
                self.delivery.lagged(peer, *detail)
            case _:
                raise AssertionError(news)

    def drain(self, peer: FakePeer) -> None:
        """The connection takes what waits."""
        peer.drain()
        self.outlet.tell_drained(peer)

    def disconnect(self, peer: FakePeer) -> None:
        """The connection is gone."""
        peer.is_closed = True
        self.connections.forget(peer)

    def settle(self) -> None:
        """Let everything that is under way come to its end."""
        for peer in self.connections.all:
            assert isinstance(peer, FakePeer)
            self.drain(peer)
        while True:
            if self.jobs:
                self.commit()
            elif self.reads:
                self.read()
            elif self.outlet.news:
                self.hear()
            else:
                before = len(self.outlet.orders)
                self.flush()
                if len(self.outlet.orders) == before:
                    return

    # ---- what the dispatcher does

    def _synchronise(self) -> None:
        """Answer the syncs whose user is not joining or leaving at this moment."""
        waiting, self.syncs = self.syncs, []
        for peer, effect in waiting:
            ids = self.synchroniser.conversations(peer)
            if peer.is_gone:
                continue
            if self.synchroniser.is_settled(peer, ids):
                standings = self.reader.standings(peer.session.user, peer.session.device, ids)
                self.synchroniser.answer(peer, effect, standings)
            else:
                self.syncs.append((peer, effect))

    def perform(self, peer: Peer, found: list[Effect]) -> None:
        """Carry out what a rule decided."""
        for effect in found:
            match effect:
                case effects.Commit():
                    self.jobs.append(Job(peer, effect, 0.0))
                case effects.Reply(packet):
                    self.outbound.packet(peer, packet)
                case effects.Ask(read=read, then=then):
                    self.perform(peer, then(read(self.reader)))
                case effects.Synchronise():
                    self.syncs.append((peer, effect))
                    self._synchronise()
                case effects.Tell(users, packet):
                    self.connections.tell(users, packet, peer)
                case effects.TellMembers(conversation, packet):
                    self.connections.tell_members(conversation, packet, peer)
                case effects.Advanced(conversation, seq):
                    self.connections.advance(peer, conversation, seq)
                case effects.Disconnect():
                    self.connections.disconnect(peer, effect)
                case effects.PresenceChanged(user):
                    self.connections.presence_changed(user)
                case _:
                    raise AssertionError(effect)

    def read_page(self, look_up: Callable[[Reader], Any], then: Callable[[Any], None]) -> None:
        """As a pool of readers would, but when the test wants it."""
        self.reads.append((look_up, then))

    def _complain(self, peer: Peer, error: Error) -> None:
        self.outbound.packet(peer, error)


def of_type(found: list[ServerPacket], kind: type[Any]) -> list[Any]:
    """The packets of one kind."""
    return [packet for packet in found if isinstance(packet, kind)]


def seqs(found: list[ServerPacket], conversation: str = "#crew") -> list[int]:
    """The events of a conversation in the order in which they came, live or in pages."""
    order: list[int] = []
    for packet in found:
        if isinstance(packet, packets.Backlog) and packet.conversation == conversation:
            order += [event.seq for event in packet.events]
        elif isinstance(packet, packets.Event) and packet.conversation == conversation:
            order.append(packet.seq)
    return order
