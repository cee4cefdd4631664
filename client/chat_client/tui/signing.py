"""How an account comes to be on this device: which server, whether to trust it, who one is there."""

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Final

from chat_client.core.addresses import ServerAddress, ServerLink
from chat_client.core.client import ChatClient
from chat_client.core.errors import ClientError, ConnectError, RequestError
from chat_client.core.handshake import ServerInfo, probe
from chat_client.core.language import tr
from chat_client.tui.screens.dialogs import Notice, Question
from chat_client.tui.screens.first_run import AccountScreen, WelcomeScreen
from chat_client.tui.windows import Window

if TYPE_CHECKING:
    from chat_client.tui.app import ChatApp

__all__ = ["Signing"]

ASKS_FOR_PASSWORD: Final = frozenset({"no_credentials", "bad_credentials"})


class Signing:
    """Asks in three steps, each a screen; what is known already is not asked."""

    def __init__(self, app: "ChatApp", client_name: str, *, insecure: bool) -> None:
        self._app = app
        self._client_name = client_name
        self._insecure = insecure
        self._is_asking = False

    # ---- The first start, and one more server -----------------------------------------------------------------------

    def begin(self, link: ServerLink | None = None, user: str = "") -> None:
        """Ask where to go; with a link, go there at once."""
        self._is_asking = True
        welcome = WelcomeScreen(link, user, insecure=self._insecure, is_first=self._app.windows.front is None)
        _ = self._app.push_screen(welcome, self._left)

    def _left(self, _: object) -> None:
        self._is_asking = False

    async def connect(self, welcome: WelcomeScreen, link: ServerLink, user: str) -> None:
        """Find out who the server is, have it trusted, and ask who the user is there."""
        found = await self._reach(welcome, link)
        if found is not None and welcome.is_attached:
            welcome.tell("")
            _ = self._app.push_screen(AccountScreen(link, found, user or link.user))

    async def _reach(self, welcome: WelcomeScreen, link: ServerLink) -> ServerInfo | None:
        profile, address = self._app.profile, link.address
        try:
            await asyncio.to_thread(profile.prepare)
            if link.fingerprint:
                await asyncio.to_thread(profile.trust.trust, address, link.fingerprint)
            pin = await asyncio.to_thread(profile.trust.pin, address)
            while True:
                try:
                    return await probe(address, pin)
                except ConnectError as error:
                    if error.code != "untrusted":
                        raise  # a changed key is a full stop: no answer to a question lifts it
                    if not await self._ask_trust(address, error.fingerprint):
                        welcome.tell(tr("the server is not trusted"))
                        return None
                    pin = error.fingerprint
                    await asyncio.to_thread(profile.trust.trust, address, pin)
        except ClientError as error:
            welcome.tell(str(error))
        return None

    async def sign_in(self, form: AccountScreen, event: AccountScreen.Filled) -> None:
        """Log in or register; whatever is wrong is told in the form."""
        windows = self._app.windows
        window = windows.of(event.account)
        is_known = window is not None
        try:
            if window is None:
                window = await windows.begin(
                    ChatClient(event.account, self._app.profile, client_name=self._client_name)
                )
            await window.client.sign_in(event.credentials)
        except (ClientError, OSError, sqlite3.Error) as error:
            if window is not None and not is_known:
                await windows.close(window)
            form.tell(str(error))
            if isinstance(error, RequestError) and error.code in ASKS_FOR_PASSWORD:
                form.ask_password_again()
            return
        self._is_asking = False
        while isinstance(self._app.screen, AccountScreen | WelcomeScreen) and len(self._app.screen_stack) > 1:
            _ = await self._app.pop_screen()
        if not window.is_open:
            await windows.open(window)

    # ---- An account that is there -----------------------------------------------------------------------------------

    def ask_what_is_missing(self, window: Window) -> None:
        """Ask for a password, or for trust, if that is what a window's client waits for."""
        link = window.client.state.link
        if link.status != "refused" or self._is_asking or window.is_given or len(self._app.screen_stack) > 1:
            return
        if link.code == "untrusted":
            self._is_asking = True
            self._app.run_worker(self._trust_again(window), exit_on_error=True)
        elif link.code == "wrong_fingerprint":
            self._is_asking = True
            stop = Notice(tr("The server's key has changed"), str(link.detail))
            _ = self._app.push_screen(stop, self._left)
        elif link.code in ASKS_FOR_PASSWORD:
            self._is_asking = True
            account = window.client.account
            found = ServerInfo(window.client.state.server_name, window.client.state.registration, "")
            form = AccountScreen(ServerLink(account.address), found, account.user, logs_in=True)
            form.first_error = str(link.detail) if link.code == "bad_credentials" else ""
            _ = self._app.push_screen(form, self._left)

    async def _trust_again(self, window: Window) -> None:
        link = window.client.state.link
        if await self._ask_trust(window.client.account.address, link.fingerprint):
            await window.client.trust(link.fingerprint)
            self._is_asking = False

    async def _ask_trust(self, address: ServerAddress, fingerprint: str) -> bool:
        """Ask whether the certificate that a server showed at the first connection is the right one."""
        shown = fingerprint.removeprefix("sha256:")
        pairs = " ".join(shown[place : place + 4] for place in range(0, len(shown), 4))
        text = tr("{address} has its own key. Compare it with what chat-server prints when it starts:").format(
            address=address.key
        )
        text += f"\n\nsha256: {pairs}"
        agreed = await self._app.push_screen_wait(Question(tr("Trust this server?"), text, tr("Trust it")))
        return bool(agreed)
