"""A daemon resumes a run file with the mark of its key, and with another one on --trust."""

import numpy as np

from tests.cli.running import MAIN, shell

PIPELINE = """
[source]
type = "files"
path = "a.csv"

[[operators]]
type = "missing_values"
"""


def test_a_daemon_with_another_key_ends_with_advice_and_resumes_with_trust(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 2)).tolist()
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in rows))
    file = tmp_path / "p.toml"
    file.write_text(PIPELINE)

    def served(key, *words):
        named = f"import os; os.environ['STREAMLYT_KEY_FILE'] = {str(tmp_path / key)!r}; {MAIN}"
        sets = ("--set", "serve.port=0", "--set", "serve.log_format=json")
        return shell("serve", file, *sets, *words, code=named, cwd=tmp_path)

    assert served("one").returncode == 0
    assert served("one").returncode == 0
    refused = served("other")
    assert refused.returncode == 1
    for text in ("mark of this user", str(tmp_path / "other"), "--trust", "STREAMLYT_KEY_FILE"):
        assert text in refused.stderr
    assert served("other", "--trust").returncode == 0
    assert served("other").returncode == 0
