"""What really gets imported, beyond what import-linter sees in the source (docs/architecture.md)."""

from __future__ import annotations

import subprocess
import sys

import pytest

USER_INTERFACE = {"textual", "rich", "prompt_toolkit"}


def loaded_by(module: str) -> set[str]:
    """The top-level modules of a fresh process that has imported ``module`` and nothing else."""
    code = f"import {module}, sys; print('\\n'.join(sys.modules))"
    listing = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return {name.partition(".")[0] for name in listing.split()}


def test_server_loads_no_client() -> None:
    """A server process has neither the client nor a user interface in it (structlog brings rich, where it is there)."""
    loaded = loaded_by("chat_server.server")

    assert not loaded & ((USER_INTERFACE - {"rich"}) | {"chat_client"})


def test_core_loads_no_user_interface() -> None:
    """The client core draws nothing, so a third face can be put on it."""
    loaded = loaded_by("chat_client.core.client")

    assert not loaded & (USER_INTERFACE | {"chat_server"})


def test_line_client_loads_no_textual() -> None:
    """Scripts call chat-cli often: it starts without the TUI's libraries."""
    assert "textual" not in loaded_by("chat_client.line.cli")


def test_routing_is_pure() -> None:
    """The rules load no database driver: which store runs is none of their business."""
    assert "sqlite3" not in loaded_by("chat_server.routing.router")


@pytest.mark.parametrize("name", ["server", "client", "protocol"])
def test_top_folders_are_no_packages(name: str) -> None:
    """No module called like the folders gets onto the path of an installation."""
    code = f"import importlib.util, sys; sys.path.remove(''); print(importlib.util.find_spec({name!r}))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd="/").stdout

    assert found.strip() == "None"
