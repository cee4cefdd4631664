"""What connections asked for and the router has not taken up yet: fair among connections, and among users.

Connections take turns, and a user has so many commits under way at most. What waits here is not accepted yet; the I/O
thread stops reading a connection of which much waits, so that in the end the sender waits. The router thread alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_protocol.packets import ClientPacket, Error
from chat_server.dispatch.peer import Peer
from chat_server.routing.turns import Turns

_MOST: Final = 4_096
"""Requests taken up in one turn of the router, about: what they cause is handed on at the turn's end."""


class Intake:
    """The waiting requests of all connections. ``route`` takes one up."""

    def __init__(self, route: Callable[[Peer, ClientPacket | Error], None], share: int) -> None:
        self._route = route
        self._share = share
        self._turns: Turns[Peer] = Turns()
        self._under_way: dict[int, int] = {}
        self._over_share: dict[int, set[Peer]] = {}

    @property
    def has_more(self) -> bool:
        """Whether :meth:`serve` has something to do."""
        return bool(self._turns)

    def receive(self, peer: Peer, received: list[ClientPacket | Error]) -> None:
        """``peer`` asks for these; the list is the intake's from now on."""
        if peer.is_gone:
            return
        if peer.waiting:
            peer.waiting += received
        else:
            peer.waiting = received
        self._turns.add(peer)

    def resume(self, peer: Peer) -> None:
        """What ``peer`` was waiting for is there."""
        if peer.waiting:
            self._turns.add(peer)

    def finish(self, peer: Peer) -> None:
        """No more comes from ``peer``: take up what it asked for before, as far as nothing holds that up."""
        if peer.waiting:
            self._take_up(peer, len(peer.waiting))

    def serve(self) -> None:
        """Have taken up what can be, for one turn of the router."""
        if self._turns:
            self._turns.serve(self._take_up, _MOST)

    def _take_up(self, peer: Peer, most: int) -> int:
        waiting, under_way, share = peer.waiting, self._under_way, self._share
        taken = 0
        while taken < len(waiting) and taken < most and peer.held is None and not peer.is_gone:
            user = peer.session.user
            if user and under_way.get(user, 0) >= share:
                self._over_share.setdefault(user, set()).add(peer)
                break
            packet = waiting[taken]
            taken += 1
            self._route(peer, packet)
        del waiting[:taken]
        return taken

    def begin(self, user: int) -> None:
        """A commit for ``user`` is under way."""
        self._under_way[user] = self._under_way.get(user, 0) + 1

    def end(self, user: int) -> None:
        """It is done. Whoever was over the share goes on when half of it is free."""
        left = self._under_way[user] - 1
        if left:
            self._under_way[user] = left
        else:
            del self._under_way[user]
        if self._over_share and left <= self._share // 2:
            for peer in self._over_share.pop(user, ()):
                self._turns.add(peer)
