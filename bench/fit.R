# fit() on an R double matrix, conversion included, against Python in a process of its own.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 512L)
runs <- bench_size(full = 5L, small = 1L)

set.seed(1)
x <- matrix(stats::runif(rows * 784), rows)
y <- (seq_len(rows) - 1L) %% 10L

model <- keras_model_sequential(input_shape = 784) |>
  layer_dense(512, activation = "relu") |>
  layer_dense(10, activation = "softmax")
model |> compile("adam", "sparse_categorical_crossentropy")

epochs <- function(n) model |> fit(x, y, batch_size = 128, epochs = n, verbose = 0)

in_r <- c(median_seconds(\() epochs(1), runs), median_seconds(\() epochs(5), max(1L, runs %/% 2L)))
in_python <- python_reference("fit", rows, runs)

report("fit", data.frame(
  case = c("one epoch", "five epochs"),
  ratio = in_r / c(in_python$one, in_python$five),
  target = c(1.15, 1.25)
))
