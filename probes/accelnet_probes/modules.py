"""Kernel modules as a kernel would find them: by alias, file or built in.

/lib/modules/<release>/modules.{alias,dep,builtin,builtin.modinfo} (depmod(8),
Documentation/kbuild/kbuild.rst), /sys/module.  A number of a kernel says
nothing here: an Azure Linux kernel above the minimum was built without
CONFIG_MICROSOFT_MANA.

The tables are megabytes: each is read once and searched as bytes.
"""

from __future__ import annotations

import errno

from accelnet_probes import sysfs
from accelnet_probes.hardware import DRIVERS
from accelnet_probes.record import Record
from accelnet_probes.snapshot import Gap, Module, ModuleTree, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

FOLDERS = ("lib/modules", "usr/lib/modules")  # an image may lack the link between them
MAX_PATTERNS = 2048
SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")
# Since 5.11 mlx5_core has this alias if it was built with its Ethernet part, and others of the
# auxiliary bus if not (mlx5/core/en_main.c, mlx5e_id_table).
_ETHERNET, _AUXILIARY = b"auxiliary:mlx5_core.eth", b"auxiliary:mlx5_core."
# Of the tables a recording keeps these aliases, and modules in these places.
_KEPT = (b"pci:v000015B3", b"pci:v00001414", b"pci:v*", b"vmbus:", _AUXILIARY[:14])
_PLACES = (b"drivers/net/", b"hyperv", b"updates/", b"extra/", b"mlx", b"mana")
_CONFIG = b"CONFIG_MLX5_CORE_EN"


class Tables(Record):
    """What depmod and the kernel's build wrote about one kernel's modules."""

    folder: str
    alias: Observed[bytes | None]  # modules.alias
    dep: Observed[bytes | None]  # modules.dep
    builtin: Observed[bytes | None]  # modules.builtin
    modinfo: Observed[bytes | None]  # modules.builtin.modinfo


def installed(files: Files) -> Observed[tuple[str, ...]]:
    """The kernels that have a folder of modules."""
    for folder in FOLDERS:
        found = sysfs.names(files, folder)
        if isinstance(found, Gap):
            return found
        if found:
            kernels = tuple(name for name in found if _is_kernel(files, f"{folder}/{name}"))
            return kernels or found
    return ()


def _is_kernel(files: Files, folder: str) -> bool:
    """A kernel that was removed may leave modules of others behind (dkms)."""
    found = known(sysfs.names(files, folder)) or ()
    return "kernel" in found or any(name.startswith("modules.") for name in found)


def tables(files: Files, release: str) -> Tables:
    """Each table of `release`, read once."""
    folder = f"{FOLDERS[0]}/{release}"
    if sysfs.names(files, folder) is None and sysfs.names(files, f"{FOLDERS[1]}/{release}"):
        folder = f"{FOLDERS[1]}/{release}"
    return Tables(
        folder=folder,
        alias=_bytes(files, f"{folder}/modules.alias"),
        dep=_bytes(files, f"{folder}/modules.dep"),
        builtin=_bytes(files, f"{folder}/modules.builtin"),
        modinfo=_bytes(files, f"{folder}/modules.builtin.modinfo"),
    )


def probe(files: Files, release: str | None, aliases: Iterable[str]) -> Observed[ModuleTree]:
    """The accelerated networking drivers, and what answers to each of `aliases`."""
    if not release or "/" in release:
        return Gap(asked=True, why="the kernel release, which names /lib/modules, is not known")
    return tree(files, tables(files, release), aliases)


def tree(
    files: Files, found: Tables, aliases: Iterable[str], *, running: bool = True
) -> ModuleTree:
    """The same of tables that were read; only of the running kernel a module can be loaded."""
    by_alias: dict[str, tuple[str, ...]] = {}
    table, modinfo = known(found.alias), known(found.modinfo) or b""
    entries: dict[str, list[tuple[str, str]]] = {}
    # Without the table nobody can be said not to answer.
    for alias in () if table is None else aliases:
        found_by_alias: list[str] = []
        for start in _starts(alias):
            if start not in entries:
                entries[start] = [*_aliases(start, table or b""), *_builtin(start, modinfo)]
            found_by_alias += _answering(alias, entries[start])
        by_alias[alias] = tuple(dict.fromkeys(found_by_alias))
    wanted = dict.fromkeys([*DRIVERS, *(name for names in by_alias.values() for name in names)])
    order = _bytes(files, f"{found.folder}/modules.order") if found.dep is None else None
    paths = {name: _path(files, found, order, name) for name in wanted}
    gone = {name for name, path in paths.items() if _is_gone(files, found.folder, path)}
    return ModuleTree(
        modules=tuple(
            Module(
                name=name,
                loaded=running and _loaded(files, name),
                builtin=_is_builtin(found, name),
                file=None if name in gone else path,
                gone=known(path) if name in gone else None,
            )
            for name, path in paths.items()
        ),
        by_alias=by_alias,
        indexed=found.dep is not None,
    )


def _bytes(files: Files, path: str) -> Observed[bytes | None]:
    try:
        return files.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return sysfs.refused(error, path)


def _is_gone(files: Files, folder: str, path: Observed[str | None]) -> bool:
    """A listed file is not there, though the top of its tree is (a bundle may have no tree)."""
    return (
        isinstance(path, str)
        and not is_there(files, f"{folder}/{path}")
        and is_there(files, f"{folder}/{path.partition('/')[0]}")
    )


def is_there(files: Files, path: str) -> bool:
    """A file is there: told by the errno of readlink, without reading it."""
    try:
        files.readlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        return error.errno != errno.ELOOP
    return True


def _loaded(files: Files, name: str) -> Observed[bool]:
    """/sys/module/<name>/initstate of a module; a built-in one has at most the folder."""
    state = sysfs.text(files, f"sys/module/{name}/initstate")
    if state is not None:
        return state if isinstance(state, Gap) else state == "live"
    found = sysfs.names(files, f"sys/module/{name}")
    return found if isinstance(found, Gap) else found is not None


def module_name(path: str) -> str | None:
    """ "mlx5_core" of kernel/drivers/.../mlx5_core.ko.xz; None for no module file."""
    name = path.rpartition("/")[2]
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)].replace("-", "_")
    return None


def _path(
    files: Files, found: Tables, order: Observed[bytes | None], name: str
) -> Observed[str | None]:
    """The module's path below its folder, if modules.dep lists it; a Gap without that file."""
    if isinstance(found.dep, Gap):
        return found.dep
    if found.dep is not None:
        return _listed(found.dep, name)
    if not isinstance(order, bytes):
        return Gap(asked=True, why=f"/{found.folder}/modules.dep: ENOENT")
    # A package before depmod has run: its build's list, whose files were compressed after it.
    path = _listed(order, name)
    stem = (path or "").partition(".ko")[0]
    for suffix in SUFFIXES if path else ():
        if is_there(files, f"{found.folder}/{stem}{suffix}"):
            return stem + suffix
    return path


def _listed(table: bytes, name: str) -> str | None:
    """The path that a line begins with and that is called `name`; the last of several."""
    path: str | None = None
    for spelled in dict.fromkeys((name, name.replace("_", "-"))):
        if path is not None:
            break
        for at in _finds(table, f"{spelled}.ko".encode()):
            start = table.rfind(b"\n", 0, at) + 1
            line = table[start : at + len(spelled) + len(".ko.zst:")].decode("utf-8", "replace")
            listed, *_ = line.partition("\n")[0].partition(":")
            if module_name(listed) == name:
                path = listed
    return path


def _finds(table: bytes, needle: bytes) -> Iterator[int]:
    at = table.find(needle)
    while at >= 0:
        yield at
        at = table.find(needle, at + 1)


def _is_builtin(found: Tables, name: str) -> Observed[bool]:
    """modules.builtin lists a path for each module that the kernel contains."""
    if found.builtin is None:
        return Gap(asked=True, why=f"/{found.folder}/modules.builtin: ENOENT")
    if isinstance(found.builtin, Gap):
        return found.builtin
    return _listed(found.builtin, name) is not None


def has_ethernet(files: Files, found: Tables, release: str) -> bool | None:
    """Whether mlx5_core drives Ethernet, by its aliases, else by the kernel's configuration."""
    aliases = known(found.alias) or b""
    builtin = known(found.modinfo) or b""
    if b"alias " + _AUXILIARY in aliases or b".alias=" + _AUXILIARY in builtin:
        return b"alias " + _ETHERNET + b" " in aliases or b".alias=" + _ETHERNET + b"\0" in builtin
    for path in (f"boot/config-{release}", f"{found.folder}/config"):
        config = known(_bytes(files, path))
        if config is not None:
            return b"\n" + _CONFIG + b"=y" in config
    return None


def _starts(alias: str) -> tuple[str, ...]:
    """How the patterns begin that may match: of this vendor, or of any."""
    start = alias[:13]  # "pci:v000015B3"
    return (start, "pci:v*") if start.startswith("pci:v") else (start,)


def _aliases(start: str, table: bytes) -> Iterator[tuple[str, str]]:
    """modules.alias: "alias <pattern> <module>"."""
    for line in _lines(table, b"alias " + start.encode("utf-8", "replace"), b"\n"):
        words = line.split(" ", 2)
        if line.startswith("alias ") and len(words) > 2:
            yield words[1], words[2]


def _builtin(start: str, info: bytes) -> Iterator[tuple[str, str]]:
    """modules.builtin.modinfo: NUL-separated "<module>.alias=<pattern>"."""
    for record in _lines(info, b".alias=" + start.encode("utf-8", "replace"), b"\0"):
        module, _, pattern = record.partition(".alias=")
        yield pattern, module


def excerpt(key: str, table: bytes) -> bytes:
    """What a recording keeps of a table of megabytes: whatever may answer for a VF."""
    if "config" in key.rpartition("/")[2]:
        return b"\n" + b"".join(line for line in table.splitlines(keepends=True) if _CONFIG in line)
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


def _lines(table: bytes, needle: bytes, end: bytes) -> Iterator[str]:
    """The records of `table` that hold `needle`."""
    for at in _finds(table, needle):
        start = table.rfind(end, 0, at) + 1
        stop = table.find(end, at)
        yield table[start : stop if stop >= 0 else len(table)].decode("utf-8", "replace")


def _answering(alias: str, entries: Iterable[tuple[str, str]]) -> list[str]:
    """The modules of the patterns that match, as fnmatch(3) reads them."""
    found: list[str] = []
    tried = 0
    for pattern, module in entries:
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
