"""False alarms of the models of anomalies: the rate that was asked against the one that came.

Rows of five distributions in four channels, without an anomaly; the first 2,000 rows are left out.
"""

import numpy as np

from benchmarks._results import record, say
from streamlyt.core import Floats
from streamlyt.models import KernelDensity, Mahalanobis, OneClassSVM

ROWS, SKIPPED, D = 60_000, 2_000, 4


def _laws(seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(ROWS, D))
    kept = np.empty_like(noise)
    kept[0] = noise[0]
    for i in range(1, ROWS):
        kept[i] = 0.5 * kept[i - 1] + noise[i]
    sides = rng.integers(0, 2, size=(ROWS, 1)) * 4.0
    return {
        "normal": rng.normal(size=(ROWS, D)),
        "Laplace": rng.laplace(size=(ROWS, D)),
        "Student 3": rng.standard_t(3, size=(ROWS, D)),
        "two clusters": rng.normal(size=(ROWS, D)) + sides,
        "autoregressive .5": kept,
    }


def main() -> None:
    for law, rows in _laws(1000).items():
        for rate in (1e-2, 1e-3):
            for model in (Mahalanobis, KernelDensity, OneClassSVM):
                scores, thresholds = model(false_alarm_rate=rate).score(rows)
                came = float((scores > thresholds)[SKIPPED:].mean())
                case = f"{model.__name__}, {law}, asked {rate:g}"
                record("anomaly", case, [came / rate], "of the rate asked", rows=ROWS)
                say(f"{case}: {came / rate:.2f}")


if __name__ == "__main__":
    main()
