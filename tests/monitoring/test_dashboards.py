"""What holds of monitoring/dashboards/*.json, whoever opens them."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import panels
from panels import DASHBOARDS, FOLDER, VARIABLE, Query

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "monitoring/dashboards/generate.py"
QUERIES = panels.queries()
PANELS = [
    pytest.param(panel, id=f"{uid}: {panel['title']}")
    for uid, dashboard in DASHBOARDS.items()
    for panel in panels.panels(dashboard)
]
GREY = "#545454"
OF_GRAFANA = {"__rate_interval", "__range", "__url_time_range", "__data", "__all"}
# What Prometheus itself makes of scrapes and rules.
OF_PROMETHEUS = {"up", "scrape_duration_seconds", "ALERTS"}


@cache
def _exposed() -> set[str]:
    """The families of docs/metrics.md."""
    document = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(accelnet_\w+)` \|", document, re.MULTILINE))


@cache
def _recorded() -> set[str]:
    """What accelnet.rules.yml records."""
    rules = yaml.safe_load((ROOT / "monitoring/accelnet.rules.yml").read_text(encoding="utf-8"))
    return {rule["record"] for group in rules["groups"] for rule in group["rules"]}


# --- the files


@pytest.mark.skipif(
    importlib.util.find_spec("grafana_foundation_sdk") is None,
    reason="wants Grafana's SDK (requirements/dashboards.txt), and so Python 3.11",
)
def test_the_json_is_what_the_generator_writes() -> None:
    """To the byte, each time; else: scripts/dashboards."""
    for seed in ("0", "1"):
        ran = subprocess.run(
            [sys.executable, GENERATOR, "--check"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PYTHONHASHSEED": seed},
        )
        assert (ran.returncode, ran.stderr) == (0, "")


def test_there_are_three_and_each_is_known_by_its_uid() -> None:
    """Which links rely on; the numeric id is of the Grafana that it is loaded into."""
    assert list(DASHBOARDS) == ["accelnet-fleet", "accelnet-rollout", "accelnet-vm"]
    for uid, dashboard in DASHBOARDS.items():
        assert dashboard["uid"] == uid
        assert "id" not in dashboard
        assert dashboard["schemaVersion"] == 39


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_have_numbers_and_places_of_their_own(uid: str) -> None:
    """A number each, for links to a panel, and no overlap on the 24 columns."""
    found = DASHBOARDS[uid]["panels"]
    assert [panel["id"] for panel in found] == list(range(1, len(found) + 1))
    cells = Counter(
        cell
        for panel in found
        for place in [panel["gridPos"]]
        for cell in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    )
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) == 23
    titles = Counter(panel["title"] for panel in panels.panels(DASHBOARDS[uid]))
    assert max(titles.values()) == 1


# --- what a reader sees


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_answers(panel: dict[str, Any]) -> None:
    """By a description, of whatever Prometheus is chosen."""
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS)
def test_no_data_does_not_look_good(panel: dict[str, Any]) -> None:
    """Grey and in words: below each threshold, and where a value is mapped to a word."""
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["noValue"] == "no data"
    overrides = {
        one["id"]: one["value"]
        for override in panel["fieldConfig"]["overrides"]
        for one in override["properties"]
    }
    for found in (defaults, overrides):
        if "thresholds" in found:
            assert found["thresholds"]["steps"][0] == {"value": None, "color": GREY}
    by_number = [
        kind["type"]
        for kind in defaults.get("mappings", [])
        if not (kind["type"] == "value" and "vf" in kind["options"])
    ]
    assert by_number in ([], ["value", "special"])
    for mapping in defaults.get("mappings", []):
        if mapping["type"] == "special":
            assert mapping["options"]["match"] == "null+nan"
            assert mapping["options"]["result"]["color"] == GREY


@pytest.mark.parametrize("panel", PANELS)
def test_a_number_has_a_unit_or_is_a_count(panel: dict[str, Any]) -> None:
    """A rate that says no unit is read as whatever the reader thinks of."""
    if panel["type"] not in {"timeseries", "bargauge"}:
        return
    defaults = panel["fieldConfig"]["defaults"]
    rates = any(re.search(r"rate|ratio|seconds", target["expr"]) for target in panel["targets"])
    assert "unit" in defaults or defaults.get("decimals") == 0 or not rates


@pytest.mark.parametrize("panel", PANELS)
def test_no_panel_takes_its_colours_from_grafanas_palette(panel: dict[str, Any]) -> None:
    """Which begins with green and has red in it."""
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["color"]["mode"] in {"fixed", "shades", "thresholds"}
    assert not re.search(r'"[\w-]*(green|\bred)"', json.dumps(panel["fieldConfig"]))


def test_colours_can_be_told_apart_with_each_kind_of_colour_vision() -> None:
    """Those of statuses and of data paths, pairwise, as people with two kinds of cones see them."""
    mappings = {
        json.dumps(kind["options"])
        for dashboard in DASHBOARDS.values()
        for panel in panels.panels(dashboard)
        for kind in panel["fieldConfig"]["defaults"].get("mappings", [])
        if kind["type"] == "value"
    }
    for found in mappings:
        colours = [option["color"] for option in json.loads(found).values()]
        for one, other in itertools.combinations(colours, 2):
            for name, matrix in VISION.items():
                seen = [_seen(colour, matrix) for colour in (one, other)]
                distance = sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5
                assert distance > 15, (name, one, other, distance)


# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as it is seen.
VISION = {
    "all three": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def _seen(colour: str, matrix: tuple[tuple[float, ...], ...]) -> list[float]:
    """In CIE L*a*b*, where distances are what eyes tell."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    r, g, b = (
        min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in matrix
    )
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    fx, fy, fz = (
        t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z)
    )
    return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]


# --- what is asked


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_asks_for_what_is_exposed_or_recorded(query: Query) -> None:
    """And for nothing else: no metric of node_exporter, whose NICs have the VF's packets again."""
    assert query.metrics
    assert query.metrics <= _exposed() | _recorded() | OF_PROMETHEUS


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_nothing_adds_up_what_is_counted_twice(query: Query) -> None:
    """Reasons of the VF's driver overlap: no sum over them; and no metric is chosen by pattern."""
    assert "__name__" not in query.expression
    if "accelnet_vf_driver_errors_total" in query.metrics:
        assert not re.search(r"\b(sum|count|avg)\b", query.expression)


@pytest.mark.parametrize(
    "query",
    [query for query in QUERIES if query.kind == "range" and query.dashboard != "accelnet-vm"],
    ids=lambda query: query.name,
)
def test_what_shows_the_fleet_over_time_goes_by_its_records(query: Query) -> None:
    """10,000 VMs have 800,000 series: a panel over time asks for those of the fleet alone."""
    assert all(name.startswith("fleet:") for name in query.metrics)


@pytest.mark.parametrize(
    "query",
    [query for query in QUERIES if query.dashboard == "accelnet-vm"],
    ids=lambda query: query.name,
)
def test_one_vm_needs_no_recording_rule(query: Query) -> None:
    """It works with whatever Prometheus has scraped the agent."""
    assert not any(":" in name for name in query.metrics)
    if query.kind != "variable":
        assert query.expression.count('instance=~"$instance"') == len(
            panels.METRIC.findall(query.expression)
        )


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_each_variable_is_declared_and_each_choice_is_used(uid: str) -> None:
    """In queries and links alike."""
    dashboard = DASHBOARDS[uid]
    declared = {one["name"] for one in dashboard["templating"]["list"]}
    used = {one or other for one, other in VARIABLE.findall(json.dumps(dashboard))}
    assert used - OF_GRAFANA == declared


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_all_matches_what_has_no_such_label(uid: str) -> None:
    """`.*` does, `.+` and a list of all values do not."""
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] == "query" and variable["name"] != "instance":
            assert (variable["includeAll"], variable["allValue"]) == (True, ".*")
            assert variable["current"]["value"] == ["$__all"]


def test_not_all_vms_are_asked_for_raw_series() -> None:
    """Of 10,000 VMs one is looked at, or a few."""
    variables = DASHBOARDS["accelnet-vm"]["templating"]["list"]
    (instance,) = [one for one in variables if one["name"] == "instance"]
    assert (instance["multi"], instance["includeAll"]) == (True, False)


def test_every_alert_of_ours_is_shown() -> None:
    """By the beginning of its name."""
    path = ROOT / "monitoring/accelnet-alerts.rules.yml"
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    patterns = {
        value
        for query in QUERIES
        for metric, name, value in query.labels
        if (metric, name) == ("ALERTS", "alertname")
    }
    assert patterns == {'=~"Accelnet.+"'}
    assert all(re.fullmatch("Accelnet.+", name) for name in names)


# --- where links lead


@pytest.mark.parametrize("panel", PANELS)
def test_a_link_leads_to_a_dashboard_or_a_runbook_by_a_column_that_is_there(
    panel: dict[str, Any],
) -> None:
    """The columns of a table are its labels, kept by its transformations."""
    kept = set(panels.columns(panel))
    for override in panel["fieldConfig"]["overrides"]:
        for link in (
            link for one in override["properties"] if one["id"] == "links" for link in one["value"]
        ):
            assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= kept
            target = re.match(
                r"/d/([\w-]+)\?|\$\{runbooks:raw\}/(\$|\.\./alerts\.md$)", link["url"]
            )
            assert target
            assert target[1] is None or target[1] in DASHBOARDS


def test_runbooks_are_there_by_the_name_of_their_check() -> None:
    """The base is a constant that whoever installs them sets, as for the alerts."""
    bases = {
        one["query"]
        for dashboard in DASHBOARDS.values()
        for one in dashboard["templating"]["list"]
        if one["name"] == "runbooks"
    }
    assert bases == {"https://runbooks.example/docs/runbooks"}
    assert (ROOT / "docs/runbooks/vf-paired.md").exists()


def _table_of_panels() -> str:
    lines: list[str] = []
    for uid, dashboard in DASHBOARDS.items():
        lines += [f"### {uid}", "", "| row | panel | what it answers |", "|---|---|---|"]
        row = ""
        for panel in dashboard["panels"]:
            if panel["type"] == "row":
                row = panel["title"]
                continue
            lines.append(f"| {row} | {panel['title']} | {panel['description']} |")
            row = ""
        lines.append("")
    return "\n".join(lines)


def test_docs_say_what_each_panel_answers() -> None:
    """In the words that the panels have.  `ACCEPT=1` rewrites them."""
    path = ROOT / "docs/dashboards.md"
    text = path.read_text(encoding="utf-8")
    begin, rest = text.split("test_dashboards.py -->\n", 1)
    _, end = rest.split("<!-- end of panels -->", 1)
    wanted = f"{begin}test_dashboards.py -->\n{_table_of_panels()}<!-- end of panels -->{end}"
    if os.environ.get("ACCEPT"):
        path.write_text(wanted, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == wanted


def test_the_examples_of_the_docs_are_yaml_about_files_that_are_there() -> None:
    """What is copied from them works."""
    document = (ROOT / "docs/dashboards.md").read_text(encoding="utf-8")
    provisioning, operator = map(
        yaml.safe_load, re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    )
    assert provisioning["providers"][0]["type"] == "file"
    assert (FOLDER / operator["spec"]["configMapRef"]["key"]).exists()


def test_nothing_else_lies_there() -> None:
    """A dashboard that is no longer generated is removed."""
    assert sorted(path.name for path in FOLDER.glob("*.json")) == [
        f"{uid}.json" for uid in DASHBOARDS
    ]
