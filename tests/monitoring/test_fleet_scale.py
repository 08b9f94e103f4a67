"""What docs/fleet.md's numbers stand on, with few VMs: bench/fleet_live.py has the many."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import simulated_fleet
from fleet_of_vms import RULES, impatient
from prometheus_server import Prometheus, prometheus
from simulated_fleet import KINDS, Page, expected, series, targets

VMS = 200
DOCUMENT = Path(__file__).parents[2] / "docs/fleet.md"

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="wants prometheus (Debian's package)"
)


class Scraped(NamedTuple):
    """A fleet that Prometheus has scraped, and the pages that it is made of."""

    server: Prometheus
    pages: Mapping[str, Page]


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scraped]:
    """200 VMs, scraped each second, by the rules without their patience."""
    folder = tmp_path_factory.mktemp("scale")
    pages = simulated_fleet.recorded(folder / "agents")
    with simulated_fleet.serving(pages) as port:
        (folder / "vms.json").write_text(json.dumps(targets(VMS, port)), encoding="utf-8")
        job = {
            "job_name": "accelnet-agent",
            "file_sd_configs": [{"files": [str(folder / "vms.json")]}],
        }
        configuration = {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": [str(impatient(path, folder)) for path in RULES.glob("*.rules.yml")],
            "scrape_configs": [job],
        }
        with prometheus(folder / "prometheus", configuration) as server:
            up = VMS - expected(VMS)["down"]
            server.until(f"sum(fleet:accelnet_verdict:count) == {up}")
            server.until("sum(fleet:accelnet_vf_transmit_bytes:rate5m) > 0")
            yield Scraped(server, pages)


def test_every_rule_evaluates(fleet: Scraped) -> None:
    """None is refused for a duplicate, whatever kinds of VM there are."""
    groups = fleet.server.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 40
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_each_nic_that_has_the_trouble_is_counted_and_no_other(fleet: Scraped) -> None:
    """By its data path."""
    found = {
        one["metric"]["state"]: int(one["value"][1])
        for one in fleet.server.instant("sum by (state) (fleet:accelnet_nics:count)")
    }
    kinds = expected(VMS)
    healthy = kinds["ConnectX"] + kinds["MANA"] + 2 * kinds["two NICs"] + kinds["flapping"]
    assert found == {
        "vf": healthy,
        "no_vf": kinds["revoked"],
        "orphan_vf": kinds["orphan"],
        "synthetic": kinds["synthetic"],
    }


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.fixture])
def test_a_vm_has_as_many_series_as_is_documented(fleet: Scraped, kind: str) -> None:
    """In the table of docs/fleet.md."""
    (told,) = re.findall(rf"^\| {kind} \| (\d+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(set(series(fleet.pages[kind]))) == int(told)


def test_recording_adds_few_series(fleet: Scraped) -> None:
    """Six for a VM with one NIC at most; those of the fleet do not grow with it."""
    recorded = '{__name__=~"(nic|instance):.*"}'
    (found,) = fleet.server.instant(f"count({recorded}) / count(up == 1)")
    assert float(found["value"][1]) < 6.5
