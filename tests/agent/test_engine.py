"""engine.judge: each check on each of its subjects, then the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accelnet_agent.checks import CHECKS
from accelnet_agent.datapath import DIRECT, DataPath
from accelnet_agent.engine import WORDS, judge, nothing_to_judge
from accelnet_agent.findings import (
    Check,
    Finding,
    Judgement,
    failed,
    passed,
    skipped,
    unknown,
    warned,
)
from accelnet_agent.machine import SETTLING, Machine
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Gap, MissingFactsError
from building import (
    NEVER_ASKED,
    REFUSED,
    a_function,
    a_machine,
    a_netdev,
    a_nic,
    a_vf,
    a_watch,
    an_event,
)

TIMED_OUT = Gap(asked=True, why="ethtool statistics: ETIMEDOUT")
SYNTHETIC = a_nic(datapath=DataPath(state="synthetic", why="it is down"))
WITHOUT = a_nic(vf=None, datapath=DataPath(state="no_vf", why="none"))
UNSEEN = a_nic(vf=REFUSED, datapath=DataPath(state="unknown", why="EACCES"))
UNKNOWN_LINK = a_nic(vf=a_vf(operstate=REFUSED), datapath=DataPath(state="unknown", why="EACCES"))
DIRECT_NIC = a_nic(netdev=a_vf(), vf=None, direct=True, datapath=DIRECT)
NOT_AZURE = {"azure": False, "nics": (), "netdevs": (), "functions": ()}

JUDGEMENTS = {
    "pass": passed("fine"),
    "warn": warned("look", remedy="Look."),
    "fail": failed("wrong", remedy="Mend it."),
    "unknown": unknown("not seen", remedy="Look again."),
    "skip": skipped("no question"),
}


def _check(level: str, status: str, check_id: str = "a-check") -> Check:
    return _host_check(lambda _machine: JUDGEMENTS[status], level=level, id=check_id)


def _host_check(run: Callable[[Machine], Judgement], **changes: Any) -> Check:
    values: dict[str, Any] = {"id": "a-check", "title": "It is so", "level": "required"}
    every: dict[str, Any] = {**values, "judge_host": run, **changes}
    return Check(**every)


def _raising(error: Exception) -> Check:
    def run(_machine: Machine) -> Judgement:
        raise error

    return _host_check(run)


def _only(*checks: Check, machine: Machine | None = None, **options: Any) -> Finding:
    (finding,) = judge(machine or a_machine(), checks, **options).findings
    return finding


# --- the verdict ---


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        pytest.param([("required", "pass"), ("recommended", "pass")], "pass", id="all-pass"),
        pytest.param([], "pass", id="no-checks"),
        pytest.param([("required", "skip"), ("recommended", "skip")], "pass", id="skips"),
        pytest.param([("recommended", "unknown")], "pass", id="recommended-unknown"),
        pytest.param([("recommended", "warn")], "warn", id="recommended-warns"),
        pytest.param([("required", "warn")], "warn", id="required-warns"),
        pytest.param([("required", "unknown")], "unknown", id="required-unknown"),
        pytest.param([("required", "fail")], "fail", id="required-fails"),
        pytest.param([("recommended", "warn"), ("required", "unknown")], "unknown", id="worse"),
        pytest.param([("required", "unknown"), ("required", "fail")], "fail", id="fail>unknown"),
        pytest.param([("required", "fail"), ("recommended", "warn")], "fail", id="fail>warn"),
    ],
)
def test_the_worst_of_the_findings_is_the_verdict(
    found: list[tuple[str, str]], verdict: str
) -> None:
    """Fail, else unknown, of the required checks; else warn of any; else pass."""
    checks = [_check(level, status, f"check-{at}") for at, (level, status) in enumerate(found)]
    assert judge(a_machine(), checks).verdict == verdict


PASSING = (_check("required", "pass"),)


@pytest.mark.parametrize(
    ("nics", "verdict"),
    [
        pytest.param((a_nic(),), "pass", id="vf"),
        pytest.param((DIRECT_NIC,), "pass", id="direct"),
        pytest.param((a_nic(), WITHOUT), "pass", id="one-of-two"),
        pytest.param((WITHOUT,), "warn", id="no-vf"),
        pytest.param((SYNTHETIC,), "warn", id="synthetic"),
        pytest.param((), "warn", id="azure-without-a-nic"),
    ],
)
def test_without_a_vf_in_use_it_is_never_pass(nics: tuple[Any, ...], verdict: str) -> None:
    """At best warn, whatever the checks say."""
    assert judge(a_machine(nics=nics), PASSING).verdict == verdict


@pytest.mark.parametrize("state", ["synthetic", "switching", "no_vf", "orphan_vf", "unknown"])
def test_only_a_vf_in_use_counts(state: Any) -> None:
    """A VF that is there and not used is not used."""
    nic = a_nic(datapath=DataPath(state=state, why="so"))
    assert judge(a_machine(nics=(nic,)), PASSING).verdict == "warn"


@pytest.mark.parametrize("nics", [(WITHOUT,), ()])
def test_where_none_is_expected_its_absence_passes(nics: tuple[Any, ...]) -> None:
    """`--expect off` is the operator's word."""
    assert judge(a_machine(nics=nics, expect="off"), PASSING).verdict == "pass"


def test_where_one_is_expected_its_absence_does_not_pass() -> None:
    """Not even where vf-expected is skipped."""
    assert judge(a_machine(nics=(WITHOUT,), expect="on"), PASSING).verdict == "warn"


@pytest.mark.parametrize(
    "nics",
    [
        pytest.param((UNSEEN,), id="pairing"),
        pytest.param((UNKNOWN_LINK,), id="link-state"),
        pytest.param((UNSEEN, UNKNOWN_LINK), id="each"),
        pytest.param(
            (a_nic(netdev=a_vf(operstate=REFUSED), vf=None, direct=True, datapath=DIRECT),),
            id="direct-nics-link-state",
        ),
    ],
)
def test_no_nic_that_could_be_seen_is_unknown(nics: tuple[Any, ...]) -> None:
    """Even where a check fails: there is nothing to judge."""
    assert judge(a_machine(nics=nics), PASSING).verdict == "unknown"
    assert judge(a_machine(nics=nics), (_check("required", "fail"),)).verdict == "unknown"


def test_one_nic_that_could_be_seen_is_judged() -> None:
    """The other one's own findings say that it could not."""
    assert judge(a_machine(nics=(a_nic(), UNSEEN)), PASSING).verdict == "pass"
    assert judge(a_machine(nics=(WITHOUT, UNSEEN)), (_check("required", "fail"),)).verdict == "fail"


# --- nothing to judge ---


@pytest.mark.parametrize("azure", [False, None])
def test_a_machine_not_known_to_be_azure_without_a_nic_is_not_judged(azure: bool | None) -> None:
    """One sentence, and status 3."""
    report = judge(a_machine(**{**NOT_AZURE, "azure": azure}), (_check("required", "fail"),))
    assert report.verdict == "unknown"
    assert report.findings[0].status == "skip"
    assert "not known to be an Azure VM" in report.findings[0].summary


@pytest.mark.parametrize("azure", [False, None])
def test_a_synthetic_nic_is_judged_wherever_it_is(azure: bool | None) -> None:
    """Hyper-V elsewhere has hv_netvsc as well."""
    assert judge(a_machine(azure=azure), PASSING).verdict == "pass"


@pytest.mark.parametrize(
    "release",
    [
        pytest.param("5.15.167.4-microsoft-standard-WSL2", id="wsl2"),
        pytest.param("4.4.0-19041-Microsoft", id="wsl1"),
        pytest.param("6.6.87.2-MICROSOFT-STANDARD-WSL2", id="upper-case"),
    ],
)
def test_wsl_is_not_judged(release: str) -> None:
    """It has hv_netvsc, and no VF ever."""
    report = judge(a_machine(kernel_release=release), (_check("required", "fail"),))
    assert report.verdict == "unknown"
    assert "WSL" in report.findings[0].summary


@pytest.mark.parametrize("release", [None, REFUSED, "6.6.96.mshv1-1.azl3", "6.8.0-1029-azure", ""])
def test_other_kernels_are_judged(release: Any) -> None:
    """A release that was not read makes no WSL."""
    assert nothing_to_judge(a_machine(kernel_release=release)) is None


@pytest.mark.parametrize("azure", [True, False, None])
def test_interfaces_that_could_not_be_listed_are_unknown(azure: bool | None) -> None:
    """No NIC was seen because none could be."""
    report = judge(a_machine(azure=azure, nics=(), netdevs=REFUSED), PASSING)
    assert report.verdict == "unknown"
    assert "EACCES" in report.findings[0].summary


def test_azure_without_a_nic_is_judged() -> None:
    """Its NIC is missing, and vf-expected says so."""
    assert nothing_to_judge(a_machine(nics=(), netdevs=())) is None


def test_the_expectation_speaks_for_a_machine_that_is_not_judged() -> None:
    """One finding says why, with what to do; the others refer to it."""
    checks = (_check("required", "pass", "vf-expected"), _check("required", "pass", "vf-up"))
    first, second = judge(a_machine(**NOT_AZURE), checks).findings
    assert (first.subject, first.status) == ("host", "unknown")
    assert first.remedy is not None
    assert (second.status, second.remedy) == ("skip", None)
    assert second.summary.startswith("this machine is not judged: ")


def test_the_operators_skip_holds_on_a_machine_that_is_not_judged() -> None:
    """A check that was skipped has status skip, this one too."""
    checks = (_check("required", "pass", "vf-expected"),)
    report = judge(a_machine(**NOT_AZURE), checks, skip=("vf-expected",))
    assert report.verdict == "unknown"
    assert [f.summary for f in report.findings] == ["skipped by the operator"]


# --- an image ---

NO_NICS: dict[str, Any] = {"nics": (), "netdevs": (), "functions": ()}
IMAGE: dict[str, Any] = {"source": "root", "azure": None, **NO_NICS}


@pytest.mark.parametrize("status", ["pass", "warn", "fail", "unknown"])
def test_an_image_is_judged_by_its_host_checks(status: str) -> None:
    """Without sys/ there are no NICs to miss."""
    assert judge(a_machine(**IMAGE), (_check("required", status),)).verdict == status


def test_an_image_with_nics_needs_a_vf_in_use_to_pass() -> None:
    """A file tree with sys/ is a machine's."""
    assert judge(a_machine(source="root", nics=(WITHOUT,)), PASSING).verdict == "warn"
    assert judge(a_machine(source="root"), PASSING).verdict == "pass"


def test_an_image_whose_nics_could_not_be_seen_is_judged_by_what_it_has() -> None:
    """What is wrong with it is wrong."""
    machine = a_machine(source="root", nics=(UNSEEN,))
    assert judge(machine, (_check("required", "fail"),)).verdict == "fail"
    assert judge(machine, (_check("required", "unknown"),)).verdict == "unknown"


def test_an_image_of_wsl_is_an_image() -> None:
    """It is judged by what it has."""
    machine = a_machine(**IMAGE, kernel_release="5.15.167.4-microsoft-standard-WSL2")
    assert judge(machine, PASSING).verdict == "pass"


@pytest.mark.parametrize(
    ("os_release", "kernel_release", "verdict"),
    [
        pytest.param(None, None, "unknown", id="neither"),
        pytest.param(None, NEVER_ASKED, "unknown", id="no-kernel"),
        pytest.param(None, "6.8.0-1029-azure", "pass", id="kernel"),
        pytest.param(a_machine().snapshot.os_release, None, "pass", id="os-release"),
    ],
)
def test_a_folder_that_is_no_linux_system_is_not_judged(
    os_release: Any, kernel_release: Any, verdict: str
) -> None:
    """The operator named the wrong folder."""
    machine = a_machine(**IMAGE, os_release=os_release, kernel_release=kernel_release)
    assert judge(machine, PASSING).verdict == verdict


# --- one check ---


def test_a_finding_says_what_it_is_of() -> None:
    """Check, subject, level and runbook stand beside the judgement."""
    finding = _only(_check("recommended", "warn", "vf-drops"))
    assert finding == Finding(
        check="vf-drops",
        subject="host",
        level="recommended",
        status="warn",
        summary="look",
        evidence={},
        remedy="Look.",
        runbook="docs/runbooks/vf-drops.md",
    )


def test_each_subject_has_its_finding() -> None:
    """Host, what no NIC stands for, each NIC, each function."""
    check = Check(
        id="a-check",
        title="It is so",
        level="required",
        judge_host=lambda _machine: passed("host"),
        judge_rest=lambda _machine: passed("rest"),
        judge_nic=lambda _machine, nic: passed(nic.name),
        judge_function=lambda _machine, function: passed(function.pci.address),
    )
    machine = a_machine(nics=(a_nic(), a_nic(netdev=a_netdev(name="eth1"))))
    found = [(f.subject, f.summary) for f in judge(machine, (check,)).findings]
    assert found == [
        ("host", "host"),
        ("host", "rest"),
        ("eth0", "eth0"),
        ("eth1", "eth1"),
        ("cf63:00:02.0", "cf63:00:02.0"),
    ]
    assert a_function().pci.address == "cf63:00:02.0"


def test_what_has_nothing_to_say_has_no_finding() -> None:
    """judge_rest alone may say nothing."""
    check = Check(id="a", title="It is so", level="required", judge_rest=lambda _machine: None)
    assert judge(a_machine(), (check,)).findings == ()
    assert judge(a_machine(), (check,), skip=("a",)).findings == ()


def test_findings_are_in_the_order_of_the_checks() -> None:
    """The report's order is the list's."""
    checks = [_check("required", "pass", name) for name in ("z-check", "a-check", "m-check")]
    found = [finding.check for finding in judge(a_machine(), checks).findings]
    assert found == ["z-check", "a-check", "m-check"]


@pytest.mark.parametrize(
    ("options", "left"),
    [
        pytest.param({}, ["fail", "fail"], id="neither"),
        pytest.param({"only": ("a-check",)}, ["fail", "skip"], id="only"),
        pytest.param({"skip": ("a-check",)}, ["skip", "fail"], id="skip"),
        pytest.param({"only": ("a-check",), "skip": ("a-check",)}, ["skip", "skip"], id="both"),
    ],
)
def test_the_operator_chooses_the_checks(options: dict[str, Any], left: list[str]) -> None:
    """What was left out is skipped, and does not fail the machine."""
    checks = (_check("required", "fail", "a-check"), _check("required", "fail", "b-check"))
    report = judge(a_machine(), checks, **options)
    assert [f.status for f in report.findings] == left
    assert {f.summary for f in report.findings if f.status == "skip"} <= {"skipped by the operator"}
    assert report.verdict == ("fail" if "fail" in left else "pass")


def test_a_fact_that_was_refused_makes_unknown() -> None:
    """With the errno, and what to do."""
    finding = _only(_raising(MissingFactsError(REFUSED)))
    assert (finding.status, finding.summary) == ("unknown", "EACCES")
    assert "as root" in (finding.remedy or "")


def test_a_fact_that_was_late_refers_to_the_probes() -> None:
    """To be root does not help against a stuck kernel."""
    finding = _only(_raising(MissingFactsError(TIMED_OUT)))
    assert finding.status == "unknown"
    assert "probes-answered" in (finding.remedy or "")


def test_a_fact_that_was_never_asked_for_makes_skip() -> None:
    """With the reason, and nothing to do."""
    finding = _only(_raising(MissingFactsError(NEVER_ASKED)))
    assert (finding.status, finding.summary) == ("skip", "the bundle has no such part")
    assert finding.remedy is None


@pytest.mark.parametrize("error", [ValueError("oops"), KeyError("oops"), RecursionError("oops")])
def test_a_bug_in_a_check_never_silences_the_others(error: Exception) -> None:
    """It is unknown, and says how to report it."""
    checks = (_raising(error), _check("required", "pass", "b-check"))
    report = judge(a_machine(), checks)
    first, second = report.findings
    assert first.status == "unknown"
    assert first.summary.startswith(f"a bug in accelnet: {type(error).__name__}: ")
    assert "accelnet-check --record" in (first.remedy or "")
    assert second.status == "pass"
    assert report.verdict == "unknown"


def test_a_check_that_breaks_and_is_skipped_is_skipped() -> None:
    """The operator's way round a bug."""
    finding = _only(_raising(ValueError("oops")), skip=("a-check",))
    assert finding.summary == "skipped by the operator"


# --- what settles --------------------------------------------------------------------------------

JUST_NOW = a_watch(an_event("registering", age=3.4))


def _settling(status: str, *, settles: bool = True, watch: Any = JUST_NOW) -> Finding:
    check = _host_check(lambda _machine: JUDGEMENTS[status], settles=settles)
    return _only(check, machine=a_machine(watch=watch))


def test_a_failure_is_a_warning_while_a_vf_comes() -> None:
    """It says what was seen, and how long ago."""
    finding = _settling("fail")
    assert (finding.status, finding.remedy) == ("warn", "Mend it.")
    assert finding.summary == "wrong; a VF came to eth0 3 s ago, so this may pass by itself"


@pytest.mark.parametrize("settles", [True, False])
def test_what_can_not_be_seen_half_way_is_a_warning(settles: bool) -> None:
    """A VF that went away while it was looked at: the next look will see it."""
    assert _settling("unknown", settles=settles).status == "warn"


def test_a_kernel_that_does_not_answer_stays_unknown() -> None:
    """That every probe answered is judged of this observation, and no VF changes it."""
    check = replace(_host_check(lambda _machine: JUDGEMENTS["unknown"]), each_time=True)
    assert _only(check, machine=a_machine(watch=JUST_NOW)).status == "unknown"


@pytest.mark.parametrize("status", ["pass", "warn", "skip"])
def test_what_is_no_failure_stays_as_it_is(status: str) -> None:
    """Nothing is made better than it is."""
    assert _settling(status).status == status


@pytest.mark.parametrize(
    "watch",
    [
        pytest.param(a_watch(), id="nothing-happened"),
        pytest.param(a_watch(an_event("registering", age=11.0)), id="long-ago"),
        pytest.param(NEVER_ASKED, id="no-agent"),
    ],
)
def test_a_failure_fails_where_nothing_was_seen(watch: Any) -> None:
    """For accelnet-check nothing changes."""
    assert _settling("fail", watch=watch).status == "fail"


def test_only_a_check_that_settles_is_put_up_with() -> None:
    """A kernel that does not answer has nothing to do with a VF that comes."""
    assert _settling("fail", settles=False).status == "fail"


def test_what_a_vf_that_comes_or_leaves_may_fail_for_a_moment() -> None:
    """Never whether one is expected, nor whether every probe answered."""
    assert {check.id for check in CHECKS if check.settles} == {
        *("vf-driver", "vmbus-passthrough", "vf-paired", "vf-up", "vf-datapath"),
        *("vf-unaddressed", "vf-mtu"),
    }


@pytest.mark.parametrize("kind", sorted(SETTLING))
def test_there_are_words_for_all_that_settles(kind: str) -> None:
    """Each kind of event."""
    watch = a_watch(an_event(kind, age=1.0))
    assert WORDS[kind] in _settling("fail", watch=watch).summary


def test_what_was_found_a_moment_ago_stands_where_only_counters_have_changed() -> None:
    """Checks that judge counters judge anew; the others' findings are the same objects."""
    before = judge(a_machine(), CHECKS)
    after = judge(a_machine(), CHECKS, earlier=before)
    assert [(f.check, f.subject) for f in after.findings] == [
        (f.check, f.subject) for f in before.findings
    ]
    kept = {f.check for f in after.findings if any(f is other for other in before.findings)}
    assert kept == {check.id for check in CHECKS if not check.each_time}


def test_what_judges_counters_or_the_observation_itself() -> None:
    """Each of these may be another within a moment."""
    assert {check.id for check in CHECKS if check.each_time} == {
        *("vf-datapath", "vf-drops", "synthetic-errors", "probes-answered"),
    }
