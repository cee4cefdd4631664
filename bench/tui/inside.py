"""What appending, scrolling, resizing and searching cost by how many messages are there, without a terminal."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from chat_client.core import events
from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.core.query import parse_query
from chat_client.tui.app import ChatApp
from chat_client.tui.start import Start
from tests.tui.stage import Stage, entry, message, online

Result = dict[str, object]
PAGE = 5_000
_WORDS = (
    "the quick brown fox",
    "see https://ci.example.org/41 for the log",
    "你好，文件在这里",
    "ok",
    "`disk full` again",
)


def content(seq: int) -> str:
    """A text as people write them: short, long, with links and wide characters."""
    return _WORDS[seq % len(_WORDS)] * (1 + seq % 7 * (seq % 11 == 0))


def measure(most: int) -> list[Result]:
    """Measure at three sizes."""
    return [asyncio.run(_at(count)) for count in (most // 100, most // 10, most)]


async def _at(count: int) -> Result:
    account = Account(ServerAddress("chat.example.org"), "ada")
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        async with ChatClient(account, Profile(Path(folder))) as client:
            client.apply(online(entry("#general")))
            for first in range(1, count + 1, PAGE):
                seqs = range(first, min(first + PAGE, count + 1))
                made = tuple(
                    message("#general", seq, f"user{seq % 9}", content(seq), at_ms=seq * 9_000) for seq in seqs
                )
                client.apply([events.Arrived("#general", made)])
            client.apply([events.ConversationOpened("#general"), events.MarkedRead("#general")])
            app = ChatApp(client.profile, ClientConfig(), Start(account), client=client)
            began = time.perf_counter()
            async with app.run_test(size=(120, 36)) as pilot:
                stage = Stage(app, client, pilot)
                await stage.sees(f" {content(count)}"[:12])
                first_s = time.perf_counter() - began
                append = await _each(stage, 30, lambda: stage.arrive("#general", "bob", "one more line"))
                up = await _each(stage, 30, lambda: stage.press("pageup"))
                stage.press("ctrl+end")
                await stage.settles()
                widths = iter([100, 120] * 5)

                began = time.perf_counter()
                for width in widths:
                    await pilot.resize_terminal(width, 36)
                    await stage.settles()
                resize_ms = (time.perf_counter() - began) * 100
                began = time.perf_counter()
                await client.find(parse_query("zebra", time.time_ns() // 1_000_000))
                search_ms = (time.perf_counter() - began) * 1000
    return {
        "name": f"in {count:,} messages", "first paint s": round(first_s, 2), "append ms": round(append, 2),
        "page up ms": round(up, 2), "resize ms": round(resize_ms, 1), "local search ms": round(search_ms, 1),
    }  # fmt: skip


async def _each(stage: Stage, count: int, work: Callable[[], object]) -> float:
    """CPU time of one piece of work with its drawing."""
    took = []
    for _ in range(count):
        began = time.process_time()
        work()
        await stage.settles()
        took.append((time.process_time() - began) * 1000)
    return median(took)
