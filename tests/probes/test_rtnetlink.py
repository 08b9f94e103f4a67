"""rtnetlink: links and addresses, decoded from any bytes and asked of a kernel."""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import (  # pyright: ignore[reportMissingTypeStubs]
    ifinfmsg,
)

from accelnet_probes import rtnetlink
from accelnet_probes.rtnetlink import (
    IFA_ADDRESS,
    IFA_LOCAL,
    IFLA_ADDRESS,
    IFLA_CARRIER_DOWN_COUNT,
    IFLA_CARRIER_UP_COUNT,
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_PERM_ADDRESS,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    Link,
    RouteSocket,
    decode_address,
    decode_link,
    messages,
)
from namespaces import Namespace, a_pair, as_nobody, live

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

AF_BRIDGE = 7  # <linux/socket.h>
INFO_SLAVE_KIND = 4  # <linux/if_link.h>
NESTED = 0x8000  # NLA_F_NESTED
UP, LOWER_UP = 0x1, 0x10000

# --- encoders, as the kernel writes --------------------------------------------------------------


def _attribute(kind: int, value: bytes) -> bytes:
    """struct rtattr."""
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _link(index: int, flags: int, *attributes: bytes, family: int = 0) -> bytes:
    """struct ifinfomsg of an Ethernet device, and its attributes."""
    return struct.pack("=BxHiII", family, 1, index, flags, 0) + b"".join(attributes)


def _address(index: int, family: int, prefix: int, *attributes: bytes) -> bytes:
    """struct ifaddrmsg and its attributes."""
    return struct.pack("=BBBBI", family, prefix, 0, 0, index) + b"".join(attributes)


def _message(kind: int, body: bytes, *, flags: int = 0, sequence: int = 1) -> bytes:
    """struct nlmsghdr and what belongs to it."""
    head = struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0)
    return head + body + bytes(-len(body) % 4)


def _u32(number: int) -> bytes:
    return struct.pack("=I", number)


def _error(number: int) -> bytes:
    """What struct nlmsgerr, and the end of a dump, begin with."""
    return struct.pack("=i", -number)


NAME = _attribute(IFLA_IFNAME, b"enP1s1\0")
VF = _link(
    7,
    UP | LOWER_UP | 0x800,
    _attribute(0x1234, b"what no header of ours names"),
    NAME,
    _attribute(IFLA_ADDRESS, bytes.fromhex("000d3a112233")),
    _attribute(IFLA_PERM_ADDRESS, bytes.fromhex("000d3a112244")),
    _attribute(IFLA_MASTER, _u32(2)),
    _attribute(IFLA_CARRIER_UP_COUNT, _u32(3)),
    _attribute(IFLA_CARRIER_DOWN_COUNT, _u32(4)),
)

# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [False, True])
def test_a_link_as_a_whole(gone: bool) -> None:
    """Each attribute in its field; RTM_DELLINK says the same of a link that is gone."""
    assert decode_link(VF, gone=gone) == [
        Link(
            ifindex=7,
            name="enP1s1",
            flags=UP | LOWER_UP | 0x800,
            mac="00:0d:3a:11:22:33",
            permanent_mac="00:0d:3a:11:22:44",
            master=2,
            carrier_up=3,
            carrier_down=4,
            gone=gone,
        )
    ]


def test_what_an_old_kernel_does_not_say_is_none() -> None:
    """3.10 has neither carrier counts nor the permanent address."""
    assert decode_link(_link(7, 0, NAME), gone=False) == [Link(ifindex=7, name="enP1s1", flags=0)]


def test_a_bridge_that_lets_a_port_go_does_not_end_the_link() -> None:
    """br_ifinfo_notify tells of ports by RTM_DELLINK too, of family AF_BRIDGE."""
    assert decode_link(_link(7, UP, NAME, family=AF_BRIDGE), gone=True) == []


@pytest.mark.parametrize("length", range(16))
def test_less_than_a_header_is_no_link(length: int) -> None:
    """struct ifinfomsg has 16 bytes."""
    assert decode_link(VF[:length], gone=False) == []


@pytest.mark.parametrize(
    ("flags", "runs"),
    [
        pytest.param(UP | LOWER_UP, True, id="up-with-carrier"),
        pytest.param(UP, False, id="no-carrier"),
        pytest.param(LOWER_UP, False, id="down"),
        pytest.param(0, False, id="neither"),
        pytest.param(UP | LOWER_UP | 0x1800, True, id="whatever-else"),
    ],
)
def test_a_link_runs_where_it_is_up_with_a_carrier(flags: int, runs: bool) -> None:
    """As netvsc_start_xmit asks before it sends by a VF."""
    assert Link(ifindex=7, name="enP1s1", flags=flags).is_running is runs


@pytest.mark.parametrize(
    ("info", "is_virtual"),
    [
        pytest.param(_attribute(IFLA_INFO_KIND, b"veth\0"), True, id="veth"),
        pytest.param(
            _attribute(IFLA_INFO_KIND, b"veth\0") + _attribute(INFO_SLAVE_KIND, b"bridge\0"),
            True,
            id="veth-in-a-bridge",
        ),
        pytest.param(_attribute(INFO_SLAVE_KIND, b"bond\0"), False, id="hardware-in-a-bond"),
        pytest.param(b"", False, id="empty"),
    ],
)
@pytest.mark.parametrize("bits", [0, NESTED])
def test_only_what_has_a_kind_is_virtual(info: bytes, is_virtual: bool, bits: int) -> None:
    """Hardware that is enslaved has IFLA_LINKINFO too: what it is to its master."""
    body = _link(7, UP, NAME, _attribute(IFLA_LINKINFO | bits, info))
    assert [link.is_virtual for link in decode_link(body, gone=False)] == [is_virtual]


@pytest.mark.parametrize("raw", [b"", b"\1", b"\1\0\0", b"\1\0\0\0\0\0\0\0"])
def test_a_count_of_another_size_is_none(raw: bytes) -> None:
    """Not a number made of what is there."""
    kinds = (IFLA_MASTER, IFLA_CARRIER_UP_COUNT, IFLA_CARRIER_DOWN_COUNT)
    body = _link(7, UP, NAME, *(_attribute(kind, raw) for kind in kinds))
    assert decode_link(body, gone=False) == [Link(ifindex=7, name="enP1s1", flags=UP)]


@pytest.mark.parametrize("raw", [b"", bytes(6), bytes(20)])
def test_an_address_of_zeros_is_none(raw: bytes) -> None:
    """A loopback has one, and it identifies nothing."""
    body = _link(1, UP, NAME, _attribute(IFLA_ADDRESS, raw), _attribute(IFLA_PERM_ADDRESS, raw))
    (link,) = decode_link(body, gone=False)
    assert (link.mac, link.permanent_mac) == (None, None)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        pytest.param(b"eth0\0", "eth0", id="plain"),
        pytest.param(b"eth0\0rest\0", "eth0", id="ends-at-its-nul"),
        pytest.param(b"fifteen-letters", "fifteen-letters", id="no-nul"),
        pytest.param("né0\0".encode(), "né0", id="utf-8"),
        pytest.param(b"e\xff\0", "e\udcff", id="as-listdir-has-it"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_a_name_is_that_of_the_listing(raw: bytes, name: str) -> None:
    """Any byte may be in one; two names that differ in such a byte are two."""
    (link,) = decode_link(_link(7, UP, _attribute(IFLA_IFNAME, raw)), gone=False)
    assert link.name == name


# --- addresses -----------------------------------------------------------------------------------

FOUR, SIX = bytes([10, 0, 0, 4]), bytes.fromhex("fd000000000000000000000000000004")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(
            _address(2, socket.AF_INET, 24, _attribute(IFA_LOCAL, FOUR)),
            [(2, "10.0.0.4/24")],
            id="ipv4",
        ),
        pytest.param(
            _address(
                2,
                socket.AF_INET,
                32,
                _attribute(IFA_ADDRESS, bytes([10, 0, 0, 9])),
                _attribute(IFA_LOCAL, FOUR),
            ),
            [(2, "10.0.0.4/32")],
            id="point-to-point",
        ),
        pytest.param(
            _address(3, socket.AF_INET6, 64, _attribute(IFA_ADDRESS, SIX)),
            [(3, "fd00::4/64")],
            id="ipv6",
        ),
        pytest.param(_address(2, 17, 8, _attribute(IFA_LOCAL, FOUR)), [], id="another-family"),
        pytest.param(_address(2, socket.AF_INET, 24), [], id="no-address"),
        pytest.param(
            _address(2, socket.AF_INET, 24, _attribute(IFA_LOCAL, SIX)), [], id="another-size"
        ),
        pytest.param(bytes(7), [], id="less-than-a-header"),
    ],
)
def test_an_address(body: bytes, found: list[tuple[int, str]]) -> None:
    """One message, one address; of what it does not know, none."""
    assert decode_address(body) == found


# --- messages ------------------------------------------------------------------------------------


def test_a_datagram_has_several_messages() -> None:
    """Each begins at a multiple of four."""
    datagram = _message(16, b"abc", flags=2) + _message(17, b"") + _message(3, bytes(4))
    assert list(messages(datagram)) == [(16, 2, b"abc"), (17, 0, b""), (3, 0, bytes(4))]


def test_a_message_that_is_cut_off_is_what_there_is_of_it() -> None:
    """Nothing is made up, and nothing follows."""
    assert list(messages(_message(16, b"abcdefgh")[:-5])) == [(16, 0, b"abc")]


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_length_below_the_header_does_not_stop_the_reader(length: int) -> None:
    """It goes on behind the header, and so comes to an end."""
    datagram = struct.pack("=IHHII", length, 16, 0, 0, 0) * 3
    assert list(messages(datagram)) == [(16, 0, b"")] * 3


# --- properties ----------------------------------------------------------------------------------


@given(st.binary(max_size=512))
def test_any_bytes_are_read_to_their_end(raw: bytes) -> None:
    """No exception, no message without its 16 bytes of header, no link or address twice."""
    assert len(list(messages(raw))) <= len(raw) // 16
    assert len(decode_link(raw, gone=False)) <= 1
    assert len(decode_address(raw)) <= 1


KINDS = st.sampled_from(
    [
        IFLA_ADDRESS,
        IFLA_IFNAME,
        IFLA_MASTER,
        IFLA_LINKINFO,
        IFLA_CARRIER_UP_COUNT,
        IFLA_CARRIER_DOWN_COUNT,
        IFLA_PERM_ADDRESS,
    ]
)


@given(st.lists(st.tuples(KINDS, st.binary(max_size=40), st.integers(0, 0xFFFF)), max_size=12))
def test_attributes_of_any_content_are_a_link(parts: list[tuple[int, bytes, int]]) -> None:
    """Right kinds, wrong sizes, lengths that lie: one link, whose text can be printed."""
    lying = [struct.pack("=HH", length, kind) + raw for kind, raw, length in parts]
    for attributes in (lying, [_attribute(kind, raw) for kind, raw, _ in parts]):
        (link,) = decode_link(_link(7, UP, *attributes), gone=True)
        assert (link.ifindex, link.flags, link.gone) == (7, UP, True)
        link.name.encode("utf-8", "surrogateescape")


# --- one interface's answers ---------------------------------------------------------------------


@contextmanager
def _answered(*replies: bytes) -> Generator[RouteSocket]:
    """A RouteSocket that these datagrams wait for, in place of a kernel's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        for reply in replies:
            theirs.send(reply)
        ours.settimeout(10)
        route = RouteSocket()
        route._socket.close()
        route._socket = ours
        yield route


def _listed(*addresses: bytes, sequence: int = 1, flags: int = 0) -> bytes:
    return b"".join(
        _message(RTM_NEWADDR, body, sequence=sequence, flags=flags) for body in addresses
    )


def _done(number: int = 0, *, sequence: int = 1, flags: int = 0) -> bytes:
    return _message(NLMSG_DONE, _error(number), sequence=sequence, flags=flags)


ADDRESS = _address(7, socket.AF_INET, 24, _attribute(IFA_LOCAL, FOUR))
SECOND = _address(7, socket.AF_INET6, 64, _attribute(IFA_ADDRESS, SIX))


def test_a_link_is_the_body_of_its_message() -> None:
    """As the kernel sent it: whoever asked decodes it."""
    with _answered(_message(RTM_NEWLINK, VF)) as route:
        assert route.link(7) == VF


def test_what_is_left_of_an_earlier_question_is_passed_over() -> None:
    """Its number is another."""
    late = _message(RTM_NEWLINK, _link(3, UP), sequence=0)
    with _answered(late, _done(sequence=0), _message(RTM_NEWLINK, VF)) as route:
        assert route.link(7) == VF


def test_a_link_that_is_not_there_is_none() -> None:
    """ENODEV is an answer."""
    with _answered(_message(NLMSG_ERROR, _error(errno.ENODEV))) as route:
        assert route.link(7) is None


def test_an_answer_without_a_link_is_none() -> None:
    """Nothing is made up."""
    with _answered(_message(RTM_NEWADDR, VF)) as route:
        assert route.link(7) is None


@pytest.mark.parametrize(
    ("body", "number"),
    [
        pytest.param(_error(errno.EPERM), errno.EPERM, id="refused"),
        pytest.param(b"", errno.EIO, id="cut-off"),
        pytest.param(bytes(4), errno.EIO, id="no-errno"),
    ],
)
def test_a_refused_link_is_an_error(body: bytes, number: int) -> None:
    """With the kernel's errno, where it gave one."""
    with (
        _answered(_message(NLMSG_ERROR, body)) as route,
        pytest.raises(OSError, match="RTM_GETLINK") as raised,
    ):
        route.link(7)
    assert raised.value.errno == number


def test_addresses_may_come_in_several_datagrams() -> None:
    """Until the kernel says that it is done."""
    with _answered(_listed(ADDRESS), _listed(SECOND) + _done()) as route:
        assert route.addresses([7]) == [(7, "10.0.0.4/24"), (7, "fd00::4/64")]


@pytest.mark.parametrize("kind", [NLMSG_DONE, NLMSG_ERROR])
def test_an_interface_that_is_gone_has_no_addresses(kind: int) -> None:
    """ENODEV, which a dump that is refused says as it ends; the others are asked on."""
    gone = _message(kind, _error(errno.ENODEV))
    with _answered(gone, _listed(SECOND, sequence=2) + _done(sequence=2)) as route:
        assert route.addresses([7, 8]) == [(7, "fd00::4/64")]


@pytest.mark.parametrize("kind", [NLMSG_DONE, NLMSG_ERROR])
def test_addresses_that_were_refused_are_not_no_addresses(kind: int) -> None:
    """A dump that breaks off ends with NLMSG_DONE like one that is whole, but for its errno."""
    with (
        _answered(_listed(ADDRESS) + _message(kind, _error(errno.EINVAL))) as route,
        pytest.raises(OSError, match="RTM_GETADDR") as raised,
    ):
        route.addresses([7])
    assert raised.value.errno == errno.EINVAL


@pytest.mark.parametrize("at", ["address", "end"])
def test_addresses_that_changed_meanwhile_did_not_settle(at: str) -> None:
    """NLM_F_DUMP_INTR."""
    flags = {"address": 0, "end": 0, at: NLM_F_DUMP_INTR}
    reply = _listed(ADDRESS, flags=flags["address"]) + _done(flags=flags["end"])
    with _answered(reply) as route, pytest.raises(BlockingIOError):
        route.addresses([7])


# --- a kernel ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """Links of many kinds, with addresses."""
    with a_pair("rtnetlink") as found:
        for command in (
            "link set lo up",
            "link set v0 up",
            "link set v1 up address 02:00:00:00:00:01",
            "address add 10.9.0.4/24 dev v0",
            "address add fd00::4/64 dev v0",
            "address add 10.9.2.1 peer 10.9.2.2/32 dev v1",
        ):
            found.ip(*command.split())
        for command in (  # where the kernel has such
            "link add br0 type bridge",
            "link set v1 master br0",
            "link add link v0 name v0.7 type vlan id 7",
            "link add d0 type dummy",
            "link add i0 type ifb",
        ):
            try:
                found.ip(*command.split())
            except AssertionError as error:
                print(error)
        yield found


def _dumped() -> list[bytes]:
    """The body of each RTM_NEWLINK of a dump."""
    return rtnetlink._dump("RTM_GETLINK", RTM_GETLINK, bytes(16), RTM_NEWLINK, lambda body: [body])


def _by_pyroute2(body: bytes) -> Link:
    """What pyroute2's own parser finds in it."""
    message: Any = ifinfmsg(_message(RTM_NEWLINK, body))
    message.decode()
    macs = {
        name: mac if mac not in (None, "00:00:00:00:00:00") else None
        for name in ("IFLA_ADDRESS", "IFLA_PERM_ADDRESS")
        for mac in [message.get_attr(name)]
    }
    return Link(
        ifindex=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        flags=message["flags"],
        mac=macs["IFLA_ADDRESS"],
        permanent_mac=macs["IFLA_PERM_ADDRESS"],
        master=message.get_attr("IFLA_MASTER"),
        is_virtual=message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") is not None,
        carrier_up=message.get_attr("IFLA_CARRIER_UP_COUNT"),
        carrier_down=message.get_attr("IFLA_CARRIER_DOWN_COUNT"),
    )


@live
def test_links_are_those_of_pyroute2(namespace: Namespace) -> None:
    """Loopback, veth, and whatever else this kernel can make, up and down, with masters."""
    bodies = namespace.inside(_dumped)
    links = [link for body in bodies for link in decode_link(body, gone=False)]
    assert links == [_by_pyroute2(body) for body in bodies]
    named = {link.name: link for link in links}
    assert {"lo", "v0", "v1"} <= named.keys()
    assert named["v1"].mac == "02:00:00:00:00:01"
    assert (named["v0"].is_running, named["v0"].is_virtual, named["lo"].is_virtual) == (
        True,
        True,
        False,
    )
    assert isinstance(named["v0"].carrier_up, int)
    if "br0" in named:
        assert named["v1"].master == named["br0"].ifindex


@live
def test_this_machines_links_are_those_of_pyroute2() -> None:
    """Its hardware too."""
    bodies = _dumped()
    found = [link for body in bodies for link in decode_link(body, gone=False)]
    assert found == [_by_pyroute2(body) for body in bodies]


def _index(name: str) -> int:
    return socket.if_nametoindex(name)


@contextmanager
def _route() -> Generator[RouteSocket]:
    route = RouteSocket()
    try:
        yield route
    finally:
        route._socket.close()


@live
def test_each_link_can_be_asked_for_by_itself(namespace: Namespace) -> None:
    """The same as in the dump; one that is not there is none."""

    def ask() -> tuple[list[Link], list[Link], bytes | None]:
        dumped = [link for body in _dumped() for link in decode_link(body, gone=False)]
        with _route() as route:
            asked = [
                link
                for known in dumped
                for link in decode_link(route.link(known.ifindex) or b"", gone=False)
            ]
            return dumped, asked, route.link(99_999)

    dumped, asked, missing = namespace.inside(ask)
    assert asked == dumped
    assert missing is None


@live
@pytest.mark.parametrize("filters", [True, False], ids=["strict-checking", "before-4.20"])
def test_addresses_of_some_interfaces_are_those_of_all_filtered(
    namespace: Namespace, filters: bool
) -> None:
    """Whether the kernel filters or we do; one that is not there has none."""

    def ask() -> tuple[list[tuple[int, str]], list[tuple[int, str]], list[tuple[int, str]]]:
        wanted = [_index("v0"), _index("lo"), 99_999]
        with _route() as route:
            assert route._filters  # of a kernel that the tests run on
            route._filters = filters
            every = rtnetlink.addresses()
            some = [found for found in every if found[0] in wanted]
            return every, some, route.addresses(wanted)

    every, some, found = namespace.inside(ask)
    assert sorted(found) == sorted(some)
    assert len(every) > len(some) >= 3


@live
def test_the_kernel_says_at_the_end_why_it_lists_nothing(namespace: Namespace) -> None:
    """NLMSG_DONE with EINVAL, for a request that strict checking does not let through."""

    def ask() -> int | None:
        with _route() as route:
            request = struct.pack("=BBBBI", 0, 24, 0, 0, 1)  # a prefix's length means nothing here
            route._send(rtnetlink.RTM_GETADDR, 0x301, request)
            try:
                route._receive("RTM_GETADDR", RTM_NEWADDR, decode_address)
            except OSError as error:
                return error.errno
            return None

    assert namespace.inside(ask) == errno.EINVAL


@live
def test_an_unprivileged_user_is_answered_the_same(namespace: Namespace) -> None:
    """No capability is needed."""

    def ask() -> tuple[list[Link], list[tuple[int, str]]]:
        index = _index("v0")
        with _route() as route:
            links = decode_link(route.link(index) or b"", gone=False)
            return links, route.addresses([index])

    answered = namespace.inside(ask)
    assert namespace.inside(lambda: as_nobody(ask)) == answered
    assert len(answered[1]) >= 2
