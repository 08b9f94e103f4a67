"""The checks, in report order."""

from __future__ import annotations

from accelnet_agent.checks import (
    kernel_known_issue,
    kernel_minimum,
    next_host_drivers,
    nic_queues,
    os_supported,
    probes_answered,
    synthetic_errors,
    vf_datapath,
    vf_driver,
    vf_drops,
    vf_expected,
    vf_flapping,
    vf_missing,
    vf_mtu,
    vf_paired,
    vf_unaddressed,
    vf_up,
    vm_size,
    vmbus_passthrough,
)

CHECKS = (
    kernel_minimum.CHECK,
    kernel_known_issue.CHECK,
    os_supported.CHECK,
    vm_size.CHECK,
    vmbus_passthrough.CHECK,
    vf_driver.CHECK,
    next_host_drivers.CHECK,
    vf_expected.CHECK,
    vf_paired.CHECK,
    vf_up.CHECK,
    vf_datapath.CHECK,
    vf_unaddressed.CHECK,
    vf_mtu.CHECK,
    nic_queues.CHECK,
    vf_drops.CHECK,
    synthetic_errors.CHECK,
    vf_flapping.CHECK,
    vf_missing.CHECK,
    probes_answered.CHECK,
)
