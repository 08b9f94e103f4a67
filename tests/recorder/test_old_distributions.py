"""The distributions that the recorder is for: recorded by their Python, judged by ours.

Their names and kernels are those of the document that accelnet began with (2018) and of the
distributions' own releases; the machines are made up, of them and of a healthy VM's other files.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders import python_of, record_with
from trees import judge_bundle, statuses, write_machine

UBUNTU = 'ID=ubuntu\nVERSION_ID="16.04"\nPRETTY_NAME="Ubuntu 16.04.7 LTS"\n'
SLES = 'ID="sles"\nVERSION_ID="12.3"\nPRETTY_NAME="SUSE Linux Enterprise Server 12 SP3"\n'
RHEL = 'ID="rhel"\nVERSION_ID="7.4"\nPRETTY_NAME="Red Hat Enterprise Linux Server 7.4 (Maipo)"\n'
CENTOS = 'ID="centos"\nVERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n'


@pytest.mark.parametrize(
    ("release", "kernel", "version", "expected"),
    [
        pytest.param(UBUNTU, "4.11.0-1013-azure", "2.7", "pass", id="ubuntu-16.04-minimum"),
        pytest.param(UBUNTU, "4.4.0-116-generic", "2.7", "warn", id="ubuntu-16.04-as-released"),
        pytest.param(UBUNTU, "4.15.0-1113-azure", "3.6", "pass", id="ubuntu-16.04-hwe"),
        pytest.param(SLES, "4.4.92-6.18-default", "2.7", "pass", id="sles-12-sp3-minimum"),
        pytest.param(SLES, "4.4.73-5-default", "2.7", "warn", id="sles-12-sp3-as-released"),
        pytest.param(RHEL, "3.10.0-693.el7.x86_64", "2.7", "pass", id="rhel-7.4"),
        pytest.param(RHEL, "3.10.0-1160.el7.x86_64", "3.6", "pass", id="rhel-7.9"),
        pytest.param(
            CENTOS, "3.10.0-514.el7.x86_64", "2.7", "unknown", id="centos-7.3-whose-image"
        ),
    ],
)
def test_an_old_kernel_is_held_against_the_minimum(
    tmp_path: Path, release: str, kernel: str, version: str, expected: str
) -> None:
    """And the VF is judged as on any VM."""
    machine = write_machine(tmp_path / "machine")
    (machine / "root/usr/lib/os-release").write_text(release)
    (machine / "root/proc/sys/kernel/osrelease").write_text(f"{kernel}\n")
    record_with(python_of(version), {machine: tmp_path / "bundle"})
    found = {
        check: status for (check, _), status in statuses(judge_bundle(tmp_path / "bundle")).items()
    }
    assert found["kernel-minimum"] == expected
    assert found["vf-paired"] == "pass"
