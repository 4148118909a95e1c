"""What may be asked of an engine."""

from streamlyt.errors import ParameterError

__all__ = ["check_bounds"]


def check_bounds(checkpoint_s: float, checkpoint_rows: int, queue_bytes: int, threads: int) -> None:
    """Raise a ParameterError where a bound is out of range."""
    if checkpoint_s < 0 or checkpoint_rows < 1:
        raise ParameterError(
            f"checkpoint_s must be at least 0 and checkpoint_rows at least 1, got "
            f"{checkpoint_s!r} and {checkpoint_rows!r}"
        )
    if queue_bytes < 0:
        raise ParameterError(f"queue_bytes must be at least 0, got {queue_bytes!r}")
    if threads < 1:
        raise ParameterError(f"threads must be at least 1, got {threads!r}")
