"""Fixtures that run a real server. Unit tests need none of them; nothing is started until one is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.people import People
from tests.support.server import Server
from tests.support.wire import Client

# Property tests take the time they take. The suite tries the same examples in every run; `make fuzz` always others.
settings.register_profile("suite", deadline=None, max_examples=60, derandomize=True, database=None)
settings.register_profile(
    "fuzz", deadline=None, max_examples=5_000, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

ADMIN = ("root", "correct horse")
StartServer = Callable[..., Server]


@dataclass(frozen=True)
class Shared:
    """The server that cheap tests share, and who administers it."""

    address: tuple[str, int]
    admin: tuple[str, str]
    process: Server | None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the conformance suite run against a server that somebody else started."""
    parser.addoption(
        "--server", metavar="HOST:PORT", help="a running server: plain TCP, open registration, no rate limit"
    )
    parser.addoption("--admin", metavar="USER:PASSWORD", help="an administrator of the server named by --server")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be asked of a foreign server: to be started and killed, and to let us administer it."""
    if not config.getoption("--server"):
        return
    missing = {"start_server"} if config.getoption("--admin") else {"start_server", "admin"}
    left_out = [item for item in items if missing & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """One server for all tests that neither stop it nor count what is on it."""
    named = request.config.getoption("--server")
    if named:
        host, port = named.rsplit(":", 1)
        user, _, password = (request.config.getoption("--admin") or ":").partition(":")
        yield Shared((host, int(port)), (user, password), None)
        return
    server = Server(tmp_path_factory.mktemp("shared") / "data")
    server.start()
    try:
        register_admin(server)
        yield Shared(server.address, ADMIN, server)
        server.terminate()
    finally:
        server.kill9()


@pytest.fixture
def people(shared_server: Shared) -> Iterator[People]:
    """Users of the shared server, for this test alone."""
    cast = People(shared_server.address)
    yield cast
    cast.close()


@pytest.fixture
def admin(shared_server: Shared, people: People) -> Client:
    """An administrator of the shared server, synced from the end of all logs."""
    user, password = shared_server.admin
    client = people.visitor()
    client.login(user=user, password=password, device="test")
    client.sync(cursors={"!announcements": 2**53 - 1, "!notifications": 2**53 - 1}, limit=0)
    client.settle()
    return client


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers of one's own; those that still run at the end are killed."""
    servers: list[Server] = []

    def start(*flags: str, registration: str = "open", insecure: bool = True) -> Server:
        server = Server(tmp_path / f"data{len(servers)}", *flags, registration=registration, insecure=insecure)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill9()
        sys.stderr.write(server.log())  # pytest shows it where the test failed


def register_admin(server: Server) -> None:
    """Make the first account of a new server, which is its administrator."""
    cast = People(server.address)
    session = cast.visitor().register(ADMIN[0], ADMIN[1])
    cast.close()
    assert session["roles"] == ["admin"], session


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the log of the shared server with a test that failed on it."""
    report = yield
    shared = getattr(item, "funcargs", {}).get("shared_server")
    if report.failed and isinstance(shared, Shared) and shared.process is not None:
        report.sections.append(("log of the shared server", shared.process.log()))
    return report
