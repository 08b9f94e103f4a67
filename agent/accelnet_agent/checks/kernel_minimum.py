"""The running kernel is not older than its distribution's minimum.

Advice only: a distribution's kernel may have the drivers backported, and a newer one may
have them compiled out.  A minimum is of one distribution and is never lent to another,
derived ones included.

RHEL and CentOS name a gallery image version.  That is the image *deployed*: no update
moves it, so the kernel is asked first, and the image only where the kernel and the
release leave it open.
"""

from __future__ import annotations

from accelnet_agent.commands import do
from accelnet_agent.data.kernel_minimums import (
    BY_IMAGE,
    BY_KERNEL,
    PUBLISHERS,
    RECOMMENDED,
    SAME_KERNEL,
)
from accelnet_agent.findings import Check, passed, skipped, unknown, warned
from accelnet_agent.versions import compare_kernels, compare_numeric, parse_kernel
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.data.kernel_minimums import ImageMinimum
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine
    from accelnet_agent.versions import Order
    from accelnet_probes.snapshot import OsRelease, Snapshot

_UPGRADE = do("Update the kernel and reboot:", "sudo yum update kernel")
_READ_BOTH = do("Compare by hand:", "uname -r; cat /etc/os-release /etc/redhat-release")


def judge(machine: Machine) -> Judgement:
    """Judge the kernel release by the number of its distribution, where it has one."""
    os_release = need(machine.snapshot.os_release)
    if os_release is None or os_release.id is None:
        return skipped("no distribution is known: there is no os-release", found=None)
    distribution = SAME_KERNEL.get(os_release.id, os_release.id)
    kernel = need(machine.snapshot.kernel_release)
    if kernel is None:
        return skipped("the kernel gives no release of its own", found=None)

    if distribution in BY_KERNEL:
        return _by_kernel(kernel, distribution)
    if distribution in BY_IMAGE:
        return _by_kernel_or_image(machine.snapshot, kernel, os_release, BY_IMAGE[distribution])
    return skipped(
        f"no minimum kernel is published for {distribution}",
        found=kernel,
        recommended=_recommended(None),
    )


def _by_kernel(kernel: str, distribution: str) -> Judgement:
    minimum = BY_KERNEL[distribution]
    evidence: dict[str, Json] = {
        "found": kernel,
        "required": minimum.published,
        "recommended": _recommended(distribution),
        "source": minimum.source,
    }
    order = _compare(kernel, minimum.kernel)
    if order is None:
        return unknown(
            f"kernel {kernel} can not be compared with the minimum {minimum.published}",
            remedy=minimum.upgrade,
            **evidence,
        )
    if order < 0:
        return warned(
            f"kernel {kernel} is older than the minimum {minimum.published}",
            remedy=minimum.upgrade,
            **evidence,
        )
    return passed(f"kernel {kernel} is not older than the minimum {minimum.published}", **evidence)


def _recommended(distribution: str | None) -> list[Json]:
    return [
        f"{advice.number} for {advice.about} ({advice.source}, {advice.date})"
        for advice in RECOMMENDED
        if advice.id == distribution
    ]


def _compare(kernel: str, minimum: str) -> Order | None:
    ours, least = parse_kernel(kernel), parse_kernel(minimum)
    return None if ours is None or least is None else compare_kernels(ours, least)


def _by_kernel_or_image(
    snapshot: Snapshot, kernel: str, os_release: OsRelease, minimum: ImageMinimum
) -> Judgement:
    # CentOS has only its major version in os-release; which minor it is then stays open,
    # and the kernel alone decides.
    release = os_release.point_release or os_release.version_id
    order = _compare(kernel, minimum.kernel)
    new_enough = order is not None and order >= 0
    old_release = _older_release(release, minimum.release)
    required = f"image {minimum.image}, or kernel {_build(minimum)} with {minimum.release}"
    evidence: dict[str, Json] = {
        "found": kernel,
        "release": release,
        "required": required,
        "source": f"{minimum.source}; {minimum.kernel_source}",
    }
    if new_enough and not old_release:
        return passed(
            f"kernel {kernel} is not older than {_build(minimum)}, that of {minimum.release}",
            **evidence,
        )

    image = _image(snapshot)
    if image is None:
        return unknown(
            f"kernel {kernel} does not show that it is as new as {minimum.release}'s, "
            "and no gallery image is known",
            remedy=_READ_BOTH,
            **evidence,
        )
    version, least = image
    evidence["image"] = version
    if _image_key(version) >= _image_key(least):
        return passed(f"image {version} is not older than the minimum {least}", **evidence)
    if new_enough:
        return unknown(
            f"kernel {kernel} is new enough, but release {release} is older than {minimum.release}",
            remedy=_READ_BOTH,
            **evidence,
        )
    return warned(
        f"kernel {kernel} and image {version} are older than the minimum {least}",
        remedy=_UPGRADE,
        **evidence,
    )


def _build(minimum: ImageMinimum) -> str:
    return minimum.kernel.partition(".el")[0]


def _older_release(release: str | None, least: str) -> bool:
    # "7" may be 7.9: a major version alone says nothing against it.
    if release is None or (release.isdigit() and least.startswith(release + ".")):
        return False
    return compare_numeric(release, least) < 0


def _image(snapshot: Snapshot) -> tuple[str, str] | None:
    """The image version and its publisher's minimum, where both are of a known scheme."""
    instance = known(snapshot.instance)
    if instance is None or instance.publisher is None or instance.version is None:
        return None
    distribution = PUBLISHERS.get(instance.publisher.lower())
    if distribution is None or not _is_image_version(instance.version):
        return None
    return instance.version, BY_IMAGE[distribution].image


def _is_image_version(version: str) -> bool:
    parts = version.split(".")
    return (
        len(parts) == 3
        and version.isascii()
        and all(part.isdigit() and len(part) <= 10 for part in parts)
        and len(parts[2]) >= 8
    )


def _image_key(version: str) -> tuple[int, int, str]:
    # The date has 8, 9 or 10 digits: 20171206, 201912090, 2017120423. The first 8 are
    # the day; as numbers, the long ones of 2017 would be newer than the short of 2020.
    major, minor, date = version.split(".")
    return int(major), int(minor), date[:8]


CHECK = Check(
    id="kernel-minimum",
    title="The running kernel is not older than its distribution's minimum",
    level="recommended",
    judge_host=judge,
)
