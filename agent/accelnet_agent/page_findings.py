"""The findings: what is wrong first, each with what to do; what is well folded away."""

from __future__ import annotations

from accelnet_agent.page_markup import WORDS, command, icon, name, sentence, text
from accelnet_agent.summary import AS_EXPECTED, IMAGE, NO_REASON, PROVEN, UNPROVEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from accelnet_agent.findings import Json

    Value = Mapping[str, Any]

NOT_WELL = {"fail": "Failed", "warn": "Warnings", "unknown": "Could not be seen"}
WELL = {"pass": "Passed", "skip": "Skipped"}
REMEDY = 8000  # characters
ROWS = 40  # of evidence


def headline(document: Value) -> str:
    """The verdict's reason, in the words of its worst finding, as the text report has it."""
    verdict = document["verdict"]
    if verdict == "pass":
        return _passed(document)
    found = [finding for finding in document["findings"] if finding["status"] == verdict]
    if not found:
        return NO_REASON
    first = min(found, key=lambda finding: finding["level"] != "required")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{first['summary']}{more}"


def _passed(document: Value) -> str:
    nics: Sequence[Value] = document["nics"]
    if document["source"] == "root" and not nics:
        return IMAGE
    states = [nic["datapath"] for nic in nics]
    if "direct" in states:
        return PROVEN
    if "vf" not in states:
        return AS_EXPECTED
    windows = [nic["window"] for nic in nics if nic["datapath"] == "vf"]
    proven = any(window and window["vf_tx_packets"] for window in windows)
    return PROVEN if proven else UNPROVEN


def groups(findings: Sequence[Value]) -> Iterator[str]:
    """All findings: a group a status."""
    yield '<section aria-labelledby="findings"><h2 id="findings">Findings</h2>'
    keyed = list(_keyed(findings))
    for status, title in NOT_WELL.items():
        found = [(key, finding) for key, finding in keyed if finding["status"] == status]
        if found:
            yield f'<h3 class="group">{title} <span class="quiet">{len(found)}</span></h3>'
        for key, finding in found:
            yield from _finding(key, finding)
    for status, title in WELL.items():
        found = [(key, finding) for key, finding in keyed if finding["status"] == status]
        if found:
            yield from _folded(status, title, found)
    yield "</section>"


def _keyed(findings: Iterable[Value]) -> Iterator[tuple[str, Value]]:
    """An id that stays the same from one report to the next."""
    numbers: dict[str, int] = {}
    for finding in findings:
        number = numbers[finding["check"]] = numbers.get(finding["check"], 0) + 1
        yield f"{finding['check']}-{number}", finding


def _finding(key: str, finding: Value) -> Iterator[str]:
    status = finding["status"]
    yield (
        f'<article class="card finding {status}" id="{key}" aria-labelledby="{key}-what">'
        f'{icon(status)}<div><h4 id="{key}-what"><span class="hidden">{WORDS[status]}: </span>'
        f"{sentence(finding['summary'])}</h4>"
        f'<p class="quiet"><code>{finding["check"]}</code> on '
        f"<bdi>{name(finding['subject'])}</bdi>, explained by "
        f"<code>accelnet-check --explain {finding['check']}</code></p>"
    )
    yield from _remedy(finding)
    yield from _evidence(key, finding["evidence"])
    yield "</div></article>"


def _remedy(finding: Value) -> Iterator[str]:
    """Prose, and commands as they are to be typed: each run of them in a box of its own."""
    remedy = finding["remedy"]
    if remedy is None:
        return
    if len(remedy) > REMEDY:
        remedy = "It is too long to be shown here: accelnet-check prints it."
    commands: list[str] = []
    for line in remedy.split("\n"):
        if line.startswith("  "):
            commands.append(command(line[2:].rstrip()))
            continue
        yield from _commands(commands, finding["check"])
        commands = []
        yield f"<p>{text(line, 1000)}</p>"
    yield from _commands(commands, finding["check"])


def _commands(lines: Sequence[str], check: str) -> Iterator[str]:
    if lines:
        yield (
            '<div class="commands"><pre tabindex="0" role="group" '
            f'aria-label="Commands for {check}"><code>'
            + "\n".join(lines)
            + '</code></pre><button type="button" class="copy" hidden>Copy</button></div>'
        )


def _evidence(key: str, evidence: Value) -> Iterator[str]:
    rows = list(_rows(evidence))
    if not rows:
        return
    yield (
        f'<details id="{key}-evidence"><summary>Evidence</summary><div class="scroll"><table>'
        '<thead class="hidden"><tr><th scope="col">What</th><th scope="col">Value</th></tr></thead>'
        "<tbody>"
    )
    for what, value in rows[:ROWS]:
        yield f'<tr><th scope="row">{text(what, 60)}</th><td>{text(value)}</td></tr>'
    yield "</tbody></table></div>"
    if len(rows) > ROWS:
        yield f"<p>and {len(rows) - ROWS} more</p>"
    yield "</details>"


def _rows(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Names and values; what lies deeper has its path as name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _rows(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, (list, tuple)):
        yield path, "; ".join(map(str, value)) or "none"
    else:
        words = {"None": "not observed", "True": "yes", "False": "no"}
        yield path, words.get(str(value), str(value))


def _folded(status: str, title: str, found: Sequence[tuple[str, Value]]) -> Iterator[str]:
    yield (
        f'<details class="card folded" id="findings-{status}"><summary>{icon(status)}'
        f'<h3>{title} <span class="quiet">{len(found)}</span></h3></summary><ul>'
    )
    for key, finding in found:
        yield (
            f'<li id="{key}"><code>{finding["check"]}</code> '
            f'<bdi class="quiet">{name(finding["subject"])}:</bdi> {text(finding["summary"])}</li>'
        )
    yield "</ul></details>"
