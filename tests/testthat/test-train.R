# Compiling, training, evaluating and predicting, as R users call it.

penguin_data <- function(n = 60) {
  rows <- with_seed_rows(nrow(iris), n)
  list(x = unname(scale(as.matrix(iris[rows, 1:4]))), y = iris$Species[rows])
}

with_seed_rows <- function(n, size) withr::with_seed(1, sample(n, size))

classifier <- function(metrics = NULL, loss = "sparse_categorical_crossentropy", ...) {
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 4) |>
    layer_dense(8, activation = "relu") |>
    layer_dense(3, activation = "softmax")
  model |> compile("adam", loss, metrics = metrics, ...)
  model
}

linear_model <- function(x, y, ...) {
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = ncol(x)) |> layer_dense(1)
  model |> compile("sgd", "mse", ...)
  model
}

test_that("evaluate() and predict() give what R computes from the weights", {
  x <- as.matrix(mtcars[1:7, c("wt", "qsec")]) / 10
  y <- mtcars$mpg[1:7] / 10
  model <- linear_model(x, y, metrics = "mae")
  weights <- lapply(model$get_weights(), as.array)
  expected <- x %*% weights[[1]] + as.vector(weights[[2]]) # with the names of the rows

  predicted <- predict(model, x, verbose = 0)
  expect_equal(predicted, expected, tolerance = float32_tolerance)
  expect_equal(
    evaluate(model, x, y, verbose = 0),
    list(loss = mean((expected - y)^2), mae = mean(abs(expected - y))),
    tolerance = float32_tolerance
  )
  # batches change nothing
  expect_equal(
    predict(model, x, batch_size = 2, verbose = 0), expected,
    tolerance = float32_tolerance
  )
  expect_equal(predict_on_batch(model, x), expected, tolerance = float32_tolerance)
})

test_that("a model without metrics evaluates to a list of its loss", {
  x <- matrix(1:6 / 6, 3)
  model <- linear_model(x)
  result <- evaluate(model, x, c(1, 2, 3), verbose = 0)
  expect_named(result, "loss")
  expect_equal(
    result$loss, mean((predict(model, x, verbose = 0) - 1:3)^2),
    tolerance = float32_tolerance
  )
})

test_that("fit() is refused where the backend computes no gradients", {
  model <- classifier()
  data <- penguin_data()
  if (trains()) {
    expect_s3_class(fit(model, data$x, data$y, epochs = 1, verbose = 0), "keras_training_history")
  } else {
    expect_refused(fit(model, data$x, data$y, epochs = 1, verbose = 0), "computes no gradients")
    expect_refused(train_on_batch(model, data$x, data$y), "computes no gradients")
  }
})

test_that("a factor is a target, as its codes from 0", {
  data <- penguin_data()
  model <- classifier("accuracy")
  expect_equal(
    evaluate(model, data$x, data$y, verbose = 0),
    evaluate(model, data$x, as.integer(data$y) - 1L, verbose = 0)
  )
})

test_that("R functions are losses and metrics under their own names", {
  data <- penguin_data(20)
  y <- model.matrix(~ 0 + data$y)
  half_squares <- function(y_true, y_pred) op_mean((y_true - y_pred)^2 / 2, axis = -1)
  largest_gap <- function(y_true, y_pred) op_max(abs(y_true - y_pred), axis = -1)
  smallest_gap <- function(y_true, y_pred) op_min(abs(y_true - y_pred), axis = -1)
  model <- classifier(metrics = c(largest_gap, smallest_gap), loss = half_squares)

  result <- evaluate(model, data$x, y, verbose = 0)
  gap <- abs(unname(y) - predict(model, data$x, verbose = 0))
  expect_setequal(names(result), c("loss", "largest_gap", "smallest_gap"))
  expect_equal(result$loss, mean(gap^2 / 2), tolerance = float32_tolerance)
  expect_equal(result$largest_gap, mean(apply(gap, 1, max)), tolerance = float32_tolerance)
  expect_equal(result$smallest_gap, mean(apply(gap, 1, min)), tolerance = float32_tolerance)
})

test_that("metrics mix names, objects, wrappers and R functions", {
  data <- penguin_data(20)
  top <- function(y_true, y_pred) op_max(y_pred, axis = -1)
  model <- classifier(list("accuracy", metric_sparse_categorical_crossentropy(name = "cross"), top))
  expect_named(
    evaluate(model, data$x, data$y, verbose = 0), c("loss", "accuracy", "cross", "top"),
    ignore.order = TRUE
  )
})

test_that("sample weights weigh the loss", {
  x <- matrix(1:8 / 8, 4)
  y <- c(1, 0, 1, 0)
  weights <- c(1, 2, 0, 1)
  model <- linear_model(x, y)
  errors <- (predict(model, x, verbose = 0) - y)^2
  expect_equal(
    evaluate(model, x, y, sample_weight = weights, verbose = 0)$loss, sum(weights * errors) / 4,
    tolerance = float32_tolerance
  )
})

test_that("class weights are named by codes or by a factor's levels", {
  data <- penguin_data()
  on_backend(c("tensorflow", "jax", "torch"), {
    weighted <- function(y, class_weight) {
      fit(
        classifier(), data$x, y,
        epochs = 1, verbose = 0, shuffle = FALSE, class_weight = class_weight
      )$metrics$loss
    }
    by_code <- weighted(data$y, list("0" = 1, "1" = 5, "2" = 2))
    expect_equal(weighted(data$y, list(setosa = 1, versicolor = 5, virginica = 2)), by_code)
    expect_equal(weighted(data$y, c(setosa = 1, versicolor = 5, virginica = 2)), by_code)
    expect_false(isTRUE(all.equal(weighted(data$y, NULL), by_code)))
    expect_refused(weighted(as.integer(data$y) - 1L, list(setosa = 1)), "class codes")
  })
})

test_that("inputs are matrices, vectors, integers, data frames and (named) lists", {
  expect_equal(dim(predict(linear_model(matrix(0, 1, 1)), c(1, 2, 3), verbose = 0)), c(3L, 1L))
  expect_equal(
    predict(linear_model(matrix(0, 1, 2)), matrix(1:6, 3), verbose = 0),
    predict(linear_model(matrix(0, 1, 2)), matrix(1:6 + 0, 3), verbose = 0)
  )

  a <- keras_input(shape = 1, name = "wt")
  b <- keras_input(shape = 1, name = "hp")
  sum <- layer_add(list(a, b))
  columns <- data.frame(wt = c(1, 2), hp = c(10, 20))
  named <- keras_model(list(wt = a, hp = b), sum)
  expect_equal(predict(named, columns, verbose = 0), cbind(c(11, 22)))
  expect_equal(predict(named, list(hp = c(10, 20), wt = c(1, 2)), verbose = 0), cbind(c(11, 22)))
  listed <- keras_model(list(a, b), sum)
  expect_equal(predict(listed, list(c(1, 2), c(10, 20)), verbose = 0), cbind(c(11, 22)))
})

test_that("several outputs train with a loss each and predict to a list", {
  data(crickets, package = "modeldata", envir = environment())
  x <- cbind(scale(crickets$temp))
  input <- keras_input(shape = 1)
  rate <- input |> layer_dense(1, name = "rate")
  species <- input |> layer_dense(1, activation = "sigmoid", name = "species")
  model <- keras_model(input, list(rate = rate, species = species))
  model |> compile("sgd", list(rate = "mse", species = "binary_crossentropy"))

  predicted <- predict(model, x, verbose = 0)
  expect_named(predicted, c("rate", "species"))
  expect_equal(dim(predicted$rate), c(nrow(crickets), 1L))
  targets <- list(rate = crickets$rate / 100, species = as.integer(crickets$species) - 1L)
  result <- evaluate(model, x, targets, verbose = 0)
  squares <- mean((predicted$rate - targets$rate)^2)
  cross <- -mean(ifelse(
    targets$species == 1, log(predicted$species), log(1 - predicted$species)
  ))
  expect_equal(result$loss, squares + cross, tolerance = 1e-4) # float32 logarithms of sigmoids
})

test_that("training learns what the data says", {
  on_backend(c("tensorflow", "jax", "torch"), {
    x <- cbind(cars$speed / 10)
    model <- linear_model(x)
    x <- scale(x)
    fit(model, x, cars$dist / 50, epochs = 200, batch_size = 50, verbose = 0)
    # 200 steps of gradient descent shrink the distance to the least squares by 0.98^200
    expect_equal(
      as.vector(unlist(lapply(model$get_weights(), as.array))),
      unname(coef(lm(cars$dist / 50 ~ x)))[2:1],
      tolerance = 0.05
    )
  })
})

test_that("validation data and splits are evaluated after each epoch", {
  on_backend(c("tensorflow", "jax", "torch"), {
    data <- penguin_data()
    model <- classifier()
    held <- list(data$x[1:10, ], data$y[1:10])
    history <- fit(model, data$x, data$y, epochs = 2, validation_data = held, verbose = 0)
    expect_equal(
      history$metrics$val_loss[[2]], evaluate(model, held[[1]], held[[2]], verbose = 0)$loss,
      tolerance = float32_tolerance
    )
    model <- classifier()
    split <- fit(model, data$x, data$y, epochs = 1, validation_split = 0.25, verbose = 0)
    last <- 46:60
    expect_equal(
      split$metrics$val_loss, evaluate(model, data$x[last, ], data$y[last], verbose = 0)$loss,
      tolerance = float32_tolerance
    )
    expect_refused(fit(model, data$x, data$y, validation_data = list(data$x)), "list of 1")
  })
})

test_that("two runs from one seed are the same", {
  on_backend(c("tensorflow", "jax", "torch"), {
    data <- penguin_data()
    run <- function() {
      set_random_seed(7)
      model <- keras_model_sequential(input_shape = 4) |>
        layer_dense(8, activation = "relu") |>
        layer_dropout(0.5) |>
        layer_dense(3, activation = "softmax")
      model |> compile("adam", "sparse_categorical_crossentropy")
      history <- fit(model, data$x, data$y, epochs = 2, batch_size = 16, verbose = 0)
      list(history$metrics, lapply(model$get_weights(), as.array), runif(2))
    }
    expect_identical(run(), run())
  })
})

test_that("progress is R's output", {
  model <- classifier("accuracy")
  data <- penguin_data()
  expect_match(
    capture.output(evaluate(model, data$x, data$y, verbose = 2))[[1L]],
    "^Evaluated: 2 steps in .*s - accuracy: [01]\\.\\d+ - loss: "
  )
  expect_match(capture.output(predict(model, data$x, verbose = 2))[[1L]], "^Predicted: 2 steps in")
  # a value is asked for, which in a script is all
  expect_output(predict(model, data$x), NA)
  on_backend(c("tensorflow", "jax", "torch"), {
    # a bar is for a terminal that rewrites its line
    for (verbose in 1:2) {
      lines <- capture.output(fit(model, data$x, data$y, epochs = 2, verbose = verbose))
      expect_length(lines, 2L)
      expect_match(lines, "^Epoch [12]/2: 2 steps in .*s - accuracy: .* - loss: ")
    }
    silent <- capture.output(fit(model, data$x, data$y, epochs = 1, verbose = 0))
    expect_identical(silent, character())
  })
})

test_that("bad input is refused before any work is done", {
  model <- classifier()
  data <- penguin_data()
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_refused(fit(model, data$x, data$y[1:5]), "same number of samples")
    expect_refused(fit(model, data$x, replace(as.integer(data$y), 1, NA)), "missing values")
    expect_refused(fit(model, data$x, data$y, validation_split = 1), "validation_split")
    expect_refused(fit(model, data$x, data$y, epochs = 1.5), "`epochs` must be a whole number")
    expect_error(fit(model, data$x, data$y, epoch = 1), class = "rlib_error_dots_nonempty")
    raw <- keras_model_sequential(input_shape = 4) |> layer_dense(1)
    expect_refused(fit(raw, data$x, data$y), "call compile\\(\\) before fit\\(\\)")
  })
  expect_refused(compile(model, "no_such_optimizer"), "no_such_optimizer")
  expect_refused(predict(model, data$x[, 1:3], verbose = 0), "4", "python.builtin.ValueError")
})

test_that("metrics in a named list are reported under its names", {
  model <- keras_model_sequential(input_shape = 2) |>
    layer_dense(1, kernel_initializer = "zeros")
  y <- c(1, 2, 3)
  compile(model, loss = "mse", metrics = list(
    zeta = function(y_true, y_pred) op_mean(op_subtract(y_true, y_pred)),
    alpha = function(y_true, y_pred) op_max(y_true), "mae"
  ))
  result <- evaluate(model, matrix(0, 3, 2), y, verbose = 0)
  expect_named(result, c("loss", "zeta", "alpha", "mae"), ignore.order = TRUE)
  expect_equal(result$zeta, 2, tolerance = float32_tolerance)
  expect_equal(result$alpha, 3, tolerance = float32_tolerance)

  # weighted, they are means over the rows by their weights
  compile(model, optimizer_sgd(0), "mse", weighted_metrics = list(
    heavy = function(y_true, y_pred) op_reshape(y_true, -1), "mae"
  ))
  result <- evaluate(model, matrix(0, 3, 2), y, sample_weight = c(1, 0, 3), verbose = 0)
  expect_named(result, c("loss", "heavy", "mae"), ignore.order = TRUE)
  expect_equal(unlist(result[c("heavy", "mae")]), c(heavy = 2.5, mae = 2.5), tolerance = 1e-6)
  if (trains()) {
    history <- fit(
      model, matrix(0, 3, 2), y,
      sample_weight = c(1, 0, 3), validation_data = list(matrix(0, 1, 2), 4),
      epochs = 1, verbose = 0
    )
    expect_setequal(names(history$metrics), paste0(c("", "val_"), rep(names(result), each = 2)))
    expect_equal(history$metrics$heavy, 2.5, tolerance = float32_tolerance)
    expect_equal(history$metrics$val_heavy, 4, tolerance = float32_tolerance)
  }

  input <- keras_input(2)
  two <- keras_model(input, list(
    layer_dense(input, 1, name = "a"), layer_dense(input, 1, name = "b")
  ))
  largest <- function(y_true, y_pred) op_max(y_true)
  compile(two, loss = "mse", metrics = list(a = largest, b = list(top = largest)))
  result <- evaluate(two, matrix(0, 3, 2), list(y, 2 * y), verbose = 0)
  expect_equal(result$a_largest, 3, tolerance = float32_tolerance)
  expect_equal(result$b_top, 6, tolerance = float32_tolerance)
})

test_that("a second compile() without metrics has none, and evaluate() still gives a list", {
  model <- keras_model_sequential(input_shape = 2) |>
    layer_dense(1, kernel_initializer = "zeros")
  compile(model, loss = "mse", metrics = "mae")
  expect_named(evaluate(model, matrix(0, 2, 2), c(1, 1), verbose = 0), c("loss", "mae"))
  compile(model, loss = "mse")
  expect_identical(evaluate(model, matrix(0, 2, 2), c(1, 1), verbose = 0), list(loss = 1))
})

test_that("a metric in R may give its variable as the result", {
  metric_rows <- new_metric_class(
    "Rows",
    initialize = function(...) {
      super$initialize(...)
      self$n <- self$add_variable(shape(), initializer = "zeros", name = "n")
    },
    update_state = function(y_true, y_pred, sample_weight = NULL) {
      self$n$assign_add(op_sum(op_ones_like(y_true)))
    },
    result = function() self$n
  )
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  compile(model, loss = "mse", metrics = list(metric_rows(name = "rows")))
  result <- evaluate(model, matrix(0, 5, 2), 1:5, batch_size = 2, verbose = 0)
  expect_identical(result$rows, 5)
})

test_that("what is misspelt is refused with the near one", {
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  expect_refused(compile(model, loss = "mse", metric = "mae"), "mean `metrics`")
  expect_refused(compile(model, loss = "mse", metrixs = "mae"), "mean `metrics`")
  expect_refused(compile(model, loss = "mes"), "Did you mean `mse`")
  expect_refused(compile(model, "adamm", "mse"), "Did you mean `adam")
  expect_refused(compile(model, loss = "mse", metrics = "acuracy"), "Did you mean")
  expect_refused(layer_dense(units = 1, activation = "rellu"), "Did you mean `relu")
  expect_refused(layer_dense(units = 1, kernel_initializer = "zeroes_"), "Did you mean `zeros")
  expect_refused(layer_conv_2d(filters = 1, kernel_s = 3), "Did you mean `kernel_size`")
  expect_error(layer_conv_2d(filters = 1, kernel = 3), "matches multiple formal arguments")
  expect_refused(layer_dense(unit = 1), "Did you mean `units`")
  expect_refused(layer_dense(units = 1, activaton = "relu"), "Did you mean `activation`")
  expect_refused(optimizer_adam(learning = 1), "Did you mean `learning_rate`")
})

test_that("the pace of a training changes nothing but its time", {
  on_backend(c("tensorflow", "jax"), {
    x <- withr::with_seed(1, matrix(rnorm(32000), 8000))
    y <- x %*% c(1, -1, 2, 0.5)
    run <- function(steps, callbacks = NULL) {
      set_random_seed(1)
      model <- keras_model_sequential(input_shape = 4) |> layer_dense(4) |> layer_dense(1)
      compile(model, "sgd", "mse", metrics = "mae", steps_per_execution = steps)
      history <- fit(
        model, x, y, epochs = 4, batch_size = 8, callbacks = callbacks, validation_split = 0.1,
        verbose = 0
      )
      list(history$metrics, lapply(model$get_weights(), as.array), history$params)
    }
    auto <- run("auto")
    one <- run(1L)
    expect_equal(auto[1:2], one[1:2], tolerance = float32_tolerance)
    expect_identical(one[[3]]$steps_per_execution, 1L)
    expect_true(auto[[3]]$steps_per_execution %in% 2^(0:5))
    batches <- 0
    counting <- callback_lambda(on_train_batch_end = \(batch, logs) batches <<- batches + 1)
    expect_identical(run("auto", counting)[[3]]$steps_per_execution, 1L)
    expect_identical(batches, 3600)
  })
  expect_refused(
    linear_model(matrix(0, 1, 1), steps_per_execution = "many"), "`steps_per_execution` must be"
  )
})

test_that("a training leaves the model the function that Keras trains it with", {
  skip_if_not(trains())
  x <- matrix(as.numeric(1:4000), 1000)
  model <- linear_model(x, steps_per_execution = "auto")
  trained_with <- function() {
    fit(model, x, rowSums(x), batch_size = 2, epochs = 2, verbose = 0)
    reticulate::py_get_attr(model, "train_function")
  }
  first <- trained_with()
  expect_identical(reticulate::py_id(trained_with()), reticulate::py_id(first))
  # many trainings are not one within the other
  for (i in 1:3) fit(model, x[1:8, ], rowSums(x[1:8, ]), verbose = 0)
  expect_identical(reticulate::py_id(trained_with()), reticulate::py_id(first))
})

test_that("evaluate() is found by another package's generic, and finds its methods", {
  skip_if(config_backend() != "jax", "methods are R's: one backend is enough")
  library <- withr::local_tempdir()
  source <- file.path(withr::local_tempdir(), "tfdatasets")
  dir.create(file.path(source, "R"), recursive = TRUE)
  writeLines(c("Package: tfdatasets", "Version: 0.0.1", "Title: A Fixture"),
    file.path(source, "DESCRIPTION")
  )
  writeLines(
    c("export(evaluate, as_array_iterator)", "S3method(evaluate, theirs)"),
    file.path(source, "NAMESPACE")
  )
  writeLines(
    c(
      "as_array_iterator <- function(dataset) UseMethod(\"as_array_iterator\")",
      "evaluate <- function(object, ...) UseMethod(\"evaluate\")",
      "evaluate.theirs <- function(object, ...) \"their own\""
    ),
    file.path(source, "R", "evaluate.R")
  )
  utils::install.packages(source, library, repos = NULL, type = "source", quiet = TRUE)
  run <- function(order) {
    for (package in order) library(package, character.only = TRUE)
    model <- kerasbridge::keras_model_sequential(input_shape = 1) |> kerasbridge::layer_dense(1)
    kerasbridge::compile(model, "sgd", "mse")
    list(
      names(evaluate(model, x = c(1, 2), y = c(1, 2), verbose = 0)),
      evaluate(structure(list(), class = "theirs"))
    )
  }
  for (order in list(c("kerasbridge", "tfdatasets"), c("tfdatasets", "kerasbridge"))) {
    result <- callr::r(run, list(order), libpath = c(library, .libPaths()), timeout = 120)
    expect_identical(result, list("loss", "their own"))
  }
  expect_refused(evaluate(1), "must be a Keras model")
})

test_that("data may have another number of dimensions than in the call before", {
  skip_if_not(trains())
  x <- matrix(seq_len(40) / 40, 20)
  y <- x[, 1]
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  compile(model, "sgd", "mse")
  of_vector <- evaluate(model, x, y, verbose = 0)
  expect_equal(evaluate(model, x, matrix(y), verbose = 0), of_vector)
  fit(model, x, y, epochs = 1, verbose = 0)
  history <- fit(model, x, matrix(y), epochs = 2, verbose = 0)
  expect_length(history, 2)
  expect_equal(evaluate(model, x, y, verbose = 0), evaluate(model, x, matrix(y), verbose = 0))
})

test_that("a model without any loss is refused, and one whose layers give it is trained", {
  skip_if_not(trains())
  x <- matrix(seq_len(40) / 40, 20)
  bare <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  compile(bare, "sgd")
  before <- get_weights(bare)
  for (again in 1:2) {
    expect_refused(fit(bare, x, x[, 1], epochs = 1, verbose = 0), "compiled without a loss")
    expect_refused(evaluate(bare, x, x[, 1], verbose = 0), "compiled without a loss")
  }
  expect_identical(get_weights(bare), before)

  layer_sizes <- new_layer_class("Sizes", call = function(inputs) {
    self$add_loss(op_mean(inputs^2))
    inputs
  })
  given <- keras_model_sequential(input_shape = 2) |> layer_dense(1) |> layer_sizes()
  compile(given, "sgd")
  history <- fit(given, x, x[, 1], epochs = 3, verbose = 0)
  expect_lt(history$metrics$loss[[3]], history$metrics$loss[[1]])
  compile(bare, "sgd", "mse")
  expect_gt(fit(bare, x, x[, 1], epochs = 1, verbose = 0)$metrics$loss, 0)
})

test_that("R's primitive functions are losses, metrics and activations too", {
  skip_if_not(trains())
  x <- matrix(1:8 / 8, 4, 2)
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1, activation = abs)
  for (loss in list(sum, list(sum))) {
    compile(model, "sgd", loss, metrics = list(max, total = sum))
    results <- evaluate(model, x, 1:4, verbose = 0)
    expect_identical(names(results), c("loss", "max", "total"))
    # of the targets and the predictions together
    expect_value(results$total, sum(1:4, predict(model, x, verbose = 0)))
    expect_value(results$max, max(4, predict(model, x, verbose = 0)))
  }
  expect_value(op_map(c(-1, 2), abs), c(1, 2))
})
