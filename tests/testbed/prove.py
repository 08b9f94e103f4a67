"""Proves the agent under the shipped units in the guest: `python3 -m testbed.prove [PART...]`."""

from __future__ import annotations

import sys
import traceback

from testbed import alerting, guest, metadata, readers, revocation, service, trouble
from testbed.guest import Proof

PARTS = {
    "service": service.prove,
    "moments": revocation.moments,
    "grace": revocation.grace,
    "killed": trouble.killed,
    "torn": trouble.torn,
    "reloaded": trouble.reloaded,
    "watched": trouble.watched,
    "activated": trouble.activated,
    "checked": readers.checked,
    "scraped": readers.scraped,
    "alerts": alerting.prove,
    "logged": readers.logged,
    "hang": trouble.hang,
    "restart_in_hang": trouble.restart_in_hang,
    "many": revocation.many,
}


def main(names: list[str]) -> int:
    """Every part, or those named; 0 where all held."""
    proof = Proof()
    metadata.serve()
    for name in names or PARTS:
        print(f"--- {name}", flush=True)
        try:
            PARTS[name](proof)
        except Exception:  # noqa: BLE001  the other parts are worth their minutes
            traceback.print_exc(file=sys.stdout)
            proof.ok(f"{name} runs to its end", False)
    print("--- afterwards", flush=True)
    text = guest.journal()
    proof.ok("no traceback is in the journal", "Traceback" not in text)
    log = guest.command("dmesg")
    bad = [line for line in log.splitlines() if any(word in line for word in ("Oops", "BUG:"))]
    proof.ok("the kernel's log is clean", not bad, bad)
    print(f"{proof.number - len(proof.failed)} held, {len(proof.failed)} did not:")
    for name in (*proof.failed, *(f"(skipped) {name}" for name in proof.skipped)):
        print(f"  {name}")
    return 1 if proof.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
