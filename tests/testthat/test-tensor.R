x_value <- matrix(c(0.5, 1, 1.5, 2, 2.5, 3), 2)

# What R gives for a matrix, a tensor gives as well.
expect_as_in_r <- function(expressions, value) {
  for (expression in expressions) {
    f <- rlang::new_function(alist(x = ), expression, globalenv())
    for (way in names(ways_to_compute())) {
      expect_equal(
        value_of(ways_to_compute()[[way]](f, value)), value_of(f(value)),
        tolerance = float32_tolerance,
        label = sprintf("%s of a %s", deparse1(expression), way)
      )
    }
  }
}

test_that("arithmetic is R's", {
  expect_as_in_r(rlang::exprs(
    x + 1, 1 + x, x - 1, 2 - x, 2 * x, x / 4, 1 / x, x^2, 2^x, -x, +x,
    x + x, x - 2 * x, x * x, x / x, x^x,
    x %% 1, x %/% 1, (x - 2) %% 2, (x - 2) %/% 2, 1L + x, 2L * x,
    4.9 * x^2, x %*% t(x), x + matrix(1:6, 2), matrix(1:6, 2) * x,
    matrix(1, 1, 2) %*% x
  ), x_value)
})

test_that("comparisons and logic are R's", {
  expect_as_in_r(rlang::exprs(
    x == 1, x != 1, x < 1.5, x <= 1.5, x > 1.5, x >= 1.5, 1 < x, x == x,
    x > 1 & x < 2.5, x < 1 | x > 2.5, !(x > 1), x & TRUE, (x - 1) | FALSE, !(x - 1),
    x == matrix(1, 2, 3), matrix(1, 2, 3) < x
  ), x_value)
})

test_that("mathematical functions are R's", {
  expect_as_in_r(rlang::exprs(
    abs(x - 2), sign(x - 2), sqrt(x), exp(x), log(x), log(x, 2), log(x, base = 10), log2(x),
    log10(x), log1p(x), expm1(x), floor(x), ceiling(x), trunc(x - 2), round(x * 1.3),
    round(x * 1.37, 1), cos(x), sin(x), tan(x), cosh(x), sinh(x), tanh(x), acos(x / 4), asin(x / 4),
    atan(x), acosh(x + 1), asinh(x), atanh(x / 4), cumsum(x), cumprod(x), is.finite(1 / (x - 1)),
    is.infinite(1 / (x - 1)), is.nan(sqrt(x - 1)), is.na(sqrt(x - 1))
  ), x_value) |> suppressWarnings() # R's own square root of a negative number warns
})

test_that("summaries are R's", {
  expect_as_in_r(rlang::exprs(
    sum(x), mean(x), max(x), min(x), prod(x), any(x > 2), all(x > 2), sum(x > 1), mean(x > 1),
    sum(x, 2 * x), t(x), aperm(x), aperm(x, c(2, 1)), nrow(x) * x, ncol(x) + x,
    length(x) - x
  ), x_value)
})

test_that("summaries take an axis, counted from 1", {
  for (x in eager_tensors(x_value)) {
    expect_value(sum(x, axis = 1), colSums(x_value))
    expect_value(mean(x, axis = 2), rowMeans(x_value))
    expect_value(max(x, axis = -1, keepdims = TRUE), matrix(c(2.5, 3), 2))
    expect_value(prod(x, axis = c(1, 2)), prod(x_value))
    expect_equal(range(x), range(x_value))
    expect_refused(sum(x, axis = 0), "counts axes from 1")
    expect_refused(sum(x, na.rm = TRUE), "na.rm = TRUE")
  }
})

test_that("integers and logicals meet R's numbers as in R", {
  integers <- matrix(-3:2, 2)
  expect_as_in_r(rlang::exprs(
    x + 1L, x * 2L, x - x, -x, x %/% 2L, x %% 2L, x + 0.5, x / 2L, x == 2L, x > 0, sum(x), max(x),
    abs(x), x * TRUE
  ), integers)
  logicals <- matrix(c(TRUE, FALSE, TRUE, TRUE), 2)
  expect_as_in_r(rlang::exprs(
    !x, x & FALSE, x | TRUE, x + 1L, x * 2.5, sum(x), any(x), all(x), x == TRUE
  ), logicals)
  dtype <- \(x) standardize_dtype(x$dtype)
  expect_equal(dtype(op_convert_to_tensor(integers) + 1L), "int32")
  expect_equal(dtype(op_convert_to_tensor(integers) + 0.5), "float32")
  expect_equal(dtype(op_convert_to_tensor(x_value) + 1), "float32")
  expect_equal(dtype(op_convert_to_tensor(x_value) + x_value), "float32")
})

test_that("whole numbers that the tensor's dtype lacks are computed with in a wider one", {
  value <- array(c(1L, 20L))
  for (dtype in c("int8", "uint8", "int16", "uint16", "int32", "bool")) {
    x_in_r <- if (dtype == "bool") c(TRUE, TRUE) else as.vector(value)
    for (other in list(c(300L, 1L), 300L, c(-70000L, 1L), as.raw(c(100, 1)), as.raw(200))) {
      in_r <- as.integer(other)
      for (operator in list(`+`, `==`, `<`, `&`)) {
        label <- paste(dtype, "with", toString(other))
        for (compute in ways_to_compute()) {
          result <- compute(\(x) operator(op_cast(x, dtype), other), value)
          expect_equal(value_of(result), operator(x_in_r, in_r), label = label)
        }
        reversed <- operator(other, op_cast(value, dtype))
        expect_equal(value_of(reversed), operator(in_r, x_in_r), label = label)
      }
    }
  }
})

test_that("integers of 64 bits beside a tensor of 32 are exact or refused", {
  skip_if_not_installed("bit64")
  wide <- bit64::as.integer64(c("1099511627777", "1"))
  value <- array(1:2)
  for (way in names(ways_to_compute())) {
    compute <- ways_to_compute()[[way]]
    exact <- config_backend() %in% c("tensorflow", "torch") ||
      (config_backend() == "numpy" && way != "symbolic")
    for (dtype in c("int32", "uint8")) {
      sum <- \(x) op_cast(x, dtype) + wide
      same <- \(x) wide[[1]] == op_cast(x, dtype)
      if (exact) {
        expect_identical(as.double(as.array(compute(sum, value))), 2^40 + c(2, 3 - 2^40))
        expect_value(compute(same, value), c(FALSE, FALSE))
      } else {
        expect_error(compute(sum, value), "`e2` and a tensor of .* need integers of 64 bits")
        expect_error(compute(same, value), "`e1` and a tensor of .* need integers of 64 bits")
      }
      expect_value(compute(\(x) op_cast(x, dtype) + wide[2], value), 2:3)
      expect_value(compute(\(x) op_cast(x, dtype) & wide, value), c(TRUE, TRUE))
      expect_value(compute(\(x) op_cast(x, "float32") + wide, value), 2^40 + c(2, 3 - 2^40))
    }
  }
})

test_that("%% and %/% round down, as in R", {
  x <- op_convert_to_tensor(matrix(c(-5, 5, -7, 7), 2))
  expect_value(x %% 3, matrix(c(1, 2, 2, 1), 2))
  expect_value(x %/% 3, matrix(c(-2, 1, -3, 2), 2))
  expect_value(x %% -3, matrix(c(-2, -1, -1, -2), 2))
})

test_that("%*% takes vectors as NumPy's matmul does", {
  vector <- op_convert_to_tensor(c(1, 2))
  expect_value(vector %*% x_value, as.vector(c(1, 2) %*% x_value))
  expect_value(t(x_value) %*% vector, as.vector(t(x_value) %*% c(1, 2)))
  expect_value(vector %*% vector, 5)
})

test_that("complex tensors have their parts", {
  z_value <- matrix(c(1 + 2i, 3 - 1i), 1)
  z <- op_convert_to_tensor(z_value)
  expect_value(Re(z), Re(z_value))
  expect_value(Im(z), Im(z_value))
  expect_value(Mod(z), Mod(z_value))
  expect_value(Arg(z), Arg(z_value))
  expect_value(Conj(z), Conj(z_value))
})

test_that("sizes are R's", {
  for (x in eager_tensors(x_value)) {
    expect_identical(dim(x), c(2L, 3L))
    expect_identical(length(x), 6L)
    expect_identical(c(nrow(x), ncol(x)), c(2L, 3L))
  }
  expect_null(dim(op_sum(x_value)))
  expect_identical(length(op_sum(x_value)), 1L)
  input <- keras_input(3)
  expect_identical(dim(input), c(NA, 3L))
  expect_identical(nrow(input), NA_integer_)
  expect_identical(length(input), NA_integer_)
})

test_that("values come back as R's types", {
  for (x in eager_tensors(x_value)) {
    expect_identical(as.array(x), x_value)
    expect_identical(as.matrix(x), x_value)
    expect_identical(as.vector(x), as.vector(x_value))
    expect_identical(as.vector(x, "character"), as.character(x_value))
    expect_identical(as.numeric(x), as.numeric(x_value))
    expect_identical(as.double(x), as.double(x_value))
    expect_identical(as.integer(x), as.integer(x_value))
    expect_identical(as.logical(x), as.logical(as.vector(x_value)))
    expect_identical(as.character(x), as.character(x_value))
  }
  expect_identical(as.array(op_convert_to_tensor(matrix(1:4, 2))), matrix(1:4, 2))
  logicals <- matrix(c(TRUE, FALSE), 1)
  expect_identical(as.array(op_convert_to_tensor(logicals)), logicals)
  expect_identical(as.array(op_convert_to_tensor(array(1:24, 2:4))), array(1:24, 2:4))
  expect_identical(as.vector(op_sum(x_value)), 10.5)
  expect_identical(as.matrix(op_convert_to_tensor(array(c(1, 2)))), matrix(c(1, 2)))
})

test_that("a scalar is formatted as a number", {
  loss <- 0.123456
  for (x in eager_tensors(matrix(loss))) {
    expect_identical(sprintf("%.4f", x@r[1, 1] + 0), "0.1235")
    expect_identical(sprintf("Loss at step %d: %.4f", 1L, sum(x)), "Loss at step 1: 0.1235")
  }
})

test_that("printing shows what the framework shows", {
  for (x in eager_tensors(x_value)) {
    shown <- strsplit(format(x), "\n")[[1]]
    expect_true(any(grepl("1.5", shown, fixed = TRUE)))
    expect_identical(capture.output(print(x)), shown)
    expect_identical(capture.output(returned <- print(x)), shown)
    expect_identical(returned, x)
    expect_match(capture.output(str(x)), "shape\\(2, 3\\)>$")
  }
  expect_match(capture.output(print(keras_input(3))), "^<KerasTensor shape=\\(None, 3\\)")
})

test_that("all.equal() compares the values of NumPy's arrays on every backend", {
  numpy <- reticulate::import("numpy", convert = FALSE)
  x <- numpy$array(c(1, 2))
  expect_true(all.equal(x, numpy$array(c(1, 2))))
  expect_match(all.equal(x, numpy$array(c(1, 3))), "Mean relative difference")
  expect_true(all.equal(x, array(c(1, 2))))
  expect_match(all.equal(op_convert_to_tensor(c(1, 3)), x), "Mean relative difference")
})

test_that("an image is an array of whole numbers", {
  skip_if_not(reticulate::py_module_available("PIL"))
  pixels <- array(c(0L, 255L, 3L, 4L, 5L, 6L), c(1, 2, 3))
  path <- withr::local_tempfile(fileext = ".png")
  image_array_save(pixels, path, scale = FALSE)
  expect_identical(as.array(image_load(path)), pixels)
  expect_identical(dim(as.array(image_load(path, color_mode = "grayscale"))), 1:2)
})

test_that("all.equal() compares values", {
  for (x in eager_tensors(x_value)) {
    expect_true(all.equal(x, x_value))
    expect_true(all.equal(x, x + 1e-9))
    expect_match(all.equal(x, x + 1), "Mean relative difference")
  }
})

test_that("what cannot be is refused, and the call is the user's", {
  x <- op_convert_to_tensor(x_value)
  error <- expect_refused(x %*% x, class = "kerasbridge_error", message = NULL)
  expect_identical(deparse1(conditionCall(error)), "x %*% x")
  expect_refused(t(op_convert_to_tensor(array(1:8, c(2, 2, 2)))), "vectors and matrices, not 3")
  expect_refused(round(x, 1.5), "`digits` must be a whole number, not 1.5")
  expect_refused(x + NA_integer_, "missing values")
  expect_refused(x + Sys.Date(), "Date")
  input <- keras_input(3)
  expect_refused(as.array(input), "symbolic tensor has no value")
  expect_refused(range(input), "symbolic tensor has no value")
})

test_that("NumPy's arrays keep reticulate's subscripts and have R's behind @r", {
  a <- np_array(x_value)
  expect_identical(as.numeric(a[0]), x_value[1, ])
  expect_value(a@r[1, ], x_value[1, ])
  expect_value(a@r[-1, 2:3], x_value[2, 2:3])
  expect_value(a@py[0, 1], 1.5)
  a@r[1, 1] <- 100
  a@py[1, ] <- c(7, 8, 9)
  expect_value(a, rbind(c(100, 1.5, 2.5), 7:9))
  expect_refused(a@foo, "`@r` and `@py`, not `@foo`")
})

on_backend("jax", {
  test_that("a traced tensor has sizes and no values", {
    jax <- import("jax")
    seen <- list()
    f <- jax$jit(\(x) {
      seen <<- list(dim(x), length(x), is(tryCatch(as.array(x), error = identity), "error"))
      x
    })
    f(op_convert_to_tensor(x_value))
    expect_identical(seen, list(c(2L, 3L), 6L, TRUE))
  })
})

on_backend("tensorflow", {
  test_that("a tensor of a graph has sizes and no values", {
    seen <- list()
    f <- tf_function(\(x) {
      seen <<- list(dim(x), length(x), is(tryCatch(as.array(x), error = identity), "error"))
      x
    })
    f(op_convert_to_tensor(x_value))
    expect_identical(seen, list(c(2L, 3L), 6L, TRUE))
  })

  test_that("printing is TensorFlow's", {
    expect_identical(
      capture.output(tf$ones(shape(1, 2))),
      "tf.Tensor([[1. 1.]], shape=(1, 2), dtype=float32)"
    )
    expect_match(capture.output(tf$Variable(2)), "^<tf.Variable .* numpy=2.0>$")
  })

  test_that("strings are tensors", {
    words <- op_convert_to_tensor(c("a", "b"))
    expect_identical(as.vector(words), c("a", "b"))
  })
})

on_backend(c("jax", "torch", "numpy"), {
  test_that("strings have no tensor, and the message says where they do", {
    expect_refused(op_convert_to_tensor(c("a", "b")), "tensorflow backend does")
  })
})

test_that("shapes that do not fit are refused by every operator, == and != too", {
  x <- op_ones(c(2, 3))
  for (operator in list(`+`, `<`, `==`, `!=`)) {
    expect_refused(operator(x, op_ones(c(4, 3))), "do not fit each other")
    expect_refused(operator(x, 1:2), "do not fit each other")
  }
  expect_value(x == 1, matrix(TRUE, 2, 3))
  expect_value(op_convert_to_tensor(1) != 1, FALSE)
})
