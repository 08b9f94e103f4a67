"""Which kernel boots next, and with what command line.

In the order in which they decide: GRUB's grub.cfg (its default, the entry that
grubenv saves, boot loader specification entries where it says `blscfg`), the
entries of systemd-boot, the links /boot/vmlinuz and /vmlinuz, and where there
is none of these the newest kernel.  An entry that boots once (next_entry,
grub-reboot) comes before the default.
"""

from __future__ import annotations

from accelnet_probes import sysfs
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import Gap, NextBoot, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

GRUB = ("boot/grub", "boot/grub2")
ENTRIES = ("boot/loader/entries", "boot/efi/loader/entries", "efi/loader/entries")
LINKS = ("boot/vmlinuz", "vmlinuz", "boot/vmlinux", "boot/Image")
_IMAGES = ("vmlinuz-", "vmlinux-", "kernel-", "linux-", "Image-", "bzImage-")
_LINUX = ("linux", "linux16", "linuxefi")


class Entry(Record):
    """A menu entry, or a submenu with its entries."""

    ids: tuple[str, ...]  # its id and its title
    image: str | None = None
    options: str = ""
    entries: tuple[Entry, ...] = ()


def probe(files: Files, installed: Sequence[str]) -> Observed[NextBoot]:
    """The kernel that boots next; a Gap where what decides it can not be read or told."""
    found = _by_grub(files, installed) or _by_entries(files, installed, None, None)
    if isinstance(found, Gap) and len(installed) == 1:
        found = None  # whatever the refused file says
    if found is None:
        found = _by_link(files, installed)
    if found is not None:
        return found
    if not installed:
        return Gap(asked=True, why="no kernel has a folder in /lib/modules")
    newest = max(installed, key=natural)
    only = len(installed) == 1
    return NextBoot(
        release=newest,
        why="the only kernel in /lib/modules"
        if only
        else f"the newest of {len(installed)} in /lib/modules; no boot loader's file was found",
    )


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key that puts 6.1.0-10 after 6.1.0-9."""
    parts: list[tuple[int, int, str]] = []
    at = 0
    while at < len(text):
        end = at
        while end < len(text) and text[end].isdecimal() == text[at].isdecimal():
            end += 1
        run = text[at:end]
        digits = run.lstrip("0")
        parts.append((1, len(digits), digits) if run[0].isdecimal() else (0, 0, run))
        at = end
    return parts


def _by_grub(files: Files, installed: Sequence[str]) -> Observed[NextBoot] | None:
    for folder in GRUB:
        content = sysfs.text(files, f"{folder}/grub.cfg")
        if content is None:
            continue
        environment = _environment(known(sysfs.text(files, f"{folder}/grubenv")) or "")
        if isinstance(content, Gap):
            return content
        once = environment.get("next_entry")
        chosen = once or _default(content, environment)
        path = f"/{folder}/grub.cfg"
        if any(line.split()[:1] == ["blscfg"] for line in content.splitlines()):
            return _by_entries(
                files, installed, once or environment.get("saved_entry"), environment
            ) or Gap(asked=True, why=f"{path} asks for entries in /boot/loader, which has none")
        entry = choose(parse_menu(content), chosen)
        if entry is None or entry.image is None:
            return Gap(asked=True, why=f"{path}: entry {chosen!r} leads to no kernel")
        what = "the entry to boot once" if once else "the default entry"
        return _boots(files, entry, f"{path}: {what} ({chosen})", installed)
    return None


def _environment(content: str) -> dict[str, str]:
    """grubenv: lines of name=value, filled up with '#'."""
    pairs = (line.partition("=") for line in content.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals}


def _default(content: str, environment: dict[str, str]) -> str:
    """The last `set default=` that does not stand for an entry to boot once."""
    chosen = "0"
    for line in content.splitlines():
        word, _, value = line.strip().partition("default=")
        if word.strip() == "set":
            value = value.strip().strip("\"'")
            if value == "${saved_entry}":
                chosen = environment.get("saved_entry") or "0"
            elif not value.startswith("${"):
                chosen = value
    return chosen


def parse_menu(content: str) -> tuple[Entry, ...]:
    """grub.cfg's menuentry and submenu blocks; what else it scripts is passed over."""
    stack: list[tuple[tuple[str, ...] | None, list[Entry], list[str]]] = [((), [], [])]
    for raw in content.splitlines():
        line = raw.strip()
        word = line.partition(" ")[0]
        if line.endswith("{"):
            stack.append((_ids(line) if word in ("menuentry", "submenu") else None, [], []))
        elif line == "}" and len(stack) > 1:
            ids, inner, linux = stack.pop()
            if ids is not None:
                image, _, options = (linux[0] if linux else "").partition(" ")
                stack[-1][1].append(
                    Entry(
                        ids=ids, image=image or None, options=options.strip(), entries=tuple(inner)
                    )
                )
        elif word.partition("\t")[0] in _LINUX:
            stack[-1][2].append(line[len(word.partition("\t")[0]) :].strip())
    return tuple(stack[0][1])


def _ids(line: str) -> tuple[str, ...]:
    """The title, and what follows $menuentry_id_option or --id."""
    quoted: list[str] = []
    rest = line
    while rest:
        starts = [at for at in (rest.find("'"), rest.find('"')) if at >= 0]
        if not starts:
            break
        at = min(starts)
        text, closed, rest = rest[at + 1 :].partition(rest[at])
        if closed:
            quoted.append(text)
    has_id = "menuentry_id_option" in line or "--id" in line
    return (quoted[0], quoted[-1]) if quoted and has_id else tuple(quoted[:1])


def choose(menu: Sequence[Entry], chosen: str) -> Entry | None:
    """GRUB's default: an index, an id or a title; `>` leads into a submenu."""
    level = menu
    found: Entry | None = None
    for part in chosen.split(">"):
        if part.isdecimal() and len(part) < 6:
            found = level[int(part)] if int(part) < len(level) else None
        else:
            found = next((entry for entry in level if part in entry.ids), None)
        if found is None:
            return None
        level = found.entries
    while found is not None and found.entries:  # a submenu alone: its first entry
        found = found.entries[0]
    return found


def _by_entries(
    files: Files, installed: Sequence[str], saved: str | None, environment: dict[str, str] | None
) -> Observed[NextBoot] | None:
    """The boot loader specification's entries, newest first."""
    for folder in ENTRIES:
        names = sysfs.names(files, folder)
        if isinstance(names, Gap):
            return names
        ids = sorted((n[:-5] for n in names or () if n.endswith(".conf")), key=natural)[::-1]
        if not ids:
            continue
        wanted = saved or _loader_default(files, folder)
        entries = [_entry(files, folder, name, environment or {}) for name in ids]
        entry = choose(entries, wanted) if wanted else entries[0]
        how = f"the entry {wanted}" if wanted else "the newest entry"
        if entry is None and wanted is not None and environment is None:
            entry = next((e for e in entries if _fits(wanted, e.ids[0])), None)
        if entry is None:  # as GRUB does where the saved one has gone
            entry, how = entries[0], f"the newest entry, as {wanted} is not there"
        return _boots(files, entry, f"/{folder}: {how}", installed)
    return None


def _fits(pattern: str, name: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(name, pattern) or fnmatchcase(name + ".conf", pattern)


def _loader_default(files: Files, folder: str) -> str | None:
    """systemd-boot's loader.conf; "@saved" is in a variable of the firmware."""
    loader = folder.rpartition("/")[0]
    for line in (known(sysfs.text(files, f"{loader}/loader.conf")) or "").splitlines():
        words = line.split()
        if words[:1] == ["default"] and len(words) > 1 and not words[1].startswith("@"):
            return words[1]
    return None


def _entry(files: Files, folder: str, name: str, environment: dict[str, str]) -> Entry:
    fields: dict[str, str] = {}
    for line in (known(sysfs.text(files, f"{folder}/{name}.conf")) or "").splitlines():
        key, _, value = line.strip().replace("\t", " ").partition(" ")
        fields[key] = f"{fields[key]} {value.strip()}" if key in fields else value.strip()
    options = fields.get("options", "")
    for variable, value in environment.items():
        options = options.replace(f"${variable}", value)
    return Entry(
        ids=(name, *((fields["title"],) if "title" in fields else ())),
        image=fields.get("linux"),
        options=options,
    )


def _by_link(files: Files, installed: Sequence[str]) -> NextBoot | None:
    for path in LINKS:
        target = sysfs.link_name(files, path)
        release = _release(target) if isinstance(target, str) else None
        if release in installed and release is not None:
            return NextBoot(release=release, why=f"the link /{path}")
    return None


def _boots(files: Files, entry: Entry, why: str, installed: Iterable[str]) -> Observed[NextBoot]:
    image = (entry.image or "").rpartition("/")[2]
    release = _release(image)
    if release is None:  # /boot/vmlinuz: a link
        linked = _by_link(files, tuple(installed))
        if linked is None:
            return Gap(asked=True, why=f"{why}: {image or 'no kernel'} names no release")
        return replace(linked, why=f"{why}, {linked.why}", command_line=entry.options)
    return NextBoot(release=release, why=why, command_line=entry.options)


def _release(image: str) -> str | None:
    for prefix in _IMAGES:
        if image.startswith(prefix):
            return image[len(prefix) :] or None
    return None
