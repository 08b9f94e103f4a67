"""instance: the metadata document, and all that is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes.instance import MAX_BODY, decode
from accelnet_probes.snapshot import Gap, Instance, Interface

NOT_JSON = Gap(asked=True, why="IMDS: its answer is not JSON")
NO_COMPUTE = Gap(asked=True, why="IMDS: its answer has no compute object")


def _body(compute: object = None, network: object = None) -> bytes:
    return json.dumps({"compute": compute or {"vmSize": "x"}, "network": network}).encode()


def test_a_document_as_azure_sends_it() -> None:
    """MACs come as 12 upper-case digits without separators."""
    body = _body(
        {
            "azEnvironment": "AzurePublicCloud",
            "offer": "RHEL",
            "osType": "Linux",
            "publisher": "RedHat",
            "securityProfile": {"secureBootEnabled": "true", "securityType": "ConfidentialVM"},
            "sku": "7-RAW",
            "version": "7.4.2018010506",
            "vmSize": "Standard_DS4_v2",
        },
        {
            "interface": [
                {
                    "ipv4": {
                        "ipAddress": [
                            {"privateIpAddress": "10.0.0.4", "publicIpAddress": "20.1.2.3"},
                            {"privateIpAddress": "10.0.0.5", "publicIpAddress": ""},
                        ],
                        "subnet": [{"address": "10.0.0.0", "prefix": "24"}],
                    },
                    "ipv6": {"ipAddress": [{"privateIpAddress": "fd00::4"}]},
                    "macAddress": "000D3A36DDED",
                },
                {
                    "ipv4": {"ipAddress": None},
                    "ipv6": {"ipAddress": None},
                    "macAddress": "002248AABBCC",
                },
            ]
        },
    )
    assert decode(body) == Instance(
        vm_size="Standard_DS4_v2",
        publisher="RedHat",
        offer="RHEL",
        sku="7-RAW",
        version="7.4.2018010506",
        security_type="ConfidentialVM",
        interfaces=(
            Interface(mac="00:0d:3a:36:dd:ed", addresses=("10.0.0.4", "10.0.0.5", "fd00::4")),
            Interface(mac="00:22:48:aa:bb:cc"),
        ),
    )


def test_empty_strings_are_none() -> None:
    """So a custom image says that it has no publisher."""
    compute = dict.fromkeys(("vmSize", "publisher", "offer", "sku", "version"), "")
    body = _body({**compute, "securityProfile": {"securityType": ""}})
    assert decode(body) == Instance(vm_size=None)


def test_missing_fields_are_none() -> None:
    """Older api-versions lack some."""
    assert decode(_body({"vmSize": "Standard_D2s_v3"})) == Instance(vm_size="Standard_D2s_v3")


@pytest.mark.parametrize(
    "mac", ["000D3A36DDED", "00:0d:3a:36:dd:ed", "00-0D-3A-36-DD-ED", "000d3a36dded"]
)
def test_every_way_to_write_a_mac(mac: str) -> None:
    """Lower case with colons, as in sysfs."""
    found = decode(_body(network={"interface": [{"macAddress": mac}]}))
    assert isinstance(found, Instance)
    assert found.interfaces == (Interface(mac="00:0d:3a:36:dd:ed"),)


@pytest.mark.parametrize(
    "wrong", [None, True, 7, 1.5, "text", [], ["x"], {}, {"x": 1}, [[]], [None], [{}]]
)
def test_wrong_types_are_none(wrong: object) -> None:
    """What is not of its documented type is not there."""
    names = ("publisher", "offer", "sku", "version", "securityProfile")
    body = _body({**{name: [wrong] for name in names}, "vmSize": "x"}, {"interface": wrong})
    assert decode(body) == Instance(vm_size="x")
    entry = {"macAddress": "000D3A36DDED", "ipv4": wrong, "ipv6": {"ipAddress": wrong}}
    assert decode(_body(network={"interface": [wrong, entry]})) == Instance(
        vm_size="x", interfaces=(Interface(mac="00:0d:3a:36:dd:ed"),)
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>proxy error</html>", id="html"),
        pytest.param(b'{"compute": {"vmSize": "Sta', id="cut-off"),
        pytest.param(b"\xff\xfe\xfd", id="not-text"),
        pytest.param(b'{"compute": "\xff"}', id="not-utf-8"),
        pytest.param(b"[" * 200_000, id="deep-lists"),
        pytest.param(b'{"a":' * 100_000, id="deep-objects"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="more-digits-than-int-takes"),
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    """A captive portal, half an answer, an attack."""
    assert decode(body) == NOT_JSON


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"compute"', id="string"),
        pytest.param(b"7", id="number"),
        pytest.param(b"{}", id="empty-object"),
        pytest.param(b'{"compute": null}', id="null-compute"),
        pytest.param(b'{"compute": {}}', id="empty-compute"),
        pytest.param(b'{"error": "Bad request. api-version was not specified"}', id="error"),
    ],
)
def test_what_is_no_instance(body: bytes) -> None:
    """JSON, and not the document."""
    assert decode(body) == NO_COMPUTE


def test_a_huge_document_is_not_parsed() -> None:
    """A VM with 8 NICs has some 6 KiB."""
    body = _body({"vmSize": "x" * MAX_BODY})
    assert decode(body) == Gap(asked=True, why=f"IMDS: over {MAX_BODY} bytes")


def test_half_a_surrogate_can_be_printed() -> None:
    """JSON can spell what no encoding can write; the report must be written all the same."""
    found = decode(b'{"compute": {"vmSize": "Standard\\ud800", "offer": "\\udfff"}}')
    assert isinstance(found, Instance)
    assert repr(found).encode()
    assert f"{found.vm_size}{found.offer}".encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["compute", "network", "interface", "vmSize", "macAddress", "ipv4", "ipAddress"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_decoded(document: object) -> None:
    """Whatever is in it."""
    assert isinstance(decode(json.dumps(document).encode()), Instance | Gap)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded(body: bytes) -> None:
    """Whatever they are."""
    assert isinstance(decode(body), Instance | Gap)


def _tags(*tags: object) -> bytes:
    return json.dumps({"compute": {"vmSize": "x", "tagsList": list(tags)}}).encode()


@pytest.mark.parametrize(
    ("tags", "expect"),
    [
        pytest.param([{"name": "accelnet-expect", "value": "on"}], "on", id="plain"),
        pytest.param([{"name": "Accelnet-Expect", "value": "Off"}], "Off", id="case"),
        pytest.param(
            [{"name": "owner", "value": "on"}, {"name": "accelnet-expect", "value": "?"}],
            "?",
            id="second",
        ),
        pytest.param([{"name": "accelnet-expected", "value": "on"}], None, id="another"),
        pytest.param([{"name": "accelnet-expect", "value": ""}], None, id="empty"),
        pytest.param([{"name": "accelnet-expect", "value": ["on"]}], None, id="no-text"),
        pytest.param([{"name": ["accelnet-expect"]}, "accelnet-expect", None, 7], None, id="junk"),
    ],
)
def test_the_tag_that_says_what_is_expected(tags: list[object], expect: str | None) -> None:
    """One of compute.tagsList, its name in upper or lower case; what is no such thing is none."""
    found = decode(_tags(*tags))
    assert isinstance(found, Instance)
    assert found.expect == expect
