"""The parts of the chat screen and how they are put together; what they do is told elsewhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen

from chat_client.core.client import ChatClient
from chat_client.core.config import ClientConfig
from chat_client.core.language import tr, tr_n
from chat_client.core.state import ClientState, Message
from chat_client.core.text import printable
from chat_client.tui.drawing import Piece, Row, clip
from chat_client.tui.keys import CHAT_BINDINGS, HINTS, MESSAGE_BINDINGS, MESSAGE_HINTS
from chat_client.tui.looks import Looks
from chat_client.tui.panes import ServerMark
from chat_client.tui.widgets.completion import CompletionPopup
from chat_client.tui.widgets.composer import Composer
from chat_client.tui.widgets.pane import Pane
from chat_client.tui.widgets.rows import Bar, RowList
from chat_client.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from chat_client.tui.screens.doing import Doing

__all__ = ["ChatParts", "characters"]

T = TypeVar("T")


class MessageTranscript(Transcript):
    """The transcript with the keys for a chosen message."""

    BINDINGS: ClassVar[list[BindingType]] = MESSAGE_BINDINGS


class ChatParts(Screen[None]):
    """Rooms, transcript, members, composer and the bars around them."""

    BINDINGS: ClassVar[list[BindingType]] = CHAT_BINDINGS
    doing: "Doing"
    """Made by the screen itself, which it works for."""
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-slim"), (70, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - Textual says so

    def __init__(self, client: ChatClient, config: ClientConfig, looks: Looks) -> None:
        super().__init__()
        self.client = client
        self.config = config
        self.looks = looks
        self.header = Bar(looks, id="header")
        self.banner = Bar(looks, id="banner", hides=True, role="banner")
        self.rooms = Pane(looks, id="rooms", is_left=True)
        self.transcript = MessageTranscript(looks, id="transcript")
        self.transcript.set_clock(config.time_format, fold_joins=config.fold_joins, hide_joins=config.hide_joins)
        self.members = Pane(looks, id="members", is_left=False)
        self.status = Bar(looks, id="status")
        self.frame = Vertical(id="compose-frame")
        self.composer = Composer(id="composer")
        self.hints = Bar(looks, id="hints")
        self.popup = CompletionPopup(looks, id="popup")
        self.about: tuple[str, Message] | None = None
        """``reply`` or ``edit`` and the message that the composer is about."""
        self._keys: dict[str, str] = {}
        self.servers: tuple[ServerMark, ...] = ()
        """All accounts that run, where there are several."""

    def compose(self) -> ComposeResult:
        """Put the parts together."""
        yield self.header
        yield self.banner
        with Horizontal(id="main"):
            yield self.rooms
            yield self.transcript
            yield self.members
        yield self.status
        with self.frame:
            yield self.composer
        yield self.hints
        yield self.popup

    def show_state(self, state: ClientState) -> None:
        """Draw what is different from the state that is on the screen."""
        raise NotImplementedError

    def open(self, name: str) -> None:
        """Open a conversation now.

        Raises:
            ValueError: It is no conversation of the user's.
        """
        self.keep_draft()
        self.client.open(name)
        self.show_state(self.client.state)
        self.composer.focus()

    def keep_draft(self) -> None:
        """Keep what stands in the composer with its conversation, unless it is the new text of an old message."""
        shown = self.transcript.conversation
        if shown and shown == self.client.state.current and (self.about is None or self.about[0] != "edit"):
            self.client.set_draft(shown, self.composer.text)

    def set_looks(self, looks: Looks) -> None:
        """Draw everything with another theme."""
        self.looks = looks
        for part in (*self.query(Bar), *self.query(RowList)):
            part.set_looks(looks)
        self.transcript.set_looks(looks)
        self.show_hints()

    def set_config(self, config: ClientConfig) -> None:
        """Go on with other settings."""
        self.config = config
        self.transcript.set_clock(config.time_format, fold_joins=config.fold_joins, hide_joins=config.hide_joins)

    def tell(self, text: str, *, is_error: bool = False) -> None:
        """Show a line of the program's own, in the transcript if one is open."""
        if self.transcript.conversation:
            self.transcript.note(text, is_error=is_error)
        else:
            self.app.notify(printable(text), severity="error" if is_error else "information", markup=False)

    def copy(self, text: str) -> None:
        """Put a text into the terminal's clipboard, and say so."""
        self.app.copy_to_clipboard(text)
        self.app.notify(tr("copied {characters}").format(characters=characters(text)), markup=False, timeout=2)

    def begin_about(self, kind: str, message: Message) -> None:
        """Have the composer be about a message: a reply to it, or its new text."""
        self.about = (kind, message)
        if kind == "edit":
            self.composer.set_text(message.content)
            self.composer.offered = self.composer.text
        self.composer.focus()
        self.settle_frame()

    def drop_about(self) -> bool:
        """End that; return whether there was anything to end."""
        about = self.about
        if about is None:
            return False
        self.about = None
        self.composer.offered = ""
        entry = self.client.state.conversations.get(self.client.state.current or "")
        if about[0] == "edit":
            self.composer.set_text(entry.draft if entry is not None else "")
        self.settle_frame()
        return True

    def settle_frame(self) -> None:
        """Say what the composer is about; on low screens, who is typing."""
        title: str | None = None
        if self.about is not None:
            kind, message = self.about
            name = tr("your message") if message.mine else message.sender
            said = clip(" ".join(message.content.split()), 48, self.looks.glyphs.ellipsis)
            about = tr("Edit {name}: {said}") if kind == "edit" else tr("Reply to {name}: {said}")
            title = f" {about.format(name=name, said=said)} {self.looks.glyphs.dot} {tr('esc cancels')} "
        elif self.has_class("-low"):  # there is no status row then
            told = "".join(text for text, _ in self.status.row.left).strip()
            title = f" {told} " if told else None
        self.frame.border_title = Content(printable(title)) if title else None
        self.frame.set_class(self.about is not None, "-about")
        entry = self.client.state.conversations.get(self.client.state.current or "")
        if entry is not None:
            self.composer.placeholder = (
                tr("Message {name}").format(name=entry.name) if entry.joined else tr("only commands here: /help")
            )

    def lay_over(self, dialog: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Open a dialog; ``then`` is called with what it ends with."""
        _ = self.app.push_screen(dialog, then)

    # ---- Hints ------------------------------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        """Show the keys that matter where we are."""
        self.show_hints()

    def show_hints(self) -> None:
        """Show at most six keys, as they are bound now, which depends on where we are."""
        display = self.app.get_key_display
        active = [each.binding for each in self.active_bindings.values()]
        self._keys = {binding.id: display(binding) for binding in reversed(active) if binding.id}
        hints = MESSAGE_HINTS if self.focused is self.transcript else HINTS
        pieces: list[Piece] = []
        for id_, text in hints:
            key = self.key(id_)
            if key:
                pieces += [(f" {key}", "accent"), (f" {tr(text)} ", "dim")]
        self.hints.show(Row(left=tuple(pieces)))
        end = self.key("chat-end")
        self.transcript.set_keys("End" if end == "end" else end, self.key("chat-next-unread"))

    def key(self, binding_id: str) -> str:
        """Return how the key of a binding is shown; empty for one that does nothing here."""
        return self._keys.get(binding_id, "")


def characters(text: str) -> str:
    """Return how long a text is, in words."""
    return tr_n("{count:,} character", "{count:,} characters", len(text))
