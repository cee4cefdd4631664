"""Draw the chat as a picture: ``python -m chat_client.tui.screenshot docs/screenshot.svg``.

What is on it is a real state, made by the same reducer as in use, from events as a server sends them; only the
network is missing. So the picture shows what the program draws and nothing else.
"""

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import UNSET

from chat_client.core import events
from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.config import ClientConfig
from chat_client.core.events import Event
from chat_client.core.profile import Profile
from chat_client.core.state import Link, Member, Person, PresenceState
from chat_client.core.text import Safe
from chat_client.tui.app import ChatApp
from chat_client.tui.start import Start
from chat_client.tui.widgets.composer import Composer
from chat_protocol import packets

__all__ = ["SceneLog", "draw_picture", "main", "scene", "with_local_fonts"]

SIZE: Final = (116, 36)
FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
MORNING_MS: Final = 1_795_424_400_000
"""Monday, 23 November 2026, 09:00 UTC."""
_PEOPLE: Final[tuple[tuple[str, str, PresenceState, str], ...]] = (
    ("ada", "Ada", "online", ""),
    ("bob", "Bob", "away", "lunch"),
    ("carol", "Carol Díaz", "online", ""),
    ("casey", "Casey", "online", ""),
    ("dave", "Dave", "online", ""),
    ("erin", "Erin", "dnd", "on call"),
    ("frank", "Frank", "offline", ""),
    ("grace", "Grace", "offline", ""),
    ("mei", "梅", "online", ""),
    ("noor", "Noor", "offline", ""),
)


class SceneLog:
    """Writes events of one conversation as a server would."""

    def __init__(self, name: str, start_ms: int) -> None:
        self.name = name
        self.events: list[packets.LogEvent] = []
        self._at_ms = start_ms

    def after(self, seconds: int) -> "SceneLog":
        """Let time pass."""
        self._at_ms += seconds * 1000
        return self

    def _place(self, sender: str) -> dict[str, object]:
        seq = len(self.events) + 1
        names = {user: name for user, name, _, _ in _PEOPLE}
        return {
            "conversation": self.name,
            "seq": seq,
            "message_id": f"{self.name[1:]}-{seq}",
            "sender": sender,
            "sender_name": names.get(sender, sender),
            "timestamp": self._at_ms,
        }

    def say(self, sender: str, content: str, *, reply_to: int = 0, mentions: Sequence[str] = ()) -> "SceneLog":
        """Add a message."""
        kind = packets.GroupMessage if self.name.startswith("#") else packets.PrivateMessage
        target = self.events[reply_to - 1].message_id if reply_to else UNSET
        self.events.append(
            kind(content=content, reply_to=target, mentions=tuple(mentions), **self._place(sender))  # type: ignore[arg-type]
        )
        return self

    def react(self, sender: str, target: int, emoji: str) -> "SceneLog":
        """Add a reaction."""
        message_id = self.events[target - 1].message_id
        self.events.append(packets.Reaction(target=message_id, emoji=emoji, removed=False, **self._place(sender)))  # type: ignore[arg-type]
        return self

    def edit(self, sender: str, target: int, content: str) -> "SceneLog":
        """Change a message."""
        message_id = self.events[target - 1].message_id
        self.events.append(packets.Edited(target=message_id, content=content, **self._place(sender)))  # type: ignore[arg-type]
        return self

    def happen(self, action: str, subject: str, content: str) -> "SceneLog":
        """Add a line of the server."""
        self.events.append(
            packets.SystemMessage(action=action, subject=subject, content=content, **self._place("server"))  # type: ignore[arg-type]
        )
        return self


def _general() -> SceneLog:
    log = SceneLog("#general", MORNING_MS - 15 * 3_600_000)
    log.say("erin", "The new disks are in; thanks to everybody for waiting.")
    log.after(14 * 3_600 + 720)
    log.say(
        "carol", "Good morning! 2.4 is on staging, https://ci.example.org/41 has the notes. Is anything in the way?"
    )
    log.react("dave", 2, "👍").react("mei", 2, "👍").react("ada", 2, "🎉")
    log.after(126).say("bob", "Looks fine, the migration took 8 s.", reply_to=2)
    log.after(40).say("bob", "Only this was slow, I'd add it before we go on:")
    log.say("bob", "```sql\nCREATE INDEX ON messages (conversation, seq);\n```")
    log.edit("bob", 6, "Looks fine, the migration took 8 seconds.")
    log.after(300).happen("joined", "mei", "mei joined").happen("joined", "noor", "noor joined")
    log.happen("left", "noor", "noor left")
    log.after(420).say("mei", "早上好！文件在这里 → `report.pdf`, and the tests are green ✅")
    log.after(60).say("ada", "Thank you. I take the release at eleven then.")
    log.after(180).say("casey", "I'll watch the graphs meanwhile.", reply_to=14)
    log.react("ada", 15, "👀")
    log.after(1_080).say("carol", "@ada can you look at the backup job before that?", mentions=("ada",))
    log.after(9).say("carol", "It says `disk full` since 08:00.")
    log.after(75).say("dave", "I moved the old logs away: 40 GB are free again, and the job runs.")
    log.react("carol", 19, "🙏")
    return log


def scene() -> list[Event]:
    """Return what happened before the picture: a morning in a small team, with a few things not read yet."""
    general = _general()
    ops = SceneLog("#ops", MORNING_MS).say("dave", "Backups run again.").say("dave", "@ada fyi", mentions=("ada",))
    dev = SceneLog("#dev", MORNING_MS).say("mei", "Review, please?").say("mei", "No hurry.").say("bob", "Done.")
    chat = SceneLog("@carol", MORNING_MS).say("ada", "Lunch at one?").say("carol", "Yes!")
    noise = SceneLog("#builds", MORNING_MS)
    for number in range(12):
        noise.say("casey", f"build {number}: ok")
    quiet = (SceneLog(name, MORNING_MS) for name in ("#design", "#random", "@bob", "@mei"))
    logs = (general, ops, dev, chat, noise, *quiet)
    read = {"#general": 16, "@carol": 1}
    titles = {"#general": "Everybody"}
    entries = tuple(
        packets.ConversationEntry(
            conversation=log.name,
            title=titles.get(log.name, ""),
            topic="Release 2.4 this week" if log is general else "",
            last_seq=len(log.events),
            cursor=0,
            read_seq=read.get(log.name, 0),
            unread=sum(_is_unread(event, read.get(log.name, 0)) for event in log.events),
            mentions=1 if log.name in ("#ops", "#general") else 0,
            role="member" if log.name.startswith("#") else None,
            muted=log is noise,
        )
        for log in logs
    )
    roles = {"carol": "owner", "dave": "moderator"}
    members = tuple(Member(user, Safe(name), roles.get(user, "member")) for user, name, _, _ in _PEOPLE)
    people = tuple(Person(user, Safe(name), presence, Safe(text)) for user, name, presence, text in _PEOPLE)
    happened: list[Event] = [
        events.Welcomed(Safe("Team chat"), "open"),
        events.SessionStarted("ada", Safe("Ada"), ()),
        events.LinkChanged(Link("online")),
        events.Synced("epoch", entries),
        events.PeopleListed(people),
        events.MembersListed("#general", members),
    ]
    happened += [events.Arrived(log.name, tuple(log.events)) for log in logs if log.events]
    happened.append(events.ConversationOpened("#general"))
    happened.append(events.TypingReceived("#general", "mei", MORNING_MS * 2))
    happened.append(events.DraftChanged("#dev", "I would rather"))
    return happened


def _is_unread(event: packets.LogEvent, read_seq: int) -> bool:
    return isinstance(event, packets.GroupMessage | packets.PrivateMessage) and event.seq > read_seq


async def draw_picture(*, size: tuple[int, int] = SIZE, theme: str = "") -> str:
    """Return the picture as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        account = Account(ServerAddress("chat.example.org"), "ada")
        async with ChatClient(account, Profile(Path(folder))) as client:
            client.apply(scene())
            app = ChatApp(client.profile, ClientConfig(theme=theme), Start(account), client=client)
            async with app.run_test(size=size, tooltips=False, notifications=False) as pilot:
                app.screen.query_one(Composer).insert("On it, the report goes to @c")
                await pilot.pause()
                return with_local_fonts(app.export_screenshot(title="chat-tui"))


def with_local_fonts(picture: str) -> str:
    """Have the picture fetch no font from anywhere: it looks at home on every machine, and tells nobody it was seen."""
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", FONTS).replace("font-family: arial", f"font-family: {FONTS}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture into the file that is named."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 1:
        sys.stderr.write("usage: python -m chat_client.tui.screenshot FILE.svg\n")
        return 2
    os.environ["TZ"] = "UTC"
    time.tzset()
    Path(given[0]).write_text(asyncio.run(draw_picture()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
