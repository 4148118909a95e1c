"""Live pages on the daemon's server, with health and metrics."""

import re
import signal

import numpy as np
import pytest

from tests.engines.daemon.serving import Served

FILE = """
[source]
type = "files"
path = "{rows}"
columns = ["x", "y"]
follow = true

[[operators]]
type = "newma"
null_model = "adaptive"
window = 20
"""


@pytest.fixture
def pipeline(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 2)) + 6.0 * (np.arange(600) >= 400)[:, None]
    rows = tmp_path / "rows.csv"
    rows.write_text("x,y\n" + "\n".join(f"{x},{y}" for x, y in values) + "\n")
    file = tmp_path / "plant.toml"
    file.write_text(FILE.format(rows=rows))
    return file


def test_a_daemon_shows_its_run_with_health_and_metrics(pipeline):
    with Served(pipeline, words=("--dashboard",)) as one:
        one.until_metric("checkpoints_total", 1)
        status, page = one.get("")
        assert "All series" in page  # redirected to the pages
        status, page = one.get("dashboard/")
        assert status == 200
        key = re.search(r'href="series\?key=([^"]*)"', page)[1]
        status, page = one.get(f"dashboard/series?key={key}")
        assert status == 200
        assert "Detection statistic" in page
        assert "600</b> rows" in page
        assert one.get("dashboard/process")[0] == 200
        assert one.get("healthz")[0] == 200
        assert one.metric("rows_total") == 600
        assert one.get("series")[0] == 404
        assert one.end(signal.SIGTERM) == 0
