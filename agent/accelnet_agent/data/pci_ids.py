"""PCI ids of the Ethernet functions that Accelerated Networking uses.

Names: the PCI ID Repository (pci.ids, edition 2023.04.10).  Which ids are VFs:
`mlx4_pci_table` (drivers/net/ethernet/mellanox/mlx4/main.c, MLX4_PCI_DEV_IS_VF),
`mlx5_core_pci_table` (mlx5/core/main.c, MLX5_PCI_DEV_IS_VF) and
`mana_id_table` (drivers/net/ethernet/microsoft/mana/gdma_main.c).
"""

from __future__ import annotations

MELLANOX, MICROSOFT = "15b3", "1414"
VENDORS = (MELLANOX, MICROSOFT)

# (vendor, device) -> (name, family, driver that /sys/.../driver shows)
VFS: dict[tuple[str, str], tuple[str, str, str]] = {
    (MELLANOX, "1002"): ("MT25400 Family [ConnectX-2 Virtual Function]", "unknown", "mlx4_core"),
    (MELLANOX, "1004"): (
        "MT27500/MT27520 Family [ConnectX-3/ConnectX-3 Pro Virtual Function]",
        "ConnectX-3",
        "mlx4_core",
    ),
    (MELLANOX, "1012"): ("MT27600 Family [Connect-IB Virtual Function]", "unknown", "mlx5_core"),
    (MELLANOX, "1014"): ("MT27700 Family [ConnectX-4 Virtual Function]", "ConnectX-4", "mlx5_core"),
    (MELLANOX, "1016"): (
        "MT27710 Family [ConnectX-4 Lx Virtual Function]",
        "ConnectX-4 Lx",
        "mlx5_core",
    ),
    (MELLANOX, "1018"): ("MT27800 Family [ConnectX-5 Virtual Function]", "ConnectX-5", "mlx5_core"),
    (MELLANOX, "101a"): (
        "MT28800 Family [ConnectX-5 Ex Virtual Function]",
        "ConnectX-5 Ex",
        "mlx5_core",
    ),
    (MELLANOX, "101c"): ("MT28908 Family [ConnectX-6 Virtual Function]", "ConnectX-6", "mlx5_core"),
    (MELLANOX, "101e"): (
        "ConnectX Family mlx5Gen Virtual Function",
        "ConnectX (mlx5Gen)",
        "mlx5_core",
    ),
    # Absent from pci.ids; the name is that of Azure's documentation.
    (MICROSOFT, "00ba"): ("Microsoft Azure Network Adapter VF", "MANA", "mana"),
}

# Physical functions: never a VF.  Same driver tables.
PFS = frozenset(
    [(MELLANOX, device) for device in (
        "1003", "1007", "1011", "1013", "1015", "1017", "1019", "101b", "101d", "101f",
        "1021", "1023", "1025", "a2d2", "a2d6", "a2dc", "a2df",
        "6340", "634a", "6354", "6368", "6372", "6732", "673c", "6746", "6750", "675a",
        "6764", "676e",
    )]
    + [(MICROSOFT, "00b9")]
)  # fmt: skip

DRIVERS = ("mlx4_core", "mlx5_core", "mana")  # PCI drivers of VFs, as sysfs names them
OTHER_NAMES = {"mlx4_en": "mlx4_core"}  # ETHTOOL_GDRVINFO's name -> the PCI driver's

# Drivers that hand a function to user space (F22, DPDK): docs.kernel.org driver-api/vfio, uio.
USERSPACE_DRIVERS = ("vfio-pci", "uio_pci_generic", "igb_uio")
