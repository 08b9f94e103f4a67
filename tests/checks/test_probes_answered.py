"""probes-answered: every probe answered in time."""

from __future__ import annotations

from accelnet_agent.checks.probes_answered import CHECK, judge
from accelnet_probes.snapshot import ProbeRun
from building import a_log, a_machine, an_event

ANSWERED = ProbeRun(name="pci")
LATE = ProbeRun(name="ethtool", why="no answer in time about eth0", late=True)


def test_probes_that_answered_pass() -> None:
    """A refusal is an answer."""
    judgement = judge(a_machine(probes=(ANSWERED, ProbeRun(name="netdevs"))))
    assert judgement.status == "pass"
    assert judgement.summary == "all 2 probes answered"


def test_a_probe_that_hangs_fails() -> None:
    """The kernel's rtnl lock is stuck: that is a finding of its own."""
    judgement = judge(a_machine(probes=(ANSWERED, LATE)))
    assert judgement.status == "fail"
    assert judgement.evidence == {"ethtool": "no answer in time about eth0"}
    assert "blocked for more than" in (judgement.remedy or "")


def test_each_late_probe_is_named() -> None:
    """The first one's reason stands in the sentence, all are evidence."""
    other = ProbeRun(name="kernel-log", why="no answer in time", late=True)
    judgement = judge(a_machine(probes=(LATE, other)))
    assert judgement.summary.startswith("ethtool and kernel-log:")
    assert set(judgement.evidence) == {"ethtool", "kernel-log"}


def test_a_probe_that_breaks_is_unknown() -> None:
    """That is a bug in accelnet, and no fault of the machine."""
    broken = ProbeRun(name="pci", why="TypeError: oops")
    judgement = judge(a_machine(probes=(ANSWERED, broken)))
    assert judgement.status == "unknown"
    assert judgement.evidence == {"pci": "TypeError: oops"}
    assert "accelnet-check --record" in (judgement.remedy or "")


def test_a_probe_that_hangs_outranks_one_that_breaks() -> None:
    """What is known to be wrong with the machine is said first."""
    broken = ProbeRun(name="pci", why="TypeError: oops")
    assert judge(a_machine(probes=(broken, LATE))).status == "fail"


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("probes-answered", "required")


def test_hung_tasks_are_evidence() -> None:
    """Of the log, where something did not answer."""
    log = a_log(an_event("hung-task", line="INFO: task ip:7 blocked for more than 120 seconds."))
    late = ProbeRun(name="ethtool", why="no answer in time", late=True)
    found = judge(a_machine(probes=(late,), kernel_log=log))
    assert found.evidence["kernel_log"] == ["INFO: task ip:7 blocked for more than 120 seconds."]
