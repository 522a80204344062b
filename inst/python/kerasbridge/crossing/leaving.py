"""R leaves Python by a jump: the exception that carries it.

A jump of R must not pass Python's frames. It is stopped where Python had called R, and the
exception takes its place: everything that Python wants to be done on the way out is done, and when
it comes to the R code that had called Python, R goes on with the jump.
"""

from __future__ import annotations

import itertools
from typing import Any, Final
from weakref import WeakSet

from kerasbridge.errors import chain

_counted = itertools.count(1)


class Leaving(BaseException):
    """R code that Python called has left: not an error, and not for ``except Exception``."""

    # reticulate notes on an exception where R was when it came out of Python, unless that is known.
    call = trace = None

    def __init__(self, jump: Any) -> None:
        self.jump = jump
        self.number: Final = next(_counted)
        super().__init__(f"R code that Python called has left it, by jump {self.number} of R's.")
        _under_way.add(self)


_under_way: WeakSet[Leaving] = WeakSet()


def leaving_of(error: BaseException) -> Any:
    """The jump that `error` carries, or ``None``.

    A framework's C++ makes an error of its own of any exception, and keeps only the text. R keeps
    the exception until then, and goes on with the jump now. reticulate never lets go of an
    exception that has passed R: nothing is left of what it holds, nor of the frames that it left.
    """
    told = str(error)
    seen_on_the_way = list(chain(error))
    carried = next((seen for seen in seen_on_the_way if isinstance(seen, Leaving)), None) or next(
        (leaving for leaving in _under_way if str(leaving) in told), None
    )
    if carried is None:
        return None
    for seen in {*seen_on_the_way, carried}:
        seen.__traceback__ = None
    _under_way.discard(carried)
    jump, carried.jump = carried.jump, None
    return jump
