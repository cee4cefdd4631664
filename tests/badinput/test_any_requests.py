"""Any requests in any order, put to the router thread with the store in memory: each is answered once, none is a fault.

The requests are valid packets of every kind, made from the structs of the protocol, so a new one is tried by itself.
What is no valid packet is the codec's (tests/protocol) and the real server's (test_real_server.py).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, get_args

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chat_protocol import codec, packets
from chat_protocol.errors import ErrorCode
from chat_server.dispatch.bounds import Bounds
from chat_server.dispatch.dispatcher import Dispatcher
from chat_server.dispatch.peer import News
from chat_server.routing.session import Session
from tests.protocol.strategies import packets_of
from tests.server.dispatch.desk import FakeOutlet, FakePeer
from tests.server.routing.builders import World

PEOPLE: Final = ("root", "alice", "bob", "")
"""An admin, two members, and a connection that is not logged in."""
USERS: Final = st.sampled_from(["root", "alice", "bob", "carol", "nobody", "ALICE", "@bob", "server"])
GROUPS: Final = st.sampled_from(["ops", "secret", "new", "nowhere", "#ops"])
LOGS: Final = st.sampled_from(
    ["#ops", "#secret", "#nowhere", "@bob", "@root", "!announcements", "!notifications", "ops"]
)
IDS: Final = st.sampled_from(["said-1", "said-2", "said-3", "m1", "m2", "m3", "m4"])
LIKELY: Final[dict[str, st.SearchStrategy[Any]]] = {
    "user": USERS,
    "to": USERS,
    "sender": USERS,
    "group": GROUPS,
    "conversation": LOGS,
    "message_id": IDS,
    "target": IDS,
    "reply_to": IDS,
    "seq": st.integers(0, 5),
    "before": st.integers(0, 5),
    "device_id": st.sampled_from(["device-of-alice", "device-of-bob"]),
    "token": st.sampled_from(["token of alice", "token of carol"]),
    "query": st.sampled_from(["said", 'said OR "by', "in:#ops x", "*", "NEAR(", "said by alice -bob"])
    | st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12),
}
"""What a member of this name may be, so that most requests are about something that is there."""
ENDS: Final = (packets.Backlog, packets.ConversationChanged)
"""Frames with no ``re``, or that do not end a request."""


@st.composite
def requests(draw: st.DrawFn) -> packets.ClientPacket:
    """A valid request of any kind."""
    kind = draw(st.sampled_from(get_args(packets.ClientPacket)))
    packet = draw(packets_of(kind))
    for name in set(LIKELY) & set(kind.__struct_fields__):
        held = getattr(packet, name)
        likely = draw(LIKELY[name])
        if held is not msgspec.UNSET and isinstance(held, type(likely)) and draw(st.integers(0, 9)):
            packet = msgspec.structs.replace(packet, **{name: likely})
    return packet  # type: ignore[return-value]


def furnished() -> World:
    """Three people with two groups and something said."""
    world = World(["alice", "bob", "carol"], admins=["root"])
    ops = world.group("ops", {"alice": "owner", "bob": "member", "root": "moderator"})
    world.group("secret", {"alice": "owner"}, visibility="private", history="since_join", invited=["bob"])
    for sender in ("alice", "bob", "alice"):
        world.said(ops, sender)
    return world


def answered(seen: list[packets.ServerPacket]) -> Counter[int]:
    """How many last answers each request got."""
    found: Counter[int] = Counter()
    for one in seen:
        number = getattr(one, "re", None)
        if isinstance(number, int) and not isinstance(one, ENDS):
            found[number] += 1
    return found


@given(st.lists(st.tuples(st.integers(0, len(PEOPLE) - 1), requests()), max_size=20))
def test_each_is_answered_once(asked: list[tuple[int, packets.ClientPacket]]) -> None:
    """By an answer or by an error, up to where the connection ends; never as ``internal``, and nothing in the log."""
    world = furnished()
    outlet = FakeOutlet()
    peers = [FakePeer(outlet, world.session(name) if name else Session()) for name in PEOPLE]
    for peer in peers:
        peer.session.is_synced = peer.session.user is not None
    dispatcher = Dispatcher(world.context, world.store, Bounds(messages_per_s=0), 1, 1, lambda: None)
    sent: list[list[int]] = [[] for _ in PEOPLE]
    items: list[Any] = [(News.CONNECTED, peer, None) for peer in peers]
    for number, (who, drawn) in enumerate(asked, start=1):
        packet = drawn
        if isinstance(drawn, packets.Request | packets.Ping):
            packet = msgspec.structs.replace(drawn, id=number)
            sent[who].append(number)
        items.append((News.PACKETS, peers[who], [codec.decode_client(codec.encode(packet))]))

    with capture_logs() as log:
        dispatcher.inbox.put(items)
        dispatcher.inbox.put([(News.SHUTDOWN, None, None)])
        for thread in (dispatcher.writer, dispatcher.readers, dispatcher.hashers, dispatcher):
            thread.start()
        dispatcher.join(20)

    assert not dispatcher.is_alive()
    assert [line for line in log if line["log_level"] in ("error", "critical")] == []
    for peer, ids in zip(peers, sent, strict=True):
        answers = answered(peer.seen)
        codes = [one.code for one in peer.seen if isinstance(one, packets.Error)]
        event(f"answers {len(answers)}")
        assert ErrorCode.INTERNAL not in codes
        assert set(answers) <= set(ids)
        assert all(times == 1 for times in answers.values())
        assert peer.is_closed or set(answers) == set(ids), (ids, answers, peer.seen)
