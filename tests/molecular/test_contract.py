import pytest

from streamlyt import molecular, transforms
from streamlyt.core import Operator
from streamlyt.operator_checks import check_example, check_operator

OPERATORS = {
    name: value
    for package in (molecular, transforms)
    for name in package.__all__
    if isinstance(value := getattr(package, name), type) and issubclass(value, Operator)
}


@pytest.mark.parametrize("name", OPERATORS)
def test_every_transform_satisfies_the_operator_contract(name):
    check_operator(*check_example(OPERATORS[name]))
