# Python exceptions as R conditions.

condition_of <- function(expr) {
  tryCatch(
    {
      expr
      NULL
    },
    error = identity
  )
}

test_that("a Python exception is a condition with its own class, and the user's call", {
  condition <- condition_of(op_reshape(1:6, c(4, 2)))
  expect_s3_class(condition, c("kerasbridge_error"))
  expect_s3_class(condition, "python.builtin.Exception")
  expect_equal(conditionCall(condition), quote(op_reshape(1:6, c(4, 2))))
})

test_that("what the shim refuses is told without Python's words", {
  expect_refused(
    layer_dense(units = 2.5), "^`units` must be a whole number, not 2.5[.]$",
    "python.builtin.ValueError"
  )
  condition <- condition_of(op_sum(matrix(1:4, 2), axis = 0))
  expect_match(conditionMessage(condition), "^`axis` counts axes from 1")
})

test_that("messages speak R: NULL, TRUE, and axes counted from 1", {
  path <- system.file("python", package = "kerasbridge")
  errors <- reticulate::import_from_path("kerasbridge.errors", path)
  expect_equal(
    errors$in_r_words("axis=2 of None is not True", TRUE), "axis = 3 of NULL is not TRUE"
  )
})

test_that("the Python traceback stays at hand", {
  condition_of(layer_dense(units = 2.5))
  expect_equal(py_last_error()$type, "ArgumentError")
})

test_that("an error in an R callback is signalled as it was", {
  on_backend(c("tensorflow", "jax", "torch"), {
    loss <- function(y_true, y_pred) stop("no loss today")
    model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
    model |> compile("sgd", loss)
    expect_error(fit(model, c(1, 2), c(1, 2), verbose = 0), "no loss today")
  })
})

test_that("a condition of R's own keeps its class through Python", {
  layer <- new_layer_class("Refusing", call = function(inputs) {
    rlang::abort("not this input", class = "my_refusal")
  })
  expect_error(layer(op_ones(c(1, 2))), "not this input")
})
