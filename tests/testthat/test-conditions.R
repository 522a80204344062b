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

# Where an error came from ---------------------------------------------------------------------

calls_of_trace <- function(condition) vapply(condition$trace$call, rlang::as_label, "")

# Each pattern is found in a call of its own, in this order.
expect_calls <- function(calls, patterns) {
  found <- 0L
  for (pattern in patterns) {
    after <- grep(pattern, calls)
    found <- after[after > found][1L]
    expect_false(is.na(found), label = paste(pattern, "is missing among", toString(calls)))
    if (is.na(found)) break
  }
}

layer_failing <- new_layer_class("Failing", call = function(inputs) deeper(inputs))

deeper <- function(x) stop("not this one")

keras_calls_layer <- "^keras/src/layers/layer[.]py:[0-9]+ in Layer[.]__call__$"

test_that("the trace of an R error has Python's frames between R's calls", {
  condition <- condition_of(layer_failing(op_ones(2)))
  expect_equal(conditionMessage(condition), "not this one")
  expect_equal(conditionCall(condition), quote(deeper(inputs)))
  calls <- calls_of_trace(condition)
  expect_calls(calls, c(
    "^layer_failing[(]", keras_calls_layer, "^Failing[$]call[(][.]{3}[)]$",
    "^deeper[(]inputs[)]$", "^stop[(]"
  ))
  expect_match(tail(calls, 1), "^stop")
  expect_false(any(grepl("reticulate|call_py|site-packages", calls)))
  # each call is below the one that led to it
  called <- grep("^layer_failing", calls)
  expect_equal(condition$trace$parent[-seq_len(called)], seq(called, length(calls) - 1L))
})

test_that("the trace goes through every R method that Python called on the way", {
  layer_outer <- new_layer_class(
    "Outer",
    initialize = function() {
      super$initialize()
      self$inner <- layer_failing()
    },
    call = function(inputs) self$inner(inputs)
  )
  condition <- condition_of(layer_outer(op_ones(2)))
  expect_equal(conditionCall(condition), quote(deeper(inputs)))
  expect_calls(calls_of_trace(condition), c(
    "^layer_outer[(]", keras_calls_layer, "^Outer[$]call[(]", "^self[$]inner[(]",
    keras_calls_layer, "^Failing[$]call[(]", "^stop[(]"
  ))
})

test_that("the trace of a Python error in a method ends in Python", {
  layer_unfit <- new_layer_class("Unfit", call = function(inputs) op_reshape(inputs, c(7, 7)))
  condition <- condition_of(layer_unfit(op_ones(2)))
  expect_equal(conditionCall(condition), quote(layer_unfit(op_ones(2))))
  calls <- calls_of_trace(condition)
  expect_calls(calls, c(
    "^layer_unfit[(]", keras_calls_layer, "^Unfit[$]call[(]", "^op_reshape[(]inputs",
    "^keras/src/ops/numpy[.]py:[0-9]+ in reshape$"
  ))
  expect_calls(
    vapply(py_last_error()$r_trace$call, rlang::as_label, ""),
    c("^Unfit[$]call[(]", " in reshape$")
  )
})

test_that("a method that is called straight from Python's object keeps the condition's class", {
  layer <- new_layer_class(
    "Typed", call = function(inputs) rlang::abort("this type", class = "my_error", detail = 3)
  )()
  condition <- expect_error(layer$call(op_ones(2)), "this type", class = "my_error")
  expect_s3_class(condition, "python.builtin.RuntimeError")
  expect_equal(condition$detail, 3)
  expect_equal(conditionCall(condition), quote(Typed$call(...)))
})

test_that("an error that nobody handles is shown with its trace", {
  skip_if_not_installed("processx")
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(kerasbridge)",
    "layer_failing <- new_layer_class('Failing', call = function(inputs) deeper(inputs))",
    "deeper <- function(x) stop('not this one')",
    "layer_failing(op_ones(2))"
  ))
  ended <- processx::run(
    file.path(R.home("bin"), "Rscript"), script,
    env = c("current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep)),
    error_on_status = FALSE
  )
  expect_equal(ended$status, 1)
  shown <- strsplit(ended$stderr, "\n")[[1]]
  from <- grep("^Error in `deeper[(][)]`:", shown)
  expect_length(from, 1)
  expect_equal(shown[from + 1], "! not this one")
  expect_calls(shown[-seq_len(from + 1)], c(
    "Backtrace", "layer_failing", "Layer.__call__", "Failing[$]call", "deeper", "stop"
  ))
})

test_that("an error as text names the call, as documents show it", {
  layer <- layer_dense(units = 1)
  layer(matrix(1, 1, 2))
  wrong <- tryCatch(layer(matrix(1, 1, 3)), error = identity)
  expect_match(as.character(wrong), "^Error in `layer\\(\\)`:\n! .*c\\(NA, 3\\)")
  refused <- tryCatch(layer_dense(units = 1.5), error = identity)
  expect_match(as.character(refused), "^Error in `layer_dense\\(\\)`:\n! `units` must be")
})

on_backend("jax", {
  test_that("what ends a function that JAX calls back is told once", {
    jax <- import("jax")
    result <- jax$ShapeDtypeStruct(tuple(2L), "float32")
    said <- capture.output(type = "message", {
      expect_error(jax$pure_callback(\(x) stop("out here"), result, op_ones(2)), "out here")
      left <- callCC(\(leave) jax$pure_callback(\(x) leave("left"), result, op_ones(2)))
    })
    expect_identical(left, "left")
    expect_identical(said, character())
  })
})
