"""accelnet-check --summarize: what it reads, what it writes, its exit status."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.arguments import OPTIONS, parse
from accelnet_agent.fleet_names import SUFFIXES
from accelnet_agent.report import UsageError
from accelnet_agent.summarize import run
from fleets import a_report, failing, write

HERE = Path(__file__).resolve().parents[2]
HEALTHY = HERE / "tests/fixtures/mlx5-healthy"
PROGRAM = [sys.executable, "-c", "from accelnet_agent.cli import main; main()"]
Result = subprocess.CompletedProcess[bytes]


def _run(*arguments: str | bytes | Path, cwd: Path, stdin: bytes = b"", **options: Any) -> Result:
    """The command as a process."""
    return subprocess.run(
        [*PROGRAM, "--summarize", *arguments],
        check=False,
        capture_output=True,
        cwd=cwd,
        input=stdin,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{HERE}/agent:{HERE}/probes"},
        timeout=60,
        **options,
    )


def _summary(*arguments: str | Path) -> Any:
    """The JSON of a summary made in this process."""
    words = ["--summarize", "--format", "json", *map(str, arguments)]
    return json.loads(run(parse(words), colour=False)[0])


def _names(summary: Any) -> list[str]:
    return [vm["name"] for vm in summary["vms"]]


def _stream(path: Path, *documents: Any) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A folder with the reports of two VMs, one of which fails."""
    write(tmp_path / "web1.json", a_report(1, findings=[]))
    write(tmp_path / "web2.json", failing(2))
    return tmp_path


# --- exit status and output ---


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        pytest.param("pass", 0, id="pass"),
        pytest.param("warn", 1, id="warn"),
        pytest.param("fail", 2, id="fail"),
        pytest.param("unknown", 3, id="unknown"),
    ],
)
def test_the_exit_status_is_the_worst_verdict(tmp_path: Path, verdict: str, status: int) -> None:
    """In both formats; standard error is silent where it is no terminal."""
    write(tmp_path / "web1.json", a_report(1))
    write(tmp_path / "web2.json", a_report(2, verdict=verdict))
    for fmt in ("text", "json"):
        result = _run("--format", fmt, ".", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (status, b"")


def test_what_can_not_be_read_makes_it_unknown(tmp_path: Path) -> None:
    """Status 3, however well the others are."""
    write(tmp_path / "web1.json", a_report(1))
    (tmp_path / "web2.json").touch()
    result = _run("--format", "json", ".", cwd=tmp_path)
    summary = json.loads(result.stdout)
    assert (result.returncode, summary["verdict"], _names(summary)) == (3, "unknown", ["web1"])
    assert summary["unreadable"] == [{"path": "./web2.json", "why": "it is empty"}]


def test_the_output_file_is_written_whole(fleet: Path) -> None:
    """And nothing on standard output; the status stays the verdict's."""
    result = _run("--format", "json", "--output", "fleet.json", ".", cwd=fleet)
    assert (result.returncode, result.stdout, result.stderr) == (2, b"", b"")
    assert json.loads((fleet / "fleet.json").read_text())["fleet"]["vms"] == 2
    assert sorted(path.name for path in fleet.iterdir()) == ["fleet.json", "web1.json", "web2.json"]


def test_a_summary_among_the_reports_is_passed_over(fleet: Path) -> None:
    """It may be written there each day."""
    (fleet / "fleet.json").write_text(json.dumps(_summary(fleet)))
    summary = _summary(fleet)
    assert (_names(summary), summary["unreadable"]) == (["web1", "web2"], [])
    assert summary["passed_over"] == [
        {"path": f"{fleet}/fleet.json", "why": "a summary of a fleet"}
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["empty"], "--summarize: no report was found", id="empty-folder"),
        pytest.param(
            ["gone.json"],
            "--summarize: no report: gone.json: No such file or directory",
            id="nothing-there",
        ),
        pytest.param(
            ["gone", "broken.json"],
            "--summarize: no report: broken.json: not JSON (line 1, column 2) (and 1 more)",
            id="none-can-be-read",
        ),
        pytest.param(
            ["--files0-from", "gone", "empty"],
            "--files0-from gone: No such file or directory",
            id="no-list",
        ),
        pytest.param(["--output", "no/where", "web1.json"], "--output no/where: ", id="output"),
        pytest.param(["\x1b[2J\n.json"], "--summarize: no report: \\x1b[2J .json: ", id="hostile"),
    ],
)
def test_where_there_is_nothing_to_say_it_is_unusable(
    fleet: Path, arguments: list[str], message: str
) -> None:
    """Status 64, one line, nothing on standard output."""
    (fleet / "empty").mkdir()
    (fleet / "broken.json").write_text("{")
    result = _run(*arguments, cwd=fleet)
    assert (result.returncode, result.stdout) == (64, b"")
    assert result.stderr.decode().startswith(f"accelnet-check: {message}")
    assert result.stderr.count(b"\n") == 1


# --- where reports come from ---


def test_reports_come_from_files_folders_streams_and_recordings(tmp_path: Path) -> None:
    """Plain or packed, one or many in a file."""
    write(tmp_path / "web1.json", a_report(1))
    (tmp_path / "web2.json.gz").write_bytes(gzip.compress(json.dumps(a_report(2)).encode()))
    _stream(tmp_path / "more.jsonl", {"name": "web3", "report": a_report(3)}, a_report(4))
    shutil.copytree(HEALTHY, tmp_path / "deep/web5", symlinks=True)
    with tarfile.open(tmp_path / "web6.tar.gz", "w:gz") as archive:
        archive.add(HEALTHY, arcname=".")
    summary = _summary(tmp_path)
    assert _names(summary) == ["more:2", "web1", "web2", "web3", "web5", "web6"]
    assert (summary["unreadable"], summary["passed_over"]) == ([], [])
    assert summary["vms"][3]["path"] == f"{tmp_path}/more.jsonl"
    assert summary["vms"][3]["line"] == 1


def test_a_stream_without_a_report_is_told_of(fleet: Path) -> None:
    """Where it should come from may have failed."""
    (fleet / "more.jsonl").write_text("\n")
    assert _summary(fleet)["unreadable"] == [{"path": f"{fleet}/more.jsonl", "why": "it is empty"}]


def test_standard_input_is_a_stream(fleet: Path) -> None:
    """Reports as they are printed, one after the other, beside files."""
    data = b"".join((fleet / f"web{n}.json").read_bytes() + b"\n" for n in (1, 2))
    result = _run("--by", "vm", "-", "web1.json", cwd=fleet, stdin=data)
    assert b"\nfail    -:2 (" in result.stdout
    assert b"1 report left out for a newer one of the same VM:\n" in result.stdout


def test_reports_that_begin_on_one_line_are_of_vms_of_their_own(fleet: Path) -> None:
    """Also where no MAC tells them apart, as in recordings' reports."""
    reports = [a_report(source="bundle"), failing(1, source="bundle"), a_report(source="bundle")]
    data = "".join(map(json.dumps, reports)).encode()
    result = _run("--format", "json", "-", cwd=fleet, stdin=data)
    assert _names(json.loads(result.stdout)) == ["-:1", "-:1.2", "-:1.3"]


def test_names_come_ended_by_nul(fleet: Path) -> None:
    """As find -print0 writes them, whatever they hold, with those of the command line."""
    hostile = fleet / "web \n\x1b3.json"
    write(hostile, a_report(3))
    listed = b"\0".join(map(os.fsencode, (hostile, fleet / "web1.json"))) + b"\0"
    result = _run(
        "--format", "json", "--files0-from", "-", "web1.json", "web2.json", cwd=fleet, stdin=listed
    )
    summary = json.loads(result.stdout)
    assert _names(summary) == ["web \n\x1b3", "web1", "web2"]
    assert [one["why"] for one in summary["passed_over"]] == ["it was read by another name"]


def test_a_list_of_names_may_be_a_file(fleet: Path) -> None:
    """And then standard input may be reports."""
    (fleet / "list").write_bytes(b"web1.json\0web2.json")
    data = json.dumps(a_report(3)).encode()
    result = _run("--files0-from", "list", "-", cwd=fleet, stdin=data)
    assert b"\n  3 reports, " in result.stdout


def test_a_name_that_is_no_unicode_is_told_with_escapes(tmp_path: Path) -> None:
    """A strict reader of JSON refuses half a character."""
    (tmp_path / os.fsdecode(b"web\xff.json")).write_text(json.dumps(a_report(1)))
    result = _run("--format", "json", ".", cwd=tmp_path)
    assert json.loads(result.stdout)["vms"][0]["name"] == "web\\udcff"


def test_a_recording_is_judged_as_bundle_does(tmp_path: Path) -> None:
    """The same verdict and checks; one that can not be used is told of."""
    shutil.copytree(HERE / "tests/fixtures/vf-down", tmp_path / "web1", symlinks=True)
    (tmp_path / "web2.tar.gz").write_bytes(b"no archive")
    summary = _summary(tmp_path)
    assert (summary["verdict"], summary["vms"][0]["fail"]) == ("fail", ["vf-up"])
    assert summary["unreadable"] == [
        {
            "path": f"{tmp_path}/web2.tar.gz",
            "why": "no bundle: not a .tar.gz, or a damaged one",
        }
    ]


def test_a_pipe_among_the_reports_is_not_waited_for(fleet: Path) -> None:
    """It is told of."""
    os.mkfifo(fleet / "web3.json")
    assert [one["path"] for one in _summary(fleet)["unreadable"]] == [f"{fleet}/web3.json"]


def test_the_same_file_counts_once(fleet: Path) -> None:
    """By whatever names and folders it is met."""
    (fleet / "web3.json").symlink_to("web1.json")
    os.link(fleet / "web2.json", fleet / "web4.json")
    summary = _summary(fleet, fleet / "web1.json", f"{fleet}/")
    assert (summary["reports"]["read"], _names(summary)) == (2, ["web1", "web2"])


def test_the_order_of_the_arguments_changes_nothing(fleet: Path) -> None:
    """Not a byte."""
    for number in range(3, 9):
        write(fleet / f"{'ab'[number % 2]}/web{number}.json", failing(number // 2))
    names = ["a", "b", "web1.json", "web2.json", "gone.json"]
    one = _run("--format", "json", *names, cwd=fleet)
    other = _run("--format", "json", *names[::-1], cwd=fleet)
    assert one.stdout == other.stdout != b""


def test_a_line_of_a_stream_needs_a_name_that_is_one(tmp_path: Path) -> None:
    """Beside a report; the others are read."""
    path = _stream(
        tmp_path / "fleet.jsonl",
        {"name": 1, "report": a_report(1)},
        {"report": a_report(2)},
        {"name": "web3", "report": "pass"},
        a_report(4),
    )
    summary = _summary(path)
    assert _names(summary) == ["fleet:4"]
    assert [one["why"] for one in summary["unreadable"]] == [
        "name: expected text beside a report",
        "name: expected text beside a report",
        "not a report of accelnet-check --format json",
    ]


def test_interrupted_it_ends_without_output(tmp_path: Path) -> None:
    """Status 130."""
    process = subprocess.Popen(
        [*PROGRAM, "--summarize", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{HERE}/agent:{HERE}/probes"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(b"\n" * (1 << 20))  # more than a pipe holds: it reads
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


_SUFFIXES = st.sampled_from(SUFFIXES)
_CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(gzip.compress),
    st.text('{}[]":,0 1ensu\n', max_size=60).map(str.encode),
    st.integers(0, 4000).map(lambda end: json.dumps(failing(2)).encode()[:end]),
)


@given(st.lists(st.tuples(_SUFFIXES, _CONTENTS), max_size=6))
def test_whatever_lies_among_the_reports_one_that_is_good_is_read(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]
) -> None:
    """And all else is read too, or listed: nothing is lost, and nothing raises."""
    folder = tmp_path_factory.mktemp("hostile")
    write(folder / "web1.json", a_report(1))
    for number, (suffix, content) in enumerate(files):
        (folder / f"x{number}{suffix}").write_bytes(content)
    summary = _summary(folder)
    assert "web1" in _names(summary)
    told = {vm["path"] for vm in summary["vms"]}
    told |= {one["path"].split(":")[0] for one in summary["unreadable"] + summary["superseded"]}
    assert {f"{folder}/x{number}{suffix}" for number, (suffix, _) in enumerate(files)} <= told


# --- arguments ---

_TOGETHER = {"--format", "--output", "--files0-from", "--by", "--stale-after", "--help"}
_ENDING = {"--summarize", "--help", "--version", "--list-checks", "--explain"}
_VALUES = {
    "--expect": "on",
    "--only": "vf-up",
    "--skip": "vf-up",
    "--wait": "1",
    "--window": "1",
    "--imds-endpoint": "off",
}


@pytest.mark.parametrize("flag", [o.flag for o in OPTIONS if o.flag not in _TOGETHER | _ENDING])
def test_what_is_about_one_machine_does_not_go_with_it(flag: str) -> None:
    """One line, whether it is said before or after; even with the default as its value."""
    option = next(option for option in OPTIONS if option.flag == flag)
    words = [flag] if option.metavar is None else [flag, _VALUES.get(flag, "x")]
    for arguments in (["--summarize", *words, "r"], [*words, "--summarize", "r"]):
        with pytest.raises(UsageError) as caught:
            parse(arguments)
        assert str(caught.value) == f"{flag}: not allowed with --summarize"


@pytest.mark.parametrize("fmt", ["junit", "tap", "nagios", "prometheus"])
def test_it_has_two_formats(fmt: str) -> None:
    """The others are of one machine."""
    with pytest.raises(UsageError) as caught:
        parse(["--summarize", "--format", fmt, "r"])
    assert str(caught.value) == f"--format {fmt}: expected text or json with --summarize"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ["--summarize"], "--summarize: expected REPORT (a file, a folder, or -)", id="none"
        ),
        pytest.param(["--summarize", ""], "--summarize: expected a path", id="empty"),
        pytest.param(["--by", "size"], "--by: expected together with --summarize", id="by-alone"),
        pytest.param(
            ["--stale-after", "7"],
            "--stale-after: expected together with --summarize",
            id="stale-after-alone",
        ),
        pytest.param(
            ["--files0-from", "x"],
            "--files0-from: expected together with --summarize",
            id="files0-from-alone",
        ),
        pytest.param(
            ["--summarize", "--files0-from", "-", "-"],
            "--files0-from -: standard input can not be the reports too",
            id="standard-input-twice",
        ),
        pytest.param(
            ["--summarize", "--files0-from", ""], "--files0-from: expected a path", id="empty-list"
        ),
        pytest.param(
            ["--summarize", "--by", "colour", "r"],
            "--by colour: expected check, size, kernel, driver, family, distro, image, datapath, "
            "version, vm",
            id="by-what",
        ),
        pytest.param(
            ["--summarize", "--stale-after", "-1", "r"],
            "--stale-after -1: expected a count from 0 to 36500",
            id="negative",
        ),
        pytest.param(["r"], "unrecognized argument: r (see --help)", id="report-alone"),
        pytest.param(
            ["--", "--summarize"],
            "unrecognized argument: --summarize (see --help)",
            id="dashes-before",
        ),
        pytest.param(
            ["--summarize", "--bogus", "r"],
            "unrecognized argument: --bogus (see --help)",
            id="flag",
        ),
    ],
)
def test_what_can_not_be_used_is_named(words: list[str], message: str) -> None:
    """One line that says what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert str(caught.value) == message


def test_reports_stand_anywhere() -> None:
    """Before options and after; behind -- whatever they are called."""
    options = parse(["a", "--summarize", "b", "--by", "size", "-", "--", "--by", "-x", "--"])
    assert options.reports == ("a", "b", "-", "--by", "-x", "--")
    assert options.by == ("size",)


def test_a_name_that_a_stream_gives_is_one_vm(fleet: Path) -> None:
    """Also of recordings, whose MACs may be masked: the newest counts."""
    old = {"name": "vm1", "report": a_report(source="bundle", observed_at="2020-01-01T00:00:00Z")}
    new = {"name": "vm1", "report": failing(1, source="bundle")}
    result = _run(
        "--format",
        "json",
        "-",
        cwd=fleet,
        stdin=json.dumps(new).encode() + b"\n" + json.dumps(old).encode(),
    )
    summary = json.loads(result.stdout)
    assert (_names(summary), summary["verdict"]) == (["vm1"], "fail")


def test_a_report_with_more_in_it_is_no_summary(tmp_path: Path) -> None:
    """Keys that a later version adds, whatever they are called, hide no failure."""
    write(tmp_path / "web1.json", {**failing(1), "fleet": {}, "vms": []})
    assert _run(".", cwd=tmp_path).returncode == 2
