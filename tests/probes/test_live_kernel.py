"""The codecs against this machine's kernel, with ethtool, lspci and psutil as oracles."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from accelnet_probes import netdevs, pci, rtnetlink
from accelnet_probes.ethtool import (
    DRVINFO_SIZE,
    ETHTOOL_GCHANNELS,
    ETHTOOL_GDRVINFO,
    ETHTOOL_GRINGPARAM,
    MAX_STATISTICS,
    NINE_WORDS,
    EthtoolSocket,
    decode_channels,
    decode_drvinfo,
    decode_permaddr,
    decode_statistics,
    read_interface,
)
from accelnet_probes.files import LiveFiles, errno_name
from accelnet_probes.live import LiveHost
from accelnet_probes.netdevs import decode_sample
from accelnet_probes.observe import observe
from accelnet_probes.snapshot import Gap, Snapshot
from namespaces import Namespace, a_pair, as_nobody, needs, run
from trees import Pair, write_machine

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from typing import TypeVar

    from accelnet_probes.ethtool import ByteOrder, Reply

    T = TypeVar("T")

pytestmark = needs("ip", "ethtool", "lspci")

NATIVE: ByteOrder = "<" if sys.byteorder == "little" else ">"
QUEUES = 64
VETHS = 300
READINGS = 10_000  # while the channel count flips; they take a second or two


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """One for all tests; it and all in it vanish at the end."""
    with a_pair("test", queues=QUEUES) as found:
        found.run("ethtool", "-L", "v0", "rx", str(QUEUES), "tx", str(QUEUES))
        yield found


@pytest.fixture(scope="module")
def asking(namespace: Namespace) -> Iterator[EthtoolSocket]:
    """A socket of that namespace."""
    with _socket_of(namespace) as found:
        yield found


@contextmanager
def _socket_of(namespace: Namespace) -> Generator[EthtoolSocket]:
    """A socket of that namespace; in a worker it ends with its process."""
    found = namespace.inside(EthtoolSocket)
    try:
        yield found
    finally:
        found._socket.close()


def _ethtool_s(namespace: Namespace, interface: str) -> dict[str, int]:
    """`ethtool -S`, its names and values."""
    lines = namespace.run("ethtool", "-S", interface).splitlines()[1:]
    pairs = (line.strip().rpartition(": ") for line in lines)
    return {name: int(value) for name, _, value in pairs}


def _statistics(asking: EthtoolSocket, interface: str) -> dict[str, int]:
    return dict(decode_statistics(*asking.statistics(interface), NATIVE))


def test_statistics_are_those_of_ethtool(namespace: Namespace, asking: EthtoolSocket) -> None:
    """Hundreds of them, in the same order."""
    expected = _ethtool_s(namespace, "v0")
    assert len(expected) > 500
    assert list(_statistics(asking, "v0").items()) == list(expected.items())


def test_statistics_that_are_not_zero_are_those_of_ethtool(
    namespace: Namespace, asking: EthtoolSocket
) -> None:
    """Each value stands with its own name: the peer's index is a number like no other."""
    index = namespace.inside(lambda: socket.if_nametoindex("v1"))
    assert _statistics(asking, "v0")["peer_ifindex"] == index
    assert {name for name, value in _statistics(asking, "v0").items() if value} == {
        name for name, value in _ethtool_s(namespace, "v0").items() if value
    }


def test_driver_info_is_that_of_ethtool(namespace: Namespace, asking: EthtoolSocket) -> None:
    """`ethtool -i`."""
    lines = namespace.run("ethtool", "-i", "v0").splitlines()
    said = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    found = decode_drvinfo(asking.fixed("v0", ETHTOOL_GDRVINFO, DRVINFO_SIZE), NATIVE)
    assert (found.driver, found.version, found.fw_version, found.bus_info) == (
        said["driver"],
        said["version"],
        said["firmware-version"].strip(),
        said["bus-info"].strip(),
    )
    assert found.n_stats == len(_ethtool_s(namespace, "v0"))


def test_channels_are_those_of_ethtool(namespace: Namespace, asking: EthtoolSocket) -> None:
    """`ethtool -l`: the maximum first, then what is set; "n/a" is 0."""
    namespace.run("ethtool", "-L", "v1", "rx", "3", "tx", "5")
    said = re.findall(
        r"^(?:RX|TX|Other|Combined):\s*(\S+)", namespace.run("ethtool", "-l", "v1"), re.MULTILINE
    )
    found = decode_channels(asking.fixed("v1", ETHTOOL_GCHANNELS, NINE_WORDS), NATIVE)
    assert [
        found.max_rx,
        found.max_tx,
        found.max_other,
        found.max_combined,
        found.rx,
        found.tx,
        found.other,
        found.combined,
    ] == [0 if number == "n/a" else int(number) for number in said]


def test_the_permanent_address_is_that_of_ethtool(
    namespace: Namespace, asking: EthtoolSocket
) -> None:
    """`ethtool -P`; a veth has none, which is None."""
    said = namespace.run("ethtool", "-P", "v0").strip().rpartition("address: ")[2]
    expected = None if said in ("not set", "00:00:00:00:00:00") else said
    assert decode_permaddr(asking.permaddr("v0"), NATIVE) == expected


def test_the_loopback_has_no_statistics(asking: EthtoolSocket) -> None:
    """EOPNOTSUPP, as of every driver without them."""
    with pytest.raises(OSError, match="not supported") as raised:
        asking.statistics("lo")
    assert raised.value.errno == errno.EOPNOTSUPP


@pytest.mark.parametrize("interface", ["nosuchdevice", "", "x" * 15, "\udcff"])
def test_a_missing_interface_is_enodev(asking: EthtoolSocket, interface: str) -> None:
    """For every call."""
    found: dict[str, Reply] = {}

    def emit(message: tuple[str, str, Reply]) -> None:
        found[message[1]] = message[2]

    read_interface(asking, interface, emit)
    assert set(found.values()) == {"ENODEV"}


def test_the_loopback_answers_what_it_can(asking: EthtoolSocket) -> None:
    """Not provided is an errno here and None as a fact, and nothing is made up."""
    found: dict[str, Reply] = {}

    def emit(message: tuple[str, str, Reply]) -> None:
        found[message[1]] = message[2]

    read_interface(asking, "lo", emit)
    sample = decode_sample(found, NATIVE)
    assert (sample.statistics, sample.channels, sample.ring, sample.permanent_mac) == (None,) * 4


def test_an_unprivileged_user_gets_the_same(namespace: Namespace) -> None:
    """Every call is on the list that needs no capability."""

    def ask() -> dict[str, int]:
        asking = EthtoolSocket()
        try:
            asking.fixed("v0", ETHTOOL_GDRVINFO, DRVINFO_SIZE)
            asking.fixed("v0", ETHTOOL_GCHANNELS, NINE_WORDS)
            asking.permaddr("v0")
            return _statistics(asking, "v0")
        finally:
            asking._socket.close()

    assert namespace.inside(lambda: as_nobody(ask)) == _ethtool_s(namespace, "v0")


def test_a_wrong_length_never_overruns_the_buffer(asking: EthtoolSocket) -> None:
    """The kernel writes all it has or nothing; either way what lies behind stays."""
    asking.ask("v0", struct.pack("=III", 0x1B, 1, 1))
    assert asking.answer(4096 + MAX_STATISTICS * 32)[4096 + 1024 * 32 :].count(0) == (
        (MAX_STATISTICS - 1024) * 32
    )


# A process of its own that sets 64 channels and 1 in turn, without a pause.
FLIP_BY_ETHTOOL = "while :; do ethtool -L v0 rx 64 tx 64; ethtool -L v0 rx 1 tx 1; done"
# The same by ETHTOOL_SCHANNELS itself: a thousand times as often.
FLIP_BY_IOCTL = """
import ctypes, fcntl, socket, struct
asking, channels = socket.socket(), ctypes.create_string_buffer(36)
request = struct.pack("16sP16x", b"v0", ctypes.addressof(channels))
while True:
    for count in (64, 1):
        channels.raw = struct.pack("9I", 0x3D, 0, 0, 0, 0, count, count, 0, 0)
        fcntl.ioctl(asking, 0x8946, request)
"""


@contextmanager
def _running(namespace: Namespace, *command: str) -> Generator[subprocess.Popen[bytes]]:
    """A process in there, ended with all that it started."""
    with subprocess.Popen(
        ["ip", "netns", "exec", namespace.name, *command],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            assert process.poll() is None, "it ended by itself"
            os.killpg(process.pid, signal.SIGKILL)


def _at(namespace: Namespace, channels: int) -> list[str]:
    namespace.run("ethtool", "-L", "v0", "rx", str(channels), "tx", str(channels))
    return list(_ethtool_s(namespace, "v0"))


@pytest.mark.parametrize(
    "flip",
    [
        pytest.param(("sh", "-c", FLIP_BY_ETHTOOL), id="by-ethtool"),
        pytest.param((sys.executable, "-c", FLIP_BY_IOCTL), id="by-ioctl"),
    ],
)
def test_a_channel_count_that_flips_gives_consistent_readings(
    namespace: Namespace, asking: EthtoolSocket, flip: tuple[str, ...]
) -> None:
    """Each reading is one of the two sets of names with as many values, or EAGAIN."""
    one, many = _at(namespace, 1), _at(namespace, QUEUES)
    assert len(one) < len(many)
    index = namespace.inside(lambda: socket.if_nametoindex("v1"))
    readings = changes = unsettled = last = 0
    until = time.monotonic() + 25
    with _running(namespace, *flip):
        while (readings < READINGS or changes < 100) and time.monotonic() < until:
            readings += 1
            try:
                found = _statistics(asking, "v0")
            except BlockingIOError:
                unsettled += 1
                continue
            assert list(found) in (one, many)
            assert found["peer_ifindex"] == index
            changes += len(found) != last
            last = len(found)
    print(f"{readings} readings: {changes} changes seen, {unsettled} unsettled")
    assert changes >= 20


def _oracle() -> list[tuple[int, str]]:
    """psutil.net_if_addrs() as rtnetlink's answer."""
    found: list[tuple[int, str]] = []
    for name, addresses in psutil.net_if_addrs().items():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                assert address.netmask is not None
                mask = ipaddress.ip_address(address.netmask)
                text = f"{address.address.partition('%')[0]}/{int(mask).bit_count()}"
                found.append((socket.if_nametoindex(name), text))
    return sorted(found)


def test_addresses_are_those_of_psutil(namespace: Namespace) -> None:
    """IPv4, secondary, point-to-point, IPv6 of each scope."""
    namespace.ip("link", "set", "lo", "up")
    namespace.ip("link", "set", "v0", "up")
    namespace.ip("link", "set", "v1", "up")
    for address in ("10.9.0.4/24", "10.9.0.5/24", "10.9.1.4/32", "fd00::4/64", "2001:db8::4/128"):
        namespace.ip("address", "replace", address, "dev", "v0")
    namespace.ip("address", "replace", "10.9.2.1", "peer", "10.9.2.2/32", "dev", "v1")
    found = namespace.inside(rtnetlink.addresses)
    assert (2, "127.0.0.1/8") in found or (1, "127.0.0.1/8") in found
    assert sorted(found) == namespace.inside(_oracle)
    assert len(found) >= 8


def test_hundreds_of_addresses_are_those_of_psutil(namespace: Namespace) -> None:
    """More than one datagram."""
    for number in range(250):
        namespace.ip("address", "replace", f"10.8.{number}.1/24", "dev", "lo")
    assert sorted(namespace.inside(rtnetlink.addresses)) == namespace.inside(_oracle)


def test_this_machines_addresses_are_those_of_psutil() -> None:
    """Outside the namespace too."""
    assert sorted(rtnetlink.addresses()) == _oracle()


class Counting:
    """LiveFiles that count."""

    def __init__(self) -> None:
        self._files = LiveFiles()
        self.calls: list[tuple[str, str]] = []

    def read(self, path: str) -> bytes:
        """Count, and read."""
        self.calls.append(("read", path))
        return self._files.read(path)

    def readlink(self, path: str) -> str:
        """Count, and read."""
        self.calls.append(("readlink", path))
        return self._files.readlink(path)

    def listdir(self, path: str) -> list[str]:
        """Count, and list."""
        self.calls.append(("listdir", path))
        return self._files.listdir(path)


def test_hundreds_of_veths_cost_one_readlink_each(namespace: Namespace) -> None:
    """A listing, and a link for each; none of them is a netdev of ours."""
    crowd = Namespace(f"{namespace.name}-crowd")
    try:
        pairs = "\n".join(
            f"link add a{number} type veth peer name b{number}" for number in range(VETHS // 2)
        )
        subprocess.run(
            ["ip", "-n", crowd.name, "-batch", "-"], input=pairs, text=True, check=True, timeout=120
        )
        files = Counting()
        found = crowd.inside(lambda: netdevs.probe(files))
    finally:
        crowd.delete()
    assert found == ()
    assert files.calls[0] == ("listdir", "sys/class/net")
    assert {call for call, _ in files.calls[1:]} == {"readlink"}
    assert VETHS < len(files.calls) - 1 == len({*files.calls[1:]}) < VETHS + 10


def test_an_interface_that_comes_and_goes_is_an_answer(namespace: Namespace) -> None:
    """Read while it is made and deleted: statistics or an errno, and nothing else."""
    churn = (
        "while :; do ip link add w0 type veth peer name w1; ethtool -L w0 rx 1 tx 1; "
        "ip link delete w0; done"
    )
    errors: set[int | None] = set()
    answers = 0
    until = time.monotonic() + 2
    with _socket_of(namespace) as asking, _running(namespace, "sh", "-c", churn):
        while time.monotonic() < until:
            try:
                answers += "peer_ifindex" in _statistics(asking, "w0")
            except OSError as error:
                errors.add(error.errno)
    assert answers
    assert errors <= {errno.ENODEV, errno.EOPNOTSUPP, errno.EAGAIN}


def test_the_ring_of_a_veth_is_not_provided(asking: EthtoolSocket) -> None:
    """Or is answered, by newer kernels; either way it is one of the two."""
    try:
        reply: Reply = asking.fixed("v0", ETHTOOL_GRINGPARAM, NINE_WORDS)
    except OSError as error:
        reply = errno_name(error)
    assert reply == "EOPNOTSUPP" or len(reply) == NINE_WORDS


LSPCI = re.compile(r"(\S+) .*?\[([0-9a-f]{4})\]: .*\[([0-9a-f]{4}):([0-9a-f]{4})\]")


def test_pci_functions_are_those_of_lspci() -> None:
    """`lspci -D -nn`: address, class, vendor and device."""
    lines = run("lspci", "-D", "-nn").splitlines()
    said = [match.groups() for line in lines if (match := LSPCI.match(line))]
    assert len(said) == len(lines)
    found = pci.probe(LiveFiles())
    assert isinstance(found, tuple)
    assert [
        (
            function.address,
            None if isinstance(function.class_id, Gap) else (function.class_id or "")[:4],
            function.vendor_id,
            function.device_id,
        )
        for function in found
    ] == said


def test_pci_drivers_are_those_of_lspci() -> None:
    """`lspci -D -k`: "Kernel driver in use", or none."""
    said: dict[str, str | None] = {}
    address = ""
    for line in run("lspci", "-D", "-k").splitlines():
        if line and not line[0].isspace():
            address = line.split()[0]
            said[address] = None
        elif line.strip().startswith("Kernel driver in use: "):
            said[address] = line.rpartition(": ")[2]
    found = pci.probe(LiveFiles())
    assert isinstance(found, tuple)
    assert {function.address: function.driver for function in found} == said


def test_a_namespace_is_observed(namespace: Namespace) -> None:
    """The whole observation, with a window, on a machine whose interfaces are all virtual."""
    found = namespace.inside(lambda: observe(LiveHost(window=0.1, endpoint="off")))
    assert isinstance(found, Snapshot)
    assert found.netdevs == ()


def test_the_files_of_the_host_are_not_answered_for_from_another_namespace(
    namespace: Namespace, tmp_path: Path
) -> None:
    """A container that was given the host's /sys has interfaces and addresses of its own."""
    index = int(namespace.ip("-oneline", "link", "show", "v0").partition(":")[0])
    namespace.ip("address", "replace", "10.9.0.4/24", "dev", "v0")
    machine = write_machine(tmp_path / "machine", pairs=(Pair(ifindex=index - 1),))
    host = LiveHost(window=0, endpoint="off", prefix=str(machine / "root"))
    found = namespace.inside(lambda: observe(host))
    assert isinstance(found.netdevs, tuple)
    vf = next(netdev for netdev in found.netdevs if netdev.name == "enP53091s1")
    assert vf.ifindex == index
    assert vf.addresses == Gap(asked=True, why="RTM_GETADDR: ENODEV")
