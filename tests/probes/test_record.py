"""record: frozen values as dataclasses would make them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from accelnet_probes import record
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import Dmi, Gap, Move, Watch


class Port(Record):
    """One field that must be given, one with a default."""

    name: str
    speed: int | None = None


class Twin(Record):
    """The fields of Port, and another type."""

    name: str
    speed: int | None = None


def test_fields_are_given_by_name_and_defaults_hold() -> None:
    """A field that is not given has its default."""
    port = Port(name="eth0")
    assert (port.name, port.speed) == ("eth0", None)


def test_a_missing_field_is_a_type_error() -> None:
    """What has no default must be given."""
    with pytest.raises(TypeError, match=r"^Port: missing name$"):
        Port(speed=1)  # type: ignore[call-arg]


def test_an_unknown_field_is_a_type_error() -> None:
    """A misspelt field is told, not kept."""
    with pytest.raises(TypeError, match=r"^Port: unknown sped$"):
        Port(name="eth0", sped=1)  # type: ignore[call-arg]


def test_fields_are_not_given_by_position() -> None:
    """Order means nothing."""
    with pytest.raises(TypeError):
        Port("eth0")  # type: ignore[call-arg]


def test_a_record_is_frozen() -> None:
    """Neither assigned nor deleted."""
    port = Port(name="eth0")
    with pytest.raises(AttributeError, match="Port is frozen: name"):
        port.name = "eth1"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Port is frozen: name"):
        del port.name  # pyright: ignore[reportAttributeAccessIssue]
    assert port == Port(name="eth0")


def test_a_record_has_slots_alone() -> None:
    """No dictionary a record: thousands of them are made."""
    assert not hasattr(Port(name="eth0"), "__dict__")


def test_records_are_equal_by_value_and_type() -> None:
    """Two types with the same fields are two facts."""
    assert Port(name="eth0", speed=1) == Port(speed=1, name="eth0")
    assert Port(name="eth0") != Port(name="eth1")
    assert Port(name="eth0") != Twin(name="eth0")
    assert Port(name="eth0") != ("eth0", None)


def test_equal_records_hash_alike() -> None:
    """They are found in sets and as keys."""
    assert {Port(name="eth0"), Port(name="eth0")} == {Port(name="eth0")}


def test_a_record_shows_its_fields() -> None:
    """What a failing test prints can be read, and pasted."""
    assert repr(Gap(asked=True, why="EACCES")) == "Gap(asked=True, why='EACCES')"


def test_replace_changes_a_copy() -> None:
    """The original stays; a default that was changed stays changed."""
    port = Port(name="eth0", speed=1)
    assert replace(port, name="eth1") == Port(name="eth1", speed=1)
    assert port == Port(name="eth0", speed=1)


def test_replace_knows_its_fields() -> None:
    """A misspelt change is told."""
    with pytest.raises(TypeError, match="Port: unknown sped"):
        replace(Port(name="eth0"), sped=1)


def test_a_record_may_have_properties() -> None:
    """What follows from the fields is no field."""
    dmi = Dmi(chassis_asset_tag=None, sys_vendor=None, product_name=None)
    assert dmi.is_azure is False


class Wide(Record):
    """Many fields, given and not."""

    a: int
    b: int = 2
    c: tuple[int, ...] = ()
    d: str | None = None


@pytest.mark.parametrize(
    ("given", "values"),
    [
        pytest.param({"a": 1}, (1, 2, (), None), id="all-defaults"),
        pytest.param({"d": "d", "a": 1}, (1, 2, (), "d"), id="some-in-another-order"),
        pytest.param({"d": "d", "c": (3,), "b": 0, "a": 1}, (1, 0, (3,), "d"), id="all"),
        pytest.param({"a": None, "b": None, "c": None, "d": None}, (None,) * 4, id="all-none"),
    ],
)
def test_each_value_is_in_its_field(given: dict[str, Any], values: tuple[object, ...]) -> None:
    """However many are given, in whichever order."""
    wide = Wide(**given)
    assert (wide.a, wide.b, wide.c, wide.d) == values


def test_as_many_values_as_fields_may_be_of_others() -> None:
    """The count alone says nothing."""
    with pytest.raises(TypeError, match=r"^Wide: unknown e, f$"):
        Wide(a=1, b=2, f=3, e=4)  # type: ignore[call-arg]


def test_defaults_are_of_the_class_alone() -> None:
    """A record that is made does not change what the next one has."""
    assert Wide(a=1, c=(1,)) != Wide(a=1)
    assert Wide(a=1) == Wide(a=1, b=2, c=(), d=None)


def test_equality_looks_at_every_field() -> None:
    """And is at once where it is the same one."""
    wide = Wide(a=1)
    for changes in ({"a": 2}, {"b": 3}, {"c": (1,)}, {"d": ""}):
        assert replace(wide, **changes) != wide
    assert wide == wide  # noqa: PLR0124 - the short way


def test_a_watch_that_saw_nothing_says_nothing() -> None:
    """Neither events nor moves; for how long is known."""
    watch = Watch(events=(), seconds=60.0)
    assert (watch.events, watch.seconds, dict(watch.moves)) == ((), 60.0, {})


def test_a_move_says_from_what_to_what() -> None:
    """Ids of the hardware, and how long ago."""
    move = Move(before="15b3:1016", after="1414:00ba", age=5.0)
    assert repr(move) == "Move(before='15b3:1016', after='1414:00ba', age=5.0)"
    with pytest.raises(TypeError, match="Move: missing age"):
        Move(before="15b3:1016", after="1414:00ba")  # type: ignore[call-arg]


def test_records_cost_no_heavy_import() -> None:
    """Neither dataclasses nor typing is loaded for them."""
    script = "import sys; import record; print(*sys.modules.keys() & {'dataclasses', 'typing'})"
    folder = str(record.__file__).rpartition("/")[0]
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {folder!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "\n"
