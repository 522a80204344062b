"""What Python warns of, and errors that it can only report, as warnings of R's: once, and not on
the console as well."""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

from kerasbridge import messages
from kerasbridge.crossing import interrupts
from kerasbridge.crossing.leaving import Leaving
from kerasbridge.crossing.streams import Stream

#: Between texts that wait for the main thread together.
_NEXT: Final = "\x1e"


def install(warn: Callable[[str], object]) -> None:
    """Let `warn`, R's, have what Python's own warnings say from now on."""
    stream = Stream(
        lambda texts: [warn(text) for text in texts.split(_NEXT) if text], sys.stderr, False
    )
    to_file = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        if file is not None:
            to_file(message, category, filename, lineno, file, line)
        else:
            stream.write(messages.told(str(message), one_based=False).text + _NEXT)

    warnings.showwarning = show
    sys.unraisablehook = lambda raised: stream.write(_ignored(raised) + _NEXT)


def _ignored(raised: Any) -> str:
    """What R is told of an exception that nobody can catch: of a finalizer, most often, which
    Python calls wherever an object's last reference goes."""
    source = getattr(raised.object, "__qualname__", None) or type(raised.object).__qualname__
    where = "`finalize()`" if source == "__del__" else f"`{source}`"
    error = raised.exc_value
    if isinstance(error, KeyboardInterrupt):
        interrupts.ask_again()
        return ""
    if isinstance(error, Leaving):
        return f"A jump out of {where} was ignored: R code goes on where the object was dropped."
    said = str(error) or raised.exc_type.__name__
    return f"An error in {where} was ignored: {messages.told(said, one_based=False).text}"


class _ToWarnings(logging.Filter):
    """Warnings that are logged become Python's warnings, which :func:`install` has seen to."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        warnings.warn(record.getMessage(), stacklevel=2)
        return False


def of_log() -> None:
    """Keras has been imported, which tells some of its warnings to absl's log."""
    importlib.import_module("absl.logging")
    logger = logging.getLogger("absl")
    if not any(isinstance(filter, _ToWarnings) for filter in logger.filters):
        logger.addFilter(_ToWarnings())
