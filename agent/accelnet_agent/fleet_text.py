"""A fleet for people: ASCII, worst first, as wide as the terminal."""

from __future__ import annotations

from accelnet_agent.fleet_report import VERDICTS
from accelnet_agent.fleet_summary import DIMENSIONS
from accelnet_agent.summary import percent
from accelnet_agent.text_lines import clean, command, paint, wrapped
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from accelnet_agent.findings import Status
    from accelnet_agent.fleet_report import Said
    from accelnet_agent.fleet_summary import CheckCount, Group, Summary

DEFAULT = ("size", "kernel", "driver")
ROWS = 12  # of a table that was not asked for
EXAMPLES = 3  # names of VMs
ENTRIES = 5  # of what is left out


class Screen(Record):
    """What it is shown on."""

    columns: int = 80
    colour: bool = False


def render(summary: Summary, by: Sequence[str] = (), screen: Screen | None = None) -> str:
    """The whole summary as text with a final newline."""
    screen = screen or Screen()
    lines = [*_headline(summary, screen), "", *_verdicts(summary, screen), ""]
    quiet: list[CheckCount] = []
    for status, check in _loud(summary.checks):
        if _decides(check, status):
            lines += [*_check(check, status, summary, screen), ""]
        else:
            quiet.append(check)
    lines += _quiet(quiet, screen)
    for key in by or DEFAULT:
        rows = None if by else ROWS
        lines += [*_table(DIMENSIONS[key], summary.groups[key], rows, screen), ""]
    lines += _wary(summary, screen)
    while lines[-1] == "":
        lines.pop()
    return "\n".join(lines) + "\n"


def counted(count: int, what: str) -> str:
    """ "1 VM", "9,988 VMs"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _headline(summary: Summary, screen: Screen) -> Iterator[str]:
    word = paint(f"{summary.verdict.upper()}:", summary.verdict, colour=screen.colour)
    yield from wrapped(_reason(summary), f"{word} ", len(summary.verdict) + 2, screen.columns)
    when = summary.newest
    if summary.oldest != summary.newest:
        when = f"{summary.oldest} to {summary.newest}"
    whole = f"{counted(summary.whole.vms, 'VM')} in {counted(summary.reports, 'report')}"
    yield from wrapped(f"{whole}, observed {when}", "  ", 2, screen.columns)


def _reason(summary: Summary) -> str:
    """Why the verdict is what it is."""
    whole = summary.whole
    found = whole.verdicts[summary.verdict]
    if summary.verdict == "pass":
        return f"all {counted(whole.vms, 'VM')} pass" if whole.vms > 1 else "the one VM passes"
    if found:
        words = {"fail": "accelerated networking fails", "warn": "there is a warning"}
        said = words.get(summary.verdict, "it could not be seen")
        return f"{said} on {found:,} of {counted(whole.vms, 'VM')}"
    if summary.verdict == "unknown":
        return f"{counted(summary.unreadable.count, 'report')} could not be read"
    return f"{counted(len(summary.stale) + len(summary.ahead), 'report')} not of today"


def _verdicts(summary: Summary, screen: Screen) -> Iterator[str]:
    whole = summary.whole
    for verdict in VERDICTS:
        count = whole.verdicts[verdict]
        word = paint(f"{verdict:<7}", verdict, colour=screen.colour and count > 0)
        yield f"  {word} {count:>9,}  {_share(count, whole.vms):>7}"
    nics = ", ".join(f"{count:,} {state}" for state, count in summary.nics.items() if count)
    yield from wrapped(f"data path of the NICs: {nics or 'no NIC'}", "  ", 4, screen.columns)
    by_vf, past = whole.sent or (0, 0)
    if by_vf + past:
        part = percent(by_vf, past)
        yield f"  {part} of {by_vf + past:,} packets sent in the windows went by the VF"


def _share(count: int, all_of_them: int) -> str:
    return percent(count, all_of_them - count)


def _loud(checks: Sequence[CheckCount]) -> list[tuple[Status, CheckCount]]:
    """What is not well: worst first, then what most VMs have."""
    found: list[tuple[Status, CheckCount]] = []
    for check in checks:
        for status in check.vms:
            found.append((status, check))  # noqa: PERF401  pyright loses the type of status
    return sorted(
        found,
        key=lambda pair: (VERDICTS.index(pair[0]), -pair[1].statuses[pair[0]], pair[1].check),
    )


def _decides(check: CheckCount, status: Status) -> bool:
    """A recommended check that could not be made decides nothing."""
    said = check.said.get(status)
    return status != "unknown" or said is None or said[1].level == "required"


def _check(check: CheckCount, status: Status, summary: Summary, screen: Screen) -> Iterator[str]:
    names = check.vms[status]
    word = paint(f"{status.upper():<7}", status, colour=screen.colour)
    share = _share(len(names), summary.whole.vms)
    text = f"{check.check}  {counted(len(names), 'VM')} ({share}): {_some(names)}"
    yield from wrapped(clean(text), f"{word} ", 8, screen.columns)
    if status in check.said:
        yield from _said(*check.said[status], screen)
    yield f"        more: accelnet-check --explain {check.check}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - EXAMPLES
    shown = ", ".join(names[:EXAMPLES])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _said(name: str, said: Said, screen: Screen) -> Iterator[str]:
    text = clean(f"{name} says of {said.subject}: {said.summary}")
    yield from wrapped(text, " " * 8, 8, screen.columns)
    for line in said.remedy.split("\n") if said.remedy is not None else ():
        text = clean(line)
        if text.startswith("  "):
            yield from command(text.strip(), 10, screen.columns)
        else:
            yield from wrapped(text, " " * 8, 8, screen.columns)


def _quiet(checks: Sequence[CheckCount], screen: Screen) -> Iterator[str]:
    """What could not be seen and decides nothing: a line each."""
    for check in checks:
        names = check.vms["unknown"]
        text = f"{check.check}  could not be seen on {counted(len(names), 'VM')}: {_some(names)}"
        yield from wrapped(clean(text), "unknown ", 8, screen.columns)
    if checks:
        yield ""


def _table(title: str, groups: Sequence[Group], rows: int | None, screen: Screen) -> Iterator[str]:
    numbers = f"{'VMs':>9}{'fail':>8}{'unknown':>9}{'warn':>8}{'pass':>9}{'by VF':>9}"
    shown = groups[:rows]
    longest = max(len(title), *(len(group.name) for group in shown))
    room = min(longest, screen.columns - len(numbers))
    yield f"{title[:room]:<{room}}{numbers}"
    for group in shown:
        name = clean(group.name)
        name = name if len(name) <= room else f"{name[: room - 2]}.."
        found, (by_vf, past) = group.verdicts, group.sent or (0, 0)
        sent = percent(by_vf, past) if by_vf + past else "-"
        yield (
            f"{name:<{room}}{group.vms:>9,}{found['fail']:>8,}{found['unknown']:>9,}"
            f"{found['warn']:>8,}{found['pass']:>9,}{sent:>9}"
        )
    if len(groups) > len(shown):
        yield f"and {len(groups) - len(shown):,} more: --by shows all of them"


def _wary(summary: Summary, screen: Screen) -> Iterator[str]:
    """What the numbers above leave out, or rest on."""
    unreadable, passed_over = summary.unreadable, summary.passed_over
    stale = counted(len(summary.stale), "VM")
    for title, count, entries in (
        (
            f"{counted(unreadable.count, 'report')} could not be read",
            unreadable.count,
            [f"{what}: {why}" for what, why in unreadable.first],
        ),
        (
            f"{stale} observed over {summary.stale_after} days before the newest",
            len(summary.stale),
            [f"{name}: {at}" for name, at in summary.stale],
        ),
        (
            f"{counted(len(summary.ahead), 'VM')} observed later than now: a clock is wrong",
            len(summary.ahead),
            [f"{name}: {at}" for name, at in summary.ahead],
        ),
        (
            f"{counted(len(summary.superseded), 'report')} left out for a newer one of the same VM",
            len(summary.superseded),
            [f"{old}, for {new}" for old, new in summary.superseded],
        ),
        (
            f"{counted(passed_over.count, 'other file')} passed over",
            passed_over.count,
            [f"{what}: {why}" for what, why in passed_over.first],
        ),
    ):
        if count:
            yield f"{title}:"
            for entry in entries[:ENTRIES]:
                yield from wrapped(clean(entry), "  ", 4, screen.columns)
            if count > ENTRIES:
                yield f"  and {count - ENTRIES:,} more"
            yield ""
