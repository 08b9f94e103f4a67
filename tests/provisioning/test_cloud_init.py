"""provisioning/cloud-init: what can be said of it without a machine to boot."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from accelnet_agent.daemon_arguments import parse, unknown_variables

CONFIG = Path(__file__).parents[2] / "provisioning/cloud-init/accelnet.yaml"
MOST = 64 << 10  # bytes of custom data that Azure takes


@pytest.fixture(name="config")
def fixture_config() -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return found


def _content(config: dict[str, Any], path: str) -> str:
    (found,) = [entry["content"] for entry in config["write_files"] if entry["path"] == path]
    return str(found)


def test_it_is_custom_data() -> None:
    """Its first line says what it is, and it is small enough."""
    text = CONFIG.read_text(encoding="utf-8")
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < MOST


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed")
def test_cloud_init_takes_it() -> None:
    """By its schema; no stage of it runs."""
    ran = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(CONFIG)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_every_word_of_its_command_is_a_string(config: dict[str, Any]) -> None:
    """A checksum of digits alone would be a number in YAML, and no command."""
    ((_, url, checksum, seconds),) = config["runcmd"]
    assert url.startswith("https://packages.example/")
    assert re.fullmatch("0{64}", checksum)
    assert seconds == "300"


def test_the_agent_takes_its_settings(config: dict[str, Any]) -> None:
    """No variable that it does not know, and one a line, as systemd reads them."""
    lines = _content(config, "/etc/default/accelnet-agent").splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    assert parse((), settings).expect == "on"
    assert not unknown_variables(settings)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(config: dict[str, Any], tmp_path: Path) -> None:
    """In the script that it writes."""
    script = tmp_path / "accelnet-provision"
    script.write_text(_content(config, "/usr/local/sbin/accelnet-provision"), encoding="utf-8")
    ran = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
