"""The distribution's release is on a list that Microsoft published, or later than one there.

Three editions of the list count, the oldest included: a release that left the list
still works.  Which list says so, and its date, is in the evidence.

Release numbers compare only inside one distribution.  A derived one (ID_LIKE) has
numbers of its own, so only an entry without a number covers it: Flatcar is like CoreOS.
"""

from __future__ import annotations

from accelnet_agent.commands import do
from accelnet_agent.data.os_releases import LISTS, MAJOR_ONLY, SAME_RELEASES
from accelnet_agent.findings import Check, passed, skipped, unknown, warned
from accelnet_agent.versions import compare_kernels, compare_numeric, parse_kernel
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.data.os_releases import KernelCondition, Listed, PublishedList
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine
    from accelnet_probes.snapshot import OsRelease

    Entries = list[tuple[PublishedList, Listed]]

_REMEDY = (
    "Move to a release that is listed (learn.microsoft.com, Accelerated Networking overview, "
    "supported operating systems)."
)


def judge(machine: Machine) -> Judgement:
    """Judge the release by every published list, the newest first."""
    os_release = need(machine.snapshot.os_release)
    if os_release is None or os_release.id is None:
        return skipped("no distribution is known: there is no os-release", found=None)
    version = os_release.point_release or os_release.version_id
    found = f"{os_release.id} {version or ''}".rstrip()
    entries = _entries(os_release.id, os_release.id_like)
    if not entries:
        return _unlisted(found)

    named = [(listing, entry) for listing, entry in entries if _names(entry, version)]
    kernel = known(machine.snapshot.kernel_release)
    for listing, entry in named:
        if entry.kernel is None or _meets(kernel, entry.kernel):
            like = "" if entry.id in found else f"like {entry.id}, which is "
            return _listed(f"{found} is {like}on the list of {listing.date}", found, listing, entry)
    later = None if version is None else _later(version, entries)
    if version is None or later is None:
        return _without_number(os_release, found, entries)
    if later:
        listing, entry = next((pair for pair in later if pair[1].later), later[0])
        than = f'"{entry.version} or later"' if entry.later else f"later than {entry.version}"
        return _listed(f"{found} is {than} on the list of {listing.date}", found, listing, entry)
    if os_release.id in MAJOR_ONLY and any(_is_major_of(version, entry) for _, entry in entries):
        ours, least = parse_kernel(kernel or ""), parse_kernel(MAJOR_ONLY[os_release.id])
        if ours and least and compare_kernels(ours, least) in (0, 1):
            listing, entry = entries[-1]
            summary = f"{found} has the kernel of {entry.id} {entry.version} or later"
            return _listed(summary, found, listing, entry)
        return unknown(
            f"which minor release of {found} this is could not be seen",
            remedy=do(
                "See what it says:", "cat /etc/os-release /etc/centos-release /etc/redhat-release"
            ),
            found=found,
        )
    if any(entry.version is not None for _, entry in named):
        return _without_its_kernel(machine, found, named)
    return _unlisted(found)


def _listed(summary: str, found: str, listing: PublishedList, entry: Listed) -> Judgement:
    return passed(
        summary,
        found=found,
        list=listing.date,
        listed=f"{entry.id} {entry.version or ''}".rstrip(),
        source=listing.source,
    )


def _unlisted(found: str) -> Judgement:
    return warned(
        f"{found} is on no published list of supported releases",
        remedy=_REMEDY,
        found=found,
        lists=[listing.date for listing in LISTS],
    )


def _without_its_kernel(machine: Machine, found: str, named: Entries) -> Judgement:
    names = ", or ".join(sorted({entry.kernel.name for _, entry in named if entry.kernel}))
    return warned(
        f"{found} is listed only with {names}",
        remedy=f"Install {names} and reboot. {_REMEDY}",
        found=found,
        kernel=need(machine.snapshot.kernel_release),
    )


def _without_number(os_release: OsRelease, found: str, entries: Entries) -> Judgement:
    # Debian testing and unstable have no VERSION_ID; they call themselves "forky/sid".
    if "/sid" in (os_release.pretty_name or ""):
        listing, entry = entries[0]
        summary = f"{os_release.pretty_name} is later than every listed release of {found}"
        return _listed(summary, found, listing, entry)
    return unknown(
        f"{found} is listed by release, and this one has no number that compares",
        remedy=do("See what it says:", "cat /etc/os-release"),
        found=found,
    )


def _entries(distribution: str, like: tuple[str, ...]) -> Entries:
    name = SAME_RELEASES.get(distribution, distribution)
    return [
        (listing, entry)
        for listing in LISTS
        for entry in listing.entries
        if entry.id == name or (entry.id in like and entry.any_release)
    ]


def _meets(release: str | None, condition: KernelCondition) -> bool:
    if release is None or condition.contains not in release:
        return False
    if condition.lacks is not None and condition.lacks in release:
        return False
    if condition.at_least is None:
        return True
    kernel = parse_kernel(release)
    return kernel is not None and compare_numeric(kernel.base, condition.at_least) >= 0


def _names(entry: Listed, version: str | None) -> bool:
    """The entry names this very release; 7.4.1708 is 7.4."""
    if entry.version is None or version is None:
        return entry.version is None
    return compare_numeric(version, entry.version) == 0 or version.startswith(entry.version + ".")


def _later(version: str, entries: Entries) -> Entries | None:
    """Entries whose release this one is later than; None where it is no number."""
    # Imported here: the usual releases are listed by number and do without.
    from packaging.version import InvalidVersion, Version

    # What is listed with one kernel only says nothing of the releases after it, nor
    # does "7" against 7.4.
    try:
        release = Version(version)
        return [
            (listing, entry)
            for listing, entry in entries
            if entry.version is not None
            and entry.kernel is None
            and not _is_major_of(version, entry)
            and release > Version(entry.version)
        ]
    except InvalidVersion:
        return None


def _is_major_of(version: str, entry: Listed) -> bool:
    return entry.version is not None and entry.version.startswith(version + ".")


CHECK = Check(
    id="os-supported",
    title="The distribution's release is listed as supported",
    level="recommended",
    judge_host=judge,
)
