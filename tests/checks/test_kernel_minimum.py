"""kernel-minimum: the seed document's table, and what may not be compared with it."""

from __future__ import annotations

import pytest

from accelnet_agent.checks.kernel_minimum import CHECK, judge
from accelnet_agent.findings import Judgement
from accelnet_probes.snapshot import MissingFactsError, OsRelease
from building import NEVER_ASKED, REFUSED, a_machine, an_instance


def judge_kernel(
    release: str | None,
    distribution: str | None,
    version: str | None = None,
    *,
    point_release: str | None = None,
    image: tuple[str | None, str | None] | None = None,
) -> Judgement:
    """The finding for one kernel on one distribution, perhaps of one gallery image."""
    instance = an_instance(publisher=image[0], version=image[1]) if image else NEVER_ASKED
    os_release = OsRelease(id=distribution, version_id=version, point_release=point_release)
    return judge(a_machine(kernel_release=release, os_release=os_release, instance=instance))


@pytest.mark.parametrize(
    ("release", "version", "status"),
    [
        pytest.param("4.11.0-1013-azure", "16.04", "pass", id="the-minimum"),
        pytest.param("4.11.0-1012-azure", "16.04", "warn", id="one-below"),
        pytest.param("4.4.0-116-generic", "16.04", "warn", id="ga-kernel"),
        pytest.param("4.15.0-20-generic", "16.04", "pass", id="hwe-abi-is-no-floor"),
        pytest.param("4.11.0-14-generic", "16.04", "unknown", id="another-flavour"),
        pytest.param("4.15.0-1045-azure", "14.04", "pass", id="linux-azure-on-trusty"),
        pytest.param("3.13.0-24-generic", "14.04", "warn", id="trusty"),
        pytest.param("6.8.0-1044-azure-fde", "24.04", "pass", id="azure-fde"),
        pytest.param("7.0.0-1009-azure", "26.04", "pass", id="today"),
        pytest.param("6.12.5", "24.04", "pass", id="mainline"),
        pytest.param("4.14.127-soniccore", "24.04", "unknown", id="appliance"),
    ],
)
def test_ubuntu_kernels_are_held_against_4_11_0_1013(
    release: str, version: str, status: str
) -> None:
    """A.B.C decides; the ABI number counts inside linux-azure alone."""
    assert judge_kernel(release, "ubuntu", version).status == status


@pytest.mark.parametrize(
    ("release", "distribution", "status"),
    [
        pytest.param("4.4.92-6.18-default", "sles", "pass", id="the-minimum"),
        pytest.param("4.4.92-6.15-default", "sles", "warn", id="one-below"),
        pytest.param("4.4.73-5-default", "sles", "warn", id="ga-kernel"),
        pytest.param("4.4.92-6.20-azure", "sles", "unknown", id="another-stream"),
        pytest.param("5.14.21-150400.14.31-azure", "sles", "pass", id="azure-stream"),
        pytest.param("6.4.0-150700.51-default", "sles_sap", "pass", id="sap"),
        pytest.param("4.4.82-6.9-default", "sles_sap", "warn", id="sap-below"),
    ],
)
def test_sles_kernels_are_held_against_4_4_92_6_18(
    release: str, distribution: str, status: str
) -> None:
    """Releases count inside one stream; SLES for SAP has the kernel of SLES."""
    assert judge_kernel(release, distribution, "12.3").status == status


@pytest.mark.parametrize(
    ("release", "distribution", "version", "point_release"),
    [
        pytest.param("3.10.0-693.el7.x86_64", "rhel", "7.4", None, id="rhel-7.4"),
        pytest.param("3.10.0-1160.88.1.el7.x86_64", "rhel", "7.9", "7.9", id="rhel-7.9"),
        pytest.param("5.14.0-503.14.1.el9_5.x86_64", "rhel", "9.5", "9.5", id="rhel-9.5"),
        pytest.param("6.12.0-55.9.1.el10_0.x86_64+rt", "rhel", "10.0", None, id="rhel-10-rt"),
        pytest.param("3.10.0-693.el7.x86_64", "centos", "7", "7.4.1708", id="centos-7.4"),
        pytest.param("3.10.0-862.el7.x86_64", "centos", "7", None, id="minor-not-seen"),
        pytest.param("5.14.0-1.el9.x86_64", "centos", "9", "9", id="stream"),
        pytest.param("4.14.35-1902.300.11.el7uek.x86_64", "rhel", None, None, id="no-release"),
    ],
)
def test_a_kernel_of_7_4_or_later_needs_no_image(
    release: str, distribution: str, version: str | None, point_release: str | None
) -> None:
    """Kernel and release are asked first, and an old deployed image changes nothing."""
    for image in (None, ("RedHat", "7.2.2016"), ("RedHat", "7.3.2017090800")):
        judgement = judge_kernel(
            release, distribution, version, point_release=point_release, image=image
        )
        assert judgement.status == "pass"


@pytest.mark.parametrize(
    ("distribution", "publisher", "image", "status"),
    [
        pytest.param("rhel", "RedHat", "7.4.2017120423", "pass", id="rhel-the-minimum"),
        pytest.param("rhel", "redhat", "7.4.20171204", "pass", id="rhel-date-alone"),
        pytest.param("rhel", "RedHat", "7.4.2017120301", "warn", id="rhel-a-day-before"),
        pytest.param("rhel", "RedHat", "7.3.2018010506", "warn", id="rhel-release-before"),
        pytest.param("rhel", "RedHat", "9.5.2024112215", "pass", id="rhel-9.5"),
        pytest.param("centos", "OpenLogic", "7.4.20171206", "pass", id="centos-the-minimum"),
        pytest.param("centos", "OpenLogic", "7.4.20171205", "warn", id="centos-a-day-before"),
        pytest.param("centos", "OpenLogic", "7.7.201912090", "pass", id="nine-digits"),
        pytest.param("centos", "OpenLogic", "7.4.2017120423", "warn", id="ten-digits-of-2017"),
        pytest.param("centos", "bitnami", "7.4.20181206", "unknown", id="another-publisher"),
        pytest.param("centos", "OpenLogic", "7.1.1902271506.2", "unknown", id="another-scheme"),
        pytest.param("centos", "OpenLogic", "7.4.190227", "unknown", id="no-date"),
        pytest.param("centos", "OpenLogic", "7.4.\u0662\u0660171206", "unknown", id="not-ascii"),
        pytest.param("centos", "OpenLogic", "", "unknown", id="empty"),
        pytest.param("centos", None, None, "unknown", id="custom-image"),
        pytest.param("centos", "OpenLogic", None, "unknown", id="no-version"),
    ],
)
def test_where_the_kernel_does_not_show_it_the_image_does(
    distribution: str, publisher: str | None, image: str | None, status: str
) -> None:
    """Image versions compare by release and day, for publishers whose scheme is known."""
    judgement = judge_kernel(
        "3.10.0-514.el7.x86_64",
        distribution,
        "7",
        point_release="7.3.1611",
        image=(publisher, image),
    )
    assert judgement.status == status


def test_an_image_version_is_never_held_against_the_kernel() -> None:
    """Without metadata an old kernel is not known to be too old."""
    judgement = judge_kernel("3.10.0-514.el7.x86_64", "rhel", "7.3")
    assert judgement.status == "unknown"


@pytest.mark.parametrize(
    ("image", "status"),
    [
        pytest.param(("RedHat", "7.3.2017090800"), "unknown", id="old-image"),
        pytest.param(("RedHat", "7.4.2018010506"), "pass", id="new-image"),
        pytest.param(None, "unknown", id="no-image"),
    ],
)
def test_a_new_kernel_on_an_old_release_is_never_a_warning(
    image: tuple[str, str] | None, status: str
) -> None:
    """A newer kernel overrides the image that was deployed."""
    assert judge_kernel("3.10.0-693.el7.x86_64", "rhel", "7.3", image=image).status == status


@pytest.mark.parametrize(
    ("release", "distribution", "version"),
    [
        pytest.param("6.1.0-18-cloud-amd64", "debian", "12", id="debian"),
        pytest.param("4.14.35-1902.300.11.el7uek.x86_64", "ol", "7.9", id="oracle-uek"),
        pytest.param("5.14.0-503.14.1.el9_5.x86_64", "almalinux", "9.5", id="alma"),
        pytest.param("6.6.87-flatcar", "flatcar", "4081.2.0", id="flatcar"),
        pytest.param("6.6.144.1-1.azl3", "azurelinux", "3.0", id="azure-linux"),
        pytest.param("4.4.0-116-generic", "linuxmint", "18", id="derived-of-ubuntu"),
    ],
)
def test_a_distribution_without_a_number_is_skipped(
    release: str, distribution: str, version: str
) -> None:
    """No distribution borrows another's minimum."""
    judgement = judge_kernel(release, distribution, version)
    assert judgement.status == "skip"
    assert "6.12" in str(judgement.evidence["recommended"])


def test_without_os_release_there_is_no_distribution() -> None:
    """An unknown distribution is skipped, not guessed."""
    assert judge_kernel("4.4.0-116-generic", None).status == "skip"
    assert judge(a_machine(os_release=None)).status == "skip"


def test_a_kernel_without_a_release_is_skipped() -> None:
    """Where the kernel gives no release there is nothing to judge."""
    assert judge_kernel(None, "ubuntu", "16.04").status == "skip"


@pytest.mark.parametrize("gap", [REFUSED, NEVER_ASKED])
@pytest.mark.parametrize("field", ["os_release", "kernel_release"])
def test_what_was_not_observed_is_asked_for(field: str, gap: object) -> None:
    """A fact that was not observed is left to the engine."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(**{field: gap}))


def test_the_evidence_holds_the_published_number_and_its_source() -> None:
    """The finding says what was found, what is required, and where that stands."""
    judgement = judge_kernel("4.4.0-116-generic", "ubuntu", "16.04")
    assert judgement.evidence["required"] == "4.11.0-1013"
    assert "2018-01-02" in str(judgement.evidence["source"])
    assert "linux-azure" in (judgement.remedy or "")


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"
