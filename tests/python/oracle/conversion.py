"""Random R vectors through tensors and back, judged by R itself, in one process and on one backend.

A script whose arguments are types and numbers of cases. R runs in this process through rpy2, and
its reticulate finds this Python: what crosses does so as it does for a user. Hypothesis draws
bytes and sizes; R makes the vector of them, sends it through ``as_tensor()`` and ``as.array()``,
and compares with what that type of vector must become.
"""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

#: Bytes of memory per element.
WIDTHS = {
    "logical": 1,
    "integer": 4,
    "double": 8,
    "float64": 8,
    "complex": 16,
    "raw": 1,
    "character": 4,
    "factor": 1,
    "integer64": 8,
}

#: Sizes of one to five dimensions, some of them 0. They are few, since JAX compiles for each.
SHAPES = [
    *itertools.product([0, 1, 2, 3], repeat=1),
    *itertools.product([0, 1, 3], repeat=2),
    *itertools.product([1, 2], repeat=3),
    *[(2, 0, 3), (2, 3, 4), (3, 1, 2, 2), (2, 2, 0, 1), (1, 1, 1, 1), (2, 1, 3, 1, 2), (0,) * 5],
]

R_SOURCE = r"""
options(warn = -1)
library(kerasbridge)
loadNamespace("bit64")
backend <- config_backend()
if (backend == "jax") import("jax")$config$update("jax_enable_x64", TRUE)

# The values that random bits seldom are; a case starts with so many of them.
specials <- list(
  logical = c(TRUE, FALSE, NA),
  integer = c(-.Machine$integer.max, .Machine$integer.max, 0L, NA),
  double = c(NA, NaN, Inf, -Inf, -0, 2^24 + 1, 1e300, -1e300, 5e-324, 1e-40, pi),
  complex = c(NA, complex(real = NaN, imaginary = 1), complex(real = Inf, imaginary = -0)),
  raw = as.raw(0), character = c("", "\u00e9", "\U1F600", "a\nb", NA), factor = c("never", NA),
  integer64 = bit64::as.integer64(
    c("9007199254740993", "2147483648", "-9223372036854775807", "9223372036854775807", NA)
  )
)

vector_of <- function(type, bytes) {
  n <- length(bytes) / c(
    logical = 1, integer = 4, double = 8, complex = 16, raw = 1, character = 4, factor = 1,
    integer64 = 8
  )[[type]]
  switch(type,
    logical = as.integer(bytes) %% 2L == 1L,
    integer = readBin(bytes, "integer", n),
    double = readBin(bytes, "double", n),
    complex = readBin(bytes, "complex", n),
    raw = bytes,
    character = vapply(
      split(as.integer(bytes), rep(seq_len(n), each = 4L)),
      \(codes) intToUtf8(codes + c(1L, 32L, 160L, 4096L)), "", USE.NAMES = FALSE
    ),
    factor = factor(
      c("low", "mid", "high")[as.integer(bytes) %% 3L + 1L], c("never", "low", "mid", "high")
    ),
    integer64 = structure(readBin(bytes, "double", n), class = "integer64")
  )
}

case_of <- function(type, bytes, special, dim) {
  x <- vector_of(type, bytes)
  # NA of an integer is a pattern of bits: random ones must not be it by chance.
  if (type %in% c("integer", "integer64")) x[is.na(x)] <- 7L
  n <- min(special, length(x))
  if (n > 0L) x[seq_len(n)] <- rep(specials[[type]], length.out = special)[seq_len(n)]
  if (!identical(dim, FALSE)) dim(x) <- dim
  x
}

as_float32 <- function(x) readBin(writeBin(as.vector(x), raw(), size = 4L), "double", length(x), 4L)

# What must come back: values, or what the refusal says.
expected <- function(type, x, floatx) {
  values <- as.vector(x)
  missing <- "`x` has missing values"
  single <- \(x) if (floatx == "float64") x else as_float32(x)
  if (type %in% c("logical", "integer", "character", "factor", "integer64") && anyNA(x)) {
    return(list(refused = if (type == "character" && backend != "tensorflow") "`x` " else missing))
  }
  if (type == "character" && backend != "tensorflow") {
    return(list(refused = "`x` is a character vector"))
  }
  list(value = switch(type,
    double = single(values),
    complex = complex(real = as_float32(Re(values)), imaginary = as_float32(Im(values))),
    raw = as.integer(values),
    factor = as.integer(x) - 1L,
    integer64 = {
      if (all(abs(x) <= .Machine$integer.max)) as.integer(x)
      else if (all(abs(x) <= bit64::as.integer64(2)^53)) as.double(x)
      else {
        if (backend == "numpy") return(list(refused = "`x` holds integers beyond 2^31"))
        structure(unclass(x), dim = NULL, class = "integer64")
      }
    },
    values
  ))
}

# Keras on NumPy computes with 32 bits.
fits <- function(type, x) type != "integer64" || backend != "numpy" ||
  anyNA(x) || all(abs(x) <= .Machine$integer.max)

check <- function(type, bytes, special, dim) {
  floatx <- if (type == "float64") "float64" else "float32"
  if (type == "float64") type <- "double"
  x <- case_of(type, bytes, special, dim)
  config_set_floatx(floatx)
  back <- tryCatch(as.array(as_tensor(x)), kerasbridge_error = identity)
  wanted <- if (fits(type, x)) expected(type, x, floatx) else {
    list(refused = "`x` holds integers beyond 2^31")
  }
  told <- if (is.null(wanted$refused)) {
    value <- wanted$value
    sizes <- if (is.null(dim(x))) length(x) else dim(x)
    dim(value) <- if (is.null(dim(x)) && length(x) == 1L) NULL else sizes
    plain <- if (is.null(dim(value)) && length(dim(back)) == 1L) as_plain(back) else back
    same(plain, value)
  } else {
    inherits(back, "condition") && startsWith(conditionMessage(back), wanted$refused)
  }
  if (told) "" else paste(
    c("sent", deparse(x), "wanted", deparse(wanted), "got",
      if (inherits(back, "condition")) conditionMessage(back) else deparse(back)),
    collapse = "\n"
  )
}

as_plain <- function(x) {
  dim(x) <- NULL
  x
}

# Bit for bit, but for what kind of NaN a missing number is.
same <- function(back, value) {
  if (is.double(value) && !is.object(value)) {
    if (!is.double(back) || is.object(back)) return(FALSE)
    gone <- is.na(value)
    if (!identical(is.na(back), gone)) return(FALSE)
    back[gone] <- value[gone] <- 0
  }
  identical(back, value, num.eq = FALSE)
}
check
"""


def start_r() -> Any:
    """R's function that checks one case; ``""`` is as it must be."""
    if "R_HOME" not in os.environ:
        found = subprocess.run(["R", "RHOME"], capture_output=True, text=True, check=True)
        os.environ["R_HOME"] = found.stdout.strip()
    os.environ["RETICULATE_PYTHON"] = sys.executable
    os.environ["RETICULATE_REMAP_OUTPUT_STREAMS"] = "0"  # what is printed here is Python's
    from rpy2 import rinterface, robjects

    check = robjects.r(R_SOURCE)
    vector, sizes = rinterface.ByteSexpVector, rinterface.IntSexpVector
    without = rinterface.BoolSexpVector([False])

    def run(type: str, data: bytes, special: int, dim: tuple[int, ...] | None) -> str:
        given = without if dim is None else sizes(dim)
        told = check(type, vector(data), sizes([special]), given)
        return str(told[0])

    return run


@st.composite
def cases(draw: st.DrawFn, width: int) -> tuple[bytes, int, tuple[int, ...] | None]:
    """The bytes of a vector, how many special values it starts with, and its ``dim``."""
    dim = draw(st.none() | st.sampled_from(SHAPES))
    size = draw(st.integers(0, 5)) if dim is None else math.prod(dim)
    data = draw(st.binary(min_size=size * width, max_size=size * width))
    return data, draw(st.sampled_from([0] * 12 + [1, 2, 3, 12])), dim


def survive(run: Any, type: str, examples: int) -> int:
    """Check this many random vectors of a type; how many there were."""
    count = 0

    @settings(max_examples=examples, deadline=None, database=None)
    @given(cases(WIDTHS[type]))
    def test(case: tuple[bytes, int, tuple[int, ...] | None]) -> None:
        nonlocal count
        count += 1
        told = run(type, *case)
        assert not told, f"{type}: {told}"

    test()
    return count


if __name__ == "__main__":
    r = start_r()
    for argument in sys.argv[1:]:
        type, examples = argument.split("=")
        print(type, survive(r, type, int(examples)))
