"""The program: it owns the client, hands its state to the screen, and asks for what the client cannot know."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import App, ScreenStackError
from textual.binding import BindingType

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerLink
from chat_client.core.client import ChatClient
from chat_client.core.commands import Command
from chat_client.core.config import ClientConfig
from chat_client.core.errors import ClientError, RequestError
from chat_client.core.profile import Profile
from chat_client.core.state import ClientState, Notice
from chat_client.core.text import safe_line
from chat_client.tui import terminal
from chat_client.tui.drawing import clip
from chat_client.tui.keys import GENERAL_BINDINGS
from chat_client.tui.looks import DARK, LIGHT, Looks
from chat_client.tui.memory import Memory
from chat_client.tui.palette import ChatCommands
from chat_client.tui.panes import window_title
from chat_client.tui.screens.chat import ChatScreen
from chat_client.tui.screens.dialogs import Question
from chat_client.tui.screens.first_run import FirstRunScreen
from chat_client.tui.start import Start
from chat_client.tui.typeahead import TypeAhead

__all__ = ["ChatApp"]

CLIENT_NAME: Final = "chat-tui/0.1"
REMEMBER_S: Final = 5.0
"""How often what is worth remembering is written."""
RESTART_S: Final = 5.0
"""After a fault of our own in the connection's task."""
NOTIFY_S: Final = 3.0
"""At most one bell for a conversation in this time."""
ASKS_FOR_PASSWORD: Final = frozenset({"no_credentials", "bad_credentials"})
ASKS_FOR_TRUST: Final = frozenset({"untrusted", "wrong_fingerprint"})

_log = logging.getLogger(__name__)


class ChatApp(App[int]):
    """chat-tui."""

    TITLE: str | None = "chat"
    CSS_PATH: ClassVar[Any] = "chat.tcss"
    COMMANDS: ClassVar[set[Any]] = {ChatCommands}
    BINDINGS: ClassVar[list[BindingType]] = GENERAL_BINDINGS

    def __init__(
        self,
        profile: Profile,
        config: ClientConfig,
        start: Start,
        *,
        insecure: bool = False,
        log_path: Path | None = None,
        client: ChatClient | None = None,
    ) -> None:
        """Make the program; nothing happens yet.

        Args:
            profile: Where the client's files are.
            config: The user's settings.
            start: Whose client to start; without an account the first screen asks.
            insecure: Whether an address that is typed means a server without TLS.
            log_path: What to name when something goes wrong.
            client: An entered client to show, which is never connected from here (for tests and pictures).
        """
        super().__init__()
        self.profile = profile
        self.config = config
        self.client = client
        self.looks = Looks.of(DARK, DARK.to_color_system().generate(), ascii_only=config.ascii)
        self._start = start
        self._insecure = insecure
        self._log_path = log_path
        self._is_given = client is not None
        self._unsubscribe: Callable[[], None] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._last_notice = 0
        self._rang: dict[str, float] = {}
        self._is_asking = False
        self._window_title = ""
        self._is_showing_planned = False
        self.set_class(config.ascii, "-ascii")
        self._typeahead = TypeAhead(self)
        self._memory: Memory | None = None

    # ---- Begin and end ----------------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Set the looks and begin with what is known."""
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = self.config.theme if self.config.theme in self.available_themes else DARK.name
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self._make_looks()
        if self.config.keys:
            self.set_keymap(self.config.keys)
        terminal.save_title(self)
        self.set_interval(REMEMBER_S, self._remember)
        if self.client is not None:
            await self._show_client(self.client)
        elif self._start.account is not None:
            await self._begin(self._start.account, self._start.credentials)
        else:
            self._ask_account("")

    async def close_client(self) -> None:
        """Close what was opened; call it after the screen is gone."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None
        if self._memory is not None:
            await asyncio.to_thread(self._memory.save)
        if self.client is not None and not self._is_given:
            await self.client.__aexit__(None, None, None)
            self.client = None

    async def action_quit(self) -> None:
        """End."""
        self.exit()

    def exit(self, *args: Any, **more: Any) -> None:
        """End, and give the terminal its title back."""
        terminal.restore_title(self)
        super().exit(*args, **more)

    def _fatal_error(self) -> None:
        """Say in one line that something went wrong and where the log is; Textual would print a page of source."""
        _log.critical("unhandled", exc_info=self._exception)
        terminal.restore_title(self)
        name = type(self._exception).__name__ if self._exception is not None else "error"
        line = f"chat-tui ended because of a fault of its own ({name}); nothing written is lost. Log: {self._log_path}"
        self._exit_renderables.append(Text(line, overflow="fold"))
        self._close_messages_no_wait()

    # ---- Keys -------------------------------------------------------------------------------------------------------

    @property
    def keys_waiting(self) -> int:
        """How many keys were pressed that the program has not come to yet."""
        return self._typeahead.waiting

    async def on_event(self, event: events.Event) -> None:
        """Deal with what happens, keys in their order."""
        is_typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if not is_typed:
            await super().on_event(event)
        elif self.screen_stack and not self._exit and self._typeahead.lets_through(event):
            try:
                await super().on_event(event)
            except ScreenStackError:
                _log.info("a key came while the program was ending")

    # ---- Looks ------------------------------------------------------------------------------------------------------

    def _make_looks(self) -> None:
        theme = self.current_theme
        self.looks = Looks.of(theme, self.theme_variables, ascii_only=self.config.ascii)

    def _theme_changed(self, _: object) -> None:
        self._make_looks()
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                screen.set_looks(self.looks)

    # ---- The client -------------------------------------------------------------------------------------------------

    async def _begin(self, account: Account, credentials: Credentials | None) -> None:
        client = ChatClient(account, self.profile, credentials=credentials, client_name=CLIENT_NAME)
        await client.__aenter__()
        self.client = client
        self._runner = asyncio.create_task(self._run(client))
        await self._show_client(client)

    async def _show_client(self, client: ChatClient) -> None:
        memory = self._memory = await asyncio.to_thread(Memory(self.profile, client.account).load)
        self._unsubscribe = client.subscribe(self._plan_showing)
        # A mode of its own, not on top of Textual's empty screen: that one would have all of this drawn anew each time.
        self.add_mode("chat", lambda: ChatScreen(client, self.config, self.looks, memory))
        _ = self.switch_mode("chat")
        self._plan_showing(client.state)

    async def _remember(self) -> None:
        if self._memory is not None and self._memory.is_changed:
            await asyncio.to_thread(self._memory.save)

    async def _run(self, client: ChatClient) -> None:
        """Keep the client running; a fault of our own is logged and told, and the connection is made anew."""
        while True:
            try:
                await client.run()
                return
            except Exception:  # noqa: BLE001 - safety net: whatever it is, the user keeps a client that tries again
                _log.exception("the client's task failed")
                self.notify(
                    f"the connection failed because of a fault of the program: trying again in {RESTART_S:g} s."
                    f" Log: {self._log_path}",
                    severity="error",
                    markup=False,
                )
                await asyncio.sleep(RESTART_S)

    def _plan_showing(self, _: ClientState) -> None:
        """Draw soon, in the program's own turn: a fault in drawing then ends the program instead of being swallowed."""
        if not self._is_showing_planned:
            self._is_showing_planned = True
            self.call_later(self._show_state)

    def _show_state(self) -> None:
        self._is_showing_planned = False
        client = self.client
        if client is None:
            return
        state = client.state
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                screen.show_state(state)
        for notice in state.notices:
            if notice.number > self._last_notice:
                self._last_notice = notice.number
                self._announce(notice, state)
        title = window_title(state)
        if title != self._window_title:
            self._window_title = title
            terminal.set_title(self, title)
        self._ask_what_is_missing(state)

    # ---- Telling ----------------------------------------------------------------------------------------------------

    def _announce(self, notice: Notice, state: ClientState) -> None:
        """Show a notice once: as a toast, and with the bell if nobody looks."""
        if notice.kind in ("info", "error"):
            severity = "error" if notice.kind == "error" else "information"
            self.notify(notice.text, severity=severity, markup=False)  # type: ignore[arg-type]
            return
        text = clip(safe_line(f"{notice.sender_name}: {notice.text}"), 120)
        self.notify(text, title=str(safe_line(notice.conversation)), markup=False)
        wanted = self.config.notify == "all" or (
            self.config.notify == "mentions" and notice.kind in ("mention", "private")
        )
        now = time.monotonic()
        if wanted and not state.focused and now - self._rang.get(notice.conversation, 0.0) >= NOTIFY_S:
            self._rang[notice.conversation] = now
            terminal.notify_desktop(self, f"{notice.kind} in {notice.conversation}")

    # ---- Asking -----------------------------------------------------------------------------------------------------

    def _ask_what_is_missing(self, state: ClientState) -> None:
        if state.link.status != "refused" or self._is_asking or self._is_given or len(self.screen_stack) > 1:
            return
        if state.link.code in ASKS_FOR_TRUST:
            self._is_asking = True
            self.run_worker(self._ask_trust_again(), exit_on_error=True)
        elif state.link.code in ASKS_FOR_PASSWORD:
            self._ask_account(state.link.detail if state.link.code == "bad_credentials" else "")

    async def _ask_trust_again(self) -> None:
        if self.client is not None:
            await self._ask_trust(self.client)

    async def _ask_trust(self, client: ChatClient) -> bool:
        """Ask whether the certificate that the server showed is the right one."""
        link = client.state.link
        key = client.account.address.key
        shown = link.fingerprint.removeprefix("sha256:")
        pairs = " ".join(shown[place : place + 4] for place in range(0, len(shown), 4))
        if link.code == "untrusted":
            text = f"{key} has its own key. Compare it with what chat-server prints when it starts:\n\nsha256: {pairs}"
            question = Question("Trust this server?", text, "Trust it")
        else:
            text = (
                f"{key} shows another key than before. Somebody may be listening in. Ask the server's admin, and"
                f" go on only if the key was changed on purpose:\n\nsha256: {pairs}"
            )
            question = Question("The server's key has changed", text, "Trust the new key", careful=True)
        agreed = await self.push_screen_wait(question)
        if agreed:
            await client.trust(link.fingerprint)
            self._is_asking = False
        return bool(agreed)

    def _ask_account(self, error: str) -> None:
        """Show the form, filled in with what is known."""
        self._is_asking = True
        link, user = self._start.link, self._start.user
        if self.client is not None:
            user = self.client.account.user
            link = ServerLink(self.client.account.address)
        _ = self.push_screen(FirstRunScreen(link, user, insecure=self._insecure, error=error))

    @on(FirstRunScreen.Filled)
    def _filled(self, event: FirstRunScreen.Filled) -> None:
        form = self.screen
        if isinstance(form, FirstRunScreen):
            self.run_worker(self._sign_in(form, event), exclusive=True, group="sign in", exit_on_error=True)

    async def _sign_in(self, form: FirstRunScreen, event: FirstRunScreen.Filled) -> None:
        """Log in or register; whatever is wrong is told in the form."""
        try:
            client = await self._client_for(event)
            try:
                await client.sign_in(event.credentials)
            except RequestError as error:
                if error.code not in ASKS_FOR_TRUST:
                    raise
                if not await self._ask_trust(client):
                    form.tell("the server is not trusted")
                    return
                self._is_asking = True
                await client.sign_in(event.credentials)
        except ClientError as error:
            form.tell(str(error))
            if isinstance(error, RequestError) and error.code == "bad_credentials":
                form.ask_password_again()
            return
        self._is_asking = False
        _ = form.dismiss()
        if not any(isinstance(screen, ChatScreen) for screen in self.screen_stack):
            await self._show_client(client)

    async def _client_for(self, event: FirstRunScreen.Filled) -> ChatClient:
        """Return a running client of the account in the form."""
        if self.client is not None and self.client.account == event.account:
            return self.client
        if self.client is not None:
            for screen in self.screen_stack:
                if isinstance(screen, ChatScreen):
                    raise ClientError(f"this window belongs to {self.client.account.key}: start chat-tui once more")
            await self.close_client()
        link = event.link
        pin = await asyncio.to_thread(self.profile.trust.pin, link.address)
        if link.fingerprint and not pin:
            await asyncio.to_thread(self.profile.prepare)
            await asyncio.to_thread(self.profile.trust.trust, link.address, link.fingerprint)
        client = ChatClient(event.account, self.profile, client_name=CLIENT_NAME)
        await client.__aenter__()
        self.client = client
        self._runner = asyncio.create_task(self._run(client))
        return client

    # ---- The terminal -----------------------------------------------------------------------------------------------

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The user looks."""
        self._focus_changed(True)

    def on_app_blur(self, event: events.AppBlur) -> None:
        """The user looks elsewhere."""
        self._focus_changed(False)

    def _focus_changed(self, focused: bool) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                screen.focus_changed(focused)

    def begin_command(self, entry: Command) -> None:
        """Do a command from the palette, or put it into the composer if it needs more."""
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                if any(argument.required for argument in entry.arguments):
                    screen.composer.set_text(f"/{entry.name} ")
                    screen.composer.focus()
                else:
                    screen.doing.start(screen.doing.command(f"/{entry.name}"))
