"""The host itself: kernel release, distribution, DMI, uptime."""

from __future__ import annotations

from accelnet_probes import sysfs
from accelnet_probes.snapshot import Dmi, Gap, OsRelease, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

MAX_UPTIME = 1e10  # seconds: three centuries
OS_RELEASE = ("etc/os-release", "usr/lib/os-release")  # os-release(5): in this order
# CentOS names only its major version in os-release; the RPM family's own files say the rest.
RELEASE_FILES = ("etc/centos-release", "etc/redhat-release")


def kernel_release(files: Files) -> Observed[str | None]:
    """`uname -r`: /proc/sys/kernel/osrelease."""
    return sysfs.text(files, "proc/sys/kernel/osrelease")


def uptime(files: Files) -> Observed[float | None]:
    """Seconds since boot: the first number of /proc/uptime (proc(5))."""
    found = sysfs.text(files, "proc/uptime")
    if not isinstance(found, str):
        return found
    try:
        seconds = float(found.split()[0])
    except (ValueError, IndexError):
        seconds = -1.0
    if not 0 <= seconds < MAX_UPTIME:  # NaN fails both
        return Gap(asked=True, why="/proc/uptime: not a number")
    return seconds


def dmi(files: Files) -> Observed[Dmi]:
    """/sys/class/dmi/id; world-readable, unlike the serial numbers beside them."""
    folder = "sys/class/dmi/id"
    return Dmi(
        chassis_asset_tag=need(sysfs.text(files, f"{folder}/chassis_asset_tag")),
        sys_vendor=known(sysfs.text(files, f"{folder}/sys_vendor")),
        product_name=known(sysfs.text(files, f"{folder}/product_name")),
    )


def os_release(files: Files) -> Observed[OsRelease | None]:
    """os-release(5), and the point release where a file beside it has one."""
    for path in OS_RELEASE:
        content = need(sysfs.text(files, path))
        if content is not None:
            break
    else:
        content = ""
    point = point_release(files)
    if not content and point is None:
        return None
    values = parse_os_release(content)
    return OsRelease(
        id=values.get("ID") or None,
        id_like=tuple(values.get("ID_LIKE", "").split()),
        version_id=values.get("VERSION_ID") or None,
        pretty_name=values.get("PRETTY_NAME") or None,
        point_release=point,
    )


def parse_os_release(content: str) -> dict[str, str]:
    """Shell-like assignments (os-release(5)); what is none is passed over."""
    values: dict[str, str] = {}
    for line in content.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key.strip()] = _unquote(value.strip())
    return values


def _unquote(value: str) -> str:
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "\"'":
        return value
    inside = value[1:-1]
    if value[0] == '"' and "\\" in inside:
        for escaped in '"$`\\':
            inside = inside.replace("\\" + escaped, escaped)
    return inside


def point_release(files: Files) -> str | None:
    """ "7.4" of "CentOS Linux release 7.4.1708 (Core)"; None where no file says one."""
    for path in RELEASE_FILES:
        content = known(sysfs.text(files, path))
        _, release, rest = (content or "").partition(" release ")
        words = rest.split()
        if release and words:
            return ".".join(words[0].split(".")[:2])
    return None
