"""The user's key: created once, readable by the user only, never shown."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from streamlyt.core.errors import StateError
from streamlyt.runfile.user_key import KEY_FILE, Key, key_path, user_key


def test_key_is_created_once_and_readable_by_the_user_only(tmp_path, monkeypatch):
    path = tmp_path / "new" / "key"
    monkeypatch.setenv(KEY_FILE, str(path))
    with ThreadPoolExecutor(8) as pool:
        marks = set(pool.map(lambda _: user_key().mark(b"text"), range(32)))
    assert len(marks) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["key"]
    assert len(path.read_bytes()) == 32


def test_default_path_is_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_FILE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert key_path() == tmp_path / "streamlyt" / "run-file.key"


def test_no_key_where_none_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "file" / "key"))
    assert user_key() is None


def test_error_of_a_short_or_unreadable_key_does_not_contain_its_bytes(tmp_path, monkeypatch):
    path = tmp_path / "key"
    monkeypatch.setenv(KEY_FILE, str(path))
    path.write_bytes(b"secret")
    with pytest.raises(StateError, match="at least 32 bytes, got 6") as caught:
        user_key()
    assert "secret" not in str(caught.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        user_key()


def test_numbers_differ_by_run_and_key_and_do_not_contain_the_secret():
    secret = os.urandom(32)
    one, other = Key(secret), Key(os.urandom(32))
    found = {each.element_of(run)(b"x") for each in (one, other) for run in ("a", "b")}
    assert len(found) == 4
    assert repr(one) == str(one) == "Key()"
    assert not one.verifies("\udc80", b"x")
