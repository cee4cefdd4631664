"""Draw the tour: pictures of chat-tui at work, ``python -m tools.tour docs/tour``, and the page that shows them.

Each picture is drawn by the program itself, in a terminal of that size, from events as a server sends them.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from textual.pilot import Pilot

from chat_client.core import events
from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.config import ClientConfig
from chat_client.core.language import choose
from chat_client.core.profile import Profile
from chat_client.core.state import Link
from chat_client.core.text import Safe
from chat_client.tui.app import ChatApp
from chat_client.tui.screenshot import MORNING_MS, SceneLog, scene, with_local_fonts
from chat_client.tui.start import Start
from chat_client.tui.widgets.composer import Composer
from chat_protocol import packets

DEADLINE_S: Final = 20.0
RETRY_MS: Final = 8_500
CLOSED: Final = "the server closed the connection"


class Stop(NamedTuple):
    """One picture."""

    file: str
    title: str
    words: str
    size: tuple[int, int]
    play: Callable[["Player"], Awaitable[None]]
    has_account: bool = True
    language: Literal["en", "zh"] = "en"


class Player:
    """Does what a user and a server would do before the picture is taken."""

    def __init__(self, app: ChatApp, client: ChatClient | None, pilot: Pilot[int]) -> None:
        self.app = app
        self.client = client
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self._pilot.press(*keys)
        await self._pilot.pause()

    async def happen(self, *happened: events.Event) -> None:
        """Have something happen to the client."""
        assert self.client is not None
        self.client.apply(list(happened))
        await self._pilot.pause()

    async def send(self, text: str) -> None:
        """Write a message and send it."""
        await self.press(*(_KEYS.get(sign, sign) for sign in text), "enter")

    async def sees(self, text: str) -> None:
        """Wait until something is on the screen."""
        until = time.monotonic() + DEADLINE_S
        while text not in self.app.export_screenshot().replace("&#160;", " "):
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} did not come")
            await self._pilot.pause(0.02)


_KEYS: Final = {" ": "space", "@": "at", ",": "comma", ".": "full_stop", ":": "colon", "#": "number_sign"}


async def _welcome(player: Player) -> None:
    await player.sees("Welcome")
    await player.press(*"chat", "full_stop", *"example", "full_stop", *"org")


async def _busy(player: Player) -> None:
    await player.sees("disk full")
    await player.press("ctrl+s", "up", "r")
    await player.press(*"Yes", "comma", "space", *"it", "space", *"was", "space", *"full")


async def _lose(player: Player) -> None:
    retry_at_ms = time.time_ns() // 1_000_000 + RETRY_MS
    link = Link("offline", Safe(CLOSED), "connection_lost", retry_at_ms=retry_at_ms)
    await player.happen(events.LinkChanged(link))


async def _offline(player: Player) -> None:
    await _lose(player)
    await player.send("I look at it now.")
    await player.send("It is sent when we are back.")
    await player.sees("queued: 2")


async def _catching_up(player: Player) -> None:
    log = SceneLog("#ops", MORNING_MS + 7_200_000).say("dave", "Backups run again.").say("dave", "@ada fyi")
    log.say("carol", "Who has the pager tonight?").say("dave", "@ada you do, I think", mentions=("ada",))
    assert player.client is not None
    private = player.client.state.conversations["@carol"]
    news = packets.PrivateMessage("@carol", private.last_seq + 1, "carol-news", "carol", "Carol Díaz",
                                  MORNING_MS + 7_300_000, content="Lunch is at half past one now.")  # fmt: skip
    await player.happen(
        events.LinkChanged(Link("online", synced=True)),
        events.Arrived("#ops", tuple(log.events[2:])),
        events.Arrived("@carol", (news,)),
    )
    await player.press("alt+u")
    await player.sees("half past one")


async def _search(player: Player) -> None:
    await _lose(player)
    await player.press("ctrl+f")
    await player.press(*"the", "space", *"migration")
    await player.press("enter")
    await player.sees("8 seconds")


async def _switcher(player: Player) -> None:
    await player.press("ctrl+k")
    await player.press("d", "e")


async def _narrow(player: Player) -> None:
    await player.sees("general")


STOPS: Final = (
    Stop("first-run", "First start", "Three short screens: server or invite link, whether to trust its key, account.",
         (80, 24), _welcome, has_account=False),
    Stop("busy", "A busy group", "Replies with their quote, reactions, edits, code, joins in one line, what is new, and"
         " an answer that is being written.", (120, 36), _busy),
    Stop("offline", "Offline", "Everything stays readable. What is written waits, is marked so, and is sent in order"
         " when the server is back.", (100, 26), _offline),
    Stop("catching-up", "Catching up", "alt+u: mentions first, then private messages, announcements and groups, the"
         " fullest first. Enter goes to the message; `m` marks a conversation as read, `M` everything. Nothing else"
         " that was not on the screen counts as read.", (100, 26), _catching_up),
    Stop("search", "Search", "ctrl+f asks the server, or this device when offline; Enter jumps into the context.",
         (100, 26), _search),
    Stop("switcher", "Switcher", "ctrl+k and a few letters.", (100, 26), _switcher),
    Stop("chinese", "In Chinese", "As the locale says, or the setting `language`.", (100, 26), _narrow, language="zh"),
    Stop("narrow", "60 columns, 15 rows", "Beside an editor.", (60, 15), _narrow),
    Stop("tiny", "30 columns, 8 rows", "In a corner, or on a phone.", (30, 8), _narrow),
)  # fmt: skip


async def draw(stop: Stop) -> str:
    """Return one picture as SVG."""
    config = ClientConfig(language=stop.language)
    choose(stop.language)
    with tempfile.TemporaryDirectory() as folder:
        profile = Profile(Path(folder))
        if not stop.has_account:
            return await _draw(stop, ChatApp(profile, config, Start()), None)
        account = Account(ServerAddress("chat.example.org"), "ada")
        async with ChatClient(account, profile) as client:
            client.apply(scene())
            return await _draw(stop, ChatApp(profile, config, Start(account), client=client), client)


async def _draw(stop: Stop, app: ChatApp, client: ChatClient | None) -> str:
    async with app.run_test(size=stop.size, tooltips=False, notifications=False) as pilot:
        await pilot.pause()
        await stop.play(Player(app, client, pilot))
        for composer in app.screen.query(Composer):
            composer.cursor_blink = False
        await pilot.pause()
        return with_local_fonts(app.export_screenshot(title="chat-tui"))


def page() -> str:
    """Return the page that shows the pictures."""
    parts = ["# A tour of chat-tui\n\nDrawn by the program itself: `make tour`.\n"]
    parts += [f"\n## {stop.title}\n\n{stop.words}\n\n![{stop.title}](tour/{stop.file}.svg)\n" for stop in STOPS]
    return "".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw all pictures into the folder that is named, and the page beside it."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 1:
        sys.stderr.write("usage: python -m tools.tour FOLDER\n")
        return 2
    os.environ["TZ"] = "UTC"
    time.tzset()
    folder = Path(given[0])
    folder.mkdir(parents=True, exist_ok=True)
    for stop in STOPS:
        (folder / f"{stop.file}.svg").write_text(asyncio.run(draw(stop)), encoding="utf-8")
    folder.with_suffix(".md").write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
