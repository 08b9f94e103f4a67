"""monitoring/alertmanager/alertmanager.yml in a real Alertmanager: who is told of what."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import yaml

from prometheus_server import free_port

ROOT: Final = Path(__file__).parents[2]
CONFIGURATION: Final = ROOT / "monitoring/alertmanager/alertmanager.yml"
ALERTS: Final = {
    rule["alert"]: rule["labels"]["severity"]
    for group in yaml.safe_load(
        (ROOT / "monitoring/accelnet-alerts.rules.yml").read_text(encoding="utf-8")
    )["groups"]
    for rule in group["rules"]
}
SECONDS: Final = 30.0

pytestmark = [
    pytest.mark.skipif(
        shutil.which(program) is None,
        reason=f"wants {program} (Debian's package prometheus-alertmanager)",
    )
    for program in ("amtool", "prometheus-alertmanager")
]


def _amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)


def test_amtool_accepts_it() -> None:
    """As it is."""
    done = _amtool("check-config", str(CONFIGURATION))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_goes_to_those_whom_its_severity_concerns(alert: str) -> None:
    """By amtool, which walks the routes."""
    severity = ALERTS[alert]
    done = _amtool(
        "config", "routes", "test", f"--config.file={CONFIGURATION}",
        f"alertname={alert}", f"severity={severity}",
    )  # fmt: skip
    receivers = {"critical": "pager", "warning": "office", "info": "nobody"}
    assert done.stdout.split() == [receivers[severity]]


def test_its_rules_name_alerts_that_exist() -> None:
    """One that is called otherwise would be inhibited by nothing."""
    rules = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["inhibit_rules"]
    named = {
        name
        for rule in rules
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]
        if ".*" not in matcher and matcher.startswith("alertname")
        for name in matcher.partition('"')[2].rstrip('"').split("|")
    }
    assert named
    assert named - ALERTS.keys() == set()


class Alertmanager:
    """A running one, and the messages that it sent."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.messages: list[Mapping[str, Any]] = []

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)) as client:
            said = {"Content-Type": "application/json"}
            client.request(method, f"/api/v2/{path}", json.dumps(body), said)
            answer = client.getresponse()
            told = answer.read()
            assert answer.status == 200, told.decode()
            return told

    def fire(self, *alerts: Mapping[str, str]) -> None:
        """As Prometheus sends them."""
        labels = [{**alert, "severity": ALERTS[alert["alertname"]]} for alert in alerts]
        self._ask("POST", "alerts", [{"labels": one} for one in labels])

    def held_back(self) -> set[str]:
        """Names of the alerts that are inhibited."""
        return {
            one["labels"]["alertname"]
            for one in json.loads(self._ask("GET", "alerts?active=false&inhibited=true"))
        }


def _until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def _receiver(messages: list[Mapping[str, Any]]) -> Generator[str]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name)
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="manager")
def fixture_manager(tmp_path: Path) -> Generator[Alertmanager]:
    """With the project's configuration, which tells us, and at once."""
    port = free_port()
    manager = Alertmanager(port)
    with _receiver(manager.messages) as address:
        configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
        for receiver in configuration["receivers"]:
            receiver["webhook_configs"] = [{"url": address + receiver["name"]}]
        configuration["route"]["group_wait"] = "1s"
        path = tmp_path / "alertmanager.yml"
        path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        arguments: Sequence[str] = (
            "prometheus-alertmanager",
            f"--config.file={path}",
            f"--storage.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(arguments, stdout=log, stderr=log)
            try:
                _until(lambda: b"Listening on" in (tmp_path / "log").read_bytes())
                yield manager
            finally:
                process.terminate()
                process.wait(SECONDS)


def _vm(number: int, alert: str, **more: str) -> dict[str, str]:
    about = {"job": "accelnet-agent", "region": "westeurope", "instance": f"web{number}:9975"}
    return {"alertname": alert, **about, **more}


def test_a_thousand_vms_are_one_message(manager: Alertmanager) -> None:
    """By the thing that is wrong and the region, whoever has it."""
    manager.fire(*(_vm(number, "AccelnetVfMissing", device="eth0") for number in range(1000)))
    _until(lambda: manager.messages)
    (message,) = manager.messages
    assert message["receiver"] == "pager"
    assert message["groupLabels"]["alertname"] == "AccelnetVfMissing"
    assert len(message["alerts"]) == 1000


def test_a_fleet_s_alert_holds_back_those_of_its_vms(manager: Alertmanager) -> None:
    """Of its region, and of what it says; another region's VM is told of."""
    about = {"job": "accelnet-agent", "region": "westeurope"}
    manager.fire({"alertname": "AccelnetFleetOffVf", **about})
    manager.fire(
        _vm(1, "AccelnetVfMissing"),
        _vm(2, "AccelnetVfMtu"),
        {**_vm(3, "AccelnetOrphanVf"), "region": "eastus"},
    )
    _until(lambda: len(manager.messages) == 3)
    assert manager.held_back() == {"AccelnetVfMissing"}
    told = {one["labels"]["alertname"] for sent in manager.messages for one in sent["alerts"]}
    assert told == {"AccelnetFleetOffVf", "AccelnetVfMtu", "AccelnetOrphanVf"}


def test_an_agent_that_is_down_holds_back_what_it_said_before(manager: Alertmanager) -> None:
    """Of that VM, whatever it was; and not itself."""
    manager.fire(_vm(1, "AccelnetAgentDown"))
    manager.fire(_vm(1, "AccelnetVfMissing"), _vm(2, "AccelnetVfFlapping"))
    _until(lambda: len(manager.messages) == 2)
    assert manager.held_back() == {"AccelnetVfMissing"}


def test_a_kernel_that_hangs_is_one_alert(manager: Alertmanager) -> None:
    """What follows from that is held back."""
    manager.fire(_vm(1, "AccelnetProbesNotAnswered"))
    manager.fire(
        _vm(1, "AccelnetVerdictUnknown"), _vm(1, "AccelnetCheckFails"), _vm(1, "AccelnetVfMissing")
    )
    _until(lambda: manager.messages)
    assert manager.held_back() == {
        "AccelnetVerdictUnknown", "AccelnetCheckFails", "AccelnetVfMissing"
    }  # fmt: skip
