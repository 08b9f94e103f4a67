"""A recorded bundle as a host (docs/bundle-format.md).  A bundle is untrusted input.

Nothing outside the bundle is touched: no link is ever followed by the kernel,
pipes and devices are not opened, an archive is read into memory within limits.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat

from accelnet_probes.ethtool import REPLIES, Decoded
from accelnet_probes.files import (
    DirectoryStore,
    SubStore,
    Tree,
    errno_name,
    errno_number,
    failure,
)
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeGuard

    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files, Store
    from accelnet_probes.host import Addresses, Memory
    from accelnet_probes.snapshot import Sent, Source

FORMAT, VERSION = "accelnet-bundle", 1
_MAX_UNREADABLE, _MAX_KEY = 20_000, 1024  # as many as an archive may hold, and as long
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_ERRNO = re.compile(r"[A-Z][A-Z0-9]{1,15}|HTTP \d{3}", re.ASCII)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


class BundleError(ValueError):
    """The bundle can not be used; the message says why, in one line."""


class BundleHost:
    """A recorded machine."""

    source: Source = "bundle"

    def __init__(self, path: str) -> None:
        """`path`: a directory or a .tar.gz; BundleError where it is no usable bundle."""
        store = _open(path)
        self._parts = Tree(store)
        about = _about(self._parts)
        self.byteorder: ByteOrder = ">" if _byteorder(about) == "big" else "<"
        self.samples: int = _samples(about, self._parts)
        self._created = _created(about)
        self._window = _number(about, "window_seconds")
        self._cpu_count = _number(about, "cpu_count")
        root = _root(store)
        unreadable = _unreadable(about, Tree(root))
        self.files: Files = Tree(root, unreadable)
        self.decoded = Decoded()
        self.memory: Memory | None = None
        self._log_errno = unreadable.get("dev/kmsg")

    def earlier(self) -> Sample | None:
        return None

    def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
        pass

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        found: dict[str, dict[str, Reply]] = {}
        for interface in interfaces:
            folder = f"ethtool/{number}/{interface}"
            replies = {
                reply: value
                for reply in REPLIES
                if (value := self._reply(f"{folder}/{reply}")) is not None
            }
            found[interface] = replies
        return Sample(ethtool=found, addresses=self._addresses())

    def _reply(self, key: str) -> Reply | None:
        data = self._part(f"{key}.bin")
        return self._errno(f"{key}.errno") if data is None else data

    def _errno(self, key: str) -> str | None:
        data = self._part(key)
        if data is None or isinstance(data, str):
            return data
        text = data.decode("ascii", "replace").strip()
        return text if _ERRNO.fullmatch(text) else "EIO"

    def _part(self, key: str) -> bytes | str | None:
        """A part's content; None where it is absent, an errno's name where unreadable.

        A link is resolved inside the bundle, as one below root/ is.
        """
        try:
            return self._parts.read(key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return errno_name(error)

    def _addresses(self) -> Addresses | None:
        data = self._part("addresses.json")
        if data is None:
            return self._errno("addresses.errno")
        if isinstance(data, str):
            return data
        try:
            entries = json.loads(data)
            return tuple((str(entry["interface"]), str(entry["address"])) for entry in entries)
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            return "EPROTO"

    def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
        """What was sent when the bundle was made."""
        data = self._part("active-proof.json")
        if data is None:
            raise NotAskedError("the bundle has no active proof")
        if isinstance(data, str):
            raise failure(errno_number(data), "active-proof.json")
        from accelnet_probes.active_proof import decode

        try:
            return decode(data)
        except ValueError as error:
            raise failure(errno.EPROTO, "active-proof.json") from error

    def pause(self) -> float | None:
        return self._window

    def begin_instance(self, *, azure: bool) -> None:
        pass

    def instance(self) -> bytes:
        data = self._part("imds/instance.json")
        if data is None:
            refused = self._errno("imds/instance.errno")
            if refused is None:
                raise NotAskedError("the bundle has no instance metadata")
            raise InstanceRefusedError(refused)
        if isinstance(data, str):
            raise InstanceRefusedError(data)
        return data

    def kernel_log(self) -> bytes:
        data = self._part("kernel.log")
        if isinstance(data, bytes):
            return data
        if data is not None or self._log_errno is not None:
            raise failure(self._log_errno or errno.EINVAL, "dev/kmsg")
        raise NotAskedError("the bundle has no kernel log")

    def cpu_count(self) -> int | None:
        if self._cpu_count is None:
            raise NotAskedError("the bundle has no CPU count")
        return int(self._cpu_count)

    def observed_at(self) -> str:
        return self._created


def _open(path: str) -> Store:
    if os.path.isdir(path):
        return DirectoryStore(path)
    from accelnet_probes import archive

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BundleError("neither a directory nor a file")
            return archive.read(file)
    except OSError as error:
        raise BundleError(os.strerror(error.errno or errno.EIO)) from error
    except archive.ArchiveError as error:
        raise BundleError(str(error)) from error


def _root(store: Store) -> Store:
    """The folder root/; never through a link, which the kernel would follow out of the bundle."""
    try:
        kind = store.kind("root")
    except OSError as error:
        raise BundleError(f"root: {errno_name(error)}") from error
    if kind not in ("dir", None):
        raise BundleError("root is not a folder")
    return SubStore(store, "root")


def _about(parts: Tree) -> dict[str, Any]:
    try:
        about = json.loads(parts.read("bundle.json"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError("no bundle: it has no bundle.json at the top") from error
    except OSError as error:
        raise BundleError(f"bundle.json: {errno_name(error)}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError("bundle.json: not JSON") from error
    if not is_object(about) or about.get("format") != FORMAT:
        raise BundleError(f'bundle.json: expected "format": "{FORMAT}"')
    version = about.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleError("bundle.json: expected a version number")
    if version > VERSION:
        raise BundleError(
            f"bundle format version {ascii(version)[:20]} is newer than this accelnet reads "
            f"(version {VERSION}): use a newer accelnet"
        )
    return about


def _byteorder(about: dict[str, Any]) -> str:
    value = about.get("byteorder", "little")
    if value not in ("little", "big"):
        raise BundleError("bundle.json: byteorder: expected little or big")
    return str(value)


def _number(about: dict[str, Any], key: str) -> float | None:
    value = about.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise BundleError(f"bundle.json: {key}: expected a number")
    return value


def _samples(about: dict[str, Any], parts: Tree) -> int:
    value = about.get("samples")
    if value is None:
        try:
            return 2 if parts.listdir("ethtool/1") else 1
        except OSError:
            return 1
    if isinstance(value, bool) or value not in (1, 2):
        raise BundleError("bundle.json: samples: expected 1 or 2")
    return int(value)


def _created(about: dict[str, Any]) -> str:
    value = about.get("created")
    if not isinstance(value, str) or not _CREATED.fullmatch(value):
        raise BundleError("bundle.json: created: expected a time like 2026-01-02T03:04:05Z")
    return value


def _unreadable(about: dict[str, Any], tree: Tree) -> dict[str, int]:
    """Resolved key to errno: a key may be written by way of a link, sys/class/net/eth0/mtu."""
    value = about.get("unreadable", {})
    if not is_object(value):
        raise BundleError("bundle.json: unreadable: expected an object")
    if len(value) > _MAX_UNREADABLE or any(len(key) > _MAX_KEY for key in value):
        raise BundleError("bundle.json: unreadable: too many keys, or one too long")
    return {tree.key_of(key): errno_number(str(name)) for key, name in value.items()}
