"""docs/fleet-report.md: what it shows is what the tool says, and its commands work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accelnet_agent.arguments import GROUPS, parse
from accelnet_agent.fleet_names import SUFFIXES
from accelnet_agent.summarize import run
from fleets import failing, on, write

CHECKOUT = Path(__file__).parents[2]
DOCUMENT = (CHECKOUT / "docs/fleet-report.md").read_text(encoding="utf-8")
SAMPLE = re.compile(r"<!-- accelnet-check --summarize (.*) -->\n```\n(.*?)```\n", re.DOTALL)
JQ = re.findall(r"^jq -r '(.*)' fleet\.json$", DOCUMENT, re.MULTILINE)
# What each of them says of one VM whose VF has no driver.
ANSWERS = [
    "vf-driver 1\n",
    "web1\n",
    '"web1","fail","Standard_D4s_v5","6.8.0-1020-azure","mlx5_core"\n',
    "6.8.0-1020-azure\n",
]


def test_the_sample_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word what is said of these recorded machines."""
    found = SAMPLE.search(DOCUMENT)
    assert found is not None
    monkeypatch.chdir(CHECKOUT / "tests/fixtures")
    text, status = run(parse(["--summarize", *found[1].split()]), colour=False)
    assert text == found[2]
    assert status == 2


def test_every_link_leads_somewhere() -> None:
    """Relative links are files of the project."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", DOCUMENT)
    missing = [link for link in links if not (CHECKOUT / "docs" / link).exists()]
    assert set(missing) <= {"provisioning.md"}  # comes with provisioning/
    assert links


def _cells(first: str) -> set[str]:
    """What stands in code in the first column of the table with that head."""
    table = DOCUMENT.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_key_of_the_json_is_told() -> None:
    """In the table."""
    schema = json.loads((CHECKOUT / "docs/fleet-report.schema.json").read_text())
    told = _cells("key") | {"schema", "tool", "observed", "stale_after_days"}
    assert told == set(schema["properties"])


def test_every_group_and_every_suffix_is_told() -> None:
    """Of --by, and of what is read in folders."""
    assert _cells("group") == set(GROUPS)
    assert _cells("argument") - {"-", "bundle.json", "root/"} == set(SUFFIXES)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize(
    ("expression", "answer"),
    list(zip(JQ, ANSWERS, strict=True)),
)
def test_the_expressions_for_jq_work(expression: str, answer: str, tmp_path: Path) -> None:
    """On what is written as JSON."""
    report: Any = failing(1, "vf-driver")
    write(tmp_path / "web1.json", on(report, vm_size="Standard_D4s_v5", kernel="6.8.0-1020-azure"))
    text, _ = run(parse(["--summarize", "--format", "json", str(tmp_path)]), colour=False)
    found = subprocess.run(
        ["jq", "-r", expression], input=text, capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == answer
