"""docs/fleet-report.schema.json: what --summarize --format json emits, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from accelnet_agent import fleet_json
from accelnet_agent.arguments import GROUPS
from accelnet_agent.fleet_groups import DIMENSIONS
from accelnet_agent.fleet_summary import summarize
from fleets import NOW, a_fleet, a_report, a_summary, failing, on

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((CHECKOUT / "docs/fleet-report.schema.json").read_text())
_VALIDATOR: Any = Draft202012Validator(SCHEMA)


def _errors(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(document)]


def _reports() -> dict[str, Any]:
    """One of everything."""
    reports = {f"web{n}.json": a_report(n) for n in range(9)}
    reports["web0.json"] = on(failing(0), vm_size=None, kernel=None)
    reports["web1.json"]["nics"][0]["window"] = None
    reports["web2.json"]["observed_at"] = "2026-01-02T00:00:00Z"
    reports["web3.json"]["observed_at"] = "2030-01-02T00:00:00Z"
    reports["old/web4.json"] = a_report(4, observed_at="2026-11-25T00:00:00Z")
    reports["web5.json"].update(nics=[], pci_functions=[], source="root")
    for number in range(6, 9):
        reports[f"web{number}.json"] = on(failing(number, "vf-up"), kernel="6.8.0-1999-azure")
    return reports


def _document() -> Any:
    fleet = a_fleet(_reports())
    fleet.unreadable.add("\udcff.json", "it is empty")
    fleet.passed_over.add("README.md", "its name is not that of a report")
    return json.loads(fleet_json.render(summarize(fleet, stale_after=7, now=NOW)))


def _objects(schema: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for name, part in schema.items():
            yield from _objects(part, f"{path}.{name}")
    elif isinstance(schema, list):
        for part in schema:
            yield from _objects(part, path)


def test_the_schema_is_valid() -> None:
    """A JSON Schema of draft 2020-12."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


def test_objects_are_closed_and_whole() -> None:
    """Every key is described and always there, and there is no other."""
    for path, schema in _objects(SCHEMA):
        assert schema["additionalProperties"] is False, path
        assert schema["required"] == list(schema["properties"]), path
        for name, part in schema["properties"].items():
            assert part.get("description") or "$ref" in part, f"{path}.{name}"


def test_what_is_emitted_satisfies_the_schema() -> None:
    """Of a fleet that has one of everything, and of one that has next to nothing."""
    document = _document()
    assert _errors(document) == []
    for key in ("stale", "ahead", "unreadable", "passed_over", "superseded"):
        assert len(document[key]) == 1, key
    assert [cause["by"] for cause in document["findings"][0]["causes"]] == ["kernel"]
    bare = a_summary({"-": a_report(nics=[], pci_functions=[], findings=[])})
    assert _errors(json.loads(fleet_json.render(bare))) == []


@pytest.mark.parametrize("key", sorted(SCHEMA["required"]))
def test_a_document_without_a_key_is_not_valid(key: str) -> None:
    """A reader may rely on each."""
    document = _document()
    del document[key]
    assert _errors(document) != []


def test_each_vm_has_a_line_of_its_own() -> None:
    """So that grep and diff can be used, and the text is ASCII."""
    summary = a_summary(_reports())
    text = fleet_json.render(summary)
    lines = [line for line in text.splitlines() if line.startswith('    {"name": ')]
    assert text.isascii()
    assert [json.loads(line.rstrip(","))["name"] for line in lines if '"path"' in line] == [
        name for name, _ in summary.vms
    ]


def test_the_text_is_the_document() -> None:
    """Though a VM is written before the next is made."""
    summary = a_summary(_reports())
    assert json.loads(fleet_json.render(summary)) == fleet_json.document(summary)


def test_a_vm_tells_its_checks() -> None:
    """By status, without those that pass."""
    (vm,) = json.loads(fleet_json.render(a_summary({"web1.json": failing(1)})))["vms"]
    assert (vm["fail"], vm["unknown"], vm["warn"]) == (["vf-mtu"], [], [])
    assert (vm["name"], vm["verdict"], vm["path"], vm["line"]) == (
        "web1",
        "fail",
        "web1.json",
        None,
    )


def test_groups_can_be_chosen() -> None:
    """With --by; without it they are all there."""
    summary = a_summary({"web1.json": failing(1)})
    every = fleet_json.document(summary)["groups"]
    chosen = fleet_json.document(summary, ("kernel", "check"))["groups"]
    assert {group["by"] for group in every} == set(DIMENSIONS)
    assert {group["by"] for group in chosen} == {"kernel"}


def test_the_dimensions_are_those_of_the_option() -> None:
    """The option's table can not import what it names: that would cost every start."""
    assert set(GROUPS) == {*DIMENSIONS, "check", "vm"}
