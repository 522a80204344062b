# What a call from R costs beyond the same call in Python, in units of a bare py_call() of a
# Python function that takes as many arguments and returns a ready tensor.

source(file.path("bench", "measure.R"))
library(kerasbridge)

size <- bench_size(full = 2000L, small = 50L)

reticulate::py_run_file(file.path("bench", "timing.py"))
python <- reticulate::py_run_string("
import keras
from keras import ops

x = ops.ones((4, 4))
y = ops.ones((4, 4))
layer = keras.layers.Dense(4)
layer(x)

def bare(*arguments):
    return x
")

x <- python$x
y <- python$y
layer <- python$layer
bare <- reticulate::py_get_attr(reticulate::import_main(), "bare")

# The R call, the same in Python, and the arguments of the bare call.
cases <- list(
  "op_add(x, y)" = list(\() op_add(x, y), "lambda: ops.add(x, y)", list(x, y)),
  "op_sum(x, axis = 1)" = list(
    \() op_sum(x, axis = 1L), "lambda: ops.sum(x, 0, False)", list(x, 1L, FALSE)
  ),
  "op_matmul(x, y)" = list(\() op_matmul(x, y), "lambda: ops.matmul(x, y)", list(x, y)),
  "op_reshape(x, c(2, 8))" = list(
    \() op_reshape(x, c(2, 8)), "lambda: ops.reshape(x, (2, 8))", list(x, c(2, 8))
  ),
  "op_relu(x)" = list(\() op_relu(x), "lambda: ops.relu(x)", list(x)),
  "op_argmax(x, 1)" = list(
    \() op_argmax(x, 1L), "lambda: ops.argmax(x, 0, False) + 1", list(x, 1L, FALSE)
  ),
  "x + y" = list(\() x + y, "lambda: x + y", list(x, y)),
  "-x" = list(\() -x, "lambda: -x", list(x)),
  "sum(x)" = list(\() sum(x), "lambda: ops.sum(x)", list(x)),
  "x@r[1, ]" = list(\() x@r[1, ], "lambda: x[0, :]", list(x, 1)),
  "x@r[2:3, ]" = list(\() x@r[2:3, ], "lambda: x[1:3, :]", list(x, 2, 3)),
  "layer(x)" = list(\() layer(x), "lambda: layer(x)", list(x))
)
targets <- c(rep(2, 9), 3, 3, 3)

rows <- Map(
  function(name, case, target) {
    arguments <- case[[3L]]
    bare_call <- function() do.call(reticulate::py_call, c(list(bare), arguments), quote = TRUE)
    ratios <- replicate(5L, {
      in_r <- per_call(case[[1L]], size)
      in_python <- reticulate::py_eval(sprintf("per_call(%s, %d)", case[[2L]], size))
      bare_cost <- per_bare_call(bare, arguments, size)
      (in_r - in_python) / bare_cost
    })
    data.frame(case = name, ratio = stats::median(ratios), target = target)
  },
  names(cases), cases, targets
)

report("overhead", do.call(rbind, rows))
