"""Recording a host while it is observed, and writing the bundle (docs/bundle-format.md)."""

from __future__ import annotations

import errno
import json
import os

from accelnet_probes.bundle import FORMAT, VERSION
from accelnet_probes.files import DirectoryStore, MemoryStore, Tree, errno_name, failure
from accelnet_probes.host import InstanceRefusedError, sample_of
from accelnet_probes.module_search import excerpt
from accelnet_probes.name_rules import excerpt_of_names
from accelnet_probes.network_setup import DPKG, stanzas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, BinaryIO, TypeVar

    from accelnet_probes.ethtool import ByteOrder
    from accelnet_probes.files import Files, Kind, Store
    from accelnet_probes.host import Host, Memory, Sample
    from accelnet_probes.snapshot import Sent, Source

    T = TypeVar("T")

# Files of which only that they are there matters: kept without their content.
MARKERS = (".ko", ".ko.xz", ".ko.zst", ".ko.gz", "etc/initrd-release")
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")


class _RecordingStore:
    """Passes each question on, and keeps the last answer under its resolved key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.start()

    def start(self) -> None:
        """Forget what was kept: from here on a new sample is recorded."""
        self.kept = MemoryStore()
        self.unreadable: dict[str, str] = {}

    def kind(self, key: str) -> Kind | None:
        try:
            kind = self._store.kind(key)
        except OSError as error:
            self.unreadable[key] = errno_name(error)
            raise
        if kind == "dir":
            self.kept.add_directory(key)
        elif kind == "file" and key.endswith(MARKERS) and self.kept.kind(key) is None:
            self.kept.add_file(key, b"")
        elif kind == "other":  # a pipe or a device, which is neither read nor recorded
            self.unreadable[key] = "EINVAL"
        return kind

    def link(self, key: str) -> str:
        target = self._try(key, self._store.link)
        self.kept.add_link(key, target)
        return target

    def data(self, key: str) -> bytes:
        data = self._try(key, self._store.data)
        if key == DPKG:
            data_kept = stanzas(data)
        elif key.startswith("boot/config-") or key.rpartition("/")[2].startswith("modules."):
            data_kept = excerpt(key, data)
        else:
            data_kept = excerpt_of_names(key, data)
        self.kept.add_file(key, data_kept)
        return data

    def names(self, key: str) -> list[str]:
        names = self._try(key, self._store.names)
        for name in names:  # which links and folders are there is part of the listing
            try:
                if self.kind(f"{key}/{name}") == "link":
                    self.link(f"{key}/{name}")
            except OSError:
                continue  # kept as unreadable, or gone since
        return names

    def _try(self, key: str, ask: Callable[[str], T]) -> T:
        try:
            answer = ask(key)
        except OSError as error:
            if error.errno != errno.ENOENT:
                self.unreadable[key] = errno_name(error)
            raise
        self.unreadable.pop(key, None)
        return answer


class RecordingHost:
    """A host that keeps all that it is asked, byte for byte."""

    def __init__(self, host: Host, root: str = "/") -> None:
        self._host = host
        self.source: Source = host.source
        self.byteorder: ByteOrder = host.byteorder
        self.samples = host.samples
        self.parts: dict[str, bytes] = {}
        self.about: dict[str, Any] = {}
        self.store = _RecordingStore(DirectoryStore(root))
        self.files: Files = Tree(self.store)
        self.decoded = host.decoded
        self.memory: Memory | None = None

    def earlier(self) -> Sample | None:
        return self._host.earlier()

    def begin_sample(self, interfaces: Mapping[str, int | None]) -> None:
        self._host.begin_sample(interfaces)

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        sample = sample_of(self._host, number, interfaces)
        for interface, replies in sample.ethtool.items():
            for reply, value in replies.items():
                key = f"ethtool/{number}/{interface}/{reply}"
                if isinstance(value, bytes):
                    self.parts[f"{key}.bin"] = value
                else:
                    self.parts[f"{key}.errno"] = value.encode() + b"\n"
        self.parts.pop("addresses.json", None)  # of the last sample alone
        self.parts.pop("addresses.errno", None)
        if isinstance(sample.addresses, str):
            self.parts["addresses.errno"] = sample.addresses.encode() + b"\n"
        elif sample.addresses is not None:
            self.parts["addresses.json"] = _json(
                [{"interface": name, "address": address} for name, address in sample.addresses]
            )
        return sample

    def send(self, senders: Callable[[], Mapping[str, int]]) -> Mapping[str, Sent]:
        sent = self._host.send(senders)
        from accelnet_probes.active_proof import encode

        self.parts["active-proof.json"] = _json(encode(sent))
        return sent

    def pause(self) -> float | None:
        seconds = self._host.pause()
        self.about["window_seconds"] = seconds
        self.store.start()  # root/ is the last sample's
        return seconds

    def begin_instance(self, *, azure: bool) -> None:
        self._host.begin_instance(azure=azure)

    def instance(self) -> bytes:
        try:
            body = self._host.instance()
        except InstanceRefusedError as error:
            self.parts["imds/instance.errno"] = str(error).encode() + b"\n"
            raise
        self.parts["imds/instance.json"] = body
        return body

    def kernel_log(self) -> bytes:
        from accelnet_probes.kernel_log import keep
        from accelnet_probes.kernel_ring import KMSG

        try:
            lines = self._host.kernel_log().splitlines(keepends=True)
        except OSError as error:
            self.store.unreadable[KMSG] = errno_name(error)
            raise
        content = b"".join(keep(lines))
        self.parts["kernel.log"] = content
        return content

    def cpu_count(self) -> int | None:
        count = self._host.cpu_count()
        self.about["cpu_count"] = count
        return count

    def observed_at(self) -> str:
        moment = self._host.observed_at()
        self.about["created"] = moment
        return moment


class Recording:
    """What a bundle holds, ready to be written."""

    def __init__(self, host: RecordingHost, tool: str) -> None:
        self.root: MemoryStore = host.store.kept
        self.parts = dict(host.parts)
        self.unreadable = dict(host.store.unreadable)
        self.about: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "created": host.about["created"],
            "tool": tool,
            "redacted": False,
            "byteorder": "little" if host.byteorder == "<" else "big",
            "samples": host.samples,
            "window_seconds": host.about.get("window_seconds"),
            "cpu_count": host.about.get("cpu_count"),
        }

    def entries(self) -> tuple[list[str], dict[str, str], dict[str, bytes]]:
        """Directories, links and files of the whole bundle by their path."""
        about = _json({**self.about, "unreadable": dict(sorted(self.unreadable.items()))})
        files = {f"root/{key}": data for key, data in self.root.files.items()}
        return (
            [f"root/{key}" for key in sorted(self.root.directories) if key],
            {f"root/{key}": target for key, target in sorted(self.root.links.items())},
            {
                "bundle.json": about,
                **dict(sorted(self.parts.items())),
                **dict(sorted(files.items())),
            },
        )


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def write(recording: Recording, path: str) -> None:
    """Write the bundle, whole or not at all; a path that exists is never overwritten.

    OSError where it can not be written.
    """
    path = path.rstrip("/") or path
    if os.path.lexists(path):
        raise failure(errno.EEXIST, path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    if path.endswith(ARCHIVE_SUFFIXES):
        _write_archive(recording, temporary, path)
    else:
        _write_directory(recording, temporary, path)


def _write_archive(recording: Recording, temporary: str, path: str) -> None:
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(fd, "wb") as file:
            _fill(file, recording)
            file.flush()
            os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _fill(file: BinaryIO, recording: Recording) -> None:
    import gzip
    import io
    import tarfile
    import time

    moment = int(time.time())

    def member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        made.type, made.mode, made.mtime = kind, mode, moment
        return made

    directories, links, files = recording.entries()
    with (
        gzip.GzipFile("", "wb", fileobj=file, mtime=moment) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in directories:
            archive.addfile(member(name, tarfile.DIRTYPE, 0o755))
        for name, target in links.items():
            link = member(name, tarfile.SYMTYPE, 0o777)
            link.linkname = target
            archive.addfile(link)
        for name, data in files.items():
            content = member(name, tarfile.REGTYPE, 0o644)
            content.size = len(data)
            archive.addfile(content, io.BytesIO(data))


def _write_directory(recording: Recording, temporary: str, path: str) -> None:
    os.mkdir(temporary)
    try:
        directories, links, files = recording.entries()
        for key in directories:
            os.makedirs(f"{temporary}/{key}", exist_ok=True)
        for key, data in files.items():
            os.makedirs(os.path.dirname(f"{temporary}/{key}"), exist_ok=True)
            with open(f"{temporary}/{key}", "wb") as file:
                file.write(data)
        for key, target in links.items():
            os.symlink(target, f"{temporary}/{key}")
        os.rename(temporary, path)
    except BaseException:
        import shutil

        shutil.rmtree(temporary, ignore_errors=True)
        raise
