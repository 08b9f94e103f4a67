"""A .tar.gz that nobody vouches for, read into memory and within limits.

Not by `tarfile`: its reader takes quadratic time over an extended header
(CVE-2024-6232, in Pythons that this runs on), recurses for each of them, and
knows sparse files, whose size is not what is read.  A bundle needs three kinds
of member (POSIX.1-2017 pax, "ustar Interchange Format", and GNU's long names).
"""

from __future__ import annotations

import zlib

from accelnet_probes.files import MemoryStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAX_BYTES = 64 << 20  # unpacked
MAX_MEMBERS = 20_000  # and as many folders that are named by a member's path alone
MAX_PATH, MAX_DEPTH = 1024, 64
_BLOCK = 512
_HEADERS = 4 * _BLOCK  # a member's header, its extended header, the padding of both
_FILES, _LINK, _FOLDER = (b"0", b"\0", b"7"), b"2", b"5"
_WITHOUT_DATA = (b"1", _LINK, b"3", b"4", _FOLDER, b"6")  # hard link, devices, pipe


class ArchiveError(ValueError):
    """The archive can not be used; the message says why, in one line."""


class _Member:
    """One member: a path, what it is, a link's target, a file's content."""

    __slots__ = ("content", "kind", "path", "target")

    def __init__(self, path: str, kind: bytes, target: str, content: bytes) -> None:
        self.path, self.kind, self.target, self.content = path, kind, target, content


def read(file: BinaryIO) -> MemoryStore:
    """The members of a .tar.gz; ArchiveError for what a bundle never holds, or for too much."""
    store, size, count = MemoryStore(), 0, 0
    for member in _members(_unzip(file, MAX_BYTES + MAX_MEMBERS * _HEADERS)):
        size, count = size + len(member.content), count + 1
        if size > MAX_BYTES:
            raise _too_big()
        if count > MAX_MEMBERS:
            raise ArchiveError(f"it has over {MAX_MEMBERS} members")
        _add(store, member)
        if len(store.directories) > 2 * MAX_MEMBERS:
            raise ArchiveError("its members lie in too many folders")
    return store


def _too_big() -> ArchiveError:
    return ArchiveError(f"it unpacks to over {MAX_BYTES >> 20} MiB")


def _unzip(file: BinaryIO, limit: int) -> bytes:
    """One gzip stream (RFC 1952); what follows it is ignored, as gzip(1) does."""
    unzip = zlib.decompressobj(wbits=31)
    data = bytearray()
    try:
        while not unzip.eof:
            part = unzip.unconsumed_tail or file.read(1 << 16)
            if not part:
                raise ArchiveError("not a whole .tar.gz: it ends early")
            data += unzip.decompress(part, limit + 1 - len(data))
            if len(data) > limit:
                raise _too_big()
    except zlib.error as error:
        raise ArchiveError("not a .tar.gz, or a damaged one") from error
    return bytes(data)


def _members(data: bytes) -> Iterator[_Member]:
    at = 0
    extended: dict[str, str] = {}
    while any(header := data[at : at + _BLOCK]):
        if len(header) < _BLOCK or _number(header[148:156]) != _checksum(header):
            raise ArchiveError("not a whole .tar.gz: a member's header is damaged")
        kind = header[156:157]
        size = _number(header[124:136])
        start, end = at + _BLOCK, at + _BLOCK + (0 if kind in _WITHOUT_DATA else size)
        if end > len(data):
            raise ArchiveError("not a whole .tar.gz: a member is cut short")
        content = data[start:end]
        at = start + -(-len(content) // _BLOCK) * _BLOCK
        if kind in b"xX":
            extended.update(_records(content))
        elif kind == b"L":  # GNU: the next member's path, and its link's target
            extended["path"] = _text(content)
        elif kind == b"K":
            extended["linkpath"] = _text(content)
        elif kind != b"g":  # a global header, where `git archive` puts its comment
            path = extended.get("path", _ustar_path(header))
            target = extended.get("linkpath", _text(header[157:257]))
            folder = kind == b"\0" and path.endswith("/")
            yield _Member(path, _FOLDER if folder else kind, target, content)
            extended = {}
    if not header or extended:
        raise ArchiveError("not a whole .tar.gz: it has no end mark")


def _checksum(header: bytes) -> int:
    """The sum of all bytes, those of the checksum itself taken as blanks."""
    return sum(header) - sum(header[148:156]) + 8 * 32


def _number(field: bytes) -> int:
    """Octal digits, or GNU's base 256."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise ArchiveError("not a whole .tar.gz: a member's header is damaged")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _ustar_path(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _records(content: bytes) -> dict[str, str]:
    """An extended header's records, each "<its own length> <key>=<value>" and a newline."""
    found: dict[str, str] = {}
    at = 0
    while at < len(content):
        digits, blank, _ = content[at : at + 20].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        record = content[at : at + length]
        if len(record) != length or record[-1:] != b"\n":
            raise ArchiveError("not a whole .tar.gz: an extended header is damaged")
        key, _, value = record[len(digits) + 1 : -1].partition(b"=")
        if key.startswith(b"GNU.sparse"):
            raise ArchiveError("it holds a sparse file")
        if key in (b"path", b"linkpath"):
            found[key.decode()] = value.decode("utf-8", "surrogateescape")
        elif key == b"size":
            raise ArchiveError("it holds a file whose size no header can hold")
        at += length
    return found


def _add(store: MemoryStore, member: _Member) -> None:
    shown = ascii(member.path)[:100]
    if member.path.startswith("/"):
        raise ArchiveError(f"member {shown} is absolute")
    if len(member.path) > MAX_PATH or len(member.target) > MAX_PATH:
        raise ArchiveError(f"member {shown} has a path or target of over {MAX_PATH} characters")
    parts = [part for part in member.path.split("/") if part not in ("", ".")]
    if ".." in parts or len(parts) > MAX_DEPTH:
        raise ArchiveError(f"member {shown} holds '..' or lies too deep")
    key = "/".join(parts)
    if member.kind == _FOLDER:
        store.add_directory(key)
    elif member.kind == _LINK and key:
        store.add_link(key, member.target)
    elif member.kind in _FILES and key:
        store.add_file(key, member.content)
    else:
        raise ArchiveError(f"member {shown} is neither a file, a folder nor a symbolic link")
