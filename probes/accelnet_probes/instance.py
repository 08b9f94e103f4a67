"""The instance metadata document (api-version 2021-02-01), decoded.

Azure documents every primitive as a string and a missing one as "".  The
document says nothing about whether accelerated networking is enabled on a NIC.
"""

from __future__ import annotations

from accelnet_probes.snapshot import Gap, Instance, Interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from accelnet_probes.snapshot import Observed

EXPECT_TAG = "accelnet-expect"  # Azure holds names of tags alike in upper and lower case
EXPECTATIONS = ("on", "off", "auto")
MAX_BODY = 1 << 20  # bytes; a VM with 8 NICs has some 6 KiB


def decode(body: bytes) -> Observed[Instance]:
    """The fields that the checks use; a Gap for what is no such document."""
    import json  # 7 ms, and only where IMDS answered

    if len(body) > MAX_BODY:
        return Gap(asked=True, why=f"IMDS: over {MAX_BODY} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return Gap(asked=True, why="IMDS: its answer is not JSON")
    compute = _mapping(document, "compute")
    if not compute:
        return Gap(asked=True, why="IMDS: its answer has no compute object")
    interfaces = _list(_mapping(document, "network"), "interface")
    return Instance(
        vm_size=_text(compute, "vmSize"),
        publisher=_text(compute, "publisher"),
        offer=_text(compute, "offer"),
        sku=_text(compute, "sku"),
        version=_text(compute, "version"),
        security_type=_text(_mapping(compute, "securityProfile"), "securityType"),
        interfaces=tuple(
            Interface(mac=_mac(mac), addresses=_addresses(entry))
            for entry in interfaces
            if (mac := _text(entry, "macAddress")) is not None
        ),
        expect=next(
            (_text(tag, "value") for tag in _list(compute, "tagsList") if is_expect_tag(tag)), None
        ),
    )


def is_expect_tag(tag: Any) -> bool:
    """One entry of compute.tagsList: the one that states what is expected."""
    return (_text(tag, "name") or "").lower() == EXPECT_TAG


# What JSON holds is not known to a type checker: of what a dict or list consists stays Any.
def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _mapping(value: Any, key: str) -> dict[str, Any]:
    found: Any = _get(value, key)
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _list(value: Any, key: str) -> list[Any]:
    found: Any = _get(value, key)
    return found if isinstance(found, list) else []  # pyright: ignore[reportUnknownVariableType]


def _text(value: Any, key: str) -> str | None:
    found = _get(value, key)
    # JSON can spell half a surrogate pair, which no output can be written in.
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) and found else None


def _mac(text: str) -> str:
    """000D3A36DDED as 00:0d:3a:36:dd:ed."""
    digits = text.replace(":", "").replace("-", "").lower()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _addresses(entry: Any) -> tuple[str, ...]:
    return tuple(
        address
        for family in ("ipv4", "ipv6")
        for item in _list(_mapping(entry, family), "ipAddress")
        if (address := _text(item, "privateIpAddress")) is not None
    )
