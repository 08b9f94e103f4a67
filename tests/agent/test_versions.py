"""The orderings against their tools and their rules, and the shapes of kernel releases."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnet_agent.versions import (
    Kernel,
    compare_dpkg,
    compare_kernels,
    compare_numeric,
    compare_rpm,
    parse_kernel,
)

ORDERINGS = [
    pytest.param(compare_dpkg, id="dpkg"),
    pytest.param(compare_rpm, id="rpm"),
    pytest.param(compare_numeric, id="numeric"),
]
VERSIONS = st.one_of(st.text(), st.text("0019ab~^.-+:Z"))
Ordering = Callable[[str, str], int]


@pytest.mark.parametrize("compare", ORDERINGS)
@given(a=VERSIONS, b=VERSIONS)
def test_swapping_turns_the_order_round(compare: Ordering, a: str, b: str) -> None:
    """Any two strings compare, and the other way round they compare the other way round."""
    assert compare(a, b) in (-1, 0, 1)
    assert compare(a, b) == -compare(b, a)
    assert compare(a, a) == 0


@pytest.mark.parametrize("compare", ORDERINGS)
@given(a=VERSIONS, b=VERSIONS, c=VERSIONS)
def test_the_order_is_transitive(compare: Ordering, a: str, b: str, c: str) -> None:
    """What is not newer than the next is not newer than the one after."""
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@pytest.mark.parametrize("compare", ORDERINGS)
def test_a_number_may_be_of_any_length(compare: Ordering) -> None:
    """Numbers longer than Python converts from text still compare."""
    assert compare("9" * 5000, "1" + "0" * 5000) == -1


# rpm's own tests/rpmvercmp.at.
@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        ("1.0", "1.0", 0),
        ("1.0", "2.0", -1),
        ("2.0.1", "2.0.1a", -1),
        ("5.5p1", "5.5p10", -1),
        ("5.5p10", "5.5p2", 1),
        ("10xyz", "10.1xyz", -1),
        ("xyz10", "xyz10.1", -1),
        ("xyz.4", "8", -1),
        ("xyz.4", "2", -1),
        ("5.5p2", "5.6p1", -1),
        ("5.6p1", "6.5p1", -1),
        ("6.0.rc1", "6.0", 1),
        ("10b2", "10a1", 1),
        ("1.0aa", "1.0a", 1),
        ("10.0001", "10.1", 0),
        ("10.0001", "10.0039", -1),
        ("4.999.9", "5.0", -1),
        ("20101121", "20101122", -1),
        ("2_0", "2.0", 0),
        ("2.0", "2_0", 0),
        ("a", "a+", 0),
        ("+", "_", 0),
        ("1.0~rc1", "1.0", -1),
        ("1.0~rc1", "1.0~rc2", -1),
        ("1.0~rc1~git123", "1.0~rc1", -1),
        ("1.0^", "1.0", 1),
        ("1.0^git1", "1.0", 1),
        ("1.0^git1", "1.0^git2", -1),
        ("1.0^git1", "1.01", -1),
        ("1.0^20160101", "1.0.1", -1),
        ("1.0^20160101^git1", "1.0^20160102", -1),
        ("1.0~rc1^git1", "1.0~rc1", 1),
        ("1.0^git1~pre", "1.0^git1", -1),
        ("1.0^git1", "1.0^git1~pre", 1),
        ("1.900", "1.8000", -1),
        ("1.1.\u03b1", "1.1.\u03b2", 0),
    ],
)
def test_rpm_orders_as_its_own_tests_say(a: str, b: str, order: int) -> None:
    """rpmvercmp's published vectors hold."""
    assert compare_rpm(a, b) == order


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        pytest.param("4.11.0-1013", "4.4.0-1013", 1, id="numbers-not-text"),
        pytest.param("4.9", "4.15", -1, id="4.9-before-4.15"),
        pytest.param("1.0~rc1", "1.0", -1, id="tilde-before-the-end"),
        pytest.param("1.0", "1.0a", -1, id="end-before-letters"),
        pytest.param("1.0a", "1.0+", -1, id="letters-before-the-rest"),
        pytest.param("1.0", "1.0-0", 0, id="no-revision-is-0"),
        pytest.param("1:0.1", "9", 1, id="epoch-outranks"),
        pytest.param("4.15.0-1045.49~14.04.1", "4.15.0-1045.49", -1, id="ubuntu-backport"),
        pytest.param("1.a", "1.1", 1, id="a-number-ends-the-run"),
    ],
)
def test_dpkg_orders_as_policy_says(a: str, b: str, order: int) -> None:
    """The rules of Debian policy 5.6.12 hold."""
    assert compare_dpkg(a, b) == order


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg here")
@settings(max_examples=60, deadline=None)
@given(a=st.text("019ab~.+Z"), b=st.text("019ab~.+Z"), revision=st.sampled_from(["", "-1", "-0~"]))
def test_dpkg_itself_agrees(a: str, b: str, revision: str) -> None:
    """Where dpkg is at hand, it says the same."""
    a, b = "1" + a + revision, "1" + b
    relation = {-1: "lt", 0: "eq", 1: "gt"}[compare_dpkg(a, b)]
    assert (
        subprocess.run(["dpkg", "--compare-versions", a, relation, b], check=False).returncode == 0
    )


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [("7.4", "7.4.0", 0), ("15.7", "15.10", -1), ("10", "9.6", 1), ("", "0", 0)],
)
def test_dotted_numbers_compare_number_by_number(a: str, b: str, order: int) -> None:
    """What is missing at the end is zero."""
    assert compare_numeric(a, b) == order


def kernel(family: str, base: str, release: str = "", flavour: str = "") -> Kernel:
    """A kernel in one line."""
    return Kernel(family=family, base=base, release=release, flavour=flavour)


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("4.11.0-1013-azure", kernel("ubuntu", "4.11.0", "1013", "azure")),
        ("6.8.0-1044-azure-fde", kernel("ubuntu", "6.8.0", "1044", "azure-fde")),
        ("6.8.0-1016-azure-nvidia", kernel("ubuntu", "6.8.0", "1016", "azure-nvidia")),
        ("4.4.0-116-generic", kernel("ubuntu", "4.4.0", "116", "generic")),
        ("7.0.0-1009-azure", kernel("ubuntu", "7.0.0", "1009", "azure")),
        ("4.4.92-6.18-default", kernel("suse", "4.4.92", "6.18", "default")),
        ("4.12.14-6.43-azure", kernel("suse", "4.12.14", "6.43", "azure")),
        ("5.14.21-150400.14.31-azure", kernel("suse", "5.14.21", "150400.14.31", "azure")),
        ("6.11.3-1-default", kernel("suse", "6.11.3", "1", "default")),
        ("3.10.0-693.el7.x86_64", kernel("rhel", "3.10.0", "693")),
        ("3.10.0-1160.88.1.el7.x86_64", kernel("rhel", "3.10.0", "1160.88.1")),
        ("4.18.0-553.16.1.el8_10.x86_64", kernel("rhel", "4.18.0", "553.16.1")),
        ("4.18.0-240.1.1.el8_3.centos.plus.x86_64", kernel("rhel", "4.18.0", "240.1.1")),
        ("5.14.0-503.14.1.el9_5.x86_64+rt", kernel("rhel", "5.14.0", "503.14.1", "rt")),
        ("5.14.0-503.14.1.el9_5.aarch64+64k", kernel("rhel", "5.14.0", "503.14.1", "64k")),
        ("6.12.0-55.9.1.el10_0.x86_64", kernel("rhel", "6.12.0", "55.9.1")),
        ("4.14.35-1902.300.11.el7uek.x86_64", kernel("uek", "4.14.35", "1902.300.11")),
        ("5.15.0-305.176.4.el9uek.x86_64", kernel("uek", "5.15.0", "305.176.4")),
        ("6.6.144.1-1.azl3", kernel("azurelinux", "6.6.144.1", "1")),
        ("6.6.137.mshv1-1.azl3", kernel("azurelinux", "6.6.137", "mshv1-1")),
        ("6.6.96-3.cm2", kernel("azurelinux", "6.6.96", "3")),
        ("6.1.0-18-cloud-amd64", kernel("debian", "6.1.0", "18", "cloud-amd64")),
        ("6.1.0-0.deb11.21-cloud-amd64", kernel("debian", "6.1.0", "0.deb11.21", "cloud-amd64")),
        ("4.19.0-0.bpo.6-amd64", kernel("debian", "4.19.0", "0.bpo.6", "amd64")),
        ("6.12.107+deb13-cloud-amd64", kernel("debian", "6.12.107", "deb13", "cloud-amd64")),
        ("4.14.11-coreos-r1", kernel("flatcar", "4.14.11", "r1", "coreos")),
        ("6.6.87-flatcar", kernel("flatcar", "6.6.87", "", "flatcar")),
        ("6.12.5", kernel("mainline", "6.12.5")),
        ("6.13.0-rc3+", kernel("mainline", "6.13.0", "rc3")),
        ("6.12.0+", kernel("mainline", "6.12.0")),
        ("4.14.127-soniccore", None),
        ("6.6.87.2-microsoft-standard-WSL2", None),
        ("5.10.178-162.673.amzn2.x86_64", None),
        ("6.1.0-rc5-amd64", None),
        ("5.4.0-1032a-azure", None),
        ("5.14.0.el9.x86_64", None),
        ("5.14.0-el9.x86_64", None),
        ("4.18-", None),
        ("6..1", None),
        ("6", None),
        ("", None),
        ("7.4.2017120423-", None),
        ("linux", None),
    ],
)
def test_each_known_shape_is_taken_apart(release: str, expected: Kernel | None) -> None:
    """The shapes that distributions use are read, and others are not guessed at."""
    assert parse_kernel(release) == expected


@given(st.text())
def test_any_text_is_a_kernel_or_none(release: str) -> None:
    """No release raises."""
    assert isinstance(parse_kernel(release), Kernel | None)


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        pytest.param("4.4.0-116-generic", "4.11.0-1013-azure", -1, id="ga-below-the-floor"),
        pytest.param("4.15.0-20-generic", "4.11.0-1013-azure", 1, id="abc-outranks-the-abi"),
        pytest.param("4.11.0-14-generic", "4.11.0-1013-azure", None, id="two-flavours"),
        pytest.param("4.11.0-1009-azure", "4.11.0-1013-azure", -1, id="one-flavour"),
        pytest.param("4.11.0-1014-azure-fde", "4.11.0-1013-azure", 1, id="azure-derived"),
        pytest.param("4.4.92-6.15-default", "4.4.92-6.18-default", -1, id="sles-release"),
        pytest.param("4.4.92-6.18.1-azure", "4.4.92-6.18-default", None, id="sles-streams"),
        pytest.param("3.10.0-693.11.1.el7.x86_64", "3.10.0-693.el7.x86_64", 1, id="rhel-z"),
        pytest.param("3.10.0-514.el7.x86_64", "3.10.0-693.el7.x86_64", -1, id="rhel-7.3"),
        pytest.param("3.10.0-693.el7.x86_64+debug", "3.10.0-693.el7.x86_64", 0, id="debug"),
        pytest.param("6.12.107+deb13-amd64", "6.12.107+deb13-cloud-amd64", 0, id="debian"),
        pytest.param("4.11.0", "4.11.0-1013-azure", None, id="mainline-of-the-same-number"),
        pytest.param("6.6.144.1-2.azl3", "6.6.144.1-1.azl3", 1, id="azure-linux"),
    ],
)
def test_kernels_compare_only_where_their_numbers_do(a: str, b: str, order: int | None) -> None:
    """A.B.C first; releases only inside one distribution and flavour."""
    left, right = parse_kernel(a), parse_kernel(b)
    assert left is not None
    assert right is not None
    assert compare_kernels(left, right) == order
