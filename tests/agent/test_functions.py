"""Which PCI functions are Ethernet VFs, and which netdevs hang below them."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent import functions
from building import REFUSED, a_function, a_netdev, a_pci_function, a_snapshot, a_vf

INFINIBAND = a_vf(name="ib0", type=32)


def _of(present: Any = None, **changes: Any) -> tuple[functions.Function, ...]:
    """The functions of a machine that has this one and these netdevs."""
    present = (a_vf(),) if present is None else present
    return functions.of(a_snapshot(pci=(a_pci_function(**changes),), netdevs=present))


@pytest.mark.parametrize(
    ("vendor", "device", "family", "driver"),
    [
        pytest.param("15b3", "1004", "ConnectX-3", "mlx4_core", id="connectx-3"),
        pytest.param("15b3", "1014", "ConnectX-4", "mlx5_core", id="connectx-4"),
        pytest.param("15b3", "1016", "ConnectX-4 Lx", "mlx5_core", id="connectx-4-lx"),
        pytest.param("15b3", "1018", "ConnectX-5", "mlx5_core", id="connectx-5"),
        pytest.param("15b3", "101a", "ConnectX-5 Ex", "mlx5_core", id="connectx-5-ex"),
        pytest.param("15b3", "101c", "ConnectX-6", "mlx5_core", id="connectx-6"),
        pytest.param("15b3", "101e", "ConnectX (mlx5Gen)", "mlx5_core", id="mlx5gen"),
        pytest.param("1414", "00ba", "MANA", "mana", id="mana"),
        pytest.param("15b3", "10fe", "unknown", None, id="mellanox-of-the-future"),
        pytest.param("1414", "00bb", "unknown", None, id="microsoft-of-the-future"),
    ],
)
def test_the_ids_tell_the_family(vendor: str, device: str, family: str, driver: str | None) -> None:
    """An id that is not known is an unknown VF, never an absent one."""
    (function,) = _of(vendor_id=vendor, device_id=device)
    assert (function.family, function.driver) == (family, driver)


def test_an_unknown_function_is_named_by_its_id() -> None:
    """As lspci does."""
    (function,) = _of(device_id="10fe")
    assert function.name == "Device 10fe"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"vendor_id": "8086"}, id="another-vendor"),
        pytest.param({"class_id": "020700"}, id="infiniband"),
        pytest.param({"class_id": "010802", "vendor_id": "1414", "device_id": "b111"}, id="nvme"),
        pytest.param({"class_id": "030000", "vendor_id": "1414", "device_id": "5353"}, id="vga"),
        pytest.param({"device_id": "1015"}, id="physical-function"),
        pytest.param({"vendor_id": "1414", "device_id": "00b9"}, id="mana-physical-function"),
        pytest.param({"device_id": "1015", "class_id": REFUSED}, id="pf-of-unread-class"),
        pytest.param({"vendor_id": "8086", "class_id": REFUSED}, id="vendor-of-unread-class"),
        pytest.param({"class_id": "020700", "vendor_id": REFUSED}, id="class-of-unread-vendor"),
    ],
)
def test_what_is_no_ethernet_vf_is_not_listed(changes: dict[str, Any]) -> None:
    """Vendor, class and the tables of physical functions decide."""
    assert _of(**changes) == ()


@pytest.mark.parametrize("class_id", ["020000", "020001", "028000"])
def test_ethernet_and_other_network_controllers_are_listed(class_id: str) -> None:
    """Some ConnectX-3 VFs say "network controller, other"."""
    assert len(_of(class_id=class_id)) == 1


@pytest.mark.parametrize("class_id", ["020000", "028000", REFUSED])
def test_infiniband_below_it_shows_what_it_is(class_id: Any) -> None:
    """HPC sizes have such functions beside the Ethernet ones, of the same ids."""
    assert _of((INFINIBAND,), class_id=class_id, netdevs=("ib0",)) == ()


def test_infiniband_is_told_by_the_netdevs_own_link() -> None:
    """net/ could not be listed; ib0 says what it hangs below."""
    assert _of((INFINIBAND,), class_id="028000", netdevs=REFUSED) == ()


@pytest.mark.parametrize("netdevs", [(), ("gone0",), REFUSED])
def test_a_function_without_a_seen_netdev_is_listed(netdevs: Any) -> None:
    """Nothing says that it is InfiniBand."""
    assert len(_of((), netdevs=netdevs)) == 1


UNREAD = [
    pytest.param({"vendor_id": REFUSED}, id="vendor"),
    pytest.param({"device_id": REFUSED}, id="device"),
    pytest.param({"class_id": REFUSED}, id="class"),
    pytest.param({"vendor_id": None}, id="no-vendor"),
    pytest.param({"vendor_id": REFUSED, "device_id": REFUSED, "class_id": REFUSED}, id="all"),
]


@pytest.mark.parametrize("changes", UNREAD)
@pytest.mark.parametrize("driver", ["mlx4_core", "mlx5_core", "mana"])
def test_a_vfs_driver_stands_in_for_what_was_not_read(driver: str, changes: dict[str, Any]) -> None:
    """Only a VF's driver binds to a VF."""
    assert len(_of((), driver=driver, netdevs=(), **changes)) == 1


@pytest.mark.parametrize("changes", UNREAD)
@pytest.mark.parametrize("driver", ["mlx5_core", "mlx4_en"])
def test_a_vf_netdev_below_stands_in_for_what_was_not_read(
    driver: str, changes: dict[str, Any]
) -> None:
    """ethtool names mlx4_core's netdevs mlx4_en."""
    assert len(_of((a_vf(driver=driver),), driver=REFUSED, **changes)) == 1


@pytest.mark.parametrize("changes", UNREAD)
def test_a_vf_netdev_that_says_it_hangs_below_stands_in(changes: dict[str, Any]) -> None:
    """net/ could not be listed either; the netdev's own link leads here."""
    assert len(_of(driver=REFUSED, netdevs=REFUSED, **changes)) == 1


@pytest.mark.parametrize("changes", UNREAD)
@pytest.mark.parametrize("driver", [None, REFUSED, "nvme", "vfio-pci"])
def test_without_any_sign_it_is_not_listed(driver: Any, changes: dict[str, Any]) -> None:
    """A disk whose ids could not be read is no VF."""
    assert _of((), driver=driver, netdevs=(), **changes) == ()


def test_ids_that_were_not_read_leave_the_family_unknown() -> None:
    """It is listed, and no more is said than was seen."""
    (function,) = _of(vendor_id=REFUSED, device_id=REFUSED)
    assert (function.family, function.name) == ("unknown", "Device unknown")


def test_a_pci_list_that_was_refused_has_no_functions() -> None:
    """The data path says that it could not be read."""
    assert functions.of(a_snapshot(pci=REFUSED)) == ()


def test_netdevs_that_were_refused_do_not_hide_a_function() -> None:
    """Ids and class are enough."""
    assert len(_of(REFUSED)) == 1


def test_functions_are_in_address_order() -> None:
    """As the PCI list is."""
    first, second = a_pci_function(address="1a65:00:02.0"), a_pci_function()
    found = functions.of(a_snapshot(pci=(first, second)))
    assert [function.pci.address for function in found] == ["1a65:00:02.0", "cf63:00:02.0"]


def test_mana_carries_several_netdevs() -> None:
    """One function, a netdev for each vNIC; either link between them will do."""
    ports = (a_vf(name="enP1", device="7870:00:00.0"), a_vf(name="enP2", device="7870:00:00.0"))
    (function,) = _of(ports, address="7870:00:00.0", netdevs=("enP1",))
    assert function.pci.netdevs == ("enP1", "enP2")


@pytest.mark.parametrize(
    ("changes", "vf"),
    [
        pytest.param({}, True, id="below-a-function"),
        pytest.param({"device": REFUSED}, True, id="listed-by-the-function"),
        pytest.param({"name": "eth7"}, True, id="linked-to-the-function"),
        pytest.param({"type": 32}, False, id="infiniband"),
        pytest.param({"type": REFUSED}, True, id="type-refused"),
        pytest.param({"name": "eth7", "device": "0000:00:03.0"}, True, id="function-not-seen"),
        pytest.param(
            {"name": "eth7", "device": "0000:00:03.0", "driver": "e1000"}, False, id="other-driver"
        ),
        pytest.param(
            {"name": "eth7", "device": REFUSED, "driver": REFUSED}, False, id="nothing-seen"
        ),
    ],
)
def test_an_ethernet_netdev_below_a_function_is_a_vf(changes: dict[str, Any], vf: bool) -> None:
    """The driver tells where the function could not be seen."""
    snapshot = a_snapshot()
    found = functions.of(snapshot)
    assert functions.is_vf_netdev(a_vf(**changes), found, snapshot) is vf


def test_a_netdev_below_a_physical_function_is_no_vf() -> None:
    """Its function was seen, and is none of a VF."""
    snapshot = a_snapshot(pci=(a_pci_function(device_id="1015"),))
    assert not functions.is_vf_netdev(a_vf(), functions.of(snapshot), snapshot)


def test_a_synthetic_nic_hangs_below_no_function() -> None:
    """It is on VMBus."""
    assert functions.of_netdev(a_netdev(), (a_function(),)) is None
