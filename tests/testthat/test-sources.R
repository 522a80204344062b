# One table: every source gives the same numbers to fit(), evaluate(), predict() and a validation.
#
# Rows of the table are functions without arguments that make a source of the same six batches,
# so that one that ends can be made anew. Processes of their own are in test-source-workers.R.

source_data <- function() {
  x <- matrix(seq(-1, 1, length.out = 144), 48)[withr::with_seed(1, sample(48)), ]
  list(x = x, y = cbind(x %*% c(1, -2, 0.5)))
}

rows_of <- function(i) seq((i - 1) * 8 + 1, i * 8)

# What a row opens is closed when the test has ended: `folder` is the test's frame.
sources <- function(folder = parent.frame()) {
  force(folder)
  data <- source_data()
  batch <- function(i) list(data$x[rows_of(i), ], data$y[rows_of(i), , drop = FALSE])
  from_function <- function(as = identity, end = NULL) {
    i <- 0
    function() {
      if (i == 6) {
        i <<- 0
        return(end)
      }
      i <<- i + 1
      as(batch(i))
    }
  }
  frames <- \(b) list(as.data.frame(b[[1]]), b[[2]])
  dataset <- new_dataset_class(
    "SixBatches",
    length = function() 6,
    getitem = function(index) {
      if (index > 6) stop("beyond the end")
      batch(index)
    }
  )
  list(
    `R function` = \() from_function(),
    `named batches` = \() from_function(\(b) list(y = b[[2]], x = b[[1]])),
    `batches of data frames` = \() from_function(frames),
    `batches of tensors` = \() from_function(\(b) lapply(b, op_convert_to_tensor)),
    `end of a coroutine` = \() from_function(end = as.symbol(".__exhausted__.")),
    dataset_from_function = \() dataset_from_function(\(f) f(), from_function()),
    `PyDataset in R` = \() dataset(),
    py_iterator = \() reticulate::py_iterator(from_function(\(b) do.call(tuple, b))),
    `Python generator` = \() {
      main <- py_run_string(
        "def each(x, y):\n  for i in range(6): yield x[8*i:8*i+8], y[8*i:8*i+8]", convert = FALSE
      )
      main$each(np_array(data$x), np_array(data$y))
    },
    DataLoader = \() {
      torch <- import("torch")
      tensors <- lapply(unname(data), \(x) torch$tensor(x, dtype = torch$float32))
      set <- do.call(torch$utils$data$TensorDataset, tensors)
      torch$utils$data$DataLoader(set, batch_size = 8L)
    },
    `data set of tf.data` = \() pipeline_of(data, "tf.data"),
    `data set of grain` = \() pipeline_of(data, "grain"),
    `data frame, batched` = \() dataset_from(table_of(data), target = "y", batch_size = 8),
    `CSV file` = \() {
      file <- withr::local_tempfile(fileext = ".csv", .local_envir = folder)
      utils::write.csv(table_of(data), file, row.names = FALSE)
      dataset_from(file, target = "y", batch_size = 8)
    },
    `Parquet file` = \() {
      file <- withr::local_tempfile(fileext = ".parquet", .local_envir = folder)
      import("pyarrow.parquet")$write_table(arrow_of(data), file)
      dataset_from(file, target = "y", batch_size = 8)
    },
    `Feather file` = \() {
      file <- withr::local_tempfile(fileext = ".feather", .local_envir = folder)
      import("pyarrow.feather")$write_feather(arrow_of(data), file)
      dataset_from(file, target = "y", batch_size = 8)
    },
    `HDF5 file` = \() {
      file <- withr::local_tempfile(fileext = ".h5", .local_envir = folder)
      h5 <- hdf5r::H5File$new(file, "w")
      withr::defer(h5$close_all(), envir = folder)
      h5[["x"]] <- data$x
      h5[["y"]] <- data$y
      h5$flush()
      dataset_from(list(h5[["x"]], h5[["y"]]), target = "y", batch_size = 8)
    },
    `Arrow table` = \() dataset_from(arrow_of(data), target = "y", batch_size = 8),
    `frame of pandas` = \() {
      dataset_from(arrow_of(data)$to_pandas(), target = "y", batch_size = 8)
    },
    `frame of polars` = \() {
      dataset_from(import("polars")$from_arrow(arrow_of(data)), target = "y", batch_size = 8)
    },
    `query of a database` = \() {
      connection <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
      withr::defer(DBI::dbDisconnect(connection), envir = folder)
      DBI::dbWriteTable(connection, "data", table_of(data))
      dataset_from(connection, query = "SELECT * FROM data", target = "y", batch_size = 8)
    }
  )
}

table_of <- function(data) data.frame(x = data$x, y = data$y)

arrow_of <- function(data) {
  import("pyarrow", convert = FALSE)$Table$from_pandas(reticulate::r_to_py(table_of(data)))
}

pipeline_of <- function(data, engine) {
  withr::local_options(kerasbridge.dataset_engine = engine)
  tensor_slices_dataset(unname(data)) |> dataset_batch(8)
}

# Whole data, which is cut into batches by fit() itself: arguments of the calls.
whole <- function() {
  data <- source_data()
  frame <- as.data.frame(data$x)
  forms <- list(
    matrix = data,
    vector = list(x = data$x, y = as.vector(data$y)),
    `data frame` = list(x = frame, y = data$y),
    tibble = list(x = tibble::as_tibble(frame), y = as.vector(data$y)),
    tensors = lapply(data, op_convert_to_tensor, dtype = "float32"),
    `NumPy arrays` = lapply(data, np_array)
  )
  if (!config_backend() %in% c("tensorflow", "jax")) {
    return(forms)
  }
  c(forms, list(`sparse matrix` = list(x = methods::as(data$x, "CsparseMatrix"), y = data$y)))
}

once <- function(batch) {
  given <- FALSE
  function() {
    if (given) {
      given <<- FALSE
      return(NULL)
    }
    given <<- TRUE
    batch
  }
}

# What arrays of the same batches give; `steps` in a call.
source_model <- function(steps = 1L) {
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 3) |> layer_dense(1)
  compile(model, "sgd", "mse", metrics = "mae", steps_per_execution = steps)
  model
}

calls_of_several <- function() if (config_backend() %in% c("tensorflow", "jax")) c(1L, 4L) else 1L

test_that("every source evaluates and predicts as arrays do", {
  data <- source_data()
  model <- source_model()
  evaluated <- evaluate(model, data$x, data$y, batch_size = 8, verbose = 0)
  predicted <- predict(model, data$x, batch_size = 8, verbose = 0)
  sources <- sources()
  for (steps in calls_of_several()) {
    model <- source_model(steps)
    for (name in names(sources)) {
      make <- sources[[name]]
      expect_equal(
        evaluate(model, make(), verbose = 0), evaluated,
        tolerance = float32_tolerance, label = name
      )
      expect_equal(
        predict(model, make(), verbose = 0), predicted,
        ignore_attr = "dimnames", tolerance = float32_tolerance, label = name
      )
    }
  }
})

test_that("every source trains and validates as arrays do", {
  data <- source_data()
  sources <- sources()
  on_backend(c("tensorflow", "jax", "torch"), {
    expected <- fit(
      source_model(), data$x, data$y, batch_size = 8, epochs = 1, shuffle = FALSE, verbose = 0,
      validation_data = list(data$x, data$y), validation_batch_size = 8
    )
    for (steps in calls_of_several()) {
      # One model for all rows, its weights as they were: SGD keeps nothing else.
      model <- source_model(steps)
      initial <- get_weights(model)
      for (name in names(sources)) {
        make <- sources[[name]]
        set_weights(model, initial)
        expect_no_warning(history <- fit(
          model, make(), epochs = 1, shuffle = FALSE, verbose = 0, validation_data = make()
        ))
        expect_equal(
          history$metrics, expected$metrics, tolerance = float32_tolerance, label = name
        )
      }
    }
  })
})

test_that("whole data gives the same in every form", {
  data <- source_data()
  model <- source_model()
  initial <- get_weights(model)
  evaluated <- evaluate(model, data$x, data$y, batch_size = 8, verbose = 0)
  predicted <- predict(model, data$x, batch_size = 8, verbose = 0)
  if (config_backend() %in% c("torch", "numpy")) {
    expect_refused(predict(model, methods::as(data$x, "CsparseMatrix")), "no sparse tensors")
  }
  forms <- whole()
  for (name in names(forms)) {
    form <- forms[[name]]
    expect_equal(
      evaluate(model, form$x, form$y, batch_size = 8, verbose = 0), evaluated,
      tolerance = float32_tolerance, label = name
    )
    expect_equal(
      predict(model, form$x, batch_size = 8, verbose = 0), predicted,
      ignore_attr = "dimnames", tolerance = float32_tolerance, label = name
    )
  }
  on_backend(c("tensorflow", "jax", "torch"), {
    trained <- function(form, validation) {
      set_weights(model, initial)
      fit(
        model, form$x, form$y, batch_size = 8, epochs = 1, shuffle = FALSE, verbose = 0,
        validation_data = validation, validation_batch_size = 8
      )$metrics
    }
    expected <- trained(data, unname(data))
    for (name in names(forms)) {
      form <- forms[[name]]
      for (validation in list(form, unname(form), c(form, list(sample_weight = rep(1, 48))))) {
        expect_equal(
          trained(form, validation), expected, tolerance = float32_tolerance, label = name
        )
      }
    }
  })
})

test_that("a source that starts over lasts for all epochs, and is asked for no batch too many", {
  data <- source_data()
  on_backend(c("tensorflow", "jax", "torch"), {
    asked <- 0
    f <- sources()$`R function`()
    counting <- function() {
      asked <<- asked + 1
      f()
    }
    expected <- fit(
      source_model(), data$x, data$y, batch_size = 8, epochs = 3, shuffle = FALSE, verbose = 0
    )
    history <- fit(source_model(), counting, epochs = 3, verbose = 0)
    expect_equal(history$metrics, expected$metrics, tolerance = float32_tolerance)
    asked <- 0
    endless <- function() {
      asked <<- asked + 1
      list(data$x[1:8, ], data$y[1:8, , drop = FALSE])
    }
    history <- fit(source_model(), endless, epochs = 2, steps_per_epoch = 5, verbose = 0)
    expect_length(history$metrics$loss, 2)
    expect_identical(asked, 10)
  })
})

test_that("a source that has ended ends the training, with a warning", {
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_warning(
      history <- fit(source_model(), sources()$`Python generator`(), epochs = 5, verbose = 0),
      "`x` gave no further batch, and training stopped after 1 of 5 epochs",
      class = "kerasbridge_warning"
    )
    expect_length(history$metrics$loss, 1)
  })
})

test_that("weights of samples and classes come with the batches", {
  x <- matrix(c(1, 2, 3, 4), 4)
  y <- c(0, 1, 0, 1)
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  compile(model, "sgd", "mse")
  weights <- c(1, 2, 0, 1)
  expect_equal(
    evaluate(model, once(list(x, y, weights)), verbose = 0),
    evaluate(model, x, y, sample_weight = weights, verbose = 0)
  )
  on_backend(c("tensorflow", "jax", "torch"), {
    run <- function(x, y = NULL, w) {
      set_random_seed(1)
      model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
      compile(model, "sgd", "mse")
      fit(model, x, y, epochs = 1, class_weight = w, verbose = 0, shuffle = FALSE)$metrics$loss
    }
    w <- list("0" = 1, "1" = 3)
    expect_equal(run(once(list(x, y)), w = w), run(x, y, w), tolerance = float32_tolerance)
  })
})

test_that("a source's error is the user's own, and leaves the model as it was", {
  model <- source_model()
  weights <- lapply(model$get_weights(), as.array)
  failing <- function() stop("no more today")
  expect_error(evaluate(model, failing, verbose = 0), "no more today")
  expect_error(predict(model, failing, verbose = 0), "no more today")
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_error(fit(model, failing, verbose = 0), "no more today")
    expect_identical(lapply(model$get_weights(), as.array), weights)
    for (steps in calls_of_several()) {
      model <- source_model(steps)
      f <- sources()$`R function`()
      n <- 0
      later <- function() {
        n <<- n + 1
        if (n == 3) stop("in the third") else f()
      }
      expect_error(fit(model, later, verbose = 0), "in the third")
      expect_true(all(is.finite(as.array(model$get_weights()[[1]]))))
    }
  })
})

test_that("what does not fit together is refused in words of R", {
  model <- source_model()
  f <- sources()$`R function`()
  expect_snapshot(error = TRUE, {
    evaluate(model, f, 1:3)
    evaluate(model, f, sample_weight = 1:3)
    evaluate(model, function() NULL)
    evaluate(model, function() list(1, 2, 3, 4))
    evaluate(model, once(list(matrix(0, 2, 3), 1:3)))
    dataset_from_function("f")
  })
  widening <- local({
    n <- 0
    function() {
      n <<- n + 1
      if (n == 1) list(matrix(0, 2, 3), 1:2) else list(array(0, c(2, 3, 1)), 1:2)
    }
  })
  expect_refused(evaluate(model, widening, verbose = 0), "differs from the first one")
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_refused(fit(model, f, validation_split = 0.5), "`validation_split` needs arrays")
  })
})

test_that("a source shows what its batches are", {
  source <- dataset_from_function(sources()$`R function`())
  expect_identical(
    format(source),
    c("<source of batches from a function>", "x: float32 (NA, 3)", "y: float32 (NA, 1)")
  )
})
