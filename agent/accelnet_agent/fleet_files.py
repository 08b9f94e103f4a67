"""Where the reports of a fleet are read: files, folders, streams, recordings.

Nobody vouches for them.  What is no file is not opened to wait for, what is too big is
not read to its end, what can not be used is an AlienError that says why.
"""

from __future__ import annotations

import json
import os
import stat
import zlib

from accelnet_agent.fleet_names import SUFFIXES
from accelnet_agent.fleet_report import AlienError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_BYTES = 4 << 20  # of one report, unpacked; that of a VM with 8 NICs has 0.1 MiB
STREAMS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"  # RFC 1952


def _no_number(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are no JSON


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def files_below(folder: str) -> Iterator[tuple[str, str | None]]:
    """What lies in a folder and its folders: the path, and why it is none to be read."""
    todo = [folder]
    while todo:
        here = todo.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield here, error.strerror
            continue
        if any(entry.name == "bundle.json" for entry in found):
            yield here, None
            continue
        for entry in found:
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                todo.append(entry.path)
            elif entry.name.startswith(".") or not entry.name.endswith(SUFFIXES):
                yield entry.path, ""
            else:
                yield entry.path, None


def open_file(path: str) -> tuple[int, tuple[int, int]]:
    """A descriptor of a regular file, and which file it is; never waits."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise AlienError(error.strerror) from error
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode):
        os.close(fd)
        raise AlienError("no file: a pipe is read as standard input, by the name -")
    return fd, (about.st_dev, about.st_ino)


def chunks(fd: int) -> Iterator[bytes]:
    """The content, unpacked where it is a gzip stream, piece by piece."""
    data = _read(fd, _CHUNK)
    if not data.startswith(_GZIP):
        while data:
            yield data
            data = _read(fd, _CHUNK)
        return
    unzip = zlib.decompressobj(wbits=31)
    try:
        while data:
            part = unzip.decompress(data, _CHUNK)
            if part:
                yield part
            data = unzip.unconsumed_tail or unzip.unused_data or _read(fd, _CHUNK)
            if unzip.eof and data:
                unzip = zlib.decompressobj(wbits=31)  # gzip files may follow each other
    except zlib.error as error:
        raise AlienError("damaged: it can not be unpacked") from error
    if not unzip.eof:
        raise AlienError("damaged: it ends early")


def _read(fd: int, size: int) -> bytes:
    try:
        return os.read(fd, size)
    except OSError as error:
        raise AlienError(error.strerror) from error


def whole(fd: int) -> bytes:
    """All of a file that holds one report."""
    found = bytearray()
    for chunk in chunks(fd):
        found += chunk
        if len(found) > MAX_BYTES:
            raise _too_big()
    return bytes(found)


def decoded(data: bytes) -> Any:
    """The JSON document; AlienError for what is none."""
    try:
        encoding = (
            "utf-8" if data[:1] == b"{" and data[1:2] != b"\0" else json.detect_encoding(data)
        )
        return _DECODER.decode(data.decode(encoding))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise AlienError(f"not JSON ({where})" if data.strip() else "it is empty") from error
    except UnicodeDecodeError as error:
        raise AlienError("not JSON: neither UTF-8 nor another Unicode") from error
    except RecursionError as error:
        raise AlienError("not a report: too deep") from error
    except ValueError as error:  # a number of thousands of digits
        raise AlienError("not a report: a number that is none") from error


def documents(fd: int) -> Iterator[tuple[int, Any]]:
    """The documents of a stream, or an AlienError, each with the number of its first line.

    One a line (JSON Lines), or over many lines one after the other, as --format json and
    jq print them: such a document begins with a line "{" and ends with a line "}".
    """
    pending, first = bytearray(), 0
    alien = False  # in what is none, up to where the next begins
    for number, line in _lines(fd):
        begins = line[:1] == b"{"
        if begins:
            if pending:
                yield first, AlienError("not JSON: it ends early")
                pending.clear()
            first, alien = number, False
        elif not pending:
            if line.strip() and not alien:
                alien = True
                yield number, AlienError("not JSON: expected one report a line")
            continue
        pending += line
        if len(pending) > MAX_BYTES:
            alien = True
            yield first, _too_big()
            pending.clear()
        elif line.rstrip().endswith(b"}") if begins else line[:1] == b"}":
            yield first, _document(bytes(pending))
            pending.clear()
    if pending:
        yield first, AlienError("not JSON: it ends early")


def _document(data: bytes) -> Any:
    try:
        return decoded(data)
    except AlienError as error:
        return error


def _lines(fd: int) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; of one that is too long only as much as shows that."""
    line, number = bytearray(), 1
    for chunk in chunks(fd):
        first, *others = chunk.split(b"\n")
        if len(line) <= MAX_BYTES:
            line += first
        for other in others:
            yield number, bytes(line) + b"\n"
            line, number = bytearray(other), number + 1
    if line:
        yield number, bytes(line)


def _too_big() -> AlienError:
    return AlienError(f"over {MAX_BYTES >> 20} MiB, which no report has")
