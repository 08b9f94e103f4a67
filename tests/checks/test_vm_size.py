"""vm-size: what is published about the size, and what outranks it."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vm_size import CHECK, judge
from accelnet_probes.snapshot import MissingFactsError
from building import NEVER_ASKED, REFUSED, a_machine, a_nic, an_instance


@pytest.mark.parametrize(
    ("size", "status"),
    [
        pytest.param("Standard_D4s_v5", "pass", id="supported"),
        pytest.param("Standard_DS12-1_v2", "pass", id="one-vcpu-of-a-size-of-four"),
        pytest.param("Standard_B1s", "warn", id="not-supported"),
        pytest.param("Standard_NC6", "warn", id="no-effect"),
        pytest.param("Standard_DC4as_v5", "skip", id="confidential"),
        pytest.param("Standard_D12_v2", "unknown", id="depends-on-the-region"),
        pytest.param("Standard_X4s_v7", "unknown", id="never-heard-of"),
        pytest.param("Large", "unknown", id="no-such-name"),
        pytest.param("", "skip", id="no-size"),
        pytest.param(None, "skip", id="none"),
    ],
)
def test_without_a_vf_the_published_answer_counts(size: str | None, status: str) -> None:
    """With no VF in sight, the size's published answer is the finding."""
    machine = a_machine(nics=(a_nic(vf=None),), instance=an_instance(vm_size=size))
    assert judge(machine).status == status


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(), id="paired"),
        pytest.param(a_nic(vf=None, direct=True), id="direct"),
    ],
)
@pytest.mark.parametrize(
    "instance",
    [
        pytest.param(an_instance(vm_size="Standard_B1s"), id="not-supported"),
        pytest.param(None, id="no-metadata"),
        pytest.param(NEVER_ASKED, id="never-asked"),
    ],
)
def test_a_vf_proves_the_size(nic: Any, instance: Any) -> None:
    """A VF in use outranks the tables, and needs no metadata."""
    judgement = judge(a_machine(nics=(nic,), instance=instance))
    assert judgement.status == "pass"
    assert "proves" in judgement.summary


def test_metadata_that_was_refused_leaves_the_size_unknown() -> None:
    """The remedy asks the metadata service by hand."""
    judgement = judge(a_machine(nics=(a_nic(vf=REFUSED),), instance=REFUSED))
    assert judgement.status == "unknown"
    assert "curl" in (judgement.remedy or "")


def test_metadata_that_was_never_asked_for_is_left_to_the_engine() -> None:
    """An image has no metadata: the engine skips the question."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(nics=(a_nic(vf=REFUSED),), instance=NEVER_ASKED))


def test_no_instance_is_skipped() -> None:
    """Metadata that does not exist is no finding."""
    assert judge(a_machine(nics=(), instance=None)).status == "skip"


def test_the_remedy_deallocates_before_it_resizes() -> None:
    """A size is changed, and accelerated networking switched on, while the VM is down."""
    judgement = judge(a_machine(nics=(), instance=an_instance(vm_size="Standard_B1s")))
    remedy = judgement.remedy or ""
    steps = ["az vm deallocate", "az vm resize", "az network nic update", "az vm start"]
    assert [step for step in steps if step in remedy] == steps
    assert sorted(steps, key=remedy.index) == steps


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"
