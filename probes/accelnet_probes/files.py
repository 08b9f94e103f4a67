"""Reading files of a machine: the running one, an unbooted image, a recording.

Three ways, one Protocol.  `LiveFiles` lets the kernel resolve paths.  `Tree`
resolves symbolic links itself, inside a root, over a `Store` that never
follows one: an image's or a bundle's link can not lead out of it.
Paths have no leading slash: "sys/class/net/eth0/mtu".
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, Protocol

    Kind = Literal["file", "dir", "link", "other"]

    class Files(Protocol):
        """What a probe may ask about files; each call raises OSError with an errno."""

        def read(self, path: str) -> bytes:
            """The content of a file, links followed."""
            ...

        def readlink(self, path: str) -> str:
            """The target of a symbolic link, as it is written there."""
            ...

        def listdir(self, path: str) -> list[str]:
            """The names in a directory, links followed, sorted."""
            ...

    class Store(Protocol):
        """A file tree in which no link is ever followed; keys are resolved paths."""

        def kind(self, key: str) -> Kind | None:
            """What the key is, None where there is nothing; OSError where that is refused."""
            ...

        def link(self, key: str) -> str:
            """The link's target."""
            ...

        def data(self, key: str) -> bytes:
            """The file's content."""
            ...

        def names(self, key: str) -> list[str]:
            """The directory's names, sorted."""
            ...


MAX_FILE = 16 << 20  # bytes; modules.alias, the largest file read, has some 2 MiB
MAX_LINKS = 40  # as the kernel's MAXSYMLINKS
MAX_STEPS = 1000  # names passed on the way; a path of sysfs has some twenty, its links twice that
_NO_FOLLOW = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def failure(number: int, path: str) -> OSError:
    """The OSError that the kernel would raise with this errno."""
    return OSError(number, os.strerror(number), path)


_ENOTSUPP = 524  # include/linux/errno.h: the kernel's own, yet drivers let it out
# Of two names for one number the kernel's; errno.errorcode has the other one.
_NAMES = {
    **errno.errorcode,
    errno.EOPNOTSUPP: "EOPNOTSUPP",
    errno.EDEADLK: "EDEADLK",
    _ENOTSUPP: "ENOTSUPP",
}
_NUMBERS = {
    name: number for numbers in (errno.errorcode, _NAMES) for number, name in numbers.items()
}


def errno_name(error: OSError) -> str:
    """ "EACCES" for an OSError; EIO where it has no errno of errno(3)."""
    return _NAMES.get(error.errno or errno.EIO, "EIO")


def errno_number(name: str) -> int:
    """The number of "EACCES"; that of EIO for what is no errno's name."""
    return _NUMBERS.get(name, errno.EIO)


class LiveFiles:
    """Files below `prefix` as the kernel resolves them; the cheapest way."""

    def __init__(self, prefix: str = "/") -> None:
        self._prefix = prefix.rstrip("/") + "/"

    def read(self, path: str) -> bytes:
        fd = os.open(self._prefix + path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _read_all(fd, path)
        finally:
            os.close(fd)

    def readlink(self, path: str) -> str:
        return os.readlink(self._prefix + path)

    def listdir(self, path: str) -> list[str]:
        return sorted(os.listdir(self._prefix + path))


def _read_all(fd: int, path: str) -> bytes:
    first = os.read(fd, 4096)
    if len(first) < 4096:  # a sysfs attribute is one page at most, a short read is its end
        return first
    parts, size = [first], len(first)
    while part := os.read(fd, 1 << 16):
        size += len(part)
        if size > MAX_FILE:
            raise failure(errno.EFBIG, path)
        parts.append(part)
    return b"".join(parts)


class DirectoryStore:
    """A directory as a Store.  Pipes and devices are neither opened nor read."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/") or "/"

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def kind(self, key: str) -> Kind | None:
        try:
            mode = os.lstat(self._path(key)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError:  # a NUL in the name: no such file can be
            return None
        if stat.S_ISLNK(mode):
            return "link"
        if stat.S_ISDIR(mode):
            return "dir"
        return "file" if stat.S_ISREG(mode) else "other"

    def link(self, key: str) -> str:
        return os.readlink(self._path(key))

    def data(self, key: str) -> bytes:
        fd = os.open(self._path(key), _NO_FOLLOW)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise failure(errno.EINVAL, key)
            return _read_all(fd, key)
        finally:
            os.close(fd)

    def names(self, key: str) -> list[str]:
        return sorted(os.listdir(self._path(key)))


class MemoryStore:
    """A Store of what an archive holds, or of what was recorded.

    A key is one thing: the last that was added, but a directory stays one.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.directories: dict[str, set[str]] = {"": set()}  # with the names in each

    def add_directory(self, key: str) -> None:
        if key not in self.directories:
            self.files.pop(key, None)
            self.links.pop(key, None)
            self.directories[key] = set()
            self._enter(key)

    def add_file(self, key: str, data: bytes) -> None:
        if key not in self.directories:
            self.links.pop(key, None)
            self.files[key] = data
            self._enter(key)

    def add_link(self, key: str, target: str) -> None:
        if key not in self.directories:
            self.files.pop(key, None)
            self.links[key] = target
            self._enter(key)

    def _enter(self, key: str) -> None:
        parent, _, name = key.rpartition("/")
        self.add_directory(parent)
        self.directories[parent].add(name)

    def kind(self, key: str) -> Kind | None:
        if key in self.directories:
            return "dir"
        if key in self.links:
            return "link"
        return "file" if key in self.files else None

    def link(self, key: str) -> str:
        return self.links[key]

    def data(self, key: str) -> bytes:
        return self.files[key]

    def names(self, key: str) -> list[str]:
        return sorted(self.directories[key])


class SubStore:
    """One folder of a Store as a Store."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder

    def _key(self, key: str) -> str:
        return f"{self._folder}/{key}" if key else self._folder

    def kind(self, key: str) -> Kind | None:
        return self._store.kind(self._key(key))

    def link(self, key: str) -> str:
        return self._store.link(self._key(key))

    def data(self, key: str) -> bytes:
        return self._store.data(self._key(key))

    def names(self, key: str) -> list[str]:
        return self._store.names(self._key(key))


def _parent(key: str) -> str:
    return key.rpartition("/")[0]


class Tree:
    """Files of a Store whose links are resolved as if its top were "/"."""

    def __init__(self, store: Store, unreadable: Mapping[str, int] | None = None) -> None:
        """`unreadable`: keys that were there and could not be read, with the errno."""
        self._store = store
        self._unreadable = unreadable or {}

    def read(self, path: str) -> bytes:
        key, kind = self._resolve(path, follow=True)
        if kind == "dir":
            raise failure(errno.EISDIR, path)
        if kind != "file":
            raise failure(errno.EINVAL, path)
        return self._store.data(key)

    def readlink(self, path: str) -> str:
        key, kind = self._resolve(path, follow=False)
        if kind != "link":
            raise failure(errno.EINVAL, path)
        return self._store.link(key)

    def listdir(self, path: str) -> list[str]:
        key, kind = self._resolve(path, follow=True)
        if kind != "dir":
            raise failure(errno.ENOTDIR, path)
        if key in self._unreadable:
            raise failure(self._unreadable[key], path)
        # What is named unreadable was there.
        named = {other.rpartition("/")[2] for other in self._unreadable if _parent(other) == key}
        return sorted(named.union(self._store.names(key)))

    def key_of(self, path: str) -> str:
        """`path` with the links in its parent folders resolved, as far as those are there."""
        parts = [part for part in path.split("/") if part]
        for count in range(len(parts) - 1, 0, -1):
            try:
                folder, _ = self._resolve("/".join(parts[:count]), follow=True)
            except OSError:
                continue
            return "/".join([folder, *parts[count:]] if folder else parts[count:])
        return "/".join(parts)

    def _resolve(self, path: str, *, follow: bool) -> tuple[str, Kind]:
        """The key that `path` leads to, and its kind."""
        rest = path.split("/")[::-1]
        key, kind, links, steps = "", "dir", 0, 0
        while rest:
            steps += 1
            if steps > MAX_STEPS:
                raise failure(errno.ELOOP, path)
            part = rest.pop()
            if part in ("", "."):
                continue
            if kind != "dir":
                raise failure(errno.ENOTDIR, path)
            if part == "..":
                key = key.rpartition("/")[0]
                continue
            key = f"{key}/{part}" if key else part
            found = self._kind(key, rest, path)
            if found != "link" or not (rest or follow):
                kind = found
                continue
            links += 1
            if links > MAX_LINKS:
                raise failure(errno.ELOOP, path)
            target = self._store.link(key)
            key = "" if target.startswith("/") else key.rpartition("/")[0]
            rest.extend(target.split("/")[::-1])
        return key, kind  # type: ignore[return-value]

    def _kind(self, key: str, rest: list[str], path: str) -> Kind:
        kind = self._store.kind(key)
        if key in self._unreadable and kind != "dir":
            raise failure(self._unreadable[key], path)
        if kind is None:
            raise failure(self._covering("/".join([key, *rest[::-1]])), path)
        return kind

    def _covering(self, key: str) -> int:
        """ENOENT, or the errno of it, or of the folder above whose listing was refused."""
        while key:
            if key in self._unreadable:
                return self._unreadable[key]
            key = key.rpartition("/")[0]
        return errno.ENOENT
