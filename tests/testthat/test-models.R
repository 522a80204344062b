# Models from layers that were made before.

test_that("a layer of its own is piped into as a layer_*() is", {
  scaling <- layer_normalization()
  x <- as.matrix(cars)
  scaling |> adapt(x)
  model <- keras_model_sequential(input_shape = 2) |> scaling()
  expect_identical(length(model$layers), 1L)
  scaled <- apply(x, 2, \(column) (column - mean(column)) / sqrt(mean((column - mean(column))^2)))
  expect_value(predict(model, x, verbose = 0), unname(scaled))

  again <- keras_model_sequential()
  again |> scaling() |> layer_dense(1)
  expect_identical(length(again$layers), 2L)
  nested <- keras_model_sequential(input_shape = 2) |> model()
  expect_value(predict(nested, x, verbose = 0), predict(model, x, verbose = 0))
})
