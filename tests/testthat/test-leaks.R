# Memory stays flat and what R gave to Python is let go, in a process of its own.

skip_if_not_installed("callr")
skip_if_not_installed("ps")

in_a_process <- function(code, ...) callr::r(code, list(...), timeout = 900)

# Resident memory, in MB, after each part of the rounds of `f`, with both sides' garbage collected.
resident_after <- function(f, rounds, parts) {
  vapply(seq_len(parts), function(part) {
    for (i in seq_len(rounds / parts)) f()
    gc(FALSE)
    reticulate::import("gc")$collect()
    gc(FALSE)
    ps::ps_memory_info()[["rss"]] / 2^20
  }, double(1))
}

test_that("memory is flat over 10000 calls of ops", {
  resident <- in_a_process(function(resident_after) {
    library(kerasbridge)
    x <- op_ones(c(8, 8))
    one <- function() {
      y <- op_matmul(x, matrix(1, 8, 8)) # a tensor, and R data
      as.array(op_sum(y, axis = 1))
      tryCatch(op_sum(y, axis = 0), error = identity)
      y[1, 2:3] + 1
    }
    for (i in 1:200) one() # warm: what is bound, traced or compiled once
    resident_after(one, rounds = 2000, parts = 4) # five calls a round
  }, resident_after)
  expect_lt(max(resident) / resident[[1]], 1.05)
})

on_backend(c("jax", "tensorflow", "torch"), {
  test_that("memory is flat over models that are trained and dropped", {
    models <- if (config_backend() == "tensorflow") 100 else 200 # half a second each
    resident <- in_a_process(function(resident_after, models) {
      library(kerasbridge)
      x <- matrix(1, 8, 4)
      # Compiled, each model of TensorFlow and JAX leaves its program behind, in Python alone too:
      # what R adds is in what runs eagerly.
      one <- function() {
        model <- keras_model_sequential(input_shape = 4) |>
          layer_dense(4, activation = \(x) op_relu(x)) |>
          layer_dense(1)
        compile(model, "sgd", \(y_true, y_pred) op_mean((y_true - y_pred)^2), run_eagerly = TRUE)
        fit(model, x, rep(1, 8), epochs = 1, verbose = 0)
        clear_session(free_memory = FALSE) # it collects garbage, as resident_after() does
      }
      for (i in 1:20) one()
      resident_after(one, rounds = models, parts = 5)
    }, resident_after, models)
    expect_lt(max(resident) / resident[[1]], 1.05)
  })

  test_that("R functions and objects are let go once the model is dropped", {
    fired <- in_a_process(function() {
      library(kerasbridge)
      fired <- character()
      # A function that says when R has collected what it was made with. The finalizer is made
      # elsewhere: its own environment must not hold what it waits for.
      says <- function(name) {
        force(name)
        function(e) fired <<- c(fired, name)
      }
      told <- function(name, f) {
        held <- new.env()
        reg.finalizer(held, says(name))
        environment(f) <- new.env(parent = globalenv())
        environment(f)$held <- held
        f
      }
      train <- function() {
        model <- keras_model_sequential(input_shape = 4) |>
          layer_dense(4, activation = told("activation", \(x) op_relu(x))) |>
          layer_dense(1)
        compile(
          model, "sgd",
          loss = told("loss", \(y_true, y_pred) op_mean((y_true - y_pred)^2)),
          metrics = list(told("metric", \(y_true, y_pred) op_mean(abs(y_true - y_pred)))),
          run_eagerly = TRUE
        )
        callback <- callback_lambda(on_epoch_end = told("callback", \(epoch, logs) NULL))
        fit(model, matrix(1, 8, 4), rep(1, 8), epochs = 1, verbose = 0, callbacks = list(callback))
        invisible()
      }
      train()
      clear_session()
      for (i in 1:3) {
        gc(FALSE)
        import("gc")$collect()
      }
      gc(FALSE)
      sort(unique(fired))
    })
    expect_identical(fired, c("activation", "callback", "loss", "metric"))
  })
})

on_backend("tensorflow", {
  test_that("what TensorFlow keeps of a compiled model is no more from R than from Python", {
    grown <- in_a_process(function(resident_after) {
      library(kerasbridge)
      x <- matrix(1, 8, 4)
      in_r <- function() {
        model <- keras_model_sequential(input_shape = 4) |> layer_dense(1)
        compile(model, "sgd", "mse")
        fit(model, x, rep(1, 8), epochs = 1, verbose = 0)
        clear_session(free_memory = FALSE)
      }
      python <- reticulate::py_run_string("
import keras
import numpy as np

x, y = np.ones((8, 4), 'float32'), np.ones(8, 'float32')

def in_python():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile('sgd', 'mse')
    model.fit(x, y, epochs=1, verbose=0)
    keras.utils.clear_session(free_memory=False)
")
      in_r()
      python$in_python()
      growth <- \(f) diff(resident_after(f, rounds = 16, parts = 2))
      c(r = growth(in_r), python = growth(python$in_python))
    }, resident_after)
    # Pages of memory come in blocks: a MB is within what two runs of either differ.
    expect_lt(grown[["r"]], 1.2 * grown[["python"]] + 2)
  })
})
