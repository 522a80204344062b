test_that("printing a wrapper shows its signature and what it calls", {
  expect_identical(capture.output(print(op_sum)), c(
    "function (x, axis = NULL, keepdims = FALSE, ...)",
    "# calls keras.ops.sum through kerasbridge"
  ))
  shown <- capture.output(print(layer_dense))
  expect_match(shown[[1L]], "^function \\(object = NULL, units, activation = NULL")
  expect_match(shown[[length(shown) - 1L]], "...)", fixed = TRUE)
})

test_that("a wrapper is Keras's own object wherever Python gets it", {
  expect_identical(reticulate::py_id(r_to_py(op_relu)), reticulate::py_id(keras$ops$relu))
  for (activation in list(op_relu, activation_relu, "relu")) {
    layer <- layer_dense(units = 2, activation = activation)
    expect_identical(layer$get_config()$activation, "relu")
  }
})

test_that("an argument that does not exist is refused, and the near one named", {
  expect_refused(op_sum(1:3, axs = 1), "op_sum\\(\\) has no argument `axs`. Did you mean `axis`")
  expect_refused(layer_dense(units = 2, activaton = "relu"), "Did you mean `activation`")
})
