"""system: kernel release, distribution, DMI, uptime."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import system
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.snapshot import Dmi, Gap, MissingFactsError, OsRelease

UBUNTU = b"""\
PRETTY_NAME="Ubuntu 24.04.1 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
ID=ubuntu
ID_LIKE=debian
HOME_URL="https://www.ubuntu.com/"
"""
CENTOS = b"""\
NAME="CentOS Linux"
VERSION="7 (Core)"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="7"
PRETTY_NAME="CentOS Linux 7 (Core)"

CENTOS_MANTISBT_PROJECT="CentOS-7"
"""


def _files(files: dict[str, bytes | str], refused: str | None = None) -> Tree:
    """A machine of these files; a str is a link's target."""
    store = MemoryStore()
    if refused is not None:
        store.add_directory(refused.rpartition("/")[0])
    for path, content in files.items():
        if isinstance(content, str):
            store.add_link(path, content)
        else:
            store.add_file(path, content)
    return Tree(store, {refused: errno.EACCES} if refused else {})


def test_the_kernel_release_is_uname_r() -> None:
    """From /proc/sys/kernel/osrelease, which a recording keeps."""
    files = _files({"proc/sys/kernel/osrelease": b"6.12.107+deb13-cloud-amd64\n"})
    assert system.kernel_release(files) == "6.12.107+deb13-cloud-amd64"


def test_an_image_has_no_kernel_release() -> None:
    """Nothing runs there."""
    assert system.kernel_release(_files({})) is None


@pytest.mark.parametrize(
    ("files", "release"),
    [
        pytest.param(
            {"etc/os-release": UBUNTU},
            OsRelease(
                id="ubuntu",
                id_like=("debian",),
                version_id="24.04",
                pretty_name="Ubuntu 24.04.1 LTS",
            ),
            id="ubuntu",
        ),
        pytest.param(
            {"etc/os-release": "../usr/lib/os-release", "usr/lib/os-release": UBUNTU},
            OsRelease(
                id="ubuntu",
                id_like=("debian",),
                version_id="24.04",
                pretty_name="Ubuntu 24.04.1 LTS",
            ),
            id="linked",
        ),
        pytest.param(
            {"usr/lib/os-release": b"ID=coreos\nVERSION_ID=1576.5.0\n"},
            OsRelease(id="coreos", version_id="1576.5.0"),
            id="in-usr-lib-alone",
        ),
        pytest.param(
            {"etc/os-release": b"ID=sles\n", "usr/lib/os-release": b"ID=other\n"},
            OsRelease(id="sles"),
            id="etc-comes-first",
        ),
        pytest.param(
            {
                "etc/os-release": CENTOS,
                "etc/centos-release": b"CentOS Linux release 7.4.1708 (Core) \n",
            },
            OsRelease(
                id="centos",
                id_like=("rhel", "fedora"),
                version_id="7",
                pretty_name="CentOS Linux 7 (Core)",
                point_release="7.4",
            ),
            id="centos-names-its-major-version-alone",
        ),
        pytest.param(
            {"etc/redhat-release": b"CentOS release 6.9 (Final)\n"},
            OsRelease(id=None, point_release="6.9"),
            id="before-os-release-was-invented",
        ),
        pytest.param(
            {"etc/os-release": b'ID=""\nVERSION_ID=\nPRETTY_NAME=""\n'},
            OsRelease(id=None),
            id="empty-values-are-none",
        ),
        pytest.param(
            {"etc/os-release": b"ID=debian\nPRETTY_NAME='Debian \xff'\n"},
            OsRelease(id="debian", pretty_name="Debian \ufffd"),
            id="not-utf-8",
        ),
    ],
)
def test_os_release(files: dict[str, bytes | str], release: OsRelease) -> None:
    """os-release(5), with the point release of the files beside it."""
    assert system.os_release(_files(files)) == release


def test_no_release_file_is_none() -> None:
    """A distribution that says nothing."""
    assert system.os_release(_files({})) is None


def test_an_unreadable_os_release_is_not_observed() -> None:
    """It is there: another file must not stand in for it."""
    files = _files({"usr/lib/os-release": UBUNTU}, refused="etc/os-release")
    with pytest.raises(MissingFactsError, match="/etc/os-release: EACCES"):
        system.os_release(files)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        pytest.param("ID=ubuntu", {"ID": "ubuntu"}, id="bare"),
        pytest.param('ID="ubuntu"', {"ID": "ubuntu"}, id="double-quoted"),
        pytest.param("ID='ubuntu'", {"ID": "ubuntu"}, id="single-quoted"),
        pytest.param('A="say \\"hi\\""', {"A": 'say "hi"'}, id="escaped-quotes"),
        pytest.param('A="\\$HOME \\`x\\` \\\\"', {"A": "$HOME `x` \\"}, id="escaped-specials"),
        pytest.param("A='\\$HOME'", {"A": "\\$HOME"}, id="nothing-is-escaped-in-single-quotes"),
        pytest.param('A="it\'s"', {"A": "it's"}, id="other-quote-inside"),
        pytest.param("A=b=c", {"A": "b=c"}, id="equals-inside"),
        pytest.param('A="', {"A": '"'}, id="lone-quote"),
        pytest.param('A="open', {"A": '"open'}, id="unclosed-quote"),
        pytest.param("A=", {"A": ""}, id="empty"),
        pytest.param("  ID=ubuntu  ", {"ID": "ubuntu"}, id="surrounding-space"),
        pytest.param("ID=ubuntu\r", {"ID": "ubuntu"}, id="carriage-return"),
        pytest.param("# ID=ubuntu", {}, id="comment"),
        pytest.param("  # ID=ubuntu", {}, id="indented-comment"),
        pytest.param("ubuntu", {}, id="no-assignment"),
        pytest.param("", {}, id="empty-line"),
        pytest.param("ID=a\nID=b", {"ID": "b"}, id="the-last-one-counts-as-in-a-shell"),
    ],
)
def test_assignments(line: str, values: dict[str, str]) -> None:
    """What a shell would assign; what is no assignment is passed over."""
    assert system.parse_os_release(line) == values


@given(st.text())
def test_any_text_parses(content: str) -> None:
    """The parser never raises."""
    assert all(isinstance(value, str) for value in system.parse_os_release(content).values())


@pytest.mark.parametrize(
    ("content", "point"),
    [
        pytest.param(b"CentOS Linux release 7.4.1708 (Core) \n", "7.4", id="centos-7"),
        pytest.param(b"Red Hat Enterprise Linux Server release 7.4 (Maipo)\n", "7.4", id="rhel-7"),
        pytest.param(b"AlmaLinux release 9.6 (Sage Margay)\n", "9.6", id="alma"),
        pytest.param(b"CentOS Stream release 9\n", "9", id="no-point-release"),
        pytest.param(b"Mariner 2.0\n", None, id="another-shape"),
        pytest.param(b"CentOS Linux release \n", None, id="cut-off"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"CentOS release \xff.\xfe\n", "\ufffd.\ufffd", id="not-utf-8"),
    ],
)
def test_the_point_release(content: bytes, point: str | None) -> None:
    """The first two parts of the number after "release"."""
    assert system.point_release(_files({"etc/centos-release": content})) == point


def test_the_red_hat_file_stands_in() -> None:
    """Where the first file says nothing of use, the next is asked."""
    files = _files({"etc/centos-release": b"?\n", "etc/redhat-release": b"RHEL release 7.5 (x)\n"})
    assert system.point_release(files) == "7.5"


def test_uptime_is_the_first_number() -> None:
    """Seconds since boot; the second number is idle time."""
    assert system.uptime(_files({"proc/uptime": b"5025.41 19731.08\n"})) == 5025.41


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"soon\n", id="text"),
        pytest.param(b"\xff 1\n", id="not-utf-8"),
        pytest.param(b"nan 1\n", id="nan"),
        pytest.param(b"inf 1\n", id="infinite"),
        pytest.param(b"1e999 1\n", id="infinite-by-overflow"),
        pytest.param(b"-5.0 1\n", id="negative"),
    ],
)
def test_garbage_is_no_uptime(content: bytes) -> None:
    """Ages are counted from it, and reported in JSON, which has no infinity."""
    assert system.uptime(_files({"proc/uptime": content})) == Gap(
        asked=True, why="/proc/uptime: not a number"
    )


def test_absent_and_refused_uptime() -> None:
    """None, and a Gap."""
    assert system.uptime(_files({})) is None
    assert system.uptime(_files({}, refused="proc/uptime")) == Gap(
        asked=True, why="/proc/uptime: EACCES"
    )


DMI: dict[str, bytes | str] = {
    "sys/class/dmi/id": "../../devices/virtual/dmi/id",
    "sys/devices/virtual/dmi/id/chassis_asset_tag": b"7783-7084-3265-9085-8269-3286-77\n",
    "sys/devices/virtual/dmi/id/sys_vendor": b"Microsoft Corporation\n",
    "sys/devices/virtual/dmi/id/product_name": b"Virtual Machine\n",
}


def test_dmi_of_an_azure_vm() -> None:
    """The asset tag is Azure's."""
    found = system.dmi(_files(DMI))
    assert found == Dmi(
        chassis_asset_tag="7783-7084-3265-9085-8269-3286-77",
        sys_vendor="Microsoft Corporation",
        product_name="Virtual Machine",
    )
    assert isinstance(found, Dmi)
    assert found.is_azure


def test_a_machine_without_dmi() -> None:
    """Arm boards and containers have none: not Azure as far as known, and no gap."""
    assert system.dmi(_files({})) == Dmi(chassis_asset_tag=None, sys_vendor=None, product_name=None)


def test_a_refused_asset_tag_is_not_observed() -> None:
    """Whether this is Azure hangs on it."""
    files = _files(DMI, refused="sys/devices/virtual/dmi/id/chassis_asset_tag")
    with pytest.raises(MissingFactsError):
        system.dmi(files)


def test_a_refused_name_is_only_evidence() -> None:
    """The rest is told all the same."""
    files = _files(DMI, refused="sys/devices/virtual/dmi/id/product_name")
    assert system.dmi(files) == Dmi(
        chassis_asset_tag="7783-7084-3265-9085-8269-3286-77",
        sys_vendor="Microsoft Corporation",
        product_name=None,
    )
