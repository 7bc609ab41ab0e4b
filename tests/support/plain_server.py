"""A server process for tests: ``python plain_server.py PORT MODE``, healthy at ``/health``.

Modes: ``well``; ``family`` (a child process that ignores SIGTERM beside it); ``dies`` (an error on standard error,
then the end); ``silent`` (never listens).
"""

from __future__ import annotations

import http.server
import subprocess
import sys
import time


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def main(port: int, mode: str) -> None:
    if mode == "dies":
        sys.exit("ValueError: Free memory on device cuda:0 is less than desired GPU memory utilization")
    if mode == "silent":
        time.sleep(600)
    if mode == "family":
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", stubborn])
    http.server.HTTPServer(("127.0.0.1", port), Healthy).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
