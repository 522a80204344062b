# What a call from R takes, as a multiple of py_call() of the same function of Keras or of the
# framework on the same tensor.

source(file.path("bench", "measure.R"))
library(kerasbridge)

times <- bench_size(full = 500L, small = 30L)

reticulate::py_run_string("
import operator
import keras
from keras import ops

x = ops.ones((4, 4))
y = ops.ones((4, 4))
layer = keras.layers.Dense(4)
layer(x)

def sum_axis(x): return ops.sum(x, 0, False)
def reshape(x): return ops.reshape(x, (2, 8))
def argmax(x): return ops.argmax(x, 0, False) + 1
def concatenate(tensors): return ops.concatenate(tensors, 0)
def element(x): return x[0, 1]
def row(x): return x[0, :]
def column(x): return x[:, 1]
def rows(x): return x[1:3, :]
def steps(x): return x[0:4:2]
def last(x): return x[..., -1]
def new_axis(x): return x[:, None]
def take(x): return ops.take(x, [0, 2], axis=0)
")

main <- reticulate::import_main()
of_main <- function(name) reticulate::py_get_attr(main, name)
ops <- of_main("ops")
x <- of_main("x")
y <- of_main("y")
layer <- of_main("layer")
i <- 1
py_call <- reticulate::py_call

# What an R function around py_call() takes is the least that a wrapper can, if it calls that.
row <- of_main("row")
in_r <- function(x) py_call(row, x)

# The call in R, and the function that does the same in Python, of `x` where nothing else is said.
of_ops <- function(name) reticulate::py_get_attr(ops, name)
of_operator <- function(name) reticulate::py_get_attr(of_main("operator"), name)
xy <- quote(py_call(f, x, y))
cases <- list(
  list(quote(in_r(x)), row),
  list(quote(op_add(x, y)), of_ops("add"), xy),
  list(quote(op_matmul(x, y)), of_ops("matmul"), xy),
  list(quote(op_relu(x)), of_ops("relu")),
  list(quote(op_sum(x, axis = 1)), of_main("sum_axis")),
  list(quote(op_argmax(x, 1)), of_main("argmax")),
  list(quote(op_reshape(x, c(2, 8))), of_main("reshape")),
  list(
    quote(op_concatenate(list(x, y), 1)), of_main("concatenate"), quote(py_call(f, list(x, y)))
  ),
  list(quote(x + y), of_operator("add"), xy),
  list(quote(x %*% y), of_operator("matmul"), xy),
  list(quote(x < y), of_operator("lt"), xy),
  list(quote(-x), of_operator("neg")),
  list(quote(exp(x)), of_ops("exp")),
  list(quote(sum(x)), of_ops("sum")),
  list(quote(x[1, 2]), of_main("element")),
  list(quote(x[1, ]), of_main("row")),
  list(quote(x[i, ]), of_main("row")),
  list(quote(x[, 2]), of_main("column")),
  list(quote(x[2:3, ]), of_main("rows")),
  list(quote(x[1:4:2]), of_main("steps")),
  list(quote(x[.., -1]), of_main("last")),
  list(quote(x[, newaxis]), of_main("new_axis")),
  list(quote(x[c(1, 3), ]), of_main("take")),
  list(quote(x@r[1, ]), of_main("row")),
  list(quote(x@py[0, ]), of_main("row")),
  list(quote(layer(x)), layer)
)

as_function <- function(call) {
  f <- function() NULL
  body(f) <- call
  compiler::cmpfun(f)
}

# The two take turns in short rounds, and the fastest count: others met with a collector, or with
# what else the machine does.
seconds_of <- function(case) {
  f <- case[[2L]]
  bare <- as_function(if (length(case) > 2L) case[[3L]] else quote(py_call(f, x)))
  environment(bare) <- environment()
  call <- as_function(case[[1L]])
  rounds <- bench_size(full = 40L, small = 5L)
  rounds <- replicate(rounds, c(per_call(call, times), per_call(bare, times)))
  apply(rounds, 1L, min)
}

seconds <- vapply(cases, seconds_of, c(0, 0))
calls <- vapply(cases, \(case) deparse1(case[[1L]]), "")
report("overhead", data.frame(
  case = calls,
  ratio = seconds[1L, ] / seconds[2L, ],
  target = ifelse(calls == "in_r(x)", NA, 1.3),
  us = 1e6 * seconds[1L, ],
  bare_us = 1e6 * seconds[2L, ]
))
