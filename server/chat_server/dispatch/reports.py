"""What the server tells admins about itself. The router thread alone."""

from __future__ import annotations

from typing import Any

from chat_protocol import packets
from chat_server.dispatch.connections import Connections
from chat_server.dispatch.ring import Ring
from chat_server.dispatch.statistics import Statistics
from chat_server.routing.directory import Directory


def route_statistics(
    statistics: Statistics,
    directory: Directory,
    connections: Connections,
    ring: Ring,
    queues: dict[str, int],
    in_commit: int,
) -> dict[str, Any]:
    """The answer to ``stats``; ``queues`` is the depth of each lane, ``in_commit`` how many commits are under way."""
    users = directory.users
    talkers = [
        {"user": users[user].name if user in users else "server", "messages": count}
        for user, count in statistics.talkers.most_common(10)
    ]
    return statistics.report() | {
        "connections": len(connections.all),
        "users_online": len(connections.online),
        "lagging": sum(1 for peer in connections.all if peer.lagging),
        "queues": queues,
        "in_commit": in_commit,
        "cache": {"bytes": ring.size_bytes, "hits": ring.hits, "misses": ring.misses},
        "top_talkers": talkers,
    }


def sessions(directory: Directory, connections: Connections) -> list[packets.SessionInfo]:
    """The answer to ``admin_sessions``."""
    return [
        packets.SessionInfo(
            user=directory.users[peer.session.user].name,
            device=peer.session.device,
            address=peer.session.address,
            since=peer.session.since_ms,
            client=peer.session.client,
        )
        for peers in connections.online.values()
        for peer in peers
    ]
