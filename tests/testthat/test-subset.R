m <- matrix(c(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 3)
cube <- array(as.double(1:24), 2:4)

# Subscripts that mean behind `@r` what they mean in R.
expect_as_in_r <- function(expressions, value) {
  for (expression in expressions) {
    in_r <- eval(expression, list(x = value))
    expression[[2]] <- quote(x@r)
    f <- rlang::new_function(alist(x = ), expression)
    for (way in names(ways_to_compute())) {
      expect_equal(
        value_of(ways_to_compute()[[way]](f, value)), value_of(in_r),
        label = sprintf("%s of a %s", deparse1(expression), way)
      )
    }
  }
}

test_that("an array of NumPy's takes R's marks, read and written", {
  numpy <- import("numpy", convert = FALSE)
  m <- matrix(1:6 + 0, 2)
  x <- numpy$array(m)
  expect_equal(as.array(x[.., 2]), array(m[, 2]))
  expect_equal(as.array(x[1, ..]), array(m[1, ]))
  expect_equal(as.array(x[newaxis, ..]), array(m, c(1, 2, 3)))
  expect_equal(as.array(x[all_dims(), 2]), array(m[, 2]))
  x[.., 1] <- c(10, 20)
  m[, 1] <- c(10, 20)
  expect_equal(as.array(x), m)
  x[1, ..] <- 7
  m[1, ] <- 7
  expect_equal(as.array(x), m)
  x[all_dims(), 2] <- c(0, 1)
  m[, 2] <- c(0, 1)
  expect_equal(as.array(x), m)
  x[newaxis, .., 3] <- matrix(c(8, 9), 1)
  m[, 3] <- c(8, 9)
  expect_equal(as.array(x), m)
})

test_that("positions, ranges and vectors select as in R", {
  expect_as_in_r(rlang::exprs(
    x[1, ], x[, 2], x[3, 4], x[1:2, ], x[, 2:4], x[3:1, ], x[c(1, 3), ], x[, c(4, 1)], x[, ],
    x[c(1, 3), c(2, 4, 2)], x[c(TRUE, FALSE, TRUE), ], x[2, c(TRUE, FALSE, TRUE, TRUE)],
    x[1:2, 4:3], x[seq(1, 3, 2), ], x[2, , drop = FALSE], x[2:2, , drop = FALSE],
    x[, 1, drop = FALSE]
  ), m)
  expect_as_in_r(rlang::exprs(
    x[1, 2, 3], x[2, , ], x[, 2, ], x[, , 4], x[1, , 2:3], x[1:2, c(1, 3), 2],
    x[c(1, 2), 2, c(4, 1)], x[2, 3:2, c(TRUE, FALSE, FALSE, TRUE)]
  ), cube)
})

test_that("elements by mask or coordinates come in R's order", {
  for (x in eager_tensors(m)) {
    expect_value(x@r[m > 4.5], m[m > 4.5])
    expect_value(x@r[x > 4.5], m[m > 4.5])
    expect_value(x@r[cbind(c(1, 3, 2), c(4, 1, 2))], m[cbind(c(1, 3, 2), c(4, 1, 2))])
  }
  for (x in eager_tensors(cube)) {
    expect_value(x@r[cube %% 5 == 0], cube[cube %% 5 == 0])
    expect_value(x@r[rbind(1:3, c(2, 1, 4))], cube[rbind(1:3, c(2, 1, 4))])
  }
})

# What R writes otherwise, or not at all.
test_that("negative positions count from the end", {
  for (x in eager_tensors(m)) {
    expect_value(x@r[-1, ], m[3, ])
    expect_value(x@r[-3, -4], m[1, 1])
    expect_value(x@r[, 2:-2], m[, 2:3])
    expect_value(x@r[-2:-1, ], m[2:3, ])
    expect_value(x@r[c(-1, 1), ], m[c(3, 1), ])
  }
})

test_that("ranges may be open and may have steps", {
  x <- op_convert_to_tensor(array(as.double(1:10)))
  expect_value(x@r[3:NULL], 3:10 + 0)
  expect_value(x@r[NULL:3], 1:3 + 0)
  expect_value(x@r[3:NA], 3:10 + 0)
  expect_value(x@r[NA:3], 1:3 + 0)
  expect_value(x@r[2:NA_integer_:3], seq(2, 10, 3))
  expect_value(x@r[NA:NA:-1], 10:1 + 0)
  expect_value(x@py[3:NA], 4:10 + 0)
  expect_value(x@r[1:9:2], seq(1, 9, 2))
  expect_value(x@r[2:NULL:3], seq(2, 10, 3))
  expect_value(x@r[9:1:-2], seq(9, 1, -2))
  expect_value(x@r[NULL:NULL:-1], 10:1 + 0)
  expect_value(x@r[-3:-1], 8:10 + 0)
  n <- 4
  expect_value(x@r[n:(n + 2)], 4:6 + 0)
})

test_that("new axes and the ellipsis take their places", {
  for (x in eager_tensors(cube)) {
    expect_identical(dim(x@r[newaxis, 1, , ]), c(1L, 3L, 4L))
    expect_identical(dim(x@r[.., NULL]), c(2L, 3L, 4L, 1L))
    expect_value(x@r[.., 2], cube[, , 2])
    expect_value(x@r[1, ..], cube[1, , ])
    expect_value(x@r[2, .., -1], cube[2, , 4])
    expect_value(x@r[2], cube[2, , ])
  }
})

test_that("tensors are subscripts", {
  positions <- op_convert_to_tensor(array(c(3L, -3L)))
  one <- op_convert_to_tensor(2L)
  for (x in eager_tensors(m)) {
    expect_value(x@r[positions, ], m[c(3, 1), ])
    expect_value(x@r[positions, c(2, 4)], m[c(3, 1), c(2, 4)])
    expect_value(x@r[one, ], m[2, ])
    expect_value(x@r[op_convert_to_tensor(array(c(TRUE, FALSE, TRUE))), ], m[c(1, 3), ])
  }
})

test_that("@py is Python's", {
  for (x in eager_tensors(m)) {
    expect_value(x@py[0, 0], m[1, 1])
    expect_value(x@py[0, ], m[1, ])
    expect_value(x@py[-1], m[3, ])
    expect_value(x@py[0:2, ], m[1:2, ])
    expect_value(x@py[, 1:NULL:2], m[, c(2, 4)])
    expect_value(x@py[.., 0], m[, 1])
    expect_identical(dim(x@py[NULL, 0]), c(1L, 4L))
    # pairs of positions, where R takes every combination
    expect_value(x@py[c(0, 2), c(1, 3)], m[cbind(c(1, 3), c(2, 4))])
    expect_value(x@py[m > 4.5], t(m)[t(m) > 4.5])
  }
})

test_that("a wrong subscript is refused with its place", {
  for (x in eager_tensors(m)) {
    expect_refused(x@r[0, ], "Subscript 1 is 0: positions count from 1")
    expect_refused(x@r[4, ], "Subscript 1 is 4, but dimension 1 has size 3")
    expect_refused(x@r[, -5], "Subscript 2 is -5, but dimension 2 has size 4")
    expect_refused(x@r[1, 1.5], "Subscript 2 is 1.5, not a whole number")
    expect_refused(x@r[c(1, 9), ], "Subscript 1 is 9, but dimension 1 has size 3")
    expect_refused(x@r[c(1, NA), ], "Subscript 1 is NA")
    expect_refused(x@r[2:9, ], "Subscript 1 is 9")
    expect_refused(x@r[1:3:0, ], "step of 0")
    expect_refused(x@r[1, 1, 1], "3 subscripts for a tensor with 2 dimension")
    expect_refused(x@r["a", ], "not strings")
    expect_refused(x@r[c(TRUE, FALSE), ], "logical with length 2, but dimension 1 has size 3")
    expect_refused(x@r[.., 1, ..], "Only one subscript")
    expect_refused(x@r[cbind(1, 2, 3)], "a column for each of the 2 dimensions, not 3")
    expect_refused(x@nothing, "`@r` and `@py`, not `@nothing`")
    error <- expect_refused(x@r[0, ], "is 0")
    expect_identical(deparse1(conditionCall(error)), "x@r[0, ]")
    expect_s3_class(error, "python.builtin.IndexError")
  }
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("[ is @r", {
    for (x in eager_tensors(m)) {
      expect_value(x[1, ], m[1, ])
      expect_value(x[-1, 2:3], m[3, 2:3])
      expect_value(x[x > 4.5], m[m > 4.5])
      expect_value(x[2, , drop = FALSE], m[2, , drop = FALSE])
      expect_value(-x[1, ] / x[2, ], -m[1, ] / m[2, ])
      expect_value(t(x[1, ]), t(m[1, ]))
    }
  })
})

# A call whose subscripts are values, as do.call() and quasiquotation make it.
test_that("vectors in the call itself are one subscript each, as in R", {
  set.seed(1)
  subscript <- function(size) {
    switch(sample(5, 1),
      sample(size, 1), sample(size, sample(2:5, 1), replace = TRUE), quote(expr = ),
      sample(c(TRUE, FALSE, TRUE), size, replace = TRUE), seq_len(size)
    )
  }
  for (value in list(as.double(1:5), m, cube)) {
    if (is.null(dim(value))) dim(value) <- length(value)
    x <- op_convert_to_tensor(value)
    for (round in 1:10) {
      i <- lapply(dim(value), subscript)
      in_r <- do.call(`[`, c(list(value), i))
      # the tensor of a mask with one TRUE keeps its dimension
      expect_elements <- \(object) expect_value(as.vector(as.array(object)), as.vector(in_r))
      on_backend(c("tensorflow", "jax", "torch"), {
        expect_elements(do.call("[", c(list(x), i)))
        expect_elements(rlang::inject(x[!!!i]))
        expect_elements(eval(as.call(c(quote(`[`), quote(x), i))))
      })
      expect_elements(rlang::inject((x@r)[!!!i]))
      expect_elements(do.call("[", c(list(x@r), i)))

      changed <- value
      replacement <- array(-seq_along(in_r), if (length(in_r)) dim(in_r) %||% length(in_r) else 0)
      if (!length(in_r)) next
      changed <- do.call(`[<-`, c(list(changed), i, list(value = replacement)))
      repeats <- \(part) !is.symbol(part) && is.numeric(part) && anyDuplicated(part) > 0
      repeated <- any(vapply(i, repeats, NA))
      if (repeated) next # which of two values stays is the framework's choice
      v <- keras_variable(value)
      do.call("[<-", c(list(v@r), i, list(value = replacement)))
      expect_value(v, changed)
    }
  }
})

test_that("subscripts are evaluated where they were written", {
  value <- array(as.double(1:12), c(3, 4))
  tensors <- list(op_convert_to_tensor(value), op_convert_to_tensor(-value))
  at <- function(tensors, FUN, i) lapply(tensors, \(x) x@r) |> lapply(FUN, i, )
  X <- c(1, 3)
  expect_value(at(tensors, "[", X), list(value[X, ], -value[X, ]))
  first <- 2
  at <- function(first) lapply(tensors, \(x) x@r[first:(first + 1), ])
  expect_value(at(1)[[2]], -value[1:2, ])
  through <- function(x, ...) x@r[...]
  expect_value(through(tensors[[1]], first:3, 4), value[2:3, 4])
  expect_value(through(tensors[[1]], first, ), value[2, ])
  expect_value(eval(bquote(x@r[.(X), ]), list(x = tensors[[1]])), value[X, ])
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_value(Reduce(`[`, list(2, c(1, 3)), op_convert_to_tensor(cube)), cube[2, c(1, 3), ])
  })
})

# Assignment ---------------------------------------------------------------------------------

test_that("keras variables are assigned in place", {
  v <- keras_variable(m)
  same <- v
  v@r[1, 1] <- 0
  v@r[2, ] <- c(20, 21, 22, 23)
  v@r[-1, 2:3] <- 9
  expected <- m
  expected[1, 1] <- 0
  expected[2, ] <- c(20, 21, 22, 23)
  expected[3, 2:3] <- 9
  expect_value(v, expected)
  expect_value(same, expected)
  v@r[c(1, 3), c(2, 4)] <- matrix(c(-1, -2, -3, -4), 2)
  expected[c(1, 3), c(2, 4)] <- c(-1, -2, -3, -4)
  expect_value(v, expected)
  v@r[cbind(1:2, 2:3)] <- c(50, 60)
  expected[cbind(1:2, 2:3)] <- c(50, 60)
  expect_value(v, expected)
  v@r[expected > 20.5] <- 0
  expected[expected > 20.5] <- 0
  expect_value(v, expected)
  v@r[3:1:-2, 1] <- c(70, 80)
  expected[c(3, 1), 1] <- c(70, 80)
  expect_value(v, expected)
  v@py[0, 0] <- 100
  expected[1, 1] <- 100
  v@r[, c(TRUE, FALSE, FALSE, TRUE)] <- 1
  expected[, c(1, 4)] <- 1
  expect_value(v, expected)
  v@r[] <- matrix(7, 3, 4)
  expect_value(v, matrix(7, 3, 4))
  v@r[, 1] <- op_convert_to_tensor(c(1, 2, 3))
  expect_value(v@r[, 1], c(1, 2, 3))
})

test_that("an assignment that cannot be is refused, and nothing changes", {
  v <- keras_variable(m)
  expect_refused(v@r[0, 1] <- 1, "Subscript 1 is 0")
  expect_refused(v@r[1, 5] <- 1, "Subscript 2 is 5, but dimension 2 has size 4")
  expect_refused(v@r[1, ] <- NA_integer_, "missing values")
  expect_value(v, m)
  input <- keras_input(3)
  expect_refused(input@r[1, 1] <- 0, "symbolic tensor has no elements that could be replaced")
})

test_that("an assignment to a tensor gives what R's would", {
  assignments <- expression(
    x@r[1, 1] <- 0, x@r[2, ] <- c(20, 21, 22, 23), x@r[3, 2:3] <- 9,
    x@r[c(1, 3), c(2, 4)] <- matrix(-(1:4), 2), x@r[cbind(1:2, 2:3)] <- c(50, 60),
    x@r[x > 5.5] <- 0, x@r[, c(TRUE, FALSE, FALSE, TRUE)] <- 1, x@r[c(3, 1), 1] <- c(70, 80),
    x@r[] <- matrix(7, 3, 4), x@r[, 1] <- op_convert_to_tensor(1:3),
    x@r[2:3, 4] <- x@r[1:2, 4], op_subset(x, 1, 2:3) <- c(5, 6)
  )
  # The same code on a matrix, whose `@r` is the matrix itself.
  in_r <- function(assignment) {
    written <- gsub("op_convert_to_tensor", "c", deparse1(assignment), fixed = TRUE)
    written <- sub("op_subset(x, 1, 2:3)", "x[1, 2:3]", written, fixed = TRUE)
    str2lang(gsub("@r", "", written, fixed = TRUE))
  }
  assigned <- function(assignment, x) {
    eval(assignment)
    x
  }
  for (assignment in assignments) {
    given <- op_convert_to_tensor(m)
    expect_equal(
      value_of(assigned(assignment, given)), assigned(in_r(assignment), m + 0),
      label = deparse1(assignment)
    )
    # Torch and NumPy write where the tensor is; the others leave it.
    on_backend(c("tensorflow", "jax"), expect_value(given, m))
  }
  on_backend("tensorflow", {
    replaced <- tf_function(\(x) {
      x@r[2, ] <- 0
      x@r[, 4] <- x@r[, 1] * 2
      x
    }, input_signature = list(tf$TensorSpec(shape(NA, 4), "float32")))
    expected <- m
    expected[2, ] <- 0
    expected[, 4] <- expected[, 1] * 2
    expect_value(replaced(op_convert_to_tensor(m)), expected)
    expect_identical(dim(replaced(op_convert_to_tensor(m))), dim(m))
  })
})

on_backend("jax", {
  test_that("a JAX array is replaced by a new one", {
    jnp <- import("jax.numpy")
    x <- jnp$array(c(1, 2, 3), dtype = "float32")
    before <- x
    x@r[1] <- 20
    x[2:3] <- c(0, -1)
    x@py[0] <- x@py[0] + 1
    expect_value(x, c(21, 0, -1))
    expect_value(before, c(1, 2, 3))
    expect_value(before$at[0]$set(10), c(10, 2, 3))
    key <- import("jax")$random$split(import("jax")$random$key(1L), num = 1L)@py[0]
    expect_null(dim(key))
  })

  test_that("subscripts work while JAX traces", {
    f <- import("jax")$jit(\(x, i) {
      x@r[i] <- 0
      x@r[1:2] * 2 + x@r[i]
    })
    expect_value(f(op_convert_to_tensor(c(1, 2, 3)), op_convert_to_tensor(2L)), c(2, 0))
  })
})

test_that("a range runs the same way in a model of inputs of any size", {
  ranges <- list(
    \(x) x@r[, 4:-4], \(x) x@r[, -4:4], \(x) x@r[, 2:-2], \(x) x@r[, -2:2], \(x) x@r[, 3:-3],
    \(x) x@r[, -5:5], \(x) x@r[, 1:-1], \(x) x@r[, -1:1], \(x) x@r[, -3:-1], \(x) x@r[, 5:2],
    \(x) x@r[2:-2, 4:-4], \(x) x@r[2, 4:-4], \(x) x@r[-2:2, 1:NA:2], \(x) x@r[, 4:-4, drop = FALSE],
    \(x) x@r[2:-2, c(1, 3)]
  )
  input <- keras_input(batch_shape = c(NA, NA))
  layer_range <- new_layer_class("Range", call = function(x) f(x))
  for (f in ranges) {
    models <- list(keras_model(input, f(input)))
    # What Keras's NumPy backend traces a layer with are arrays, which are R's in an R function.
    if (trains()) models <- c(models, keras_model(input, layer_range(input)))
    for (model in models) {
      for (columns in 5:6) {
        x <- matrix(seq_len(4 * columns) + 0, 4)
        label <- deparse1(body(f))
        expect_equal(value_of(model(x)), value_of(f(op_convert_to_tensor(x))), label = label)
      }
    }
  }
})

on_backend("tensorflow", {
  test_that("a range means the same where the size is not known", {
    whole <- op_convert_to_tensor(array(as.double(1:5)))
    unknown <- tf$TensorSpec(shape(NA), "float32")
    ranges <- list(
      \(x) x[-3:-1], \(x) x[2:NA], \(x) x[NA:2], \(x) x[2:NULL], \(x) x[-1:1], \(x) x[-1:-3],
      \(x) x[5:2], \(x) x[2:-2], \(x) x[-2:2], \(x) x[NULL:NULL:-1], \(x) x[4:-4], \(x) x[-4:4],
      \(x) x[-1:4], \(x) x[1:-1:2], \(x) x[-1:1:-2], \(x) x[-4:5:2], \(x) x[NA:2:-1],
      \(x) x[4:NA:-2], \(x) x[3:3], \(x) x[-1:-1], \(x) x[1:5], \(x) x[5:1:-1]
    )
    for (f in ranges) {
      expect_value(tf_function(f, input_signature = list(unknown))(whole), f(whole))
    }
    for (f in list(\(x) x[-9:-1], \(x) x[2:9], \(x) x[-9:2], \(x) x[-1:2:1], \(x) x[1:-1:-1])) {
      expect_refused(f(whole), "Subscript 1")
      expect_error(tf_function(f, input_signature = list(unknown))(whole), "Subscript 1")
    }
  })

  test_that("texts, flags and whole numbers of TensorFlow are replaced too", {
    x <- op_convert_to_tensor(matrix(c("a", "b", "c", "d"), 2))
    x[2, 1] <- "B"
    x[, 2] <- c("C", "D")
    expect_identical(as.array(x), matrix(c("a", "B", "C", "D"), 2))
    flags <- op_convert_to_tensor(c(TRUE, FALSE))
    flags[2] <- TRUE
    expect_identical(as.vector(as.array(flags)), c(TRUE, TRUE))
    whole <- op_convert_to_tensor(1:3)
    whole[c(3, 1)] <- c(30L, 10L)
    expect_identical(as.vector(as.array(whole)), c(10L, 2L, 30L))
    with(tf$GradientTape() %as% tape, {
      given <- op_convert_to_tensor(c(1, 2, 3))
      tape$watch(given)
      changed <- given
      changed[2] <- given[1] * 5
      total <- op_sum(changed^2)
    })
    expect_value(tape$gradient(total, given), c(2 * 1 + 2 * 25, 0, 6))
  })

  test_that("a TensorFlow variable is assigned in place, whole and in part", {
    v <- tf$Variable(initial_value = tf$zeros(shape(3, 1)))
    same <- v
    v@r[] <- tf$ones(shape(3, 1))
    expect_value(v, matrix(1, 3))
    v@r[1, 1]$assign(3)
    v@r[2, 1] <- 4
    expect_value(v, matrix(c(3, 4, 1)))
    v$assign_add(tf$ones(shape(3, 1)))
    expect_value(same, matrix(c(4, 5, 2)))
    v@r[c(1, 3), 1] <- c(-1, -2)
    v@r[v > 4.5] <- 0
    expect_value(v, matrix(c(-1, 0, -2)))
    v@py[0, 0] <- 8
    expect_value(v@r[1, 1], 8)
    expect_s3_class(v, class(same)[[1]])
  })
})

on_backend("torch", {
  test_that("a torch tensor is assigned in place", {
    torch <- import("torch")
    x <- torch$zeros(size = shape(2, 2))
    same <- x
    x@py[0, 0] <- 1
    x@r[2, ] <- c(3, 4)
    x[1, 2] <- 9
    expect_value(same, rbind(c(1, 9), c(3, 4)))
    x@r[x > 3.5] <- 0
    expect_value(same, rbind(c(1, 0), c(3, 0)))
  })

  test_that("a parameter is assigned outside of its gradient", {
    torch <- import("torch")
    p <- torch$nn$parameter$Parameter(torch$ones(shape(2, 2)))
    expect_refused(p@r[1, 1] <- 3, "leaf Variable that requires grad")
    with(torch$no_grad(), p@r[1, 1] <- 3)
    expect_value(p, rbind(c(3, 1), c(1, 1)))
    expect_s3_class(p, "torch.nn.parameter.Parameter")
  })
})

# NumPy's arrays keep reticulate's `[`.
on_backend(c("tensorflow", "jax", "torch"), {
  test_that("subscripts that were met before mean the same for other tensors and other values", {
    vector <- op_convert_to_tensor(array(as.double(1:4)))
    matrix <- op_convert_to_tensor(m)
    for (pass in 1:2) {
      for (x in list(matrix, keras_variable(m), 10 * matrix)) {
        expect_value(x[-1, 2:3], value_of(x)[3, 2:3])
        expect_value(x@py[-1, 1:3], value_of(x)[3, 2:3])
        for (i in 3:1) expect_value(x[i, ], value_of(x)[i, ])
        for (i in list(2, 2:3, c(TRUE, FALSE, TRUE))) expect_value(x[i, ], value_of(x)[i, ])
      }
      expect_value(vector[2], 2)
      expect_value(matrix[2], m[2, ])
      expect_value(vector[-2:NULL], 3:4)
      expect_value(vector[1:4:2], c(1, 3))
      expect_value(vector[(1):2], 1:2)
      expect_value(vector[NULL, 2], 2)
      expect_refused(vector[5], "Subscript 1 is 5, but dimension 1 has size 4")
      expect_refused(vector[1, 2], "2 subscripts for a tensor with 1 dimension")
      expect_refused(vector[1.5], "not a whole number")
      expect_refused(vector[1e12], "is 1000000000000, but")
      expect_refused(vector[0], "positions count from 1")
      expect_refused(vector["a"], "not strings")
    }
    long <- as.call(c(quote(`[`), quote(vector), rep(list(123456789), 14)))
    expect_refused(eval(long), "14 subscripts for a tensor with 1 dimension")
  })
})
