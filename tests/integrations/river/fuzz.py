"""Feed river models memories and texts that nobody would write, for so many seconds."""

import sys
from time import monotonic

from tests.integrations.river.fuzzing import rounds


def main(seconds: str = "60", seed: str = "0") -> int:
    """Return 1 where one of them touched a file, a socket, a process or code."""
    end = monotonic() + float(seconds)
    done = 0
    for given, seen in rounds(int(seed)):
        done += 1
        if seen:
            print(f"round {done} of seed {seed} led to {seen}: {given!r:.2000}", file=sys.stderr)
            return 1
        if monotonic() > end:
            break
    print(f"{done} memories and texts, and no file, socket, process or code was touched")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
