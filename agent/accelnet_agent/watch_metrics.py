"""The metric families that follow from watching, and from how the observation went."""

from __future__ import annotations

from accelnet_agent.metrics import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Literal

    from accelnet_agent.tracks import Totals
    from accelnet_probes.snapshot import ProbeRun


def families(
    totals: Mapping[str, Totals],
    probes: Iterable[ProbeRun],
    durations: Mapping[str, float],
) -> tuple[Family, ...]:
    """All that have samples; `totals` by NIC, `durations` in seconds by probe."""
    found = (*_of_nics(totals), *_of_probes(tuple(probes), durations))
    return tuple(family for family in found if family.samples)


def _of_nics(totals: Mapping[str, Totals]) -> Iterator[Family]:
    yield _family(
        "vf_events",
        "counter",
        "VFs that came to the NIC and that left it, by RTM_NEWLINK and RTM_DELLINK and by "
        "reconciling what these missed.",
        ("device", "event"),
        [
            ((name, event), getattr(of_nic, event))
            for name, of_nic in totals.items()
            for event in ("added", "removed")
        ],
    )
    yield _family(
        "datapath_switches",
        "counter",
        "Switches of the NIC's data path, by the VF's IFF_UP and IFF_LOWER_UP, which hv_netvsc "
        "goes by (netvsc_start_xmit).",
        ("device", "to"),
        [
            ((name, to), getattr(of_nic, field))
            for name, of_nic in totals.items()
            for to, field in (("synthetic", "to_synthetic"), ("vf", "to_vf"))
        ],
    )
    yield _per_nic(
        "synthetic_seconds",
        "counter",
        "Seconds in which the NIC's packets went by the synthetic path, while the agent watched.",
        totals,
        lambda of_nic: of_nic.synthetic_seconds,
    )
    yield _per_nic(
        "last_datapath_switch_timestamp_seconds",
        "gauge",
        "When the NIC's data path was last seen to switch, in seconds since the epoch.",
        totals,
        lambda of_nic: of_nic.last_switch,
    )


def _of_probes(probes: tuple[ProbeRun, ...], durations: Mapping[str, float]) -> Iterator[Family]:
    yield _family(
        "probe_success",
        "gauge",
        "Whether the probe answered, in time and without a fault of accelnet's: 1 or 0.",
        ("probe",),
        [((run.name,), int(run.why is None)) for run in probes],
    )
    yield _family(
        "probe_duration_seconds",
        "gauge",
        "How long the probe took in the observation that this page shows.",
        ("probe",),
        [((run.name,), durations[run.name]) for run in probes if run.name in durations],
    )


def _per_nic(
    name: str,
    kind: Literal["gauge", "counter"],
    text: str,
    totals: Mapping[str, Totals],
    value: Callable[[Totals], float | None],
) -> Family:
    samples = [
        ((nic,), found) for nic, of_nic in totals.items() if (found := value(of_nic)) is not None
    ]
    return _family(name, kind, text, ("device",), samples)


def _family(
    name: str,
    kind: Literal["gauge", "counter"],
    text: str,
    labels: tuple[str, ...],
    samples: Iterable[tuple[tuple[str, ...], float]],
) -> Family:
    return Family(
        name=f"accelnet_{name}", type=kind, help=text, labels=labels, samples=tuple(samples)
    )
