"""A daemon as a process of its own, and what it tells over HTTP."""

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

from tests._public import ROOT

MAIN = "from streamlyt.cli import main; main()"
SETTINGS = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


class Served:
    """``streamlyt serve`` of one pipeline file, in a folder of its own."""

    def __init__(self, file, *sets, wait=True, code=MAIN, words=()):
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, "serve", str(file), *words]
            + [
                word
                for each in ("serve.port=0", "serve.log=json", *sets)
                for word in ("--set", each)
            ],
            cwd=Path(file).parent,
            env=SETTINGS,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines, self._http = [], None
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.until_ready()
            self.ready_s = time.monotonic() - self.began

    @property
    def http(self):
        self._http = self._http or self.said("serving")["http"]
        return self._http

    def said(self, event, seconds=30):
        """Wait for a line of the log; return its fields."""
        with self._more:
            self._more.wait_for(
                lambda: any(line["event"].startswith(event) for line in self.lines), seconds
            )
            for line in self.lines:
                if line["event"].startswith(event):
                    return line
        raise AssertionError(f"{event!r} was not said: {self.lines}")

    def get(self, page):
        """Return the status and the text of a page."""
        try:
            with urllib.request.urlopen(f"{self.http}/{page}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            raise AssertionError(f"nobody answers: {self.lines}") from error

    def until(self, page, status, seconds=30):
        """Wait until a page answers so; return how many seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.get(page)[0] == status:
                return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"/{page} is not {status}: {self.get(page)}, {self.lines}")

    def until_ready(self):
        return self.until("readyz", 200)

    def metric(self, name):
        """Return the value of a metric, None where it is not told."""
        found = re.search(rf"^streamlyt_{name} (\S+)$", self.get("metrics")[1], re.MULTILINE)
        return None if found is None else float(found[1])

    def until_metric(self, name, least, seconds=30):
        end = time.monotonic() + seconds
        while (self.metric(name) or 0) < least:
            assert time.monotonic() < end, f"{name} is {self.metric(name)}: {self.lines}"
            assert self.process.poll() is None, self.lines
            time.sleep(0.05)

    def where(self):
        """Return what it said, and where its threads are, if its code listens for that."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(1)
        with self._more:
            return "\n".join(str(line) for line in self.lines[-200:])

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self, how=signal.SIGTERM):
        """Send a signal; return exit status and the seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(how)
        status = self.process.wait(20)
        seconds = time.monotonic() - began
        self._reader.join()
        self.process.stderr.close()
        return status, seconds

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def _read(self):
        for line in self.process.stderr:
            try:
                told = json.loads(line)
            except ValueError:
                told = {"event": line.rstrip()}
            with self._more:
                self.lines.append(told)
                self._more.notify_all()
