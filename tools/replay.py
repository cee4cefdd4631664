"""Post an IRC log through a server and compare, character by character, what arrives.

    python -m tools.replay LOG... [--server HOST:PORT] [--group NAME] [--pace MESSAGES_PER_SECOND]

Every speaker becomes a user with a connection of its own, and every line a message in one group. Three others have to
get the same in the end: one is live all the time, one comes back when all is said, and one reads the history. Without
``--server`` a server is started for it. The exit status is 0 if all three have what was posted, in order.

Lines are ``[HH:MM] <nick> text`` and ``[HH:MM]  * nick does something``; others are left out.
"""

from __future__ import annotations

import argparse
import itertools
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.people import People, entry, events_in, history, read_up_to
from tests.support.server import Server
from tests.support.wire import Client, Frame, Refused
from tools.local_server import end_with_parent

DEADLINE_S = 60.0
_SAID = re.compile(r"\[\d\d:\d\d\] <(?P<nick>[^>]+)> (?P<text>.+)")
_DID = re.compile(r"\[\d\d:\d\d\]  ?\* (?P<nick>\S+) (?P<text>.+)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Message = tuple[str, str]
"""Who said what."""


def messages_of(paths: Iterable[Path]) -> Iterator[Message]:
    """What the logs hold. Bytes that are no UTF-8 and control characters, which no server takes, become U+FFFD."""
    for path in paths:
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            clean = _FORBIDDEN.sub("\ufffd", line.rstrip("\r"))
            if said := _SAID.match(clean):
                yield said["nick"].strip(), said["text"]
            elif did := _DID.match(clean):
                yield did["nick"], f"*{did['text']}*"


class Replay:
    """One group on a server, with a user and a connection for each speaker."""

    def __init__(self, people: People, group: str) -> None:
        self.group = group
        self.conversation = f"#{group}"
        self.speakers: dict[str, Client] = {}
        self._people = people
        self._ids = itertools.count(1)

    def visitor(self) -> Client:
        """A connection that has said hello."""
        client = self._people.visitor()
        client.deadline_s = DEADLINE_S
        return client

    def newcomer(self, wanted: str) -> Client:
        """A new account, logged in, with a name as near to ``wanted`` as the rules for names allow."""
        stem = re.sub(r"[^a-z0-9_.-]", "-", wanted.lower())[:24].lstrip("_.-") or "nick"
        client = self.visitor()
        for number in itertools.count(1):
            try:
                client.register(stem if number == 1 else f"{stem}-{number}", display_name=wanted[:64])
            except Refused as refused:
                if refused.code not in {"name_taken", "bad_name"}:
                    raise
            else:
                break
        return client

    def member(self, wanted: str) -> Client:
        """A new account that is in the group."""
        client = self.newcomer(wanted)
        client.request("join", group=self.group)
        return client

    def again(self, client: Client) -> Client:
        """The same device on a new connection."""
        back = self.visitor()
        back.login(token=client.token)
        back.token = client.token
        return back

    def say(self, nick: str, text: str) -> Message:
        """Post one line and wait until it is acknowledged; sends again what was refused as transient."""
        if nick not in self.speakers:
            self.speakers[nick] = self.member(nick)
        message_id = f"replay-{self.group}-{next(self._ids)}"
        while True:
            speaker = self.speakers[nick]
            try:
                answer = speaker.ask("group_message", group=self.group, message_id=message_id, content=text)
            except (EOFError, OSError):  # silent for too long: connect again, and send the same again
                self.speakers[nick] = self.again(speaker)
                continue
            if answer["type"] == "ack":
                return speaker.user, text
            if "retry_after_ms" not in answer:
                raise Refused(answer)
            time.sleep(answer["retry_after_ms"] / 1000)

    def received(self, client: Client, last_seq: int) -> list[Message]:
        """What was pushed to ``client``, up to ``last_seq``."""
        return said(events_in(read_up_to(client, self.conversation, last_seq), self.conversation))


def said(events: list[Frame]) -> list[Message]:
    """The messages among ``events``."""
    return [(event["sender"], event["content"]) for event in events if event["type"] == "group_message"]


def replay(people: People, paths: list[Path], group: str, pace: float) -> bool:
    """Do it all, and tell on the way; whether all three watchers have what was posted."""
    play = Replay(people, group)
    live = play.newcomer("watcher")
    live.request("create_group", group=group)
    away = play.member("latecomer")
    away.socket.close()
    live.sync(limit=0)
    began = time.monotonic()
    posted = []
    for number, (nick, text) in enumerate(messages_of(paths)):
        if pace:
            time.sleep(max(0.0, began + number / pace - time.monotonic()))
        posted.append(play.say(nick, text))
        if number % 20 == 0:
            live.request("ping")  # reads what was pushed, as a client that is live does
    took_s = time.monotonic() - began
    back = play.again(away)
    last_seq = entry(back.sync(limit=None), play.conversation)["last_seq"]
    print(f"{len(posted)} messages of {len(play.speakers)} speakers in {took_s:.1f} s, last seq {last_seq}")
    found = {
        "live": play.received(live, last_seq),
        "backlog": play.received(back, last_seq),
        "history": said(history(live, play.conversation)),
    }
    different = [name for name, got in found.items() if not _is_same(name, posted, got)]
    return not different


def _is_same(name: str, posted: list[Message], got: list[Message]) -> bool:
    if got == posted:
        print(f"{name:8} the same, in order")
        return True
    pairs = enumerate(zip(posted, got, strict=False))
    at = next((number for number, (one, other) in pairs if one != other), min(len(posted), len(got)))
    print(f"{name:8} {len(got)} messages, different from number {at + 1} on")
    print(f"  posted {posted[at : at + 1]}\n  got    {got[at : at + 1]}")
    return False


@contextmanager
def running(server: str | None) -> Iterator[tuple[str, int]]:
    """The address of ``server``, or of one that is started for this."""
    if server:
        host, _, port = server.rpartition(":")
        yield host, int(port)
        return
    with tempfile.TemporaryDirectory(prefix="chat-replay-") as folder:
        own = Server(Path(folder) / "data")
        own.start()
        try:
            yield own.address
            own.terminate()
        finally:
            own.kill9()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="replay", description="Post an IRC log through a server and compare.")
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    parser.add_argument("--server", metavar="HOST:PORT", help="a running server in plain TCP; default: one of its own")
    parser.add_argument("--group", default="replay", help="the group to make (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=0, help="messages per second (default: as fast as acks come)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    end_with_parent()
    with ExitStack() as stack:
        people = People(stack.enter_context(running(options.server)))
        stack.callback(people.close)
        return 0 if replay(people, options.logs, options.group, options.pace) else 1


if __name__ == "__main__":
    sys.exit(main())
