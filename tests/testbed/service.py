"""The unit as it is shipped: it runs, with no capability, and every metric is there."""

from __future__ import annotations

import os
import re
from pathlib import Path

from testbed import guest, metadata
from testbed.guest import AGENT, NIC, Proof

UNITS = ("accelnet-agent.service", "accelnet-check.service")
MAX_EXPOSURE = 1.5
PREFIX = "accelnet_"
# docs/metrics.md; those of time are there once something has happened.
AT_ONCE = (
    *("build_info", "host_info", "nic_info", "nic_datapath", "verdict", "check_status"),
    *(f"vf_{way}_{what}_total" for way in ("receive", "transmit") for what in ("packets", "bytes")),
    "vf_transmit_dropped_total",
    *(
        f"synthetic_{way}_{what}_total"
        for way in ("receive", "transmit")
        for what in ("packets", "bytes")
    ),
    *("synthetic_errors_total", "vf_driver_errors_total"),
    *("probe_success", "probe_duration_seconds"),
)
AFTER_A_CHANGE = (
    *("vf_events_total", "datapath_switches_total", "synthetic_seconds_total"),
    "last_datapath_switch_timestamp_seconds",
)


def prove(proof: Proof) -> None:
    """Everything that needs no fault."""
    guest.restart()
    _running(proof)
    _unprivileged(proof)
    _measured_by_systemd(proof)
    _metrics(proof)
    _pages(proof)


def _running(proof: Proof) -> None:
    proof.ok("the unit is active", guest.shown("ActiveState") == "active")
    proof.ok("the unit is enabled by its preset", guest.shown("UnitFileState") == "enabled")
    took = guest.settled()
    proof.ok("it comes to pass", took is not None, f"{took} s after READY=1")
    status = guest.shown("StatusText")
    proof.ok("systemctl status shows a status", True, status or "none is sent")


def _unprivileged(proof: Proof) -> None:
    for pid in guest.processes():
        status = guest.status_of(pid)
        sets = {key: status[key] for key in status if key.startswith("Cap")}
        held = (
            len(sets) == 5
            and all(int(value, 16) == 0 for value in sets.values())
            and status["NoNewPrivs"] == "1"
            and status["Seccomp"] == "2"
            and "0" not in status["Uid"].split()
        )
        what = f"uid {status['Uid'].split()[0]}, {sets['CapBnd']} bounding"
        proof.ok(f"process {pid} has no capability, now or ever", held, what)


def _measured_by_systemd(proof: Proof) -> None:
    units = [f"/usr/lib/systemd/system/{unit}" for unit in UNITS]
    said = guest.command("systemd-analyze", "verify", *units, check=False)
    proof.ok("systemd-analyze verify has nothing to say", said == "", said)
    version = guest.command("systemctl", "--version").split()[1]
    for unit in UNITS:
        text = guest.command("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", text)
        exposure = float(found[1]) if found else 10.0
        proof.ok(f"exposure of {unit}, systemd {version}", exposure <= MAX_EXPOSURE, exposure)


def _metrics(proof: Proof) -> None:
    before = _ethtool()
    page = guest.get("/metrics")
    after = _ethtool()
    found = guest.samples(page.body)
    proof.ok("GET /metrics is 200", page.status == 200, f"{page.seconds:.3f} s")
    for counter, series in (
        ("vf_tx_packets", "vf_transmit_packets_total"),
        ("vf_tx_bytes", "vf_transmit_bytes_total"),
        ("vf_rx_packets", "vf_receive_packets_total"),
        ("vf_tx_dropped", "vf_transmit_dropped_total"),
    ):
        value = found.get(f'{PREFIX}{series}{{device="{NIC}"}}', -1)
        held = before[counter] <= value <= after[counter]
        proof.ok(
            f"{series} is what root's ethtool -S says",
            held,
            f"{before[counter]} <= {value:.0f} <= {after[counter]}",
        )
    proof.ok("the data path is the VF", guest.datapath(found) == "vf", guest.datapath(found))
    guest.fakean("vf remove")
    guest.until(lambda: guest.datapath(guest.metrics()) == "no_vf")
    _families(proof, AFTER_A_CHANGE)
    guest.fakean("vf restore")
    guest.restored()
    guest.settled()
    _families(proof, AT_ONCE)
    size = [name for name in guest.metrics() if f'vm_size="{metadata.SIZE}"' in name]
    proof.ok("the instance metadata is reached", size, size)
    refused = [
        name
        for name, value in guest.metrics().items()
        if name.startswith(f"{PREFIX}probe_success") and value != 1
    ]
    proof.ok("every probe answers", not refused, refused)
    out = Path(os.environ["OUT"])
    for path in ("/metrics", "/healthz", "/report", "/"):
        name = path[1:] or "page"
        (out / f"{name}.txt").write_text(guest.get(path).body, encoding="utf-8")


def _families(proof: Proof, names: tuple[str, ...]) -> None:
    there = {name.partition("{")[0] for name in guest.metrics()}
    missing = [name for name in names if PREFIX + name not in there]
    proof.ok(f"{len(names)} families are there without any privilege", not missing, missing)


def _ethtool() -> dict[str, int]:
    lines = guest.command("ethtool", "-S", NIC).splitlines()[1:]
    return {name.strip(): int(value) for name, _, value in (line.rpartition(":") for line in lines)}


def _pages(proof: Proof) -> None:
    for path, status in (
        ("/", 200),
        ("/livez", 200),
        ("/healthz", 200),
        ("/application-health", 200),
        ("/report", 200),
        ("/nothing", 404),
    ):
        answer = guest.get(path)
        proof.ok(f"GET {path} is {status}", answer.status == status, f"{answer.seconds:.3f} s")
    report = guest.get("/report").json
    drawn = [(nic["name"], nic["datapath"]) for nic in report["nics"]]
    proof.ok("/report has the NIC", drawn == [(NIC, "vf")], drawn)
    unit = Path("/etc/systemd/system/multi-user.target.wants", AGENT)
    proof.ok("it is started at boot", unit.is_symlink())
