"""A bundle is untrusted input: it gives a report, or one line that says why it gives none."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelnet_probes.bundle import BundleError, BundleHost
from accelnet_probes.host import InstanceRefusedError, NotAskedError
from trees import SECOND, Pair, judge_bundle, pack, write_about, write_machine

MEBIBYTE = 1 << 20
untrusted = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy machine with two pairs."""
    return write_machine(tmp_path_factory.mktemp("machine") / "bundle", pairs=(Pair(), SECOND))


@pytest.fixture(scope="module")
def members(machine: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members of its archive."""
    archive = pack(machine, machine.parent / "bundle.tar.gz")
    with tarfile.open(archive) as packed:
        return [
            (
                member,
                file.read() if member.isreg() and (file := packed.extractfile(member)) else b"",
            )
            for member in packed
        ]


def archived(
    path: Path, members: list[tuple[tarfile.TarInfo, bytes]], change: bytes | None = None
) -> Path:
    """Write an archive of these members; `change` is put behind the last of them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    tar = out.getvalue() if change is None else out.getvalue().rstrip(b"\0") + change
    path.write_bytes(gzip.compress(tar, 1))
    return path


def a_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """A member that is no file of the machine."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def make_loop(path: Path) -> None:
    """Link a path to itself."""
    path.symlink_to(path.name)


def make_file(path: Path, *, content: bytes) -> None:
    """Write a file."""
    path.write_bytes(content)


def why_not(path: Path) -> str:
    """The line with which a bundle is refused."""
    with pytest.raises(BundleError) as caught:
        BundleHost(str(path))
    message = str(caught.value)
    assert message
    assert message.isprintable()
    assert len(message) < 300
    return message


def report_or_refusal(path: Path) -> dict[str, Any] | None:
    """Judge what nobody vouches for; anything but BundleError is a failure of the test."""
    try:
        report = judge_bundle(path)
    except BundleError:
        why_not(path)
        return None
    assert not any("bug in accelnet" in finding["summary"] for finding in report["findings"])
    json.dumps(report)
    return report


def test_a_directory_and_its_archive_are_judged_alike(machine: Path, tmp_path: Path) -> None:
    """Both forms of the format give the same report, which is pass."""
    report = judge_bundle(machine)
    assert report == judge_bundle(pack(machine, tmp_path / "bundle.tar.gz"))
    assert (report["verdict"], report["source"]) == ("pass", "bundle")
    assert [nic["datapath"] for nic in report["nics"]] == ["vf", "vf"]


def test_the_archive_of_a_folder_with_a_dot_is_judged(machine: Path, tmp_path: Path) -> None:
    """`tar czf x.tar.gz -C bundle .` writes ./bundle.json."""
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(machine, ".")
    assert judge_bundle(tmp_path / "x.tar.gz") == judge_bundle(machine)


# --- archives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_gz_is_refused(machine: Path, tmp_path: Path, part: float) -> None:
    """However early it ends."""
    whole = pack(machine, tmp_path / "whole.tar.gz").read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole[: int(len(whole) * part)])
    assert "not a whole .tar.gz" in why_not(cut)


@pytest.mark.parametrize("blocks", [0, 1, 2, 7])
def test_a_truncated_tar_is_refused(machine: Path, tmp_path: Path, blocks: int) -> None:
    """Also where it ends between two members: what is missing would count as absent."""
    tar = gzip.decompress(pack(machine, tmp_path / "whole.tar.gz").read_bytes())
    (tmp_path / "cut.tar.gz").write_bytes(gzip.compress(tar[: 512 * blocks]))
    assert "not a whole .tar.gz" in why_not(tmp_path / "cut.tar.gz")


@pytest.mark.parametrize(
    ("member", "why"),
    [
        pytest.param(a_member("/etc/passwd"), "absolute", id="absolute"),
        pytest.param(a_member("root/../../etc/passwd"), "holds '..'", id="traversal"),
        pytest.param(a_member("root/dev/null", tarfile.CHRTYPE), "neither", id="device"),
        pytest.param(a_member("root/dev/sda", tarfile.BLKTYPE), "neither", id="disk"),
        pytest.param(a_member("root/pipe", tarfile.FIFOTYPE), "neither", id="pipe"),
        pytest.param(
            a_member("root/hard", tarfile.LNKTYPE, "/etc/passwd"), "neither", id="hard-link"
        ),
        pytest.param(a_member("a/" * 200), "too deep", id="deep"),
        pytest.param(a_member("root/" + "a" * 2000), "over 1024 characters", id="long"),
        pytest.param(
            a_member("root/l", tarfile.SYMTYPE, "a" * 2000), "over 1024 characters", id="target"
        ),
        pytest.param(a_member("root/\n\x1b[31m/../x"), "holds '..'", id="unprintable"),
    ],
)
def test_a_member_that_no_bundle_has_is_refused(
    tmp_path: Path,
    members: list[tuple[tarfile.TarInfo, bytes]],
    member: tarfile.TarInfo,
    why: str,
) -> None:
    """Whatever could lead out of the bundle, or is no file, ends the reading."""
    assert why in why_not(archived(tmp_path / "x.tar.gz", [*members, (member, b"")]))


def test_a_member_more_than_the_limit_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """20,000 members are read, one more is not."""
    fill = [(a_member(f"x/{number}"), b"") for number in range(20_000 - len(members))]
    assert judge_bundle(archived(tmp_path / "x.tar.gz", members + fill))["verdict"] == "pass"
    fill.append((a_member("y"), b""))
    assert "over 20000 members" in why_not(archived(tmp_path / "y.tar.gz", members + fill))


def test_members_in_too_many_folders_are_refused(tmp_path: Path) -> None:
    """A path names folders without a member of their own: these cost memory as well."""
    deep = [(a_member(f"{number}" + "/a" * 50), b"") for number in range(2000)]
    assert "folders" in why_not(archived(tmp_path / "x.tar.gz", deep))


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param([(a_member("a"), bytes(65 * MEBIBYTE))], id="one-file"),
        pytest.param([(a_member(f"{n}"), bytes(MEBIBYTE)) for n in range(65)], id="many-files"),
        pytest.param([(a_member("a"), bytes(200 * MEBIBYTE))], id="over-every-limit"),
    ],
)
def test_a_bomb_is_refused(tmp_path: Path, bomb: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """More than 64 MiB is not read, however small the archive is."""
    path = archived(tmp_path / "x.tar.gz", bomb)
    assert path.stat().st_size < MEBIBYTE
    assert "over 64 MiB" in why_not(path)


def test_64_mebibytes_are_read(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """The limit itself is allowed."""
    left = 64 * MEBIBYTE - sum(len(content) for _, content in members)
    fill = [(a_member("fill"), bytes(left))]
    assert judge_bundle(archived(tmp_path / "x.tar.gz", members + fill))["verdict"] == "pass"


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"comment=" + b"\0" * (200 * MEBIBYTE), id="over-every-limit"),
        pytest.param(b"path=" + b"a" * (80 * MEBIBYTE), id="a-path"),
        pytest.param(b"9" * (60 * MEBIBYTE), id="digits"),
    ],
)
def test_a_bomb_in_an_extended_header_is_refused(tmp_path: Path, record: bytes) -> None:
    """What is no file's content costs memory and time as well."""
    header = a_member("x", tarfile.XHDTYPE)
    assert why_not(archived(tmp_path / "x.tar.gz", [(header, b"%d %s\n" % (len(record), record))]))


def test_a_chain_of_extended_headers_is_no_matter(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """Each is read on its own: nothing recurses."""
    chain = [(a_member("x", tarfile.XHDTYPE), b"12 path=abc\n") for _ in range(5000)]
    path = archived(tmp_path / "x.tar.gz", [*members, *chain, (a_member("y"), b"")])
    assert judge_bundle(path)["verdict"] == "pass"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x1f\x8b", id="magic-alone"),
        pytest.param(b"PK\x03\x04" + bytes(100), id="zip"),
        pytest.param(b"bundle.json" + bytes(2048), id="plain-tar"),
        pytest.param(gzip.compress(b"no tar " * 1000), id="no-tar"),
        pytest.param(gzip.compress(b""), id="nothing-in-it"),
        pytest.param(gzip.compress(bytes(1024)), id="an-empty-tar"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """One line says so."""
    (tmp_path / "x.tar.gz").write_bytes(content)
    why_not(tmp_path / "x.tar.gz")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(os.fspath, id="nothing"),
        pytest.param(os.mkdir, id="an-empty-directory"),
        pytest.param(os.mkfifo, id="a-pipe"),
        pytest.param(partial(os.symlink, "/dev/zero"), id="a-device"),
        pytest.param(make_loop, id="a-loop"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """A pipe is not waited for."""
    make(tmp_path / "x")
    why_not(tmp_path / "x")


# --- bundle.json ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{", "not JSON", id="cut"),
        pytest.param(b'{"format": "\xff"}', "not JSON", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "not JSON", id="nested"),
        pytest.param(b'{"a":' * 100_000, "not JSON", id="nested-objects"),
        pytest.param(b"9" * 100_000, "not JSON", id="digits"),
        pytest.param(b"[]", 'expected "format"', id="a-list"),
        pytest.param(b"null", 'expected "format"', id="null"),
        pytest.param(b"{}", 'expected "format"', id="no-format"),
    ],
)
def test_a_bundle_json_that_is_none_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """Garbage is named as such."""
    (tmp_path / "bundle.json").write_bytes(content)
    assert why in why_not(tmp_path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"version": 2}, "version 2 is newer", id="newer"),
        pytest.param({"version": 10**3000}, "is newer", id="huge-version"),
        pytest.param({"version": 0}, "expected a version", id="version-0"),
        pytest.param({"version": True}, "expected a version", id="version-true"),
        pytest.param({"version": "1"}, "expected a version", id="version-text"),
        pytest.param({"format": "tar"}, 'expected "format"', id="format"),
        pytest.param({"created": None}, "created", id="no-time"),
        pytest.param({"created": "yesterday"}, "created", id="no-such-time"),
        pytest.param({"created": "\u0662026-01-02T03:04:05Z"}, "created", id="other-digits"),
        pytest.param({"byteorder": "middle"}, "byteorder", id="byteorder"),
        pytest.param({"byteorder": ["big"]}, "byteorder", id="byteorder-list"),
        pytest.param({"samples": 3}, "samples", id="three-samples"),
        pytest.param({"samples": [1]}, "samples", id="samples-list"),
        pytest.param({"samples": True}, "samples", id="samples-true"),
        pytest.param({"window_seconds": -1}, "window_seconds", id="window-negative"),
        pytest.param({"window_seconds": float("nan")}, "window_seconds", id="window-nan"),
        pytest.param({"window_seconds": 10**400}, "window_seconds", id="window-huge"),
        pytest.param({"window_seconds": "1"}, "window_seconds", id="window-text"),
        pytest.param({"cpu_count": float("inf")}, "cpu_count", id="cpus-infinite"),
        pytest.param({"cpu_count": {}}, "cpu_count", id="cpus-object"),
        pytest.param({"unreadable": []}, "unreadable", id="unreadable-list"),
        pytest.param({"unreadable": {"a" * 2000: "EIO"}}, "unreadable", id="long-key"),
        pytest.param(
            {"unreadable": {f"{n}": "EIO" for n in range(20_001)}}, "unreadable", id="many-keys"
        ),
    ],
)
def test_a_field_that_is_none_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    """The line names the field."""
    write_about(tmp_path, **changes)
    assert why in why_not(tmp_path)


def test_every_part_but_bundle_json_is_optional(tmp_path: Path) -> None:
    """A bundle of nothing else gives a report: unknown, or never asked."""
    write_about(tmp_path)
    assert judge_bundle(tmp_path)["verdict"] == "unknown"
    host = BundleHost(str(tmp_path))
    for ask in (host.instance, host.kernel_log):
        with pytest.raises(NotAskedError):
            ask()


def test_unknown_files_and_fields_are_ignored(machine: Path, tmp_path: Path) -> None:
    """A later accelnet may add some."""
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    (bundle / "later.bin").write_bytes(b"\0")
    (bundle / "ethtool/0/eth0/features.bin").write_bytes(b"\0")
    write_about(bundle, samples=2, window_seconds=1.0, later={"a": 1})
    assert judge_bundle(bundle) == judge_bundle(machine)


def test_two_samples_are_seen_by_their_folder(machine: Path, tmp_path: Path) -> None:
    """A bundle made by hand may leave `samples` out."""
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    about = json.loads((bundle / "bundle.json").read_text())
    del about["samples"]
    (bundle / "bundle.json").write_text(json.dumps(about))
    assert judge_bundle(bundle) == judge_bundle(machine)
    shutil.rmtree(bundle / "ethtool/1")
    assert BundleHost(str(bundle)).samples == 1


# --- parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize(
    "key",
    [
        pytest.param("{folder}/address", id="resolved"),
        pytest.param("sys/class/net/eth0/address", id="through-a-link"),
        pytest.param("/sys/class/net//eth0/address", id="slashes"),
    ],
)
def test_an_unreadable_file_is_unknown(
    machine: Path, tmp_path: Path, key: str, archive: bool
) -> None:
    """However its key is written, the MAC was refused and is not absent."""
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    (bundle / "root/sys/class/net/eth0/address").unlink()
    write_about(bundle, unreadable={key.format(folder=Pair().folder): "EACCES"})
    path = pack(bundle, tmp_path / "b.tar.gz") if archive else bundle
    with pytest.raises(PermissionError):
        BundleHost(str(path)).files.read("sys/class/net/eth0/address")
    assert judge_bundle(path)["nics"][0]["mac"] is None


@pytest.mark.parametrize(
    ("part", "target"),
    [
        pytest.param("root", "/", id="root"),
        pytest.param("root", "..", id="root-relative"),
        pytest.param("ethtool", "/etc", id="a-folder"),
        pytest.param("kernel.log", "/etc/passwd", id="a-file"),
        pytest.param("imds", "../../../../../../../etc", id="upwards"),
        pytest.param("bundle.json", "../outside.json", id="bundle.json"),
    ],
)
def test_no_link_of_a_directory_leads_out_of_it(
    machine: Path, tmp_path: Path, part: str, target: str
) -> None:
    """A link in a customer's directory never shows this machine's files."""
    (tmp_path / "outside.json").write_bytes((machine / "bundle.json").read_bytes())
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    old = bundle / part
    shutil.rmtree(old) if old.is_dir() else old.unlink()
    old.symlink_to(target)
    report = report_or_refusal(bundle)
    assert (report is None) == (part in ("root", "bundle.json"))


@pytest.mark.parametrize("part", ["kernel.log", "addresses.json", "imds/instance.json"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(os.mkfifo, id="a-pipe"),
        pytest.param(os.mkdir, id="a-folder"),
        pytest.param(partial(make_file, content=b"\xff\0{"), id="garbage"),
        pytest.param(partial(make_file, content=b"[" * 100_000), id="nested"),
        pytest.param(partial(make_file, content=b'[{"interface": 1}]'), id="half"),
        pytest.param(make_loop, id="a-loop"),
    ],
)
def test_a_spoilt_part_is_unknown(
    machine: Path, tmp_path: Path, part: str, spoil: Callable[[Path], object]
) -> None:
    """The rest is judged, and nothing waits for a pipe."""
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    (bundle / part).unlink()
    spoil(bundle / part)
    report = report_or_refusal(bundle)
    assert report is not None
    assert [nic["datapath"] for nic in report["nics"]] == ["vf", "vf"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"EPERM\n", "EPERM", id="an-errno"),
        pytest.param(b"HTTP 429", "HTTP 429", id="http"),
        pytest.param(b"", "EIO", id="empty"),
        pytest.param(b"\xff\xfe", "EIO", id="no-ascii"),
        pytest.param(b"E" * 10_000, "EIO", id="long"),
    ],
)
def test_a_refusal_is_read_back(tmp_path: Path, content: bytes, found: str) -> None:
    """What is no errno's name is an I/O error."""
    write_about(tmp_path)
    (tmp_path / "imds").mkdir()
    (tmp_path / "imds/instance.errno").write_bytes(content)
    with pytest.raises(InstanceRefusedError, match=f"^{found}$"):
        BundleHost(str(tmp_path)).instance()


def test_a_refused_address_dump_is_read_back(machine: Path, tmp_path: Path) -> None:
    """Without addresses, vf-unaddressed is unknown and not passed over."""
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    (bundle / "addresses.json").unlink()
    (bundle / "addresses.errno").write_text("ETIMEDOUT\n")
    found = {
        finding["check"]: finding["status"]
        for finding in judge_bundle(bundle)["findings"]
        if finding["subject"] == "eth0"
    }
    assert found["vf-unaddressed"] == "unknown"


def test_a_refused_kernel_log_is_an_errno(tmp_path: Path) -> None:
    """It has no part of its own: unreadable["dev/kmsg"] says so."""
    write_about(tmp_path, unreadable={"dev/kmsg": "EPERM"})
    with pytest.raises(PermissionError):
        BundleHost(str(tmp_path)).kernel_log()


def test_a_loop_of_links_ends_in_a_report(machine: Path, tmp_path: Path) -> None:
    """Cyclic links below root/ are what the kernel would say of them: ELOOP."""
    bundle = shutil.copytree(machine, tmp_path / "b", symlinks=True)
    device = bundle / f"root/{Pair().folder}/device"
    device.unlink()
    device.symlink_to("device")
    shutil.rmtree(bundle / "root/sys/bus/pci")
    (bundle / "root/sys/bus/pci").symlink_to("../bus/pci")
    report = report_or_refusal(bundle)
    assert report is not None
    assert report["verdict"] != "pass"


# --- anything at all --------------------------------------------------------------------------


@untrusted
@given(content=st.binary(max_size=4096), compressed=st.booleans())
def test_arbitrary_bytes_are_refused_or_judged(
    tmp_path: Path, content: bytes, compressed: bool
) -> None:
    """No bytes raise anything else."""
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(content) if compressed else content)
    report_or_refusal(tmp_path / "x.tar.gz")


@untrusted
@given(data=st.data())
def test_a_mutated_archive_is_refused_or_judged(
    data: st.DataObject, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """Bytes changed anywhere in the tar, headers included, raise nothing else."""
    whole = archived(tmp_path / "whole.tar.gz", members)
    tar = bytearray(gzip.decompress(whole.read_bytes()))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(tar) - 1))
        new = data.draw(st.binary(max_size=16))
        tar[at : at + data.draw(st.integers(0, 16))] = new
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(bytes(tar), 1))
    report_or_refusal(tmp_path / "x.tar.gz")


@untrusted
@given(data=st.data())
def test_mutated_members_are_refused_or_judged(
    data: st.DataObject, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """Members with other contents, kinds, paths or targets raise nothing else."""
    found = list(members)
    texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(found) - 1))
        old, content = found[at]
        change = data.draw(
            st.sampled_from(["content", "bytes", "path", "target", "gone", "number"])
        )
        member = a_member(old.name, old.type, old.linkname)
        if change == "content":
            content = data.draw(st.binary(max_size=300))
        elif change == "bytes":
            cut = data.draw(st.integers(0, len(content)))
            content = content[:cut] + data.draw(st.binary(max_size=8)) + content[cut + 1 :]
        elif change == "number":
            content = data.draw(st.sampled_from([b"9" * 5000, b"-1", b"0x", b"1e999", b"nan"]))
        elif change == "path":
            member.name = data.draw(texts) or "x"
        elif change == "target":
            member.type, content = tarfile.SYMTYPE, b""
            member.linkname = data.draw(st.one_of(texts, st.sampled_from([old.name, ".", ".."])))
        found[at : at + 1] = [] if change == "gone" else [(member, content)]
    report_or_refusal(archived(tmp_path / "x.tar.gz", found))


@untrusted
@given(
    changes=st.dictionaries(
        st.sampled_from(
            ["samples", "window_seconds", "cpu_count", "created", "unreadable", "byteorder"]
        ),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
            ),
        ),
    )
)
def test_any_value_in_bundle_json_is_refused_or_judged(
    machine: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Whatever JSON can say."""
    bundle = tmp_path / "b"
    if not bundle.exists():
        shutil.copytree(machine, bundle, symlinks=True)
    write_about(bundle, **changes)
    report_or_refusal(bundle)
