"""Whatever happens, each event reaches each connection once and in order (protocol.md 4): a model that is walked."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from chat_protocol import packets
from tests.server.dispatch.desk import Desk, FakePeer
from tests.server.routing.builders import World

NAMES = ("olga", "mia", "karl")
GROUP = "#crew"
PICK = st.integers(0, 9)


class Reader:
    """What a client makes of what it is sent: fails where an event comes twice, out of order, or not at all."""

    def __init__(self, name: str, peer: FakePeer) -> None:
        self.name = name
        self.peer = peer
        self.own: set[int] = set()
        """Seqs that this connection sent: they come as acks, and in pages perhaps."""
        self.is_inside = False
        self.start = 0
        self.last = 0
        """The newest event or announced hole that came."""
        self.got: set[int] = set()

    def take(self) -> None:
        """Look at what came."""
        for packet in self.peer.take():
            match packet:
                case packets.Synced():
                    for entry in packet.conversations:
                        if entry.conversation == GROUP:
                            self._begin(entry.cursor)
                case packets.ConversationChanged(conversation=name, role=None) if name == GROUP:
                    self._end(packet.last_seq)
                case packets.ConversationChanged(conversation=name) if name == GROUP and not self.is_inside:
                    self._begin(packet.cursor)
                case packets.Ack():
                    self.own.add(packet.seq)
                case packets.Skip(conversation=name) if name == GROUP:
                    self._pass(packet.from_, packet.to)
                case packets.Backlog(conversation=name) if name == GROUP:
                    for event in packet.events:
                        self._pass(event.seq, event.seq)
                case packets.Event(conversation=name) if name == GROUP:
                    self._pass(packet.seq, packet.seq)
                case _:
                    pass

    def _begin(self, cursor: int) -> None:
        self.is_inside, self.start, self.last = True, cursor, cursor

    def _pass(self, first: int, last: int) -> None:
        assert self.is_inside, f"{self.name} is told of {first}, and is not in the group"
        assert first > self.last, f"{self.name} gets {first} after {self.last}"
        self.got.update(range(first, last + 1))
        self.last = last

    def _end(self, last: int) -> None:
        self.check(last)
        self.is_inside = False

    def check(self, head: int) -> None:
        """Everything up to ``head`` has come."""
        missing = set(range(self.start + 1, head + 1)) - self.got - self.own
        assert not missing, f"{self.name} was never told of {sorted(missing)} of {head}"

    @property
    def cursor(self) -> int:
        """Up to where everything has come."""
        cursor = self.start
        while cursor + 1 in self.got | self.own:
            cursor += 1
        return cursor


class Delivering(RuleBasedStateMachine):
    """Messages are sent and stored, connections come, go, take nothing and catch up; nobody joins or leaves."""

    def __init__(self) -> None:
        super().__init__()
        world = World(NAMES)
        group = world.group("crew", {"olga": "owner", "mia": "member", "karl": "member"})
        for _ in range(3):
            world.said(group, "olga")
        self.desk = Desk(world, ring_bytes=700)
        self.readers: list[Reader] = []
        self.cursors = dict.fromkeys(NAMES, 0)

    def pick(self, number: int) -> Reader:
        """One of the connections."""
        return self.readers[number % len(self.readers)]

    @rule(name=st.sampled_from(NAMES))
    def connect(self, name: str) -> None:
        """A device connects, and names its cursor."""
        if len(self.readers) < 5:
            self.readers.append(Reader(name, self.desk.connect(name, cursors={GROUP: self.cursors[name]})))

    @precondition(lambda self: self.readers)
    @rule(number=PICK)
    def disconnect(self, number: int) -> None:
        """A connection breaks; the device knows how far it came."""
        reader = self.pick(number)
        reader.take()
        if reader.is_inside:
            self.cursors[reader.name] = reader.cursor
        self.desk.disconnect(reader.peer)
        self.readers.remove(reader)

    @precondition(lambda self: self.readers)
    @rule(number=PICK, times=st.integers(1, 4))
    def say(self, number: int, times: int) -> None:
        """A connection sends something."""
        for _ in range(times):
            self.desk.say(self.pick(number).peer)

    @precondition(lambda self: self.desk.jobs)
    @rule(times=st.integers(1, 5))
    def commit(self, times: int) -> None:
        """Commits are done."""
        for _ in range(min(times, len(self.desk.jobs))):
            self.desk.commit()

    @rule()
    def flush(self) -> None:
        """A turn of the router ends."""
        self.desk.flush()
        self.look()

    @precondition(lambda self: self.desk.reads)
    @rule()
    def read(self) -> None:
        """A page is read."""
        self.desk.read()

    @precondition(lambda self: self.desk.outlet.news)
    @rule()
    def hear(self) -> None:
        """The I/O thread is heard."""
        self.desk.hear()

    @precondition(lambda self: self.readers)
    @rule(number=PICK)
    def block(self, number: int) -> None:
        """A connection takes nothing any more."""
        self.pick(number).peer.is_blocked = True

    @precondition(lambda self: self.readers)
    @rule(number=PICK)
    def drain(self, number: int) -> None:
        """A connection takes everything again."""
        self.desk.drain(self.pick(number).peer)
        self.look()

    def look(self) -> None:
        """Nothing came twice or out of order so far."""
        for reader in self.readers:
            reader.take()

    def teardown(self) -> None:
        """In the end everything has come to everybody, and everybody is live."""
        self.desk.settle()
        self.look()
        group = self.desk.world.where("crew")
        for reader in self.readers:
            if reader.is_inside:
                reader.check(group.head)
            stays = self.desk.world.who(reader.name).id in group.members
            assert reader.is_inside is stays
            log = self.desk.world.who(reader.name).notifications  # of being kicked
            logs = {self.desk.world.directory.announcements.id} | ({log.id} if log else set())
            assert reader.peer.live == ({group.id} if stays else set()) | logs
            assert not reader.peer.lagging


class Moving(Delivering):
    """The same while members leave, are kicked, and come back."""

    def members(self) -> list[str]:
        """Who is in the group but its owner."""
        world = self.desk.world
        return [name for name in NAMES[1:] if world.who(name).id in world.where("crew").members]

    def ask(self, name: str, packet: Any) -> None:
        """A request of a connection that is there for this only."""
        peer = self.desk.log_in(name)
        self.desk.ask(peer, packet)
        peer.is_gone = True
        self.desk.connections.all.discard(peer)
        self.desk.connections.online[peer.session.user].remove(peer)

    @precondition(lambda self: self.members())
    @rule(number=PICK, kicked=st.booleans())
    def leave(self, number: int, kicked: bool) -> None:
        """A member leaves or is kicked."""
        name = self.members()[number % len(self.members())]
        if kicked:
            self.ask("olga", packets.Kick(1, "crew", name))
        else:
            self.ask(name, packets.Leave(1, "crew"))

    @precondition(lambda self: len(self.members()) < len(NAMES) - 1)
    @rule()
    def join(self) -> None:
        """Somebody who is out comes back."""
        name = next(name for name in NAMES[1:] if name not in self.members())
        self.ask(name, packets.Join(1, "crew"))

    @rule(number=PICK, times=st.integers(1, 4))
    def say(self, number: int, times: int) -> None:
        """Somebody who is in the group sends something."""
        inside = [each for each in self.readers if each.name == "olga" or each.name in self.members()]
        for _ in range(times if inside else 0):
            self.desk.say(inside[number % len(inside)].peer)


STEPS = settings(max_examples=40, stateful_step_count=30, deadline=None, derandomize=True, database=None)
TestDelivering = Delivering.TestCase
TestDelivering.settings = STEPS
TestMoving = Moving.TestCase
TestMoving.settings = STEPS
