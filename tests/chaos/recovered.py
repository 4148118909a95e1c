"""A worker of a cluster that has lost its folder: the memory of all series from the changelog."""

import shutil
import time

from streamlyt.core.state import pack
from streamlyt.detectors import NEWMA
from tests.chaos.cluster import WINDOW, Story, ended, worker
from tests.chaos.rescaled import N_COMPONENTS

KEYS = 200  # of 5 MB each: a gigabyte
ROWS = 120  # a message; a hundred are taken before the memory is of its full size


def recovered(broker, folder, keys=KEYS, told=lambda text: None):
    """Return the gigabytes of memory, seconds to the first row with and without it, and faults.

    The seconds are from the start of the process on, its imports and its place in the group
    included.
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
    told(f"{keys} series written")
    seconds = []
    for turn in (1, 2):
        if turn == 2:
            shutil.rmtree(folder / f"{story.file.stem}.cluster")
        story.put(turn * keys, (turn + 1) * keys)
        seconds.append(_until(story, (turn + 1) * keys * ROWS))
        told("the folder kept" if turn == 1 else "the folder lost")
    one = NEWMA(window=WINDOW, n_components=N_COMPONENTS)
    one.score(story.batches[0].values)
    return keys * len(pack(one.state)) / 1e9, *seconds, story.faults()


def _until(story, rows):
    """Run a worker until so many rows came in all; return when the first new one came."""
    before, began = rows - len(story.batches) // 3 * ROWS, time.monotonic()
    one = worker(story.file, 0)
    story.until_came(before + 1, seconds=600)
    seconds = time.monotonic() - began
    story.until_came(rows, seconds=600)
    assert ended([one]) == [0]
    return seconds
