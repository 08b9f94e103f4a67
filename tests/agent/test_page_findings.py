"""The page's findings: all of them, the worst first, with what to do."""

from __future__ import annotations

import copy
import html
import re
from typing import Any

import pytest

from accelnet_agent import page
from accelnet_agent.page_markup import command, sentence
from hours import MACHINES, document_of, facts_about, facts_of
from reading import parts, shown

EACH = pytest.mark.parametrize("machine", MACHINES)


def report(machine: str = "mlx5-healthy") -> dict[str, Any]:
    """A report of a fixture, to be changed."""
    return copy.deepcopy(document_of(machine))


@EACH
def test_every_finding_is_there(machine: str) -> None:
    """Its check, its subject and its sentence; what is not well with --explain."""
    rendered = page.render(facts_of(machine))
    words = shown(rendered).replace("\xa0", " ").lower()
    for finding in report(machine)["findings"]:
        assert finding["summary"].lower() in words
        if finding["status"] in ("fail", "warn", "unknown"):
            assert f"accelnet-check --explain {finding['check']}" in words


@EACH
def test_commands_can_be_copied_as_they_are(machine: str) -> None:
    """Each command of each remedy, unchanged, in a box of its own."""
    boxes = parts(page.render(facts_of(machine)), "<pre[^>]*><code>(.*?)</code></pre>")
    lines = [html.unescape(line) for box in boxes for line in box.split("\n")]
    wanted = [
        line[2:].rstrip()
        for finding in report(machine)["findings"]
        for line in (finding["remedy"] or "").split("\n")
        if line.startswith("  ")
    ]
    assert sorted(lines) == sorted(wanted)


def test_the_worst_comes_first() -> None:
    """fail, warn, unknown; then what is well, folded."""
    rendered = page.render(facts_of("vf-without-driver"))
    found = parts(rendered, r'<article class="card finding (\w+)"|<details class="card (folded)"')
    order = list(dict.fromkeys("".join(pair) for pair in found))
    assert order == ["fail", "warn", "unknown", "folded"]
    assert ["".join(pair) for pair in found] == sorted(
        ("".join(pair) for pair in found), key=order.index
    )
    assert "Failed 1" in shown(rendered)
    assert "Passed 7" in shown(rendered)


def test_evidence_is_folded_into_a_table() -> None:
    """What lies deeper has its path as name; None and the truth values are words."""
    document = report("vf-down")
    finding = next(f for f in document["findings"] if f["status"] == "fail")
    finding["evidence"] = {"a": {"b": 1, "c": None}, "d": ["x", "y"], "e": [], "f": True, "g": 0}
    (table,) = parts(
        page.render(facts_about(document)), "Evidence</summary>.*?<tbody>(.*?)</tbody>"
    )
    rows = [
        tuple(re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)) for row in table.split("</tr>") if row
    ]
    assert rows == [
        ("a.b", "1"),
        ("a.c", "not observed"),
        ("d", "x; y"),
        ("e", "none"),
        ("f", "yes"),
        ("g", "0"),
    ]


def test_much_evidence_is_cut() -> None:
    """A table of forty rows, and how many more there are."""
    document = report("vf-down")
    finding = next(f for f in document["findings"] if f["status"] == "fail")
    finding["evidence"] = {f"name-{number}": number for number in range(100)}
    assert "and 60 more" in shown(page.render(facts_about(document)))


def _with_one_remedy(document: dict[str, Any]) -> dict[str, Any]:
    """The failing finding of a report in which no other has a remedy."""
    for finding in document["findings"]:
        if finding["status"] != "fail":
            finding["remedy"] = None
    found: dict[str, Any] = next(f for f in document["findings"] if f["status"] == "fail")
    return found


def test_half_a_command_is_never_shown() -> None:
    """Too long for the page: it says who prints it."""
    document = report("vf-down")
    finding = _with_one_remedy(document)
    finding["remedy"] = "Do:\n  rm " + "x" * 3000
    assert "# too long to be shown: accelnet-check prints it" in shown(
        page.render(facts_about(document))
    )
    finding["remedy"] = "Do:\n" + "  rm x\n" * 3000
    rendered = page.render(facts_about(document))
    assert "too long to be shown here" in shown(rendered)
    assert b"<pre" not in rendered


def test_a_finding_without_a_remedy_has_no_commands() -> None:
    """There may be nothing to do."""
    document = report("vf-down")
    _with_one_remedy(document)["remedy"] = None
    assert b"<pre" not in page.render(facts_about(document))


def test_a_tab_in_a_command_stays_one() -> None:
    """The shell splits there."""
    assert command("printf 'a\tb'\x07") == "printf &#39;a\tb&#39;\ufffd"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("no driver is bound", "No driver is bound"),
        ("enP1s1 is down", "enP1s1 is down"),
        ("eth1 has no VF", "eth1 has no VF"),
        ("", ""),
    ],
)
def test_a_heading_has_a_capital_but_a_name_keeps_its_own(said: str, expected: str) -> None:
    """Names of interfaces are case-sensitive."""
    assert sentence(said) == expected
