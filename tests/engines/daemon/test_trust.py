"""A daemon goes on with a run file of its own key, and with another's where it is told to."""

import numpy as np

from tests.cli.running import MAIN, shell

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
        sets = ("--set", "serve.port=0", "--set", "serve.log=json")
        return shell("serve", file, *sets, *words, code=named, cwd=tmp_path)

    assert served("one").returncode == 0
    assert served("one").returncode == 0
    refused = served("other")
    assert refused.returncode == 1
    for told in ("mark of this user", str(tmp_path / "other"), "--trust", "STREAMLYT_KEY_FILE"):
        assert told in refused.stderr
    assert served("other", "--trust").returncode == 0
    assert served("other").returncode == 0
