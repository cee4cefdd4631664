"""docs/protocol.md tells every member of the route statistics."""

from __future__ import annotations

from tests.docs import spec
from tests.support.wire import Client


def test_statistics_are_described(admin: Client) -> None:
    """What ``stats`` answers is what the table lists (protocol.md 6)."""
    listed = [name for row in spec.table(spec.PROTOCOL, "statistic") for name in row[0].replace("`", "").split(", ")]

    assert sorted(admin.request("stats")["stats"]) == sorted(listed)
