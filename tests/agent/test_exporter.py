"""exporter: what Prometheus reads; names are API.  `ACCEPT=1` rewrites the golden scrape."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from accelnet_agent.exporter import PLAIN, Exposition, content_type, wants_openmetrics
from accelnet_agent.metrics import UNOBSERVED, Family
from accelnet_probes.record import replace
from scrapes import FIXTURES, families_of

GOLDEN = Path(__file__).parent / "golden"
MACHINES = sorted(path.parent.name for path in FIXTURES.glob("*/bundle.json"))
EACH = pytest.mark.parametrize("machine", MACHINES)
FORMATS = pytest.mark.parametrize("as_openmetrics", [False, True], ids=["text", "openmetrics"])

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# Every family that there is: type and labels (what dashboards and alerts rely on).
DEVICE = ("device",)
CONTRACT = {
    "build_info": ("gauge", ("version",)),
    "host_info": ("gauge", ("kernel", "distro", "distro_version", "vm_size")),
    "nic_info": ("gauge", ("device", "driver", "vf", "vf_driver", "pci_address", "family")),
    "nic_datapath": ("gauge", ("device", "state")),
    "verdict": ("gauge", ()),
    "check_status": ("gauge", ("check", "device")),
    "vf_receive_packets_total": ("counter", DEVICE),
    "vf_receive_bytes_total": ("counter", DEVICE),
    "vf_transmit_packets_total": ("counter", DEVICE),
    "vf_transmit_bytes_total": ("counter", DEVICE),
    "vf_transmit_dropped_total": ("counter", DEVICE),
    "synthetic_receive_packets_total": ("counter", DEVICE),
    "synthetic_receive_bytes_total": ("counter", DEVICE),
    "synthetic_transmit_packets_total": ("counter", DEVICE),
    "synthetic_transmit_bytes_total": ("counter", DEVICE),
    "synthetic_errors_total": ("counter", ("device", "reason")),
    "vf_driver_errors_total": ("counter", ("device", "reason")),
    "vf_events_total": ("counter", ("device", "event")),
    "datapath_switches_total": ("counter", ("device", "to")),
    "synthetic_seconds_total": ("counter", DEVICE),
    "last_datapath_switch_timestamp_seconds": ("gauge", DEVICE),
    "probe_success": ("gauge", ("probe",)),
    "probe_duration_seconds": ("gauge", ("probe",)),
}


def _page(families: Iterable[Family], *, as_openmetrics: bool = False) -> str:
    return Exposition().render(families, as_openmetrics=as_openmetrics).decode()


def _read(page: str, *, as_openmetrics: bool) -> dict[str, Any]:
    """The families as the library's own parser reads them."""
    if not as_openmetrics:
        found = parser.text_string_to_metric_families(page)
    else:
        read = cast(
            "Callable[[str], Iterator[Any]]",
            openmetrics_parser.text_string_to_metric_families,
        )
        found = read(page)
    return {family.name: family for family in found}


# --- names ---------------------------------------------------------------------------------------


def test_every_family_of_the_contract_is_there_and_no_other() -> None:
    """On some machine each, by its name, type and labels."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for machine in MACHINES:
        for family in families_of(machine):
            total = "_total" if family.type == "counter" else ""
            name = family.name.removeprefix("accelnet_") + total
            found.setdefault(name, (family.type, family.labels))
            assert found[name] == (family.type, family.labels)
    assert found == CONTRACT


def test_no_name_says_its_type_twice() -> None:
    """The exposition adds `_total`; nothing else does."""
    for machine in MACHINES:
        for family in families_of(machine):
            assert not family.name.endswith(("_total", "_created", "_info_info"))


# --- the golden scrape ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "as_openmetrics"), [("metrics.txt", False), ("metrics.openmetrics", True)]
)
def test_the_scrape_is_the_golden_one(file: str, *, as_openmetrics: bool) -> None:
    """To the byte: two NICs, of which one lost its VF twice."""
    page = _page(families_of("two-nics"), as_openmetrics=as_openmetrics)
    golden = GOLDEN / file
    if os.environ.get("ACCEPT"):
        golden.write_text(page, encoding="utf-8")
    assert page == golden.read_text(encoding="utf-8")


def test_openmetrics_ends_as_it_must() -> None:
    """With its end mark, once."""
    page = _page(families_of("two-nics"), as_openmetrics=True)
    assert page.endswith("\n# EOF\n")
    assert page.count("# EOF") == 1


@EACH
@FORMATS
def test_no_series_says_when_it_was_created(machine: str, *, as_openmetrics: bool) -> None:
    """A gauge for each counter that nobody asked for."""
    assert "_created" not in _page(families_of(machine), as_openmetrics=as_openmetrics)


@EACH
@FORMATS
def test_a_parser_reads_back_what_was_said(machine: str, *, as_openmetrics: bool) -> None:
    """Every family, every sample."""
    families = families_of(machine)
    read = _read(_page(families, as_openmetrics=as_openmetrics), as_openmetrics=as_openmetrics)
    for family in families:
        assert read[family.name].type == family.type
        samples = {
            tuple(s.labels[name] for name in family.labels): s.value
            for s in read[family.name].samples
        }
        assert samples == {labels: float(value) for labels, value in family.samples}


@EACH
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_has_nothing_to_say(machine: str) -> None:
    """Syntax, HELP and TYPE, names and units."""
    found = subprocess.run(
        ["promtool", "check", "metrics"],
        input=_page(families_of(machine)).encode(),
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


@FORMATS
@given(name=st.text(st.characters(codec="utf-8"), max_size=10))
def test_whatever_a_nic_is_called_it_can_be_read(name: str, *, as_openmetrics: bool) -> None:
    """Quotes, line ends, backslashes."""
    family = Family(
        name="accelnet_x",
        type="gauge",
        help='Its "help"\nand \\ more.',
        labels=("device",),
        samples=(((name,), 1.5),),
    )
    page = _page([family], as_openmetrics=as_openmetrics)
    (sample,) = _read(page, as_openmetrics=as_openmetrics)["accelnet_x"].samples
    assert (sample.labels, sample.value) == ({"device": name}, 1.5)


def test_before_the_first_observation_the_verdict_is_unknown() -> None:
    """And which accelnet it is."""
    read = _read(_page(UNOBSERVED), as_openmetrics=False)
    assert {name: family.samples[0].value for name, family in read.items()} == {
        "accelnet_build_info": 1,
        "accelnet_verdict": 3,
    }


# --- what is remembered --------------------------------------------------------------------------


@FORMATS
def test_a_page_is_the_same_the_second_time(*, as_openmetrics: bool) -> None:
    """Its text is remembered; the two formats do not mix."""
    exposition, families = Exposition(), families_of("two-nics")
    first = exposition.render(families, as_openmetrics=as_openmetrics)
    exposition.render(families, as_openmetrics=not as_openmetrics)
    assert exposition.render(families, as_openmetrics=as_openmetrics) == first


@FORMATS
def test_a_sample_that_changes_changes_the_page(*, as_openmetrics: bool) -> None:
    """And one that goes is gone."""
    exposition = Exposition()
    family = Family(name="accelnet_x", type="counter", help="It.", labels=("device",), samples=())

    def said(*samples: tuple[str, int]) -> bytes:
        changed = replace(family, samples=tuple(((name,), value) for name, value in samples))
        return exposition.render([changed], as_openmetrics=as_openmetrics)

    assert b'{device="eth0"} 1.0' in said(("eth0", 1), ("eth1", 5))
    after = said(("eth0", 2))
    assert b'{device="eth0"} 2.0' in after
    assert b"eth1" not in after


def test_what_is_remembered_is_one_text_a_family_and_format() -> None:
    """However long it runs."""
    exposition = Exposition()
    for value in range(50):
        family = Family(
            name="accelnet_x", type="gauge", help="It.", labels=(), samples=(((), value),)
        )
        for as_openmetrics in (True, False):
            exposition.render([family], as_openmetrics=as_openmetrics)
    assert len(exposition._texts) == 2


# --- negotiation ---------------------------------------------------------------------------------

# What Prometheus 2.45 and 3.0 send, and people.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;"
    "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        pytest.param(PROMETHEUS_2, True, id="prometheus-2"),
        pytest.param(PROMETHEUS_3, True, id="prometheus-3"),
        pytest.param("application/openmetrics-text", True, id="openmetrics"),
        pytest.param("text/plain;version=0.0.4", False, id="text"),
        pytest.param("text/html,*/*", False, id="browser"),
        pytest.param("", False, id="none"),
        pytest.param("application/openmetrics-text;version=one", False, id="no-version"),
        pytest.param("application/openmetrics-text;version=0.0.1", False, id="too-old"),
    ],
)
def test_openmetrics_where_it_is_asked_for(accept: str, *, wanted: bool) -> None:
    """Plain text else."""
    assert wants_openmetrics(accept) is wanted


@given(
    st.lists(
        st.sampled_from(
            ["application/openmetrics-text", "text/plain", ";", ",", "=", "version", "q", "1.0.0"]
        )
        | st.text(max_size=5)
    ).map("".join)
)
@example("application/openmetrics-text;version=" + "9" * 5000)
@example("application/openmetrics-text;version=1.0.0\r\nX: y")
def test_no_header_breaks_it(accept: str) -> None:
    """What can not be read asks for plain text; nothing of it comes back."""
    wanted = wants_openmetrics(accept)
    assert content_type(as_openmetrics=wanted) in (PLAIN, OPENMETRICS)


def test_the_media_types_are_the_formats() -> None:
    """With the version that is written, and the charset."""
    assert content_type(as_openmetrics=False) == "text/plain; version=0.0.4; charset=utf-8"
    assert content_type(as_openmetrics=True) == OPENMETRICS
