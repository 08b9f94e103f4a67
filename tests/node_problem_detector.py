"""node-problem-detector as far as a custom plugin meets it: how it runs one, what follows.

From its sources, v0.8.20: pkg/custompluginmonitor/types/config.go (defaults, what is refused),
plugin/plugin.go (`run`), custom_plugin_monitor.go (`generateStatus`).

monitor = Monitor(json.loads(text))
condition = monitor.look()["AcceleratedNetworkingProblem"]
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

STATUSES = {0: "False", 1: "True"}  # of the condition, which is a problem; all else is "Unknown"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}  # of Go's time.ParseDuration, those used
_GLOBAL = {
    "invoke_interval": str,
    "timeout": str,
    "max_output_length": int,
    "concurrency": int,
    "enable_message_change_based_condition_update": bool,
    "skip_initial_status": bool,
}
_TOP = ("plugin", "pluginConfig", "source", "conditions", "rules", "metricsReporting")
_RULE = ("type", "condition", "reason", "path", "args", "timeout")
_BUFFER = 4096  # bytes of each stream that are read


def seconds(duration: str) -> float:
    """Go's "1m30s"."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", duration)
    assert "".join(number + unit for number, unit in parts) == duration, duration
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Condition:
    """A condition of the node."""

    status: str
    reason: str
    message: str


class Monitor:
    """One custom plugin monitor."""

    def __init__(self, config: Mapping[str, Any], environment: Mapping[str, str] | None = None):
        """AssertionError for a configuration that it would not take, or not wholly read."""
        self._config, self._environment = config, environment
        given = config.get("pluginConfig", {})
        assert config["plugin"] == "custom"
        assert not set(config) - set(_TOP)
        assert all(isinstance(value, _GLOBAL[name]) for name, value in given.items())
        self._timeout = seconds(given.get("timeout", "5s"))
        self.interval = seconds(given.get("invoke_interval", "30s"))
        self._most = given.get("max_output_length", 80)
        self._by_message = given.get("enable_message_change_based_condition_update", False)
        self._defaults = {found["type"]: found for found in config["conditions"]}
        for rule in config["rules"]:
            assert not set(rule) - set(_RULE)
            assert rule["type"] in ("permanent", "temporary")
            assert seconds(rule["timeout"]) <= self._timeout
            assert os.path.exists(rule["path"]), rule["path"]  # noqa: PTH110  as NPD asks it
            assert rule["type"] == "temporary" or rule["condition"] in self._defaults
        self.conditions = {
            name: Condition("False", found["reason"], found["message"])
            for name, found in self._defaults.items()
        }

    def look(self) -> dict[str, Condition]:
        """Every rule once."""
        for rule in self._config["rules"]:
            status, output = self.run(rule)
            self._take(rule, STATUSES.get(status, "Unknown"), output)
        return self.conditions

    def run(self, rule: Mapping[str, Any]) -> tuple[int, str]:
        """The exit status, -1 for what was killed, and what is kept of the output."""
        process = subprocess.Popen(
            [rule["path"], *rule.get("args", [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=min(seconds(rule["timeout"]), self._timeout))
            text = output[:_BUFFER].decode().strip()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            text = f'Timeout when running plugin "{rule["path"]}": state - signal: killed.'
        kept = text.encode()[: self._most].decode(errors="replace")
        return max(process.returncode, -1), kept

    def _take(self, rule: Mapping[str, Any], status: str, message: str) -> None:
        before = self.conditions[rule["condition"]]
        default = self._defaults[rule["condition"]]
        after = before
        if status == "True" and before.status != "True":
            after = Condition(status, rule["reason"], message)
        elif status != before.status:
            well = status == "False"
            after = Condition(status, default["reason"], default["message"] if well else message)
        elif status == "True" and self._by_message:
            after = replace(before, message=message)
        self.conditions[rule["condition"]] = after
