"""The life of the deb in the guest: installed, upgraded, removed, installed again, purged.

`python3 -m testbed.packaged`, as root, with the debs of two versions in $HOST/older and newer.
"""

from __future__ import annotations

import os
import platform
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from testbed import guest, metadata
from testbed.guest import AGENT, Proof

HOST = Path(os.environ.get("HOST", "/host"))


def _version(folder: str) -> str:
    (deb,) = (HOST / folder).glob("*_amd64.deb")
    return deb.name.split("_")[1].partition("-")[0]


OLDER, NEWER = _version("older"), _version("newer")
TIMER = "accelnet-check.timer"
SETTINGS = Path("/etc/default/accelnet-agent")
WEB = Path("/etc/accelnet/web.yml")
COMMANDS = ("/usr/bin/accelnet-check", "/usr/bin/accelnet-agent")
# What changes by itself, or is dpkg's own.
ELSEWHERE = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/host", "/out", "/root"),  # noqa: S108
    *("/var/log", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/tmp"),  # noqa: S108
)


def main() -> int:
    """The whole life; 0 where all held."""
    proof = Proof()
    metadata.serve()
    before = _files(), _accounts()
    _installed(proof)
    _used()
    _upgraded(proof)
    _again(proof)
    _removed(proof)
    _back(proof)
    _purged(proof, *before)
    text = guest.command("journalctl", "-b", "-o", "cat", "--no-pager", "-u", AGENT)
    proof.ok("no traceback is in the journal", "Traceback" not in text)
    print(f"{proof.number - len(proof.failed)} held, {len(proof.failed)} did not:")
    for name in proof.failed:
        print(f"  {name}")
    return 1 if proof.failed else 0


def _apt(*words: str) -> subprocess.CompletedProcess[str]:
    """Its output is in the log as well."""
    done = subprocess.run(
        ["apt-get", "-y", "-q", *words],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    print(done.stdout, flush=True)
    return done


def _install(proof: Proof, folder: str, version: str) -> str:
    (deb,) = (HOST / folder).glob("*_amd64.deb")
    done = _apt("install", "--no-install-recommends", str(deb))
    proof.ok(f"apt installs {version}", done.returncode == 0, f"status {done.returncode}")
    status = guest.command("dpkg-query", "-W", "-f", "${Status} ${Version}", "accelnet")
    proof.ok("dpkg has it installed", status == f"install ok installed {version}-1", status)
    audit = guest.command("dpkg", "--audit") + guest.command("dpkg", "--verify", "accelnet")
    changed = [line for line in audit.splitlines() if str(SETTINGS) not in line]
    proof.ok("dpkg finds nothing half done, and no file changed", not changed, changed)
    return done.stdout


def _runs(proof: Proof, version: str) -> None:
    """The service, by systemd and by HTTP."""
    took = guest.until(lambda: guest.shown("ActiveState") == "active")
    proof.ok(f"{version}: the service is active", took is not None, guest.shown("ActiveState"))
    took = guest.settled()
    proof.ok(f"{version}: /healthz comes to pass", took is not None, took)
    said = [name for name in guest.metrics() if name.startswith("accelnet_build_info")]
    proof.ok(f"{version}: it says so at /metrics", f'version="{version}"' in str(said), said)


def _events() -> float:
    return guest.events(guest.metrics(), "removed")


def _installed(proof: Proof) -> None:
    systemd = guest.command("systemctl", "--version").split()[1]
    print(f"--- installed (Python {platform.python_version()}, systemd {systemd})", flush=True)
    _install(proof, "older", OLDER)
    _runs(proof, OLDER)
    for unit, state in (
        (AGENT, "enabled"),
        (TIMER, "enabled"),
        ("accelnet-agent.socket", "disabled"),
    ):
        found = guest.shown("UnitFileState", unit)
        proof.ok(f"{unit} is {state}", found == state, found)
    user = pwd.getpwnam("accelnet")
    held = (user.pw_shell, user.pw_uid < 1000) == ("/usr/sbin/nologin", True)
    proof.ok("there is a system user without a shell", held, user)
    uids = {guest.status_of(pid)["Uid"].split()[0] for pid in guest.processes()}
    proof.ok("the service runs as that user", uids == {str(user.pw_uid)}, uids)
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", COMMANDS[0], "--window", "1"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    proof.ok("accelnet-check says pass to anybody", done.returncode == 0, done.stdout[:80])
    for path in (
        "/usr/share/man/man1/accelnet-check.1.gz",
        "/usr/share/man/man8/accelnet-agent.8.gz",
        "/usr/share/bash-completion/completions/accelnet-check",
        "/usr/share/doc/accelnet/copyright",
        "/usr/share/doc/accelnet/docs/runbooks/vf-paired.md",
    ):
        proof.ok(f"{path} is there", Path(path).is_file())
    compiled = list(Path("/usr/lib/accelnet").rglob("*.pyc"))
    proof.ok("modules are compiled", len(compiled) > 100, len(compiled))
    said = guest.command("systemd-analyze", "verify", AGENT, TIMER, check=False)
    proof.ok("systemd-analyze verify has nothing to say", said == "", said)


def _used() -> None:
    """What a VM and its administrator do: a VF that went and came, settings, an own choice."""
    guest.fakean("vf remove")
    guest.until(lambda: _events() == 1)
    guest.fakean("vf restore")
    guest.restored()
    guest.settled()
    SETTINGS.write_text(SETTINGS.read_text() + "ACCELNET_EXPECT=on\n", encoding="ascii")
    WEB.write_text("# ours\n", encoding="ascii")
    guest.command("systemctl", "disable", "--now", TIMER)


def _kept(proof: Proof, when: str) -> None:
    proof.ok(f"{when}: what was counted is there", _events() == 1, _events())
    proof.ok(f"{when}: settings are as they were left", "EXPECT=on" in SETTINGS.read_text())
    proof.ok(f"{when}: the administrator's own file too", WEB.read_text() == "# ours\n")
    found = guest.shown("UnitFileState", TIMER)
    proof.ok(f"{when}: a timer that was disabled stays so", found == "disabled", found)


def _upgraded(proof: Proof) -> None:
    print("--- upgraded", flush=True)
    pid = guest.main_pid()
    said = _install(proof, "newer", NEWER)
    proof.ok("nobody is asked about settings", "Configuration file" not in said)
    _runs(proof, NEWER)
    proof.ok("it is another process", guest.main_pid() not in {0, pid}, guest.main_pid())
    _kept(proof, "after the upgrade")
    stale = [path for path in Path("/usr/lib/accelnet").rglob("*") if OLDER in path.name]
    proof.ok("nothing of the older version is left", not stale, stale[:3])


def _again(proof: Proof) -> None:
    print("--- installed once more", flush=True)
    (deb,) = (HOST / "newer").glob("*_amd64.deb")
    done = _apt("install", "--reinstall", str(deb))
    proof.ok("the same version installs over itself", done.returncode == 0)
    _runs(proof, NEWER)
    _kept(proof, "after that")


def _removed(proof: Proof) -> None:
    print("--- removed", flush=True)
    done = _apt("remove", "accelnet")
    proof.ok("apt removes it", done.returncode == 0, f"status {done.returncode}")
    state = guest.shown("ActiveState")
    proof.ok("the service has ended", state in {"inactive", "failed"}, state)
    running = guest.command("pgrep", "-u", "accelnet", check=False)
    proof.ok("no process of its user runs", running == "", running)
    left = [path for path in (*COMMANDS, "/usr/lib/accelnet") if Path(path).exists()]
    proof.ok("its commands and modules are gone", not left, left)
    proof.ok("its state is kept", any(guest.STATE.iterdir()), list(guest.STATE.iterdir()))
    proof.ok("its settings are kept", SETTINGS.exists() and WEB.exists())


def _back(proof: Proof) -> None:
    print("--- back again", flush=True)
    _install(proof, "newer", NEWER)
    _runs(proof, NEWER)
    _kept(proof, "installed again")


def _purged(proof: Proof, files: set[str], accounts: Sequence[str]) -> None:
    print("--- purged", flush=True)
    done = _apt("purge", "accelnet")
    proof.ok("apt purges it", done.returncode == 0, f"status {done.returncode}")
    left = sorted(_files() - files)
    proof.ok("no file or folder is left that was not there before", not left, left[:10])
    missing = sorted(files - _files())
    proof.ok("and none is missing", not missing, missing[:10])
    found = _accounts()
    proof.ok("users and groups are those of before", found == accounts, set(found) ^ set(accounts))
    named = [
        path
        for path in ("/run/systemd/system", "/run/accelnet", "/run/accelnet-check")
        if any("accelnet" in str(one) for one in Path(path).rglob("*"))
    ]
    proof.ok("nothing of it is in /run", not named, named)
    units = guest.command("systemctl", "list-units", "--all", "--plain", "--no-legend", "accelnet*")
    proof.ok("systemd knows no unit of it", units.strip() == "", units)
    status = guest.command("dpkg-query", "-W", "-f", "${Status}", "accelnet", check=False)
    proof.ok(
        "dpkg does not know it", "installed" not in status.replace("not-installed", ""), status
    )


def _files() -> set[str]:
    found: set[str] = set()
    for top, folders, names in os.walk("/"):
        below = top.rstrip("/")
        folders[:] = [name for name in folders if f"{below}/{name}" not in ELSEWHERE]
        found.update(f"{below}/{name}" for name in (*folders, *names))
    return {path for path in found if "__pycache__" not in path or "accelnet" in path}


def _accounts() -> list[str]:
    return [
        line.partition(":")[0]
        for name in ("passwd", "group")
        for line in Path("/etc", name).read_text(encoding="utf-8").splitlines()
    ]


if __name__ == "__main__":
    sys.exit(main())
