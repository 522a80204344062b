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

test_that("a feature space is called on a data frame, factors and all", {
  space <- layer_feature_space(features = list(
    count = feature_float(), spray = feature_string_categorical(num_oov_indices = 0)
  ))
  adapt(space, InsectSprays)
  encoded <- as.array(space(InsectSprays[c(1, 14, 72), ]))
  expect_identical(dim(encoded), c(3L, 7L))
  expect_identical(sort(encoded[1, ]), c(0, 0, 0, 0, 0, 1, InsectSprays$count[[1]]))
  as_text <- transform(InsectSprays[c(1, 14, 72), ], spray = as.character(spray))
  expect_value(space(as_text), encoded)
})

test_that("a data set is trained on without a word on its order", {
  on_backend(c("tensorflow", "jax", "torch"), {
    model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
    model |> compile("sgd", "mse")
    pairs <- tensor_slices_dataset(list(matrix(1:4 / 4), 1:4 / 2)) |> dataset_batch(2)
    expect_no_warning(fit(model, pairs, epochs = 1, verbose = 0))
  })
})

test_that("a layer that wants values while its shapes are found out is told why there are none", {
  on_backend(c("tensorflow", "jax"), {
    layer_looking <- new_layer_class("Looking", call = function(inputs) {
      sum(as.array(inputs))
      inputs
    })
    expect_refused(
      keras_model_sequential(input_shape = 2) |> layer_looking(),
      "no value yet: its function is being traced"
    )
  })
})
