"""Redrive: resend dead letters to their source topics."""

from collections.abc import Mapping, Sequence

from streamlyt.core import DeadLetter
from streamlyt.core.errors import closing_all

from .sink import KafkaSink

__all__ = ["redrive_dead_letters"]


def redrive_dead_letters(
    dead_letters: Sequence[DeadLetter], servers: str, access: Mapping[str, str] | None = None
) -> None:
    """Resend the original bytes of dead letters to their source topics.

    Parameters
    ----------
    dead_letters
        From :meth:`streamlyt.runfile.RunFile.dead_letters`.
    servers, access
        See :class:`KafkaSink`.

    Raises
    ------
    SinkError
        If a message cannot be written; earlier ones may have been.
    """
    for topic in {letter.topic for letter in dead_letters}:
        sink = KafkaSink(topic, bootstrap_servers=servers, security=access)
        with closing_all(sink):
            for letter in dead_letters:
                if letter.topic == topic:
                    sink._send(topic, letter.value, letter.key)
            sink.flush()
