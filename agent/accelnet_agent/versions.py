"""Which of two versions is newer, and what a kernel release says of itself.

Three orderings, each that of the tool it is named after: dpkg (lib/dpkg/version.c),
rpm (rpmio/rpmvercmp.c and rpmVersionCompare), and plain dotted numbers.  Each is
total: any two strings compare, none raises.  A version becomes a list of tuples that
Python's own tuple ordering puts right; the shorter list is filled up with what the
end of a version stands for there.

Digits are compared by length and text, never as int: they may be of any length.
"""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Order = Literal[-1, 0, 1]
    Part = tuple[int | str, ...]

_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# --- orderings -----------------------------------------------------------------


def compare_numeric(a: str, b: str) -> Order:
    """Order two dotted numbers; all that is not a digit only separates: 7.4 = 7.4.0 < 7.10."""
    return _order(_numeric_parts(a), _numeric_parts(b), (0, ""))


def compare_rpm(a: str, b: str) -> Order:
    """Order two versions, or two releases, as rpmvercmp does."""
    return _order(_rpm_parts(a), _rpm_parts(b), _RPM_END)


def compare_dpkg(a: str, b: str) -> Order:
    """Order two [epoch:]upstream[-revision] as `dpkg --compare-versions` does."""
    epoch_a, upstream_a, revision_a = _debian(a)
    epoch_b, upstream_b, revision_b = _debian(b)
    return (
        compare_numeric(epoch_a, epoch_b)
        or _order(_dpkg_parts(upstream_a), _dpkg_parts(upstream_b), *_DPKG_END)
        or _order(_dpkg_parts(revision_a), _dpkg_parts(revision_b), *_DPKG_END)
    )


def _order(a: list[Part], b: list[Part], *end: Part) -> Order:
    while len(a) < len(b):
        a += end
    while len(b) < len(a):
        b += end
    if a == b:
        return 0
    return 1 if a > b else -1


def _run(text: str, start: int, letters: str) -> int:
    """Where the run of `letters` that begins at `start` ends."""
    while start < len(text) and text[start] in letters:
        start += 1
    return start


def _number(digits: str) -> Part:
    digits = digits.lstrip("0")
    return (len(digits), digits)


def _numeric_parts(text: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    while at < len(text):
        end = _run(text, at, _DIGITS)
        if end > at:
            parts.append(_number(text[at:end]))
        at = max(end, at + 1)
    return parts


# In rpm a tilde sorts before the end of a version, a caret after it, then come
# letters and then numbers; everything else, and what is not ASCII, only separates.
_RPM_END: Part = (1,)


def _rpm_parts(text: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    while at < len(text):
        end = at + 1
        if text[at] in "~^":
            parts.append((0,) if text[at] == "~" else (2,))
        elif text[at] in _DIGITS:
            end = _run(text, at, _DIGITS)
            parts.append((4, *_number(text[at:end])))
        elif text[at] in _LETTERS:
            end = _run(text, at, _LETTERS)
            parts.append((3, text[at:end]))
        at = end
    return parts


# In dpkg a run of other characters and a run of digits alternate.  A run of others
# ends with 0, after a tilde and before all else; letters come before the rest.
_DPKG_END: tuple[Part, Part] = ((0,), (0, ""))


def _dpkg_parts(text: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    while at < len(text):
        others: list[int] = []
        while at < len(text) and text[at] not in _DIGITS:
            others.append(_dpkg_weight(text[at]))
            at += 1
        end = _run(text, at, _DIGITS)
        parts += ((*others, 0), _number(text[at:end]))
        at = end
    return parts


def _dpkg_weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) + (0 if character in _LETTERS else 256)


def _debian(text: str) -> tuple[str, str, str]:
    epoch, colon, rest = text.partition(":")
    if not colon or not epoch or epoch.strip(_DIGITS):
        epoch, rest = "0", text
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "")


# --- kernel releases -------------------------------------------------------------


class Kernel(Record):
    """A kernel release (`uname -r`) taken apart."""

    family: str  # ubuntu, debian, suse, rhel, uek, azurelinux, flatcar, mainline
    base: str  # the leading numbers: "4.11.0"
    release: str = ""  # what orders two kernels of one base: "1013", "693.11.1"
    flavour: str = ""  # azure, generic, default, cloud-amd64, rt, ...


def compare_kernels(a: Kernel, b: Kernel) -> Order | None:
    """Order two kernels, or None where their numbers have nothing to do with each other.

    A.B.C decides wherever it differs.  Beyond that, releases count only inside one
    distribution's kernel, and on Ubuntu and SUSE inside one flavour: 4.11.0-14-generic
    is neither older nor newer than 4.11.0-1013-azure.
    """
    order = compare_numeric(a.base, b.base)
    if order:
        return order
    if _stream(a) != _stream(b):
        return None
    if a.family in ("ubuntu", "debian"):
        return compare_dpkg(a.release, b.release)
    return compare_rpm(a.release, b.release)


def _stream(kernel: Kernel) -> tuple[str, str]:
    # azure-fde and azure-nvidia are built from linux-azure and share its numbers.
    if kernel.family == "ubuntu":
        return kernel.family, kernel.flavour.partition("-")[0]
    return kernel.family, kernel.flavour if kernel.family == "suse" else ""


def parse_kernel(release: str) -> Kernel | None:
    """Take a kernel release apart, or None where its shape is that of no known family."""
    base = release[: _run(release, 0, _DIGITS + ".")].rstrip(".")
    numbers = base.split(".")
    if len(numbers) < 2 or "" in numbers:
        return None
    rest = release[len(base) :]
    return (
        _parse_rpm(base, rest)
        or _parse_debian(base, rest)
        or _parse_flavoured(base, rest)
        or _parse_plain(base, rest)
    )


# 3.10.0-1160.88.1.el7.x86_64, 5.15.0-305.176.4.el9uek.x86_64, 6.6.137.mshv1-1.azl3
def _parse_rpm(base: str, rest: str) -> Kernel | None:
    upstream, dash, build = rest.partition("-")
    parts = build.split(".")
    for index, part in enumerate(parts):
        tag = part[: _run(part, 0, _LETTERS)]
        if tag not in ("el", "azl", "cm") or part[len(tag) : len(tag) + 1] not in tuple(_DIGITS):
            continue
        if not dash or not index:
            return None
        family = {"el": "rhel"}.get(tag, "azurelinux")
        if "uek" in build:
            family = "uek"
        flavour = build.partition("+")[2]
        number = ".".join(parts[:index])
        own = upstream.lstrip(".")  # mshv1
        return Kernel(
            family=family, base=base, release=f"{own}-{number}" if own else number, flavour=flavour
        )
    return None


# 6.1.0-18-cloud-amd64, 4.19.0-0.bpo.6-amd64, 6.12.107+deb13-cloud-amd64
_DEBIAN_ARCHES = ("amd64", "arm64", "686", "686-pae", "armmp", "armmp-lpae")


def _parse_debian(base: str, rest: str) -> Kernel | None:
    number, _, flavour = rest[1:].partition("-")
    if not ("-" + flavour).endswith(tuple("-" + arch for arch in _DEBIAN_ARCHES)):
        return None
    if rest.startswith("+deb") or (rest.startswith("-") and number[:1] in tuple(_DIGITS)):
        return Kernel(family="debian", base=base, release=number, flavour=flavour)
    return None


# 4.15.0-1045-azure, 6.8.0-1044-azure-fde; 4.4.92-6.18-default, 5.14.21-150400.14.31-azure;
# 4.14.11-coreos-r1, 6.6.87-flatcar
def _parse_flavoured(base: str, rest: str) -> Kernel | None:
    if rest[1:].startswith(("coreos", "flatcar")):
        name, _, release = rest[1:].partition("-")
        return Kernel(family="flatcar", base=base, release=release, flavour=name)
    dash, (number, _, flavour) = rest[:1], rest[1:].partition("-")
    if dash != "-" or flavour[:1] not in tuple(_LETTERS) or number[:1] not in tuple(_DIGITS):
        return None
    if "." in number or flavour == "default":
        return Kernel(family="suse", base=base, release=number, flavour=flavour)
    if number.strip(_DIGITS):
        return None
    return Kernel(family="ubuntu", base=base, release=number, flavour=flavour)


# 6.12.5, 6.13.0-rc3, 6.12.0+
def _parse_plain(base: str, rest: str) -> Kernel | None:
    if rest in ("", "+") or (rest.startswith("-rc") and not rest[3:].strip(_DIGITS + "+")):
        return Kernel(family="mainline", base=base, release=rest.strip("-+"))
    return None
