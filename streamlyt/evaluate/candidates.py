"""Detectors to evaluate, from text: streamlyt detectors, river detectors or user classes."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np

from streamlyt.core import Batch, Floats, Operator, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.registry import get_component

__all__ = ["NO_ALARM", "RIVER_BASELINES", "Candidate", "CandidateRun", "candidate"]

NO_ALARM = "never"
"""The baseline that never alarms."""

RIVER_BASELINES = ("river.drift:ADWIN", "river.drift:PageHinkley", "river.drift:KSWIN")
"""Baseline detectors of river, with their defaults."""


class CandidateRun(ABC):
    """One run of a detector over one stream."""

    @abstractmethod
    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        """Process rows (n, d); return the row of each alarm and the estimated row of its change."""


@dataclass(frozen=True)
class Candidate:
    """A detector under evaluation.

    Parameters
    ----------
    name
        Text it was created from.
    start
        Returns a new :class:`CandidateRun`.
    warmup_rows
        Rows of a stream before an alarm is possible.
    """

    name: str
    start: Callable[[], CandidateRun]
    warmup_rows: int = 0


def candidate(text: str, seed: int = 0) -> Candidate:
    """Create the detector that a text describes.

    * ``never``: the baseline without alarms.
    * ``newma`` or ``newma(window=20, arl=1e3)``: a registered detector, with parameters.
    * ``module:Class`` or ``module:Class(delta=0.01)``: any importable class. An
      :class:`~streamlyt.core.Operator` runs unchanged. Any other class needs ``update(x)`` and
      ``drift_detected``, as in river: one copy processes each channel, the first alarm counts, and
      then all copies are reset, so that one change is one alarm. A class with
      ``multivariate = True`` receives the row as a dictionary by channel name.

    Parameters
    ----------
    text
        The description; parameters are Python literals.
    seed
        Passed to a class that has a parameter ``seed``, unless the text gives one.

    Raises
    ------
    ParameterError
        If the text is invalid, or the class does not exist or lacks a required member.

    Examples
    --------
    >>> candidate("newma(window=20)").warmup_rows
    1024
    >>> candidate("never").start().feed(np.zeros((5, 1)))
    []
    """
    name, arguments = _parsed(text)
    if name == NO_ALARM:
        return Candidate(text, _NoAlarm)
    cls = _imported(name) if ":" in name else get_component("detectors", name)
    if "seed" in _parameters(cls):
        arguments = {"seed": seed} | arguments
    try:
        detector = cls(**arguments)
    except TypeError as error:
        raise ParameterError(f"parameters of {text!r} must fit the class: {error}") from error
    if isinstance(detector, Operator):
        return Candidate(
            text, lambda: _OperatorRun(detector.clone()), int(getattr(detector, "warmup_rows", 0))
        )
    if not hasattr(detector, "update") or not hasattr(detector, "drift_detected"):
        raise ParameterError(
            f"{text!r} must be an Operator or have update(x) and drift_detected, got a "
            f"{cls.__name__}"
        )
    return Candidate(text, lambda: _ExternalRun(lambda: cls(**arguments)))


class _NoAlarm(CandidateRun):
    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        return []


class _OperatorRun(CandidateRun):
    """Run of an operator, from its events."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._rows = 0

    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        times = np.arange(self._rows, self._rows + len(rows))
        self._rows += len(rows)
        _, events = self._operator.update(Batch("", times, rows, _schema(rows.shape[1])))
        return [(event.alarm_time, event.change_time) for event in events]


class _ExternalRun(CandidateRun):
    """Run of copies of a univariate detector, or of one multivariate detector, row by row."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._copies: list[Any] = []
        self._rows = 0

    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        first = self._make() if not self._copies else self._copies[0]
        multivariate = getattr(first, "multivariate", False)
        names = _schema(rows.shape[1]).channel_names
        alarms = []
        for values in rows.tolist():
            if not self._copies:
                self._copies = [self._make() for _ in range(1 if multivariate else len(values))]
            inputs = [dict(zip(names, values, strict=True))] if multivariate else values
            alarm = False
            for copy, x in zip(self._copies, inputs, strict=True):
                copy.update(x)
                alarm = alarm or copy.drift_detected
            if alarm:
                alarms.append((self._rows, self._rows))
                if not multivariate:
                    self._copies = []
            self._rows += 1
        return alarms


def _schema(n_channels: int) -> Schema:
    return Schema.of(*(f"x{i}" for i in range(n_channels)))


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    name, bracket, _ = text.strip().partition("(")
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"f{text.strip()[len(name) :]}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("parameters need names")
        return name.strip(), {str(item.arg): ast.literal_eval(item.value) for item in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ParameterError(
            f"detector must be written like 'newma(window=20, arl=1e3)', got {text!r}: {error}"
        ) from error


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ParameterError(f"{name!r} must be an importable module:Class: {error}") from error


def _parameters(cls: Any) -> list[str]:
    try:
        return list(signature(cls).parameters)
    except (TypeError, ValueError):  # implemented in C
        return []
