# Every wrapper: what it costs when the Keras object behind it answers at once, less a bare
# py_call() with the same arguments, in units of the bare call.

source(file.path("bench", "measure.R"))
library(kerasbridge)

times <- bench_size(full = 300L, small = 2L)

python <- reticulate::py_run_string("
import functools
import inspect

import numpy as np
from keras import ops

from kerasbridge.wrappers import adapters, bindings

x = ops.ones((4, 4))
ready = np.ones((4, 4))
real, adapted = bindings.target, adapters.adapted

# What becomes an R value is measured with the simplest one.
nothing = {s.python for s in bindings.signatures().values() if s.result in ('value', 'tree')}

@functools.cache
def at_once(python, function):
    result = None if python in nothing else ready
    def stub(*arguments, **named):
        return result
    stub.__signature__ = inspect.signature(function)
    return stub

adapters.adapted = lambda python, function: at_once(python, adapted(python, real(python)))
bindings.target = lambda python: at_once(python, real(python))

def bare_tensor(*arguments):
    return ready

def bare_value(*arguments):
    return None
")
bare <- list(
  tensor = reticulate::py_get_attr(reticulate::import_main(), "bare_tensor"),
  value = reticulate::py_get_attr(reticulate::import_main(), "bare_value")
)
x <- python$x

# What is given where an argument has no default.
typical <- list(
  tensor = quote(x), data = quote(x), axis = 1L, axes = 1L, integer = 2L, integers = 2L,
  integer_vector = 2L, shape = quote(c(2, 2)), new_shape = quote(c(2, 2)), index = 1L,
  positions = 1L, count_or_positions = 2L, number_vector = 2, dtype = "float32", value = TRUE,
  callable = "relu", path = "model.keras", list = quote(list(x)), tree = quote(list(x))
)

table <- jsonlite::read_json(
  system.file("python", "kerasbridge", "signatures.json", package = "kerasbridge")
)

# The arguments of a wrapper's call: those that it needs, and those that cross for it.
arguments_of <- function(name) {
  defaults <- as.list(formals(unclass(getExportedValue("kerasbridge", name))))
  defaults$... <- NULL
  parameters <- table[[name]]$parameters
  kinds <- vapply(parameters, \(parameter) parameter[[2L]], "")
  names(kinds) <- vapply(parameters, \(parameter) parameter[[1L]], "")
  needed <- names(defaults)[vapply(defaults, identical, NA, quote(expr = ))]
  given <- unname(typical[kinds[needed]])
  if (anyNA(kinds[needed]) || any(lengths(given) == 0L)) {
    return(NULL)
  }
  list(given = setNames(given, needed), crossing = unname(replace(defaults, needed, given)))
}

results <- lapply(table, \(entry) entry$result %||% "tensor")
results[results == "index"] <- "tensor"
results[results == "tree"] <- "value"
plain <- results %in% names(bare)
arguments <- Filter(Negate(is.null), sapply(names(table)[plain], arguments_of, simplify = FALSE))

ratio_of <- function(name) {
  call <- as.call(c(as.symbol(name), arguments[[name]]$given))
  ready <- bare[[results[[name]]]]
  wrapper <- function() NULL
  body(wrapper) <- call
  wrapper <- compiler::cmpfun(wrapper)
  stats::median(replicate(5L, {
    one <- per_bare_call(ready, arguments[[name]]$crossing, times)
    (per_call(wrapper, times) - one) / one
  }))
}

ratios <- vapply(names(arguments), ratio_of, double(1))
median_of <- function(names) stats::median(ratios[names])
ops <- grep("^op_", names(ratios), value = TRUE)
others <- setdiff(names(ratios), ops)
worst <- utils::head(sort(ratios, decreasing = TRUE), 5L)
report("wrappers", data.frame(
  case = c(
    sprintf("median of %d ops", length(ops)), sprintf("median of %d others", length(others)),
    names(worst)
  ),
  ratio = c(median_of(ops), median_of(others), worst),
  target = 2
))
