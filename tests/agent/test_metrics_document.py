"""docs/metrics.md says what the code exposes.  `ACCEPT=1` rewrites its tables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from accelnet_agent import metrics, watch_metrics
from accelnet_agent.data import error_counters
from accelnet_agent.metrics import STATES, Family
from accelnet_agent.report import EXIT_STATUS
from scrapes import families_of, report_of

DOCUMENT = Path(__file__).parents[2] / "docs/metrics.md"
UNITS = {  # by the end of a family's name
    "packets": "packets",
    "bytes": "bytes",
    "dropped": "packets",
    "synthetic_errors": "packets",
    "driver_errors": "packets, or recoveries",
    "events": "VFs",
    "switches": "switches",
    "seconds": "seconds",
    "timestamp_seconds": "seconds since the epoch",
}


def _families() -> tuple[Family, ...]:
    """Every family that there is, with or without samples, in the order of a scrape."""
    return (
        *metrics._state(report_of("two-nics")),
        *metrics._counters(report_of("two-nics")),
        *watch_metrics._of_nics({}),
        *watch_metrics._of_probes((), {}),
    )


def _name(family: Family) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _unit(family: Family) -> str:
    ends = [end for end in UNITS if family.name.endswith(f"_{end}")]
    return UNITS[max(ends, key=len)] if ends else ""


def _table_of_families() -> Iterator[str]:
    yield "| name | type | labels | unit | what it is |"
    yield "|---|---|---|---|---|"
    for family in _families():
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{_name(family)}` | {family.type} | {labels} | {_unit(family)} | {family.help} |"


def _table_of_labels() -> Iterator[str]:
    statuses = [f"{number} {status}" for status, number in EXIT_STATUS.items()]
    yield "| where | values |"
    yield "|---|---|"
    yield f"| value of `verdict` and `check_status` | {', '.join(statuses)} |"
    for where, values in (
        ("`state` of `nic_datapath`", STATES),
        ("`event` of `vf_events_total`", ("added", "removed")),
        ("`to` of `datapath_switches_total`", ("synthetic", "vf")),
        ("`reason` of `synthetic_errors_total`", error_counters.SYNTHETIC),
        *(
            (f"`reason` of `vf_driver_errors_total`, {driver}", _reasons(driver))
            for driver in error_counters.VF
        ),
    ):
        yield f"| {where} | {', '.join(f'`{value}`' for value in values)} |"


def _reasons(driver: str) -> tuple[str, ...]:
    queues = error_counters.VF_QUEUES.get(driver, ())
    return (*error_counters.VF[driver], *(suffix[1:] for _, suffix in queues))


TABLES = {"families": _table_of_families, "labels": _table_of_labels}


@pytest.mark.parametrize("name", TABLES)
def test_the_table_is_the_codes(name: str) -> None:
    """Each family with type, labels, unit and its HELP; each label with its values."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = "\n".join(TABLES[name]())
    pattern = rf"(<!-- {name}: [^\n]*-->\n)(.*)(<!-- end of {name} -->)"
    found = re.search(pattern, text, re.DOTALL)
    assert found is not None
    if os.environ.get("ACCEPT"):
        text = text.replace(found[0], f"{found[1]}{table}\n{found[3]}")
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        assert found[2].strip() == table


def test_every_family_is_of_the_scrape() -> None:
    """What a machine emits is in the table, in its order."""
    names = [family.name for family in _families()]
    for machine in ("two-nics", "mana-healthy", "no-vf"):
        emitted = [family.name for family in families_of(machine)]
        assert emitted == [name for name in names if name in emitted]


def test_a_query_names_families_that_there_are() -> None:
    """Whoever copies one gets an answer."""
    names = {_name(family) for family in _families()}
    text = DOCUMENT.read_text(encoding="utf-8")
    queried = set(re.findall(r"accelnet_[a-z_]+", text))
    assert queried <= names


@pytest.mark.parametrize(("machine", "nics"), [("mlx5-healthy", 1), ("two-nics", 2)])
def test_it_says_how_many_series_there_are(machine: str, nics: int) -> None:
    """About."""
    series = sum(len(family.samples) for family in families_of(machine))
    assert 80 + 60 * (nics - 1) - 15 <= series <= 80 + 60 * (nics - 1) + 15
