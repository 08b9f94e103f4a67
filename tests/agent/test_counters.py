"""datapath: counters of queues, by exact name."""

from __future__ import annotations

import pytest

from accelnet_agent.datapath import is_zero, queue_counters, sum_of_queues
from accelnet_probes.ethtool import decode_statistics
from trees import stats, stats_strings

STATISTICS = {
    "tx_queue_0_packets": 3,
    "tx_queue_11_packets": 4,
    "tx_queue_0_bytes": 300,
    "tx_queue_0_xdp_packets": 7,
    "tx_queue__packets": 8,
    "tx_queue_packets": 9,
    "cpu0_tx_queue_0_packets": 10,
    "vf_tx_packets": 0,
}


@pytest.mark.parametrize("decoded", [False, True], ids=["mapping", "statistics"])
def test_one_counter_of_every_queue(*, decoded: bool) -> None:
    """The prefix, a number, the suffix, and nothing else; the same the second time."""
    found = (
        decode_statistics(stats_strings(list(STATISTICS)), stats(list(STATISTICS.values())))
        if decoded
        else STATISTICS
    )
    for _ in range(2):
        names = queue_counters(found, "tx_queue_", "_packets")
        assert names == ("tx_queue_0_packets", "tx_queue_11_packets")
        assert sum_of_queues(found, "tx_queue_", "_packets") == 7
        assert sum_of_queues(found, "tx_queue_", "_bytes") == 300


def test_a_counter_that_no_queue_has_has_no_sum() -> None:
    """None, not 0."""
    assert sum_of_queues(STATISTICS, "rx_queue_", "_packets") is None
    assert sum_of_queues({}, "tx_queue_", "_packets") is None


@pytest.mark.parametrize(
    ("statistics", "zero"),
    [({}, True), ({"a": 0, "b": 0}, True), ({"a": 0, "b": 1}, False), (STATISTICS, False)],
)
def test_whether_anything_was_counted(statistics: dict[str, int], *, zero: bool) -> None:
    """A driver that answers zeros while its device is made anew has counted nothing."""
    assert is_zero(statistics) is zero
