# Every op's wrapper: what it costs when the Keras function behind it returns at once, less a bare
# py_call() of that function, in units of the bare call.

source(file.path("bench", "measure.R"))
library(kerasbridge)

times <- bench_size(full = 300L, small = 5L)

python <- reticulate::py_run_string("
import inspect

import numpy as np
from keras import ops

from kerasbridge import adapters

x = ops.ones((4, 4))
ready = np.ones((4, 4))
adapted = adapters.adapted

def at_once(python, function):
    def stub(*arguments, **named):
        return ready
    stub.__signature__ = inspect.signature(adapted(python, function))
    return stub

adapters.adapted = at_once

def bare(*arguments):
    return ready
")
bare <- reticulate::py_get_attr(reticulate::import_main(), "bare")
x <- python$x

# An argument of each kind that costs what such arguments cost.
typical <- list(
  tensor = quote(x), axis = 1L, axes = 1L, integer = 2L, integers = 2L, shape = quote(c(2, 2)),
  index = 1L, dtype = "float32", value = TRUE
)

table <- jsonlite::read_json(
  system.file("python", "kerasbridge", "signatures.json", package = "kerasbridge")
)
kinds <- lapply(table, \(entry) vapply(entry$parameters, \(p) p[[2L]], ""))
results <- lapply(table, \(entry) entry$result %||% "tensor")
measurable <- vapply(kinds, \(kind) length(kind) > 0L && all(kind %in% names(typical)), NA) &
  vapply(results, \(result) identical(result, "tensor") || identical(result, "index"), NA)
ops <- names(table)[startsWith(names(table), "op_") & measurable]

ratio_of <- function(name) {
  arguments <- unname(typical[kinds[[name]]])
  call <- as.call(c(as.symbol(name), arguments))
  wrapper <- function() NULL
  body(wrapper) <- call
  wrapper <- compiler::cmpfun(wrapper)
  stats::median(replicate(5L, {
    one <- per_bare_call(bare, arguments, times)
    (per_call(wrapper, times) - one) / one
  }))
}

ratios <- vapply(ops, ratio_of, double(1))
worst <- utils::head(sort(ratios, decreasing = TRUE), 5L)
report("wrappers", data.frame(
  case = c(sprintf("median of %d ops", length(ops)), names(worst)),
  ratio = c(stats::median(ratios), worst),
  target = 2
))
