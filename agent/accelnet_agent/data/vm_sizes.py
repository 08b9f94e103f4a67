"""Which VM sizes support accelerated networking, as published.

A hint, never proof: the published sources are of different years and contradict each
other, so a paired VF outranks whatever stands here, and a size that is not here is not
known.  The text rule "two vCPUs, four with hyper-threading" is stale: SKU data has
D2s_v3, D2_v3 and D2_v5 as capable.

vCPUs come from the size's name and not from the guest.  In a constrained-core size the
first number is the size that it is cut from, which decides, and the second the vCPUs
that the guest sees: DS12-1_v2 is a DS12_v2 with one vCPU.
"""

from __future__ import annotations

from accelnet_probes.record import Record

_SKU_2020 = "SKU data in Azure/aks-engine get_skus_test.go, 2020"
_SKU_2024 = "SKU data in Azure/karpenter-provider-azure zz_generated.sku.eastus.go, 2024-01-12"
_CLI = "Azure/azure-cli vm/_validators.py, list of capable sizes"
_SERIES = "MicrosoftDocs/azure-compute-docs articles/virtual-machines/sizes"
_MANA = "MicrosoftDocs/azure-docs mana-existing-sizes.md, 2026-05"
_ENCRYPTION = "virtual-network-encryption-overview.md: sizes, accelerated networking required"
_OVERVIEW = "MicrosoftDocs/azure-docs accelerated-networking-overview.md, 2026-02-05"


class SizeName(Record):
    """The parts of a size's name."""

    family: str  # "D", "DS", "NC", as before the number
    number: int  # the first number: vCPUs in all but the oldest series
    active: int | None  # the second number of a constrained-core size
    series: str  # family, features, extras and version: "ddsv5", "nvads_a10v5"


class SizeFact(Record):
    """What is published about one size."""

    size: str
    supported: bool | None  # None: it depends, or the sources disagree, or none has it
    reason: str
    source: str | None
    vcpus: int | None  # that the guest sees
    confidential: bool  # a Confidential VM's size: no VF by design


class _Rule(Record):
    series: str  # names, separated by spaces
    supported: bool | None
    reason: str
    source: str
    vcpus: int = 0  # it holds from this many on
    fewer: bool | None = None  # and with fewer it is this
    fewer_reason: str = ""
    confidential: bool = False


_YES = "the series supports it"
_NO = "the series does not support it"
_DEPENDS = "the published sources disagree about it"
_ONE_VCPU = "a size with one vCPU does not support it"
_TWO_VCPUS = "sources disagree on sizes of this series with fewer than 4 vCPUs"
_CVM = "a Confidential VM has no VF by design"
_NC_NV = "enabling it on NC and NV sizes has no effect"

_RULES = (
    _Rule(
        series="dv2 dsv2 f fs",
        supported=True,
        reason=_YES,
        source=f"{_SKU_2020}; {_CLI}; {_MANA}",
        vcpus=2,
        fewer=False,
        fewer_reason=_ONE_VCPU,
    ),
    _Rule(
        series="dv3 dsv3 ev3 esv3 fsv2 dv4 dsv4 ddv4 ddsv4 ev4 esv4 edv4 edsv4 "
        "dav4 dasv4 eav4 easv4",
        supported=True,
        reason=_YES,
        source=f"{_MANA}; {_ENCRYPTION}; {_SKU_2020}",
        vcpus=4,
        fewer=None,
        fewer_reason=_TWO_VCPUS,
    ),
    _Rule(
        series="dv5 dsv5 ddv5 ddsv5 dlsv5 dldsv5 ev5 esv5 edv5 edsv5 ebsv5 ebdsv5 bsv2 blsv2 btsv2",
        supported=True,
        reason=_YES,
        source=_MANA,
    ),
    _Rule(
        series="dasv5 dadsv5 easv5 eadsv5 dasv6 dadsv6 dalsv6 daldsv6 easv6 eadsv6",
        supported=True,
        reason=_YES,
        source=_ENCRYPTION,
    ),
    _Rule(
        series="dsv6 ddsv6 dlsv6 dldsv6 esv6 edsv6",
        supported=True,
        reason="the series came with MANA, which it uses for accelerated networking",
        source="MicrosoftDocs/azure-docs accelerated-networking-mana-overview.md, 2025-02",
    ),
    _Rule(
        series="bpsv2 bplsv2 bptsv2 dpsv6 dpldsv5",
        supported=True,
        reason=_YES,
        source=f"{_SERIES}/general-purpose; {_SKU_2024}",
    ),
    _Rule(
        series="m mm ms mms mls mts msv2 mmsv2 mdsv2 mdmsv2 msv3 mdsv3 lsv2 lsv3",
        supported=True,
        reason=_YES,
        source=f"{_SKU_2020}; {_ENCRYPTION}",
    ),
    _Rule(
        series="hbrsv3 ndasrv4",
        supported=True,
        reason=_YES,
        source=f"{_SERIES}: hbv3-series.md, ndasra100v4-series.md",
    ),
    _Rule(
        series="a am av2 amv2 d ds g gs ls h hm hr hmr",
        supported=False,
        reason=_NO,
        source=f"{_SKU_2020}; {_SERIES}/general-purpose/av2-series.md, 2024-07-29",
    ),
    _Rule(
        series="dav3 dasv3 eav3 easv3 nds ndrs pbs dcs",
        supported=False,
        reason=_NO,
        source=_SKU_2020,
    ),
    _Rule(
        series="nps",
        supported=False,
        reason=_NO,
        source=f"{_SERIES}/fpga-accelerated/np-series.md",
    ),
    _Rule(
        series="bs bms bls",
        supported=False,
        reason="only B12ms, B16ms and B20ms of its series support it",
        source=f"{_SERIES}/general-purpose/bv1-series.md; {_SKU_2020}",
    ),
    _Rule(
        series="nc ncr ncsv2 ncrsv2 ncsv3 ncrsv3 nv nvsv2 nvsv3",
        supported=False,
        reason=_NC_NV,
        source=f"{_OVERVIEW}; {_SKU_2020}",
    ),
    _Rule(
        series="ncas_t4v3 ncads_a100v4 ncads_h100v5 nvasv4 nvads_a10v5 nvads_v710v5",
        supported=None,
        reason=f"{_DEPENDS}: {_NC_NV}, says one, and that the series supports it, another",
        source=f"{_OVERVIEW}; {_SERIES}/gpu-accelerated; {_SKU_2024}",
    ),
    _Rule(
        series="dcsv2 dcv2",
        supported=True,
        reason=_YES,
        source=f"MicrosoftDocs/azure-docs dcv2-series.md, 2020-02-20; {_SKU_2020}",
        vcpus=4,
        fewer=None,
        fewer_reason=_TWO_VCPUS,
    ),
    _Rule(
        series="dcsv3 dcdsv3",
        supported=None,
        reason=_DEPENDS,
        source=f"{_SERIES}/general-purpose/dcsv3-series.md; {_SKU_2024}",
    ),
    _Rule(
        series="dcasv5 dcadsv5 ecasv5 ecadsv5 dcesv6 dcedsv6",
        supported=False,
        reason=_CVM,
        source=f"{_SERIES}: dcasv5-series.md 2026-03-10, ecasv5-ecadsv5-series.md, "
        "dcesv6-series.md 2025-04-15",
        confidential=True,
    ),
    _Rule(
        series="dcasv6 dcadsv6 ecasv6 ecadsv6 dcesv5 dcedsv5 ecesv5 ecedsv5 ecesv6 ecedsv6 "
        "nccads_h100v5",
        supported=None,
        reason="a Confidential VM's size, whose page does not say",
        source=f"{_SERIES}: dcasv6-series.md, ecasv6-series.md",
        confidential=True,
    ),
)

_BY_SERIES = {series: rule for rule in _RULES for series in rule.series.split()}

# Sizes whose answer differs from their series'.
_EXACT: dict[str, tuple[bool | None, str, str]] = {
    "b12ms": (True, "the size supports it", f"{_SERIES}/general-purpose/bv1-series.md"),
    "b16ms": (True, "the size supports it", f"{_SERIES}/general-purpose/bv1-series.md"),
    "b20ms": (True, "the size supports it", f"{_SERIES}/general-purpose/bv1-series.md"),
    "d2_v3": (True, "the size supports it", _SKU_2024),
    "d2s_v3": (True, "the size supports it", _SKU_2024),
    "d12_v2": (None, "it depends on the region", _SKU_2020),
    "ds11-1_v2": (False, "the size does not support it", _SKU_2020),
    "dc1s_v2": (False, _ONE_VCPU, _SKU_2020),
    "m64s": (None, _DEPENDS, f"{_SKU_2020}; {_OVERVIEW}"),
    "m8-4ms": (None, _DEPENDS, f"{_SKU_2020}; {_SKU_2024}"),
}

# Series whose number is not their vCPUs.
_DV2 = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
_G = {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
_A = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 8: 8, 9: 16, 10: 8, 11: 16}
_NUMBERS = {"d": _DV2, "ds": _DV2, "dv2": _DV2, "dsv2": _DV2, "g": _G, "gs": _G, "a": _A}


def supports(size: str) -> SizeFact | None:
    """Return what is published about a size, or None where that is no name of a size."""
    name = parse_size(size)
    if name is None:
        return None
    vcpus = _NUMBERS.get(name.series, {}).get(name.number, name.number)
    active = name.active if name.active is not None else vcpus
    rule = _BY_SERIES.get(name.series)
    exact = _EXACT.get(_short(size).removesuffix("_promo"))
    if exact is not None:
        supported, reason, source = exact
    elif rule is None:
        return SizeFact(
            size=size,
            supported=None,
            reason="nothing is published here about its series",
            source=None,
            vcpus=active,
            confidential=False,
        )
    elif vcpus < rule.vcpus:
        supported, reason, source = rule.fewer, rule.fewer_reason, rule.source
    else:
        supported, reason, source = rule.supported, rule.reason, rule.source
    return SizeFact(
        size=size,
        supported=supported,
        reason=reason,
        source=source,
        vcpus=active,
        confidential=rule is not None and rule.confidential,
    )


_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONGEST = 9  # digits of a number that counts vCPUs, generously


def parse_size(size: str) -> SizeName | None:
    """Take `Standard_E96-24ads_v5` apart; None where it is no name of a size.

    Family, vCPUs, active vCPUs of a constrained-core size, features, then parts that
    name an accelerator or a variant, and the version.
    """
    head, *parts = _short(size).removesuffix("_promo").split("_")
    family, rest = _split(head, _LETTERS)
    number, rest = _split(rest, _DIGITS)
    active = ""
    if rest.startswith("-"):
        active, rest = _split(rest[1:], _DIGITS)
        if not active:
            return None
    features, rest = _split(rest, _LETTERS)
    if rest or not family or not number or len(number + active) > _LONGEST:
        return None
    version = parts.pop() if parts and _is_version(parts[-1]) else ""
    if not all(part.isascii() and part.isalnum() for part in parts):
        return None
    # An isolated size has an i and is otherwise of its series: E64is_v3, M192ims_v2.
    features = features.replace("i", "")
    version = "" if version == "v1" else version
    return SizeName(
        family=family.upper(),
        number=int(number),
        active=int(active) if active else None,
        series="_".join([family + features, *parts]) + version,
    )


def _short(size: str) -> str:
    return size.strip().lower().removeprefix("standard_").removeprefix("basic_")


def _split(text: str, letters: str) -> tuple[str, str]:
    rest = text.lstrip(letters)
    return text[: len(text) - len(rest)], rest


def _is_version(part: str) -> bool:
    # v100 is a GPU, V710 and V620 are too: versions have one digit.
    return len(part) == 2 and part[0] == "v" and part[1] in _DIGITS
