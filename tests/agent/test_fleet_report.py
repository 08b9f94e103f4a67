"""One report in a fleet: what is taken of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from accelnet_agent import render_json
from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from accelnet_agent.fleet_fields import AlienError
from accelnet_agent.fleet_report import Host, Reports
from accelnet_agent.machine import build
from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe
from fleets import a_finding, a_report

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKOUT = Path(__file__).parents[2]
FIXTURES = sorted(path.parent for path in (CHECKOUT / "tests/fixtures").glob("*/bundle.json"))
SCHEMA = json.loads((CHECKOUT / "docs/report.schema.json").read_text())
_VALIDATOR: Any = Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("bundle", FIXTURES, ids=lambda path: path.name)
def test_every_report_of_the_schema_is_taken(bundle: Path) -> None:
    """What accelnet-check writes is a report here, with its verdict and its checks."""
    report = judge(build(observe(BundleHost(str(bundle)))), CHECKS)
    document = json.loads(render_json.render(report))
    assert _VALIDATOR.is_valid(document)
    seen = Reports().read(document)
    assert seen.state.verdict == report.verdict
    assert dict(seen.state.checks).keys() == {finding.check for finding in report.findings}
    assert dict(seen.state.loud).keys() == {
        finding.check for finding in report.findings if finding.status not in ("pass", "skip")
    }


def test_what_is_taken() -> None:
    """What the VM is, how it is, and how much went by its VF."""
    document = a_report(
        host={
            "distro": {"id": "ubuntu", "version_id": "24.04", "pretty_name": "Ubuntu"},
            "kernel": {"release": "6.8.0-1020-azure"},
            "azure": True,
            "vm_size": "Standard_D4s_v5",
            "image": {
                "publisher": "Canonical",
                "offer": "ubuntu-24_04-lts",
                "sku": "server",
                "version": "24.04.202611010",
            },
        },
        tool={"name": "accelnet", "version": "0.2.0"},
    )
    document["nics"][0]["window"] = {"vf_tx_packets": 90, "synthetic_tx_packets": 10}
    seen = Reports().read(document)
    assert seen.host == Host(
        size="Standard_D4s_v5",
        kernel="6.8.0-1020-azure",
        distro="ubuntu 24.04",
        image="Canonical:ubuntu-24_04-lts:server",
        version="0.2.0",
    )
    assert (seen.state.driver, seen.state.family) == ("mlx5_core", "ConnectX-4 Lx")
    assert (seen.state.datapath, seen.state.nics) == ("vf", (("vf", 1),))
    assert (seen.mac, seen.sent) == ("00:0d:3a:00:00:01", (90, 10))


def test_a_check_counts_by_the_worst_that_it_says() -> None:
    """Of several subjects; in its words."""
    findings = [
        a_finding("vf-up", "warn", subject="eth0"),
        a_finding("vf-up", "fail", subject="eth1"),
        a_finding("vf-up", "pass", subject="eth2"),
    ]
    seen = Reports().read(a_report(findings=findings))
    assert seen.state.checks == (("vf-up", "fail"),)
    assert [said.subject for said in seen.said] == ["eth1"]


def test_vms_that_are_alike_share_what_they_are() -> None:
    """One object for all of them."""
    reports = Reports()
    one, other = reports.read(a_report(1)), reports.read(a_report(2))
    assert one.host is other.host
    assert one.state is other.state


@pytest.mark.parametrize(
    ("change", "driver"),
    [
        pytest.param({"driver": "mana", "driver_observed": True}, "mana + mlx5_core", id="two"),
        pytest.param(
            {"driver": None, "driver_observed": True}, "mlx5_core + no driver", id="lacks-it"
        ),
        pytest.param({"driver": None, "driver_observed": False}, "mlx5_core", id="not-seen"),
    ],
)
def test_the_drivers_of_all_vfs_are_told(change: dict[str, Any], driver: str) -> None:
    """That of one without a driver too; what was not seen is nothing."""
    document = a_report()
    document["pci_functions"].append({**document["pci_functions"][0], **change})
    assert Reports().read(document).state.driver == driver


def test_a_vm_without_a_vf_has_no_driver_to_tell() -> None:
    """Which is another thing than one that is not known."""
    document = a_report(pci_functions=[])
    document["nics"][0].update(vf=None, datapath="no_vf")
    assert Reports().read(document).state.driver == "no VF"
    document["nics"][0]["vf"] = {"driver": None, "family": "unknown"}
    assert Reports().read(document).state.driver is None


@pytest.mark.parametrize(
    ("source", "mac", "known"),
    [
        pytest.param("live", "00:0d:3a:00:00:01", True, id="live"),
        pytest.param("bundle", "00:0d:3a:00:00:01", False, id="masked-maybe"),
        pytest.param("root", "00:0d:3a:00:00:01", False, id="image"),
        pytest.param("live", None, False, id="not-observed"),
        pytest.param("live", "00:00:00:00:00:00", False, id="none"),
        pytest.param("live", "x" * 17, False, id="no-mac"),
    ],
)
def test_a_running_vm_is_known_by_its_mac(source: str, mac: str | None, known: bool) -> None:
    """The MACs of a recording may be masked, the same way in each."""
    document = a_report(source=source)
    document["nics"][0]["mac"] = mac
    assert Reports().read(document).mac == (mac if known else None)


def _put(*path: str | int, value: Any) -> Callable[[Any], None]:
    """Another value at that path."""

    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(
            _put("schema", value=2),
            "schema 2: made by a newer accelnet; this one knows 1",
            id="new",
        ),
        pytest.param(
            _put("schema", value=True),
            "schema: expected a version of the report's format",
            id="schema-true",
        ),
        pytest.param(
            _put("verdict", value="ok"),
            "verdict: expected one of fail, unknown, warn, pass",
            id="verdict",
        ),
        pytest.param(
            _put("verdict", value=["fail"]),
            "verdict: expected one of fail, unknown, warn, pass",
            id="verdict-array",
        ),
        pytest.param(
            _put("observed_at", value="2026-02-30T00:00:00Z"),
            "observed_at: expected a moment such as 2026-01-02T03:04:05Z",
            id="no-such-day",
        ),
        pytest.param(_put("host", value=[]), "host: expected an object", id="host"),
        pytest.param(_put("nics", value={}), "nics: expected an array", id="nics"),
        pytest.param(_put("nics", 0, value=None), "nics: expected an object", id="nic"),
        pytest.param(
            _put("host", "vm_size", value=4), "vm_size: expected text", id="size-is-a-number"
        ),
        pytest.param(
            _put("nics", 0, "window", value={"vf_tx_packets": -1, "synthetic_tx_packets": 0}),
            "vf_tx_packets: expected a count",
            id="negative",
        ),
        pytest.param(
            _put("nics", 0, "window", value={"vf_tx_packets": 2**64, "synthetic_tx_packets": 0}),
            "vf_tx_packets: expected a count",
            id="more-than-the-kernel-counts",
        ),
        pytest.param(
            _put("findings", value=["fail"]),
            "findings: expected objects with a check and a status",
            id="finding-is-text",
        ),
        pytest.param(
            _put("findings", 0, "check", value=["x"]),
            "findings: expected objects with a check and a status",
            id="check-is-an-array",
        ),
        pytest.param(
            _put("findings", 0, "check", value="Ctrl\x1b[2J"),
            "findings: expected the id of a check",
            id="check-with-an-escape",
        ),
        pytest.param(
            _put("findings", 0, "status", value="maybe"),
            "findings: expected a status: fail, unknown, warn, pass, skip",
            id="status",
        ),
        pytest.param(
            _put("findings", value=[a_finding(f"check-{n}", "pass") for n in range(201)]),
            "findings: over 2000, or of over 200 checks",
            id="too-many-checks",
        ),
        pytest.param(
            lambda document: document.pop("host"), "not a whole report: it has no host", id="part"
        ),
        pytest.param(
            lambda document: document.pop("verdict"),
            "not a report of accelnet-check --format json",
            id="another-document",
        ),
    ],
)
def test_what_is_no_report_is_refused(change: Callable[[Any], None], why: str) -> None:
    """With one line that says why."""
    document = a_report()
    change(document)
    with pytest.raises(AlienError) as caught:
        Reports().read(document)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param(
            [a_report()],
            "an array, not a report: give one report a line (jq -c '.[]')",
            id="array",
        ),
        pytest.param("pass", "not a report of accelnet-check --format json", id="text"),
        pytest.param({}, "not a report of accelnet-check --format json", id="empty"),
        pytest.param(None, "not a report of accelnet-check --format json", id="null"),
    ],
)
def test_what_is_no_object_is_refused(document: Any, why: str) -> None:
    """Whatever JSON it is."""
    with pytest.raises(AlienError) as caught:
        Reports().read(document)
    assert str(caught.value) == why


def test_what_a_later_version_adds_is_let_through() -> None:
    """Keys that nobody here knows, checks that nobody here knows."""
    document = a_report(more={"a": 1}, findings=[a_finding("vf-of-the-future", "warn", more=2)])
    document["nics"][0]["speed"] = 100_000
    assert Reports().read(document).state.loud == (("vf-of-the-future", "warn"),)


def test_long_texts_are_cut() -> None:
    """A fleet of them is in memory."""
    document = a_report(
        findings=[a_finding("vf-mtu", "fail", summary="s" * 10_000, remedy="r" * 10_000)]
    )
    document["host"]["vm_size"] = "x" * 10_000
    seen = Reports().read(document)
    assert seen.host.size == "x" * 120 + "..."
    assert (len(seen.said[0].summary), len(seen.said[0].remedy or "")) == (503, 4099)


def test_half_a_character_is_told_as_an_escape() -> None:
    """Strict readers of JSON refuse it, terminals too."""
    document = a_report()
    document["host"]["vm_size"] = "Standard_\ud800"
    assert Reports().read(document).host.size == "Standard_\\ud800"


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    entries: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    found = [path] if path else []
    for name, part in entries:
        found += _paths(part, (*path, name))
    return found


_PATHS = _paths(a_report(findings=[a_finding("vf-mtu", "fail"), a_finding("vf-up", "pass")]))


@given(st.sampled_from(_PATHS), _ANY)
def test_whatever_a_field_holds_it_is_taken_or_refused(
    path: tuple[str | int, ...], value: Any
) -> None:
    """Nothing but AlienError comes of it, and each message is one line."""
    document = a_report(findings=[a_finding("vf-mtu", "fail"), a_finding("vf-up", "pass")])
    _put(*path, value=value)(document)
    refused = ""
    try:
        Reports().read(document)
    except AlienError as error:
        refused = str(error)
    assert "\n" not in refused


@given(_ANY)
def test_whatever_the_document_is_it_is_refused(document: Any) -> None:
    """Nothing but AlienError comes of it."""
    with pytest.raises(AlienError):
        Reports().read(document)
