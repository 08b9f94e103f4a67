"""accelnet-check --summarize as a process: what it reads, what it writes, its exit status."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accelnet_agent import render_json
from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from building import a_machine, a_netdev, a_nic, a_vf

HERE = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-c", "from accelnet_agent.cli import main; main()"]
Result = subprocess.CompletedProcess[bytes]


def _run(*arguments: str | bytes | Path, cwd: Path, stdin: bytes = b"") -> Result:
    return subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        capture_output=True,
        cwd=cwd,
        input=stdin,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{HERE}/agent:{HERE}/probes"},
        timeout=60,
    )


def a_report(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The report of a healthy VM that runs, as its reader has it."""
    mac = f"00:0d:3a:00:{number >> 8:02x}:{number & 255:02x}"
    nic = a_nic(netdev=a_netdev(mac=mac), vf=a_vf(mac=mac))
    document = json.loads(render_json.render(judge(a_machine(nics=(nic,)), CHECKS)))
    return {**document, "source": "live", **changes}


def write(path: Path, document: object) -> Path:
    """A report as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def _summary(*arguments: str | Path, cwd: Path, stdin: bytes = b"") -> Any:
    return json.loads(
        _run("--summarize", "--format", "json", *arguments, cwd=cwd, stdin=stdin).stdout
    )


def _names(summary: Any) -> list[str]:
    return [vm["name"] for vm in summary["vms"]]


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        pytest.param(["pass", "pass"], 0, id="pass"),
        pytest.param(["pass", "warn"], 1, id="warn"),
        pytest.param(["unknown", "fail", "warn"], 2, id="fail"),
        pytest.param(["warn", "unknown"], 3, id="unknown"),
    ],
)
def test_the_exit_status_is_the_worst_verdict(
    tmp_path: Path, verdicts: list[str], status: int
) -> None:
    """Of all VMs, in the order of a VM's own checks: fail, unknown, warn, pass."""
    for number, verdict in enumerate(verdicts):
        write(tmp_path / f"web{number}.json", a_report(number, verdict=verdict))
    for fmt in ("text", "json"):
        result = _run("--summarize", "--format", fmt, ".", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (status, b"")


def test_a_report_that_can_not_be_read_is_unknown(tmp_path: Path) -> None:
    """It may say anything; the others are summarized, and it is named."""
    write(tmp_path / "web1.json", a_report())
    (tmp_path / "web2.json").write_text("{")
    result = _run("--summarize", "--format", "json", ".", cwd=tmp_path)
    summary = json.loads(result.stdout)
    assert result.returncode == 3
    assert (_names(summary), summary["verdict"]) == (["web1"], "unknown")
    assert summary["unreadable"] == [{"path": "./web2.json", "why": "not JSON (line 1, column 2)"}]


def test_without_any_report_it_is_unusable(tmp_path: Path) -> None:
    """Status 64 and one line: there is nothing to say of a fleet."""
    (tmp_path / "notes.txt").write_text("no report")
    result = _run("--summarize", ".", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (64, b"")
    assert result.stderr == b"accelnet-check: --summarize: no report was found\n"


def test_reports_come_from_files_folders_archives_and_streams(tmp_path: Path) -> None:
    """Plain or packed, one or many in a file, on standard input, and recordings too."""
    write(tmp_path / "web1.json", a_report(1))
    (tmp_path / "web2.json.gz").write_bytes(gzip.compress(json.dumps(a_report(2)).encode()))
    lines = "".join(
        json.dumps({"name": f"web{n}", "report": a_report(n)}) + "\n" for n in (3, 4)
    ).encode()
    (tmp_path / "more.jsonl").write_bytes(lines)
    shutil.copytree(HERE / "tests/fixtures/mlx5-healthy", tmp_path / "web5", symlinks=True)
    stdin = json.dumps(a_report(6), indent=2).encode() + b"\n"
    summary = _summary(".", "-", cwd=tmp_path, stdin=stdin)
    assert _names(summary) == ["-:1", "web1", "web2", "web3", "web4", "web5"]
    assert (summary["vms"][0]["line"], summary["unreadable"]) == (1, [])


def test_names_come_ended_by_nul(tmp_path: Path) -> None:
    """As find -print0 writes them, however many."""
    paths = [write(tmp_path / f"web {n}\n.json", a_report(n)) for n in (1, 2)]
    listed = b"\0".join(os.fsencode(path) for path in paths) + b"\0"
    summary = _summary("--files0-from", "-", cwd=tmp_path, stdin=listed)
    assert summary["whole"]["vms"] == 2


def test_of_one_vm_the_newest_report_counts(tmp_path: Path) -> None:
    """The other is counted beside, and named."""
    write(tmp_path / "monday/web1.json", a_report(observed_at="2026-11-23T00:00:00Z"))
    write(tmp_path / "today/web1.json", a_report(observed_at="2026-11-26T00:00:00Z"))
    summary = _summary("today", "monday", cwd=tmp_path)
    assert _names(summary) == ["web1"]
    assert summary["superseded"] == [{"path": "monday/web1.json", "by": "today/web1.json"}]
