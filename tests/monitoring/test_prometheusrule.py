"""scripts/prometheusrule: the rules for the Prometheus operator."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def _written(*arguments: str) -> Any:
    done = subprocess.run(
        [ROOT / "scripts/prometheusrule", *arguments], capture_output=True, text=True, check=True
    )
    return yaml.safe_load(done.stdout)


def _groups() -> list[Any]:
    return [
        group
        for name in ("accelnet.rules.yml", "accelnet-alerts.rules.yml")
        for group in yaml.safe_load((ROOT / "monitoring" / name).read_text())["groups"]
    ]


def test_it_has_the_rules_as_they_are() -> None:
    """All groups, those that record first."""
    written = _written("--namespace", "monitoring", "--label", "release=prometheus")
    assert (written["apiVersion"], written["kind"]) == (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
    )
    assert written["metadata"] == {
        "name": "accelnet",
        "namespace": "monitoring",
        "labels": {"app.kubernetes.io/name": "accelnet", "release": "prometheus"},
    }
    assert written["spec"]["groups"] == _groups()


def test_runbooks_are_where_one_says() -> None:
    """In front of each path."""
    written = _written("--runbooks", "https://git.contoso.com/accelnet")
    urls = {
        rule["annotations"]["runbook_url"]
        for group in written["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert "https://git.contoso.com/accelnet/docs/runbooks/vf-mtu.md" in urls
    assert all(url.startswith("https://git.contoso.com/accelnet/docs/") for url in urls)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--namespace", "A b"], "no name of a namespace: A b"),
        (["--label", "x"], "no KEY=VALUE of a label: x"),
        (["--runbooks", "ftp://x"], "no address of http or https: ftp://x"),
        (["--label"], "--label wants a value"),
        (["more"], "unknown argument: more"),
    ],
)
def test_what_it_can_not_use_is_told_in_one_line(arguments: list[str], said: str) -> None:
    """And nothing is written."""
    done = subprocess.run(
        [ROOT / "scripts/prometheusrule", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.splitlines()[-1] == f"scripts/prometheusrule: error: {said}"


def test_a_group_is_no_larger_than_managed_prometheus_takes() -> None:
    """20 rules."""
    assert [group["name"] for group in _groups() if len(group["rules"]) > 20] == []
