# Data frames as inputs, and the names of columns and rows.

frame_model <- function() {
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 3) |> layer_dense(1)
  compile(model, "sgd", "mse")
  model
}

two_inputs <- function() {
  a <- keras_input(shape = 1, name = "wt")
  b <- keras_input(shape = 1, name = "hp")
  keras_model(list(wt = a, hp = b), layer_subtract(list(a, b)))
}

columns <- c("wt", "hp", "qsec")

test_that("a data frame or tibble is the numeric matrix of its columns", {
  model <- frame_model()
  frame <- mtcars[1:5, columns]
  expected <- predict(model, as.matrix(frame), verbose = 0)
  expect_identical(rownames(expected), rownames(frame))
  expect_identical(predict(model, frame, verbose = 0), expected)
  expect_identical(predict(model, newdata = frame, verbose = 0), expected)
  tibble <- tibble::as_tibble(frame)
  expect_identical(predict(model, tibble, verbose = 0), unname(expected))
  whole <- data.frame(a = 1:2, b = c(TRUE, FALSE), c = c(0.5, 1))
  expect_equal(
    predict(model, whole, verbose = 0),
    predict(model, cbind(1:2, c(1, 0), c(0.5, 1)), verbose = 0)
  )
  expect_equal(predict_on_batch(model, frame), expected, tolerance = float32_tolerance)
  y <- mtcars$mpg[1:5]
  expect_equal(
    evaluate(model, frame, y, verbose = 0), evaluate(model, as.matrix(frame), y, verbose = 0)
  )
})

test_that("columns are the inputs of their names where a model has several", {
  model <- two_inputs()
  frame <- mtcars[1:3, c("mpg", "hp", "wt")]
  expect_equal(
    predict(model, frame, verbose = 0), cbind(frame$wt - frame$hp),
    ignore_attr = "dimnames", tolerance = float32_tolerance
  )
  expect_identical(rownames(predict(model, frame, verbose = 0)), rownames(frame))
})

test_that("a model that was trained on names finds its columns", {
  on_backend(c("tensorflow", "jax", "torch"), {
    model <- frame_model()
    frame <- scale(mtcars[, columns])
    fit(model, as.data.frame(frame), mtcars$mpg, epochs = 1, verbose = 0)
    expected <- predict(model, frame, verbose = 0)
    expect_identical(predict(model, as.data.frame(frame)[3:1], verbose = 0), expected)
    expect_identical(predict(model, frame[, 3:1], verbose = 0), expected)
    more <- cbind(day = Sys.Date(), as.data.frame(frame))
    expect_identical(predict(model, more, verbose = 0), expected)
    path <- withr::local_tempfile(fileext = ".keras")
    save_model(model, path)
    expect_identical(predict(load_model(path), more, verbose = 0), expected)
    expect_refused(predict(model, more[1:3], verbose = 0), "no column \"qsec\"")
  })
})

test_that("columns that are no numbers are refused by name", {
  model <- frame_model()
  bad <- data.frame(day = Sys.Date(), kind = factor("a"), name = "b", n = 1)
  expect_snapshot(error = TRUE, {
    predict(model, bad)
    predict(model, newdata = bad[4:1])
    predict(two_inputs(), mtcars[, 1:2])
    predict(model, mtcars, newdata = mtcars)
  })
})

test_that("missing and infinite numbers in x are warned of, once and by name", {
  x <- data.frame(a = c(1, NA, 3), b = c(1, 2, Inf), c = 1:3)
  model <- frame_model()
  expect_snapshot({
    invisible(evaluate(model, x, 1:3, verbose = 0))
    invisible(evaluate(model, unname(as.matrix(x)), 1:3, verbose = 0))
  })
  large <- data.frame(a = 1:3 + 1e30, b = 1, c = 1)
  # NumPy has a warning of its own for the square of such a number
  expect_no_warning(evaluate(model, large, 1:3, verbose = 0), message = "missing|infinite")
  withr::with_options(
    list(kerasbridge.check_finite = FALSE),
    expect_no_warning(evaluate(model, x, 1:3, verbose = 0))
  )
})

test_that("a feature space takes a data frame with its factors", {
  frame <- data.frame(size = c(1, 2, 3, 6), kind = factor(c("a", "b", "a", "b")))
  space <- layer_feature_space(
    features = list(size = feature_float(), kind = feature_string_categorical(num_oov_indices = 0)),
    output_mode = "concat"
  )
  adapt(space, frame)
  expected <- cbind(c(0, 1, 0, 1), c(1, 0, 1, 0), frame$size)
  expect_value(space(frame), expected)
  expect_value(space(frame[2, ]), expected[2, , drop = FALSE])
  expect_value(space(list(size = frame$size, kind = as.character(frame$kind))), expected)
})

test_that("a feature space takes its own columns, and refuses a frame without them", {
  frame <- data.frame(day = Sys.Date(), size = c(1, 2, 3, 6))
  space <- layer_feature_space(features = list(size = feature_float()), output_mode = "concat")
  adapt(space, frame)
  expect_value(space(frame), cbind(frame$size))
  expect_refused(space(frame["day"]), "no column \"size\", which the feature space takes")
  expect_refused(adapt(space, frame["day"]), "no column \"size\", which the feature space takes")
})

test_that("a feature space is saved, by itself and inside a model", {
  frame <- data.frame(
    size = c(1, 2, 3, 6), kind = factor(c("a", "b", "a", "b")), rooms = c(1L, 2L, 2L, 1L)
  )
  features <- list(size = feature_float_normalized(), rooms = feature_integer_categorical())
  text <- list(kind = feature_string_categorical(num_oov_indices = 0))
  path <- withr::local_tempfile(fileext = ".keras")
  space <- layer_feature_space(features = c(features, text), output_mode = "concat")
  adapt(space, frame)
  save_model(space, path)
  expect_value(load_model(path)(frame), space(frame))

  # A model computes with text on TensorFlow alone; elsewhere it begins behind the space.
  within <- function(space) {
    adapt(space, frame)
    encoded <- space$get_encoded_features()
    outputs <- layer_dense(encoded, 1)
    list(
      whole = keras_model(space$get_inputs(), outputs), behind = keras_model(encoded, outputs)
    )
  }
  numbers <- layer_feature_space(features = features, output_mode = "concat")
  models <- within(numbers)
  expected <- predict(models$behind, numbers(frame), verbose = 0)
  expect_equal(
    predict(models$whole, frame, verbose = 0), expected,
    ignore_attr = "dimnames", tolerance = float32_tolerance
  )
  save_model(models$whole, path, overwrite = TRUE)
  expect_equal(
    predict(load_model(path), frame, verbose = 0), expected,
    ignore_attr = "dimnames", tolerance = float32_tolerance
  )
  models <- within(space)
  if (config_backend() == "tensorflow") {
    expected <- predict(models$behind, space(frame), verbose = 0)
    save_model(models$whole, path, overwrite = TRUE)
    expect_equal(
      predict(load_model(path), frame, verbose = 0), expected,
      ignore_attr = "dimnames", tolerance = float32_tolerance
    )
  } else {
    expect_refused(predict(models$whole, frame, verbose = 0), "takes text, which")
  }
})
