"""provisioning/kubernetes/npd: the plugin, and what node-problem-detector makes of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon import Daemon, daemon
from node_problem_detector import Condition, Monitor

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "provisioning/kubernetes/npd"
PLUGIN = FOLDER / "accelnet-npd"
FIXTURES = ROOT / "tests/fixtures"
OK, NON_OK, UNKNOWN = 0, 1, 2
PROBLEM = "AcceleratedNetworkingProblem"
# What the image of node-problem-detector has of what the plugin may use: no curl.
ITS_TOOLS = ("bash", "sed", "timeout", "cat")
CHECK = "from accelnet_agent.cli import main; main()"


def _config(*arguments: str) -> dict[str, Any]:
    """The configuration that is shipped, with the plugin where it is here."""
    found: dict[str, Any] = json.loads((FOLDER / "accelnet.json").read_text(encoding="utf-8"))
    for rule in found["rules"]:
        rule["path"] = str(PLUGIN)
        rule["args"] = list(arguments) or rule["args"]
    return found


def _run(*arguments: str, path: Path | None = None) -> tuple[int, str]:
    """The plugin as a shell runs it: its status, and its one line."""
    ran = subprocess.run(
        ["/bin/sh", str(PLUGIN), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": str(path)} if path is not None else None,
    )
    assert ran.stderr == ""
    assert ran.stdout.count("\n") == 1
    return ran.returncode, ran.stdout.rstrip("\n")


@pytest.fixture(name="tools")
def fixture_tools(tmp_path: Path) -> Path:
    """A PATH with the tools of node-problem-detector's image, to which a test may add."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ITS_TOOLS:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"needs {tool}")
        (folder / tool).symlink_to(found)
    return folder


def _add_check(tools: Path) -> None:
    command = tools / "accelnet-check"
    command.write_text(f"#!{sys.executable}\n{CHECK}\n", encoding="utf-8")
    command.chmod(0o755)


@contextmanager
def _agent(folder: Path, machine: str) -> Generator[Daemon]:
    with daemon(folder, f"--path.rootfs={FIXTURES / machine / 'root'}") as found:
        yield found


# Without a kernel that has these NICs the agent can not see what a healthy one sends: unknown.
BY_MACHINE = [
    pytest.param("mlx5-healthy", UNKNOWN, "vf-datapath eth1: where eth1 sends", id="unknown"),
    pytest.param("no-vf", OK, "warning: vf-expected eth1: eth1 has no VF", id="warn"),
    pytest.param("vf-without-driver", NON_OK, "vf-driver 0001:00:02.0: no driver is", id="fail"),
]


@pytest.mark.parametrize(("machine", "status", "begin"), BY_MACHINE)
def test_it_asks_the_agent(tmp_path: Path, machine: str, status: int, begin: str) -> None:
    """The agent's verdict in node-problem-detector's terms, and what is wrong, in words."""
    with _agent(tmp_path, machine) as agent:
        found, line = _run(f"127.0.0.1:{agent.port}")
    assert found == status
    assert line.startswith(begin)


@pytest.mark.parametrize(("machine", "status", "begin"), BY_MACHINE)
def test_bash_does_where_there_is_no_curl(
    tmp_path: Path, tools: Path, machine: str, status: int, begin: str
) -> None:
    """As in node-problem-detector's own image."""
    with _agent(tmp_path, machine) as agent:
        found, line = _run(f"127.0.0.1:{agent.port}", path=tools)
    assert found == status
    assert line.startswith(begin)


BODY = {"verdict": "fail", "observed_at": "2026-01-02T03:04:05Z", "datapaths": {}, "findings": []}


@contextmanager
def _answering(body: bytes) -> Generator[str]:
    """A server that answers once, with this."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            asked = b""
            with client:
                while not asked.endswith(b"\r\n\r\n"):
                    asked += client.recv(4096)
                client.sendall(b"HTTP/1.0 503 no\r\nContent-Type: application/json\r\n\r\n" + body)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _finding(**changes: str) -> dict[str, str]:
    return {
        "check": "vf-mtu",
        "subject": "eth0",
        "level": "required",
        "status": "fail",
        "summary": "it is wrong",
        "remedy": "Mend it.",
        **changes,
    }


@pytest.mark.parametrize(
    ("findings", "status", "line"),
    [
        pytest.param([], NON_OK, "accelerated networking fails", id="none"),
        pytest.param(
            [_finding(level="recommended", status="warn", check="vf-name"), _finding()],
            NON_OK,
            "vf-mtu eth0: it is wrong",
            id="what-decides-is-named",
        ),
        pytest.param(
            [_finding(subject='a"b\\c', summary='a "name" with \\ in it')],
            NON_OK,
            'vf-mtu a"b\\c: a "name" with \\ in it',
            id="escapes",
        ),
    ],
)
def test_the_body_is_read(
    tools: Path, findings: list[dict[str, str]], status: int, line: str
) -> None:
    """With sed alone: what healthz() writes has one form."""
    body = json.dumps({**BODY, "findings": findings}).encode() + b"\n"
    with _answering(body) as address:
        assert _run(address, path=tools) == (status, line)


@pytest.mark.parametrize(
    "body", [pytest.param(b"", id="nothing"), pytest.param(b"<html>hello</html>\n", id="another")]
)
def test_another_server_is_no_agent(tools: Path, body: bytes) -> None:
    """Not seen is Unknown, never a problem of the node."""
    with _answering(body) as address:
        status, line = _run(address, path=tools)
    assert status == UNKNOWN
    assert line == f"accelnet-agent does not answer on {address}"


def test_where_no_agent_listens_it_is_unknown(tools: Path) -> None:
    """So is it while the agent is being updated."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert _run(f"127.0.0.1:{port}", path=tools)[0] == UNKNOWN


def test_without_a_tool_to_ask_with_it_is_unknown(tools: Path) -> None:
    """And says which."""
    (tools / "bash").unlink()
    status, line = _run(path=tools)
    assert status == UNKNOWN
    assert line.startswith(("accelnet-npd: neither curl nor bash", "accelnet-agent does not"))


@pytest.mark.parametrize("address", ["", "nonsense", ":9975", "127.0.0.1:"])
def test_an_address_that_is_none_is_unknown(tools: Path, address: str) -> None:
    """And says so."""
    status, line = _run(address, path=tools)
    assert (status, line) == (
        UNKNOWN,
        f"accelnet-npd: {address}: expected HOST:PORT, or --check",
    )


@pytest.mark.parametrize(
    ("machine", "status", "begin"),
    [
        pytest.param("mlx5-healthy", OK, "accelerated networking works", id="pass"),
        pytest.param("no-vf", OK, "vf-expected eth1: ", id="warn"),
        pytest.param("vf-without-driver", NON_OK, "vf-driver 0001:00:02.0: no driver", id="fail"),
        pytest.param("ioctl-hangs", NON_OK, "probes-answered host: ", id="hang"),
        pytest.param("nowhere", UNKNOWN, "accelnet-check: --bundle ", id="unusable"),
    ],
)
def test_it_runs_the_check(tools: Path, machine: str, status: int, begin: str) -> None:
    """Its four statuses are another thing than node-problem-detector's three."""
    _add_check(tools)
    found, line = _run("--check", "--bundle", str(FIXTURES / machine), path=tools)
    assert found == status
    assert line.startswith(begin)
    assert "|" not in line  # performance data are no message


def test_without_the_check_it_is_unknown(tools: Path) -> None:
    """127 would be Unknown too, and say less."""
    assert _run("--check", path=tools) == (
        UNKNOWN,
        "accelnet-npd: there is no accelnet-check on this node's PATH",
    )


# --- and node-problem-detector -------------------------------------------------------------------


def _conditions(agent: Daemon) -> Condition:
    return Monitor(_config(f"127.0.0.1:{agent.port}")).look()[PROBLEM]


def test_a_failing_node_gets_the_condition(tmp_path: Path) -> None:
    """Its message says what to look at, in the 80 bytes too that are kept by default."""
    with _agent(tmp_path, "vf-without-driver") as agent:
        condition = _conditions(agent)
        config = _config(f"127.0.0.1:{agent.port}")
        del config["pluginConfig"]["max_output_length"]
        short = Monitor(config).look()[PROBLEM]
    assert (condition.status, condition.reason) == ("True", "TrafficDoesNotGoByTheVF")
    assert condition.message == (
        "vf-driver 0001:00:02.0: no driver is bound to MT27710 Family [ConnectX-4 Lx Virtual "
        "Function]"
    )
    assert short.message == condition.message[:80]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        pytest.param("no-vf", ("False", "TrafficGoesByTheVF"), id="warn-is-no-problem"),
        pytest.param("mlx5-healthy", ("Unknown", "TrafficGoesByTheVF"), id="unknown"),
    ],
)
def test_what_is_no_failure_is_no_problem(
    tmp_path: Path, machine: str, expected: tuple[str, str]
) -> None:
    """Unknown says why in its message; the reason is node-problem-detector's default there."""
    with _agent(tmp_path, machine) as agent:
        condition = _conditions(agent)
    assert (condition.status, condition.reason) == expected
    assert (condition.message != "accelerated networking works") == (expected[0] == "Unknown")


def test_the_condition_follows_the_plugin(tmp_path: Path) -> None:
    """From well to a problem, through what can not be seen, and back."""
    plugin = tmp_path / "plugin"
    config = _config()
    config["rules"][0]["path"] = str(plugin)
    plugin.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    plugin.chmod(0o755)
    monitor, seen = Monitor(config), []
    for status, text in ((0, "ok"), (1, "bad"), (1, "worse"), (2, "dark"), (0, "ok")):
        plugin.write_text(f"#!/bin/sh\necho {text}\nexit {status}\n", encoding="utf-8")
        condition = monitor.look()[PROBLEM]
        seen.append((condition.status, condition.message))
    well = ("False", "accelerated networking works")
    assert seen == [well, ("True", "bad"), ("True", "bad"), ("Unknown", "dark"), well]


def test_what_hangs_is_ended_and_unknown(tmp_path: Path) -> None:
    """By its deadline: an agent that takes connections and says nothing."""
    config = _config()
    config["rules"][0] |= {"timeout": "1s"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        config["rules"][0]["args"] = [f"127.0.0.1:{server.getsockname()[1]}"]
        begun = time.monotonic()
        condition = Monitor(config).look()[PROBLEM]
    assert condition.status == "Unknown"
    assert condition.message.startswith("Timeout when running plugin")
    assert time.monotonic() - begun < 10
    assert tmp_path.exists()


def test_the_plugin_ends_before_node_problem_detector_ends_it() -> None:
    """Its own deadline, of 8 seconds, is below the rule's; accelnet-check ends within 11."""
    config = _config()
    monitor = Monitor(config)
    assert "--max-time 8" in PLUGIN.read_text(encoding="utf-8")
    assert config["rules"][0]["timeout"] == "12s"
    assert monitor.interval == 60


def _broken(**changes: Any) -> Mapping[str, Any]:
    config = _config()
    config["rules"][0] |= changes
    return config


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(_broken(timeout="20s"), id="timeout-above-the-global-one"),
        pytest.param(_broken(path="/nowhere"), id="no-such-plugin"),
        pytest.param(_broken(condition="Another"), id="condition-without-default"),
    ],
)
def test_the_oracle_refuses_what_node_problem_detector_refuses(config: Mapping[str, Any]) -> None:
    """Validate() of its config.go, so that it says something that it takes ours."""
    with pytest.raises(AssertionError):
        Monitor(config)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    """And it can be executed."""
    ran = subprocess.run(["shellcheck", str(PLUGIN)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert os.access(PLUGIN, os.X_OK)
