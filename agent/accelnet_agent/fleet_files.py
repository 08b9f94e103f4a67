"""Where the reports of a fleet are read: files, folders, streams, recordings.

Nobody vouches for them.  What is no file is not opened to wait for, what is too big is
not read to its end, what can not be used is an AlienError that says why.
"""

from __future__ import annotations

import json
import os
import stat
import zlib

from accelnet_agent.fleet_fields import AlienError
from accelnet_agent.fleet_names import SUFFIXES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_BYTES = 4 << 20  # of one report, unpacked; that of a VM with 8 NICs has 0.1 MiB
_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"  # RFC 1952
_MAX_EMPTY = 1000  # gzip files with nothing in them, in a row: each is copied about
OTHER = "its name is not that of a report"


def _no_number(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are no JSON


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def files_below(folder: str) -> Iterator[tuple[str, str | None]]:
    """What lies in a folder and its folders: each path, and why it is none to be read.

    No link to a folder is followed.  A recording is one thing to be read.
    """
    todo = [folder]
    while todo:
        here = todo.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield here, error.strerror
            continue
        folders = {entry.name for entry in found if entry.is_dir(follow_symlinks=False)}
        if "root" in folders and any(entry.name == "bundle.json" for entry in found):
            yield here, None
            continue
        for entry in found:
            hidden = entry.name.startswith(".")
            if entry.name in folders and not hidden:
                todo.append(entry.path)
            elif hidden or not entry.name.endswith(SUFFIXES):
                yield entry.path, OTHER
            else:
                yield entry.path, None


def open_file(path: str) -> tuple[int, tuple[int, int]] | None:
    """A descriptor of a regular file, and which file it is; None for a folder.  Never waits."""
    try:
        # What is no file is not even opened: a device may do something then.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return None
        if stat.S_ISREG(mode):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            about = os.fstat(fd)
            if stat.S_ISREG(about.st_mode):
                return fd, (about.st_dev, about.st_ino)
            os.close(fd)
    except OSError as error:
        raise AlienError(error.strerror) from error
    raise AlienError("neither a file nor a folder (a pipe is read as standard input, by -)")


def chunks(fd: int) -> Iterator[bytes]:
    """The content, unpacked where it is a gzip stream, piece by piece."""
    data = _read(fd, _CHUNK)
    if data.startswith(_GZIP):
        yield from _unpacked(fd, data)
        return
    while data:
        yield data
        data = _read(fd, _CHUNK)


def _unpacked(fd: int, data: bytes) -> Iterator[bytes]:
    """Of gzip files that follow each other, too; what is none after them is ignored."""
    unzip, empty = zlib.decompressobj(wbits=31), 0
    while True:
        try:
            part = unzip.decompress(data, _CHUNK)
        except zlib.error as error:
            raise AlienError("damaged: it can not be unpacked") from error
        if part:
            yield part
        if unzip.eof:
            empty += not part
            data = unzip.unused_data or _read(fd, _CHUNK)
            if not data.startswith(_GZIP[: len(data)]) or not data or empty > _MAX_EMPTY:
                return
            unzip = zlib.decompressobj(wbits=31)
        else:
            data = unzip.unconsumed_tail
            if not data and len(part) < _CHUNK:  # else it has more that it has taken in
                data = _read(fd, _CHUNK)
                if not data:
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
        return _DECODER.decode(_text(data))
    except (ValueError, RecursionError) as error:
        raise _alien(error, data) from error


def _text(data: bytes | bytearray) -> str:
    utf8 = data[:1] == b"{" and data[1:2] != b"\0"
    return data.decode("utf-8" if utf8 else json.detect_encoding(data))


def _alien(error: ValueError | RecursionError, data: bytes | bytearray) -> AlienError:
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno}, column {error.colno}"
        return AlienError(f"not JSON ({where})" if data.strip() else "it is empty")
    if isinstance(error, UnicodeDecodeError):
        return AlienError("not JSON: neither UTF-8 nor another Unicode")
    if isinstance(error, RecursionError):
        return AlienError("not a report: too deep")
    return AlienError("not a report: a number that is none")  # of thousands of digits


def documents(fd: int) -> Iterator[tuple[int, Any]]:
    """The documents of a stream, or an AlienError, each with the number of its first line.

    One a line (JSON Lines), or over many lines one after the other, as --format json and
    jq print them: such a document begins with a line "{" and ends with a line "}".  Files
    that had no newline at their end meet in a line "}{".
    """
    pending, first = bytearray(), 0
    alien = False  # in what is none, up to where the next begins
    for number, line in _lines(fd):
        begins = line[:1] == b"{"
        if begins:
            if pending:
                yield from _unfinished(pending, first, AlienError("not JSON: it ends early"))
            first, alien = number, False
        elif not pending:
            if line.strip() and not alien:
                alien = True
                yield number, AlienError("not JSON: expected one report a line")
            continue
        pending += line
        if len(pending) > MAX_BYTES:
            alien = True
            yield from _unfinished(pending, first, _too_big())
        elif line.rstrip().endswith(b"}") if begins else line[:1] == b"}":
            found, rest = _leading(pending)
            for document in found:
                yield first, document
                first = number
            pending[:] = rest
    if pending:
        yield from _unfinished(pending, first, AlienError("not JSON: it ends early"))


def _unfinished(pending: bytearray, first: int, why: AlienError) -> Iterator[tuple[int, Any]]:
    """What is whole of it, and why no more is; nothing is left pending."""
    for document in _leading(pending[:MAX_BYTES])[0]:
        if not isinstance(document, AlienError):
            yield first, document
    pending.clear()
    yield first, why


def _leading(data: bytes | bytearray) -> tuple[list[Any], bytes]:
    """The documents, or an AlienError, that follow each other; and what begins one more."""
    found: list[Any] = []
    text, start = "", 0
    try:
        text = _text(data).rstrip()
        while start < len(text):
            document, start = _DECODER.raw_decode(text, start)
            found.append(document)
            while text[start : start + 1].isspace():
                start += 1
    except (ValueError, RecursionError) as error:
        rest = text[start:]
        if found and rest.startswith("{"):
            return found, rest.encode() + b"\n"
        if isinstance(error, json.JSONDecodeError):  # it counts from where this one begins
            error = json.JSONDecodeError(error.msg, rest, error.pos - start)
        found.append(_alien(error, data))
    return found, b""


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
