"""The program: it owns the windows, deals with keys in their order, and takes over settings that change."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import App, ScreenStackError, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.theme import ThemeProvider

from chat_client.core import language
from chat_client.core.client import ChatClient
from chat_client.core.commands import Command
from chat_client.core.config import ClientConfig
from chat_client.core.errors import ConfigError
from chat_client.core.language import tr
from chat_client.core.profile import Profile
from chat_client.tui import signals, terminal
from chat_client.tui.keys import GENERAL_BINDINGS
from chat_client.tui.looks import DARK, THEMES, Looks
from chat_client.tui.palette import ChatCommands
from chat_client.tui.screens.chat import ChatScreen
from chat_client.tui.screens.first_run import AccountScreen, WelcomeScreen
from chat_client.tui.settings import check, suited
from chat_client.tui.signing import Signing
from chat_client.tui.start import Start
from chat_client.tui.typeahead import TypeAhead
from chat_client.tui.windows import Window, Windows

__all__ = ["ChatApp"]

CLIENT_NAME: Final = "chat-tui/0.1"
REMEMBER_S: Final = 5.0
"""How often what is worth remembering is written."""
MONO: Final = "ansi-dark"
"""Textual's theme where no colours are wanted: it colours no ground."""
SETTINGS_S: Final = 1.0
"""How often the file of settings is looked at."""

_PLAIN: Final = {"…": "...", "↑": "up", "↓": "down", "←": "left", "→": "right", "⌫": "backspace", "⏎": "enter"}

_log = logging.getLogger(__name__)


class ChatApp(App[int]):
    """chat-tui."""

    TITLE: str | None = "chat"
    CSS_PATH: ClassVar[Any] = "chat.tcss"
    COMMANDS: ClassVar[set[Any]] = {ChatCommands}
    BINDINGS: ClassVar[list[BindingType]] = GENERAL_BINDINGS
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - Textual says so

    def __init__(
        self,
        profile: Profile,
        config: ClientConfig,
        start: Start,
        *,
        insecure: bool = False,
        log_path: Path | None = None,
        settings_path: Path | None = None,
        always_ascii: bool = False,
        client: ChatClient | None = None,
    ) -> None:
        """Make the program; nothing happens yet.

        Args:
            profile: Where the client's files are.
            config: The user's settings.
            start: Whose clients to start; without an account the first screen asks.
            insecure: Whether an address that is typed means a server without TLS.
            log_path: What to name when something goes wrong.
            settings_path: The file to take changed settings from while the program runs.
            always_ascii: Whether ASCII alone is drawn whatever the file says.
            client: An entered client to show, which is never connected from here (for tests and pictures).
        """
        # Without colours the terminal's own palette is drawn with, of which nothing is left then but bold and reverse.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.profile = profile
        self.config = config
        self.log_path = log_path
        self.looks = Looks.of(DARK, DARK.to_color_system().generate(), ascii_only=config.ascii, is_mono=self.no_color)
        self.windows = Windows(self)
        self.signing = Signing(self, CLIENT_NAME, insecure=insecure)
        self._start = start
        self._given = client
        self._settings_path = settings_path
        self._always_ascii = always_ascii
        self._settings_at = _changed_at(settings_path)
        self.set_class(config.ascii, "-ascii")
        self._typeahead = TypeAhead(self)

    @property
    def client(self) -> ChatClient | None:
        """The client of the window in front."""
        return self.windows.front.client if self.windows.front is not None else None

    # ---- Begin and end ----------------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Set the looks and begin with what is known."""
        for theme in THEMES:
            self.register_theme(theme)
        self._take_theme()
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self._make_looks()
        if self.config.keys:
            self.set_keymap(self.config.keys)
        terminal.save_title(self)
        self.app_suspend_signal.subscribe(self, lambda _: terminal.restore_title(self))
        self.app_resume_signal.subscribe(self, self._resumed)
        if not self.is_headless:
            signals.listen(self)
        self.set_interval(REMEMBER_S, self.windows.remember)
        if self._settings_path is not None:
            self.set_interval(SETTINGS_S, self._look_at_settings)
        await self._open_first()

    async def _open_first(self) -> None:
        start = self._start
        if self._given is not None:
            await self.windows.open(self.windows.take(self._given, is_given=True))
        elif start.account is not None:
            client = ChatClient(start.account, self.profile, credentials=start.credentials, client_name=CLIENT_NAME)
            await self.windows.open(await self.windows.begin(client))
            for account in start.others:
                other = ChatClient(account, self.profile, client_name=CLIENT_NAME)
                await self.windows.open(await self.windows.begin(other), in_front=False)
        else:
            self.signing.begin(start.link, start.user)

    async def close_client(self) -> None:
        """Close what was opened; call it after the screen is gone."""
        await self.windows.close_all()

    async def action_quit(self) -> None:
        """End."""
        self.exit()

    def exit(self, *args: Any, **more: Any) -> None:
        """End, and give the terminal its title back."""
        terminal.restore_title(self)
        super().exit(*args, **more)

    def _resumed(self, _: object) -> None:
        """Come back from the background."""
        terminal.save_title(self)
        self.windows.show_title_again()
        for screen in self.screen_stack:
            screen.refresh(repaint=True, layout=True)

    def _fatal_error(self) -> None:
        """Say in one line that something went wrong and where the log is; Textual would print a page of source."""
        _log.critical("unhandled", exc_info=self._exception)
        terminal.restore_title(self)
        name = type(self._exception).__name__ if self._exception is not None else "error"
        line = tr("chat-tui ended because of a fault of its own ({name}); nothing written is lost. Log: {log}").format(
            name=name, log=self.log_path
        )
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
        if is_typed:
            self.windows.look(True)  # whoever types is there, whatever became of the terminal's report
        if not is_typed:
            await super().on_event(event)
        elif self.screen_stack and not self._exit and self._typeahead.lets_through(event):
            try:
                await super().on_event(event)
            except ScreenStackError:
                _log.info("a key came while the program was ending")

    def get_key_display(self, binding: Binding) -> str:
        """Return how a key is called; with ASCII alone arrows have names, too."""
        return self._drawable(super().get_key_display(binding))

    def _drawable(self, text: str) -> str:
        """Return a text of Textual's as the settings allow it to be drawn."""
        return "".join(_PLAIN.get(sign, sign) for sign in text) if self.config.ascii else text

    # ---- Looks and settings -----------------------------------------------------------------------------------------

    def _take_theme(self) -> None:
        wanted = self.config.theme
        if wanted and wanted not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            self.notify(
                tr("there is no theme {wanted}; there are {known}").format(wanted=wanted, known=known),
                severity="warning",
                markup=False,
            )
        if self.no_color:
            self.theme = MONO
        else:
            self.theme = wanted if wanted in self.available_themes else DARK.name

    def _make_looks(self) -> None:
        self.looks = Looks.of(
            self.current_theme, self.theme_variables, ascii_only=self.config.ascii, is_mono=self.no_color
        )

    def _theme_changed(self, _: object) -> None:
        self._make_looks()
        for screen in self.windows.screens:
            screen.set_looks(self.looks)

    def _look_at_settings(self) -> None:
        """Take over the settings if their file changed; a file with a mistake is told, and the old ones stay."""
        changed_at = _changed_at(self._settings_path)
        if changed_at == self._settings_at:
            return
        self._settings_at = changed_at
        try:
            config = suited(check(self._settings_path), ascii_only=self._always_ascii)
        except ConfigError as error:
            self.notify(f"{error}\n{tr('the settings stay as they were')}", severity="error", markup=False)
            return
        self.take_settings(config)
        self.notify(tr("the settings are taken over"), markup=False, timeout=2)

    def take_settings(self, config: ClientConfig) -> None:
        """Go on with other settings."""
        before, self.config = self.config, config
        language.choose(config.language)
        self.set_class(config.ascii, "-ascii")
        self.set_keymap(config.keys)
        if config.theme != before.theme:
            self._take_theme()
        self._make_looks()
        for screen in self.windows.screens:
            screen.set_config(config)
            screen.set_looks(self.looks)

    # ---- Asking -----------------------------------------------------------------------------------------------------

    def ask_what_is_missing(self, window: Window) -> None:
        """Ask for what the window's client waits for, if it does."""
        self.signing.ask_what_is_missing(window)

    @on(WelcomeScreen.Entered)
    def _entered(self, event: WelcomeScreen.Entered) -> None:
        work = self.signing.connect(event.screen, event.link, event.user)
        self.run_worker(work, exclusive=True, group="sign in", exit_on_error=True)

    @on(AccountScreen.Filled)
    def _filled(self, event: AccountScreen.Filled) -> None:
        form = self.screen
        if isinstance(form, AccountScreen):
            self.run_worker(self.signing.sign_in(form, event), exclusive=True, group="sign in", exit_on_error=True)

    # ---- The command palette ----------------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer Textual's commands in the user's language."""
        for entry in super().get_system_commands(screen):
            yield entry._replace(title=tr(entry.title), help=tr(entry.help))

    def action_command_palette(self) -> None:
        """Open the command palette."""
        if not isinstance(self.screen, CommandPalette):
            _ = self.push_screen(
                CommandPalette(placeholder=self._drawable(tr("Search for commands…")), id="--command-palette")
            )

    def search_themes(self) -> None:
        """Open the list of themes."""
        _ = self.push_screen(CommandPalette([ThemeProvider], placeholder=self._drawable(tr("Search for themes…"))))

    # ---- Several servers --------------------------------------------------------------------------------------------

    def action_add_server(self) -> None:
        """Ask for one more server."""
        if len(self.screen_stack) == 1:
            self.signing.begin()

    def action_server(self, step: int) -> None:
        """Bring the next server to the front."""
        if not self.windows.step(step):
            self.notify(tr("there is one server; the commands have: Add a server"), markup=False, timeout=3)

    @on(ChatScreen.ServerWanted)
    def _server_wanted(self, event: ChatScreen.ServerWanted) -> None:
        self.windows.show_key(event.key)

    # ---- The terminal -----------------------------------------------------------------------------------------------

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The user looks."""
        self.windows.look(True, is_reported=True)

    def on_app_blur(self, event: events.AppBlur) -> None:
        """The user looks elsewhere."""
        self.windows.look(False, is_reported=True)

    def begin_command(self, entry: Command) -> None:
        """Do a command from the palette, or put it into the composer if it needs more."""
        screen = self.windows.front.screen if self.windows.front is not None else None
        if screen is None:
            return
        if any(argument.required for argument in entry.arguments):
            screen.composer.set_text(f"/{entry.name} ")
            screen.composer.focus()
        else:
            screen.doing.start(screen.doing.command(f"/{entry.name}"))


def _changed_at(path: Path | None) -> tuple[int, int]:
    """Return what is different when a file was written."""
    if path is None:
        return 0, 0
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
