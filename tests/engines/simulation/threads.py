"""Threads that run one at a time, in an order that is drawn from a seed."""

import sys
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from unittest.mock import patch

from streamlyt.engines._recovery import shared_state
from streamlyt.engines._runtime import keyed_executor, prefetch
from tests.engines.simulation.faults import Killed

_SPINS = 2000  # turns without progress of any thread: then a timed wait ends, or it is a deadlock


class Scheduler:
    """One thread at a time has the turn; it hands it on at each wait."""

    def __init__(self, rng):
        self.rng, self.closed, self._now = rng, False, 0.0
        self._threads = [_Turn()]
        self._threads[0].name = threading.get_ident()
        self._current = self._threads[0]

    @contextmanager
    def installed(self):
        """Replace the threads of the engine; at the end all of them have ended."""
        with (
            patch.object(prefetch, "Thread", lambda **named: _Thread(self, **named)),
            patch.object(prefetch, "Condition", lambda: _Condition(self)),
            patch.object(prefetch, "Lock", lambda: _Lock(self)),
            patch.object(prefetch, "monotonic", self._ticks),
            patch.object(shared_state, "monotonic", self._ticks),
            patch.object(keyed_executor, "ThreadPoolExecutor", lambda *_: _Pool(self)),
        ):
            try:
                yield
            finally:
                self.closed = True
                while len(self._threads) > 1:
                    self.switch()

    def _ticks(self):
        self._now += 0.1
        return self._now

    def switch(self):
        """Hand the turn to a thread, perhaps the same."""
        own = self._current
        chosen = self.rng.choice(self._threads)
        if chosen is own:
            return
        self._current = chosen
        chosen.semaphore.release()
        own.semaphore.acquire()
        if self.closed and own is not self._threads[0]:
            raise Killed("the process has ended")

    def wait_until(self, predicate, timed=False):
        """Hand the turn on until a predicate holds; a timed wait may end before."""
        for _ in range(_SPINS):
            result = predicate()
            if result:
                return result
            if timed and self.rng.random() < 0.02:
                return result
            self.switch()
        if timed:
            return predicate()
        raise AssertionError(
            "deadlock: "
            + predicate.__code__.co_filename[-30:]
            + str(predicate.__code__.co_firstlineno)
        )

    def begin(self, main):
        """Start a thread."""
        turn = _Turn()

        def body():
            turn.semaphore.acquire()
            try:
                if not self.closed:
                    main()
            except Killed:
                pass
            finally:
                self._threads.remove(turn)
                self._current = self._threads[0]
                self._current.semaphore.release()

        threading.Thread(target=body, daemon=True).start()
        self._threads.append(turn)
        return turn

    def ended(self, turn):
        return turn not in self._threads


class _Turn:
    def __init__(self):
        self.semaphore = threading.Semaphore(0)


class _Thread:
    def __init__(self, scheduler, target, args, name, daemon):
        self._scheduler, self._main = scheduler, lambda: target(*args)

    def start(self):
        self._turn = self._scheduler.begin(self._main)

    def is_alive(self):
        return hasattr(self, "_turn") and not self._scheduler.ended(self._turn)

    def join(self):
        self._scheduler.wait_until(lambda: self._scheduler.ended(self._turn))


class _Lock:
    def __init__(self, scheduler):
        self._scheduler, self._held = scheduler, False

    def __enter__(self):
        self._scheduler.wait_until(lambda: not self._held)
        self._held = True

    def __exit__(self, *_):
        self._held = False


class _Condition:
    """No lock is needed: threads change only at waits, and none is within the block."""

    def __init__(self, scheduler):
        self._scheduler = scheduler

    def __enter__(self):
        self._scheduler.switch()

    def __exit__(self, *_):
        pass

    def wait_for(self, predicate, timeout=None):
        return self._scheduler.wait_until(predicate, timed=timeout is not None)

    def notify_all(self):
        pass


class _Pool:
    """A worker: its tasks run in order, each at a call that is drawn."""

    def __init__(self, scheduler):
        self.rng, self._tasks = scheduler.rng, []

    def submit(self, function, *args):
        task = _Task(self, function, args)
        self._tasks.append(task)
        if self.rng.random() < 0.3:
            task.run_now()
        return task

    def shutdown(self, cancel_futures=False):
        for task in list(self._tasks):
            if self.rng.random() < 0.3:
                task.run_now()
            else:
                task.cancel()

    def run_up_to(self, task):
        while not Future.done(task):
            self._tasks.pop(0).run()


class _Task(Future):
    def __init__(self, pool, function, args):
        super().__init__()
        self._pool, self._function, self._args = pool, function, args

    def run_now(self):
        self._pool.run_up_to(self)

    def run(self):
        trace = sys.gettrace()
        sys.settrace(None)  # a signal does not interrupt a worker
        try:
            if not super().done() and self.set_running_or_notify_cancel():
                self.set_result(self._function(*self._args))
        except BaseException as error:
            self.set_exception(error)
        finally:
            sys.settrace(trace)

    def done(self):
        if not super().done() and self._pool.rng.random() < 0.5:
            self.run_now()
        return super().done()

    def cancel(self):
        if not super().done() and self._pool.rng.random() < 0.3:
            self.run_now()  # it was under way
        if not super().done():
            super().cancel()
            self.set_running_or_notify_cancel()  # a worker takes it, and ends the waits for it
        return super().cancel()

    def result(self, timeout=None):
        self.run_now()
        return super().result(timeout)
