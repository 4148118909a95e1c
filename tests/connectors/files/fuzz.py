"""Follow files that grow, are rotated and truncated, in random rounds: ``make fuzz``.

Prints the seeds of the rounds that lost, repeated or changed a row; exits with 1 if there are any.
"""

import logging
import sys
import tempfile

from tests.connectors.files.followed import play


def main(rounds, first):
    logging.getLogger("streamlyt.files").setLevel(logging.ERROR)
    bad = 0
    for seed in range(first, first + rounds):
        with tempfile.TemporaryDirectory(prefix="streamlyt-followed-") as folder:
            try:
                fault = play(seed, folder)
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"
        if fault is not None:
            bad += 1
            print(f"seed {seed}: {fault}", flush=True)
    print(f"followed files: {rounds} rounds from seed {first}, {bad} bad")
    return int(bad > 0)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(numbers + [1000, 0][len(numbers) :])))
