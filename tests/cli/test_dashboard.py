"""The live pages from the command line."""

import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from tests._waiting import line_of, scaled
from tests.cli.running import SETTINGS, cli, command, refused
from tests.dashboards import runs


def test_a_recorded_run_is_played_until_it_is_stopped(tmp_path):
    path, tokens = tmp_path / "plant.streamlyt", tmp_path / "tokens"
    runs.dipeptide(3_000, (1_000, 2_000)).record(path).close()
    token = cli("token", "create", tokens).stdout.strip()
    assert token not in tokens.read_text()
    assert tokens.stat().st_mode & 0o077 == 0
    words = ("replay", path, "--duration", "0.001", "--port", "0", "--token-file", tokens)
    with subprocess.Popen(
        command(*words), env=SETTINGS, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            address = (
                line_of(process.stderr, "it says its address").removeprefix("Dashboard: ").strip()
            )
            with pytest.raises(urllib.error.HTTPError, match="401") as locked:
                urllib.request.urlopen(address, timeout=scaled(10))
            locked.value.close()
            said = urllib.request.Request(
                f"{address}series?key=ala2_300K", headers={"Authorization": f"Bearer {token}"}
            )
            with urllib.request.urlopen(said, timeout=scaled(20)) as answer:
                page = answer.read().decode()
            process.send_signal(signal.SIGINT)
            assert process.wait(scaled(20)) == 0
        finally:
            process.kill()
    assert "2 changes detected in 3,000 frames" in page


def test_dashboard_errors_are_one_line(tmp_path):
    run = tmp_path / "plant.streamlyt"
    refused(
        cli("dashboard", tmp_path / "none" / "a.streamlyt"), 2, "RUN: directory", "does not exist"
    )
    public = cli("dashboard", run, "--host", "0.0.0.0")
    refused(public, 2, "tokens must be given for a public host", "streamlyt token")
    refused(cli("dashboard", run, "--token-file", tmp_path / "none"), 2, "made by streamlyt token")
    refused(cli("replay", run), 1, "there is no run file")
    runs.no_change(300).record(run).close()
    refused(cli("replay", run), 2, "must be known")
    refused(cli("replay", run, "--duration", "-1"), 2, "must be positive")
