# Calls with what does not belong there, in a process of their own: it must neither crash nor hang,
# and end every call in a condition of the package.

# reticulate itself meets a pointer to nothing before Python sees a call.
dead <- c("object of another session", "external pointer")

test_that("every malformed call is refused by a condition of the package", {
  skip_if_not_installed("callr")
  skip_if_not_installed("R6")
  # Each backend takes its part of the pairs; three of them together take all.
  backends <- c("jax", "tensorflow", "torch", "numpy")
  first <- (match(config_backend(), backends) - 1L) %% 3L + 1L
  started <- withr::local_tempfile()
  tried <- tryCatch(
    callr::r(
      function(helper, ...) {
        source(helper)
        try_malformed(...)
      },
      list(normalizePath(test_path("helper-malformed.R")), started, first, 3L),
      timeout = 120
    ),
    error = \(e) stop("R did not survive ", readLines(started), ": ", conditionMessage(e))
  )
  expect_gte(nrow(tried), 500L)

  ours <- grepl("kerasbridge_error", tried$class)
  of_reticulate <- tried$value %in% dead & grepl("Rcpp::exception", tried$class)
  expect_identical(tried$label[!ours & !of_reticulate], character())
})

test_that("what is refused at the door is told by the name of its argument", {
  x <- matrix(1:4, 2)
  expect_refused(op_sum(NULL), "`x` must be a tensor or R data, not NULL")
  expect_refused(op_sum(globalenv()), "`x` must be a tensor or R data, not an object that only R")
  expect_refused(op_concatenate(list(globalenv())), "`xs` must be a tensor or R data, not an env")
  expect_refused(op_sum(bytes("\xff")), "`x` holds bytes that are no text")
  expect_refused(op_sum("\xff"), "`x` holds bytes that are no text")
  expect_refused(op_sum(x, axis = "rows"), "`axis` must be a whole number, not the string")
  expect_refused(op_sum(x, axis = NA), "`axis` must be a whole number")
  expect_refused(layer_dense(units = NA_integer_), "`units` must be a whole number, not NA")
  expect_refused(layer_dense(units = ""), "`units` must be a whole number, not an empty string")
  expect_refused(keras_input(shape = "three"), "`shape` must hold whole numbers, not the string")
  expect_refused(shape(Inf), "whole numbers from 0, or `NA`: not Inf")
  expect_refused(op_cast(x, ""), "`dtype` must be a dtype")
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  expect_refused(predict(model, x, verbose = "loud"), "`verbose` must be 0, 1, 2 or")
  on_backend(c("jax", "tensorflow", "torch"), {
    expect_refused(compile(model, "sgd", loss = 3), "`loss` must be a loss: .*, not 3")
    expect_refused(compile(model, "sgd", loss = "mean_error"), "mean_error")
    expect_refused(compile(model, "sgd", metrics = list(3)), "`metrics` must be metrics: .*, not 3")
    compile(model, "sgd", "mse")
    expect_refused(fit(model, x, 1:2, callbacks = "stop"), "`callbacks` must be a callback")
    expect_refused(fit(model, x, 1:2, batch_size = "all"), "`batch_size` must be a whole number")
    expect_refused(fit(model, x, 1:2, epochs = NA_integer_), "`epochs` must be a whole number")
  })
})

test_that("sizes that no memory holds are refused, and R goes on", {
  expect_refused(op_ones(c(2^31 - 1, 2^31 - 1)), "`shape` has more elements than any memory holds")
  expect_error(op_ones(c(2^23, 2^23)), class = "kerasbridge_error")
  # Beyond the 32 bits that frameworks count in, they would make something else, or end R.
  beyond <- "`num_classes` is 8589934592, and no dimension is beyond 2^31"
  expect_refused(op_one_hot(1L, 2^33), beyond, fixed = TRUE)
  expect_refused(op_multi_hot(1L, 2^33), "`num_classes` is")
  expect_refused(op_eye(2^33), "`N` is")
  expect_refused(op_linspace(0, 1, 2^40), "`num` is")
  expect_refused(op_segment_sum(1, 1L, num_segments = 2^33), "`num_segments` is")
  expect_refused(layer_dense(units = 2^40), "`units` is")
  on_backend("jax", expect_refused(random_normal(2^37), "`shape` has a dimension beyond 2\\^31"))
  expect_value(op_ones(2), c(1, 1))
})
