"""What a saved state says of the parameters that it was made with."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from streamlyt.base import Array, Component
from streamlyt.errors import StateError

__all__ = ["check_configuration", "configuration_of", "stamp"]

NAME = "parameters"  # of the entry in a state


def configuration_of(component: Component) -> str:
    """Return all parameters of a component, those of its parts by their path, as JSON."""
    return json.dumps(dict(_flat(component, "")))


def check_configuration(state: dict[str, Array], own: str) -> None:
    """Raise a StateError unless a state, if it says so at all, is of these parameters.

    Parameters
    ----------
    state
        Of an operator.
    own
        What ``configuration_of`` gave for it.
    """
    if NAME not in state or str(state[NAME]) == own:
        return
    saved, mine = json.loads(str(state[NAME])), json.loads(own)
    differing = [name for name in {**mine, **saved} if saved.get(name) != mine.get(name)]
    listed = "; ".join(
        f"{name} was {saved.get(name, 'not there')} and is {mine.get(name, 'not there')}"
        for name in differing
    )
    raise StateError(
        f"a saved state must be of the same parameters: {listed}; take those of the saved run, or "
        "begin a new series"
    )


def stamp(own: str) -> Array:
    """Return the entry of a state."""
    return np.array(own)


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, Component):
        found = [(path or "name", type(value).__name__)]
        for name, part in value.params().items():
            found += _flat(part, f"{path}.{name}" if path else name)
        return found
    if isinstance(value, Sequence) and any(isinstance(part, Component) for part in value):
        return [each for i, part in enumerate(value) for each in _flat(part, f"{path}[{i}]")]
    plain = value is None or isinstance(value, bool | int | float | str | np.generic)
    return [(path, repr(value) if plain else type(value).__name__)]
