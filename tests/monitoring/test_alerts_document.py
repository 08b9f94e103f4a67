"""docs/alerts.md says what the rules are.  `ACCEPT=1` rewrites its tables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/alerts.md"
ALERTS = ROOT / "monitoring/accelnet-alerts.rules.yml"
RECORDS = ROOT / "monitoring/accelnet.rules.yml"
WORDS = {"instance": "vm1", "device": "eth0", "region": "a region", "job": "a job"}


def _said(template: str) -> str:
    """A summary of one VM, or with the label's name where it is anything."""
    template = re.sub(r"\{\{ with .*? in \{\{ \. \}\}\{\{ end \}\}", " in a region", template)
    text = re.sub(
        r"\{\{ \$labels\.(\w+) \}\}", lambda found: WORDS.get(found[1], found[1].upper()), template
    )
    return re.sub(r"\{\{ \$value[^}]*\}\}", "N %", text)


def _runbook(url: str) -> str:
    if "$labels.check" in url:
        return "[of the check](runbooks)"
    path, _, anchor = url.removeprefix("docs/").partition("#")
    if anchor:
        return f"[below](#{anchor})"
    return f"[{Path(path).stem}]({path})"


def _table_of_alerts() -> Iterator[str]:
    yield "| alert | severity | after | says | runbook |"
    yield "|---|---|---|---|---|"
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            notes = rule["annotations"]
            yield (
                f"| `{rule['alert']}` | {rule['labels']['severity']} |"
                f" {rule.get('for', 'at once')} |"
                f" {_said(notes['summary'])} | {_runbook(notes['runbook_url'])} |"
            )


def _table_of_records() -> Iterator[str]:
    """By the comment that stands above them."""
    yield "| records | what they say |"
    yield "|---|---|"
    text = RECORDS.read_text(encoding="utf-8")
    for comment, records in re.findall(
        r"((?:^ +# .*\n)+)((?:^ +- record: .*\n(?:^ {8,}.*\n)+)+)", text, re.MULTILINE
    ):
        said = " ".join(line.strip(" #") for line in comment.splitlines())
        names = re.findall(r"- record: (\S+)", records)
        yield f"| {', '.join(f'`{name}`' for name in names)} | {said.replace('|', chr(92) + '|')} |"


def test_the_tables_are_what_the_rules_are() -> None:
    """Each alert with its words, each record with its comment."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, table in (("alerts", _table_of_alerts()), ("records", _table_of_records())):
        lines = "\n".join(table)
        begin, found, rest = text.partition(f"<!-- {name}: ")
        mark, _, rest = rest.partition("\n")
        _, end, rest = rest.partition(f"<!-- end of {name} -->")
        assert found
        assert end
        text = f"{begin}{found}{mark}\n{lines}\n{end}{rest}"
    if os.environ.get("ACCEPT"):
        DOCUMENT.write_text(text, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == text


def test_each_record_has_its_place_in_the_table() -> None:
    """One whose comment is not found would be left out unseen."""
    records = re.findall(r"- record: (\S+)", RECORDS.read_text(encoding="utf-8"))
    table = "\n".join(_table_of_records())
    assert [name for name in records if f"`{name}`" not in table] == []
