# A folder with a subfolder for each class, and an image and a text in each.
folder_of_classes <- function(env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  image <- reticulate::import("PIL.Image")
  for (class in c("cat", "dog")) {
    dir.create(file.path(folder, class))
    for (i in 1:2) {
      color <- reticulate::tuple(10L * i, if (class == "dog") 200L else 100L, 0L)
      place <- file.path(folder, class, i)
      image$new("RGB", reticulate::tuple(8L, 8L), color)$save(paste0(place, ".png"))
      writeLines(paste(class, i), paste0(place, ".txt"))
    }
  }
  folder
}

images_and_texts <- function(folder, format) {
  images <- image_dataset_from_directory(
    folder, image_size = c(8, 8), shuffle = FALSE, format = format, verbose = FALSE
  )
  texts <- text_dataset_from_directory(
    folder, shuffle = FALSE, format = format, verbose = FALSE
  )
  series <- timeseries_dataset_from_array(
    matrix(1:6 / 2), c(0.5, 1.5, 2.5, 3.5), sequence_length = 3, batch_size = 2, format = format
  )
  list(
    classes = unlist(images$class_names),
    pixels = value_of(dataset_collect(images)[[1L]][[1L]])[, 1, 1, 2],
    texts = as.data.frame(texts),
    series = value_of(dataset_collect(series)[[1L]][[1L]])[, , 1],
    targets = as.vector(value_of(dataset_collect(series)[[1L]][[2L]])),
    dtypes = unlist(output_types(series), use.names = FALSE)
  )
}

expected <- list(
  classes = c("cat", "dog"),
  pixels = c(100, 100, 200, 200),
  texts = data.frame(
    x = paste0(c("cat 1", "cat 2", "dog 1", "dog 2"), "\n"),
    y = factor(c("cat", "cat", "dog", "dog"))
  ),
  series = rbind(c(0.5, 1, 1.5), c(1, 1.5, 2)),
  targets = c(0.5, 1.5),
  dtypes = c("float32", "float32")
)

test_that("folders and series are the same on both engines", {
  folder <- folder_of_classes()
  for (format in c("tf", "grain")) {
    expect_equal(images_and_texts(folder, format), expected, label = format)
  }
})

test_that("without TensorFlow they are grain's, and are trained on", {
  child <- function(hide_tensorflow, folder, images_and_texts, trains) {
    library(kerasbridge)
    reticulate::py_run_string(hide_tensorflow)
    value_of <- function(x) if (inherits(x, "python.builtin.object")) as.array(x) else x
    environment(images_and_texts) <- environment()
    images <- image_dataset_from_directory(folder, image_size = c(8, 8), verbose = FALSE)
    model <- keras_model_sequential(input_shape = c(8, 8, 3)) |> layer_flatten() |> layer_dense(1)
    compile(model, loss = "mse")
    list(
      read = images_and_texts(folder, "tf"),
      loss = if (trains) fit(model, images, verbose = 0, epochs = 1)$metrics$loss else 0,
      refused = tryCatch(audio_dataset_from_directory(folder), error = conditionMessage)
    )
  }
  backend <- if (config_backend() == "tensorflow") "torch" else config_backend()
  result <- callr::r(
    child, list(hide_tensorflow, folder_of_classes(), images_and_texts, backend != "numpy"),
    timeout = 300,
    env = c(callr::rcmd_safe_env(), KERAS_BACKEND = backend)
  )
  expect_equal(result$read, expected)
  expect_true(is.finite(result$loss))
  expect_match(result$refused, "needs TensorFlow, which is not installed")
})

test_that("text layers work in the data, with the same code on each backend and engine", {
  vectorize <- layer_text_vectorization(output_sequence_length = 3L)
  adapt(vectorize, c("to be or not", "to be"))
  lookup <- layer_string_lookup(vocabulary = c("a", "b"))
  hashed <- layer_hashing(num_bins = 5L)
  for (engine in c("tf.data", "grain")) {
    withr::local_options(kerasbridge.dataset_engine = engine)
    texts <- tensor_slices_dataset(list(c("to be", "or not"), c(1, 0)))
    if (engine == "grain" && config_backend() == "numpy") {
      # Keras on NumPy has no dtype for strings
      coded <- dataset_map(dataset_batch(texts, 2), \(x, y) list(vectorize(x), y))
      expect_error(dataset_collect(coded), "Invalid dtype", class = "python.builtin.ValueError")
      next
    }
    for (data in list(
      texts |> dataset_batch(2) |> dataset_map(\(x, y) list(vectorize(x), y)),
      texts |> dataset_map(\(x, y) list(vectorize(x), y)) |> dataset_batch(2)
    )) {
      batch <- value_of(dataset_collect(data)[[1L]])
      expect_equal(batch[[1L]], rbind(c(2, 3, 0), c(4, 5, 0)), label = engine)
    }
    letters <- tensor_slices_dataset(c("b", "z")) |> dataset_batch(2)
    expect_equal(value_of(dataset_collect(dataset_map(letters, lookup))[[1L]]), c(2, 0))
    codes <- value_of(dataset_collect(dataset_map(letters, hashed))[[1L]])
    expect_true(all(codes %in% 0:4))
  }
})
