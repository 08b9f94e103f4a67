"""provisioning/azure: the scale set's template, and the script of Run Command."""

from __future__ import annotations

import copy
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipapp
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import packaging
import pytest

import accelnet_agent
import accelnet_probes
import azure_models
from trees import judge_bundle

ROOT = Path(__file__).parents[2]
AZURE = ROOT / "provisioning/azure"
SCRIPT = AZURE / "run-check.sh"
RECORDER = ROOT / "recorder/accelnet_record.py"
GIVEN = {
    "subnetId": "/subscriptions/s",
    "sshPublicKey": "ssh-ed25519 A",
    "cloudInit": "#cloud-config",
}


def _template() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((AZURE / "vmss.json").read_text(encoding="utf-8"))
    return found


def _scale_set(**given: Any) -> dict[str, Any]:
    """The resource as it would be sent."""
    return azure_models.resolved(_template(), {**GIVEN, **given})


# --- the template --------------------------------------------------------------------------------


def test_the_sdk_knows_every_name() -> None:
    """Microsoft's own models of the compute API."""
    pytest.importorskip("azure.mgmt.compute", reason="tests/provisioning/run has it")
    resource = _scale_set()
    body = {name: resource[name] for name in ("location", "sku", "properties")}
    azure_models.check(body, "VirtualMachineScaleSet")
    broken = copy.deepcopy(body)
    broken["properties"]["automaticRepairsPolicy"]["gracePeriods"] = "PT30M"
    with pytest.raises(AssertionError, match="AutomaticRepairsPolicy has no gracePeriods"):
        azure_models.check(broken, "VirtualMachineScaleSet")


def test_every_parameter_is_used_and_every_reference_leads_somewhere() -> None:
    """As the service itself refuses what does not."""
    template = _template()
    text = json.dumps({key: template[key] for key in ("resources", "outputs")})
    for kind in ("parameters", "variables"):
        assert set(re.findall(rf"{kind}\('(\w+)'\)", text)) == set(template[kind])


def test_the_health_is_that_of_its_accelerated_networking() -> None:
    """Rich states, by the settings that the extension was tried with."""
    profile = _scale_set()["properties"]["virtualMachineProfile"]
    (extension,) = profile["extensionProfile"]["extensions"]
    assert extension["properties"]["typeHandlerVersion"] == "2.0"
    rich = json.loads((AZURE / "health-rich.json").read_text(encoding="utf-8"))
    assert extension["properties"]["settings"] == rich
    (nic,) = profile["networkProfile"]["networkInterfaceConfigurations"]
    assert nic["properties"]["enableAcceleratedNetworking"] is True


def test_nothing_is_repaired_unless_it_is_asked_for() -> None:
    """A rolling upgrade stops at an unhealthy VM; to replace one is another decision."""
    properties = _scale_set()["properties"]
    assert properties["automaticRepairsPolicy"]["enabled"] is False
    assert properties["upgradePolicy"]["mode"] == "Rolling"
    asked = _scale_set(automaticRepairs=True)["properties"]["automaticRepairsPolicy"]
    assert asked == {"enabled": True, "gracePeriod": "PT30M", "repairAction": "Replace"}


# --- the script ----------------------------------------------------------------------------------


class _Storage(http.server.BaseHTTPRequestHandler):
    """Blobs: what is there to be had, and what was sent."""

    blobs: ClassVar[dict[str, bytes]] = {}
    sent: ClassVar[dict[str, tuple[Mapping[str, str], bytes]]] = {}

    def do_GET(self) -> None:
        """A package."""
        body = self.blobs.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def do_PUT(self) -> None:
        """Put Blob."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.sent[self.path] = (dict(self.headers), body)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its own name
        """Nothing."""


@pytest.fixture(name="storage")
def fixture_storage() -> Generator[str]:
    """The address of a storage that is empty."""
    _Storage.blobs.clear()
    _Storage.sent.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Storage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(name="package", scope="module")
def fixture_package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """accelnet-check as a zipapp."""
    folder = tmp_path_factory.mktemp("zipapp")
    source, target = folder / "source", folder / "accelnet.pyz"
    for module in (accelnet_agent, accelnet_probes, packaging):
        path = Path(str(module.__file__)).parent
        shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    zipapp.create_archive(source, target, main="accelnet_agent.cli:main")
    return target.read_bytes()


def _run(folder: Path, **variables: str) -> tuple[int, list[str]]:
    """The script as Run Command starts it: its status, and its last lines."""
    ran = subprocess.run(
        ["/bin/sh", str(SCRIPT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(folder),
            "no_proxy": "*",
            **variables,
        },
    )
    assert not list(folder.glob("tmp.*")), "something stays behind"
    return ran.returncode, ran.stdout.splitlines() + ran.stderr.splitlines()


@pytest.fixture(name="python")
def fixture_python(tmp_path: Path) -> Path:
    """This Python as the VM's python3."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    return tmp_path


def test_a_vm_without_accelnet_is_checked_and_recorded(
    python: Path, storage: str, package: bytes
) -> None:
    """The zipapp is fetched, the recording sent; the last line is the verdict."""
    _Storage.blobs["/tools/accelnet.pyz?sig=a"] = package
    status, lines = _run(
        python,
        package=f"{storage}/tools/accelnet.pyz?sig=a",
        sha256=hashlib.sha256(package).hexdigest(),
        upload=f"{storage}/recordings?sv=1&sig=b",
        redact="yes",
    )
    assert status <= 3, lines
    assert lines[-1].startswith("ACCELNET ")
    assert " | " not in lines[-1]
    ((path, (headers, body)),) = _Storage.sent.items()
    assert re.fullmatch(r"/recordings/[A-Za-z0-9._-]+-\d{8}T\d{6}Z\.tar\.gz\?sv=1&sig=b", path)
    assert headers["x-ms-blob-type"] == "BlockBlob"
    recording = python / "recording.tar.gz"
    recording.write_bytes(body)
    words = {"pass": "OK", "warn": "WARNING", "fail": "CRITICAL", "unknown": "UNKNOWN"}
    assert lines[-1].split()[1] == words[judge_bundle(recording)["verdict"]]


@pytest.mark.skipif(not RECORDER.is_file(), reason="there is no recorder in this checkout")
def test_a_vm_whose_python_is_too_old_is_recorded(python: Path, storage: str) -> None:
    """To be judged elsewhere."""
    recorder = RECORDER.read_bytes()
    _Storage.blobs["/tools/accelnet_record.py"] = recorder
    status, lines = _run(
        python,
        package=f"{storage}/tools/accelnet_record.py",
        sha256=hashlib.sha256(recorder).hexdigest(),
        upload=f"{storage}/recordings?sig=b",
    )
    assert status == 0, lines
    assert lines[-1] == "accelnet: recorded, to be judged elsewhere"
    ((_, body),) = _Storage.sent.values()
    recording = python / "recording.tar.gz"
    recording.write_bytes(body)
    assert judge_bundle(recording)["source"] == "bundle"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({}, "accelnet-check is not installed: give a package", id="nothing"),
        pytest.param({"package": "/a.deb"}, "a.deb: expected a .pyz", id="a-deb"),
        pytest.param({"package": "/a.pyz"}, "give sha256, that of a.pyz", id="no-checksum"),
        pytest.param({"package": "/b.pyz", "sha256": "0"}, "b.pyz could not be", id="not-there"),
        pytest.param({"package": "/a.pyz", "sha256": "0"}, "a.pyz is another file", id="another"),
    ],
)
def test_what_can_not_be_used_is_one_line(
    python: Path, storage: str, variables: dict[str, str], words: str
) -> None:
    """And status 64; nothing is run, and nothing sent."""
    _Storage.blobs["/a.pyz"] = b"not what was meant"
    given = {
        name: f"{storage}{value}" if name == "package" else value
        for name, value in variables.items()
    }
    status, lines = _run(python, **given)
    assert status == 64
    (said,) = [line for line in lines if line.startswith("accelnet: ")]
    assert said.startswith(f"accelnet: {words}")
    assert not _Storage.sent


def test_an_old_python_is_named(tmp_path: Path, storage: str, package: bytes) -> None:
    """Where no Python can run a zipapp, the recorder can do."""
    _Storage.blobs["/a.pyz"] = package
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "sed", "mktemp", "rm", "uname", "tr", "date", "curl", "sha256sum"):
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"needs {tool}")
        (tmp_path / "bin" / tool).symlink_to(found)
    old = tmp_path / "bin/python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    status, lines = _run(
        tmp_path,
        PATH=str(tmp_path / "bin"),
        package=f"{storage}/a.pyz",
        sha256=hashlib.sha256(package).hexdigest(),
    )
    assert status == 64
    assert lines == ["accelnet: no Python here can run a.pyz: give accelnet_record.py instead"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    """And Run Command may send it: it is small."""
    ran = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert SCRIPT.stat().st_size < 32 << 10


def test_at_scale_nothing_but_the_vms_name_is_put_in(tmp_path: Path) -> None:
    """The command in docs/provisioning.md: signatures and names hold any letters."""
    document = (ROOT / "docs/provisioning.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^(az vm list[^`]*?)^mkdir", document, re.MULTILINE)
    (tmp_path / "az").write_text(
        '#!/bin/sh\ncase $2 in list) printf "web1\\nweb2\\n" ;; *) echo "$@" >"$7" ;; esac\n',
        encoding="utf-8",
    )
    (tmp_path / "az").chmod(0o755)
    given = {"PACKAGE": "https://a?sig=VMabNAME%2B{", "SHA256": "00", "UPLOAD": "https://b?sig=VM"}
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-ec", command.replace(" GROUP ", " PROD-VMS ")],
        cwd=tmp_path, env={"PATH": path, **given}, check=True,
    )  # fmt: skip
    for vm in ("web1", "web2"):
        said = (tmp_path / vm).read_text(encoding="utf-8")
        assert f"--resource-group PROD-VMS --vm-name {vm} --name accelnet " in said
        assert said.endswith(f" package={given['PACKAGE']} sha256=00 upload={given['UPLOAD']}\n")
