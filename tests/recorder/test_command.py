"""accelnet_record.py as it is called: one file, one line on trouble, whole or nothing written."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from accelnet_agent.version import VERSION
from metadata_server import metadata_server
from recorders import RECORDER, load, python_of
from trees import judge_bundle

recorder = load()
VERSIONS = ("2.7", "3.4", "3.5", "3.6", "3.13")
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def run(
    version: str, *arguments: str, cwd: Path | None = None, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """The recorder under that Python; IMDS is never asked unless the test says where."""
    options = [] if "--imds-endpoint" in arguments else ["--imds-endpoint", "off"]
    return subprocess.run(
        [python_of(version), str(RECORDER), *options, *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        env=ENVIRONMENT,
        cwd=cwd,
        **more,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_it_records_the_machine_that_it_runs_on(tmp_path: Path, version: str) -> None:
    """Silently, into a folder or an archive that --bundle judges."""
    ran = run(version, "--window", "0", str(tmp_path / "folder"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    ran = run(version, "--window=0", "--redact", "--record", str(tmp_path / "vm.tar.gz"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "vm.tar.gz"]
    plain, masked = judge_bundle(tmp_path / "folder"), judge_bundle(tmp_path / "vm.tar.gz")
    assert plain["verdict"] == masked["verdict"]
    assert plain["host"]["kernel"]["release"] == os.uname().release
    about = json.loads((tmp_path / "folder/bundle.json").read_text())
    assert re.fullmatch(rf"accelnet_record {VERSION} \(Python {version}\.\d+\)", about["tool"])
    assert (about["samples"], about["window_seconds"]) == (1, None)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_window_takes_its_time(tmp_path: Path, version: str) -> None:
    """Two samples, and how long was between them."""
    assert run(version, "--window", "0.3", str(tmp_path / "b")).returncode == 0
    about = json.loads((tmp_path / "b/bundle.json").read_text())
    assert about["samples"] == 2
    assert 0.29 <= about["window_seconds"] < 5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-", "-", "--imds-endpoint", "off"], id="named"),
        pytest.param(["-", "--imds-endpoint", "off", "--redact"], id="not-named"),
    ],
)
def test_it_may_come_on_standard_input(tmp_path: Path, version: str, arguments: list[str]) -> None:
    """As `ssh host python - < accelnet_record.py > vm.tar.gz` has it."""
    with RECORDER.open("rb") as program, (tmp_path / "vm.tar.gz").open("wb") as archive:
        ran = subprocess.run(
            [python_of(version), *arguments, "--window", "0"],
            stdin=program,
            stdout=archive,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
            cwd=tmp_path,
        )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert judge_bundle(tmp_path / "vm.tar.gz")["source"] == "bundle"
    assert [path.name for path in tmp_path.iterdir()] == ["vm.tar.gz"]


@pytest.mark.parametrize("version", VERSIONS)
def test_help_and_version_are_printed(version: str) -> None:
    """Help within 80 columns."""
    ran = run(version, "--version")
    assert (ran.returncode, ran.stdout.decode()) == (0, f"accelnet_record {VERSION}\n")
    for flag in ("-h", "--help"):
        ran = run(version, flag, "ignored")
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert ran.stdout.decode() == recorder.USAGE
        assert max(len(line) for line in ran.stdout.splitlines()) <= 84


# Arguments, and the line that they get.
UNUSABLE: list[tuple[list[str], str | None]] = [
    ([], "expected a PATH to record to (see --help)"),
    (["a", "b"], "b: expected one path, not a as well"),
    (["--record", ""], "--record: expected a path"),
    (["--record"], "--record: expected a value"),
    (["--redact=yes", "a"], "--redact: expected no value"),
    (["--root", "a"], "unrecognized argument: --root (see --help)"),
    (["-x"], "unrecognized argument: -x (see --help)"),
    (["--redac", "a"], "unrecognized argument: --redac (see --help)"),
    *(
        (["--window", text, "a"], f"--window {text}: expected seconds from 0 to 86400")
        for text in ("-1", "nan", "inf", "1e9", "1_0", "soon", "86401")
    ),
    (
        ["--imds-endpoint", "https://x", "a"],
        "--imds-endpoint https://x: expected http://HOST[:PORT] or off",
    ),
    (["missing/vm.tar.gz"], "missing/vm.tar.gz: No such directory: {cwd}/missing"),
    (["there"], "there: it is there already; choose another name"),
    (["there/"], "there/: it is there already; choose another name"),
    (["file/x"], "file/x: No such directory: {cwd}/file"),
    (["a\nb\x1b[1m\xe9/x"], None),
]


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.13"])
def test_what_is_unusable_gets_one_line(tmp_path: Path, version: str) -> None:
    """Status 64, nothing on standard output, nothing written."""
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    for arguments, message in UNUSABLE:
        ran = run(version, *arguments, cwd=tmp_path)
        assert (ran.returncode, ran.stdout) == (64, b""), arguments
        line = ran.stderr.decode("ascii")
        if message is not None:
            assert line == f"accelnet_record: {message.format(cwd=tmp_path)}\n"
        assert line.endswith("\n")
        assert line[:-1].isprintable(), arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


@pytest.mark.parametrize(
    "text",
    [
        *("http://127.0.0.1", "http://127.0.0.1:80/", "http://[::1]:80", "http://a:", "http://:1"),
        *("http://a:65536", "http://a:x", "http://a@b", "http://a?b", "http://a b", "http://\xe9"),
        *("HTTP://a", "", "off ", "http://", "http:///x", "http://a:1/b/c", "http://a\x7f"),
    ],
)
def test_endpoints_are_taken_as_accelnet_check_takes_them(text: str) -> None:
    """The same words for the same mistakes."""
    from accelnet_probes.imds import endpoint_error

    assert recorder.endpoint_error(text) == endpoint_error(text)


def test_a_terminal_gets_no_archive() -> None:
    """It would be garbage, and could be worse."""
    master, slave = pty.openpty()
    try:
        ran = subprocess.run(
            [python_of("3.13"), str(RECORDER), "--imds-endpoint", "off", "-"],
            stdout=slave,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert ran.returncode == 64
    assert ran.stderr == (b"accelnet_record: -: standard output is a terminal; send it to a file\n")


# --- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.7", "3.6"])
@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, version: str, name: str) -> None:
    """As one seems to be with a limit on the size of files."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))

    ran = run(version, "--window", "0", str(tmp_path / name), preexec_fn=limit)
    assert ran.returncode == 64
    assert ran.stderr.decode() == f"accelnet_record: {tmp_path / name}: File too large\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["2.7", "3.6"])
def test_standard_output_that_is_full_is_said(version: str) -> None:
    """/dev/full is."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [python_of(version), str(RECORDER), "--window=0", "--imds-endpoint=off", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert ran.returncode == 64
    assert ran.stderr == b"accelnet_record: standard output: No space left on device\n"


def _child_of(process: subprocess.Popen[bytes]) -> int:
    """The pid of its only child, which has had time to begin its work."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + 30
    while not children.read_text() and time.monotonic() < until:
        time.sleep(0.02)
    [child] = children.read_text().split()
    time.sleep(0.3)
    return int(child)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.13"])
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_end_in_the_midst_leaves_nothing(
    tmp_path: Path, version: str, number: signal.Signals, status: int
) -> None:
    """Neither a file nor a child, and no traceback."""
    # nohup and a shell's & leave some of them ignored, and that is inherited.
    words = ["env", "--default-signal=INT,TERM,HUP", python_of(version), str(RECORDER)]
    words += ["--imds-endpoint=off", "--window=50", "vm.tar.gz"]
    with subprocess.Popen(words, stdout=-1, stderr=-1, cwd=tmp_path, env=ENVIRONMENT) as process:
        child = _child_of(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (status, b"", b"")
    until = time.monotonic() + 30
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["2.7", "3.13"])
def test_under_nohup_a_terminal_that_goes_ends_neither_it_nor_its_child(
    tmp_path: Path, version: str
) -> None:
    """Both are told that it went."""
    words = ["env", "--ignore-signal=HUP", python_of(version), str(RECORDER)]
    words += ["--imds-endpoint=off", "--window=1", "vm.tar.gz"]
    with subprocess.Popen(
        words, stderr=-1, cwd=tmp_path, env=ENVIRONMENT, start_new_session=True
    ) as process:
        _child_of(process)
        os.killpg(process.pid, signal.SIGHUP)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    with tarfile.open(tmp_path / "vm.tar.gz") as archive:
        about = archive.extractfile("bundle.json")
        assert about is not None
        assert "sys" not in json.load(about)["unreadable"]


def test_both_forms_hold_the_same(tmp_path: Path) -> None:
    """And tar(1) reads the archive."""
    kept = recorder.Kept()
    kept.add_file(b"etc/" + b"n" * 150, b"\0\xff\n")
    kept.add_link(b"sys/link\xff", b"../" + b"t" * 150)
    kept.add_directory(b"empty")
    about: dict[str, Any] = dict.fromkeys(
        ("format", "version", "created", "tool", "redacted", "byteorder", "samples")
    )
    about |= dict.fromkeys(("window_seconds", "cpu_count"))
    recording = recorder.Recording(kept, {b"a\xe9": "EACCES"}, {b"kernel.log": b"pci\n"}, about)
    old = os.umask(0o027)
    try:
        recorder.write(recording, str(tmp_path / "folder/"))
        recorder.write(recording, str(tmp_path / "a.tgz"))
    finally:
        os.umask(old)
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xzf", tmp_path / "a.tgz", "-C", tmp_path / "unpacked"], check=True)
    assert contents(tmp_path / "folder") == contents(tmp_path / "unpacked")
    assert contents(tmp_path / "folder")[os.fsdecode(b"root/sys/link\xff")] == "../" + "t" * 150
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "a.tgz").stat().st_mode & 0o777 == 0o640
    with tarfile.open(tmp_path / "a.tgz") as archive:
        assert {member.uid for member in archive} == {0}


def contents(folder: Path) -> Mapping[str, Any]:
    """What lies in a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.readlink().as_posix()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


# --- the instance metadata -----------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param((200, b'{"compute": {}}'), {"instance.json": b'{"compute": {}}'}, id="answer"),
        pytest.param((404, b"?"), {"instance.errno": b"HTTP 404\n"}, id="404"),
        pytest.param((302, b""), {"instance.errno": b"HTTP 302\n"}, id="redirect"),
        pytest.param((200, b"x" * (2 << 20)), {"instance.errno": b"EFBIG\n"}, id="endless"),
    ],
)
def test_imds_is_asked_where_the_operator_says(
    tmp_path: Path, version: str, answer: tuple[int, bytes], kept: dict[str, bytes]
) -> None:
    """Once, with the header, and by no proxy."""
    with metadata_server({"/prefix/metadata/instance": answer}) as service:
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
        ran = subprocess.run(
            [
                *(python_of(version), str(RECORDER), "--window=0", "--imds-endpoint"),
                *(f"{service.endpoint}/prefix/", str(tmp_path / "b")),
            ],
            check=False,
            timeout=60,
            env={**ENVIRONMENT, **proxies},
        )
    assert ran.returncode == 0
    assert service.requests == [("GET", "/prefix/metadata/instance", "true")]
    found = {path.name: path.read_bytes() for path in (tmp_path / "b/imds").iterdir()}
    assert found == kept


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.13"])
def test_imds_that_asks_for_patience_is_asked_again(tmp_path: Path, version: str) -> None:
    """429, three times."""
    with metadata_server({"/metadata/instance": (429, b"")}) as service:
        run(version, "--window=0", "--imds-endpoint", service.endpoint, str(tmp_path / "b"))
    assert service.asked("/metadata/instance") == 3
    assert (tmp_path / "b/imds/instance.errno").read_text() == "HTTP 429\n"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        pytest.param("http://127.0.0.1:1", "ECONNREFUSED", id="refused"),
        pytest.param("http://" + "a" * 70, None, id="no-host-name"),
    ],
)
def test_imds_that_is_not_there_is_said(
    tmp_path: Path, version: str, endpoint: str, name: str | None
) -> None:
    """The errno stands where the answer would."""
    run(version, "--window=0", "--imds-endpoint", endpoint, str(tmp_path / "b"))
    found = (tmp_path / "b/imds/instance.errno").read_text()
    assert found == f"{name}\n" if name else re.fullmatch(r"[A-Z]+\n", found)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.13"])
def test_imds_that_hangs_holds_nothing_up(tmp_path: Path, version: str) -> None:
    """Some seconds in all."""
    with metadata_server({}) as service:
        started = time.monotonic()
        run(version, "--window=0", "--imds-endpoint", service.endpoint, str(tmp_path / "b"))
        assert time.monotonic() - started < 20
    assert (tmp_path / "b/imds/instance.errno").read_text() == "ETIMEDOUT\n"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_nothing_else_is_written_sent_or_run(tmp_path: Path) -> None:
    """As the system calls say; but for the bundle's folder every file is opened to be read."""
    trace = tmp_path / "trace"
    words = ["strace", "-f", "-o", str(trace), "-e", "trace=execve,connect,sendto,openat,open"]
    words += [python_of("3.13"), str(RECORDER), "--window=0", "--imds-endpoint=off", "b"]
    subprocess.run(words, check=True, cwd=tmp_path, env=ENVIRONMENT, timeout=60)
    lines = trace.read_text().splitlines()
    assert sum("execve(" in line for line in lines) == 1
    assert not [line for line in lines if "connect(" in line]
    written = [line for line in lines if "O_WRONLY" in line or "O_RDWR" in line]
    assert [line for line in written if ".b." not in line and '"/dev/null"' not in line] == []
