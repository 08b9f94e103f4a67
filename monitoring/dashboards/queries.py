"""PromQL that several panels have in common.

Nothing here adds what the VF's own driver or the totals of eth0 count: a packet is in
accelnet_vf_* or in accelnet_synthetic_*, never in both (docs/metrics.md).
"""

from __future__ import annotations

from typing import Final

from palette import STATES

# What all of a target's series have; `.*` of "All" matches where there is no `region`.
CHOSEN: Final = {"job": "~$job", "region": "~$region"}
VM: Final = {**CHOSEN, "instance": "~$instance"}
FLEET: Final = {**CHOSEN, "vm_size": "~$vm_size"}
AGENTS: Final = "~accelnet-agent.*"  # the jobs whose `up` is an agent's: monitoring/scrape
# What instance:accelnet_host_info:latest has beside the labels of its target.
_HOST: Final = "kernel, distro, distro_version, vm_size, exported_vm_size"


def select(family: str, /, *chosen: dict[str, str], **labels: str) -> str:
    """A family with these labels; a value after `~` is a regular expression."""
    wanted = [pair for part in (*chosen, labels) for pair in part.items()]
    inside = ",".join(
        f'{name}=~"{value[1:]}"' if value.startswith("~") else f'{name}="{value}"'
        for name, value in wanted
    )
    return f"{family}{{{inside}}}"


def of_vm(family: str, /, **labels: str) -> str:
    """A family of the chosen VMs."""
    return select(family, VM, labels)


def rate(family: str) -> str:
    """Of the chosen VMs, a second, over a few scrapes."""
    return f"rate({of_vm(family)}[$__rate_interval])"


def increase(family: str, /, **labels: str) -> str:
    """Of the chosen VMs, over the dashboard's time range."""
    return f"increase({of_vm(family, **labels)}[$__range])"


def growth(family: str) -> str:
    """Of the chosen VMs, within a step of the panel."""
    return f"increase({of_vm(family)}[$__rate_interval])"


def state() -> str:
    """The state of the data path of each NIC of the chosen VMs, as a number of STATES."""
    states = (
        f"{number} * ({of_vm('accelnet_nic_datapath', state=name)} == 1)"
        for name, (number, _, _) in STATES.items()
    )
    return f"max without (state) ({' or '.join(states)})"


def share(by: str, past: str) -> str:
    """Of what went by the VF; a direct NIC has no other way, and one that is idle no share."""
    return f"{by} / (({by} + {past} or {by}) > 0)"


def switched(to: str) -> str:
    """When the data path of a chosen VM switched."""
    counter = of_vm("accelnet_datapath_switches_total", to=to)
    return f"changes({counter}[$__rate_interval]) > 0"


# --- the whole fleet, by recording rules


def of_fleet(record: str, /, **labels: str) -> str:
    """What accelnet.rules.yml records by job, region, vm_size and kernel."""
    return select(record, FLEET, labels)


def hosts() -> str:
    """1 for each VM of the fleet, with its kernel, distribution and size."""
    return of_fleet("instance:accelnet_host_info:latest")


def with_host(series: str, without: str, *labels: str) -> str:
    """Series of VMs, with labels of their hosts, and of those of the chosen sizes alone.

    `without`: the labels that the series have beside those of their target.
    """
    ignored = f"{without}, {_HOST}" if without else _HOST
    return f"({series}) * ignoring ({ignored}) group_left ({', '.join(labels)}) {hosts()}"


def hosts_where(series: str) -> str:
    """The hosts of VMs that have such a series, which has no label but its target's."""
    return f"({hosts()} and ignoring ({_HOST}) ({series}))"


def checks(check: str, /, **labels: str) -> str:
    """Subjects of a check by what it found."""
    return select("fleet:accelnet_check_status:count", CHOSEN, {"check": check}, labels)


def or_zero(expression: str, where: str) -> str:
    """0 where there is nothing to count, though there is something to count it of."""
    return f"{expression} or 0 * {where}"


def named(expression: str, label: str, word: str) -> str:
    """The word where that label is not there."""
    return f'label_replace({expression}, "{label}", "{word}", "{label}", "")'


def agents_up() -> str:
    """1 for each agent whose last scrape succeeded, 0 for the others."""
    return select("up", CHOSEN, {"job": AGENTS})
