"""Feature maps as river transformers of dictionaries."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from streamlyt.core import FeatureMap
from streamlyt.core.component import component_name
from streamlyt.core.errors import MissingDependencyError, ParameterError
from streamlyt.features import OpticalMap

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._feature_columns import check_most, register_names
from ._values import to_float

__all__ = ["Transformer"]


class Transformer(base.Transformer):
    """Random features of dictionaries, keyed by name.

    The values of a dictionary fill the columns of one row. Each name keeps its column, so the order
    of names does not matter, and an absent name counts as zero. ``learn_one`` assigns columns, new
    names of one dictionary in sorted order. ``transform_one`` assigns the next columns to unknown
    names temporarily.

    Parameters
    ----------
    features
        The feature map.
    max_features
        Number of columns, the maximum number of different names. The default plus a bias fills the
        smallest Walsh-Hadamard transform.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DataError
        If a value is no finite number, or there are more names than columns.

    Examples
    --------
    >>> from river import linear_model
    >>> from streamlyt.features import OpticalMap
    >>> model = Transformer(OpticalMap(200, response=2)) | linear_model.LinearRegression()
    >>> for i in range(500):
    ...     x = {"a": (i * 7 % 20 - 10) / 10, "b": (i * 3 % 11 - 5) / 5}
    ...     model.learn_one(x, x["a"] * x["b"])
    >>> round(model.predict_one({"b": 0.5, "a": 0.5}), 1)
    0.2
    """

    def __init__(self, features: FeatureMap, max_features: int = 63) -> None:
        if not isinstance(features, FeatureMap):
            raise ParameterError(
                f"features must be a map of streamlyt.features, got {features!r}; "
                "use OpticalMap(1000)"
            )
        check_most("max_features", max_features)
        self.features = features
        self.max_features = max_features
        self._columns: dict[Hashable, int] = {}
        stem = component_name(features)
        self._names = tuple(f"{stem}{j}" for j in range(features.n_components))

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Assign a column to every name; nothing else is learned."""
        self._columns = self._with(x)

    def transform_one(self, x: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return the features of one dictionary by name."""
        columns = self._with(x)
        row = np.zeros((1, self.max_features))
        for name, value in x.items():
            row[0, columns[name]] = to_float(name, value)
        return dict(zip(self._names, self.features(row)[0].tolist(), strict=True))

    def _with(self, x: Mapping[Any, Any]) -> dict[Hashable, int]:
        """Return the columns by name, including new names."""
        if all(name in self._columns for name in x):
            return self._columns
        return register_names(self._columns, list(x), self.max_features)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"features": OpticalMap(30)}
