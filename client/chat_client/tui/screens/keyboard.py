"""What the keys of the chat screen do."""

import os
import subprocess
import time
import webbrowser
from typing import Final

from textual import events, on
from textual.app import SuspendNotSupported
from textual.message import Message as Event

from chat_client.core.language import tr, tr_n
from chat_client.core.results import Listing, Opened, Row
from chat_client.core.state import Message
from chat_client.core.text import safe_line
from chat_client.tui.drawing import Row as DrawnRow
from chat_client.tui.editor import edit_text, editor_command
from chat_client.tui.inline import find_links, host_of
from chat_client.tui.panes import SECTION, SERVER
from chat_client.tui.screens.dialogs import ListingScreen, Question
from chat_client.tui.screens.help import HelpScreen, help_rows
from chat_client.tui.screens.parts import ChatParts, characters
from chat_client.tui.screens.search import SearchScreen
from chat_client.tui.screens.since import SinceScreen
from chat_client.tui.screens.switcher import Switcher
from chat_client.tui.widgets.composer import Composer
from chat_protocol.limits import MAX_CONTENT_CHARS

__all__ = ["ChatKeys"]

TWICE_S: Final = 2.0
"""How soon ctrl+c has to come again to mean quit."""


class ChatKeys(ChatParts):
    """The actions behind the keys in :mod:`chat_client.tui.keys`."""

    class ServerWanted(Event):
        """The user wants to see another account's window."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    _interrupted_at = float("-inf")
    _last_room: str | None = None

    # ---- Going from one conversation to another ---------------------------------------------------------------------

    def action_next_unread(self) -> None:
        """Go to what waits most urgently: unread lines above, mentions, then the conversation that waits longest."""
        transcript = self.transcript
        first = transcript.first_unread()
        if first is not None and not transcript.viewport.is_whole(first):
            transcript.to_index(first, align=0.2)
        else:
            self.next_elsewhere()

    def next_elsewhere(self) -> None:
        """Go to the conversation that waits most urgently, whatever is unread in this one."""
        state = self.client.state
        waiting = [entry for entry in state.conversations.values() if entry.unread and entry.name != state.current]
        loud = [entry for entry in waiting if not entry.muted]
        if not loud:
            elsewhere = [mark for mark in self.servers if mark.unread and not mark.is_front]
            if elsewhere:
                self.post_message(self.ServerWanted(max(elsewhere, key=lambda mark: mark.mentions).key))
                return
            self.app.notify(tr("nothing is unread"), markup=False, timeout=2)
            return
        named = [entry for entry in loud if entry.mentions]
        self.visit(min(named or loud, key=lambda entry: entry.last_timestamp_ms).name)

    def action_room(self, step: int) -> None:
        """Go to the next conversation of the list, as it stands there."""
        keys = [row.key for row in self.rooms.rows if row.key and not row.key.startswith((SECTION, SERVER))]
        current = self.client.state.current
        if keys:
            place = keys.index(current) if current in keys else -step
            self.visit(keys[(place + step) % len(keys)])

    def action_last_room(self) -> None:
        """Go back to the conversation before this one."""
        if self._last_room is not None and self._last_room in self.client.state.conversations:
            self.visit(self._last_room)

    def visit(self, name: str) -> None:
        """Open a conversation and remember the one before."""
        current = self.client.state.current
        if current != name:
            self._last_room = current
        self.open(name)

    def action_switch(self) -> None:
        """Open the quick switcher."""

        def chosen(name: str | None) -> None:
            if name:
                self.visit(name)

        self.lay_over(Switcher(self.client.state, self.looks), chosen)

    def action_search(self) -> None:
        """Open the search."""

        def chosen(opened: Opened | None) -> None:
            if opened is not None:
                self._last_room = self.client.state.current
                self.doing.start(self.doing.open(opened))

        self.lay_over(SearchScreen(self.client, self.looks), chosen)

    def action_catch_up(self) -> None:
        """Show what happened since the user left."""

        def chosen(opened: Opened | None) -> None:
            if opened is not None:
                self._last_room = self.client.state.current
                self.doing.start(self.doing.open(opened))

        self.lay_over(SinceScreen(self.client, self.looks, self.config.time_format), chosen)

    # ---- Moving through the transcript ------------------------------------------------------------------------------

    def action_scroll(self, pages: int) -> None:
        """Go up or down by a page."""
        if self.focused in (self.rooms, self.members):
            self.query_one(f"#{self.focused.id}", type(self.rooms)).action_page(pages)
        else:
            self.transcript.move(pages * self.transcript.page)

    def action_end(self) -> None:
        """Go to the newest line; while something is written, to the end of the line."""
        if self.focused is self.composer and self.composer.text:
            self.composer.action_cursor_line_end()
        elif self.focused in (self.rooms, self.members):
            self.query_one(f"#{self.focused.id}", type(self.rooms)).action_edge(1)
        else:
            self.action_newest()

    def action_newest(self) -> None:
        """Go to the newest line."""
        self.transcript.choose_none()
        self.transcript.to_end()

    def action_oldest(self) -> None:
        """Go to the oldest line that is loaded."""
        self.transcript.to_start()

    def action_mention(self, step: int) -> None:
        """Go to the message before or behind this place that names the user."""
        found = self.transcript.find_mention(step)
        if found is None:
            above, below = (
                tr("nobody named you above, as far as is loaded"),
                tr("nobody named you below, as far as is loaded"),
            )
            self.app.notify(above if step < 0 else below, markup=False, timeout=2)
        else:
            self.transcript.to_seq(found)

    def action_select(self) -> None:
        """Begin to choose a message."""
        self.transcript.focus()
        if self.transcript.chosen is None:
            self.transcript.choose(-1)

    def action_choose(self, step: int) -> None:
        """Choose the message above or below."""
        self.transcript.choose(step)

    # ---- A chosen message -------------------------------------------------------------------------------------------

    def action_message(self, what: str) -> None:
        """Do something with the chosen message."""
        if what == "enter" and self.transcript.unfold_chosen():
            return
        message = self.transcript.chosen
        if message is None:
            self.action_select()
            return
        name = self.transcript.conversation
        match what:
            case "reply" | "edit":
                self._write_about(what, message)
            case "delete":
                self.doing.start(self._delete(name, message))
            case "react":
                self._react_to(message)
            case "receipts":
                self.doing.start(self.doing.about(name, message))
            case "copy":
                self.copy(message.content)
            case "open":
                for url in find_links(message.content)[:1]:
                    self.open_link(url)
            case _:
                self._go_from(name, message)

    def _write_about(self, kind: str, message: Message) -> None:
        if message.deleted or not message.seq:
            self.app.notify(tr("that is not possible with this message"), markup=False, severity="warning")
        elif kind == "edit" and not message.mine:
            self.app.notify(tr("only your own messages can be edited"), markup=False, severity="warning")
        else:
            self.transcript.choose_none()
            self.begin_about(kind, message)

    def action_edit_last(self) -> None:
        """Edit the newest message of the user's own in this conversation."""
        if not self.edit_last():
            self.app.notify(tr("there is no message of yours to edit"), markup=False, timeout=2)

    def edit_last(self) -> bool:
        """Begin to edit the newest message of one's own; return whether there is one."""
        entry = self.client.state.conversations.get(self.transcript.conversation)
        for line in reversed(entry.timeline if entry is not None else ()):
            if isinstance(line, Message) and line.mine and line.seq and not line.deleted:
                self._write_about("edit", line)
                return True
        return False

    def _react_to(self, message: Message) -> None:
        if not message.seq:
            self.app.notify(tr("this message is not sent yet"), markup=False, severity="warning")
        else:
            self.composer.set_text(f"/react ^{message.seq} :")
            self.composer.focus()

    def _go_from(self, name: str, message: Message) -> None:
        """Go to what a message answers, or is about."""
        entry = self.client.state.conversations.get(name)
        target = entry.timeline.by_id(message.reply_to) if entry is not None and message.reply_to else None
        if target is not None:
            self.transcript.to_seq(target.seq)
        elif message.about and message.about in self.client.state.conversations:
            self.doing.start(self.doing.open(Opened(message.about, message.about_seq or 0)))

    async def _delete(self, name: str, message: Message) -> None:
        text = " ".join(message.content.split())[:200]
        question = Question(tr("Delete this message for everybody?"), text, tr("Delete"), careful=True)
        if await self.app.push_screen_wait(question):
            await self.doing.delete(name, message)

    def open_link(self, url: str) -> None:
        """Open an address in the browser, after asking: its real host is told."""

        def answered(yes: bool | None) -> None:
            if yes:
                webbrowser.open(url)

        self.lay_over(
            Question(
                tr("Open this address?"),
                f"{url}\n\n{tr('It leads to {host}').format(host=host_of(url))}",
                tr("Open"),
            ),
            answered,
        )

    def action_links(self) -> None:
        """List the links on the screen, the newest first."""
        urls = [url for message in reversed(self.transcript.visible_messages()) for url in find_links(message.content)]
        rows = tuple(Row((safe_line(url),), url) for url in dict.fromkeys(urls))
        if not rows:
            self.app.notify(tr("there is no link on the screen"), markup=False, timeout=2)
            return

        def chosen(opened: Opened | None) -> None:
            if opened is not None:
                self.open_link(opened.conversation)

        listing = Listing(tr("Links on the screen"), (tr("address"),), rows)
        self.lay_over(ListingScreen(listing, self.looks), chosen)

    def action_editor(self) -> None:
        """Write in the user's editor. Everything else waits meanwhile: the terminal belongs to the editor."""
        command = editor_command(os.environ)
        if not command:
            self.app.notify(tr("set EDITOR to the command of your editor first"), severity="warning", markup=False)
            return
        try:
            with self.app.suspend():
                text = edit_text(command, self.composer.text, self.client.profile.directory)
        except (OSError, subprocess.CalledProcessError, UnicodeDecodeError, SuspendNotSupported) as error:
            self.app.notify(tr("the editor did not work: {error}").format(error=error), severity="error", markup=False)
            return
        self.composer.set_text(text)
        self.composer.focus()

    # ---- The screen -------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Show keys and commands."""
        bindings = [*self.active_bindings.values()]
        keys, is_admin = self.config.keys, self.client.state.is_admin

        def rows_of(width: int) -> list[DrawnRow]:
            return help_rows(self.app, bindings, keys, width, is_admin=is_admin)

        self.lay_over(HelpScreen(rows_of, self.looks))

    def action_rooms(self) -> None:
        """Show or hide the conversations; where there is no room for them, go to one."""
        if self.has_class("-slim"):
            self.action_switch()
        else:
            self.toggle_class("-no-rooms")

    def action_members(self) -> None:
        """Show or hide the members; where there is no room for them, list them."""
        if self.has_class("-wide"):
            self.toggle_class("-no-members")
        else:
            self.doing.start(self.doing.command("/who"))

    def action_redraw(self) -> None:
        """Draw everything anew."""
        self.refresh(repaint=True, layout=True)

    def action_retry(self) -> None:
        """Try to connect now."""
        self.client.retry_now()

    def action_interrupt(self) -> None:
        """Copy what is selected; else clear the line; else quit, if it comes twice."""
        selected = self.get_selected_text()
        if selected:
            self.copy(selected)
            self.clear_selection()
            return
        if self.composer.text or self.about is not None:
            self.drop_about()
            self.composer.set_text("")
            self._interrupted_at = float("-inf")
            return
        now = time.monotonic()
        if now - self._interrupted_at < TWICE_S:
            self.app.exit()
            return
        self._interrupted_at = now
        self.app.notify(tr("press ctrl+c again to quit"), markup=False, timeout=TWICE_S)

    def action_back(self) -> None:
        """Go one step back: offers, the message that is answered or edited, the choice, the way up, the focus."""
        if self.popup.close():
            self.composer.has_offers = False
        elif self.drop_about() or self.transcript.choose_none() or self.focused is not self.composer:
            self.composer.focus()
        elif not self.transcript.follows:
            self.transcript.to_end()

    @on(Composer.LongPaste)
    def _long_paste(self, event: Composer.LongPaste) -> None:
        """Ask whether so much was meant."""
        lines, size = event.text.rstrip("\n").count("\n") + 1, len(event.text)
        fits = event.text[:MAX_CONTENT_CHARS]

        def answered(yes: bool | None) -> None:
            if yes:
                self.composer.insert(fits)

        text = f"{tr_n('{count:,} line', '{count:,} lines', lines)}{tr(', ')}{characters(event.text)}"
        if len(fits) == size:
            question = Question(tr("Paste all of this?"), text, tr("Paste"))
        else:
            text += tr("; a message holds {most:,}, the rest would be left out").format(most=MAX_CONTENT_CHARS)
            question = Question(tr("Paste the beginning of this?"), text, tr("Paste the beginning"), careful=True)
        self.lay_over(question, answered)

    def on_key(self, event: events.Key) -> None:
        """Type into the composer whatever is typed elsewhere and means nothing there."""
        if self.focused is self.composer or event.key in self.active_bindings or "alt" in event.key:
            return
        if event.is_printable and event.character:
            event.stop()
            self.composer.focus()
            self.composer.insert(event.character)
