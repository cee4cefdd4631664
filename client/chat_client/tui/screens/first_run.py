"""For whoever has no account on this device: where to go, and who one is there. Errors are told in the form."""

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
from chat_client.core.handshake import ServerInfo
from chat_client.core.language import mark, tr
from chat_client.core.text import printable
from chat_client.tui.start import link_of
from chat_protocol.limits import MIN_PASSWORD_CHARS
from chat_protocol.names import user_name

__all__ = ["AccountScreen", "Form", "WelcomeScreen", "strength"]

_KINDS = (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum())


def strength(password: str) -> str:
    """Return a word for how hard a password is to guess; empty: it says nothing yet."""
    if not password:
        return ""
    if len(password) < MIN_PASSWORD_CHARS:
        return tr("too short: {least} characters or more").format(least=MIN_PASSWORD_CHARS)
    kinds = sum(any(kind(sign) for sign in password) for kind in _KINDS)
    if len(set(password)) < 5 or len(password) + 2 * kinds < 14:
        return tr("weak")
    return tr("strong") if len(password) + 3 * kinds >= 22 else tr("fair")


class Choice(RadioButton):
    """A choice that can be seen without colours, too."""

    BUTTON_LEFT = "("
    BUTTON_RIGHT = ")"

    def watch_value(self) -> None:
        """Show it by the sign as well."""
        self.BUTTON_INNER = "*" if self.value else " "
        super().watch_value()

    def on_mount(self) -> None:
        """Show the first choice."""
        self.BUTTON_INNER = "*" if self.value else " "
        self.refresh()


class Form(Screen[None]):
    """Lines to fill in, a place for what is wrong, and a button."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", mark("Next"), show=False, id="first-next"),
        Binding("up", "app.focus_previous", mark("Back"), show=False, id="first-back"),
        Binding("escape", "leave", mark("Back"), show=False, id="first-leave"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (24, "-high")]  # noqa: RUF012 - Textual says so
    is_first = False

    @property
    def is_busy(self) -> bool:
        """Whether the form waits for the server."""
        return self.query_one("#go", Button).disabled

    def tell(self, error: str, *, is_busy: bool = False) -> None:
        """Say what is wrong, or what is being done; the form waits for the user again unless it is busy."""
        if not self.is_attached:
            return
        told = self.query_one("#first-error", Static)
        told.update(Content(printable(error)))
        told.set_class(is_busy, "-busy")
        self.query_one("#go", Button).disabled = is_busy

    def wrong(self, field: Input, text: str) -> None:
        """Say what is wrong with a line and stand on it."""
        self.tell(text)
        field.focus()

    def on_resize(self) -> None:
        """Keep what is filled in on the screen."""
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def action_leave(self) -> None:
        """Go back; from the first screen of all, out."""
        if self.is_first:
            self.app.exit()
        else:
            _ = self.dismiss()


class WelcomeScreen(Form):
    """The first step: an address, or an invite link."""

    class Entered(Message):
        """An address that makes sense."""

        def __init__(self, screen: "WelcomeScreen", link: ServerLink, user: str) -> None:
            super().__init__()
            self.screen = screen
            self.link = link
            self.user = user

    def __init__(self, link: ServerLink | None, user: str, *, insecure: bool = False, is_first: bool = True) -> None:
        super().__init__()
        self._link = link
        self._user = user
        self._insecure = insecure
        self.is_first = is_first

    def compose(self) -> ComposeResult:
        """Build the form."""
        address = "" if self._link is None else str(self._link)
        step = tr("{step} of {steps}").format(step=1, steps=3)
        title = tr("Welcome") if self.is_first else tr("One more server")
        with VerticalScroll(id="first-run", can_focus=False):
            yield Static(
                Content(f"{title}  {step}"),
                classes="dialog-title",
                markup=False,
            )
            yield Static(Content(tr("Server, or an invite link")), classes="label", markup=False)
            yield Input(address, placeholder="host:port, or chat://...", id="address", select_on_focus=False)
            hint = tr("chat-server prints its address when it starts; on this machine it is 127.0.0.1:7007.")
            yield Static(Content(hint), classes="label", markup=False)
            yield Static(Content(""), id="first-error", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content(tr("Connect")), id="go", variant="primary")

    def on_mount(self) -> None:
        """Stand on the line; what is known already is not asked."""
        self.query_one("#address", Input).focus()
        if self._link is not None:
            self._go()

    @on(Input.Submitted)
    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        address = self.query_one("#address", Input)
        if self.is_busy:
            return
        if not address.value.strip():
            self.wrong(address, tr("type the server's address: chat-server prints it when it starts"))
            return
        try:
            link = link_of(address.value, insecure=self._insecure)
        except ConfigError as error:
            self.wrong(address, str(error))
            return
        self.tell(tr("connecting to {address}").format(address=link.address.key), is_busy=True)
        self.post_message(self.Entered(self, link, self._user))


class AccountScreen(Form):
    """The last step: name and password, to log in or to register."""

    class Filled(Message):
        """The form is filled in and makes sense so far."""

        def __init__(self, account: Account, credentials: Credentials) -> None:
            super().__init__()
            self.account = account
            self.credentials = credentials

    def __init__(self, link: ServerLink, found: ServerInfo, user: str = "", *, logs_in: bool = False) -> None:
        super().__init__()
        self._link = link
        self._found = found
        self._user = user
        self._registers = bool(link.invite) or (found.registration != "closed" and not user and not logs_in)
        self._may_register = not logs_in and (bool(link.invite) or found.registration != "closed")
        self.first_error = ""

    def compose(self) -> ComposeResult:
        """Build the form."""
        where = str(self._found.name) or self._link.address.key
        step = tr("{step} of {steps}").format(step=3, steps=3)
        with VerticalScroll(id="first-run", can_focus=False):
            yield Static(
                Content(printable(f"{tr('Account on {where}').format(where=where)}  {step}")),
                classes="dialog-title",
                markup=False,
            )
            with RadioSet(id="mode", compact=True) as modes:
                modes.display = self._may_register
                yield Choice(Content(tr("Register a new account")), value=self._registers, id="register")
                yield Choice(Content(tr("Log in")), value=not self._registers, id="log-in")
            yield Static(Content(tr("User name")), classes="label", markup=False)
            yield Input(self._user, placeholder="ada", id="user", select_on_focus=False)
            yield Static(Content(tr("Password")), classes="label", markup=False)
            yield Input(
                placeholder=tr("{least} characters or more").format(least=MIN_PASSWORD_CHARS),
                password=True,
                id="password",
            )
            yield Static(Content(""), id="strength", classes="label", markup=False)
            invite = Input(self._link.invite, placeholder=tr("invite code, from the admin"), id="invite")
            invite.display = self._may_register and self._found.registration == "invite" and not self._link.invite
            yield invite
            yield Static(Content(printable(self.first_error)), id="first-error", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content(tr("Go")), id="go", variant="primary")

    def on_mount(self) -> None:
        """Stand on the first line that is empty."""
        self.query_one("#password" if self._user else "#user", Input).focus()

    def ask_password_again(self) -> None:
        """Empty the password and stand on it."""
        field = self.query_one("#password", Input)
        field.value = ""
        field.focus()

    @property
    def _is_new(self) -> bool:
        return self._may_register and self.query_one("#register", RadioButton).value

    @on(Input.Changed, "#password")
    @on(RadioSet.Changed)
    def _show_strength(self) -> None:
        text = strength(self.query_one("#password", Input).value) if self._is_new else ""
        self.query_one("#strength", Static).update(Content(text))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "user":
            self.query_one("#password", Input).focus()
        else:
            self._go()

    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        user, password, invite = (self.query_one(f"#{name}", Input) for name in ("user", "password", "invite"))
        if self.is_busy:
            return
        try:
            name = user_name(user.value.strip().removeprefix("@"))
        except ValueError as error:
            self.wrong(user, tr("this is no user name: {error}").format(error=error))
            return
        if len(password.value) < MIN_PASSWORD_CHARS and self._is_new:
            self.wrong(password, tr("a password has {least} characters or more").format(least=MIN_PASSWORD_CHARS))
            return
        if not password.value:
            self.wrong(password, tr("type your password"))
            return
        if self._is_new and invite.display and not invite.value.strip():
            self.wrong(invite, tr("this server asks for an invite code: the admin makes one with /invite-link"))
            return
        self.tell(tr("registering") if self._is_new else tr("logging in"), is_busy=True)
        credentials = Credentials(password.value, register=self._is_new, invite=invite.value.strip())
        self.post_message(self.Filled(Account(self._link.address, name), credentials))
