"""The instance metadata service that the guest lacks, at its own address."""

from __future__ import annotations

import http.server
import json
import threading

from testbed import guest

ADDRESS = "169.254.169.254"
SIZE = "Standard_D4s_v5"
MAC = "000D3AF8B4D0"  # fakean's first pair
INSTANCE = {
    "compute": {
        "vmSize": SIZE,
        "publisher": "Debian",
        "offer": "debian-12",
        "sku": "12-gen2",
        "version": "0.20250101.1",
        "location": "westeurope",
    },
    "network": {
        "interface": [
            {
                "macAddress": MAC,
                "ipv4": {
                    "ipAddress": [{"privateIpAddress": "10.0.0.4", "publicIpAddress": ""}],
                    "subnet": [{"address": "10.0.0.0", "prefix": "24"}],
                },
                "ipv6": {"ipAddress": []},
            }
        ]
    },
}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The one document, as IMDS gives it: only where it is asked for as IMDS asks."""
        right = self.path.startswith("/metadata/instance") and self.headers["Metadata"] == "true"
        body = json.dumps(INSTANCE if right else {"error": "Bad request"}).encode()
        self.send_response(200 if right else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def serve() -> None:
    """Answer at the link-local address until this process ends."""
    guest.command("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
    server = http.server.ThreadingHTTPServer((ADDRESS, 80), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
