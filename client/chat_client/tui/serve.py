"""``chat-tui serve``: the screen in a browser on this machine, for whoever holds the address that is printed.

textual-serve draws; it asks nobody who they are, so :class:`Gate` stands in front of it. The address holds a token that
opens the page once and becomes a cookie of that browser. Whatever else comes, also from pages of other sites and under
another name of this machine, is refused before textual-serve sees it.
"""

import asyncio
import logging
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from chat_client.core.language import tr

if TYPE_CHECKING:
    from textual_serve.server import Server

__all__ = ["BROWSER_DRIVER", "Gate", "run"]

BROWSER_DRIVER: Final = "textual.drivers.web_driver:WebDriver"
"""What ``TEXTUAL_DRIVER`` says in a process that textual-serve started."""
TOKEN_BYTES: Final = 32
LOOPBACK: Final = "127.0.0.1"
GRACE_S: Final = 5.0
_FOCUS: Final = """<script>
const wait = setInterval(() => {
  const keys = document.querySelector(".xterm-helper-textarea");
  if (keys) { clearInterval(wait); keys.focus(); }
}, 50);
</script></body>"""
"""Lets whoever opens the page type at once; textual-serve wants a click before."""
_INSTALL: Final = "pip install 'chat-suite[web]'"

Verdict = Literal["welcome", "known", "refused"]


@dataclass
class Gate:
    """Decides who may come in; knows no socket. One for each run of the program."""

    host: str
    """``address:port``, as a browser names it."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    is_spent: bool = False
    """Whether the token has opened the page already."""

    @property
    def cookie(self) -> str:
        """The name of the cookie; other programs on this machine have other ports."""
        return f"chat-tui-{self.host.rpartition(':')[2]}"

    @property
    def origin(self) -> str:
        """What a browser names as the origin of our own page."""
        return f"http://{self.host}"

    @property
    def address(self) -> str:
        """What to open, once."""
        return f"{self.origin}/?token={self.token}"

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer carries: nothing is fetched from, told to or framed by any other site."""
        policy = (
            "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
            f" img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://{self.host};"
            " frame-ancestors 'none'; base-uri 'none';"
            " form-action 'none'"
        )
        return {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }

    def judge(self, host: str, origin: str | None, token: str | None, cookie: str | None) -> Verdict:
        """Decide about one request.

        Args:
            host: The ``Host`` header.
            origin: The ``Origin`` header; browsers send it where another site's page could be behind a request.
            token: What the address holds.
            cookie: What the browser keeps.

        Returns:
            ``welcome``: the token is right and now spent; the browser is to get the cookie. ``known``: it has it.
        """
        if host != self.host or origin not in (None, self.origin):
            return "refused"
        if token is not None:
            if self.is_spent or not _same(token, self.token):
                return "refused"
            self.is_spent = True
            return "welcome"
        return "known" if cookie is not None and _same(cookie, self.session) else "refused"


def _same(given: str, right: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), right.encode())


def run(port: int, arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; ``arguments`` go to the chat-tui that each page starts.

    Args:
        port: Of the loopback address; 0: any that is free.
        arguments: What chat-tui is called with.

    Returns:
        The exit status: 1 if textual-serve is not installed or the port is taken.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    try:
        return asyncio.run(_serve(port, arguments))
    except ImportError:
        sys.stderr.write(f"{tr('chat-tui serve needs textual-serve: {command}').format(command=_INSTALL)}\n")
    except OSError as error:
        sys.stderr.write(f"chat-tui serve: {LOOPBACK}:{port}: {error.strerror}\n")
    return 1


def _pages(command: str, port: int, origin: str) -> "Server":
    """Return what draws pages that each run ``command``."""
    from textual_serve import server as pages
    from textual_serve.app_service import AppService

    class Page(AppService):
        """The chat-tui of a page. When it is stopped it is gone, not only silent: all of it is written down."""

        async def stop(self) -> None:
            await super().stop()
            if self._process is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_S):
                        await self._process.communicate()

    vars(pages)["AppService"] = Page  # there is no other way to name it
    return pages.Server(command, LOOPBACK, port, title="chat-tui", public_url=origin)


async def _serve(port: int, arguments: Sequence[str]) -> int:
    from aiohttp import web
    from aiohttp.typedefs import Handler

    with socket.create_server((LOOPBACK, port)) as listener:
        gate = Gate(f"{LOOPBACK}:{listener.getsockname()[1]}")

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            match gate.judge(
                request.host,
                request.headers.get("Origin"),
                request.query.get("token"),
                request.cookies.get(gate.cookie),
            ):
                case "welcome":
                    answer = web.Response(status=303, headers={"Location": "/"})
                    answer.set_cookie(gate.cookie, gate.session, httponly=True, samesite="Strict", path="/")
                    return answer
                case "known":
                    page = await handler(request)
                    if isinstance(page, web.Response) and page.content_type == "text/html" and page.text is not None:
                        page.text = page.text.replace("</body>", _FOCUS)
                    return page
                case "refused":
                    return web.Response(
                        status=403, text=f"{tr('Not with this address: start chat-tui serve again.')}\n"
                    )

        async def add_headers(_: web.Request, answer: web.StreamResponse) -> None:
            answer.headers.update(gate.headers)

        command = shlex.join([sys.executable, "-m", "chat_client.tui.cli", *arguments])
        app = await _pages(command, listener.getsockname()[1], gate.origin)._make_app()
        app.on_startup.clear()  # its banner
        app.middlewares.append(guard)
        app.on_response_prepare.append(add_headers)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            sys.stdout.write(f"{gate.address}\n")
            sys.stdout.flush()
            sys.stderr.write(f"{tr('Opens once, in a browser on this machine; ctrl+c ends it.')}\n")
            ended = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, ended.set)
            await ended.wait()
        finally:
            await runner.cleanup()
    return 0
