"""The files in deploy/ name existing files and valid settings."""

import re
import shutil
import subprocess
import tomllib

import pytest

from streamlyt.config.pipeline_file import load
from streamlyt.engines import check_cluster_endpoints
from tests._public_api import ROOT

DEPLOY = ROOT / "deploy"


def test_the_files_name_existing_files():
    docker = (DEPLOY / "Dockerfile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    composed = "".join((DEPLOY / name).read_text() for name in ("compose.yaml", "worker.yaml"))
    named = ",".join(re.findall(r"EXTRAS(?:=|: )([a-z,]+)", docker + composed)).split(",")
    assert {"kafka", "serve", "cluster"} <= set(named) <= set(extras["optional-dependencies"])
    for mounted in re.findall(r"- (\.\./\S+?):", composed):
        assert (DEPLOY / mounted).is_file()


def test_the_settings_of_compose_are_valid_for_the_pipeline_that_it_mounts():
    text = (DEPLOY / "compose.yaml").read_text()
    environ = dict(re.findall(r"^ +(STREAMLYT_\w+): (\S+)$", text, re.MULTILINE))
    spec = load(ROOT / "examples" / "live.toml", (), environ)
    assert spec.source.bootstrap_servers == spec.sinks[0].bootstrap_servers == "broker:9094"
    assert (spec.serve.host, spec.serve.log_format) == ("0.0.0.0", "json")


def test_the_settings_of_a_worker_are_valid_for_the_pipeline_that_it_mounts(tmp_path):
    text = (DEPLOY / "worker.yaml").read_text().replace("${BROKERS}", "far:9092")
    environ = dict(re.findall(r"^ +(STREAMLYT_\w+): (\S+)$", text, re.MULTILINE))
    environ["STREAMLYT_SOURCE__BOOTSTRAP_SERVERS"] = "far:9092"
    spec = load(ROOT / "examples" / "live.toml", (), environ)
    assert spec.source.bootstrap_servers == spec.sinks[0].bootstrap_servers == "far:9092"
    check_cluster_endpoints(spec.source, spec.sinks)  # the same file serves for several processes


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path):
    text = (DEPLOY / "streamlyt@.service").read_text()
    assert "/opt/streamlyt/bin/streamlyt serve" in text
    unit = tmp_path / "streamlyt@pump.service"
    unit.write_text(text.replace("/opt/streamlyt/bin/streamlyt", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
