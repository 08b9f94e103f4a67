"""A field of a report by its type, whatever the report says.  Pure.

Each raises KeyError where there is no such field, and AlienError where it is of another
type.
"""

from __future__ import annotations

import re
from datetime import datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

MAX_NAME = 120  # characters
MAX_COUNT = 2**64 - 1  # as the kernel counts
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)


class AlienError(ValueError):
    """It is no report that can be summarized; the message says why, in one line."""


def moment_of(document: dict[str, Any]) -> str:
    """When it was observed, as it is written."""
    text = document["observed_at"]
    if type(text) is str and _MOMENT.fullmatch(text):
        try:
            datetime.fromisoformat(text[:19])
        except ValueError:
            pass  # the 30th of February
        else:
            return text
    raise AlienError("observed_at: expected a moment such as 2026-01-02T03:04:05Z")


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of JSON is an array."""
    return isinstance(value, list)


def object_of(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """An object."""
    return as_object(parent[key], key)


def as_object(value: Any, key: str) -> dict[str, Any]:
    """The value, if it is an object."""
    if not is_object(value):
        raise AlienError(f"{key}: expected an object")
    return value


def array_of(parent: dict[str, Any], key: str) -> list[Any]:
    """An array."""
    value = parent[key]
    if not is_array(value):
        raise AlienError(f"{key}: expected an array")
    return value


def text_of(parent: dict[str, Any], key: str, most: int = MAX_NAME) -> str:
    """Text, cut where it is too long."""
    value = parent[key]
    if type(value) is not str:
        raise AlienError(f"{key}: expected text")
    return unicode(value if len(value) <= most else f"{value[:most]}...")


def unicode(text: str) -> str:
    r"""With escapes for what is half of a character: strict readers of JSON refuse that.

    Such are the bytes of a file's name that are no UTF-8, and a report may say "\ud800".
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def optional(parent: dict[str, Any], key: str) -> str | None:
    """Text, or None."""
    return None if parent[key] is None else text_of(parent, key)


def one_of(parent: dict[str, Any], key: str, words: tuple[str, ...]) -> Any:
    """One of the words of the contract."""
    value = parent[key]
    if type(value) is not str or value not in words:
        raise AlienError(f"{key}: expected one of {', '.join(words)}")
    return value


def count_of(parent: dict[str, Any], key: str) -> int | None:
    """What the kernel counts, or None."""
    value = parent[key]
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_COUNT):
        raise AlienError(f"{key}: expected a count")
    return value
