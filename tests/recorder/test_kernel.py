"""The recorder against this kernel, under old Pythons, beside accelnet's own recorder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accelnet_probes.ethtool import REPLIES
from accelnet_probes.files import failure
from accelnet_probes.live import LiveHost
from accelnet_probes.recording import Recording, RecordingHost
from namespaces import NOBODY, Namespace, a_pair, needs
from recorders import RECORDER, Entries, entries_in, entries_of, python_of
from trees import Pair, judge_bundle, judge_host, write_machine

pytestmark = needs("ip", "ethtool")

VERSIONS = ("2.7", "3.4", "3.5", "3.6", "3.13")
QUEUES = 64
WINDOW = 0.2
ADDRESSES = ("10.9.0.4/24", "10.9.0.5/24", "10.9.1.4/32", "fd00::4/64", "fe80::1:2/64")

RECORD = f"""
import os, sys
sys.path.insert(0, {str(RECORDER.parent)!r})
import accelnet_record as recorder
root, path, user = sys.argv[1:]
root = root if isinstance(root, bytes) else os.fsencode(root)
if user != "0":
    os.setgroups([])
    os.setresuid(int(user), int(user), int(user))
machine = recorder.Machine({WINDOW}, "off", root)
recording = recorder.record(machine)
machine.close()
recorder.write(recording, path)
"""


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """Two veths with hundreds of statistics and addresses of every kind."""
    with a_pair("recorder", queues=QUEUES) as found:
        found.run("ethtool", "-L", "v0", "rx", str(QUEUES), "tx", str(QUEUES))
        for name in ("lo", "v0", "v1"):
            found.ip("link", "set", name, "up")
        for address in ADDRESSES:
            found.ip("address", "replace", address, "dev", "v0", "nodad")
        yield found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user may use."""
    found = Path(tempfile.mkdtemp())
    found.chmod(0o777)
    yield found
    shutil.rmtree(found)


@pytest.fixture
def machine(namespace: Namespace, folder: Path) -> Path:
    """A root under which v0 is a synthetic NIC, and v1 its VF."""
    lines = namespace.ip("-o", "link").splitlines()
    index = {line.split(": ")[1].partition("@")[0]: int(line.partition(":")[0]) for line in lines}
    machine = write_machine(folder / "machine", pairs=(Pair(name="v0", vf="v1"),))
    for name, number in index.items():
        path = machine / "root/sys/class/net" / name / "ifindex"
        if path.parent.exists():
            path.write_text(f"{number}\n")
    (machine / "root/dev").mkdir()
    (machine / "root/dev/kmsg").symlink_to("/dev/kmsg")  # which is read as it is
    return machine / "root"


def record(python: str, namespace: Namespace, root: Path, path: Path, user: int = 0) -> None:
    """Let that Python record in there."""
    subprocess.run(
        [
            *("ip", "netns", "exec", namespace.name, python, "-B", "-c", RECORD),
            *(str(root), str(path), str(user)),
        ],
        check=True,
        timeout=60,
    )


class Restricted(LiveHost):
    """To an unprivileged user the log is refused where the sysctl dmesg_restrict is set."""

    def kernel_log(self) -> bytes:
        """As the kernel does."""
        raise failure(errno.EPERM, "/dev/kmsg")


def own(namespace: Namespace, root: Path, user: int = 0) -> tuple[dict[str, Any], Entries]:
    """What accelnet-check says of it, and records."""
    restricts = Path("/proc/sys/kernel/dmesg_restrict").read_text() != "0\n"
    with namespace.entered():
        kind = Restricted if user and restricts else LiveHost
        live = kind(window=WINDOW, endpoint="off", prefix=str(root))
        host = RecordingHost(live, root=str(root))
        report = judge_host(host)
    return report, entries_in(Recording(host, "accelnet 0.1.0"))


def without_counters(report: Any) -> Any:
    """A report but for what changes by itself: moments, and what was counted."""
    moving = ("observed_at", "source", "seconds", "counters", "window", "summary", "evidence")
    if isinstance(report, dict):
        return {key: without_counters(value) for key, value in report.items() if key not in moving}
    return [without_counters(item) for item in report] if isinstance(report, list) else report


@pytest.mark.parametrize("user", [pytest.param(0, id="root"), pytest.param(NOBODY, id="nobody")])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_kernel_answers_it_what_it_answers_accelnet_check(
    namespace: Namespace, machine: Path, folder: Path, version: str, user: int
) -> None:
    """The same replies, whoever asks, and the reports are alike."""
    report, theirs = own(namespace, machine, user)
    record(python_of(version), namespace, machine, folder / "bundle", user)
    ours = entries_of(folder / "bundle")
    assert sorted(key for key in ours if key.startswith("ethtool")) == sorted(
        key for key in theirs if key.startswith("ethtool")
    )
    for sample in (0, 1):
        for interface in ("v0", "v1"):
            for reply in REPLIES:
                key = f"ethtool/{sample}/{interface}/{reply}"
                for path in (f"{key}.bin", f"{key}.errno"):
                    if reply != "stats":
                        assert ours.get(path) == theirs.get(path)
            statistics = ours[f"ethtool/{sample}/v0/stats.bin"][1]
            assert len(statistics) == len(theirs[f"ethtool/{sample}/v0/stats.bin"][1]) > 8 + 8 * 500
    assert ours["addresses.json"] == theirs["addresses.json"]
    found = {entry["address"] for entry in json.loads(ours["addresses.json"][1])}
    assert set(ADDRESSES) <= found
    assert without_counters(judge_bundle(folder / "bundle")) == without_counters(report)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_values_are_those_of_ethtool(
    namespace: Namespace, machine: Path, folder: Path, version: str
) -> None:
    """The peer's index, which is like no other, stands with its own name."""
    record(python_of(version), namespace, machine, folder / "bundle")
    strings, stats = (
        (folder / f"bundle/ethtool/1/v0/{name}.bin").read_bytes()
        for name in ("stats-strings", "stats")
    )
    names = [strings[at : at + 32].rstrip(b"\0").decode() for at in range(12, len(strings), 32)]
    found = dict(zip(names, struct.unpack_from(f"={len(names)}Q", stats, 8), strict=True))
    lines = namespace.run("ethtool", "-S", "v0").splitlines()[1:]
    assert list(found) == [line.strip().rpartition(": ")[0] for line in lines]
    index = next(line for line in namespace.ip("-o", "link").splitlines() if ": v1" in line)
    assert found["peer_ifindex"] == int(index.partition(":")[0])


@pytest.mark.parametrize("version", ["2.7", "3.6"])
def test_an_interface_of_another_namespace_is_enodev(
    namespace: Namespace, machine: Path, folder: Path, version: str
) -> None:
    """/sys may be a container's view of the host: a number that is another's answers for none."""
    (machine / "sys/class/net/v0/ifindex").write_text("4711\n")
    record(python_of(version), namespace, machine, folder / "bundle")
    for reply in REPLIES:
        found = (folder / f"bundle/ethtool/1/v0/{reply}.errno").read_text()
        assert found == "ENODEV\n"
    assert (folder / "bundle/addresses.errno").read_text() == "ENODEV\n"


@pytest.mark.parametrize("version", ["2.7", "3.6"])
def test_a_count_that_flips_gives_one_reading_or_eagain(
    namespace: Namespace, machine: Path, folder: Path, version: str
) -> None:
    """Names and values are of one count, whatever sets channels meanwhile."""
    flip = "while :; do ethtool -L v0 rx 64 tx 64; ethtool -L v0 rx 1 tx 1; done"
    words = ["ip", "netns", "exec", namespace.name, "sh", "-c", flip]
    with subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        try:
            for number in range(3):
                record(python_of(version), namespace, machine, folder / f"b{number}")
        finally:
            os.killpg(process.pid, 9)
    namespace.run("ethtool", "-L", "v0", "rx", str(QUEUES), "tx", str(QUEUES))
    for number in range(3):
        for sample in (0, 1):
            replies = folder / f"b{number}/ethtool/{sample}/v0"
            if (replies / "stats.errno").exists():
                assert (replies / "stats.errno").read_text() == "EAGAIN\n"
                continue
            strings, stats = (
                (replies / f"{name}.bin").read_bytes() for name in ("stats-strings", "stats")
            )
            assert (len(strings) - 12) // 32 == (len(stats) - 8) // 8


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.13"])
def test_this_machine_is_judged_alike(folder: Path, version: str) -> None:
    """The commands themselves, one after the other, with no root but /."""
    from accelnet_agent.version import VERSION

    words = [python_of(version), "-B", str(RECORDER), "--imds-endpoint", "off", "--window", "0.2"]
    subprocess.run([*words, str(folder / "bundle")], check=True, timeout=60)
    host = RecordingHost(LiveHost(window=WINDOW, endpoint="off"))
    report = judge_host(host)
    theirs = entries_in(Recording(host, f"accelnet {VERSION}"))
    ours = entries_of(folder / "bundle")
    assert set(ours) >= set(theirs)
    for key in theirs:
        moving = ("bundle.json", "root/proc/uptime", "/stats.bin", "kernel.log")
        if not key.endswith(moving):
            assert ours[key] == theirs[key]
    assert without_counters(judge_bundle(folder / "bundle")) == without_counters(report)
