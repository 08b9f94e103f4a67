"""provisioning/ansible: the role's promises to those who set its variables.

Whether it installs, and a second run changes nothing: tests/provisioning/run ansible.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from accelnet_agent.daemon_arguments import parse, unknown_variables
from accelnet_agent.web_config import load

ROLE = Path(__file__).parents[2] / "provisioning/ansible/roles/accelnet"
HASH = "$2y$10$abcdefghijklmnopqrstuuJWqS3VPZyPvjjXpDHZGQmqEKNpKBcKe"


def _yaml(path: str) -> Any:
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def test_every_default_is_specified() -> None:
    """With the same value, and nothing else has a default."""
    specified: dict[str, Any] = {}
    for entry in _yaml("meta/argument_specs.yml")["argument_specs"].values():
        specified.update(entry["options"])
    defaults = _yaml("defaults/main.yml")
    assert set(defaults) == {name for name, found in specified.items() if "default" in found}
    for name, value in defaults.items():
        if name != "accelnet_reports":  # the working directory is not known before it runs
            assert value == specified[name]["default"], name


def _rendered(template: str, **variables: Any) -> str:
    jinja2 = pytest.importorskip("jinja2", reason="tests/provisioning/run has it")
    assert jinja2
    environment = import_module("jinja2").Environment(
        loader=import_module("jinja2").FileSystemLoader(ROLE / "templates"), trim_blocks=True
    )
    environment.filters["to_json"] = import_module("json").dumps
    text: str = environment.get_template(template).render(ansible_managed="managed", **variables)
    return text


def test_the_agent_takes_the_settings() -> None:
    """As systemd reads them."""
    text = _rendered(
        "accelnet-agent.j2",
        accelnet__expect="on",
        accelnet_listen=["127.0.0.1:9975", "[::1]:9975"],
        accelnet__web_config=True,
        accelnet_settings={"ACCELNET_VF_GRACE": 120, "ACCELNET_SCHEDULED_EVENTS": False},
    )
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines)
    options = parse((), settings)
    assert options.web_listen_address == ("127.0.0.1:9975", "[::1]:9975")
    assert (options.vf_grace, options.scheduled_events) == (120, False)
    assert options.web_config_file == "/etc/accelnet/web.yml"
    assert not unknown_variables(settings)


def test_the_agent_takes_the_web_configuration(tmp_path: Path) -> None:
    """Whatever a user is called."""
    path = tmp_path / "web.yml"
    users = {"prometheus": HASH, 'a "b": c': HASH, "yes": HASH}
    text = _rendered("web.yml.j2", accelnet__tls=False, accelnet_web_users=users)
    path.write_text(text, encoding="utf-8")
    assert yaml.safe_load(text) == {"basic_auth_users": users}
    assert load(str(path)).users == users
