# A table with numbers and a class, the same from whatever it is read.
flowers <- data.frame(
  width = c(1.5, 2.5, 3.5, 4.5, 5.5), count = c(1L, 2L, 3L, 4L, 5L),
  kind = c("b", "a", "b", "c", "a")
)

arrow <- function() reticulate::import("pyarrow")
table_of_flowers <- function() arrow()$Table$from_pandas(reticulate::r_to_py(flowers))

# Ways to have the same table, in a folder.
sources <- list(
  frame = \(folder) flowers,
  factors = \(folder) transform(flowers, kind = factor(kind)),
  csv = \(folder) {
    file <- file.path(folder, "flowers.csv")
    utils::write.csv(flowers, file, row.names = FALSE)
    file
  },
  parquet = \(folder) {
    file <- file.path(folder, "flowers.parquet")
    reticulate::import("pyarrow.parquet")$write_table(table_of_flowers(), file)
    file
  },
  files = \(folder) {
    files <- file.path(folder, c("1.parquet", "2.parquet"))
    write <- reticulate::import("pyarrow.parquet")$write_table
    write(table_of_flowers()$slice(0L, 3L), files[[1L]])
    write(table_of_flowers()$slice(3L), files[[2L]])
    files
  },
  feather = \(folder) {
    file <- file.path(folder, "flowers.feather")
    reticulate::import("pyarrow.feather")$write_feather(table_of_flowers(), file)
    file
  },
  arrow = \(folder) table_of_flowers(),
  pandas = \(folder) table_of_flowers()$to_pandas(),
  polars = \(folder) reticulate::import("polars")$from_arrow(table_of_flowers()),
  sqlite = \(folder) {
    connection <- DBI::dbConnect(RSQLite::SQLite(), file.path(folder, "flowers.sqlite"))
    DBI::dbWriteTable(connection, "flowers", flowers)
    connection
  }
)

for (engine in c("tf.data", "grain")) {
  test_that(paste("every table gives the same batches on", engine), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    for (name in names(sources)) {
      x <- sources[[name]](withr::local_tempdir())
      query <- if (name == "sqlite") "SELECT * FROM flowers"
      data <- dataset_from(
        x, target = "kind", batch_size = 2, query = query, levels = c("a", "b", "c")
      )
      for (epoch in 1:2) {
        batches <- value_of(dataset_collect(data))
        expect_equal(
          batches[[1L]], list(matrix(c(1.5, 2.5, 1, 2), 2), c(1L, 0L)), label = name
        )
        expect_equal(batches[[3L]], list(matrix(c(5.5, 5), 1), 0L), label = name)
      }
      if (name != "sqlite") {
        found <- dataset_from(x, target = "kind")
        expect_identical(unlist(found$class_names), c("a", "b", "c"), label = name)
        expect_equal(length(dataset_from(x, batch_size = 2)), 3, label = name)
      } else {
        DBI::dbDisconnect(x)
      }
    }
  })

  test_that(paste("columns, shuffling and arrays are as asked for on", engine), {
    withr::local_options(kerasbridge.dataset_engine = engine)
    named <- value_of(dataset_collect(dataset_from(flowers, columns = c("count", "kind"))))[[1L]]
    expect_identical(named, list(count = 1:5, kind = flowers$kind))
    shuffled <- dataset_from(flowers["count"], batch_size = 5, shuffle = 5, seed = 1)
    epochs <- lapply(1:2, \(i) as.vector(value_of(dataset_collect(shuffled)[[1L]])))
    expect_setequal(epochs[[1L]], 1:5)
    expect_false(identical(epochs[[1L]], epochs[[2L]]))
    again <- dataset_from(flowers["count"], batch_size = 5, shuffle = 5, seed = 1)
    expect_identical(as.vector(value_of(dataset_collect(again)[[1L]])), epochs[[1L]])
    whole <- dataset_from(flowers[1:2], batch_size = 2, drop_remainder = TRUE)
    expect_length(dataset_collect(whole), 2L)

    file <- withr::local_tempfile(fileext = ".h5")
    h5 <- hdf5r::H5File$new(file, "w")
    images <- array(as.double(1:24), c(4, 3, 2))
    h5[["images"]] <- images
    h5[["codes"]] <- c(0L, 1L, 0L, 1L)
    h5$flush()
    opened <- dataset_from(list(h5[["images"]], h5[["codes"]]), target = "codes", batch_size = 3)
    batch <- value_of(dataset_collect(opened))
    expect_equal(batch[[1L]], list(images[1:3, , ], c(0L, 1L, 0L)))
    expect_equal(batch[[2L]][[1L]], images[4, , , drop = FALSE])
    h5$close_all()
  })
}

test_that("streams and results are read once", {
  withr::local_options(kerasbridge.dataset_engine = "grain")
  stream <- dataset_from(nanoarrow::as_nanoarrow_array_stream(flowers[1:2]))
  expect_equal(value_of(dataset_collect(stream))[[1L]], unname(as.matrix(flowers[1:2])))
  expect_error(dataset_collect(stream), "read once")
  connection <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
  DBI::dbWriteTable(connection, "flowers", flowers)
  result <- dataset_from(DBI::dbSendQuery(connection, "SELECT width FROM flowers"), batch_size = 4)
  rows <- lapply(value_of(dataset_collect(result)), as.vector)
  expect_equal(rows, list(c(1.5, 2.5, 3.5, 4.5), 5.5))
  expect_error(dataset_collect(result), "fetched once")
  DBI::dbDisconnect(connection)
})

test_that("what cannot be read is refused by name", {
  expect_refused(dataset_from("none.parquet"), "does not exist")
  expect_refused(dataset_from(flowers, target = "kinds"), "Did you mean `kind`")
  expect_refused(dataset_from(flowers, named = FALSE), "The column `kind` is text")
  expect_refused(dataset_from(flowers, batch_size = 0), "`batch_size`")
  expect_refused(dataset_from(mean), "`x` must be paths")
  expect_refused(dataset_from(flowers, query = "SELECT 1"), "`query` is for a DBI connection")
  expect_refused(
    dataset_from(data.frame(at = Sys.Date()), batch_size = 1), "at"
  )
  folder <- withr::local_tempdir()
  writeLines("a", file.path(folder, "a.txt"))
  expect_refused(dataset_from(file.path(folder, "a.txt")), "one format")
  day <- file.path(folder, "day.parquet")
  dated <- arrow()$table(list(at = list(reticulate::import("datetime")$date(2020L, 1L, 1L))))
  reticulate::import("pyarrow.parquet")$write_table(dated, day)
  expect_refused(dataset_from(day), "column `at` is of type date32")
})

test_that("a model is trained from a file", {
  skip_if_not(trains())
  file <- withr::local_tempfile(fileext = ".csv")
  utils::write.csv(iris, file, row.names = FALSE)
  data <- dataset_from(file, target = "Species", batch_size = 50)
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, activation = "softmax")
  model |> compile("adam", "sparse_categorical_crossentropy")
  expect_equal(
    evaluate(model, data, verbose = 0),
    evaluate(model, as.matrix(iris[, 1:4]), iris$Species, verbose = 0),
    tolerance = float32_tolerance
  )
  history <- fit(model, data, epochs = 2, validation_data = data, verbose = 0)
  expect_true(all(is.finite(unlist(history$metrics))))
})

for (engine in c("tf.data", "grain")) {
  test_that(paste("batches of a file train as its rows do in memory, on", engine), {
    skip_if_not(trains())
    withr::local_options(kerasbridge.dataset_engine = engine)
    file <- withr::local_tempfile(fileext = ".csv")
    utils::write.csv(iris, file, row.names = FALSE)
    data <- dataset_from(file, target = "Species", batch_size = 50)
    x <- as.matrix(iris[, 1:4])
    codes <- as.integer(iris$Species) - 1L
    trained <- function(...) {
      set_random_seed(1)
      model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, activation = "softmax")
      model |> compile("sgd", "sparse_categorical_crossentropy")
      history <- fit(model, ..., verbose = 0)
      list(losses = history$metrics$loss, weights = get_weights(model))
    }
    weights <- list("0" = 1, "1" = 3, "2" = 0.5)
    expect_equal(
      trained(data, epochs = 3, class_weight = weights),
      trained(x, codes, epochs = 3, class_weight = weights, batch_size = 50, shuffle = FALSE),
      tolerance = float32_tolerance
    )
    # an epoch may end within a pass over the file; the next one goes on there, and ends with it
    some <- c(1:150, 1:100)
    expect_warning(short <- trained(data, epochs = 3, steps_per_epoch = 2), "ran out of data")
    expect_equal(
      short$weights,
      trained(x[some, ], codes[some], epochs = 1, batch_size = 50, shuffle = FALSE)$weights,
      tolerance = float32_tolerance
    )
    # and after a verb
    expect_equal(
      trained(dataset_take(data, 2), epochs = 2, class_weight = weights),
      trained(
        x[1:100, ], codes[1:100], epochs = 2, class_weight = weights, batch_size = 50,
        shuffle = FALSE
      ),
      tolerance = float32_tolerance
    )
  })
}

test_that("columns with the names of a batch's parts are inputs all the same", {
  inputs <- list(x = layer_input(1, name = "x"), y = layer_input(1, name = "y"))
  model <- keras_model(inputs, layer_subtract(unname(inputs)))
  data <- dataset_from(data.frame(x = 1:4, y = 4:1), named = TRUE, batch_size = 2)
  expect_equal(as.vector(predict(model, data, verbose = 0)), c(-3, -1, 1, 3))
})
