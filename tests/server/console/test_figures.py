"""Statistics and traces as text."""

from __future__ import annotations

from typing import Any

from chat_server.console.figures import stats_lines, top_lines, trace_lines

TIMES = {"count": 4, "mean_ms": 1.5, "p50_ms": 1.0, "p99_ms": 120.4}


def stats(**changed: Any) -> dict[str, Any]:
    """Statistics as a server tells them."""
    return {
        "since": 1_790_000_000_000,
        "total_messages": 12_000,
        "by_type": {"private_message": 2_000, "group_message": 10_000},
        "by_result": {"success": 12_000},
        "errors": {"not_found": 3},
        "deliveries": 50_000,
        "retried": 2,
        "stored_offline": 7,
        "slow_consumers": 1,
        "lagged": 4,
        "jobs_per_commit": 12.5,
        "latency": dict.fromkeys(("queued", "commit", "fan_out", "route"), TIMES),
        "connections": 20,
        "users_online": 15,
        "lagging": 1,
        "queues": {"system": 0, "private": 5, "group": 20, "broadcast": 0},
        "in_commit": 25,
        "retrying": {"pushes": [], "commit": None},
        "disk": {"log_bytes": 3 << 20, "wal_bytes": 1 << 19, "index_bytes": 1 << 20, "free_bytes": 5 << 30},
        "threads": {"io-0": 1.0, "router": 2.0, "store-writer": 3.0},
        "cache": {"bytes": 1 << 20, "hits": 3, "misses": 1},
        "top_talkers": [{"user": "ada", "messages": 100}],
        **changed,
    }


def test_everything_is_told() -> None:
    """Each count has its line, and its unit."""
    text = "\n".join(stats_lines(stats()))
    assert "group message 10,000 · private message 2,000" in text
    assert "1.0 MiB  of recent events; 75 % of what was asked for was there" in text
    assert "system 0 · private 5 · group 20 · broadcast 0" in text
    assert "120 ms" in text
    assert "not found 3" in text
    assert "3.0 MiB  log; 0.5 MiB in its write-ahead log, 1.0 MiB search index, 5.0 GiB free" in text


def test_retries_are_told_with_their_reason() -> None:
    """Who takes nothing, how often it was tried, when it is next."""
    pushes = [{"user": "bob", "attempts": 2, "next_retry_ms": 3_500, "unsent_bytes": 204_800}]
    commit = {"attempts": 1, "next_retry_ms": 2_000, "reason": "database or disk is full"}
    text = "\n".join(stats_lines(stats(retrying={"pushes": pushes, "commit": commit})))
    assert "bob takes nothing: 2 tries, the next in 3.5 s, 200 KiB wait" in text
    assert "the disk does not take a commit (database or disk is full): 1 tries, the next try in 2.0 s" in text


def test_rates_between_two_looks() -> None:
    """Messages, pushes, CPU and talkers of the last two seconds; who was not counted before has no rate."""
    later = stats(
        total_messages=12_200,
        deliveries=51_000,
        threads={"io-0": 1.2, "router": 3.0, "store-writer": 3.0, "new": 9.0},
        top_talkers=[{"user": "ada", "messages": 300}, {"user": "bob", "messages": 500}],
    )
    text = "\n".join(top_lines(later, stats(), 2.0))
    assert "100 messages/s" in text
    assert "500 pushes/s" in text
    assert "router 50 %" in text
    assert "new 0 %" in text
    assert "talking   ada 100/s" in text
    assert "bob" not in text
    assert "group          20 ████████████████████" in text


def test_way_of_a_message() -> None:
    """The parts in order with their times, and what is the matter at each recipient."""
    trace = {
        "message_id": "m1",
        "type": "group_message",
        "conversation": "#ops",
        "seq": 7,
        "sender": "ada",
        "timestamp": 1_790_000_000_123,
        "deleted": True,
        "lane": "group",
        "steps": {"queued": 0.1, "commit_began": 0.25, "commit_ended": 1.5, "handed_on": 1.75},
        "jobs": 3,
        "attempts": 2,
        "duplicate": True,
        "recipients": [
            {"user": "bob", "state": "stored", "attempts": 3, "reason": "takes nothing", "next_retry_ms": 4_000},
            {"user": "cleo", "state": "read", "at": 1},
        ],
    }
    lines = trace_lines(trace)
    assert lines[0].startswith("m1: group message 7 of #ops, from ada, ")
    assert lines[0].endswith(".123")
    assert [line.strip().split("  ")[0] for line in lines if " ms  " in line] == [
        f"{ms} ms" for ms in ("0.000", "0.100", "0.250", "1.500", "1.750")
    ]
    text = "\n".join(lines)
    assert "it was deleted later" in text
    assert "with 2 other jobs" in text
    assert "at try 2" in text
    assert "sent again" in text
    assert "bob: stored, takes nothing, 3 tries, the next in 4.0 s" in text
    assert "cleo: read" in text
