"""What lies in deploy/ names things that are there."""

import re
import shutil
import subprocess
import tomllib

import pytest

from streamlyt.config import load
from tests._public import ROOT

DEPLOY = ROOT / "deploy"


def test_the_files_name_what_is_there():
    docker = (DEPLOY / "Dockerfile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.search(r"'\.\[([a-z,]+)\]'", docker)[1].split(",")
    assert set(named) <= set(extras["optional-dependencies"])
    for mounted in re.findall(r"- (\.\./\S+?):", (DEPLOY / "compose.yaml").read_text()):
        assert (DEPLOY / mounted).is_file()


def test_the_settings_of_compose_hold_for_the_pipeline_that_it_mounts():
    text = (DEPLOY / "compose.yaml").read_text()
    environ = dict(re.findall(r"^ +(STREAMLYT_\w+): (\S+)$", text, re.MULTILINE))
    spec = load(ROOT / "examples" / "live.toml", (), environ)
    assert spec.source.servers == spec.sinks[0].servers == "broker:9094"
    assert (spec.serve.host, spec.serve.log) == ("0.0.0.0", "json")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_takes_the_unit(tmp_path):
    text = (DEPLOY / "streamlyt@.service").read_text()
    assert "/opt/streamlyt/bin/streamlyt serve" in text
    unit = tmp_path / "streamlyt@pump.service"
    unit.write_text(text.replace("/opt/streamlyt/bin/streamlyt", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
