"""What the reports of a fleet say together."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent import fleet_json
from accelnet_agent.fleet import MAX_LISTED, MAX_REMEDIES, Fleet, Place
from accelnet_agent.fleet_report import Reports
from accelnet_agent.fleet_summary import summarize
from fleets import NOW, a_finding, a_fleet, a_report, a_summary, failing, on

if TYPE_CHECKING:
    from accelnet_agent.fleet_summary import Summary


def _names(summary: Summary) -> list[str]:
    return [name for name, _ in summary.vms]


# --- which report counts ---


def test_of_a_vm_the_newest_report_counts() -> None:
    """Wherever it lies; the others are left out, by name."""
    summary = a_summary(
        {
            "monday/web1.json": a_report(1, observed_at="2026-11-23T06:00:00Z"),
            "sunday/web1.json": failing(1, observed_at="2026-11-22T06:00:00Z"),
            "today/web1.json": a_report(1, observed_at="2026-11-26T06:00:00Z"),
        }
    )
    assert (_names(summary), summary.verdict, summary.reports) == (["web1"], "pass", 3)
    assert summary.superseded.first == [
        ("monday/web1.json", "today/web1.json"),
        ("sunday/web1.json", "today/web1.json"),
    ]
    assert summary.findings == []


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        pytest.param("2026-11-26T06:00:00Z", "2026-11-26T06:00:00.5Z", id="fraction"),
        pytest.param("2026-11-26T06:00:00.25Z", "2026-11-26T06:00:00.5Z", id="fractions"),
        pytest.param("2026-11-26T06:00:00.999999999Z", "2026-11-26T06:00:01Z", id="second"),
    ],
)
def test_moments_are_ordered_to_the_nanosecond(older: str, newer: str) -> None:
    """With a fraction or without."""
    summary = a_summary(
        {"b.json": a_report(1, observed_at=older), "a.json": a_report(1, observed_at=newer)}
    )
    assert summary.superseded.first == [("b.json", "a.json")]


def test_reports_of_different_vms_with_one_name_count_each() -> None:
    """Two regions may have a web1 each."""
    summary = a_summary({"eastus/web1.json": a_report(1), "westus/web1.json": a_report(2)})
    assert _names(summary) == ["eastus", "westus"]


def test_recordings_with_one_mac_count_each() -> None:
    """It is masked alike in each."""
    summary = a_summary({f"{n}.json": a_report(1, source="bundle") for n in (1, 2)})
    assert (_names(summary), summary.superseded.count) == (["1", "2"], 0)


_REPORTS: list[tuple[str, dict[str, Any]]] = [
    ("a/web1.json", failing(1, observed_at="2026-11-23T06:00:00Z")),
    ("b/web1.json", a_report(1)),
    ("c/web1.json", failing(1, "vf-up")),
    ("web2.json", failing(2)),
    ("web3.json", failing(3, findings=[a_finding("vf-mtu", "fail", remedy="Another one:")])),
    ("web4.json", failing(4)),
    ("root/image.json", a_report(5, source="root")),
    ("b/image.json", a_report(6, source="root", verdict="warn")),
    ("web7.json", on(a_report(7), vm_size=None, kernel=None)),
    ("web8.json", on(failing(8, "vf-up"), vm_size="Standard_D4s_v5")),
]


@given(st.permutations(_REPORTS))
def test_the_order_of_the_reports_changes_nothing(
    reports: list[tuple[str, dict[str, Any]]],
) -> None:
    """The same reports give the same bytes, but for which VM is the example."""
    assert _without_examples(reports) == _without_examples(_REPORTS)


def _without_examples(reports: list[tuple[str, dict[str, Any]]]) -> Any:
    document = fleet_json.document(a_summary(dict(reports)))
    for finding in document["findings"]:
        del finding["example"]
    return document


# --- the verdict ---


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        pytest.param(["pass", "pass"], "pass", id="pass"),
        pytest.param(["pass", "warn"], "warn", id="warn"),
        pytest.param(["warn", "unknown"], "unknown", id="unknown"),
        pytest.param(["unknown", "fail", "pass"], "fail", id="fail"),
    ],
)
def test_the_verdict_is_the_worst(verdicts: list[str], verdict: str) -> None:
    """In the order in which a VM's own checks make it."""
    reports = {f"{n}.json": a_report(n, verdict=one) for n, one in enumerate(verdicts)}
    assert a_summary(reports).verdict == verdict


def test_what_can_not_be_read_is_unknown() -> None:
    """It may say anything."""
    fleet = a_fleet({"web1.json": a_report(1, verdict="warn")})
    fleet.unreadable.add("web2.json", "it is empty")
    assert summarize(fleet, stale_after=7, now=NOW).verdict == "unknown"


def test_a_fleet_with_an_old_report_does_not_pass() -> None:
    """What it says may be true no more."""
    old = "2026-11-19T05:59:59Z"
    reports = {"web1.json": a_report(1), "web2.json": a_report(2, observed_at=old)}
    summary = a_summary(reports)
    assert (summary.verdict, summary.stale) == ("warn", [("web2", old)])
    assert (summary.oldest, summary.newest) == (old, "2026-11-26T06:00:00Z")
    assert a_summary(reports, stale_after=8).verdict == "pass"


def test_a_report_exactly_as_old_as_it_may_be_is_not_old() -> None:
    """The limit is in."""
    summary = a_summary(
        {"a.json": a_report(1), "b.json": a_report(2, observed_at="2026-11-19T06:00:00Z")}
    )
    assert summary.stale == []


def test_reports_of_long_ago_are_not_old_beside_each_other() -> None:
    """They are measured by the newest, not by the clock: the same reports say the same."""
    long_ago = {"observed_at": "2018-01-02T00:00:00Z"}
    summary = a_summary({"a.json": a_report(1, **long_ago), "b.json": a_report(2, **long_ago)})
    assert (summary.stale, summary.verdict) == ([], "pass")


def test_a_clock_that_is_wrong_makes_no_other_report_old() -> None:
    """What is of the future is told of, and measures nothing."""
    future = "9999-12-31T23:59:59Z"
    summary = a_summary({"a.json": a_report(1), "b.json": a_report(2, observed_at=future)})
    assert (summary.ahead, summary.stale) == ([("b", future)], [])
    assert summary.verdict == "warn"
    soon = (NOW + timedelta(minutes=59)).isoformat() + "Z"
    assert a_summary({"a.json": a_report(1, observed_at=soon)}).ahead == []


def test_a_fleet_of_the_future_alone_is_told_of() -> None:
    """There is nothing to measure by."""
    future = "2126-11-26T00:00:00Z"
    summary = a_summary({"a.json": a_report(1, observed_at=future)})
    assert (summary.ahead, summary.stale, summary.newest) == ([("a", future)], [], future)


# --- what fails where ---


def test_a_finding_is_told_by_its_most_frequent_remedy() -> None:
    """Once, with a VM that says so."""
    other = [a_finding("vf-mtu", "fail", remedy="Another one:", summary="other")]
    summary = a_summary(
        {
            "a.json": failing(1, findings=other),
            "b.json": failing(2),
            "c.json": failing(3),
        }
    )
    (finding,) = summary.findings
    assert (finding.vms, finding.example) == (["a", "b", "c"], "b")
    assert finding.said is not None
    assert finding.said.remedy == "Repair it:\n  sudo repair eth0"


def test_a_finding_is_told_by_a_report_that_counts() -> None:
    """Not by one that a newer one replaced."""
    summary = a_summary(
        {
            "a.json": failing(1, observed_at="2026-11-20T00:00:00Z"),
            "b.json": failing(1, "vf-up"),
            "c.json": failing(2, findings=[a_finding("vf-mtu", "fail", remedy="Another one:")]),
        }
    )
    assert {finding.check: finding.example for finding in summary.findings} == {
        "vf-up": "b",
        "vf-mtu": "c",
    }


def test_a_finding_without_any_words_of_a_vm_is_told_all_the_same() -> None:
    """Where more wordings were replaced than are kept."""
    reports = {
        f"old/{n}.json": failing(
            n,
            findings=[a_finding("vf-mtu", "fail", remedy=f"No {n}")],
            observed_at="2026-11-20T00:00:00Z",
        )
        for n in range(MAX_REMEDIES)
    }
    reports |= {f"x/{n}.json": a_report(n) for n in range(MAX_REMEDIES)}
    reports["z.json"] = failing(MAX_REMEDIES)
    (finding,) = a_summary(reports).findings
    assert (finding.vms, finding.example, finding.said) == (["z"], None, None)
    assert finding.decides


def test_what_is_unknown_and_only_recommended_comes_last() -> None:
    """It decides nothing."""
    unseen = a_finding("imds-nics", "unknown", level="recommended")
    summary = a_summary(
        {
            "a.json": a_report(1, findings=[unseen, a_finding("vf-name", "warn")]),
            "b.json": a_report(2, findings=[unseen, a_finding("vf-up", "unknown")]),
            "c.json": failing(3),
        }
    )
    assert [(found.check, found.decides) for found in summary.findings] == [
        ("vf-mtu", True),
        ("vf-up", True),
        ("vf-name", True),
        ("imds-nics", False),
    ]


def test_what_failing_vms_have_in_common_is_told() -> None:
    """Where others rarely have it: here a kernel, and no size."""
    reports: dict[str, dict[str, Any]] = {}
    for number in range(40):
        report = failing(number) if number < 4 else a_report(number)
        kernel = "5.15.0-1023-azure" if number < 5 else "6.8.0-1020-azure"
        size = f"Standard_D{2 ** (number % 4)}s_v5"
        reports[f"{number}.json"] = on(report, kernel=kernel, vm_size=size)
    (finding,) = a_summary(reports).findings
    (cause,) = finding.causes
    assert (cause.key, cause.name, cause.found, cause.vms) == ("kernel", "5.15.0-1023-azure", 4, 5)
    assert dict(finding.counts["kernel"]) == {"5.15.0-1023-azure": 4}


@pytest.mark.parametrize(
    ("failing_on", "well_on"),
    [
        pytest.param(["a", "a"], ["a", "a"], id="all-have-it"),
        pytest.param(["a"], ["b"] * 9, id="one-vm-proves-nothing"),
        pytest.param(["a", "b", "c", "d"], ["e"] * 9, id="nothing-in-common"),
        pytest.param([None, None], ["b"] * 9, id="not-known"),
    ],
)
def test_what_proves_nothing_is_not_told(
    failing_on: list[str | None], well_on: list[str | None]
) -> None:
    """No cause is made up."""
    reports = [on(failing(n), kernel=kernel) for n, kernel in enumerate(failing_on)]
    reports += [on(a_report(100 + n), kernel=kernel) for n, kernel in enumerate(well_on)]
    (finding,) = a_summary({f"{n}.json": one for n, one in enumerate(reports)}).findings
    assert finding.causes == []


def test_groups_are_told_worst_first() -> None:
    """By the VMs that fail, then by those that are unknown, then by those with a warning."""
    verdicts = {"s": ["pass"] * 9, "m": ["warn"], "l": ["fail", "pass"], "xl": ["fail", "fail"]}
    reports = {
        f"{size}{n}.json": on(a_report(ord(size[0]) + 1000 * n, verdict=verdict), vm_size=size)
        for size, some in verdicts.items()
        for n, verdict in enumerate(some)
    }
    summary = a_summary(reports)
    assert [(group.name, group.vms) for group in summary.groups["size"]] == [
        ("xl", 2),
        ("l", 2),
        ("m", 1),
        ("s", 9),
    ]


def test_packets_are_summed_where_they_were_counted() -> None:
    """A VM with one sample has none; big counts stay exact."""
    reports = {f"{n}.json": a_report(n) for n in range(3)}
    for n, window in ((0, (2**63, 1)), (1, (2**63, 2))):
        reports[f"{n}.json"]["nics"][0]["window"] = {
            "vf_tx_packets": window[0],
            "synthetic_tx_packets": window[1],
        }
    reports["2.json"]["nics"][0]["window"] = None
    assert a_summary(reports).whole.sent == (2**64, 3)


def test_what_is_left_out_is_counted_to_the_last() -> None:
    """And listed as far as it can be read."""
    fleet = Fleet()
    fleet.add(Place(path="a.json"), Reports().read(a_report()))
    for number in range(MAX_LISTED + 5):
        fleet.unreadable.add(f"-:{number}", "it is empty")
        fleet.add(Place(path=f"{number}.json"), Reports().read(a_report()))
    left_out = fleet.left_out()
    assert fleet.unreadable.count == left_out.count == MAX_LISTED + 5
    assert len(fleet.unreadable.first) == len(left_out.first) == MAX_LISTED


def test_many_kinds_of_vms_are_summarized_in_time() -> None:
    """Each with a kernel of its own, and a failure."""
    choose = random.Random(1)  # noqa: S311
    reports = {
        f"{n}.json": on(failing(n, choose.choice(["vf-up", "vf-mtu"])), kernel=f"6.8.{n}")
        for n in range(2000)
    }
    summary = a_summary(reports)
    assert len(summary.groups["kernel"]) == summary.whole.vms == 2000
