"""Logging: one structured line per event on stderr, including uvicorn's."""

import logging
import sys
from functools import partial
from typing import Any

import orjson
import structlog

from seismic_server.observe.echo import escaped, printable
from seismic_server.settings import Settings


def configure_logging(settings: Settings, process: int | str | None = None) -> None:
    """Log JSON lines, or readable ones on a terminal. Every line of a request carries its id.

    `process`: one of several processes, which every line carries.
    """
    readable = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso", utc=True),
    ]
    if process is not None:
        shared.append(partial(_with_process, process=process))
    last: list[structlog.typing.Processor] = (
        [_printable, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(  # bypasses the standard library's logging, which is slower
        processors=[*shared, *last],
        logger_factory=_Stderr,
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)


class _Stderr(structlog.WriteLogger):
    """A writer of lines with the name that `add_logger_name` reads."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr)
        self.name = name


def _to_json(event: Any, **_: Any) -> str:
    return escaped(orjson.dumps(event, default=repr).decode())


def _with_process(
    _: Any, __: str, event: structlog.typing.EventDict, *, process: int | str
) -> structlog.typing.EventDict:
    event["process"] = process
    return event


def _printable(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace control characters, of which a terminal would obey some. Tracebacks keep their lines."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}
