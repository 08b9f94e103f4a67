"""Makes each fault, carries out the printed remedy, and looks again: `python3 -m testbed.remedies`.

A fault must be told by its own check, by no other required one, and by the same command as
passes before it and after its cure.  What is carried out is what the report prints: the
commands of the named block (the lines indented below a line of prose), not a copy of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from testbed.guest import Proof, fakean, until

NIC, VF, ADDRESS = "eth1", "enP1s1", "0001:00:02.0"
DEVICE = Path("/sys/bus/pci/devices", ADDRESS)
CHECK = "from accelnet_agent.cli import main; main()"
NETWORKD = Path("/run/systemd/network")
RULES = Path("/etc/udev/rules.d/70-persistent-net.rules")
NOBODY = 65534
# fakean holds the stub of the VF's driver, where one is loaded.
UNLOADED = (
    "modprobe -a hv_vmbus hv_netvsc pci_hyperv; modprobe fakean syn_name=eth1 queues=4;"
    " mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug"
)


class Fault(NamedTuple):
    """How it is made, which check tells it, and which blocks of its remedy are carried out."""

    name: str
    check: str
    make: Callable[[], object]
    blocks: Sequence[int] = (0,)
    # What the prose above the commands asks of the operator.
    by_hand: Callable[[], object] = lambda: None
    # What a real machine does by itself where the stand-in does not.
    besides: Callable[[], object] = lambda: None
    status: str = "fail"
    load: str = "fakean-load queues=4"
    clean: Callable[[], object] = lambda: None


def sh(text: str, *, check: bool = True) -> str:
    """A shell's standard output, and its errors."""
    ran = subprocess.run(
        ["/bin/sh", "-c", text], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = ran.stdout.decode("utf-8", "replace")
    if check and ran.returncode:
        raise RuntimeError(f"{text}: status {ran.returncode}: {said}")
    return said


def look(*arguments: str, user: int | None = None) -> dict[str, Any]:
    """The report of accelnet-check."""
    ran = subprocess.run(
        [sys.executable, "-c", CHECK, "--imds-endpoint", "off", "--format", "json", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        user=user,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def statuses(report: dict[str, Any]) -> dict[str, str]:
    """The worst status of each check."""
    order = ("skip", "pass", "unknown", "warn", "fail")
    found: dict[str, str] = {}
    for finding in report["findings"]:
        before = found.get(finding["check"], "skip")
        found[finding["check"]] = max(before, finding["status"], key=order.index)
    # It counts what the kernel log has of the faults before: no buffer forgets those.
    found.pop("vf-flapping", None)
    return found


def blocks_of(remedy: str) -> list[tuple[str, list[str]]]:
    """Each line of prose with the commands below it."""
    found: list[tuple[str, list[str]]] = []
    for line in remedy.splitlines():
        if not line.startswith("  "):
            found.append((line, []))
        elif found:
            found[-1][1].append(line.strip())
    return found


def begin(load: str = "fakean-load queues=4") -> None:
    """A healthy pair that is busy."""
    sh("rmmod fakean mlx5_core", check=False)
    sh(load)
    sh(f"ip link set {NIC} up; ip address add 10.0.0.4/24 dev {NIC}")
    fakean("rate", "auto", "1000", "500")
    settle()


def settle() -> None:
    """Wait for udev, and for the VF to be joined and up if it can be."""
    sh("udevadm settle -t 10", check=False)
    time.sleep(2.5)


def _shim() -> None:
    """The guest has no sudo, and root needs none."""
    path = Path("/usr/local/bin/sudo")
    path.write_text('#!/bin/sh\nexec "$@"\n', encoding="ascii")
    path.chmod(0o755)


# --- faults --------------------------------------------------------------------------------------


def _without_driver() -> None:
    fakean("vf", "unbind")


def _blacklisted() -> None:
    fakean("vf", "unbind")
    Path("/etc/modprobe.d/no-mlx5.conf").write_text("blacklist mlx5_core\n", encoding="ascii")
    sh("sed -i '/mlx5[-_]core/d' /etc/modprobe.d/fakean.conf")


def _probe_again() -> None:
    """A real driver probes what is there as it is loaded; the stub of its name does not."""
    (Path("/sys/bus/pci/drivers_probe")).write_text(ADDRESS, encoding="ascii")


def _overridden() -> None:
    fakean("vf", "unbind")
    (DEVICE / "driver_override").write_text("vfio-pci\n", encoding="ascii")


def _not_joined() -> None:
    """Until its driver probes it anew: then hv_netvsc joins it, as it does each time."""
    fakean("pair", "off")

    def join() -> None:
        until(lambda: not Path("/sys/class/net", VF).exists())
        fakean("pair", "on")

    threading.Thread(target=join, daemon=True).start()


def _in_a_bridge() -> None:
    _not_joined()
    sh(f"ip link add br0 type bridge; ip link set {VF} master br0")


def _remove_bridge() -> None:
    sh("ip link delete br0", check=False)


def _not_switched() -> None:
    """Traffic goes past the VF until its link goes down and up: then hv_netvsc switches."""
    fakean("rate", "auto", "0")
    fakean("rate", "syn", "1000", "500")

    def is_up() -> bool:
        return bool(int(Path("/sys/class/net", VF, "flags").read_text(), 16) & 1)

    def switch() -> None:
        if until(lambda: not is_up()) is not None and until(is_up) is not None:
            fakean("rate", "syn", "0")
            fakean("rate", "auto", "1000", "500")

    threading.Thread(target=switch, daemon=True).start()


def _managed() -> None:
    mac = Path("/sys/class/net", NIC, "address").read_text(encoding="ascii").strip()
    NETWORKD.mkdir(parents=True, exist_ok=True)
    text = f"[Match]\nMACAddress={mac}\n[Network]\nLinkLocalAddressing=no\n"
    (NETWORKD / "50-by-mac.network").write_text(text, encoding="ascii")
    sh("systemctl start systemd-networkd")
    time.sleep(4)


def _by_driver() -> None:
    """The file asks for the driver, in place of the address that the VF has as well."""
    text = "[Match]\nDriver=hv_netvsc\n[Network]\nLinkLocalAddressing=no\n"
    (NETWORKD / "50-by-mac.network").write_text(text, encoding="ascii")


def _unbind_hv_pci() -> None:
    [guid] = [path.name for path in Path("/sys/bus/vmbus/drivers/hv_pci").glob("*-*")]
    Path("/sys/bus/vmbus/drivers/hv_pci/unbind").write_text(guid, encoding="ascii")


def _unmanage() -> None:
    sh("systemctl stop systemd-networkd systemd-networkd.socket", check=False)
    sh(f"rm -rf {NETWORKD} /run/systemd/netif /etc/systemd/network/*.network")


def _persistent_rule() -> None:
    mac = Path("/sys/class/net", NIC, "address").read_text(encoding="ascii").strip()
    RULES.write_text(
        f'SUBSYSTEM=="net", ACTION=="add", ATTR{{address}}=="{mac}", NAME="eth1"\n',
        encoding="ascii",
    )


def _rename_fight() -> None:
    sh(f"ip link set {VF} down; ip link set {VF} name rename3; ip link set rename3 up")


FAULTS = (
    Fault("no driver is bound", "vf-driver", _without_driver),
    Fault(
        "the driver is blacklisted",
        "vf-driver",
        _blacklisted,
        besides=_probe_again,
        load=UNLOADED,
        clean=lambda: sh("rm -f /etc/modprobe.d/no-mlx5.conf; modprobe mlx5_core"),
    ),
    Fault("driver_override", "vf-driver", _overridden),
    Fault("the VF is not joined", "vf-paired", _not_joined),
    Fault("the VF is in a bridge", "vf-paired", _in_a_bridge, clean=_remove_bridge),
    Fault("the VF is down", "vf-up", lambda: sh(f"ip link set {VF} down")),
    Fault("the NIC is down", "vf-up", lambda: sh(f"ip link set {NIC} down"), status="warn"),
    Fault("the data path is not switched", "vf-datapath", _not_switched),
    Fault(
        "the VF has an address",
        "vf-unaddressed",
        lambda: sh(f"ip address add 10.0.0.5/24 dev {VF}"),
        blocks=(-1,),
    ),
    Fault("the MTUs differ", "vf-mtu", lambda: sh(f"ip link set {VF} mtu 1400")),
    Fault(
        "the PCI function is gone",
        "vmbus-passthrough",
        lambda: (DEVICE / "remove").write_text("1"),
    ),
    Fault("hv_pci has not taken the device", "vmbus-passthrough", _unbind_hv_pci),
    Fault(
        "networkd manages the VF",
        "vf-unmanaged",
        _managed,
        status="warn",
        by_hand=_by_driver,
        clean=_unmanage,
    ),
    Fault(
        "a persistent-net rule",
        "vf-name",
        _persistent_rule,
        status="warn",
        clean=lambda: RULES.unlink(missing_ok=True),
    ),
    Fault("a rename fight", "vf-name", _rename_fight, blocks=(0, 1), status="warn"),
)


def prove(proof: Proof, fault: Fault) -> None:
    """Healthy, broken, cured: by the same command."""
    begin(fault.load)
    healthy = statuses(look())
    held = healthy[fault.check] == "pass" and "fail" not in healthy.values()
    proof.ok(f"{fault.name}: {fault.check} passes before", held)
    try:
        fault.make()
        settle()
        _broken_and_cured(proof, fault, healthy)
    finally:
        fault.clean()


def _broken_and_cured(proof: Proof, fault: Fault, healthy: dict[str, str]) -> None:
    report = look()
    broken = statuses(report)
    failed = {check for check, status in broken.items() if status == "fail"}
    expected = {fault.check} if fault.status == "fail" else set[str]()
    told = broken[fault.check] == fault.status and failed == expected
    differ = {check: status for check, status in broken.items() if healthy.get(check) != status}
    proof.ok(f"{fault.name}: {fault.check} alone is {fault.status}", told, differ)
    remedies = [
        finding["remedy"]
        for finding in report["findings"]
        if finding["check"] == fault.check and finding["status"] == fault.status
    ]
    if not remedies:
        return
    print(remedies[0], flush=True)
    fault.by_hand()
    blocks = blocks_of(remedies[0])
    for number in fault.blocks:
        for command in blocks[number][1]:
            print(f"$ {command}", *sh(command, check=False).splitlines()[-3:], sep="\n", flush=True)
    fault.besides()
    settle()
    cured = statuses(look())
    differ = {check: status for check, status in cured.items() if healthy.get(check) != status}
    proof.ok(f"{fault.name}: cured by its remedy", not differ, differ)


def active_proof(proof: Proof) -> None:
    """An idle pair is proven by what is sent, as nobody; what goes past the VF is told."""
    begin()
    fakean("rate", "auto", "0")
    time.sleep(1)

    def found(*arguments: str) -> tuple[str, str]:
        report = look(*arguments, user=NOBODY)
        [one] = [f for f in report["findings"] if f["check"] == "vf-datapath"]
        return one["status"], one["summary"]

    status, summary = found()
    proof.ok("idle: not proven", (status, "not proven" in summary) == ("pass", True), summary)
    status, summary = found("--active-proof")
    held = (status, summary) == ("pass", f"{VF} sent 8 packets in the window")
    proof.ok("idle, with --active-proof: proven by 8 packets", held, summary)
    sh(f"sysctl -qw net.ipv6.conf.{NIC}.disable_ipv6=1")
    status, summary = found("--active-proof")
    proof.ok("without IPv6: proven by IPv4", status == "pass" and "sent 8" in summary, summary)
    sh(f"ip address flush dev {NIC}")
    status, summary = found("--active-proof")
    held = status == "unknown" and "nothing could be sent" in summary
    proof.ok("without any address: unknown", held, summary)


def main(names: list[str]) -> int:
    """Every fault, or those named; 0 where all held."""
    proof = Proof()
    _shim()
    if not names or "active-proof" in names:
        print("--- active-proof", flush=True)
        active_proof(proof)
    for fault in FAULTS:
        if not names or fault.name in names:
            print(f"--- {fault.name}", flush=True)
            try:
                prove(proof, fault)
            except (RuntimeError, OSError, KeyError, IndexError, ValueError) as error:
                proof.ok(f"{fault.name}: runs to its end", False, repr(error))
    print(f"{proof.number - len(proof.failed)} held, {len(proof.failed)} did not:")
    for name in proof.failed:
        print(f"  {name}")
    return 1 if proof.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
