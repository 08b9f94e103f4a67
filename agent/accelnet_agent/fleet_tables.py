"""The tables of a fleet: checks, groups of VMs, and VMs.  Pure."""

from __future__ import annotations

from accelnet_agent.fleet_groups import DIMENSIONS
from accelnet_agent.fleet_report import VERDICTS
from accelnet_agent.summary import WORST_FIRST, percent
from accelnet_agent.text_lines import clean, filled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelnet_agent.fleet import Vm
    from accelnet_agent.fleet_groups import Group

NOT_KNOWN = "not known"
ROOM = 28  # of names, so that tables stand below each other


def checks_table(
    checks: Mapping[str, Mapping[str, int]], columns: int, *, quiet: bool
) -> Iterator[str]:
    """On how many VMs each check says what; without `quiet` only where something is not well."""
    shown = {
        check: counts
        for check, counts in checks.items()
        if quiet or any(counts[status] for status in ("fail", "unknown", "warn"))
    }
    if shown:
        heads = "".join(f"{status:>9}" for status in WORST_FIRST)
        yield from _rows(
            "check",
            heads,
            [
                (check, "".join(f"{counts[status]:>9,}" for status in WORST_FIRST))
                for check, counts in shown.items()
            ],
            columns,
        )


def groups_table(
    key: str, groups: Sequence[Group], rows: int | None, columns: int
) -> Iterator[str]:
    """The VMs of each group by verdict, and the share of packets that went by the VF."""
    heads = f"{'VMs':>9}{'fail':>8}{'unknown':>9}{'warn':>8}{'pass':>9}{'by VF':>9}"
    shown = groups[:rows]
    numbers = [(group.name, _numbers(group)) for group in shown]
    yield from _rows(DIMENSIONS[key], heads, numbers, columns)
    if len(groups) > len(shown):
        yield f"and {len(groups) - len(shown):,} more: --by {key} shows all"


def _numbers(group: Group) -> str:
    found, (by_vf, past) = group.verdicts, group.sent or (0, 0)
    sent = percent(by_vf, past) if by_vf + past else "-"
    return (
        f"{group.vms:>9,}{found['fail']:>8,}{found['unknown']:>9,}{found['warn']:>8,}"
        f"{found['pass']:>9,}{sent:>9}"
    )


def _rows(
    title: str, heads: str, rows: Sequence[tuple[str | None, str]], columns: int
) -> Iterator[str]:
    """A name each, cut where it is too long, and its numbers."""
    names = [clean(NOT_KNOWN if name is None else name) for name, _ in rows]
    room = min(max(ROOM, *map(len, names)), columns - len(heads))
    yield f"{_cut(title, room):<{room}}{heads}"
    for name, (_, numbers) in zip(names, rows, strict=True):
        yield f"{_cut(name, room):<{room}}{numbers}"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 2]}.."


def vms_table(vms: Sequence[tuple[str, Vm]], columns: int) -> Iterator[str]:
    """A line for each VM that does not pass, worst first: name, size, kernel, checks."""
    for verdict in VERDICTS[:-1]:
        for name, vm in vms:
            if vm.state.verdict == verdict:
                checks = [check for check, status in vm.state.loud if status == verdict]
                host = f"{vm.host.size or NOT_KNOWN}, {vm.host.kernel or NOT_KNOWN}"
                text = f"{name} ({host}): {', '.join(checks) or 'no check says why'}"
                yield from filled(clean(text), f"{verdict:<7} ", 8, columns)
