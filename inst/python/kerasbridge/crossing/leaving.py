"""R leaves Python by a jump: the exception that carries it.

A jump of R must not pass Python's frames. It is stopped where Python had called R, and the
exception takes its place: everything that Python wants to be done on the way out is done, and when
it comes to the R code that had called Python, R goes on with the jump.
"""

from __future__ import annotations

import itertools
from typing import Any, Final
from weakref import WeakSet

_counted = itertools.count(1)


class Leaving(BaseException):
    """R code that Python called has left: not an error, and not for ``except Exception``."""

    # reticulate notes on an exception where R was when it came out of Python, unless that is known.
    call = trace = None

    def __init__(self, jump: Any) -> None:
        self.jump: Final = jump
        self.number: Final = next(_counted)
        super().__init__(f"R code that Python called has left it, by jump {self.number} of R's.")
        _under_way.add(self)


_under_way: WeakSet[Leaving] = WeakSet()


def leaving_of(error: BaseException) -> Any:
    """The jump that `error` carries, or ``None``.

    A framework's C++ makes an error of its own of any exception, and keeps only the text.
    """
    told = str(error)
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Leaving):
            return seen.jump
        seen = seen.__cause__ or seen.__context__
    return next((leaving.jump for leaving in _under_way if str(leaving) in told), None)
