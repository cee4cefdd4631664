"""What docs/configuration.md tells about the sources of settings is so (its tables: see test_tables.py)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chat_server.config import ConfigError, load
from tests.docs import spec

CONFIGURATION = spec.ROOT / "docs" / "configuration.md"


def test_help_names_every_flag() -> None:
    """``--help`` and the table name the same flags."""
    shown = subprocess.run(
        [sys.executable, "-m", "chat_server.cli", "--help"], capture_output=True, text=True, check=True
    )
    flags = {row[1].strip("`") for row in spec.table(CONFIGURATION, "key")}

    assert {word for word in shown.stdout.split() if word.startswith("--")} >= flags


def test_example_is_a_configuration(tmp_path: Path) -> None:
    """The TOML file in the document loads, and every key of it is used."""
    text = CONFIGURATION.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    path = tmp_path / "server.toml"
    path.write_text(text, encoding="utf-8")
    config = load(path, {}, {})

    assert {key: getattr(config, key) for key in tomllib.loads(text)} == tomllib.loads(text)


def test_precedence_is_as_described(tmp_path: Path) -> None:
    """Flag over environment over file over default."""
    path = tmp_path / "server.toml"
    path.write_text('port = 1\nname = "file"\nregistration = "open"\n', encoding="utf-8")
    config = load(path, {"CHAT_SERVER_PORT": "2", "CHAT_SERVER_NAME": "environment"}, {"port": "3"})

    assert (config.port, config.name, config.registration) == (3, "environment", "open")


def test_unknown_key_is_refused(tmp_path: Path) -> None:
    """A key of the file that is none stops the start and is named."""
    path = tmp_path / "server.toml"
    path.write_text("prot = 7\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="prot"):
        load(path, {}, {})
