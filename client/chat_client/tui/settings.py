"""``chat-tui config``: write a commented file of settings, check it, say where it is. Blocks for disk accesses."""

import ast
import difflib
import inspect
import json
import os
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from msgspec.structs import replace
from textual.binding import Binding

from chat_client.core.config import ClientConfig, config_path, line_of_key, load_config
from chat_client.core.errors import ConfigError
from chat_client.core.language import tr
from chat_client.tui.keys import CHAT_BINDINGS, GENERAL_BINDINGS, MESSAGE_BINDINGS, PANE_BINDINGS

__all__ = ["check", "key_bindings", "run", "suited", "template"]


def key_bindings() -> dict[str, Binding]:
    """Return the keys that can be set, by their names."""
    tables = (GENERAL_BINDINGS, CHAT_BINDINGS, PANE_BINDINGS, MESSAGE_BINDINGS)
    bindings = [binding for table in tables for binding in table if isinstance(binding, Binding)]
    return {binding.id: binding for binding in bindings if binding.id}


def template() -> str:
    """Return a file that names every setting with its meaning and its default, all commented out."""
    meanings = _meanings()
    lines = [
        "# Settings of chat-tui and chat-cli. Every line is commented out and shows the default.",
        "# A running chat-tui takes over what is saved here at once; mouse and account hold from the next start on.",
        "# chat-tui config check tells what is wrong, with the line.",
        "",
    ]
    for field, default in zip(ClientConfig.__struct_fields__, ClientConfig.__struct_defaults__, strict=True):
        if field == "keys":
            continue
        lines += [f"# {meanings[field]}", f"# {field} = {json.dumps(default)}", ""]
    lines += [f"# {meanings['keys']} Several keys are separated by commas.", "[keys]"]
    for name, binding in key_bindings().items():
        setting = f'# {name} = "{binding.key}"'
        lines.append(f"{setting.ljust(46)} # {tr(binding.description)}")
    return "\n".join(lines) + "\n"


def _meanings() -> dict[str, str]:
    """Return the docstrings below the settings, each on one line."""
    (definition,) = ast.parse(inspect.getsource(ClientConfig)).body
    found: dict[str, str] = {}
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).replace("``", "`").split())
    return found


def check(path: Path | None = None) -> ClientConfig:
    """Return the settings, keys looked at as well.

    Raises:
        ConfigError: Something in them is wrong; the message has a line for each, with file and line of the file.
    """
    path = config_path() if path is None else path
    config = load_config(path)
    known = key_bindings()
    wrong = []
    for name in config.keys:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                tr(", did you mean {near}?").format(near=near[0])
                if near
                else tr(": chat-tui config init --print shows all")
            )
            wrong.append(f"{line_of_key(path, name)}: {tr('{name} is no key that can be set').format(name=name)}{hint}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return config


def suited(
    config: ClientConfig, environment: Mapping[str, str] | None = None, *, ascii_only: bool = False
) -> ClientConfig:
    """Return the settings as the terminal allows them: where the locale has no Unicode, ASCII alone is drawn."""
    environment = os.environ if environment is None else environment
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "C.UTF-8")
    has_unicode = "utf-8" in locale.lower() or "utf8" in locale.lower()
    return replace(config, ascii=True) if ascii_only or not has_unicode else config


def run(what: str, *, force: bool = False, only_print: bool = False) -> int:
    """Do ``config init``, ``config check`` or ``config path``; return the exit status.

    Raises:
        ConfigError: The file is there already, cannot be written, or something in it is wrong.
    """
    path = config_path()
    match what:
        case "init" if only_print:
            sys.stdout.write(template())
        case "init":
            _write(path, force=force)
            sys.stdout.write(
                f"{tr('{path} is written: every setting with its meaning, all commented out').format(path=path)}\n"
            )
        case "check":
            _ = check(path)
            fine, missing = tr("{path} has no mistake"), tr("{path} is not there: everything is at its default")
            sys.stdout.write(f"{(fine if path.exists() else missing).format(path=path)}\n")
        case _:
            sys.stdout.write(f"{path}\n")
    return 0


def _write(path: Path, *, force: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise ConfigError(
            tr("{path} is there already: --force writes over it, --print shows a new one").format(path=path)
        ) from None
    except OSError as error:
        raise ConfigError(tr("{path} cannot be written: {error}").format(path=path, error=error.strerror)) from None
