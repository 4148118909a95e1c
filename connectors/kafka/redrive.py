"""Resend dead letters to the topics they came from."""

from collections.abc import Mapping, Sequence

from streamlyt.core import DeadLetter
from streamlyt.core.errors import closing_all

from .sink import KafkaSink

__all__ = ["redrive_dead_letters"]


def redrive_dead_letters(
    letters: Sequence[DeadLetter], servers: str, access: Mapping[str, str] | None = None
) -> None:
    """Send dead letters once more, byte for byte, to the topics that they came from.

    Parameters
    ----------
    letters
        What :meth:`streamlyt.runfile.RunFile.dead_letters` gives.
    servers, access
        As for the sink.

    Raises
    ------
    SinkError
        If one cannot be written; those before it may have been.
    """
    for topic in {letter.topic for letter in letters}:
        sink = KafkaSink(topic, servers=servers, access=access)
        with closing_all(sink):
            for letter in letters:
                if letter.topic == topic:
                    sink._send(topic, letter.value, letter.key)
            sink.flush()
