"""What each VM is called: a report has no host name, so it is the name of its file.  Pure.

`web1.json` is web1.  Where several VMs would have the same name, folders come before it
as far as they must (`eastus/web1`, `westeurope/web1`).  Where all files of a fleet are
called alike (`web1/report.json`, `web2/report.json`), it is the folders that name them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnet_agent.fleet import Place

SUFFIXES = (
    *(".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
    *(".tar.gz", ".tgz"),
)


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
        return [place.name]
    folders = [part for part in place.path.split("/") if part not in ("", ".")]
    stem = stem_of(folders.pop() if folders else place.path)
    return [*folders, stem if place.line is None else f"{stem}:{place.line}"]


def stem_of(name: str) -> str:
    """A file's name without what says that it is a report."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
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
    for attempt in range(2):
        seen: dict[str, int] = {}
        for name in found:
            seen[name] = seen.get(name, 0) + 1
        numbers: dict[str, int] = {}
        for index, name in enumerate(found):
            if seen[name] > 1:
                numbers[name] = numbers.get(name, 0) + 1
                whole = "/".join(parts[index])
                found[index] = whole if attempt == 0 else f"{name} ({numbers[name]})"
    return found
