"""A real client without a face, in a process of its own that can be killed: ``python -m tests.faults.headless …``.

It says what it is told on standard input, a line for each message (``#group text`` or ``@user text``), and prints
``live`` when it is connected for the first time and ``kept`` for each message that its outbox has.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress
from chat_client.core.client import ChatClient
from chat_client.core.profile import Profile


async def main(directory: str, host: str, port: str, user: str, password: str) -> None:
    """Run until standard input ends; then close in good order."""
    address = ServerAddress(host, int(port), tls=False)
    credentials = Credentials(password)
    async with ChatClient(Account(address, user), Profile(Path(directory)), credentials=credentials) as client:
        running = asyncio.create_task(client.run())
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async for state in client.changes():
            if state.link.synced:
                break
        sys.stdout.write("live\n")
        sys.stdout.flush()
        async for line in reader:
            conversation, _, text = line.decode().rstrip("\n").partition(" ")
            await client.submit(conversation, text)
            sys.stdout.write("kept\n")
            sys.stdout.flush()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
