"""The recorder masks any text as accelnet does: its IP addresses are bytes, its Python may be 2."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnet_probes import instance_masks
from accelnet_probes.identities import Identities, is_id
from accelnet_probes.masks import Masks
from recorders import RECORDER, load, python_of

recorder = load()

HEX = "0123456789abcdefABCDEF"
digits = st.text(HEX, min_size=12, max_size=12)
guids = st.text("0123456789abcdef", min_size=32, max_size=32)


def spelled(value: str, sign: str) -> str:
    """A MAC's digits in pairs."""
    return sign.join(value[at : at + 2] for at in range(0, len(value), 2))


def dashed(value: str) -> str:
    """A GUID's digits in groups."""
    return "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))


def of_mac(mac: str) -> str:
    """A GUID made of a MAC, as netvsc's is on old hosts."""
    return dashed((mac * 3)[:32])


ipv4 = st.one_of(
    st.ip_addresses(v=4),
    st.sampled_from(
        ["169.254.169.254", "169.254.3.4", "127.0.0.1", "192.0.2.9", "10.0.0.4", "01.2.3.4"]
    ),
).map(str)
ipv6 = st.one_of(
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=6, network="fe80::/64").map(str),
    st.ip_addresses(v=6, network="2001:db8::/32").map(lambda address: address.exploded),
    st.text("0123456789abcdef:", max_size=24),
    st.sampled_from(["fe80::1", "fe80::20d:3aff:fef5:76bd", "::ffff:10.0.0.4", "1:2:3:4:5:6:7::"]),
)
words = st.one_of(
    st.sampled_from(
        ["srv1", "contoso.com", "caf\xe9", "masked-1", "mlx5", "12345678", "M\xfcller"]
    ),
    st.text(max_size=12),
)
pieces = st.one_of(
    digits,
    st.builds(spelled, digits, st.sampled_from([":", "-", ".", "_"])),
    digits.map(lambda mac: f"enx{mac}"),
    digits.map(of_mac),
    st.builds(lambda mac: f"f8615163-0001-1000-2000-{mac}", digits),
    st.builds(lambda guid, end: dashed(guid)[:end], guids, st.integers(9, 36)),
    guids,
    guids.map(lambda guid: f"UUID={dashed(guid)}"),
    ipv4,
    ipv6,
    words,
    st.sampled_from(
        [" ", ":", "-", ".", "/", " version ", "\n", "\xa0", "fe80::", "\xff", "%eth0"]
    ),
)
texts = st.lists(pieces, max_size=12).map("".join)
latin = texts.map(lambda text: text.encode("utf-8", "replace").decode("latin-1"))


def found_in(identities: Any, texts: list[str], names: list[str]) -> Any:
    """Identities, of either, that have looked through these."""
    for text in texts[:2]:
        identities.scan(text)
    devices = frozenset(identities.seen_guids)
    for text in texts[2:]:
        identities.scan(text)
        identities.scan_addresses(text)
        identities.scan_guids(text, devices)
    for number, name in enumerate(names):
        if isinstance(identities, Identities):
            identities.add_word(name, everywhere=bool(number % 2))
        else:
            identities.add_word(name, bool(number % 2))
        identities.add_address(name)
    return identities


@given(st.lists(latin, min_size=1, max_size=6), st.lists(words, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_text_is_masked_alike(samples: list[str], names: list[str]) -> None:
    """What is found, what is masked by what, and what stays."""
    theirs = found_in(Identities(), samples, names)
    ours = found_in(recorder.Identities(), samples, names)
    assert (ours.macs, ours.guids, ours.words) == (theirs.macs, theirs.guids, theirs.words)
    assert {recorder.written(one) for one in ours.ipv4} == {str(one) for one in theirs.ipv4}
    assert {ipaddress.IPv6Address(one) for one in ours.ipv6} == theirs.ipv6
    assert ours.taken == theirs.taken
    vocabulary = {"mlx5"}
    their, our = Masks(theirs, vocabulary), recorder.Masks(ours, vocabulary)
    for text in samples:
        assert our.ids(text) == their.ids(text)
        assert our.ids(text, True) == their.ids(text, fit=True)
        assert our.addresses(text) == their.addresses(text)
        assert our.words(text, True) == their.words(text, fit=True)
    for name in names:
        assert our.word(name) == their.word(name)
        raw = name.encode("utf-8", "replace")
        if len(raw) > 5:
            assert our.hardware_address(raw) == their.hardware_address(raw)


@given(st.one_of(ipv4, ipv6, pieces))
@settings(max_examples=300, deadline=None)
def test_an_id_is_told_alike(text: str) -> None:
    """By inet_pton(3) as by the ipaddress module."""
    assert recorder.is_id(text) == is_id(text)


def test_hundreds_of_addresses_have_the_same_masks() -> None:
    """Beyond the documentation's three networks, and those of a failed DHCP."""
    theirs, ours = Identities(), recorder.Identities()
    for number in range(1000):
        for prefix in ("10.1", "169.254", "198.18"):
            for found in (theirs, ours):
                found.add_address(f"{prefix}.{number >> 8}.{number & 255}")
    their, our = Masks(theirs, ()), recorder.Masks(ours, ())
    text = " ".join(str(address) for address in theirs.ipv4)
    assert our.addresses(text) == their.addresses(text)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(["name", "value", "macAddress", "vmId", "tags"]), words),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "compute": st.fixed_dictionaries(
            {},
            optional={
                "name": texts,
                "vmSize": texts,
                "tagsList": st.lists(
                    st.fixed_dictionaries(
                        {"name": st.sampled_from(["accelnet-expect", "Owner"])},
                        optional={"value": st.one_of(st.sampled_from(["on", " Off", "x"]), texts)},
                    ),
                    max_size=3,
                ),
                "osProfile": json_values,
            },
        ),
        "network": json_values,
    },
)


def masked_by_both(content: bytes) -> tuple[bytes, bytes]:
    """A document as accelnet masks it, and as the recorder does."""
    theirs, ours = Identities(), recorder.Identities()
    instance_masks.find(theirs, content)
    recorder._find_in_instance(ours, content)
    return (
        instance_masks.masked(content, Masks(theirs, ())),
        recorder.masked_instance(content, recorder.Masks(ours, ())),
    )


@given(st.one_of(documents, json_values))
@settings(max_examples=100, deadline=None)
def test_any_instance_metadata_is_masked_alike(document: Any) -> None:
    """Byte for byte, in the same order."""
    theirs, ours = masked_by_both(json.dumps(document).encode())
    assert ours == theirs


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b'{"a": "\xff"}', id="not-utf-8"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param(b"[" * 100_000, id="too-deep"),
        pytest.param(b'"' + b"x" * (1 << 20) + b'"', id="too-long"),
        pytest.param(b'{"a": "\\ud800 b"}', id="half-a-pair"),
    ],
)
def test_what_is_hardly_instance_metadata_is_masked_alike(content: bytes) -> None:
    """Whole, where it is none."""
    theirs, ours = masked_by_both(content)
    assert ours == theirs


SAMPLES = (
    "caf\xe9 00-0D-3A-F5-76-BD srv1.contoso.com fe80::20d:3aff:fef5:76bd 10.0.0.4 169.254.7.7",
    "UUID=8d10da13-8125-4ba9-a717-bf7490507b3d 000d3af5-76bd-000d-3af5-76bd000d3 2603:1030::a",
    "enx000d3af576bd f8615163-0001-1000-2000-6045bd12ab0f 6045bd12ab0f \xff\xa0 \xb2 srv1",
)
SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import accelnet_record as recorder
found = recorder.Identities()
samples = [bytes(bytearray(sample)).decode("latin-1") for sample in {samples!r}]
for sample in samples:
    found.scan(sample)
    found.scan_addresses(sample)
    found.scan_guids(sample, ())
for word in (b"srv1", b"caf\\xc3\\xa9", b"contoso.com"):
    found.add_word(word.decode("utf-8"), True)
masks = recorder.Masks(found, ())
for sample in samples:
    masked = masks.addresses(masks.ids(masks.words(sample)))
    print("".join("%02x" % byte for byte in bytearray(masked.encode("latin-1"))))
"""


@pytest.mark.parametrize("version", ["2.7", "3.4", "3.5", "3.6"])
def test_an_old_python_masks_alike(version: str) -> None:
    """Letters, blanks and digits are those of Unicode there too."""
    samples = [sample.encode().decode("latin-1") for sample in SAMPLES]
    found = Identities()
    for sample in samples:
        found.scan(sample)
        found.scan_addresses(sample)
        found.scan_guids(sample, ())
    for word in ("srv1", "caf\xe9", "contoso.com"):
        found.add_word(word, everywhere=True)
    masks = Masks(found, ())
    expected = [masks.addresses(masks.ids(masks.words(sample))) for sample in samples]
    listed = [list(sample.encode("latin-1")) for sample in samples]
    script = SCRIPT.format(folder=str(RECORDER.parent), samples=listed)
    ran = subprocess.run(
        [python_of(version), "-B", "-c", script], capture_output=True, text=True, check=True
    )
    assert [bytes.fromhex(line).decode("latin-1") for line in ran.stdout.split()] == expected
