"""Driver counters that mean trouble, by exact name.

hv_netvsc: `netvsc_stats[]`, drivers/net/hyperv/netvsc_drv.c.
mlx4: `main_strings[]`, drivers/net/ethernet/mellanox/mlx4/en_ethtool.c.
mlx5: `sw_stats_desc[]`, `q_stats_desc[]`, `vnic_env_stats_*`, mlx5/core/en_stats.c.
MANA: `mana_eth_stats[]`, `mana_hc_stats[]`, `mana_phy_stats[]`,
drivers/net/ethernet/microsoft/mana/mana_ethtool.c.
"""

from __future__ import annotations

# Each says that a packet was dropped; what only costs speed is not here.
SYNTHETIC = ("tx_no_memory", "tx_no_space", "tx_too_big", "rx_no_memory", "vlan_error")
STOPPED, WOKEN = "stop_queue", "wake_queue"  # ring flow control of hv_netvsc

VF: dict[str, tuple[str, ...]] = {
    "mlx4_core": (
        "tx_timeout",
        "rx_dropped",
        "rx_missed_errors",
        "rx_errors",
        "tx_errors",
        "tx_dropped",
    ),
    "mlx5_core": (
        "tx_queue_dropped",
        "tx_cqe_err",
        "tx_recover",
        "rx_wqe_err",
        "rx_recover",
        "rx_buff_alloc_err",
        "rx_oversize_pkts_sw_drop",
        "rx_out_of_buffer",
        "rx_steer_missed_packets",
        "dev_internal_queue_oob",
        "dev_out_of_buffer",
    ),
    "mana": (
        "tx_cq_err",
        "tx_cqe_unknown_type",
        "rx_cqe_unknown_type",
        "hc_rx_discards_no_wqe",
        "hc_rx_err_vport_disabled",
        "hc_tx_err_gf_disabled",
        "hc_tx_err_vport_disabled",
        "hc_tx_err_inval_vportoffset_pkt",
        "hc_tx_err_vlan_enforcement",
        "hc_tx_err_eth_type_enforcement",
        "hc_tx_err_sa_enforcement",
        "hc_tx_err_sqpdid_enforcement",
        "hc_tx_err_cqpdid_enforcement",
        "hc_tx_err_mtu_violation",
        "hc_tx_err_inval_oob",
        "hc_tx_err_gdma",
        "hc_rx_pkt_drop_phy",
        "hc_tx_pkt_drop_phy",
    ),
}
