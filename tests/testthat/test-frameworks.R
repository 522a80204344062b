# The frameworks' own Python, from R.

test_that("keras is Python's module, 0-based and untouched", {
  expect_match(keras$`__version__`, "^3[.]")
  expect_value(keras$ops$argmax(op_convert_to_tensor(c(3, 1, 5))), 2L)
  expect_identical(keras$config$backend(), config_backend())
})

test_that("Python's own values are at hand", {
  expect_s3_class(tuple(1, "a"), "python.builtin.tuple")
  expect_s3_class(dict(a = 1), "python.builtin.dict")
  expect_identical(py_to_r(r_to_py(list(a = 1, b = "c"))), list(a = 1, b = "c"))
  expect_identical(unlist(iterate(py_eval("range(1, 4)", convert = FALSE), py_to_r)), 1:3)
  iterator <- as_iterator(r_to_py(list(5, 6)))
  expect_identical(py_to_r(iter_next(iterator)), 5)
  expect_identical(py_to_r(iter_next(iterator)), 6)
  expect_identical(iter_next(iterator, completed = "done"), "done")
  expect_identical(as.array(np_array(matrix(1:4, 2), dtype = "float32")), matrix(1:4 + 0, 2))
  expect_identical(import("math")$sqrt(16), 4)
  expect_identical(py_eval("1 + 1"), 2L)
})

test_that("Python knows its headers as it does outside of R", {
  script <- "import sysconfig; print(sysconfig.get_path('include'))"
  outside <- system2(reticulate::py_exe(), c("-c", shQuote(script)), stdout = TRUE)
  expect_identical(import("sysconfig")$get_path("include"), outside)
})

test_that("py_help() shows the documentation of the installed Keras", {
  shown <- capture.output(py_help(layer_dense))
  documented <- import("inspect")$getdoc(keras$layers$Dense)
  expect_match(shown[[1L]], "keras.layers.Dense(units, activation=None", fixed = TRUE)
  expect_identical(shown[-(1:2)], strsplit(documented, "\n")[[1L]])
})

test_that("with() opens a Python context and %as% names it", {
  python <- reticulate::py_run_string("
class Scope:
    def __enter__(self):
        self.open = True
        return self
    def __exit__(self, *_):
        self.open = False
")
  seen <- with(python$Scope() %as% scope, scope$open)
  expect_true(seen)
  expect_false(scope$open)
})

on_backend("tensorflow", {
  test_that("tensors, variables and shapes are TensorFlow's", {
    expect_value(tf$zeros(shape = shape(2, 1)), matrix(0, 2))
    expect_value(tf$constant(c(1, 2, 3), dtype = "float32"), c(1, 2, 3))
    expect_identical(dim(tf$random$normal(shape(3, 1), mean = 0, stddev = 1)), c(3L, 1L))
    a <- tf$ones(shape(2, 2))
    expect_value(tf$matmul(a, tf$square(a) + tf$sqrt(a)), matrix(4, 2, 2))
    expect_value(tf$concat(list(a, 2 * a), axis = 0L), rbind(matrix(1, 2, 2), matrix(2, 2, 2)))
    v <- tf$Variable(initial_value = tf$zeros(shape(2)))
    v$assign(c(1, 2))
    v$assign_add(c(10, 20))
    expect_value(v, c(11, 22))
    expect_value((0.5 - v) / v[1], (0.5 - c(11, 22)) / 11)
  })

  test_that("a gradient tape records what happens in its scope", {
    v <- tf$Variable(initial_value = 3)
    with(tf$GradientTape() %as% tape, {
      result <- tf$square(v)
    })
    expect_value(result, 9)
    expect_value(tape$gradient(result, v), 6)

    constant <- tf$constant(3)
    with(tf$GradientTape() %as% tape, {
      tape$watch(constant)
      result <- constant^3
    })
    expect_value(tape$gradient(result, constant), 27)

    w <- tf$Variable(matrix(c(1, 2), 2), dtype = "float32")
    b <- tf$Variable(0.5)
    with(tf$GradientTape() %as% tape, loss <- sum(w * c(3) + b))
    gradients <- tape$gradient(loss, list(w = w, b = b))
    expect_value(gradients$w, matrix(3, 2, 1))
    expect_value(gradients$b, 2)
  })

  test_that("tapes nest", {
    time <- tf$Variable(0.5)
    with(tf$GradientTape() %as% outer_tape, {
      with(tf$GradientTape() %as% inner_tape, {
        position <- 4.9 * time^2
      })
      speed <- inner_tape$gradient(position, time)
    })
    expect_value(speed, 4.9)
    expect_value(outer_tape$gradient(speed, time), 9.8)
  })
})

on_backend("torch", {
  torch <- import("torch")

  test_that("tensors, parameters and shapes are torch's", {
    expect_value(torch$ones(size = shape(2, 1)), matrix(1, 2))
    expect_value(torch$tensor(c(1, 2, 3), dtype = torch$float32), c(1, 2, 3))
    expect_identical(dim(torch$rand(!!!shape(1, 3))), c(1L, 3L))
    a <- torch$ones(shape(2, 2))
    expect_value(torch$cat(list(a, 2 * a), dim = 0L), rbind(matrix(1, 2, 2), matrix(2, 2, 2)))
    p <- torch$nn$parameter$Parameter(data = torch$zeros(shape(2, 1)))
    expect_value(p, matrix(0, 2, 1))
    expect_value(p + 1, matrix(1, 2, 1))
  })

  test_that("gradients accumulate until they are removed", {
    x <- torch$tensor(3, requires_grad = TRUE)
    torch$square(x)$backward()
    expect_value(x$grad, 6)
    torch$square(x)$backward()
    expect_value(x$grad, 12)
    x$grad <- NULL
    expect_null(x$grad)
    w <- torch$ones(2L, 1L, requires_grad = TRUE)
    b <- torch$zeros(1L, requires_grad = TRUE)
    loss <- torch$mean(torch$matmul(torch$ones(shape(3, 2)), w) + b)
    loss$backward()
    expect_identical(sprintf("%.4f", loss), "2.0000")
    with(torch$no_grad(), {
      w$sub_(w$grad * 0.1)
      b$sub_(b$grad * 0.1)
    })
    expect_value(w, matrix(0.9, 2, 1))
    expect_value(b, -0.1)
    w$grad <- b$grad <- NULL
    expect_null(w$grad)
    expect_null(b$grad)
    expect_value(-w[1, ] / w[2, ], -1)
    expect_value(as.array((0.5 - b) / w[2, ]), 0.6 / 0.9)
  })

  test_that("torch$no_grad() holds in its scope alone", {
    x <- torch$ones(1L, requires_grad = TRUE)
    expect_true((x * 2)$requires_grad)
    with(torch$no_grad(), inside <- x * 2)
    expect_false(inside$requires_grad)
    expect_true((x * 2)$requires_grad)
  })
})

on_backend("jax", {
  test_that("arrays and shapes are JAX's", {
    jax <- import("jax")
    jnp <- import("jax.numpy")
    expect_value(jnp$ones(shape = shape(2, 1)), matrix(1, 2))
    expect_value(jnp$array(c(1, 2, 3), dtype = "float32"), c(1, 2, 3))
    a <- jnp$ones(shape(2, 2))
    expect_value(jnp$matmul(a, jnp$square(a) + jnp$sqrt(a)), matrix(4, 2, 2))
    draw <- \(seed) as.array(jax$random$normal(jax$random$key(seed), shape = shape(3)))
    expect_identical(draw(123L), draw(123L))
    expect_false(identical(draw(123L), draw(124L)))
    expect_value(4.9 * jnp$array(c(1, 2))^2, 4.9 * c(1, 4))
  })
})
