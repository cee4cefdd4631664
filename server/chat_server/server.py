"""The composition root: makes the parts, connects them, starts and stops their threads."""

from __future__ import annotations

import gc
import os
import secrets
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final

import structlog

from chat_protocol.names import Kind
from chat_server import __version__
from chat_server.config import Config
from chat_server.dispatch.bounds import Bounds
from chat_server.dispatch.dispatcher import Dispatcher
from chat_server.dispatch.peer import News
from chat_server.net.control import ControlListener
from chat_server.net.listener import Listener
from chat_server.net.loop import IoThread
from chat_server.net.patience import Patience
from chat_server.net.strangers import Strangers
from chat_server.net.tls import Credentials, TlsError, open_credentials
from chat_server.passwords import make_passwords
from chat_server.routing.accounts import mint_invite, void_invites
from chat_server.routing.auditing import audit
from chat_server.routing.context import Context, Rules
from chat_server.routing.directory import Directory
from chat_server.store.base import SERVER, PutConversation, Write
from chat_server.store.sqlite import open_store

_log = structlog.get_logger("server")

_STOP_S: Final = 2.0
_JOIN_S: Final = 8.0
_EXIT_THREAD_DIED: Final = 70
_MOST_RETRY_S: Final = 30.0
_FIRST_INVITE_S: Final = 7 * 24 * 3600
_GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Routing makes many short-lived objects and no cycles; with the defaults much time went into looking for them."""


class ChatServer:
    """A server: made, started, stopped once.

    Raises:
        StoreError: the data directory cannot be used; the text says why.
        TlsError: the certificate or its key cannot be used; the text says why.
        OSError: the address cannot be bound.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._store = open_store(config.data_path)
        if self._store.is_set_back:
            _log.warning(
                "an older store stands in the place of the newest: it gets a new epoch, clients drop what it lacks"
            )
        directory = Directory(self._store.load())
        self._context = Context(
            directory,
            _rules(config),
            make_passwords(config.argon2_memory_kib, config.argon2_time_cost),
            new_id=_new_id,
            new_secret=secrets.token_urlsafe,
        )
        self.first_invite = self._prepare(directory)
        bounds = Bounds(
            messages_per_s=config.messages_per_s,
            burst=config.rate_burst,
            requests_per_s=config.request_limit,
            request_burst=config.request_burst,
            ring_bytes=config.cache_mib * 1024 * 1024,
            retry_delays_s=tuple(min(_MOST_RETRY_S, 2.0**number) for number in range(1, config.retries + 1)),
        )
        self._dispatcher = Dispatcher(
            self._context, self._store, bounds, config.reader_threads, config.hashing_threads, self._stop_io
        )
        self._credentials = credentials = None if config.insecure else _credentials(config)
        patience = Patience(retries=config.retries, most_retry_s=_MOST_RETRY_S)
        self._io = [
            IoThread(number, self._dispatcher.inbox, patience, credentials) for number in range(config.io_threads)
        ]
        strangers = Strangers(config.max_strangers_per_address if config.is_open_to_strangers else None)
        self._listener = Listener(config.host, config.port, self._io, config.max_connections, strangers)
        self._control = self._listen_for_operators()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as bound."""
        return self._listener.address

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the certificate, in hex; None without TLS."""
        return None if self._credentials is None else self._credentials.fingerprint

    def reload(self) -> None:
        """Read certificate and key again, for who renewed them; if they cannot be used, the old ones stay in force."""
        if self._credentials is None:
            return
        try:
            self._credentials.reload()
        except TlsError as error:
            _log.error("certificate not reloaded, the old one stays in force", reason=str(error))
        else:
            _log.warning("certificate reloaded", fingerprint=self._credentials.fingerprint)

    def _prepare(self, directory: Directory) -> str | None:
        """Make what a new store needs; an invite for the first user where registration is not open."""
        batch = [PutConversation(c.row()) for c in directory.conversations.values() if c.kind is Kind.ANNOUNCEMENTS]
        code = None
        self._context.now_ms = int(time.time() * 1000)
        steps: list[Write] = []
        if self._config.registration != "open" and not directory.users:
            steps += void_invites(self._context, SERVER)  # only the newest that was printed is good
            code, step = mint_invite(self._context, SERVER, None, 1, _FIRST_INVITE_S)
            steps += [step, audit(self._context, SERVER, "create_invite", group="-", uses=1)]
        self._store.commit([*batch, *steps])
        return code

    def _listen_for_operators(self) -> ControlListener | None:
        try:
            return ControlListener(self._config.data_path, self._io[0])
        except OSError as error:
            _log.warning("no control socket: chat-server stats, top and trace will not work", reason=str(error))
            return None

    def start(self) -> None:
        """Start all threads and accept connections."""
        threading.excepthook = _die
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        self._dispatcher.readers.start()
        self._dispatcher.hashers.start()
        self._dispatcher.writer.start()
        self._dispatcher.start()
        for thread in self._io:
            thread.start()
        self._listener.start()
        if self._control is not None:
            self._control.start()

    def stop(self) -> None:
        """Accept nothing more, let what is under way be stored and answered, say goodbye, close the store."""
        self._listener.stop()
        if self._control is not None:
            self._control.stop()
        self._dispatcher.inbox.put([(News.SHUTDOWN, None, None)])
        deadline = time.monotonic() + _JOIN_S
        readers, hashers = self._dispatcher.readers.threads, self._dispatcher.hashers.threads
        for thread in (self._dispatcher, self._dispatcher.writer, *self._io, *readers, *hashers):
            thread.join(max(0.1, deadline - time.monotonic()))
        for io in self._io:
            io.close()
        self._store.close()

    def _stop_io(self) -> None:
        for thread in self._io:
            thread.stop(_STOP_S)

    def __enter__(self) -> ChatServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _rules(config: Config) -> Rules:
    return Rules(
        server=f"chat-server/{__version__}",
        name=config.name,
        registration=config.registration,
        max_frame=config.max_frame,
        max_groups_per_user=config.max_groups_per_user,
        max_members_per_group=config.max_members_per_group,
        max_devices_per_user=config.max_devices_per_user,
        max_connections_per_user=config.max_connections_per_user,
        login_failures=config.login_failures if config.is_open_to_strangers else 0,
        registrations_per_hour=config.registrations_per_hour if config.is_open_to_strangers else 0,
    )


def _credentials(config: Config) -> Credentials:
    if config.tls_cert:
        return Credentials(Path(config.tls_cert), Path(config.tls_key or config.tls_cert))
    return open_credentials(config.data_path, config.host)


def _new_id() -> str:
    return secrets.token_hex(12)


def _die(args: threading.ExceptHookArgs) -> None:
    """A thread died: a server that lives on by half would lose messages, so it ends, loudly.

    What was acknowledged is stored.
    """
    name = args.thread.name if args.thread is not None else "?"
    error = args.exc_value
    try:
        _log.critical("thread died, stopping at once", thread=name, exc_info=error)
        sys.stderr.flush()
    finally:  # telling of it may fail as well
        os._exit(_EXIT_THREAD_DIED)
