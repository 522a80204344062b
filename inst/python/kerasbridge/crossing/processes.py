"""What Python's child processes get of R's environment.

R's launcher puts the folders of R's own libraries into ``LD_LIBRARY_PATH``. A Python started from
R (a worker of a data loader, a compiler, a tool) would look there for its own. The dynamic loader
of this process has read the variable when R started, and R's launcher sets it anew for each R:
nobody needs these entries any more.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from typing import Final

_VARIABLE: Final = "LD_LIBRARY_PATH"


def install() -> None:
    """Take R's entries from the environment, which R and Python share, for children to come."""
    path = os.environ.get(_VARIABLE, "")
    kept = without(path, _of_launcher()) if path else path
    if kept:
        os.environ[_VARIABLE] = kept
    else:
        os.environ.pop(_VARIABLE, None)


def without(path: str, entries: Collection[str]) -> str:
    """`path` without these `entries`, wherever they are: R started by R has them twice."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if folder not in entries)


def _of_launcher() -> list[str]:
    """The folders that R's launcher adds, asked of the script that it sources."""
    script = f"{os.environ.get('R_HOME')}/etc{os.environ.get('R_ARCH', '')}/ldpaths"
    if not os.path.isfile(script):
        return []
    told = subprocess.run(
        ["sh", "-c", f'unset {_VARIABLE}; . "$0" && printf %s "${_VARIABLE}"', script],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.split(os.pathsep)
