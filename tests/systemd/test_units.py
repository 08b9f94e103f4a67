"""systemd/: what systemd itself says of the units, and that they fit the commands they start."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from accelnet_agent import daemon_arguments
from accelnet_agent.arguments import parse
from accelnet_agent.daemon_arguments import SETTINGS, variable_of

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
SERVICES = ("accelnet-agent.service", "accelnet-check.service")
MAX_EXPOSURE = 1.5
OBSERVES_AT_LATEST = 60  # seconds between two observations of the agent's own

Unit = dict[str, list[str]]


def _read(name: str) -> Unit:
    """The settings of a unit, each with its values in order."""
    settings: Unit = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def _version() -> int:
    """The version of systemd-analyze, 0 where there is none."""
    if shutil.which("systemd-analyze") is None:
        return 0
    found = re.match(r"systemd (\d+)", _analyze("--version").stdout)
    return int(found[1]) if found else 0


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


@pytest.fixture(name="installed")
def fixture_installed(tmp_path: Path) -> Path:
    """A copy of the units, whose commands are on this machine."""
    for path in UNITS.iterdir():
        text = re.sub(r"/usr/bin/accelnet-\w+", "/bin/true", path.read_text(encoding="utf-8"))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(_version() == 0, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    """`systemd-analyze verify` has not a word to say about any unit."""
    units = [str(path) for path in sorted(installed.glob("accelnet-*.*"))]
    assert len(units) == 4
    run = _analyze("verify", *units)
    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.skipif(_version() < 250, reason="no systemd-analyze with `security --offline` here")
@pytest.mark.parametrize("service", SERVICES)
def test_the_exposure_is_low(installed: Path, service: str) -> None:
    """`systemd-analyze security --offline=yes` comes to 1.5 or less."""
    run = _analyze("security", "--offline=yes", "--no-pager", str(installed / service))
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", run.stdout)
    assert found is not None, run.stdout
    assert float(found[1]) <= MAX_EXPOSURE


@pytest.mark.parametrize("service", SERVICES)
def test_no_capability_is_left(service: str) -> None:
    """Neither what the process has, nor what it could ever get."""
    unit = _read(service)
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["AmbientCapabilities"] == [""]
    assert unit["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("service", SERVICES)
def test_memory_and_cpu_are_bounded(service: str) -> None:
    """A limit for each."""
    assert {"MemoryMax", "CPUQuota", "TasksMax"} <= set(_read(service))


def test_both_services_are_hardened_alike() -> None:
    """What only one of them has, and what differs, is what its task asks for."""
    agent, check = (_read(service) for service in SERVICES)
    keys = {
        key for key in (*agent, *check) if re.match("Protect|Private|Restrict|System|Lock", key)
    }
    assert {key for key in keys if agent.get(key) != check.get(key)} == {"RestrictAddressFamilies"}


def test_the_watchdog_expects_no_more_than_the_agent_does() -> None:
    """It observes every third of WatchdogSec=, and every minute at the latest."""
    (seconds,) = _read("accelnet-agent.service")["WatchdogSec"]
    assert int(seconds) / 3 >= OBSERVES_AT_LATEST


def test_a_warning_is_no_failure_of_the_check() -> None:
    """Of the statuses only 1, warn, is made a success beside 0; 64 is none."""
    assert _read("accelnet-check.service")["SuccessExitStatus"] == ["1"]


def test_the_preset_decides_on_every_unit_that_can_be_enabled() -> None:
    """One line for each unit with an [Install] section, and none for any other."""
    preset = (UNITS / "90-accelnet.preset").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"(enable|disable) accelnet-[a-z]+\.[a-z]+", line) for line in preset)
    installable = {
        path.name
        for path in UNITS.glob("accelnet-*")
        if "[Install]" in path.read_text(encoding="utf-8").splitlines()
    }
    assert {line.split()[1] for line in preset} == installable


def test_the_user_of_the_services_is_the_one_that_is_made() -> None:
    """sysusers.d(5): a `u` line makes the user, and the group of its name."""
    lines = (UNITS / "accelnet.sysusers").read_text(encoding="utf-8").splitlines()
    ((kind, name, number, *_),) = [shlex.split(line) for line in lines if line[0] != "#"]
    assert (kind, number) == ("u", "-")
    for service in SERVICES:
        unit = _read(service)
        assert (unit["User"], unit["Group"]) == ([name], [name])


@pytest.mark.parametrize("setting", ["ExecStart", "ExecStopPost"])
def test_the_check_understands_its_own_command_line(setting: str) -> None:
    """Every argument that the unit gives is one that accelnet-check takes."""
    unit = _read("accelnet-check.service")
    (line,) = unit[setting]
    for expect in ("on", "off", "auto"):
        command = line.replace("${ACCELNET_EXPECT}", expect).partition("/usr/bin/accelnet-check ")[
            2
        ]
        assert parse(shlex.split(command.rstrip("'"))).expect == expect


def _variables() -> dict[str, str]:
    """The variables of the environment file, all of them commented out, and their defaults."""
    lines = (UNITS / "accelnet.env").read_text(encoding="utf-8").splitlines()
    return dict(
        line.removeprefix("#").split("=", 1) for line in lines if re.match("#?[A-Z_]+=", line)
    )


def test_the_environment_file_has_every_flag_of_the_agent_and_no_other_variable() -> None:
    """Each ACCELNET_ variable stands for a flag that there is."""
    assert set(_variables()) == {variable_of(option) for option in SETTINGS}


def test_the_environment_file_shows_the_defaults() -> None:
    """With every line of it uncommented the agent does as with none."""
    assert daemon_arguments.parse([], _variables()) == daemon_arguments.parse([], {})


def test_the_environment_file_explains_each_variable() -> None:
    """A comment stands before each, and no line is longer than a terminal."""
    text = (UNITS / "accelnet.env").read_text(encoding="utf-8")
    for block in text.strip().split("\n\n"):
        first, *_, last = [*block.splitlines(), ""]
        assert first.startswith("# "), block
        assert "=" not in last or last.startswith("#ACCELNET_"), block
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_socket_listens_where_the_agent_would() -> None:
    """Whoever scrapes need not know whether there is a socket unit."""
    listening = _read("accelnet-agent.socket")["ListenStream"]
    assert listening == [daemon_arguments.DEFAULT_ADDRESS]
