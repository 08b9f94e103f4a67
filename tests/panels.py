"""What monitoring/dashboards/*.json ask, and with what Grafana replaces their variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "monitoring/dashboards"
DASHBOARDS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
}
VARIABLE: Final = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
LABEL_VALUES: Final = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)")
SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
METRIC: Final = re.compile(r"[a-zA-Z_:][\w:]*(?=\{)")


class Query(NamedTuple):
    """One query of a panel, a variable or an annotation."""

    dashboard: str
    of: str  # the panel's title, or the name of the variable or annotation
    letter: str
    expression: str
    kind: str  # instant, range, variable or annotation
    shown: frozenset[str] = frozenset()  # labels, by a legend or a text

    @property
    def name(self) -> str:
        """For a test."""
        return f"{self.dashboard}: {self.of} {self.letter}".rstrip()

    @property
    def labels(self) -> set[tuple[str, str, str]]:
        """Each metric that it asks for with each label, and the value: `=` or `=~` before it."""
        return {
            (metric, *label)
            for metric, inside in SELECTOR.findall(self.expression)
            for label in re.findall(r'(\w+)(=~?"[^"]*")', inside)
        }

    @property
    def metrics(self) -> set[str]:
        """What it asks for."""
        of_variable = LABEL_VALUES.fullmatch(self.expression)
        return set(METRIC.findall(f"{of_variable['series']}{{" if of_variable else self.expression))


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All but rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries() -> list[Query]:
    """All that Prometheus is asked."""
    return [query for uid, found in DASHBOARDS.items() for query in _queries(uid, found)]


def _queries(uid: str, dashboard: Mapping[str, Any]) -> Iterator[Query]:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            kind = "instant" if target.get("instant") else "range"
            shown = _named(target.get("legendFormat", ""))
            yield Query(uid, panel["title"], target["refId"], target["expr"], kind, shown)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield Query(uid, variable["name"], "", variable["query"], "variable")
    for annotation in dashboard["annotations"]["list"]:
        shown = _named(annotation["textFormat"])
        yield Query(uid, annotation["name"], "", annotation["expr"], "annotation", shown)


def _named(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\{\{(\w+)\}\}", text))


def columns(panel: Mapping[str, Any]) -> list[str]:
    """The labels and values that a table keeps."""
    return [
        name
        for step in panel.get("transformations", [])
        if step["id"] == "filterFieldsByName"
        for name in step["options"]["include"]["names"]
    ]


def replaced(expression: str, chosen: Mapping[str, str | Sequence[str]]) -> str:
    """As Grafana does it: one value, several, or what stands for all."""

    def value(found: re.Match[str]) -> str:
        choice = chosen[found[1] or found[2]]
        if isinstance(choice, str):
            return choice
        escaped = [_escaped(one) for one in choice]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return VARIABLE.sub(value, expression)


def _escaped(value: str) -> str:
    """For a regular expression inside a string of PromQL (prometheusSpecialRegexEscape)."""
    return re.sub(r"[$^*{}\[\]+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))
