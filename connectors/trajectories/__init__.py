"""Molecular-dynamics trajectories: every format that MDAnalysis reads."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .source import TrajectorySource as TrajectorySource

__getattr__, __dir__, __all__ = lazy_exports(__name__)
