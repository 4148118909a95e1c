"""One line for each thing that happens, on stderr: for people, or as JSON for machines."""

import logging
import sys
from typing import Any, Literal

import structlog

__all__ = ["configure_logging"]

# kafka-python tells of every reconnection at INFO; what matters of it comes as an error of ours.
_QUIET = {"kafka": logging.CRITICAL, "tornado.access": logging.ERROR, "asyncio": logging.WARNING}


def configure_logging(form: Literal["console", "json"]) -> Any:
    """Send all that is logged to stderr in one form; return the daemon's own logger."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    tail = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _traced(form), last]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=tail)
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return structlog.get_logger("streamlyt.engines.daemon")


def _traced(form: str) -> Any:
    """Return what becomes of a traceback: text in JSON, left to the renderer on a console."""
    if form == "json":
        return structlog.processors.format_exc_info
    return lambda logger, name, event: event
