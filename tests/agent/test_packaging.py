"""What is built and installed: the wheel, the sdist, and what accelnet-check imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from accelnet_agent.checks import CHECKS
from accelnet_agent.version import VERSION

CHECKOUT = Path(__file__).parents[2]
HEALTHY = CHECKOUT / "tests/fixtures/mlx5-healthy/root"

COMMANDS = (("accelnet-check", 1), ("accelnet-agent", 8))  # and the section of its manual

# The daemon's, which accelnet-check must never pay for (docs/dependencies.md).
NEVER = {
    *("asyncio", "bcrypt", "prometheus_client", "psutil"),
    *("pyroute2", "structlog", "tornado", "yaml"),
}
# Each costs milliseconds that no live check has (docs/performance.md).
LEAN = {
    "argparse",
    "dataclasses",
    "email",
    "gettext",
    "http",
    "importlib.metadata",
    "logging",
    "multiprocessing",
    "pathlib",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "threading",
    "typing_extensions",
    "urllib",
}
# IMDS brings `json`, a release that is on no list `packaging` with the others.
LISTED = {"contextlib", "inspect", "json", "packaging", "typing"}
# A kernel log brings `re` with the others.
NO_LOG = {"collections", "datetime", "enum", "functools", "re", "types"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout."""
    return zipfile.ZipFile(_build("wheel", tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_both_packages_typed_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Two import packages at the top, each with its py.typed, metadata, and what lies below."""
    names = set(wheel.namelist())
    assert {name.split("/")[0] for name in names} == {
        "accelnet_agent",
        "accelnet_probes",
        f"accelnet-{VERSION}.dist-info",
        f"accelnet-{VERSION}.data",
    }
    assert {"accelnet_agent/py.typed", "accelnet_probes/py.typed"} <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    """No module of the checkout is left behind."""
    modules = {
        path.relative_to(CHECKOUT / folder).as_posix()
        for folder in ("agent", "probes")
        for path in (CHECKOUT / folder).rglob("*.py")
    }
    assert modules == {name for name in wheel.namelist() if name.endswith(".py")}


def test_the_wheel_holds_what_explain_prints(wheel: zipfile.ZipFile) -> None:
    """--explain works without a checkout: every check's runbook is in the package."""
    runbooks = {f"accelnet_agent/runbooks/{check.id}.md" for check in CHECKS}
    assert runbooks <= set(wheel.namelist())


def test_the_wheel_holds_manuals_and_completions(wheel: zipfile.ZipFile) -> None:
    """Where man and the shells look for them, below the prefix."""
    share = f"accelnet-{VERSION}.data/data/share"
    manuals = {f"{share}/man/man{section}/{name}.{section}" for name, section in COMMANDS}
    completions = {
        path
        for name, _ in COMMANDS
        for path in (
            f"{share}/bash-completion/completions/{name}",
            f"{share}/zsh/site-functions/_{name}",
            f"{share}/fish/vendor_completions.d/{name}.fish",
        )
    }
    assert manuals | completions == {name for name in wheel.namelist() if name.startswith(share)}


@pytest.mark.parametrize("schema", ["report.schema.json", "fleet-report.schema.json"])
def test_the_wheel_holds_the_schemas(wheel: zipfile.ZipFile, schema: str) -> None:
    """They are the published ones, byte for byte."""
    published = (CHECKOUT / "docs" / schema).read_bytes()
    assert wheel.read(f"accelnet_agent/{schema}") == published


@pytest.mark.parametrize("file", ["page.css", "page.js"])
def test_the_wheel_holds_what_the_page_is_made_of(wheel: zipfile.ZipFile, file: str) -> None:
    """The page's style and script, which are read when it is imported."""
    made_of = (CHECKOUT / "agent/accelnet_agent" / file).read_bytes()
    assert wheel.read(f"accelnet_agent/{file}") == made_of


def test_the_metadata_says_what_is_installed(wheel: zipfile.ZipFile) -> None:
    """Name, version, what docs/dependencies.md accounts for, two commands."""
    metadata = wheel.read(f"accelnet-{VERSION}.dist-info/METADATA").decode()
    headers = metadata.split("\n\n")[0].splitlines()
    assert "Name: accelnet" in headers
    assert f"Version: {VERSION}" in headers
    assert "License-Expression: Apache-2.0" in headers
    assert "Requires-Python: >=3.10" in headers
    required = [line for line in headers if line.startswith("Requires-Dist: ")]
    found = {re.split("[^a-z0-9-]", line.split(": ")[1])[0] for line in required}
    assert found == {
        *("bcrypt", "packaging", "prometheus-client", "psutil"),
        *("pyroute2", "pyyaml", "structlog", "tornado"),
    }
    commands = wheel.read(f"accelnet-{VERSION}.dist-info/entry_points.txt").decode()
    assert commands.split("\n")[1:3] == [
        "accelnet-agent = accelnet_agent.daemon:main",
        "accelnet-check = accelnet_agent.cli:main",
    ]


def test_the_sdist_carries_no_fixtures(tmp_path: Path) -> None:
    """It has what a wheel is built from; tests run from a checkout."""
    with tarfile.open(_build("sdist", tmp_path)) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    assert {"agent", "probes", "docs", "completions", "systemd"} <= tops
    assert {"LICENSE", "README.md", "pyproject.toml"} <= tops
    assert not tops & {"tests", "requirements", "scripts", ".ci"}


def test_the_running_machine_is_judged_without_heavy_imports() -> None:
    """`accelnet-check --window 0 --imds-endpoint off` imports only what it needs."""
    loaded = _modules_after(
        "from accelnet_agent.cli import run\n"
        "status = run(['--window', '0', '--imds-endpoint', 'off'])\n"
        "assert status in (0, 1, 2, 3), status\n"
    )
    assert _of(loaded, NEVER | LEAN) == []


@pytest.mark.parametrize("fmt", ["json", "junit", "tap", "nagios", "prometheus"])
def test_no_format_imports_what_is_the_daemons(fmt: str) -> None:
    """Each is written here: a library for it would cost more than the check."""
    bundle = str(HEALTHY.parent)
    loaded = _modules_after(
        "from accelnet_agent.cli import run\n"
        f"assert run(['--bundle', {bundle!r}, '--format', {fmt!r}]) == 0\n"
    )
    assert _of(loaded, NEVER | LEAN - {"tarfile"}) == []


def test_a_fleet_is_summarized_without_heavy_imports() -> None:
    """And what does that is imported for nothing else."""
    loaded = _modules_after(
        "from accelnet_agent.cli import run\n"
        f"assert run(['--bundle', {str(HEALTHY.parent)!r}, '--format', 'json',\n"
        "            '--output', '/dev/null']) == 0\n"
        "import sys\n"
        "assert not [name for name in sys.modules if name.startswith('accelnet_agent.fleet')]\n"
        f"assert run(['--summarize', {str(HEALTHY.parent)!r}]) == 0\n"
    )
    assert _of(loaded, NEVER | LEAN) == []


def test_an_azure_vm_is_judged_without_heavy_imports() -> None:
    """The same path on the files of a VM with a pair to judge: the checks import no more."""
    loaded = _modules_after(_judging(HEALTHY, nics=1))
    assert _of(loaded, NEVER | LEAN | LISTED) == []


def test_a_machine_without_devices_costs_next_to_nothing(tmp_path: Path) -> None:
    """No log is read where there is nothing to judge, and all that is loaded is our own."""
    loaded = _modules_after(_judging(tmp_path, nics=0))
    assert _of(loaded, NEVER | LEAN | LISTED | NO_LOG) == []


def _judging(files: Path, *, nics: int) -> str:
    """What accelnet-check does on a running machine, on one with these files."""
    return (
        "import accelnet_agent.cli\n"
        "from accelnet_agent.arguments import parse\n"
        "from accelnet_agent.checks import CHECKS\n"
        "from accelnet_agent.engine import judge\n"
        "from accelnet_agent.machine import build\n"
        "from accelnet_agent.render_text import render\n"
        "from accelnet_probes.live import LiveHost\n"
        "from accelnet_probes.observe import observe\n"
        "parse(['--window', '0'])\n"
        f"host = LiveHost(window=0.0, endpoint='off', prefix={str(files)!r})\n"
        "machine = build(observe(host))\n"
        f"assert len(machine.nics) == {nics}\n"
        "render(judge(machine, CHECKS))\n"
    )


def _modules_after(code: str) -> set[str]:
    """The modules of a fresh interpreter after `code`, none of them by our environment's .pth."""
    before = f"import sys\nsys.path[:0] = {_import_path()!r}\n"
    after = "sys.stderr.write(' '.join(sys.modules))\n"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", before + code + after],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stderr.split())


def _import_path() -> list[str]:
    site_packages = str(Path(pytest.__file__).parents[1])
    return [str(CHECKOUT / "agent"), str(CHECKOUT / "probes"), site_packages]


def _of(loaded: set[str], unwanted: set[str]) -> list[str]:
    return sorted(unwanted & loaded)


def _build(target: str, folder: Path) -> Path:
    run = subprocess.run(
        [sys.executable, "-I", "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    (built,) = folder.iterdir()
    return built
