"""Recording: what is replayed is what was seen, and a bundle is written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelnet_probes.bundle import BundleHost
from accelnet_probes.files import failure
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample
from accelnet_probes.live import LiveHost
from accelnet_probes.record import replace
from accelnet_probes.recording import Recording, RecordingHost, write
from spoils import SPOILS, let_networkd_have_the_vf, prepare_for_the_next_host
from trees import SECOND, Pair, judge_bundle, judge_host, write_about, write_files, write_machine

if TYPE_CHECKING:
    from accelnet_probes.snapshot import Source


class AsIfLive(BundleHost):
    """A machine whose kernel answers what a bundle holds, and whose files lie below its root/."""

    source: Source = "live"


def recorded(host: Any, root: Path) -> tuple[dict[str, Any], Recording]:
    """The report about a host, and the recording that was made meanwhile."""
    recording_host = RecordingHost(host, root=str(root))
    report = judge_host(recording_host)
    return report, Recording(recording_host, "accelnet 0.1.0")


def recorded_machine(machine: Path) -> tuple[dict[str, Any], Recording]:
    """The same of a made-up machine."""
    return recorded(AsIfLive(str(machine)), machine / "root")


def but_for_source(report: Mapping[str, Any]) -> dict[str, Any]:
    """All of a report that a replay must give again."""
    return {name: value for name, value in report.items() if name != "source"}


@pytest.mark.parametrize("suffix", ["", ".tar.gz", ".tgz"])
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("spoil", SPOILS)
def test_a_replay_gives_the_same_report(
    tmp_path: Path, spoil: Any, samples: int, suffix: str
) -> None:
    """Live and replayed report are equal but for the source, refusals included."""
    machine = write_machine(tmp_path / "machine", pairs=(Pair(), SECOND), samples=2)
    spoil(machine)
    write_about(machine, samples=samples, window_seconds=1.0 if samples == 2 else None)
    report, recording = recorded_machine(machine)
    write(recording, str(tmp_path / f"bundle{suffix}"))
    replayed = judge_bundle(tmp_path / f"bundle{suffix}")
    assert (report["source"], replayed["source"]) == ("live", "bundle")
    assert but_for_source(replayed) == but_for_source(report)
    assert report["host"]["kernel"]["release"] == "6.8.0-1029-azure"


def test_of_dpkgs_database_only_what_is_read_is_kept(tmp_path: Path) -> None:
    """It is megabytes, and says what else is installed."""
    machine = write_machine(tmp_path / "machine")
    let_networkd_have_the_vf(machine)
    _, recording = recorded_machine(machine)
    assert recording.root.files["var/lib/dpkg/status"] == (
        b"Package: systemd\nStatus: install ok installed\nVersion: 255.4-1\n"
    )


def test_of_a_module_only_that_it_is_there_is_kept(tmp_path: Path) -> None:
    """Its content is megabytes; a replay finds that it is there, and that another is not."""
    machine = write_machine(tmp_path / "machine")
    prepare_for_the_next_host(machine)
    report, recording = recorded_machine(machine)
    folder = "lib/modules/6.14.0-1001-azure/kernel"
    assert recording.root.files[f"{folder}/mana.ko.zst"] == b""
    assert f"{folder}/mlx5_core.ko.zst" not in recording.root.files
    [finding] = [f for f in report["findings"] if f["check"] == "next-host-drivers"]
    assert finding["status"] == "warn"
    assert "the file of mlx5_core is gone" in finding["summary"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """The recording names what the kernel refused, by its resolved key."""
    machine = write_machine(tmp_path / "machine")
    (machine / "root" / Pair().folder / "mtu").chmod(0)
    report, recording = recorded_machine(machine)
    assert recording.unreadable == {f"{Pair().folder}/mtu": "EACCES"}
    write(recording, str(tmp_path / "bundle"))
    assert but_for_source(judge_bundle(tmp_path / "bundle")) == but_for_source(report)


def test_only_what_was_read_is_recorded(tmp_path: Path) -> None:
    """Files that no probe asks for stay where they are, and answers stay byte for byte."""
    machine = write_machine(tmp_path / "machine")
    write_files(machine / "root", {"etc/shadow": "secret", f"{Pair().folder}/speed": "50000"})
    _, recording = recorded_machine(machine)
    write(recording, str(tmp_path / "bundle"))
    found = {
        path.relative_to(tmp_path / "bundle")
        for path in (tmp_path / "bundle").rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    for path in found - {Path("bundle.json"), Path("addresses.json")}:
        assert (tmp_path / "bundle" / path).read_bytes() == (machine / path).read_bytes()
    assert not {path.name for path in found} & {"shadow", "speed"}


def test_bundle_json_says_how_it_was_made(tmp_path: Path) -> None:
    """Format, version, tool, samples and window are those of the recording."""
    _, recording = recorded_machine(write_machine(tmp_path / "machine"))
    write(recording, str(tmp_path / "bundle"))
    assert json.loads((tmp_path / "bundle/bundle.json").read_text()) == {
        "format": "accelnet-bundle",
        "version": 1,
        "created": "2026-01-02T03:04:05Z",
        "tool": "accelnet 0.1.0",
        "redacted": False,
        "byteorder": "little",
        "samples": 2,
        "window_seconds": 1.0,
        "cpu_count": 4,
        "unreadable": {},
    }


class Changing(AsIfLive):
    """A machine whose addresses change within the window."""

    def __init__(self, machine: Path, *answers: Any) -> None:
        super().__init__(str(machine))
        self._answers = answers

    def sample(self, number: int, interfaces: Mapping[str, int | None]) -> Sample:
        """As the machine says, but for the addresses."""
        return replace(super().sample(number, interfaces), addresses=self._answers[number])


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param("EAGAIN", (("eth0", "10.0.0.4/24"),), id="refused-then-answered"),
        pytest.param((("eth0", "10.0.0.4/24"),), "ETIMEDOUT", id="answered-then-refused"),
        pytest.param((("eth0", "10.0.0.4/24"),), (("eth0", "10.0.0.5/24"),), id="another"),
    ],
)
def test_of_two_address_dumps_the_last_is_kept(tmp_path: Path, first: Any, last: Any) -> None:
    """A replay must not show an address that the report did not have."""
    machine = write_machine(tmp_path / "machine")
    report, recording = recorded(Changing(machine, first, last), machine / "root")
    assert ("addresses.errno" in recording.parts) == isinstance(last, str)
    write(recording, str(tmp_path / "bundle"))
    assert but_for_source(judge_bundle(tmp_path / "bundle")) == but_for_source(report)


def test_root_is_that_of_the_last_sample(tmp_path: Path) -> None:
    """What a file held before the window is not kept, what is read once is there all the same."""
    machine = write_machine(tmp_path / "machine")
    host = AsIfLive(str(machine))
    recording_host = RecordingHost(host, root=str(machine / "root"))
    mtu = f"{Pair().folder}/mtu"
    recording_host.files.read(mtu)
    files = recording_host.files
    recording_host.pause()
    assert recording_host.store.kept.files == {}
    (machine / "root" / mtu).write_text("9000\n")
    files.read(mtu)
    files.read("proc/uptime")
    assert recording_host.store.kept.files == {
        mtu: b"9000\n",
        "proc/uptime": b"86400.00 170000.00\n",
    }


def test_a_refusal_that_passes_is_forgotten(tmp_path: Path) -> None:
    """The last answer counts, as it does for the report."""
    (tmp_path / "file").mkdir()
    host = RecordingHost(LiveHost(window=0, endpoint="off"), root=str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", "file"):
        with pytest.raises(OSError, match=path):
            host.files.read(path)
    assert host.store.unreadable == {"pipe": "EINVAL"}
    (tmp_path / "pipe").unlink()
    (tmp_path / "pipe").write_text("1")
    assert host.files.read("pipe") == b"1"
    assert host.store.unreadable == {}


class Refusing(LiveHost):
    """A machine that is asked for the log and IMDS, and refuses."""

    def kernel_log(self) -> bytes:
        """Not for the unprivileged."""
        raise failure(errno.EPERM, "/dev/kmsg")

    def instance(self) -> bytes:
        """Too many asked."""
        raise InstanceRefusedError("HTTP 429")


def test_refusals_of_the_log_and_of_imds_are_recorded(tmp_path: Path) -> None:
    """They are unknown in a replay; what was never asked for leaves no trace."""
    host = RecordingHost(Refusing(window=0, endpoint="off"), root=str(tmp_path))
    with pytest.raises(PermissionError):
        host.kernel_log()
    with pytest.raises(InstanceRefusedError):
        host.instance()
    assert host.store.unreadable == {"dev/kmsg": "EPERM"}
    assert host.parts == {"imds/instance.errno": b"HTTP 429\n"}
    quiet = RecordingHost(LiveHost(window=0, endpoint="off"), root=str(tmp_path))
    with pytest.raises(NotAskedError):
        quiet.instance()
    assert quiet.parts == {}


def test_only_lines_that_matter_are_kept_of_the_log(tmp_path: Path) -> None:
    """Other lines of the kernel log may say anything about the machine's owner."""
    machine = write_machine(tmp_path / "machine")
    log = (machine / "kernel.log").read_bytes()
    (machine / "kernel.log").write_bytes(b"[    1.0] usb 1-1: Product: Jane's phone\n" + log)
    report, recording = recorded_machine(machine)
    assert recording.parts["kernel.log"] == log
    assert report["verdict"] == "pass"


# --- writing ----------------------------------------------------------------------------------


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """The recording of a healthy machine."""
    return recorded_machine(write_machine(tmp_path / "machine"))[1]


@pytest.mark.parametrize("name", ["bundle", "bundle/", "bundle.tar.gz"])
@pytest.mark.parametrize(
    "there",
    [
        pytest.param(os.mkdir, id="folder"),
        pytest.param(Path.touch, id="file"),
        pytest.param(partial(os.symlink, "nowhere"), id="dangling-link"),
    ],
)
def test_a_path_that_exists_is_refused(
    tmp_path: Path, recording: Recording, name: str, there: Any
) -> None:
    """Nothing is ever overwritten."""
    there(tmp_path / name.rstrip("/"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileExistsError):
        write(recording, f"{tmp_path}/{name}")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "name", ["missing/bundle", "missing/bundle.tar.gz", "file/x", "file/x.tgz"]
)
def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, recording: Recording, name: str
) -> None:
    """The errno is the kernel's, and nothing is left behind."""
    (tmp_path / "file").touch()
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        write(recording, str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "machine"]


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_disk_that_does_not_take_it_is_refused(recording: Recording, name: str) -> None:
    """Nobody may write below /proc, not even root."""
    with pytest.raises(OSError, match="/proc"):
        write(recording, f"/proc/{name}")


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_write_that_fails_half_way_leaves_nothing(
    tmp_path: Path, recording: Recording, name: str
) -> None:
    """A disk that is full, as one with a limit on the size of files seems to be."""
    recording.parts["x.bin"] = random.Random(0).randbytes(1 << 16)  # noqa: S311 - it has to be incompressible
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            write(recording, str(tmp_path / name))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


def test_both_forms_hold_the_same(tmp_path: Path, recording: Recording) -> None:
    """A directory packed by tar is what the archive holds."""
    write(recording, str(tmp_path / "d"))
    write(recording, str(tmp_path / "a.tar.gz"))
    (tmp_path / "x").mkdir()
    subprocess.run(["tar", "-xzf", tmp_path / "a.tar.gz", "-C", tmp_path / "x"], check=True)
    for one, other in ((tmp_path / "d", tmp_path / "x"), (tmp_path / "x", tmp_path / "d")):
        for path in one.rglob("*"):
            twin = other / path.relative_to(one)
            assert path.is_symlink() == twin.is_symlink()
            if path.is_symlink():
                assert path.readlink() == twin.readlink()
            elif path.is_file():
                assert path.read_bytes() == twin.read_bytes()
            else:
                assert twin.is_dir()


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_bundle_has_the_mode_that_the_umask_leaves(
    tmp_path: Path, recording: Recording, name: str
) -> None:
    """As root records it, the operator's colleagues may read it, if root's umask lets them."""
    old = os.umask(0o027)
    try:
        write(recording, str(tmp_path / name))
    finally:
        os.umask(old)
    mode = (tmp_path / name).stat().st_mode & 0o777
    assert mode == (0o640 if name.endswith(".gz") else 0o750)
