"""The NICs that Azure's hosts have, each as a kernel names it, and the driver that must answer.

The ids are those that microsoft/lisa knows (lisa/tools/lspci.py).  VMBus
aliases have the GUID's bytes in memory's order (scripts/mod/file2alias.c,
do_vmbus_entry): this one is 44c4f61d-4444-4400-9d52-802e27ede19f.
"""

from __future__ import annotations

DRIVERS = ("mlx4_core", "mlx4_en", "mlx5_core", "mana", "pci_hyperv")

# (driver, modalias of one such device)
DEVICES: tuple[tuple[str, str], ...] = (
    ("mlx4_core", "pci:v000015B3d00001004sv000015B3sd000061B0bc02sc00i00"),
    ("mlx5_core", "pci:v000015B3d00001014sv000015B3sd00000000bc02sc00i00"),
    ("mlx5_core", "pci:v000015B3d00001016sv000015B3sd00000080bc02sc00i00"),
    ("mlx5_core", "pci:v000015B3d00001018sv000015B3sd00000190bc02sc00i00"),
    ("mlx5_core", "pci:v000015B3d0000101Asv000015B3sd00000000bc02sc00i00"),
    ("mana", "pci:v00001414d000000BAsv00001414sd000000B9bc02sc00i00"),
    ("pci_hyperv", "vmbus:1df6c444444400449d52802e27ede19f"),
)
