"""watch_metrics: families of what was watched, and of how the observation went."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.tracks import Totals
from accelnet_agent.watch_metrics import families
from accelnet_probes.snapshot import ProbeRun

TOTALS = Totals(
    added=1, removed=2, to_vf=3, to_synthetic=4, synthetic_seconds=5.5, last_switch=1.7e9
)
Samples = dict[tuple[str, ...], float]


def _samples(
    totals: dict[str, Totals], *probes: ProbeRun, **durations: float
) -> dict[str, Samples]:
    found = families(totals, probes, durations)
    return {family.name.removeprefix("accelnet_"): dict(family.samples) for family in found}


def test_what_was_counted_has_a_series_for_each_nic() -> None:
    """By the synthetic NIC's name, which stays while VFs come and go."""
    assert _samples({"eth0": TOTALS}) == {
        "vf_events": {("eth0", "added"): 1, ("eth0", "removed"): 2},
        "datapath_switches": {("eth0", "synthetic"): 4, ("eth0", "vf"): 3},
        "synthetic_seconds": {("eth0",): 5.5},
        "last_datapath_switch_timestamp_seconds": {("eth0",): 1.7e9},
    }


def test_counters_begin_at_zero() -> None:
    """A rate needs a first value; what never happened has no moment."""
    found = _samples({"eth0": Totals(), "eth1": Totals()})
    assert {value for samples in found.values() for value in samples.values()} == {0}
    assert "last_datapath_switch_timestamp_seconds" not in found
    assert len(found["vf_events"]) == 4


def test_without_nics_there_are_no_families() -> None:
    """An empty family is none."""
    assert families({}, (), {}) == ()


@pytest.mark.parametrize(
    ("run", "success"),
    [
        pytest.param(ProbeRun(name="pci"), 1, id="answered"),
        pytest.param(ProbeRun(name="pci", why="no answer in time", late=True), 0, id="late"),
        pytest.param(ProbeRun(name="pci", why="KeyError: a bug"), 0, id="bug"),
    ],
)
def test_a_probe_answered_or_did_not(run: ProbeRun, success: int) -> None:
    """1 or 0."""
    assert _samples({}, run) == {"probe_success": {("pci",): success}}


def test_how_long_a_probe_took_is_told_where_it_is_known() -> None:
    """Each by its name; nobody else's."""
    found = _samples({}, ProbeRun(name="pci"), ProbeRun(name="dmi"), pci=0.25, other=9.0)
    assert found["probe_duration_seconds"] == {("pci",): 0.25}


@pytest.mark.parametrize(
    ("name", "kind", "labels"),
    [
        ("vf_events", "counter", ("device", "event")),
        ("datapath_switches", "counter", ("device", "to")),
        ("synthetic_seconds", "counter", ("device",)),
        ("last_datapath_switch_timestamp_seconds", "gauge", ("device",)),
        ("probe_success", "gauge", ("probe",)),
        ("probe_duration_seconds", "gauge", ("probe",)),
    ],
)
def test_types_and_labels(name: str, kind: str, labels: tuple[Any, ...]) -> None:
    """Those of the contract."""
    found = families({"eth0": TOTALS}, [ProbeRun(name="pci")], {"pci": 0.1})
    family = next(family for family in found if family.name == f"accelnet_{name}")
    assert (family.type, family.labels) == (kind, labels)
    assert family.help.endswith(".")
