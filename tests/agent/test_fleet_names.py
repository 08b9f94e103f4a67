"""What VMs are called: by their files, and no two alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.fleet import Place
from accelnet_agent.fleet_names import names


@pytest.mark.parametrize(
    ("paths", "called"),
    [
        pytest.param(["reports/web1.json"], ["web1"], id="file"),
        pytest.param(
            ["web1.json.gz", "db1.tar.gz", "db2.tgz"], ["web1", "db1", "db2"], id="packed"
        ),
        pytest.param(["web1.example.com.json"], ["web1.example.com"], id="full-name"),
        pytest.param(["recordings/web1/"], ["web1"], id="folder"),
        pytest.param([".json"], [".json"], id="nothing-but-a-suffix"),
        pytest.param(
            ["r/web1/report.json", "r/web2/report.json"], ["web1", "web2"], id="folder-for-each"
        ),
        pytest.param(
            ["r/web1/var/lib/accelnet/report.json", "r/web2/var/lib/accelnet/report.json"],
            ["web1", "web2"],
            id="fetched-by-ansible",
        ),
        pytest.param(
            ["eastus/web1.json", "westeurope/web1.json", "eastus/db1.json"],
            ["eastus/web1", "westeurope/web1", "db1"],
            id="one-name-in-two-regions",
        ),
        pytest.param(
            ["r/web1/report.json", "r/web2/report.json", "db1.json"],
            ["web1/report", "web2/report", "db1"],
            id="mixed",
        ),
        pytest.param(["web1.json", "a/web1.json"], ["web1", "a/web1"], id="one-without-a-folder"),
        pytest.param(["a/web1.json", "a/web1.json.gz"], ["a/web1 (1)", "a/web1 (2)"], id="twice"),
        pytest.param([b"a\xff.json".decode("utf-8", "surrogateescape")], ["a\\udcff"], id="bytes"),
    ],
)
def test_a_vm_is_called_by_its_file(paths: list[str], called: list[str]) -> None:
    """With folders before it where they are needed, and by them alone where files are alike."""
    assert names([Place(path=path) for path in paths]) == called


def test_in_a_stream_a_line_names_it() -> None:
    """By the name that it gives, or its number."""
    places = [
        Place(path="fleet.jsonl", line=1, name="web1"),
        Place(path="fleet.jsonl", line=2),
        Place(path="-", line=7),
        Place(path="-", line=7, nth=2),
    ]
    assert names(places) == ["web1", "fleet:2", "-:7", "-:7.2"]


_PART = st.text("ab. (1)", min_size=1, max_size=3)
_PLACES = st.builds(
    Place,
    path=st.lists(_PART, min_size=1, max_size=4).map("/".join),
    line=st.none() | st.integers(1, 3),
    nth=st.integers(1, 3),
    name=st.none() | _PART,
)


@given(st.lists(_PLACES, min_size=1, max_size=8))
def test_no_two_are_called_alike(places: list[Place]) -> None:
    """However their files are called."""
    found = names(places)
    assert len(found) == len(set(found)) == len(places)
    assert all(found)


def test_many_that_are_alike_are_named_in_time() -> None:
    """Each name goes on where the one before it ended."""
    places = [Place(path="-", line=1, name="web1")] * 20_000
    assert names(places)[-1] == "web1 (20000)"
