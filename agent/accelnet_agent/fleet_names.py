"""What each VM is called: a report has no host name, so it is the name of its file.  Pure.

`web1.json` is web1.  Where several VMs would have the same name, folders come before it
as far as they must (`eastus/web1`, `westeurope/web1`).  Where all files of a fleet are
called alike (`web1/report.json`, `web2/report.json`), it is the folders that name them.
"""

from __future__ import annotations

from accelnet_agent.fleet_fields import unicode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accelnet_agent.fleet import Place

REPORTS = (".json.gz", ".json")
STREAMS = (".jsonl.gz", ".jsonl", ".ndjson.gz", ".ndjson")
ARCHIVES = (".tar.gz", ".tgz")
SUFFIXES = (*REPORTS, *STREAMS, *ARCHIVES)  # none before one that ends with it


def names(places: Sequence[Place]) -> list[str]:
    """A name for each of the places, no two alike."""
    parts = [_parts(place) for place in places]
    stems: dict[str, list[int]] = {}
    for index, path in enumerate(parts):
        stems.setdefault(path[-1], []).append(index)
    found = [path[-1] for path in parts]
    for same in stems.values():
        if len(same) > 1:
            paths = [parts[index] for index in same]
            tails = _tails(_without_tail(paths) if len(stems) == 1 else paths)
            for index, tail in zip(same, tails, strict=True):
                found[index] = tail
    return _unlike(found, parts)


def _parts(place: Place) -> list[str]:
    if place.name is not None:
        return [unicode(place.name)]
    path = unicode(place.path)
    folders = [part for part in path.split("/") if part not in ("", ".")]
    stem = stem_of(folders.pop() if folders else path)
    return [*folders, f"{stem}{place.position}"]


def stem_of(name: str) -> str:
    """A file's name without what says that it is a report."""
    for suffix in SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return name[: -len(suffix)]
    return name


def _without_tail(paths: list[list[str]]) -> list[list[str]]:
    """What all paths end with, taken away; something is left of each."""
    while min(map(len, paths)) > 1 and len({path[-1] for path in paths}) == 1:
        paths = [path[:-1] for path in paths]
    return paths


def _tails(paths: list[list[str]]) -> list[str]:
    """As many last parts as tell all of them apart; the whole paths where none do."""
    deepest = max(map(len, paths))
    for depth in range(1, deepest):
        tails = ["/".join(path[-depth:]) for path in paths]
        if len(set(tails)) == len(tails):
            return tails
    return ["/".join(path) for path in paths]


def _unlike(found: list[str], parts: list[list[str]]) -> list[str]:
    """The same, but whole paths, and then numbers, where two are alike still."""
    often = _counts(found)
    whole = [
        "/".join(path) if often[name] > 1 else name for name, path in zip(found, parts, strict=True)
    ]
    often, used, numbers = _counts(whole), set(whole), dict.fromkeys(whole, 0)
    unlike: list[str] = []
    for name in whole:
        new = name
        while often[name] > 1 and new in used:
            numbers[name] += 1
            new = f"{name} ({numbers[name]})"
        used.add(new)
        unlike.append(new)
    return unlike


def _counts(found: Iterable[str]) -> dict[str, int]:
    often: dict[str, int] = {}
    for name in found:
        often[name] = often.get(name, 0) + 1
    return often
