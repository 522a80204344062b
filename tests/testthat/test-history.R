# What fit() gives back.

a_history <- function(metrics = list(loss = c(0.9, 0.5), val_loss = c(1, 0.75)), validated = NULL) {
  new_history(list(
    params = list(epochs = 2L), metrics = metrics,
    epoch = as.list(seq_along(metrics$loss)), validated = as.list(validated)
  ))
}

new_history <- getFromNamespace("new_history", "kerasbridge")

test_that("a history has one number per epoch for each metric", {
  on_backend(c("tensorflow", "jax", "torch"), {
    model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
    model |> compile("sgd", "mse", metrics = "mae")
    history <- fit(
      model, cars$speed / 10, cars$dist / 50,
      epochs = 3, verbose = 0, validation_split = 0.2
    )
    expect_s3_class(history, "keras_training_history")
    expect_setequal(names(history$metrics), c("loss", "mae", "val_loss", "val_mae"))
    expect_true(all(vapply(history$metrics, is.double, logical(1))))
    expect_equal(lengths(history$metrics, use.names = FALSE), rep(3L, 4))
    expect_equal(history$params$epochs, 3L)
    expect_invisible(fit(model, cars$speed / 10, cars$dist / 50, epochs = 1, verbose = 0))
  })
})

test_that("validation metrics belong to the epochs after which they were measured", {
  on_backend(c("tensorflow", "jax", "torch"), {
    model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
    model |> compile("sgd", "mse")
    validated <- function(validation_freq, ...) {
      history <- fit(
        model, cars$speed / 10, cars$dist / 50,
        verbose = 0, validation_split = 0.2, validation_freq = validation_freq, ...
      )
      frame <- as.data.frame(history)
      frame$epoch[frame$data == "validation"]
    }
    expect_identical(validated(2, epochs = 3), 2L)
    expect_identical(validated(c(1, 3), epochs = 3), c(1L, 3L))
    expect_identical(validated(2, epochs = 6, initial_epoch = 4), c(4L, 6L))
  })
})

test_that("a history is a data frame and a tibble", {
  frame <- as.data.frame(a_history())
  expect_equal(frame, data.frame(
    epoch = c(1L, 2L, 1L, 2L),
    value = c(0.9, 0.5, 1, 0.75),
    metric = factor("loss"),
    data = factor(rep(c("training", "validation"), each = 2))
  ))
  expect_s3_class(tibble::as_tibble(a_history()), "tbl_df")
  expect_equal(as.data.frame(tibble::as_tibble(a_history())), frame)
})

test_that("a history prints its last epoch", {
  expect_snapshot(a_history())
  expect_snapshot(a_history(list(loss = 0.25)))
})

test_that("a history plots with ggplot2", {
  p <- plot(a_history())
  expect_s3_class(p, "ggplot")
  expect_equal(ggplot2::layer_data(p, 1)$y, c(0.9, 0.5, 1, 0.75))
  expect_refused(plot(a_history(), metrics = "acuracy"), "must be among")
})

test_that("without ggplot2, a history plots with base graphics", {
  withr::local_pdf(NULL)
  history_base_plot <- getFromNamespace("history_base_plot", "kerasbridge")
  before <- par("mfrow")
  history_base_plot(as.data.frame(a_history()))
  expect_equal(par("usr")[3:4], extendrange(c(0.5, 1), f = 0.04))
  expect_equal(par("mfrow"), before)
})
