"""Who reads: a real Prometheus, node_exporter's textfile collector, the journal."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from testbed import guest
from testbed.guest import NIC, Proof

PROGRAMS = Path(os.environ.get("HOST", "/host"), "programs/usr/bin")
TEXTFILES = Path("/var/lib/prometheus/node-exporter")
CHECK = "accelnet-check.service"
CAP_SYSLOG = 34  # include/uapi/linux/capability.h
KERNEL_LOG = """\
AmbientCapabilities=CAP_SYSLOG
CapabilityBoundingSet=CAP_SYSLOG
PrivateUsers=no
PrivateDevices=no
DevicePolicy=closed
DeviceAllow=/dev/kmsg r
ProtectKernelLogs=no
"""
SETTINGS = """\
global: {scrape_interval: 5s, scrape_timeout: 4s}
scrape_configs:
- {job_name: accelnet, static_configs: [{targets: ["127.0.0.1:9975"]}]}
- {job_name: node, static_configs: [{targets: ["127.0.0.1:9100"]}]}
"""


def checked(proof: Proof) -> None:
    """accelnet-check.service: the verdict is its status, the report is in the journal."""
    TEXTFILES.mkdir(parents=True, exist_ok=True)
    guest.ENVIRONMENT.write_text("", encoding="ascii")
    for name, expect, prepare, result, value in (
        ("pass", "auto", "vf up", "success", 0),
        ("warn", "off", "vf up", "success", 1),
        ("fail", "auto", "pair off", "exit-code", 2),
    ):
        guest.ENVIRONMENT.write_text(f"ACCELNET_EXPECT={expect}\n", encoding="ascii")
        _let_no_time_pass()
        guest.fakean(prepare)
        before = guest.journal(CHECK)
        guest.command("systemctl", "start", CHECK, check=False)
        said = guest.journal(CHECK).removeprefix(before)
        found = guest.shown("Result", CHECK)
        proof.ok(f"{name}: the unit's result is {result}", found == result, found)
        proof.ok(f"{name}: the journal has the report", f"{name.upper()}:" in said)
        page = guest.samples((TEXTFILES / "accelnet.prom").read_text(encoding="utf-8"))
        verdict = page.get("accelnet_verdict")
        proof.ok(f"{name}: the metrics file says {value}", verdict == value, verdict)
    state = guest.command("systemctl", "is-system-running", check=False).strip()
    proof.ok("after fail the system is degraded", state == "degraded", state)
    guest.fakean("pair on")
    guest.command("systemctl", "reset-failed", CHECK)
    held = (TEXTFILES / "accelnet.prom").stat()
    proof.ok("whoever collects may read the file", held.st_mode & 0o004, oct(held.st_mode))
    left = sorted(path.name for path in TEXTFILES.iterdir())
    proof.ok("nothing else is left beside it", left == ["accelnet.prom"], left)


def logged(proof: Proof) -> None:
    """With docs/systemd.md's settings for it both may read the kernel log."""
    settings = f"[Service]\n{KERNEL_LOG}"
    guest.restart(drop_in=KERNEL_LOG)
    guest.settled()
    for pid in guest.processes():
        found = guest.status_of(pid)
        held = found["CapEff"] == found["CapBnd"] == f"{1 << CAP_SYSLOG:016x}"
        proof.ok(f"process {pid} has CAP_SYSLOG alone", held, found["CapEff"])
    files = [str(path.readlink()) for path in Path(f"/proc/{guest.main_pid()}/fd").iterdir()]
    proof.ok("the agent has the kernel log open", "/dev/kmsg" in files)
    _let_no_time_pass()
    folder = Path("/run/systemd/system", f"{CHECK}.d")
    (folder / "log.conf").write_text(settings, encoding="ascii")
    guest.command("systemctl", "daemon-reload")
    before = guest.journal(CHECK)
    guest.command("systemctl", "start", CHECK, check=False)
    said = guest.journal(CHECK).removeprefix(before)
    proof.ok("the check has nothing to say against the kernel log", "kernel-log" not in said)
    (folder / "log.conf").unlink()
    guest.command("systemctl", "daemon-reload")


def _let_no_time_pass() -> None:
    """Without the wait for a verdict that does not come."""
    folder = Path("/run/systemd/system", f"{CHECK}.d")
    folder.mkdir(parents=True, exist_ok=True)
    unit = Path("/usr/lib/systemd/system", CHECK).read_text(encoding="utf-8")
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    text = f"[Service]\nExecStart=\n{line.replace('--wait 120', '--wait 0')}\n"
    (folder / "proof.conf").write_text(text, encoding="utf-8")
    guest.command("systemctl", "daemon-reload")


def scraped(proof: Proof) -> None:
    """Prometheus scrapes the agent, and node_exporter with the check's file in it."""
    if not (PROGRAMS / "prometheus").exists():
        proof.skip("scraped by Prometheus", "its package could not be fetched on the host")
        return
    guest.restart()
    guest.settled()
    lint = subprocess.run(
        [str(PROGRAMS / "promtool"), "check", "metrics"],
        check=False,
        input=guest.get("/metrics").body,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    proof.ok("promtool finds nothing wrong", lint.returncode == 0, lint.stdout.strip())
    settings = Path("/tmp/prometheus.yml")  # noqa: S108  in a guest of one run
    settings.write_text(SETTINGS, encoding="ascii")
    with (
        running("prometheus", f"--config.file={settings}", "--storage.tsdb.path=/tmp/tsdb"),
        running("prometheus-node-exporter", f"--collector.textfile.directory={TEXTFILES}"),
    ):
        took = guest.until(lambda: query('up{job="accelnet"}') == ["1"])
        proof.ok("the target is up", took is not None, f"{took} s")
        series = f'accelnet_nic_datapath{{job="accelnet",device="{NIC}",state="no_vf"}}'
        guest.fakean("vf remove")
        took = guest.until(lambda: query(series) == ["1"])
        proof.ok("Prometheus sees the VF go", took is not None, f"{took} s, scraped every 5 s")
        guest.fakean("vf restore")
        took = guest.until(lambda: query(series) == ["0"])
        proof.ok("and return", took is not None, f"{took} s")
        if (TEXTFILES / "accelnet.prom").exists():
            took = guest.until(lambda: query('accelnet_verdict{job="node"}'))
            proof.ok("the check's file comes by node_exporter", took is not None)
        else:
            proof.skip("the check's file by node_exporter", "the part `checked` did not run")


def query(expression: str) -> list[str]:
    """The values that an instant query finds."""
    answer = guest.get(f"/api/v1/query?query={urllib.parse.quote(expression)}", port=9090)
    found = json.loads(answer.body)["data"]["result"]
    return [sample["value"][1] for sample in found]


@contextmanager
def running(program: str, *arguments: str) -> Generator[None, None, None]:
    """A program from the host, which ends afterwards; what it says comes back with the log."""
    with (
        Path(os.environ["OUT"], f"{program}.txt").open("ab") as log,
        subprocess.Popen(
            [str(PROGRAMS / program), *arguments],
            stdout=log,
            stderr=log,
            cwd="/tmp",  # noqa: S108  in a guest of one run
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
