"""Attributes of sysfs and procfs as facts: absent is None, refused is a Gap.

Only attributes that take no rtnl lock are ever named by a probe: a read of
`speed`, `duplex` or `carrier` can hang for ever (net/core/net-sysfs.c).
"""

from __future__ import annotations

from accelnet_probes.files import errno_name
from accelnet_probes.snapshot import Gap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed


def refused(error: OSError, path: str) -> Gap:
    """A Gap that says which path was refused and how."""
    return Gap(asked=True, why=f"/{path}: {errno_name(error)}")


def text(files: Files, path: str) -> Observed[str | None]:
    """An attribute's text, stripped; bytes that are no UTF-8 become U+FFFD."""
    try:
        raw = files.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return refused(error, path)
    return raw.decode("utf-8", "replace").strip().strip("\0")


def number(files: Files, path: str) -> Observed[int | None]:
    """An attribute's integer, decimal or 0x; a Gap where it is none."""
    found = text(files, path)
    if found is None or isinstance(found, Gap):
        return found
    try:
        if "_" not in found:  # Python's own digit separator, which the kernel has not
            return int(found, 16 if found[:2] in ("0x", "0X") else 10)
    except ValueError:
        pass
    return Gap(asked=True, why=f"/{path}: {found[:40]!r} is not an integer")


def hexadecimal(files: Files, path: str, digits: int) -> Observed[str | None]:
    """An id such as 0x15b3, as `digits` lower-case hex digits; a Gap where it is none."""
    found = number(files, path)
    if not isinstance(found, int):
        return found
    if not 0 <= found < 16**digits:
        return Gap(asked=True, why=f"/{path}: not an id of {digits} hex digits")
    return f"{found:0{digits}x}"


def link_name(files: Files, path: str) -> Observed[str | None]:
    """The last part of a link's target: the name of what it points at."""
    try:
        name = files.readlink(path).rstrip("/").rpartition("/")[2]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return refused(error, path)
    if name in ("", ".", ".."):  # no kernel writes it so; a copied tree may
        return Gap(asked=True, why=f"/{path}: its target ends in no name")
    return name


def names(files: Files, path: str) -> Observed[tuple[str, ...] | None]:
    """The names in a directory."""
    try:
        return tuple(files.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return refused(error, path)
