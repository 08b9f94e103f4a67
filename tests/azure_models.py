"""A resource of an ARM template against the models of Microsoft's own SDK (azure-mgmt-compute).

The SDK takes any mapping; these functions take only what the models name.
"""

from __future__ import annotations

import re
from enum import Enum
from importlib import import_module
from inspect import get_annotations
from typing import Any

_PARAMETER = re.compile(r"\[(parameters|variables)\('(\w+)'\)\]")


def resolved(template: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The first resource, with parameters and variables put in; functions stay as they are."""
    parameters = {
        name: given.get(name, found.get("defaultValue"))
        for name, found in template["parameters"].items()
    }
    known = {"parameters": parameters, "variables": template["variables"]}

    def put_in(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: put_in(one) for name, one in value.items()}
        if isinstance(value, list):
            return [put_in(one) for one in value]
        found = _PARAMETER.fullmatch(value) if isinstance(value, str) else None
        return known[found[1]][found[2]] if found else value

    resource: dict[str, Any] = put_in(template["resources"][0])
    return resource


def check(value: Any, model: str) -> None:
    """AssertionError for a name that the model has not, at any depth, or another kind of value."""
    models = import_module("azure.mgmt.compute.models")
    cls = getattr(models, model)
    cls({})  # its fields are known from then on
    fields = {field._rest_name: name for name, field in cls._attr_to_rest_field.items()}
    annotations = {
        name: note for base in reversed(cls.__mro__) for name, note in get_annotations(base).items()
    }
    assert isinstance(value, dict), model
    for name, one in value.items():
        assert name in fields, f"{model} has no {name}"
        _check_field(one, str(annotations[fields[name]]), f"{model}.{name}", models)


def _check_field(value: Any, note: str, where: str, models: Any) -> None:
    assert isinstance(value, list) == ("list[" in note), where
    named = re.search(r"_models\.(\w+)", note)
    kind = getattr(models, named[1]) if named is not None else None
    for one in value if isinstance(value, list) else [value]:
        if kind is not None and issubclass(kind, Enum):
            assert one in [member.value for member in kind], where
        elif named is not None:
            check(one, named[1])
        elif "bool" in note:
            assert isinstance(one, bool), where
        elif "int" in note:
            assert isinstance(one, int), where
