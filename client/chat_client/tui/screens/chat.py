"""The chat: it hands the client's state to the parts of the screen, and what they tell to the client."""

import time
from typing import Final

import msgspec
from textual import on
from textual.geometry import Offset

from chat_client.core.client import ChatClient
from chat_client.core.completion import complete
from chat_client.core.config import ClientConfig
from chat_client.core.language import tr
from chat_client.core.state import ClientState
from chat_client.tui.looks import Looks
from chat_client.tui.memory import Memory
from chat_client.tui.panes import SECTION, SERVER, banner_row, header_row, member_rows, room_rows, status_row
from chat_client.tui.screens.doing import Doing
from chat_client.tui.screens.keyboard import ChatKeys
from chat_client.tui.widgets.composer import Composer
from chat_client.tui.widgets.feed import Notes
from chat_client.tui.widgets.rows import Bar, RowList
from chat_client.tui.widgets.transcript import Transcript
from chat_client.tui.widgets.viewport import Place

__all__ = ["ChatScreen"]

COUNTDOWN_S: Final = 0.5


class ChatScreen(ChatKeys):
    """Everything that is on the screen while one chats."""

    def __init__(self, client: ChatClient, config: ClientConfig, looks: Looks, memory: Memory) -> None:
        super().__init__(client, config, looks)
        self.memory = memory
        for line in memory.lines:
            self.composer.remember(line)
        for part in ("no-rooms", "no-members"):
            self.set_class(part in memory.hidden, f"-{part}")
        for pane in (self.rooms, self.members):
            pane.set_width(memory.widths.get(str(pane.id), 0))
        self.doing = Doing(self, client)
        self._state = ClientState()
        self._places: dict[str, Place | None] = {name: Place(*place) for name, place in memory.places.items()}
        self._notes: dict[str, Notes] = {}
        self._jump: tuple[str, int] | None = None
        self._has_greeted = False
        self._is_ready = False
        """Whether all parts are there; what comes before is shown when they are."""

    def on_mount(self) -> None:
        """Show what is known and stand in the composer."""
        self._is_ready = True
        self.composer.focus()
        self.set_interval(COUNTDOWN_S, self._count_down)
        self.settle_frame()
        self.show_state(self.client.state)

    # ---- State ------------------------------------------------------------------------------------------------------

    def show_state(self, state: ClientState) -> None:
        """Draw what is different from the state that is on the screen."""
        if not self._is_ready:
            return
        if state.current is None:
            state = self._open_first(state)
        before, self._state = self._state, state
        if state.current is not None:
            self.memory.open(state.current)
        glyphs = self.looks.glyphs
        self._show_header(state)
        status = status_row(state, glyphs, self.key("chat-next-unread"))
        if status != self.status.row:
            self.status.show(status)
            self.settle_frame()
        self._count_down()
        self._show_transcript(state)
        people_changed = state.people is not before.people
        if people_changed or state.conversations is not before.conversations or not self.rooms.rows:
            self._let_go(state)
            self.show_rooms()
            entry = state.conversations.get(state.current or "")
            old = before.conversations.get(before.current or "")
            if people_changed or old is None or entry is None or (entry.name, entry.members) != (old.name, old.members):
                self.members.set_rows(member_rows(state, entry, glyphs))
            if old is not None and entry is not None and entry.joined != old.joined:
                self.settle_frame()

    def _show_header(self, state: ClientState) -> None:
        is_alone = self.has_class("-low") and not self.rooms.display
        self.header.show(header_row(state, self.looks.glyphs, is_alone=is_alone))

    def _show_around(self) -> None:
        self._show_header(self._state)
        self.settle_frame()

    def on_resize(self) -> None:
        """Tell at the top, and in the composer's border, what there is no other place for any more."""
        if self._is_ready:
            self.call_after_refresh(self._show_around)

    def set_looks(self, looks: Looks) -> None:
        """Draw everything with other colours or other signs."""
        super().set_looks(looks)
        if self._is_ready:
            self._state = msgspec.structs.replace(self._state, people={}, conversations={})
            self.show_state(self.client.state)

    def show_rooms(self) -> None:
        """Draw the list of conversations."""
        if self._is_ready:
            state = self._state
            rows = room_rows(state, self.looks.glyphs, self.servers, self.memory.hidden)
            self.rooms.set_rows(rows, state.current or "")

    def keep_place(self) -> None:
        """Have the memory know where the reader stands, and what is put away."""
        for name, place in (*self._places.items(), (self.transcript.conversation, self.transcript.place)):
            if name:
                self.memory.stood(name, (place.key, place.offset) if place is not None else None)
        for part in ("no-rooms", "no-members"):
            self.memory.hide(part, self.has_class(f"-{part}"))
        for pane in (self.rooms, self.members):
            self.memory.size(str(pane.id), pane.wanted)

    def _open_first(self, state: ClientState) -> ClientState:
        """Open, when nothing is open yet, what was open last time, else what is most urgent."""
        there = {name: entry for name, entry in state.conversations.items() if entry.joined or entry.unread}
        if self.memory.room in there:
            self.client.open(self.memory.room)
        elif there:
            self.client.open(min(there.values(), key=lambda entry: entry.sort_key).name)
        return self.client.state

    def _show_transcript(self, state: ClientState) -> None:
        entry = state.conversations.get(state.current or "")
        transcript = self.transcript
        if entry is None:
            self.composer.placeholder = tr("/join #group, /create #group or /msg @user to begin; {key} helps").format(
                key=self.key("chat-help")
            )
            if state.link.synced and not self._has_greeted:
                self._has_greeted = True
                self.doing.start(self.doing.greet())
            return
        if transcript.conversation != entry.name:
            if transcript.conversation:
                self._places[transcript.conversation] = transcript.place
                self._notes[transcript.conversation] = transcript.feed.notes
            transcript.show(entry, state, self._places.get(entry.name), self._notes.get(entry.name))
            self.about = None
            self.composer.set_text(entry.draft)
            self.popup.close()
            self.settle_frame()
        else:
            transcript.update(entry)
        if self._jump is not None and self._jump[0] == entry.name and transcript.to_seq(self._jump[1]):
            self._jump = None

    def _let_go(self, state: ClientState) -> None:
        """Keep memory flat: of a conversation whose end is on the screen, or that is not, the beginning may go."""
        for name in state.conversations:
            if name != state.current or self.transcript.follows:
                self.client.let_go(name)

    def _count_down(self) -> None:
        state = self._state
        if state.link.status == "connecting" and not self.banner.display:
            return  # most connections are there before anybody has read that they are being made
        now_ms = time.time_ns() // 1_000_000
        self.banner.show(banner_row(state, now_ms, self.looks.glyphs, self.key("chat-retry")))

    def go_to(self, name: str, seq: int) -> None:
        """Bring a loaded line on the screen, as soon as the transcript has it."""
        self._jump = (name, seq)
        self.show_state(self.client.state)

    # ---- What was seen ----------------------------------------------------------------------------------------------

    @on(Transcript.Showed)
    def _showed(self, event: Transcript.Showed) -> None:
        """Move the read marker, if anybody can have seen it: this screen in front, the terminal in focus."""
        if self.is_current and self._state.focused and event.conversation == self._state.current:
            self.client.shown(event.conversation, event.first_seq, event.last_seq)

    def on_screen_resume(self) -> None:
        """Look again at what a dialog has covered."""
        self.transcript.tell()

    def focus_changed(self, focused: bool) -> None:
        """Note that the user came back to the terminal, or left it."""
        self.client.set_focus(focused)
        self.show_state(self.client.state)
        if focused and self._is_ready:
            self.transcript.tell()

    @on(Transcript.OlderWanted)
    def _older_wanted(self) -> None:
        self.doing.load_older(self.transcript.conversation)

    @on(Transcript.GapReached)
    def _gap_reached(self, event: Transcript.GapReached) -> None:
        newest_first = not self.transcript.is_last_row(event.gap)
        self.doing.fill_gap(self.transcript.conversation, event.gap, newest_first=newest_first, is_asked=event.is_asked)

    @on(Transcript.LinkClicked)
    def _link_clicked(self, event: Transcript.LinkClicked) -> None:
        self.open_link(event.url)

    @on(RowList.Chosen, "#rooms")
    def _room_chosen(self, event: RowList.Chosen) -> None:
        if event.key.startswith(SERVER):
            self.post_message(self.ServerWanted(event.key.removeprefix(SERVER)))
        elif event.key.startswith(SECTION):
            part = event.key.removeprefix(SECTION)
            self.memory.hide(part, part not in self.memory.hidden)
            self.show_rooms()
        else:
            self.open(event.key)

    @on(RowList.Chosen, "#members")
    def _member_chosen(self, event: RowList.Chosen) -> None:
        self.visit(event.key)

    @on(Bar.Clicked, "#status")
    def _status_clicked(self) -> None:
        self.next_elsewhere()

    @on(Bar.Clicked, "#banner")
    def _banner_clicked(self) -> None:
        self.client.retry_now()

    # ---- Composer ---------------------------------------------------------------------------------------------------

    @on(Composer.Sent)
    def _sent(self) -> None:
        if self.popup.is_open and self.popup.was_moved:
            self._take_offer()
            return
        current = self._state.current
        if not self.composer.text.strip():
            return
        about, self.about = self.about, None
        text = self.composer.take()
        self.memory.wrote(text)
        self.popup.close()
        if current is not None:
            self.client.set_draft(current, "")
        self.settle_frame()
        if about is not None and about[0] == "edit" and current is not None:
            self.doing.start(self.doing.edit(current, about[1], text))
        else:
            self.doing.start(self.doing.say(text, current, about[1] if about is not None else None))

    def give_back(self, text: str, conversation: str | None) -> None:
        """Put a text that could not be sent back into the composer, unless something else is there by now."""
        if conversation == self._state.current and not self.composer.text:
            self.composer.set_text(text)
        elif conversation is not None and conversation != self._state.current:
            self.client.set_draft(conversation, text)

    @on(Composer.Changed)
    def _changed(self) -> None:
        text, current = self.composer.text, self._state.current
        self.keep_draft()
        if text and current is not None and self.config.typing and not text.startswith("/"):
            self.client.typing(current)
        self._offer()

    @on(Composer.SelectionChanged)
    def _caret_moved(self) -> None:
        self._offer()

    def _offer(self) -> None:
        """Show what could stand at the caret."""
        text, caret = self.composer.text, self.composer.caret
        composer = self.composer
        if not composer.has_focus or not text or not composer.selection.is_empty or composer.is_recalled:
            self.popup.close()
        else:
            completion = complete(text, caret, self._state)
            at = self.composer.cursor_screen_offset
            self.popup.open(completion, Offset(at.x - (caret - completion.start), self.frame.region.y))
        self.composer.has_offers = self.popup.is_open

    @on(Composer.CompletionWanted)
    def _completion_wanted(self) -> None:
        if self.popup.is_open:
            self._take_offer()
        elif not self.composer.text:
            self.focus_next()

    @on(Composer.Moved)
    def _offer_moved(self, event: Composer.Moved) -> None:
        self.popup.was_moved = True
        self.popup.action_step(event.step)

    @on(Composer.BackWanted)
    def _back_wanted(self) -> None:
        """Edit the last message, or go into the history; from an edit that changed nothing, too."""
        if self.about is not None and self.about[0] == "edit":
            self.drop_about()
            self.composer.set_text("")
            self.composer.recall()
        elif self.about is not None or not self.config.up_edits or not self.edit_last():
            self.composer.recall()

    @on(RowList.Chosen, "#popup")
    def _take_offer(self) -> None:
        completion = self.popup.completion
        offer = completion.candidates[self.popup.choice]
        self.popup.close()
        self.composer.focus()
        self.composer.replace_range(completion.start, completion.end, offer.text)
