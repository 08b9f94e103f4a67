"""Searching the tables of kernel modules as bytes: they are megabytes.

modules.alias, modules.dep and modules.order have lines, modules.builtin.modinfo
has records that end in NUL.  Nothing here looks at a record twice: a hostile
table of one long line costs its length.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_PATTERNS = 2048
SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")
# Since 5.11 mlx5_core has this alias if it was built with its Ethernet part, and others of the
# auxiliary bus if not (mlx5/core/en_main.c, mlx5e_id_table); before, the configuration tells.
ETHERNET, AUXILIARY = b"auxiliary:mlx5_core.eth", b"auxiliary:mlx5_core."
CONFIG = b"CONFIG_MLX5_CORE_EN"
# Of the tables a recording keeps these aliases, and modules in these places.
_KEPT = (b"pci:v000015B3", b"pci:v00001414", b"pci:v*", b"vmbus:", AUXILIARY[:14])
_PLACES = (b"drivers/net/", b"hyperv", b"updates/", b"extra/", b"mlx", b"mana")


def module_name(path: str) -> str | None:
    """ "mlx5_core" of kernel/drivers/.../mlx5_core.ko.xz; None for no module file."""
    name = path.rpartition("/")[2]
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)].replace("-", "_")
    return None


def listed(table: bytes, name: str) -> str | None:
    """The path that a line begins with and that is called `name`; the last of several."""
    path: str | None = None
    for spelled in dict.fromkeys((name, name.replace("_", "-"))):
        if path is not None:
            break
        for line in _records(table, f"{spelled}.ko".encode(), b"\n"):
            found = line.partition(b":")[0].decode("utf-8", "replace")
            if module_name(found) == name:
                path = found
    return path


def has_ethernet(aliases: bytes, builtin: bytes) -> bool | None:
    """Whether the aliases of mlx5_core show its Ethernet part; None where they tell nothing."""
    if b"alias " + AUXILIARY in aliases or b".alias=" + AUXILIARY in builtin:
        return b"alias " + ETHERNET + b" " in aliases or b".alias=" + ETHERNET + b"\0" in builtin
    return None


def entries(start: str, table: bytes, info: bytes) -> list[tuple[str, str]]:
    """(pattern, module) of modules.alias and modules.builtin.modinfo, that begin so."""
    needle = start.encode("utf-8", "replace")
    found: list[tuple[str, str]] = []
    for record in _records(table, b"alias " + needle, b"\n"):
        words = record.decode("utf-8", "replace").split(" ", 2)
        if words[0] == "alias" and len(words) > 2:
            found.append((words[1], words[2]))
    for record in _records(info, b".alias=" + needle, b"\0"):
        module, _, pattern = record.decode("utf-8", "replace").partition(".alias=")
        found.append((pattern, module))
    return found


def starts(alias: str) -> tuple[str, ...]:
    """How the patterns begin that may match: of this vendor, or of any."""
    start = alias[:13]  # "pci:v000015B3"
    return (start, "pci:v*") if start.startswith("pci:v") else (start,)


def answering(alias: str, patterns: Iterable[tuple[str, str]]) -> list[str]:
    """The modules of the patterns that match, as fnmatch(3) reads them."""
    found: list[str] = []
    tried = 0
    for pattern, module in patterns:
        literal = pattern[: min(pattern.find(sign) % (len(pattern) + 1) for sign in "*?[")]
        # A vendor has some dozens of patterns; compiling each of a hostile table takes minutes.
        if not alias.startswith(literal) or tried == MAX_PATTERNS:
            continue
        if alias == pattern or pattern[len(literal) :] == "*sd*bc*sc*i*":
            found.append(module.strip().replace("-", "_"))
            continue
        from fnmatch import fnmatchcase  # pulls in `re`, and compiles each pattern

        tried += 1
        if fnmatchcase(alias, pattern):
            found.append(module.strip().replace("-", "_"))
    return found


def _records(table: bytes, needle: bytes, end: bytes) -> Iterator[bytes]:
    """The records of `table` that hold `needle`, each once."""
    at = table.find(needle)
    while at >= 0:
        start = table.rfind(end, 0, at) + 1
        stop = table.find(end, at)
        stop = stop if stop >= 0 else len(table)
        yield table[start:stop]
        at = table.find(needle, stop)


def excerpt(key: str, table: bytes) -> bytes:
    """What a recording keeps of a table of megabytes: whatever may answer for a VF."""
    if "config" in key.rpartition("/")[2]:
        return b"\n" + b"".join(line for line in table.splitlines(keepends=True) if CONFIG in line)
    kind = key.rpartition("/modules.")[2]
    if kind == "alias":
        lines = table.splitlines(keepends=True)
        return b"".join(line for line in lines if line[6:].startswith(_KEPT))
    if kind in ("dep", "order", "builtin"):
        paths = [line.partition(b":")[:2] for line in table.splitlines()]
        return b"".join(
            path + colon + b"\n" for path, colon in paths if any(p in path for p in _PLACES)
        )
    if kind == "builtin.modinfo":
        return b"".join(
            record + b"\0"
            for record in table.split(b"\0")
            if record.partition(b".alias=")[2].startswith(_KEPT)
        )
    return table
