"""os-supported: the published lists, and releases later than theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelnet_agent.checks.os_supported import CHECK, judge
from accelnet_agent.findings import Judgement
from accelnet_probes.snapshot import MissingFactsError, OsRelease
from building import NEVER_ASKED, REFUSED, a_machine

if TYPE_CHECKING:
    from accelnet_probes.snapshot import Observed


def judge_release(
    distribution: str | None,
    version: str | None = None,
    *,
    kernel: Observed[str | None] = "6.12.0",
    point_release: str | None = None,
    like: tuple[str, ...] = (),
    pretty_name: str | None = None,
) -> Judgement:
    """The finding for one release, with one kernel."""
    os_release = OsRelease(
        id=distribution,
        id_like=like,
        version_id=version,
        pretty_name=pretty_name,
        point_release=point_release,
    )
    return judge(a_machine(os_release=os_release, kernel_release=kernel))


@pytest.mark.parametrize(
    ("distribution", "version", "date"),
    [
        ("ubuntu", "16.04", "2023-04-18"),
        ("sles", "12.3", "2023-04-18"),
        ("sles_sap", "12.3", "2023-04-18"),
        ("rhel", "7.4", "2023-04-18"),
        ("coreos", "1576.5.0", "2023-04-18"),
        ("debian", "10", "2023-04-18"),
        ("ubuntu", "24.04", "2026-02-05"),
        ("ubuntu", "22.04", "2026-02-05"),
        ("azurelinux", "3.0", "2026-02-05"),
        ("almalinux", "9.6", "2026-02-05"),
        ("rocky", "10.0", "2026-02-05"),
        ("rocky", "10", "2026-02-05"),
        ("sles", "16.0", "2026-02-05"),
        ("debian", "12", "2026-02-05"),
        ("debian", "13", "2026-02-05"),
    ],
)
def test_a_listed_release_passes_with_the_list_that_says_so(
    distribution: str, version: str, date: str
) -> None:
    """The newest list that names the release is in the evidence."""
    judgement = judge_release(distribution, version)
    assert judgement.status == "pass"
    assert judgement.evidence["list"] == date


@pytest.mark.parametrize(
    ("distribution", "version", "listed"),
    [
        ("ubuntu", "18.04", "ubuntu 16.04"),
        ("ubuntu", "20.04", "ubuntu 16.04"),
        ("ubuntu", "26.04", "ubuntu 16.04"),
        ("rhel", "8.10", "rhel 7.4"),
        ("almalinux", "9.7", "almalinux 9.6"),
        ("rocky", "10.1", "rocky 10.0"),
        ("sles", "15", "sles 12.3"),
        ("sles", "15.5", "sles 12.3"),
        ("debian", "14", "debian 10"),
        ("azurelinux", "4.0", "azurelinux 3.0"),
        ("centos", "9", "centos 7.4"),
    ],
)
def test_a_later_release_passes(distribution: str, version: str, listed: str) -> None:
    """Later than an entry is as good as listed, compared number by number."""
    judgement = judge_release(distribution, version)
    assert judgement.status == "pass"
    assert judgement.evidence["listed"] == listed


@pytest.mark.parametrize(
    ("distribution", "version"),
    [
        ("ubuntu", "12.04"),
        ("sles", "12.2"),
        ("sles", "11.4"),
        ("rhel", "7.3"),
        ("almalinux", "8.10"),
        ("debian", "8"),
        ("mariner", "2.0"),
        ("fedora", "41"),
        ("arch", None),
    ],
)
def test_a_release_off_every_list_warns(distribution: str, version: str | None) -> None:
    """Earlier than all, or of a distribution that no list has."""
    judgement = judge_release(distribution, version)
    assert judgement.status == "warn"
    assert judgement.remedy


@pytest.mark.parametrize(
    ("point_release", "status"),
    [
        pytest.param("7.4.1708", "pass", id="listed"),
        pytest.param("7.9.2009", "pass", id="later"),
        pytest.param("7.3.1611", "warn", id="earlier"),
    ],
)
def test_centos_names_its_minor_release_elsewhere(point_release: str | None, status: str) -> None:
    """VERSION_ID is 7, whatever the minor."""
    assert judge_release("centos", "7", point_release=point_release).status == status


@pytest.mark.parametrize(
    ("kernel", "status"),
    [
        pytest.param("3.10.0-1160.88.1.el7.x86_64", "pass", id="of-7.9"),
        pytest.param("3.10.0-693.el7.x86_64", "pass", id="of-7.4"),
        pytest.param("3.10.0-514.el7.x86_64", "unknown", id="of-7.3"),
        pytest.param(None, "unknown", id="not-seen"),
    ],
)
def test_where_no_file_names_the_minor_release_of_centos_its_kernel_tells(
    kernel: str | None, status: str
) -> None:
    """7.4 has 3.10.0-693."""
    assert judge_release("centos", "7", kernel=kernel).status == status


def test_a_release_before_all_that_are_listed_warns() -> None:
    """SLES 12 without a service pack is no SP3."""
    assert judge_release("sles", "12").status == "warn"


@pytest.mark.parametrize(
    ("distribution", "version", "kernel", "status"),
    [
        pytest.param("debian", "9", "4.19.0-0.bpo.6-amd64", "pass", id="stretch-backports"),
        pytest.param("debian", "9", "4.9.0-16-amd64", "warn", id="stretch-alone"),
        pytest.param("debian", "9", "soniccore", "warn", id="stretch-unreadable"),
        pytest.param("debian", "9", None, "warn", id="stretch-without-release"),
        pytest.param("ubuntu", "14.04", "4.15.0-1045-azure", "pass", id="trusty-linux-azure"),
        pytest.param("ubuntu", "14.04", "3.13.0-24-generic", "warn", id="trusty"),
        pytest.param("ol", "7.4", "3.10.0-693.el7.x86_64", "pass", id="rhck"),
        pytest.param("ol", "7.4", "4.1.12-112.el7uek.x86_64", "pass", id="seed-takes-any"),
        pytest.param("ol", "7.3", "4.1.12-112.el7uek.x86_64", "warn", id="before-the-seed"),
        pytest.param("ol", "9.5", "5.15.0-305.176.4.el9uek.x86_64", "pass", id="uek7"),
        pytest.param("ol", None, "6.12.0-206.104.4.el9uek.x86_64", "pass", id="no-number"),
    ],
)
def test_some_releases_are_listed_with_one_kernel_only(
    distribution: str, version: str | None, kernel: str | None, status: str
) -> None:
    """An entry that asks for a kernel counts with that kernel."""
    assert judge_release(distribution, version, kernel=kernel).status == status


def test_the_list_that_asks_for_uek_r7_is_named_where_it_runs() -> None:
    """Oracle Linux is on the newest list by its kernel."""
    judgement = judge_release("ol", "9.5", kernel="5.15.0-305.176.4.el9uek.x86_64")
    assert judgement.evidence["list"] == "2026-02-05"


def test_a_kernel_that_no_entry_asks_for_is_not_needed() -> None:
    """Debian 12 is listed whatever kernel runs."""
    assert judge_release("debian", "12", kernel=REFUSED).status == "pass"


def test_a_kernel_that_an_entry_asks_for_must_have_been_seen() -> None:
    """Debian 9 with a kernel that was not observed is left to the engine."""
    with pytest.raises(MissingFactsError):
        judge_release("debian", "9", kernel=REFUSED)


def test_flatcar_is_covered_by_coreos() -> None:
    """An entry without a release covers what is like it; CoreOS is such."""
    judgement = judge_release("flatcar", "4081.2.0", like=("coreos",))
    assert judgement.status == "pass"
    assert "like coreos" in judgement.summary


def test_a_derived_distribution_does_not_borrow_release_numbers() -> None:
    """Mint 21 is not later than Ubuntu 16.04; the numbers are not of one kind."""
    assert judge_release("linuxmint", "21", like=("ubuntu", "debian")).status == "warn"


@pytest.mark.parametrize(
    ("distribution", "version", "pretty_name", "status"),
    [
        pytest.param("debian", None, "Debian GNU/Linux forky/sid", "pass", id="testing"),
        pytest.param("debian", None, None, "unknown", id="debian-without-a-number"),
        pytest.param("ubuntu", "rolling", None, "unknown", id="a-word"),
    ],
)
def test_a_release_without_a_number(
    distribution: str, version: str | None, pretty_name: str | None, status: str
) -> None:
    """Debian testing and unstable are later than all; of others nothing is said."""
    assert judge_release(distribution, version, pretty_name=pretty_name).status == status


def test_without_os_release_there_is_no_distribution() -> None:
    """An unknown distribution is skipped, not guessed."""
    assert judge_release(None).status == "skip"
    assert judge(a_machine(os_release=None)).status == "skip"


@pytest.mark.parametrize("gap", [REFUSED, NEVER_ASKED])
def test_an_os_release_that_was_not_observed_is_asked_for(gap: object) -> None:
    """A fact that was not observed is left to the engine."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(os_release=gap))


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"
