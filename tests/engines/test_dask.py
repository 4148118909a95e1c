"""Calls in other processes give results, exceptions, or the death of a worker."""

import os

import pytest
from distributed import KilledWorker

from streamlyt.core.errors import DataError
from streamlyt.engines import map_on_dask


def _tried(number):
    if number == 1:
        raise DataError("no rows")
    if number == 2:
        os._exit(7)
    return number * 10


def test_failures_and_deaths_are_results_of_their_items():
    came = dict(map_on_dask(_tried, [0, 1, 2, 3, 4], workers=1))
    assert sorted(came) == [0, 1, 2, 3, 4]
    # Items that waited in the process that died are retried.
    assert (came[0], came[3], came[4]) == (0, 30, 40)
    assert isinstance(came[1], DataError)
    assert str(came[1]) == "no rows"
    assert isinstance(came[2], KilledWorker)


def test_without_items_there_are_no_results():
    assert list(map_on_dask(_tried, [], workers=1)) == []


@pytest.mark.parametrize("workers", [0, -1])
def test_there_must_be_workers(workers):
    with pytest.raises(Exception, match="workers must be at least 1"):
        list(map_on_dask(_tried, [1], workers=workers))
