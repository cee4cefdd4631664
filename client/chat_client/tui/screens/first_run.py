"""The form for whoever has no account on this device: where, who, and the password. Errors are told in the form."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, RadioButton, RadioSet, Static

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerLink
from chat_client.core.errors import ConfigError
from chat_client.core.text import printable
from chat_client.tui.start import link_of
from chat_protocol.limits import MIN_PASSWORD_CHARS
from chat_protocol.names import user_name

__all__ = ["FirstRunScreen"]


class FirstRunScreen(Screen[None]):
    """Address, name, password, register or log in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "app.quit", "Quit", priority=True, id="app-quit"),
        Binding("down", "app.focus_next", "Next", show=False, id="first-next"),
        Binding("up", "app.focus_previous", "Back", show=False, id="first-back"),
        Binding("escape", "app.quit", "Quit", show=False, id="first-quit"),
    ]

    class Filled(Message):
        """The form is filled in and makes sense so far."""

        def __init__(self, account: Account, credentials: Credentials, link: ServerLink) -> None:
            super().__init__()
            self.account = account
            self.credentials = credentials
            self.link = link

    def __init__(self, link: ServerLink | None, user: str, *, insecure: bool = False, error: str = "") -> None:
        super().__init__()
        self._link = link
        self._user = user
        self._insecure = insecure
        self._error = error

    def compose(self) -> ComposeResult:
        """Build the form."""
        address = "" if self._link is None else str(self._link)
        registers = self._link is not None and bool(self._link.invite)
        with VerticalScroll(id="first-run", can_focus=False):
            yield Static(Content("Welcome"), classes="dialog-title", markup=False)
            yield Static(Content("Server"), classes="label", markup=False)
            yield Input(address, placeholder="host:port, or a chat:// link", id="address", select_on_focus=False)
            yield Static(Content("User name"), classes="label", markup=False)
            yield Input(self._user, placeholder="ada", id="user", select_on_focus=False)
            yield Static(Content("Password"), classes="label", markup=False)
            yield Input(placeholder=f"{MIN_PASSWORD_CHARS} characters or more", password=True, id="password")
            with RadioSet(id="mode", compact=True):
                yield RadioButton("Log in", value=not registers, id="log-in")
                yield RadioButton("Register a new account", value=registers, id="register")
            yield Static(Content(printable(self._error)), id="first-error", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Continue", id="go", variant="primary")

    def on_mount(self) -> None:
        """Stand on the first line that is empty."""
        for name in ("address", "user", "password"):
            field = self.query_one(f"#{name}", Input)
            if not field.value or name == "password":
                field.focus()
                return

    def tell(self, error: str, *, is_busy: bool = False) -> None:
        """Say what is wrong, or what is being done; the form waits for the user again unless it is busy."""
        told = self.query_one("#first-error", Static)
        told.update(Content(printable(error)))
        told.set_class(is_busy, "-busy")
        self.query_one("#go", Button).disabled = is_busy

    def ask_password_again(self) -> None:
        """Empty the password and stand on it."""
        field = self.query_one("#password", Input)
        field.value = ""
        field.focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "password":
            self._go()
        else:
            self.focus_next()

    @on(Button.Pressed, "#go")
    def _pressed(self) -> None:
        self._go()

    def _go(self) -> None:
        address, user, password = (self.query_one(f"#{name}", Input) for name in ("address", "user", "password"))
        if self.query_one("#go", Button).disabled:
            return
        if not address.value.strip():
            self._wrong(address, "type the server's address: chat-server prints it when it starts")
            return
        try:
            link = link_of(address.value, insecure=self._insecure)
        except ConfigError as error:
            self._wrong(address, str(error))
            return
        try:
            name = user_name(user.value.strip().removeprefix("@"))
        except ValueError as error:
            self._wrong(user, f"this is no user name: {error}")
            return
        registers = self.query_one("#register", RadioButton).value
        if len(password.value) < MIN_PASSWORD_CHARS and registers:
            self._wrong(password, f"a password has {MIN_PASSWORD_CHARS} characters or more")
            return
        if not password.value:
            self._wrong(password, "type your password")
            return
        self.tell(f"connecting to {link.address.key}", is_busy=True)
        credentials = Credentials(password.value, register=registers, invite=link.invite)
        self.post_message(self.Filled(Account(link.address, name), credentials, link))

    def _wrong(self, field: Input, text: str) -> None:
        self.tell(text)
        field.focus()
