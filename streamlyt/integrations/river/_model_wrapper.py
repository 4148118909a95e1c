"""Base class of the river wrappers: a streamlyt model, and the columns of its inputs by name."""

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

SAVED_VERSION = 3  # increase when the meaning of the pickled state changes


class ModelWrapper:
    """Wrapper of a cloned model for dictionaries and data frames."""

    model: Any
    max_features: int

    def _start(self, kind: str, fits: Callable[[object], bool]) -> None:
        model = get_component("models", self.model)() if isinstance(self.model, str) else self.model
        if not fits(model):
            raise ParameterError(f"model must be of streamlyt.models ({kind}), got {self.model!r}")
        check_most("max_features", self.max_features)
        self._learner: Any = model.clone()
        self._columns: dict[Hashable, int] = {}

    def _row(self, x: Mapping[Any, Any]) -> Floats:
        return to_row(x, self._columns)

    def _row_to_learn(self, x: Mapping[Any, Any]) -> Floats:
        columns = self._columns
        if any(name not in columns for name in x):
            columns = register_names(columns, list(x), self.max_features)
        row = to_row(x, columns)  # may raise; nothing has changed before
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
        self._learner.check_inputs(rows[:, : max(1, len(self._columns))])
        self._adopt(columns)
        return rows

    def _adopt(self, columns: dict[Hashable, int]) -> None:
        if len(columns) > len(self._columns):
            self._learner.add_inputs(len(columns))
            self._columns = columns

    def __getstate__(self) -> dict[str, Any]:
        fields = {**self.__dict__, "_learner": pack(self._learner.state)}
        return {**fields, "_version": SAVED_VERSION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        fields = dict(state)
        version = fields.pop("_version", None)
        if version != SAVED_VERSION:
            raise StateError(
                f"the saved model must have version {SAVED_VERSION}, got {version!r}; train "
                "it again"
            )
        memory = unpack(fields.pop("_learner"))
        self.__dict__.update(fields)
        model = get_component("models", self.model)() if isinstance(self.model, str) else self.model
        self._learner = model.clone()
        self._learner.state = memory
