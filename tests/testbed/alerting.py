"""Prometheus with the project's rules, Alertmanager with its routes: a revoked VF is told of."""

from __future__ import annotations

import http.server
import json
import os
import re
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from testbed import guest
from testbed.guest import NIC, Proof
from testbed.readers import PROGRAMS, query, running

TEMPLATES = Path("/usr/share/prometheus")  # where Debian's Alertmanager looks for them
MONITORING = Path(os.environ.get("HOST", "/host"), "monitoring")
FOLDER = Path("/tmp/alerting")  # noqa: S108  in a guest of one run
FASTER = 20  # what the rules call ten minutes is half a minute here, and all else likewise
SERVICING = 180 / FASTER
UNITS = {"s": 1, "m": 60, "h": 3600}
SETTINGS = """\
global: {scrape_interval: 2s, scrape_timeout: 1900ms, evaluation_interval: 2s}
rule_files: [/tmp/alerting/*.rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
scrape_configs:
- job_name: accelnet-agent
  static_configs: [{targets: ["127.0.0.1:9975"], labels: {region: westeurope}}]
"""


# Joined again, fakean's NIC sends past a VF that is up already, where hv_netvsc would switch.
SWITCHED = ("vf down", "vf up")


class Messages(list[dict[str, Any]]):
    """What Alertmanager has sent, to which receiver."""

    def told(self, receiver: str, alert: str, status: str) -> bool:
        """Whether somebody was told that this alert fires, or is over."""
        return any(
            (message["receiver"], one["labels"]["alertname"], one["status"])
            == (receiver, alert, status)
            for message in list(self)
            for one in message["alerts"]
        )


def prove(proof: Proof) -> None:
    """Each alert about the VF, by the fault that it is for, and none by servicing."""
    needed = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
    missing = [name for name in needed if not (PROGRAMS / name).exists()]
    if missing:
        proof.skip("alerts", f"not fetched on the host: {', '.join(missing)}")
        return
    messages = Messages()
    _configure(proof)
    guest.restart("ACCELNET_EXPECT=on", f"ACCELNET_VF_GRACE={300 // FASTER}")
    guest.settled()
    with ExitStack() as stack:
        stack.enter_context(_receiver(messages))
        stack.enter_context(
            running(
                "prometheus-alertmanager",
                f"--config.file={FOLDER}/alertmanager.yml",
                f"--storage.path={FOLDER}/alerts",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            running(
                "prometheus",
                f"--config.file={FOLDER}/prometheus.yml",
                f"--storage.tsdb.path={FOLDER}/tsdb",
            )
        )
        took = guest.until(lambda: guest.get("/-/ready", port=9093).status == 200)
        proof.ok("Alertmanager is ready", took is not None, took)
        took = guest.until(lambda: query(f'nic:accelnet_off_vf:bool{{device="{NIC}"}}') == ["0"])
        proof.ok("the agent is scraped, and goes by its VF", took is not None, took)
        _serviced(proof, messages)
        _one(proof, messages, "AccelnetVfMissing", "vf remove", "vf restore")
        _one(proof, messages, "AccelnetOrphanVf", "pair off", "pair on", *SWITCHED)
        _one(proof, messages, "AccelnetTransmitOnSyntheticPath", "vf down", "vf up")
        _down(proof, messages)
    guest.restart()


def _configure(proof: Proof) -> None:
    """The rules and routes as they are committed, but for the time that they take."""
    FOLDER.mkdir()
    if not TEMPLATES.exists():
        TEMPLATES.symlink_to(PROGRAMS.parent / "share/prometheus")
    for path in MONITORING.glob("*.rules.yml"):
        (FOLDER / path.name).write_text(_faster(path.read_text(encoding="utf-8")))
    routes = (MONITORING / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    routes = re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", routes)
    routes = re.sub(
        r"- name: (\w+)",
        r"- name: \1\n    webhook_configs: [{url: 'http://127.0.0.1:5001/'}]",
        routes,
    )
    (FOLDER / "alertmanager.yml").write_text(routes)
    (FOLDER / "prometheus.yml").write_text(SETTINGS)
    for words in (
        ("promtool", "check", "config", f"{FOLDER}/prometheus.yml"),
        ("amtool", "check-config", f"{FOLDER}/alertmanager.yml"),
    ):
        said = guest.command(str(PROGRAMS / words[0]), *words[1:], check=False)
        proof.ok(f"{words[0]} accepts what is loaded", "SUCCESS" in said, " ".join(said.split()))


def _faster(rules: str) -> str:
    """`[5m]`, `for: 10m` and `interval: 1m`, divided; the names of records stay."""

    def divided(found: re.Match[str]) -> str:
        seconds = int(found[2]) * UNITS[found[3]] / FASTER
        return f"{found[1]}{seconds:.0f}s{found[4]}"

    rules = re.sub(r"(\[)(\d+)([smh])(\])", divided, rules)
    return re.sub(r"((?:for|interval): )(\d+)([smh])($)", divided, rules, flags=re.MULTILINE)


def _firing() -> set[str]:
    """What Alertmanager has, inhibited or not."""
    alerts = json.loads(guest.get("/api/v2/alerts", port=9093).body)
    return {alert["labels"]["alertname"] for alert in alerts}


def _serviced(proof: Proof, messages: Messages) -> None:
    guest.fakean("vf remove")
    time.sleep(SERVICING)
    seen = query(f'nic:accelnet_off_vf:bool{{device="{NIC}"}}')
    proof.ok("while a host is serviced the NIC counts as off its VF", seen == ["1"], seen)
    guest.fakean("vf restore")
    guest.restored()
    time.sleep(2 * 900 / FASTER)
    ever = query(f'max_over_time(ALERTS{{alertstate="firing",device="{NIC}"}}[10m])')
    held = not ever and not messages
    proof.ok(f"{SERVICING:.0f} s of servicing fire nothing, for {1800 // FASTER} s", held, ever)


def _one(proof: Proof, messages: Messages, alert: str, fault: str, cure: str, *then: str) -> None:
    """The fault fires this critical alert and no other, after its time; the cure ends it."""
    messages.clear()
    # What is left of the fault before this one: its rates.
    guest.until(lambda: not query(f'ALERTS{{alertname="{alert}"}}'))
    begun = time.monotonic()
    guest.fakean(fault)
    guest.until(lambda: alert in _firing(), 3 * 900 / FASTER)
    after = time.monotonic() - begun
    firing = _firing()
    least = 600 / FASTER
    proof.ok(f"{fault}: {alert} fires", alert in firing and after >= least, f"{after:.0f} s")
    (labels,) = [
        one["labels"]
        for one in json.loads(guest.get("/api/v2/alerts", port=9093).body)
        if one["labels"]["alertname"] == alert
    ] or [{}]
    held = (labels.get("device"), labels.get("instance")) == (NIC, "127.0.0.1:9975")
    proof.ok(f"{fault}: of the NIC, at the VM", held, labels)
    others = firing - {alert, "AccelnetVfFlapping"}
    proof.ok(f"{fault}: no other alert fires", not others, others)
    took = guest.until(lambda: messages.told("pager", alert, "firing"))
    proof.ok(f"{fault}: who is on call is told", took is not None, took)
    begun = time.monotonic()
    for command in (cure, *then):
        guest.fakean(command)
    guest.until(lambda: alert not in _firing())
    after = time.monotonic() - begun
    proof.ok(f"{cure}: it clears", alert not in _firing(), f"{after:.0f} s")
    took = guest.until(lambda: messages.told("pager", alert, "resolved"))
    proof.ok(f"{cure}: who is on call is told that it is over", took is not None, took)


def _down(proof: Proof, messages: Messages) -> None:
    alert = "AccelnetAgentDown"
    messages.clear()
    guest.command("systemctl", "stop", guest.AGENT)
    took = guest.until(lambda: messages.told("office", alert, "firing"))
    proof.ok(f"without the agent {alert} is told in the office", took is not None, took)
    guest.command("systemctl", "start", guest.AGENT)
    took = guest.until(lambda: messages.told("office", alert, "resolved"))
    proof.ok("with it that is over", took is not None, took)


@contextmanager
def _receiver(messages: Messages) -> Generator[None]:
    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Keep it."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            messages.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 5001), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
