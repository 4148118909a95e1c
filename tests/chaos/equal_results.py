"""The same rows through one operator in river, the command line, the daemon and a cluster."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from streamlyt.core import Event
from streamlyt.detectors import NEWMA
from streamlyt.integrations.river import DriftDetector
from streamlyt.runfile import RunFile
from tests.chaos.cluster import COLUMNS, N_COMPONENTS, WINDOW, Story, ended, worker
from tests.cli.running import shell
from tests.connectors.kafka.topics import content, new_topic
from tests.engines.daemon.serving import Served

SERIES = 4
SCORES = ("statistic", "threshold")
RECORDED = """
[source]
type = "files"
path = "rows.parquet"
columns = ["x", "y"]
time_column = "time"
key_column = "key"

[[operators]]
type = "newma"
window = {window}
n_components = {n_components}
"""


def hashes(rows, broker, folder, message_rows=1000, report=lambda text: None):
    """Return the entry point -> the series -> the hash of the scores of all its rows, in order.

    The topic is written once and read by daemon and cluster with the same pipeline file.
    """
    turns = -(-rows // (SERIES * message_rows))
    story = Story(
        broker.servers["PLAINTEXT"],
        folder,
        keys=SERIES,
        turns=turns,
        rows=(message_rows, message_rows + 1),
    )
    report(f"{story.rows:,} rows of {SERIES} series")
    tables, events = story.expected()
    scores = {key: table[:, 2:4] for key, table in tables.items()}
    found = {"one pipeline": _hashes(scores, _places(events))}
    for entry_point in (of_river, of_command_line, of_daemon, of_cluster):
        found[entry_point.__name__.removeprefix("of_").replace("_", " ")] = entry_point(
            story, folder
        )
        report(f"{len(found)} of 5 entry points")
    return story.rows, found


def of_river(story, folder):
    detectors, scores, places = {}, {}, []
    for batch in story.batches:
        detector = detectors.setdefault(
            batch.key, DriftDetector(NEWMA(window=WINDOW, n_components=N_COMPONENTS))
        )
        rows = scores.setdefault(batch.key, [])
        for x, y in batch.values.tolist():
            detector.update({"x": x, "y": y})
            rows.append((detector.statistic, detector.threshold))
            if detector.drift_detected:
                event = detector.event
                places.append((batch.key, event.alarm_index, event.change_index))
    return _hashes({key: np.array(rows) for key, rows in scores.items()}, places)


def of_command_line(story, folder):
    keys = np.concatenate([[batch.key] * batch.n_rows for batch in story.batches])
    times = np.concatenate([batch.times for batch in story.batches])
    values = np.concatenate([batch.values for batch in story.batches])
    columns = dict(zip(COLUMNS, values.T, strict=True))
    pq.write_table(pa.table({"key": keys, "time": times} | columns), folder / "rows.parquet")
    file = folder / "recorded.toml"
    file.write_text(RECORDED.format(window=WINDOW, n_components=N_COMPONENTS))
    run = folder / "recorded.streamlyt"
    done = shell("run", file, "--run-file", run, cwd=folder)
    assert done.returncode == 0, done.stderr
    with RunFile.open(run) as opened:
        scores = {key: opened.columns(key, SCORES)[1] for key in story.expected()[0]}
        return _hashes(scores, _places(opened.events()))


def of_daemon(story, folder):
    story.put(0)
    sets, topics = _sets(story, "daemon")
    with Served(story.file, *sets, "sinks.0.transactional_id=equal-results") as daemon:
        story.until_came(story.rows, topics[0], seconds=600)
        assert daemon.end() == 0
    return _of_topics(story, *topics)


def of_cluster(story, folder):
    sets, topics = _sets(story, "cluster")
    workers = [worker(story.file, i, *sets) for i in (0, 1)]
    try:
        story.until_came(story.rows, topics[0], seconds=600)
    finally:
        statuses = ended(workers)
    assert statuses == [0, 0]
    return _of_topics(story, *topics)


def _sets(story, name):
    """Topics and a group of its own, for the same pipeline file."""
    out, events = new_topic(story.servers, 4), new_topic(story.servers, 4)
    sets = f"source.group_id={name}-{out}", f"sinks.0.topic={out}", f"sinks.0.events_topic={events}"
    return sets, (out, events)


def _of_topics(story, out, events):
    scores = {key: values[:, -3:-1] for key, (_, values) in story.came(out).items()}
    decoded = [Event.from_dict(json.loads(each.value)) for each in content(story.servers, events)]
    return _hashes(scores, _places(decoded))


def _places(events):
    return [(event.key, event.alarm_index, event.change_index) for event in events]


def _hashes(scores, places):
    """Return the series -> the hash of its rows' statistic and threshold, and of its events."""
    found = {}
    for key, rows in scores.items():
        sums = hashlib.sha256(np.ascontiguousarray(rows, "<f8").tobytes())
        sums.update(json.dumps(sorted(each for each in places if each[0] == key)).encode())
        found[key] = sums.hexdigest()
    return found
