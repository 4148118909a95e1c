"""Feed the decoders bytes that libFuzzer makes up, for so many seconds: ``make fuzz``."""

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["streamlyt.codecs"]):
    from streamlyt.codecs import MessageRows
    from tests.codecs.codecs import CODECS, COLUMNS, fuzzed

LIST = list(CODECS.values())


def one(data: bytes) -> None:
    if data:
        fuzzed(LIST[data[0] % len(LIST)], data[1:])


def seeds() -> list[bytes]:
    """Return a whole message of every codec, for the fuzzer to begin with."""
    row = MessageRows(np.ones((1, len(COLUMNS))), np.zeros(1, np.int64), ("a",))
    return [bytes([i]) + codec.encode(row) for i, codec in enumerate(LIST)]


def main(seconds: str) -> None:
    for data in seeds():
        one(data)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=4096",
        "-len_control=0",
    ]
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutated)
    atheris.Fuzz()


def mutated(data: bytes, most: int, seed: int) -> bytes:
    """Change bytes of a whole message more often than bytes of nothing."""
    whole = seeds_once[seed % len(seeds_once)]
    changed: bytes = atheris.Mutate(data if seed % 3 else whole, most)
    return changed


seeds_once = seeds()

if __name__ == "__main__":
    main(*sys.argv[1:2])
