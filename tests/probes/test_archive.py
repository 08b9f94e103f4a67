"""Reading a .tar.gz: what `tar` and `tarfile` write is read whole, all else is refused."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnet_probes.archive import MAX_PATH, ArchiveError, read

PARTS = st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=60
).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=8).map("/".join)
TARGETS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=400)
FORMATS = [
    pytest.param(tarfile.USTAR_FORMAT, id="ustar"),
    pytest.param(tarfile.GNU_FORMAT, id="gnu"),
    pytest.param(tarfile.PAX_FORMAT, id="pax"),
]


def packed(files: dict[str, bytes], links: dict[str, str], form: int) -> io.BytesIO:
    """An archive as `tarfile` writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return io.BytesIO(out.getvalue())


@pytest.mark.parametrize(
    "form", [pytest.param(tarfile.GNU_FORMAT, id="gnu"), pytest.param(tarfile.PAX_FORMAT, id="pax")]
)
@settings(deadline=None)
@given(
    files=st.dictionaries(PATHS, st.binary(max_size=2000), max_size=4),
    links=st.dictionaries(PATHS, TARGETS, max_size=4),
)
def test_what_tarfile_writes_is_read(
    form: int, files: dict[str, bytes], links: dict[str, str]
) -> None:
    """Any path, target and content comes back, in both formats that hold long ones."""
    files = {f"f/{number}/{path}": content for number, (path, content) in enumerate(files.items())}
    links = {f"l/{number}/{path}": target for number, (path, target) in enumerate(links.items())}
    store = read(packed(files, links, form))
    assert store.files == files
    assert store.links == links


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_that_is_no_utf_8_is_read(form: int) -> None:
    """Bytes that are no character come back as Python's file names have them."""
    assert read(packed({"a\udcff": b"1"}, {}, form)).files == {"a\udcff": b"1"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_path_of_two_hundred_characters_is_read(form: int) -> None:
    """The prefix field, a long name, an extended header: each format has its way."""
    path = "/".join(["d" * 49] * 4)
    assert list(read(packed({path: b""}, {}, form)).files) == [path]


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar(1)")
@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "ustar", "v7"])
def test_what_tar_writes_is_read(tmp_path: Path, form: str) -> None:
    """A customer packs a bundle directory with `tar czf x.tar.gz -C bundle .`."""
    bundle = tmp_path / "bundle"
    (bundle / "root").mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")
    (bundle / "root/link").symlink_to("../else")
    archive = tmp_path / "x.tar.gz"
    subprocess.run(
        ["tar", "czf", str(archive), f"--format={form}", "-C", str(bundle), "."], check=True
    )
    with archive.open("rb") as file:
        store = read(file)
    assert store.files == {"bundle.json": b"{}"}
    assert store.links == {"root/link": "../else"}
    assert store.kind("root") == "dir"


def test_the_comment_of_git_archive_is_passed_over() -> None:
    """A global header concerns no member."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "abc"}
    ) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    assert list(read(io.BytesIO(out.getvalue())).files) == ["a"]


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A member's header with a right checksum."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.USTAR_FORMAT)


def block(content: bytes) -> bytes:
    """Content, padded as tar does."""
    return content.ljust(-(-len(content) // 512) * 512, b"\0")


def extended(*records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header of ready-made records."""
    content = b"".join(records)
    return header("x", len(content), kind) + block(content)


END = bytes(1024)


@pytest.mark.parametrize(
    "tar",
    [
        pytest.param(b"", id="empty"),
        pytest.param(header("a", 0), id="no-end-mark"),
        pytest.param(header("a", 4) + b"ab", id="cut-in-a-member"),
        pytest.param(header("a", 0)[:300], id="cut-in-a-header"),
        pytest.param(header("a", 0).replace(b"a", b"b", 1) + END, id="checksum"),
        pytest.param(header("a", 0)[:124] + b"x" * 12 + bytes(376) + END, id="size-is-no-number"),
        pytest.param(extended(b"12 path=ab\n") + header("a", 0) + END, id="record-too-long"),
        pytest.param(extended(b"5 a=b") + header("a", 0) + END, id="record-without-newline"),
        pytest.param(extended(b"path=ab\n") + header("a", 0) + END, id="record-without-length"),
        pytest.param(extended(b"0 a=b\n") + header("a", 0) + END, id="record-of-length-zero"),
        pytest.param(extended(b"10 path=a\n") + END, id="extended-header-of-nothing"),
        pytest.param(
            extended(b"22 GNU.sparse.major=1\n") + header("a", 0) + END, id="sparse-in-pax"
        ),
        pytest.param(extended(b"10 size=9\n") + header("a", 0) + END, id="size-in-pax"),
        pytest.param(header("a", 0, b"S") + END, id="sparse"),
        pytest.param(header("a", 0, b"1") + END, id="hard-link"),
        pytest.param(header("a", 0, b"3") + END, id="device"),
        pytest.param(header("a", 0, b"6") + END, id="pipe"),
        pytest.param(header(".", 0, b"2") + END, id="the-top-is-a-link"),
        pytest.param(header(".", 0) + END, id="the-top-is-a-file"),
        pytest.param(header("/a", 0) + END, id="absolute"),
        pytest.param(header("a/../../b", 0) + END, id="traversal"),
        pytest.param(
            extended(b"%d path=%s\n" % (MAX_PATH + 12, b"a" * (MAX_PATH + 1)))
            + header("a", 0)
            + END,
            id="path-too-long",
        ),
        pytest.param(
            extended(b"143 path=%s\n" % (b"a/" * 66 + b"b")) + header("a", 0) + END, id="too-deep"
        ),
    ],
)
def test_what_a_bundle_never_holds_is_refused(tar: bytes) -> None:
    """One line says why, and nothing else is ever raised."""
    with pytest.raises(ArchiveError) as caught:
        read(io.BytesIO(gzip.compress(tar)))
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_last_of_two_members_with_one_path_counts() -> None:
    """As it does when tar unpacks them."""
    tar = header("a", 1) + block(b"1") + header("a", 1) + block(b"2") + END
    assert read(io.BytesIO(gzip.compress(tar))).files == {"a": b"2"}


def test_a_folder_of_an_old_tar_is_one() -> None:
    """Before POSIX a folder was a file whose name ends in a slash."""
    tar = header("a/", 0, b"\0") + header("f", 0, b"\0") + END
    store = read(io.BytesIO(gzip.compress(tar)))
    assert (store.kind("a"), store.kind("f")) == ("dir", "file")


def test_a_size_in_base_256_is_read() -> None:
    """GNU writes so what eleven octal digits can not hold, and may for less."""
    plain = header("a", 0)
    field = b"\x80" + (3).to_bytes(11, "big")
    new = plain[:124] + field + plain[136:]
    total = sum(new) - sum(new[148:156]) + 8 * 32
    new = new[:148] + b"%06o\0 " % total + new[156:]
    assert read(io.BytesIO(gzip.compress(new + block(b"abc") + END))).files == {"a": b"abc"}
