"""--known-issues FILE: what is accepted, and what is said of what is not."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.data.known_issues import KnownIssue
from accelnet_agent.known_issues_file import MAX_BYTES, load, parse
from accelnet_agent.report import UsageError

ENTRY: dict[str, Any] = {
    "id": "ours",
    "families": ["rhel"],
    "since": "5.14.0-503.el9.x86_64",
    "fixed": "5.14.0-570.el9.x86_64",
    "symptom": "it is slow",
    "source": "https://example.com/1",
}


def _content(*entries: Any, **changes: Any) -> bytes:
    document = {"format": "accelnet-known-issues", "version": 1, "issues": list(entries)}
    return json.dumps({**document, **changes}).encode()


def test_an_entry() -> None:
    """Each key in its field; what is left out has its default."""
    assert parse(_content(ENTRY)) == (
        KnownIssue(
            id="ours",
            families=("rhel",),
            since="5.14.0-503.el9.x86_64",
            fixed="5.14.0-570.el9.x86_64",
            fixed_in="5.14.0-570.el9.x86_64",
            symptom="it is slow",
            source="https://example.com/1",
        ),
    )


def test_all_keys() -> None:
    """A driver's versions are compared as they are."""
    driver = {
        **{key: value for key, value in ENTRY.items() if key != "families"},
        "driver": "mlx5_core",
        "since": "5.1",
        "fixed": "5.9",
        "fixed_in": "the next",
        "hardware": ["MANA"],
        "more_cpus_than": 64,
        "unbound": True,
    }
    [issue] = parse(_content(driver))
    assert (issue.driver, issue.hardware, issue.fixed_in) == ("mlx5_core", ("MANA",), "the next")
    assert (issue.more_cpus_than, issue.unbound) == (64, True)
    [kernel] = parse(_content({**ENTRY, "flavour": "rt", "contains": "rt"}))
    assert (kernel.flavour, kernel.contains) == ("rt", "rt")
    assert parse(_content()) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "expected JSON", id="empty"),
        pytest.param(b"\xff", "expected JSON", id="not-utf-8"),
        pytest.param(b"[" * 100_000, "expected JSON", id="deep"),
        pytest.param(b"[]", '"format": "accelnet-known-issues"', id="list"),
        pytest.param(b"{}", '"format": "accelnet-known-issues"', id="no-format"),
        pytest.param(_content(version=2), '"version": expected 1, found 2', id="version"),
        pytest.param(_content(issues={}), '"issues": expected a list', id="issues"),
        pytest.param(b" " * (MAX_BYTES + 1), "expected at most", id="large"),
        pytest.param(_content(ENTRY, 7), "issues[1]: expected an object", id="number"),
        pytest.param(_content(ENTRY, ENTRY), "'ours': another entry has this id", id="twice"),
        pytest.param(
            _content({**ENTRY, "id": "sles12-impaired"}), "another entry has this id", id="known-id"
        ),
    ],
)
def test_what_is_no_catalogue(content: bytes, message: str) -> None:
    """One line that says what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"source": None}, "issues[0].source: expected a text", id="no-source"),
        pytest.param({"symptom": " "}, "issues[0].symptom: expected a text", id="blank"),
        pytest.param({"id": "a\nb"}, "issues[0].id: expected a text", id="line-end"),
        pytest.param({"sinc": "5.14"}, "'sinc' is none of", id="unknown-key"),
        pytest.param({"families": "rhel"}, "families: expected a list of texts", id="no-list"),
        pytest.param({"families": [7]}, "families: expected a list of texts", id="number"),
        pytest.param({"families": ["redhat"]}, "'redhat' is none of", id="family"),
        pytest.param({"families": []}, "expected families or driver", id="neither"),
        pytest.param({"driver": "mana"}, "expected families or driver", id="both"),
        pytest.param({"since": "9"}, "'9' is no kernel release", id="since"),
        pytest.param({"fixed": "new"}, "'new' is no kernel release", id="fixed"),
        pytest.param({"more_cpus_than": "64"}, "more_cpus_than: expected a number", id="cpus"),
        pytest.param({"more_cpus_than": True}, "more_cpus_than: expected a number", id="true"),
        pytest.param({"unbound": 1}, "unbound: expected true or false", id="unbound"),
    ],
)
def test_what_is_wrong_with_an_entry(changes: dict[str, Any], message: str) -> None:
    """The place and what was expected there."""
    with pytest.raises(UsageError, match=r"^issues\[0\]") as caught:
        parse(_content({**ENTRY, **changes}))
    assert message in str(caught.value)


def test_an_entry_without_a_range() -> None:
    """It would stand against every kernel of a distribution."""
    entry = {key: value for key, value in ENTRY.items() if key not in ("since", "fixed")}
    with pytest.raises(UsageError, match="at least one of since, fixed and contains"):
        parse(_content(entry))


def test_a_file(tmp_path: Path) -> None:
    """The message names it."""
    path = tmp_path / "issues.json"
    path.write_bytes(_content(ENTRY))
    assert [issue.id for issue in load(str(path))] == ["ours"]
    path.write_bytes(b"no")
    with pytest.raises(UsageError, match=r"^--known-issues .*issues\.json: expected JSON"):
        load(str(path))
    with pytest.raises(UsageError, match="No such file"):
        load(str(tmp_path / "none"))
    with pytest.raises(UsageError, match="Is a directory"):
        load(str(tmp_path))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*ENTRY, "driver", "unbound"]), inner)
        ),
    )
)
def test_any_json_is_parsed_or_refused(entry: Any) -> None:
    """Never a traceback."""
    with suppress(UsageError):
        parse(_content(entry))


def test_the_runbook_shows_a_file_that_is_accepted() -> None:
    """What an operator copies."""
    runbook = Path(__file__).parents[2] / "docs/runbooks/kernel-known-issue.md"
    _, _, rest = runbook.read_text(encoding="utf-8").partition('   {"format": ')
    example, _, _ = rest.partition("```")
    assert [issue.id for issue in parse(f'{{"format": {example}'.encode())] == ["our-kernel"]
