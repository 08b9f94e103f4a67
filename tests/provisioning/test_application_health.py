"""The Application Health extension and an agent: what a scale set sees, and what it does then."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from certificates import Authority
from daemon import daemon
from health_extension import CONSEQUENCES, Commitment, binary, check, rich

ROOT = Path(__file__).parents[2]
AZURE = ROOT / "provisioning/azure"
FIXTURES = ROOT / "tests/fixtures"
UPGRADES, REPAIRS = 0, 1
RICH: Mapping[str, Any] = json.loads((AZURE / "health-rich.json").read_text(encoding="utf-8"))
BINARY: Mapping[str, Any] = json.loads((AZURE / "health-binary.json").read_text(encoding="utf-8"))
LENIENT = "--health.unknown=healthy"
# Without a kernel that has these NICs the agent can not see what the healthy one sends: unknown.
FAIL, WARN, UNKNOWN = "vf-without-driver", "no-vf", "mlx5-healthy"


def _asked(
    folder: Path, machine: str, probe: Callable[[Mapping[str, Any], int], str], *arguments: str
) -> str:
    """What a probe makes of an agent on that machine."""
    settings = RICH if probe is rich else BINARY
    rootfs = f"--path.rootfs={FIXTURES / machine / 'root'}"
    with daemon(folder, rootfs, *arguments) as agent:
        return probe(settings, agent.port)


@pytest.mark.parametrize("settings", [RICH, BINARY], ids=["rich", "binary"])
def test_the_extension_takes_the_settings(settings: Mapping[str, Any]) -> None:
    """By its schema, and by what it verifies besides."""
    check(settings)


@pytest.mark.parametrize(
    ("machine", "arguments", "state"),
    [
        pytest.param(WARN, (), "Healthy", id="warn"),
        pytest.param(FAIL, (), "Unhealthy", id="fail"),
        pytest.param(FAIL, (LENIENT,), "Unhealthy", id="fail-lenient"),
        pytest.param(UNKNOWN, (), "Unknown", id="unknown"),
        pytest.param(UNKNOWN, (LENIENT,), "Healthy", id="unknown-lenient"),
    ],
)
def test_rich_states(tmp_path: Path, machine: str, arguments: tuple[str, ...], state: str) -> None:
    """Each verdict has one; what is unknown is Unknown, unless the operator says otherwise."""
    assert _asked(tmp_path, machine, rich, *arguments) == state


@pytest.mark.parametrize(
    ("machine", "arguments", "state"),
    [
        pytest.param(WARN, (), "Healthy", id="warn"),
        pytest.param(FAIL, (), "Unhealthy", id="fail"),
        pytest.param(UNKNOWN, (), "Unhealthy", id="unknown"),
        pytest.param(UNKNOWN, (LENIENT,), "Healthy", id="unknown-lenient"),
    ],
)
def test_binary_states(
    tmp_path: Path, machine: str, arguments: tuple[str, ...], state: str
) -> None:
    """There is no third."""
    assert _asked(tmp_path, machine, binary, *arguments) == state


def test_without_an_agent_both_would_be_repaired() -> None:
    """Whatever --health.unknown says: nobody is there to say it."""
    assert CONSEQUENCES[rich(RICH, 1)][REPAIRS]
    assert CONSEQUENCES[binary(BINARY, 1)][REPAIRS]


def test_unknown_is_repaired_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    """What --health.unknown=healthy is for; it costs that a rolling upgrade goes on."""
    assert CONSEQUENCES[_asked(tmp_path, UNKNOWN, rich)] == (False, True)
    assert CONSEQUENCES[_asked(tmp_path, UNKNOWN, rich, LENIENT)] == (True, False)


def test_tls_is_no_obstacle_and_a_password_is(tmp_path: Path) -> None:
    """The extension verifies no certificate, and has no user: then everything is Unknown."""
    cert, key = Authority().server().write(tmp_path, "agent")
    tls = f"tls_server_config: {{cert_file: {cert}, key_file: {key}}}\n"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users = f"basic_auth_users: {{prometheus: '{hashed}'}}\n"
    for content, state in ((tls, "Unhealthy"), (tls + users, "Unknown")):
        web = tmp_path / "web.yml"
        web.write_text(content, encoding="utf-8")
        rootfs = f"--path.rootfs={FIXTURES / FAIL / 'root'}"
        with daemon(tmp_path, rootfs, f"--web.config.file={web}") as agent:
            assert rich({**RICH, "protocol": "https"}, agent.port) == state


# --- when a state is reported --------------------------------------------------------------------


def _committed(settings: Mapping[str, Any], states: str) -> list[str]:
    """What is reported after each probe; i: not usable, h: healthy, u: unhealthy."""
    words = {"i": "Unknown", "h": "Healthy", "u": "Unhealthy"}
    commitment = Commitment(settings)
    return [commitment.take(words[state]) for state in states]


@pytest.mark.parametrize(
    ("settings", "states", "expected"),
    [
        pytest.param(
            {"numberOfProbes": 2, "intervalInSeconds": 10, "gracePeriod": 600},
            "ihuhhuuhii",
            [*["Initializing"] * 4, *["Healthy"] * 2, *["Unhealthy"] * 3, "Unknown"],
            id="state-change-behavior-retained",
        ),
        pytest.param(
            {"numberOfProbes": 4, "intervalInSeconds": 5, "gracePeriod": 600},
            "iiiihuhuuhhhhuiiii",
            [*["Initializing"] * 12, *["Healthy"] * 5, "Unknown"],
            id="larger-numberOfProbes",
        ),
        pytest.param(
            {"numberOfProbes": 2, "intervalInSeconds": 10, "gracePeriod": 60},
            "iuiuiuhuhhh",
            [*["Initializing"] * 6, *["Unknown"] * 3, "Unknown", "Healthy"],
            id="grace-period-expires",
        ),
    ],
)
def test_the_oracle_reports_as_the_extension_does(
    settings: Mapping[str, Any], states: str, expected: list[str]
) -> None:
    """Sequences of the extension's own tests, 4_grace-period.bats."""
    found = _committed(settings, states)
    assert found[-1] == expected[-1]
    assert list(dict.fromkeys(found)) == list(dict.fromkeys(expected))


def test_one_bad_answer_repairs_nothing() -> None:
    """With the settings that are shipped a minute of them does, four in a row."""
    assert RICH["intervalInSeconds"] * RICH["numberOfProbes"] == 60
    well = "hhhh"
    assert _committed(RICH, well + "uuuhuuu")[-1] == "Healthy"
    assert _committed(RICH, well + "uuuu")[-1] == "Unhealthy"


def test_a_new_vm_has_time_to_install_the_agent() -> None:
    """Initializing stops no upgrade for good and repairs nothing: 15 minutes of it."""
    assert RICH["gracePeriod"] == 900
    probes = RICH["gracePeriod"] // RICH["intervalInSeconds"]
    assert set(_committed(RICH, "i" * probes)) == {"Initializing"}
    assert _committed(RICH, "i" * (probes + 1))[-1] == "Unknown"
    assert _committed(RICH, "i" * 10 + "hhhh")[-1] == "Healthy"
