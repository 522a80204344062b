for (engine in c("tf.data", "grain")) {
  test_that(paste("a data set of", engine, "tells what it is"), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    data <- tensor_slices_dataset(list(x = matrix(1:6, 3), y = c("a", "b", "c")))
    expect_identical(
      format(data),
      c(
        paste0("<data set of ", engine, ", 3 elements>"),
        "  x: int32 shape(2)", "  y: string shape()"
      )
    )
    expect_output(print(data), "3 elements")
    expect_equal(length(data), 3)
    expect_equal(length(dataset_repeat(data)), Inf)
    expect_equal(length(dataset_batch(data, 2)), 2)
    expect_equal(length(dataset_filter(range_dataset(0, 4), \(x) x > 1)), NA_real_)
    expect_identical(output_types(data), list(x = "int32", y = "string"))
    expect_identical(as.integer(output_shapes(data)$x), 2L)
    expect_identical(
      as.data.frame(data), data.frame(x.1 = 1:3, x.2 = 4:6, y = c("a", "b", "c"))
    )
    expect_identical(as.data.frame(dataset_batch(data, 2)), as.data.frame(data))
    expect_identical(as_tf_dataset(data), data)
    expect_identical(as.data.frame(as_dataset(data.frame(a = 1:2))), data.frame(a = 1:2))
    expect_refused(as_tf_dataset(1), "must be a data set")
    samples <- tensor_slices_dataset(list(a = 1:3, b = matrix(1, 3, 2)))
    for (some in list(samples, dataset_batch(samples, 2))) {
      inputs <- layer_input_from_dataset(some)
      expect_identical(lapply(inputs, dim), list(a = c(NA, 1L), b = c(NA, 2L)))
    }
  })

  test_that(paste("elements of a data set of", engine, "come one by one"), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    iterator <- as_array_iterator(range_dataset(0, 2))
    expect_identical(list(iter_next(iterator), iter_next(iterator)), list(0L, 1L))
    expect_null(iter_next(iterator))
    expect_length(dataset_collect(range_dataset(0, 9), 4), 4L)
    one_shot <- make_iterator_one_shot(range_dataset(1, 4))
    total <- 0
    expect_null(until_out_of_range(total <- total + as.numeric(iterator_get_next(one_shot))))
    expect_identical(total, 6)
    expect_error(iterator_get_next(one_shot), "no further element")
    expect_null(with_dataset(iterator_get_next(one_shot)))
    expect_error(until_out_of_range(stop("other")), "other")
    expect_identical(as.numeric(next_batch(range_dataset(5, 9))), 5)
  })
}

# Packages with the generics and classes by which tensorflow and tfdatasets would meet us.
fixture_packages <- function(library) {
  fixture_package(
    library, "tensorflow", "export(evaluate, shape, as_tensor)",
    "evaluate <- function(object, ...) UseMethod('evaluate')
     as_tensor <- function(x, dtype = NULL, ..., shape = NULL) UseMethod('as_tensor')
     shape <- function(..., dims = list(...)) structure(list(dims), class = 'tf_shape')"
  )
  fixture_package(
    library, "tfdatasets",
    c("export(as_array_iterator, dataset_map, dataset_batch, as_tf_dataset)",
      "S3method(print, tf_dataset)", "S3method(length, tf_dataset)"),
    "as_array_iterator <- function(dataset) UseMethod('as_array_iterator')
     as_tf_dataset <- function(dataset) {
       if (!inherits(dataset, 'tf_dataset')) class(dataset) <- c('tf_dataset', class(dataset))
       dataset
     }
     dataset_map <- function(dataset, map_func, num_parallel_calls = NULL)
       as_tf_dataset(dataset$map(map_func))
     dataset_batch <- function(dataset, batch_size)
       as_tf_dataset(dataset$batch(as.integer(batch_size)))
     print.tf_dataset <- function(x, ...) cat('theirs\n')
     length.tf_dataset <- function(x) as.numeric(x$cardinality())"
  )
}

test_that("tensorflow and tfdatasets may be attached first or last", {
  library <- withr::local_tempdir()
  fixture_packages(library)
  session <- function(packages) {
    for (package in packages) library(package, character.only = TRUE, warn.conflicts = FALSE)
    model <- keras_model_sequential(input_shape = 2) |> layer_dense(1, kernel_initializer = "ones")
    compile(model, loss = "mse")
    data <- tensor_slices_dataset(list(matrix(1, 4, 2), rep(2, 4)))
    data <- dataset_batch(dataset_map(data, function(x, y) list(x, y)), 2)
    options(kerasbridge.dataset_engine = "grain")
    list(
      arrays = evaluate(model, matrix(1, 4, 2), rep(2, 4), verbose = 0),
      dataset = evaluate(model, data, verbose = 0),
      length = length(data),
      taken = length(dataset_take(data, 1)),
      grain = iter_next(as_array_iterator(range_dataset(3, 5)))
    )
  }
  ours <- c("tensorflow", "tfdatasets", "kerasbridge")
  for (packages in list(ours, rev(ours))) {
    result <- callr::r(
      session, list(packages),
      libpath = c(library, .libPaths()), timeout = 300,
      env = c(callr::rcmd_safe_env(), KERAS_BACKEND = config_backend())
    )
    none <- list(loss = 0)
    expect_equal(result, list(arrays = none, dataset = none, length = 2, taken = 1, grain = 3L))
  }
})
