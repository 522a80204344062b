# Ctrl-C during fit(), evaluate() and predict(), and time limits.

x <- matrix(seq_len(320) / 320)
y <- seq_len(320) / 320

a_model <- function() {
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  # one step a call: an interrupt is met between two calls
  compile(model, "sgd", "mse", steps_per_execution = 1)
  model
}

press <- function(times = 1L) {
  for (i in seq_len(times)) {
    tools::pskill(Sys.getpid(), tools::SIGINT)
    Sys.sleep(0.05)
  }
}

skip_on_os("windows")

test_that("an interrupt ends fit() after the step, and the history says where", {
  skip_if_not(trains())
  withr::local_options(kerasbridge.interrupt = "return")
  seen <- new.env()
  seen$steps <- seen$ends <- 0L
  callback <- callback_lambda(
    on_train_batch_end = \(batch, logs) {
      if (batch == 3) press()
      seen$steps <- seen$steps + 1L
    },
    on_train_end = \(logs) seen$ends <- seen$ends + 1L
  )
  model <- a_model()
  expect_message(
    history <- fit(model, x, y, callbacks = callback, verbose = 0),
    "Interrupted in epoch 1, after step 3 of 10"
  )
  expect_true(history$interrupted)
  expect_identical(history$interrupted_at, list(epoch = 1L, step = 3L, steps = 10L))
  expect_identical(c(seen$steps, seen$ends), c(3L, 1L))
  expect_length(history, 1)
  expect_true(is.finite(history$metrics$loss))
  expect_output(print(history), "Trained for 1 epoch, the last one interrupted after step 3")

  goes_on <- fit(model, x, y, epochs = 2, initial_epoch = length(history), verbose = 0)
  expect_false(goes_on$interrupted)
  expect_identical(attr(goes_on, "epochs"), 1:2)
})

test_that("an interrupted epoch is the last one, without validation", {
  skip_if_not(trains())
  withr::local_options(kerasbridge.interrupt = "return")
  callback <- callback_lambda(on_epoch_end = \(epoch, logs) if (epoch == 2) press())
  history <- suppressMessages(fit(
    a_model(), x, y,
    callbacks = callback, verbose = 0, validation_split = 0.2, epochs = 4
  ))
  expect_length(history, 3)
  frame <- as.data.frame(history)
  expect_identical(frame$epoch[frame$data == "training"], 1:3)
  expect_identical(frame$epoch[frame$data == "validation"], 1:2)
  expect_identical(history$interrupted_at$step, 1L)
})

test_that("in a script R's interrupt goes on, once, with the history", {
  skip_if_not(trains())
  withr::local_options(kerasbridge.interrupt = "leave")
  calls <- 0L
  callback <- callback_lambda(on_train_batch_end = \(batch, logs) if (batch == 3) press())
  cnd <- tryCatch(
    withCallingHandlers(
      fit(a_model(), x, y, callbacks = callback, verbose = 0),
      interrupt = \(cnd) calls <<- calls + 1L
    ),
    interrupt = identity
  )
  expect_s3_class(cnd, c("kerasbridge_interrupt", "interrupt", "condition"), exact = TRUE)
  expect_identical(calls, 1L)
  expect_identical(cnd$history$interrupted_at$step, 3L)
  withr::local_options(kerasbridge.interrupt = "stay")
  expect_refused(
    fit(a_model(), x, y, callbacks = callback, verbose = 0), "kerasbridge.interrupt"
  )
})

test_that("a second interrupt leaves R code that does not end, at once", {
  skip_if_not(trains())
  withr::local_options(kerasbridge.interrupt = "return")
  ends <- 0L
  callback <- callback_lambda(
    on_train_batch_end = \(batch, logs) {
      if (batch == 3) {
        press(2)
        repeat Sys.sleep(0.05)
      }
    },
    on_train_end = \(logs) ends <<- ends + 1L
  )
  model <- a_model()
  cnd <- tryCatch(fit(model, x, y, callbacks = callback, verbose = 0), interrupt = identity)
  expect_s3_class(cnd, "interrupt")
  expect_identical(ends, 0L)
  expect_true(all(is.finite(unlist(get_weights(model)))))
  expect_length(fit(model, x, y, epochs = 1, verbose = 0), 1)
})

test_that("evaluate() and predict() leave with the interrupt, and the model is as it was", {
  model <- a_model()
  before <- get_weights(model)
  on_test <- callback_lambda(on_test_batch_begin = \(batch, logs) if (batch == 3) press())
  on_predict <- callback_lambda(on_predict_batch_begin = \(batch, logs) if (batch == 3) press())
  expect_s3_class(
    tryCatch(evaluate(model, x, y, callbacks = on_test, verbose = 0), interrupt = identity),
    "kerasbridge_interrupt"
  )
  expect_s3_class(
    tryCatch(predict(model, x, callbacks = on_predict, verbose = 0), interrupt = identity),
    "kerasbridge_interrupt"
  )
  expect_identical(get_weights(model), before)
  expect_true(is.finite(evaluate(model, x, y, verbose = 0)$loss))
})

test_that("a time limit ends fit() between two batches, with its history", {
  skip_if_not(trains())
  model <- a_model()
  ends <- 0L
  callback <- callback_lambda(on_train_end = \(logs) ends <<- ends + 1L)
  fit(model, x, y, epochs = 1, verbose = 0)
  limited <- function() {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 1, transient = TRUE)
    fit(model, x, y, epochs = 1e6, callbacks = callback, verbose = 0)
  }
  cnd <- tryCatch(limited(), error = identity)
  expect_identical(conditionMessage(cnd), gettext("reached elapsed time limit", domain = "R"))
  expect_true(cnd$history$interrupted)
  expect_identical(ends, 1L)
  expect_length(fit(model, x, y, epochs = 1, verbose = 0), 1)
})

test_that("a time limit ends predict() as the error that it is", {
  model <- a_model()
  predict(model, x, verbose = 0)
  slow <- callback_lambda(on_predict_batch_begin = \(batch, logs) Sys.sleep(0.1))
  limited <- function() {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 0.2, transient = TRUE)
    predict(model, x, batch_size = 4, callbacks = slow, verbose = 0)
  }
  cnd <- tryCatch(limited(), error = identity)
  expect_identical(conditionMessage(cnd), gettext("reached elapsed time limit", domain = "R"))
})

test_that("an error in a layer's first step leaves the model whole", {
  skip_if_not(trains())
  model <- a_model()
  before <- get_weights(model)
  stopping <- function(y_true, y_pred) stop("not this loss")
  compile(model, "sgd", stopping)
  expect_error(fit(model, x, y, epochs = 1, verbose = 0), "not this loss")
  expect_identical(get_weights(model), before)
})

test_that("a real Ctrl-C at a random moment loses nothing", {
  skip_if_not(trains())
  skip_if_not_installed("processx")
  runs <- as.integer(Sys.getenv("KERASBRIDGE_INTERRUPTS", "4"))
  script <- test_path("scripts", "interrupted.R")
  child <- processx::process$new(
    file.path(R.home("bin"), "Rscript"), c(script, runs),
    env = c("current", KERAS_BACKEND = config_backend()), stdin = "|", stdout = "|", stderr = "|"
  )
  withr::defer(child$kill())
  output <- character()
  set.seed(NULL)
  deadline <- Sys.time() + 60 + 10 * runs
  while (child$is_alive() && Sys.time() < deadline) {
    child$poll_io(100)
    lines <- child$read_output_lines()
    output <- c(output, lines)
    for (line in grep("^training", lines, value = TRUE)) {
      Sys.sleep(stats::runif(1, 0, 0.3))
      child$signal(tools::SIGINT)
      if (line == "training twice") {
        Sys.sleep(stats::runif(1, 0, 0.1))
        child$signal(tools::SIGINT)
      }
      child$write_input("all sent\n")
    }
  }
  expect_false(child$is_alive())
  output <- c(output, child$read_output_lines())
  expect_identical(child$get_exit_status(), 0L, info = paste(output, child$read_all_error()))
  expect_identical(sum(output == "fine"), runs, info = grep("NOT", output, value = TRUE))
})
