# An R function called at every batch, less the same callback in Python, per batch, in units of
# a bare call of an R function from Python: in a loop of such calls, and, where the processor's
# caches hold the training step instead, between two batches.

source(file.path("bench", "measure.R"))
library(kerasbridge)

batches <- bench_size(full = 2000L, small = 20L)
runs <- bench_size(full = 5L, small = 1L)

python <- reticulate::py_run_string("
import time
import keras

class Python(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass

class Between(keras.callbacks.Callback):
    def __init__(self, function):
        super().__init__()
        self.function, self.seconds, self.calls = function, 0.0, 0

    def on_train_batch_end(self, batch, logs=None):
        start = time.perf_counter()
        self.function(1, {'loss': 1.0})
        self.seconds += time.perf_counter() - start
        self.calls += 1

    def bare(self):
        return self.seconds / self.calls

def bare(function, times):
    start = time.perf_counter()
    for _ in range(times):
        function(1, {'loss': 1.0})
    return (time.perf_counter() - start) / times
")

x <- matrix(stats::runif(batches * 4), ncol = 2)
y <- stats::runif(nrow(x))
model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
model |> compile("sgd", "mse")
epoch <- function(callback) {
  one <- \() fit(model, x, y, batch_size = 2, epochs = 1, verbose = 0, callbacks = callback)
  median_seconds(one, runs)
}

in_r <- epoch(callback_lambda(on_train_batch_end = \(batch, logs) NULL))
in_python <- epoch(python$Python())
between <- python$Between(\(batch, logs) NULL)
invisible(epoch(between))

report("callback", data.frame(
  case = c("per batch, to a call in a loop", "per batch, to a call between batches"),
  ratio = (in_r - in_python) / batches /
    c(python$bare(\(batch, logs) NULL, batches), between$bare()),
  target = 2
))
