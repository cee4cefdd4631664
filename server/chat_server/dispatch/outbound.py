"""What one turn of the router sends: gathered per connection and I/O thread, handed over in one put each."""

from __future__ import annotations

from chat_protocol.codec import encode
from chat_protocol.frames import encode_frame
from chat_protocol.packets import Packet
from chat_server.dispatch.peer import Close, Deliver, Order, Outlet, Peer, Resume, Send, Widen


class Outbound:
    """Orders for the I/O threads. The router thread alone.

    Small answers to one peer are joined. What is ordered for one peer is carried out in the order in which it was
    called.
    """

    def __init__(self) -> None:
        self._orders: dict[Outlet, list[Order]] = {}
        self._answers: dict[Peer, list[bytes]] = {}

    def packet(self, peer: Peer, packet: Packet) -> None:
        """Send a packet."""
        self.frame(peer, encode_frame(encode(packet)))

    def frame(self, peer: Peer, frame: bytes) -> None:
        """Send a whole frame."""
        frames = self._answers.get(peer)
        if frames is None:
            self._answers[peer] = [frame]
        else:
            frames.append(frame)

    def deliver(self, outlet: Outlet, order: Deliver) -> None:
        """Push to many. Answers gathered so far may come after it: acks and pushes have no order among each other."""
        self._list(outlet).append(order)

    def page(self, peer: Peer, blob: bytes, *, tell: bool) -> None:
        """Send a page of backlog."""
        self._settle(peer)
        self._list(peer.outlet).append(Send(peer, blob, tell))

    def resume(self, peer: Peer, conversation: int) -> None:
        """Let pushes of ``conversation`` through to ``peer`` again."""
        self._settle(peer)
        self._list(peer.outlet).append(Resume(peer, conversation))

    def widen(self, peer: Peer, max_frame: int) -> None:
        """Let ``peer`` send longer frames."""
        self._list(peer.outlet).append(Widen(peer, max_frame))

    def close(self, peer: Peer, packet: Packet | None) -> None:
        """Send ``packet``, if any, and close."""
        self._settle(peer)
        blob = b"" if packet is None else encode_frame(encode(packet))
        self._list(peer.outlet).append(Close(peer, blob))

    def settle(self, peer: Peer) -> None:
        """What was said to ``peer`` so far comes before whatever follows."""
        self._settle(peer)

    def flush(self) -> None:
        """Hand everything over."""
        for peer, frames in self._answers.items():
            self._list(peer.outlet).append(Send(peer, frames[0] if len(frames) == 1 else b"".join(frames)))
        self._answers.clear()
        if self._orders:
            for outlet, orders in self._orders.items():
                outlet.post(orders)
            self._orders = {}

    def _settle(self, peer: Peer) -> None:
        frames = self._answers.pop(peer, None)
        if frames is not None:
            self._list(peer.outlet).append(Send(peer, b"".join(frames)))

    def _list(self, outlet: Outlet) -> list[Order]:
        orders = self._orders.get(outlet)
        if orders is None:
            orders = self._orders[outlet] = []
        return orders
