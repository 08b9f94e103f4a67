"""Completion for bash, zsh and fish, each by its own means alone.

What is completed: flags, and of values the choices, the checks, interfaces
(/sys/class/net), files and folders.  A number, or an address, is not guessed.
"""

from __future__ import annotations

from accelnet_agent.checks import CHECKS
from accelnet_agent.manual import literals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelnet_agent.manual import Command
    from accelnet_agent.options import Option

COLUMNS = 96
ENDS = ("--help", "--version")  # nothing else counts beside them


def bash(command: Command) -> str:
    """A file for the folder of bash-completion, which needs nothing of that package."""
    return _text(_bash(command))


def zsh(command: Command) -> str:
    """A file for a folder of fpath, where it is called _NAME."""
    return _text(_zsh(command))


def fish(command: Command) -> str:
    """A file for fish's folder of completions."""
    return _text(_fish(command))


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _title(shell: str, command: Command) -> str:
    return f"# {shell} completion for {command.name}: written by scripts/man from its options"


def _checks(command: Command, before: str, after: str) -> list[str]:
    """The ids of the checks in a variable, for a command that wants them."""
    wanted = "check" in command.values.values()
    return [*_filled(before, [check.id for check in CHECKS], after), ""] if wanted else []


def _filled(before: str, words: Iterable[str], after: str) -> Iterator[str]:
    """The words in lines that are not too long."""
    line, indent = before, " " * (len(before) - len(before.lstrip()) + 4)
    for word in words:
        if len(line) + 1 + len(word) > COLUMNS:
            yield line
            line = f"{indent}{word}"
        else:
            line += word if line == before else f" {word}"
    yield f"{line}{after}"


# --- bash ---


def _bash(command: Command) -> Iterator[str]:
    function = "_" + command.name.replace("-", "_")
    yield from (_title("bash", command), "# shellcheck shell=bash", "", f"{function}() {{")
    yield "    local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]}"
    yield "    local kind='' words=''"
    yield from _checks(command, '    local checks="', '"')
    yield "    # --flag=value is three words to bash"
    yield "    if [[ $cur == = ]]; then"
    yield "        cur=''"
    yield "    elif [[ $flag == = ]]; then"
    yield "        flag=${COMP_WORDS[COMP_CWORD - 2]}"
    yield "    fi"
    yield "    case $flag in"
    for action, flags in _bash_cases(command).items():
        yield from (f"        {' | '.join(flags)})", f"            {action}", "            ;;")
    yield "        *)"
    if command.operands is not None:
        given = f'" ${{COMP_WORDS[*]}} " == *" {command.operands_with} "*'
        yield f"            if [[ $cur != -* && {given} ]]; then"
        yield from ("                kind=-f", "            fi")
    yield from _filled('            words="', ["-h", *(o.flag for o in command.options)], '"')
    yield from ("            ;;", "    esac")
    yield "    if [[ -n $kind ]]; then"
    yield "        compopt -o filenames"
    yield '        mapfile -t COMPREPLY < <(compgen "$kind" -- "$cur")'
    yield "    else"
    yield '        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")'
    yield "    fi"
    yield from ("}", "", f"complete -F {function} {command.name}")


def _bash_cases(command: Command) -> dict[str, list[str]]:
    """What is to be done, and after which flags."""
    cases: dict[str, list[str]] = {}
    for option in command.options:
        if option.metavar is not None:
            cases.setdefault(_bash_value(option, command), []).append(option.flag)
    return cases


def _bash_value(option: Option, command: Command) -> str:
    match command.values.get(option.flag):
        case "file":
            return "kind=-f"
        case "directory":
            return "kind=-d"
        case "interface":
            return "words=$(ls /sys/class/net 2>/dev/null)"
        case "check":
            return "words=$checks"
        case None:
            return f'words="{" ".join(literals(option))}"'


# --- zsh ---


def _zsh(command: Command) -> Iterator[str]:
    yield from (f"#compdef {command.name}", _title("zsh", command), "")
    yield from _checks(command, 'local checks="', '"')
    specifications = [_zsh_option(option, command) for option in command.options]
    if command.operands is not None:
        specifications.append(_quoted(f"*:{command.operands.metavar}:_files"))
    yield from ("_arguments -S \\", " \\\n".join(f"    {text}" for text in specifications))


def _zsh_option(option: Option, command: Command) -> str:
    """A specification of _arguments (zshcompsys(1))."""
    others = [flag for flag in command.exclusive if flag != option.flag]
    before = f"({' '.join(others)})" if option.flag in command.exclusive else ""
    before = "(- *)" if option.flag in ENDS else "*" if option.repeatable else before
    text = option.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    if option.flag == "--help":
        return f"{_quoted(before)}{{-h,--help}}{_quoted(f'[{text}]')}"
    if option.metavar is None:
        return _quoted(f"{before}{option.flag}[{text}]")
    specification = f"{before}{option.flag}=[{text}]:{option.metavar}:"
    if command.values.get(option.flag) == "check":
        return f'{_quoted(specification)}"($checks)"'
    return _quoted(specification + _zsh_value(option, command))


def _zsh_value(option: Option, command: Command) -> str:
    match command.values.get(option.flag):
        case "file":
            return "_files"
        case "directory":
            return "_files -/"
        case "interface":
            return "_net_interfaces"
        case _:
            words = literals(option)
            return f"({' '.join(words)})" if words else ""


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"


# --- fish ---


def _fish(command: Command) -> Iterator[str]:
    yield from (_title("fish", command), "")
    yield from _checks(command, 'set -l checks "', '"')
    yield f"complete -c {command.name} -f"
    for option in command.options:
        short = " -s h" if option.flag == "--help" else ""
        text = option.help.replace("\\", "\\\\").replace("'", "\\'")
        value = "" if option.metavar is None else f" {_fish_value(option, command)}"
        yield f"complete -c {command.name}{short} -l {option.flag[2:]}{value} -d '{text}'"
    if command.operands is not None:
        yield f"complete -c {command.name} -n '__fish_contains_opt {command.operands_with[2:]}' -F"


def _fish_value(option: Option, command: Command) -> str:
    match command.values.get(option.flag):
        case "file":
            return "-r -F"
        case "directory":
            return "-x -a '(__fish_complete_directories)'"
        case "interface":
            return "-x -a '(__fish_print_interfaces)'"
        case "check":
            return '-x -a "$checks"'
        case None:
            words = literals(option)
            return f"-x -a '{' '.join(words)}'" if words else "-x"
