"""What river models are fed that nobody would write, and what must not come of it."""

import json
import random
import signal
import sys
from contextlib import contextmanager

import numpy as np
import river.api  # noqa: F401  (all its packages, so that none is loaded while events are watched)

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import StreamlytError
from streamlyt.integrations.river import RiverModel

MODELS = [
    "preprocessing.StandardScaler() | linear_model.LinearRegression(optimizer=optim.Adam(0.1))",
    "preprocessing.MinMaxScaler() | tree.HoeffdingAdaptiveTreeRegressor(seed=1, grace_period=5)",
    "forest.ARFRegressor(seed=1, n_models=2)",
    "neighbors.KNNRegressor()",
    "rules.AMRules()",
    "anomaly.HalfSpaceTrees(seed=1, n_trees=2, height=3)",
    "dummy.StatisticRegressor(stats.RollingQuantile(0.5, 3))",
]
ROWS = Batch(
    "a", np.arange(30), np.random.default_rng(0).normal(size=(30, 3)), Schema.of("x", "z", "y")
)
FEW = ROWS.slice(0, 3)
NAMES = [
    "os:system",
    "subprocess:Popen",
    "builtins:open",
    "river.bandit.datasets.news:NewsArticles",
    "river.datasets.phishing:Phishing",
    "river.drift.datasets.bitcoin:Bitcoin",
    "river.datasets.base:RemoteDataset",
    "river.stream.cache:Cache",
    "river.stream:iter_csv",
    "river.bandit:datasets.NewsArticles",
    "river.compat.sklearn_to_river:SKL2RiverRegressor",
    "river.compose.func:FuncTransformer",
    "river.utils.rolling:Rolling",
    "river.base.base:os",
    "river.tree.hoeffding_tree:HoeffdingTree.draw",
    "river._river_rust.stats:RsRollingROCAUC",
    "NormalDist",
    "deque",
    "int",
    "str",
]
KINDS = [
    "class",
    "list",
    "tuple",
    "set",
    "frozenset",
    "deque",
    "dict",
    "Counter",
    "OrderedDict",
    "defaultdict",
    "bytes",
    "partial",
    "method",
    "function",
    "random",
    "array",
    "new",
    "cython",
    "call",
    "reduce",
]
ATTRIBUTES = ("__class__", "__dict__", "learn_one", "__setstate__", "download", "_rng", "steps")
VALUES = (10**18, -1, 2**63, 1e308, float("nan"), None, True, "U1000000000", "x" * 50, "", [0], [])
CALLS = [
    "linear_model.LinearRegression",
    "preprocessing.StandardScaler",
    "compose.Pipeline",
    "optim.SGD",
    "ensemble.VotingClassifier",
    "ensemble.BaggingRegressor",
    "bandit.datasets.NewsArticles",
    "datasets.Phishing",
    "drift.datasets.Bitcoin",
    "stream.Cache",
    "utils.Rolling",
    "compose.FuncTransformer",
    "feature_extraction.BagOfWords",
    "anomaly.HalfSpaceTrees",
    "metrics.RollingROCAUC",
    "stats.Mean",
    "river.linear_model.LogisticRegression",
    "bandit.envs.KArmedTestbed",
    "compat.River2SKLRegressor",
    "misc.SDFT",
    "tree.HoeffdingTreeRegressor",
    "facto.FMRegressor",
    "drift.ADWIN",
    "os.system",
    "open",
]
WATCHED = (
    "open",
    "exec",
    "import",
    "os.",
    "socket.",
    "subprocess.",
    "shutil.",
    "urllib.",
    "http.",
    "ftplib.",
    "tempfile.",
    "glob.",
    "ctypes.",
    "pickle.",
    "marshal.",
    "webbrowser.",
)

_seen: list[str] | None = None


def _hook(event, given):
    if _seen is not None and event.startswith(WATCHED):
        _seen.append(f"{event} {given!r:.200}")


sys.addaudithook(_hook)  # nothing takes it away again


@contextmanager
def watched():
    """Yield the list of events that touch files, sockets, processes or code."""
    global _seen
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


@contextmanager
def at_most(seconds):
    """End what a changed number made long: how long it takes is river's own matter."""

    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def memories():
    """Return of each model its text, and the entries of its memory."""
    found = []
    for text in MODELS:
        model = RiverModel(text)
        model.update(ROWS)
        found.append((text, json.loads(model.state["river"].tobytes().decode())))
    return found


def state_of(entries):
    """Return a state with such entries, as a run file has it."""
    text = entries if isinstance(entries, str) else json.dumps(entries)
    return {"river": np.frombuffer(text.encode(), dtype=np.uint8).copy()}


def changed(entries, rng):
    """Return entries with some of them changed, or their text with some characters changed."""
    entries = json.loads(json.dumps(entries))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(entries))
        entry = entries[at]
        what = rng.randrange(8)
        if what == 0 and len(entry) > 1:
            entry[1] = rng.choice(NAMES)
        elif what == 1:
            entry[0] = rng.choice(KINDS)
        elif what == 2:
            entry[rng.randrange(len(entry))] = rng.choice(VALUES)
        elif what == 3:
            entries.append(["method", [at], rng.choice([*ATTRIBUTES, "clone", "update", "draw"])])
            entries[rng.randrange(len(entries))] = ["partial", [len(entries) - 1], [], [], []]
        elif what == 4:
            entries[at] = ["new", rng.choice(NAMES), [], [rng.randrange(len(entries))], None, None]
        elif what == 5:
            entries[at] = ["call", rng.choice(NAMES), [["true"]], None, None, None]
        elif what == 6:
            for each in entries:
                keyed = each[0] == "dict" and isinstance(each[1], list) and each[1]
                if keyed and rng.random() < 0.2:
                    each[1][rng.randrange(len(each[1]))] = rng.choice(ATTRIBUTES)
        else:
            entries[at] = entries[rng.randrange(len(entries))]
    if rng.random() < 0.15:
        text = list(json.dumps(entries))
        for _ in range(rng.randint(1, 5)):
            text[rng.randrange(len(text))] = rng.choice('[]{}",:0123456789eE-ntf\\')
        return "".join(text)
    return entries


def model_text(rng, depth=0):
    """Return a text of a model that nobody would write."""
    what = rng.randrange(10)
    if depth > 3 or what == 0:
        return rng.choice(["1", "0.5", "'a'", "None", "10**10**10", "9" * 5000, "-1", "1e400", "x"])
    inside = [model_text(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if what == 1:
        return f"[{', '.join(inside)}]"
    if what == 2:
        return f" {rng.choice('|+*-/@')} ".join(inside or ["'a'"]) + rng.choice(["", "*4000000000"])
    if what == 3:
        return f"{rng.choice(CALLS)}(**{{'models': {inside[0] if inside else 1}}})"
    if what == 4:
        return rng.choice("([{-~") * rng.randint(1, 3000)
    if what == 5 and inside:
        return f"{inside[0]}.{rng.choice(ATTRIBUTES)}"
    names = ("models", "n_models", "seed", "window_size", "model", "height", "l2")
    given = [each if rng.random() < 0.5 else f"{rng.choice(names)}={each}" for each in inside]
    text = f"{rng.choice(CALLS)}({', '.join(sorted(given, key=lambda each: '=' in each))})"
    if rng.random() < 0.1 and text:
        at = rng.randrange(len(text))
        text = text[:at] + chr(rng.randrange(32, 0x250)) + text[at + 1 :]
    return text


def fed_state(text, entries):
    """Give a model a memory, and rows; return the events that it led to."""
    model = RiverModel(text)
    with watched() as seen, at_most(5.0):
        try:
            model.state = state_of(entries)
        except StreamlytError:
            return seen
        except TimeoutError:
            return [*seen, "reading a memory took for ever"]
        try:
            model.update(FEW)
            model.state  # noqa: B018 - reading it may act
        # What river does with numbers that fit and make no sense: a panic is no Exception.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
    return seen


def fed_text(text):
    """Make a model of a text; return the events that it led to, or another error than ours."""
    with watched() as seen, at_most(20.0):
        try:
            RiverModel(text)
        except StreamlytError:
            return seen
        except TimeoutError:
            return [*seen, "making a model took for ever"]
    return seen


def rounds(seed):
    """Yield, for ever, one change after another and the events that it led to."""
    rng = random.Random(seed)
    known = memories()
    while True:
        text, entries = rng.choice(known)
        given = changed(entries, rng)
        yield given, fed_state(text, given)
        given = model_text(rng)
        yield given, fed_text(given)
