# predict() from an R double matrix to an R matrix, against Python in a process of its own.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 512L)
runs <- bench_size(full = 5L, small = 1L)

set.seed(1)
x <- matrix(stats::runif(rows * 784), rows)

model_of <- function(outputs) {
  keras_model_sequential(input_shape = 784) |>
    layer_dense(512, activation = "relu") |>
    layer_dense(outputs, activation = "softmax")
}

outputs <- c(10, 784)
in_r <- vapply(outputs, \(n) {
  model <- model_of(n)
  median_seconds(\() predict(model, x, batch_size = 128, verbose = 0), runs)
}, double(1))
in_python <- python_reference("predict", rows, runs)

report("predict", data.frame(
  case = paste(outputs, "outputs"),
  ratio = in_r / unlist(in_python)[as.character(outputs)],
  target = c(1.5, 2.5)
))
