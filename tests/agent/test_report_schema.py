"""docs/report.schema.json: what --format json emits, all of it and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from jsonschema import Draft202012Validator

from accelnet_agent import render_json
from accelnet_agent.checks import CHECKS
from accelnet_agent.datapath import VF_COUNTERS, DataPath, Window
from accelnet_agent.engine import judge
from building import (
    NEVER_ASKED,
    REFUSED,
    a_function,
    a_machine,
    a_netdev,
    a_nic,
    a_pci_function,
    a_vf,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelnet_agent.machine import Machine

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs/report.schema.json").read_text(encoding="utf-8")
)
WINDOW = Window(
    seconds=1.0,
    growth={
        **dict.fromkeys(VF_COUNTERS, 5),
        "synthetic_rx_packets": 1,
        "synthetic_rx_bytes": 66,
        "synthetic_tx_packets": 0,
        "synthetic_tx_bytes": None,
    },
)


def a_document(machine: Machine | None = None) -> Any:
    """A report as a reader of the JSON gets it."""
    return json.loads(render_json.render(judge(machine or with_window(), CHECKS)))


def with_window() -> Machine:
    """A healthy VM that was seen twice."""
    return a_machine(nics=(a_nic(window=WINDOW),))


def errors(document: Any) -> list[str]:
    """What the schema has against a document."""
    validator: Any = Draft202012Validator(SCHEMA)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def entries(value: Any) -> list[tuple[str | int, Any]]:
    """What an object or an array holds, with the key or index of each."""
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).items())
    if isinstance(value, list):
        return list(enumerate(cast("list[object]", value)))
    return []


def objects(schema: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Every subschema of an object with named properties, with its path."""
    if isinstance(schema, dict) and "additionalProperties" in schema and "properties" in schema:
        yield path, schema
    for name, part in entries(schema):
        yield from objects(part, f"{path}.{name}")


def key_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every key in every object."""
    for name, part in entries(value):
        if isinstance(name, str):
            yield (*path, name)
        yield from key_paths(part, (*path, name))


def parent_of(document: Any, path: tuple[str | int, ...]) -> Any:
    """The object that holds what `path` leads to."""
    for step in path[:-1]:
        document = document[step]
    return document


def test_the_schema_is_valid() -> None:
    """The schema is a JSON Schema of draft 2020-12."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


def test_every_property_is_described() -> None:
    """A reader of the schema learns what each property means."""
    undescribed = [
        f"{path}.{name}"
        for path, schema in objects(SCHEMA)
        for name, part in schema["properties"].items()
        if not part.get("description")
    ]
    assert undescribed == []


def test_objects_are_closed() -> None:
    """No object but a window takes properties that the schema does not name."""
    open_ones = [
        path for path, schema in objects(SCHEMA) if schema["additionalProperties"] is not False
    ]
    assert open_ones == ["$.$defs.window"]


def test_every_property_but_a_counter_is_required() -> None:
    """A key is always there; what was not observed is null, an absent counter is absent."""
    optional = {
        path: sorted(set(schema["properties"]) - set(schema["required"]))
        for path, schema in objects(SCHEMA)
        if set(schema["properties"]) != set(schema["required"])
    }
    assert optional == {"$.$defs.nic.properties.counters": sorted(VF_COUNTERS)}


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(a_machine(), id="healthy"),
        pytest.param(with_window(), id="two-samples"),
        pytest.param(a_machine(nics=(a_nic(vf=None),), functions=()), id="no-vf"),
        pytest.param(a_machine(nics=(a_nic(vf=REFUSED),)), id="vf-not-seen"),
        pytest.param(
            a_machine(nics=(a_nic(netdev=a_vf(), vf=None, direct=True),)), id="direct-nic"
        ),
        pytest.param(a_machine(nics=(), functions=(), azure=None), id="nothing-to-judge"),
        pytest.param(
            a_machine(
                source="root",
                azure=False,
                nics=(),
                functions=(),
                **dict.fromkeys(
                    ("kernel_release", "os_release", "dmi", "instance", "cpu_count", "uptime"),
                    NEVER_ASKED,
                ),
            ),
            id="nothing-asked",
        ),
        pytest.param(
            a_machine(
                nics=(
                    a_nic(
                        netdev=a_netdev(
                            driver=REFUSED,
                            mac=REFUSED,
                            mtu=REFUSED,
                            operstate=REFUSED,
                            addresses=REFUSED,
                            samples=(),
                        ),
                        vf=a_vf(
                            driver=REFUSED,
                            device=REFUSED,
                            name="renamed",
                            operstate=REFUSED,
                            mtu=REFUSED,
                            addresses=REFUSED,
                        ),
                    ),
                ),
                functions=(
                    a_function(
                        pci=a_pci_function(
                            vendor_id=REFUSED,
                            device_id=REFUSED,
                            class_id=REFUSED,
                            driver=REFUSED,
                            netdevs=REFUSED,
                        ),
                        family="unknown",
                    ),
                ),
            ),
            id="all-refused",
        ),
    ],
)
def test_a_built_report_is_valid(machine: Machine) -> None:
    """What is emitted for a machine satisfies the schema, whatever was observed of it."""
    assert errors(a_document(machine)) == []


@pytest.mark.parametrize(
    "state", ["vf", "synthetic", "switching", "no_vf", "orphan_vf", "direct", "unknown"]
)
def test_each_data_path_is_known(state: Any) -> None:
    """Every state of the data path has its word in the schema."""
    machine = a_machine(nics=(a_nic(datapath=DataPath(state=state, why="so")),))
    assert errors(a_document(machine)) == []


def test_a_later_counter_may_join_the_window() -> None:
    """A counter that a later version watches does not break today's readers."""
    document = a_document()
    document["nics"][0]["window"]["vf_tx_errors"] = None
    assert errors(document) == []


def put(*path: str | int, value: Any) -> Callable[[Any], None]:
    """A mutation: another value at that path."""

    def mutate(document: Any) -> None:
        parent_of(document, path)[path[-1]] = value

    return mutate


@pytest.mark.parametrize(
    "mutate",
    [
        pytest.param(put("verdict", value="ok"), id="verdict"),
        pytest.param(put("source", value="tape"), id="source"),
        pytest.param(put("schema", value=2), id="schema"),
        pytest.param(put("observed_at", value="yesterday"), id="observed-at"),
        pytest.param(put("findings", 0, "status", value="maybe"), id="status"),
        pytest.param(put("findings", 0, "level", value="optional"), id="level"),
        pytest.param(put("findings", 0, "runbook", value="README.md"), id="runbook"),
        pytest.param(put("findings", 0, "evidence", value=None), id="evidence"),
        pytest.param(put("nics", 0, "datapath", value="fast"), id="datapath"),
        pytest.param(put("nics", 0, "mtu", value="1500"), id="mtu"),
        pytest.param(put("nics", 0, "name", value=None), id="name"),
        pytest.param(put("nics", 0, "counters", "vf_tx_packets", value=None), id="counter"),
        pytest.param(put("nics", 0, "window", "vf_tx_packets", value=0.5), id="growth"),
        pytest.param(put("nics", 0, "vf", "family", value=None), id="family"),
        pytest.param(put("pci_functions", 0, "driver_observed", value=None), id="driver-observed"),
        pytest.param(put("host", "azure", value="yes"), id="azure"),
    ],
)
def test_a_wrong_value_is_not_valid(mutate: Callable[[Any], None]) -> None:
    """A value that the contract does not have is refused."""
    document = a_document()
    mutate(document)
    assert errors(document) != []


def test_a_missing_key_is_not_valid() -> None:
    """A key left out of any object is refused, but for counters and what is in evidence."""
    accepted: list[tuple[str | int, ...]] = []
    for path in key_paths(a_document()):
        document = a_document()
        del parent_of(document, path)[path[-1]]
        if not errors(document):
            accepted.append(path)
    optional = {"counters" if path[-2] == "counters" else path[2] for path in accepted}
    assert optional == {"counters", "evidence"}


def test_an_unknown_key_is_not_valid() -> None:
    """A key added to any object is refused, but for a window and for evidence."""
    accepted: set[str | int] = set()
    for path in key_paths(a_document()):
        document = a_document()
        parent_of(document, path)["surprise"] = 1
        if not errors(document):
            accepted.add(path[2] if "evidence" in path else path[-2])
    assert accepted == {"evidence", "window"}
