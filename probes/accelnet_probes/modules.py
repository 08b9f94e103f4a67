"""Kernel modules as the running kernel would find them: by alias, file or built in.

/lib/modules/<release>/modules.{alias,dep,builtin,builtin.modinfo} (depmod(8),
Documentation/kbuild/kbuild.rst), /sys/module.  A number of a kernel says
nothing here: an Azure Linux kernel above the minimum was built without
CONFIG_MICROSOFT_MANA.
"""

from __future__ import annotations

from accelnet_probes import sysfs
from accelnet_probes.snapshot import Gap, Module, ModuleTree, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

DRIVERS = ("mlx4_core", "mlx4_en", "mlx5_core", "mana", "pci_hyperv")
MAX_PATTERNS = 2048
SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")


def probe(files: Files, release: str | None, aliases: Iterable[str]) -> Observed[ModuleTree]:
    """The accelerated networking drivers, and what answers to each of `aliases`."""
    if not release or "/" in release:
        return Gap(asked=True, why="the kernel release, which names /lib/modules, is not known")
    folder = f"lib/modules/{release}"
    files_of = _dependencies(files, f"{folder}/modules.dep")
    builtin = _builtin(files, folder)
    alias_table = known(_bytes(files, f"{folder}/modules.alias"))
    builtin_info = _bytes(files, f"{folder}/modules.builtin.modinfo")
    by_alias: dict[str, tuple[str, ...]] = {}
    # Without the table nobody can be said not to answer.
    for alias in () if alias_table is None else aliases:
        by_alias[alias] = tuple(
            dict.fromkeys(
                _matches(alias, alias_table or b"")
                + _builtin_matches(alias, known(builtin_info) or b"")
            )
        )
    wanted = dict.fromkeys([*DRIVERS, *(name for names in by_alias.values() for name in names)])
    return ModuleTree(
        modules=tuple(
            Module(
                name=name,
                loaded=_loaded(files, name),
                builtin=builtin if isinstance(builtin, Gap) else name in builtin,
                file=_file(files_of, name),
            )
            for name in wanted
        ),
        by_alias=by_alias,
    )


def _bytes(files: Files, path: str) -> Observed[bytes | None]:
    try:
        return files.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return sysfs.refused(error, path)


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


def _dependencies(files: Files, path: str) -> Observed[dict[str, str]]:
    """Each of DRIVERS to its file, as modules.dep lists it; a Gap without that file."""
    content = _bytes(files, path)
    if content is None:
        return Gap(asked=True, why=f"/{path}: ENOENT")
    if isinstance(content, Gap):
        return content
    found: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        module = line.partition(":")[0]
        name = module_name(module)
        if name is not None:
            found[name] = module
    return found


def _file(files_of: Observed[dict[str, str]], name: str) -> Observed[str | None]:
    """The module's path below its folder, if modules.dep lists it."""
    return files_of if isinstance(files_of, Gap) else files_of.get(name)


def _builtin(files: Files, folder: str) -> Observed[frozenset[str]]:
    """modules.builtin lists a path for each module that the kernel contains."""
    content = _bytes(files, f"{folder}/modules.builtin")
    if content is None:
        return Gap(asked=True, why=f"/{folder}/modules.builtin: ENOENT")
    if isinstance(content, Gap):
        return content
    names = (module_name(line) for line in content.decode("utf-8", "replace").splitlines())
    return frozenset(name for name in names if name is not None)


def _matches(alias: str, table: bytes) -> list[str]:
    """modules.alias: "alias <pattern> <module>"."""
    start = b"alias " + alias.partition(":")[0].encode() + b":"
    entries = (
        line.decode("utf-8", "replace").split(" ", 2)
        for line in table.split(b"\n")
        if line.startswith(start)
    )
    return _answering(alias, ((entry[1], entry[2]) for entry in entries if len(entry) > 2))


def _builtin_matches(alias: str, info: bytes) -> list[str]:
    """modules.builtin.modinfo: NUL-separated "<module>.alias=<pattern>"."""
    entries = (
        record.decode("utf-8", "replace").partition(".alias=")
        for record in info.split(b"\0")
        if b".alias=" in record
    )
    return _answering(alias, ((pattern, module) for module, _, pattern in entries))


def _answering(alias: str, entries: Iterable[tuple[str, str]]) -> list[str]:
    """The modules of the patterns that match, as fnmatch(3) reads them."""
    from fnmatch import fnmatchcase  # pulls in `re`: only where something is unbound

    found: list[str] = []
    tried = 0
    for pattern, module in entries:
        literal = pattern[: min(pattern.find(sign) % (len(pattern) + 1) for sign in "*?[")]
        # A vendor has some dozens of patterns; compiling each of a hostile table takes minutes.
        if not alias.startswith(literal) or tried == MAX_PATTERNS:
            continue
        tried += 1
        if fnmatchcase(alias, pattern):
            found.append(module.strip().replace("-", "_"))
    return found
