"""What is expected of the NICs, and who says so: --expect, or else the VM's own tag.

The control plane's flag (enableAcceleratedNetworking) is in no file and no field that the
guest can read, so somebody has to state it.  A tag `accelnet-expect` states it for a VM
or a scale set once, where every image and agent finds it (compute.tagsList of IMDS).
"""

from __future__ import annotations

from accelnet_probes.instance import EXPECT_TAG
from accelnet_probes.record import Record
from accelnet_probes.snapshot import Gap, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from accelnet_probes.snapshot import Snapshot

    Expect = Literal["on", "off", "auto"]

OPTION, TAG, NOBODY = "--expect", f"the VM's tag {EXPECT_TAG}", "nobody"


class Expectation(Record):
    """What is expected, and who says so."""

    value: Expect = "auto"
    source: str = NOBODY
    misread: str | None = None  # the tag's value, where it is none of the three


def expected(stated: Expect, snapshot: Snapshot) -> Expectation:
    """`stated` on the command line outranks the tag, unless it leaves it open ("auto")."""
    if stated != "auto":
        return Expectation(value=stated, source=OPTION)
    instance = known(snapshot.instance)
    tag = instance.expect if instance is not None else None
    if isinstance(snapshot.instance, Gap) and snapshot.instance.asked:
        return Expectation(source=f"{NOBODY} that could be asked: {snapshot.instance.why}")
    if tag is None:
        return Expectation()
    values: dict[str, Expect] = {"on": "on", "off": "off", "auto": "auto"}
    value = values.get(tag.strip().lower())
    return (
        Expectation(source=TAG, misread=tag)
        if value is None
        else Expectation(value=value, source=TAG)
    )
