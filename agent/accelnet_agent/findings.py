"""What a check says: a judgement on one subject, and the finding made of it.

A check is a module with one `CHECK`.  Its `judge` is a pure function from the
machine, and the subject in it, to a `Judgement`; what was not observed it asks
for with `need()` and never handles itself.
"""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Literal, TypeAlias

    from accelnet_agent.functions import Function
    from accelnet_agent.machine import Machine, Nic

    Status: TypeAlias = Literal["pass", "warn", "fail", "unknown", "skip"]
    Level: TypeAlias = Literal["required", "recommended"]
    Json: TypeAlias = str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"] | None


SKIPPED = "skipped by the operator"


class Judgement(Record):
    """One status with its reason in one sentence, the evidence, and what to do."""

    status: Status
    summary: str
    evidence: Mapping[str, Json]
    remedy: str | None = None


def passed(summary: str, **evidence: Json) -> Judgement:
    """All is well, and here is why."""
    return Judgement(status="pass", summary=summary, evidence=evidence)


def warned(summary: str, *, remedy: str, **evidence: Json) -> Judgement:
    """Something to look at; not a failure."""
    return Judgement(status="warn", summary=summary, evidence=evidence, remedy=remedy)


def failed(summary: str, *, remedy: str, **evidence: Json) -> Judgement:
    """It is wrong.  Only for a required check."""
    return Judgement(status="fail", summary=summary, evidence=evidence, remedy=remedy)


def unknown(summary: str, *, remedy: str, **evidence: Json) -> Judgement:
    """It was asked, and could not be seen."""
    return Judgement(status="unknown", summary=summary, evidence=evidence, remedy=remedy)


def skipped(summary: str, **evidence: Json) -> Judgement:
    """The question does not arise, or was never asked."""
    return Judgement(status="skip", summary=summary, evidence=evidence)


class Finding(Record):
    """A judgement with its check and subject: an entry of `findings` in the report."""

    check: str
    subject: str  # "host", a NIC's name or a PCI address
    level: Level
    status: Status
    summary: str
    evidence: Mapping[str, Json]
    remedy: str | None
    runbook: str


class Check(Record):
    """One question about one kind of subject."""

    id: str  # the module's name in kebab-case
    title: str  # what is true when it passes
    level: Level
    judge_host: Callable[[Machine], Judgement] | None = None
    judge_rest: Callable[[Machine], Judgement | None] | None = None  # what no NIC stands for
    judge_nic: Callable[[Machine, Nic], Judgement] | None = None
    judge_function: Callable[[Machine, Function], Judgement] | None = None
    each_time: bool = False  # it judges counters, or the observation itself
    settles: bool = False  # a VF that comes or leaves may fail it for a moment

    def subjects(self, machine: Machine) -> Iterator[tuple[str, Callable[[], Judgement | None]]]:
        """Each subject with the call that judges it; None: there is nothing to say."""
        per_nic, per_function = self.judge_nic, self.judge_function
        for judge in (self.judge_host, self.judge_rest):
            if judge is not None:
                yield "host", lambda judge=judge: judge(machine)  # type: ignore[misc]
        if per_nic is not None:
            for nic in machine.nics:
                yield nic.name, lambda nic=nic: per_nic(machine, nic)  # type: ignore[misc]
        if per_function is not None:
            for function in machine.functions:
                yield (
                    function.pci.address,
                    lambda function=function: per_function(machine, function),  # type: ignore[misc]
                )
