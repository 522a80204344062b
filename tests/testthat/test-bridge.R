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

test_that("without the routine of reticulate, py_call() is called to the same effect", {
  expect_type(routine_of_py_call(), "externalptr")
  prepare_calls(NULL)
  withr::defer(prepare_calls())
  x <- op_convert_to_tensor(matrix(1:4 + 0, 2))
  expect_value(op_sum(x, axis = 1), c(3, 7))
  expect_value(op_reshape(x, newshape = 4), c(1, 3, 2, 4))
  expect_value(x + op_add(x, 1), matrix(2 * 1:4 + 1, 2))
  expect_identical(dim(x), c(2L, 2L))
  on_backend(c("tensorflow", "jax", "torch"), { # NumPy's arrays keep reticulate's `[`
    i <- 2
    expect_value(x[i, ], c(2, 4))
    expect_refused(x[3, ], "Subscript 1 is 3, but dimension 1 has size 2")
  })
})

test_that("a call that goes to C at once is the call of its errors and warnings", {
  expect_identical(
    conditionCall(expect_refused(op_sum(1:3, axis = 4), "axis")), quote(op_sum(1:3, axis = 4))
  )
  on_backend(c("tensorflow", "jax", "torch"), {
    x <- op_ones(c(2, 3))
    i <- 3
    expect_identical(conditionCall(expect_refused(x[i, ], "Subscript 1 is 3")), quote(x[i, ]))
  })
  warning <- expect_warning(callback_early_stopping(mode = "up"), "up")
  expect_identical(conditionCall(warning), quote(callback_early_stopping(mode = "up")))
})

test_that("what crosses unasked is what R has nothing to do with", {
  crosses <- \(x) .Call(call_crosses, x)
  x <- op_ones(2)
  for (value in list(x, NULL, 1, NA_real_, 2L, list(x, list(a = x, 2)))) expect_true(crosses(value))
  for (value in list(NA, 1:2, NA_integer_, "a", factor("a"), list(1:2), shape(1), matrix(1), sum)) {
    expect_false(crosses(value))
  }
})

test_that("a missing value that an R function gives Python is NaN, and not True", {
  told <- reticulate::py_eval("lambda f: repr(f())")
  expect_identical(told(\() NA), "nan")
  expect_identical(told(\() NA_real_), "nan")
  expect_identical(told(\() TRUE), "True")
  expect_identical(told(\() array(c(TRUE, NA), 2L)), "array([ 1., nan])")
  expect_identical(told(\() c(a = TRUE)), "True")
  kept <- list(1L, list(a = NA, b = FALSE), "c")
  expect_identical(told(\() kept), "[1, {'a': nan, 'b': False}, 'c']")
  expect_identical(kept, list(1L, list(a = NA, b = FALSE), "c"))
  loss <- \(y_true, y_pred) if (FALSE) 0 else NA
  expect_identical(reticulate::py_eval("lambda f: f(1, 2) != f(1, 2)")(loss), TRUE)
})
