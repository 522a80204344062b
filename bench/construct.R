# Making layers, optimizers and models, against the same in Python.

source(file.path("bench", "measure.R"))
library(kerasbridge)

times <- bench_size(full = 300L, small = 5L)

reticulate::py_run_file(file.path("bench", "timing.py"))
python <- reticulate::py_run_string("
import keras

def dense():
    return keras.layers.Dense(units=32)

def adam():
    return keras.optimizers.Adam()

def three_layers():
    model = keras.Sequential()
    for units in (32, 16, 8):
        model.add(keras.layers.Dense(units))
    return model
", convert = FALSE)

cases <- list(
  dense = \() layer_dense(units = 32),
  adam = \() optimizer_adam(),
  three_layers = \() {
    keras_model_sequential() |> layer_dense(32) |> layer_dense(16) |> layer_dense(8)
  }
)

ratio_of <- function(name) {
  stats::median(replicate(5L, {
    per_call(cases[[name]], times) /
      reticulate::py_eval(sprintf("per_call(%s, %d)", name, times))
  }))
}

report("construct", data.frame(
  case = c("layer_dense(units = 32)", "optimizer_adam()", "a Sequential model with three layers"),
  ratio = vapply(names(cases), ratio_of, double(1)),
  target = 1.3
))
