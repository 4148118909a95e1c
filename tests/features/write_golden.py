"""Write golden.json: a few features of each map, in double precision, by the compiled loops.

python -m tests.features.write_golden

Run it only when a map is added: the draws of a seed never change.
"""

import json
from pathlib import Path

import numpy as np

from streamlyt import features

GOLDEN = Path(__file__).with_name("golden.json")
MAPS = [
    ("OpticalMap", {"construction": "dense"}, 3, 300),
    ("OpticalMap", {"construction": "structured"}, 20, 5000),
    ("OpticalMap", {"construction": "structured", "response": 2, "bias": 0.0}, 64, 130),
    ("OpticalMap", {"construction": "structured", "response": 0.7}, 700, 2500),
    ("OpticalMap", {"construction": "structured", "response": 4, "scale": 0.5}, 4000, 5000),
    ("OpticalMap", {"construction": "structured", "response": "exp"}, 5, 40),
    ("OpticalMap", {"construction": "structured", "response": "phase"}, 100, 4400),
    ("OpticalMap", {"construction": "dense", "response": "phase", "seed": 3}, 9, 200),
    ("OpticalMap", {"construction": "structured", "response": "centred"}, 30, 2200),
    ("OpticalMap", {"construction": "dense", "response": "centred", "bias": 0.0}, 6, 150),
    ("OpticalMap", {"construction": "structured-gaussian", "response": 2}, 90, 2200),
    ("OpticalMap", {"construction": "tiles"}, 40, 300),
    ("OpticalMap", {"construction": "orthogonal"}, 12, 100),
    ("OpticalMap", {"construction": "orthogonal", "response": "exp", "field": "real"}, 12, 100),
    ("OpticalMap", {"construction": "structured", "response": 2, "field": "real"}, 90, 2200),
    ("OpticalMap", {"construction": "tiles", "response": "centred", "field": "real"}, 40, 300),
    ("FourierMap", {"construction": "dense", "scale": 0.3}, 12, 300),
    ("FourierMap", {"construction": "orthogonal"}, 10, 100),
    ("FourierMap", {"construction": "structured", "seed": 2**62}, 30, 4500),
    ("FourierMap", {"construction": "structured"}, 3000, 9000),
    ("FastfoodMap", {"scale": 0.8}, 40, 5000),
    ("FastfoodMap", {}, 3000, 9000),
]


def rows(d: int, n: int = 3) -> np.ndarray:
    """Return fixed rows of length one, without a random generator."""
    i, j = np.arange(n)[:, None], np.arange(d)[None, :]
    values = ((7 * i + 3 * j + i * j) % 11 - 5) / 4.0
    values[1] = j[0] == d // 2
    return values / np.sqrt((values**2).sum(axis=1, keepdims=True))


def sampled(m: int) -> np.ndarray:
    """Return the indices of the stored features."""
    return np.unique(np.linspace(0, m - 1, 13).astype(int))


def main() -> None:
    """Write the file."""
    found = []
    for name, parameters, d, m in MAPS:
        phi = getattr(features, name)(m, dtype="float64", **parameters)(rows(d))
        kept = [[float(f"{v:.15g}") for v in row] for row in phi[:, sampled(m)].tolist()]
        found.append({"map": name, "parameters": parameters, "d": d, "m": m, "features": kept})
    lines = ",\n".join(json.dumps(one) for one in found)
    GOLDEN.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
