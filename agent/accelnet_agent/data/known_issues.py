"""Kernels and drivers that are known to break accelerated networking.

Only what a public source says, and no further than it says it: where a source
names one kernel, the range is that kernel.  `since` and `fixed` are kernel
releases as `uname -r` prints them; which is newer is each distribution's own
ordering (versions.py).  A distribution's kernel carries backports, so a fix
that is known for kernel.org's releases is told for those alone.
"""

from __future__ import annotations

from accelnet_probes.record import Record

DATE = "2026-11-25"  # when the sources were last looked through

CX3, MANA = "ConnectX-3", "MANA"
MLX5 = ("ConnectX-4", "ConnectX-4 Lx", "ConnectX-5", "ConnectX-5 Ex")


class KnownIssue(Record):
    """A range of kernels, or of a driver's versions, and what goes wrong with them."""

    id: str
    families: tuple[str, ...]  # of versions.parse_kernel
    symptom: str
    fixed_in: str  # for people: the version, or that none is named
    source: str
    flavour: str | None = None  # of the kernel; None: each
    since: str | None = None  # the first kernel that has it; None: all before `fixed`
    fixed: str | None = None  # the first that has it no more; None: no end is known
    contains: str | None = None  # in the kernel's release
    driver: str | None = None  # `since` and `fixed` are versions of this driver, from elsewhere
    hardware: tuple[str, ...] = ()  # families of VFs that it concerns; (): each
    more_cpus_than: int | None = None
    unbound: bool = False  # only where such a VF has no driver


ISSUES: tuple[KnownIssue, ...] = (
    KnownIssue(
        id="azurelinux-mshv-without-mana",
        families=("azurelinux",),
        contains="mshv",
        hardware=(MANA,),
        unbound=True,
        symptom="kernel-mshv of Azure Linux 3 was built without CONFIG_MICROSOFT_MANA: a MANA VF "
        "stays without driver, traffic goes by the synthetic path",
        fixed_in="a build with CONFIG_MICROSOFT_MANA; no number is named",
        source="https://github.com/microsoft/lisa/pull/4673",
    ),
    KnownIssue(
        id="azurelinux-without-connectx3",
        families=("azurelinux",),
        since="6.6.139.1-1.azl3",
        fixed="6.6.141.1-1.azl3",
        symptom="the drivers of ConnectX-3 were dropped unintentionally",
        fixed_in="6.6.141.1",
        source="https://github.com/microsoft/azurelinux/pull/17736",
    ),
    KnownIssue(
        id="ubuntu-mana-probe-fails",
        families=("ubuntu",),
        flavour="azure",
        since="6.2.0-1018-azure",
        fixed="6.2.1-0-azure",
        hardware=(MANA,),
        symptom='mana does not probe on v6 sizes: "HWC: Failed hw_channel req: 0xc00000bb", '
        '"gdma probe failed: err = -71"',
        fixed_in="6.8.0-1062-azure was seen to work; Azure's document asks for 6.8.0-1033",
        source="https://github.com/cockroachdb/cockroach/issues/173178",
    ),
    KnownIssue(
        id="rhel76-many-cpus",
        families=("rhel",),
        since="3.10.0-957.el7.x86_64",
        fixed="3.10.0-957.38.1.el7.x86_64",
        more_cpus_than=256,
        symptom="accelerated networking does not work with more than 256 vCPUs",
        fixed_in="3.10.0-957.38.1.el7",
        source="https://github.com/MicrosoftDocs/azure-docs/issues/84047",
    ),
    KnownIssue(
        id="rhel77-many-cpus",
        families=("rhel",),
        since="3.10.0-1062.el7.x86_64",
        fixed="3.10.0-1062.4.1.el7.x86_64",
        more_cpus_than=256,
        symptom="accelerated networking does not work with more than 256 vCPUs",
        fixed_in="3.10.0-1062.4.1.el7",
        source="https://github.com/MicrosoftDocs/azure-docs/issues/84047",
    ),
    KnownIssue(
        id="sles12-impaired",
        families=("suse",),
        flavour="default",
        since="4.4.178-94-default",
        fixed="4.4.178-94.91-default",
        symptom="accelerated networking is impaired (SUSE bugs 1135103, 1132619)",
        fixed_in="4.4.178-94.91.2",
        source="https://github.com/MicrosoftDocs/azure-docs/issues/40536",
    ),
    KnownIssue(
        id="xenial-hwe-hangs-with-vf",
        families=("ubuntu",),
        flavour="generic",
        since="4.15.0-0-generic",
        fixed="4.15.0-23-generic",
        symptom='the VM hangs once a VF is there: "soft lockup - CPU#2 stuck for 22s" (hv_pci)',
        fixed_in="4.15.0-23-generic (mainline de0aa7b2f97d, 4.17)",
        source="https://github.com/cloudfoundry/bosh-linux-stemcell-builder/issues/47",
    ),
    KnownIssue(
        id="coreos-ifdown-ifup",
        families=("flatcar", "mainline"),
        since="4.14.44",
        fixed="4.14.45",
        symptom='the synthetic NIC stops working after "ifdown eth0; ifup eth0"',
        fixed_in="a kernel with mainline 52acf73b6e9a; no number is named",
        source="https://github.com/coreos/bugs/issues/2454",
    ),
    KnownIssue(
        id="flatcar-mellanox",
        families=("flatcar", "mainline"),
        since="5.10.65",
        fixed="5.10.69",
        hardware=MLX5,
        symptom="a regression of the Mellanox drivers can make the machine unreachable",
        fixed_in="5.10.69",
        source="https://github.com/flatcar/Flatcar/issues/520",
    ),
    *(
        KnownIssue(
            id=f"vf-offer-race-{fixed.rpartition('.')[0]}",
            families=("flatcar", "mainline"),
            since=since,
            fixed=fixed,
            symptom="hv_netvsc may see the VF before the host has named its NIC, and never join it",
            fixed_in=f"{fixed} (mainline 365e1ececb29)",
            source=source,
        )
        for since, fixed, source in (
            (
                "5.4.0",
                "5.4.221",
                "https://lore.kernel.org/stable/20221027165051.885929001@linuxfoundation.org/",
            ),
            (
                "5.16",
                "5.19.17",
                "https://lore.kernel.org/stable/20221022072415.034382448@linuxfoundation.org/",
            ),
            (
                "6.0",
                "6.0.3",
                "https://lore.kernel.org/stable/20221019083250.943069438@linuxfoundation.org/",
            ),
        )
    ),
    KnownIssue(
        id="vf-exposed-before-slave-5.15",
        families=("flatcar", "mainline"),
        since="5.15.0",
        fixed="5.15.141",
        symptom="the VF is seen by user space before it is marked as slave: a network manager may "
        "configure it",
        fixed_in="5.15.141 (mainline c807d6cd089d)",
        source="https://lore.kernel.org/stable/20231130162134.804130162@linuxfoundation.org/",
    ),
    KnownIssue(
        id="ofed-without-connectx3",
        families=(),
        driver="mlx5_core",
        since="5.1",
        symptom="MLNX_OFED 5.1 and later, and DOCA, have no ConnectX-3: on such a host there is no "
        "driver for the VF",
        fixed_in="none: the 4.9 LTS line has it, as the kernel's own drivers have",
        source="docs.nvidia.com, MLNX_OFED release notes: ConnectX-3 dropped in 5.1",
    ),
)
