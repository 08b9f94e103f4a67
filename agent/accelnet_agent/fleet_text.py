"""A fleet for people: ASCII, worst first, as wide as the terminal."""

from __future__ import annotations

from accelnet_agent.fleet_groups import DIMENSIONS
from accelnet_agent.fleet_report import VERDICTS
from accelnet_agent.fleet_tables import checks_table, groups_table, vms_table
from accelnet_agent.summary import percent
from accelnet_agent.text_lines import clean, command, counted, filled, paint
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from accelnet_agent.fleet_groups import Cause
    from accelnet_agent.fleet_report import Said
    from accelnet_agent.fleet_summary import Finding, Summary

DEFAULT = ("check", "size", "kernel", "driver")
ROWS = 12  # of a table that was not asked for
EXAMPLES = 3  # names of VMs
ENTRIES = 5  # of what is left out


class Screen(Record):
    """What it is shown on."""

    columns: int = 80
    colour: bool = False


def render(summary: Summary, by: Sequence[str] = (), screen: Screen | None = None) -> str:
    """The whole summary as text with a final newline.

    With `by` the tables that were asked for, whole; without some tables, as many rows as
    can be seen at a glance, and what is to be done.
    """
    screen = screen or Screen()
    parts = [_headline(summary, screen), _verdicts(summary, screen)]
    rows = None if by else ROWS
    parts += [_table(key, summary, rows, screen.columns) for key in by or DEFAULT]
    if not by:
        parts += [_finding(found, summary, screen) for found in summary.findings if found.decides]
        parts.append(_quiet([found for found in summary.findings if not found.decides], screen))
    parts += _left_out(summary, screen)
    shown = ["\n".join(lines) for part in parts if (lines := list(part))]
    return "\n\n".join(shown) + "\n"


def _table(key: str, summary: Summary, rows: int | None, columns: int) -> Iterator[str]:
    if key == "check":
        return checks_table(summary.checks, columns, quiet=rows is None)
    if key == "vm":
        return vms_table(summary.vms, columns)
    return groups_table(key, summary.groups[key], rows, columns)


def _headline(summary: Summary, screen: Screen) -> Iterator[str]:
    word = paint(f"{summary.verdict.upper()}:", summary.verdict, colour=screen.colour)
    yield from filled(_reason(summary), f"{word} ", len(summary.verdict) + 2, screen.columns)
    when = summary.newest
    if summary.oldest != summary.newest:
        when = f"{summary.oldest} to {summary.newest}"
    text = f"{counted(summary.reports, 'report')}, observed {when}{_doubts(summary)}"
    yield from filled(text, "  ", 2, screen.columns)


def _reason(summary: Summary) -> str:
    """Why the verdict is what it is."""
    whole = summary.whole
    found = whole.verdicts[summary.verdict]
    if summary.verdict == "pass":
        return f"all of {counted(whole.vms, 'VM')} pass"
    if found:
        words = {"fail": "fail", "warn": "have a warning"}
        said = words.get(summary.verdict, "could not be judged")
        return f"{found:,} of {counted(whole.vms, 'VM')} {said}"
    if summary.verdict == "unknown":
        return f"{counted(summary.unreadable.count, 'report')} could not be read"
    count = len(summary.stale) + len(summary.ahead)
    return f"{counted(count, 'report')} {'is' if count == 1 else 'are'} too old, or of the future"


def _doubts(summary: Summary) -> str:
    """How much there is at the end of it all."""
    return "".join(
        f"; {count:,} {what}"
        for count, what in (
            (summary.unreadable.count, "could not be read"),
            (len(summary.stale), "old"),
            (len(summary.ahead), "of the future"),
            (summary.superseded.count, "left out for newer ones"),
        )
        if count
    )


def _verdicts(summary: Summary, screen: Screen) -> Iterator[str]:
    whole = summary.whole
    for verdict in VERDICTS:
        count = whole.verdicts[verdict]
        word = paint(f"{verdict:<7}", verdict, colour=screen.colour and count > 0)
        yield f"  {word} {count:>9,}  {_share(count, whole.vms):>7}"
    nics = ", ".join(f"{count:,} {state}" for state, count in summary.nics.items() if count)
    yield from filled(f"data path of the NICs: {nics or 'no NIC'}", "  ", 4, screen.columns)
    by_vf, past = whole.sent or (0, 0)
    if by_vf + past:
        part = percent(by_vf, past)
        text = f"{part} of {by_vf + past:,} packets sent in the windows went by the VF"
        yield from filled(text, "  ", 4, screen.columns)


def _share(count: int, all_of_them: int) -> str:
    return percent(count, all_of_them - count)


def _finding(finding: Finding, summary: Summary, screen: Screen) -> Iterator[str]:
    word = paint(f"{finding.status.upper():<7}", finding.status, colour=screen.colour)
    vms = len(finding.vms)
    share = _share(vms, summary.whole.vms)
    text = f"{finding.check}  {counted(vms, 'VM')} ({share}): {_some(finding.vms)}"
    yield from filled(clean(text), f"{word} ", 8, screen.columns)
    for cause in finding.causes:
        yield from filled(clean(_cause(cause, vms)), " " * 8, 8, screen.columns)
    if finding.said is not None:
        yield from _said(f"{finding.example}", finding.said, screen.columns)
    yield f"        more: accelnet-check --explain {finding.check}"


def _cause(cause: Cause, vms: int) -> str:
    which = "all of them" if cause.found == vms else f"{cause.found:,} of them"
    having = counted(cause.vms, "VM")
    return f"{which} have {DIMENSIONS[cause.key]} {cause.name}, which {having} have"


def _some(names: Sequence[str]) -> str:
    more = len(names) - EXAMPLES
    shown = ", ".join(names[:EXAMPLES])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _said(name: str, said: Said, columns: int) -> Iterator[str]:
    text = clean(f"{name}, {said.subject}: {said.summary}")
    yield from filled(text, " " * 8, 8, columns)
    for line in said.remedy.split("\n") if said.remedy is not None else ():
        text = clean(line)
        if text.startswith("  "):
            yield from command(text.strip(), 10, columns)
        else:
            yield from filled(text, " " * 8, 8, columns)


def _quiet(findings: Iterable[Finding], screen: Screen) -> Iterator[str]:
    """What could not be seen and decides nothing: a line each."""
    for finding in findings:
        seen = f"could not be seen on {counted(len(finding.vms), 'VM')}"
        text = f"{finding.check}  {seen}: {_some(finding.vms)}"
        yield from filled(clean(text), "unknown ", 8, screen.columns)


def _left_out(summary: Summary, screen: Screen) -> Iterator[Iterator[str]]:
    """What the numbers above leave out, or rest on."""
    unreadable, passed_over = summary.unreadable, summary.passed_over
    superseded = summary.superseded
    days = counted(summary.stale_after, "day")
    for title, count, entries in (
        (
            f"{counted(unreadable.count, 'report')} could not be read",
            unreadable.count,
            [f"{what}: {why}" for what, why in unreadable.first[:ENTRIES]],
        ),
        (
            f"{counted(len(summary.stale), 'VM')} observed over {days} before the newest",
            len(summary.stale),
            [f"{name}: {at}" for name, at in summary.stale[:ENTRIES]],
        ),
        (
            f"{counted(len(summary.ahead), 'VM')} observed later than now, so a clock is wrong",
            len(summary.ahead),
            [f"{name}: {at}" for name, at in summary.ahead[:ENTRIES]],
        ),
        (
            f"{counted(superseded.count, 'report')} left out for a newer one of the same VM",
            superseded.count,
            [f"{old}, for {new}" for old, new in superseded.first[:ENTRIES]],
        ),
        (
            f"{counted(passed_over.count, 'other file')} passed over",
            passed_over.count,
            [f"{what}: {why}" for what, why in passed_over.first[:ENTRIES]],
        ),
    ):
        if count:
            yield _entries(f"{title}:", entries, count, screen.columns)


def _entries(title: str, entries: Sequence[str], count: int, columns: int) -> Iterator[str]:
    yield title
    for entry in entries:
        yield from filled(clean(entry), "  ", 4, columns)
    if count > len(entries):
        yield f"  and {count - len(entries):,} more: --format json names them"
