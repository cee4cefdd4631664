"""Sending and receiving over connections that break at any moment, against a model of a server."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.core.events import Acked, Arrived, Event, MessageWaits, Skipped, Synced
from chat_client.core.sending import Outgoing, SendQueue, backoff_ms
from chat_client.core.session import Session, Step
from chat_protocol import packets


class Model:
    """One log of one group, and what a server answers; it may refuse for now, as protocol.md 1 tells."""

    def __init__(self, rng: random.Random, refusing: float) -> None:
        self.rng = rng
        self.refusing = refusing
        self.log: list[packets.GroupMessage] = []
        self.refused: str = ""

    def post(self, sender: str, message_id: str, content: str) -> packets.GroupMessage:
        event = packets.GroupMessage(
            "#ops", len(self.log) + 1, message_id, sender, sender, len(self.log), content=content
        )
        self.log.append(event)
        return event

    def answer(self, packet: packets.Packet) -> list[packets.ServerPacket]:
        match packet:
            case packets.PostGroup():
                return [self._post(packet)]
            case packets.History(after=int(after)):
                page = self.log[after : after + packet.limit]
                return [packets.Ok(packet.id, events=list(page), more=after + packet.limit < len(self.log))]
            case packets.Sync():
                return self._sync(packet)
            case _:
                return []

    def _post(self, packet: packets.PostGroup) -> packets.ServerPacket:
        if self.refused and self.refused != packet.message_id:
            return packets.Error("retry_order", "first the other", packet.id)
        known = next((event for event in self.log if event.message_id == packet.message_id), None)
        if known is None and self.rng.random() < self.refusing:
            self.refused = packet.message_id
            return packets.Error("overloaded", "later", packet.id, retry_after_ms=1)
        self.refused = ""
        event = known or self.post("me", packet.message_id, packet.content)
        return packets.Ack(
            packet.id, event.message_id, "#ops", event.seq, event.timestamp, "success", 0, 0, known is not None
        )

    def _sync(self, packet: packets.Sync) -> list[packets.ServerPacket]:
        self.refused = ""
        cursor = packet.cursors.get("#ops", 0)
        entry = packets.ConversationEntry("#ops", "", len(self.log), cursor, 0, 0, 0, "member", False)
        out: list[packets.ServerPacket] = [packets.Synced(packet.id, "e", [entry])]
        starts = range(cursor, len(self.log), 3)
        out.extend(packets.Backlog("#ops", [*self.log[at : at + 3]], at + 3 < len(self.log)) for at in starts)
        return out


class Rig:
    """A client's session and the model, with both directions of the wire as lists that may be lost."""

    def __init__(self, rng: random.Random, refusing: float) -> None:
        self.rng = rng
        self.model = Model(rng, refusing)
        self.queue = SendQueue()
        self.shown: list[packets.LogEvent] = []
        self.events: list[Event] = []
        self.now_ms = 0
        self.connect()

    def connect(self) -> None:
        self.queue.reset()
        cursor = self.shown[-1].seq if self.shown else 0
        self.session = Session("me", "Me", "e", {"#ops": cursor}, self.queue)
        self.up: list[packets.Packet] = [self.session.sync(None)]
        self.down: list[packets.ServerPacket] = []

    def note(self, step: Step) -> None:
        self.events += step.events
        for event in step.events:
            assert not isinstance(event, Skipped)
            if isinstance(event, Arrived):
                self.shown += event.events
        self.up += step.sends
        assert not step.failed

    def pump(self) -> None:
        self.now_ms += 1_000
        self.up += self.session.pump(self.now_ms)

    def serve(self, count: int = 1) -> None:
        """The server takes requests; acks and pushes of others may overtake each other."""
        taken, self.up = self.up[:count], self.up[count:]
        for packet in taken:
            self.down += self.model.answer(packet)

    def deliver(self, count: int = 1) -> None:
        taken, self.down = self.down[:count], self.down[count:]
        self.note(self.session.receive(taken, self.now_ms))

    def settle(self) -> None:
        """Let everything arrive; from now on the server refuses nothing."""
        self.model.refusing = 0.0
        for _ in range(400):
            self.pump()
            if not (self.up or self.down or len(self.queue)):
                return
            self.serve(100)
            self.deliver(100)
        raise AssertionError("it does not come to rest")


ACTIONS = st.lists(
    st.sampled_from(["say", "say", "other", "other", "serve", "serve", "deliver", "deliver", "pump", "cut", "swap"]),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(ACTIONS, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3]))
def test_each_message_once_and_in_order(actions: list[str], rng: random.Random, refusing: float) -> None:
    """Whatever is lost, reordered or repeated over reconnects: the log is shown once, in order; own order is kept."""
    rig = Rig(rng, refusing)
    said = 0
    for action in actions:
        match action:
            case "say":
                rig.queue.add(Outgoing(f"mine-{said}", "#ops", "message", 0, f"mine {said}"))
                said += 1
                rig.pump()
            case "other":
                event = rig.model.post("bob", f"bob-{len(rig.model.log)}", "x")
                if rig.session.is_synced:
                    rig.down.append(event)
            case "serve":
                rig.serve(rng.randint(1, 3))
            case "deliver":
                rig.deliver(rng.randint(1, 3))
            case "pump":
                rig.pump()
            case "swap" if len(rig.down) > 1 and rig.session.is_synced:
                # An ack and a push of the same conversation may come in either order (protocol.md 4).
                place = rng.randrange(len(rig.down) - 1)
                pair = rig.down[place : place + 2]
                if sum(isinstance(packet, packets.Ack) for packet in pair) == 1:
                    rig.down[place : place + 2] = pair[::-1]
            case "cut":
                rig.connect()
            case _:
                pass
    rig.settle()
    rig.connect()  # what was not told as received comes again; nothing may be shown twice
    rig.settle()

    assert [event.message_id for event in rig.shown] == [event.message_id for event in rig.model.log]
    own = [event.message_id for event in rig.model.log if event.sender == "me"]
    assert own == [f"mine-{number}" for number in range(said)]


def synced(session: Session, *, last_seq: int = 0) -> None:
    """Let the session be up to date."""
    request = session.sync(None)
    entry = packets.ConversationEntry("#ops", "", last_seq, 0, 0, 0, 0, "member", False)
    session.receive([packets.Synced(request.id, "e", [entry])], 0)


def test_ack_before_the_push_that_stands_before_it() -> None:
    """An own event waits for an earlier one of somebody else, and tells how far it got when it is shown."""
    queue = SendQueue([Outgoing("a", "#ops", "message", 0, "hi")])
    session = Session("me", "Me", "e", {}, queue)
    synced(session)
    [post] = session.pump(0)
    assert isinstance(post, packets.PostGroup)
    ack = packets.Ack(post.id, "a", "#ops", 2, 5, "partial", 1, 2, False)
    step = session.receive([ack], 0)
    assert step.events == []
    assert isinstance(step.sends[0], packets.History)

    other = packets.GroupMessage("#ops", 1, "b", "bob", "Bob", 4, content="first")
    step = session.receive([other], 0)
    assert [type(event) for event in step.events] == [Arrived, Acked]
    assert [entry.seq for event in step.events if isinstance(event, Arrived) for entry in event.events] == [1, 2]


def test_a_hole_waits_for_acks_on_their_way() -> None:
    """While an own message is unanswered it may be what is missing: no history is asked for."""
    queue = SendQueue([Outgoing("a", "#ops", "message", 0, "hi")])
    session = Session("me", "Me", "e", {}, queue)
    synced(session)
    [post] = session.pump(0)
    later = packets.GroupMessage("#ops", 2, "b", "bob", "Bob", 4, content="second")
    step = session.receive([later], 0)
    assert (step.events, step.sends) == ([], [])
    assert isinstance(post, packets.PostGroup)
    step = session.receive([packets.Ack(post.id, "a", "#ops", 1, 3, "success", 1, 0, False)], 0)
    assert [entry.seq for event in step.events if isinstance(event, Arrived) for entry in event.events] == [1, 2]
    assert step.confirmed == ["a"]


def test_refusal_pauses_the_lane_for_what_the_server_asked() -> None:
    """``retry_after_ms`` is waited at least, and nothing overtakes (protocol.md 1)."""
    queue = SendQueue([Outgoing(name, "#ops", "message", 0, name) for name in "abc"])
    session = Session("me", "Me", "e", {}, queue)
    synced(session)
    posts = session.pump(0)
    ids = [packet.id for packet in posts if isinstance(packet, packets.PostGroup)]
    step = session.receive([packets.Error("rate_limited", "slow", ids[0], retry_after_ms=4_000)], 100)
    assert isinstance(step.events[0], MessageWaits)
    assert session.pump(5_000) == []  # two answers are still on their way
    session.receive([packets.Error("retry_order", "first a", number) for number in ids[1:]], 100)
    assert session.pump(4_000) == []
    assert session.next_due_ms(4_000) == 4_100
    again = session.pump(4_100)
    assert [packet.message_id for packet in again if isinstance(packet, packets.PostGroup)] == ["a", "b", "c"]


def test_notification_for_somebody_else_is_not_mine() -> None:
    """The ack of a notification to bob stands in bob's log and moves nothing here."""
    session = Session("me", "Me", "e", {}, SendQueue())
    synced(session)
    ask = session.request(packets.PostNotification, to="bob", message_id="n", kind="note", content="hi")
    step = session.receive([packets.Ack(ask.id, "n", "!notifications", 7, 1, "stored", 0, 1, False)], 0)

    assert step.events == []
    assert len(step.answers) == 1


def test_backoff_doubles_to_a_bound() -> None:
    """0.5 s doubling to 30 s, at least what the server asks for (reliability 2)."""
    assert [backoff_ms(attempts) for attempts in (1, 2, 3, 7, 50)] == [500, 1_000, 2_000, 30_000, 30_000]
    assert backoff_ms(1, 45_000) == 45_000


def test_names_that_cannot_be_are_left_out() -> None:
    """A conversation whose name breaks the rules never reaches the state (protocol.md 2)."""
    session = Session("me", "Me", "e", {}, SendQueue())
    request = session.sync(None)
    bad = ["#\x1b[2J", "nonsense", "#", "@UPPER", "!other"]
    entries = [packets.ConversationEntry(name, "", 0, 0, 0, 0, 0, "member", False) for name in [*bad, "#ops"]]
    step = session.receive([packets.Synced(request.id, "e", entries)], 0)
    assert [entry.conversation for event in step.events if isinstance(event, Synced) for entry in event.entries] == [
        "#ops"
    ]
    event = packets.GroupMessage("#\x1b[2J", 1, "b", "bob", "Bob", 4, content="x")
    assert session.receive([event, packets.TypingNow("nonsense", "bob")], 0).events == []


def test_an_empty_page_tells_nothing() -> None:
    """A page of the backlog without events moves no position and is no fault."""
    session = Session("me", "Me", "e", {}, SendQueue())
    synced(session)

    assert session.receive([packets.Backlog("#ops", [], False)], 0).events == []
