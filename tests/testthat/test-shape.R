test_that("a shape shows its sizes", {
  expect_identical(format(shape(2, 32)), "shape(2, 32)")
  expect_output(print(shape(NA, 28)), "shape(NA, 28)", fixed = TRUE)
  expect_identical(format(shape()), "shape()")
  expect_identical(capture.output(shown <- withVisible(print(shape(1)))), "shape(1)")
  expect_false(shown$visible)
})

test_that("sizes come as numbers, vectors, lists, shapes and NULL", {
  expect_identical(as.integer(shape(2, 3L)), 2:3)
  expect_identical(as.integer(shape(c(2, 3), 4)), 2:4)
  expect_identical(as.integer(shape(list(2, NULL), 4)), c(2L, NA, 4L))
  expect_identical(as.integer(shape(shape(NA, 2), 4)), c(NA, 2L, 4L))
  expect_identical(as.integer(shape(NULL, NA, -1, NA_integer_)), rep(NA_integer_, 4))
  expect_identical(as.integer(c(shape(2), 3, NA)), c(2L, 3L, NA))
})

test_that("what is no size is refused", {
  expect_refused(shape(2.5), "whole numbers")
  expect_refused(shape(-2), "whole numbers")
  expect_refused(shape("a"), "whole numbers")
  expect_refused(shape(TRUE), "whole numbers")
  expect_identical(conditionCall(expect_refused(shape(1, 2.5), "2.5"))[[1]], quote(shape))
})

test_that("a shape subsets, destructures, compares and multiplies", {
  s <- shape(NA, 28, 3)
  expect_identical(format(s[2]), "shape(28)")
  expect_identical(format(s[-1]), "shape(28, 3)")
  expect_identical(s[[2]], 28L)
  expect_null(s[[1]])
  expect_identical(length(s), 3L)
  .[batch, height, channels] <- s
  expect_null(batch)
  expect_identical(c(height, channels), c(28L, 3L))
  expect_true(s == shape(NA, 28, 3))
  expect_true(s == c(NA, 28, 3))
  expect_true(c(28, 3) == s[-1])
  expect_false(s == shape(1, 28, 3))
  expect_true(s != shape(28, 3))
  expect_identical(prod(s[-1]), 84)
  expect_identical(prod(s), NA_real_)
  expect_identical(max(s[2:3]), 28)
  expect_identical(as.numeric(s), c(NA, 28, 3))
  expect_identical(as.list(s), list(NULL, 28L, 3L))
  expect_identical(s[2] * 2L, 56L)
})

test_that("Python gets a tuple of whole numbers", {
  as_seen <- reticulate::py_run_string("def as_seen(*x): return repr(x)")$as_seen
  expect_identical(as_seen(shape(NA, 3)), "((None, 3),)")
  expect_identical(as_seen(shape(2)), "((2,),)")
  expect_identical(as_seen(shape()), "((),)")
  expect_identical(as_seen(!!!shape(1, 3)), "(1, 3)")
  expect_identical(as_seen(r_to_py(shape(1, NULL))), "((1, None),)")
})

test_that("a tensor has a shape", {
  expect_identical(format(shape(op_ones(c(2, 3)))), "shape(2, 3)")
  expect_identical(format(shape(keras_variable(matrix(0, 1, 4)))), "shape(1, 4)")
  expect_identical(format(shape(keras_input(c(NA, 5)))), "shape(NA, NA, 5)")
  expect_identical(format(op_shape(op_sum(1:2))), "shape()")
  expect_identical(format(op_shape(op_ones(c(2, 32)))), "shape(2, 32)")
})

test_that("a size in a scalar tensor is a size", {
  size <- op_convert_to_tensor(3L)
  expect_identical(as.integer(shape(size)), 3L)
  expect_identical(as.integer(shape(size, 4, size * 2)), c(3L, 4L, 6L))
  expect_identical(dim(op_zeros(list(size, 2))), c(3L, 2L))
  expect_identical(dim(op_zeros(c(size, 2))), c(3L, 2L))
  expect_identical(dim(op_zeros(size)), 3L)
  expect_identical(dim(op_zeros(op_convert_to_tensor(c(3L, 2L)))), c(3L, 2L))
  expect_refused(op_zeros(list(op_convert_to_tensor(2.5), 2)), "whole number")
  expect_refused(shape(keras$losses), "A shape holds whole numbers")
})

# Unknown sizes --------------------------------------------------------------------------------

# What a layer may do with the sizes of its input, of `n` rows and 6 columns.
with_sizes <- function(x) {
  sizes <- op_shape(x)
  n <- sizes[[1]]
  .[rows, columns] <- sizes
  list(
    noise = random_normal(sizes, seed = 1),
    code = random_normal(shape(n, 8), seed = 2),
    flat = op_reshape(x, c(n, -1)),
    column = op_reshape(x, c(prod(sizes), 1)),
    pairs = op_reshape(x, shape(n * 2, 3)),
    halves = op_zeros(list(n, columns %/% 2)),
    twice = op_concatenate(list(op_zeros_like(x), op_ones(c(rows, 1))), axis = 2),
    places = op_arange(1, columns),
    samples = op_arange(1, n),
    from_0 = op_arange(0L, n - 1L),
    share = op_sum(x) / op_cast(n, "float32"),
    slices = if (config_backend() != "numpy") x[1:n, 1:columns]
  )
}

expect_sizes <- function(results, x) {
  n <- nrow(x)
  expect_identical(dim(results$noise), c(n, 6L))
  expect_identical(dim(results$code), c(n, 8L))
  expect_value(results$flat, x)
  expect_value(results$column, matrix(t(x)))
  expect_value(results$pairs, matrix(t(x), 2 * n, byrow = TRUE))
  expect_value(results$halves, matrix(0, n, 3))
  expect_value(results$twice, cbind(0 * x, 1))
  expect_value(results$places, 1:6)
  expect_value(results$samples, seq_len(n))
  expect_value(results$from_0, seq_len(n) - 1)
  expect_value(results$share, sum(x) / n)
  on_backend(c("tensorflow", "jax", "torch"), expect_value(results$slices, x))
}

# The same in a layer: one number for each sample, which needs all of them.
layer_sized <- new_layer_class("SizedInput", call = function(x) {
  results <- with_sizes(x)
  kept <- results[c("flat", "pairs", "column")] |> lapply(op_reshape, c(op_shape(x)[[1]], 6))
  zeros <- op_sum(0 * results$code, 2, keepdims = TRUE) + 0 * results$noise
  Reduce(`+`, kept) + zeros + op_cast(results$places, "float32")
})

sized <- function(x) unname(3 * x + rep(1:6, each = nrow(x)))

rows <- function(n) matrix(seq_len(6 * n) / 10, n)

test_that("sizes are numbers where they are known", {
  expect_sizes(with_sizes(op_convert_to_tensor(rows(4))), rows(4))
})

test_that("a symbolic tensor has no unknown sizes to compute with, as in Python", {
  input <- keras_input(6)
  expect_null(op_shape(input)[[1]])
  expect_identical(op_shape(input)[[2]], 6L)
  expect_identical(format(op_shape(input)), "shape(NA, 6)")
  expect_identical(dim(op_reshape(input, c(op_shape(input)[[1]], -1))), NA_integer_)
})

test_that("layers use the sizes of their inputs in every kind of model", {
  x <- rows(5)
  input <- keras_input(6)
  functional <- keras_model(input, layer_sized(input))
  sequential <- keras_model_sequential(input_shape = 6) |> layer_sized()
  ModelSized <- new_model_class(
    "ModelSized",
    initialize = function() {
      super$initialize()
      self$inner <- layer_sized()
    },
    call = function(x) self$inner(x) + 0 * random_normal(op_shape(x), seed = 3)
  )
  for (model in list(functional, sequential, ModelSized())) {
    expect_value(model(x), sized(x))
    expect_value(predict(model, x, batch_size = 2, verbose = 0), sized(x))
  }
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("layers use the sizes of their inputs in training, several steps at a time", {
    # PyTorch has no such steps
    for (steps in if (config_backend() == "torch") 1 else c(1, 2)) {
      model <- keras_model_sequential(input_shape = 6) |> layer_sized() |> layer_dense(1)
      compile(model, optimizer_sgd(1e-4), "mse", steps_per_execution = steps)
      history <- fit(model, rows(7), 1:7, batch_size = 2, epochs = 2, verbose = 0)
      expect_true(all(is.finite(history$metrics$loss)))
    }
  })
})

on_backend("tensorflow", {
  test_that("a tf_function() computes with unknown sizes", {
    unknown <- tf$TensorSpec(shape(NA, NA), "float32")
    f <- tf_function(with_sizes, input_signature = list(unknown))
    for (n in c(1, 4)) expect_sizes(f(op_convert_to_tensor(rows(n))), rows(n))
    dims <- tf_function(
      function(x) {
        expect_identical(format(op_shape(x)), "shape(NA, NA)")
        expect_identical(dim(x), c(NA_integer_, NA_integer_))
        s <- op_shape(x)
        list(
          down = op_arange(s[[1]], 1), half = op_arange(0, s[[2]], 0.5), sum = sum(s),
          most = max(s), twice = s[1] * 2, open = op_arange(s[[1]], include_end = FALSE)
        )
      },
      input_signature = list(unknown)
    )
    results <- dims(op_convert_to_tensor(rows(4)))
    expect_value(results$down, 4:1)
    expect_value(results$half, seq(0, 6, 0.5))
    expect_value(results$sum, 10)
    expect_value(results$most, 6)
    expect_value(results$twice, 8)
    expect_value(results$open, 1:3)
    odd <- tf_function(\(x) op_zeros(c(op_shape(x)[[1]] / 2, 1)), input_signature = list(unknown))
    expect_value(odd(op_convert_to_tensor(rows(4))), matrix(0, 2))
    expect_error(odd(op_convert_to_tensor(rows(3))), "whole numbers")
  })
})

on_backend("jax", {
  test_that("a function of jax$jit has sizes as numbers", {
    f <- import("jax")$jit(with_sizes)
    for (n in c(1, 4)) expect_sizes(f(op_convert_to_tensor(rows(n))), rows(n))
  })

  test_that("a function is exported for sizes that are symbols", {
    jax <- import("jax")
    sizes <- jax$export$symbolic_shape("n, 6")
    spec <- jax$ShapeDtypeStruct(sizes, "float32")
    exported <- jax$export$export(jax$jit(with_sizes))(spec)
    for (n in c(1, 4)) expect_sizes(exported$call(op_convert_to_tensor(rows(n))), rows(n))
    size <- sizes[[1]]
    expect_identical(format(shape(size, 6)), "shape(NA, 6)")
    expect_identical(format(size * 2 + 1), "2*n + 1")
  })
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("a model that asks for its sizes is exported for any number of samples", {
    model <- keras_model_sequential(input_shape = 6) |> layer_sized()
    saved <- withr::local_tempdir()
    if (config_backend() == "torch") {
      # PyTorch exports no random numbers, whoever asks for them
      layer_plain <- new_layer_class("SizedPlain", call = function(x) {
        n <- op_shape(x)[[1]]
        pairs <- op_reshape(x, shape(n * 2, 3))
        3 * op_reshape(pairs, c(n, -1)) + op_arange(1, op_shape(x)[[2]]) +
          op_expand_dims(0 * op_arange(1, n), 2)
      })
      model <- keras_model_sequential(input_shape = 6) |> layer_plain()
      path <- file.path(saved, "net.pt2")
      torch <- import("torch")
      samples <- reticulate::py_dict(list(0L), list(torch$export$Dim("samples")))
      export_savedmodel(
        model, path, format = "torch", dynamic_shapes = reticulate::tuple(samples)
      )
      serve <- torch$export$load(path)$module()
      one <- \(n) serve(op_convert_to_tensor(rows(n)))
    } else {
      skip_if_not(reticulate::py_module_available("tensorflow"))
      export_savedmodel(model, file.path(saved, "net"))
      serve <- import("tensorflow")$saved_model$load(file.path(saved, "net"))$serve
      one <- \(n) serve(import("tensorflow")$constant(rows(n), dtype = "float32"))
    }
    for (n in c(2, 5)) expect_value(as.array(one(n)), sized(rows(n)))
  })
})
