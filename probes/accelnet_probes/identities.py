"""What identifies a machine: found in its texts, for `--redact` to mask.

Texts are bytes decoded as Latin-1, so any file can be searched.  What is
already a mask (masks.py) is no secret, and is kept: redacting twice changes
nothing.
"""

from __future__ import annotations

import ipaddress
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

_I = re.IGNORECASE
GUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-f])",
    _I,
)
IPV6 = re.compile(r"(?<![0-9a-z])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![0-9a-z])", _I)
_OCTETS = re.compile(
    r"(?<![0-9a-f])(?<![0-9a-f][:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4,}(?![0-9a-f])",
    _I,
)
_IN_A_NAME = re.compile(r"(?:enx|wlx|wwx)([0-9a-f]{12})(?![0-9a-z])", _I)  # systemd.net-naming(7)
_LABELLED = re.compile(r"UUID=[\"']?([0-9a-f-]{32,36})", _I)
# Standing by itself, and not said to be a version: 6.6.144.1-1.azl3 is a kernel.
_LONE_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_VERSION = re.compile(r"(?:version|firmware|release|fw|rev)\W{0,3}$", _I)

# Ranges that documentation reserves: a mask is never taken for a real one.
MAC_MASKS, MORE_MAC_MASKS = "00005e0053", "02005e"  # RFC 9542, 2.1.2; then locally administered
GUID_MASKS = "00000000000040008000"
IPV4_MASKS = [  # RFC 5737
    ipaddress.IPv4Network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]
IPV6_MASKS = ipaddress.IPv6Network("2001:db8::/32")  # RFC 3849
LINK_LOCAL_MASKS = ipaddress.IPv6Network("fe80::db8:0:0/96")
WORD_MASK = re.compile(r"masked-\d+")
# The instance metadata service and the platform's own address: alike on every Azure VM.
_OF_AZURE = {ipaddress.IPv4Address(text) for text in ("169.254.169.254", "168.63.129.16")}
_UNICAST = [ipaddress.IPv6Network(text) for text in ("2000::/3", "fc00::/7", "fe80::/10")]
_EVERYONES = ipaddress.IPv6Network("fe80::/112")  # fe80::1 is a gateway's


def digits_of(text: str) -> str:
    """The hex digits alone, in lower case."""
    return re.sub(r"[^0-9a-f]", "", text.lower())


def mac_of(interface_id: bytes) -> str | None:
    """The digits of the MAC that a modified EUI-64 was made of (RFC 4291, appendix A)."""
    if interface_id[3:5] != b"\xff\xfe":
        return None
    return (bytes([interface_id[0] ^ 2]) + interface_id[1:3] + interface_id[5:]).hex()


def is_id(text: str) -> bool:
    """Whether a value is nothing but a MAC, a GUID or an IP address."""
    if re.fullmatch(r"[0-9a-fA-F:.{}-]+", text) and len(digits_of(text)) in (12, 32):
        return True
    try:
        ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


class Identities:
    """Everything that identifies the machine, as it is found."""

    def __init__(self) -> None:
        self.macs: set[str] = set()  # 12 digits
        self.guids: set[str] = set()  # 32 digits, of those that are secret
        self.seen_guids: set[str] = set()  # of all
        self.ipv4: set[ipaddress.IPv4Address] = set()
        self.ipv6: set[ipaddress.IPv6Address] = set()
        self.words: dict[str, bool] = {}  # lower case; whether it is masked within texts too
        self.taken: set[str] = set()  # what is a mask already

    def add_mac(self, digits: str) -> None:
        """Add a MAC's 12 digits."""
        if digits.startswith((MAC_MASKS, MORE_MAC_MASKS)):
            self.taken.add(digits)
        elif digits not in ("0" * 12, "f" * 12):
            self.macs.add(digits)

    def add_guid(self, text: str) -> None:
        """Add a GUID that is secret, however it is written."""
        digits = digits_of(text)
        if digits.startswith(GUID_MASKS):
            self.taken.add(digits)
        elif len(digits) == 32 and digits.strip("0"):
            self.guids.add(digits)

    def add_word(self, text: str, *, everywhere: bool) -> None:
        """Add a value that is masked whole; `everywhere`: within other texts as well."""
        word = text.lower()
        if WORD_MASK.fullmatch(word):
            self.taken.add(word)
        elif word:
            self.words[word] = self.words.get(word, False) or everywhere

    def add_address(self, text: str) -> None:
        """Add an IP address, with or without its prefix length; other texts are passed over."""
        try:
            address = ipaddress.ip_address(text.partition("/")[0].partition("%")[0])
        except ValueError:
            return
        if isinstance(address, ipaddress.IPv4Address):
            self._add_ipv4(address)
        else:
            self._add_ipv6(address)

    def _add_ipv4(self, address: ipaddress.IPv4Address) -> None:
        if any(address in network for network in IPV4_MASKS):
            self.taken.add(str(address))
        elif not (
            address.is_loopback
            or address.is_multicast
            or address in _OF_AZURE
            or address.packed[0] in (0, 255)  # unspecified; netmasks and broadcast
        ):
            self.ipv4.add(address)

    def _add_ipv6(self, address: ipaddress.IPv6Address) -> None:
        mac = mac_of(address.packed[8:])
        if not any(address in network for network in _UNICAST) or address in _EVERYONES:
            return
        if address in IPV6_MASKS or address in LINK_LOCAL_MASKS:
            self.taken.add(str(address))
            return
        if mac is not None:
            self.add_mac(mac)
        if not (address.is_link_local and mac in self.taken):
            self.ipv6.add(address)

    def scan(self, text: str) -> None:
        """Find MACs, alone, in names and in GUIDs: they are told by their shape in any text."""
        for match in _OCTETS.finditer(text):
            self._add_octets(bytes.fromhex(digits_of(match[0])))
        for match in _IN_A_NAME.finditer(text):
            self.add_mac(match[1].lower())
        for match in GUID.finditer(text):
            digits = digits_of(match[0])
            self.seen_guids.add(digits)
            if digits == (digits[:12] * 3)[:32]:  # netvsc's on old hosts
                self.add_mac(digits[:12])
            elif digits.startswith("f8615163") and digits[12:20] == "10002000":  # on newer ones
                self.add_mac(digits[20:])

    def _add_octets(self, octets: bytes) -> None:
        if len(octets) == 14:  # netfilter logs an Ethernet header: two MACs and a protocol
            self.add_mac(octets[:6].hex())
            self.add_mac(octets[6:12].hex())
        else:  # of an EUI-64, and of InfiniBand's 20 octets, the MAC in it or the last six
            self.add_mac((len(octets) > 6 and mac_of(octets[-8:])) or octets[-6:].hex())

    def scan_addresses(self, text: str) -> None:
        """Find IP addresses and labelled UUIDs, in texts where few other things look like them."""
        for match in _LONE_IPV4.finditer(text):
            if not _VERSION.search(text[max(0, match.start() - 12) : match.start()]):
                self.add_address(match[0])
        for match in IPV6.finditer(text):
            self.add_address(match[0])
            self.add_address(match[0].removesuffix(":"))
        for match in _LABELLED.finditer(text):
            self.add_guid(match[1])

    def scan_guids(self, text: str, known: Container[str]) -> None:
        """Find every GUID and 128-bit id but the `known` ones."""
        for match in GUID.finditer(text):
            if digits_of(match[0]) not in known:
                self.add_guid(match[0])
