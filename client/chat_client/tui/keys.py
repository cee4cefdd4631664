"""The keys, all of them with an id by which a user can give them another key. One table per place."""

from typing import Final

from textual.binding import Binding, BindingType

__all__ = ["CHAT_BINDINGS", "GENERAL_BINDINGS", "HINTS", "MESSAGE_BINDINGS", "MESSAGE_HINTS"]

GENERAL_BINDINGS: Final[list[BindingType]] = [
    Binding("ctrl+q", "quit", "Quit", priority=True, id="app-quit"),
    Binding("ctrl+p", "command_palette", "Commands", priority=True, id="app-palette"),
    Binding("f6", "server(1)", "Next server", priority=True, id="app-server"),
    Binding("ctrl+z", "suspend_process", "To the background (fg comes back)", priority=True, id="app-suspend"),
]

CHAT_BINDINGS: Final[list[BindingType]] = [
    Binding("alt+a", "next_unread", "Next unread", priority=True, id="chat-next-unread"),
    Binding("ctrl+k,ctrl+g", "switch", "Go to a conversation", priority=True, id="chat-switch"),
    Binding("alt+up", "room(-1)", "Previous conversation", priority=True, id="chat-previous"),
    Binding("alt+down", "room(1)", "Next conversation", priority=True, id="chat-next"),
    Binding("alt+s", "last_room", "Last conversation", priority=True, id="chat-last"),
    Binding("pageup", "scroll(-1)", "Older messages", priority=True, id="chat-page-up"),
    Binding("pagedown", "scroll(1)", "Newer messages", priority=True, id="chat-page-down"),
    Binding("end", "end", "Newest message (composer empty)", priority=True, id="chat-end"),
    Binding("ctrl+end,alt+end", "newest", "Newest message", priority=True, id="chat-newest"),
    Binding("ctrl+home,alt+home", "oldest", "Oldest message", priority=True, id="chat-oldest"),
    Binding("ctrl+f", "search", "Search", priority=True, id="chat-search"),
    Binding("ctrl+s", "select", "Choose a message", priority=True, id="chat-select"),
    Binding("ctrl+up", "edit_last", "Edit your last message", priority=True, id="chat-edit-last"),
    Binding("alt+p", "mention(-1)", "Previous mention", priority=True, id="chat-previous-mention"),
    Binding("alt+n", "mention(1)", "Next mention", priority=True, id="chat-next-mention"),
    Binding("alt+u", "catch_up", "What happened since you left", priority=True, id="chat-catch-up"),
    Binding("alt+e", "editor", "Write in $EDITOR", priority=True, id="chat-editor"),
    Binding("ctrl+o", "links", "Links on the screen", priority=True, id="chat-links"),
    Binding("ctrl+r", "retry", "Connect now", priority=True, id="chat-retry"),
    Binding("f1", "help", "Help", priority=True, id="chat-help"),
    Binding("f7", "rooms", "Conversations on or off", priority=True, id="chat-rooms"),
    Binding("f8", "members", "Members on or off", priority=True, id="chat-members"),
    Binding("ctrl+l", "redraw", "Draw anew", priority=True, id="chat-redraw"),
    Binding("ctrl+c", "interrupt", "Copy what is selected, else clear the line, twice: quit", priority=True,
            id="chat-interrupt"),
    Binding("escape", "back", "One step back", priority=True, id="chat-back"),
]  # fmt: skip

MESSAGE_BINDINGS: Final[list[BindingType]] = [
    Binding("up,k", "screen.choose(-1)", "Message above", id="message-up"),
    Binding("down,j", "screen.choose(1)", "Message below", id="message-down"),
    Binding("r", "screen.message('reply')", "Reply", id="message-reply"),
    Binding("e", "screen.message('edit')", "Edit, if it is yours", id="message-edit"),
    Binding("d", "screen.message('delete')", "Delete", id="message-delete"),
    Binding("plus", "screen.message('react')", "React", id="message-react"),
    Binding("y", "screen.message('copy')", "Copy", id="message-copy"),
    Binding(
        "i", "screen.message('receipts')", "All about it: who has read it, who has it, why not", id="message-receipts"
    ),
    Binding("o", "screen.message('open')", "Open its first link", id="message-open"),
    Binding("enter", "screen.message('enter')", "Go to what it answers, show it whole, load a gap", id="message-enter"),
]

HINTS: Final = (
    ("chat-help", "help"),
    ("chat-switch", "switch"),
    ("chat-next-unread", "unread"),
    ("chat-search", "search"),
    ("chat-select", "select"),
    ("app-palette", "commands"),
)
"""What is shown below the composer."""
MESSAGE_HINTS: Final = (
    ("message-reply", "reply"),
    ("message-edit", "edit"),
    ("message-delete", "delete"),
    ("message-react", "react"),
    ("message-copy", "copy"),
    ("chat-back", "back"),
)
