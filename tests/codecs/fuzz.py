"""Fuzz the decoders with libFuzzer for a number of seconds: ``make fuzz``."""

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["streamlyt.codecs"]):
    from streamlyt.codecs import MessageRows
    from tests.codecs.codecs import CODECS, COLUMNS, fuzzed

LIST = list(CODECS.values())


def run_one(data: bytes) -> None:
    if data:
        fuzzed(LIST[data[0] % len(LIST)], data[1:])


def seeds() -> list[bytes]:
    """Return a valid message of every codec as a seed."""
    row = MessageRows(np.ones((1, len(COLUMNS))), np.zeros(1, np.int64), ("a",))
    return [bytes([i]) + codec.encode(row) for i, codec in enumerate(LIST)]


def main(seconds: str) -> None:
    for data in seeds():
        run_one(data)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=4096",
        "-len_control=0",
    ]
    atheris.Setup([sys.argv[0], *options], run_one, custom_mutator=mutated)
    atheris.Fuzz()


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Mutate a valid message in one of three cases, else the given bytes."""
    valid = seeds_once[seed % len(seeds_once)]
    changed: bytes = atheris.Mutate(data if seed % 3 else valid, max_size)
    return changed


seeds_once = seeds()

if __name__ == "__main__":
    main(*sys.argv[1:2])
