"""The accounts that run in one program: a client, a memory and a screen for each; one of them is in front."""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chat_client.core.accounts import Account
from chat_client.core.client import ChatClient
from chat_client.core.language import tr, tr_n
from chat_client.core.state import ClientState, Notice
from chat_client.core.text import safe_line
from chat_client.tui import terminal
from chat_client.tui.drawing import clip
from chat_client.tui.memory import Memory
from chat_client.tui.panes import ServerMark, window_title
from chat_client.tui.screens.chat import ChatScreen

if TYPE_CHECKING:
    from chat_client.tui.app import ChatApp

__all__ = ["Few", "Window", "Windows"]

RESTART_S: Final = 5.0
"""After a fault of our own in the connection's task."""
NOTIFY_S: Final = 3.0
"""At most one bell for a conversation in this time."""
MAX_TOASTS: Final = 3
TOASTS_S: Final = 5.0
"""At most so many messages are told one by one in this time, and at most so many bells ring."""

_log = logging.getLogger(__name__)


class Few:
    """Counts what happens, as far as it is still few: after ``MAX_TOASTS`` in ``TOASTS_S`` the rest goes untold."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def take(self, now_s: float) -> int:
        """Return the how manieth this is within the time: 1 to ``MAX_TOASTS`` + 1, and one more for all after these."""
        while self._times and now_s - self._times[0] >= TOASTS_S:
            self._times.popleft()
        if len(self._times) > MAX_TOASTS:
            return MAX_TOASTS + 2
        self._times.append(now_s)
        return len(self._times)


class Window:
    """One account: its client, the task that runs it, its screen once there is one."""

    def __init__(self, client: ChatClient, mode: str, *, is_given: bool = False) -> None:
        self.client = client
        self.mode = mode
        self.is_given = is_given
        """Whether others entered the client and close it (tests and pictures)."""
        self.memory: Memory | None = None
        self.screen: ChatScreen | None = None
        self.runner: asyncio.Task[None] | None = None
        self.unsubscribe: Callable[[], None] | None = None
        self.last_notice = 0
        self.is_showing_planned = False
        self.backlog: dict[str, int] | None = None
        """How far each conversation went when the program was first up to date: what came meanwhile is told as one.
        None: it was not yet."""

    def is_backlog(self, notice: Notice) -> bool:
        """Tell whether a notice is about what came before the program was started."""
        return self.backlog is None or notice.seq <= self.backlog.get(notice.conversation, 0)

    @property
    def key(self) -> str:
        """``user@host:port``."""
        return self.client.account.key

    @property
    def is_open(self) -> bool:
        """Whether it has a screen, or will have one when somebody looks."""
        return self.memory is not None


class Windows:
    """All of them, in the order in which they were opened."""

    def __init__(self, app: "ChatApp") -> None:
        self._app = app
        self._all: list[Window] = []
        self._rang: dict[tuple[str, str], float] = {}
        self._toasted, self._rung = Few(), Few()
        self.title = ""
        self._marks: tuple[ServerMark, ...] = ()
        self._is_looked_at = True
        self._is_told_focus = not any(name in os.environ for name in ("TMUX", "STY"))
        """Whether the terminal says when nobody looks; tmux does if it is set so, and screen does not."""
        self._number = 0
        self.front: Window | None = None

    # ---- Begin and end ----------------------------------------------------------------------------------------------

    def of(self, account: Account) -> Window | None:
        """Return the window of an account."""
        return next((window for window in self._all if window.client.account == account), None)

    async def begin(self, client: ChatClient) -> Window:
        """Enter a client and have it run; it has no screen yet."""
        await client.__aenter__()
        window = self.take(client)
        window.runner = asyncio.create_task(self._run(window))
        return window

    def take(self, client: ChatClient, *, is_given: bool = False) -> Window:
        """Take over a client that is entered already."""
        self._number += 1
        mode = "chat" if self._number == 1 else f"chat-{self._number}"
        window = Window(client, mode, is_given=is_given)
        self._all.append(window)
        return window

    async def open(self, window: Window, *, in_front: bool = True) -> None:
        """Give a window its screen."""
        memory = window.memory = await asyncio.to_thread(Memory(self._app.profile, window.client.account).load)
        window.unsubscribe = window.client.subscribe(lambda _: self._plan_showing(window))

        def make() -> ChatScreen:
            window.screen = ChatScreen(window.client, self._app.config, self._app.looks, memory)
            window.screen.servers = self._marks
            return window.screen

        # A mode of its own, not on top of Textual's empty screen: that one would have all of this drawn anew each time.
        self._app.add_mode(window.mode, make)
        if not in_front:
            window.client.set_focus(False)
        elif self.front is None or in_front:
            self.show(window)
        self._plan_showing(window)

    async def close(self, window: Window) -> None:
        """End a window's client and write down what it remembers."""
        if window in self._all:
            self._all.remove(window)
        if self.front is window:
            self.front = None
        if window.unsubscribe is not None:
            window.unsubscribe()
        if window.runner is not None:
            window.runner.cancel()
            await asyncio.gather(window.runner, return_exceptions=True)
        if window.memory is not None:
            if window.screen is not None:
                window.screen.keep_place()
            await asyncio.to_thread(window.memory.save)
        if not window.is_given:
            await window.client.__aexit__(None, None, None)

    async def close_all(self) -> None:
        """End all of them."""
        for window in list(self._all):
            await self.close(window)

    async def remember(self) -> None:
        """Write down what changed."""
        for window in list(self._all):
            if window.memory is not None:
                if window.screen is not None:
                    window.screen.keep_place()
                if window.memory.is_changed:
                    await asyncio.to_thread(window.memory.save)

    async def _run(self, window: Window) -> None:
        """Keep a client running; a fault of our own is logged and told, and the connection is made anew."""
        while True:
            try:
                await window.client.run()
                return
            except Exception:  # noqa: BLE001 - safety net: whatever it is, the user keeps a client that tries again
                _log.exception("the client's task failed")
                self._app.notify(
                    tr(
                        "the connection failed because of a fault of the program: trying again in {seconds:g} s."
                        " Log: {log}"
                    ).format(seconds=RESTART_S, log=self._app.log_path),
                    severity="error",
                    markup=False,
                )
                await asyncio.sleep(RESTART_S)

    # ---- In front ---------------------------------------------------------------------------------------------------

    @property
    def screens(self) -> list[ChatScreen]:
        """The screens that were made so far."""
        return [window.screen for window in self._all if window.screen is not None]

    def show(self, window: Window) -> None:
        """Bring a window to the front."""
        before, self.front = self.front, window
        if before is not None and before is not window:
            self._focus(before, False)
        _ = self._app.switch_mode(window.mode)
        self._focus(window, self._is_looked_at)
        self._plan_showing(window)

    def show_key(self, key: str) -> None:
        """Bring the window of an account to the front, by its key."""
        for window in self._all:
            if window.key == key and window.is_open and window is not self.front:
                self.show(window)

    def step(self, step: int) -> bool:
        """Bring the next window to the front; return whether there is another one."""
        windows = [window for window in self._all if window.is_open]
        if len(windows) < 2 or self.front not in windows:
            return False
        self.show(windows[(windows.index(self.front) + step) % len(windows)])
        return True

    def look(self, is_looked_at: bool, *, is_reported: bool = False) -> None:
        """Note that the user came back to the terminal, or left it; ``is_reported``: as the terminal says."""
        self._is_told_focus |= is_reported
        if is_looked_at == self._is_looked_at:
            return
        self._is_looked_at = is_looked_at
        if self.front is not None:
            self._focus(self.front, is_looked_at)

    def _focus(self, window: Window, focused: bool) -> None:
        if window.screen is not None:
            window.screen.focus_changed(focused)
        else:
            window.client.set_focus(focused)

    # ---- What happens in them ---------------------------------------------------------------------------------------

    def _plan_showing(self, window: Window) -> None:
        """Draw soon, in the program's own turn: a fault in drawing then ends the program instead of being swallowed."""
        if not window.is_showing_planned:
            window.is_showing_planned = True
            self._app.call_later(self._show_state, window)

    def _show_state(self, window: Window) -> None:
        window.is_showing_planned = False
        if not self._app.is_running:
            return  # the screens are being taken away
        state = window.client.state
        if window.screen is not None and window is self.front:
            window.screen.show_state(state)
        if window.backlog is None and state.link.synced:
            window.backlog = {name: entry.last_seq for name, entry in state.conversations.items()}
            self._tell_backlog(window, window.client.state)
        for notice in state.notices:
            if notice.number > window.last_notice:
                window.last_notice = notice.number
                self._announce(window, notice, state)
        self._show_marks()
        self._show_title()
        if window is self.front:
            self._app.ask_what_is_missing(window)

    def _show_marks(self) -> None:
        windows = [window for window in self._all if window.is_open]
        marks: tuple[ServerMark, ...] = ()
        if len(windows) > 1:
            marks = tuple(self._mark(window) for window in windows)
        if marks != self._marks:
            self._marks = marks
            for screen in self.screens:
                screen.servers = marks
            if self.front is not None and self.front.screen is not None:
                self.front.screen.show_rooms()

    def _mark(self, window: Window) -> ServerMark:
        state, account = window.client.state, window.client.account
        name = str(state.server_name) or account.address.host
        same = sum(other.client.state.server_name == state.server_name for other in self._all)
        label = name if same == 1 else f"{account.user}@{account.address.key}"
        return ServerMark(
            window.key, label, state.link.status, state.unread, state.mentions, is_front=window is self.front
        )

    def _show_title(self) -> None:
        if self.front is None:
            return
        others = [window.client.state for window in self._all if window is not self.front and window.is_open]
        title = window_title(self.front.client.state, others)
        if title != self.title:
            self.title = title
            terminal.set_title(self._app, title)

    def show_title_again(self) -> None:
        """Set the title anew: somebody else had the terminal."""
        self.title = ""
        self._show_title()

    def _announce(self, window: Window, notice: Notice, state: ClientState) -> None:
        """Show a notice once: as a toast unless its conversation is open, and with the bell if nobody looks."""
        if notice.kind in ("info", "error"):
            severity = "error" if notice.kind == "error" else "information"
            self._app.notify(notice.text, severity=severity, markup=False)  # type: ignore[arg-type]
            return
        is_open = window is self.front and notice.conversation == state.current
        if not is_open and not window.is_backlog(notice):
            self._toast(window, notice)
        setting = self._app.config.notify
        wanted = setting == "all" or (setting == "mentions" and notice.kind in ("mention", "private"))
        now = time.monotonic()
        place = (window.key, notice.conversation)
        is_seen = self._is_looked_at and (is_open or self._is_told_focus)
        if not wanted or is_seen or now - self._rang.get(place, float("-inf")) < NOTIFY_S:
            return
        if self._rung.take(now) <= MAX_TOASTS:
            self._rang[place] = now
            terminal.notify_desktop(self._app, f"{notice.kind} in {notice.conversation}")

    def _tell_backlog(self, window: Window, state: ClientState) -> None:
        """Say at the start what waits elsewhere, in one toast; each message of it would cover what there is to read."""
        screen = window.screen
        others = [each for each in state.conversations.values() if each.name != state.current and not each.muted]
        mentions, unread = sum(each.mentions for each in others), sum(each.unread for each in others)
        if screen is None or not unread:
            return
        parts = [tr_n("{count} mention", "{count} mentions", mentions)] if mentions else []
        parts.append(tr_n("{count} unread", "{count} unread", unread))
        waits = tr("{what}: {key} tells more").format(what=tr(", ").join(parts), key=screen.key("chat-catch-up"))
        self._app.notify(waits, title=tr("Since you left"), markup=False)

    def _toast(self, window: Window, notice: Notice) -> None:
        """Show what arrived elsewhere; after a few in a row only that there is more, so that the screen stays free."""
        number = self._toasted.take(time.monotonic())
        if number == MAX_TOASTS + 1:
            screen = self.front.screen if self.front is not None else None
            key = screen.key("chat-next-unread") if screen is not None else ""
            self._app.notify(tr("more came: {key} goes there").format(key=key), markup=False)
        if number > MAX_TOASTS:
            return
        where = (
            notice.conversation
            if window is self.front
            else tr("{conversation} on {account}").format(conversation=notice.conversation, account=window.key)
        )
        text = clip(safe_line(f"{notice.sender_name}: {notice.text}"), 120)
        self._app.notify(text, title=str(safe_line(where)), markup=False)
