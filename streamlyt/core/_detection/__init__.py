"""Code shared by all detectors: alarm policy, localization and attribution."""

from ._kernels import exceeds as exceeds

__all__ = ["exceeds"]
