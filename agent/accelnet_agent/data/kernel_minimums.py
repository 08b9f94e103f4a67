"""The oldest kernel that each distribution's document asks for.

Only the 2018 document gives numbers.  Those of Ubuntu and SLES are kernel releases, as
`uname -r` prints them.  Those of RHEL and CentOS are versions of gallery images
(Publisher:Offer:SKU:Version, 7.4 built on 2017-12-04) and are never compared with a
kernel; the kernel of their release 7.4 stands in for them.
Later documents name releases only, so a number holds for later releases too.
"""

from __future__ import annotations

from accelnet_probes.record import Record

FIRST_DOCUMENT = "MicrosoftDocs/azure-docs create-vm-accelerated-networking-cli.md, 2018-01-02"
KERNEL_OF_RHEL_7_4 = "MLNX_OFED General Support: RHEL/CentOS 7.4 has kernel 3.10.0-693.el7"


class KernelMinimum(Record):
    """A kernel release, as `uname -r` prints it, that a distribution needs at least."""

    kernel: str
    published: str  # the number as the document writes it
    source: str
    date: str
    upgrade: str  # how to get a newer one


class ImageMinimum(Record):
    """A gallery image version, and the kernel of its release that stands in for it."""

    image: str
    kernel: str
    release: str
    source: str
    kernel_source: str
    date: str


class Recommendation(Record):
    """A number that recommends something and decides nothing here."""

    id: str | None  # ID of os-release; None: distributions without a minimum
    number: str
    about: str
    source: str
    date: str


BY_KERNEL: dict[str, KernelMinimum] = {
    "ubuntu": KernelMinimum(
        kernel="4.11.0-1013-azure",
        published="4.11.0-1013",
        source=FIRST_DOCUMENT,
        date="2018-01-02",
        upgrade="Install Azure's kernel and reboot:\n  sudo apt-get install linux-azure",
    ),
    "sles": KernelMinimum(
        kernel="4.4.92-6.18-default",
        published="4.4.92-6.18",
        source=FIRST_DOCUMENT,
        date="2018-01-02",
        upgrade="Update the kernel and reboot:\n  sudo zypper update kernel-default",
    ),
}

# SLES for SAP Applications is SLES with additions, and has its kernel.
SAME_KERNEL = {"sles_sap": "sles"}

BY_IMAGE: dict[str, ImageMinimum] = {
    "rhel": ImageMinimum(
        image="7.4.2017120423",
        kernel="3.10.0-693.el7.x86_64",
        release="7.4",
        source=FIRST_DOCUMENT,
        kernel_source=KERNEL_OF_RHEL_7_4,
        date="2018-01-02",
    ),
    "centos": ImageMinimum(
        image="7.4.20171206",
        kernel="3.10.0-693.el7.x86_64",
        release="7.4",
        source=FIRST_DOCUMENT,
        kernel_source=KERNEL_OF_RHEL_7_4,
        date="2018-01-02",
    ),
}

# Whose image versions are written major.minor.date, and which minimum is theirs.
# Other publishers number their images differently: 7.1.1902271506.
PUBLISHERS = {"redhat": "rhel", "openlogic": "centos"}

# Today's numbers. The distributions' own kernels carry backports, so none of them
# can say that a kernel is too old.
RECOMMENDED: tuple[Recommendation, ...] = (
    Recommendation(
        id=None,
        number="6.12",
        about="distributions that are not endorsed, and custom kernels",
        source="MicrosoftDocs/azure-docs accelerated-networking-overview.md",
        date="2026-02-05",
    ),
    Recommendation(
        id=None,
        number="5.15",
        about="the MANA driver, where it is not backported",
        source="MicrosoftDocs/azure-docs accelerated-networking-mana-linux.md",
        date="2025",
    ),
    Recommendation(
        id="ubuntu",
        number="6.8.0-1033",
        about="linux-azure of Ubuntu 22.04 for MANA",
        source="MicrosoftDocs/azure-docs accelerated-networking-mana-overview.md (ja-jp)",
        date="2025",
    ),
)
