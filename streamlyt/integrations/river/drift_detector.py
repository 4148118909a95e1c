"""Any detector of ours as a river drift detector, of one number or of a whole row at a time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from streamlyt.core import Batch, Event, Floats, Operator, Schema
from streamlyt.core.detector import OUTPUTS
from streamlyt.core.errors import DataError, MissingDependencyError, ParameterError, StateError
from streamlyt.core.state import pack, unpack
from streamlyt.registry import get_component

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._values import to_float

__all__ = ["DriftDetector"]

SAVED_VERSION = 1  # raised when what is pickled changes its meaning
ALONE = "x"  # name of the one channel when numbers come, not dictionaries


class DriftDetector(base.DriftAndWarningDetector):
    """A detector of streamlyt in river's words: ``update`` with a row or a number.

    A row is a dictionary by feature name, in any order. Its names are those in ``features``, or
    else those of the first row, so memory does not grow: what is not in ``features`` is left
    out, and without ``features`` a new name is refused. What is absent, None or NaN follows
    ``missing``. A number is a row of one feature. Works wherever river takes a drift detector; in
    a wrapper that has only the error of a model to tell, it watches that.

    ``drift_detected`` is true at the row of the alarm and no other, and ``event`` then says where
    the change began and what moved. ``warning_detected`` is true while the statistic is above
    ``warning`` of its threshold, but for that row. Pickling keeps the memory, cloning does not.

    Parameters
    ----------
    detector
        Name of a detector of the catalog (``streamlyt list``), or an operator that gives events,
        of which a clone is run.
    features
        Names to watch.
    missing
        ``"refuse"`` a row that lacks a value; ``"hold"`` the last value (the row is left out until
        there was one); or ``"drop"`` the row. A row left out is not judged.
    warning
        Fraction of the threshold, in (0, 1].
    **parameters
        Of the detector, when it is given by name.

    Attributes
    ----------
    multivariate
        True: a whole row is wanted, not a number for each channel.
    event
        The last :class:`~streamlyt.core.Event`, or None. Its times are numbers of updates,
        counted from 0.
    statistic, threshold
        Of the last row that was judged; NaN before.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

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
    _judged: Schema | None

    def __init__(
        self,
        detector: str | Operator = "newma",
        *,
        features: Sequence[str] | None = None,
        missing: Literal["refuse", "hold", "drop"] = "refuse",
        warning: float = 0.9,
        **parameters: Any,
    ) -> None:
        super().__init__()
        if missing not in ("refuse", "hold", "drop"):
            raise ParameterError(f"missing must be 'refuse', 'hold' or 'drop', got {missing!r}")
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
        self._begin()

    def update(self, x: float | Mapping[Any, Any]) -> None:
        """Absorb a row, by feature name, or a number.

        Raises
        ------
        DataError
            If a value is no finite number, a name is new, or one is absent, where these are
            refused. The detector is then as it was.
        """
        row = self._row(x)
        self._drift_detected = self._warning_detected = False
        self._updates += 1
        if row is None or self._schema is None:
            return
        now = np.array([self._updates - 1])
        out, events = self._operator.update(Batch("", now, row, self._schema))
        if out.n_rows and (out.schema is self._judged or out.schema.channels[-3:] == OUTPUTS):
            self._judged = out.schema
            self.statistic, self.threshold = out.values[-1, -3:-1].tolist()
        if events:
            self._drift_detected, self.event = True, events[-1]
        else:
            self._warning_detected = self.statistic > self.warning * self.threshold

    def _begin(self) -> None:
        self._names: tuple[Any, ...] | None = None
        self._schema: Schema | None = None
        self._judged = None
        self._held: Floats | None = None
        self._updates: int = 0
        self.event = None
        self.statistic = self.threshold = math.nan

    def _reset(self) -> None:
        """Forget all that was seen."""
        super()._reset()
        self._operator.state = {}
        self._begin()

    def _row(self, x: float | Mapping[Any, Any]) -> Floats | None:
        """Return the values, shape (1, d), or None if the row is left out."""
        names = self._names or self._first_names(x)
        if not isinstance(x, Mapping):
            if len(names) != 1:
                raise DataError(
                    f"a row must be a dictionary of {len(names)} features, got {x!r}; take another "
                    "detector for numbers"
                )
            x = {names[0]: x}
        elif self.features is None and not x.keys() <= set(names):
            new = [name for name in x if name not in names]
            raise DataError(
                f"features must stay those of the first row, got {new[:3]!r} besides; name those "
                "to watch in features=, and others are left out"
            )
        values = _values(x, names)
        lacking = np.isnan(values[0])
        if lacking.any() and self.missing == "refuse":
            named = [name for name, lacks in zip(names, lacking, strict=True) if lacks]
            raise DataError(
                f"a row must have a number for each feature, got none for {named[:3]!r}; set "
                "missing='hold' or 'drop', or impute before"
            )
        if self._names is None:  # only now: a row that was refused leaves no trace
            self._names, self._schema = names, Schema.of(*map(str, names))
        if self.missing == "hold":
            if self._held is not None:
                values = np.where(lacking, self._held, values)
            self._held = values
        return None if np.isnan(values).any() else values

    def _first_names(self, x: float | Mapping[Any, Any]) -> tuple[Any, ...]:
        if self.features is not None:
            return tuple(self.features)
        if not isinstance(x, Mapping):
            return (ALONE,)
        if not x:
            raise DataError("a row must have a feature at least, got an empty dictionary")
        return tuple(sorted(x, key=lambda name: (type(name).__name__, str(name))))

    def __getstate__(self) -> dict[str, Any]:
        whole = dict(self.__dict__)
        operator = whole.pop("_operator")
        return whole | {"saved_version": SAVED_VERSION, "saved_state": pack(operator.state)}

    def __setstate__(self, saved: Mapping[str, Any]) -> None:
        whole = dict(saved)
        version, state = whole.pop("saved_version"), whole.pop("saved_state")
        if version > SAVED_VERSION:
            raise StateError(
                f"this streamlyt reads drift detectors up to version {SAVED_VERSION}, got "
                f"{version!r}: install a newer streamlyt"
            )
        self.__dict__.update(whole)
        self._operator = _operator(self.detector, self.parameters)
        self._operator.state = unpack(state)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"detector": "newma", "window": 10}


def _operator(detector: str | Operator, parameters: Mapping[str, Any]) -> Operator:
    if isinstance(detector, Operator):
        if parameters:
            raise ParameterError(
                f"parameters must be given to the detector itself, got {sorted(parameters)!r} "
                f"beside {detector!r}"
            )
        return detector.clone()
    if not isinstance(detector, str):
        raise ParameterError(f"detector must be a name or an operator, got {detector!r}")
    cls = get_component("detectors", detector)
    try:
        found: Operator = cls(**parameters)
    except TypeError as error:
        raise ParameterError(f"parameters must be those of {detector!r}: {error}") from error
    return found


def _values(x: Mapping[Any, Any], names: tuple[Any, ...]) -> Floats:
    """Return the values of these names, shape (1, d), NaN where there is none."""
    found = [x.get(name) for name in names]
    array = np.array(found) if all(type(value) in (float, int) for value in found) else None
    if array is None or array.dtype.kind not in "fi" or not np.isfinite(array).all():
        pairs = zip(names, found, strict=True)
        array = np.array([math.nan if _absent(v) else to_float(name, v) for name, v in pairs])
    values: Floats = array.astype(np.float64)[None, :]
    return values


def _absent(value: object) -> bool:
    return value is None or value != value
