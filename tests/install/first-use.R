# What the page on installation tells a newcomer to do.
arguments <- commandArgs(TRUE)
library(kerasbridge)
reticulate::py_require(python_version = arguments[[2L]])
use_backend(arguments[[1L]])

model <- keras_model_sequential(input_shape = 4) |>
  layer_dense(3, activation = "softmax")
model |> compile("adam", "sparse_categorical_crossentropy", metrics = "accuracy")
history <- model |> fit(as.matrix(iris[, 1:4]), iris$Species, epochs = 2, verbose = 0)

stopifnot(length(history$metrics$loss) == 2L, all(is.finite(history$metrics$loss)))
stopifnot(identical(config_backend(), arguments[[1L]]))
cat("trained on", arguments[[1L]], "with", reticulate::py_config()$python, "\n")
