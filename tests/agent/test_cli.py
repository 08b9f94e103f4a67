"""accelnet-check as a process: flags, exit statuses, standard output and standard error."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from accelnet_agent import cli
from accelnet_agent.checks import CHECKS
from accelnet_agent.report import UsageError
from accelnet_agent.version import VERSION
from trees import SECOND, Pair, pack, write_about, write_machine

HERE = Path(__file__).resolve().parent.parent.parent
PROGRAM = [sys.executable, "-c", "from accelnet_agent.cli import main; main()"]
# Not this machine's metadata service, and one sample: nothing is waited for.
LIVE = ["--imds-endpoint", "off", "--window", "0"]
FULL = Path("/dev/full")
FLAGS = ("root", "bundle", "record", "output")
Result = subprocess.CompletedProcess[bytes]


def _environment(**changes: str) -> dict[str, str]:
    found = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{HERE}/agent:{HERE}/probes"}
    return {**found, **changes}


def _run(*arguments: str | bytes | Path, **options: Any) -> Result:
    """Run accelnet-check to its end."""
    values: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stdin": subprocess.DEVNULL,
        "env": _environment(),
        "timeout": 60,
    }
    values.update(options)
    return cast("Result", subprocess.run([*PROGRAM, *arguments], check=False, **values))


def _assert_unusable(result: Result) -> str:
    """Status 64, nothing on standard output, one line on standard error."""
    line = result.stderr.decode()
    assert result.stdout in (b"", None)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line.startswith("accelnet-check: ")
    assert line.strip().isprintable()
    assert result.returncode == 64
    return line


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    """A bundle of a healthy VM."""
    return write_machine(tmp_path / "healthy")


@pytest.fixture
def two_nics(tmp_path: Path) -> Path:
    """A bundle of a VM with two healthy NICs."""
    return write_machine(tmp_path / "two", pairs=(Pair(), SECOND))


def _warns(bundle: Path) -> None:
    (bundle / "root/usr/lib/os-release").write_text("ID=ubuntu\nVERSION_ID=9.04\n")


def _fails(bundle: Path) -> None:
    (bundle / "root/sys/class/net/enP53091s1/mtu").write_text("1400\n")


def _is_unknown(bundle: Path) -> None:
    for sample in (0, 1):
        folder = bundle / f"ethtool/{sample}/eth0"
        (folder / "stats.bin").unlink()
        (folder / "stats.errno").write_text("EPERM\n")


def _is_healthy(bundle: Path) -> None:
    assert bundle.is_dir()


OUTCOMES = [
    pytest.param(_is_healthy, "pass", 0, id="pass"),
    pytest.param(_warns, "warn", 1, id="warn"),
    pytest.param(_fails, "fail", 2, id="fail"),
    pytest.param(_is_unknown, "unknown", 3, id="unknown"),
]


# --- exit statuses ---


@pytest.mark.parametrize("fmt", ["text", "json"])
@pytest.mark.parametrize(("change", "verdict", "status"), OUTCOMES)
def test_the_exit_status_is_the_verdict(
    healthy: Path, change: Callable[[Path], None], verdict: str, status: int, fmt: str
) -> None:
    """In every format."""
    change(healthy)
    result = _run("--bundle", healthy, "--format", fmt)
    assert (result.returncode, result.stderr) == (status, b"")
    if fmt == "json":
        assert json.loads(result.stdout)["verdict"] == verdict
    else:
        assert result.stdout.decode().startswith(verdict.upper())


def test_a_live_machine_without_a_nic_is_unknown() -> None:
    """Wherever the tests run, unless on Azure, there is a verdict and no traceback."""
    result = _run(*LIVE, "--format", "json")
    assert json.loads(result.stdout)["source"] == "live"
    assert result.returncode in (0, 1, 2, 3)
    assert b"Traceback" not in result.stderr


def test_an_archive_is_a_bundle(healthy: Path, tmp_path: Path) -> None:
    """The same report as of the directory."""
    archive = pack(healthy, tmp_path / "vm.tar.gz")
    assert _run("--bundle", archive).stdout == _run("--bundle", healthy).stdout


def test_an_image_is_judged_by_its_files(healthy: Path) -> None:
    """Nothing live is asked; the bundle's root/ is such a tree."""
    shutil.rmtree(healthy / "root/sys")
    result = _run("--root", healthy / "root", "--format", "json")
    report = json.loads(result.stdout)
    assert (report["source"], report["nics"]) == ("root", [])
    assert (report["verdict"], result.returncode) == ("warn", 1)  # it has no kernel


# --- what prints and ends ---


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_flag(flag: str) -> None:
    """Status 0, on standard output."""
    result = _run(flag)
    assert (result.returncode, result.stderr) == (0, b"")
    for name in (
        *("--root", "--bundle", "--record", "--redact", "--format", "--output", "--expect"),
        *("--interface", "--only", "--skip", "--wait", "--window", "--imds-endpoint"),
        *("--list-checks", "--explain", "--version"),
    ):
        assert name.encode() in result.stdout


def test_version_prints_the_version() -> None:
    """Status 0."""
    result = _run("--version")
    assert (result.returncode, result.stdout.decode()) == (0, f"accelnet {VERSION}\n")


def test_list_checks_names_each_check() -> None:
    """A line a check, in report order."""
    result = _run("--list-checks")
    assert result.returncode == 0
    lines = result.stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [[c.id, c.level] for c in CHECKS]


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_explain_prints_the_runbook(check: str) -> None:
    """Of every check, as it is in docs/runbooks."""
    result = _run("--explain", check)
    assert result.returncode == 0
    assert result.stdout == (HERE / "docs/runbooks" / f"{check}.md").read_bytes()


def test_a_runbook_that_is_not_installed_is_unusable(tmp_path: Path) -> None:
    """One line, not a traceback."""
    for package in ("agent/accelnet_agent", "probes/accelnet_probes"):
        shutil.copytree(
            HERE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    environment = _environment(PYTHONPATH=f"{tmp_path}/agent:{tmp_path}/probes")
    _assert_unusable(_run("--explain", "vf-up", env=environment))


# --- unusable arguments ---

SECONDS = ["nan", "inf", "-inf", "-1", "1e400", "86401", "", "soon", "0x10", "1,5"]
UNUSABLE = [
    pytest.param(["--no-such-flag"], id="unknown-flag"),
    pytest.param(["--bund", "x"], id="abbreviation"),
    pytest.param(["stray"], id="positional"),
    pytest.param(["--"], id="dashes"),
    pytest.param(["--bundle"], id="no-value"),
    pytest.param(["--bundle", "--format", "json"], id="flag-for-a-value"),
    pytest.param(["--redact=yes", "--record", "x"], id="switch-with-a-value"),
    pytest.param(["--format", "yaml"], id="format"),
    pytest.param(["--format", ""], id="empty-format"),
    pytest.param(["--expect", "maybe"], id="expect"),
    pytest.param(["--only", "no-such-check"], id="only"),
    pytest.param(["--skip", "no-such-check"], id="skip"),
    pytest.param(["--skip", ""], id="empty-check"),
    pytest.param(["--explain", "no-such-check"], id="explain"),
    pytest.param(["--explain", "../../README"], id="explain-a-path"),
    pytest.param(["--explain", ""], id="explain-nothing"),
    pytest.param(["--redact"], id="redact-without-record"),
    pytest.param(["--redact", "--bundle", "x"], id="redact-a-bundle"),
    pytest.param(["--root", "/", "--bundle", "x"], id="root-and-bundle"),
    pytest.param(["--root", "/", "--record", "x"], id="root-and-record"),
    pytest.param(["--bundle", "x", "--record", "y"], id="bundle-and-record"),
    *(pytest.param([f"--{flag}", ""], id=f"empty-{flag}") for flag in FLAGS),
    *(pytest.param(["--window", text], id=f"window-{text}") for text in SECONDS),
    *(pytest.param(["--wait", text], id=f"wait-{text}") for text in SECONDS),
    pytest.param(["--window", "1_0"], id="window-in-python"),
    pytest.param(["--window", "\u0661"], id="window-in-other-digits"),
    *(
        pytest.param(["--imds-endpoint", text], id=f"endpoint-{text}")
        for text in ("", "on", "ftp://x", "http://", "http://a b", "http://x:99999", "http://u@x")
    ),
    pytest.param(["--root", "/no/such/folder"], id="missing-root"),
    pytest.param(["--root", "/etc/passwd"], id="root-is-a-file"),
    pytest.param(["--bundle", "/no/such/bundle"], id="missing-bundle"),
    pytest.param(["--bundle", "/etc/passwd"], id="bundle-is-text"),
    pytest.param(["--bundle", "/dev/null"], id="bundle-is-a-device"),
    pytest.param(["--bundle", "/etc"], id="bundle-is-another-folder"),
    pytest.param(["--only", "a\nb\x1b[2J"], id="control-characters"),
    pytest.param([b"--bundle", b"\xff\xfe"], id="not-utf-8"),
]


@pytest.mark.parametrize("arguments", UNUSABLE)
def test_unusable_arguments_are_64(arguments: list[Any]) -> None:
    """Nothing on standard output, exactly one line on standard error."""
    source = [] if {"--root", "--bundle", b"--bundle", "--record"} & {*arguments} else LIVE
    _assert_unusable(_run(*source, *arguments))


@pytest.mark.parametrize("name", ["eth7", "enP53091s1", "", "lo", "et"])
def test_an_unknown_interface_is_64(healthy: Path, name: str) -> None:
    """A VF is no NIC, and a name is not abbreviated."""
    assert "--interface" in _assert_unusable(_run("--bundle", healthy, "--interface", name))


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"version": 2}, id="newer"),
        pytest.param({"format": "zip"}, id="another-format"),
        pytest.param({"created": "yesterday"}, id="no-time"),
        pytest.param({"window_seconds": -1}, id="negative-window"),
        pytest.param({"samples": 3}, id="three-samples"),
        pytest.param({"unreadable": []}, id="unreadable-list"),
    ],
)
def test_a_bundle_that_can_not_be_used_is_64(healthy: Path, about: dict[str, Any]) -> None:
    """With the reason."""
    write_about(healthy, **about)
    assert "bundle" in _assert_unusable(_run("--bundle", healthy))


def test_a_truncated_archive_is_64(healthy: Path, tmp_path: Path) -> None:
    """A download that broke off."""
    archive = pack(healthy, tmp_path / "vm.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-200])
    _assert_unusable(_run("--bundle", archive))


def test_a_refusal_quotes_no_control_characters(tmp_path: Path) -> None:
    """A path goes to the terminal as printable text."""
    line = _assert_unusable(_run("--bundle", f"{tmp_path}/\x1b]0;owned\x07"))
    assert "\x1b" not in line


# --- which NICs and checks ---


def test_interface_chooses_nics(two_nics: Path) -> None:
    """Repeatable; the others are not in the report."""
    one = json.loads(_run("--bundle", two_nics, "--interface", "eth1", "--format=json").stdout)
    assert [nic["name"] for nic in one["nics"]] == ["eth1"]
    both = _run(
        *("--bundle", two_nics, "--interface", "eth1", "--interface", "eth0", "--format=json")
    )
    assert [nic["name"] for nic in json.loads(both.stdout)["nics"]] == ["eth0", "eth1"]


@pytest.mark.parametrize("flag", ["--only", "--skip"])
def test_only_and_skip_choose_checks(healthy: Path, flag: str) -> None:
    """What is left out is in the report as skipped by the operator."""
    arguments = ("--bundle", healthy, "--format", "json", flag, "vf-up", flag, "vf-mtu")
    findings = json.loads(_run(*arguments).stdout)["findings"]
    left = {f["check"] for f in findings if f["summary"] == "skipped by the operator"}
    named = {"vf-up", "vf-mtu"}
    assert left == (named if flag == "--skip" else {check.id for check in CHECKS} - named)


def test_a_skipped_failure_does_not_fail(healthy: Path) -> None:
    """The operator knows of it."""
    _fails(healthy)
    assert _run("--bundle", healthy, "--skip", "vf-mtu").returncode == 0


@pytest.mark.parametrize(("expect", "status"), [("on", 0), ("auto", 0), ("off", 1)])
def test_expect_is_what_the_operator_says(healthy: Path, expect: str, status: int) -> None:
    """A VF where none is expected warns."""
    assert _run("--bundle", healthy, "--expect", expect).returncode == status


def test_the_last_of_two_values_counts(healthy: Path) -> None:
    """As everywhere: a wrapper's default can be overridden."""
    result = _run("--bundle", healthy, "--format", "json", "--format", "text")
    assert result.stdout.startswith(b"PASS")


def test_a_bundle_needs_no_endpoint_and_no_wait(healthy: Path) -> None:
    """It touches nothing of this machine, and does not change while it is waited for."""
    started = time.monotonic()
    _fails(healthy)
    arguments = ("--wait", "60", "--imds-endpoint", "http://127.0.0.1:9")
    assert _run("--bundle", healthy, *arguments).returncode == 2
    assert time.monotonic() - started < 30


def test_wait_ends_with_the_last_report() -> None:
    """Observed again until the time is up."""
    started = time.monotonic()
    result = _run(*LIVE, "--wait", "1", "--expect", "on", "--only", "vf-expected")
    assert result.returncode in (0, 1, 2, 3)
    assert result.returncode == 0 or time.monotonic() - started >= 1


# --- output ---


def _locked(path: Path) -> None:
    """What stands there before."""
    path.write_text("old")


def test_output_replaces_a_file(healthy: Path, tmp_path: Path) -> None:
    """Nothing goes to standard output, and nothing else stays behind."""
    target = tmp_path / "out" / "report.json"
    target.parent.mkdir()
    _locked(target)
    result = _run("--bundle", healthy, "--format", "json", "--output", target)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert json.loads(target.read_text())["verdict"] == "pass"
    assert list(target.parent.iterdir()) == [target]


def test_output_is_atomic(healthy: Path, tmp_path: Path) -> None:
    """A reader that has the old file open reads the old file."""
    target = tmp_path / "report"
    _locked(target)
    with target.open() as reader:
        assert _run("--bundle", healthy, "--output", target).returncode == 0
        assert reader.read() == "old"
    assert target.read_text().startswith("PASS")


def test_output_follows_a_link(healthy: Path, tmp_path: Path) -> None:
    """The link stays one."""
    target, link = tmp_path / "report", tmp_path / "link"
    link.symlink_to(target)
    assert _run("--bundle", healthy, "--output", link).returncode == 0
    assert link.is_symlink()
    assert target.read_text().startswith("PASS")


def test_output_that_fails_keeps_the_old_file(healthy: Path, tmp_path: Path) -> None:
    """Here the disk is full after 10 bytes."""
    target = tmp_path / "out" / "report"
    target.parent.mkdir()
    _locked(target)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    _assert_unusable(_run("--bundle", healthy, "--output", target, preexec_fn=limit))
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/no/such/folder/report", id="no-folder"),
        pytest.param("/", id="a-folder"),
        pytest.param("/etc/passwd/report", id="below-a-file"),
        pytest.param("/proc/accelnet-report", id="no-place-for-files"),
        pytest.param("/dev/full", id="a-full-device"),
        pytest.param("x" * 300, id="too-long"),
    ],
)
def test_output_that_can_not_be_written_is_64(healthy: Path, path: str) -> None:
    """Whatever the verdict."""
    assert "--output" in _assert_unusable(_run("--bundle", healthy, "--output", path))


def test_output_into_a_pipe(healthy: Path, tmp_path: Path) -> None:
    """A pipe is written into, not replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert _run("--bundle", healthy, "--output", pipe).returncode == 0
        content, _ = reader.communicate(timeout=30)
    assert content.startswith(b"PASS")
    assert pipe.is_fifo()


ENDINGS = [
    pytest.param(["--bundle"], id="report"),
    pytest.param(["--version"], id="version"),
    pytest.param(["--help"], id="help"),
    pytest.param(["--list-checks"], id="list-checks"),
    pytest.param(["--explain", "vf-up"], id="explain"),
]


def _with(arguments: list[str], bundle: Path) -> list[str | Path]:
    return [*arguments, bundle] if arguments == ["--bundle"] else [*arguments]


@pytest.mark.parametrize("arguments", ENDINGS)
def test_a_full_standard_output_is_64(healthy: Path, arguments: list[str]) -> None:
    """0 would say that it was written."""
    with FULL.open("wb") as full:
        result = _run(*_with(arguments, healthy), stdout=full)
    assert "standard output" in _assert_unusable(result)


@pytest.mark.parametrize("arguments", ENDINGS)
def test_a_closed_standard_output_is_64(healthy: Path, arguments: list[str]) -> None:
    """No file of the bundle takes its place either."""
    words = _with(arguments, healthy)
    result = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, *words],
        capture_output=True,
        env=_environment(),
        timeout=60,
        check=False,
    )
    assert "standard output" in _assert_unusable(result)


def test_a_reader_that_has_gone_is_64(healthy: Path) -> None:
    """EPIPE, without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        _assert_unusable(_run("--bundle", healthy, stdout=writing))
    finally:
        os.close(writing)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_standard_error_that_can_not_be_written_is_64_as_well(redirection: str) -> None:
    """Status 1 would read as "warn"."""
    result = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM, "--no-such-flag"],
        stdout=subprocess.PIPE,
        env=_environment(),
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (64, b"")


# --- recording ---


@pytest.mark.parametrize("name", ["vm", "vm.tar.gz", "vm.tgz"])
def test_record_writes_a_bundle_that_gives_the_same_report(tmp_path: Path, name: str) -> None:
    """But for where it comes from."""
    path = tmp_path / name
    live = _run(*LIVE, "--record", path, "--format", "json")
    replayed = _run("--bundle", path, "--format", "json")
    assert live.returncode == replayed.returncode
    first, second = json.loads(live.stdout), json.loads(replayed.stdout)
    assert (first.pop("source"), second.pop("source")) == ("live", "bundle")
    assert first == second


def test_record_with_redact_says_so_and_gives_the_same_verdict(tmp_path: Path) -> None:
    """The bundle may leave the house."""
    path = tmp_path / "vm.tar.gz"
    live = _run(*LIVE, "--record", path, "--redact", "--format", "json")
    with tarfile.open(path) as archive:
        about = archive.extractfile("bundle.json")
        assert about is not None
        assert json.load(about)["redacted"] is True
    assert _run("--bundle", path).returncode == live.returncode


def test_record_never_overwrites(tmp_path: Path) -> None:
    """A recording is evidence."""
    path = tmp_path / "vm.tar.gz"
    _locked(path)
    assert "--record" in _assert_unusable(_run(*LIVE, "--record", path))
    assert path.read_text() == "old"


@pytest.mark.parametrize("path", ["/no/such/folder/vm", "/proc/vm.tar.gz", "/etc/passwd/vm"])
def test_record_that_can_not_be_written_is_64(path: str) -> None:
    """And there is no report."""
    _assert_unusable(_run(*LIVE, "--record", path))


def test_record_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whole or not at all."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    for name in ("vm", "vm.tar.gz"):
        _assert_unusable(_run(*LIVE, "--record", tmp_path / name, preexec_fn=limit))
    assert list(tmp_path.iterdir()) == []


# --- colour ---


def _on_a_terminal(*arguments: str | Path, **variables: str) -> bytes:
    """What it writes to a terminal."""
    ours, theirs = os.openpty()
    try:
        environment = _environment(**{"TERM": "xterm-256color", **variables})
        with subprocess.Popen([*PROGRAM, *arguments], stdout=theirs, env=environment) as process:
            os.close(theirs)
            written = b""
            while select.select([ours], [], [], 30)[0]:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # EIO: the other side was closed
                    break
                if not part:
                    break
                written += part
            process.wait(30)
        return written
    finally:
        os.close(ours)


def test_a_terminal_gets_colour(healthy: Path) -> None:
    """By the verdict."""
    assert b"\x1b[1;32mPASS" in _on_a_terminal("--bundle", healthy)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"NO_COLOR": "1"}, id="no-color"),
        pytest.param({"TERM": "dumb"}, id="dumb"),
        pytest.param({"TERM": ""}, id="no-term"),
    ],
)
def test_a_terminal_that_wants_none_gets_none(healthy: Path, variables: dict[str, str]) -> None:
    """no-color.org, and terminals that can not."""
    assert b"\x1b" not in _on_a_terminal("--bundle", healthy, **variables)


def test_an_empty_no_color_does_not_count(healthy: Path) -> None:
    """So no-color.org says."""
    assert b"\x1b" in _on_a_terminal("--bundle", healthy, NO_COLOR="")


def test_a_pipe_and_a_file_get_no_colour(healthy: Path, tmp_path: Path) -> None:
    """Whatever TERM says."""
    environment = _environment(TERM="xterm-256color")
    assert b"\x1b" not in _run("--bundle", healthy, env=environment).stdout
    target = tmp_path / "report"
    written = _on_a_terminal("--bundle", healthy, "--output", target)
    assert written == b""
    assert "\x1b" not in target.read_text()


def test_json_has_no_colour(healthy: Path) -> None:
    """On a terminal neither."""
    assert b"\x1b" not in _on_a_terminal("--bundle", healthy, "--format", "json")


# --- interruption ---


def test_an_interrupt_is_130() -> None:
    """Without a traceback, and without half a report."""
    command = [*PROGRAM, "--imds-endpoint", "off", "--window", "30"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


# --- run() ---


def test_run_returns_the_status(healthy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Only main ends the process."""
    assert cli.run(["--bundle", str(healthy)]) == 0
    assert capfd.readouterr().out.startswith("PASS")


def test_run_raises_what_is_unusable() -> None:
    """With a message for people."""
    with pytest.raises(UsageError, match="no such check"):
        cli.run(["--only", "vf-fast"])


def test_a_path_with_a_nul_is_unusable() -> None:
    """No command line can hold one; a caller can."""
    with pytest.raises(UsageError, match="expected a path"):
        cli.run(["--bundle", "x\0y"])


def test_hostile_text_becomes_ascii_in_the_report(healthy: Path) -> None:
    """Bytes that are no UTF-8 in a file of the machine."""
    (healthy / "root/proc/sys/kernel/osrelease").write_bytes(b"6.8.0-\xff\x1b[31m-azure\n")
    for fmt in ("text", "json"):
        result = _run("--bundle", healthy, "--format", fmt)
        assert result.returncode in (0, 1, 3)
        assert result.stdout.isascii()
        assert b"\x1b" not in result.stdout


def test_the_operators_known_issues_are_judged(healthy: Path, tmp_path: Path) -> None:
    """A file with an entry warns; a mistake in it is one line, before anything is observed."""
    path = tmp_path / "issues.json"
    entry = {
        "id": "ours",
        "families": ["ubuntu"],
        "fixed": "6.9.0-1-azure",
        "symptom": "it is slow",
        "source": "https://example.com/1",
    }
    document = {"format": "accelnet-known-issues", "version": 1, "issues": [entry]}
    path.write_text(json.dumps(document))
    result = _run("--bundle", healthy, "--known-issues", path)
    assert result.returncode == 1
    assert b"it is slow" in result.stdout
    del entry["source"]
    path.write_text(json.dumps(document))
    line = _assert_unusable(_run("--bundle", healthy, "--known-issues", path))
    assert f"--known-issues {path}: issues[0].source: expected a text" in line
