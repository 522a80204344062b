model_of_two <- function() {
  keras_model_sequential(input_shape = 2) |>
    layer_dense(3, name = "base", kernel_initializer = "ones") |>
    layer_dense(1, name = "head", kernel_initializer = "ones")
}

test_that("weights are copied to R and put back", {
  model <- model_of_two()
  weights <- get_weights(model)
  expect_equal(weights[[1]], matrix(1, 2, 3))
  expect_equal(count_params(model), 13)
  set_weights(model, lapply(weights, \(w) w * 2))
  expect_equal(get_weights(model)[[3]], matrix(2, 3, 1))
  expect_error(set_weights(model, weights[1:2]), "list of 4 arrays", class = "kerasbridge_error")
})

test_that("layers are frozen by name, position and flag", {
  model <- model_of_two()
  freeze_weights(model, to = "base")
  expect_length(get_weights(model, trainable = TRUE), 2)
  unfreeze_weights(model)
  freeze_weights(model, which = c(FALSE, TRUE))
  expect_false(get_layer(model, "head")$trainable)
  freeze_weights(model)
  unfreeze_weights(model, from = -1)
  expect_equal(dim(get_weights(model, trainable = TRUE)[[1]]), c(3L, 1L))
  expect_error(freeze_weights(model, which = "bse"), "Did you mean `base`")
})

test_that("layers are found and taken off", {
  model <- model_of_two()
  expect_identical(get_layer(model, index = 2)$name, "head")
  expect_error(get_layer(model, index = 3), "counts layers from 1")
  expect_identical(pop_layer(model)$name, "head")
  expect_length(model$layers, 1)
})

test_that("a configuration makes the same object, also with a list of one number", {
  config <- get_config(layer_reshape(target_shape = 4))
  expect_identical(config$target_shape, list(4L))
  expect_identical(from_config(config)$target_shape, list(4L))
})

test_that("a state tree is put back", {
  model <- model_of_two()
  compile(model, "sgd", "mse")
  tree <- get_state_tree(model)
  set_weights(model, lapply(get_weights(model), \(w) w * 0))
  set_state_tree(model, tree)
  expect_equal(get_weights(model)[[1]], matrix(1, 2, 3))
})

test_that("a metric is reset", {
  metric <- metric_sum()
  metric$update_state(c(1, 2))
  reset_state(metric)
  expect_equal(as.numeric(metric$result()), 0)
})

test_that("parameters beyond 2^31 are counted exactly", {
  # In a stateless scope weights are declared, and nothing is allocated: not until the end of the
  # next scope, unless Keras forgets them.
  scope <- keras$StatelessScope(initialize_variables = FALSE)
  with(scope, {
    model <- keras_model_sequential(input_shape = 2^16) |>
      layer_dense(2^16) |>
      layer_dense(3)
  })
  expect_identical(count_params(model), 2^32 + 2^16 + 3 * 2^16 + 3)
  clear_session()
  expect_error(count_params(layer_dense(units = 1)), "isn't built", class = "kerasbridge_error")
})

test_that("layers are frozen from one to another, which keeps the others as they were", {
  model <- keras_model_sequential(input_shape = 2)
  for (name in c("a", "b", "c", "d")) model |> layer_dense(1, name = name)
  frozen <- function() names(Filter(isFALSE, lapply(set_names_of(model), \(l) l$trainable)))
  set_names_of <- function(model) {
    stats::setNames(model$layers, vapply(model$layers, \(layer) layer$name, ""))
  }
  freeze_weights(model, from = "b", to = 3)
  expect_identical(frozen(), c("b", "c"))
  unfreeze_weights(model, which = "b")
  expect_identical(frozen(), "c")
  freeze_weights(model, which = c(1, -1))
  expect_identical(frozen(), c("a", "c", "d"))
  unfreeze_weights(model, from = -2)
  expect_identical(frozen(), "a")
  freeze_weights(model, which = c(FALSE, TRUE, FALSE, TRUE))
  expect_identical(frozen(), c("a", "b", "d"))
  expect_length(get_weights(model, trainable = TRUE), 2)
  expect_length(get_weights(model, trainable = FALSE), 6)
  freeze_weights(model)
  expect_length(get_weights(model, trainable = TRUE), 0)
  unfreeze_weights(model, to = "b")
  expect_identical(frozen(), c("c", "d"))
  expect_refused(freeze_weights(model, from = 5), "`from` counts layers from 1")
  expect_refused(freeze_weights(model, which = 1.5), "`which` must be a whole number")
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("a state tree carries weights, optimizer and metrics to another model", {
    x <- as.matrix(scale(cars["speed"]))
    y <- as.matrix(scale(cars["dist"]))
    new_model <- function() {
      set_random_seed(3)
      model <- keras_model_sequential(input_shape = 1, name = "cars") |>
        layer_dense(1, name = "line")
      compile(model, optimizer_adam(0.1, name = "adam"), "mse", metrics = "mae")
      model
    }
    trains <- function(model) {
      fit(model, x, y, epochs = 1, shuffle = FALSE, verbose = 0)$metrics
    }
    model <- new_model()
    for (epoch in 1:3) trains(model)
    tree <- get_state_tree(model)
    expect_setequal(names(tree), c(
      "trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"
    ))
    expect_equal(tree$trainable_variables$cars$line$kernel, get_weights(model)[[1]])
    # two batches of 50 cars in each epoch
    expect_equal(as.vector(tree$optimizer_variables$adam$iteration), 6)
    other <- new_model()
    trains(other) # builds the optimizer
    set_state_tree(other, tree)
    expect_equal(get_state_tree(other), tree)
    expect_equal(trains(other), trains(model), tolerance = float32_tolerance)
    expect_equal(get_weights(other), get_weights(model), tolerance = float32_tolerance)
    names(tree$trainable_variables) <- "trucks"
    expect_refused(set_state_tree(other, tree), "`state_tree` has \"trucks\"")
  })
})

# Forgetting -------------------------------------------------------------------------------------

test_that("a model with stateful layers forgets what it has seen, and keeps what it has learnt", {
  set_random_seed(5)
  series <- array(as.numeric(scale(lynx))[1:3], c(1, 3, 1))
  input <- keras_input(batch_shape = c(1, 3, 1))
  memory <- input |> layer_bidirectional(layer_lstm(units = 3, stateful = TRUE))
  model <- keras_model(input, memory |> layer_dense(1))
  first <- as.array(model(series))
  second <- as.array(model(series))
  expect_gt(abs(first - second), 1e-3)
  expect_identical(reset_state(model), model)
  expect_equal(as.array(model(series)), first, tolerance = float32_tolerance)
  reset_state(get_layer(model, index = 2))
  expect_equal(as.array(model(series)), first, tolerance = float32_tolerance)

  dense <- layer_dense(units = 2)
  expect_identical(reset_state(dense), dense)
  expect_refused(reset_state(keras), "must be a layer, a model or a metric")
})

test_that("what R gives to a metric's own method has the metric's values", {
  # R's doubles reach update_state() as they are, and the metric computes in its own dtype
  metric <- metric_mean_absolute_error()
  metric$update_state(matrix(c(1, 2.5, 3)), matrix(c(1, 2, 5)))
  expect_value(metric$result(), 2.5 / 3)
  expect_equal(as.character(op_dtype(metric$result())), "float32")
  mean <- metric_mean()
  mean$update_state(c(1, 2, 6), sample_weight = c(1, 0, 1))
  expect_value(mean$result(), 3.5)
  accuracy <- metric_sparse_categorical_accuracy()
  accuracy$update_state(c(0L, 1L, 1L), rbind(c(0.9, 0.1), c(0.2, 0.8), c(0.8, 0.2)))
  expect_value(accuracy$result(), 2 / 3)
})

# Fewer bits -------------------------------------------------------------------------------------

quantized <- function(mode) {
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, name = "only")
  set_weights(model, list(kernel, c(0.5, -0.25, 1)))
  before <- predict(model, measured, verbose = 0)
  # the input layer has nothing to quantize, which Keras says in a warning of Python's
  reticulate::py_capture_output(quantize_weights(model, mode))
  list(layer = get_layer(model, "only"), off = abs(predict(model, measured, verbose = 0) - before))
}

measured <- as.matrix(iris[1:4])
kernel <- matrix(c(0.91, -0.53, 0.27, 0.12, -0.34, 0.66, 0.05, -0.98, 0.4, 0.3, -0.2, 0.7), 4)

# Float32 adds its own last digit to a bound that is met exactly.
expect_within <- function(off, bound) {
  expect_true(all(off <= bound * (1 + float32_tolerance) + float32_tolerance))
  expect_gt(max(off), 0)
}

test_that("int8 keeps a prediction within the steps of weights and inputs", {
  result <- quantized("int8")
  steps <- apply(abs(kernel), 2, max) / 127
  kept <- as.array(result$layer$kernel)
  expect_equal(kept, round(sweep(kernel, 2, steps, "/")))
  expect_type(kept, "integer")
  # Rounding is off by half a step: of each weight, times its input, and of each input, times its
  # weight.
  input_steps <- apply(abs(measured), 1, max) / 127
  bound <- outer(rowSums(abs(measured)), steps / 2) +
    outer(input_steps / 2, colSums(abs(kernel) + rep(steps / 2, each = 4)))
  expect_within(result$off, bound)
})

test_that("int4 keeps a prediction within the steps of the weights", {
  result <- quantized("int4")
  # Sixteen values from the smallest weight of a unit to the largest; the zero among them is
  # rounded too, so that a weight may be off by a whole step.
  steps <- apply(kernel, 2, \(w) diff(range(w, 0))) / 15
  expect_within(result$off, outer(rowSums(abs(measured)), steps))
  # two weights in one byte
  expect_equal(dim(result$layer$variables[[2]]), c(4, 2))
})

test_that("float8 keeps a prediction within its three binary digits", {
  result <- quantized("float8")
  # 1.xxx, rounded, is off by 2^-4 of itself: the weight, and the input
  expect_within(result$off, abs(measured) %*% abs(kernel) * ((1 + 2^-4)^2 - 1))
})

test_that("a configuration stands for a mode, and a filter says which layers", {
  filters <- list("kept$", c("nothing", "kept"), \(layer) layer$name == "kept")
  for (filter in filters) {
    model <- keras_model_sequential(input_shape = 4) |>
      layer_dense(3, name = "kept") |>
      layer_dense(2, name = "left")
    result <- withVisible(
      quantize_weights(model, config = quantizer_int8_quantization_config(), filters = filter)
    )
    expect_false(result$visible)
    expect_identical(result$value, model)
    policies <- vapply(model$layers, \(layer) layer$dtype_policy$name, "")
    expect_identical(policies, c("int8_from_float32", "float32"))
  }
  expect_error(quantize_weights(model), "Give `mode` or `config`", fixed = TRUE)
})

test_that("what cannot be quantized says so", {
  dense <- layer_dense(units = 2)
  value_error <- "python.builtin.ValueError"
  expect_error(quantize_weights(dense, "int8"), "isn't yet built", class = value_error)
  dense(measured)
  expect_error(quantize_weights(dense, "int3"), "\"int8\".*\"int4\"", class = value_error)
  quantize_weights(dense, "int8")
  condition <- expect_error(
    quantize_weights(dense, "int8"), "already quantized",
    class = value_error
  )
  expect_equal(conditionCall(condition), quote(quantize_weights(dense, "int8")))
  norm <- layer_layer_normalization()
  norm(measured)
  expect_error(
    quantize_weights(norm, "int8"), "LayerNormalization",
    class = "python.builtin.NotImplementedError"
  )
})
