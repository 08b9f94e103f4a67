"""sysfs: absent is None, refused is a Gap, and nothing raises."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import sysfs
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.snapshot import Gap

REFUSED = Gap(asked=True, why="/sys/a: EACCES")


def _files(content: bytes | None = None, refused: int | None = None) -> Tree:
    """A machine with one attribute, sys/a."""
    store = MemoryStore()
    store.add_directory("sys")
    if content is not None:
        store.add_file("sys/a", content)
    return Tree(store, {"sys/a": refused} if refused else {})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"up\n", "up", id="newline"),
        pytest.param(b"\n", "", id="empty-line"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"Virtual Machine\0\n", "Virtual Machine", id="nul-ended"),
        pytest.param(b"caf\xe9\n", "caf\ufffd", id="latin-1"),
        pytest.param(b"\xff\xfe\x00", "\ufffd\ufffd", id="no-text-at-all"),
    ],
)
def test_text_is_stripped_and_decoded(content: bytes, text: str) -> None:
    """Bytes that are no UTF-8 become U+FFFD; the fact stays."""
    assert sysfs.text(_files(content), "sys/a") == text


@pytest.mark.parametrize("ask", [sysfs.text, sysfs.number, sysfs.link_name, sysfs.names])
def test_absent_is_none(ask: object) -> None:
    """The kernel does not provide it."""
    assert callable(ask)
    assert ask(_files(), "sys/a") is None


@pytest.mark.parametrize("ask", [sysfs.text, sysfs.number, sysfs.link_name, sysfs.names])
def test_below_a_plain_file_is_absent(ask: object) -> None:
    """ENOTDIR: the parent is no folder, so there is nothing below it."""
    assert callable(ask)
    assert ask(_files(b"x"), "sys/a/b") is None


@pytest.mark.parametrize("ask", [sysfs.text, sysfs.number, sysfs.link_name, sysfs.names])
def test_refused_is_a_gap(ask: object) -> None:
    """It was asked for; the path and the errno say how it was refused."""
    assert callable(ask)
    assert ask(_files(b"1", refused=errno.EACCES), "sys/a") == REFUSED


@pytest.mark.parametrize(
    ("content", "number"),
    [
        pytest.param(b"1500\n", 1500, id="decimal"),
        pytest.param(b"0x1003\n", 0x1003, id="hexadecimal"),
        pytest.param(b"0X1003\n", 0x1003, id="upper-case-prefix"),
        pytest.param(b"-1\n", -1, id="negative"),
        pytest.param(b"0\n", 0, id="zero"),
        pytest.param(b"007\n", 7, id="leading-zeros"),
    ],
)
def test_numbers(content: bytes, number: int) -> None:
    """Decimal, or hexadecimal with its prefix."""
    assert sysfs.number(_files(content), "sys/a") == number


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="newline-alone"),
        pytest.param(b"(null)\n", id="null"),
        pytest.param(b"0x\n", id="prefix-alone"),
        pytest.param(b"15b3\n", id="hexadecimal-without-prefix"),
        pytest.param(b"1_500\n", id="python-separator"),
        pytest.param(b"0x1_0\n", id="python-separator-in-hexadecimal"),
        pytest.param(b"1500 1500\n", id="two"),
        pytest.param(b"1.5\n", id="fraction"),
        pytest.param(b"\xff\xff", id="no-utf-8"),
        pytest.param(b"9" * 5000, id="more-digits-than-int-takes"),
    ],
)
def test_garbage_is_no_number(content: bytes) -> None:
    """It was asked for, and what came is no integer: a Gap, never 0."""
    found = sysfs.number(_files(content), "sys/a")
    assert isinstance(found, Gap)
    assert found.asked
    assert found.why.startswith("/sys/a: ")
    assert found.why.endswith(" is not an integer")
    assert len(found.why) < 100


@pytest.mark.parametrize(
    ("content", "digits", "id_"),
    [
        pytest.param(b"0x15b3\n", 4, "15b3", id="vendor"),
        pytest.param(b"0x00ba\n", 4, "00ba", id="leading-zeros"),
        pytest.param(b"0x020000\n", 6, "020000", id="class"),
        pytest.param(b"0x15B3\n", 4, "15b3", id="upper-case"),
    ],
)
def test_ids_are_hex_digits(content: bytes, digits: int, id_: str) -> None:
    """As lspci -n prints them."""
    assert sysfs.hexadecimal(_files(content), "sys/a", digits) == id_


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"mlx5", id="text"),
        pytest.param(b"-1", id="negative"),
        pytest.param(b"0x115b3", id="too-wide"),
    ],
)
def test_what_is_no_id_is_a_gap(content: bytes) -> None:
    """An id has exactly its digits."""
    assert isinstance(sysfs.hexadecimal(_files(content), "sys/a", 4), Gap)


def test_an_absent_id_is_none() -> None:
    """Absent is not garbage."""
    assert sysfs.hexadecimal(_files(), "sys/a", 4) is None


def test_a_link_is_named_by_what_it_points_at() -> None:
    """The last part of its target, which need not exist."""
    store = MemoryStore()
    store.add_link("sys/driver", "../../../bus/pci/drivers/mlx5_core")
    store.add_link("sys/master", "eth0")
    assert sysfs.link_name(Tree(store), "sys/driver") == "mlx5_core"
    assert sysfs.link_name(Tree(store), "sys/master") == "eth0"


def test_a_file_in_place_of_a_link_is_a_gap() -> None:
    """EINVAL is no absence: something is there."""
    assert sysfs.link_name(_files(b"x"), "sys/a") == Gap(asked=True, why="/sys/a: EINVAL")


def test_names_are_those_of_the_directory() -> None:
    """Sorted, and an empty directory has none, which is not None."""
    store = MemoryStore()
    store.add_file("sys/net/eth1", b"")
    store.add_link("sys/net/eth0", "elsewhere")
    store.add_directory("sys/empty")
    assert sysfs.names(Tree(store), "sys/net") == ("eth0", "eth1")
    assert sysfs.names(Tree(store), "sys/empty") == ()


@given(st.binary(max_size=64))
def test_any_content_is_a_fact_or_a_gap(content: bytes) -> None:
    """No byte makes a probe raise."""
    files = _files(content)
    assert isinstance(sysfs.text(files, "sys/a"), str)
    assert isinstance(sysfs.number(files, "sys/a"), int | Gap)
    assert isinstance(sysfs.hexadecimal(files, "sys/a", 4), str | Gap)


def test_a_target_that_ends_in_no_name_is_a_gap() -> None:
    """A copied tree may link a device as ../..; which device that is was not seen."""
    store = MemoryStore()
    store.add_link("sys/class/net/eth0/device", "../..")
    assert sysfs.link_name(Tree(store), "sys/class/net/eth0/device") == Gap(
        asked=True, why="/sys/class/net/eth0/device: its target ends in no name"
    )
