# What a call from R takes, as a multiple of py_call() of the same function of Keras or of the
# framework on the same tensor.

source(file.path("bench", "measure.R"))
library(kerasbridge)

times <- bench_size(full = 1000L, small = 20L)

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
def concatenate(x, y): return ops.concatenate([x, y], 0)
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

# The call in R, and the function that does the same in Python.
of_ops <- function(name) reticulate::py_get_attr(ops, name)
of_operator <- function(name) reticulate::py_get_attr(of_main("operator"), name)
cases <- list(
  list(quote(op_add(x, y)), of_ops("add"), 2),
  list(quote(op_matmul(x, y)), of_ops("matmul"), 2),
  list(quote(op_relu(x)), of_ops("relu"), 1),
  list(quote(op_sum(x, axis = 1)), of_main("sum_axis"), 1),
  list(quote(op_argmax(x, 1)), of_main("argmax"), 1),
  list(quote(op_reshape(x, c(2, 8))), of_main("reshape"), 1),
  list(quote(op_concatenate(list(x, y), 1)), of_main("concatenate"), 2),
  list(quote(x + y), of_operator("add"), 2),
  list(quote(x %*% y), of_operator("matmul"), 2),
  list(quote(x < y), of_operator("lt"), 2),
  list(quote(-x), of_operator("neg"), 1),
  list(quote(exp(x)), of_ops("exp"), 1),
  list(quote(sum(x)), of_ops("sum"), 1),
  list(quote(x[1, 2]), of_main("element"), 1),
  list(quote(x[1, ]), of_main("row"), 1),
  list(quote(x[i, ]), of_main("row"), 1),
  list(quote(x[, 2]), of_main("column"), 1),
  list(quote(x[2:3, ]), of_main("rows"), 1),
  list(quote(x[1:4:2]), of_main("steps"), 1),
  list(quote(x[.., -1]), of_main("last"), 1),
  list(quote(x[, newaxis]), of_main("new_axis"), 1),
  list(quote(x[c(1, 3), ]), of_main("take"), 1),
  list(quote(x@r[1, ]), of_main("row"), 1),
  list(quote(x@py[0, ]), of_main("row"), 1),
  list(quote(layer(x)), layer, 1)
)

as_function <- function(call) {
  f <- function() NULL
  body(f) <- call
  compiler::cmpfun(f)
}

# The two take turns, and the fastest rounds count: the others met what else the machine does.
ratio_of <- function(case) {
  f <- case[[2L]]
  bare <- as_function(if (case[[3L]] == 1) quote(py_call(f, x)) else quote(py_call(f, x, y)))
  environment(bare) <- environment()
  call <- as_function(case[[1L]])
  rounds <- replicate(9L, c(per_call(call, times), per_call(bare, times)))
  min(rounds[1L, ]) / min(rounds[2L, ])
}

report("overhead", data.frame(
  case = vapply(cases, \(case) deparse1(case[[1L]]), ""),
  ratio = vapply(cases, ratio_of, 0),
  target = 1.3
))
