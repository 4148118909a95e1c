"""Feature maps as scikit-learn transformers."""

from typing import Any, Self

import numpy as np

from streamlyt.core import Array
from streamlyt.core.errors import MissingDependencyError
from streamlyt.features import FastfoodMap, FourierMap, GaussianMap, OpticalMap

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as problem:
    raise MissingDependencyError("sklearn", "sklearn") from problem

__all__ = ["FastFoodFeatures", "FourierFeatures", "OpticalFeatures"]

_Map = FastfoodMap | FourierMap | OpticalMap

_DTYPES = ("float64", "float32")  # supported input types; others are converted to the first


class _Features(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn comes without types
    """Base class of the transformers: ``fit`` draws the map, ``transform`` applies it.

    As in scikit-learn, ``fit`` validates the parameters. It raises a ``ParameterError``, which is a
    ``ValueError``.
    """

    random_state: Any
    _map: type[_Map]

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the map for the number of columns; nothing else is learned.

        Parameters
        ----------
        X
            Rows, shape (n, d): numbers, dense or sparse, without missing values.
        y
            Not used.

        Returns
        -------
        self
            The transformer, fitted.

        Raises
        ------
        ParameterError
            If a parameter is out of range.
        """
        X = self._rows(X, reset=True)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = int(check_random_state(seed).randint(2**31))
        params = {**self.get_params(deep=False), "seed": int(seed), "dtype": str(X.dtype)}
        del params["random_state"]
        if issubclass(self._map, GaussianMap):
            params["n_components"] = _even(params["n_components"])
        self.map_ = self._map(**params)
        self._n_features_out = self.map_.n_components
        return self

    def transform(self, X: Any) -> Array:
        """Return the features of rows.

        Parameters
        ----------
        X
            Rows, shape (n, d): numbers, dense or sparse, without missing values.

        Returns
        -------
        array
            Features, shape (n, n_components); single precision for such rows, else double.
        """
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        features = self.map_
        if str(X.dtype) != features.dtype:
            features = type(features)(**{**features.get_params(), "dtype": str(X.dtype)})
        return features(X)

    def _rows(self, X: Any, reset: bool) -> Any:
        return validate_data(self, X, accept_sparse="csr", dtype=list(_DTYPES), reset=reset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = list(_DTYPES)
        return tags


class OpticalFeatures(_Features):
    """Optical random features as a scikit-learn transformer.

    The same features as :class:`~streamlyt.features.OpticalMap` draws for that seed.

    Parameters
    ----------
    n_components
        Number of features m.
    response, bias, scale, construction, field, threads
        As in :class:`~streamlyt.features.OpticalMap`.
    random_state
        The seed; a ``RandomState`` or None draws one in ``fit``.

    Attributes
    ----------
    map_
        The map, with its closed-form ``kernel`` and ``variance``.
    n_features_in_
        Number of columns d that ``fit`` saw.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(6, 5))
    >>> OpticalFeatures(100, response=2, random_state=1).fit_transform(rows).shape
    (6, 100)
    """

    _map = OpticalMap

    def __init__(
        self,
        n_components: int = 100,
        *,
        response: float | str = 1.0,
        bias: float = 1.0,
        scale: float = 1.0,
        construction: str = "auto",
        field: str = "complex",
        threads: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.response = response
        self.bias = bias
        self.scale = scale
        self.construction = construction
        self.field = field
        self.threads = threads
        self.random_state = random_state


class FourierFeatures(_Features):
    """Random Fourier features as a scikit-learn transformer.

    The same features as :class:`~streamlyt.features.FourierMap` draws for that seed; for the kernel
    exp(-gamma |x - y|^2) of scikit-learn the scale is sqrt(2 gamma).

    Parameters
    ----------
    n_components
        Number of features m; an odd number is rounded up, because each cosine has a sine.
    scale, construction, threads
        As in :class:`~streamlyt.features.FourierMap`.
    random_state
        The seed; a ``RandomState`` or None draws one in ``fit``.

    Attributes
    ----------
    map_
        The map, with its closed-form ``kernel`` and ``variance``.
    n_features_in_
        Number of columns d that ``fit`` saw.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(6, 5))
    >>> features = FourierFeatures(50).fit(rows)
    >>> features.get_feature_names_out()[:2].tolist()
    ['fourierfeatures0', 'fourierfeatures1']
    """

    _map = FourierMap

    def __init__(
        self,
        n_components: int = 100,
        *,
        scale: float = 1.0,
        construction: str = "auto",
        threads: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.construction = construction
        self.threads = threads
        self.random_state = random_state


class FastFoodFeatures(_Features):
    """Fastfood features as a scikit-learn transformer.

    The same features as :class:`~streamlyt.features.FastfoodMap` draws for that seed.

    Parameters
    ----------
    n_components
        Number of features m; an odd number is rounded up, because each cosine has a sine.
    scale, threads
        As in :class:`~streamlyt.features.FastfoodMap`.
    random_state
        The seed; a ``RandomState`` or None draws one in ``fit``.

    Attributes
    ----------
    map_
        The map, with its closed-form ``kernel`` and ``variance``.
    n_features_in_
        Number of columns d that ``fit`` saw.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(6, 5))
    >>> FastFoodFeatures(50).fit_transform(rows.astype(np.float32)).dtype.name
    'float32'
    """

    _map = FastfoodMap

    def __init__(
        self,
        n_components: int = 100,
        *,
        scale: float = 1.0,
        threads: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.threads = threads
        self.random_state = random_state


def _even(n_components: int) -> int:
    # The checks of scikit-learn set n_components to 1.
    is_odd = isinstance(n_components, int | np.integer) and n_components % 2 == 1
    return n_components + 1 if is_odd else n_components
