"""`--active-proof`: a few packets by each NIC, between two samples of its counters.

What leaves by a given NIC for sure, needs no privilege, no route, no neighbour and no answer,
is a datagram to a multicast group of link-local scope.  IPv6 takes the interface from
the address's scope id, and the source among its addresses (udpv6_sendmsg, ipv6_dev_get_saddr);
IPv4 takes it from IP_MULTICAST_IF, and looks nothing up for 224.0.0.0/24 (ip_route_output_key).
A bound address chooses a source and no interface; SO_BINDTODEVICE needs CAP_NET_RAW before 5.7.
hv_netvsc hands every packet to the VF while the data path is the VF's, multicast too
(netvsc_xmit, netvsc_drv.c).

No router passes it on (scope, hop limit 1), no host has joined the group, which RFC 4727
sets aside for experiments, and port 9 discards (RFC 863).
"""

from __future__ import annotations

import struct

from accelnet_probes.files import errno_name
from accelnet_probes.snapshot import Sent, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from accelnet_probes.snapshot import Netdev, Observed, VmbusDevice
    from accelnet_probes.worker import Emit

PACKETS = 8
FAMILIES = ("ipv6", "ipv4")  # in the order in which they are tried
GROUP_6, GROUP_4 = "ff02::114", "224.0.0.254"  # RFC 4727
PORT = 9
PAYLOAD = b"accelnet-check --active-proof\n"


def senders(
    netdevs: Observed[tuple[Netdev, ...]],
    devices: Observed[tuple[VmbusDevice, ...]],
    interfaces: Collection[str],
    *,
    azure: bool,
) -> dict[str, int]:
    """The NICs by ifindex: what VMBus has, and on Azure what has no partner there."""
    found = [netdev for netdev in known(netdevs) or () if netdev.name in interfaces]
    guids = {device.guid for device in known(devices) or ()}
    nics = [
        netdev
        for netdev in found
        if netdev.driver == "hv_netvsc" or (known(netdev.device) or "").lower() in guids
    ]
    macs = {known(netdev.mac) for netdev in nics}
    if azure:
        nics += [
            netdev for netdev in found if netdev.master is None and known(netdev.mac) not in macs
        ]
    indexes = {netdev.name: known(netdev.ifindex) for netdev in nics}
    return {name: index for name, index in indexes.items() if index is not None}


def send(interfaces: Mapping[str, int], emit: Emit) -> None:
    """In the worker.  Emits (interface, packets, family, errnos by family)."""
    from accelnet_probes.rtnetlink import addresses

    sources: dict[int, str] = {}
    try:
        for index, address in addresses():
            if ":" not in address:
                sources.setdefault(index, address.partition("/")[0])
    except OSError:
        sources.clear()  # then IPv4 has none to send from
    for name, index in interfaces.items():
        emit((name, *_sent_by(index, sources.get(index))))


def _sent_by(index: int, source: str | None) -> tuple[int, str | None, dict[str, str]]:
    refused: dict[str, str] = {}
    ways: tuple[Callable[[], Callable[[], object]], ...] = (
        lambda: _by_ipv6(index),
        lambda: _by_ipv4(index, source),
    )
    for family, way in zip(FAMILIES, ways, strict=True):
        packets = 0
        try:
            send_one = way()
            while packets < PACKETS:
                send_one()
                packets += 1
        except OSError as error:
            refused[family] = errno_name(error)
        if packets:
            return packets, family, refused
    return 0, None, refused


def _by_ipv6(index: int) -> Callable[[], object]:
    import _socket as s  # see ethtool.EthtoolSocket

    socket = s.socket(s.AF_INET6, s.SOCK_DGRAM | s.SOCK_CLOEXEC)
    socket.setsockopt(s.IPPROTO_IPV6, s.IPV6_MULTICAST_HOPS, 1)
    socket.setsockopt(s.IPPROTO_IPV6, s.IPV6_MULTICAST_LOOP, 0)
    return lambda: socket.sendto(PAYLOAD, s.MSG_DONTWAIT, (GROUP_6, PORT, 0, index))


def _by_ipv4(index: int, source: str | None) -> Callable[[], object]:
    """From the NIC's own address: without one the kernel would take another NIC's."""
    import _socket as s
    import errno

    if source is None:
        raise OSError(errno.EADDRNOTAVAIL, "no IPv4 address")
    socket = s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_CLOEXEC)
    socket.setsockopt(s.IPPROTO_IP, s.IP_MULTICAST_TTL, 1)
    socket.setsockopt(s.IPPROTO_IP, s.IP_MULTICAST_LOOP, 0)
    request = struct.pack("=4x4si", s.inet_aton(source), index)  # struct ip_mreqn
    socket.setsockopt(s.IPPROTO_IP, s.IP_MULTICAST_IF, request)
    return lambda: socket.sendto(PAYLOAD, s.MSG_DONTWAIT, (GROUP_4, PORT))


def gathered(interfaces: Collection[str], messages: Sequence[Any], missing: str) -> dict[str, Sent]:
    """What the worker emitted; `missing` is the errno of what it did not."""
    found = {name: Sent(packets=0, refused=dict.fromkeys(FAMILIES, missing)) for name in interfaces}
    for name, packets, family, refused in messages:
        found[name] = Sent(packets=packets, family=family, refused=refused)
    return found


def encode(sent: Mapping[str, Sent]) -> list[dict[str, Any]]:
    """active-proof.json of a bundle."""
    return [
        {
            "interface": name,
            "packets": one.packets,
            "family": one.family,
            "refused": dict(one.refused),
        }
        for name, one in sent.items()
    ]


def decode(data: bytes) -> dict[str, Sent]:
    """The same, read; ValueError where it is nothing of the kind."""
    import json

    try:
        return {str(entry["interface"]): _one(entry) for entry in json.loads(data)}
    except (RecursionError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("not the active proof of a bundle") from error


def _one(entry: dict[str, Any]) -> Sent:
    packets, family = entry["packets"], entry.get("family")
    if isinstance(packets, bool) or not isinstance(packets, int) or not 0 <= packets <= 1 << 32:
        raise ValueError("packets: expected a count")
    return Sent(
        packets=packets,
        family=family if family in FAMILIES else None,
        refused={
            key: str(name)[:16] for key, name in entry.get("refused", {}).items() if key in FAMILIES
        },
    )
