"""storms: many lines of one kind in a short time, and lately."""

from __future__ import annotations

import pytest

from accelnet_agent.storms import storm_of
from building import an_event


@pytest.mark.parametrize(
    ("ages", "lines"),
    [
        pytest.param([5.0 + at for at in range(12)], 12, id="a-dozen-in-a-minute"),
        pytest.param([5.0 + 10 * at for at in range(60)], None, id="six-a-minute"),
        pytest.param([5.0 + at for at in range(9)], None, id="nine"),
        pytest.param([4000.0 + at for at in range(50)], None, id="hours-ago"),
        pytest.param([*range(100, 5000, 500), *range(10)], 10, id="the-fullest-minute"),
        pytest.param([None] * 50, None, id="without-times"),
        pytest.param([], None, id="none"),
    ],
)
def test_a_storm(ages: list[float | None], lines: int | None) -> None:
    """The fullest minute of the last hour counts."""
    events = [an_event("packet-error", age=age) for age in ages]
    storm = storm_of(events, ("packet-error",))
    assert (None if storm is None else storm.lines) == lines


def test_other_kinds_are_none() -> None:
    """Each storm is of its own."""
    events = [an_event("tx-timeout", age=1.0)] * 50
    assert storm_of(events, ("packet-error",)) is None
