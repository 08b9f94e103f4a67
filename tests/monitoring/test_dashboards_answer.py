"""Every query of every dashboard, put to a real Prometheus that has scraped real agents.

The expressions go through Prometheus' HTTP API with the variables replaced as Grafana does it,
over a fleet in which something is wrong in each way that a panel tells of (fleet_of_vms.py).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

import panels
from fleet_of_vms import DOWN, Fleet, fleet
from panels import DASHBOARDS, LABEL_VALUES, Query, replaced

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="wants prometheus (Debian's package)"
)
QUERIES = panels.queries()
SPAN = 40.0  # seconds that the dashboard shows


@pytest.fixture(name="vms", scope="module")
def fixture_vms(tmp_path_factory: pytest.TempPathFactory) -> Generator[Fleet]:
    """Scraped each second."""
    with fleet(tmp_path_factory.mktemp("fleet")) as found:
        yield found


def _chosen(instances: Sequence[str]) -> Mapping[str, str | Sequence[str]]:
    """All, and these VMs; Grafana's own variables for a scrape interval of a second."""
    everything = dict.fromkeys(("job", "region", "vm_size"), ".*")
    return {
        **everything,
        "instance": instances,
        "__rate_interval": "4s",
        "__range": f"{SPAN:.0f}s",
    }


def _answer(fleet: Fleet, kind: str, query: Query, end: float) -> list[Any]:
    """What a dashboard that ends then would show: points that are numbers, or values."""
    server = fleet.servers[kind]
    chosen = _chosen([vm.instance for vm in fleet.vms])
    if query.kind == "variable":
        parsed = LABEL_VALUES.fullmatch(replaced(query.expression, chosen))
        assert parsed, query.expression
        return server.label_values(parsed["label"], parsed["series"], end - SPAN, end)
    if query.kind == "instant":
        expression = replaced(query.expression, chosen)
        return [float(one["value"][1]) for one in server.instant(expression, end)]
    step, interval = (60.0, "61s") if query.kind == "annotation" else (1.0, "4s")
    expression = replaced(query.expression, {**chosen, "__rate_interval": interval})
    begin = (end - SPAN) // step * step  # Grafana's steps are multiples of their width
    found = server.range(expression, begin, end + step, step)
    return [float(value) for one in found for _, value in one["values"]]


def _some(answer: Sequence[Any]) -> bool:
    return any(not isinstance(one, float) or not math.isnan(one) for one in answer)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_query_returns_data(vms: Fleet, uid: str) -> None:
    """With targets that have a region."""
    found = {query: _answer(vms, "labelled", query, vms.now) for query in _of(uid)}
    assert [query.name for query, answer in found.items() if not _some(answer)] == []


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_query_returns_data_where_no_target_has_a_region(vms: Fleet, uid: str) -> None:
    """All but the choice of regions itself, which is empty then."""
    found = {query: _answer(vms, "bare", query, vms.now) for query in _of(uid)}
    assert [query.of for query, answer in found.items() if not _some(answer)] == ["region"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_no_query_makes_up_an_answer(vms: Fleet, uid: str) -> None:
    """Where nothing was scraped there is no data: no zero that looks like all is well."""
    found = {query: _answer(vms, "labelled", query, vms.begun - 3600) for query in _of(uid)}
    assert [query.name for query, answer in found.items() if answer] == []


def _of(uid: str) -> list[Query]:
    return [query for query in QUERIES if query.dashboard == uid]


# --- labels


TABLES = [
    pytest.param(uid, panel, id=f"{uid}: {panel['title']}")
    for uid, dashboard in DASHBOARDS.items()
    for panel in panels.panels(dashboard)
    if panel["type"] == "table"
]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_label_by_which_is_asked_is_one_that_the_series_have(vms: Fleet, uid: str) -> None:
    """One that none has would match as well as `.*` does, or count nothing for ever."""
    missing = []
    for metric, name, value in {label for query in _of(uid) for label in query.labels}:
        wanted = '=~".+"' if "$" in value else value
        if (metric, value) == ("fleet:accelnet_verdict:count", '="unknown"'):
            wanted = '="fail"'  # no VM of this fleet is unknown
        series = f"last_over_time({metric}{{{name}{wanted}}}[1m])"
        if not vms.servers["labelled"].instant(series, vms.now):
            missing.append(series)
    assert missing == []


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_name_in_a_legend_is_a_label_of_the_series(vms: Fleet, uid: str) -> None:
    """Else Grafana shows nothing for it."""
    chosen = {**_chosen([vm.instance for vm in vms.vms]), "__rate_interval": "61s"}
    for query in _of(uid):
        if query.shown:
            expression = replaced(query.expression, chosen)
            found = vms.servers["labelled"].instant(expression, vms.now)
            assert query.shown <= {label for one in found for label in one["metric"]}, query.name


@pytest.mark.parametrize(("uid", "panel"), TABLES)
def test_a_column_is_a_label_or_a_value_of_the_rows(
    vms: Fleet, uid: str, panel: Mapping[str, Any]
) -> None:
    """One query has `Value`, several have `Value #A` and so on, and each has rows then."""
    of_panel = [one for one in QUERIES if (one.dashboard, one.of) == (uid, panel["title"])]
    told = {one.letter: _told(vms, uid, one.of, one.letter) for one in of_panel}
    values = {"Value"} if len(of_panel) == 1 else {f"Value #{letter}" for letter in told}
    labels = {label for rows in told.values() for row in rows for label in row}
    assert all(told.values())
    assert {name for name in panels.columns(panel) if name.startswith("Value")} <= values
    assert {name for name in panels.columns(panel) if not name.startswith("Value")} <= labels


# --- and the data are right


def _told(fleet: Fleet, uid: str, title: str, letter: str = "A") -> list[dict[str, Any]]:
    """What a query of a panel answers now, of all VMs: labels and value."""
    (query,) = [
        one for one in QUERIES if (one.dashboard, one.of, one.letter) == (uid, title, letter)
    ]
    chosen = _chosen([vm.instance for vm in fleet.vms])
    found = fleet.servers["labelled"].instant(replaced(query.expression, chosen), fleet.now)
    return [{**one["metric"], "value": float(one["value"][1])} for one in found]


def _by_vm(told: Sequence[dict[str, Any]], label: str = "value") -> dict[str, Any]:
    return {one["instance"].partition(":")[0]: one[label] for one in told}


def test_the_fleet_counts_each_vm_once(vms: Fleet) -> None:
    """Whatever is wrong with it; and one agent is down."""
    told = {
        letter: _told(vms, "accelnet-fleet", "VMs by verdict", letter)[0]["value"]
        for letter in "ABCD"
    }
    over_time = _told(vms, "accelnet-fleet", "VMs by verdict, over time")
    assert told["A"] == sum(one["value"] for one in over_time) == len(vms.vms)
    assert (told["B"] > 0, told["C"] > 0, told["D"]) == (True, True, 0)
    assert [one["value"] for one in _told(vms, "accelnet-fleet", "Agents down")] == [1]
    down = _told(vms, "accelnet-rollout", "Which agents are down")
    assert [one["instance"] for one in down] == [DOWN]


def test_who_is_off_the_vf_is_told_with_what_they_have_in_common(vms: Fleet) -> None:
    """Three of them, of the two sizes."""
    assert [one["value"] for one in _told(vms, "accelnet-fleet", "NICs off their VF")] == [3]
    sizes = {
        letter: {
            one["vm_size"]: one["value"]
            for one in _told(vms, "accelnet-fleet", "By VM size", letter)
        }
        for letter in "AB"
    }
    assert sizes["B"] == {"Standard_D4s_v5": 2, "Standard_D8s_v6": 1}
    assert sizes["A"]["Standard_D8s_v6"] == 4
    hardware = _told(vms, "accelnet-fleet", "By the VF's hardware and driver")
    assert {one["family"]: one["value"] for one in hardware}["MANA"] == 1
    regions = _told(vms, "accelnet-fleet", "By region", "B")
    assert {one["region"]: one["value"] for one in regions} == {"eastus": 1, "westeurope": 2}


def test_the_worst_are_those_that_are_off_their_vf(vms: Fleet) -> None:
    """With their state, and with what goes past the VF."""
    worst = "NICs that were longest on the synthetic path"
    now = _by_vm(_told(vms, "accelnet-fleet", worst, "B"))
    assert {name for name, is_off in now.items() if is_off} == {"taken", "past", "orphan"}
    states = _by_vm(_told(vms, "accelnet-fleet", worst, "D"), "state")
    assert states["taken"] == "no_vf"
    assert states["past"] == "synthetic"
    assert states["orphan"] == "orphan_vf"
    past = _by_vm(_told(vms, "accelnet-fleet", worst, "C"))
    assert past.keys() == now.keys() == states.keys()
    assert past["past"] > 0


def test_the_paths_of_a_vm_add_up_to_what_its_nic_sends(vms: Fleet) -> None:
    """937 packets in 1.001 s by the VF, as recorded, and nothing twice."""
    by, past = (_by_vm(_told(vms, "accelnet-vm", "Packets sent", letter)) for letter in "AB")
    assert by["mlx5"] + past["mlx5"] == pytest.approx(937 / 1.001, rel=0.1)
    assert past["mlx5"] == 0
    assert by["past"] == 0
    assert past["past"] > 500
    shares = _by_vm(_told(vms, "accelnet-vm", "Share of bytes sent by the VF"))
    assert (shares["mlx5"], shares["past"], shares["taken"]) == (1, 0, 0)


def test_the_data_path_is_told_by_its_number(vms: Fleet) -> None:
    """VF, synthetic, no VF, VF not joined."""
    now = _by_vm(_told(vms, "accelnet-vm", "Data path now"))
    expected = {"mlx5": 1, "mana": 1, "past": 4, "taken": 5, "orphan": 6}
    assert {name: now[name] for name in expected} == expected


def test_a_vf_that_was_taken_twice_shows(vms: Fleet) -> None:
    """As a number, and as marks on the panels over time; and of no VM else."""
    taken = _by_vm(_told(vms, "accelnet-vm", "VF taken"))
    assert round(taken["flaps"]) == 2
    assert taken["mlx5"] == 0
    for name in ("To the synthetic path", "To the VF"):
        (mark,) = [one for one in QUERIES if one.of == name]
        chosen = {**_chosen([vm.instance for vm in vms.vms]), "__rate_interval": "61s"}
        found = vms.servers["labelled"].instant(replaced(mark.expression, chosen), vms.now)
        assert [one["metric"]["instance"] for one in found] == ["flaps:9975"]


def test_a_rollout_shows_who_is_not_ready_and_what_is_known_of_a_kernel(vms: Fleet) -> None:
    """By VM, and by kernel."""
    not_ready = _by_vm(_told(vms, "accelnet-rollout", "VMs that are not ready"), "kernel")
    assert not_ready["orphan"] == "6.1.0-50-cloud-amd64"
    assert "mlx5" not in not_ready
    (kernel,) = _told(vms, "accelnet-rollout", "By kernel")
    assert (kernel["kernel"], kernel["value"]) == ("4.15.0-20-generic", 1)
    assert "hangs" in _by_vm(_told(vms, "accelnet-rollout", "Probes that fail"))


def test_one_vm_is_chosen_by_its_address(vms: Fleet) -> None:
    """Its points are of no other, though they be regular expressions."""
    (query,) = [one for one in QUERIES if one.of == "Verdict"]
    chosen = _chosen(["m.x5:9975"])
    assert vms.servers["labelled"].instant(replaced(query.expression, chosen), vms.now) == []
    chosen = _chosen(["mlx5:9975"])
    (found,) = vms.servers["labelled"].instant(replaced(query.expression, chosen), vms.now)
    assert found["metric"]["instance"] == "mlx5:9975"
