"""Timeouts for client calls that could block forever."""

from collections.abc import Callable
from threading import Thread
from typing import Any

from kafka.errors import KafkaTimeoutError

__all__ = ["ANSWER_S", "ProducerCloser", "call_with_timeout"]

ANSWER_S = 15.0  # a broker restarts within this time; otherwise the transaction is restarted


def call_with_timeout(call: Callable[..., Any], *args: Any) -> None:
    """Call and wait at most 15 s for the result.

    A transaction request may never be answered if its broker died, and kafka-python waits
    forever. After this error the producer must be discarded.

    Raises
    ------
    KafkaTimeoutError
        If there is no answer in time.
    Exception
        The exception of the call.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            call(*args)
        except BaseException as error:  # raised again in the calling thread
            failed.append(error)

    thread = Thread(target=run, name="kafka answer", daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    if thread.is_alive():
        raise KafkaTimeoutError(f"no answer to {call.__name__} within {ANSWER_S:.0f} s")
    if failed:
        raise failed[0]


class ProducerCloser:
    """Closes a producer within 2 s; unsent messages are dropped and its thread ends.

    Parameters
    ----------
    producer
        The producer of kafka-python.
    """

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def close(self) -> None:
        """Send pending messages and close the connections."""
        try:
            self._producer.close(timeout=2)
        except KafkaTimeoutError:
            # Otherwise its thread keeps sending, concurrently with a later producer.
            self._producer._sender.force_close()
            raise
