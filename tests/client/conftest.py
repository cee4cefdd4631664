"""A fake server and clients on directories of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.profile import Profile
from tests.client.fake_server import FakeServer, until

Start = Callable[..., Awaitable[ChatClient]]


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """A fake server that listens."""
    fake = FakeServer()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def start(server: FakeServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Start a client and wait until it is synced; the same user and directory again is a restart."""
    async with AsyncExitStack() as stack:

        async def begin(
            user: str = "alice", directory: str = "", *, wait: bool = True, client: ChatClient | None = None
        ) -> ChatClient:
            password = "correct horse"
            account = Account(ServerAddress("127.0.0.1", server.port, tls=False), user)
            credentials = Credentials(password, register=user not in server.passwords)
            made = client or ChatClient(account, Profile(tmp_path / (directory or user)), credentials=credentials)
            await stack.enter_async_context(made)
            task = asyncio.create_task(made.run())

            async def end() -> None:
                made.stop()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

            stack.push_async_callback(end)
            if wait:
                await until(lambda: made.state.link.synced)
            return made

        yield begin
