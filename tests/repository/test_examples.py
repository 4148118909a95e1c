"""Every example runs from any folder and prints the results that its data hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


# Script -> pattern of its output with the numbers in it, and the range of each.
RESULTS = {
    # The known changes of the recording are at frames 5215 and 8912.
    "find_changes": (
        r"frame (\d+): ALA2\nframe (\d+): ALA2\n",
        [(5205, 5225), (8902, 8922)],
    ),
    # Rounding, which differs between processors, grows by e per Lyapunov time.
    "forecast_chaos": (
        r"Lorenz: valid for ([\d.]+) Lyapunov times, expected ([\d.]+)\n"
        r"Kuramoto-Sivashinsky: valid for ([\d.]+) Lyapunov times, 1200 rows learned\n",
        [(8, 14), (8, 14), (1, 3)],
    ),
    # The inputs change at row 3000.
    "learn_in_river": (
        r"(?:row \d+: MAE.*\n){3}row (\d+): the inputs changed at about row (\d+)\n"
        r"row 3999: .*\nrow 4999: MAE: ([\d.]+), of the last 500 rows ([\d.]+)\n",
        [(3000, 3020), (2990, 3010), (1.4, 1.8), (1.2, 1.6)],
    ),
    # The flow changes at row 4000, where the alarm is: with one row of the new flow, the
    # localization places the change up to 400 rows early.
    "watch_a_stream": (r"pump 7: flow changed at row (\d+)\n", [(3500, 4010)]),
}


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_prints_the_result_of_its_data(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pattern, ranges = RESULTS[script.stem]
    found = re.fullmatch(pattern, done.stdout)
    assert found, done.stdout
    for text, (low, high) in zip(found.groups(), ranges, strict=True):
        assert low <= float(text) <= high, done.stdout
    assert not list(tmp_path.iterdir())
