# Run in a process of its own: functions that call themselves for ever, wherever Python calls them.

library(kerasbridge)

endless <- function(...) endless(...)
through_ops <- function(x, ...) through_ops(x + 0, ...)
trains <- config_backend() != "numpy"
x <- matrix(1:8 / 8, 4, 2)
model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
trained <- function(..., callbacks = NULL) {
  compile(model, "sgd", ...)
  fit(model, x, 1:4, epochs = 1, verbose = 0, callbacks = callbacks)
}
called <- reticulate::py_eval("lambda f, x: f(x)")
layer_endless <- new_layer_class("Endless", call = function(inputs) endless(inputs))
places <- c(
  list(
    Python = \() called(endless, 1), `with tensors` = \() called(through_ops, op_ones(2)),
    layer = \() layer_endless()(op_ones(2)), map = \() op_map(1:2, endless),
    `end of a prediction` = \() {
      predict(model, x, verbose = 0, callbacks = callback_lambda(on_predict_end = endless))
    }
  ),
  if (trains) list(
    loss = \() trained(endless), `loss of tensors` = \() trained(through_ops),
    metric = \() trained("mse", metrics = list(endless)),
    `end of an epoch` = \() trained("mse", callbacks = callback_lambda(on_epoch_end = endless))
  )
)
ended <- lapply(places, \(place) class(tryCatch(place(), error = identity)))
# Nearly as deep, so that handlers have the rest of the stack.
deep <- function(n) if (n > 0) deep(n - 1) else called(endless, 1)
ended$deep <- lapply(seq(800, 1600, 100), \(n) class(tryCatch(deep(n), error = identity)))
# R and Python in turn: Python has fewer frames than R has expressions.
turns <- function(x) called(turns, x)
ended$turns <- tryCatch(turns(1), error = conditionMessage)
ended$works <- as.vector(as.array(op_ones(2) + 1))
if (trains) ended$trains <- length(trained("mse"))
ended
