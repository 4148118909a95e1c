import pytest

from streamlyt import observables
from streamlyt.checks import check_operator, example


@pytest.mark.parametrize("name", observables.__all__)
def test_every_observable_keeps_the_promises_of_the_house(name):
    check_operator(*example(getattr(observables, name)))
