# Peak resident memory of a fit, less R's own matrix, against Python's for a float64 array.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 512L)

peak <- function() {
  status <- readLines("/proc/self/status")
  as.numeric(gsub("\\D", "", grep("^VmHWM", status, value = TRUE)))
}

set.seed(1)
x <- matrix(stats::runif(rows * 784), rows)
y <- (seq_len(rows) - 1L) %% 10L
invisible(gc(FALSE))

model <- keras_model_sequential(input_shape = 784) |>
  layer_dense(512, activation = "relu") |>
  layer_dense(10, activation = "softmax")
model |> compile("adam", "sparse_categorical_crossentropy")
model |> fit(x, y, batch_size = 128, epochs = 1, verbose = 0)

own_matrix <- as.numeric(utils::object.size(x)) / 1024
report("memory", data.frame(
  case = "one epoch",
  ratio = (peak() - own_matrix) / python_reference("memory", rows, 1L)$peak,
  target = 1.1
))
