"""The report for CI systems: JUnit XML.

One test suite, a test case a finding (classname: the check, name: the subject).
What fails is a `failure`; what is required and could not be seen an `error`;
what was skipped, or is only recommended and could not be seen, is `skipped`.
JUnit has no warning: such a case passes, and what it says is in `system-out`,
which is the report for people.  The verdict is a property.

The document follows the two schemas that are about, which differ: JUnit.xsd of
Windy Road (Apache Ant's form; Azure Pipelines names it) and junit-10.xsd of
Jenkins' xUnit plugin.  The former takes no system-out in a test case, wants a
timestamp without zone, and a host name, "localhost" if none is known: the
report has none.
"""

from __future__ import annotations

import json

from accelnet_agent import render_text
from accelnet_agent.summary import is_red, is_unsaid, reason
from accelnet_agent.version import VERSION
from accelnet_probes.snapshot import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelnet_agent.findings import Finding
    from accelnet_agent.report import Report


def render(report: Report) -> str:
    """The document with a final newline."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    findings, unsaid = report.findings, is_unsaid(report)
    suite = {
        "name": "accelnet-check",
        "tests": len(findings) + unsaid,
        "failures": sum(_element(finding) == "failure" for finding in findings),
        "errors": sum(_element(finding) == "error" for finding in findings) + unsaid,
        "skipped": sum(_element(finding) == "skipped" for finding in findings),
        "time": "0",
        "timestamp": report.machine.snapshot.observed_at.removesuffix("Z"),
        "hostname": "localhost",
    }
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<testsuite{_attributes(suite)}>"
    yield "  <properties>"
    for name, value in _properties(report):
        yield f"    <property{_attributes({'name': name, 'value': value})}/>"
    yield "  </properties>"
    for finding in findings:
        yield from _case(finding)
    if unsaid:
        yield f"  <testcase{_attributes(_named('verdict', 'host'))}>"
        yield f"    <error{_attributes({'message': reason(report), 'type': 'unknown'})}/>"
        yield "  </testcase>"
    yield f"  <system-out>{_text(render_text.render(report))}</system-out>"
    yield "  <system-err></system-err>"
    yield "</testsuite>"


def _properties(report: Report) -> Iterator[tuple[str, object]]:
    snapshot = report.machine.snapshot
    release, instance = known(snapshot.os_release), known(snapshot.instance)
    facts: dict[str, object] = {
        "verdict": report.verdict,
        "version": VERSION,
        "observed_at": snapshot.observed_at,
        "source": snapshot.source,
        "distro": release and (release.pretty_name or release.id),
        "kernel": known(snapshot.kernel_release),
        "azure": {True: "true", False: "false", None: None}[report.machine.azure],
        "vm_size": instance and instance.vm_size,
    }
    return ((name, value) for name, value in facts.items() if value is not None)


def _element(finding: Finding) -> str | None:
    if is_red(finding):
        return "failure" if finding.status == "fail" else "error"
    return "skipped" if finding.status in ("skip", "unknown") else None


def _case(finding: Finding) -> Iterator[str]:
    names, element = _attributes(_named(finding.check, finding.subject)), _element(finding)
    if element is None:
        yield f"  <testcase{names}/>"
        return
    yield f"  <testcase{names}>"
    if element == "skipped":
        unseen = "could not be seen: " if finding.status == "unknown" else ""
        yield f"    <skipped{_attributes({'message': f'{unseen}{finding.summary}'})}/>"
    else:
        about = _attributes({"message": finding.summary, "type": finding.status})
        yield f"    <{element}{about}>{_text(_detail(finding))}</{element}>"
    yield "  </testcase>"


def _named(check: str, subject: str) -> dict[str, object]:
    return {"classname": check, "name": subject, "time": "0"}


def _detail(finding: Finding) -> str:
    """What a CI system shows of a failed case: the summary, the evidence, the remedy."""
    lines = [finding.summary, ""]
    lines += [f"{name}: {json.dumps(value)}" for name, value in finding.evidence.items()]
    if finding.remedy is not None:
        lines += ["", *finding.remedy.split("\n")]
    return "\n".join([*lines, "", f"more: accelnet-check --explain {finding.check}"])


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f' {name}="{_attribute(str(value))}"' for name, value in values.items())


def _attribute(text: str) -> str:
    """Line ends too are escaped, which a parser would make spaces of."""
    return _text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def _text(text: str) -> str:
    text = "".join(sign if _is_xml(sign) else ascii(sign)[1:-1] for sign in text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _is_xml(sign: str) -> bool:
    """A character of XML 1.0 (production 2) that is no control character but tab and newline."""
    return (
        sign in "\t\n"
        or " " <= sign <= "~"
        or "\xa0" <= sign <= "\ud7ff"
        or "\ue000" <= sign <= "\ufffd"
        or sign >= "\U00010000"
    )
