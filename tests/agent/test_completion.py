"""Shell completion, in the shells: what a line becomes when Tab is pressed."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from accelnet_agent.checks import CHECKS
from accelnet_agent.manual import Command
from accelnet_agent.manual.agent import AGENT
from accelnet_agent.manual.check import CHECK
from accelnet_agent.manual.completion import COLUMNS, bash, fish, zsh
from accelnet_agent.options import Option

COMPLETIONS = Path(__file__).parents[2] / "completions"
SHELLS = ("bash", "zsh", "fish")
# Tab, then a key that shows the line between marks; the shell's own echo has neither.
BASH = (
    "source {completions}/accelnet-check.bash; source {completions}/accelnet-agent.bash; "
    """bind -x '"\\C-g": printf "<<%s>>\\n" "$READLINE_LINE"'; echo 're'ady\n"""
)
ZSH = (
    "fpath=({completions} $fpath); autoload -Uz compinit; compinit -u -d {folder}/dump; "
    """show() {{ print -r -- "<<$BUFFER>>" }}; zle -N show; bindkey '^G' show; echo 're'ady\n"""
)
LINES = [
    pytest.param("accelnet-check --form", "accelnet-check --format", id="flag"),
    pytest.param("accelnet-check --redact --h", "accelnet-check --redact --help", id="last-flag"),
    pytest.param("accelnet-check --format prom", "accelnet-check --format prometheus", id="choice"),
    pytest.param("accelnet-check --format=na", "accelnet-check --format=nagios", id="equals"),
    pytest.param("accelnet-check --only vf-dat", "accelnet-check --only vf-datapath", id="check"),
    pytest.param(
        "accelnet-check --imds-endpoint o", "accelnet-check --imds-endpoint off", id="literal"
    ),
    pytest.param(
        "accelnet-check --root {folder}/ima", "accelnet-check --root {folder}/images/", id="folder"
    ),
    pytest.param(
        "accelnet-check --bundle {folder}/bun",
        "accelnet-check --bundle {folder}/bundle.tar.gz",
        id="file",
    ),
    pytest.param(
        "accelnet-check --summarize {folder}/bun",
        "accelnet-check --summarize {folder}/bundle.tar.gz",
        id="report",
    ),
    pytest.param("accelnet-check --by ker", "accelnet-check --by kernel", id="group"),
    pytest.param("accelnet-check --wait 1", "accelnet-check --wait 1", id="number"),
    pytest.param("accelnet-agent --web.co", "accelnet-agent --web.config.file", id="dots"),
    pytest.param(
        "accelnet-agent --log.level warn", "accelnet-agent --log.level warning", id="agent"
    ),
]


def completed(shell: str, line: str, folder: Path) -> str:
    """The line after Tab."""
    if shell == "fish":
        return _by_fish(line)
    setup = (BASH if shell == "bash" else ZSH).format(completions=COMPLETIONS, folder=folder)
    words = ["bash", "--norc", "--noprofile", "-i"] if shell == "bash" else ["zsh", "-f", "-i"]
    primary, secondary = os.openpty()
    running = subprocess.Popen(
        words,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TERM": "dumb",
            "INPUTRC": "/dev/null",
            "HISTFILE": "/dev/null",
        },
        cwd=folder,
        start_new_session=True,
    )
    os.close(secondary)
    try:
        os.write(primary, setup.encode())
        _shown(primary, "(ready)")
        os.write(primary, f"{line}\t\x07".encode())
        return _shown(primary, "<<(accelnet[^>]*)>>")
    finally:
        running.kill()
        running.wait(timeout=30)
        os.close(primary)


def _shown(terminal: int, pattern: str) -> str:
    """What the pattern finds on the terminal, as soon as it is there."""
    output, until = "", time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([terminal], [], [], 1.0)[0]:
            output += os.read(terminal, 65536).decode(errors="replace")
        found = re.search(pattern, output)
        if found is not None:
            return found[1]
    pytest.fail(f"{pattern} was never shown: {output!r}")


def _by_fish(line: str) -> str:
    """The line with the one candidate that there is, or as it was."""
    before, _, word = line.rpartition(" ")
    sources = " ".join(f"source {path};" for path in sorted(COMPLETIONS.glob("*.fish")))
    run = subprocess.run(
        ["fish", "--no-config", "-c", f"{sources} complete -C '{line}'"],
        check=True,
        capture_output=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "dumb"},
    )
    found = {entry.split("\t")[0] for entry in run.stdout.decode().splitlines()}
    [candidate] = found or {word}
    return f"{before} {candidate}"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_is_completed(shell: str, line: str, expected: str, tmp_path: Path) -> None:
    """A flag, a choice, a check, a folder, a file; a number is left alone."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "images").mkdir()
    (tmp_path / "bundle.tar.gz").touch()
    (tmp_path / "imafile").touch()  # no folder
    found = completed(shell, line.format(folder=tmp_path), tmp_path)
    assert found.rstrip(" =") == expected.format(folder=tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_an_interface_is_completed(shell: str, tmp_path: Path) -> None:
    """By the names in /sys/class/net."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    names = [path.name for path in Path("/sys/class/net").glob("l*")]
    if names != ["lo"]:
        pytest.skip("lo is not the only interface here whose name begins so")
    found = completed(shell, "accelnet-check --interface l", tmp_path)
    assert found.rstrip() == "accelnet-check --interface lo"


@pytest.mark.parametrize("command", [CHECK, AGENT], ids=lambda command: command.name)
@pytest.mark.parametrize("write", [bash, zsh, fish])
def test_each_flag_is_completed(command: Command, write: Callable[[Command], str]) -> None:
    """In every shell."""
    text = write(command)
    for option in command.options:
        flag = option.flag if write is not fish else f"-l {option.flag[2:]}"
        assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w.-])", text), option.flag


@pytest.mark.parametrize("write", [bash, zsh, fish])
def test_checks_are_named_where_a_check_is_wanted(write: Callable[[Command], str]) -> None:
    """And nowhere else."""
    assert all(check.id in write(CHECK) for check in CHECKS)
    assert not any(check.id in write(AGENT) for check in CHECKS)


def test_what_a_shell_takes_for_its_own_is_quoted() -> None:
    """Quotes, brackets and dollar signs of a help text."""
    option = Option(flag="--it", metavar="X", help="what's [in] $HOME \\")
    command = Command(
        name="a-command",
        section=1,
        summary="",
        changed="",
        description=(),
        options=(option,),
        values={},
    )
    assert "'--it=[what'\\''s \\[in\\] $HOME \\\\]:X:'" in zsh(command)
    assert "-l it -x -d 'what\\'s [in] $HOME \\\\'" in fish(command)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("name", ["accelnet-check.bash", "accelnet-agent.bash"])
def test_shellcheck_has_nothing_to_say(name: str) -> None:
    """Of what bash reads."""
    found = subprocess.run(
        ["shellcheck", str(COMPLETIONS / name)], check=False, capture_output=True, timeout=60
    )
    assert (found.returncode, found.stdout) == (0, b"")


def test_lines_of_words_are_not_too_long() -> None:
    """In bash's file; the other two have a line an option."""
    assert max(len(line) for line in bash(CHECK).splitlines()) <= COLUMNS
