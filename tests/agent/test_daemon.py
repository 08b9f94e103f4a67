"""accelnet-agent from outside: a process, signals, sockets, files."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from accelnet_agent.clock import boot_id, moment
from accelnet_agent.history import decode, encode
from accelnet_agent.state_file import ASIDE, NAME
from accelnet_agent.tracker import Tracker
from accelnet_agent.tracks import Totals, Track
from accelnet_agent.version import VERSION
from daemon import HEALTHY, Daemon, activate, daemon, refused
from metadata_server import metadata_server
from serving import ask

INSTANCE, EVENTS = "/metadata/instance", "/metadata/scheduledevents"


# --- serving -------------------------------------------------------------------------------------


def test_every_path_answers(tmp_path: Path) -> None:
    """With its media type; what is not there is not found."""
    with daemon(tmp_path) as agent:
        for path, kind in (
            ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
            ("/healthz", "application/json; charset=utf-8"),
            ("/application-health", "application/json; charset=utf-8"),
            ("/livez", "application/json; charset=utf-8"),
            ("/report", "application/json; charset=utf-8"),
            ("/", "text/html; charset=utf-8"),
        ):
            answer = agent.get(path)
            assert answer.status in ((200, 503) if "health" in path else (200,)), path
            assert answer.headers["Content-Type"] == kind
        assert agent.get("/metrics/").status == 404
        assert agent.samples()[f'build_info{{version="{VERSION}"}}'] == 1
        status, report = agent.json("/report")
        assert (status, [nic["name"] for nic in report["nics"]]) == (200, ["eth1"])


def test_the_settings_come_from_the_environment_too(tmp_path: Path) -> None:
    """As systemd's EnvironmentFile gives them."""
    variables = {
        "ACCELNET_WEB_TELEMETRY_PATH": "/numbers",
        "ACCELNET_LOG_FORMAT": "json",
        "ACCELNET_EXPECT": "on",
    }
    with daemon(tmp_path, variables=variables) as agent:
        assert agent.get("/numbers").status == 200
        assert agent.get("/metrics").status == 404
        started = json.loads(agent.until_told("agent.started"))
        assert (started["level"], started["version"]) == ("info", VERSION)


def test_many_scrape_at_once(tmp_path: Path) -> None:
    """64 clients, each several times: no error, and not 64 times the work."""
    with daemon(tmp_path) as agent, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: agent.get("/metrics").status, range(256)))
        assert set(answers) == {200}
        assert len(psutil.Process(agent.process.pid).children()) == 1


def test_the_log_has_no_line_for_a_scrape(tmp_path: Path) -> None:
    """One a change of state."""
    with daemon(tmp_path) as agent:
        agent.until_told("agent.started")
        time.sleep(1.1)  # then there is a window, and what counters say is new
        agent.get("/metrics")
        time.sleep(0.3)
        before = len(agent.lines())
        for _ in range(10):
            agent.get("/metrics")
            agent.get("/healthz")
        time.sleep(0.3)
        assert len(agent.lines()) == before


# --- what can not be used ------------------------------------------------------------------------


def _one_line(arguments: list[str], words: str, **variables: str) -> None:
    found = refused(arguments, **variables)
    assert (found.returncode, found.stdout) == (64, "")
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("accelnet-agent: ")
    assert words in found.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frob"], "unrecognized argument: --frob"),
        (["--expect=maybe"], "--expect maybe: expected on, off, auto"),
        (["--path.rootfs=/nowhere"], "/nowhere: no such folder"),
        (["--path.rootfs=/etc/passwd"], "/etc/passwd: no such folder"),
        (["--web.config.file=/nowhere"], "/nowhere"),
        (["--web.listen-address=here"], "listen address 'here': expected HOST:PORT"),
        (["--web.listen-address=203.0.113.1:1"], "Cannot assign requested address"),
        (["--web.listen-address=\x1b[2J:1"], "\\x1b"),
    ],
)
def test_unusable_arguments_are_one_line(arguments: list[str], words: str) -> None:
    """Status 64, nothing on standard output, no traceback."""
    _one_line(arguments, words)


def test_an_address_that_is_taken_is_one_line(tmp_path: Path) -> None:
    """And the state is as it was."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = [f"--web.listen-address={address}", f"--state-directory={tmp_path}"]
        _one_line(arguments, f"listen address '{address}': Address already in use")
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_web_configuration_is_one_line(tmp_path: Path) -> None:
    """With the file's name."""
    path = tmp_path / "web.yml"
    path.write_text("basic_auth_users: 7\n")
    _one_line([f"--web.config.file={path}"], str(path))


def test_a_descriptor_that_is_no_socket_is_one_line(tmp_path: Path) -> None:
    """What was passed is not what was promised."""
    with (tmp_path / "file").open("wb") as file:
        output, errors = activate(file.fileno()).communicate(timeout=30)
    expected = "accelnet-agent: descriptor 3: Socket operation on non-socket, expected a socket\n"
    assert (output, errors) == ("", expected)


@pytest.mark.parametrize(
    ("argument", "words"),
    [("--help", "--web.listen-address"), ("--version", f"accelnet {VERSION}")],
)
def test_who_asks_is_told(argument: str, words: str) -> None:
    """On standard output, and nothing is started."""
    found = refused([argument])
    assert (found.returncode, found.stderr) == (0, "")
    assert words in found.stdout


# --- signals -------------------------------------------------------------------------------------


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(tmp_path: Path, number: int) -> None:
    """With status 0, its state written and its child gone."""
    with daemon(tmp_path, f"--state-directory={tmp_path}") as agent:
        assert len(agent.children) == 1
        assert agent.end(number) == 0
        assert (tmp_path / NAME).exists()
        assert agent.lines()[-1].endswith("event=agent.stopping")
        end = time.monotonic() + 10
        while not all(map(_is_gone, agent.children)):
            assert time.monotonic() < end
            time.sleep(0.01)


def test_sighup_reads_the_web_configuration_anew(tmp_path: Path) -> None:
    """Nobody who is connected notices."""
    path = tmp_path / "web.yml"
    path.write_text("http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
    with daemon(tmp_path, f"--web.config.file={path}") as agent:
        assert agent.get("/livez").status == 200
        agent.send(signal.SIGHUP)
        agent.until_told("agent.reloading")
        assert agent.get("/livez").status == 200
        for _ in range(3):
            agent.send(signal.SIGHUP)
        assert agent.get("/metrics").status == 200


def test_its_child_alone_can_be_killed(tmp_path: Path) -> None:
    """It is replaced; no scrape fails."""
    with daemon(tmp_path) as agent:
        agent.children[0].kill()
        for _ in range(3):
            samples = agent.samples()
            assert samples['probe_success{probe="ethtool"}'] == 1
        children = psutil.Process(agent.process.pid).children()
        assert [child for child in children if not _is_gone(child)] != agent.children


# --- history -------------------------------------------------------------------------------------

REMOVED = 'vf_events_total{device="eth1",event="removed"}'
SECONDS = 'synthetic_seconds_total{device="eth1"}'


def _write_state(folder: Path) -> None:
    """What an agent that ran before in this boot has left."""
    tracker = Tracker(moment().boot - 100)
    track = tracker.tracks["eth1"] = Track("eth1")
    track.totals = Totals(added=7, removed=7, synthetic_seconds=1234.5)
    (folder / NAME).write_text(encode(tracker, boot_id()))


def test_killed_at_any_moment_it_goes_on_with_its_history(tmp_path: Path) -> None:
    """Totals stay; no time is counted while it was not there."""
    _write_state(tmp_path)
    for _ in range(2):
        with daemon(tmp_path, f"--state-directory={tmp_path}") as agent:
            samples = agent.samples()
            assert samples[REMOVED] == 7
            assert samples[SECONDS] >= 1234.5
            agent.end(signal.SIGKILL)
    assert decode((tmp_path / NAME).read_text(), boot_id(), moment()).tracks["eth1"].restored


def test_a_state_that_can_not_be_used_is_put_aside(tmp_path: Path) -> None:
    """One line says so, and it begins anew."""
    (tmp_path / NAME).write_text("{")
    with daemon(tmp_path, f"--state-directory={tmp_path}") as agent:
        line = agent.until_told("state.unusable")
        assert "put aside as state.json.unusable" in line
        assert agent.samples()[REMOVED] == 0
    assert (tmp_path / ASIDE).read_text() == "{"
    assert (tmp_path / NAME).exists()


def test_a_state_directory_that_is_none_ends_nothing(tmp_path: Path) -> None:
    """It is told."""
    with daemon(tmp_path, f"--state-directory={tmp_path}/none") as agent:
        agent.until_told("state.unwritable")
        assert agent.get("/metrics").status == 200
        assert agent.end() == 0


# --- the metadata service ------------------------------------------------------------------------


def test_a_metadata_service_that_hangs_delays_no_scrape(tmp_path: Path) -> None:
    """It is asked once, and nobody waits for it."""
    with (
        metadata_server({}) as service,
        daemon(tmp_path, f"--imds-endpoint={service.endpoint}") as agent,
    ):
        for _ in range(5):
            started = time.monotonic()
            agent.get("/metrics", {"X-Prometheus-Scrape-Timeout-Seconds": "1"})
            assert time.monotonic() - started < 2
        assert service.asked(INSTANCE) == 1
        assert agent.end() == 0


@pytest.mark.parametrize("wanted", [False, True])
def test_scheduled_events_are_asked_for_where_somebody_wants_it(
    tmp_path: Path, *, wanted: bool
) -> None:
    """To ask switches the feature on for the VM: never by default; GET alone."""
    body = b'{"compute": {"name": "vm7", "vmSize": "Standard_D4s_v5"}}'
    answers = {INSTANCE: (200, body), EVENTS: (200, b'{"Events": []}')}
    flags = ["--scheduled-events"] if wanted else []
    with (
        metadata_server(answers) as service,
        daemon(tmp_path, f"--imds-endpoint={service.endpoint}", *flags) as agent,
    ):
        _until_size(agent)
        assert (service.asked(EVENTS) > 0) is wanted
        assert {method for method, _, _ in service.requests} == {"GET"}


def _until_size(agent: Daemon) -> None:
    end = time.monotonic() + 20
    while not any('vm_size="Standard_D4s_v5"' in name for name in agent.samples()):
        assert time.monotonic() < end
        time.sleep(0.05)


# --- socket activation ---------------------------------------------------------------------------


def test_a_socket_that_was_passed_is_served() -> None:
    """And no other: the address of the settings is not listened to."""
    with socket.create_server(("127.0.0.1", 0)) as passed:
        port = passed.getsockname()[1]
        arguments = [f"--path.rootfs={HEALTHY}", "--imds-endpoint=off"]
        process = activate(passed.fileno(), *arguments, "--web.listen-address=203.0.113.1:1")
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            assert ask(client, "/livez").status == 200
            client.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0
