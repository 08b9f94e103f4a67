"""Which lines of the kernel log tell something, and how they are read.

netvsc_drv.c, netvsc.c and rndis_filter.c (drivers/net/hyperv), pci-hyperv.c,
drivers/base/dd.c, mlx4/main.c and cmd.c, mlx5/core/main.c, cmd.c and health.c,
mana/gdma_main.c and hw_channel.c, vfio_pci.c, net/sched/sch_generic.c,
kernel/hung_task.c, watchdog.c, mm/page_alloc.c; RHEL's kernel/rh_messages.c.
"""

from __future__ import annotations

# What `--record` keeps, and what is parsed at all.
KEYWORDS = (
    b"vmbus",
    b"hv_",
    b"netvsc",
    b"mlx4",
    b"mlx5",
    b"mana",
    b"PCI",
    b"pci",
    b"VF ",
    b"Data path",
    b"joined to",
    b"renamed from",
    b"SR-IOV",
    b"failed with error",
    b"ardware is detected",
    b"blocked for more than",
    b"soft lockup",
    b"page allocation failure",
    b"NETDEV WATCHDOG",
    b"sub channel",
    b"vfio",
    b"same namespace as",
)

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# "eth0", "eth0 (unregistering)", or before it has a name "(unnamed net_device) (uninitialized)".
# Every pattern that begins with a word of any length begins at the word's start, and what stands
# in brackets is short: a hostile line must not cost the square of its length.
_NIC = (
    rf"(?<!\S)(?:hv_netvsc\s+)?(?:(?P<guid>{_GUID}|vmbus_\S+)\s+)?"
    r"(?:(?P<nic>[^\s:()]+)|\(unnamed net_device\))(?:\s+\([^()]{0,40}\))*: "
)
_PCI = r"(?P<pci>[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
_PCI_VF = rf"{_PCI} (?P<vf>[^\s:()]+)(?:\s+\([^()]{{0,40}}\))*: "
_VF = rf"(?:{_PCI_VF})?"
_HV_PCI = rf"hv_pci (?P<guid>{_GUID}): "
_SWITCHED = r"VF: (?P<vf>[^\s,]+)(?:, err: (?P<detail>-?\d+))?"

# Kind, what stands in every such line, and what the line looks like; groups name the fields of
# LogEvent.  A pattern is compiled when a line holds its words: most logs need four of them.
PATTERNS: tuple[tuple[str, str, str], ...] = (
    ("slot-added", "VF slot ", _NIC + r"VF slot (?P<detail>\d+) added"),
    ("slot-removed", "VF slot ", _NIC + r"VF slot (?P<detail>\d+) removed"),
    ("registering", "VF registering: ", _NIC + r"VF registering: (?P<vf>\S+)"),
    ("unregistering", "VF unregistering: ", _NIC + r"VF unregistering: (?P<vf>\S+)"),
    ("joined", ": joined to ", _PCI_VF + r"joined to (?P<nic>\S+)"),
    ("switched-to", "path switched to", _NIC + r"Data path switched to VF: (?P<vf>\S+)"),
    ("switched-from", "path switched from", _NIC + r"Data path switched from VF: (?P<vf>\S+)"),
    ("switch-to-failed", "path failed to", _NIC + r"Data path failed to switch to " + _SWITCHED),
    (
        "switch-from-failed",
        "path failed to",
        _NIC + r"Data path failed to switch from " + _SWITCHED,
    ),
    (
        "not-matched",
        " vf serial:",
        r"(?<!\S)(?P<vf>\S+): (?:no netdev found for|Invalid) vf serial:(?P<detail>\S+)",
    ),
    (
        "not-matched",
        "no PCI slot information",
        r"(?<!\S)(?P<vf>\S+): (?P<detail>no PCI slot information)",
    ),
    (
        "handler-refused",
        "VF receive handler",
        _VF + r"can not register netvsc VF receive handler \(err = (?P<detail>-?\d+)\)",
    ),
    (
        "master-refused",
        "can not set master",
        r"can not set master device (?P<nic>\S+) \(err = (?P<detail>-?\d+)\)",
    ),
    ("mtu-refused", "change mtu to", _VF + r"unable to change mtu to (?P<detail>\d+)"),
    (
        "isolated",
        "supporting isolation",
        r"(?P<detail>SR-IOV not advertised by guests on the host supporting isolation)",
    ),
    (
        "isolated",
        "supporting isolation",
        r"(?P<detail>Ignore VF_ASSOCIATION msg from the host supporting isolation)",
    ),
    (
        "probe-failed",
        "probe with driver",
        _PCI + r": probe with driver \S+ failed with error (?P<detail>-?\d+)",
    ),
    (
        "probe-failed",
        "probe of ",
        r"probe of " + _PCI + r" failed with error (?P<detail>-?\d+)",
    ),
    ("probe-failed", "failed", _PCI + r": (?P<detail>(?=\S*(?:probe|init)_\S)(?=.*failed).*)"),
    (
        "pass-through-failed",
        "hv_pci: probe of",
        rf"hv_pci: probe of (?P<guid>{_GUID}) failed with error (?P<detail>-?\d+)",
    ),
    (
        "pass-through-failed",
        "failed with error",
        rf"hv_pci(?: (?P<guid>{_GUID}))?: probe .*failed with error (?P<detail>-?\d+)",
    ),
    ("probe-failed", "gdma probe failed", _PCI + r": (?P<detail>gdma probe failed: err = -?\d+)"),
    (
        "pass-through-failed",
        "failed D0 Entry",
        rf"{_HV_PCI}(?P<detail>PCI Pass-through VSP failed D0 Entry with status \S+)",
    ),
    (
        "pass-through-failed",
        "Retrying D0",
        rf"{_HV_PCI}(?P<detail>Retrying D0 failed with ret \S+)",
    ),
    ("pass-through-failed", "MMIO space", rf"{_HV_PCI}(?P<detail>Need \S+ of \S+ MMIO space)"),
    (
        "pass-through-failed",
        "record a child device",
        rf"{_HV_PCI}(?P<detail>couldn't record a child device)",
    ),
    (
        "pass-through-failed",
        "or other numbers",
        rf"{_HV_PCI}(?P<detail>Unable to use dom# \S+ or other numbers)",
    ),
    (
        "domain-collision",
        "has collision, using",
        rf"{_HV_PCI}PCI dom# (?P<detail>\S+ has collision, using \S+)",
    ),
    (
        "namespace-refused",
        "same namespace as",
        _VF + r"could not move to same namespace as (?P<nic>[^\s:]+): (?P<detail>-?\d+)",
    ),
    ("open-refused", "unable to open: ", _PCI_VF + r"unable to open: (?P<detail>-?\d+)"),
    (
        "hardware-disabled",
        "Disabled Hardware is detected",
        r"Disabled Hardware is detected:\s*(?P<detail>.{1,200})",
    ),
    (
        "hardware-unmaintained",
        "ardware is detected",
        r"(?:Unmaintained|Deprecated) [hH]ardware is detected:\s*(?P<detail>.{1,200})",
    ),
    ("vfio", "vfio_pci: add [", r"vfio_pci: add \[(?P<detail>[0-9a-f]{4}:[0-9a-f]{4})"),
    (
        "firmware",
        "MS in ",
        _PCI
        + r": (?:[\w:]+(?:\(pid \d+\):)? ?)?(?P<detail>Firmware over \d+ MS in .{1,40}aborting)",
    ),
    (
        "firmware",
        "command resource",
        _PCI + r": (?P<detail>.{1,200}Will cause a leak of a command resource)",
    ),
    (
        "firmware",
        "health ",
        _PCI + r": (?P<detail>.{0,200}health (?:compromised|recovery failed).*)",
    ),
    (
        "firmware",
        "HWC: ",
        _PCI + r": (?P<detail>HWC: (?:Failed hw_channel req: \S+|Request timed out.*))",
    ),
    (
        "firmware",
        "communication channel",
        _PCI
        + r": (?P<detail>.{0,80}communication channel (?:command .{1,60}timed out|is offline).*)",
    ),
    ("firmware", "PF is not respons", _PCI + r": (?P<detail>PF is not respons.{1,80})"),
    ("tx-timeout", "TX timeout", _PCI_VF + r"(?P<detail>TX timeout .{1,60})"),
    (
        "tx-timeout",
        "NETDEV WATCHDOG",
        (
            r"NETDEV WATCHDOG: (?P<vf>[^\s:()]+) \((?P<detail>[^()]{1,40})\): "
            r"transmit queue \d+ timed out"
        ),
    ),
    (
        "tx-timeout",
        "NETDEV WATCHDOG",
        (
            r"(?<!\S)(?P<vf>[^\s:()]+): "
            r"(?P<detail>NETDEV WATCHDOG: .{0,20}transmit queue \d+ timed out)"
        ),
    ),
    (
        "packet-error",
        "nvsp_rndis_pkt_complete error",
        _NIC + r"nvsp_rndis_pkt_complete error status: (?P<detail>\S+)",
    ),
    (
        "sub-channel-failed",
        "sub channel",
        _NIC + r"(?P<detail>sub channel (?:open failed: -?\d+|.{1,40}failed.{0,40}))",
    ),
    (
        "sub-channel-failed",
        "restoring ",
        _NIC + r"(?P<detail>restoring (?:channel setting|mtu|ringparam) failed)",
    ),
    (
        "allocation-failed",
        "page allocation failure",
        r"(?P<detail>(?<!\S)\S{1,64}: page allocation failure: order:\d+)",
    ),
    (
        "hung-task",
        "blocked for more than",
        r"task (?P<detail>\S{1,64}):\d+ blocked for more than \d+ seconds",
    ),
    ("soft-lockup", "soft lockup", r"soft lockup - (?P<detail>CPU#\d+ stuck for \d+s)"),
)
