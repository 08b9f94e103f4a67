"""record: frozen values as dataclasses would make them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from accelnet_probes import record
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import Dmi, Gap


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
