"""clock: two clocks, and which boot this is."""

from __future__ import annotations

import time
from pathlib import Path

from accelnet_agent import clock


def test_now_is_told_by_both_clocks() -> None:
    """The wall's, and the one that nobody sets and that goes on in suspension."""
    before = (time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
    now = clock.moment()
    after = (time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
    assert before[0] <= now.wall <= after[0]
    assert before[1] <= now.boot <= after[1]


def test_a_boot_has_an_id() -> None:
    """The kernel's, the same each time."""
    assert clock.boot_id() == Path(clock.BOOT_ID).read_text().strip() != ""


def test_a_boot_without_an_id_is_no_trouble(tmp_path: Path) -> None:
    """Some sandboxes hide it."""
    assert clock.boot_id(str(tmp_path / "none")) == ""
