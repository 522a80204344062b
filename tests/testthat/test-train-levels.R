# Levels of targets, kept with a model and given back by predict().

flowers <- function(units = 3, activation = "softmax", loss = "sparse_categorical_crossentropy") {
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(units, activation = activation)
  compile(model, "adam", loss)
  model
}

x <- scale(iris[, 1:4])

trained <- function(y = iris$Species, ...) {
  model <- flowers(...)
  fit(model, x, y, epochs = 1, verbose = 0)
  model
}

test_that("a classifier predicts classes and probabilities with the levels of its target", {
  on_backend(c("tensorflow", "jax", "torch"), {
    model <- trained()
    new <- x[c(1, 60, 140), ]
    prob <- predict(model, new, verbose = 0)
    expect_identical(colnames(prob), levels(iris$Species))
    expect_identical(predict(model, new, type = "prob", verbose = 0), prob)
    class <- predict(model, new, type = "class", verbose = 0)
    expect_identical(class, factor(colnames(prob)[max.col(prob)], levels(iris$Species)))
    path <- withr::local_tempfile(fileext = ".keras")
    save_model(model, path)
    expect_identical(predict(load_model(path), new, type = "class", verbose = 0), class)
    again <- unserialize_model(serialize_model(model))
    expect_identical(predict(again, new, type = "class", verbose = 0), class)
  })
})

test_that("levels are matched by name, and unknown ones are refused", {
  on_backend(c("tensorflow", "jax", "torch"), {
    model <- trained()
    expected <- evaluate(model, x, iris$Species, verbose = 0)
    reversed <- factor(iris$Species, rev(levels(iris$Species)))
    expect_equal(evaluate(model, x, reversed, verbose = 0), expected)
    expect_equal(evaluate(model, x, as.character(iris$Species), verbose = 0), expected)
    few <- droplevels(iris$Species[51:150])
    expect_equal(
      evaluate(model, x[51:150, ], few, verbose = 0),
      evaluate(model, x[51:150, ], as.integer(iris$Species[51:150]) - 1L, verbose = 0)
    )
    expect_refused(evaluate(model, x[1:2, ], c("setosa", "rosa")), "level \"rosa\" of `y`")
    held <- list(x = x[1:9, ], y = as.character(iris$Species[1:9]), sample_weight = rep(2, 9))
    history <- fit(model, x, reversed, epochs = 1, validation_data = held, verbose = 0)
    expect_equal(
      history$metrics$val_loss,
      evaluate(model, held$x, rep(0, 9), sample_weight = held$sample_weight, verbose = 0)$loss,
      tolerance = float32_tolerance
    )
  })
})

test_that("two classes may share one unit, and logits become probabilities", {
  on_backend(c("tensorflow", "jax", "torch"), {
    targets <- list(
      iris$Species == "setosa", factor(iris$Species == "setosa", labels = c("other", "setosa"))
    )
    for (y in targets) {
      levels <- if (is.factor(y)) levels(y) else c("FALSE", "TRUE")
      model <- trained(y, 1, "sigmoid", "binary_crossentropy")
      p <- predict(model, x, verbose = 0)
      expect_identical(colnames(p), levels[[2]])
      expect_equal(
        predict(model, x, type = "prob", verbose = 0), cbind(1 - p, p), ignore_attr = "dimnames"
      )
      expect_identical(
        predict(model, x, type = "class", verbose = 0),
        factor(levels[(p[, 1] > 0.5) + 1], levels)
      )
    }
    logits <- trained(loss = loss_sparse_categorical_crossentropy(from_logits = TRUE),
      activation = NULL
    )
    odds <- exp(predict(logits, x, verbose = 0))
    expect_equal(
      predict(logits, x, type = "prob", verbose = 0), odds / rowSums(odds),
      tolerance = float32_tolerance
    )
  })
})

test_that("several outputs have levels each", {
  on_backend(c("tensorflow", "jax", "torch"), {
    input <- keras_input(shape = 4)
    width <- input |> layer_dense(1, name = "width")
    species <- input |> layer_dense(3, activation = "softmax", name = "species")
    model <- keras_model(input, list(width = width, species = species))
    compile(model, "sgd", list(width = "mse", species = "sparse_categorical_crossentropy"))
    fit(model, x, list(width = x[, 1], species = iris$Species), epochs = 1, verbose = 0)
    predicted <- predict(model, x[1:2, ], verbose = 0)
    expect_identical(colnames(predicted$species), levels(iris$Species))
    expect_null(colnames(predicted$width))
    expect_refused(
      fit(model, x, list(width = x[, 1], species = rep(3, 150)), verbose = 0), "class code 3"
    )
  })
})

test_that("a validation of levels that the training never sees is warned of", {
  on_backend(c("tensorflow", "jax", "torch"), {
    validated <- function(rows, split) {
      fit(
        flowers(), x[rows, ], iris$Species[rows],
        epochs = 1, validation_split = split, verbose = 0
      )
    }
    expect_warning(
      validated(1:150, 0.4), "have the level \"virginica\" of `y`, which the other rows lack",
      class = "kerasbridge_warning"
    )
    expect_no_warning(validated(1:150, 0.2)) # twenty of the last kind are learnt from
  })
})

test_that("class weights are named by levels", {
  on_backend(c("tensorflow", "jax", "torch"), {
    weighted <- function(w) {
      fit(
        flowers(), x, iris$Species, epochs = 1, shuffle = FALSE, class_weight = w, verbose = 0
      )$metrics$loss
    }
    expect_equal(weighted(c(setosa = 1, virginica = 2)), weighted(list("2" = 2)))
  })
})

test_that("a model without levels predicts numbers only", {
  model <- flowers()
  expect_refused(predict(model, x, type = "class", verbose = 0), "trained on a factor")
  expect_refused(predict(model, x, type = "classes", verbose = 0), "`type` must be")
})

test_that("data that no loss can be computed from is refused at the door", {
  skip_if(!trains(), "NumPy trains nothing, and says so first")
  model <- flowers()
  y <- iris$Species
  codes <- as.integer(y)
  expect_snapshot(error = TRUE, {
    fit(model, x, codes)
    fit(model, x, codes - 2L)
    fit(model, x, y[1:5])
    fit(model, x, y, sample_weight = 1:3)
    fit(model, x, replace(y, 1, NA))
    fit(model, x, replace(codes - 1, 1, NA))
    fit(model, x[0, ], y[0])
    fit(model, x, y, batch_size = 0)
    fit(model, x, y, epochs = 0)
    fit(model, x, y, epochs = -1)
    fit(model, x, y, validation_data = x)
    fit(model, x, y, validation_data = list(x))
    fit(model, x, y, validation_data = list(a = x, b = y))
    fit(model, x, y, validation_data = list(x, y[1:3]))
    fit(flowers(), iris, y)
  })
})

test_that("a factor becomes a column for each level", {
  f <- factor(c("b", "a"), c("a", "b", "c"))
  expect_equal(to_categorical(f), rbind(c(0, 1, 0), c(1, 0, 0)))
  expect_equal(to_categorical(c(0L, 2L)), rbind(c(1, 0, 0), c(0, 0, 1)))
  expect_refused(to_categorical(c("a", "b")), "class codes or a factor")
})
