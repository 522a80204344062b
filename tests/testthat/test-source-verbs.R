# One table of cases: what each verb gives is the same on both engines.

numbers <- \(n = 6) range_dataset(0, n)

cases <- list(
  batch = list(\() numbers(5) |> dataset_batch(2), 0:4),
  drop_remainder = list(\() numbers(5) |> dataset_batch(2, drop_remainder = TRUE), 0:3),
  unbatch = list(\() numbers(4) |> dataset_batch(3) |> dataset_unbatch(), 0:3),
  rebatch = list(\() numbers(5) |> dataset_batch(2) |> dataset_rebatch(4), 0:4),
  map = list(\() numbers(3) |> dataset_map(\(x) x * 2L), c(0, 2, 4)),
  formula = list(\() numbers(3) |> dataset_map(~ .x + 1L), 1:3),
  map_and_batch = list(\() numbers(3) |> dataset_map_and_batch(\(x) x + 1L, 2), 1:3),
  filter = list(\() numbers() |> dataset_filter(\(x) x %% 2 == 0), c(0, 2, 4)),
  take_while = list(\() numbers() |> dataset_take_while(\(x) x < 3), 0:2),
  take = list(\() numbers() |> dataset_take(2), 0:1),
  skip = list(\() numbers() |> dataset_skip(4), 4:5),
  shard = list(\() numbers() |> dataset_shard(3, 1), c(1, 4)),
  `repeat` = list(\() numbers(2) |> dataset_repeat(2), c(0, 1, 0, 1)),
  concatenate = list(
    \() numbers(2) |> dataset_concatenate(numbers(1), numbers(2)), c(0, 1, 0, 0, 1)
  ),
  flat_map = list(
    \() numbers(3) |> dataset_batch(3) |> dataset_flat_map(tensor_slices_dataset), 0:2
  ),
  interleave = list(
    \() {
      numbers(2) |>
        dataset_interleave(\(x) range_dataset(0, 3), cycle_length = 2, block_length = 2)
    },
    c(0, 1, 0, 1, 2, 2)
  ),
  window = list(
    \() {
      numbers(4) |>
        dataset_window(2, shift = 1, drop_remainder = TRUE) |>
        dataset_flat_map(\(window) dataset_batch(window, 2))
    },
    c(0, 1, 1, 2, 2, 3)
  ),
  strided_window = list(
    \() {
      numbers(6) |>
        dataset_window(2, shift = 3, stride = 2, drop_remainder = TRUE) |>
        dataset_flat_map(\(window) dataset_batch(window, 2))
    },
    c(0, 2, 3, 5)
  ),
  unique = list(\() tensor_slices_dataset(c(1L, 2L, 1L, 3L, 2L)) |> dataset_unique(), 1:3),
  scan = list(
    \() numbers(4) |> dataset_scan(0, \(state, x) list(state + x, state + x)), c(0, 1, 3, 6)
  ),
  cache = list(\() numbers(3) |> dataset_cache() |> dataset_repeat(2), c(0:2, 0:2)),
  prefetch = list(\() numbers(3) |> dataset_prefetch(1), 0:2),
  choose_from = list(
    \() {
      choose_from_datasets(
        list(numbers(2), range_dataset(10, 12)),
        range_dataset(1, 5) |> dataset_map(\(x) x %% 2L)
      )
    },
    c(10, 0, 11, 1)
  ),
  padded_batch = list(
    \() {
      range_dataset(1, 3) |>
        dataset_map(\(n) rep(n, n), traced = FALSE) |>
        dataset_padded_batch(2) |>
        dataset_unbatch() |>
        dataset_flat_map(tensor_slices_dataset)
    },
    c(1, 0, 2, 2)
  ),
  in_r = list(
    \() numbers(3) |> dataset_map(\(x) rev(c(x, 7)), traced = FALSE), c(7, 0, 7, 1, 7, 2)
  ),
  filter_in_r = list(\() numbers(4) |> dataset_filter(\(x) x %in% c(1, 3), traced = FALSE), c(1, 3))
)

for (engine in c("tf.data", "grain")) {
  for (case in names(cases)) {
    test_that(paste(case, "gives the same on", engine), {
      withr::local_options(kerasbridge.dataset_engine = engine)
      values <- unlist(value_of(dataset_collect(cases[[case]][[1L]]())))
      expect_equal(as.numeric(values), as.numeric(cases[[case]][[2L]]))
    })
  }

  test_that(paste("elements keep their parts on", engine), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    zipped <- zip_datasets(n = range_dataset(0, 2), m = range_dataset(5, 7))
    expect_identical(as.data.frame(zipped), data.frame(n = 0:1, m = 5:6))
    pairs <- tensor_slices_dataset(list(c(1.5, 2.5), factor(c("b", "a"))))
    expect_equal(as.data.frame(pairs), data.frame(x = c(1.5, 2.5), y = c(1L, 0L)))
    swapped <- dataset_map(pairs, \(x, y) list(x = y, z = x * 2))
    expect_equal(as.data.frame(swapped), data.frame(x = c(1L, 0L), z = c(3, 5)))
    expect_identical(output_types(swapped), list(x = "int32", z = "float32"))
    batches <- dataset_collect(dataset_batch(range_dataset(0, 5), 2))
    expect_identical(lapply(batches, length), list(2L, 2L, 1L))
    numbered <- dataset_enumerate(pairs, start = 3)
    expect_equal(as.data.frame(numbered)[[1L]], 3:4)
    expect_equal(
      value_of(dataset_reduce(range_dataset(0, 5), 0, \(state, x) state + x)), 10
    )
    prepared <- tensor_slices_dataset(mtcars) |>
      dataset_prepare(x = c(cyl, disp), y = mpg, named = FALSE, batch_size = 2) |>
      dataset_collect(1)
    expect_equal(value_of(prepared[[1L]][[1L]]), unname(as.matrix(mtcars[1:2, 2:3])))
    expect_equal(value_of(prepared[[1L]][[2L]]), mtcars$mpg[1:2], tolerance = float32_tolerance)
  })

  test_that(paste("shuffling is a permutation that follows from its seed on", engine), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    drawn <- \(...) as.data.frame(dataset_shuffle(range_dataset(0, 50), 50, ...))[[1L]]
    expect_identical(drawn(seed = 1), drawn(seed = 1))
    expect_false(identical(drawn(seed = 1), drawn(seed = 2)))
    expect_setequal(drawn(), 0:49)
    again <- dataset_shuffle(range_dataset(0, 50), 50, seed = 1) |> dataset_repeat(2)
    values <- as.data.frame(again)[[1L]]
    expect_setequal(values[1:50], 0:49)
    expect_false(identical(values[1:50], values[51:100]))
    fixed <- dataset_shuffle(range_dataset(0, 9), 9, reshuffle_each_iteration = FALSE)
    fixed <- as.data.frame(dataset_repeat(fixed, 2))[[1L]]
    expect_identical(fixed[1:9], fixed[10:18])
    mixed <- sample_from_datasets(list(range_dataset(0, 9), range_dataset(10, 19)), seed = 1,
                                  stop_on_empty_dataset = FALSE)
    expect_setequal(as.data.frame(mixed)[[1L]], c(0:8, 10:18))
  })

  test_that(paste("what cannot be is refused on", engine), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    data <- range_dataset(0, 3)
    expect_refused(dataset_batch(data, 0), "`batch_size` must be at least 1")
    expect_refused(dataset_batch(1:3, 2), "`dataset` must be a data set")
    expect_refused(dataset_map(data, 3), "`map_func` must be a function")
    expect_refused(tensor_slices_dataset(list(1:3, 1:2)), "one number of samples")
    expect_error(
      dataset_map(data, \(x) stop("my own words"), traced = FALSE) |> dataset_collect(),
      "my own words"
    )
  })

  test_that(paste("a model is trained from a data set of", engine), {
    skip_if_not(trains())
    withr::local_options(kerasbridge.dataset_engine = engine)
    x <- scale(as.matrix(iris[, 1:4]))
    batches <- tensor_slices_dataset(list(x, iris$Species)) |> dataset_batch(50)
    model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, activation = "softmax")
    model |> compile("adam", "sparse_categorical_crossentropy")
    by_rows <- evaluate(model, x, iris$Species, verbose = 0)
    expect_equal(evaluate(model, batches, verbose = 0), by_rows, tolerance = float32_tolerance)
    history <- fit(model, batches, epochs = 2, validation_data = batches, verbose = 0)
    expect_true(all(is.finite(unlist(history$metrics))))
    expect_identical(dim(predict(model, batches, verbose = 0)), c(150L, 3L))
  })
}

test_that("a verb that an engine has not says so, and which has it", {
  grain <- withr::with_options(
    list(kerasbridge.dataset_engine = "grain"), range_dataset(0, 3)
  )
  expect_refused(dataset_snapshot(grain, tempfile()), "tf.data, the engine with the Python package")
  expect_refused(dataset_concatenate(range_dataset(0, 3), grain), "of one engine")
  withr::local_options(kerasbridge.dataset_engine = "spark")
  expect_refused(range_dataset(0, 3), "kerasbridge.dataset_engine")
})

test_that("without TensorFlow the engine is grain", {
  child <- function(hide_tensorflow) {
    library(kerasbridge)
    reticulate::py_run_string(hide_tensorflow)
    data <- tensor_slices_dataset(list(x = 1:4, y = 4:1)) |> dataset_map(\(record) {
      record$z <- record$x * record$y
      record
    })
    list(as.data.frame(dataset_batch(data, 3)), format(data)[[1L]])
  }
  backend <- if (config_backend() == "tensorflow") "numpy" else config_backend()
  result <- callr::r(
    child, list(hide_tensorflow),
    env = c(callr::rcmd_safe_env(), KERAS_BACKEND = backend), timeout = 300
  )
  expect_equal(result[[1L]], data.frame(x = 1:4, y = 4:1, z = c(4L, 6L, 6L, 4L)))
  expect_match(result[[2L]], "data set of grain, 4 elements")
})
