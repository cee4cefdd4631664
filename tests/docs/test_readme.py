"""The commands in README.md are ones that the programs understand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

from chat_client.core.parsing import Invocation, parse_line
from chat_client.line.cli import COMMANDS
from tests.docs.spec import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_examples_for_scripts_are_understood() -> None:
    """Every line with ``chat-cli`` in the shell block names a command and arguments that it takes."""
    (block,) = re.findall(r"```sh\n(.+?)```", README, flags=re.DOTALL)
    lines = [line for line in block.splitlines() if "chat-cli" in line]
    assert lines
    for line in lines:
        _, name, *arguments = shlex.split(line[line.index("chat-cli") :], comments=True)
        COMMANDS[name](name).parse_intermixed_args(arguments)


def test_flags_of_the_server_exist() -> None:
    """Every flag that the README gives to ``chat-server`` is one."""
    run = [sys.executable, "-m", "chat_server.cli", "--help"]
    known = set(re.findall(r"--[a-z-]+", subprocess.run(run, capture_output=True, text=True, check=True).stdout))
    lines = re.findall(r"^    chat-server (.+)$", README, flags=re.MULTILINE)

    assert lines
    assert {flag for line in lines for flag in re.findall(r"--[a-z-]+", line)} <= known


def test_commands_in_the_composer_are_understood() -> None:
    """Every slash command of the README is one, with the arguments that it takes."""
    lines = re.findall(r"^    (/[a-z].+?)(?:  .*)?$", README, flags=re.MULTILINE)

    assert lines
    assert [line for line in lines if not isinstance(parse_line(line), Invocation)] == []
