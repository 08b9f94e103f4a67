"""netdevs: the interfaces that are not virtual, and what ethtool says about them."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

import pytest

from accelnet_probes import netdevs
from accelnet_probes.ethtool import Decoded, Statistics
from accelnet_probes.files import MemoryStore, Tree, failure
from accelnet_probes.host import Sample
from accelnet_probes.netdevs import decode_sample, with_samples
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Channels, DriverInfo, EthtoolSample, Gap, Netdev, Ring

if TYPE_CHECKING:
    from accelnet_probes.ethtool import Reply
    from accelnet_probes.host import Addresses
    from accelnet_probes.snapshot import Observed

NET = "sys/class/net"
VMBUS = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
GUID = "000d3a11-2233-000d-3a11-2233000d3a11"
NIC = f"{VMBUS}/{GUID}/net/eth0"
PCI = f"{VMBUS}/e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc/pcicf63:00/cf63:00:02.0"
VF = f"{PCI}/net/enP53091s1"
NOT_ASKED = Gap(asked=False, why="addresses were not asked for")


def _add(store: MemoryStore, folder: str, device: str, **attributes: str) -> None:
    """A netdev at `folder`, linked from sys/class/net."""
    name = folder.rpartition("/")[2]
    store.add_link(f"{NET}/{name}", f"../../{folder.removeprefix('sys/')}")
    store.add_link(f"{folder}/device", f"../../../{device}")
    for attribute, content in attributes.items():
        store.add_file(f"{folder}/{attribute}", f"{content}\n".encode())


def _machine() -> MemoryStore:
    """A synthetic NIC, its VF, and what else lies in the folder."""
    store = MemoryStore()
    common = {"address": "00:0D:3A:11:22:33", "mtu": "1500", "operstate": "up", "type": "1"}
    _add(store, NIC, GUID, ifindex="2", flags="0x1003", **common)
    _add(store, VF, "cf63:00:02.0", ifindex="3", flags="0x1803", **common)
    store.add_link(f"{VMBUS}/{GUID}/driver", "../../../../../bus/vmbus/drivers/hv_netvsc")
    store.add_link(f"{PCI}/driver", "../../../../../../../bus/pci/drivers/mlx5_core")
    store.add_link(f"{NIC}/lower_enP53091s1", "../../../enP53091s1")
    store.add_link(f"{VF}/master", "../../../eth0")
    store.add_link(f"{VF}/upper_eth0", "../../../eth0")
    for name in ("lo", "docker0", "veth1a2b3c"):
        store.add_link(f"{NET}/{name}", f"../../devices/virtual/net/{name}")
        store.add_file(f"sys/devices/virtual/net/{name}/ifindex", b"9\n")
    store.add_file(f"{NET}/bonding_masters", b"\n")
    return store


ETH0 = Netdev(
    name="eth0",
    ifindex=2,
    type=1,
    mac="00:0d:3a:11:22:33",
    mtu=1500,
    flags=0x1003,
    operstate="up",
    device=GUID,
    driver="hv_netvsc",
    master=None,
    lower=("enP53091s1",),
    upper=(),
    addresses=NOT_ASKED,
)
ENP = replace(
    ETH0,
    name="enP53091s1",
    ifindex=3,
    flags=0x1803,
    device="cf63:00:02.0",
    driver="mlx5_core",
    master="eth0",
    lower=(),
    upper=("eth0",),
)


class Counting:
    """Files that count what is asked of them; after `life` calls `gone` is no more."""

    def __init__(
        self, files: Tree, gone: str = "", life: int | None = None, number: int = errno.ENOENT
    ) -> None:
        self._files = files
        self._gone, self._life, self._number = gone, life, number
        self.calls: list[tuple[str, str]] = []

    def _ask(self, call: str, path: str) -> None:
        self.calls.append((call, path))
        if self._life is not None and len(self.calls) > self._life and self._is_gone(path):
            raise failure(errno.ENOENT if call == "readlink" else self._number, path)

    def _is_gone(self, path: str) -> bool:
        return path == self._gone or path.startswith(self._gone + "/")

    def read(self, path: str) -> bytes:
        """Count, and read."""
        self._ask("read", path)
        return self._files.read(path)

    def readlink(self, path: str) -> str:
        """Count, and read."""
        self._ask("readlink", path)
        return self._files.readlink(path)

    def listdir(self, path: str) -> list[str]:
        """Count, and list."""
        self._ask("listdir", path)
        return self._files.listdir(path)


def test_a_pair_as_a_whole() -> None:
    """Every fact of both; virtual devices and bonding_masters are left out."""
    assert netdevs.probe(Tree(_machine())) == (ENP, ETH0)


def test_virtual_devices_cost_one_readlink_each() -> None:
    """A host of containers has hundreds of them."""
    store = MemoryStore()
    veths = [f"veth{number}" for number in range(500)]
    for name in veths:
        store.add_link(f"{NET}/{name}", f"../../devices/virtual/net/{name}")
    files = Counting(Tree(store))
    assert netdevs.probe(files) == ()
    assert sorted(files.calls) == sorted(
        [("listdir", NET), *(("readlink", f"{NET}/{name}") for name in veths)]
    )


def test_attributes_that_take_the_rtnl_lock_are_never_read() -> None:
    """A read of one can hang for ever."""
    files = Counting(Tree(_machine()))
    netdevs.probe(files)
    asked = {path.rpartition("/")[2] for _, path in files.calls}
    assert not asked & {"speed", "duplex", "carrier", "phys_port_name", "phys_switch_id"}


def test_a_recording_without_links_has_plain_folders() -> None:
    """What cannot be told from a real device is kept, with what is known about it."""
    store = MemoryStore()
    store.add_file(f"{NET}/eth0/address", b"00:0d:3a:11:22:33\n")
    store.add_file(f"{NET}/eth0/lower_enP1s1", b"")
    assert netdevs.probe(Tree(store)) == (
        Netdev(
            name="eth0",
            ifindex=None,
            type=None,
            mac="00:0d:3a:11:22:33",
            mtu=None,
            flags=None,
            operstate=None,
            device=None,
            driver=None,
            master=None,
            lower=("enP1s1",),
            upper=(),
            addresses=NOT_ASKED,
        ),
    )


@pytest.mark.parametrize(
    "number", [pytest.param(errno.ENOENT, id="enoent"), pytest.param(errno.ENODEV, id="enodev")]
)
def test_a_netdev_that_vanishes_between_two_calls_is_whole_or_absent(number: int) -> None:
    """Half a VF would be an unpaired one, and a false alarm at each host servicing."""
    whole = Counting(Tree(_machine()))
    netdevs.probe(whole)
    for life in range(1, len(whole.calls) + 1):
        files = Counting(Tree(_machine()), gone=f"{NET}/enP53091s1", life=life, number=number)
        found = netdevs.probe(files)
        assert found in ((ETH0,), (ENP, ETH0)), f"gone after {life} calls"


def test_no_network_folder_is_a_gap() -> None:
    """Every kernel with a network has it: sysfs is not mounted."""
    assert netdevs.probe(Tree(MemoryStore())) == Gap(asked=True, why=f"/{NET}: ENOENT")


def test_a_refused_listing_is_a_gap() -> None:
    """Not a machine without interfaces."""
    found = netdevs.probe(Tree(_machine(), {NET: errno.EACCES}))
    assert found == Gap(asked=True, why=f"/{NET}: EACCES")


def test_an_empty_folder_has_no_interfaces() -> None:
    """A network namespace of its own can be empty."""
    store = MemoryStore()
    store.add_directory(NET)
    assert netdevs.probe(Tree(store)) == ()


def test_an_entry_whose_link_is_refused_is_kept() -> None:
    """Its facts are gaps, and none of them is made up."""
    found = netdevs.probe(Tree(_machine(), {f"{NET}/eth0": errno.EACCES}))
    gap = {
        name: Gap(asked=True, why=f"/{NET}/eth0/{name}: EACCES")
        for name in ("ifindex", "type", "address", "mtu", "flags", "operstate", "device", "master")
    }
    assert found == (
        ENP,
        Netdev(
            name="eth0",
            ifindex=gap["ifindex"],
            type=gap["type"],
            mac=gap["address"],
            mtu=gap["mtu"],
            flags=gap["flags"],
            operstate=gap["operstate"],
            device=gap["device"],
            driver=Gap(asked=True, why=f"/{NET}/eth0/device/driver: EACCES"),
            master=gap["master"],
            lower=Gap(asked=True, why=f"/{NET}/eth0: EACCES"),
            upper=Gap(asked=True, why=f"/{NET}/eth0: EACCES"),
            addresses=NOT_ASKED,
        ),
    )


@pytest.mark.parametrize(
    ("attribute", "field"),
    [
        pytest.param("ifindex", "ifindex", id="ifindex"),
        pytest.param("type", "type", id="type"),
        pytest.param("address", "mac", id="address"),
        pytest.param("mtu", "mtu", id="mtu"),
        pytest.param("flags", "flags", id="flags"),
        pytest.param("operstate", "operstate", id="operstate"),
    ],
)
def test_a_refused_attribute_is_its_own_gap(attribute: str, field: str) -> None:
    """EINVAL is what sysfs says of a device that is being made anew."""
    found = netdevs.probe(Tree(_machine(), {f"{NIC}/{attribute}": errno.EINVAL}))
    gap = Gap(asked=True, why=f"/{NET}/eth0/{attribute}: EINVAL")
    assert found == (ENP, replace(ETH0, **{field: gap}))


def test_garbage_is_a_gap() -> None:
    """Never a number that nobody wrote; text that is no UTF-8 stays text."""
    store = _machine()
    store.add_file(f"{NIC}/mtu", b"\xff\n")
    store.add_file(f"{NIC}/operstate", b"\xff\n")
    gap = Gap(asked=True, why=f"/{NET}/eth0/mtu: '\ufffd' is not an integer")
    assert netdevs.probe(Tree(store)) == (ENP, replace(ETH0, mtu=gap, operstate="\ufffd"))


def test_a_refused_driver_link_is_a_gap() -> None:
    """Not "no driver"."""
    found = netdevs.probe(Tree(_machine(), {f"{PCI}/driver": errno.EACCES}))
    gap = Gap(asked=True, why=f"/{NET}/enP53091s1/device/driver: EACCES")
    assert found == (replace(ENP, driver=gap), ETH0)


def test_two_devices_with_one_mac_are_two() -> None:
    """Nothing is keyed by MAC: a pair shares it."""
    found = netdevs.probe(Tree(_machine()))
    assert isinstance(found, tuple)
    assert [netdev.mac for netdev in found] == ["00:0d:3a:11:22:33"] * 2


# --- samples -------------------------------------------------------------------------------------


def _drvinfo(driver: str) -> bytes:
    head = struct.pack("<I32s32s32s32s", 3, driver.encode(), b"6.8.0", b"N/A", b"")
    return head + bytes(48) + struct.pack("<IIII", 2, 0, 0, 0)


def _strings(*names: str) -> bytes:
    body = b"".join(struct.pack("32s", name.encode()) for name in names)
    return struct.pack("<III", 0x1B, 1, len(names)) + body


def _stats(*values: int) -> bytes:
    return struct.pack(f"<II{len(values)}Q", 0x1D, len(values), *values)


REPLIES: dict[str, Reply] = {
    "drvinfo": _drvinfo("hv_netvsc"),
    "stats-strings": _strings("vf_tx_packets", "vf_rx_packets"),
    "stats": _stats(7, 5),
    "channels": struct.pack("<9I", 0x3C, 0, 0, 0, 8, 0, 0, 0, 4),
    "ring": struct.pack("<9I", 0x10, 18811, 0, 0, 2560, 10486, 0, 0, 192),
    "permaddr": struct.pack("<II6s", 0x20, 6, bytes.fromhex("000d3a112233")),
}
SAMPLE = EthtoolSample(
    driver_info=DriverInfo(
        driver="hv_netvsc", version="6.8.0", fw_version="N/A", bus_info="", n_stats=2
    ),
    statistics={"vf_tx_packets": 7, "vf_rx_packets": 5},
    channels=Channels(
        max_rx=0, max_tx=0, max_other=0, max_combined=8, rx=0, tx=0, other=0, combined=4
    ),
    ring=Ring(
        rx_max=18811,
        rx_mini_max=0,
        rx_jumbo_max=0,
        tx_max=2560,
        rx=10486,
        rx_mini=0,
        rx_jumbo=0,
        tx=192,
    ),
    permanent_mac="00:0d:3a:11:22:33",
)


def test_replies_become_a_sample() -> None:
    """Each reply is decoded."""
    assert decode_sample(REPLIES, "<") == SAMPLE


def test_replies_of_the_other_byte_order() -> None:
    """A recording of a big-endian machine says so in its bundle.json."""
    channels = struct.pack(">9I", 0x3C, 0, 0, 0, 8, 0, 0, 0, 4)
    assert decode_sample({"channels": channels}, ">").channels == SAMPLE.channels


@pytest.mark.parametrize("number", ["EOPNOTSUPP", "ENOTSUP"])
def test_what_the_driver_does_not_provide_is_none(number: str) -> None:
    """It has no such operation: that is an answer."""
    assert decode_sample(dict.fromkeys(REPLIES, number), "<") == EthtoolSample(
        driver_info=None, statistics=None, channels=None, ring=None, permanent_mac=None
    )


@pytest.mark.parametrize("number", ["EPERM", "ENODEV", "EBUSY", "ETIMEDOUT", "EAGAIN"])
def test_what_was_refused_is_a_gap(number: str) -> None:
    """Asked and refused, with the errno's name."""
    names = {
        "driver_info": "drvinfo",
        "statistics": "statistics",
        "channels": "channels",
        "ring": "ring",
        "permanent_mac": "permaddr",
    }
    assert decode_sample(dict.fromkeys(REPLIES, number), "<") == EthtoolSample(
        **{field: Gap(asked=True, why=f"ethtool {name}: {number}") for field, name in names.items()}
    )


def test_what_is_missing_was_never_asked_for() -> None:
    """A bundle without that part."""
    assert decode_sample({}, "<") == EthtoolSample(
        driver_info=Gap(asked=False, why="ethtool drvinfo was not asked for"),
        statistics=Gap(asked=False, why="ethtool statistics was not asked for"),
        channels=Gap(asked=False, why="ethtool channels was not asked for"),
        ring=Gap(asked=False, why="ethtool ring was not asked for"),
        permanent_mac=Gap(asked=False, why="ethtool permaddr was not asked for"),
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param(
            {"stats": _stats(7)},
            "ethtool statistics did not settle: 2 names and 1 values",
            id="counts-differ",
        ),
        pytest.param(
            {"stats": "EAGAIN"}, "ethtool statistics: EAGAIN", id="values-refused-after-names"
        ),
        pytest.param({"stats": b""}, None, id="empty"),
        pytest.param({"stats-strings": _strings("a", "b")[:-1]}, None, id="names-cut-off"),
    ],
)
def test_half_a_triple_is_no_statistics(changes: dict[str, Reply], why: str | None) -> None:
    """Never zeros, and never names with another moment's values."""
    found = decode_sample({**REPLIES, **changes}, "<").statistics
    assert isinstance(found, Gap)
    assert found.asked
    assert why is None or found.why == why


@pytest.mark.parametrize("name", ["stats", "stats-strings"])
def test_names_without_values_were_not_asked_for(name: str) -> None:
    """A bundle that lacks one of the two."""
    replies = {reply: value for reply, value in REPLIES.items() if reply != name}
    assert decode_sample(replies, "<").statistics == Gap(
        asked=False, why="ethtool statistics was not asked for"
    )


@pytest.mark.parametrize("name", ["drvinfo", "channels", "ring", "permaddr"])
def test_a_truncated_reply_is_a_gap(name: str) -> None:
    """The other replies stay."""
    reply = REPLIES[name]
    assert isinstance(reply, bytes)
    found = decode_sample({**REPLIES, name: reply[:-1]}, "<")
    field = {"drvinfo": "driver_info", "permaddr": "permanent_mac"}.get(name, name)
    gap = getattr(found, field)
    assert isinstance(gap, Gap)
    assert gap.why.startswith(f"ethtool {name}: {len(reply) - 1} bytes")
    assert replace(found, **{field: getattr(SAMPLE, field)}) == SAMPLE


def _sampled(addresses: Addresses | None, **replies: Reply) -> Sample:
    return Sample(ethtool={"eth0": replies}, addresses=addresses)


def test_samples_and_addresses_are_joined_in() -> None:
    """Each sample in its order; the addresses are the last one's."""
    first = _sampled((("eth0", "10.0.0.9/24"),))
    last = Sample(
        ethtool={"eth0": REPLIES},
        addresses=(("eth0", "10.0.0.4/24"), ("eth1", "10.0.1.4/24"), ("eth0", "fe80::1/64")),
    )
    nothing = decode_sample({}, "<")
    assert with_samples((ETH0, ENP), (first, last), "<") == (
        replace(ETH0, addresses=("10.0.0.4/24", "fe80::1/64"), samples=(nothing, SAMPLE)),
        replace(ENP, addresses=(), samples=(nothing, nothing)),
    )


@pytest.mark.parametrize(
    ("addresses", "fact"),
    [
        pytest.param((), (), id="none-assigned"),
        pytest.param("ETIMEDOUT", Gap(asked=True, why="RTM_GETADDR: ETIMEDOUT"), id="refused"),
        pytest.param(None, Gap(asked=False, why="addresses were not recorded"), id="never-asked"),
    ],
)
def test_addresses(addresses: Addresses | None, fact: Observed[tuple[str, ...]]) -> None:
    """No address, no answer and no question are three things."""
    (found,) = with_samples((ETH0,), (_sampled(addresses),), "<")
    assert found.addresses == fact


@pytest.mark.parametrize(
    ("linked", "driver"),
    [
        pytest.param("mlx4_core", "mlx4_core", id="the-link-comes-first"),
        pytest.param(None, "mlx4_en", id="no-link"),
        pytest.param(Gap(asked=True, why="EACCES"), "mlx4_en", id="link-refused"),
    ],
)
def test_ethtool_names_the_driver_where_the_link_does_not(
    linked: Observed[str | None], driver: str
) -> None:
    """For ConnectX-3 the two differ: mlx4_core, and mlx4_en."""
    netdev = replace(ENP, name="eth0", driver=linked)
    (found,) = with_samples((netdev,), (_sampled((), drvinfo=_drvinfo("mlx4_en")),), "<")
    assert found.driver == driver


def test_a_refused_driver_that_ethtool_does_not_name_stays_a_gap() -> None:
    """Two refusals make no driver."""
    gap = Gap(asked=True, why="EACCES")
    (found,) = with_samples((replace(ETH0, driver=gap),), (_sampled((), drvinfo="EPERM"),), "<")
    assert found.driver == gap


def test_a_sample_that_was_decoded_before_is_not_decoded_again() -> None:
    """A window begins with the sample that the one before ended with."""
    decoded = Decoded()
    samples = [
        Sample(ethtool={"eth0": {**REPLIES, "stats": _stats(number, 0)}}, addresses=())
        for number in range(3)
    ]
    (first,) = with_samples((ETH0,), samples[:2], "<", decoded)
    (second,) = with_samples((ETH0,), samples[1:], "<", decoded)
    assert second.samples[0] is first.samples[1]
    assert [
        sample.statistics["vf_tx_packets"]
        for sample in (*first.samples, second.samples[1])
        if isinstance(sample.statistics, Statistics)
    ] == [0, 1, 2]


def test_samples_that_are_equal_are_decoded_each_for_itself() -> None:
    """Two interfaces of one name at two moments may answer the same."""
    decoded = Decoded()
    samples = [Sample(ethtool={"eth0": REPLIES}, addresses=()) for _ in range(2)]
    (found,) = with_samples((ETH0,), samples, "<", decoded)
    assert found.samples[0] == found.samples[1]
    assert found.samples[0] is not found.samples[1]
    assert found.samples[0].channels is found.samples[1].channels  # by its bytes


def test_what_was_decoded_of_one_interface_is_not_anothers() -> None:
    """Each has its own replies in a sample."""
    decoded = Decoded()
    sample = Sample(ethtool={"eth0": REPLIES, ENP.name: {}}, addresses=())
    for _ in range(2):
        eth0, enp = with_samples((ETH0, ENP), (sample,), "<", decoded)
        assert (eth0.samples, enp.samples) == ((SAMPLE,), (decode_sample({}, "<"),))
