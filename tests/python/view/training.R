# A training that is looked at: it goes on until the page's button is pressed, and prints the
# page's address and then its history, as JSON.

suppressPackageStartupMessages(library(kerasbridge))
options(
  browser = \(url) cat(url, "\n", sep = ""), viewer = NULL, kerasbridge.interrupt = "return"
)

x <- scale(as.matrix(iris[, 1:4]))
order <- order(rep(1:50, 3))
model <- keras_model_sequential(input_shape = 4, name = "iris") |>
  layer_dense(3, activation = "softmax")
model |> compile("adam", "sparse_categorical_crossentropy", metrics = "accuracy")
# Batches that a page can be seen between.
slow <- callback_lambda(on_train_batch_begin = \(batch, logs) Sys.sleep(0.1))
history <- suppressMessages(fit(
  model, x[order, ], iris$Species[order],
  epochs = 1000, validation_split = 0.2, verbose = 0, view_metrics = TRUE, callbacks = slow
))
cat(jsonlite::toJSON(unclass(history), auto_unbox = TRUE, digits = NA), "\n")
# The server gives the page as long as R lives.
invisible(readLines(file("stdin"), 1L))
