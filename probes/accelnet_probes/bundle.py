"""A recorded bundle as a host (docs/bundle-format.md).  A bundle is untrusted input.

Nothing outside the bundle is touched: no link is ever followed by the kernel,
pipes and devices are not opened, an archive is read into memory within limits.
"""

from __future__ import annotations

import errno
import json
import os
import re

from accelnet_probes.ethtool import REPLIES
from accelnet_probes.files import (
    DirectoryStore,
    MemoryStore,
    SubStore,
    Tree,
    errno_name,
    failure,
)
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from collections.abc import Mapping
    from typing import Any

    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files, Store
    from accelnet_probes.host import Addresses
    from accelnet_probes.snapshot import Source

FORMAT, VERSION = "accelnet-bundle", 1
MAX_BYTES = 64 << 20  # unpacked
MAX_MEMBERS = 20_000
_MAX_PATH, _MAX_DEPTH = 1024, 64
_HEADERS = 2048  # bytes of tar header and padding a member may need
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
_ERRNO = re.compile(r"[A-Z][A-Z0-9]{1,15}|HTTP \d{3}")


class BundleError(ValueError):
    """The bundle can not be used; the message says why, in one line."""


class BundleHost:
    """A recorded machine."""

    source: Source = "bundle"

    def __init__(self, path: str) -> None:
        """`path`: a directory or a .tar.gz; BundleError where it is no usable bundle."""
        self._store: Store = _open(path)
        about = _about(self._store)
        self.byteorder: ByteOrder = ">" if _field(about, "byteorder", "little") == "big" else "<"
        self.samples: int = _samples(about, self._store)
        self._created = _created(about)
        self._window = _number(about, "window_seconds")
        self._cpu_count = _number(about, "cpu_count")
        unreadable = _unreadable(about)
        self.files: Files = Tree(SubStore(self._store, "root"), unreadable)
        self._log_errno = unreadable.get("dev/kmsg")

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
        """A part's content; None where it is absent, an errno's name where unreadable."""
        try:
            kind = self._store.kind(key)
            if kind is None:
                return None
            return self._store.data(key) if kind == "file" else "EINVAL"
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
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            return read_archive(file)
    except OSError as error:
        raise BundleError(f"{path}: {os.strerror(error.errno or errno.EIO)}") from error
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def read_archive(file: Any) -> MemoryStore:
    """A .tar.gz in memory; BundleError for what a bundle never holds, or for too much."""
    import gzip
    import io
    import tarfile
    import zlib

    limit = MAX_BYTES + MAX_MEMBERS * _HEADERS
    try:
        with gzip.GzipFile(fileobj=file) as unzipped:
            data = unzipped.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BundleError(f"not a whole .tar.gz: {error}") from error
    if len(data) > limit:
        raise BundleError(f"unpacks to over {MAX_BYTES >> 20} MiB")
    store, size, count = MemoryStore(), 0, 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                size, count = size + member.size, count + 1
                if size > MAX_BYTES:
                    raise BundleError(f"unpacks to over {MAX_BYTES >> 20} MiB")
                if count > MAX_MEMBERS:
                    raise BundleError(f"has over {MAX_MEMBERS} members")
                _add(store, archive, member)
    except (tarfile.TarError, ValueError, EOFError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"not a whole .tar.gz: {error}") from error
    return store


def _add(store: MemoryStore, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    shown = ascii(member.name)[:100]
    if member.name.startswith("/") or len(member.name) > _MAX_PATH:
        raise BundleError(f"member {shown} is absolute or too long")
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if ".." in parts or len(parts) > _MAX_DEPTH:
        raise BundleError(f"member {shown} holds '..' or is too deep")
    key = "/".join(parts)
    if member.isdir():
        store.add_directory(key)
    elif member.issym():
        if len(member.linkname) > _MAX_PATH:
            raise BundleError(f"member {shown} is a link with a target too long")
        store.add_link(key, member.linkname)
    elif member.isreg() and not member.issparse() and key:
        content = archive.extractfile(member)
        store.add_file(key, content.read() if content is not None else b"")
        if len(store.files[key]) != member.size:
            raise BundleError(f"member {shown} is truncated")
    else:
        raise BundleError(f"member {shown} is neither a file, a directory nor a symbolic link")


def _about(store: Store) -> dict[str, Any]:
    try:
        kind = store.kind("bundle.json")
        if kind != "file":
            raise BundleError("no bundle: it has no bundle.json at the top")
        about = json.loads(store.data("bundle.json"))
    except OSError as error:
        raise BundleError(f"bundle.json: {errno_name(error)}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError("bundle.json: not JSON") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise BundleError(f'bundle.json: expected "format": "{FORMAT}"')
    version = about.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleError("bundle.json: expected a version number")
    if version > VERSION:
        raise BundleError(
            f"bundle format version {version} is newer than this accelnet reads "
            f"(version {VERSION}): use a newer accelnet"
        )
    return about


def _field(about: dict[str, Any], key: str, default: str) -> str:
    value = about.get(key, default)
    if value not in ("little", "big"):
        raise BundleError(f"bundle.json: {key}: expected little or big")
    return str(value)


def _number(about: dict[str, Any], key: str) -> float | None:
    value = about.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise BundleError(f"bundle.json: {key}: expected a number")
    return value


def _samples(about: dict[str, Any], store: Store) -> int:
    value = about.get("samples")
    if value is None:
        return 2 if store.kind("ethtool/1") == "dir" else 1
    if isinstance(value, bool) or value not in (1, 2):
        raise BundleError("bundle.json: samples: expected 1 or 2")
    return int(value)


def _created(about: dict[str, Any]) -> str:
    value = about.get("created")
    if not isinstance(value, str) or not _CREATED.fullmatch(value):
        raise BundleError("bundle.json: created: expected a time like 2026-01-02T03:04:05Z")
    return value


def _unreadable(about: dict[str, Any]) -> dict[str, int]:
    value = about.get("unreadable", {})
    if not isinstance(value, dict):
        raise BundleError("bundle.json: unreadable: expected an object")
    numbers = {name: number for number, name in errno.errorcode.items()}
    return {
        "/".join(part for part in key.split("/") if part): numbers.get(str(name), errno.EIO)
        for key, name in value.items()
    }
