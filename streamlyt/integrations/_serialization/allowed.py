"""Allow-list of river: the classes, functions and methods that a text may name.

The texts are untrusted. Classes that open files, sockets or processes (data sets, streams,
environments, converters) are not listed, and unlisted names raise. Names are listed by package and
class, not by file, because classes move between files across versions of river. Names that the
installed version lacks have no effect.
"""

import sys
from importlib import import_module
from inspect import isabstract
from random import Random
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ["bound", "class_of_model", "class_of_state", "function_of_state", "may_be_saved"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIBRARY = "river"
_PACKAGES = _words(
    "active anomaly bandit base cluster compose conf covariance drift dummy ensemble facto "
    "feature_extraction feature_selection forest imblearn linear_model metrics misc "
    "model_selection multiclass multioutput naive_bayes neighbors neural_net optim preprocessing "
    "proba reco rules sketch stats time_series tree"
)
# Modules with external effects; no part of a name may be one of these.
_CLOSED = _words(
    "annotations api checks compat conftest data datasets envs evaluate io stream streams test "
    "tests viz"
)
# Classes that are no components of river but parts of their state: package -> names.
_PARTS: dict[str, frozenset[str]] = {
    package: _words(names)
    for package, names in {
        "_river_rust": "AdaptiveWindowing RsEWMean RsEWVar RsIQR RsKurtosis RsPeakToPeak "
        "RsQuantile RsRollingIQR RsRollingPRAUC RsRollingQuantile RsRollingROCAUC RsSkew "
        "VectorDict",
        "cluster": "CluStreamMicroCluster DBSTREAMMicroCluster DenStreamMicroCluster "
        "DenStream.BufferItem TextClust.Distances TextClust.MicroCluster TextClust.TfContainer "
        "TextClust.distances TextClust.microcluster TextClust.tfcontainer",
        "conf": "Interval",
        "covariance": "EmpiricalCovariance EmpiricalPrecision EwaCovariance EwaPrecision "
        "LedoitWolfCovariance OASCovariance ShrunkCovariance",
        "drift": "AdaptiveWindowing Bucket SampleInfo",
        "ensemble": "BaseSRPClassifier BaseSRPRegressor",
        "facto": "FFM FM FwFM HOFM",
        "imblearn": "Triplet",
        "metrics": "EfficientRollingROCAUC MultiLabelConfusionMatrix",
        "neighbors": "FunctionWrapper Vertex",
        "neural_net": "Identity MLP ReLU Sigmoid",
        "rules": "Literal NominalLiteral NumericLiteral",
        "sketch": "Bin",
        "stats": "RsEWMean RsEWVar RsIQR RsKurtosis RsPeakToPeak RsQuantile RsRollingIQR "
        "RsRollingQuantile RsSkew _Node",
        "time_series": "AdditiveLevel AdditiveSeason Component Differencer MultiplicativeLevel "
        "MultiplicativeSeason Trend",
        "tree": "BinaryCrossEntropyLoss BranchFactory EBSTNode ExhaustiveNode FeatureQuantizer "
        "GiniSplitCriterion GradHess GradHessMerit GradHessStats HellingerDistanceCriterion "
        "InfoGainSplitCriterion IntraClusterVarianceReductionSplitCriterion Slot "
        "SquaredErrorLoss VarianceRatioSplitCriterion VarianceReductionSplitCriterion",
        "utils": "Rolling SortedWindow TimeRolling VectorDict",
    }.items()
}
_FUNCTIONS = frozenset(
    {
        "_river_rust:euclidean_distance_dict",
        "_river_rust:euclidean_distance_tuple",
        "feature_extraction:strip_accents_unicode",
        "forest:ExtraTrees._detection_mode_all",
        "forest:ExtraTrees._detection_mode_drop",
        "forest:ExtraTrees._detection_mode_off",
        "metrics:_average_arithmetic",
        "metrics:_average_geometric",
        "naive_bayes:GaussianNB._make_gaussian",
        "preprocessing:make_counter",
        "tree:EBSTNode._update_estimator_multivariate",
        "tree:EBSTNode._update_estimator_univariate",
        "utils:minkowski_distance",
    }
)
# Methods that components store as attributes.
_METHODS = _words(
    "clone _calc_tau_0 _calc_tau_1 _calc_tau_2 _clone_reward_obj_with_seed _fixed_trigger "
    "_leveraging_bag _leveraging_bag_half _leveraging_bag_me _leveraging_bag_wt _leveraging_subag "
    "_next_code _rand_gauss _rand_weights_for_feature _random_trigger _random_weights _test_both "
    "_test_decrease _test_increase"
)


def class_of_model(dotted: str) -> type:
    """Return the component that a model text names, as ``linear_model.LinearRegression``.

    Parameters
    ----------
    dotted
        Package and class, with the packages in between; ``river.`` may stand before it.

    Raises
    ------
    LookupError
        If river has no such component, or it is not one that a text may name; the message is the
        reason.

    Examples
    --------
    >>> class_of_model("linear_model.LinearRegression").__name__
    'LinearRegression'
    >>> class_of_model("datasets.Phishing")
    Traceback (most recent call last):
    LookupError: 'datasets' is closed to model texts
    """
    parts = dotted.removeprefix(f"{_LIBRARY}.").split(".")
    if len(parts) < 2 or not all(part.isidentifier() and part[0] != "_" for part in parts):
        raise LookupError("names must be like linear_model.LinearRegression")
    if parts[0] not in _PACKAGES or _CLOSED & set(parts):
        closed = [part for part in parts if part in _CLOSED]
        raise LookupError(f"{(closed or parts)[0]!r} is closed to model texts")
    home: Any = _package(parts[0])
    for part in parts[1:-1]:
        home = None if home is None else vars(home).get(part)
        if not isinstance(home, ModuleType) or not _below(home.__name__):
            home = None
    obj = None if home is None else vars(home).get(parts[-1])
    if obj is None:
        raise LookupError(f"{'.'.join([_LIBRARY, *parts[:-1]])} has no {parts[-1]!r}")
    if not isinstance(obj, type) or not _is_component(obj):
        raise LookupError(f"{'.'.join(parts)} is no component that a model can be made of")
    if isabstract(obj):
        raise LookupError(f"{'.'.join(parts)} is abstract: name one that is made after it")
    return obj


def class_of_state(name: str) -> type:
    """Return the class that a saved state names, as ``river.stats.mean:Mean``.

    Raises
    ------
    LookupError
        If river has no such class, or it is not one that a state may name.

    Examples
    --------
    >>> class_of_state("river.stats.mean:Mean").__name__
    'Mean'
    """
    obj = _resolve(name)
    if not isinstance(obj, type) or not _is_listed(obj):
        raise LookupError(f"{name!r} is no class that a saved model may hold")
    return obj


def function_of_state(name: str) -> Any:
    """Return the function that a saved state names.

    Raises
    ------
    LookupError
        If it is not one of a short list.

    Examples
    --------
    >>> function_of_state("river.utils.math:minkowski_distance").__name__
    'minkowski_distance'
    """
    obj = _resolve(name)
    if not isinstance(obj, FunctionType | BuiltinFunctionType) or not may_be_saved(obj):
        raise LookupError(f"{name!r} is no function that a saved model may hold")
    return obj


def bound(owner: Any, name: str) -> Any:
    """Return the method of that name, bound to its owner.

    Raises
    ------
    LookupError
        If it is not one of a short list.

    Examples
    --------
    >>> bound(Random(1), "gauss").__name__
    'gauss'
    >>> bound(Random(1), "seed")
    Traceback (most recent call last):
    LookupError: no saved model holds the method 'seed' of Random
    """
    if type(owner) is Random and name == "gauss":
        return owner.gauss
    if isinstance(owner, type) and name in _METHODS and _is_component(owner):
        of_class = getattr(owner, name, None)
        if isinstance(of_class, MethodType):
            return of_class
    function = getattr(type(owner), name, None) if name in _METHODS else None
    if not isinstance(function, FunctionType) or not _is_component(type(owner)):
        raise LookupError(f"no saved model holds the method {name!r} of {type(owner).__name__}")
    return MethodType(function, owner)


def may_be_saved(value: Any) -> bool:
    """Return whether a saved state may have a class, a function or a bound method.

    Examples
    --------
    >>> may_be_saved(Random(1).gauss), may_be_saved(Random(1).seed), may_be_saved(open)
    (True, False, False)
    """
    if isinstance(value, type):
        return _is_listed(value)
    owner = getattr(value, "__self__", None)
    if isinstance(value, MethodType) or isinstance(owner, Random):
        try:
            return bool(bound(owner, value.__name__) == value)
        except LookupError:
            return False
    parts = str(value.__module__).split(".")
    return (
        len(parts) > 1
        and parts[0] == _LIBRARY
        and not _CLOSED & set(parts)
        and f"{parts[1]}:{value.__qualname__}" in _FUNCTIONS
    )


def _is_listed(cls: type) -> bool:
    parts = cls.__module__.split(".")
    named = _PARTS.get(parts[1], frozenset()) if len(parts) > 1 else frozenset()
    if _below(cls.__module__, named) and cls.__qualname__ in named:
        return _bases_are_open(cls)
    return _is_component(cls)


def _is_component(cls: type) -> bool:
    from river.base import Base  # lazy, like the library itself

    return issubclass(cls, Base) and _below(cls.__module__) and _bases_are_open(cls)


def _bases_are_open(cls: type) -> bool:
    """Return whether no base is a data set or from another closed module."""
    return not any(
        _CLOSED & set(base.__module__.split(".")) or base.__name__.endswith("Dataset")
        for base in cls.__mro__
    )


def _below(module: str, named: frozenset[str] = frozenset()) -> bool:
    """Return whether a module is an allowed package, or has ``named`` classes."""
    parts = module.split(".")
    if len(parts) < 2 or parts[0] != _LIBRARY or _CLOSED & set(parts):
        return False
    return parts[1] in _PACKAGES or bool(named)


def _package(name: str) -> ModuleType | None:
    """Return a package of river, which may be absent in this version."""
    try:
        return import_module(f"{_LIBRARY}.{name}")
    except ModuleNotFoundError:
        return None


def _resolve(name: str) -> Any:
    """Return the object at ``module:path``, without importing modules that are not loaded."""
    module, _, path = name.partition(":") if isinstance(name, str) else ("", "", "")
    parts = module.split(".")
    known = _PACKAGES | _PARTS.keys()
    closed = _CLOSED & {*parts, *path.split(".")}
    if len(parts) < 2 or parts[0] != _LIBRARY or parts[1] not in known or closed:
        raise LookupError(f"{name!r} is closed to saved models")
    home = None if _package(parts[1]) is None else sys.modules.get(module)
    obj: Any = home
    for part in path.split("."):
        inside = obj is home or isinstance(obj, type)
        obj = vars(obj).get(part) if inside and obj is not None else None
        obj = obj.__func__ if isinstance(obj, staticmethod) else obj
    # Exclude names that a module only imports.
    if obj is None or getattr(obj, "__module__", None) != module:
        raise LookupError(f"{_LIBRARY} has no {name!r}")
    return obj
