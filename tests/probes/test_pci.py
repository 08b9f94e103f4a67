"""pci: the functions on the PCI bus."""

from __future__ import annotations

import errno

import pytest

from accelnet_probes import pci
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Gap, PciFunction

DEVICES = "sys/bus/pci/devices"
VMBUS = "LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
TARGET = f"{VMBUS}/e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc/pcicf63:00/cf63:00:02.0"
ADDRESS = "cf63:00:02.0"
ENTRY = f"{DEVICES}/{ADDRESS}"
REAL = f"sys/devices/{TARGET}"
MODALIAS = "pci:v000015B3d00001016sv000015B3sd00000080bc02sc00i00"


def _machine() -> MemoryStore:
    """A ConnectX-4 Lx VF on its own root bus."""
    store = MemoryStore()
    store.add_link(ENTRY, f"../../../devices/{TARGET}")
    for name, content in {
        "vendor": "0x15b3",
        "device": "0x1016",
        "class": "0x020000",
        "subsystem_vendor": "0x15b3",
        "subsystem_device": "0x0080",
        "driver_override": "(null)",
        "modalias": MODALIAS,
    }.items():
        store.add_file(f"{REAL}/{name}", f"{content}\n".encode())
    store.add_link(f"{REAL}/driver", "../../../../../../../bus/pci/drivers/mlx5_core")
    store.add_directory(f"{REAL}/net/enP53091s1")
    return store


VF = PciFunction(
    address=ADDRESS,
    path=f"../../../devices/{TARGET}",
    vendor_id="15b3",
    device_id="1016",
    class_id="020000",
    subsystem="15b3:0080",
    driver="mlx5_core",
    driver_override=None,
    modalias=MODALIAS,
    netdevs=("enP53091s1",),
)


class Asked:
    """Files that remember what was asked of them."""

    def __init__(self, files: Tree) -> None:
        self._files = files
        self.paths: list[str] = []

    def read(self, path: str) -> bytes:
        """Remember, and read."""
        self.paths.append(path)
        return self._files.read(path)

    def readlink(self, path: str) -> str:
        """Remember, and read."""
        self.paths.append(path)
        return self._files.readlink(path)

    def listdir(self, path: str) -> list[str]:
        """Remember, and list."""
        self.paths.append(path)
        return self._files.listdir(path)


def test_a_vf_as_a_whole() -> None:
    """Every fact of one function."""
    assert pci.probe(Tree(_machine())) == (VF,)


def test_functions_are_in_address_order() -> None:
    """As lspci lists them."""
    store = _machine()
    store.add_directory(f"{DEVICES}/7870:00:00.0")
    found = pci.probe(Tree(store))
    assert isinstance(found, tuple)
    assert [function.address for function in found] == ["7870:00:00.0", ADDRESS]


@pytest.mark.parametrize(
    "store",
    [pytest.param([], id="no-bus"), pytest.param([DEVICES], id="a-generation-2-vm-without-vf")],
)
def test_an_empty_bus_has_no_functions(store: list[str]) -> None:
    """None to list, which is known."""
    machine = MemoryStore()
    for folder in store:
        machine.add_directory(folder)
    assert pci.probe(Tree(machine)) == ()


def test_a_refused_listing_is_a_gap() -> None:
    """Not an empty bus."""
    found = pci.probe(Tree(_machine(), {DEVICES: errno.EACCES}))
    assert found == Gap(asked=True, why=f"/{DEVICES}: EACCES")


def test_an_unbound_function_with_nothing_below_it() -> None:
    """No driver link, no net folder: None and none, which are known."""
    store = _machine()
    del store.links[f"{REAL}/driver"]
    store.add_link(ENTRY, "../../../devices/other")
    for name in ("vendor", "device", "class", "modalias"):
        store.add_file(f"sys/devices/other/{name}", store.files[f"{REAL}/{name}"])
    assert pci.probe(Tree(store)) == (
        replace(VF, path="../../../devices/other", subsystem=None, driver=None, netdevs=()),
    )


@pytest.mark.parametrize(
    ("name", "field"),
    [
        pytest.param("vendor", "vendor_id", id="vendor"),
        pytest.param("device", "device_id", id="device"),
        pytest.param("class", "class_id", id="class"),
        pytest.param("driver", "driver", id="driver"),
    ],
)
def test_a_refused_fact_is_its_own_gap(name: str, field: str) -> None:
    """The others stay; a function of unknown class is still asked for its netdevs."""
    gap = Gap(asked=True, why=f"/{ENTRY}/{name}: EIO")
    found = pci.probe(Tree(_machine(), {f"{REAL}/{name}": errno.EIO}))
    assert found == (replace(VF, **{field: gap}),)


def test_refused_netdevs_are_a_gap() -> None:
    """Not "no netdev", which would be a fault."""
    found = pci.probe(Tree(_machine(), {f"{REAL}/net": errno.EACCES}))
    gap = Gap(asked=True, why=f"/{ENTRY}/net: EACCES")
    assert found == (replace(VF, netdevs=gap),)


def test_a_garbage_id_is_a_gap() -> None:
    """Never a made-up id."""
    store = _machine()
    store.add_file(f"{REAL}/vendor", b"\xffgarbage\n")
    gap = Gap(asked=True, why=f"/{ENTRY}/vendor: '\ufffdgarbage' is not an integer")
    assert pci.probe(Tree(store)) == (replace(VF, vendor_id=gap),)


def test_a_driver_override_is_told_where_it_is_set() -> None:
    """ "(null)" and an empty line are none."""
    store = _machine()
    store.add_file(f"{REAL}/driver_override", b"vfio-pci\n")
    assert pci.probe(Tree(store)) == (replace(VF, driver_override="vfio-pci"),)
    store.add_file(f"{REAL}/driver_override", b"\n")
    assert pci.probe(Tree(store)) == (VF,)


def test_an_entry_that_is_a_plain_folder_has_no_path() -> None:
    """A tree copied without links; only evidence hangs on it."""
    store = MemoryStore()
    store.add_file(f"{ENTRY}/class", b"0x010802\n")
    assert pci.probe(Tree(store)) == (
        PciFunction(
            address=ADDRESS,
            path=None,
            vendor_id=None,
            device_id=None,
            class_id="010802",
            subsystem=None,
            driver=None,
            driver_override=None,
            modalias=None,
            netdevs=(),
        ),
    )


def test_only_a_network_controller_is_asked_about_the_network() -> None:
    """A machine with hundreds of NVMe functions stays cheap."""
    store = _machine()
    store.add_file(f"{REAL}/class", b"0x010802\n")
    files = Asked(Tree(store))
    pci.probe(files)
    assert not {f"{ENTRY}/net", f"{ENTRY}/modalias", f"{ENTRY}/driver_override"} & {*files.paths}


def test_config_space_is_never_read() -> None:
    """It costs a millisecond and can block."""
    files = Asked(Tree(_machine()))
    pci.probe(files)
    assert f"{ENTRY}/config" not in files.paths
