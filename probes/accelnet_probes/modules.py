"""Kernel modules as a kernel would find them: by alias, file or built in.

/lib/modules/<release>/modules.{alias,dep,builtin,builtin.modinfo} (depmod(8),
Documentation/kbuild/kbuild.rst), /sys/module.  A number of a kernel says
nothing here: an Azure Linux kernel above the minimum was built without
CONFIG_MICROSOFT_MANA.

The tables are megabytes: each is read once and searched as bytes.
"""

from __future__ import annotations

import errno

from accelnet_probes import module_search, sysfs
from accelnet_probes.hardware import DRIVERS
from accelnet_probes.record import Record
from accelnet_probes.snapshot import Gap, Module, ModuleTree, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

FOLDERS = ("lib/modules", "usr/lib/modules")  # an image may lack the link between them


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
        for start in module_search.starts(alias):
            if start not in entries:
                entries[start] = module_search.entries(start, table or b"", modinfo)
            found_by_alias += module_search.answering(alias, entries[start])
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


def _path(
    files: Files, found: Tables, order: Observed[bytes | None], name: str
) -> Observed[str | None]:
    """The module's path below its folder, if modules.dep lists it; a Gap without that file."""
    if isinstance(found.dep, Gap):
        return found.dep
    if found.dep is not None:
        return module_search.listed(found.dep, name)
    if not isinstance(order, bytes):
        return Gap(asked=True, why=f"/{found.folder}/modules.dep: ENOENT")
    # A package before depmod has run: its build's list, whose files were compressed after it.
    path = module_search.listed(order, name)
    stem = (path or "").partition(".ko")[0]
    for suffix in module_search.SUFFIXES if path else ():
        if is_there(files, f"{found.folder}/{stem}{suffix}"):
            return stem + suffix
    return path


def _is_builtin(found: Tables, name: str) -> Observed[bool]:
    """modules.builtin lists a path for each module that the kernel contains."""
    if found.builtin is None:
        return Gap(asked=True, why=f"/{found.folder}/modules.builtin: ENOENT")
    if isinstance(found.builtin, Gap):
        return found.builtin
    return module_search.listed(found.builtin, name) is not None


def has_ethernet(files: Files, found: Tables, release: str) -> bool | None:
    """Whether mlx5_core drives Ethernet, by its aliases, else by the kernel's configuration."""
    told = module_search.has_ethernet(known(found.alias) or b"", known(found.modinfo) or b"")
    if told is not None:
        return told
    for path in (f"boot/config-{release}", f"{found.folder}/config"):
        config = known(_bytes(files, path))
        if config is not None:
            return b"\n" + module_search.CONFIG + b"=y" in config
    return None
