"""A worker of a cluster that has lost its folder restores all states from the changelog."""

import shutil
import time

from streamlyt.core.state import pack
from streamlyt.detectors import NEWMA
from tests.chaos.cluster import WINDOW, Story, ended, worker
from tests.chaos.rescaled import N_COMPONENTS

KEYS = 200  # of 5 MB each: a gigabyte
ROWS = 120  # a message; the state has its full size after a hundred


def recovered(broker, folder, keys=KEYS, report=lambda text: None):
    """Return the gigabytes of states, seconds to the first row with and without folder, and faults.

    The seconds are from the start of the process, including imports and joining the group.
    """
    story = Story(
        broker.servers["PLAINTEXT"],
        folder,
        keys=keys,
        turns=3,
        rows=(ROWS, ROWS + 1),
        n_components=N_COMPONENTS,
    )
    story.put(0, keys)
    _until(story, keys * ROWS)
    report(f"{keys} series written")
    seconds = []
    for turn in (1, 2):
        if turn == 2:
            shutil.rmtree(folder / f"{story.file.stem}.cluster")
        story.put(turn * keys, (turn + 1) * keys)
        seconds.append(_until(story, (turn + 1) * keys * ROWS))
        report("the folder kept" if turn == 1 else "the folder lost")
    one = NEWMA(window=WINDOW, n_components=N_COMPONENTS)
    one.score(story.batches[0].values)
    return keys * len(pack(one.state)) / 1e9, *seconds, story.faults()


def _until(story, rows):
    """Run a worker until a total of rows; return the seconds to the first new one."""
    before, began = rows - len(story.batches) // 3 * ROWS, time.monotonic()
    one = worker(story.file, 0)
    story.until_came(before + 1, seconds=600)
    seconds = time.monotonic() - began
    story.until_came(rows, seconds=600)
    assert ended([one]) == [0]
    return seconds
