"""The router thread as a whole, given what an I/O thread would give it."""

from __future__ import annotations

from chat_protocol.packets import Ping, PostGroup
from chat_server.dispatch.bounds import Bounds
from chat_server.dispatch.dispatcher import Dispatcher
from chat_server.dispatch.peer import News, Order, Peer
from chat_server.routing.session import Session
from tests.server.routing.builders import World


class Nowhere:
    """An I/O thread that sends nothing."""

    def post(self, orders: list[Order]) -> None:
        """Drop them."""


def test_what_was_asked_before_the_end_of_a_connection_is_done() -> None:
    """Also where the router hears of both in one turn; more than one turn of a sender holds."""
    world = World(["alice"])
    group = world.group("ops", {"alice": "owner"})
    dispatcher = Dispatcher(world.context, world.store, Bounds(), 1, 1, lambda: None)
    peer = Peer(Nowhere(), Session(user=world.user_ids["alice"], device="device-of-alice", is_synced=True))
    posts = [PostGroup(number, "ops", f"0197aaaa-bbbb-7ccc-8ddd-{number:012x}", f"{number}") for number in range(100)]
    dispatcher.inbox.put(
        [
            (News.CONNECTED, peer, None),
            (News.PACKETS, peer, [*posts, Ping()]),
            (News.GONE, peer, "closed by the client"),
            (News.SHUTDOWN, None, None),
        ]
    )
    for thread in (dispatcher.writer, dispatcher.readers, dispatcher.hashers, dispatcher):
        thread.start()
    dispatcher.join(10)
    assert not dispatcher.is_alive()
    stored = world.store.reader().events(group, 0, 1_000, 1_000)
    assert [event.seq for event in stored] == list(range(1, 101))
