"""One connection's conversation with the server, after the login. Pure: packets in, events and packets out.

It numbers requests and finds the request that an answer belongs to, lets each event through once and in order, turns
acks of own messages into events of the log, and asks for what is missing.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec import UNSET, Struct, field

from chat_client.core import events
from chat_client.core.answers import presence_of
from chat_client.core.events import Acked, Arrived, Event, Skipped
from chat_client.core.sending import Outgoing, SendQueue
from chat_client.core.sequence import Sequence
from chat_client.core.state import PresenceState
from chat_client.core.text import Safe, safe_line
from chat_protocol import packets
from chat_protocol.errors import TRANSIENT
from chat_protocol.names import Kind, kind_of, mentioned, user_name

__all__ = ["Session", "Step"]

HISTORY_PAGE: Final = 200
TYPING_SHOWN_MS: Final = 5_000
ASK_AGAIN_MS: Final = 1_000

LOG_EVENTS: Final = (
    packets.GroupMessage,
    packets.PrivateMessage,
    packets.SystemMessage,
    packets.Broadcast,
    packets.Notification,
    packets.Edited,
    packets.Deleted,
    packets.Reaction,
)


class Step(Struct):
    """What a batch of packets caused."""

    events: list[Event] = field(default_factory=list)
    """For the state, in order."""
    sends: list[packets.Packet] = field(default_factory=list)
    """To send now, in order."""
    answers: list[tuple[packets.Request, packets.Packet]] = field(default_factory=list)
    """Requests of the caller with what answered them: the last packet for each."""
    confirmed: list[str] = field(default_factory=list)
    """Message ids that are in the log: the outbox may forget them."""
    failed: list[tuple[Outgoing, packets.Error]] = field(default_factory=list)
    """What was refused for good."""
    closing: packets.Error | None = None
    """The server's reason for closing the connection."""


class Session:
    """Made for each connection, with the positions that this device has."""

    def __init__(self, me: str, display_name: str, epoch: str, cursors: Mapping[str, int], queue: SendQueue) -> None:
        self._me = me
        self._display_name = display_name
        self._epoch = epoch
        self._sequences = {name: Sequence(name, cursor) for name, cursor in cursors.items()}
        self._queue = queue
        self._next_id = 1
        self._asked: dict[int, packets.Request] = {}
        self._sent: dict[int, Outgoing] = {}
        self._hole_pages: dict[int, str] = {}
        self._ask_again_ms: dict[str, int] = {}
        self._acks: dict[str, Acked] = {}
        self.is_synced = False
        """Whether ``synced`` came: before that no queued message goes out."""

    # ---- Asking -----------------------------------------------------------------------------------------------------

    def request(self, kind: type[packets.Request], /, **members: Any) -> packets.Request:
        """Return a request with an id of its own; its answer comes out of :meth:`receive` with it."""
        packet = kind(id=self._take_id(), **members)
        self._asked[packet.id] = packet
        return packet

    def forget(self, request: packets.Request) -> None:
        """Nobody waits for the answer any more."""
        self._asked.pop(request.id, None)

    def sync(self, limit: int | None) -> packets.Request:
        """Return the request that asks for what was missed."""
        cursors = {name: sequence.cursor for name, sequence in self._sequences.items()}
        return self.request(packets.Sync, epoch=self._epoch, cursors=cursors, limit=limit)

    def pump(self, now_ms: int) -> list[packets.Packet]:
        """Return the queued messages that go out now, and questions about holes that are to be asked again."""
        if not self.is_synced:
            return []
        out: list[packets.Packet] = []
        for item in self._queue.next_items(now_ms):
            request_id = self._take_id()
            self._sent[request_id] = item
            out.append(item.packet(request_id))
        for conversation, due_ms in list(self._ask_again_ms.items()):
            if due_ms <= now_ms:
                del self._ask_again_ms[conversation]
                out += self._ask_for_hole(self._sequences[conversation])
        return out

    def next_due_ms(self, now_ms: int) -> int | None:
        """Return when :meth:`pump` has something to do again without a packet coming; None: never."""
        dues = [*self._ask_again_ms.values()]
        pause = self._queue.next_due_ms(now_ms)
        if pause is not None:
            dues.append(pause)
        return min(dues, default=None)

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    # ---- Receiving --------------------------------------------------------------------------------------------------

    def receive(self, batch: Iterable[packets.ServerPacket], now_ms: int) -> Step:
        """Take packets in the order in which they came."""
        step = Step()
        run: dict[str, list[packets.LogEvent]] = {}
        for packet in batch:
            name = getattr(packet, "conversation", None)
            if isinstance(name, str) and not _is_conversation(name):
                continue  # no server of ours says that; what it would mean cannot be shown
            if isinstance(packet, LOG_EVENTS):
                run.setdefault(packet.conversation, []).append(packet)
            elif isinstance(packet, packets.Backlog):
                if not packet.events:
                    continue  # a page of nothing tells nothing
                run.setdefault(packet.conversation, []).extend(packet.events)
            else:
                self._take_run(run, step)
                self._take(packet, step, now_ms)
        self._take_run(run, step)
        return step

    def _take_run(self, run: dict[str, list[packets.LogEvent]], step: Step) -> None:
        for conversation, entries in run.items():
            sequence = self._sequence(conversation, entries[0].seq - 1)
            self._pass_on(sequence, sequence.take(entries), step)
        run.clear()

    def _take(self, packet: packets.ServerPacket, step: Step, now_ms: int) -> None:
        match packet:
            case packets.Ack():
                self._acked(packet, step)
            case packets.Ok():
                self._answered(packet.re, packet, step)
            case packets.Error():
                self._refused(packet, step, now_ms)
            case packets.Synced():
                self._synced(packet, step)
            case packets.ConversationChanged():
                self._conversation(packet, step)
            case packets.Skip():
                sequence = self._sequence(packet.conversation, packet.from_ - 1)
                self._pass_on(sequence, sequence.skip(packet.from_, packet.to, packet.reason), step)
            case packets.ReadMoved():
                step.events.append(events.ReadReceived(packet.conversation, packet.user, packet.seq))
            case packets.TypingNow():
                until = now_ms + TYPING_SHOWN_MS
                step.events.append(events.TypingReceived(packet.conversation, packet.user, until))
            case packets.PresenceNow():
                _add_presence(step, (packet.user, presence_of(packet.state), safe_line(packet.text)))
            case packets.Ping():
                step.sends.append(packets.Pong(packet.id))
            case _:
                pass  # a second welcome or session, a pong: nothing to do

    # ---- Order ------------------------------------------------------------------------------------------------------

    def _sequence(self, conversation: str, cursor: int) -> Sequence:
        sequence = self._sequences.get(conversation)
        if sequence is None:
            sequence = self._sequences[conversation] = Sequence(conversation, max(cursor, 0))
        return sequence

    def _pass_on(self, sequence: Sequence, ready: list[Arrived | Skipped], step: Step) -> None:
        for item in ready:
            step.events.append(item)
            if isinstance(item, Arrived):
                self._confirm(item, step)
        step.sends += self._ask_for_hole(sequence)

    def _confirm(self, arrived: Arrived, step: Step) -> None:
        """Own messages that stand in the log now need no sending any more; the ack tells how far they got."""
        for event in arrived.events:
            if event.sender != self._me:
                continue
            ack = self._acks.pop(event.message_id, None)
            if ack is not None:
                step.events.append(ack)
            if event.message_id in self._queue:
                self._queue.done(event.message_id)
                step.confirmed.append(event.message_id)

    def _ask_for_hole(self, sequence: Sequence) -> list[packets.Packet]:
        """Ask for what is missing, unless an ack that is on its way may be it."""
        after = sequence.hole()
        name = sequence.conversation
        if after is None or name in self._ask_again_ms or self._expects_ack(name):
            return []
        sequence.is_asking = True
        packet = packets.History(self._take_id(), name, after=after, limit=HISTORY_PAGE)
        self._hole_pages[packet.id] = name
        return [packet]

    def _expects_ack(self, conversation: str) -> bool:
        if self._queue.flying_in(conversation):
            return True
        posts = (packets.PostBroadcast, packets.PostNotification)
        return conversation.startswith("!") and any(isinstance(asked, posts) for asked in self._asked.values())

    # ---- Answers ----------------------------------------------------------------------------------------------------

    def _acked(self, ack: packets.Ack, step: Step) -> None:
        asked = self._asked.pop(ack.re, None)
        if asked is not None:
            step.answers.append((asked, ack))
        item = self._sent.pop(ack.re, None)
        event = self._own_event(item or asked, ack)
        sequence = self._sequence(ack.conversation, ack.seq - 1) if event is not None else None
        told = Acked(ack.conversation, ack.message_id, ack.seq, ack.timestamp, ack.result, ack.delivered, ack.stored)
        if item is not None and self._queue.done(item.message_id) is not None:
            step.confirmed.append(item.message_id)
        if sequence is None or event is None:
            return
        if ack.seq <= sequence.cursor:
            step.events.append(told)  # its event came before, in a page of the log
        else:
            self._acks[ack.message_id] = told
        self._pass_on(sequence, sequence.take([event]), step)

    def _own_event(self, asked: Outgoing | packets.Request | None, ack: packets.Ack) -> packets.LogEvent | None:
        """Return the event that an ack confirms, as another device of this user gets it pushed."""
        place = {
            "conversation": ack.conversation,
            "seq": ack.seq,
            "message_id": ack.message_id,
            "sender": self._me,
            "sender_name": self._display_name,
            "timestamp": ack.timestamp,
        }
        match asked:
            case Outgoing():
                return _event_of(asked, place)
            case packets.PostBroadcast():
                return packets.Broadcast(content=asked.content, **place)  # type: ignore[arg-type]
            case packets.PostNotification() if asked.to == self._me:
                about = {"about": asked.about, "about_seq": asked.about_seq}
                return packets.Notification(kind=asked.kind, content=asked.content, **about, **place)  # type: ignore[arg-type]
            case _:
                return None

    def _answered(self, request_id: int, answer: packets.Ok, step: Step) -> None:
        name = self._hole_pages.pop(request_id, None)
        if name is not None:
            sequence = self._sequences[name]
            page = answer.events if isinstance(answer.events, list) else []
            self._pass_on(sequence, sequence.answer(page, answer.more is True), step)
            return
        asked = self._asked.pop(request_id, None)
        if asked is not None:
            step.answers.append((asked, answer))

    def _refused(self, error: packets.Error, step: Step, now_ms: int) -> None:
        if not isinstance(error.re, int):
            step.closing = error
            return
        asked = self._asked.pop(error.re, None)
        if asked is not None:
            step.answers.append((asked, error))
        item = self._sent.pop(error.re, None)
        if item is not None:
            self._item_refused(item, error, step, now_ms)
        name = self._hole_pages.pop(error.re, None)
        if name is not None:
            self._hole_refused(self._sequences[name], error, step, now_ms)

    def _item_refused(self, item: Outgoing, error: packets.Error, step: Step, now_ms: int) -> None:
        after_ms = error.retry_after_ms if isinstance(error.retry_after_ms, int) else None
        if self._queue.refused(item.message_id, error.code, after_ms, now_ms):
            reason = safe_line(error.message)
            step.events.append(events.MessageWaits(item.conversation, item.message_id, reason))
        elif self._queue.done(item.message_id) is not None:
            step.failed.append((item, error))
        sequence = self._sequences.get(item.conversation)
        if sequence is not None:
            step.sends += self._ask_for_hole(sequence)

    def _hole_refused(self, sequence: Sequence, error: packets.Error, step: Step, now_ms: int) -> None:
        if error.code in TRANSIENT or error.code == "internal":
            sequence.is_asking = False
            after_ms = error.retry_after_ms if isinstance(error.retry_after_ms, int) else 0
            self._ask_again_ms[sequence.conversation] = now_ms + max(after_ms, ASK_AGAIN_MS)
        else:  # not a member any more, say: nobody can tell what was there
            self._pass_on(sequence, sequence.answer((), False), step)

    # ---- Where conversations stand ----------------------------------------------------------------------------------

    def _synced(self, synced: packets.Synced, step: Step) -> None:
        if synced.epoch_changed is True or (self._epoch and synced.epoch != self._epoch):
            self._sequences.clear()
            step.events.append(events.EpochReplaced(synced.epoch))
        self._epoch = synced.epoch
        entries = tuple(entry for entry in synced.conversations if _is_conversation(entry.conversation))
        for entry in entries:
            sequence = self._sequence(entry.conversation, entry.cursor)
            # A position above the log's end was cut by the server: the log is what it says it is.
            sequence.cursor = min(sequence.cursor, entry.last_seq)
        self.is_synced = True
        step.events.append(events.Synced(synced.epoch, entries))
        asked = self._asked.pop(synced.re, None)
        if asked is not None:
            step.answers.append((asked, synced))

    def _conversation(self, entry: packets.ConversationChanged, step: Step) -> None:
        step.events.append(events.EntryChanged(entry))
        sequence = self._sequence(entry.conversation, entry.cursor)
        if entry.cursor > sequence.cursor:
            # Joined again: what happened meanwhile is not pushed, but may be there for the asking.
            self._pass_on(sequence, sequence.skip(sequence.cursor + 1, entry.cursor, "limit"), step)


def _add_presence(step: Step, person: tuple[str, PresenceState, Safe]) -> None:
    """Gather presences that come one after another: each change of the state copies the table of people."""
    last = step.events[-1] if step.events else None
    if isinstance(last, events.PresenceReceived):
        step.events[-1] = events.PresenceReceived((*last.people, person))
    else:
        step.events.append(events.PresenceReceived((person,)))


@lru_cache(maxsize=4_096)
def _is_conversation(name: str) -> bool:
    """Tell whether a name is one that protocol.md 2 allows."""
    match kind_of(name):
        case Kind.GROUP | Kind.PRIVATE:
            try:
                return user_name(name[1:]) == name[1:]
            except ValueError:
                return False
        case Kind.ANNOUNCEMENTS | Kind.NOTIFICATIONS:
            return True
        case None:
            return False


def _event_of(item: Outgoing, place: dict[str, Any]) -> packets.LogEvent:
    """Return the event that ``item`` became at ``place``."""
    reply_to = UNSET if item.reply_to is None else item.reply_to
    match item.kind:
        case "edit":
            return packets.Edited(target=item.target, content=item.content, **place)
        case "delete":
            return packets.Deleted(target=item.target, **place)
        case "react":
            return packets.Reaction(target=item.target, emoji=item.emoji, removed=item.removed, **place)
        case "message":
            kind = packets.GroupMessage if item.conversation.startswith("#") else packets.PrivateMessage
            return kind(content=item.content, reply_to=reply_to, mentions=tuple(mentioned(item.content)), **place)
