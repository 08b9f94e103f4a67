"""ethtool: the codec over bytes, and the triple over kernels that do not hold still."""

from __future__ import annotations

import ctypes
import errno
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes.ethtool import (
    ATTEMPTS,
    DRVINFO_SIZE,
    ETHTOOL_GDRVINFO,
    ETHTOOL_GPERMADDR,
    ETHTOOL_GSSET_INFO,
    ETHTOOL_GSTATS,
    ETHTOOL_GSTRINGS,
    MAX_REPLIES,
    MAX_SAMPLES,
    MAX_STATISTICS,
    MAX_TABLES,
    REPLIES,
    SIOCETHTOOL,
    SIOCGIFINDEX,
    Decoded,
    DecodeError,
    EthtoolSocket,
    Names,
    decode_channels,
    decode_drvinfo,
    decode_permaddr,
    decode_ring,
    decode_statistics,
    decode_stats,
    decode_strings,
    read_interface,
)
from accelnet_probes.files import failure
from accelnet_probes.snapshot import Channels, DriverInfo, Ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnet_probes.ethtool import ByteOrder, Reply

NATIVE: ByteOrder = "<" if sys.byteorder == "little" else ">"

# --- encoders, as the kernel writes --------------------------------------------------------------


def _drvinfo(order: ByteOrder, driver: bytes = b"mlx5_core", n_stats: int = 577) -> bytes:
    return struct.pack(
        f"{order}I32s32s32s32s32s12sIIIII",
        0x03,
        driver,
        b"6.8.0-1029-azure",
        b"16.30.1284 (MSF0000000012)",
        b"cf63:00:02.0",
        b"",
        b"",
        16,
        n_stats,
        5,
        0,
        0,
    )


def _strings(order: ByteOrder, *names: bytes) -> bytes:
    body = b"".join(struct.pack("32s", name) for name in names)
    return struct.pack(f"{order}III", 0x1B, 1, len(names)) + body


def _stats(order: ByteOrder, *values: int) -> bytes:
    return struct.pack(f"{order}II{len(values)}Q", 0x1D, len(values), *values)


def _nine(order: ByteOrder) -> bytes:
    return struct.pack(f"{order}9I", 0, 1, 2, 3, 4, 5, 6, 7, 0xFFFFFFFF)


def _permaddr(order: ByteOrder, address: bytes) -> bytes:
    return struct.pack(f"{order}II", 0x20, len(address)) + address


ORDERS = pytest.mark.parametrize(
    "order", [pytest.param("<", id="little-endian"), pytest.param(">", id="big-endian")]
)

# --- decoding ------------------------------------------------------------------------------------


@ORDERS
def test_drvinfo(order: ByteOrder) -> None:
    """Who drives it, and how many statistics it has."""
    assert decode_drvinfo(_drvinfo(order), order) == DriverInfo(
        driver="mlx5_core",
        version="6.8.0-1029-azure",
        fw_version="16.30.1284 (MSF0000000012)",
        bus_info="cf63:00:02.0",
        n_stats=577,
    )


def test_a_driver_name_that_fills_its_field_and_is_no_utf_8() -> None:
    """32 bytes without NUL are 32 characters, and none of the next field."""
    assert decode_drvinfo(_drvinfo("<", b"\xff" * 40)).driver == "\ufffd" * 32


@ORDERS
def test_channels(order: ByteOrder) -> None:
    """Each word in its field."""
    assert decode_channels(_nine(order), order) == Channels(
        max_rx=1, max_tx=2, max_other=3, max_combined=4, rx=5, tx=6, other=7, combined=0xFFFFFFFF
    )


@ORDERS
def test_ring(order: ByteOrder) -> None:
    """Each word in its field."""
    assert decode_ring(_nine(order), order) == Ring(
        rx_max=1,
        rx_mini_max=2,
        rx_jumbo_max=3,
        tx_max=4,
        rx=5,
        rx_mini=6,
        rx_jumbo=7,
        tx=0xFFFFFFFF,
    )


@ORDERS
@pytest.mark.parametrize(
    ("address", "text"),
    [
        pytest.param("000d3a36dded", "00:0d:3a:36:dd:ed", id="ethernet"),
        pytest.param("00" * 6, None, id="all-zero-is-none"),
        pytest.param("", None, id="no-address"),
        pytest.param("80" * 20, ":".join(["80"] * 20), id="infiniband"),
    ],
)
def test_permaddr(order: ByteOrder, address: str, text: str | None) -> None:
    """Lower case with colons."""
    assert decode_permaddr(_permaddr(order, bytes.fromhex(address)), order) == text


@ORDERS
def test_statistics(order: ByteOrder) -> None:
    """Values by name, exactly."""
    strings = _strings(order, b"vf_rx_packets", b"vf_rx_bytes", b"x" * 32, b"max")
    stats = _stats(order, 992956, 0, 1, 2**64 - 1)
    assert decode_statistics(strings, stats, order) == {
        "vf_rx_packets": 992956,
        "vf_rx_bytes": 0,
        "x" * 32: 1,
        "max": 2**64 - 1,
    }


@pytest.mark.parametrize(
    ("field", "name"),
    [
        pytest.param(b"rx_packets", "rx_packets", id="plain"),
        pytest.param(b"x" * 31, "x" * 31, id="31-bytes"),
        pytest.param(b"x" * 32, "x" * 32, id="32-bytes-without-nul"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"rx\0garbage", "rx", id="garbage-after-nul"),
        pytest.param(b"rx" + b"\0" * 29 + b"g", "rx", id="garbage-in-the-last-byte"),
        pytest.param(b"\0garbage", "", id="garbage-after-an-empty-name"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="not-utf-8"),
        pytest.param("rx_é".encode(), "rx_é", id="utf-8"),
        pytest.param(b"x" * 31 + "é".encode(), "x" * 31 + "\ufffd", id="cut-in-half"),
    ],
)
def test_a_name_stands_for_itself(field: bytes, name: str) -> None:
    """Whatever its neighbours are."""
    expected = ["first", name, "last"]
    assert decode_strings(_strings("<", b"first", field, b"last")) == expected
    assert decode_strings(_strings("<", field, field)) == [name, name]


def test_of_two_with_one_name_the_first_counts() -> None:
    """And every name keeps its place."""
    strings = _strings("<", b"a", b"b", b"a", b"c", b"b")
    found = decode_statistics(strings, _stats("<", 1, 2, 3, 4, 5))
    assert list(found.items()) == [("a", 1), ("b", 2), ("c", 4)]


def test_no_statistics_are_none_of_them() -> None:
    """A count of 0 is an empty answer."""
    assert decode_statistics(_strings("<"), _stats("<")) == {}


def test_what_follows_the_entries_is_not_read() -> None:
    """A recorder may have kept more of the buffer."""
    assert decode_strings(_strings("<", b"a") + b"rest") == ["a"]
    assert decode_stats(_stats("<", 7) + b"rest") == (7,)


def test_counts_that_differ_are_an_error() -> None:
    """Names of one moment, values of another."""
    with pytest.raises(DecodeError, match=r"^2 names and 1 values$"):
        decode_statistics(_strings("<", b"a", b"b"), _stats("<", 1))


DECODERS = [
    pytest.param(decode_drvinfo, _drvinfo("<"), id="drvinfo"),
    pytest.param(decode_strings, _strings("<", b"a", b"b" * 32), id="stats-strings"),
    pytest.param(decode_stats, _stats("<", 1, 2), id="stats"),
    pytest.param(decode_channels, _nine("<"), id="channels"),
    pytest.param(decode_ring, _nine("<"), id="ring"),
    pytest.param(decode_permaddr, _permaddr("<", b"\1\2\3\4\5\6"), id="permaddr"),
]


@pytest.mark.parametrize(("decode", "reply"), DECODERS)
def test_a_reply_cut_off_anywhere_is_an_error(
    decode: Callable[[bytes], object], reply: bytes
) -> None:
    """At every length; never half an answer."""
    decode(reply)
    for length in range(len(reply)):
        with pytest.raises(DecodeError, match=rf"{length} bytes"):
            decode(reply[:length])


def test_a_count_beyond_all_memory_is_an_error() -> None:
    """Four thousand million names are not allocated."""
    with pytest.raises(DecodeError, match="4294967295 entries"):
        decode_strings(struct.pack("<III", 0x1B, 1, 0xFFFFFFFF) + bytes(64))


# --- properties ----------------------------------------------------------------------------------

NAMES = st.binary(max_size=32).filter(lambda name: b"\0" not in name)
FIELDS = st.binary(max_size=32)
COUNTERS = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(NAMES, COUNTERS), max_size=40), st.sampled_from(["<", ">"]))
def test_what_is_encoded_is_decoded(entries: list[tuple[bytes, int]], order: ByteOrder) -> None:
    """Any names, any values, in order; of two with one name the first."""
    expected: dict[str, int] = {}
    for name, value in entries:
        expected.setdefault(name.decode("utf-8", "replace"), value)
    strings = _strings(order, *(name for name, _ in entries))
    stats = _stats(order, *(value for _, value in entries))
    found = decode_statistics(strings, stats, order)
    assert list(found.items()) == list(expected.items())


@given(st.lists(FIELDS, max_size=40))
def test_names_end_at_their_first_nul(fields: list[bytes]) -> None:
    """Whatever lies behind it, in this entry and in the next."""
    expected = [field.partition(b"\0")[0].decode("utf-8", "replace") for field in fields]
    assert decode_strings(_strings("<", *fields)) == expected


@given(st.binary(max_size=256), st.binary(max_size=64), st.sampled_from(["<", ">"]))
def test_any_bytes_decode_or_are_an_error(reply: bytes, other: bytes, order: ByteOrder) -> None:
    """DecodeError and nothing else."""
    for decode in (
        decode_drvinfo,
        decode_strings,
        decode_stats,
        decode_channels,
        decode_ring,
        decode_permaddr,
    ):
        with suppress(DecodeError):
            decode(reply, order)
    with suppress(DecodeError):
        decode_statistics(reply, other, order)


# --- the triple ----------------------------------------------------------------------------------


class Kernel(EthtoolSocket):
    """Answers as net/ethtool/ioctl.c does, from a driver whose count may change.

    `counts`: the driver's count at each question for it (the last holds on).
    `fixed`: with 7b07be1ff1cb; without, it writes what it has whatever is asked.
    """

    def __init__(self, *counts: int, fixed: bool, drivers: tuple[bytes, ...] = (b"veth",)) -> None:
        self._counts, self._drivers = list(counts), list(drivers)
        self._fixed = fixed
        self._buffer_bytes = b""
        self.asked: list[int] = []

    def _next(self) -> int:
        return self._counts.pop(0) if len(self._counts) > 1 else self._counts[0]

    def identity(self, interface: str) -> tuple[bytes, bytes]:
        """The driver's name now."""
        assert interface == "eth0"
        name = self._drivers.pop(0) if len(self._drivers) > 1 else self._drivers[0]
        return b"\2\0\0\0", name

    def ask(self, interface: str, request: bytes) -> None:
        """The three calls of a triple."""
        assert interface == "eth0"
        (command,) = struct.unpack("=I", request[:4])
        self.asked.append(command)
        count = self._next()
        if command == ETHTOOL_GSSET_INFO:
            mask = 2 if count else 0
            self._buffer_bytes = struct.pack("=IIQI", command, 0, mask, count)
            return
        (wanted,) = struct.unpack("=I", request[-4:])
        if self._fixed and wanted not in (0, count):
            self._buffer_bytes = request[:-4] + bytes(4)
            return
        head = request[:-4] + struct.pack("=I", count)
        if command == ETHTOOL_GSTRINGS:
            names = (struct.pack("32s", b"queue_%d" % number) for number in range(count))
            self._buffer_bytes = head + b"".join(names)
        else:
            assert command == ETHTOOL_GSTATS
            self._buffer_bytes = head + struct.pack(f"={count}Q", *range(count))

    def answer(self, size: int) -> bytes:
        """What was left."""
        return self._buffer_bytes[:size]


KERNELS = pytest.mark.parametrize(
    "fixed", [pytest.param(True, id="fixed-kernel"), pytest.param(False, id="old-kernel")]
)
TRIPLE = [ETHTOOL_GSSET_INFO, ETHTOOL_GSTRINGS, ETHTOOL_GSTATS]


def _is_consistent(kernel: Kernel, count: int) -> bool:
    strings, stats = kernel.statistics("eth0")
    return decode_statistics(strings, stats, NATIVE) == {
        f"queue_{number}": number for number in range(count)
    }


@KERNELS
@pytest.mark.parametrize("count", [1, 577, 4000])
def test_a_count_that_stands_is_read_once(fixed: bool, count: int) -> None:
    """Three calls."""
    kernel = Kernel(count, fixed=fixed)
    assert _is_consistent(kernel, count)
    assert kernel.asked == TRIPLE


@KERNELS
@pytest.mark.parametrize(
    ("counts", "asked"),
    [
        pytest.param((10, 577), [*TRIPLE[:2], *TRIPLE], id="grew-before-the-names"),
        pytest.param((10, 10, 577), [*TRIPLE, *TRIPLE], id="grew-before-the-values"),
        pytest.param((577, 10), [*TRIPLE[:2], *TRIPLE], id="shrank-before-the-names"),
        pytest.param((577, 577, 10), [*TRIPLE, *TRIPLE], id="shrank-before-the-values"),
        pytest.param((10, 10, 0, 577), [*TRIPLE, *TRIPLE], id="vanished-for-a-moment"),
        pytest.param((1, 2, 3, 4, 5), [*TRIPLE[:2], *TRIPLE[:2], *TRIPLE], id="twice"),
    ],
)
def test_a_count_that_changed_starts_the_read_again(
    fixed: bool, counts: tuple[int, ...], asked: list[int]
) -> None:
    """Names of one count are never read with values of another."""
    kernel = Kernel(*counts, fixed=fixed)
    assert _is_consistent(kernel, counts[-1])
    assert kernel.asked == asked


@KERNELS
def test_a_count_that_never_settles_is_eagain(fixed: bool) -> None:
    """Not observed; never zeros."""
    kernel = Kernel(*range(1, 100), fixed=fixed)
    with pytest.raises(BlockingIOError) as raised:
        kernel.statistics("eth0")
    assert raised.value.errno == errno.EAGAIN
    assert kernel.asked == TRIPLE[:2] * ATTEMPTS


def test_another_device_under_the_name_starts_the_read_again() -> None:
    """The VF came back as another while it was read."""
    kernel = Kernel(5, fixed=True, drivers=(b"mlx5_core", b"mana"))
    assert _is_consistent(kernel, 5)
    assert kernel.asked == TRIPLE * 2


def test_a_name_that_never_means_the_same_is_eagain() -> None:
    """A rename fight."""
    drivers = tuple(b"driver%d" % number for number in range(20))
    with pytest.raises(BlockingIOError):
        Kernel(5, fixed=True, drivers=drivers).statistics("eth0")


def test_no_statistics_are_eopnotsupp() -> None:
    """GSSET_INFO of a set that the driver lacks succeeds with an empty mask."""
    with pytest.raises(OSError, match="eth0") as raised:
        Kernel(0, fixed=True).statistics("eth0")
    assert raised.value.errno == errno.EOPNOTSUPP


def test_statistics_that_went_away_between_two_tries_are_eopnotsupp() -> None:
    """The second count says it."""
    with pytest.raises(OSError, match="eth0") as raised:
        Kernel(5, 0, fixed=False).statistics("eth0")
    assert raised.value.errno == errno.EOPNOTSUPP


def test_more_than_any_driver_has_is_refused() -> None:
    """The buffer holds so many and no more."""
    kernel = Kernel(MAX_STATISTICS + 1, fixed=False)
    with pytest.raises(OSError, match="eth0") as raised:
        kernel.statistics("eth0")
    assert raised.value.errno == errno.EOVERFLOW
    assert kernel.asked == [ETHTOOL_GSSET_INFO]


def test_as_many_as_any_driver_may_have_are_read() -> None:
    """The limit itself is within."""
    assert _is_consistent(Kernel(MAX_STATISTICS, fixed=True), MAX_STATISTICS)


# --- kept tables ---------------------------------------------------------------------------------

KEPT = [ETHTOOL_GSSET_INFO, ETHTOOL_GSTATS]


def _keeping(*counts: int, fixed: bool = True, drivers: tuple[bytes, ...] = (b"veth",)) -> Kernel:
    kernel = Kernel(*counts, fixed=fixed, drivers=drivers)
    kernel._tables = {}
    return kernel


@KERNELS
def test_names_are_kept_while_all_stands(fixed: bool) -> None:
    """They are nine tenths of what a triple costs; the count is verified each time."""
    kernel = _keeping(577, fixed=fixed)
    for _ in range(3):
        assert _is_consistent(kernel, 577)
    assert kernel.asked == [*TRIPLE, *KEPT, *KEPT]
    assert kernel.statistics("eth0")[0] is kernel.statistics("eth0")[0]


@KERNELS
def test_another_count_asks_for_the_names_again(fixed: bool) -> None:
    """And keeps these."""
    kernel = _keeping(10, 10, 10, 577, fixed=fixed)
    assert _is_consistent(kernel, 10)
    assert _is_consistent(kernel, 577)
    assert _is_consistent(kernel, 577)
    assert kernel.asked == [*TRIPLE, *TRIPLE, *KEPT]


@KERNELS
def test_a_count_that_changes_before_the_values_asks_for_the_names_again(fixed: bool) -> None:
    """Kept names are no excuse for values of another count."""
    kernel = _keeping(10, 10, 10, 10, 577, fixed=fixed)
    assert _is_consistent(kernel, 10)
    assert _is_consistent(kernel, 577)
    assert kernel.asked == [*TRIPLE, *KEPT, *TRIPLE]


def test_another_device_of_the_same_count_asks_for_the_names_again() -> None:
    """Its names may be others: mlx5 left, and MANA came under its name."""
    kernel = _keeping(5, drivers=(b"mlx5_core", b"mlx5_core", b"mana"))
    assert _is_consistent(kernel, 5)
    assert _is_consistent(kernel, 5)
    assert kernel.asked == TRIPLE * 2


def test_names_of_a_read_that_did_not_settle_are_not_kept() -> None:
    """Nobody knows what they belong to."""
    kernel = _keeping(*range(1, 100))
    with pytest.raises(BlockingIOError):
        kernel.statistics("eth0")
    assert kernel._tables == {}


# --- the call ------------------------------------------------------------------------------------


class Wire(EthtoolSocket):
    """A socket whose ioctl ends in `answers` (by command) in place of the kernel."""

    def __init__(self, answers: dict[int, bytes]) -> None:
        super().__init__()
        self._answers = answers
        self._ioctl: Any = self._kernel
        self._socket.close()
        self.seen: list[bytes] = []

    def _kernel(self, _fd: int, request: int, ifreq: bytes) -> bytes:
        if request == SIOCGIFINDEX:
            return ifreq[:16] + struct.pack("=I", 7) + ifreq[20:]
        assert request == SIOCETHTOOL
        assert len(ifreq) == 40
        assert ifreq[:16] == b"eth0".ljust(16, b"\0")
        (pointer,) = struct.unpack_from("@P", ifreq, 16)
        self.seen.append(ctypes.string_at(pointer, 24))
        answer = self._answers[struct.unpack("=I", self.seen[-1][:4])[0]]
        ctypes.memmove(pointer, answer, len(answer))
        return ifreq


WIRE = {
    ETHTOOL_GDRVINFO: _drvinfo(NATIVE),
    ETHTOOL_GPERMADDR: _permaddr(NATIVE, b"\0\x0d:\x11\x22\x33"),
    ETHTOOL_GSSET_INFO: struct.pack("=IIQI", 0x37, 0, 2, 2),
    ETHTOOL_GSTRINGS: _strings(NATIVE, b"a", b"b"),
    ETHTOOL_GSTATS: _stats(NATIVE, 1, 2),
}


def test_each_call_hands_over_its_structure() -> None:
    """The name and the buffer's address in struct ifreq, the request in the buffer."""
    wire = Wire(WIRE)
    assert wire.fixed("eth0", ETHTOOL_GDRVINFO, DRVINFO_SIZE) == WIRE[ETHTOOL_GDRVINFO]
    assert wire.permaddr("eth0") == WIRE[ETHTOOL_GPERMADDR]
    assert wire.count("eth0") == 2
    assert wire.identity("eth0")[0] == struct.pack("=I", 7)
    assert wire.statistics("eth0") == (WIRE[ETHTOOL_GSTRINGS], WIRE[ETHTOOL_GSTATS])
    names = next(request for request in wire.seen if request[0] == ETHTOOL_GSTRINGS)
    assert names[:12] == struct.pack("=III", ETHTOOL_GSTRINGS, 1, 2)
    values = next(request for request in wire.seen if request[0] == ETHTOOL_GSTATS)
    assert values[:8] == struct.pack("=II", ETHTOOL_GSTATS, 2)


def test_an_address_is_never_longer_than_its_field() -> None:
    """MAX_ADDR_LEN, whatever size the driver gives."""
    wire = Wire({ETHTOOL_GPERMADDR: struct.pack("=II", 0x20, 1 << 31) + b"x" * 64})
    assert len(wire.permaddr("eth0")) == 8 + 32


def test_a_name_is_verified_by_its_number() -> None:
    """ENODEV where another interface has it by now; without a number nothing is verified."""
    wire = Wire({})
    wire.verify("eth0", 7)
    for index in (6, 8, 0, -7, 7 + (1 << 32)):
        with pytest.raises(OSError, match="eth0") as raised:
            wire.verify("eth0", index)
        assert raised.value.errno == errno.ENODEV
    wire._ioctl = None
    wire.verify("eth0", None)


# --- one interface -------------------------------------------------------------------------------


class Answers(EthtoolSocket):
    """An interface that refuses some calls."""

    def __init__(self, refused: dict[str, int]) -> None:
        self._refused = refused

    def _answer(self, interface: str, name: str, reply: bytes) -> bytes:
        assert interface == "eth0"
        if name in self._refused:
            raise failure(self._refused[name], "eth0")
        return reply

    def fixed(self, interface: str, command: int, size: int) -> bytes:
        """One of the three of a fixed size."""
        name = {0x03: "drvinfo", 0x3C: "channels", 0x10: "ring"}[command]
        return self._answer(interface, name, bytes(size))

    def permaddr(self, interface: str) -> bytes:
        """Six bytes."""
        return self._answer(interface, "permaddr", _permaddr("<", bytes(6)))

    def statistics(self, interface: str) -> tuple[bytes, bytes]:
        """One of them."""
        strings = self._answer(interface, "stats-strings", _strings("<", b"a"))
        return strings, self._answer(interface, "stats", _stats("<", 1))


def _read(refused: dict[str, int]) -> dict[str, Reply]:
    found: dict[str, Reply] = {}

    def emit(message: tuple[str, str, Reply]) -> None:
        interface, name, reply = message
        assert interface == "eth0"
        assert name not in found
        found[name] = reply

    read_interface(Answers(refused), "eth0", emit)
    return found


ALL: dict[str, Reply] = {
    "drvinfo": bytes(DRVINFO_SIZE),
    "channels": bytes(36),
    "ring": bytes(36),
    "permaddr": _permaddr("<", bytes(6)),
    "stats-strings": _strings("<", b"a"),
    "stats": _stats("<", 1),
}


def test_every_reply_is_emitted() -> None:
    """Each once, the slowest last, and none that a bundle does not know."""
    found = _read({})
    assert found == ALL
    assert list(found)[-2:] == ["stats-strings", "stats"]
    assert sorted(found) == sorted(REPLIES)


@pytest.mark.parametrize("name", ["drvinfo", "channels", "ring", "permaddr"])
def test_a_refused_call_is_its_errno(name: str) -> None:
    """And the others are asked all the same."""
    assert _read({name: errno.EOPNOTSUPP}) == {**ALL, name: "EOPNOTSUPP"}


def test_refused_statistics_are_both_refused() -> None:
    """Names without values are nothing."""
    assert _read({"stats-strings": errno.EAGAIN}) == {
        **ALL,
        "stats-strings": "EAGAIN",
        "stats": "EAGAIN",
    }


def test_statistics_are_a_mapping_like_any_other() -> None:
    """Decoded when the first value is asked for, and equal to a dict of them."""
    found = decode_statistics(_strings("<", b"a", b"b"), _stats("<", 1, 2))
    assert repr(found) == "{'a': 1, 'b': 2}"
    assert (len(found), list(found), found["b"]) == (2, ["a", "b"], 2)
    assert (list(found.values()), list(found.items())) == ([1, 2], [("a", 1), ("b", 2)])


def test_a_statistic_that_is_not_there_is_a_key_error() -> None:
    """As in any mapping; to ask whether it is there costs no value."""
    found = decode_statistics(_strings("<", b"a"), _stats("<", 1))
    assert "a" in found
    assert "b" not in found
    assert found._unpacked is None
    assert found.get("b") is None
    with pytest.raises(KeyError, match="b"):
        found["b"]


@pytest.mark.parametrize(
    ("values", "is_zero"),
    [
        pytest.param((0, 0), True, id="zeros"),
        pytest.param((), True, id="none"),
        pytest.param((0, 1), False, id="one"),
        pytest.param((2**64 - 1, 0), False, id="the-largest"),
    ],
)
def test_whether_anything_was_counted(values: tuple[int, ...], is_zero: bool) -> None:
    """By any counter."""
    names = (b"a%d" % number for number in range(len(values)))
    assert decode_statistics(_strings("<", *names), _stats("<", *values)).is_zero is is_zero


# --- decoded before ------------------------------------------------------------------------------


def test_names_know_their_places() -> None:
    """Of two with one name the first; the count is of all."""
    names = Names(["b", "a", "b", "c"])
    assert (names.count, names.index, names.groups) == (4, {"b": 0, "a": 1, "c": 3}, {})


def test_a_table_is_decoded_once() -> None:
    """By its bytes: two NICs of one driver mostly have the same."""
    decoded = Decoded()
    first = decode_statistics(_strings("<", b"a"), _stats("<", 1), "<", decoded)
    second = decode_statistics(_strings("<", b"a"), _stats("<", 2), "<", decoded)
    other = decode_statistics(_strings("<", b"b"), _stats("<", 3), "<", decoded)
    assert ([*first.items()], [*second.items()], [*other.items()]) == (
        [("a", 1)],
        [("a", 2)],
        [("b", 3)],
    )
    assert first.groups is second.groups
    assert first.groups is not other.groups
    assert len(decoded.tables) == 2


def test_the_newest_tables_are_kept() -> None:
    """So many and no more."""
    decoded = Decoded()
    tables = [_strings("<", b"a%d" % number) for number in range(MAX_TABLES + 5)]
    names = [decoded.names(table, "<") for table in tables]
    assert len(decoded.tables) == MAX_TABLES
    assert decoded.names(tables[-1], "<") is names[-1]
    assert decoded.names(tables[0], "<") is not names[0]
    assert decoded.names(tables[0], "<").index == names[0].index


class Decoder:
    """Counts what it decodes."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, reply: bytes, order: ByteOrder) -> str:
        """DecodeError for what is empty."""
        self.calls += 1
        if not reply:
            raise DecodeError("empty")
        return f"{reply.decode()} {order}"


def test_a_reply_is_decoded_once() -> None:
    """By its name and its bytes."""
    decoded, decode = Decoded(), Decoder()
    for _ in range(2):
        assert decoded.reply("ring", b"a", decode, "<") == "a <"
        assert decoded.reply("ring", b"b", decode, "<") == "b <"
        assert decoded.reply("channels", b"a", decode, "<") == "a <"
    assert decode.calls == 3


def test_a_reply_that_can_not_be_decoded_is_an_error_each_time() -> None:
    """It is not remembered as anything else."""
    decoded, decode = Decoded(), Decoder()
    for _ in range(2):
        with pytest.raises(DecodeError):
            decoded.reply("ring", b"", decode, "<")
    assert decoded.replies == {}


def test_replies_that_never_come_again_do_not_pile_up() -> None:
    """So many are kept, then all begins anew."""
    decoded, decode = Decoded(), Decoder()
    for number in range(MAX_REPLIES * 2 + 1):
        assert decoded.reply("ring", b"%d" % number, decode, "<") == f"{number} <"
        assert len(decoded.replies) <= MAX_REPLIES


def test_what_is_decoded_of_a_sample_belongs_to_that_sample() -> None:
    """Not to one that is equal: its replies may have been taken at another moment."""
    decoded = Decoded()
    sample, equal = ["sample"], ["sample"]
    decoded.of_sample(sample)["eth0"] = "decoded"
    assert decoded.of_sample(sample) == {"eth0": "decoded"}
    assert decoded.of_sample(equal) == {}


def test_the_newest_samples_are_kept() -> None:
    """Those that a window may yet begin with."""
    decoded = Decoded()
    samples = [[number] for number in range(MAX_SAMPLES + 1)]
    for sample in samples:
        decoded.of_sample(sample)["eth0"] = sample[0]
    assert len(decoded.samples) == MAX_SAMPLES
    assert decoded.of_sample(samples[-1]) == {"eth0": MAX_SAMPLES}
    assert decoded.of_sample(samples[0]) == {}
