"""Detectors as river drift detectors, for numbers or feature dictionaries."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from streamlyt.core import Batch, Event, Floats, Operator, Schema
from streamlyt.core.detector import DETECTOR_CHANNELS
from streamlyt.core.errors import DataError, MissingDependencyError, ParameterError, StateError
from streamlyt.core.state import pack, unpack
from streamlyt.registry import get_component

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._values import to_float

__all__ = ["DriftDetector"]

SAVED_VERSION = 1  # increase when the meaning of the pickled state changes
RENAMED = {"_held": "_last_values", "_judged": "_scored_schema"}  # attributes in older pickles
SINGLE_NAME = "x"  # channel name for plain numbers


class DriftDetector(base.DriftAndWarningDetector):
    """River drift detector around a streamlyt detector: ``update`` with a row or a number.

    A row is a dictionary by feature name, in any order. Its names are those in ``features``, or
    those of the first row, so the state is bounded: names not in ``features`` are ignored, and
    without ``features`` a new name raises. ``missing`` handles absent, None and NaN values. A
    number is a row with one feature. The class works wherever river accepts a drift detector, also
    in wrappers that pass the error of a model.

    ``drift_detected`` is true only at the row of the alarm; ``event`` then has the change point and
    the attribution. ``warning_detected`` is true at other rows while the statistic exceeds the
    fraction ``warning`` of its threshold. Pickling keeps the state, cloning does not.

    Parameters
    ----------
    detector
        Name of a detector (``streamlyt list``), or an operator that emits events, which is cloned.
    features
        Names to monitor.
    missing
        ``"raise"``: raise for a row with a missing value; ``"ffill"``: repeat the last value (rows
        before the first one are dropped); ``"drop"``: drop the row. Dropped rows are not scored.
    warning
        Fraction of the threshold, in (0, 1].
    **parameters
        Parameters of the detector, if given by name.

    Attributes
    ----------
    multivariate
        True: ``update`` accepts dictionaries.
    event
        The last :class:`~streamlyt.core.Event`, or None. Its times are update numbers,
        counted from 0.
    statistic, threshold
        Of the last scored row; NaN before.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> detector = DriftDetector("newma", window=20)
    >>> for i, (a, b) in enumerate(rng.normal(size=(1600, 2))):
    ...     detector.update({"a": a + 3 * (i >= 1500), "b": b})
    ...     if detector.drift_detected:
    ...         print(f"at {i}, since {detector.event.change_time}: {detector.event.channels[0]}")
    at 1501, since 1494: a
    """

    multivariate = True
    event: Event | None
    statistic: float
    threshold: float
    _scored_schema: Schema | None

    def __init__(
        self,
        detector: str | Operator = "newma",
        *,
        features: Sequence[str] | None = None,
        missing: Literal["raise", "ffill", "drop"] = "raise",
        warning: float = 0.9,
        **parameters: Any,
    ) -> None:
        super().__init__()
        if missing not in ("raise", "ffill", "drop"):
            raise ParameterError(f"missing must be 'raise', 'ffill' or 'drop', got {missing!r}")
        if not 0 < warning <= 1:
            raise ParameterError(f"warning must be in (0, 1], got {warning!r}")
        if features is not None and (isinstance(features, str) or not len(features)):
            raise ParameterError(f"features must be a list of names or None, got {features!r}")
        if features is not None and len(set(features)) < len(features):
            raise ParameterError(f"features must be different names, got {list(features)!r}")
        self.detector = detector
        self.features = features
        self.missing = missing
        self.warning = warning
        self.parameters = parameters
        self._operator = _operator(detector, parameters)
        self._initialize()

    def update(self, x: float | Mapping[Any, Any]) -> None:
        """Process a feature dictionary or a number.

        Raises
        ------
        DataError
            If a value is no finite number, or a name is new or absent where that is not allowed.
            The detector is then unchanged.
        """
        row = self._row(x)
        self._drift_detected = self._warning_detected = False
        self._updates += 1
        if row is None or self._schema is None:
            return
        now = np.array([self._updates - 1])
        out, events = self._operator.update(Batch("", now, row, self._schema))
        if out.n_rows and (
            out.schema is self._scored_schema or out.schema.channels[-3:] == DETECTOR_CHANNELS
        ):
            self._scored_schema = out.schema
            self.statistic, self.threshold = out.values[-1, -3:-1].tolist()
        if events:
            self._drift_detected, self.event = True, events[-1]
        else:
            self._warning_detected = self.statistic > self.warning * self.threshold

    def _initialize(self) -> None:
        self._names: tuple[Any, ...] | None = None
        self._schema: Schema | None = None
        self._scored_schema = None
        self._last_values: Floats | None = None
        self._updates: int = 0
        self.event = None
        self.statistic = self.threshold = math.nan

    def _reset(self) -> None:
        """Reset the state."""
        super()._reset()
        self._operator.state = {}
        self._initialize()

    def _row(self, x: float | Mapping[Any, Any]) -> Floats | None:
        """Return the values, shape (1, d), or None if the row is dropped."""
        names = self._names or self._first_names(x)
        if not isinstance(x, Mapping):
            if len(names) != 1:
                raise DataError(
                    f"row must be a dictionary of {len(names)} features, got {x!r}; use another "
                    "detector for numbers"
                )
            x = {names[0]: x}
        elif self.features is None and not x.keys() <= set(names):
            new = [name for name in x if name not in names]
            raise DataError(
                f"features must stay those of the first row, got also {new[:3]!r}; set features= "
                "to the monitored names to ignore others"
            )
        values = _values(x, names)
        missing = np.isnan(values[0])
        if missing.any() and self.missing == "raise":
            named = [name for name, is_missing in zip(names, missing, strict=True) if is_missing]
            raise DataError(
                f"row must have a number for each feature, got none for {named[:3]!r}; set "
                "missing='ffill' or 'drop', or impute first"
            )
        if self._names is None:  # set last, so a rejected row changes nothing
            self._names, self._schema = names, Schema.of(*map(str, names))
        if self.missing == "ffill":
            if self._last_values is not None:
                values = np.where(missing, self._last_values, values)
            self._last_values = values
        return None if np.isnan(values).any() else values

    def _first_names(self, x: float | Mapping[Any, Any]) -> tuple[Any, ...]:
        if self.features is not None:
            return tuple(self.features)
        if not isinstance(x, Mapping):
            return (SINGLE_NAME,)
        if not x:
            raise DataError("row must have at least one feature, got an empty dictionary")
        return tuple(sorted(x, key=lambda name: (type(name).__name__, str(name))))

    def __getstate__(self) -> dict[str, Any]:
        fields = dict(self.__dict__)
        operator = fields.pop("_operator")
        return fields | {"saved_version": SAVED_VERSION, "saved_state": pack(operator.state)}

    def __setstate__(self, saved: Mapping[str, Any]) -> None:
        fields = dict(saved)
        version, state = fields.pop("saved_version"), fields.pop("saved_state")
        if version > SAVED_VERSION:
            raise StateError(
                f"the saved detector must have version {SAVED_VERSION} at most, got {version!r}; "
                "install a newer streamlyt"
            )
        for former, present in RENAMED.items():
            if former in fields:
                fields[present] = fields.pop(former)
        self.__dict__.update(fields)
        self._operator = _operator(self.detector, self.parameters)
        self._operator.state = unpack(state)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"detector": "newma", "window": 10}


def _operator(detector: str | Operator, parameters: Mapping[str, Any]) -> Operator:
    if isinstance(detector, Operator):
        if parameters:
            raise ParameterError(
                f"parameters must be empty for a detector instance, got {sorted(parameters)!r}; "
                f"set them on {detector!r}"
            )
        return detector.clone()
    if not isinstance(detector, str):
        raise ParameterError(f"detector must be a name or an operator, got {detector!r}")
    cls = get_component("detectors", detector)
    try:
        operator: Operator = cls(**parameters)
    except TypeError as error:
        raise ParameterError(f"parameters must be those of {detector!r}: {error}") from error
    return operator


def _values(x: Mapping[Any, Any], names: tuple[Any, ...]) -> Floats:
    """Return the values of these names, shape (1, d), NaN if missing."""
    given = [x.get(name) for name in names]
    array = np.array(given) if all(type(value) in (float, int) for value in given) else None
    if array is None or array.dtype.kind not in "fi" or not np.isfinite(array).all():
        pairs = zip(names, given, strict=True)
        array = np.array([math.nan if _is_missing(v) else to_float(name, v) for name, v in pairs])
    values: Floats = array.astype(np.float64)[None, :]
    return values


def _is_missing(value: object) -> bool:
    return value is None or value != value
