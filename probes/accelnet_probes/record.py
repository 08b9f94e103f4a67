"""Frozen value types that cost nothing to import.

`dataclasses` pulls in `inspect` and, with slots, compiles source for every
class: two thirds of what `accelnet-check` may cost altogether
(docs/performance.md).  `Record` gives the same to a reader and to a type
checker (PEP 681): keyword-only construction, frozen, slots, equality, repr.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from typing_extensions import dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**_):
        return lambda cls: cls


class _RecordType(type):
    """Gives each class a slot for each annotation and moves defaults aside."""

    _fields: tuple[str, ...]
    _names: frozenset[str]
    _defaults: dict[str, object]
    _writers: tuple[tuple[str, Callable[[object, object], None]], ...]

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _RecordType:
        fields = tuple(body.get("__annotations__", ()))
        defaults = {field: body.pop(field) for field in fields if field in body}
        body["__slots__"] = fields
        cls = super().__new__(mcs, name, bases, body)
        cls._fields, cls._defaults, cls._names = fields, defaults, frozenset(fields)
        # Each field with what writes its slot: half the cost of object.__setattr__.
        cls._writers = tuple((field, cls.__dict__[field].__set__) for field in fields)
        return cls


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Record(metaclass=_RecordType):
    """A frozen record of the annotated fields; subclasses are not subclassed again."""

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        if unknown := values.keys() - cls._names:
            raise TypeError(f"{cls.__name__}: unknown {', '.join(sorted(unknown))}")
        if len(values) != len(cls._fields):
            values = {**cls._defaults, **values}
            missing = [field for field in cls._fields if field not in values]
            if missing:
                raise TypeError(f"{cls.__name__}: missing {', '.join(missing)}")
        for field, write in cls._writers:
            write(self, values[field])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        inside = ", ".join(f"{f}={getattr(self, f)!r}" for f in type(self)._fields)
        return f"{type(self).__name__}({inside})"


def _values(record: Record) -> tuple[object, ...]:
    return tuple([getattr(record, field) for field in type(record)._fields])


def replace(record: R, **changes: Any) -> R:
    """Return a copy of `record` with `changes`; TypeError for an unknown field."""
    values = {field: getattr(record, field) for field in type(record)._fields}
    return type(record)(**{**values, **changes})
