"""Recording and alerting rules: Prometheus' own promtool reads them and proves each alert."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from accelnet_agent.checks import CHECKS

ROOT: Final = Path(__file__).parents[2]
MONITORING: Final = ROOT / "monitoring"
RULES: Final = sorted(MONITORING.glob("*.rules.yml"))
PROOFS: Final = sorted((MONITORING / "tests").glob("*.yml"))
GOLDEN: Final = (ROOT / "tests/agent/golden/metrics.txt").read_text(encoding="utf-8")
ELSEWHERE: Final = {"up", "node_textfile_mtime_seconds", "node_boot_time_seconds"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="wants promtool (Debian's package prometheus)"
)


def _rules() -> Iterator[Mapping[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


RECORDED: Final = {rule["record"]: rule for rule in _rules() if "record" in rule}
ALERTS: Final = {rule["alert"]: rule for rule in _rules() if "alert" in rule}


def _promtool(*arguments: str, folder: Path = MONITORING) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


# --- promtool


@needs_promtool
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_accepts_the_rules(path: Path) -> None:
    """And has nothing to say by its linter."""
    done = _promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.stem)
def test_promtool_proves_the_rules(path: Path) -> None:
    """Each alert fires where it should, with these words, and each record has these values."""
    done = _promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


# --- what is proven


def _proven() -> Iterator[tuple[str, str, bool]]:
    """Alert, what happens to the VM, whether the alert fires there at some time."""
    for path in PROOFS:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            fires: dict[str, bool] = {}
            for asked in test.get("alert_rule_test", ()):
                name = asked["alertname"]
                fires[name] = fires.get(name, False) or bool(asked.get("exp_alerts"))
            for name, it_does in fires.items():
                yield name, f"{path.stem}: {test['name']}", it_does


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_proven_to_fire_and_not_to(alert: str) -> None:
    """By a VM that has the trouble, and by one that has not and is no mere healthy one."""
    told = [(test, fires) for name, test, fires in _proven() if name == alert]
    assert [test for test, fires in told if fires]
    assert [test for test, fires in told if not fires and not test.startswith(("healthy", "stale"))]


def test_what_is_proven_exists() -> None:
    """A test of an alert that is called otherwise now would pass for ever."""
    assert {name for name, _, _ in _proven()} == ALERTS.keys()


def test_each_record_is_proven() -> None:
    """By its values, or by those of a record that is made of it."""
    asked = " ".join(
        expression["expr"]
        for path in PROOFS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for expression in test.get("promql_expr_test", ())
    )
    of_others = " ".join(RECORDED[name]["expr"] for name in RECORDED if name in asked)
    assert [name for name in RECORDED if name not in asked + of_others] == []


Change = Callable[[dict[str, Any]], None]


def _fires_at_once(rule: dict[str, Any]) -> None:
    rule.pop("for", None)


def _without_first_exception(rule: dict[str, Any]) -> None:
    parts = rule["expr"].split("unless")
    rule["expr"] = "unless".join([parts[0], *parts[2:]])


def _noticed(change: Change, folder: Path) -> set[str]:
    """The alerts of which a proof fails when all are changed so."""
    shutil.copytree(MONITORING / "tests", folder / "tests")
    for path in RULES:
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    change(rule)
        (folder / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    done = _promtool("test", "rules", *(f"tests/{path.name}" for path in PROOFS), folder=folder)
    return set(re.findall(r"alertname: (\w+)", done.stdout + done.stderr))


@needs_promtool
@pytest.mark.parametrize("change", [_fires_at_once, _without_first_exception])
def test_a_change_of_any_alert_is_noticed(change: Change, tmp_path: Path) -> None:
    """Its slack and its exceptions are there for something that a proof shows."""
    changed = set()
    for alert, rule in ALERTS.items():
        other = dict(rule)
        change(other)
        if other != rule:
            changed.add(alert)
    assert changed
    assert changed - _noticed(change, tmp_path) == set()


# --- names


def _asked(expression: str) -> Iterator[tuple[str, str]]:
    """Each series that an expression selects, with its matchers."""
    without = re.sub(r"\b(by|without|ignoring|on|group_left)\s*\([^)]*\)", "", expression)
    yield from re.findall(r"\b((?:accelnet|node)_\w+|up|\w+:\w+:\w+)\b(?:\{([^}]*)\})?", without)


EXPRESSIONS: Final = {rule.get("alert") or rule["record"]: rule["expr"] for rule in _rules()}


@pytest.mark.parametrize("rule", EXPRESSIONS)
def test_what_a_rule_asks_for_is_there(rule: str) -> None:
    """In a scrape of the agent, in node_exporter's, or recorded by another rule."""
    exposed = set(re.findall(r"^# TYPE (\w+)", GOLDEN, re.MULTILINE)) | ELSEWHERE | RECORDED.keys()
    asked = {series for series, _ in _asked(EXPRESSIONS[rule])}
    assert asked
    assert asked - exposed == set()


@pytest.mark.parametrize("rule", EXPRESSIONS)
def test_what_a_rule_matches_is_what_a_label_may_say(rule: str) -> None:
    """A check or a state that is called otherwise would never match."""
    may = {
        "check": {check.id for check in CHECKS},
        "state": set(re.findall(r'accelnet_nic_datapath\{.*state="(\w+)"', GOLDEN)),
    }
    for _, matchers in _asked(EXPRESSIONS[rule]):
        for label, said in re.findall(r'(\w+)\s*[!=]=?~?\s*"([^"]*)"', matchers):
            if label in may:
                assert set(said.split("|")) - may[label] == set()


def test_a_record_is_called_by_level_metric_and_operation() -> None:
    """As Prometheus advises, and the level is the labels that are left."""
    for name, rule in RECORDED.items():
        assert re.fullmatch(r"(nic|instance|fleet):accelnet_[a-z_]+:[a-z_0-9]+", name)
        if name.startswith("fleet:") and not name.endswith(("ratio", "ratio_rate5m")):
            assert re.match(
                r"(label_replace\(\s*)*(sum|count|count_values) by \(job, region", rule["expr"]
            )


def test_nothing_is_recorded_that_nobody_reads() -> None:
    """A series for each VM or NIC costs; those of a fleet are few, and are the report."""
    readers = " ".join(
        [
            *EXPRESSIONS.values(),
            *(path.read_text() for path in (MONITORING / "dashboards").glob("*.json")),
        ]
    )
    for_each = [name for name in RECORDED if not name.startswith("fleet:")]
    assert [name for name in for_each if name not in readers] == []


def test_no_rule_adds_what_two_counters_count() -> None:
    """A packet is in one family of accelnet's; node_exporter's devices have it twice."""
    for name, expression in EXPRESSIONS.items():
        assert "node_network" not in expression
        assert not re.search(r"sum[^(]*\([^()]*accelnet_vf_driver_errors", expression), name


# --- words


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_is_where_an_alert_says(alert: str) -> None:
    """A file of the project, and a heading in it; one by a check's name for each check."""
    url = ALERTS[alert]["annotations"]["runbook_url"]
    for check in CHECKS if "$labels.check" in url else CHECKS[:1]:
        path, _, anchor = url.replace("{{ $labels.check }}", check.id).partition("#")
        assert (ROOT / path).is_file()
        assert not anchor or anchor in _anchors(ROOT / path)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_to_look_at(alert: str) -> None:
    """A summary of a line, a severity that routes know, and the command to type."""
    rule = ALERTS[alert]
    assert rule["labels"] in [
        {"severity": severity} for severity in ("critical", "warning", "info")
    ]
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    summary = re.sub(r"{{ (with|end)[^}]*}}", "", rule["annotations"]["summary"])
    assert len(summary) < 100
    assert re.search(r"Look(, (on|at) [^:]+)?: ", rule["annotations"]["description"])
    for check in re.findall(r"--(?:explain|only) ([a-z-]+)", rule["annotations"]["description"]):
        assert check in {one.id for one in CHECKS}
