"""The report for consumers of the Test Anything Protocol: version 13, which all of them read.

A finding is a test point.  TAP knows ok and not ok: what fails, and what is
required and could not be seen, is `not ok`; what was skipped, or is only
recommended and could not be seen, is `ok # SKIP`; a warning is `ok`, and says
so.  `# TODO` would make a warning stand out, but some consumers take that for a
failure.  So pass and warn succeed, fail and unknown do not; which of the two it
is stands in the last line and in the exit status.

What is not well has a YAML block.  It keeps to the subset that TAP::Parser
reads (YAMLish: block style, double quotes, `|` without an indicator), and to
what it reads rightly: a list's item with ": " in it must not look like a key.
"""

from __future__ import annotations

from collections.abc import Mapping

from accelnet_agent.summary import is_red, is_unsaid, reason
from accelnet_agent.text_lines import clean
from accelnet_agent.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnet_agent.findings import Finding, Json
    from accelnet_agent.report import Report

YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")  # no strings, bare
_COLON = "\\x3a "


def render(report: Report) -> str:
    """The whole stream, ASCII, with a final newline."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    snapshot = report.machine.snapshot
    count = len(report.findings) + is_unsaid(report)
    yield "TAP version 13"
    yield f"1..{count}" if count else "1..0 # SKIP no check was asked for"
    yield _comment(f"accelnet {VERSION}, observed {snapshot.observed_at}, {snapshot.source}")
    for number, finding in enumerate(report.findings, 1):
        yield from _point(number, finding)
    if is_unsaid(report):
        yield f"not ok {count} - {_text(f'verdict host: {reason(report)}')}"
    yield _comment(f"verdict: {report.verdict}: {reason(report)}")


def _point(number: int, finding: Finding) -> Iterator[str]:
    word = "not ok" if is_red(finding) else "ok"
    about = _text(f"{finding.check} {finding.subject}")
    summary = _text(finding.summary)
    if finding.status == "skip":
        yield f"{word} {number} - {about} # SKIP {summary}"
        return
    if finding.status == "unknown" and word == "ok":
        yield f"{word} {number} - {about} # SKIP could not be seen: {summary}"
    elif finding.status == "warn":
        yield f"{word} {number} - {about}: warning: {summary}"
    else:
        yield f"{word} {number} - {about}: {summary}"
    if finding.status != "pass":
        yield from _diagnostic(finding)


def _diagnostic(finding: Finding) -> Iterator[str]:
    fields: dict[str, Json] = {
        "message": finding.summary,
        "severity": finding.status,
        "level": finding.level,
        "data": finding.evidence,
        "remedy": finding.remedy,
        "runbook": finding.runbook,
    }
    yield "  ---"
    yield from _yaml(fields, "  ")
    yield "  ..."


def _yaml(fields: Mapping[str, Json], indent: str) -> Iterator[str]:
    for key, value in fields.items():
        plain = key.isidentifier() and key.isascii() and key.lower() not in YAML_WORDS
        name = key if plain else _quoted(key)
        yield from _value(f"{indent}{name}:", value, indent)


def _value(before: str, value: Json, indent: str) -> Iterator[str]:
    """`before` and the value, in that line or below it."""
    if isinstance(value, str):
        yield from _string(before, value, indent)
    elif value is None:
        yield f"{before} ~"
    elif isinstance(value, bool):
        yield f"{before} {str(value).lower()}"
    elif isinstance(value, int | float):
        yield f"{before} {value}"
    elif not value:
        yield f"{before} {'{}' if isinstance(value, Mapping) else '[]'}"
    elif isinstance(value, Mapping):
        yield before
        yield from _yaml(value, f"{indent}  ")
    else:
        yield before
        for item in value:
            yield from _value(f"{indent}  -", item, f"{indent}  ")


def _string(before: str, text: str, indent: str) -> Iterator[str]:
    if "\n" in text and _is_plain(text):
        yield f"{before} |"
        for line in text.split("\n"):
            yield f"{indent}  {line}"
    else:
        quoted = _quoted(text)
        is_item = before.endswith("-")
        yield f"{before} {quoted.replace(': ', _COLON) if is_item else quoted}"


def _quoted(text: str) -> str:
    """In double quotes, ASCII; Python's escapes are YAML's."""
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


def _is_plain(text: str) -> bool:
    """Lines that YAML gives back as they are: ASCII, none empty, the first not indented."""
    lines = text.split("\n")
    return not text.startswith(" ") and all(line and clean(line) == line for line in lines)


def _text(text: str) -> str:
    """A `#` would begin a directive, a line's end another line."""
    return " ".join(clean(text).replace("\\", "\\\\").replace("#", "\\#").split())


def _comment(text: str) -> str:
    return f"# {' '.join(clean(text).split())}"
