"""What is to be measured, by a line of text: a detector of ours, of river, or a user's class."""

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
"""Who never tells of a change: what a score must beat to be worth anything."""

RIVER_BASELINES = ("river.drift:ADWIN", "river.drift:PageHinkley", "river.drift:KSWIN")
"""Detectors that people use now, with their own defaults."""


class CandidateRun(ABC):
    """One run of a detector over one stream."""

    @abstractmethod
    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        """Absorb rows (n, d); return the row of each alarm and the row where the change began."""


@dataclass(frozen=True)
class Candidate:
    """Something that tells of changes.

    Parameters
    ----------
    name
        As it was asked for.
    start
        Returns a fresh :class:`Watch`.
    warmup_rows
        Rows of a stream before an alarm is possible.
    """

    name: str
    start: Callable[[], CandidateRun]
    warmup_rows: int = 0


def candidate(text: str, seed: int = 0) -> Candidate:
    """Return what a line of text names.

    * ``never``: no change, ever.
    * ``newma`` or ``newma(window=20, arl=1e3)``: a detector of the catalog, with parameters.
    * ``module:Class`` or ``module:Class(delta=0.01)``: any class that can be imported. An
      :class:`~streamlyt.core.Operator` runs as it is. Anything else must have ``update(x)`` and
      ``drift_detected``, as the detectors of river do: a copy watches each channel, one alarm is
      an alarm, and then all copies begin anew, so that one change is one alarm. Where the class
      says ``multivariate = True``, one takes the row as a dictionary by channel name.

    Parameters
    ----------
    text
        The line; parameters are literals of Python.
    seed
        Handed to a class that has a parameter ``seed``, unless the line gives one.

    Raises
    ------
    ParameterError
        If it cannot be read or found, or has not what is needed.

    Examples
    --------
    >>> candidate("newma(window=20)").warmup_rows
    1024
    >>> candidate("never").start().feed(np.zeros((5, 1)))
    []
    """
    name, arguments = _parsed(text)
    if name == NO_ALARM:
        return Candidate(text, _Never)
    cls = _imported(name) if ":" in name else get_component("detectors", name)
    if "seed" in _parameters(cls):
        arguments = {"seed": seed} | arguments
    try:
        one = cls(**arguments)
    except TypeError as error:
        raise ParameterError(f"{text!r} must be made of parameters that it has: {error}") from error
    if isinstance(one, Operator):
        return Candidate(text, lambda: _Ours(one.clone()), int(getattr(one, "warmup_rows", 0)))
    if not hasattr(one, "update") or not hasattr(one, "drift_detected"):
        raise ParameterError(
            f"{text!r} must be an Operator of streamlyt, or have update(x) and drift_detected; "
            f"got a {cls.__name__}"
        )
    return Candidate(text, lambda: _Foreign(lambda: cls(**arguments)))


class _Never(CandidateRun):
    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        return []


class _Ours(CandidateRun):
    """An operator of the house, and the findings that it makes."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._rows = 0

    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        times = np.arange(self._rows, self._rows + len(rows))
        self._rows += len(rows)
        _, events = self._operator.update(Batch("", times, rows, _schema(rows.shape[1])))
        return [(event.alarm_time, event.change_time) for event in events]


class _Foreign(CandidateRun):
    """Copies of a detector of one channel, or one of all of them, row by row."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._copies: list[Any] = []
        self._rows = 0

    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        first = self._make() if not self._copies else self._copies[0]
        together = getattr(first, "multivariate", False)
        names = _schema(rows.shape[1]).channel_names
        found = []
        for values in rows.tolist():
            if not self._copies:
                self._copies = [self._make() for _ in range(1 if together else len(values))]
            rows_of = [dict(zip(names, values, strict=True))] if together else values
            alarm = False
            for one, x in zip(self._copies, rows_of, strict=True):
                one.update(x)
                alarm = alarm or one.drift_detected
            if alarm:
                found.append((self._rows, self._rows))
                if not together:
                    self._copies = []
            self._rows += 1
        return found


def _schema(width: int) -> Schema:
    return Schema.of(*(f"x{i}" for i in range(width)))


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    name, bracket, _ = text.strip().partition("(")
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"f{text.strip()[len(name) :]}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("no parameters by name")
        return name.strip(), {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ParameterError(
            f"a detector must be written like 'newma(window=20, arl=1e3)', got {text!r}: {error}"
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
    except (TypeError, ValueError):  # written in C
        return []
