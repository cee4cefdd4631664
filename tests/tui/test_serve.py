"""``chat-tui serve``: who may come in, and that the screen really comes through a browser's two connections."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, WSServerHandshakeError

from chat_client.tui.serve import Gate
from tests.conftest import StartServer
from tests.support.people import People, contents, history, say, until_true

DEADLINE_S = 30.0
HOST = "127.0.0.1:7080"


def test_the_token_opens_once() -> None:
    """The second use is refused, also to the one who has used it."""
    gate = Gate(HOST)
    assert gate.judge(HOST, None, gate.token, None) == "welcome"
    assert gate.judge(HOST, None, gate.token, None) == "refused"
    assert gate.judge(HOST, None, gate.token, gate.session) == "refused"


def test_the_cookie_opens_from_then_on_and_nothing_else_does() -> None:
    """No cookie, a wrong one, and the token in its place are refused."""
    gate = Gate(HOST)
    assert gate.judge(HOST, None, None, gate.session) == "known"
    assert gate.judge(HOST, gate.origin, None, gate.session) == "known"
    for cookie in (None, "", "x", gate.token, "é"):
        assert gate.judge(HOST, None, None, cookie) == "refused"


def test_a_wrong_token_does_not_spend_the_right_one() -> None:
    """Guessing locks nobody out."""
    gate = Gate(HOST)
    for token in ("", "x", gate.session, "\udce9"):
        assert gate.judge(HOST, None, token, None) == "refused"
    assert gate.judge(HOST, None, gate.token, None) == "welcome"


@pytest.mark.parametrize("host", ["evil.example", "localhost:7080", "127.0.0.1", "127.0.0.1:7081", ""])
def test_another_name_of_this_machine_is_refused(host: str) -> None:
    """A name that somebody else's DNS points at loopback is not ours."""
    gate = Gate(HOST)
    assert gate.judge(host, None, gate.token, gate.session) == "refused"
    assert not gate.is_spent


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9", "https://127.0.0.1:7080", "null"])
def test_other_pages_are_refused_although_the_browser_has_the_cookie(origin: str) -> None:
    """A page of another site cannot open the connection in the user's name."""
    gate = Gate(HOST)
    assert gate.judge(HOST, origin, None, gate.session) == "refused"


@asynccontextmanager
async def served(folder: Path, *arguments: str) -> AsyncIterator[str]:
    """Run the command with what chat-tui is to be called with; yields the address that it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "TEXTUAL"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chat_client.tui.cli", "serve", "--profile", str(folder / "profile"), *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**env, "CHAT_CLIENT_CONFIG": str(folder / "none.toml")},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
        yield line.decode().strip()
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert process.returncode == 0, said.decode()
        assert b"Traceback" not in said
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_the_screen_comes_through_the_browsers_connection(tmp_path: Path) -> None:
    """Without the token nothing; with it, once, the page; then the program draws and takes keys by websocket."""
    async with served(tmp_path) as address, ClientSession() as stranger:
        base = address.partition("/?")[0]
        for path in ("/", "/ws", "/static/js/textual.js", "/download/x", "/?token=wrong"):
            async with stranger.get(base + path) as answer:
                assert answer.status == 403, path
        with pytest.raises(WSServerHandshakeError) as refused:
            await stranger.ws_connect(f"{base}/ws")
        assert refused.value.status == 403

        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:  # a jar that takes IP addresses
            async with browser.get(address) as page:
                assert page.status == 200
                assert "token" not in str(page.url)
                assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
                assert "keys.focus()" in await page.text(), "one has to click before one can type"
                assert f'"ws://{base.removeprefix("http://")}/ws"' in (await page.text()).replace("'", '"')
            async with stranger.get(address) as answer:
                assert answer.status == 403, "a second use of the token"
            async with browser.get(f"{base}/static/js/textual.js") as script:
                assert script.status == 200
            with pytest.raises(WSServerHandshakeError):
                await browser.ws_connect(f"{base}/ws", headers={"Origin": "http://evil.example"})
            async with browser.ws_connect(f"{base}/ws?width=80&height=24", headers={"Origin": base}) as screen:
                seen = await _until(screen, "Welcome")
                assert "127.0.0.1:7007" in seen
                await screen.send_json(["stdin", "chat.example"])
                await _until(screen, "chat.example")


async def test_a_chat_through_the_page_goes_on_when_the_page_is_loaded_again(
    tmp_path: Path, start_server: StartServer
) -> None:
    """What is sent there the others have and the other way round; what is half written is there on the next page."""
    server = start_server()
    people = People(server.address)
    guest = people.user("guest")
    group = people.group(guest)
    password = tmp_path / "password"
    password.write_text("correct horse")
    password.chmod(0o600)
    host, port = server.address
    who = ["--server", f"{host}:{port}", "--insecure", "--new-user", "ada", "--password-file", str(password)]
    async with served(tmp_path, *who) as address, ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        base = address.partition("/?")[0]
        async with browser.get(address) as page:
            assert page.status == 200
        async with browser.ws_connect(f"{base}/ws?width=100&height=30", headers={"Origin": base}) as screen:
            await _until(screen, "connected")
            await screen.send_json(["stdin", f"/join #{group}\r"])
            await _until(screen, "This is the beginning of")
            await screen.send_json(["stdin", "from a page: 你好\r"])
            await asyncio.to_thread(
                until_true, lambda: contents(history(guest, f"#{group}")) == ["from a page: 你好"], "it was not sent"
            )
            await asyncio.to_thread(say, guest, f"#{group}", "from elsewhere")
            await _until(screen, "from elsewhere")
            await screen.send_json(["stdin", "half a word"])
            await _until(screen, "half a word")
        await asyncio.to_thread(until_true, lambda: not _screens(tmp_path), "it outlived its page", DEADLINE_S)
        async with browser.ws_connect(f"{base}/ws?width=100&height=30", headers={"Origin": base}) as screen:
            await _until(screen, "half a word")
    people.close()


def _screens(folder: Path) -> list[int]:
    """The processes that run chat-tui for a page."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder / "profile").encode() in words and b"serve" not in words:
            found.append(int(entry.name))
    return found


async def _until(screen: ClientWebSocketResponse, text: str) -> str:
    """Read what the program draws until a text stands in it; escape sequences between letters left out."""
    drawn = ""
    async with asyncio.timeout(DEADLINE_S):
        while text not in drawn:
            data = await screen.receive_bytes()
            drawn += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode("utf-8", "replace"))
    return drawn
