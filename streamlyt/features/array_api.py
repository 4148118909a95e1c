"""A map on a back-end and a device of the user's choice: NumPy without compiling, or PyTorch."""

from importlib import import_module
from typing import Any, Self

import numpy as np
from array_api_compat import array_namespace, is_torch_namespace

from streamlyt.core import Array, FeatureMap, Floats
from streamlyt.core.errors import MissingDependencyError, ParameterError
from streamlyt.core.validation import check_choice

from ._array_api.feature_maps import is_foreign, portable_features
from ._base.inputs import as_rows
from ._base.projection import ProjectionMap

__all__ = ["ArrayAPIMap"]

BACKENDS = ("numpy", "torch")


class ArrayAPIMap(FeatureMap):
    """A map computed by another back-end, on another device; rows and features are NumPy's.

    The same map, up to rounding, by operations on whole arrays instead of compiled loops. Arrays of
    other libraries need no such thing: any map answers them in kind, on their device.

    On the CPU a row has the same features, bit for bit, in any batch, with any kernels and threads
    of the library, since every sum is written out in a fixed order. On other devices projections
    are matrix products, and a row may differ between batches by rounding: within 2e-5 of the
    largest feature in single precision, 1e-12 in double.

    Parameters
    ----------
    features
        A map of this project, :class:`~streamlyt.features.OpticalMap` for one.
    backend
        ``"numpy"``, which needs no compiler, or ``"torch"``.
    device
        Where it is computed, in the words of the back-end (``"cuda"``, ``"cuda:1"``); its default
        device if None.

    Attributes
    ----------
    n_components
        Number of features m.
    scale
        Factor on the inputs.

    Raises
    ------
    ParameterError
        If a parameter cannot hold; if the back-end has no such device here.
    MissingDependencyError
        If the back-end is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.features import OpticalMap
    >>> features = OpticalMap(1000, seed=1)
    >>> x = np.array([[0.3, -1.0, 0.5, 0.2, 0.9], [0.1, 0.4, -0.2, 1.1, 0.0]])
    >>> bool(np.allclose(ArrayAPIMap(features)(x), features(x), atol=1e-6))
    True
    """

    def __init__(
        self, features: FeatureMap, *, backend: str = "numpy", device: str | None = None
    ) -> None:
        check_choice("backend", backend, BACKENDS)
        if not isinstance(features, ProjectionMap):
            raise ParameterError(
                f"features must be a map of streamlyt.features by projections, got {features!r}"
            )
        self.features = features
        self.backend = backend
        self.device = device
        self.n_components = features.n_components
        self.scale = features.scale
        self._there(np.zeros((1, 1)))

    def __call__(self, values: Array) -> Array:
        """Return the features, shape (n, m), of ``values``, shape (n, d).

        Raises
        ------
        DataError
            If ``values`` has not two dimensions, or no column, or is not finite.
        """
        if is_foreign(values):
            return self.features(values)
        phi = portable_features(self.features, self._there(as_rows(values)))
        if self.backend == "numpy":
            return np.asarray(phi)
        return np.asarray(phi.detach().cpu())

    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""
        return self.features.kernel(x, y)

    def variance(self, x: Array, y: Array) -> Floats:
        """Return m times the variance of the kernel estimate, shape (n, p)."""
        return self.features.variance(x, y)

    def with_scale(self, scale: float) -> Self:
        """Return the same map with its inputs multiplied by ``scale`` once more."""
        return type(self)(self.features.with_scale(scale), backend=self.backend, device=self.device)

    def _there(self, rows: Floats) -> Any:
        """Return rows on the device, in the type of the features."""
        single = np.array(rows, dtype=self.features.dtype)
        xp = array_namespace(single) if self.backend == "numpy" else _torch()
        try:
            return xp.asarray(single, device=self.device)
        except (AssertionError, RuntimeError, TypeError, ValueError) as problem:
            told = (str(problem).splitlines() or ["no such device"])[0]
            raise ParameterError(
                f"device must be one that {self.backend} has here, got {self.device!r} ({told})"
            ) from problem


def _torch() -> Any:
    try:
        torch = import_module("torch")
    except ImportError as problem:
        raise MissingDependencyError("torch", "torch") from problem
    xp = array_namespace(torch.empty(0))
    return xp if is_torch_namespace(xp) else torch
