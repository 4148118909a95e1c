"""A daemon as a child process, its log and its HTTP server."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests._public_api import ROOT
from tests._waiting import HAPPENS_S, scaled, wait_for

MAIN = "from streamlyt.cli import main; main()"
SETTINGS = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


class Served:
    """``streamlyt serve`` of one pipeline file, in its own folder."""

    def __init__(self, file, *sets, wait=True, code=MAIN, words=()):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, "serve", str(file), *words]
            + [
                word
                for each in ("serve.port=0", "serve.log_format=json", *sets)
                for word in ("--set", each)
            ],
            cwd=Path(file).parent,
            env=SETTINGS,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines, self._http = [], None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.until_ready()

    @property
    def http(self):
        self._http = self._http or self.said("service_started")["http"]
        return self._http

    def said(self, event, seconds=HAPPENS_S):
        """Wait for a line of the log; return its fields."""
        return wait_for(
            lambda: next(
                (line for line in list(self.lines) if line["event"].startswith(event)), None
            ),
            seconds,
            lambda: f"it says {event!r}, but {self.lines}",
        )

    def get(self, page):
        """Return the status and the text of a page."""
        try:
            with urllib.request.urlopen(f"{self.http}/{page}", timeout=scaled(30)) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            raise AssertionError(f"no answer: {self.lines}") from error

    def until(self, page, status, seconds=HAPPENS_S):
        """Wait until a page answers with a status."""
        wait_for(
            lambda: self.get(page)[0] == status,
            seconds,
            lambda: f"/{page} is {status}, but {self.get(page)}, {self.lines}",
        )

    def until_ready(self):
        self.until("readyz", 200)

    def metric(self, name):
        """Return the value of a metric, None where it is not reported."""
        found = re.search(rf"^streamlyt_{name} (\S+)$", self.get("metrics")[1], re.MULTILINE)
        return None if found is None else float(found[1])

    def until_metric(self, name, least, seconds=HAPPENS_S):
        """Wait until a metric has a least value."""

        def enough():
            assert self.process.poll() is None, self.lines
            return (self.metric(name) or 0) >= least

        wait_for(
            enough,
            seconds,
            lambda: f"{name} is at least {least}, but {self.metric(name)}: {self.lines}",
        )

    def where(self):
        """Return its log, with the stacks of its threads if its code dumps them on SIGUSR1."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(1)
        return "\n".join(str(line) for line in self.lines[-200:])

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self, how=signal.SIGTERM, within=20):
        """Send a signal; return the exit status of a process that ends in time."""
        self.process.send_signal(how)
        wait_for(
            lambda: self.process.poll() is not None,
            within,
            lambda: f"it ends after {how.name}, but {self.lines}",
        )
        self._reader.join()
        self.process.stderr.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def _read(self):
        for line in self.process.stderr:
            try:
                fields = json.loads(line)
            except ValueError:
                fields = {"event": line.rstrip()}
            self.lines.append(fields)
