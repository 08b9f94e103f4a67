"""hardware-moved: after a move to other hardware each NIC still has its VF."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.hardware_moved import CHECK, family, judge
from accelnet_probes.snapshot import MissingFactsError, Move
from building import REFUSED, a_machine, a_nic, a_watch

MOVE = Move(before="15b3:1016", after="1414:00ba", age=129_600.0)
MOVED = a_watch(moves={"eth0": MOVE})
ORPHAN = ("7870:00:00.0",)


@pytest.mark.parametrize(
    ("nic", "status", "summary"),
    [
        pytest.param(
            a_nic(),
            "pass",
            "the VF of eth0 was ConnectX-4 Lx and became MANA",
            id="its-vf-is-in-use",
        ),
        pytest.param(
            a_nic(vf=None),
            "pass",
            "the VF of eth0 was ConnectX-4 Lx and became MANA",
            id="no-vf-is-there",  # which is for others to say
        ),
        pytest.param(
            a_nic(vf=None, orphans=ORPHAN),
            "warn",
            "the VM has moved from ConnectX-4 Lx to MANA, and 7870:00:00.0 is not in use by eth0",
            id="its-vf-is-not-in-use",
        ),
        pytest.param(
            a_nic(vf=REFUSED, orphans=ORPHAN),
            "warn",
            "the VM has moved from ConnectX-4 Lx to MANA, and 7870:00:00.0 is not in use by eth0",
            id="not-seen-to-be-in-use",
        ),
    ],
)
def test_a_move_is_right_as_long_as_the_vf_is_used(nic: Any, status: str, summary: str) -> None:
    """An image without a driver works until that day."""
    judgement = judge(a_machine(watch=MOVED), nic)
    assert (judgement.status, judgement.summary) == (status, summary)
    assert judgement.evidence == {"before": "15b3:1016", "after": "1414:00ba", "days_ago": 1.5}


def test_the_remedy_names_what_the_next_move_needs() -> None:
    """Each driver."""
    remedy = judge(a_machine(watch=MOVED), a_nic(vf=None, orphans=ORPHAN)).remedy or ""
    assert "modinfo -F filename mlx4_en mlx5_core mana" in remedy


@pytest.mark.parametrize("moves", [{}, {"eth1": MOVE}])
def test_a_nic_that_has_not_moved_passes(moves: dict[str, Move]) -> None:
    """Another has."""
    judgement = judge(a_machine(watch=a_watch(moves=moves)), a_nic())
    assert (judgement.status, judgement.summary) == ("pass", "eth0 has had VFs of one kind alone")


def test_without_an_agent_nobody_remembers() -> None:
    """The engine skips it."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic())


def test_a_direct_nic_moves_as_a_whole() -> None:
    """It is the hardware."""
    assert judge(a_machine(watch=MOVED), a_nic(vf=None, direct=True)).status == "skip"


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        ("15b3:1004", "ConnectX-3"),
        ("1414:00ba", "MANA"),
        ("15b3:ffff", "15b3:ffff"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_hardware_is_told_by_its_family(ids: str, name: str) -> None:
    """Or by its ids, where they are not known."""
    assert family(ids) == name


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"
