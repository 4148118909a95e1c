"""What is done after a failure does not take its place."""

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
def test_the_error_of_the_block_is_raised_and_all_are_closed(first):
    things = [Thing(), Thing(OSError("stuck")), Thing(), Thing(OSError("jammed"))]
    with pytest.raises(type(first)) as raised, closing_all(*things):
        raise first
    assert raised.value is first
    assert [thing.closed for thing in things] == [1, 1, 1, 1]
    assert message_of(first) == (
        "first; Thing cannot be closed: stuck; Thing cannot be closed: jammed"
    )


def test_without_one_the_first_error_of_closing_is_raised():
    things = [Thing(), Thing(OSError("stuck")), Thing(ValueError("jammed")), Thing()]
    with pytest.raises(OSError, match="stuck") as raised, closing_all(*things):
        pass
    assert [thing.closed for thing in things] == [1, 1, 1, 1]
    assert message_of(raised.value) == "stuck; Thing cannot be closed: jammed"


def test_a_block_that_succeeds_closes_and_raises_nothing():
    things = [Thing(), Thing()]
    with closing_all(*things):
        assert not any(thing.closed for thing in things)
    assert all(thing.closed for thing in things)


def test_an_interrupt_is_never_turned_into_a_note():
    with pytest.raises(KeyboardInterrupt), noting(ValueError("first"), "it failed"):
        raise KeyboardInterrupt


def test_a_note_keeps_the_notes_of_the_failure_it_is_of():
    error, failure = ValueError("first"), ValueError("second")
    failure.add_note("third")
    with noting(error, "then"):
        raise failure
    assert message_of(error) == "first; then: second; third"
