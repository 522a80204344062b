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
  expect_identical(from_config(layer_reshape, config)$target_shape, list(4L))
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
