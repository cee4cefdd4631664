"""Who is live in a conversation. The router thread alone."""

from __future__ import annotations

from chat_server.dispatch.peer import Outlet, Peer
from chat_server.routing.directory import Conversation


class Audience:
    """The live connections of one conversation, by user and, for fan-out, by I/O thread."""

    __slots__ = ("_groups", "by_user", "conversation")

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.by_user: dict[int, list[Peer]] = {}
        self._groups: dict[Outlet, tuple[Peer, ...]] | None = None

    def add(self, peer: Peer) -> None:
        """``peer`` is live from now on."""
        self.by_user.setdefault(peer.session.user, []).append(peer)
        self._groups = None

    def remove(self, peer: Peer) -> None:
        """``peer`` is not live any more; nothing if it was not."""
        peers = self.by_user.get(peer.session.user)
        if peers is None or peer not in peers:
            return
        peers.remove(peer)
        if not peers:
            del self.by_user[peer.session.user]
        self._groups = None

    def groups(self) -> dict[Outlet, tuple[Peer, ...]]:
        """All live peers, by I/O thread: made once and shared until somebody comes or goes."""
        if self._groups is None:
            groups: dict[Outlet, list[Peer]] = {}
            for peers in self.by_user.values():
                for peer in peers:
                    groups.setdefault(peer.outlet, []).append(peer)
            self._groups = {outlet: tuple(peers) for outlet, peers in groups.items()}
        return self._groups

    def live_others(self, sender: int) -> int:
        """How many users other than ``sender`` are live."""
        return len(self.by_user) - (sender in self.by_user)
