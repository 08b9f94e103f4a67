"""kernel_log: what each line says, and when it was said."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes.kernel_log import keep, parse
from accelnet_probes.log_patterns import PATTERNS
from accelnet_probes.record import replace
from accelnet_probes.snapshot import KernelLog, LogEvent

NOW = "2026-01-02T03:04:05Z"
GUID = "000d3a11-2233-000d-3a11-2233000d3a11"
PASS_THROUGH = "e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc"
NIC = f"hv_netvsc {GUID} eth0"
PCI = "cf63:00:02.0"
DISABLED = "mlx4_core:15B3:1004 @ cf63:00:02.0 is no longer enabled in this release."
SLOW = "Firmware over 120000 MS in pre-initializing state, aborting"


def _event(line: str) -> LogEvent:
    """The one event of a log of one line."""
    (event,) = parse(line.encode(), None, NOW).events
    return event


# kind, line, and the fields that are not None
LINES = [
    pytest.param(
        f"{NIC}: VF slot 1 added",
        LogEvent(kind="slot-added", line="", nic="eth0", guid=GUID, detail="1"),
        id="slot-added",
    ),
    pytest.param(
        "eth0: VF slot 1296119428 added",
        LogEvent(kind="slot-added", line="", nic="eth0", detail="1296119428"),
        id="slot-added-without-guid",
    ),
    pytest.param(
        "hv_netvsc eth0: VF slot 1 added",
        LogEvent(kind="slot-added", line="", nic="eth0", detail="1"),
        id="slot-added-with-driver-alone",
    ),
    pytest.param(
        "hv_netvsc vmbus_15 eth0: VF slot 1 added",
        LogEvent(kind="slot-added", line="", nic="eth0", guid="vmbus_15", detail="1"),
        id="slot-added-before-guids",
    ),
    pytest.param(
        f"hv_netvsc {GUID} (unnamed net_device) (uninitialized): VF slot 1 added",
        LogEvent(kind="slot-added", line="", guid=GUID, detail="1"),
        id="slot-added-before-its-name",
    ),
    pytest.param(
        f"{NIC} (unregistering): VF slot 2 removed",
        LogEvent(kind="slot-removed", line="", nic="eth0", guid=GUID, detail="2"),
        id="slot-removed-while-unregistering",
    ),
    pytest.param(
        f"{NIC}: VF slot 2 removed",
        LogEvent(kind="slot-removed", line="", nic="eth0", guid=GUID, detail="2"),
        id="slot-removed",
    ),
    pytest.param(
        f"{NIC}: VF registering: eth1",
        LogEvent(kind="registering", line="", nic="eth0", guid=GUID, vf="eth1"),
        id="registering",
    ),
    pytest.param(
        f"{NIC}: VF unregistering: enP53091s1np0",
        LogEvent(kind="unregistering", line="", nic="eth0", guid=GUID, vf="enP53091s1np0"),
        id="unregistering",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: joined to eth0",
        LogEvent(kind="joined", line="", nic="eth0", vf="eth1", pci_address=PCI),
        id="joined",
    ),
    pytest.param(
        "mana 7870:00:00.0 enP30832s1: joined to eth0",
        LogEvent(kind="joined", line="", nic="eth0", vf="enP30832s1", pci_address="7870:00:00.0"),
        id="joined-mana",
    ),
    pytest.param(
        f"{NIC}: Data path switched to VF: enP53091s1",
        LogEvent(kind="switched-to", line="", nic="eth0", guid=GUID, vf="enP53091s1"),
        id="switched-to",
    ),
    pytest.param(
        "eth0: Data path switched from VF: enP53091s1",
        LogEvent(kind="switched-from", line="", nic="eth0", vf="enP53091s1"),
        id="switched-from",
    ),
    pytest.param(
        f"{NIC}: Data path failed to switch to VF: enP53091s1, err: -5",
        LogEvent(
            kind="switch-to-failed", line="", nic="eth0", guid=GUID, vf="enP53091s1", detail="-5"
        ),
        id="switch-to-failed",
    ),
    pytest.param(
        f"{NIC}: Data path failed to switch from VF: enP53091s1",
        LogEvent(kind="switch-from-failed", line="", nic="eth0", guid=GUID, vf="enP53091s1"),
        id="switch-from-failed-without-errno",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: no netdev found for vf serial:2",
        LogEvent(kind="not-matched", line="", vf="eth1", detail="2"),
        id="not-matched-by-serial",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: Invalid vf serial:seven",
        LogEvent(kind="not-matched", line="", vf="eth1", detail="seven"),
        id="not-matched-by-garbage",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: no PCI slot information",
        LogEvent(kind="not-matched", line="", vf="eth1", detail="no PCI slot information"),
        id="not-matched-without-slot",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: can not register netvsc VF receive handler (err = -16)",
        LogEvent(kind="handler-refused", line="", vf="eth1", pci_address=PCI, detail="-16"),
        id="handler-refused",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: can not set master device eth0 (err = -16)",
        LogEvent(kind="master-refused", line="", nic="eth0", detail="-16"),
        id="master-refused",
    ),
    pytest.param(
        f"mlx5_core {PCI} eth1: unable to change mtu to 9000",
        LogEvent(kind="mtu-refused", line="", vf="eth1", pci_address=PCI, detail="9000"),
        id="mtu-refused",
    ),
    pytest.param(
        "hv_netvsc: SR-IOV not advertised by guests on the host supporting isolation",
        LogEvent(
            kind="isolated",
            line="",
            detail="SR-IOV not advertised by guests on the host supporting isolation",
        ),
        id="isolated",
    ),
    pytest.param(
        f"{NIC}: Ignore VF_ASSOCIATION msg from the host supporting isolation",
        LogEvent(
            kind="isolated",
            line="",
            detail="Ignore VF_ASSOCIATION msg from the host supporting isolation",
        ),
        id="isolated-association",
    ),
    pytest.param(
        f"mlx5_core {PCI}: probe with driver mlx5_core failed with error -12",
        LogEvent(kind="probe-failed", line="", pci_address=PCI, detail="-12"),
        id="probe-failed",
    ),
    pytest.param(
        f"mlx5_core: probe of {PCI} failed with error -12",
        LogEvent(kind="probe-failed", line="", pci_address=PCI, detail="-12"),
        id="probe-failed-before-6.7",
    ),
    pytest.param(
        f"mlx5_core {PCI}: mlx5_init_one:1234:(pid 7): mlx5_load_one failed with error code -110",
        LogEvent(
            kind="probe-failed",
            line="",
            pci_address=PCI,
            detail="mlx5_init_one:1234:(pid 7): mlx5_load_one failed with error code -110",
        ),
        id="probe-failed-in-the-driver's-words",
    ),
    pytest.param(
        f"hv_pci {PASS_THROUGH}: probe with driver hv_pci failed with error -5",
        LogEvent(kind="pass-through-failed", line="", guid=PASS_THROUGH, detail="-5"),
        id="pass-through-failed",
    ),
    pytest.param(
        f"hv_pci: probe of {PASS_THROUGH} failed with error -5",
        LogEvent(kind="pass-through-failed", line="", guid=PASS_THROUGH, detail="-5"),
        id="pass-through-failed-before-6.7",
    ),
    *(
        pytest.param(line, replace(LogEvent(kind="", line=""), **fields), id=name)
        for name, line, fields in (
            (
                "mana-probe",
                "mana 7870:00:00.0: gdma probe failed: err = -71",
                {
                    "kind": "probe-failed",
                    "pci_address": "7870:00:00.0",
                    "detail": "gdma probe failed: err = -71",
                },
            ),
            *(
                (
                    f"hv-pci-{number}",
                    f"hv_pci {PASS_THROUGH}: {words}",
                    {"kind": "pass-through-failed", "guid": PASS_THROUGH, "detail": words},
                )
                for number, words in enumerate(
                    (
                        "PCI Pass-through VSP failed D0 Entry with status c0370048",
                        "Retrying D0 failed with ret -71",
                        "Need 0x800000 of low MMIO space",
                        "couldn't record a child device",
                        "Unable to use dom# 0xcf63 or other numbers",
                    )
                )
            ),
            (
                "domain-collision",
                f"hv_pci {PASS_THROUGH}: PCI dom# 0xcf63 has collision, using 0x1",
                {
                    "kind": "domain-collision",
                    "guid": PASS_THROUGH,
                    "detail": "0xcf63 has collision, using 0x1",
                },
            ),
            (
                "namespace-refused",
                f"mlx5_core {PCI} eth1: could not move to same namespace as eth0: -17",
                {
                    "kind": "namespace-refused",
                    "pci_address": PCI,
                    "vf": "eth1",
                    "nic": "eth0",
                    "detail": "-17",
                },
            ),
            (
                "open-refused",
                f"mlx5_core {PCI} eth1: unable to open: -12",
                {"kind": "open-refused", "pci_address": PCI, "vf": "eth1", "detail": "-12"},
            ),
            (
                "hardware-disabled",
                f"Warning: Disabled Hardware is detected: {DISABLED}",
                {"kind": "hardware-disabled", "detail": DISABLED},
            ),
            (
                "hardware-unmaintained",
                "Warning: Unmaintained hardware is detected:  mlx4_core:15B3:1004 @ cf63:00:02.0",
                {
                    "kind": "hardware-unmaintained",
                    "detail": "mlx4_core:15B3:1004 @ cf63:00:02.0",
                },
            ),
            (
                "vfio",
                "vfio_pci: add [15b3:1016[ffffffff:ffffffff]] class 0x000000/00000000",
                {"kind": "vfio", "detail": "15b3:1016"},
            ),
            *(
                (
                    f"firmware-{number}",
                    f"mlx5_core {PCI}: {words}",
                    {"kind": "firmware", "pci_address": PCI, "detail": words},
                )
                for number, words in enumerate(
                    (
                        SLOW,
                        "2RST_QP(0x50a) timeout. Will cause a leak of a command resource",
                        "poll_health:836:(pid 0): device's health compromised - reached miss count",
                        "HWC: Failed hw_channel req: 0xc00000bb",
                        "HWC: Request timed out!",
                        "communication channel command 0x5 timed out",
                        "PF is not responsive, skipping initialization",
                    )
                )
            ),
            (
                "firmware-with-its-function",
                f"mlx5_core {PCI}: mlx5_function_setup:1034:(pid 7): {SLOW}",
                {
                    "kind": "firmware",
                    "pci_address": PCI,
                    "detail": SLOW,
                },
            ),
            (
                "tx-timeout",
                f"mlx5_core {PCI} enP53091s1: TX timeout detected",
                {
                    "kind": "tx-timeout",
                    "pci_address": PCI,
                    "vf": "enP53091s1",
                    "detail": "TX timeout detected",
                },
            ),
            (
                "watchdog",
                "NETDEV WATCHDOG: eth1 (mlx4_core): transmit queue 3 timed out",
                {"kind": "tx-timeout", "vf": "eth1", "detail": "mlx4_core"},
            ),
            (
                "watchdog-since-6.5",
                f"mlx5_core {PCI} eth1: NETDEV WATCHDOG: CPU: 3: transmit queue 3 timed out",
                {
                    "kind": "tx-timeout",
                    "vf": "eth1",
                    "detail": "NETDEV WATCHDOG: CPU: 3: transmit queue 3 timed out",
                },
            ),
            (
                "packet-error",
                f"{NIC}: nvsp_rndis_pkt_complete error status: 2",
                {"kind": "packet-error", "nic": "eth0", "guid": GUID, "detail": "2"},
            ),
            *(
                (
                    f"sub-channel-{number}",
                    f"{NIC}: {words}",
                    {"kind": "sub-channel-failed", "nic": "eth0", "guid": GUID, "detail": words},
                )
                for number, words in enumerate(
                    (
                        "sub channel open failed: -12",
                        "sub channel allocate send failed: -11",
                        "restoring channel setting failed",
                    )
                )
            ),
            (
                "allocation",
                "kworker/0:1: page allocation failure: order:8, mode:0xcc0",
                {
                    "kind": "allocation-failed",
                    "detail": "kworker/0:1: page allocation failure: order:8",
                },
            ),
            (
                "hung-task",
                "INFO: task kworker/u8:2:12345 blocked for more than 120 seconds.",
                {"kind": "hung-task", "detail": "kworker/u8:2"},
            ),
            (
                "soft-lockup",
                "watchdog: BUG: soft lockup - CPU#2 stuck for 22s! [kworker/2:1:35]",
                {"kind": "soft-lockup", "detail": "CPU#2 stuck for 22s"},
            ),
        )
    ),
]


@pytest.mark.parametrize(("line", "event"), LINES)
def test_each_line_that_tells(line: str, event: LogEvent) -> None:
    """The fields are those of that moment; the line is evidence."""
    assert _event(line) == replace(event, line=line)


def test_every_kind_has_a_line() -> None:
    """No pattern is held by nothing."""
    shown = {param.values[1].kind for param in LINES if isinstance(param.values[1], LogEvent)}
    assert shown == {kind for kind, _, _ in PATTERNS}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("hv_vmbus: registering driver hv_netvsc", id="driver"),
        pytest.param(f"{NIC}: Waiting for the VF association from host", id="waiting"),
        pytest.param(f"{NIC}: falling back to mac addr based matching", id="fallback"),
        pytest.param(
            f"hv_pci {PASS_THROUGH}: PCI VMBus probing: Using version 0x10003", id="probing"
        ),
        pytest.param("hv_pci: PCI host bridge to bus cf63:00", id="bridge"),
        pytest.param(f"mlx5_core {PCI}: firmware version: 14.30.1224", id="firmware"),
        pytest.param(f"mlx5_core {PCI} enP53091s1: Link up", id="link-up"),
        pytest.param(f"mlx5_core {PCI} enP53091s1: renamed from eth1", id="renamed"),
        pytest.param(
            "mana 7870:00:00.0: Microsoft Azure Network Adapter protocol version: 0.1.1",
            id="mana",
        ),
        pytest.param("systemd[1]: audit of VF registering failed", id="the-words-alone"),
        pytest.param("nouveau 0000:01:00.0: probe with driver nouveau deferred", id="deferred"),
    ],
)
def test_lines_that_tell_nothing(line: str) -> None:
    """Normal life of a VM."""
    assert parse(line.encode(), None, NOW).events == ()


MESSAGE = f"{NIC}: VF slot 1 added"
STAMPS = [
    # prefix, uptime, age: it is 100 s after boot, and 03:04:05
    pytest.param("[    3.500000] ", 3.5, 96.5, id="dmesg"),
    pytest.param("[    3.500000] [   T123] ", 3.5, 96.5, id="dmesg-with-caller"),
    pytest.param("[    3.500000][  C1] ", 3.5, 96.5, id="dmesg-with-caller-unspaced"),
    pytest.param("<6>[    3.500000] ", 3.5, 96.5, id="dmesg-raw"),
    pytest.param("[12345678.500000] ", 12345678.5, 0.0, id="after-our-own-clock"),
    pytest.param("6,1234,3500000,-;", 3.5, 96.5, id="kmsg"),
    pytest.param("6,1234,3500000,-,caller=T1;", 3.5, 96.5, id="kmsg-with-caller"),
    pytest.param("[    3.500000] myhost kernel: ", 3.5, 96.5, id="journal-monotonic"),
    pytest.param("Jan 02 03:04:00 myhost kernel: ", None, 5.0, id="journal"),
    pytest.param("Jan  2 03:04:00 myhost kernel: [    3.500000] ", 3.5, 96.5, id="syslog"),
    pytest.param("[Fri Jan  2 03:04:00 2026] ", None, 5.0, id="dmesg-T"),
    pytest.param("2026-01-02T03:04:00,123456+00:00 ", None, 5.0, id="dmesg-iso"),
    pytest.param("2026-01-02T03:04:00+0000 myhost kernel: ", None, 5.0, id="journal-iso"),
    pytest.param("2026-01-02T03:04:00Z ", None, 5.0, id="zulu"),
    pytest.param("2026-01-02 03:04:00.5+00:00 ", None, 5.0, id="iso-with-space"),
    pytest.param("2026-01-02T12:04:00+0900 myhost kernel: ", None, 5.0, id="east"),
    pytest.param("2026-01-01T22:04:00-05:00 myhost kernel: ", None, 5.0, id="west"),
    pytest.param("2026-01-02T03:04:00.1+00:00 h kernel: [    3.500000] ", 3.5, 96.5, id="rsyslog"),
    pytest.param("2026-01-02T04:00:00Z ", None, 0.0, id="in-the-future"),
    pytest.param("2026-01-02T03:04:00 ", None, 5.0, id="iso-without-zone"),
    pytest.param("Dec 31 03:04:00 h kernel: ", None, 172805.0, id="last-year"),
    pytest.param("Xxx 31 03:04:00 h kernel: ", None, None, id="no-month"),
    pytest.param("2026-13-42T99:99:99Z ", None, None, id="no-date"),
    pytest.param("0001-01-01T00:00:00+99:99 ", None, None, id="before-the-calendar"),
    pytest.param("", None, None, id="none"),
]


@pytest.mark.parametrize(("prefix", "uptime", "age"), STAMPS)
def test_time_stamps(prefix: str, uptime: float | None, age: float | None) -> None:
    """The clock of the line, where it has one; the event is the same."""
    (event,) = parse(f"{prefix}{MESSAGE}\n".encode(), 100.0, NOW).events
    assert (event.uptime, event.age) == (uptime, age)
    assert (event.kind, event.nic, event.guid, event.detail) == ("slot-added", "eth0", GUID, "1")


def test_without_our_uptime_there_is_no_age() -> None:
    """The line's clock alone says when, not how long ago."""
    (event,) = parse(f"[    3.500000] {MESSAGE}".encode(), None, NOW).events
    assert (event.uptime, event.age) == (3.5, None)


def test_without_our_date_there_is_no_age() -> None:
    """The same of a line with a date."""
    (event,) = parse(f"2026-01-02T03:04:00Z {MESSAGE}".encode(), None, "?").events
    assert (event.uptime, event.age) == (None, None)


def test_events_are_in_the_order_of_their_lines() -> None:
    """And each is at least as old as the log that follows it."""
    log = f"[    1.000000] Linux version\n[    2.000000] {NIC}: VF slot 1 added\n"
    log += f"[    5.000000] {NIC}: VF slot 1 removed\n[   60.000000] eth0: link becomes ready\n"
    found = parse(log.encode(), 100.0, NOW)
    assert found == KernelLog(
        events=(
            LogEvent(
                kind="slot-added",
                line=f"{NIC}: VF slot 1 added",
                nic="eth0",
                guid=GUID,
                detail="1",
                uptime=2.0,
                age=98.0,
                min_age=58.0,
            ),
            LogEvent(
                kind="slot-removed",
                line=f"{NIC}: VF slot 1 removed",
                nic="eth0",
                guid=GUID,
                detail="1",
                uptime=5.0,
                age=95.0,
                min_age=55.0,
            ),
        ),
        starts_at_boot=True,
    )


@pytest.mark.parametrize(
    ("log", "starts_at_boot"),
    [
        pytest.param(b"[    0.000000] Linux version 6.8.0\n", True, id="boot"),
        pytest.param(b"[ 4711.000000] eth0: x\n", False, id="wrapped"),
        pytest.param(b"Jan 02 03:04:00 myhost kernel: Linux version\n", False, id="unstamped"),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_whether_the_log_goes_back_to_boot(log: bytes, starts_at_boot: bool) -> None:
    """Else what it does not say may have been said before."""
    assert parse(log, None, NOW) == KernelLog(events=(), starts_at_boot=starts_at_boot)


def test_what_a_recording_keeps() -> None:
    """The lines that concern vmbus, hv_*, mlx*, mana or PCI; nobody's other business."""
    kept = [
        b"hv_vmbus: registering driver hv_netvsc",
        b"hv_netvsc eth0: VF slot 1 added",
        b"mlx4_core 0001:00:02.0: Detected virtual function",
        b"mlx5_core cf63:00:02.0: firmware version",
        b"mana 7870:00:00.0: Microsoft Azure Network Adapter",
        b"hv_pci: PCI host bridge to bus cf63:00",
        b"Warning: Unmaintained hardware is detected: mlx4_core",
        b"eth0: Data path switched to VF: eth1",
        b"rename3: renamed from eth1",
    ]
    assert keep([*kept, b"sshd: password for root", b"audit: type=1400"]) == kept


@pytest.mark.parametrize(("line", "event"), LINES)
def test_a_recording_keeps_every_line_that_tells(line: str, event: LogEvent) -> None:
    """A replay judges what the live run judged."""
    assert keep([line.encode()]) == [line.encode()], event.kind


def test_an_event_keeps_a_short_line() -> None:
    """A report is no log."""
    assert len(_event(f"eth0: VF registering: eth1 {'x' * 5000}").line) == 300


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"6,1," + b"9" * 5000 + b",-;eth0: VF slot 1 added", id="kmsg-digits"),
        pytest.param(b"6,1," + b"9" * 400 + b",-;eth0: VF slot 1 added", id="kmsg-overflow"),
        pytest.param(b"[" + b"9" * 5000 + b".1] eth0: VF slot 1 added", id="dmesg-digits"),
        pytest.param(b"9999-12-31T23:59:59-99:99 eth0: VF slot 1 added", id="date-overflow"),
        pytest.param("٣,٣,٣,-;eth0: VF slot ٣ added".encode(), id="other-digits"),
        pytest.param(b"eth0: VF slot " + b"1" * 5000 + b" added", id="long-serial"),
        pytest.param(b"\xff\xfe: VF registering: \xff", id="not-utf-8"),
        pytest.param(b"eth0: VF registering: \x1b[2Jx\x00", id="control-characters"),
        pytest.param(b"VF: : : : VF slot  added", id="nothing-between"),
    ],
)
def test_a_hostile_line_is_a_line(line: bytes) -> None:
    """Whoever can write to /dev/kmsg, or sends a bundle, may write anything."""
    log = parse(line + b"\n" + MESSAGE.encode(), 100.0, NOW)
    assert log.events[-1].kind == "slot-added"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("VF failed " + "a" * 200_000, id="one-long-word"),
        pytest.param("VF failed " + "a " * 100_000, id="words"),
        pytest.param("VF failed " + "a (" * 70_000, id="open-brackets"),
        pytest.param("VF failed " + "a ( ) " * 35_000, id="brackets"),
        pytest.param("VF failed a" + " " * 200_000, id="spaces"),
        pytest.param("VF failed " + "hv_netvsc " * 20_000, id="driver-names"),
        pytest.param("VF failed " + "vmbus_" * 35_000, id="vmbus-names"),
        pytest.param("VF " + f"{PCI}: " + "probe_" * 35_000, id="probe-words"),
        pytest.param("VF " + f"{PCI}: " * 15_000, id="pci-addresses"),
        pytest.param("VF fail " + "hv_pci: probe " * 15_000, id="pass-through-words"),
        pytest.param("VF fail " + f"{PCI} eth1: joined " * 6_000, id="joined-words"),
        pytest.param("MS in " + f"{PCI}: Firmware over 1 MS in " * 4_000, id="firmware-words"),
        pytest.param("health " + f"{PCI}: health " * 8_000, id="health-words"),
        pytest.param("TX timeout " + f"{PCI} eth1: TX timeout" * 5_000, id="timeout-words"),
        pytest.param("sub channel failed " * 11_000, id="sub-channel-words"),
        pytest.param("task a blocked for more than " * 7_000, id="task-words"),
        pytest.param("page allocation failure" + ":" * 200_000, id="allocation-words"),
    ],
)
def test_a_long_line_costs_no_more_than_its_length(line: str) -> None:
    """The whole command has ten seconds; a pattern that backtracks would take hours."""
    began = time.monotonic()
    parse(line.encode(), 100.0, NOW)
    assert time.monotonic() - began < 60  # far above what it takes: a hang is what fails


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("VF\n", id="short-lines"),
        pytest.param(f"VF failed {'a ( ' * 250}\n", id="open-brackets"),
        pytest.param(f"VF {PCI}: {'probe_' * 160}\n", id="probe-words"),
        pytest.param(f"{MESSAGE}\n", id="events"),
    ],
)
def test_a_huge_log_is_parsed_in_time(line: str) -> None:
    """A bundle may hold 16 MiB of it, and the command has ten seconds."""
    began = time.monotonic()
    parse((line * ((16 << 20) // len(line))).encode(), 100.0, NOW)
    assert time.monotonic() - began < 60  # far above what it takes: a hang is what fails


@given(st.binary(max_size=300))
def test_any_bytes_parse(content: bytes) -> None:
    """No log makes the probe raise."""
    assert isinstance(parse(content, 100.0, NOW), KernelLog)


PIECES = st.sampled_from(
    [
        "eth0",
        ": ",
        " ",
        "VF slot ",
        "1",
        " added",
        "Data path switched to VF: ",
        "hv_netvsc ",
        GUID,
        "[    3.5] ",
        "6,1,2,-;",
        "2026-01-02T03:04:05Z ",
        " kernel: ",
        PCI,
        ": joined to ",
        "failed with error -",
        "probe of ",
        "\n",
        "(",
        ")",
        "9" * 400,
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_any_mixture_of_true_words_parses(content: str) -> None:
    """Nearly right lines reach further into the parser than random bytes."""
    log = parse(content.encode("utf-8", "replace"), 100.0, NOW)
    assert all(event.kind in {kind for kind, _, _ in PATTERNS} for event in log.events)
