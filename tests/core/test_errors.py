"""Errors of the clean-up after an error do not replace it."""

import pytest

from streamlyt.core.errors import closing_all, message_of, noting


class Thing:
    def __init__(self, failure=None):
        self.failure, self.closed = failure, 0

    def close(self):
        self.closed += 1
        if self.failure is not None:
            raise self.failure


@pytest.mark.parametrize("first", [ValueError("first"), KeyboardInterrupt("first")])
def test_error_of_the_block_is_raised_and_all_are_closed(first):
    things = [Thing(), Thing(OSError("stuck")), Thing(), Thing(OSError("jammed"))]
    with pytest.raises(type(first)) as raised, closing_all(*things):
        raise first
    assert raised.value is first
    assert [thing.closed for thing in things] == [1, 1, 1, 1]
    assert message_of(first) == (
        "first; Thing cannot be closed: stuck; Thing cannot be closed: jammed"
    )


def test_first_error_of_closing_is_raised_without_an_earlier_one():
    things = [Thing(), Thing(OSError("stuck")), Thing(ValueError("jammed")), Thing()]
    with pytest.raises(OSError, match="stuck") as raised, closing_all(*things):
        pass
    assert [thing.closed for thing in things] == [1, 1, 1, 1]
    assert message_of(raised.value) == "stuck; Thing cannot be closed: jammed"


def test_successful_block_closes_and_raises_nothing():
    things = [Thing(), Thing()]
    with closing_all(*things):
        assert not any(thing.closed for thing in things)
    assert all(thing.closed for thing in things)


def test_interrupt_is_never_turned_into_a_note():
    with pytest.raises(KeyboardInterrupt), noting(ValueError("first"), "it failed"):
        raise KeyboardInterrupt


def test_note_contains_the_notes_of_its_error():
    error, failure = ValueError("first"), ValueError("second")
    failure.add_note("third")
    with noting(error, "then"):
        raise failure
    assert message_of(error) == "first; then: second; third"
