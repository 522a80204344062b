# What R does while Python trains.

test_that("timers of later run during fit(), and an error in one is a warning afterwards", {
  skip_if_not(trains())
  skip_if_not_installed("later")
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  model |> compile("sgd", "mse")
  met <- 0L
  failed <- FALSE
  later::later(\() met <<- met + 1L, 0.05)
  later::later(\() {
    failed <<- TRUE
    stop("the timer fails")
  }, 0.1)
  # However fast a training is: this one ends once both timers have run.
  limit <- Sys.time() + 60
  until_run <- callback_lambda(on_epoch_end = \(epoch, logs) {
    if (failed || Sys.time() > limit) model$stop_training <- TRUE
  })
  x <- matrix(seq_len(320) / 320)
  expect_warning(
    history <- fit(model, x, x[, 1], epochs = 1e6, callbacks = until_run, verbose = 0),
    "the timer fails"
  )
  expect_identical(met, 1L)
  expect_false(history$interrupted)
})

test_that("handlers of progressr are signalled at each epoch's end", {
  skip_if_not(trains())
  skip_if_not_installed("progressr")
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  model |> compile("sgd", "mse")
  told <- character()
  progressr::with_progress(
    withCallingHandlers(
      fit(model, matrix(1:4 / 4), 1:4 / 4, epochs = 3, verbose = 0),
      progression = \(p) if (p$type == "update") told <<- c(told, p$message)
    ),
    handlers = progressr::handler_void(), enable = TRUE
  )
  expect_match(told, "^Epoch [1-3]/3: 1 step in .* - loss: ")
  expect_length(told, 3)
})
