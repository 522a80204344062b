# R functions, compiled and differentiated: their code runs once for each trace.

# `f` with a count of how often its R code has run.
counted <- function(f) {
  counter <- new.env(parent = environment(f))
  counter$runs <- 0L
  body(f) <- bquote({
    runs <<- runs + 1L
    .(body(f))
  })
  environment(f) <- counter
  list(f = f, runs = \() counter$runs)
}

test_that("tf_function() takes functions only", {
  expect_refused(tf_function(3), "`f` must be a function")
})

on_backend("tensorflow", {
  for (jit_compile in c(FALSE, TRUE)) {
    test_that(paste("tf_function() traces once, with jit_compile =", jit_compile), {
      dense <- counted(\(inputs, w, b) tf$nn$relu(tf$matmul(inputs, w) + b))
      compiled <- tf_function(dense$f, jit_compile = jit_compile)
      w <- tf$constant(matrix(c(1, -1), 2), dtype = "float32")
      for (i in 1:3) {
        inputs <- tf$constant(matrix(c(i, 0, 0, i), 2), dtype = "float32")
        expect_value(compiled(inputs, w, 0.5), matrix(c(i + 0.5, max(0.5 - i, 0)), 2))
      }
      expect_identical(dense$runs(), 1L)
      expect_value(compiled(tf$ones(shape(3, 2)), w, 0.5), matrix(0.5, 3, 1))
      expect_identical(dense$runs(), 2L)
    })
  }

  test_that("a training step updates variables and returns the loss", {
    w <- tf$Variable(matrix(c(1, 1), 2), dtype = "float32")
    step <- counted(\(inputs, w) {
      with(tf$GradientTape() %as% tape, loss <- tf$reduce_mean(tf$matmul(inputs, w)^2))
      gradient <- tape$gradient(loss, list(w = w))
      w$assign_sub(gradient$w * 0.1)
      loss
    })
    train <- tf_function(step$f, jit_compile = TRUE)
    inputs <- tf$constant(diag(2), dtype = "float32")
    losses <- vapply(1:3, \(i) as.numeric(train(inputs, w)), 0)
    # the gradient is w itself: each step leaves 0.9 of it
    expect_equal(losses, c(1, 0.81, 0.6561), tolerance = float32_tolerance)
    expect_value(w, matrix(0.729, 2, 1))
    expect_identical(step$runs(), 1L)
  })

  test_that("an input signature and reduce_retracing limit the traces", {
    double <- counted(\(x) 2 * x)
    fixed <- tf_function(double$f, input_signature = list(tf$TensorSpec(shape(NA), tf$float32)))
    for (n in 1:3) expect_value(fixed(tf$ones(shape(n))), rep(2, n))
    expect_identical(double$runs(), 1L)
    expect_error(fixed(tf$ones(shape(2, 2))), class = "python.builtin.TypeError")

    double <- counted(\(x) 2 * x)
    relaxed <- tf_function(double$f, reduce_retracing = TRUE)
    for (n in 1:5) expect_value(relaxed(tf$ones(shape(n))), rep(2, n))
    expect_identical(double$runs(), 2L)
  })

  test_that("trees go in and come out", {
    f <- tf_function(\(state) {
      list(sum = state$a + state$b[[1]], pair = list(state$a, state$b[[2]]))
    })
    out <- f(list(a = tf$constant(1), b = list(tf$constant(2), tf$constant(3))))
    expect_value(out$sum, 3)
    expect_value(out$pair, list(1, 3))
  })

  test_that("an error of the R code names what went wrong", {
    f <- tf_function(\(x) stop("no such thing"))
    expect_error(f(tf$constant(1)), "no such thing")
  })
})

on_backend("jax", {
  jax <- import("jax")
  jnp <- import("jax.numpy")

  test_that("jax$jit() traces once for each shape", {
    dense <- counted(\(inputs, w, b) jax$nn$relu(jnp$matmul(inputs, w) + b))
    compiled <- jax$jit(dense$f)
    w <- jnp$array(matrix(c(1, -1), 2))
    for (i in 1:3) {
      expect_value(
        compiled(jnp$array(diag(i, 2)), w, 0.5), matrix(c(i + 0.5, max(0.5 - i, 0)), 2)
      )
    }
    expect_identical(dense$runs(), 1L)
    expect_value(compiled(jnp$ones(shape(3, 2)), w, 0.5), matrix(0.5, 3, 1))
    expect_identical(dense$runs(), 2L)
  })

  test_that("jax$grad() differentiates with respect to the first argument", {
    gradient <- jax$grad(\(x) jnp$square(x))
    expect_value(gradient(jnp$array(3)), 6)
    expect_value(jax$grad(\(w, x) sum(w^2 * x))(jnp$array(c(1, 2)), jnp$array(c(3, 4))), c(6, 16))
    expect_value(jax$grad(\(a, b) a * b^2, argnums = 1L)(2, 3), 12)
    expect_value(jax$grad(jax$grad(\(t) 4.9 * t^2))(0), 9.8)
  })

  test_that("the state may be a list, a named list, or a tree", {
    a <- jnp$array(c(1, 2))
    of_list <- jax$value_and_grad(\(state, x) {
      .[w, b] <- state
      sum(w * x) + b
    })
    .[loss, gradients] <- of_list(list(a, jnp$array(1)), a)
    expect_value(loss, 6)
    expect_value(gradients, list(c(1, 2), 1))

    of_tree <- jax$value_and_grad(\(state, x) sum(state$w * x) + state$more$b * state$more$c[[1]])
    .[loss, gradients] <- of_tree(list(w = a, more = list(b = 3, c = list(5))), a)
    expect_value(loss, 20)
    expect_value(gradients$w, c(1, 2))
    expect_value(gradients$more$b, 5)
    expect_value(gradients$more$c, list(3))
  })

  test_that("has_aux returns what else the function computes", {
    f <- jax$value_and_grad(
      \(state, x) {
        output <- state * x
        tuple(sum(output), output)
      },
      has_aux = TRUE
    )
    .[.[loss, output], gradient] <- f(jnp$array(c(1, 2)), jnp$array(c(3, 4)))
    expect_value(loss, 11)
    expect_value(output, c(3, 8))
    expect_value(gradient, c(3, 4))
  })

  test_that("jax$vmap() maps over the first axis, or the one asked for", {
    m <- jnp$array(matrix(c(1, 2, 3, 4, 5, 6), 3))
    mapped <- counted(\(row, by) sum(row) * by)
    expect_value(jax$vmap(mapped$f)(m, jnp$array(c(1, 10, 100))), c(5, 70, 900))
    expect_identical(mapped$runs(), 1L)
    expect_value(jax$vmap(\(row, by) sum(row) * by, in_axes = tuple(1L, NULL))(m, 2), c(12, 30))
  })

  test_that("a stateless training step runs compiled", {
    gradient_of <- jax$value_and_grad(\(state, x) {
      .[w, b] <- state
      mean((x %*% w + b)^2)
    })
    step <- counted(\(x, w, b) {
      .[loss, .[dw, db]] <- gradient_of(list(w, b), x)
      tuple(loss, w - dw * 0.1, b - db * 0.1)
    })
    train <- jax$jit(step$f)
    w <- jnp$array(matrix(1, 2, 1))
    b <- jnp$array(array(0, dim = 1))
    x <- matrix(c(1, 0, 0, 1), 2)
    shown <- character()
    for (i in 1:3) {
      .[loss, w, b] <- train(x, w, b)
      shown <- c(shown, sprintf("%.4f", loss))
    }
    # the same three steps in R
    w_r <- c(1, 1)
    b_r <- 0
    expected <- character()
    for (i in 1:3) {
      r <- w_r + b_r
      expected <- c(expected, sprintf("%.4f", mean(r^2)))
      w_r <- w_r - 0.1 * r
      b_r <- b_r - 0.1 * 2 * mean(r)
    }
    expect_identical(shown, expected)
    expect_value(w, matrix(w_r, 2))
    expect_identical(step$runs(), 1L)
  })
})

on_backend("torch", {
  test_that("torch$compile() traces an R function once, with its gradient", {
    torch <- import("torch")
    dense <- counted(\(inputs, w, b) torch$nn$functional$relu(torch$matmul(inputs, w) + b))
    compiled <- torch$compile(dense$f)
    w <- torch$ones(2L, 1L, requires_grad = TRUE)
    for (i in 1:3) {
      inputs <- torch$tensor(diag(i, 2), dtype = torch$float32)
      expect_value(compiled(inputs, w, 0.5), matrix(i + 0.5, 2, 1))
    }
    expect_identical(dense$runs(), 1L)
    expect_value(compiled(torch$ones(shape(3, 2)), w, 0.5), matrix(2.5, 3, 1))
    expect_identical(dense$runs(), 2L)
    sum(compiled(torch$ones(shape(3, 2)), w, 0.5)^2)$backward()
    expect_value(w$grad, matrix(15, 2, 1))
    expect_identical(dense$runs(), 2L)
    expect_error(torch$compile(\(x) stop("no such thing"))(w), "no such thing")
  })

  test_that("a compiled R function trains what it captures", {
    torch <- import("torch")
    w <- torch$nn$Parameter(torch$ones(2L, 1L))
    optimizer <- torch$optim$SGD(list(w), lr = 0.1)
    loss <- counted(\(x) mean(torch$matmul(x, w)^2))
    compiled <- torch$compile(loss$f, backend = "aot_eager")
    # each step takes 0.1 * 2 * sum(w) from both weights
    for (expected in c(4, 1.44, 0.5184)) {
      value <- compiled(torch$ones(shape(3, 2)))
      value$backward()
      optimizer$step()
      optimizer$zero_grad()
      expect_value(value, expected)
    }
    expect_identical(loss$runs(), 1L)
  })

  test_that("an R function that reads values runs at every call of torch$compile()", {
    torch <- import("torch")
    relative <- counted(\(x) x / max(as.array(x)))
    compiled <- torch$compile(relative$f, backend = "aot_eager")
    first <- torch$tensor(c(1, 2))
    expect_warning(expect_value(compiled(first), c(0.5, 1)), "runs uncompiled, at every call")
    runs <- relative$runs()
    expect_value(compiled(first * c(1, 2)), c(0.25, 1))
    expect_identical(relative$runs(), runs + 1L)
  })

  test_that("torch$func differentiates and maps R functions", {
    torch <- import("torch")
    x <- torch$tensor(c(1, 2))
    expect_value(torch$func$grad(\(x) sum(x^2))(x), c(2, 4))
    expect_value(torch$func$vmap(\(row) sum(row))(torch$ones(shape(3, 2))), c(2, 2, 2))
  })
})
