"""docs/configuration.md tells every setting with its flag, variable, type, default and bounds, and no other."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from msgspec import Struct

from chat_client.core.config import ClientConfig
from chat_server.cli import HELP
from chat_server.config import ENVIRONMENT_PREFIX, Config, ConfigError, load
from tests.docs import spec

CONFIGURATION = spec.ROOT / "docs" / "configuration.md"


def explained(struct: type[Struct]) -> dict[str, str]:
    """The docstrings below the fields of ``struct``, each on one line."""
    (definition,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = (
                inspect.cleandoc(str(text.value.value)).replace("\n", " ").replace("``", "`")
            )
    return found


def test_settings_are_described() -> None:
    """The table is the fields of Config, in order, with the help of the command line."""
    expected = [
        [
            f"`{row.name}`",
            f"`--{row.name.replace('_', '-')}`",
            f"`{ENVIRONMENT_PREFIX}{row.name.upper()}`",
            row.type,
            row.presence.removeprefix("default "),
            row.bounds,
            HELP[row.name],
        ]
        for row in spec.describe(Config)
    ]

    assert spec.table(CONFIGURATION, "key") == expected


def test_settings_of_clients_are_described() -> None:
    """The table is the fields of ClientConfig, in order, with their docstrings."""
    meanings = explained(ClientConfig)
    expected = [
        [
            f"`{row.name}`",
            "" if row.name == "keys" else f"`CHAT_CLIENT_{row.name.upper()}`",
            row.type,
            row.presence.removeprefix("default "),
            row.bounds,
            meanings[row.name],
        ]
        for row in spec.describe(ClientConfig)
    ]

    assert spec.table(CONFIGURATION, "setting") == expected


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
