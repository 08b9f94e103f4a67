"""Which Linux releases Microsoft's documents list for accelerated networking, and when.

Newest first.  An entry without a version stands for all; `later` is "or later" in
the document's own words.  The 2026 list drops many releases that still work, so
all lists count, each with its date.
"""

from __future__ import annotations

from accelnet_probes.record import Record


class KernelCondition(Record):
    """What an entry asks of the running kernel, by its release (`uname -r`)."""

    name: str  # in the document's words
    contains: str = ""
    lacks: str | None = None
    at_least: str | None = None


class Listed(Record):
    """One entry of a list."""

    id: str  # ID of os-release
    version: str | None = None
    later: bool = False
    kernel: KernelCondition | None = None

    @property
    def any_release(self) -> bool:
        """It asks neither for a release nor for a kernel."""
        return self.version is None and self.kernel is None


class PublishedList(Record):
    """The releases that one edition of the document lists."""

    date: str
    source: str
    entries: tuple[Listed, ...]


_LINUX_AZURE = KernelCondition(name="the linux-azure kernel", contains="-azure")
# Stretch's own kernel is 4.9; what its backports bring is newer.
_BACKPORTS = KernelCondition(name="the backports kernel", at_least="4.10")
_RHCK = KernelCondition(name="the Red Hat Compatible Kernel", lacks="uek")
# Oracle's releases of UEK by kernel: R5 is 4.14.35, R7 is 5.15.0, R8 is 6.12.0.
_UEK5 = KernelCondition(name="UEK R5 or later", contains="uek", at_least="4.14.35")
_UEK7 = KernelCondition(name="UEK R7 or R8", contains="uek", at_least="5.15.0")

LISTS: tuple[PublishedList, ...] = (
    PublishedList(
        date="2026-02-05",
        source="MicrosoftDocs/azure-docs accelerated-networking-overview.md",
        entries=(
            Listed(id="azurelinux", version="3.0"),
            Listed(id="ubuntu", version="24.04"),
            Listed(id="ubuntu", version="22.04"),
            Listed(id="rhel", version="10.0"),
            Listed(id="rhel", version="9.6"),
            Listed(id="almalinux", version="10.0"),
            Listed(id="almalinux", version="9.6"),
            Listed(id="rocky", version="10.0"),
            Listed(id="rocky", version="9.6"),
            Listed(id="sles", version="16.0"),
            Listed(id="sles", version="15.7"),
            Listed(id="sles", version="15.6"),
            Listed(id="debian", version="13"),
            Listed(id="debian", version="12"),
            Listed(id="ol", kernel=_UEK7),
        ),
    ),
    PublishedList(
        date="2023-04-18",
        source="MicrosoftDocs/azure-docs accelerated-networking-overview.md",
        entries=(
            Listed(id="ubuntu", version="14.04", kernel=_LINUX_AZURE),
            Listed(id="ubuntu", version="16.04", later=True),
            Listed(id="sles", version="12.3", later=True),
            Listed(id="rhel", version="7.4", later=True),
            Listed(id="centos", version="7.4", later=True),
            Listed(id="coreos"),
            Listed(id="debian", version="9", kernel=_BACKPORTS),
            Listed(id="debian", version="10", later=True),
            Listed(id="ol", version="7.4", later=True, kernel=_RHCK),
            Listed(id="ol", version="7.5", later=True, kernel=_UEK5),
        ),
    ),
    PublishedList(
        date="2018-01-02",
        source="MicrosoftDocs/azure-docs create-vm-accelerated-networking-cli.md",
        entries=(
            Listed(id="ubuntu", version="16.04"),
            Listed(id="sles", version="12.3"),
            Listed(id="rhel", version="7.4"),
            Listed(id="centos", version="7.4"),
            Listed(id="coreos"),
            Listed(id="debian", version="9", kernel=_BACKPORTS),
            Listed(id="ol", version="7.4"),
        ),
    ),
)

# CentOS names only its major version in os-release; of the minor one its kernel tells: that of
# 7.4 is 3.10.0-693 (docs.nvidia.com, MLNX_OFED General Support).
MAJOR_ONLY = {"centos": "3.10.0-693.el7.x86_64"}

# SLES for SAP Applications is SLES with additions, under an ID of its own.
SAME_RELEASES = {"sles_sap": "sles"}
