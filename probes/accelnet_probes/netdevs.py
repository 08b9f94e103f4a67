"""Network devices: /sys/class/net (Documentation/ABI/testing/sysfs-class-net).

Virtual devices (veth, bridges, bonds, VLANs) are left out by their link, so a
host with a thousand containers costs one readlink each.  What the kernel
answers to ethtool and about addresses is joined in by `with_samples`.
"""

from __future__ import annotations

import errno

from accelnet_probes import sysfs
from accelnet_probes.ethtool import (
    Decoded,
    DecodeError,
    decode_channels,
    decode_drvinfo,
    decode_permaddr,
    decode_ring,
    decode_statistics,
)
from accelnet_probes.record import replace
from accelnet_probes.snapshot import DriverInfo, EthtoolSample, Gap, Netdev

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.files import Files
    from accelnet_probes.host import Addresses, Sample
    from accelnet_probes.snapshot import Observed

    T = TypeVar("T")

NET = "sys/class/net"
REFUSALS = ("EACCES", "EPERM", "EIO")  # a link that is there; in a copied tree it is a folder
# "The driver has no such operation" (net/ethtool/ioctl.c): the kernel has none.
NOT_PROVIDED = ("EOPNOTSUPP", "ENOTSUP", "ENOTSUPP")  # the last is the kernel's own, 524


def probe(files: Files) -> Observed[tuple[Netdev, ...]]:
    """Every netdev that is not virtual, in name order, without samples."""
    entries = sysfs.names(files, NET)
    if isinstance(entries, Gap):
        return entries
    if entries is None:
        return Gap(asked=True, why=f"/{NET}: ENOENT")
    found = (_netdev(files, name) for name in entries)
    return tuple(netdev for netdev in found if netdev is not None)


def _netdev(files: Files, name: str) -> Netdev | None:
    entry = f"{NET}/{name}"
    try:
        if "/virtual/" in files.readlink(entry):
            return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return None  # it went away since the listing
        if error.errno == errno.EINVAL and sysfs.names(files, entry) is None:
            return None  # no link and no folder: bonding_masters is a plain file
    device = sysfs.link_name(files, f"{entry}/device")
    lower, upper = _links(files, entry)
    netdev = Netdev(
        name=name,
        ifindex=sysfs.number(files, f"{entry}/ifindex"),
        type=sysfs.number(files, f"{entry}/type"),
        mac=_lower(sysfs.text(files, f"{entry}/address")),
        mtu=sysfs.number(files, f"{entry}/mtu"),
        flags=sysfs.number(files, f"{entry}/flags"),
        operstate=sysfs.text(files, f"{entry}/operstate"),
        device=device,
        driver=device if device is None else sysfs.link_name(files, f"{entry}/device/driver"),
        master=sysfs.link_name(files, f"{entry}/master"),
        lower=lower,
        upper=upper,
        addresses=Gap(asked=False, why="addresses were not asked for"),
    )
    # Half a VF would be an unpaired one, and a false alarm at each host servicing.
    return None if _is_gone(files, entry) else netdev


def _is_gone(files: Files, entry: str) -> bool:
    try:
        files.readlink(entry)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENODEV)
    return False


def _lower(found: Observed[str | None]) -> Observed[str | None]:
    return found.lower() if isinstance(found, str) else found


def _links(files: Files, entry: str) -> tuple[Observed[tuple[str, ...]], Observed[tuple[str, ...]]]:
    """What lower_* and upper_* name (netdev_master_upper_dev_link)."""
    found = sysfs.names(files, entry)
    if isinstance(found, Gap):
        return found, found
    return _linked(files, entry, found or (), "lower_"), _linked(
        files, entry, found or (), "upper_"
    )


def _linked(
    files: Files, entry: str, names: tuple[str, ...], prefix: str
) -> Observed[tuple[str, ...]]:
    links = [name for name in names if name.startswith(prefix)]
    for name in links:
        target = sysfs.link_name(files, f"{entry}/{name}")
        if isinstance(target, Gap) and target.why.endswith(REFUSALS):
            return target
    return tuple(name[len(prefix) :] for name in links)


def with_samples(
    netdevs: tuple[Netdev, ...],
    samples: Sequence[Sample],
    order: ByteOrder,
    decoded: Decoded | None = None,
) -> tuple[Netdev, ...]:
    """The netdevs with what each sample says about them; addresses are the last one's."""
    known = Decoded() if decoded is None else decoded
    return tuple(_with_samples(netdev, samples, order, known) for netdev in netdevs)


def _with_samples(
    netdev: Netdev, samples: Sequence[Sample], order: ByteOrder, decoded: Decoded
) -> Netdev:
    found: list[EthtoolSample] = []
    for sample in samples:
        known = decoded.of_sample(sample)
        if netdev.name not in known:
            replies = sample.ethtool.get(netdev.name, {})
            known[netdev.name] = decode_sample(replies, order, decoded)
        found.append(known[netdev.name])
    return replace(
        netdev,
        driver=_driver(netdev.driver, found),
        addresses=_addresses(netdev.name, samples[-1].addresses),
        samples=tuple(found),
    )


def _driver(linked: Observed[str | None], samples: Sequence[EthtoolSample]) -> Observed[str | None]:
    """The driver link's name; else what ethtool says (for ConnectX-3 that is mlx4_en)."""
    for sample in reversed(samples):
        if not isinstance(linked, str) and isinstance(sample.driver_info, DriverInfo):
            return sample.driver_info.driver
    return linked


def _addresses(name: str, found: Addresses | None) -> Observed[tuple[str, ...]]:
    if found is None:
        return Gap(asked=False, why="addresses were not recorded")
    if isinstance(found, str):
        return Gap(asked=True, why=f"RTM_GETADDR: {found}")
    return tuple(address for interface, address in found if interface == name)


def decode_sample(
    replies: Mapping[str, Reply], order: ByteOrder, decoded: Decoded | None = None
) -> EthtoolSample:
    """One interface's replies as facts."""
    known = Decoded() if decoded is None else decoded
    return EthtoolSample(
        driver_info=_reply(replies, "drvinfo", decode_drvinfo, order, known),
        statistics=_statistics(replies, order, known),
        channels=_reply(replies, "channels", decode_channels, order, known),
        ring=_reply(replies, "ring", decode_ring, order, known),
        permanent_mac=_reply(replies, "permaddr", decode_permaddr, order, known),
    )


def _reply(
    replies: Mapping[str, Reply],
    name: str,
    decode: Callable[[bytes, ByteOrder], T | None],
    order: ByteOrder,
    decoded: Decoded,
) -> T | Gap | None:
    found = replies.get(name)
    if not isinstance(found, bytes):
        return _no_reply(name, found)
    try:
        return decoded.reply(name, found, decode, order)
    except DecodeError as error:
        return Gap(asked=True, why=f"ethtool {error}")


def _no_reply(name: str, found: str | None) -> Gap | None:
    if found is None:
        return Gap(asked=False, why=f"ethtool {name} was not asked for")
    return None if found in NOT_PROVIDED else Gap(asked=True, why=f"ethtool {name}: {found}")


def _statistics(
    replies: Mapping[str, Reply], order: ByteOrder, decoded: Decoded
) -> Observed[Mapping[str, int] | None]:
    strings, stats = replies.get("stats-strings"), replies.get("stats")
    for reply in (strings, stats):
        if isinstance(reply, str):
            return _no_reply("statistics", reply)
    if not isinstance(strings, bytes) or not isinstance(stats, bytes):
        return _no_reply("statistics", None)
    try:
        return decode_statistics(strings, stats, order, decoded)
    except DecodeError as error:
        return Gap(asked=True, why=f"ethtool statistics did not settle: {error}")
