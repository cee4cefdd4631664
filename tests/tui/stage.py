"""A chat-tui on a screen that only exists in memory, over a client whose state is made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from textual import events as input_events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen

from chat_client.core import events
from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.config import ClientConfig
from chat_client.core.events import Event
from chat_client.core.profile import Profile
from chat_client.core.state import ClientState, Conversation, Link, Member, Message, Person
from chat_client.core.text import Safe
from chat_client.tui.app import ChatApp
from chat_client.tui.screens.chat import ChatScreen
from chat_client.tui.start import Start
from chat_client.tui.widgets.composer import Composer
from chat_protocol import packets

DEADLINE_S = 15.0
START_MS = 1_795_424_400_000
"""Monday, 23 November 2026, 09:00 UTC."""
ME = "ada"
PASSWORD = "correct horse"


class Stage:
    """An app on the screen, its client, and what a user would do with it."""

    def __init__(self, app: ChatApp, client: ChatClient | None, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot
        self._client = client

    @property
    def client(self) -> ChatClient:
        """The client on the screen."""
        client = self._client or self.app.client
        assert client is not None, "nobody is logged in"
        return client

    @property
    def chat(self) -> ChatScreen:
        """The chat's screen, also while something lies over it."""
        screen = self.app.windows.front.screen if self.app.windows.front is not None else None
        assert screen is not None, "there is no chat"
        return screen

    @property
    def composer(self) -> Composer:
        """Where the user writes."""
        return self.chat.composer

    @property
    def state(self) -> ClientState:
        """What the client knows."""
        return self.client.state

    def conversation(self, name: str) -> Conversation:
        """What the client knows of a conversation."""
        return self.state.conversations[name]

    def contents(self, name: str) -> list[str]:
        """What the messages of a conversation say."""
        return [line.content for line in self.conversation(name).timeline if isinstance(line, Message)]

    @property
    def lines(self) -> list[str]:
        """What is on the screen, row by row."""
        return screen_lines(self.app.screen)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.lines)

    def type(self, text: str) -> None:
        """Press keys all at once, as a paste without brackets or a fast typist does; does not wait."""
        for character in text:
            self.app.post_message(input_events.Key(_key_of(character), character))

    def press(self, *keys: str) -> None:
        """Press named keys all at once; does not wait."""
        for key in keys:
            if len(key) == 1:
                self.type(key)
            else:
                character = {"enter": "\r", "tab": "\t", "space": " "}.get(key)
                self.app.post_message(input_events.Key(key, character))

    async def until(self, condition: Callable[[], object], otherwise: str = "") -> None:
        """Wait until it is so.

        Raises:
            AssertionError: It is not so in time; tells what is on the screen.
        """
        until = asyncio.get_running_loop().time() + DEADLINE_S
        while not condition():
            assert self.app.return_code is None or not self.app._exit, "the app has ended"
            assert asyncio.get_running_loop().time() < until, f"{otherwise or 'it never came'}:\n{self.text}"
            await asyncio.sleep(0.005)

    async def sees(self, *texts: str) -> None:
        """Wait until all of this is on the screen."""
        await self.until(lambda: all(text in self.text for text in texts), f"{texts} not on the screen")

    async def settles(self) -> None:
        """Wait until all that was pressed has been dealt with."""
        await self.until(lambda: self.app.keys_waiting == 0)
        await self.pilot.pause()

    def happen(self, *happened: Event) -> None:
        """Have something happen to the client."""
        self.client.apply(list(happened))

    def arrive(self, name: str, sender: str, *contents: str, mentions: Sequence[str] = ()) -> None:
        """Have messages arrive, as the next of a conversation."""
        seq = self.conversation(name).last_seq
        made = [
            message(name, seq + number, sender, content, mentions=mentions)
            for number, content in enumerate(contents, start=1)
        ]
        self.happen(events.Arrived(name, tuple(made)))


def _key_of(character: str) -> str:
    if character == "\n":
        return "ctrl+j"
    return _character_to_key(character)


def screen_lines(screen: Screen[object]) -> list[str]:
    """The rows of a screen as text, as they were composed last."""
    compositor = screen._compositor
    width, height = screen.size
    strips = compositor.render_strips()
    return [strip.crop(0, width).text.rstrip() for strip in strips[:height]]


def message(
    name: str, seq: int, sender: str, content: str, *, at_ms: int | None = None, mentions: Sequence[str] = ()
) -> packets.GroupMessage | packets.PrivateMessage:
    """A message as a server sends it; a minute after the one before."""
    kind = packets.GroupMessage if name.startswith("#") else packets.PrivateMessage
    return kind(
        conversation=name,
        seq=seq,
        message_id=f"{name[1:]}-{seq}",
        sender=sender,
        sender_name=sender.title(),
        timestamp=START_MS + seq * 60_000 if at_ms is None else at_ms,
        content=content,
        mentions=tuple(mentions),
    )


def entry(
    name: str, last_seq: int = 0, *, read_seq: int | None = None, unread: int = 0, mentions: int = 0, cursor: int = 0,
    title: str = "", topic: str = "", muted: bool = False,
) -> packets.ConversationEntry:  # fmt: skip
    """A conversation as ``synced`` tells it."""
    return packets.ConversationEntry(
        conversation=name,
        title=title,
        topic=topic,
        last_seq=last_seq,
        cursor=cursor,
        read_seq=last_seq if read_seq is None else read_seq,
        unread=unread,
        mentions=mentions,
        role="member" if name.startswith("#") else None,
        muted=muted,
    )


def online(*entries: packets.ConversationEntry, people: Iterable[str] = ("bob", "carol", "dave")) -> list[Event]:
    """What happens until a client is online with these conversations, nothing loaded yet."""
    users = (ME, *people)
    listed = tuple(Person(user, Safe(user.title()), "online") for user in users)
    members = tuple(Member(user, Safe(user.title()), "member") for user in users)
    groups = [each.conversation for each in entries if each.conversation.startswith("#")]
    return [
        events.Welcomed(Safe("Team"), "open"),
        events.SessionStarted(ME, Safe("Ada"), ()),
        events.LinkChanged(Link("online", synced=True)),
        events.Synced("epoch", entries),
        events.PeopleListed(listed),
        *(events.MembersListed(name, members) for name in groups),
    ]


def plain() -> list[Event]:
    """Two groups and a chat with a few lines, all read, ``#general`` open."""
    general = [message("#general", seq, "bob", f"line {seq}") for seq in range(1, 4)]
    ops = [message("#ops", seq, "carol", f"ops {seq}") for seq in range(1, 3)]
    return [
        *online(entry("#general", 3, title="Everybody"), entry("#ops", 2), entry("@bob")),
        events.Arrived("#general", tuple(general)),
        events.Arrived("#ops", tuple(ops)),
        events.ConversationOpened("#general"),
    ]


@asynccontextmanager
async def on_stage(
    folder: Path,
    happened: Iterable[Event] | None = None,
    *,
    size: tuple[int, int] = (120, 36),
    config: ClientConfig | None = None,
) -> AsyncIterator[Stage]:
    """Show a client to which this has happened; it has no server, so what is sent stays pending."""
    account = Account(ServerAddress("chat.example.org"), ME)
    async with ChatClient(account, Profile(folder)) as client:
        client.apply(list(plain() if happened is None else happened))
        app = ChatApp(client.profile, config or ClientConfig(), Start(account), client=client)
        async with app.run_test(size=size, notifications=True) as pilot:
            stage = Stage(app, client, pilot)
            await stage.until(lambda: isinstance(app.screen, ChatScreen) and app.screen.is_mounted)
            await stage.until(lambda: stage.composer.has_focus)
            yield stage


@asynccontextmanager
async def live(
    folder: Path,
    start: Start,
    *,
    size: tuple[int, int] = (120, 36),
    config: ClientConfig | None = None,
    insecure: bool = True,
) -> AsyncIterator[Stage]:
    """Show a client of a real server, as the command does."""
    app = ChatApp(Profile(folder), config or ClientConfig(), start, insecure=insecure)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Stage(app, None, pilot)
    finally:
        await app.close_client()


def newcomer(address: tuple[str, int], user: str) -> Start:
    """Whoever registers at a server on this machine."""
    account = Account(ServerAddress(address[0], address[1], tls=False), user)
    return Start(account, Credentials(PASSWORD, register=True))


def known(address: tuple[str, int], user: str) -> Start:
    """Whoever was there before: the profile has the token."""
    return Start(Account(ServerAddress(address[0], address[1], tls=False), user))
