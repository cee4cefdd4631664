"""Route statistics and traces as text. Pure: what the server told goes in, lines come out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

Stats = Mapping[str, Any]

LANES: Final = ("system", "private", "group", "broadcast")
PARTS: Final = (
    ("queued", "in a lane"),
    ("commit", "commit"),
    ("fan_out", "fan-out"),
    ("route", "the whole way"),
)
"""The histograms, in the order in which a message goes through what they measure."""
_BAR: Final = 20
_STEPS: Final = (
    ("queued", "router: decided, put into the lane {lane}"),
    ("commit_began", "store writer: the commit began, with {others} other jobs"),
    ("commit_ended", "store writer: on stable storage"),
    ("handed_on", "router: ack and pushes handed to the I/O threads"),
)


def stats_lines(stats: Stats) -> list[str]:
    """The statistics for a terminal, one subject a line."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stats["since"] / 1000))
    cache = stats["cache"]
    asked = cache["hits"] + cache["misses"]
    hits = f"; {100 * cache['hits'] // asked} % of what was asked for was there" if asked else ""
    lines = [
        f"counting since {since}",
        _line("messages", f"{stats['total_messages']:,}", _counts(stats["by_type"])),
        _line("results", "", _counts(stats["by_result"])),
        _line("pushes", f"{stats['deliveries']:,}", f"{stats['stored_offline']:,} had to wait for their recipient"),
        _line("tried again", f"{stats['retried']:,}", ""),
        *retry_lines(stats),
        _line("lanes", "", " · ".join(f"{lane} {stats['queues'][lane]:,}" for lane in LANES)),
        _line("in commit", f"{stats['in_commit']:,}", f"{stats['jobs_per_commit']} jobs in one commit, on average"),
        f"{'time':<17}{'p50':>12}{'p99':>12}{'mean':>12}",
        *(_time_line(title, stats["latency"][part]) for part, title in PARTS),
        _line("connections", f"{stats['connections']:,}", _connections(stats)),
        _line("cache", f"{cache['bytes'] / 2**20:.1f} MiB", f"of recent events{hits}"),
        _line("disk", _size(stats["disk"]["log_bytes"]), _disk(stats["disk"])),
    ]
    if stats["errors"]:
        lines.append(_line("refused", "", _counts(stats["errors"])))
    if stats["top_talkers"]:
        talkers = ((each["user"], each["messages"]) for each in stats["top_talkers"])
        lines.append(_line("top talkers", "", " · ".join(f"{user} {count:,}" for user, count in talkers)))
    if stats["threads"]:
        lines.append(_line("CPU", "", " · ".join(f"{name} {used:.1f} s" for name, used in stats["threads"].items())))
    return lines


def retry_lines(stats: Stats) -> list[str]:
    """What is tried again at this moment, one line each."""
    lines = [
        f"  {push['user'] or 'somebody not logged in'} takes nothing: {push['attempts']} tries,"
        f" the next in {push['next_retry_ms'] / 1000:.1f} s, {push['unsent_bytes'] / 1024:,.0f} KiB wait"
        for push in stats["retrying"]["pushes"]
    ]
    commit = stats["retrying"]["commit"]
    if commit is not None:
        again = f"the next try in {commit['next_retry_ms'] / 1000:.1f} s"
        lines.append(f"  the disk does not take a commit ({commit['reason']}): {commit['attempts']} tries, {again}")
    return lines


def trace_lines(trace: Mapping[str, Any]) -> list[str]:
    """The way of one message, part by part, and how far it got at each recipient."""
    clock = trace["timestamp"] / 1000
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(clock)) + f".{trace['timestamp'] % 1000:03}"
    kind = trace["type"].replace("_", " ")
    lines = [f"{trace['message_id']}: {kind} {trace['seq']} of {trace['conversation']}, from {trace['sender']}, {at}"]
    if trace["deleted"]:
        lines.append("  it was deleted later")
    if "steps" in trace:
        told = {"lane": trace["lane"], "others": trace["jobs"] - 1}
        lines.append("    0.000 ms  I/O thread: received, decoded, checked")
        lines += [f"{trace['steps'][step]:>9.3f} ms  {text.format_map(told)}" for step, text in _STEPS]
        if trace["attempts"] > 1:
            lines.append(f"  the disk took the commit at try {trace['attempts']}")
        if trace["duplicate"]:
            lines.append("  it was sent again: these are the times of the last time, nothing was stored twice")
    else:
        lines.append("  its times are not remembered any more: only the last few thousand messages' are")
    recipients = trace["recipients"]
    lines.append(f"  {len(recipients)} {'recipient' if len(recipients) == 1 else 'recipients'}")
    lines += [f"    {_recipient(each)}" for each in recipients]
    return lines


def top_lines(stats: Stats, before: Stats, elapsed_s: float) -> list[str]:
    """What happens now: the way of a message from left to right, with the rates between two looks."""

    def rate(name: str) -> str:
        return _rate((stats[name] - before[name]) / elapsed_s)

    commits = stats["latency"]["commit"]["count"] - before["latency"]["commit"]["count"]
    busy = {
        name: 100 * (used - before["threads"].get(name, used)) / elapsed_s for name, used in stats["threads"].items()
    }
    deepest = max(1, *stats["queues"].values())
    lanes = [
        f"{lane:<10}{stats['queues'][lane]:>7,} {'█' * round(_BAR * stats['queues'][lane] / deepest)}" for lane in LANES
    ]
    columns = [
        ("receive", [f"{_busy(busy, 'io-')}", f"{stats['connections']:,} connections"]),
        ("decide", [f"{_busy(busy, 'router')}", f"{rate('total_messages')} messages/s"]),
        ("store", [f"{_busy(busy, 'store-writer')}", f"{_rate(commits / elapsed_s)} commits/s"]),
        ("fan out", [f"{rate('deliveries')} pushes/s", f"{stats['lagging']:,} catching up"]),
    ]
    width = 20
    lines = ["  ──▶  ".join(f"{title:<{width - 7}}" for title, _ in columns)]
    lines += ["".join(f"{rows[row]:<{width}}" for _, rows in columns).rstrip() for row in range(2)]
    lines += ["", "lanes: what waits for the store, most urgent first", *(f"  {lane}".rstrip() for lane in lanes)]
    lines += ["", f"{'time since the last reset':<28}{'p50':>12}{'p99':>12}{'mean':>12}"]
    lines += [_time_line(title, stats["latency"][part], 28) for part, title in PARTS]
    lines += ["", f"tried again {stats['retried']:,}   slow consumers {stats['slow_consumers']:,}"]
    lines += retry_lines(stats)
    shares = [f"{name} {share:.0f} %" for name, share in busy.items()]
    lines += ["", *_wrapped("threads   ", shares)]
    talkers = _talking(stats["top_talkers"], before["top_talkers"], elapsed_s)
    return [*lines, f"talking   {talkers}" if talkers else "talking   nobody"]


def _talking(now: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]], elapsed_s: float) -> str:
    old = {each["user"]: each["messages"] for each in before}
    # whoever was not among them before has a count of unknown age
    rates = ((each["user"], (each["messages"] - old[each["user"]]) / elapsed_s) for each in now if each["user"] in old)
    busiest = sorted((each for each in rates if each[1] > 0), key=lambda each: -each[1])
    return "  ".join(f"{user} {_rate(per_s)}/s" for user, per_s in busiest[:5])


def _wrapped(title: str, items: Sequence[str]) -> list[str]:
    """Four items a line, the title before the first of them."""
    rows = [items[at : at + 4] for at in range(0, len(items), 4)]
    return [
        (title if number == 0 else " " * len(title)) + "".join(f"{item:<19}" for item in row).rstrip()
        for number, row in enumerate(rows)
    ]


def _busy(busy: Mapping[str, float], prefix: str) -> str:
    found = [share for name, share in busy.items() if name.startswith(prefix)]
    return f"{sum(found):.0f} % CPU" if found else ""


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 10 or per_s == 0 else f"{per_s:.1f}"


def _line(title: str, value: str, rest: str) -> str:
    return f"{title:<12}{value:>9}  {rest}".rstrip()


def _time_line(title: str, summary: Mapping[str, float], width: int = 17) -> str:
    shown = "".join(f"{_ms(summary[name]):>12}" for name in ("p50_ms", "p99_ms", "mean_ms"))
    return f"  {title:<{width - 2}}{shown}"


def _ms(value: float) -> str:
    return f"{value:,.2f} ms" if value < 100 else f"{value:,.0f} ms"


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda each: -each[1])
    return " · ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in ordered)


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 2**30:,.1f} GiB" if count_bytes >= 2**30 else f"{count_bytes / 2**20:.1f} MiB"


def _disk(disk: Mapping[str, int]) -> str:
    wal, index, free = (_size(disk[name]) for name in ("wal_bytes", "index_bytes", "free_bytes"))
    return f"log; {wal} in its write-ahead log, {index} search index, {free} free"


def _connections(stats: Stats) -> str:
    return (
        f"{stats['users_online']:,} users, {stats['lagging']:,} catching up; so far {stats['lagged']:,} fell behind,"
        f" {stats['slow_consumers']:,} closed as slow consumers"
    )


def _recipient(recipient: Mapping[str, Any]) -> str:
    parts = [f"{recipient['user']}: {recipient['state']}"]
    if recipient.get("reason"):
        parts.append(str(recipient["reason"]))
    if recipient.get("attempts", 0) > 1:
        parts.append(f"{recipient['attempts']} tries")
    if "next_retry_ms" in recipient:
        parts.append(f"the next in {recipient['next_retry_ms'] / 1000:.1f} s")
    return ", ".join(parts)
