"""Every format of one report: the same verdict and exit status, and a real consumer of each."""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from prometheus_client.parser import text_string_to_metric_families

from accelnet_agent.arguments import OPTIONS
from accelnet_agent.cli import run
from accelnet_agent.render_nagios import MOST, WORDS
from accelnet_agent.report import EXIT_STATUS
from trees import write_about, write_machine

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
RECORDED = sorted(path.parent.name for path in FIXTURES.glob("*/bundle.json"))
MADE = ("statistics-refused", "nothing-to-judge")  # unknown, which no fixture is
EACH = pytest.mark.parametrize("name", [*RECORDED, *MADE])
[FORMATS] = [option.choices for option in OPTIONS if option.flag == "--format"]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip aloud where the consumer is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the machines that no recording shows."""
    folder = tmp_path_factory.mktemp("made")
    refused = write_machine(folder / "statistics-refused")
    for sample in (0, 1):
        (refused / f"ethtool/{sample}/eth0/stats.bin").unlink()
        (refused / f"ethtool/{sample}/eth0/stats.errno").write_text("EPERM\n")
    (folder / "nothing-to-judge/root").mkdir(parents=True)
    write_about(folder / "nothing-to-judge")
    return folder


class Rendered:
    """One machine's report, in any format, with the exit status of accelnet-check."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self._bundle, self._folder = bundle, folder

    def text(self, fmt: str, *arguments: str) -> str:
        """Read what it wrote."""
        return self.to(fmt, *arguments).read_text(encoding="utf-8")

    def to(self, fmt: str, *arguments: str, name: str = "report") -> Path:
        """Write it as the command does, to a file of that name."""
        output = self._folder / name
        self.status = run(
            ["--bundle", str(self._bundle), "--format", fmt, "--output", str(output), *arguments]
        )
        return output

    @property
    def document(self) -> Any:
        """The JSON report."""
        return json.loads(self.text("json"))


@pytest.fixture
def rendered(name: str, made: Path, tmp_path: Path) -> Rendered:
    """The reports of the machine of that name."""
    return Rendered((made if name in MADE else FIXTURES) / name, tmp_path)


# --- one verdict, one exit status ---


def _said_by_text(text: str) -> str:
    return text.partition(":")[0].lower()


def _said_by_json(text: str) -> str:
    return str(json.loads(text)["verdict"])


def _said_by_junit(text: str) -> str:
    suite: Any = _suite(text)
    return str({entry.name: entry.value for entry in suite.properties()}["verdict"])


def _said_by_tap(text: str) -> str:
    found = re.search(r"\n# verdict: ([a-z]+): [^\n]+\n\Z", text)
    assert found is not None
    return found[1]


def _said_by_nagios(text: str) -> str:
    [verdict] = [verdict for verdict, word in WORDS.items() if text.startswith(f"ACCELNET {word} ")]
    return verdict


def _said_by_prometheus(text: str) -> str:
    value = _samples(text)[("accelnet_verdict", ())]
    [verdict] = [verdict for verdict, status in EXIT_STATUS.items() if status == value]
    return verdict


SAID_BY = {
    "text": _said_by_text,
    "json": _said_by_json,
    "junit": _said_by_junit,
    "tap": _said_by_tap,
    "nagios": _said_by_nagios,
    "prometheus": _said_by_prometheus,
}


def test_each_format_has_its_reader_here() -> None:
    """No format without a place in the tests below."""
    assert set(FORMATS) == set(SAID_BY)


@EACH
def test_all_formats_say_the_same_verdict(rendered: Rendered) -> None:
    """And end with the same status."""
    verdict = rendered.document["verdict"]
    for fmt in FORMATS:
        assert (fmt, SAID_BY[fmt](rendered.text(fmt))) == (fmt, verdict)
        assert rendered.status == EXIT_STATUS[verdict]


# --- junit: a schema, and a reader ---


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    """The stricter of the two schemas that are about."""
    return xmlschema.XMLSchema(HERE / "junit.xsd")


def _suite(text: str) -> TestSuite:
    [suite] = JUnitXml.fromstring(text.encode())
    assert isinstance(suite, TestSuite)
    return suite


def _results(case: TestCase) -> list[type]:
    return [type(result) for result in case.result]


@EACH
def test_junit_follows_the_schema(rendered: Rendered, schema: xmlschema.XMLSchema) -> None:
    """What Ant's schema and that of Jenkins' xUnit plugin allow, both."""
    schema.validate(rendered.text("junit"))


@EACH
def test_a_reader_of_junit_sees_a_case_for_each_finding(rendered: Rendered) -> None:
    """Check, subject, and what the status means to a pipeline."""
    kinds = {
        ("fail", "required"): [Failure],
        ("unknown", "required"): [Error],
        ("unknown", "recommended"): [Skipped],
        ("skip", "required"): [Skipped],
        ("skip", "recommended"): [Skipped],
    }
    cases = [(case.classname, case.name, _results(case)) for case in _suite(rendered.text("junit"))]
    assert cases == [
        (f["check"], f["subject"], kinds.get((f["status"], f["level"]), []))
        for f in rendered.document["findings"]
    ]


@EACH
@pytest.mark.parametrize("left_out", [(), ("vf-expected", "vf-datapath")], ids=["all", "some"])
def test_a_reader_of_junit_sees_the_verdict(rendered: Rendered, left_out: tuple[str, ...]) -> None:
    """Failures: fail.  Errors alone: unknown.  Neither: pass or warn; skipped checks or not."""
    suite = _suite(rendered.text("junit", *(f"--skip={check}" for check in left_out)))
    found = [kind for case in suite for kind in _results(case)]
    assert (suite.failures, suite.errors) == (found.count(Failure), found.count(Error))
    assert suite.tests == len(list(suite))
    assert suite.skipped == found.count(Skipped)
    verdict = "fail" if suite.failures else "unknown" if suite.errors else "pass or warn"
    assert (
        verdict == {0: "pass or warn", 1: "pass or warn", 2: "fail", 3: "unknown"}[rendered.status]
    )


# --- tap: TAP::Parser, and prove ---

TAP_PARSER = r"""
use strict; use warnings; use TAP::Parser; use JSON::PP;
my $parser = TAP::Parser->new({ source => $ARGV[0] });
my (@points, @unknown);
while (my $result = $parser->next) {
    push @points, { map { $_ => $result->$_ } qw(description directive) } if $result->is_test;
    $points[-1]{ok} = $result->is_ok ? JSON::PP::true : JSON::PP::false if $result->is_test;
    $points[-1]{yaml} = $result->data if $result->is_yaml;
    push @unknown, $result->raw if $result->is_unknown;
}
print encode_json({
    points => \@points, unknown => \@unknown, errors => [$parser->parse_errors],
    planned => $parser->tests_planned, version => $parser->version,
});
"""


@EACH
@needs("perl")
def test_a_consumer_of_tap_sees_a_point_for_each_finding(rendered: Rendered) -> None:
    """Nothing but what TAP knows; a diagnostic where it is not well, with the evidence in it."""
    stream = rendered.to("tap", name="report.tap")
    out = subprocess.run(
        ["perl", "-e", TAP_PARSER, str(stream)], check=True, capture_output=True, timeout=60
    )
    found = json.loads(out.stdout)
    findings = rendered.document["findings"]
    assert (found["version"], found["planned"]) == (13, len(findings))
    assert (found["unknown"], found["errors"]) == ([], [])
    for point, finding in zip(found["points"], findings, strict=True):
        assert point["description"].startswith(f"- {finding['check']} {finding['subject']}")
        required = finding["level"] == "required"
        assert point["ok"] is not (required and finding["status"] in ("fail", "unknown"))
        unseen = not required and finding["status"] == "unknown"
        assert (point["directive"] == "SKIP") is (finding["status"] == "skip" or unseen)
        assert ("yaml" in point) is (finding["status"] not in ("pass", "skip"))
        if "yaml" in point:
            assert point["yaml"]["severity"] == finding["status"]
            assert set(point["yaml"]["data"]) == set(finding["evidence"])


@EACH
@needs("prove")
@pytest.mark.parametrize("left_out", [(), ("vf-expected", "vf-datapath")], ids=["all", "some"])
def test_prove_succeeds_for_pass_and_warn(rendered: Rendered, left_out: tuple[str, ...]) -> None:
    """And for nothing else, skipped checks or not."""
    stream = rendered.to("tap", *(f"--skip={check}" for check in left_out), name="report.tap")
    proved = subprocess.run(["prove", str(stream)], check=False, capture_output=True, timeout=60)
    assert (proved.returncode == 0) is (rendered.status in (0, 1)), proved.stdout


# --- nagios: the guidelines, and the parser of Monitoring::Plugin ---

DATUM = re.compile(r"'([^'=|]+)'=(\d+(?:\.\d+)?)(s|%)?;(?:;(?:;(\d+)(?:;(\d+))?)?)?")
PERFORMANCE = (
    "use Monitoring::Plugin::Performance;"
    "print map { $_->label . ' ' . $_->value . qq{\\n} }"
    " Monitoring::Plugin::Performance->parse_perfstring($ARGV[0]);"
)


@EACH
def test_nagios_is_one_line_by_the_guidelines(rendered: Rendered) -> None:
    """Text, one bar, performance data, all of it within what NRPE hands on."""
    text = rendered.text("nagios")
    assert text.isascii()
    assert len(text) <= MOST + 1
    line, end, rest = text.partition("\n")
    assert (end, rest) == ("\n", "")
    said, bar, performance = line.partition(" | ")
    assert re.fullmatch(r"ACCELNET (OK|WARNING|CRITICAL|UNKNOWN) - [^|]+", said)
    assert bar
    data = [DATUM.fullmatch(datum) for datum in performance.split(" ")]
    assert None not in data
    labels = [datum[1] for datum in data if datum is not None]
    assert labels[:5] == ["pass", "warn", "fail", "unknown", "skip"]
    assert len(set(labels)) == len(labels)


@EACH
@needs("perl")
def test_a_reader_of_performance_data_reads_all_of_it(rendered: Rendered) -> None:
    """Each label with its number, as Perl's Monitoring::Plugin reads them."""
    performance = rendered.text("nagios").strip().partition(" | ")[2]
    read = subprocess.run(
        ["perl", "-e", PERFORMANCE, performance], check=False, capture_output=True, timeout=60
    )
    if b"Can't locate Monitoring/Plugin" in read.stderr:
        pytest.skip("Monitoring::Plugin is not installed")
    found = [line.rpartition(" ") for line in read.stdout.decode().splitlines()]
    data = [DATUM.fullmatch(datum) for datum in performance.split(" ")]
    assert [(label, float(value)) for label, _, value in found] == [
        (datum[1], float(datum[2])) for datum in data if datum is not None
    ]


# --- prometheus: its parser, promtool, and node_exporter ---


def _samples(text: str) -> Samples:
    """By name and labels; an empty label is none."""
    return {
        (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if v))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@EACH
@needs("promtool")
def test_promtool_has_nothing_to_say(rendered: Rendered) -> None:
    """Syntax, HELP and TYPE, names and units."""
    text = rendered.text("prometheus")
    found = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text.encode(),
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A running node_exporter: the folder that its textfile collector reads, and its address."""
    folder = tmp_path_factory.mktemp("textfile")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    exporter = subprocess.Popen(
        [
            "prometheus-node-exporter",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={folder}",
            f"--web.listen-address={address}",
            "--web.disable-exporter-metrics",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(address)
        yield folder, address
    finally:
        exporter.terminate()
        exporter.wait(timeout=30)


def _wait_for(address: str) -> None:
    for _ in range(300):
        try:
            _scrape(address)
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"node_exporter does not answer at {address}")


def _scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


@EACH
@needs("prometheus-node-exporter")
def test_node_exporter_serves_it(
    rendered: Rendered, collector: tuple[Path, str], name: str
) -> None:
    """Each sample of the file, and no error."""
    folder, address = collector
    rendered._folder = folder
    written = _samples(rendered.to("prometheus", name="accelnet.prom").read_text("utf-8"))
    assert written, name
    served = _samples(_scrape(address))
    assert served[("node_textfile_scrape_error", ())] == 0
    ours = {key: value for key, value in served.items() if key[0].startswith("accelnet_")}
    assert ours.keys() == written.keys()
    assert all(math.isclose(ours[key], value) for key, value in written.items())
