"""The keys, all of them with an id by which a user can give them another key. One table per place."""

from typing import Final

from textual.binding import Binding, BindingType

from chat_client.core.language import mark

__all__ = [
    "CHAT_BINDINGS",
    "EDITING",
    "GENERAL_BINDINGS",
    "HINTS",
    "MESSAGE_BINDINGS",
    "MESSAGE_HINTS",
    "PANE_BINDINGS",
]

GENERAL_BINDINGS: Final[list[BindingType]] = [
    Binding("ctrl+q", "quit", mark("Quit"), priority=True, id="app-quit"),
    Binding("ctrl+p", "command_palette", mark("Commands"), priority=True, id="app-palette"),
    Binding("f6", "server(1)", mark("Next server"), priority=True, id="app-server"),
    Binding("ctrl+z", "suspend_process", mark("To the background (fg comes back)"), priority=True, id="app-suspend"),
]

CHAT_BINDINGS: Final[list[BindingType]] = [
    Binding("alt+a", "next_unread", mark("Next unread"), priority=True, id="chat-next-unread"),
    Binding("ctrl+k,ctrl+g", "switch", mark("Go to a conversation"), priority=True, id="chat-switch"),
    Binding("alt+up", "room(-1)", mark("Previous conversation"), priority=True, id="chat-previous"),
    Binding("alt+down", "room(1)", mark("Next conversation"), priority=True, id="chat-next"),
    Binding("alt+s", "last_room", mark("Last conversation"), priority=True, id="chat-last"),
    Binding("pageup", "scroll(-1)", mark("Older messages"), priority=True, id="chat-page-up"),
    Binding("pagedown", "scroll(1)", mark("Newer messages"), priority=True, id="chat-page-down"),
    Binding("end", "end", mark("Newest message (composer empty)"), priority=True, id="chat-end"),
    Binding("ctrl+end,alt+end", "newest", mark("Newest message"), priority=True, id="chat-newest"),
    Binding("ctrl+home,alt+home", "oldest", mark("Oldest message"), priority=True, id="chat-oldest"),
    Binding("ctrl+f", "search", mark("Search"), priority=True, id="chat-search"),
    Binding("ctrl+s", "select", mark("Choose a message"), priority=True, id="chat-select"),
    Binding("ctrl+up", "edit_last", mark("Edit your last message"), priority=True, id="chat-edit-last"),
    Binding("alt+p", "mention(-1)", mark("Previous mention"), priority=True, id="chat-previous-mention"),
    Binding("alt+n", "mention(1)", mark("Next mention"), priority=True, id="chat-next-mention"),
    Binding("alt+u", "catch_up", mark("What happened since you left"), priority=True, id="chat-catch-up"),
    Binding("alt+e", "editor", mark("Write in $EDITOR"), priority=True, id="chat-editor"),
    Binding("ctrl+o", "links", mark("Links on the screen"), priority=True, id="chat-links"),
    Binding("ctrl+r", "retry", mark("Connect now"), priority=True, id="chat-retry"),
    Binding("f1", "help", mark("Help"), priority=True, id="chat-help"),
    Binding("f7", "rooms", mark("Conversations on or off"), priority=True, id="chat-rooms"),
    Binding("f8", "members", mark("Members on or off"), priority=True, id="chat-members"),
    Binding("ctrl+l", "redraw", mark("Draw anew"), priority=True, id="chat-redraw"),
    Binding("ctrl+c", "interrupt", mark("Copy what is selected, else clear the line, twice: quit"), priority=True,
            id="chat-interrupt"),
    Binding("escape", "back", mark("One step back"), priority=True, id="chat-back"),
]  # fmt: skip

MESSAGE_BINDINGS: Final[list[BindingType]] = [
    Binding("up,k", "screen.choose(-1)", mark("Message above"), id="message-up"),
    Binding("down,j", "screen.choose(1)", mark("Message below"), id="message-down"),
    Binding("r", "screen.message('reply')", mark("Reply"), id="message-reply"),
    Binding("e", "screen.message('edit')", mark("Edit, if it is yours"), id="message-edit"),
    Binding("d", "screen.message('delete')", mark("Delete"), id="message-delete"),
    Binding("plus", "screen.message('react')", mark("React"), id="message-react"),
    Binding("y", "screen.message('copy')", mark("Copy"), id="message-copy"),
    Binding(
        "i",
        "screen.message('receipts')",
        mark("All about it: who has read it, who has it, why not"),
        id="message-receipts",
    ),
    Binding("o", "screen.message('open')", mark("Open its first link"), id="message-open"),
    Binding(
        "enter", "screen.message('enter')", mark("Go to what it answers, show it whole, load a gap"), id="message-enter"
    ),
]

PANE_BINDINGS: Final[list[BindingType]] = [
    Binding("left", "border(-1)", mark("Border to the left"), show=False, id="pane-left"),
    Binding("right", "border(1)", mark("Border to the right"), show=False, id="pane-right"),
]

EDITING: Final = {
    "cursor_word_left": mark("To the word on the left"),
    "cursor_word_right": mark("To the word on the right"),
    "cursor_line_start": mark("To the start of the line"),
    "cursor_line_end": mark("To the end of the line"),
    "delete_word_left": mark("Delete the word on the left"),
    "delete_word_right": mark("Delete the word on the right"),
    "delete_to_start_of_line": mark("Delete to the start of the line"),
    "delete_line": mark("Delete the line"),
    "cut": mark("Cut"),
    "paste": mark("Paste what was cut"),
    "redo": mark("Redo"),
}
"""What Textual's text area does by itself, without the keys that everybody knows."""

HINTS: Final = (
    ("chat-help", mark("help")),
    ("chat-switch", mark("switch")),
    ("chat-next-unread", mark("unread")),
    ("chat-search", mark("search")),
    ("chat-select", mark("select")),
    ("app-palette", mark("commands")),
)
"""What is shown below the composer."""
MESSAGE_HINTS: Final = (
    ("message-reply", mark("reply")),
    ("message-edit", mark("edit")),
    ("message-delete", mark("delete")),
    ("message-react", mark("react")),
    ("message-copy", mark("copy")),
    ("chat-back", mark("back")),
)
