"""A small chat server in this process, with faults to order. It keeps its logs in memory.

It keeps the parts of the contract that a client depends on: one log per conversation, acks, backlog by cursor, resends
by ``message_id``. Rights, priorities and statistics are the real server's business.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, ClassVar

from msgspec import UNSET
from msgspec.structs import replace

from chat_protocol import packets
from chat_protocol.codec import encode
from chat_protocol.connection import ServerConnection
from chat_protocol.frames import encode_frame
from chat_protocol.names import mentioned


class FakeConnection:
    def __init__(self, server: "FakeServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.user = ""
        self.is_live = False
        self.received: list[packets.Packet] = []

    def send(self, *out: packets.Packet) -> None:
        if not self.writer.is_closing():
            self.writer.write(b"".join(encode_frame(encode(packet)) for packet in out))

    async def serve(self) -> None:
        connection = ServerConnection(65536)
        while data := await self.reader.read(65536):
            for packet in connection.receive_data(data):
                self.received.append(packet)
                self.server.received.append(packet)
                self.server.took(self, packet)


class FakeServer:
    """Groups are open to everybody; everybody is a member of all of them."""

    connection: ClassVar[type[FakeConnection]] = FakeConnection

    def __init__(self) -> None:
        self.epoch = "epoch-1"
        self.logs: dict[str, list[packets.LogEvent]] = {}
        self.by_id: dict[str, packets.LogEvent] = {}
        self.read: dict[tuple[str, str], int] = {}
        self.positions: dict[str, int] = {}
        """Where the store has the device in a conversation; it counts after a new epoch."""
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.connections: list[FakeConnection] = []
        self.received: list[packets.Packet] = []
        self.refusals: list[tuple[str, int]] = []
        """Codes with ``retry_after_ms`` for the next posts; while one is due, posts behind it get ``retry_order``."""
        self.swallow_acks = 0
        """So many acks are not sent: the connection is cut instead, after the event is in the log."""
        self.fail_syncs = 0
        self.groups = {"#ops"}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._refused: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self, context: ssl.SSLContext | None = None) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Stop listening and cut all connections; the logs stay, as on a disk."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        for connection in list(self.connections):
            connection.writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self.connection(self, reader, writer)
        self.connections.append(connection)
        try:
            await connection.serve()
        except OSError:
            pass
        finally:
            self.connections.remove(connection)
            writer.close()

    # ---- Logs -------------------------------------------------------------------------------------------------------

    @staticmethod
    def key(conversation: str, user: str) -> str:
        """The log behind a conversation as ``user`` sees it."""
        if conversation.startswith("@"):
            return "@" + ":".join(sorted((user, conversation[1:])))
        return conversation

    def seen_by(self, key: str, user: str) -> str | None:
        """How ``user`` names a log; None if it is not theirs."""
        if not key.startswith("@"):
            return key
        pair = key[1:].split(":")
        if user not in pair:
            return None
        return "@" + (pair[0] if pair[1] == user else pair[1])

    def post(self, conversation: str, sender: str, content: str, message_id: str = "", **more: Any) -> packets.LogEvent:
        """Put a message into a log and push it, as if ``sender`` had another device."""
        return self._append(conversation, sender, message_id or f"srv-{len(self.by_id)}", content=content, **more)

    def react(self, conversation: str, sender: str, target: str, emoji: str) -> None:
        self._put(
            self.key(conversation, sender),
            sender,
            packets.Reaction(conversation, 0, f"srv-{len(self.by_id)}", sender, sender, 0, target=target, emoji=emoji,
                             removed=False),
            None,
        )  # fmt: skip

    def _append(
        self, conversation: str, sender: str, message_id: str, *, but: FakeConnection | None = None, **fields: Any
    ) -> packets.LogEvent:
        kind = packets.GroupMessage if conversation.startswith("#") else packets.PrivateMessage
        event = kind(
            conversation,
            0,
            message_id,
            sender,
            sender.title(),
            0,
            mentions=tuple(mentioned(fields["content"])),
            **fields,
        )
        return self._put(self.key(conversation, sender), sender, event, but)

    def _put(self, key: str, sender: str, event: packets.LogEvent, but: FakeConnection | None) -> packets.LogEvent:
        log = self.logs.setdefault(key, [])
        event = replace(event, seq=len(log) + 1, timestamp=1_790_000_000_000 + len(log))
        log.append(event)
        self.by_id[event.message_id] = event
        if isinstance(event, packets.Edited | packets.Deleted):
            for place, old in enumerate(log):
                if old.message_id == event.target and isinstance(old, packets.GroupMessage | packets.PrivateMessage):
                    if isinstance(event, packets.Edited):
                        log[place] = replace(old, content=event.content, edited_at=event.timestamp)
                    else:
                        log[place] = replace(old, content=UNSET, deleted=True)
        for connection in self.connections:
            name = self.seen_by(key, connection.user) if connection.is_live else None
            if name is not None and connection is not but:
                if len(log) == 1 and name.startswith("@"):
                    connection.send(packets.ConversationChanged(**self.entry(name, connection.user, 0)))
                connection.send(replace(event, conversation=name))
        return event

    def entry(self, name: str, user: str, cursor: int) -> dict[str, Any]:
        log = self.logs.get(self.key(name, user), [])
        read = self.read.get((user, name), 0)
        unread = [
            event for event in log[read:] if event.sender != user and getattr(event, "content", UNSET) is not UNSET
        ]
        return {
            "conversation": name,
            "title": name[1:].title(),
            "last_seq": len(log),
            "cursor": min(cursor, len(log)),
            "read_seq": read,
            "unread": len(unread),
            "mentions": sum(user in (getattr(event, "mentions", ()) or ()) for event in unread),
            "role": "member",
            "muted": False,
        }

    # ---- Requests ---------------------------------------------------------------------------------------------------

    def took(self, connection: FakeConnection, packet: packets.Packet) -> None:  # noqa: C901, PLR0912
        match packet:
            case packets.Hello():
                connection.send(packets.Welcome(packet.id, 1, "fake/1", "Test chat", "open", 65536, 0))
            case packets.Register() | packets.Login():
                self._login(connection, packet)
            case packets.Sync():
                self._sync(connection, packet)
            case packets.PostGroup() | packets.PostPrivate() | packets.Edit() | packets.Delete() | packets.React():
                self._post(connection, packet)
            case packets.History():
                self._history(connection, packet)
            case packets.Read():
                self.read[(connection.user, packet.conversation)] = packet.seq
                connection.send(packets.Ok(packet.id))
            case packets.Ping():
                connection.send(packets.Pong(packet.id))
            case packets.ListUsers():
                users = [packets.UserInfo(user, user.title(), "online") for user in sorted(self.passwords)]
                connection.send(packets.Ok(packet.id, users=users))
            case packets.ListMembers():
                members = [packets.MemberInfo(user, user.title(), "member", "online") for user in self.passwords]
                connection.send(packets.Ok(packet.id, members=members))
            case packets.Search():
                hits = [
                    packets.SearchHit(event, str(event.content))
                    for log in self.logs.values()
                    for event in log
                    if isinstance(event, packets.GroupMessage) and packet.query in (event.content or "")
                ]
                connection.send(packets.Ok(packet.id, hits=hits))
            case packets.Join():
                self.groups.add(f"#{packet.group}")
                entry = self.entry(f"#{packet.group}", connection.user, 0)
                connection.send(packets.ConversationChanged(**entry), packets.Ok(packet.id))
            case packets.Request():
                connection.send(packets.Ok(packet.id))
            case _:
                pass

    def _login(self, connection: FakeConnection, packet: packets.Register | packets.Login) -> None:
        if isinstance(packet, packets.Register):
            if packet.user in self.passwords:
                connection.send(packets.Error("name_taken", f"{packet.user} is taken", packet.id))
                return
            self.passwords[packet.user] = packet.password
            user = packet.user
        elif isinstance(packet.token, str):
            user = self.tokens.get(packet.token, "")
        else:
            user = packet.user if self.passwords.get(str(packet.user)) == packet.password else ""  # type: ignore[assignment]
        if not user:
            connection.send(packets.Error("bad_credentials", "wrong", packet.id))
            return
        token = f"token-{user}-{len(self.tokens)}"
        self.tokens[token] = user
        connection.user = user
        connection.send(packets.SessionOpened(packet.id, user, user.title(), "device", (), self.epoch, 65536, token))

    def _sync(self, connection: FakeConnection, packet: packets.Sync) -> None:
        user = connection.user
        if self.fail_syncs:
            self.fail_syncs -= 1
            connection.send(packets.Error("internal", "a fault of the server's own", packet.id, incident="1f"))
            return
        same = packet.epoch == self.epoch
        names = [
            *sorted(self.groups),
            *(name for key in self.logs if key[0] == "@" and (name := self.seen_by(key, user))),
        ]
        cursors = {name: packet.cursors.get(name, 0) if same else self.positions.get(name, 0) for name in names}
        entries = [packets.ConversationEntry(**self.entry(name, user, cursors[name])) for name in names]
        changed = bool(packet.epoch) and not same
        connection.send(packets.Synced(packet.id, self.epoch, entries, epoch_changed=changed or UNSET))
        for name in names:
            log = self.logs.get(self.key(name, user), [])
            start = min(cursors[name], len(log))
            if packet.limit is not None and len(log) - start > packet.limit:
                connection.send(packets.Skip(name, start + 1, len(log) - packet.limit, "limit"))
                start = len(log) - packet.limit
            missed = [replace(event, conversation=name) for event in log[start:]]
            for at in range(0, len(missed), 100):
                connection.send(packets.Backlog(name, missed[at : at + 100], at + 100 < len(missed)))
        connection.is_live = True

    def _post(self, connection: FakeConnection, packet: Any) -> None:
        if self._refused and packet.message_id not in self._refused:
            connection.send(packets.Error("retry_order", "an earlier one first", packet.id))
            return
        if self.refusals:
            code, after_ms = self.refusals.pop(0)
            if code in ("rate_limited", "overloaded", "storage"):
                self._refused = {packet.message_id}
                connection.send(packets.Error(code, "not now", packet.id, retry_after_ms=after_ms))
            else:
                connection.send(packets.Error(code, "never", packet.id))
            return
        self._refused.clear()
        known = self.by_id.get(packet.message_id)
        event = known or self._store(connection, packet)
        if self.swallow_acks:
            self.swallow_acks -= 1
            connection.writer.transport.abort()
            return
        name = self.seen_by(self.key(event.conversation, event.sender), connection.user) or ""
        connection.send(
            packets.Ack(
                packet.id, packet.message_id, name, event.seq, event.timestamp, "success", 1, 0, known is not None
            )
        )

    def _store(self, connection: FakeConnection, packet: Any) -> packets.LogEvent:
        user = connection.user
        if isinstance(packet, packets.PostGroup | packets.PostPrivate):
            name = f"#{packet.group}" if isinstance(packet, packets.PostGroup) else f"@{packet.to}"
            return self._append(
                name, user, packet.message_id, but=connection, content=packet.content, reply_to=packet.reply_to
            )
        target = self.by_id[packet.target]
        place = (target.conversation, 0, packet.message_id, user, user.title(), 0)
        event: packets.LogEvent
        if isinstance(packet, packets.Edit):
            event = packets.Edited(*place, target=packet.target, content=packet.content)
        elif isinstance(packet, packets.Delete):
            event = packets.Deleted(*place, target=packet.target)
        else:
            event = packets.Reaction(*place, target=packet.target, emoji=packet.emoji, removed=packet.removed)
        return self._put(self.key(target.conversation, target.sender), user, event, connection)

    def _history(self, connection: FakeConnection, packet: packets.History) -> None:
        log = self.logs.get(self.key(packet.conversation, connection.user), [])
        if isinstance(packet.after, int):
            page = log[packet.after : packet.after + packet.limit]
            more = packet.after + packet.limit < len(log)
        else:
            end = packet.before - 1 if isinstance(packet.before, int) else len(log)
            page = log[max(0, end - packet.limit) : end]
            more = end > packet.limit
        connection.send(
            packets.Ok(
                packet.id, events=[replace(event, conversation=packet.conversation) for event in page], more=more
            )
        )

    # ---- Waiting ----------------------------------------------------------------------------------------------------

    def count(self, kind: type[packets.Packet]) -> int:
        return sum(isinstance(packet, kind) for packet in self.received)


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop turn until ``condition`` holds; fails after 10 s."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - whatever a test waits for, in any part of the client or the server
            await asyncio.sleep(0.002)
