"""Where reports are read: what is found in folders, and files that nobody vouches for."""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.fleet_fields import AlienError
from accelnet_agent.fleet_files import (
    MAX_BYTES,
    OTHER,
    chunks,
    decoded,
    documents,
    files_below,
    open_file,
    whole,
)

TOO_BIG = "over 4 MiB, which no report has"
ENDS_EARLY = "damaged: it ends early"


def _memory(data: bytes) -> int:
    """A descriptor that gives `data`."""
    fd = os.memfd_create("test")
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _whole(data: bytes) -> bytes:
    fd = _memory(data)
    try:
        return whole(fd)
    finally:
        os.close(fd)


def _documents(data: bytes) -> list[tuple[int, Any]]:
    """With the message in the place of an error."""
    fd = _memory(data)
    try:
        return [
            (line, str(found) if isinstance(found, AlienError) else found)
            for line, found in documents(fd)
        ]
    finally:
        os.close(fd)


def _opened(path: Path) -> tuple[int, tuple[int, int]]:
    found = open_file(str(path))
    assert found is not None
    return found


def _refused(path: Path) -> str:
    with pytest.raises(AlienError) as caught:
        open_file(str(path))
    return str(caught.value)


# --- folders ---


def test_a_folder_is_searched_with_its_folders(tmp_path: Path) -> None:
    """What is called like a report is read; other files are told of."""
    for name in ("a.json", "a.json.gz", "deep/er/b.jsonl", "deep/c.tar.gz", "README.md", ".d.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    found = {os.path.relpath(path, tmp_path): why for path, why in files_below(str(tmp_path))}
    assert found == {
        "a.json": None,
        "a.json.gz": None,
        "deep/er/b.jsonl": None,
        "deep/c.tar.gz": None,
        "README.md": OTHER,
        ".d.json": OTHER,
        ".git": OTHER,
    }


def test_a_recording_is_one_thing(tmp_path: Path) -> None:
    """Its files are not looked at one by one."""
    (tmp_path / "vm/root/etc").mkdir(parents=True)
    (tmp_path / "vm/bundle.json").touch()
    (tmp_path / "vm/addresses.json").touch()
    assert list(files_below(str(tmp_path))) == [(f"{tmp_path}/vm", None)]


def test_a_vm_called_bundle_hides_no_other(tmp_path: Path) -> None:
    """A recording has a root/ beside its bundle.json."""
    for name in ("bundle.json", "web1.json"):
        (tmp_path / name).touch()
    found = list(files_below(str(tmp_path)))
    assert found == [(f"{tmp_path}/bundle.json", None), (f"{tmp_path}/web1.json", None)]


def test_no_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    """It may lead up, and round; one to a file is that file."""
    (tmp_path / "a.json").touch()
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "b.json").symlink_to("a.json")
    found = {Path(path).name: why for path, why in files_below(str(tmp_path))}
    assert found == {"a.json": None, "b.json": None, "round": OTHER}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It can go between two looks."""
    assert list(files_below(f"{tmp_path}/gone")) == [
        (f"{tmp_path}/gone", "No such file or directory")
    ]


# --- files ---


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nor is a device opened."""
    os.mkfifo(tmp_path / "pipe.json")
    why = "neither a file nor a folder (a pipe is read as standard input, by -)"
    assert _refused(tmp_path / "pipe.json") == why
    assert _refused(Path("/dev/zero")) == why


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the kernel's own word."""
    assert _refused(tmp_path / "gone.json") == "No such file or directory"
    (tmp_path / "loop.json").symlink_to("loop.json")
    assert _refused(tmp_path / "loop.json") == "Too many levels of symbolic links"


def test_a_file_is_known_by_what_it_is(tmp_path: Path) -> None:
    """Whatever its names."""
    (tmp_path / "a.json").touch()
    (tmp_path / "b.json").symlink_to("a.json")
    os.link(tmp_path / "a.json", tmp_path / "c.json")
    found = [_opened(tmp_path / name) for name in ("a.json", "b.json", "c.json")]
    for fd, _ in found:
        os.close(fd)
    assert len({which for _, which in found}) == 1
    assert open_file(str(tmp_path)) is None


def test_what_is_too_big_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A sparse file of a tebibyte is refused at once; so is one that unpacks to too much."""
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1 << 40)
    fd, _ = _opened(tmp_path / "huge.json")
    with pytest.raises(AlienError, match=TOO_BIG):
        whole(fd)
    assert os.lseek(fd, 0, os.SEEK_CUR) <= MAX_BYTES + (1 << 17)
    os.close(fd)
    with pytest.raises(AlienError, match=TOO_BIG):
        _whole(gzip.compress(b" " * (MAX_BYTES + 1)))


@given(st.lists(st.binary(max_size=300_000), min_size=1, max_size=4), st.integers(0, 9))
def test_what_is_packed_is_unpacked(parts: list[bytes], level: int) -> None:
    """As gzip does: several files after each other are one, zeros at the end are nothing."""
    packed = b"".join(gzip.compress(part, level) for part in parts)
    assert _whole(packed) == _whole(packed + bytes(512)) == b"".join(parts)


@pytest.mark.parametrize("size", [(1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16, MAX_BYTES])
def test_content_that_packs_well_comes_out_whole(size: int) -> None:
    """Where all is taken in before all has come out."""
    assert _whole(gzip.compress(bytes(size))) == bytes(size)


def test_a_packed_file_that_was_cut_is_refused() -> None:
    """Wherever; and one that was damaged."""
    packed = gzip.compress(os.urandom(100))
    for length in range(2, len(packed)):
        with pytest.raises(AlienError, match=ENDS_EARLY):
            _whole(packed[:length])
    with pytest.raises(AlienError, match="damaged: it can not be unpacked"):
        _whole(packed[:20] + b"\xff" * 100)


def test_empty_gzip_files_without_end_are_not_followed() -> None:
    """Each would be copied about with all that follow."""
    packed = gzip.compress(b"") * 200_000 + gzip.compress(b"{}")
    assert _whole(packed) == b""


# --- documents ---


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b" \n", "it is empty", id="blank"),
        pytest.param(b'{"a": 1', "not JSON (line 1, column 8)", id="cut"),
        pytest.param(b"{}\n{}", "not JSON (line 2, column 1)", id="two"),
        pytest.param(b'{"a": NaN}', "not a report: a number that is none", id="nan"),
        pytest.param(b'{"a": -Infinity}', "not a report: a number that is none", id="infinity"),
        pytest.param(
            b'{"a": ' + b"9" * 10_000 + b"}", "not a report: a number that is none", id="digits"
        ),
        pytest.param(b"[" * 200_000, "not a report: too deep", id="deep"),
        pytest.param(b'{"a":' * 200_000, "not a report: too deep", id="deep-objects"),
        pytest.param(b"{\xff}", "not JSON: neither UTF-8 nor another Unicode", id="bytes"),
        pytest.param(b"\x7fELF" + bytes(100), "not JSON (line 1, column 1)", id="program"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes, why: str) -> None:
    """With one line, never a traceback."""
    with pytest.raises(AlienError) as caught:
        decoded(data)
    assert str(caught.value) == why


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_unicode_is_read(encoding: str) -> None:
    """PowerShell writes UTF-16 where it redirects."""
    assert decoded('{"a": "\u00e4"}'.encode(encoding)) == {"a": "\u00e4"}


def test_reports_of_a_stream_stand_one_a_line_or_one_after_the_other() -> None:
    """JSON Lines, and what --format json and jq print; each with its first line."""
    one = {"schema": 1, "nics": [{"name": "eth0"}]}
    text = "\n".join(
        (json.dumps(one), "", json.dumps(one, indent=2), json.dumps(one), json.dumps(one, indent=4))
    )
    assert _documents(text.encode()) == [(1, one), (3, one), (11, one), (12, one)]


@pytest.mark.parametrize("indent", [None, 2])
def test_files_without_a_newline_at_their_end_can_follow_each_other(indent: int | None) -> None:
    """As `cat` puts together what Ansible or an editor wrote."""
    reports = [{"schema": 1, "nics": [{"name": name}]} for name in ("a", "}{", "b")]
    data = "".join(json.dumps(one, indent=indent) for one in reports).encode()
    assert [document for _, document in _documents(data)] == reports
    assert [document for _, document in _documents(data + b'{\n "cut')] == [
        *reports,
        "not JSON: it ends early",
    ]


def test_a_line_of_countless_documents_is_read_in_time() -> None:
    """As long as a line may be: none is copied for each that stands before it."""
    assert len(_documents(b"{}" * (MAX_BYTES // 2 - 1) + b"\n")) == MAX_BYTES // 2 - 1


def test_a_report_that_begins_within_a_line_has_that_line() -> None:
    """For who looks for it."""
    data = b'{\n "a": 1\n}{\n "b": 2\n}{"c": 3}\n{"d": 4}x}\n{"e": 5}\n'
    assert _documents(data) == [
        (1, {"a": 1}),
        (3, {"b": 2}),
        (5, {"c": 3}),
        (6, {"d": 4}),
        (6, "not JSON (line 1, column 1)"),
        (7, {"e": 5}),
    ]


def test_what_is_none_in_a_stream_costs_no_other() -> None:
    """It is told of, with its line, up to where the next report begins."""
    data = b'{"a": 1}\nnoise\nmore noise\n{"b": 2}\n{"c": \n{"d": 4}\n{\n  "e": 5\n'
    assert _documents(data) == [
        (1, {"a": 1}),
        (2, "not JSON: expected one report a line"),
        (4, {"b": 2}),
        (5, "not JSON: it ends early"),
        (6, {"d": 4}),
        (7, "not JSON: it ends early"),
    ]


@pytest.mark.parametrize(
    "filler",
    [
        pytest.param(b"x" * (MAX_BYTES + 10) + b"\n", id="line"),
        pytest.param(b'{"a": "' + b"x" * (MAX_BYTES + 10) + b'"}\n', id="report"),
        pytest.param(b"{\n" + b' "a": 1,\n' * (MAX_BYTES // 8), id="many-lines"),
        pytest.param(b'{"b": 2}{"a": "' + b"x" * (MAX_BYTES + 10) + b'"}\n', id="after-another"),
    ],
)
def test_what_is_too_big_in_a_stream_costs_no_other(filler: bytes) -> None:
    """What follows is read."""
    found = _documents(filler + b'{"b": 2}\n')
    read = [document for _, document in found if isinstance(document, dict)]
    assert read == [{"b": 2}] * (1 + filler.count(b'"b"'))
    assert len(found) == len(read) + 1


_JSON = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=3),
    max_size=4,
)


_LAYOUTS = st.tuples(_JSON, st.sampled_from([None, 1, 2]), st.sampled_from(["\n", "\r\n\n", ""]))


@given(st.lists(_LAYOUTS, max_size=5), st.booleans())
def test_every_report_of_a_stream_is_found(
    reports: list[tuple[dict[str, Any], int | None, str]], packed: bool
) -> None:
    """However each is laid out, and packed or not."""
    data = "".join(json.dumps(one, indent=indent) + end for one, indent, end in reports).encode()
    found = _documents(gzip.compress(data) if packed else data)
    assert [document for _, document in found] == [one for one, _, _ in reports]


@given(st.binary(max_size=300))
def test_whatever_a_stream_holds_nothing_else_comes_of_it(data: bytes) -> None:
    """Documents, or what says why there is none."""
    try:
        _documents(data)
    except AlienError as error:
        refused = str(error)
        assert refused.startswith("damaged")


def test_chunks_are_of_bounded_size() -> None:
    """Whatever unpacks to whatever."""
    unpacked = io.BytesIO()
    packer = zlib.compressobj(9, wbits=31)
    for _ in range(64):
        unpacked.write(packer.compress(bytes(1 << 20)))
    unpacked.write(packer.flush())
    fd = _memory(unpacked.getvalue())
    sizes = [len(chunk) for chunk in chunks(fd)]
    os.close(fd)
    assert (sum(sizes), max(sizes)) == (64 << 20, 1 << 16)
