"""Structured logging to stderr: console text or JSON lines."""

import logging
import sys
from typing import Any, Literal

import structlog

__all__ = ["configure_logging"]

# kafka-python logs every reconnection at INFO; errors that matter are raised and logged here.
_LEVELS = {"kafka": logging.CRITICAL, "tornado.access": logging.ERROR, "asyncio": logging.WARNING}


def configure_logging(form: Literal["console", "json"]) -> Any:
    """Send all log records to stderr in one format; return the daemon's own logger."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    tail = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _format_traceback(form),
        last,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=tail)
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return structlog.get_logger("streamlyt.engines.daemon")


def _format_traceback(form: str) -> Any:
    """Return the processor of tracebacks: text in JSON; the console renderer has its own."""
    if form == "json":
        return structlog.processors.format_exc_info
    return lambda logger, name, event: event
