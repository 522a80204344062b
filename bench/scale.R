# What training under a distribution costs beside training without one, and two processes beside
# one on the same cores: with steps that are worth sharing, of half a second, and with steps of
# a millisecond, which are as short as the exchange of their gradients.

source(file.path("bench", "measure.R"))
library(kerasbridge)

backend <- Sys.getenv("KERAS_BACKEND", "tensorflow")
rows <- bench_size(full = 60000L, small = 512L)
runs <- bench_size(full = 3L, small = 1L)

# Seconds of one epoch, and of the process from its start to the end of the first step.
measured <- function(rows, runs, distributed, units, batch_size) {
  started <- as.numeric(Sys.time())
  library(kerasbridge)
  set_random_seed(1)
  if (distributed) distribution_set(distribution_data_parallel())
  x <- matrix(stats::runif(rows * 100L), rows)
  y <- sample(0:9, rows, replace = TRUE)
  model <- keras_model_sequential(input_shape = 100) |>
    layer_dense(units, activation = "relu") |>
    layer_dense(units, activation = "relu") |>
    layer_dense(10, activation = "softmax")
  model |> compile("adam", "sparse_categorical_crossentropy")
  epoch <- function(rows) {
    fit(model, x[rows, ], y[rows], batch_size = batch_size, epochs = 1, verbose = 0)
  }
  epoch(seq_len(min(batch_size, rows)))
  first <- as.numeric(Sys.time()) - started
  epoch(seq_len(nrow(x)))
  times <- vapply(seq_len(runs), \(i) system.time(epoch(seq_len(nrow(x))))[["elapsed"]], 0)
  list(epoch = stats::median(times), first = first)
}

run <- function(processes, distributed, units = 1024, batch_size = 8192) {
  launch(
    measured, rows, runs, distributed, units, batch_size, processes = processes, output = "none"
  )
}
run_short <- function(processes, distributed) run(processes, distributed, 256, 256)

if (backend %in% c("jax", "torch")) {
  plain <- run(1, FALSE)
  two <- run(2, TRUE)
  figures <- data.frame(
    case = c(
      "one process under a distribution", "two processes on the same cores",
      "seconds to the first step of two processes"
    ),
    ratio = c(run(1, TRUE)$epoch / plain$epoch, two$epoch / plain$epoch, two$first),
    target = c(1.05, 1.15, NA)
  )
  if (bench_size(full = TRUE, small = FALSE)) {
    plain <- run_short(1, FALSE)
    figures <- rbind(figures, data.frame(
      case = paste0(figures$case[1:2], ", short steps"),
      ratio = c(run_short(1, TRUE)$epoch, run_short(2, TRUE)$epoch) / plain$epoch,
      target = c(1.05, NA)
    ))
  }
  report("scale", figures)
}
