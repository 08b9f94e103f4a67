"""The recorder writes what `accelnet-check --record` writes, whatever Python runs it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from accelnet_probes.recording import Recording, write
from accelnet_probes.redaction import redacted
from recorders import (
    AsIfLive,
    differences,
    entries_in,
    entries_of,
    load,
    python_of,
    record_with,
    recorded,
)
from spoils import SPOILS
from trees import SECOND, Pair, judge_bundle, judge_host, statuses, write_files, write_machine

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").iterdir())
MADE_UP: dict[str, Any] = {str(param.id): param.values[0] for param in SPOILS}
NAMES = [*(fixture.name for fixture in FIXTURES), *MADE_UP]
# Of each line of Python the oldest that is mostly to be had sees all machines, the others some.
VERSIONS = ("2.7", "3.6")
OTHERS = ("3.4", "3.5", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every recorded machine, and made-up ones."""
    folder = tmp_path_factory.mktemp("machines")
    found = {fixture.name: fixture for fixture in FIXTURES}
    for name, spoil in MADE_UP.items():
        found[name] = write_machine(folder / name, pairs=(Pair(), SECOND))
        spoil(found[name])
    return found


@pytest.fixture(scope="module")
def theirs(machines: Mapping[str, Path]) -> dict[str, Recording]:
    """What accelnet's own recorder makes of each."""
    return {name: recorded(machine) for name, machine in machines.items()}


@pytest.fixture(scope="module", params=VERSIONS)
def bundles(
    request: pytest.FixtureRequest,
    machines: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with what the recorder makes of each, under one Python: NAME, and masked-NAME."""
    folder = tmp_path_factory.mktemp("bundles")
    python = python_of(request.param)
    record_with(python, {machine: folder / name for name, machine in machines.items()})
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_what_accelnets_own_keeps(
    theirs: Mapping[str, Recording], bundles: Path, name: str
) -> None:
    """Each file, link, folder and reply, byte for byte; more only where that is by design."""
    assert differences(entries_in(theirs[name]), entries_of(bundles / name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_bundle_json_says_the_same(
    theirs: Mapping[str, Recording], bundles: Path, name: str
) -> None:
    """But for the tool; what was refused has the same key and errno."""
    their = json.loads(entries_in(theirs[name])["bundle.json"][1])
    our = json.loads((bundles / name / "bundle.json").read_bytes())
    assert list(our) == list(their)
    assert our.pop("tool").startswith("accelnet_record ")
    assert {**our, "tool": "accelnet 0.1.0"} == their


@pytest.fixture(scope="module")
def reports(
    theirs: Mapping[str, Recording],
    machines: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    """The report about each machine, which that about accelnet's own bundle of it equals."""
    folder = tmp_path_factory.mktemp("theirs")
    found: dict[str, dict[str, Any]] = {}
    for name, recording in theirs.items():
        write(recording, str(folder / name))
        found[name] = judge_bundle(folder / name)
        assert found[name] == {**judge_host(AsIfLive(str(machines[name]))), "source": "bundle"}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_judged_like_the_machine(
    reports: Mapping[str, Any], bundles: Path, name: str
) -> None:
    """The whole report is the same."""
    assert judge_bundle(bundles / name) == reports[name]


@pytest.mark.parametrize("name", NAMES)
def test_redaction_is_the_same(theirs: Mapping[str, Recording], bundles: Path, name: str) -> None:
    """Mask for mask, in every file and name."""
    their = redacted(theirs[name], host_name="host-of-tests")
    assert differences(entries_in(their), entries_of(bundles / f"masked-{name}")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_redacted_bundle_is_judged_alike(
    reports: Mapping[str, Any], bundles: Path, name: str
) -> None:
    """The verdict and every status."""
    masked = judge_bundle(bundles / f"masked-{name}")
    about = json.loads((bundles / f"masked-{name}" / "bundle.json").read_bytes())
    assert about["redacted"] is True
    assert masked["verdict"] == reports[name]["verdict"]
    assert sorted(statuses(masked).values()) == sorted(statuses(reports[name]).values())


@pytest.mark.parametrize("version", OTHERS)
def test_every_python_records_and_masks_alike(
    theirs: Mapping[str, Recording], machines: Mapping[str, Path], tmp_path: Path, version: str
) -> None:
    """Each minor version there is."""
    names = ("two-nics", "mana-healthy", "seed-sample", "next-host")
    record_with(python_of(version), {machines[name]: tmp_path / name for name in names})
    for name in names:
        assert differences(entries_in(theirs[name]), entries_of(tmp_path / name)) == []
        their = redacted(theirs[name], host_name="host-of-tests")
        assert differences(entries_in(their), entries_of(tmp_path / f"masked-{name}")) == []


@pytest.mark.parametrize("version", [*VERSIONS, "3.4", "3.5", "3.13"])
def test_the_locale_does_not_matter(tmp_path: Path, version: str) -> None:
    """Names of any bytes under LANG=C, in both forms, as under UTF-8."""
    machine = write_machine(tmp_path / "machine")
    folder = machine / "root/etc/netplan"
    folder.mkdir(parents=True)
    for name in (b"caf\xe9", b"caf\xc3\xa9", b"\xed\xa0\x80", b"n" * 130):
        (folder / f"{os.fsdecode(name)}.yaml").write_bytes(b"name: " + name)
        (folder / f"to-{os.fsdecode(name)}").symlink_to(f"../nowhere/{os.fsdecode(name)}")
    os.mkfifo(folder / "pipe-\udcff.yaml")
    python = python_of(version)
    for place in ("bundle", "bundle.tar.gz"):
        record_with(python, {machine: tmp_path / place}, LC_ALL="C", LANG="C", PYTHONUTF8="0")
    assert differences(entries_in(recorded(machine)), entries_of(tmp_path / "bundle")) == []
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-C", unpacked, "-xf", tmp_path / "bundle.tar.gz"], check=True)
    assert entries_of(unpacked) == entries_of(tmp_path / "bundle")
    assert judge_bundle(tmp_path / "bundle.tar.gz") == judge_bundle(tmp_path / "bundle")
    about = json.loads((tmp_path / "bundle/bundle.json").read_bytes())
    assert about["unreadable"] == {"etc/netplan/pipe-\udcff.yaml": "EINVAL"}


def test_of_every_kernel_the_modules_are_kept(tmp_path: Path) -> None:
    """Which one boots next is for the judge to tell: so a change of that rule needs no recorder."""
    machine = write_machine(tmp_path / "machine")
    for number in range(30):
        folder = f"lib/modules/5.15.0-{number}-azure"
        write_files(
            machine / "root",
            {
                f"{folder}/modules.alias": "alias pci:v000015B3d00001016sv* mlx5_core\n",
                f"{folder}/modules.dep": "kernel/mlx5_core.ko:\nkernel/usbcore.ko:\n",
                f"{folder}/modules.builtin": "",
                f"{folder}/kernel/mlx5_core.ko": "ELF",
                f"{folder}/kernel/usbcore.ko": "ELF",
            },
        )
    write_files(machine / "root", {"boot/grub2/grub.cfg": "blscfg\n"})
    recorder = load()
    made = as_if_live(recorder, machine)
    kept = {key for key in made.root.files if key.startswith(b"lib/modules/")}
    newest = {key.split(b"/")[2] for key in kept}
    assert newest == {b"5.15.0-%d-azure" % number for number in range(10, 30)}
    assert b"lib/modules/5.15.0-29-azure/kernel/mlx5_core.ko" in kept
    assert not any(b"usbcore" in key for key in kept)
    assert made.root.files[b"lib/modules/5.15.0-29-azure/modules.dep"] == b"kernel/mlx5_core.ko:\n"
    assert b"boot/grub2/grub.cfg" in made.root.files


def as_if_live(recorder: Any, machine: Path) -> Any:
    """A machine's recording, made by the Python that runs the tests."""
    driver = load(Path(__file__).with_name("as_if_live.py"))
    host = driver.machine_class(recorder)(os.fsencode(machine))
    try:
        return recorder.record(host)
    finally:
        host.close()


@pytest.mark.parametrize("version", ["2.7", "3.13"])
def test_keys_and_passwords_are_not_recorded(tmp_path: Path, version: str) -> None:
    """Files that root alone may read hold them; what names are matched by stays."""
    machine = write_machine(tmp_path / "machine")
    netplan = (
        "network:\n  wifis:\n    eth0:\n      match: {macaddress: '00:0d:3a:00:00:01'}"
        "  # password: S3cr3t\n      access-points:\n        home: {password: S3cr3t}\n"
        "  tunnels:\n    wg0:\n      key: S3cr3t\n      match:\n        driver: hv_netvsc\n"
    )
    files = {"etc/netplan/60-wg.yaml": netplan}
    files["etc/sysconfig/network-scripts/ifcfg-wlan0"] = "DEVICE=wlan0\nWPA_PSK=S3cr3t\nHWADDR=a\n"
    write_files(machine / "root", files)
    record_with(python_of(version), {machine: tmp_path / "bundle"})
    entries = entries_of(tmp_path / "bundle")
    assert differences(entries_in(recorded(machine)), entries) == []
    kept = {name: (tmp_path / "bundle/root" / name).read_text() for name in files}
    assert "S3cr3t" not in "".join(kept.values())
    assert "macaddress: '00:0d:3a:00:00:01'" in kept["etc/netplan/60-wg.yaml"]
    assert kept["etc/sysconfig/network-scripts/ifcfg-wlan0"] == "DEVICE=wlan0\nHWADDR=a\n"
