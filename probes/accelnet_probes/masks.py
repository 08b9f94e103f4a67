"""Masks for what identifies a machine, wherever it stands and however it is written.

Masks are numbered in the order of the values that they stand for, so they sort
alike.  A mask is of the same kind as its value: an address stays an address,
fe80:: stays fe80::, a GUID made of a MAC is made of the MAC's mask.
"""

from __future__ import annotations

import ipaddress
import itertools
import re

from accelnet_probes.identities import (
    GUID,
    GUID_MASKS,
    IPV4_MASKS,
    IPV6,
    IPV6_MASKS,
    LINK_LOCAL_MASKS,
    MAC_MASKS,
    MORE_MAC_MASKS,
    digits_of,
    mac_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from accelnet_probes.identities import Identities

_CUT_GUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}(?:-[0-9a-f]{4}){0,2}(?:-[0-9a-f]{0,12})?(?![0-9a-f])",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<!\d)(?<!\d\.)(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)")
_MORE_IPV4_MASKS = ipaddress.IPv4Network("198.18.0.0/15")  # RFC 2544: for hundreds of addresses
_FAILED_DHCP_MASKS = ipaddress.IPv4Network("169.254.200.0/24")
_WORD_LENGTHS = range(3, 129)  # shorter ones are found in anything


class Masks:
    """One mask for each identity, and texts with the masks in place."""

    def __init__(self, found: Identities, vocabulary: Container[str]) -> None:
        """`vocabulary`: words that texts need, which stay there even if a host is called so."""
        self._macs = _numbered(found.macs, _mac_masks(), found.taken)
        guids = _numbered(found.guids, _guid_masks(), found.taken)
        self._guids = {**{_swapped(old): _swapped(new) for old, new in guids.items()}, **guids}
        words = _numbered(found.words, _word_masks(), found.taken)
        self._words = {**words, **{_latin(word).lower(): mask for word, mask in words.items()}}
        self._ipv4 = _ipv4_masks(found)
        self._ipv6 = {
            address: str(mask) for address, mask in _ipv6_masks(found, self._macs).items()
        }
        self._whole_guids = {old: self._in_guid(old) for old in sorted(found.seen_guids)}
        self._mac_pattern = _any_of(
            _spelled(digits) for mac in self._macs for digits in (mac, _eui(mac, 2), _eui(mac, 0))
        )
        self._word_pattern = _any_of(
            _bounded(word)
            for word in sorted(words, key=len, reverse=True)
            if found.words[word] and len(word) in _WORD_LENGTHS
            if not word.isdigit() and word not in vocabulary
        )

    def word(self, text: str) -> str:
        """The mask of a whole value; the value itself where it is none of the words."""
        return self._words.get(text.lower(), text)

    def ids(self, text: str, *, fit: bool = False) -> str:
        """`text` with MACs, GUIDs and IPv6 addresses masked; `fit`: and as long as before."""
        text = GUID.sub(lambda match: _spell(match[0], self._in_guid(digits_of(match[0]))), text)
        text = _CUT_GUID.sub(lambda match: self._cut_guid(match[0]), text)
        text = IPV6.sub(lambda match: _put(match[0], self._ipv6_text(match[0]), fit=fit), text)
        return self._mac_pattern.sub(lambda match: self._mac_text(match[0]), text)

    def addresses(self, text: str, *, fit: bool = False) -> str:
        """`text` with IPv4 addresses masked."""
        return _IPV4.sub(
            lambda match: _put(match[0], self._ipv4.get(match[0], match[0]), fit=fit), text
        )

    def words(self, text: str, *, fit: bool = False) -> str:
        """`text` with names masked."""
        return self._word_pattern.sub(
            lambda match: _put(match[0], self.word(match[0]), fit=fit), text
        )

    def hardware_address(self, raw: bytes) -> bytes:
        """A MAC's bytes masked; of a longer address (InfiniBand's) the MAC that is in it."""
        mac = mac_of(raw[-8:]) if len(raw) > 6 else None
        if mac in self._macs:
            return raw[:-8] + bytes.fromhex(_eui(self._macs[mac], 2))
        return raw[:-6] + bytes.fromhex(self._macs.get(raw[-6:].hex(), raw[-6:].hex()))

    def _mac_text(self, text: str) -> str:
        digits = digits_of(text)
        if digits in self._macs:
            return _spell(text, self._macs[digits])
        for flip in (2, 0):  # an EUI-64
            mac = f"{int(digits[:2], 16) ^ flip:02x}{digits[2:6]}{digits[10:]}"
            if mac in self._macs:
                return _spell(text, _eui(self._macs[mac], flip))
        return text

    def _in_guid(self, digits: str) -> str:
        if digits in self._guids:
            return self._guids[digits]
        address = self._ipv6.get(ipaddress.IPv6Address(int(digits, 16)))
        if address is not None:  # /proc/net/if_inet6 writes them so
            return f"{int(ipaddress.IPv6Address(address)):032x}"
        for turned in (str, _swapped):
            mac = turned(digits)[:12]
            if mac in self._macs and turned(digits) == (mac * 3)[:32]:
                return turned((self._macs[mac] * 3)[:32])
        return digits[:20] + self._macs.get(digits[20:], digits[20:])

    def _cut_guid(self, text: str) -> str:
        """The beginning of a GUID: ethtool's bus_info holds 31 characters of it."""
        digits = digits_of(text)
        mac = digits[:12]
        if len(digits) >= 32:
            return text
        if mac in self._macs and (mac * 3).startswith(digits):
            return _spell(text, (self._macs[mac] * 3)[: len(digits)])
        for whole, masked in self._whole_guids.items():
            if whole.startswith(digits):
                return _spell(text, masked[: len(digits)])
        for mac, mask in self._macs.items():
            if digits[12:20] == "10002000" and mac.startswith(digits[20:]):
                return _spell(text, digits[:20] + mask[: len(digits) - 20])
        return text

    def _ipv6_text(self, text: str) -> str:
        for shown, rest in ((text, ""), (text.removesuffix(":"), ":")):
            try:
                return self._ipv6[ipaddress.IPv6Address(shown)] + rest
            except (ValueError, KeyError):
                continue
        return text


def _mac_masks() -> Iterator[str]:
    yield from (f"{MAC_MASKS}{number:02x}" for number in range(1, 256))
    yield from (f"{MORE_MAC_MASKS}{number:06x}" for number in range(1 << 24))


def _guid_masks() -> Iterator[str]:
    return (f"{GUID_MASKS}{number:012x}" for number in itertools.count(1))


def _word_masks() -> Iterator[str]:
    return (f"masked-{number}" for number in itertools.count(1))


def _ipv4_masks(found: Identities) -> dict[str, str]:
    hosts = (network.hosts() for network in [*IPV4_MASKS, _MORE_IPV4_MASKS])
    taken = found.taken | {str(address) for address in found.ipv4}
    free = _free(map(str, itertools.chain.from_iterable(hosts)), taken)
    # What a failed DHCP leaves stays recognisable.
    failed = itertools.chain(_free(map(str, _FAILED_DHCP_MASKS.hosts()), taken), free)
    return {
        str(address): next(failed if address.is_link_local else free)
        for address in sorted(found.ipv4)
    }


def _ipv6_masks(
    found: Identities, macs: dict[str, str]
) -> dict[ipaddress.IPv6Address, ipaddress.IPv6Address]:
    masks: dict[ipaddress.IPv6Address, ipaddress.IPv6Address] = {}
    numbers = {network: itertools.count(1) for network in (IPV6_MASKS, LINK_LOCAL_MASKS)}
    for address in sorted(found.ipv6):
        mac = mac_of(address.packed[8:]) if address.is_link_local else None
        if mac in macs:
            masks[address] = ipaddress.IPv6Address((0xFE80 << 112) + int(_eui(macs[mac], 2), 16))
            continue
        network = LINK_LOCAL_MASKS if address.is_link_local else IPV6_MASKS
        candidates = (network[number] for number in numbers[network])
        masks[address] = next(mask for mask in candidates if str(mask) not in found.taken)
    return masks


def _numbered(values: Iterable[str], masks: Iterator[str], taken: Container[str]) -> dict[str, str]:
    return dict(zip(sorted(values), _free(masks, taken), strict=False))


def _free(masks: Iterator[str], taken: Container[str]) -> Iterator[str]:
    return (mask for mask in masks if mask not in taken)


def _swapped(guid: str) -> str:
    """A GUID's digits as SMBIOS stores them: the first three groups turned round."""
    raw = bytes.fromhex(guid)
    return (raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]).hex()


def _eui(mac: str, flip: int) -> str:
    """The digits of a MAC's EUI-64: modified (flip 2) as in IPv6, or plain (0)."""
    return f"{int(mac[:2], 16) ^ flip:02x}{mac[2:6]}fffe{mac[6:]}"


def _spelled(digits: str) -> str:
    """A pattern for these digits, in pairs with or without a sign between them."""
    pattern = "[-:._ ]?".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    # One that begins with zeros alone would be found in the midst of other numbers.
    return rf"(?<![0-9a-f]){pattern}(?![0-9a-f])" if digits.startswith("000000") else pattern


def _spell(text: str, digits: str) -> str:
    """`text` with its hex digits exchanged for `digits`; its signs and its case are kept."""
    left = iter(digits.upper() if any(sign in "ABCDEF" for sign in text) else digits)
    return "".join(next(left) if sign in "0123456789abcdefABCDEF" else sign for sign in text)


def _latin(word: str) -> str:
    """A word as it is found in UTF-8 that was decoded as Latin-1."""
    return word.encode("utf-8", "surrogatepass").decode("latin-1")


def _bounded(word: str) -> str:
    """A pattern for a word that is not part of a longer one; "cafe" is not that of fe80::cafe."""
    beside = "[a-z0-9:.-]" if digits_of(word) == word else "[a-z0-9]"
    return f"(?<!{beside}){re.escape(_latin(word))}(?!{beside})"


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)


def _put(old: str, new: str, *, fit: bool) -> str:
    return new[: len(old)].ljust(len(old), "x") if fit and new != old else new
