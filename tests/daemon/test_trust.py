"""A daemon goes on with a run file of its own key, and with another's where it is told to."""

import numpy as np

from tests.daemon.serving import MAIN, Served

PIPELINE = """
[source]
name = "files"
path = "a.csv"

[[operators]]
name = "missing"
"""


def test_a_daemon_with_another_key_says_what_to_do_and_goes_on_when_told_to(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 2)).tolist()
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in rows))
    file = tmp_path / "p.toml"
    file.write_text(PIPELINE)

    def served(key, *words):
        named = f"import os; os.environ['STREAMLYT_KEY_FILE'] = {str(tmp_path / key)!r}; {MAIN}"
        one = Served(file, wait=False, code=named, words=words)
        return one.process.wait(60), one

    assert served("one")[0] == 0
    assert served("one")[0] == 0
    status, refused = served("other")
    assert status == 1
    reason = refused.said("the engine cannot go on")["reason"]
    for told in ("mark of this user", str(tmp_path / "other"), "--trust", "STREAMLYT_KEY_FILE"):
        assert told in reason
    assert served("other", "--trust")[0] == 0
    assert served("other")[0] == 0
