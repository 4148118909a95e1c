"""Feature map on a chosen back-end and device: NumPy without compilation, or PyTorch."""

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
    """A map computed by another back-end or device, with NumPy rows and features.

    The same map, up to rounding, by array operations instead of compiled loops. Arrays of other
    libraries do not need it: any map returns features of their library, on their device.

    On the CPU the features of a row are bit-identical in any batch, with any kernels and threads of
    the library, since every sum has a fixed order. On other devices projections are matrix
    products, and a row may differ between batches by rounding: within 2e-5 of the largest feature
    in single precision, 1e-12 in double.

    Parameters
    ----------
    features
        A projection map, such as :class:`~streamlyt.features.OpticalMap`.
    backend
        ``"numpy"`` (no compilation) or ``"torch"``.
    device
        Device name of the back-end (``"cuda"``, ``"cuda:1"``); None: its default device.

    Attributes
    ----------
    n_components
        Number of features m.
    scale
        Factor on the inputs.

    Raises
    ------
    ParameterError
        If a parameter is invalid, or the back-end lacks the device.
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
                f"features must be a projection map of streamlyt.features, got {features!r}"
            )
        self.features = features
        self.backend = backend
        self.device = device
        self.n_components = features.n_components
        self.scale = features.scale
        self._to_device(np.zeros((1, 1)))

    def __call__(self, values: Array) -> Array:
        """Return the features, shape (n, m), of ``values``, shape (n, d).

        Raises
        ------
        DataError
            If ``values`` does not have two dimensions and a column, or is not finite.
        """
        if is_foreign(values):
            return self.features(values)
        phi = portable_features(self.features, self._to_device(as_rows(values)))
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
        """Return the same map with its inputs multiplied by a further factor ``scale``."""
        return type(self)(self.features.with_scale(scale), backend=self.backend, device=self.device)

    def _to_device(self, rows: Floats) -> Any:
        """Return rows on the device, in the type of the features."""
        single = np.array(rows, dtype=self.features.dtype)
        xp = array_namespace(single) if self.backend == "numpy" else _torch()
        try:
            return xp.asarray(single, device=self.device)
        except (AssertionError, RuntimeError, TypeError, ValueError) as problem:
            reason = (str(problem).splitlines() or ["no such device"])[0]
            raise ParameterError(
                f"device must be available to {self.backend}, got {self.device!r} ({reason})"
            ) from problem


def _torch() -> Any:
    try:
        torch = import_module("torch")
    except ImportError as problem:
        raise MissingDependencyError("torch", "torch") from problem
    xp = array_namespace(torch.empty(0))
    return xp if is_torch_namespace(xp) else torch
