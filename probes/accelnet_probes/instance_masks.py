"""The instance metadata document for `--redact`: all is masked but what is known to name nobody."""

from __future__ import annotations

import json
import re

from accelnet_probes.bundle import is_object
from accelnet_probes.identities import is_id
from accelnet_probes.instance import EXPECTATIONS, MAX_BODY, is_expect_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeGuard

    from accelnet_probes.identities import Identities
    from accelnet_probes.masks import Masks

_IMAGE = ("publisher", "offer", "sku", "version")
_SECURITY = ("encryptionAtHost", "secureBootEnabled", "securityType", "virtualTpmEnabled")
# What the checks and a reader of the report need.
_KEPT = frozenset(
    (
        *("compute.azEnvironment", "compute.location", "compute.osType"),
        *("compute.provider", "compute.vmSize"),
        *(f"compute.{name}" for name in _IMAGE),
        *(f"compute.storageProfile.imageReference.{name}" for name in _IMAGE),
        *(f"compute.securityProfile.{name}" for name in _SECURITY),
        *(f"network.interface.{family}.subnet.prefix" for family in ("ipv4", "ipv6")),
    )
)
# Names that the kernel log or a configuration file may hold as well.
_NAMES = (
    "compute.name",
    "compute.resourceGroupName",
    "compute.vmScaleSetName",
    "compute.osProfile.adminUsername",
    "compute.osProfile.computerName",
)
_TAGS = "compute.tagsList"
_MAX_DEPTH = 32


def find(found: Identities, content: bytes) -> None:
    """Add every identity of the document."""

    def add(where: str, text: str) -> str:
        found.scan(text)
        found.scan_addresses(text)
        found.scan_guids(text, ())
        if where.endswith(".macAddress") and re.fullmatch("[0-9a-fA-F]{12}", text):
            found.add_mac(text.lower())
        if not is_id(text):
            distinctive = len(text) >= 8 and any(sign.isdigit() for sign in text)
            found.add_word(text, everywhere=where in _NAMES or distinctive)
        return text

    _mapped(_document(content), add, "")


def masked(content: bytes, masks: Masks) -> bytes:
    """The document with its identities masked; numbers, which no check reads, are zero."""
    document = _document(content)
    if document is None:
        return b"masked: it was not JSON\n"
    whole = _mapped(
        document,
        lambda _, text: masks.addresses(masks.ids(text)) if is_id(text) else masks.word(text),
        "",
    )
    return json.dumps(whole).encode()


def _document(content: bytes) -> Any:
    """None for what the instance probe does not take either."""
    try:
        return json.loads(content) if len(content) <= MAX_BODY else None
    except (ValueError, RecursionError):
        return None


def _mapped(value: Any, leaf: Callable[[str, str], str], where: str, depth: int = 0) -> Any:
    """The document with `leaf` of each text that may name somebody."""
    if depth > _MAX_DEPTH:
        return None
    if is_object(value):
        if where == _TAGS and is_expect_tag(value):  # it decides the verdict, and names nobody
            stated = str(value.get("value", ""))
            kept = (
                stated if stated.strip().lower() in EXPECTATIONS else leaf(f"{where}.value", stated)
            )
            return {"name": value["name"], "value": kept}
        return {
            key if key.isidentifier() else leaf(where, key): _mapped(
                item, leaf, f"{where}.{key}" if where else key, depth + 1
            )
            for key, item in value.items()
        }
    if _is_list(value):
        return [_mapped(item, leaf, where, depth + 1) for item in value]
    if isinstance(value, str):
        return value if where in _KEPT or _names_nobody(value) else leaf(where, value)
    return value if value is None or isinstance(value, bool) else 0


def _names_nobody(text: str) -> bool:
    return text.lower() in ("", "true", "false") or (text.isdigit() and len(text) <= 4)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
