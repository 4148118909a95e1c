"""What our river models share: a model of ours, and the columns of its inputs by name."""

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.errors import ParameterError, StateError
from streamlyt.core.state import pack, unpack
from streamlyt.registry import get_component

from ._feature_columns import check_most, register_names, to_row

__all__ = ["ModelWrapper"]

SAVED_VERSION = 3  # raised when what is pickled changes its meaning


class ModelWrapper:
    """A clone of a model, fed with dictionaries and with data frames."""

    model: Any
    max_features: int

    def _start(self, kind: str, fits: Callable[[object], bool]) -> None:
        made = get_component("models", self.model)() if isinstance(self.model, str) else self.model
        if not fits(made):
            raise ParameterError(f"model must be a {kind}, of streamlyt.models, got {self.model!r}")
        check_most("max_features", self.max_features)
        self._learner: Any = made.clone()
        self._columns: dict[Hashable, int] = {}

    def _row(self, x: Mapping[Any, Any]) -> Floats:
        return to_row(x, self._columns)

    def _row_to_learn(self, x: Mapping[Any, Any]) -> Floats:
        columns = self._columns
        if any(name not in columns for name in x):
            columns = register_names(columns, list(x), self.max_features)
        row = to_row(x, columns)  # may refuse a value: nothing has changed until then
        self._adopt(columns)
        return row

    def _rows(self, frame: Any, columns: Mapping[Hashable, int]) -> Floats:
        rows = np.full((len(frame), max(1, len(columns))), math.nan)
        for name in frame.columns:
            if name in columns:
                rows[:, columns[name]] = frame[name].to_numpy(dtype=np.float64, na_value=math.nan)
        return rows

    def _rows_to_learn(self, frame: Any) -> Floats:
        columns = register_names(self._columns, list(frame.columns), self.max_features)
        rows = self._rows(frame, columns)
        self._learner.check(rows[:, : max(1, len(self._columns))])
        self._adopt(columns)
        return rows

    def _adopt(self, columns: dict[Hashable, int]) -> None:
        if len(columns) > len(self._columns):
            self._learner.add_inputs(len(columns))
            self._columns = columns

    def __getstate__(self) -> dict[str, Any]:
        known = {**self.__dict__, "_learner": pack(self._learner.state)}
        return {**known, "_version": SAVED_VERSION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        known = dict(state)
        version = known.pop("_version", None)
        if version != SAVED_VERSION:
            raise StateError(
                f"a saved model must have version {SAVED_VERSION}, got {version!r}; train it again"
            )
        memory = unpack(known.pop("_learner"))
        self.__dict__.update(known)
        made = get_component("models", self.model)() if isinstance(self.model, str) else self.model
        self._learner = made.clone()
        self._learner.state = memory
