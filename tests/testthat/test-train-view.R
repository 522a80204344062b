# What the page of a training is given to draw; tests/python/view looks at the page itself.

skip_if_not(trains())

x <- scale(as.matrix(iris[, 1:4]))

a_model <- function() {
  model <- keras_model_sequential(input_shape = 4, name = "iris") |>
    layer_dense(3, activation = "softmax")
  compile(model, "adam", "sparse_categorical_crossentropy", metrics = "accuracy")
  model
}

# A training that is looked at: its history, where the viewer was led, and what is drawn there.
viewed <- function(...) {
  at <- character()
  withr::local_options(viewer = \(url, height = NULL) at <<- c(at, url))
  history <- fit(a_model(), x, iris$Species, verbose = 2, ...)
  folder <- file.path(tempdir(), "kerasbridge", basename(dirname(at)))
  text <- if (length(at)) paste(readLines(file.path(folder, "metrics.js")), collapse = "")
  list(
    history = history, at = at, files = sort(list.files(folder)),
    drawn = if (length(at)) jsonlite::fromJSON(gsub("^training[(]|[)]$", "", text), FALSE)
  )
}

test_that("the page has the values of the history, and is led to once", {
  set.seed(1)
  seed <- .Random.seed
  capture.output(seen <- viewed(epochs = 3, validation_split = 0.2, view_metrics = TRUE))
  expect_identical(.Random.seed, seed)
  expect_length(seen$at, 1)
  expect_identical(seen$files, c("index.html", "metrics.js"))
  drawn <- seen$drawn
  expect_identical(
    drawn[c("status", "model", "epoch", "epochs", "batch", "batches", "done", "left")],
    list(
      status = "done", model = "iris", epoch = 3L, epochs = 3L, batch = 4L, batches = 4L,
      done = 1L, left = 0L
    )
  )
  expect_gt(drawn$speed, 0)
  lines <- list()
  for (panel in drawn$panels) {
    for (data in names(panel$data)) {
      name <- paste0(if (data == "validation") "val_", panel$metric)
      expect_identical(unlist(panel$data[[data]]$epoch), 1:3)
      lines[[name]] <- unlist(panel$data[[data]]$value)
      expect_identical(panel$now[[data]], panel$data[[data]]$value[[3L]])
    }
  }
  # six digits are written
  expect_equal(lines[names(seen$history$metrics)], seen$history$metrics, tolerance = 1e-5)
})

test_that("the page tells of a training that is interrupted or fails", {
  withr::local_options(kerasbridge.interrupt = "return")
  press <- callback_lambda(
    on_train_batch_begin = \(batch, logs) if (batch == 3) tools::pskill(Sys.getpid(), tools::SIGINT)
  )
  skip_on_os("windows")
  suppressMessages(seen <- viewed(callbacks = press, view_metrics = TRUE))
  expect_identical(seen$drawn$status, "interrupted")
  fails <- callback_lambda(on_epoch_end = \(epoch, logs) stop("no more"))
  expect_error(viewed(callbacks = fails, view_metrics = TRUE), "no more")
  last <- utils::tail(list.files(
    file.path(tempdir(), "kerasbridge"), "metrics.js$", recursive = TRUE, full.names = TRUE
  ), 1L)
  expect_match(readLines(last), '"status":"failed"', fixed = TRUE)
})

test_that("a page opens by itself in an interactive session with a viewer only", {
  capture.output(expect_identical(viewed(epochs = 2)$at, character()))
  rlang::local_interactive()
  withr::local_options(cli.dynamic = FALSE)
  capture.output(expect_length(viewed(epochs = 2)$at, 1))
  capture.output(expect_identical(viewed(epochs = 1)$at, character()))
  capture.output(expect_identical(viewed(epochs = 2, view_metrics = FALSE)$at, character()))
  withr::local_options(keras.view_metrics = "yes")
  expect_refused(viewed(), "`view_metrics` must be TRUE, FALSE or \"auto\"")
})
