"""Kill -9 of a run from topic to topic, and of its broker now and then: ``make chaos``.

Prints how many rows are missing, there twice, or come with a wrong state; leaves with 1 if any is.
"""

import sys
import tempfile
from pathlib import Path

from streamlyt.broker import Broker

from .exactly_once import engine, expected, faults, lives, messages, of_run, of_topic
from .topics import new_topic, put

ROWS = 4000  # new ones for each life
BROKER = 10  # lives to each death of the broker


def main(kills: int) -> int:
    with tempfile.TemporaryDirectory(prefix="streamlyt-chaos-") as folder:
        broker = Broker(Path(folder) / "broker", 0)
        broker.start()
        try:
            return killed(kills, broker, Path(folder) / "run.streamlyt")
        finally:
            broker.kill()


def killed(kills: int, broker: Broker, run: Path) -> int:
    servers = broker.servers["PLAINTEXT"]
    topic, out = new_topic(servers, 4), new_topic(servers, 4)
    sent = messages(ROWS * kills, 8, 4)
    words = run, servers, topic, out, "chaos", "one"

    def between(i: int) -> None:
        if i % BROKER == BROKER - 1:
            broker.kill()
            broker.start()

    for i in range(kills):
        put(servers, topic, sent[i * ROWS : (i + 1) * ROWS])
        lives(1, i, words, lambda _, i=i: between(i))
        print(f"{i + 1} of {kills} lives", end="\r", file=sys.stderr, flush=True)
    one, held = engine(*words, follow=False)
    one.run()
    for each in held:
        each.close()
    wanted = expected(sent)
    found = {"topic": of_topic(servers, out), "run file": of_run(run)}
    worst = 0
    for name, got in found.items():
        missing, twice, wrong = faults(got, wanted)
        worst |= missing or twice or wrong
        told = f"{missing} missing, {twice} twice, {wrong} wrong"
        print(
            f"{name}: {len(sent)} rows, {kills} kills of the run, {kills // BROKER} of the broker:"
        )
        print(f"    {told}")
    return int(bool(worst))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
