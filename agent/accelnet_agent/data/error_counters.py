"""Driver counters that mean trouble, by exact name.

hv_netvsc: `netvsc_stats[]`, drivers/net/hyperv/netvsc_drv.c.
mlx4: `main_strings[]`, drivers/net/ethernet/mellanox/mlx4/en_ethtool.c.  Its rx_over_errors
and rx_fifo_errors are rx_missed_errors again (mlx4_en_DUMP_ETH_STATS, en_port.c).
mlx5: `sw_stats_desc[]`, `q_stats_desc[]`, `vnic_env_stats_*`, mlx5/core/en_stats.c; of
type "Error" in Documentation/networking/device_drivers/ethernet/mellanox/mlx5/counters.rst,
but for tx_xdp_full, which says that a packet was dropped all the same.
MANA: `mana_eth_stats[]`, `mana_hc_stats[]`, `mana_phy_stats[]`, `mana_get_strings_stats`,
drivers/net/ethernet/microsoft/mana/mana_ethtool.c.
"""

from __future__ import annotations

# Each says that a packet was dropped, or that the device had to be recovered; what only
# costs speed is not here.
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
        "rx_oversize_pkts_buffer",
        "rx_xdp_tx_full",
        "rx_xdp_tx_err",
        "tx_xdp_full",
        "tx_xdp_err",
        "ch_eq_rearm",
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

# The same of every queue: prefix and suffix of the number (tx_3_mana_map_err).
VF_QUEUES: dict[str, tuple[tuple[str, str], ...]] = {
    "mana": (("rx_", "_pkt_len0_err"), ("tx_", "_mana_map_err")),
}

# MANA asks the function for these, whatever the port (mana_query_gf_stats and
# mana_query_phy_stats, mana_en.c): all NICs on one function show the same numbers.
OF_THE_FUNCTION = "hc_"
