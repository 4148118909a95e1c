"""What may be asked of an engine."""

from collections.abc import Sequence

from streamlyt.base import Sink
from streamlyt.errors import ParameterError

from ._ends import Resumes

__all__ = ["check_bounds"]


def check_bounds(
    checkpoint_s: float,
    checkpoint_rows: int,
    queue_bytes: int,
    keep_rows: bool,
    sinks: Sequence[Sink],
) -> None:
    """Raise a ParameterError where a bound is out of range, or rows must be kept for a sink."""
    if checkpoint_s < 0 or checkpoint_rows < 1:
        raise ParameterError(
            f"checkpoint_s must be at least 0 and checkpoint_rows at least 1, got "
            f"{checkpoint_s!r} and {checkpoint_rows!r}"
        )
    if queue_bytes < 0:
        raise ParameterError(f"queue_bytes must be at least 0, got {queue_bytes!r}")
    if not keep_rows and any(isinstance(sink, Resumes) for sink in sinks):
        raise ParameterError(
            "keep_rows must be true beside a sink that goes on from the rows of the run file"
        )
