# Peak resident memory. Of a fit, less R's own matrix, against Python's for a float64 array; of
# loops that leave large tensors or many models behind, against the same with gc() at every step,
# each in a process of its own, and the time of a step likewise. With gc() at every step a process
# is as large as it becomes after few of them, and a step takes a fifth of a second.

source(file.path("bench", "measure.R"))
library(kerasbridge)

# Runs in a process of its own: the seconds of a step and the peak of the process, in kB.
in_loop <- function(loop, collect, large, peak_memory) {
  library(kerasbridge)
  step <- loop$make(large)
  step()
  invisible(gc(FALSE))
  steps <- min(loop$steps, if (!large) 3L else if (collect) 300L)
  start <- as.numeric(Sys.time())
  for (i in seq_len(steps)) {
    step()
    if (collect) gc(FALSE)
  }
  seconds <- as.numeric(Sys.time()) - start
  c(seconds = seconds / steps, peak = peak_memory())
}

data_of <- function(large, columns) {
  rows <- if (large) 60000L else 512L
  matrix(stats::runif(rows * columns), rows)
}

loops <- list(
  arithmetic = list(steps = 100L, make = function(large) {
    m <- data_of(large, 196L)
    function() {
      x <- op_convert_to_tensor(m)
      y <- x * 2 + 1
    }
  }),
  `from scratch` = list(steps = 10000L, gigabytes = 2, make = function(large) {
    x <- op_convert_to_tensor(matrix(stats::runif(2000 * 196), 2000))
    w <- op_convert_to_tensor(matrix(stats::runif(196 * 196) / 196, 196))
    function() {
      h <- op_relu(op_matmul(x, w))
      w <<- w - 0.001 * op_matmul(op_transpose(x), h)
    }
  }),
  predict = list(steps = 10L, make = function(large) {
    m <- data_of(large, 784L)
    model <- keras_model_sequential(input_shape = 784) |> layer_dense(10)
    function() predict(model, m, batch_size = 512, verbose = 0)
  }),
  train_on_batch = list(steps = 10000L, make = function(large) {
    model <- keras_model_sequential(input_shape = 20) |> layer_dense(1)
    compile(model, "sgd", "mse")
    x <- matrix(stats::runif(32 * 20), 32)
    function() train_on_batch(model, x, x[, 1])
  }),
  `small fits` = list(steps = 10000L, make = function(large) {
    model <- keras_model_sequential(input_shape = 20) |> layer_dense(1)
    compile(model, "sgd", "mse")
    x <- matrix(stats::runif(32 * 20), 32)
    function() fit(model, x, x[, 1], epochs = 1, verbose = 0)
  }),
  gradients = list(steps = 300L, make = function(large) {
    x <- op_convert_to_tensor(matrix(stats::runif(5000 * 196), 5000))
    start <- matrix(stats::runif(196 * 196) / 196, 196)
    loss <- function(w) mean(op_relu(op_matmul(x, w))^2)
    switch(config_backend(),
      tensorflow = {
        w <- tf$Variable(op_convert_to_tensor(start))
        function() {
          with(tf$GradientTape() %as% tape, value <- loss(w))
          w$assign_sub(0.01 * tape$gradient(value, w))
        }
      },
      jax = {
        gradient_of <- import("jax")$value_and_grad(loss)
        w <- op_convert_to_tensor(start)
        function() {
          found <- gradient_of(w)
          w <<- w - 0.01 * found[[2L]]
        }
      },
      torch = {
        torch <- import("torch")
        w <- torch$nn$Parameter(op_convert_to_tensor(start))
        function() {
          loss(w)$backward()
          w$data <- w$data - 0.01 * w$grad
          w$grad <- NULL
        }
      }
    )
  })
)

ratios_of <- function(name) {
  large <- bench_size(full = TRUE, small = FALSE)
  run <- function(collect) {
    # The loop's functions find what they use in the global environment of their process.
    loop <- loops[[name]]
    environment(loop$make) <- globalenv()
    callr::r(
      function(in_loop, data_of, ...) {
        assign("data_of", data_of, globalenv())
        in_loop(...)
      },
      list(in_loop, data_of, loop, collect, large, peak_memory)
    )
  }
  ours <- run(collect = FALSE)
  collected <- run(collect = TRUE)
  limit <- loops[[name]]$gigabytes
  data.frame(
    case = paste0(name, c(": peak", ": time", if (!is.null(limit)) ": GB")),
    ratio = c((ours / collected)[c("peak", "seconds")], if (!is.null(limit)) ours[["peak"]] / 1e6),
    target = c(2, 1.3, limit)
  )
}

# The peak of this process comes first: it must not have done anything else.
rows <- bench_size(full = 60000L, small = 512L)

x <- features(rows)
y <- classes(rows)
invisible(gc(FALSE))
two_layers(10) |> fit(x, y, batch_size = 128, epochs = 1, verbose = 0)

own_matrix <- as.numeric(utils::object.size(x)) / 1024
of_fit <- data.frame(
  case = "one epoch",
  ratio = (peak_memory() - own_matrix) / python_reference("memory", rows, 1L)$peak,
  target = 1.1
)
rm(x, y)
invisible(gc(FALSE))

# Each loop takes two processes: a small run has the first loop alone.
measured <- bench_size(full = names(loops), small = names(loops)[[1L]])
report("memory", rbind(of_fit, do.call(rbind, lapply(measured, ratios_of))))
