"""The names of VM sizes, and what is published about them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.data.vm_sizes import SizeName, parse_size, supports


def a_name(family: str, number: int, series: str, active: int | None = None) -> SizeName:
    """A size's parts in one line."""
    return SizeName(family=family, number=number, active=active, series=series)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("Standard_D4ds_v5", a_name("D", 4, "ddsv5")),
        ("standard_d4DS_V5", a_name("D", 4, "ddsv5")),
        ("D4ds_v5", a_name("D", 4, "ddsv5")),
        ("Standard_DS12-1_v2", a_name("DS", 12, "dsv2", 1)),
        ("Standard_M128ms", a_name("M", 128, "mms")),
        ("Standard_M192ims_v2", a_name("M", 192, "mmsv2")),
        ("Standard_E96-24ads_v5", a_name("E", 96, "eadsv5", 24)),
        ("Standard_E64is_v3", a_name("E", 64, "esv3")),
        ("Standard_NC24rs_v3", a_name("NC", 24, "ncrsv3")),
        ("Standard_NC16as_T4_v3", a_name("NC", 16, "ncas_t4v3")),
        ("Standard_NV36ads_A10_v5", a_name("NV", 36, "nvads_a10v5")),
        ("Standard_DC4as_cc_v5", a_name("DC", 4, "dcas_ccv5")),
        ("Basic_A1", a_name("A", 1, "a")),
        ("Standard_B2ts_v2", a_name("B", 2, "btsv2")),
        ("Standard_F4s_v2", a_name("F", 4, "fsv2")),
        ("Standard_DC4as_v5", a_name("DC", 4, "dcasv5")),
        ("Standard_HB120-16rs_v3", a_name("HB", 120, "hbrsv3", 16)),
        ("Standard_DS11_v2_Promo", a_name("DS", 11, "dsv2")),
        ("Standard_NG8ads_V620_v1", a_name("NG", 8, "ngads_v620")),
        ("ExtraSmall", None),
        ("Large", None),
        ("Standard_", None),
        ("Standard_4s", None),
        ("Standard_D4-s_v5", None),
        ("Standard_D4+s_v5", None),
        ("Standard_D4s v5", None),
        ("Standard_D4s_v5_\N{SNOWMAN}", None),
        ("Standard_D4s__v5", None),
        ("Standard_D\N{ARABIC-INDIC DIGIT TWO}s_v3", None),
        ("Standard_D" + "9" * 5000, None),
        ("", None),
    ],
)
def test_a_name_is_taken_apart(size: str, expected: SizeName | None) -> None:
    """Names of all series are read, whatever their case, and nothing else is."""
    assert parse_size(size) == expected


@given(st.one_of(st.text(), st.from_regex(r"(?i)standard_[a-z]{1,3}\d{1,4}(-\d+)?\w*")))
def test_any_text_has_an_answer(size: str) -> None:
    """No text raises, and an answer names its source unless nothing is known."""
    fact = supports(size)
    assert fact is None or fact.source is not None or fact.supported is None


@pytest.mark.parametrize(
    ("size", "supported"),
    [
        # What SKU data and the documents say, one by one.
        ("Standard_D2s_v3", True),
        ("Standard_D2_v3", True),
        ("Standard_D2_v5", True),
        ("Standard_D2_v2", True),
        ("Standard_D1_v2", False),
        ("Standard_D12_v2", None),
        ("Standard_D12_v2_Promo", None),
        ("Standard_DS12-1_v2", True),
        ("Standard_DS11-1_v2", False),
        ("Standard_DS4_v2", True),
        ("Standard_DS5_v2", True),
        ("Standard_B1ls", False),
        ("Standard_B1s", False),
        ("Standard_B2ms", False),
        ("Standard_B4ms", False),
        ("Standard_B8ms", False),
        ("Standard_B12ms", True),
        ("Standard_B16ms", True),
        ("Standard_B20ms", True),
        ("Standard_B2ts_v2", True),
        ("Standard_A0", False),
        ("Basic_A1", False),
        ("Standard_A2_v2", False),
        ("Standard_A8m_v2", False),
        ("Standard_D4", False),
        ("Standard_F1s", False),
        ("Standard_F4s", True),
        ("Standard_F4s_v2", True),
        ("Standard_F2s_v2", None),
        ("Standard_D4s_v3", True),
        ("Standard_D4_v3", True),
        ("Standard_E4_v3", True),
        ("Standard_E2s_v3", None),
        ("Standard_E4-2s_v3", True),
        ("Standard_E64is_v3", True),
        ("Standard_D8as_v3", False),
        ("Standard_D4as_v4", True),
        ("Standard_D2as_v4", None),
        ("Standard_D4ds_v5", True),
        ("Standard_D2as_v5", True),
        ("Standard_E96-24ads_v5", True),
        ("Standard_D2s_v6", True),
        ("Standard_D16plds_v5", True),
        ("Standard_M128ms", True),
        ("Standard_M64", True),
        ("Standard_M64s", None),
        ("Standard_M8-2ms", True),
        ("Standard_L8s_v2", True),
        ("Standard_L8s", False),
        ("Standard_GS5-16", False),
        ("Standard_H16mr", False),
        ("Standard_HB120rs_v3", True),
        ("Standard_NC6", False),
        ("Standard_NC24rs_v3", False),
        ("Standard_NV12s_v2", False),
        ("Standard_NC16as_T4_v3", None),
        ("Standard_NV36ads_A10_v5", None),
        ("Standard_ND96asr_v4", True),
        ("Standard_NP10s", False),
        ("Standard_DC1s_v2", False),
        ("Standard_DC4s_v2", True),
        ("Standard_DC8s_v3", None),
        ("Standard_DC4as_v5", False),
        ("Standard_D4s_v99", None),
        ("Standard_X4s_v7", None),
    ],
)
def test_a_size_supports_what_is_published(size: str, supported: bool | None) -> None:
    """The answer is the published one; where there is none, or two, it is not known."""
    fact = supports(size)
    assert fact is not None
    assert fact.supported is supported


@pytest.mark.parametrize(
    ("size", "vcpus"),
    [
        ("Standard_D4ds_v5", 4),
        ("Standard_DS12-1_v2", 1),
        ("Standard_DS12_v2", 4),
        ("Standard_D15_v2", 20),
        ("Standard_DS4_v2", 8),
        ("Standard_E96-24ads_v5", 24),
        ("Standard_M8-2ms", 2),
        ("Standard_GS5-16", 16),
        ("Standard_G5", 32),
        ("Standard_A7", 8),
        ("Standard_DC8_v2", 8),
    ],
)
def test_vcpus_come_from_the_name(size: str, vcpus: int) -> None:
    """What the guest sees is the second number, and old series count their own way."""
    fact = supports(size)
    assert fact is not None
    assert fact.vcpus == vcpus


@pytest.mark.parametrize(
    ("size", "confidential"),
    [
        ("Standard_DC4as_v5", True),
        ("Standard_EC8ads_v5", True),
        ("Standard_DC2es_v6", True),
        ("Standard_NCC40ads_H100_v5", True),
        ("Standard_DC4s_v2", False),
        ("Standard_DC4as_cc_v5", False),
        ("Standard_D4as_v5", False),
    ],
)
def test_confidential_vms_are_told_apart(size: str, confidential: bool) -> None:
    """A Confidential VM's size is known as one; enclaves alone do not make it one."""
    fact = supports(size)
    assert fact is not None
    assert fact.confidential is confidential
