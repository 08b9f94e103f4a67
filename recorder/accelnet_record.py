#!/usr/bin/env python
"""Record an Azure VM whose Python is too old for accelnet-check (docs/recorder.md).

It writes the bundle that `accelnet-check --record` writes (docs/bundle-format.md), which
`accelnet-check --bundle` judges anywhere.  It reads, and no more: no privilege, no other
program, nothing but the metadata service of an Azure VM is asked over a network.

One file, so that it can be copied, or fed to a Python at the far end of an ssh:

    python accelnet_record.py --redact vm.tar.gz
    ssh HOST python - < accelnet_record.py > vm.tar.gz

Python 2.7 and 3.4 or later, standard library only: Ubuntu 16.04, SLES 12, RHEL and CentOS 7.
Paths and contents are bytes throughout, whatever the locale is.  Judging is left to
accelnet-check; where that needs to know more before it reads a file, this reads the file.
"""
# Types are in comments, which Python 2 passes over and type checkers read.
# pyright: reportTypeCommentUsage=none, reportUnknownArgumentType=none
# pyright: reportUnknownMemberType=none, reportUnknownVariableType=none

import array
import binascii
import collections
import errno
import fcntl
import fnmatch
import gzip
import io
import itertools
import json
import marshal
import os
import re
import select
import signal
import socket
import stat
import struct
import sys
import tarfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Container,
        Dict,
        FrozenSet,
        Iterable,
        Iterator,
        List,
        Mapping,
        NoReturn,
        Optional,
        Pattern,
        Sequence,
        Set,
        Tuple,
        Union,
    )

    Reply = Tuple[bytes, bytes]  # a suffix, and what a file with that suffix will hold
    Replies = Dict[bytes, Dict[str, Reply]]  # by interface and the reply's name
    Addresses = Union[List[Tuple[bytes, str]], Reply]  # (interface, address), or a refusal
    Emit = Callable[[Any], None]

VERSION = "0.1.0"  # of accelnet, as of the bundle's "tool"
UNUSABLE, INTERRUPTED = 64, 130
PYTHON_2 = sys.version_info[0] == 2
TEXT = type(b"".decode("ascii"))  # unicode in Python 2, else str

# --- facts ----------------------------------------------------------------------------------------
#
# What is read, and how it is told apart.  accelnet's probes have the same tables, with the sources
# of each; tests/recorder/test_tables.py holds these to those.

PCI, VMBUS, NET = b"sys/bus/pci/devices", b"sys/bus/vmbus/devices", b"sys/class/net"
VF_VENDORS = ("15b3", "1414")
NETWORK_CLASS = "02"
PASS_THROUGH_CLASS = "44c4f61d-4444-4400-9d52-802e27ede19f"
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
DMI = b"sys/class/dmi/id"
OS_RELEASE = (b"etc/os-release", b"usr/lib/os-release")
RELEASE_FILES = (b"etc/centos-release", b"etc/redhat-release")
KMSG = b"dev/kmsg"

MODULE_FOLDERS = (b"lib/modules", b"usr/lib/modules")
MODULE_SUFFIXES = (b".ko", b".ko.xz", b".ko.zst", b".ko.gz")
# Files of which only that they are there matters: kept without their content.
MARKERS = (b".ko", b".ko.xz", b".ko.zst", b".ko.gz", b"etc/initrd-release")
DRIVERS = (b"mlx4_core", b"mlx4_en", b"mlx5_core", b"mana", b"pci_hyperv")
# The modalias of each NIC that Azure's hosts have: which modules answer to it is looked up.
ALIASES = (
    b"pci:v000015B3d00001004sv000015B3sd000061B0bc02sc00i00",
    b"pci:v000015B3d00001014sv000015B3sd00000000bc02sc00i00",
    b"pci:v000015B3d00001016sv000015B3sd00000080bc02sc00i00",
    b"pci:v000015B3d00001018sv000015B3sd00000190bc02sc00i00",
    b"pci:v000015B3d0000101Asv000015B3sd00000000bc02sc00i00",
    b"pci:v00001414d000000BAsv00001414sd000000B9bc02sc00i00",
    b"vmbus:1df6c444444400449d52802e27ede19f",
)
# What is kept of the tables of modules: these aliases, and modules in these places.
KEPT_ALIASES = (
    b"pci:v000015B3",
    b"pci:v00001414",
    b"pci:v*",
    b"vmbus:",
    b"auxiliary:mlx5",
)
KEPT_PLACES = (b"drivers/net/", b"hyperv", b"updates/", b"extra/", b"mlx", b"mana")
KEPT_CONFIG = b"CONFIG_MLX5_CORE_EN"
MODPROBE = (
    b"etc/modprobe.d",
    b"run/modprobe.d",
    b"usr/local/lib/modprobe.d",
    b"usr/lib/modprobe.d",
    b"lib/modprobe.d",
)
GRUB = (b"boot/grub", b"boot/grub2")
BOOT_ENTRIES = (b"boot/loader/entries", b"boot/efi/loader/entries", b"efi/loader/entries")
BOOT_LINKS = (b"boot/vmlinuz", b"vmlinuz", b"boot/vmlinux", b"boot/Image")

UDEV, NM, NETIF = b"run/udev/data", b"run/NetworkManager", b"run/systemd/netif"
UDEV_RULES = (
    b"etc/udev/rules.d",
    b"run/udev/rules.d",
    b"usr/lib/udev/rules.d",
    b"lib/udev/rules.d",
)
# Folders and the suffix of what is read in them: of each name the first; of those below usr/lib
# and lib only what has one of OURS in its name.
UNMANAGED = (
    (UDEV_RULES, b".rules"),
    (
        (
            b"etc/NetworkManager/conf.d",
            b"run/NetworkManager/conf.d",
            b"usr/lib/NetworkManager/conf.d",
        ),
        b".conf",
    ),
    (
        (b"etc/systemd/network", b"run/systemd/network", b"usr/lib/systemd/network"),
        b".network",
    ),
)
OURS = (b"azure", b"sriov", b"unmanaged", b"hyperv", b"hv-")
# Folder, the name's beginning and end.
NAME_RULES = (
    (b"etc/udev/rules.d", b"", b".rules"),
    (b"etc/systemd/network", b"", b".link"),
    (b"run/systemd/network", b"", b".link"),
    (b"etc/sysconfig/network-scripts", b"ifcfg-", b""),
    (b"etc/netplan", b"", b".yaml"),
    (b"run/netplan", b"", b".yaml"),
)
NAME_GENERATOR = b"75-persistent-net-generator.rules"
DPKG = b"var/lib/dpkg/status"
PACKAGES = (b"azure-vm-utils", b"cloud-init", b"network-manager", b"systemd")

# A line of the kernel log that holds one of these is kept.
KEYWORDS = (
    b"vmbus",
    b"hv_",
    b"netvsc",
    b"mlx4",
    b"mlx5",
    b"mana",
    b"PCI",
    b"pci",
    b"VF ",
    b"Data path",
    b"joined to",
    b"renamed from",
    b"SR-IOV",
    b"failed with error",
    b"ardware is detected",
    b"blocked for more than",
    b"soft lockup",
    b"page allocation failure",
    b"NETDEV WATCHDOG",
    b"sub channel",
    b"vfio",
    b"same namespace as",
)

REPLIES = ("drvinfo", "stats-strings", "stats", "channels", "ring", "permaddr")
MAX_STATISTICS, ATTEMPTS = 65536, 3
MAX_FILE, MAX_LINKS, MAX_STEPS = 16 << 20, 40, 1000
MAX_RECORDS = (
    200000  # of the kernel's log: more than any ring holds, so a flood ends it and no loop
)
MAX_PATTERNS = 2048  # of a table of modules that are compiled: each takes a while
MAX_BODY = 1 << 20
IMDS_ENDPOINT = "http://169.254.169.254"  # asked only where DMI says that this is Azure
IMDS_PATH = "/metadata/instance?api-version=2021-02-01"
IMDS_RETRIED = (410, 429, 500, 502, 503, 504)
IMDS_TRIES, IMDS_PAUSE, IMDS_TIMEOUT, IMDS_DEADLINE = 3, 0.5, 2.0, 4.0  # seconds but for the first
KERNEL_DEADLINE = 2.5  # seconds for all calls of one sample, and for each file
MAX_STUCK = 3  # files that did not come back, before no other is asked for
MAX_KERNELS = 20  # whose modules are looked at: the newest, and the running one
MAX_SECONDS = 86400.0
# What --bundle reads of an archive at most.
MAX_BYTES, MAX_MEMBERS = 64 << 20, 20000
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")

# --- bytes, texts and time ------------------------------------------------------------------------

now = getattr(time, "monotonic", lambda: os.times()[4])  # type: Callable[[], float]

_ERRNO_NAMES = dict(errno.errorcode)
_ERRNO_NAMES.update(
    {
        # Of two names for one number the kernel's.
        errno.EAGAIN: "EAGAIN",
        errno.EOPNOTSUPP: "EOPNOTSUPP",
        errno.EDEADLK: "EDEADLK",
        524: "ENOTSUPP",  # include/linux/errno.h: the kernel's own, yet drivers let it out
    }
)


def failure(number, path):
    # type: (int, Union[bytes, str]) -> OSError
    """The OSError that the kernel would raise with this errno."""
    return OSError(number, os.strerror(number), path)


def errno_name(error):
    # type: (EnvironmentError) -> str
    """The name "EACCES" for an error; EIO where it has no errno of errno(3)."""
    return _ERRNO_NAMES.get(error.errno or errno.EIO, "EIO")


def refused(why):
    # type: (str) -> Reply
    """The reply of what did not reply: an errno's name, or "HTTP 429"."""
    return b".errno", why.encode("ascii") + b"\n"


def is_absent(error):
    # type: (EnvironmentError) -> bool
    """Whether the kernel said that there is no such file."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def text_of(path):
    # type: (bytes) -> str
    """A path as Python 3 has it: UTF-8, and other bytes as lone surrogates (PEP 383)."""
    if not PYTHON_2:
        return path.decode("utf-8", "surrogateescape")
    found = []
    for part in re.split(b"(\xed[\xa0-\xbf][\x80-\xbf])", path):  # what Python 2 takes for UTF-8
        rest = part
        if rest[:1] == b"\xed" and len(rest) == 3 and rest[1:2] >= b"\xa0":
            found.append(_surrogates(rest))
            continue
        while rest:
            try:
                found.append(rest.decode("utf-8"))
                break
            except UnicodeDecodeError as error:
                start, end = error.start, error.end
            found.append(rest[:start].decode("utf-8"))
            found.append(_surrogates(rest[start:end]))
            rest = rest[end:]
    return TEXT().join(found)


def _surrogates(raw):
    # type: (bytes) -> str
    """Each byte as a lone surrogate."""
    escaped = "".join("\\udc%02x" % byte for byte in bytearray(raw))
    return escaped.encode("ascii").decode("unicode_escape")


def latin(content):
    # type: (bytes) -> str
    """Any bytes as text, a character each."""
    return content.decode("latin-1")


def decoded(content):
    # type: (bytes) -> str
    """An attribute's text, stripped."""
    return content.decode("utf-8", "replace").strip().strip("\0")


def unhex(digits):
    # type: (str) -> bytes
    """The bytes of hex digits."""
    return binascii.unhexlify(digits.encode("ascii"))


def hexed(raw):
    # type: (bytes) -> str
    """The hex digits of bytes."""
    return binascii.hexlify(raw).decode("ascii")


def as_json(value):
    # type: (Any) -> bytes
    """The same bytes from every Python."""
    return (json.dumps(value, indent=1, separators=(",", ": ")) + "\n").encode("ascii")


def joined(folder, name):
    # type: (bytes, bytes) -> bytes
    """A path in a folder; "" is the top."""
    return folder + b"/" + name if folder else name


# --- processes: what may hang is left behind ------------------------------------------------------
#
# A call that hangs in the kernel can not be ended, nor the process that made it.  So a child makes
# it, which holds none of our descriptors: whoever waits for our output does not wait for it.


def send(fd, message):
    # type: (int, Any) -> None
    """Write a message of plain values."""
    data = marshal.dumps(message)
    data = struct.pack("=I", len(data)) + data
    while data:
        data = data[os.write(fd, data) :]


def receive(fd, until):
    # type: (int, Optional[float]) -> Any
    """The next message; EOFError where none follows, ETIMEDOUT where it is not here by `until`."""
    size = struct.unpack("=I", _exactly(fd, 4, until))[0]
    return marshal.loads(_exactly(fd, size, until))


def _exactly(fd, size, until):
    # type: (int, int, Optional[float]) -> bytes
    parts = []
    while size:
        if until is not None and not _is_readable(fd, until):
            raise failure(errno.ETIMEDOUT, "")
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _is_readable(fd, until):
    # type: (int, float) -> bool
    """Whether it can be read, or has ended, by then."""
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLHUP)
    while True:
        left = until - now()
        try:
            return bool(poll.poll(max(0.0, left) * 1000))
        except (EnvironmentError, select.error) as error:  # older Pythons: stopped, and continued
            if error.args[0] != errno.EINTR or left <= 0:
                raise


def forked(serve, kept):
    # type: (Callable[..., None], Sequence[int]) -> int
    """The pid of a child that runs `serve` with the descriptors `kept`; OSError."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup holds for the child too
                signal.signal(number, signal.SIG_DFL)
        serve(*_keep_only(kept))
        status = 0
    finally:
        os._exit(status)


def _keep_only(kept):
    # type: (Sequence[int]) -> List[int]
    """In a child: /dev/null for 0, 1 and 2, and nothing else open but `kept`, as they are now."""
    above = []
    for fd in kept:
        moved = fd
        while moved < 3:  # we were started with our own 0, 1 or 2 closed
            moved = os.dup(moved)
        above.append(moved)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    try:
        held = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        held = list(range(os.sysconf("SC_OPEN_MAX")))
    for fd in held:
        if fd > 2 and fd not in above:
            os.closerange(fd, fd + 1)  # which passes over what is closed already
    return above


def _end(pid, is_over):
    # type: (int, bool) -> None
    """Take note of a child's end; one that is stuck is killed, and ends when the kernel lets it."""
    try:
        if is_over:
            os.waitpid(pid, 0)
            return
        os.kill(pid, signal.SIGKILL)
        for _ in range(20):
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.001)
    except OSError:
        pass  # whoever started us ignores SIGCHLD: the kernel has reaped it


class Worker(object):
    """Runs `task` in a child; what it emits is collected here."""

    def __init__(self, task):
        # type: (Callable[[Emit], None]) -> None
        self._read, write = os.pipe()
        try:
            self._pid = forked(self._run(task), (write,))
        except OSError:
            os.close(self._read)
            raise
        finally:
            os.close(write)

    @staticmethod
    def _run(task):
        # type: (Callable[[Emit], None]) -> Callable[[int], None]
        def run(fd):
            # type: (int) -> None
            task(lambda message: send(fd, message))

        return run

    def collect(self, until):
        # type: (float) -> Tuple[List[Any], bool]
        """All messages that came before `until`, and whether the child has ended by itself."""
        messages = []
        is_over = False
        try:
            while True:
                messages.append(receive(self._read, until))
        except EOFError:
            is_over = True
        except EnvironmentError:
            pass  # out of time
        os.close(self._read)
        _end(self._pid, is_over)
        return messages, is_over


# --- files ----------------------------------------------------------------------------------------


def answer(operation, path):
    # type: (str, bytes) -> Any
    """What the kernel says about one file; no link is ever followed."""
    if operation == "link":
        return os.readlink(path)
    if operation == "names":
        return sorted(os.listdir(path))
    if operation == "data":
        return _data(path)
    if operation == "log":
        return _log(path)
    try:
        mode = os.lstat(path).st_mode
    except (ValueError, TypeError):  # a NUL in the name: no such file can be
        return None
    except OSError as error:
        if is_absent(error):
            return None
        raise
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "dir"
    return "file" if stat.S_ISREG(mode) else "other"


def _data(path):
    # type: (bytes) -> bytes
    """A file's content.  Pipes and devices are not read."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise failure(errno.EINVAL, path)
        parts, size = [os.read(fd, 4096)], 0
        if len(parts[0]) < 4096:  # a sysfs attribute is one page at most, a short read is its end
            return parts[0]
        while parts[-1]:
            parts.append(os.read(fd, 1 << 16))
            size += len(parts[-1])
            if size > MAX_FILE:
                raise failure(errno.EFBIG, path)
        return b"".join(parts)
    finally:
        os.close(fd)


def _log(path):
    # type: (bytes) -> bytes
    """The lines of the kernel's ring buffer, /dev/kmsg, that concern VFs, as dmesg prints them."""
    lines = []  # type: List[bytes]
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for _ in range(MAX_RECORDS):
            try:
                record = os.read(fd, 8192)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    break
                if error.errno != errno.EPIPE:
                    raise
                lines = []  # overwritten while we read: on with the oldest
                continue
            if not record:
                break
            lines.append(log_line(record))
    finally:
        os.close(fd)
    return keep(lines)


def keep(lines):
    # type: (Iterable[bytes]) -> bytes
    """Those that concern vmbus, hv_*, mlx*, mana or PCI."""
    return b"".join(line for line in lines if any(word in line for word in KEYWORDS))


def log_line(record):
    # type: (bytes) -> bytes
    """A record of /dev/kmsg as "[    1.234567] text"; empty for what is no record."""
    head, _, message = record.partition(b"\n")[0].partition(b";")
    fields = head.split(b",")
    if len(fields) < 3 or not fields[2].isdigit() or len(fields[2]) > 18:
        return b""
    seconds, micros = divmod(int(fields[2]), 1000000)
    return ("[%5d.%06d] " % (seconds, micros)).encode("ascii") + message + b"\n"


class Reader(object):
    """A child that answers about files.  One that does not come back is left, and another begun."""

    def __init__(self, root=b"/", deadline=KERNEL_DEADLINE):
        # type: (bytes, float) -> None
        self._root = root.rstrip(b"/") + b"/"
        self._deadline = deadline
        self._stuck = 0
        self._pid = 0
        self._question, self._answers = -1, -1

    def ask(self, operation, key):
        # type: (str, bytes) -> Any
        """The answer; OSError, with ETIMEDOUT for what did not come in time."""
        if self._stuck >= MAX_STUCK:
            raise failure(errno.ETIMEDOUT, key)
        if not self._pid:
            self._start()
        try:
            send(self._question, (operation, self._root + key))
            number, found = receive(self._answers, now() + self._deadline)
        except (EOFError, EnvironmentError) as error:
            is_over = isinstance(error, EOFError) or error.errno == errno.EPIPE
            self._stuck += 1
            self.close(is_over)
            raise failure(errno.EIO if is_over else errno.ETIMEDOUT, key)
        if number:
            raise failure(number, key)
        return found

    def _start(self):
        # type: () -> None
        asked, self._question = os.pipe()
        self._answers, answered = os.pipe()
        try:
            self._pid = forked(_answer_all, (asked, answered))
        except OSError:
            os.close(self._question)
            os.close(self._answers)
            raise
        finally:
            os.close(asked)
            os.close(answered)

    def close(self, is_over=True):
        # type: (bool) -> None
        """End the child."""
        if self._pid:
            os.close(self._question)
            os.close(self._answers)
            _end(self._pid, is_over)
            self._pid = 0


def _answer_all(asked, answered):
    # type: (int, int) -> None
    """In the child, until nobody asks any more."""
    while True:
        try:
            operation, path = receive(asked, None)
        except EOFError:
            return
        try:
            message = (0, answer(operation, path))  # type: Tuple[int, Any]
        except EnvironmentError as error:
            message = (error.errno or errno.EIO, None)
        send(answered, message)


class Kept(object):
    """A file tree in memory: what a bundle has below root/.  A directory stays one."""

    def __init__(self):
        # type: () -> None
        self.files = {}  # type: Dict[bytes, bytes]
        self.links = {}  # type: Dict[bytes, bytes]
        self.directories = {b""}  # type: Set[bytes]

    def add_directory(self, key):
        # type: (bytes) -> None
        """It, and those that it lies in."""
        if key not in self.directories:
            self.files.pop(key, None)
            self.links.pop(key, None)
            self.directories.add(key)
            self.add_directory(key.rpartition(b"/")[0])

    def add_file(self, key, content):
        # type: (bytes, bytes) -> None
        """A file's last content."""
        if key not in self.directories:
            self.links.pop(key, None)
            self.files[key] = content
            self.add_directory(key.rpartition(b"/")[0])

    def add_link(self, key, target):
        # type: (bytes, bytes) -> None
        """A link's last target, as it is written there."""
        if key not in self.directories:
            self.files.pop(key, None)
            self.links[key] = target
            self.add_directory(key.rpartition(b"/")[0])


class Refused(object):
    """Something is there, and can not be seen."""


REFUSED = Refused()


class Files(object):
    """The machine's files.  Links are resolved here, and every answer is kept under its key."""

    def __init__(self, ask):
        # type: (Callable[[str, bytes], Any]) -> None
        self._ask = ask
        self.start()

    def start(self):
        # type: () -> None
        """Forget what was kept: from here on a new sample is recorded."""
        self.kept = Kept()
        self.unreadable = {}  # type: Dict[bytes, str]

    # What the reading of a machine asks: None where there is nothing, REFUSED where that is
    # refused.

    def read(self, path):
        # type: (bytes) -> Union[bytes, Refused, None]
        """A file's content, links followed."""
        found = self._seen(self._read, path)  # type: Union[bytes, Refused, None]
        return found

    def names(self, path):
        # type: (bytes) -> Union[List[bytes], Refused, None]
        """The names in a folder, links followed; its links and folders are part of the listing."""
        found = self._seen(self._names, path)  # type: Union[List[bytes], Refused, None]
        return found

    def target(self, path):
        # type: (bytes) -> bytes
        """A link's target; OSError."""
        key, kind = self._resolve(path, False)
        if kind != "link":
            raise failure(errno.EINVAL, path)
        return self._link(key)

    def link_name(self, path):
        # type: (bytes) -> Union[bytes, Refused, None]
        """The last part of a link's target: the name of what it points at."""
        target = self._seen(self.target, path)  # type: Union[bytes, Refused, None]
        if not isinstance(target, bytes):
            return target
        name = target.rstrip(b"/").rpartition(b"/")[2]
        return REFUSED if name in (b"", b".", b"..") else name

    def text(self, path):
        # type: (bytes) -> Union[str, Refused, None]
        """An attribute's text, stripped."""
        content = self.read(path)
        return decoded(content) if isinstance(content, bytes) else content

    def listed(self, path):
        # type: (bytes) -> List[bytes]
        """The names in a folder; none where it can not be listed."""
        names = self.names(path)
        return names if isinstance(names, list) else []

    def is_there(self, path):
        # type: (bytes) -> bool
        """Whether a file is there, which is not read."""
        try:
            self.target(path)
        except EnvironmentError as error:
            return not is_absent(error) and error.errno != errno.ELOOP
        return True

    def _seen(self, ask, path):
        # type: (Callable[[bytes], Any], bytes) -> Any
        try:
            return ask(path)
        except EnvironmentError as error:
            return None if is_absent(error) else REFUSED

    def _read(self, path):
        # type: (bytes) -> bytes
        key, kind = self._resolve(path, True)
        if kind != "file":
            raise failure(errno.EISDIR if kind == "dir" else errno.EINVAL, path)
        content = self._try("data", key)  # type: bytes
        self.kept.add_file(key, excerpt(key, content))
        return content

    def _names(self, path):
        # type: (bytes) -> List[bytes]
        key, kind = self._resolve(path, True)
        if kind != "dir":
            raise failure(errno.ENOTDIR, path)
        names = self._try("names", key)  # type: List[bytes]
        for name in names:
            try:
                if self._kind(joined(key, name)) == "link":
                    self._link(joined(key, name))
            except EnvironmentError:
                continue  # kept as unreadable, or gone since
        return names

    def _link(self, key):
        # type: (bytes) -> bytes
        target = self._try("link", key)  # type: bytes
        self.kept.add_link(key, target)
        return target

    def _kind(self, key):
        # type: (bytes) -> Optional[str]
        if key in self.kept.directories:  # each question is a way to another process and back
            return "dir"
        try:
            kind = self._ask("kind", key)  # type: Optional[str]
        except EnvironmentError as error:
            self.unreadable[key] = errno_name(error)
            raise
        if kind == "dir":
            self.kept.add_directory(key)
        elif kind == "file" and key.endswith(MARKERS) and key not in self.kept.files:
            self.kept.add_file(key, b"")
        elif kind == "other":  # a pipe or a device, which is neither read nor recorded
            self.unreadable[key] = "EINVAL"
        return kind

    def _try(self, operation, key):
        # type: (str, bytes) -> Any
        try:
            found = self._ask(operation, key)
        except EnvironmentError as error:
            if error.errno != errno.ENOENT:
                self.unreadable[key] = errno_name(error)
            raise
        self.unreadable.pop(key, None)
        return found

    def _resolve(self, path, follow):
        # type: (bytes, bool) -> Tuple[bytes, str]
        """The key that `path` leads to, and its kind; as if the top were "/"."""
        rest = path.split(b"/")[::-1]
        key, kind, links, steps = b"", "dir", 0, 0
        while rest:
            steps += 1
            if steps > MAX_STEPS:
                raise failure(errno.ELOOP, path)
            part = rest.pop()
            if part in (b"", b"."):
                continue
            if kind != "dir":
                raise failure(errno.ENOTDIR, path)
            if part == b"..":
                key = key.rpartition(b"/")[0]
                continue
            key = joined(key, part)
            found = self._kind(key)
            if found is None:
                raise failure(errno.ENOENT, path)
            if found != "link" or not (rest or follow):
                kind = found
                continue
            links += 1
            if links > MAX_LINKS:
                raise failure(errno.ELOOP, path)
            target = self._link(key)
            key = b"" if target.startswith(b"/") else key.rpartition(b"/")[0]
            rest.extend(target.split(b"/")[::-1])
        return key, kind


def _netplan_line(line):
    # type: (bytes) -> bytes
    """What names are matched by; of other lines, which may be secrets, where they begin."""
    line = line.split(b" #")[0].rstrip()
    said = line.strip()
    if not said or said.partition(b":")[0] in (b"match", b"macaddress", b"driver"):
        return line
    return line[: len(line) - len(line.lstrip())] + b"-"


def excerpt(key, content):
    # type: (bytes, bytes) -> bytes
    """What a recording keeps of a file: of those of megabytes what may concern a VF."""
    name = key.rpartition(b"/")[2]
    if key == DPKG:
        return b"\n".join(
            found for found in (_stanza(content, package) for package in PACKAGES) if found
        )
    if key.startswith((b"etc/netplan/", b"run/netplan/")):
        return b"".join(_netplan_line(line) + b"\n" for line in content.splitlines())
    if b"/ifcfg-" in key:
        lines = [line.partition(b"=") for line in content.splitlines()]
        return b"".join(
            b"".join(line) + b"\n" for line in lines if line[0].strip() in (b"HWADDR", b"DEVICE")
        )
    if not key.startswith(b"boot/config-") and not name.startswith(b"modules."):
        return content
    if b"config" in name:
        return b"\n" + b"".join(line for line in content.splitlines(True) if KEPT_CONFIG in line)
    if name == b"modules.alias":
        return b"".join(
            line for line in content.splitlines(True) if line[6:].startswith(KEPT_ALIASES)
        )
    if name in (b"modules.dep", b"modules.order", b"modules.builtin"):
        paths = [line.partition(b":")[:2] for line in content.splitlines()]
        return b"".join(
            path + colon + b"\n"
            for path, colon in paths
            if any(place in path for place in KEPT_PLACES)
        )
    if name == b"modules.builtin.modinfo":
        return b"".join(
            record + b"\0"
            for record in content.split(b"\0")
            if record.partition(b".alias=")[2].startswith(KEPT_ALIASES)
        )
    return content


def _stanza(status, package):
    # type: (bytes, bytes) -> bytes
    """A package's stanza of dpkg's database; empty where it has none."""
    start = b"Package: " + package + b"\n"
    at = 0 if status.startswith(start) else status.find(b"\n" + start) + 1
    if at == 0 and not status.startswith(start):
        return b""
    end = status.find(b"\n\n", at)
    return status[at:] if end < 0 else status[at : end + 1]


# --- the kernel's calls ---------------------------------------------------------------------------

SIOCETHTOOL, SIOCGIFINDEX = 0x8946, 0x8933  # <linux/sockios.h>
ETHTOOL_GDRVINFO, ETHTOOL_GRINGPARAM, ETHTOOL_GCHANNELS = 0x03, 0x10, 0x3C  # <linux/ethtool.h>
ETHTOOL_GSTRINGS, ETHTOOL_GSTATS, ETHTOOL_GSSET_INFO, ETHTOOL_GPERMADDR = 0x1B, 0x1D, 0x37, 0x20
ETH_SS_STATS, ETH_GSTRING_LEN, MAX_ADDR_LEN = 1, 32, 32
DRVINFO_SIZE, NINE_WORDS = 196, 36
NETLINK_ROUTE, RTM_NEWADDR, RTM_GETADDR, IFA_ADDRESS, IFA_LOCAL = 0, 20, 22, 1, 2
AF_NETLINK = 16
NLMSG_ERROR, NLMSG_DONE, NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 2, 3, 0x1, 0x300, 0x10


class Ethtool(object):
    """The calls of SIOCETHTOOL that need no privilege; each returns what the kernel left.

    Kernels before December 2025 write as many entries as the driver has, whatever length was
    passed: so the buffer is one that no driver overruns.  The count is asked for, passed, and
    verified in each answer.
    """

    def __init__(self):
        # type: () -> None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._buffer = array.array("B", b"\0" * (4096 + MAX_STATISTICS * ETH_GSTRING_LEN))
        self._pointer = struct.pack("@P", self._buffer.buffer_info()[0]).ljust(24, b"\0")

    def ask(self, interface, request):
        # type: (bytes, bytes) -> None
        """Put `request` in the buffer and let the kernel overwrite it."""
        self._buffer[: len(request)] = array.array("B", request)
        # struct ifreq: name, pointer, and the rest of its union
        fcntl.ioctl(self._socket, SIOCETHTOOL, struct.pack("=16s", interface) + self._pointer)

    def answer(self, size):
        # type: (int) -> bytes
        """The first `size` bytes that the kernel left."""
        return bytes(bytearray(self._buffer[:size]))

    def fixed(self, interface, command, size):
        # type: (bytes, int, int) -> bytes
        """A call whose structure has a fixed size."""
        self.ask(interface, struct.pack("=I", command) + b"\0" * (size - 4))
        return self.answer(size)

    def permaddr(self, interface):
        # type: (bytes) -> bytes
        """ETHTOOL_GPERMADDR."""
        self.ask(interface, struct.pack("=II", ETHTOOL_GPERMADDR, MAX_ADDR_LEN))
        return self.answer(8 + min(struct.unpack("=I", self.answer(8)[4:])[0], MAX_ADDR_LEN))

    def index(self, interface):
        # type: (bytes) -> int
        """SIOCGIFINDEX."""
        request = struct.pack("=16s24x", interface)
        found = fcntl.ioctl(self._socket, SIOCGIFINDEX, request)  # type: bytes
        return int(struct.unpack("=i", found[16:20])[0])

    def statistics(self, interface):
        # type: (bytes) -> Tuple[bytes, bytes]
        """Names and values of one consistent triple.

        OSError: EOPNOTSUPP without statistics, EAGAIN where it does not settle, EOVERFLOW for more
        than any driver has.
        """
        for _ in range(ATTEMPTS):
            before = self._identity(interface)
            request = struct.pack("=IIQI", ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_STATS, 0)
            self.ask(interface, request)
            _, _, mask, count = struct.unpack("=IIQI", self.answer(20))
            if not mask or not count:
                raise failure(errno.EOPNOTSUPP, interface)
            if count > MAX_STATISTICS:
                raise failure(errno.EOVERFLOW, interface)
            request = struct.pack("=III", ETHTOOL_GSTRINGS, ETH_SS_STATS, count)
            strings = self._entries(interface, request, count, ETH_GSTRING_LEN)
            request = struct.pack("=II", ETHTOOL_GSTATS, count)
            stats = strings and self._entries(interface, request, count, 8)
            if strings and stats and self._identity(interface) == before:
                return strings, stats
        raise failure(errno.EAGAIN, interface)

    def _identity(self, interface):
        # type: (bytes) -> Tuple[int, bytes]
        """What must not change during a triple: ifindex, and driver with bus address."""
        index = self.index(interface)
        info = self.fixed(interface, ETHTOOL_GDRVINFO, DRVINFO_SIZE)
        return index, info[4:36] + info[100:132]

    def _entries(self, interface, request, count, width):
        # type: (bytes, bytes, int, int) -> Optional[bytes]
        self.ask(interface, request)
        header = len(request)
        returned = struct.unpack("=I", self.answer(header)[-4:])[0]
        return self.answer(header + count * width) if returned == count else None


def ask_kernel(interfaces, emit):
    # type: (Mapping[bytes, Optional[int]], Emit) -> None
    """In a child.  Emits (interface, reply's name, reply), and first (None, None, addresses)."""
    try:
        emit((None, None, addresses()))
    except EnvironmentError as error:
        emit((None, None, refused(errno_name(error))))
    try:
        ethtool = Ethtool()
    except EnvironmentError as error:
        for interface in interfaces:
            _emit_all(emit, interface, refused(errno_name(error)))
        return
    for interface, index in interfaces.items():
        try:
            # /sys may be of another network namespace than we are in.
            if index is not None and ethtool.index(interface) != index:
                raise failure(errno.ENODEV, interface)
        except EnvironmentError as error:
            emit((None, None, refused(errno_name(error))))
            _emit_all(emit, interface, refused(errno_name(error)))
        else:
            _ask_interface(ethtool, interface, emit)


def _emit_all(emit, interface, reply):
    # type: (Emit, bytes, Reply) -> None
    for name in REPLIES:
        emit((interface, name, reply))


def _ask_interface(ethtool, interface, emit):
    # type: (Ethtool, bytes, Emit) -> None
    """Each reply as it comes; the slowest call is the last."""
    for name, command, size in (
        ("drvinfo", ETHTOOL_GDRVINFO, DRVINFO_SIZE),
        ("channels", ETHTOOL_GCHANNELS, NINE_WORDS),
        ("ring", ETHTOOL_GRINGPARAM, NINE_WORDS),
        ("permaddr", ETHTOOL_GPERMADDR, 0),
    ):
        try:
            fixed = ethtool.fixed(interface, command, size) if size else None
            emit((interface, name, (b".bin", fixed or ethtool.permaddr(interface))))
        except EnvironmentError as error:
            emit((interface, name, refused(errno_name(error))))
    try:
        strings, stats = ethtool.statistics(interface)
        emit((interface, "stats-strings", (b".bin", strings)))
        emit((interface, "stats", (b".bin", stats)))
    except EnvironmentError as error:
        emit((interface, "stats-strings", refused(errno_name(error))))
        emit((interface, "stats", refused(errno_name(error))))


def addresses():
    # type: () -> List[Tuple[int, str]]
    """(ifindex, "10.0.0.4/24") of every address: RTM_GETADDR (rtnetlink(7)); OSError."""
    request = struct.pack(
        "=IHHII8x", 24, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0
    )  # struct nlmsghdr, struct ifaddrmsg of family AF_UNSPEC
    for _ in range(ATTEMPTS):
        netlink = socket.socket(AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        try:
            netlink.send(request)
            found = []  # type: List[Tuple[int, str]]
            state = "more"
            while state == "more":
                state = decode_addresses(netlink.recv(1 << 16), found)
            if state == "done":
                return found
        finally:
            netlink.close()
    raise failure(errno.EAGAIN, "RTM_GETADDR")


def decode_addresses(datagram, found):
    # type: (bytes, List[Tuple[int, str]]) -> str
    """Append what one datagram holds; "more", "done", or "interrupted" by a change."""
    at = 0
    while at + 16 <= len(datagram):
        length, kind, flags = struct.unpack_from("=IHH", datagram, at)
        body = datagram[at + 16 : at + length]
        at += max((length + 3) & ~3, 16)
        if flags & NLM_F_DUMP_INTR:
            return "interrupted"
        if kind in (NLMSG_DONE, NLMSG_ERROR):
            # Both begin with an errno: a dump that was refused ends like one that is whole.
            number = -struct.unpack_from("=i", body)[0] if len(body) > 3 else 0
            if number > 0 or kind == NLMSG_ERROR:
                raise failure(number if number > 0 else errno.EIO, "RTM_GETADDR")
            return "done"
        if kind == RTM_NEWADDR:
            found.extend(_address(body))
    return "more"


def _address(body):
    # type: (bytes) -> List[Tuple[int, str]]
    """struct ifaddrmsg and its attributes: one address, or none of another family."""
    if len(body) < 8:
        return []
    family, prefix, _, _, index = struct.unpack_from("=BBBBI", body)
    attributes = {}
    at = 8
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        attributes[kind & 0x3FFF] = body[at + 4 : at + length]
        at += max((length + 3) & ~3, 4)
    raw = attributes.get(IFA_LOCAL, attributes.get(IFA_ADDRESS, b""))
    if (family, len(raw)) not in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        return []
    return [(index, "%s/%d" % (socket.inet_ntop(family, raw), prefix))]


# --- the instance metadata service ----------------------------------------------------------------


def ask_imds(endpoint, emit):
    # type: (str, Emit) -> None
    """In a child.  Emit the body of /metadata/instance, or why there is none."""
    found = refused("ETIMEDOUT")
    for attempt in range(IMDS_TRIES):
        if attempt:
            time.sleep(IMDS_PAUSE)
        found = get(endpoint, IMDS_PATH)
        if found not in [refused("HTTP %d" % code) for code in IMDS_RETRIED]:
            break
    emit(found)


def get(endpoint, target):
    # type: (str, str) -> Reply
    """One GET: http.client knows nothing of proxy variables and follows no redirect."""
    try:
        import http.client as client
    except ImportError:
        import httplib as client  # type: ignore[import-not-found,no-redef]  # pyright: ignore[reportMissingImports]
    host, _, prefix = endpoint[len("http://") :].partition("/")
    path = "/" + prefix.rstrip("/") + target if prefix.strip("/") else target
    try:
        connection = client.HTTPConnection(host, timeout=IMDS_TIMEOUT)
        try:
            connection.request("GET", path, headers={"Metadata": "true", "Connection": "close"})
            response = connection.getresponse()
            if response.status != 200:
                return refused("HTTP %d" % response.status)
            body = response.read(MAX_BODY + 1)  # type: bytes
        finally:
            connection.close()
    except socket.timeout:
        return refused("ETIMEDOUT")
    except EnvironmentError as error:
        if error.errno in errno.errorcode:
            return refused(errno_name(error))
        # "Closed without an answer" has no errno; a name that does not resolve one of its own kind.
        return refused("EHOSTUNREACH" if isinstance(error, socket.gaierror) else "ECONNRESET")
    except client.BadStatusLine as error:  # what is "closed without an answer" before Python 3.5
        return refused("ECONNRESET" if str(error) in ("", "''") else "EPROTO")
    except (client.HTTPException, ValueError):
        return refused("EPROTO")
    return refused("EFBIG") if len(body) > MAX_BODY else (b".json", body)


def endpoint_error(text):
    # type: (str) -> Optional[str]
    """Why `text` can not be an endpoint, in a few words; None where it can."""
    if not text.startswith("http://"):
        return "expected http://HOST[:PORT] or off"
    host = text[len("http://") :].partition("/")[0]
    if not host:
        return "expected http://HOST[:PORT] or off"
    if not re.match(r"[!-~]+\Z", text):
        return "it has characters that no URL has"
    if any(sign in text for sign in "@?#"):
        return "expected http://HOST[:PORT] alone"
    name, colon, port = host.rpartition(":")
    is_port = re.match(r"[0-9]{1,5}\Z", port) is not None and int(port) < 65536
    if colon and "]" not in port and not (name and is_port):
        return "its port is not a number below 65536"
    return None


# --- the machine ----------------------------------------------------------------------------------


class Machine(object):
    """The running machine: what answers, but for judging what the answers are."""

    def __init__(self, window=1.0, endpoint=None, root=b"/"):
        # type: (float, Optional[str], bytes) -> None
        """`endpoint`: IMDS where the operator named it, "off" for never."""
        self.samples = 2 if window else 1
        self._window = window
        self._endpoint = endpoint
        self._reader = Reader(root)
        self._started = now()
        self._is_stuck = False
        self._instance = None  # type: Union[Worker, Reply, None]
        self._instance_until = 0.0

    def ask(self, operation, key):
        # type: (str, bytes) -> Any
        """About a file; OSError."""
        return self._reader.ask(operation, key)

    def log(self):
        # type: () -> bytes
        """The kernel log's lines that concern VFs; OSError."""
        content = self._reader.ask("log", KMSG)  # type: bytes
        return content

    def sample(self, number, interfaces):
        # type: (int, Mapping[bytes, Optional[int]]) -> Tuple[Replies, Addresses]
        """One child asks everything; what it does not answer in time is ETIMEDOUT."""
        self._started = now()
        messages = []  # type: List[Any]
        missing = refused("ETIMEDOUT")
        if not interfaces:
            return {}, []
        if not self._is_stuck:  # a call that hangs is never joined by a second
            try:
                worker = Worker(lambda emit: ask_kernel(interfaces, emit))
                messages, is_over = worker.collect(self._started + KERNEL_DEADLINE)
                self._is_stuck = not is_over
                missing = refused("EIO") if is_over else missing
            except OSError as error:  # no process is left
                missing = refused(errno_name(error))
        replies = {name: dict.fromkeys(REPLIES, missing) for name in interfaces}  # type: Replies
        found = missing  # type: Addresses
        for interface, reply, value in messages:
            if interface is None:
                found = value if isinstance(value, tuple) else _named(value, interfaces)
            else:
                replies[interface][reply] = value
        return replies, found

    def pause(self):
        # type: () -> float
        """Sleep until the window since the first sample has passed."""
        time.sleep(max(0.0, self._started + self._window - now()))
        return round(now() - self._started, 3)

    def begin_instance(self, is_azure):
        # type: (bool) -> None
        """Start to ask IMDS, where it may be asked."""
        if self._endpoint == "off" or not (self._endpoint or is_azure):
            return
        endpoint = self._endpoint or IMDS_ENDPOINT
        self._instance_until = now() + IMDS_DEADLINE
        try:
            self._instance = Worker(lambda emit: ask_imds(endpoint, emit))
        except OSError as error:  # no process is left
            self._instance = refused(errno_name(error))

    def instance(self):
        # type: () -> Optional[Reply]
        """The body, or why there is none; None where it was not asked."""
        asked, self._instance = self._instance, None
        if not isinstance(asked, Worker):
            return asked
        # An answer that has come is waiting in a pipe.
        messages, is_over = asked.collect(max(self._instance_until, now() + 0.2))
        return messages[0] if messages else refused("EIO" if is_over else "ETIMEDOUT")

    def cpu_count(self):
        # type: () -> Optional[int]
        """Online CPUs."""
        try:
            return os.sysconf("SC_NPROCESSORS_ONLN")
        except (OSError, ValueError):
            return None

    def created(self):
        # type: () -> str
        """The moment of the observation."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def host_name(self):
        # type: () -> str
        """What --redact masks."""
        name = os.uname()[1]  # type: Any
        return text_of(name) if PYTHON_2 else TEXT(name)

    def close(self):
        # type: () -> None
        """Leave no child behind."""
        self._reader.close()
        asked, self._instance = self._instance, None
        if isinstance(asked, Worker):
            asked.collect(0.0)


def _named(found, interfaces):
    # type: (Iterable[Tuple[int, str]], Mapping[bytes, Optional[int]]) -> List[Tuple[bytes, str]]
    names = {index: name for name, index in interfaces.items() if index is not None}
    return [(names[index], address) for index, address in found if index in names]


# --- what is read ---------------------------------------------------------------------------------


class Function(object):
    """A PCI function, as far as it decides what is read."""

    def __init__(self, files, address):
        # type: (Files, bytes) -> None
        entry = joined(PCI, address)
        self.address = address
        files.link_name(entry)
        vendor = identifier(files, joined(entry, b"vendor"), 4)
        self.may_be_vf = not isinstance(vendor, TEXT) or vendor in VF_VENDORS
        self.is_of_vf_vendor = vendor in VF_VENDORS
        for name in (b"device", b"subsystem_vendor", b"subsystem_device"):
            files.read(joined(entry, name))
        self.driver = files.link_name(joined(entry, b"driver"))
        self.modalias = None  # type: Optional[bytes]
        self.netdevs = []  # type: Union[List[bytes], Refused, None]
        kind = identifier(files, joined(entry, b"class"), 6)
        if not isinstance(kind, TEXT) or kind.startswith(NETWORK_CLASS):
            files.read(joined(entry, b"driver_override"))
            modalias = files.text(joined(entry, b"modalias"))
            self.modalias = modalias.encode("utf-8") if isinstance(modalias, TEXT) else None
            self.netdevs = files.names(joined(entry, b"net"))

    @property
    def is_unbound(self):
        # type: () -> bool
        """It may be a VF and waits for a driver, or for mlx4_core's second one."""
        if self.driver is None:
            return self.is_of_vf_vendor
        return self.driver == b"mlx4_core" and not self.netdevs


class Netdev(object):
    """A network device, as far as it decides what is read."""

    def __init__(self, files, name):
        # type: (Files, bytes) -> None
        entry = joined(NET, name)
        self.name = name
        self.device = files.link_name(joined(entry, b"device"))
        names = files.listed(entry)
        index = number(files, joined(entry, b"ifindex"))
        self.ifindex = index if not isinstance(index, Refused) else None
        for attribute in (b"type", b"address", b"mtu", b"flags", b"operstate"):
            files.read(joined(entry, attribute))
        self.driver = self.device
        if self.device is not None:
            self.driver = files.link_name(joined(entry, b"device/driver"))
        for link in [b"master"] + [n for n in names if n.startswith((b"lower_", b"upper_"))]:
            files.link_name(joined(entry, link))


def number(files, path):
    # type: (Files, bytes) -> Union[int, Refused, None]
    """An attribute's integer, decimal or 0x."""
    found = files.text(path)
    if not isinstance(found, TEXT):
        return found  # type: ignore[return-value]
    try:
        if "_" not in found:
            return int(found, 16 if found[:2] in ("0x", "0X") else 10)
    except ValueError:
        pass
    return REFUSED


def identifier(files, path, digits):
    # type: (Files, bytes, int) -> Union[str, Refused, None]
    """An id such as 0x15b3, as so many lower-case hex digits."""
    found = number(files, path)
    if found is None or isinstance(found, Refused):
        return found
    if not 0 <= found < 16**digits:
        return REFUSED
    return TEXT("%0*x") % (digits, found)


class Devices(object):
    """One look at the buses and the network devices."""

    def __init__(self, files):
        # type: (Files) -> None
        self.functions = [Function(files, address) for address in files.listed(PCI)]
        self._vmbus_is_refused = files.names(VMBUS) is REFUSED
        self._guids = files.listed(VMBUS)
        classes = {}
        drivers = {}
        for guid in self._guids:
            found = files.text(joined(joined(VMBUS, guid), b"class_id"))
            classes[guid] = found.strip("{}").lower() if isinstance(found, TEXT) else None
            drivers[guid] = files.link_name(joined(joined(VMBUS, guid), b"driver"))
        # On a running VM some VMBus device always has a driver.
        self.is_waiting = any(driver is not None for driver in drivers.values()) and any(
            classes[guid] == PASS_THROUGH_CLASS and drivers[guid] is None for guid in self._guids
        )
        self._netdevs = [
            Netdev(files, name) for name in files.listed(NET) if _is_physical(files, name)
        ]
        self.interfaces = {
            netdev.name: netdev.ifindex for netdev in self._netdevs if self._is_ours(netdev)
        }  # type: Dict[bytes, Optional[int]]

    @property
    def matter(self):
        # type: () -> bool
        """There is something whose log lines and modules matter."""
        return bool(self.interfaces or self._guids) or any(
            function.is_of_vf_vendor for function in self.functions
        )

    def _is_ours(self, netdev):
        # type: (Netdev) -> bool
        """Worth an ioctl: on VMBus, or on a function that may be a VF."""
        device = netdev.device
        if device is None or isinstance(device, Refused):
            return device is REFUSED
        ours = {function.address for function in self.functions if function.may_be_vf}
        others = {function.address for function in self.functions} - ours
        names = ours.union(guid.lower() for guid in self._guids)
        return (
            device.lower() in names
            or netdev.driver == b"hv_netvsc"
            or (self._vmbus_is_refused and device not in others)
        )


def _is_physical(files, name):
    # type: (Files, bytes) -> bool
    """Not a virtual device (veth, bridge, bond), nor gone, nor no device at all."""
    entry = joined(NET, name)
    try:
        return b"/virtual/" not in files.target(entry)
    except EnvironmentError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return False
        return error.errno != errno.EINVAL or files.names(entry) is not None


class Recording(object):
    """What a bundle holds."""

    def __init__(self, root, unreadable, parts, about):
        # type: (Kept, Dict[bytes, str], Dict[bytes, bytes], Dict[str, Any]) -> None
        self.root, self.unreadable, self.parts, self.about = root, unreadable, parts, about

    def entries(self):
        # type: () -> Tuple[List[bytes], Dict[bytes, bytes], Dict[bytes, bytes]]
        """Directories, links and files of the whole bundle by their path."""
        about = dict(self.about)
        about["unreadable"] = collections.OrderedDict(
            (text_of(key), self.unreadable[key]) for key in sorted(self.unreadable)
        )
        order = "format version created tool redacted byteorder samples window_seconds cpu_count"
        names = order.split() + ["unreadable"]
        files = {
            b"bundle.json": as_json(collections.OrderedDict((name, about[name]) for name in names))
        }
        files.update(self.parts)
        files.update((joined(b"root", key), data) for key, data in self.root.files.items())
        links = {joined(b"root", key): target for key, target in self.root.links.items()}
        return [joined(b"root", key) for key in sorted(self.root.directories) if key], links, files


def record(machine):
    # type: (Machine) -> Recording
    """Look at the machine, twice where there is a window."""
    files = Files(machine.ask)
    parts = {}  # type: Dict[bytes, bytes]
    window = None
    machine.begin_instance(files.text(joined(DMI, b"chassis_asset_tag")) == AZURE_ASSET_TAG)
    if machine.samples == 2:
        devices = Devices(files)
        _keep_sample(parts, 0, machine.sample(0, devices.interfaces))
        window = machine.pause()
        files.start()  # root/ is the last sample's
    devices = Devices(files)
    created = machine.created()
    _keep_sample(
        parts, machine.samples - 1, machine.sample(machine.samples - 1, devices.interfaces)
    )
    _read_host(files)
    if devices.matter:
        _read_drivers(files, devices)
    if devices.interfaces:
        _read_network_setup(files, devices.interfaces)
    if devices.matter:
        try:
            parts[b"kernel.log"] = machine.log()
        except EnvironmentError as error:
            files.unreadable[KMSG] = errno_name(error)
    instance = machine.instance()
    if instance is not None:
        parts[b"imds/instance" + instance[0]] = instance[1]
    about = {
        "format": "accelnet-bundle",
        "version": 1,
        "created": created,
        "tool": "accelnet_record %s (Python %s)" % (VERSION, sys.version.split()[0]),
        "redacted": False,
        "byteorder": sys.byteorder,
        "samples": machine.samples,
        "window_seconds": window,
        "cpu_count": machine.cpu_count(),
    }
    return Recording(files.kept, files.unreadable, parts, about)


def _keep_sample(parts, number, sample):
    # type: (Dict[bytes, bytes], int, Tuple[Replies, Addresses]) -> None
    replies, found = sample
    for interface, by_name in replies.items():
        folder = joined(b"ethtool/" + str(number).encode("ascii"), interface)
        for name, (suffix, content) in by_name.items():
            parts[joined(folder, name.encode("ascii")) + suffix] = content
    for suffix in (b".json", b".errno"):  # of the last sample alone
        parts.pop(b"addresses" + suffix, None)
    if isinstance(found, tuple):
        parts[b"addresses" + found[0]] = found[1]
        return
    entries = [(("interface", text_of(name)), ("address", address)) for name, address in found]
    parts[b"addresses.json"] = as_json([collections.OrderedDict(entry) for entry in entries])


def _read_host(files):
    # type: (Files) -> None
    for path in (b"proc/sys/kernel/osrelease", b"proc/uptime") + RELEASE_FILES:
        files.read(path)
    for path in OS_RELEASE:
        if files.read(path) is not None:
            break
    for name in (b"chassis_asset_tag", b"sys_vendor", b"product_name"):
        files.read(joined(DMI, name))


def _read_network_setup(files, interfaces):
    # type: (Files, Mapping[bytes, Optional[int]]) -> None
    """What user space is told to do with the interfaces, and what it did."""
    for index in interfaces.values():
        if index is not None:
            name = str(index).encode("ascii")
            for path in (NETIF + b"/links/", UDEV + b"/n", NM + b"/devices/"):
                files.read(path + name)
    files.names(NM)
    files.names(NETIF)
    for folders, suffix in UNMANAGED:
        for folder, name in _first_of_each(files, folders, suffix):
            if not folder.startswith((b"usr/", b"lib/")) or any(word in name for word in OURS):
                files.read(joined(folder, name))
    _read_name_rules(files)
    files.read(DPKG)


def _read_name_rules(files):
    # type: (Files) -> None
    """What gives interfaces their names."""
    for folder, prefix, suffix in NAME_RULES:
        for name in files.listed(folder):
            if name.startswith(prefix) and name.endswith(suffix):
                files.read(joined(folder, name))
    for folder in UDEV_RULES:
        files.link_name(joined(folder, NAME_GENERATOR))
        files.read(joined(folder, NAME_GENERATOR))


def _first_of_each(files, folders, suffix):
    # type: (Files, Iterable[bytes], bytes) -> Iterator[Tuple[bytes, bytes]]
    """Folder and name of each file, the first of its name."""
    seen = set()  # type: Set[bytes]
    for folder in folders:
        for name in files.listed(folder):
            if name.endswith(suffix) and name not in seen:
                seen.add(name)
                yield folder, name


def _read_drivers(files, devices):
    # type: (Files, Devices) -> None
    """The modules of each kernel, what chooses the one that boots, what forbids a module."""
    installed = []  # type: List[bytes]
    for folder in MODULE_FOLDERS:
        installed = installed or files.listed(folder)
    for release in installed:
        for folder in MODULE_FOLDERS:
            files.names(joined(folder, release))
    if installed:
        _read_boot(files)
    aliases = [f.modalias for f in devices.functions if f.is_unbound and f.modalias is not None]
    found = files.text(b"proc/sys/kernel/osrelease")
    running = found.encode("utf-8") if isinstance(found, TEXT) and "/" not in found else b""
    newest = sorted(installed, key=natural)[::-1][:MAX_KERNELS]
    for release in ([running] if running else []) + [name for name in newest if name != running]:
        # Of the running kernel alone what is loaded is asked, and what waits for a driver.
        is_running = release == running
        _read_modules(files, release, aliases if is_running else [], is_running)


def _read_boot(files):
    # type: (Files) -> None
    """All that may choose the kernel that boots next; which of it does is left to the judge."""
    for folder in GRUB:
        files.read(joined(folder, b"grub.cfg"))
        files.read(joined(folder, b"grubenv"))
    for folder in BOOT_ENTRIES:
        for name in files.listed(folder):
            if name.endswith(b".conf"):
                files.read(joined(folder, name))
        files.read(joined(folder.rpartition(b"/")[0], b"loader.conf"))
    for path in BOOT_LINKS:
        files.link_name(path)
    files.read(b"proc/cmdline")
    for folder, name in _first_of_each(files, MODPROBE, b".conf"):
        files.read(joined(folder, name))
    files.is_there(b"etc/initrd-release")


def natural(release):
    # type: (bytes) -> List[Tuple[int, bytes]]
    """A key that puts 6.1.0-10 after 6.1.0-9."""
    parts = re.findall(b"[0-9]+|[^0-9]+", release)
    return [(int(part), b"") if part.isdigit() else (-1, part) for part in parts]


def _read_modules(files, release, aliases, is_running):
    # type: (Files, bytes, List[bytes], bool) -> None
    """What depmod and the build wrote about one kernel, and the files of the drivers."""
    folder = joined(MODULE_FOLDERS[0], release)
    if files.names(folder) is None and files.names(joined(MODULE_FOLDERS[1], release)):
        folder = joined(MODULE_FOLDERS[1], release)
    tables = {}
    for name in (b"alias", b"dep", b"builtin", b"builtin.modinfo"):
        content = files.read(joined(folder, b"modules." + name))
        tables[name] = content if isinstance(content, bytes) else b""
    listing = tables[b"dep"] or files.read(joined(folder, b"modules.order"))
    for alias in ALIASES + tuple(aliases):
        aliases = aliases + answering(alias, tables[b"alias"], tables[b"builtin.modinfo"])
    names = set(DRIVERS).union(name for name in aliases if b":" not in name)
    for name in sorted(names):
        if is_running and files.read(b"sys/module/" + name + b"/initstate") is None:
            files.names(b"sys/module/" + name)
        path = module_path(listing, name) if isinstance(listing, bytes) else None
        if path is not None:
            files.is_there(joined(folder, path))
            files.is_there(joined(folder, path.partition(b"/")[0]))
            for suffix in MODULE_SUFFIXES if not tables[b"dep"] else ():
                files.is_there(joined(folder, path.partition(b".ko")[0] + suffix))
    files.read(b"boot/config-" + release)
    files.read(joined(folder, b"config"))


def answering(alias, table, info):
    # type: (bytes, bytes, bytes) -> List[bytes]
    """The modules whose patterns match: of modules.alias and modules.builtin.modinfo."""
    entries = []
    for start in (alias[:13], b"pci:v*") if alias.startswith(b"pci:v") else (alias[:13],):
        for line in records(table, b"alias " + start, b"\n"):
            words = line.split(b" ", 2)
            if words[0] == b"alias" and len(words) > 2:
                entries.append((words[1], words[2]))
        for entry in records(info, b".alias=" + start, b"\0"):
            module, _, pattern = entry.partition(b".alias=")
            entries.append((pattern, module))
    found = []
    tried = 0
    for pattern, module in entries:
        literal = re.split(b"[*?[]", pattern)[0]
        if not alias.startswith(literal) or tried == MAX_PATTERNS:
            continue
        tried += 1
        if fnmatch.fnmatchcase(latin(alias), latin(pattern)):
            found.append(module.strip().replace(b"-", b"_"))
    return found


def module_path(table, name):
    # type: (bytes, bytes) -> Optional[bytes]
    """The path of the module that a line of modules.dep begins with; the last of several."""
    for spelled in (name, name.replace(b"_", b"-")):
        path = None
        for line in records(table, spelled + b".ko", b"\n"):
            found = line.partition(b":")[0]
            if found.rpartition(b"/")[2] in [spelled + suffix for suffix in MODULE_SUFFIXES]:
                path = found
        if path is not None:
            return path
    return None


def records(table, needle, end):
    # type: (bytes, bytes, bytes) -> Iterator[bytes]
    """The records of `table` that hold `needle`, each once."""
    at = table.find(needle)
    while at >= 0:
        start = table.rfind(end, 0, at) + 1
        stop = table.find(end, at)
        stop = stop if stop >= 0 else len(table)
        yield table[start:stop]
        at = table.find(needle, stop)


# --- --redact: what identifies the machine --------------------------------------------------------
#
# Two passes over everything that will be written: find, then replace, so that the same value has
# the same mask in a path, a link, a log line and a binary reply.  Texts are bytes decoded as
# Latin-1, so any file can be searched.  These are the patterns, ranges and lists of accelnet's own
# redaction (identities.py, masks.py, redaction.py, instance_masks.py), and the tests hold the
# results to those.  IP addresses are their 4 or 16 bytes: Python 2 has no ipaddress.

_U = re.UNICODE
_I = re.IGNORECASE | re.UNICODE
GUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-f])",
    _I,
)
CUT_GUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}(?:-[0-9a-f]{4}){0,2}(?:-[0-9a-f]{0,12})?(?![0-9a-f])",
    _I,
)
IPV6 = re.compile(r"(?<![0-9a-z])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![0-9a-z])", _I)
IPV4 = re.compile(r"(?<!\d)(?<!\d\.)(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)", _U)
OCTETS = re.compile(
    r"(?<![0-9a-f])(?<![0-9a-f][:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4,}(?![0-9a-f])",
    _I,
)
IN_A_NAME = re.compile(r"(?:enx|wlx|wwx)([0-9a-f]{12})(?![0-9a-z])", _I)
LABELLED = re.compile(r"UUID=[\"']?([0-9a-f-]{32,36})", _I)
LONE_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)", _U)
IS_A_VERSION = re.compile(r"(?:version|firmware|release|fw|rev)\W{0,3}$", _I)
WORD_MASK = re.compile(r"masked-\d+\Z", _U)
BOOT_PASSWORD = re.compile(r"^(\s*password\w*).*$", re.MULTILINE | _U)
# Releases and tables of modules: with numbers that look like addresses, and no names.
TECHNICAL = re.compile(
    r"(usr/)?lib/modules/|sys/module/|proc/(version|uptime|sys/kernel/osrelease)$"
    r"|(etc|usr/lib)/[^/]*release$",
    _U,
)

# Ranges that documentation reserves: a mask is never taken for a real one.
MAC_MASKS, MORE_MAC_MASKS = "00005e0053", "02005e"  # RFC 9542, 2.1.2; then locally administered
GUID_MASKS = "00000000000040008000"
IPV4_MASKS = (
    b"\xc0\0\2",
    b"\xc6\x33\x64",
    b"\xcb\0\x71",
)  # RFC 5737: 192.0.2, 198.51.100, 203.0.113
FAILED_DHCP, FAILED_DHCP_MASKS = b"\xa9\xfe", b"\xa9\xfe\xc8"  # 169.254 and 169.254.200
MORE_IPV4_MASKS = (b"\xc6\x12", b"\xc6\x13")  # RFC 2544: 198.18.0.0/15
IPV6_MASKS = b"\x20\x01\x0d\xb8"  # RFC 3849: 2001:db8::/32
LINK_LOCAL_MASKS = b"\xfe\x80\0\0\0\0\0\0\0\0\x0d\xb8"  # fe80::db8:0:0/96
# The instance metadata service and the platform's own address: alike on every Azure VM.
OF_AZURE = (b"\xa9\xfe\xa9\xfe", b"\xa8\x3f\x81\x10")
EVERYONES = b"\xfe\x80" + b"\0" * 12  # fe80::/112: fe80::1 is a gateway's

INSTANCE, ADDRESSES, SENT = b"imds/instance.json", b"addresses.json", b"active-proof.json"
NUMBERS = (b"/stats.bin", b"/channels.bin", b"/ring.bin")  # replies without text
HOST_NAME_FILES = (b"etc/hostname", b"proc/sys/kernel/hostname")
SERIALS = (
    b"product_uuid",
    b"product_serial",
    b"board_serial",
    b"chassis_serial",
    b"board_asset_tag",
)
# Of what is looked for by a fixed name: never masked, whatever the host is called.
FILE_NAMES = (
    "boot cmdline conf config dev grub hostname hosts ifcfg interfaces kmsg link machine net "
    "netplan network networks nmconnection resolv rules yaml true false none null"
)
# The words that accelnet looks for in a kernel log.
LOG_WORDS = (
    "0 1 12 2 20 200 3 4 40 60 64 7 8 80 9a a aborting add added advertised allocation ardware "
    "as association blocked by can cause change channel child collision command communication "
    "complete compromised could couldn cpu d d0 data deprecated detail detected device disabled "
    "dom driver entry err error f failed failure firmware for found from gdma guests guid "
    "handler hardware has health hh host hv hw hwc ignore in information init invalid iov is "
    "isolation joined leak lockup mana master mlx4 mlx5 mmio more move ms msg mtu namespace "
    "need net netdev netvsc nic no not numbers nvsp of offline on open or order other out over "
    "p page pass path pci pf pid pkt probe queue receive record recovery register registering "
    "removed renamed req request resource respons restoring ret retrying ringparam rndis s same "
    "seconds serial set setting slot soft space sr status stuck sub supporting switch switched "
    "t task than the through timed timeout to transmit tx unable unmaintained unnamed "
    "unregistering use using vf vfio vmbus vsp w watchdog will with"
)
EXPECT_TAG, EXPECTATIONS = "accelnet-expect", ("on", "off", "auto")
_IMAGE = ("publisher", "offer", "sku", "version")
# Of the instance metadata what the checks and a reader of the report need.
KEPT_OF_INSTANCE = frozenset(
    ["compute." + name for name in ("azEnvironment", "location", "osType", "provider", "vmSize")]
    + ["compute." + name for name in _IMAGE]
    + ["compute.storageProfile.imageReference." + name for name in _IMAGE]
    + [
        "compute.securityProfile." + name
        for name in ("encryptionAtHost", "secureBootEnabled", "securityType", "virtualTpmEnabled")
    ]
    + ["network.interface.%s.subnet.prefix" % family for family in ("ipv4", "ipv6")]
)  # type: FrozenSet[str]
# Names that the kernel log or a configuration file may hold as well.
NAMES_IN_INSTANCE = (
    "compute.name",
    "compute.resourceGroupName",
    "compute.vmScaleSetName",
    "compute.osProfile.adminUsername",
    "compute.osProfile.computerName",
)
TAGS = "compute.tagsList"
MAX_DEPTH = 32
WORD_LENGTHS = (3, 128)  # shorter ones are found in anything


def digits_of(text):
    # type: (str) -> str
    """The hex digits alone, in lower case."""
    return re.sub(r"[^0-9a-f]", "", text.lower())


def address_of(text):
    # type: (str) -> Optional[bytes]
    """The bytes of an IP address; None for other texts."""
    if not re.match(r"[0-9a-fA-F:.]+\Z", text):
        return None
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, str(text))
        except (OSError, socket.error):
            continue
    return None


def written(address):
    # type: (bytes) -> str
    """An IP address as text."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def is_link_local(address):
    # type: (bytes) -> bool
    """169.254.0.0/16, fe80::/10."""
    if len(address) == 4:
        return address.startswith(FAILED_DHCP)
    first, second = bytearray(address[:2])
    return first == 0xFE and second & 0xC0 == 0x80


def mac_of(interface_id):
    # type: (bytes) -> Optional[str]
    """The digits of the MAC that a modified EUI-64 was made of (RFC 4291, appendix A)."""
    if interface_id[3:5] != b"\xff\xfe":
        return None
    raw = bytearray(interface_id)
    raw[0] ^= 2
    return hexed(bytes(raw[:3] + raw[5:]))


def is_id(text):
    # type: (str) -> bool
    """Whether a value is nothing but a MAC, a GUID or an IP address."""
    if re.match(r"[0-9a-fA-F:.{}-]+\Z", text) and len(digits_of(text)) in (12, 32):
        return True
    address, scope, name = text.partition("/")[0].partition("%")
    found = address_of(address)
    return found is not None and (
        not scope or (len(found) == 16 and bool(name) and "%" not in name)
    )


class Identities(object):
    """Everything that identifies the machine, as it is found."""

    def __init__(self):
        # type: () -> None
        self.macs = set()  # type: Set[str]
        self.guids = set()  # type: Set[str]
        self.seen_guids = set()  # type: Set[str]
        self.ipv4 = set()  # type: Set[bytes]
        self.ipv6 = set()  # type: Set[bytes]
        self.words = {}  # type: Dict[str, bool]
        self.taken = set()  # type: Set[str]

    def add_mac(self, digits):
        # type: (str) -> None
        """Add a MAC's 12 digits."""
        if digits.startswith((MAC_MASKS, MORE_MAC_MASKS)):
            self.taken.add(digits)
        elif digits not in ("0" * 12, "f" * 12):
            self.macs.add(digits)

    def add_guid(self, text):
        # type: (str) -> None
        """Add a GUID that is secret, however it is written."""
        digits = digits_of(text)
        if digits.startswith(GUID_MASKS):
            self.taken.add(digits)
        elif len(digits) == 32 and digits.strip("0"):
            self.guids.add(digits)

    def add_word(self, text, everywhere):
        # type: (str, bool) -> None
        """Add a value that is masked whole; `everywhere`: within other texts as well."""
        word = text.lower()
        if WORD_MASK.match(word):
            self.taken.add(word)
        elif word:
            self.words[word] = self.words.get(word, False) or everywhere

    def add_address(self, text):
        # type: (str) -> None
        """Add an IP address, with or without its prefix length; other texts are passed over."""
        address = address_of(text.partition("/")[0].partition("%")[0])
        if address is not None and len(address) == 4:
            self._add_ipv4(address)
        elif address is not None:
            self._add_ipv6(address)

    def _add_ipv4(self, address):
        # type: (bytes) -> None
        first = bytearray(address)[0]
        if address.startswith(IPV4_MASKS):
            self.taken.add(written(address))
        elif not (
            first in (0, 127, 255)  # unspecified, loopback, netmasks and broadcast
            or 224 <= first < 240  # multicast
            or address in OF_AZURE
        ):
            self.ipv4.add(address)

    def _add_ipv6(self, address):
        # type: (bytes) -> None
        mac = mac_of(address[8:])
        first = bytearray(address)[0]
        is_unicast = first & 0xE0 == 0x20 or first & 0xFE == 0xFC or is_link_local(address)
        if not is_unicast or address.startswith(EVERYONES):
            return
        if address.startswith((IPV6_MASKS, LINK_LOCAL_MASKS)):
            self.taken.add(written(address))
            return
        if mac is not None:
            self.add_mac(mac)
        if not (is_link_local(address) and mac in self.taken):
            self.ipv6.add(address)

    def scan(self, text):
        # type: (str) -> None
        """Find MACs, alone, in names and in GUIDs: they are told by their shape in any text."""
        for match in OCTETS.finditer(text):
            self._add_octets(unhex(digits_of(match.group(0))))
        for match in IN_A_NAME.finditer(text):
            self.add_mac(match.group(1).lower())
        for match in GUID.finditer(text):
            digits = digits_of(match.group(0))
            self.seen_guids.add(digits)
            if digits == (digits[:12] * 3)[:32]:  # netvsc's on old hosts
                self.add_mac(digits[:12])
            elif digits.startswith("f8615163") and digits[12:20] == "10002000":  # on newer ones
                self.add_mac(digits[20:])

    def _add_octets(self, octets):
        # type: (bytes) -> None
        if len(octets) == 14:  # netfilter logs an Ethernet header: two MACs and a protocol
            self.add_mac(hexed(octets[:6]))
            self.add_mac(hexed(octets[6:12]))
        else:  # of an EUI-64, and of InfiniBand's 20 octets, the MAC in it or the last six
            self.add_mac((len(octets) > 6 and mac_of(octets[-8:])) or hexed(octets[-6:]))

    def scan_addresses(self, text):
        # type: (str) -> None
        """Find IP addresses and labelled UUIDs, in texts where few other things look like them."""
        for match in LONE_IPV4.finditer(text):
            if not IS_A_VERSION.search(text[max(0, match.start() - 12) : match.start()]):
                self.add_address(match.group(0))
        for match in IPV6.finditer(text):
            self.add_address(match.group(0))
            self.add_address(without_end(match.group(0), ":"))
        for match in LABELLED.finditer(text):
            self.add_guid(match.group(1))

    def scan_guids(self, text, known):
        # type: (str, Container[str]) -> None
        """Find every GUID and 128-bit id but the `known` ones."""
        for match in GUID.finditer(text):
            if digits_of(match.group(0)) not in known:
                self.add_guid(match.group(0))


def without_end(text, end):
    # type: (str, str) -> str
    """`text` without `end`, where it ends so."""
    return text[: -len(end)] if text.endswith(end) else text


class Masks(object):
    """One mask for each identity, and texts with the masks in place."""

    def __init__(self, found, vocabulary):
        # type: (Identities, Container[str]) -> None
        """`vocabulary`: words that texts need, which stay there even if a host is called so."""
        self._macs = _numbered(found.macs, _mac_masks(), found.taken)
        guids = _numbered(found.guids, _guid_masks(), found.taken)
        self._guids = {swapped(old): swapped(new) for old, new in guids.items()}
        self._guids.update(guids)
        words = _numbered(found.words, _word_masks(), found.taken)
        self._words = dict(words)
        self._words.update((in_latin(word).lower(), mask) for word, mask in words.items())
        self._ipv4 = _ipv4_masks(found)
        self._ipv6 = _ipv6_masks(found, self._macs)
        self._whole_guids = [(old, self._in_guid(old)) for old in sorted(found.seen_guids)]
        self._mac_pattern = _any_of(
            _spelled(digits) for mac in self._macs for digits in (mac, eui(mac, 2), eui(mac, 0))
        )
        least, most = WORD_LENGTHS
        self._word_pattern = _any_of(
            _bounded(word)
            for word in sorted(words, key=len, reverse=True)
            if found.words[word] and least <= len(word) <= most
            if not word.isdigit() and word not in vocabulary
        )

    def word(self, text):
        # type: (str) -> str
        """The mask of a whole value; the value itself where it is none of the words."""
        return self._words.get(text.lower(), text)

    def ids(self, text, fit=False):
        # type: (str, bool) -> str
        """`text` with MACs, GUIDs and IPv6 addresses masked; `fit`: and as long as before."""
        text = GUID.sub(
            lambda match: _spell(match.group(0), self._in_guid(digits_of(match.group(0)))), text
        )
        text = CUT_GUID.sub(lambda match: self._cut_guid(match.group(0)), text)
        text = IPV6.sub(
            lambda match: _put(match.group(0), self._ipv6_text(match.group(0)), fit), text
        )
        return self._mac_pattern.sub(lambda match: self._mac_text(match.group(0)), text)

    def addresses(self, text, fit=False):
        # type: (str, bool) -> str
        """`text` with IPv4 addresses masked."""
        return IPV4.sub(
            lambda match: _put(match.group(0), self._ipv4.get(match.group(0), match.group(0)), fit),
            text,
        )

    def words(self, text, fit=False):
        # type: (str, bool) -> str
        """`text` with names masked."""
        return self._word_pattern.sub(
            lambda match: _put(match.group(0), self.word(match.group(0)), fit), text
        )

    def hardware_address(self, raw):
        # type: (bytes) -> bytes
        """A MAC's bytes masked; of a longer address (InfiniBand's) the MAC that is in it."""
        mac = mac_of(raw[-8:]) if len(raw) > 6 else None
        if mac in self._macs:
            return raw[:-8] + unhex(eui(self._macs[mac], 2))
        last = hexed(raw[-6:])
        return raw[:-6] + unhex(self._macs.get(last, last))

    def _mac_text(self, text):
        # type: (str) -> str
        digits = digits_of(text)
        if digits in self._macs:
            return _spell(text, self._macs[digits])
        for flip in (2, 0):  # an EUI-64
            mac = "%02x" % (int(digits[:2], 16) ^ flip) + digits[2:6] + digits[10:]
            if mac in self._macs:
                return _spell(text, eui(self._macs[mac], flip))
        return text

    def _in_guid(self, digits):
        # type: (str) -> str
        if digits in self._guids:
            return self._guids[digits]
        address = self._ipv6.get(unhex(digits))
        if address is not None:  # /proc/net/if_inet6 writes them so
            return hexed(address)
        for turned in (TEXT, swapped):
            mac = turned(digits)[:12]
            if mac in self._macs and turned(digits) == (mac * 3)[:32]:
                return turned((self._macs[mac] * 3)[:32])
        return digits[:20] + self._macs.get(digits[20:], digits[20:])

    def _cut_guid(self, text):
        # type: (str) -> str
        """The beginning of a GUID: ethtool's bus_info holds 31 characters of it."""
        digits = digits_of(text)
        mac = digits[:12]
        if len(digits) >= 32:
            return text
        if mac in self._macs and (mac * 3).startswith(digits):
            return _spell(text, (self._macs[mac] * 3)[: len(digits)])
        for whole, masked in self._whole_guids:
            if whole.startswith(digits):
                return _spell(text, masked[: len(digits)])
        for mac, mask in self._macs.items():
            if digits[12:20] == "10002000" and mac.startswith(digits[20:]):
                return _spell(text, digits[:20] + mask[: len(digits) - 20])
        return text

    def _ipv6_text(self, text):
        # type: (str) -> str
        for shown, rest in ((text, ""), (without_end(text, ":"), ":")):
            address = address_of(shown)
            if address in self._ipv6:
                return written(self._ipv6[address]) + rest
        return text


def _mac_masks():
    # type: () -> Iterator[str]
    for number in range(1, 256):
        yield MAC_MASKS + "%02x" % number
    for number in itertools.count():
        yield MORE_MAC_MASKS + "%06x" % number


def _guid_masks():
    # type: () -> Iterator[str]
    return (GUID_MASKS + "%012x" % number for number in itertools.count(1))


def _word_masks():
    # type: () -> Iterator[str]
    return ("masked-%d" % number for number in itertools.count(1))


def _ipv4_masks(found):
    # type: (Identities) -> Dict[str, str]
    taken = found.taken.union(written(address) for address in found.ipv4)
    free = _free(_ipv4_hosts(), taken)
    # What a failed DHCP leaves stays recognisable.
    failed = itertools.chain(_free(_hosts_of(FAILED_DHCP_MASKS), taken), free)
    return {
        written(address): next(failed if is_link_local(address) else free)
        for address in sorted(found.ipv4)
    }


def _ipv4_hosts():
    # type: () -> Iterator[str]
    for network in IPV4_MASKS:
        for host in _hosts_of(network):
            yield host
    for network in MORE_IPV4_MASKS:
        for number in range(1 << 16):
            raw = network + struct.pack(">H", number)
            if raw not in (b"\xc6\x12\0\0", b"\xc6\x13\xff\xff"):
                yield written(raw)


def _hosts_of(network):
    # type: (bytes) -> Iterator[str]
    return (written(network + struct.pack("B", number)) for number in range(1, 255))


def _ipv6_masks(found, macs):
    # type: (Identities, Dict[str, str]) -> Dict[bytes, bytes]
    masks = {}  # type: Dict[bytes, bytes]
    free = {
        network: _free(_ipv6_of(network), found.taken) for network in (IPV6_MASKS, LINK_LOCAL_MASKS)
    }
    for address in sorted(found.ipv6):
        mac = mac_of(address[8:]) if is_link_local(address) else None
        if mac in macs:
            masks[address] = b"\xfe\x80" + b"\0" * 6 + unhex(eui(macs[mac], 2))
            continue
        mask = address_of(next(free[LINK_LOCAL_MASKS if is_link_local(address) else IPV6_MASKS]))
        if mask is not None:
            masks[address] = mask
    return masks


def _ipv6_of(network):
    # type: (bytes) -> Iterator[str]
    return (
        written(network + struct.pack(">I", number).rjust(16 - len(network), b"\0"))
        for number in itertools.count(1)
    )


def _numbered(values, masks, taken):
    # type: (Iterable[str], Iterator[str], Container[str]) -> Dict[str, str]
    return dict(zip(sorted(values), _free(masks, taken)))


def _free(masks, taken):
    # type: (Iterator[str], Container[str]) -> Iterator[str]
    return (mask for mask in masks if mask not in taken)


def swapped(guid):
    # type: (str) -> str
    """A GUID's digits as SMBIOS stores them: the first three groups turned round."""
    raw = unhex(guid)
    return hexed(raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:])


def eui(mac, flip):
    # type: (str, int) -> str
    """The digits of a MAC's EUI-64: modified (flip 2) as in IPv6, or plain (0)."""
    return "%02x" % (int(mac[:2], 16) ^ flip) + mac[2:6] + "fffe" + mac[6:]


def _spelled(digits):
    # type: (str) -> str
    """A pattern for these digits, in pairs with or without a sign between them."""
    pattern = "[-:._ ]?".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    # One that begins with zeros alone would be found in the midst of other numbers.
    if digits.startswith("000000"):
        return "(?<![0-9a-f])" + pattern + "(?![0-9a-f])"
    return pattern


def _spell(text, digits):
    # type: (str, str) -> str
    """`text` with its hex digits exchanged for `digits`; its signs and its case are kept."""
    left = iter(digits.upper() if any(sign in "ABCDEF" for sign in text) else digits)
    return "".join(next(left) if sign in "0123456789abcdefABCDEF" else sign for sign in text)


def in_latin(word):
    # type: (str) -> str
    """A word as it is found in UTF-8 that was decoded as Latin-1."""
    return latin(word.encode("utf-8") if PYTHON_2 else word.encode("utf-8", "surrogatepass"))


def _bounded(word):
    # type: (str) -> str
    """A pattern for a word that is not part of a longer one; "cafe" is not that of fe80::cafe."""
    beside = "[a-z0-9:.-]" if digits_of(word) == word else "[a-z0-9]"
    return "(?<!" + beside + ")" + re.escape(in_latin(word)) + "(?!" + beside + ")"


def _any_of(patterns):
    # type: (Iterable[str]) -> Pattern[str]
    return re.compile("|".join(patterns) or r"(?!)", _I)


def _put(old, new, fit):
    # type: (str, str, bool) -> str
    return new[: len(old)].ljust(len(old), "x") if fit and new != old else new


def redacted(recording, host_name):
    # type: (Recording, str) -> Recording
    """The recording with nothing in it that identifies the machine; the judgement is the same."""
    masks = Masks(_identities(recording, host_name), _vocabulary(recording))
    parts = {
        _technical(latin(key), masks).encode("latin-1"): _masked_part(key, content, masks)
        for key, content in recording.parts.items()
    }
    unreadable = {_masked_path(key, masks): name for key, name in recording.unreadable.items()}
    about = dict(recording.about)
    about["redacted"] = True
    return Recording(_masked_root(recording.root, masks), unreadable, parts, about)


def _identities(recording, host_name):
    # type: (Recording, str) -> Identities
    found = Identities()
    texts = _texts(recording)
    for key, text in texts:
        if key.startswith(b"sys/"):
            found.scan(text)
    devices = frozenset(found.seen_guids)  # of VMBus: they are looked for, and name no machine
    for key, text in texts:
        if not key.startswith(b"sys/"):
            found.scan(text)
            if not TECHNICAL.match(latin(key)):
                found.scan_addresses(text)
                found.scan_guids(text, devices)
    for key, content in recording.parts.items():
        _find_in_part(found, key, content)
    _find_host_name(found, host_name)
    _find_serials(found, recording.root)
    return found


def _texts(recording):
    # type: (Recording) -> List[Tuple[bytes, str]]
    """Each key below root/ with each of its texts: itself, a link's target, a file's content."""
    root = recording.root
    keys = itertools.chain(root.directories, root.files, root.links, recording.unreadable)
    texts = [(key, latin(key)) for key in keys]
    texts += [(key, latin(target)) for key, target in root.links.items()]
    return texts + [(key, latin(content)) for key, content in root.files.items()]


def _find_host_name(found, name):
    # type: (Identities, str) -> None
    """A host's name, its first label and its domain."""
    label, _, domain = name.partition(".")
    if label.lower() not in ("localhost", "(none)"):
        for word in (name, label, domain):
            found.add_word(word, True)


def _find_serials(found, root):
    # type: (Identities, Kept) -> None
    """Files whose whole content names the machine."""
    for key, content in root.files.items():
        text = latin(content).strip()
        if key in HOST_NAME_FILES:
            _find_host_name(found, text)
        elif _is_serial(key, text):
            found.add_guid(text)
            if not is_id(text):
                found.add_word(text, True)


def _find_in_part(found, key, content):
    # type: (Identities, bytes, bytes) -> None
    text = latin(content)
    found.scan(latin(key))
    if key == INSTANCE:
        _find_in_instance(found, content)
    elif key == ADDRESSES:
        for entry in json.loads(text):
            found.add_address(entry["address"])
    elif key.endswith(b"/permaddr.bin"):
        digits = hexed(content[8:])
        found.scan(":".join(digits[at : at + 2] for at in range(0, len(digits), 2)))
    elif not key.endswith(NUMBERS):
        found.scan(text)
        if not key.endswith(b".bin"):
            found.scan_addresses(text)


def _vocabulary(recording):
    # type: (Recording) -> Set[str]
    """Words that are looked for in texts: devices, drivers, folders, what the log says."""
    root = recording.root
    paths = [text_of(key) for key in root.directories]
    paths += [text_of(key.rpartition(b"/")[0]) for key in recording.unreadable]
    paths += [text_of(key + b"/" + to) for key, to in root.links.items() if key.startswith(b"sys/")]
    texts = [
        latin(content)
        for key, content in root.files.items()
        if TECHNICAL.match(latin(key)) and b"/modules/" not in key
    ]
    found = set((FILE_NAMES + " " + LOG_WORDS).split())  # type: Set[str]
    for path in paths:
        found.update(path.lower().split("/"))
    for text in paths + texts:
        found.update(re.split("[^a-z0-9]+", text.lower()))
    return found


def _is_serial(key, text):
    # type: (bytes, str) -> bool
    folder, _, name = key.rpartition(b"/")
    if name == b"chassis_asset_tag":
        return text.strip() not in ("", AZURE_ASSET_TAG)
    return folder.endswith(b"dmi/id") and name in SERIALS


def _masked_root(root, masks):
    # type: (Kept, Masks) -> Kept
    new = Kept()
    for key in root.directories:
        new.add_directory(_masked_path(key, masks))
    for key, target in root.links.items():
        masked = _masked(key, latin(target), masks).encode("latin-1")
        new.add_link(_masked_path(key, masks), masked)
    for key, content in root.files.items():
        text = latin(content)
        if key in HOST_NAME_FILES or _is_serial(key, text):
            text = masks.word(text.strip()) + "\n"
        if key.endswith(b"grub.cfg"):
            text = BOOT_PASSWORD.sub(r"\1 masked", text)
        new.add_file(_masked_path(key, masks), _masked(key, text, masks).encode("latin-1"))
    return new


def _masked_path(key, masks):
    # type: (bytes, Masks) -> bytes
    return _masked(key, latin(key), masks).encode("latin-1")


def _masked(key, text, masks):
    # type: (bytes, str, Masks) -> str
    """A text that belongs to the file `key`, masked as far as such a text may be."""
    if TECHNICAL.match(latin(key)):
        return masks.ids(text)
    return _technical(text if key.startswith(b"sys/") else masks.words(text), masks)


def _technical(text, masks):
    # type: (str, Masks) -> str
    return masks.addresses(masks.ids(text))


def _masked_part(key, content, masks):
    # type: (bytes, bytes, Masks) -> bytes
    if key == INSTANCE:
        return masked_instance(content, masks)
    if key.endswith(b"/permaddr.bin"):
        return content[:8] + masks.hardware_address(content[8:])
    if key.endswith(NUMBERS):
        return content
    text = latin(content)
    if key.endswith(b".bin"):  # a buffer's fields stay where they are
        text = masks.addresses(masks.ids(text, True), True)
        text = masks.words(text, True) if key.endswith(b"/drvinfo.bin") else text
    else:
        text = _technical(text if key in (ADDRESSES, SENT) else masks.words(text), masks)
    return text.encode("latin-1")


def _find_in_instance(found, content):
    # type: (Identities, bytes) -> None
    """Add every identity of the instance metadata."""

    def add(where, text):
        # type: (str, str) -> str
        found.scan(text)
        found.scan_addresses(text)
        found.scan_guids(text, ())
        if where.endswith(".macAddress") and re.match(r"[0-9a-fA-F]{12}\Z", text):
            found.add_mac(text.lower())
        if not is_id(text):
            distinctive = len(text) >= 8 and any(sign.isdigit() for sign in text)
            found.add_word(text, where in NAMES_IN_INSTANCE or distinctive)
        return text

    _mapped(_document(content), add, "", 0)


def masked_instance(content, masks):
    # type: (bytes, Masks) -> bytes
    """The instance metadata with all masked but what is known to name nobody; numbers are zero."""
    document = _document(content)
    if document is None:
        return b"masked: it was not JSON\n"

    def mask(_, text):
        # type: (str, str) -> str
        return masks.addresses(masks.ids(text)) if is_id(text) else masks.word(text)

    return json.dumps(_mapped(document, mask, "", 0)).encode("ascii")


def _document(content):
    # type: (bytes) -> Any
    """None for what is no document."""
    if len(content) > MAX_BODY:
        return None
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
    try:
        text = content.decode("utf-8") if PYTHON_2 else content.decode("utf-8", "surrogatepass")
        return json.loads(text, object_pairs_hook=collections.OrderedDict)
    except (ValueError, RuntimeError):  # RuntimeError: too deep
        return None


def _mapped(value, leaf, where, depth):
    # type: (Any, Callable[[str, str], str], str, int) -> Any
    """The document with `leaf` of each text that may name somebody."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, dict):
        if where == TAGS and _is_expect_tag(value):  # it decides the verdict, and names nobody
            stated = value.get("value", "")
            stated = stated if isinstance(stated, TEXT) else TEXT(stated)
            if stated.strip().lower() not in EXPECTATIONS:
                stated = leaf(where + ".value", stated)
            return collections.OrderedDict((("name", value["name"]), ("value", stated)))
        return collections.OrderedDict(
            (
                key if _is_identifier(key) else leaf(where, key),
                _mapped(item, leaf, where + "." + key if where else key, depth + 1),
            )
            for key, item in value.items()
        )
    if isinstance(value, list):
        return [_mapped(item, leaf, where, depth + 1) for item in value]
    if isinstance(value, TEXT):
        return value if where in KEPT_OF_INSTANCE or _names_nobody(value) else leaf(where, value)
    return value if value is None or isinstance(value, bool) else 0


def _is_expect_tag(value):
    # type: (Mapping[str, Any]) -> bool
    name = value.get("name")
    return isinstance(name, TEXT) and name.lower() == EXPECT_TAG


def _is_identifier(key):
    # type: (str) -> bool
    if PYTHON_2:
        return re.match(r"[^\W\d]\w*\Z", key, _U) is not None
    return key.isidentifier()


def _names_nobody(text):
    # type: (str) -> bool
    return text.lower() in ("", "true", "false") or (text.isdigit() and len(text) <= 4)


# --- writing --------------------------------------------------------------------------------------


class UsageError(Exception):
    """What can not be used, in one line."""


def archive(recording):
    # type: (Recording) -> bytes
    """The bundle as a .tar.gz; UsageError where it is too much for one."""
    moment = int(time.time())
    packed = io.BytesIO()
    zipped = gzip.GzipFile("", "wb", 9, packed, moment)
    # GNU's long names are bytes as they are, in every Python; pax's would have to be UTF-8.
    tar = tarfile.open(
        fileobj=zipped,
        mode="w",
        format=tarfile.GNU_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    )

    def add(path, kind, mode, target=b"", content=b""):
        # type: (bytes, bytes, int, bytes, bytes) -> None
        # In Python 2 names are bytes.
        member = tarfile.TarInfo(_native(path))
        member.type, member.mode, member.mtime = kind, mode, moment
        member.linkname, member.size = _native(target), len(content)
        tar.addfile(member, io.BytesIO(content))

    directories, links, files = recording.entries()
    for path in directories:
        add(path, tarfile.DIRTYPE, 0o755)
    for path in sorted(links):
        add(path, tarfile.SYMTYPE, 0o777, target=links[path])
    for path in sorted(files):
        add(path, tarfile.REGTYPE, 0o644, content=files[path])
    tar.close()
    zipped.close()
    if tar.offset > MAX_BYTES or len(directories) + len(links) + len(files) > MAX_MEMBERS:
        raise UsageError(
            "over %d MiB or %d files, which --bundle refuses: record into a folder"
            % (MAX_BYTES >> 20, MAX_MEMBERS)
        )
    return packed.getvalue()


def _native(path):
    # type: (bytes) -> str
    return path if PYTHON_2 else text_of(path)  # type: ignore[return-value]


def write(recording, path):
    # type: (Recording, str) -> None
    """Write the bundle, whole or not at all; a path that exists is never overwritten.  OSError."""
    path = path.rstrip("/") or path
    if os.path.lexists(path):
        raise failure(errno.EEXIST, path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, ".%s.%d.tmp" % (name, os.getpid()))
    if path.endswith(ARCHIVE_SUFFIXES):
        content = archive(recording)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                write_all(fd, content)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    else:
        os.mkdir(temporary)
        try:
            _write_below(recording, os.fsencode(temporary) if not PYTHON_2 else temporary)  # type: ignore[arg-type]
            os.rename(temporary, path)
        except BaseException:
            import shutil

            shutil.rmtree(temporary, True)
            raise


def _write_below(recording, top):
    # type: (Recording, bytes) -> None
    directories, links, files = recording.entries()
    made = set()  # type: Set[bytes]

    def make(folder):
        # type: (bytes) -> None
        if folder and folder not in made:
            make(folder.rpartition(b"/")[0])
            os.mkdir(joined(top, folder))
            made.add(folder)

    for path in directories:
        make(path)
    for path in files:
        make(path.rpartition(b"/")[0])
        with io.open(joined(top, path), "wb") as file:
            file.write(files[path])
    for path in links:
        os.symlink(links[path], joined(top, path))


def write_all(fd, content):
    # type: (int, bytes) -> None
    """All of it."""
    while content:
        content = content[os.write(fd, content[: 1 << 20]) :]


# --- the command line -----------------------------------------------------------------------------

USAGE = """\
usage: python accelnet_record.py [OPTION]... PATH

Record this machine for `accelnet-check --bundle PATH`, on a VM whose Python is too
old for accelnet-check.  It only ever reads, and needs no privilege.

  PATH                     a new folder, or a new archive where it ends in .tar.gz
                           or .tgz; - is an archive on standard output
  --record PATH            the same
  --redact                 mask MACs, IPs, host name, subscription and VM ids
  --window SECONDS         time between two samples of the counters (default: 1;
                           0: one sample)
  --imds-endpoint URL|off  instance metadata (default: the link-local address, only
                           on Azure)
  --version                print the version
  -h, --help               print this help

Exit status: 0 recorded, 64 unusable arguments or a path that can not be written,
130 interrupted.  A Python that reads this from standard input writes an archive on
standard output:  ssh HOST python - < accelnet_record.py > vm.tar.gz
"""


class Options(object):
    """What the arguments ask for."""

    def __init__(self):
        # type: () -> None
        self.path = None  # type: Optional[str]
        self.redact = self.help = self.version = False
        self.window = 1.0
        self.endpoint = None  # type: Optional[str]


def parse(arguments, is_piped=False):
    # type: (Sequence[str], bool) -> Options
    """The options; UsageError.  `is_piped`: this program came on standard input."""
    options = Options()
    words = list(arguments)[::-1]
    while words:
        word = words.pop()
        flag, equals, value = word.partition("=")
        if flag in ("--redact", "--version", "--help", "-h"):
            if equals:
                raise UsageError("%s: expected no value" % flag)
            setattr(options, "help" if flag == "-h" else flag[2:], True)
        elif flag in ("--record", "--window", "--imds-endpoint"):
            if not equals and not words:
                raise UsageError("%s: expected a value" % flag)
            _set(options, flag, value if equals else words.pop())
        elif word.startswith("-") and word != "-":
            raise UsageError("unrecognized argument: %s (see --help)" % word)
        else:
            _set(options, "PATH", word)
    if is_piped and options.path is None:
        options.path = "-"
    if options.path is None and not options.help and not options.version:
        raise UsageError("expected a PATH to record to (see --help)")
    return options


def _set(options, flag, value):
    # type: (Options, str, str) -> None
    if flag == "--window":
        options.window = _seconds(value)
    elif flag == "--imds-endpoint":
        why = None if value == "off" else endpoint_error(value)
        if why:
            raise UsageError("--imds-endpoint %s: %s" % (value, why))
        options.endpoint = value
    else:
        if not value or "\0" in value:
            raise UsageError("%s: expected a path" % flag)
        if options.path is not None:
            raise UsageError("%s: expected one path, not %s as well" % (value, options.path))
        options.path = value


def _seconds(text):
    # type: (str) -> float
    try:
        value = float(text) if re.match(r"[0-9.eE+-]+\Z", text) else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_SECONDS:  # NaN fails both
        raise UsageError("--window %s: expected seconds from 0 to %d" % (text, MAX_SECONDS))
    return value


def run(arguments, is_piped=False):
    # type: (Sequence[str], bool) -> None
    """Do what `arguments` ask; UsageError."""
    options = parse(arguments, is_piped)
    if options.help or options.version:
        _print((USAGE if options.help else "accelnet_record %s\n" % VERSION).encode("ascii"))
        return
    path = options.path or "-"
    _look_ahead(path)
    machine = Machine(options.window, options.endpoint)
    try:
        found = record(machine)
    finally:
        machine.close()
    if options.redact:
        found = redacted(found, machine.host_name())
    content = b""
    try:
        if path == "-":
            content = archive(found)
        else:
            write(found, path)
    except EnvironmentError as error:
        raise UsageError("%s: %s" % (path, error.strerror))
    if path == "-":
        _print(content)


def _look_ahead(path):
    # type: (str) -> None
    """What can not be written is better said before than after."""
    if path == "-":
        if os.isatty(1):
            raise UsageError("-: standard output is a terminal; send it to a file")
        return
    if os.path.lexists(path.rstrip("/") or path):
        raise UsageError("%s: it is there already; choose another name" % path)
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise UsageError("%s: No such directory: %s" % (path, folder))


def _print(content):
    # type: (bytes) -> None
    try:
        write_all(1, content)
    except OSError as error:
        raise UsageError("standard output: %s" % error.strerror)


def _complain(message):
    # type: (str) -> None
    line = "accelnet_record: " + " ".join(message.split())
    printable = "".join(sign if " " <= sign <= "~" else repr(sign)[1:-1] for sign in line)
    try:
        os.write(2, printable.encode("ascii", "replace") + b"\n")
    except OSError:
        pass  # the status says it as well


class _Terminated(BaseException):
    """SIGTERM or SIGHUP: what was begun is taken away first."""


def _on_signal(number, _):
    # type: (int, Any) -> None
    raise _Terminated(number)


def main():
    # type: () -> NoReturn
    """The program."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _on_signal)
    status = 0
    try:
        run(sys.argv[1:], sys.argv[0] == "-")
    except UsageError as error:
        _complain(str(error))
        status = UNUSABLE
    except KeyboardInterrupt:
        status = INTERRUPTED
    except _Terminated as error:
        status = 128 + error.args[0]
    except Exception as error:
        _complain("a bug in accelnet, please report it: %s: %s" % (type(error).__name__, error))
        status = UNUSABLE
    os._exit(status)


if __name__ == "__main__":
    main()
