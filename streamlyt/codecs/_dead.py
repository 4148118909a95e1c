"""A message that could not be decoded: its bytes, where it stood, and why."""

from dataclasses import dataclass

__all__ = ["DeadLetter"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be decoded, as it came.

    Parameters
    ----------
    topic, partition, offset
        Where it stood.
    key, value
        Its bytes, untouched.
    reason
        Why it could not be decoded.
    time
        Its timestamp, nanoseconds since 1970.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    reason: str
    time: int = 0
