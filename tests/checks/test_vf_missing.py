"""vf-missing: a VF that left has come back."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_missing import CHECK, judge
from accelnet_probes.snapshot import MissingFactsError
from building import NEVER_ASKED, REFUSED, a_machine, a_nic, an_event


def _without(*events: Any) -> Any:
    return a_nic(vf=None, events=events)


def test_a_vf_that_is_here_is_not_missing() -> None:
    """Whatever the log says, and without a log."""
    nic = a_nic(events=(an_event("slot-removed"),))
    assert judge(a_machine(kernel_log=REFUSED), nic).status == "pass"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param(an_event("slot-removed", age=20.0), "left 20 s ago", id="just-now"),
        pytest.param(an_event("unregistering", age=0.0), "left 0 s ago", id="this-moment"),
        pytest.param(an_event("slot-removed", age=300.0), "left 5 minutes ago", id="five-minutes"),
        pytest.param(an_event("slot-removed", min_age=90.0), "at least 90 s ago", id="no-age"),
        pytest.param(an_event("slot-removed"), "does not say when", id="no-clock"),
    ],
)
def test_a_vf_that_left_warns(event: Any, said: str) -> None:
    """Less than five minutes ago it is being serviced."""
    judgement = judge(a_machine(), _without(event))
    assert judgement.status == "warn"
    assert said in judgement.summary
    assert judgement.evidence == {"line": event.line}


@pytest.mark.parametrize(
    ("age", "command"),
    [
        pytest.param(299.9, "accelnet-check --wait 300", id="wait"),
        pytest.param(300.0, "az vm redeploy", id="redeploy"),
    ],
)
def test_the_remedy_is_of_its_time(age: float, command: str) -> None:
    """Servicing is waited for; what does not come back is moved."""
    judgement = judge(a_machine(), _without(an_event("slot-removed", age=age)))
    assert f"\n  {command}" in (judgement.remedy or "")


def test_a_vf_that_was_never_there_did_not_leave() -> None:
    """vf-expected says what its absence means."""
    assert judge(a_machine(), _without()).status == "skip"


@pytest.mark.parametrize("gap", [REFUSED, NEVER_ASKED])
def test_a_log_that_was_not_read_is_no_evidence(gap: Any) -> None:
    """The engine makes it unknown, or skips it."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(kernel_log=gap), _without())


def test_pairing_that_was_not_seen_is_asked_for() -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(vf=REFUSED))


def test_a_direct_nic_leaves_as_a_whole() -> None:
    """Nothing stays behind to be judged."""
    assert judge(a_machine(), a_nic(vf=None, direct=True)).status == "skip"


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"


def test_where_none_is_expected_none_is_missing() -> None:
    """It was disabled, so it left."""
    nic = a_nic(vf=None, events=(an_event("slot-removed"),))
    assert judge(a_machine(expect="off"), nic).status == "skip"
