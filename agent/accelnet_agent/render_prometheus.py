"""The report for node_exporter's textfile collector: the Prometheus text format 0.0.4.

Written here because prometheus_client costs more to import than the whole check
may (docs/performance.md); the tests hold it to that library's parser, promtool
and node_exporter.  No sample has a timestamp: the collector refuses a file with
one, and says itself how old the file is (node_textfile_mtime_seconds).
"""

from __future__ import annotations

from accelnet_agent.metrics import families

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnet_agent.metrics import Family
    from accelnet_agent.report import Report


def render(report: Report) -> str:
    """The families of the report, with a final newline."""
    return "".join(f"{line}\n" for family in families(report) for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    yield f"# HELP {name} {_escaped(family.help)}"
    yield f"# TYPE {name} {family.type}"
    for values, value in family.samples:
        pairs = zip(family.labels, values, strict=True)
        labels = ",".join(f'{label}="{_quotable(text)}"' for label, text in pairs)
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quotable(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
