"""Calls of the client that wait for an answer without an end, given one."""

from collections.abc import Callable
from threading import Thread
from typing import Any

from kafka.errors import KafkaTimeoutError

__all__ = ["ANSWER_S", "Ending", "call_with_timeout"]

ANSWER_S = 15.0  # a broker restarts within it; the transactions of one that does not are begun anew


def call_with_timeout(call: Callable[..., Any], *given: Any) -> None:
    """Call, and wait for the answer no longer than 15 s.

    A request for a transaction that was under way when its broker died may never be answered, and
    kafka-python waits for it without an end. Who gets the error must give the producer up.

    Raises
    ------
    KafkaTimeoutError
        If no answer came.
    Exception
        What the call raises.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            call(*given)
        except BaseException as error:  # raised again where the answer is waited for
            failed.append(error)

    waiting = Thread(target=run, name="kafka answer", daemon=True)
    waiting.start()
    waiting.join(ANSWER_S)
    if waiting.is_alive():
        raise KafkaTimeoutError(f"no answer to {call.__name__} within {ANSWER_S:.0f} s")
    if failed:
        raise failed[0]


class Ending:
    """A producer at its end: what it has not sent within 2 s is dropped, and its thread ends."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def close(self) -> None:
        """Send what waits, and close the connections."""
        try:
            self._producer.close(timeout=2)
        except KafkaTimeoutError:
            # Left to itself its thread goes on to send, among what a later producer sends.
            self._producer._sender.force_close()
            raise
