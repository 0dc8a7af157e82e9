"""Records what pip-audit prints, to standard output: `python -m tests.golden.audit.record`.

A server on this machine answers as the OSV service does, with one advisory for urllib3, so that
what is recorded stays what it is. The form of the output is the same for each service.
"""

import os
import re
import socket
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson

from tests.audit.__main__ import pip_audit

PINS = "six=={} --hash=sha256:" + "0" * 64 + "\nurllib3=={} --hash=sha256:" + "1" * 64 + "\n"
ADVISORY = {
    "id": "PYSEC-2023-192",
    "aliases": ["CVE-2023-43804", "GHSA-v845-jxx5-vc9f"],
    "summary": "urllib3 does not strip the Cookie header when it follows a redirect",
    "published": "2023-10-04T17:15:00Z",
    "affected": [
        {
            "package": {"name": "urllib3", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "2.0.0"}, {"fixed": "2.0.6"}]}
            ],
        }
    ],
}


class _Osv(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        hit = asked["package"]["name"] == "urllib3" and asked["version"] == "2.0.0"
        body = orjson.dumps({"vulns": [ADVISORY]} if hit else {})
        self.send_response(503 if asked["version"] == "2.0.9" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _osv() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, _osv() as url:
        pins = Path(directory, "pins.txt")

        def record(
            case: str, version: str, *options: str, six: str = "1.16.0", limit: float = 30.0
        ) -> None:
            pins.write_text(PINS.format(six, version))
            exit_code, stdout, stderr = pip_audit(pins, *options, limit=limit)
            stderr = re.sub(r'File "[^"]*/', 'File "', stderr).replace(directory, "")
            stderr = stderr.replace("pypi.org", "index.example")
            said = {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}
            sys.stdout.write(orjson.dumps({"case": case, **said}).decode() + "\n")

        asked = ("--vulnerability-service", "osv", "--osv-url", url)
        record("clean", "2.0.6", *asked)
        record("found", "2.0.0", *asked)
        record("refused", "2.0.9", *asked)
        record("not_pinned", "2.0.0 --no-such-option", *asked)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            os.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
            record("slow", "2.0.0", "--timeout", "1")
            record("ended_at_the_limit", "2.0.0", "--timeout", "60", limit=3.0)
        record("no_way", "2.0.0")
        os.environ["HTTPS_PROXY"] = ""
        record("unknown_to_the_index", "0.0.0.1", six="0.0.0.1")


if __name__ == "__main__":
    main()
