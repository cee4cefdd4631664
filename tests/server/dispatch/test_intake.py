"""What waits before it is taken up: order, turns, look-ups and the share of a user."""

from __future__ import annotations

import pytest

from chat_protocol.packets import ClientPacket, Error, Ping
from chat_server.dispatch.intake import Intake
from chat_server.dispatch.peer import Order, Peer
from chat_server.routing.effects import Ask
from chat_server.routing.session import Session

SHARE = 4


class Nowhere:
    """An I/O thread that is given nothing."""

    def post(self, orders: list[Order]) -> None:
        """Not called."""


class Desk:
    """Takes requests up; each begins a commit for its user."""

    def __init__(self) -> None:
        self.intake = Intake(self.route, SHARE)
        self.taken: list[tuple[Peer, int]] = []

    def peer(self, user: int) -> Peer:
        """A connection of a user; 0: not logged in."""
        return Peer(Nowhere(), Session(user=user))

    def route(self, peer: Peer, packet: ClientPacket | Error) -> None:
        """Take one up."""
        assert isinstance(packet, Ping)
        assert isinstance(packet.id, int)
        self.taken.append((peer, packet.id))
        self.intake.begin(peer.session.user)

    def ask(self, peer: Peer, *numbers: int) -> None:
        """Requests with these ids."""
        self.intake.receive(peer, [Ping(number) for number in numbers])

    def numbers(self, peer: Peer) -> list[int]:
        """What was taken up of a connection."""
        return [number for each, number in self.taken if each is peer]


@pytest.fixture
def desk() -> Desk:
    """A desk without connections."""
    return Desk()


def test_a_user_over_the_share_waits_and_goes_on(desk: Desk) -> None:
    """On all connections, in order, when half of the share is free; others are not held up."""
    one, two, other = desk.peer(1), desk.peer(1), desk.peer(2)
    desk.ask(one, 1, 2, 3)
    desk.ask(two, 11, 12, 13)
    desk.ask(other, 21)
    desk.intake.serve()
    assert (desk.numbers(one), desk.numbers(two), desk.numbers(other)) == ([1, 2, 3], [11], [21])
    assert not desk.intake.has_more
    desk.intake.end(1)
    desk.intake.serve()
    assert desk.numbers(two) == [11]
    desk.intake.end(1)
    desk.intake.serve()
    assert desk.numbers(two) == [11, 12, 13]


def test_what_comes_while_over_the_share_stays_in_order(desk: Desk) -> None:
    """It waits behind what waits already."""
    peer = desk.peer(1)
    desk.ask(peer, 1, 2, 3, 4, 5)
    desk.intake.serve()
    desk.ask(peer, 6)
    desk.intake.serve()
    assert desk.numbers(peer) == [1, 2, 3, 4]
    for _ in range(SHARE):
        desk.intake.end(1)
    desk.intake.serve()
    assert desk.numbers(peer) == [1, 2, 3, 4, 5, 6]


def test_strangers_have_no_share(desk: Desk) -> None:
    """Before login everybody is user 0: they do not wait for each other."""
    peers = [desk.peer(0) for _ in range(3 * SHARE)]
    for peer in peers:
        desk.ask(peer, 1)
    desk.intake.serve()
    assert len(desk.taken) == len(peers)


def test_a_look_up_holds_what_follows(desk: Desk) -> None:
    """Until it is resumed."""
    peer = desk.peer(1)
    peer.held = Ask(1, lambda reader: None, lambda found: [])
    desk.ask(peer, 1, 2)
    desk.intake.serve()
    assert desk.taken == []
    peer.held = None
    desk.intake.resume(peer)
    desk.intake.serve()
    assert desk.numbers(peer) == [1, 2]


def test_whoever_is_gone_asks_nothing(desk: Desk) -> None:
    """Neither what waited nor what comes is taken up."""
    peer = desk.peer(1)
    desk.ask(peer, 1)
    peer.is_gone = True
    desk.ask(peer, 2)
    desk.intake.serve()
    assert desk.taken == []
