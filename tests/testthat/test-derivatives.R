# Derivatives of R functions by each backend's own tools, against their formulas.

# A logistic regression of manual transmission on weight and power: the derivatives of its loss
# are sums over the cars.
cars_x <- cbind(1, scale(as.matrix(mtcars[c("wt", "hp")])))
dimnames(cars_x) <- NULL
cars_y <- mtcars$am
weights <- c(0.1, -0.7, 0.4)

probability <- 1 / (1 + exp(-as.vector(cars_x %*% weights)))
slopes <- (probability - cars_y) * cars_x
curvature <- crossprod(cars_x, probability * (1 - probability) * cars_x)

# The loss of one car, as an R function of tensors.
loss_of_one <- function(w, x, y) {
  z <- sum(w * x)
  log(1 + exp(z)) - y * z
}

# Three functions of three numbers, and their Jacobian.
curve <- function(t) op_stack(list(t[1] * t[2], sin(t[2]), exp(t[3]) * t[1]))
at <- c(0.5, -1.2, 0.3)
curve_jacobian <- rbind(
  c(at[2], at[1], 0),
  c(0, cos(at[2]), 0),
  c(exp(at[3]), 0, exp(at[3]) * at[1])
)

# e^2t sin t
wave <- \(t) exp(2 * t) * sin(t)
wave_slopes <- function(t) {
  exp(2 * t) * c(2 * sin(t) + cos(t), 3 * sin(t) + 4 * cos(t), 2 * sin(t) + 11 * cos(t))
}

on_backend("jax", {
  jax <- import("jax")
  jnp <- import("jax.numpy")
  w <- jnp$array(weights, dtype = "float32")
  x <- jnp$array(cars_x, dtype = "float32")
  y <- jnp$array(cars_y, dtype = "float32")

  test_that("a gradient has a gradient, of any order, also compiled", {
    first <- jax$grad(wave)
    second <- jax$grad(first)
    third <- jax$jit(jax$grad(second))
    for (t in c(-1, 0, 0.3)) {
      expect_value(c(first(t), second(t), third(t)) |> lapply(as.numeric), as.list(wave_slopes(t)))
    }
  })

  test_that("gradients of single samples are a vmap of the gradient", {
    of_each <- jax$vmap(jax$grad(loss_of_one), in_axes = tuple(NULL, 0L, 0L))
    expect_value(of_each(w, x, y), slopes)
    expect_value(jax$jit(of_each)(w, x, y), slopes)
    # samples in columns, and gradients in columns
    by_columns <- jax$vmap(
      jax$grad(loss_of_one),
      in_axes = tuple(NULL, 1L, 0L), out_axes = 1L
    )
    expect_value(by_columns(w, jnp$transpose(x), y), t(slopes))
    # axes of a named list, each its own
    of_list <- jax$vmap(
      \(data, w) loss_of_one(w, data$x, data$y),
      in_axes = tuple(list(x = 0L, y = 0L), NULL)
    )
    z <- as.vector(cars_x %*% weights)
    expect_value(of_list(list(x = x, y = y), w), log(1 + exp(z)) - cars_y * z)
  })

  test_that("Jacobians forward and reverse, Hessians and directions", {
    for (jacobian in list(jax$jacfwd, jax$jacrev)) {
      expect_value(jacobian(curve)(jnp$array(at)), curve_jacobian)
    }
    total <- \(w) sum(jax$vmap(loss_of_one, in_axes = tuple(NULL, 0L, 0L))(w, x, y))
    expect_value(jax$grad(total)(w), colSums(slopes))
    expect_value(jax$hessian(total)(w), curvature)
    expect_value(jax$jacfwd(jax$grad(total))(w), curvature)
    direction <- c(1, -1, 2)
    .[value, along] <- jax$jvp(curve, tuple(jnp$array(at)), tuple(jnp$array(direction)))
    expect_value(value, c(at[1] * at[2], sin(at[2]), exp(at[3]) * at[1]))
    expect_value(along, as.vector(curve_jacobian %*% direction))
    .[value, pull] <- jax$vjp(curve, jnp$array(at))
    .[back] <- pull(jnp$array(direction))
    expect_value(back, as.vector(direction %*% curve_jacobian))
  })

  test_that("the gradient of each sample reaches a Keras model's weights", {
    set_random_seed(2)
    model <- keras_model_sequential(input_shape = 3) |> layer_dense(1, use_bias = FALSE)
    set_weights(model, list(matrix(weights)))
    loss <- function(trainable, x, y) {
      .[z, others] <- model$stateless_call(trainable, list(), jnp$expand_dims(x, 0L))
      z <- z[1, 1]
      log(1 + exp(z)) - y * z
    }
    trainable <- lapply(model$trainable_variables, \(variable) variable$value)
    .[each] <- jax$vmap(jax$grad(loss), in_axes = tuple(NULL, 0L, 0L))(trainable, x, y)
    expect_value(op_squeeze(each, axis = 3), slopes)
  })

  test_that("pmap() and shard_map() run one R function on two devices", {
    skip_if_not_installed("callr")
    results <- callr::r(
      function(x) {
        library(kerasbridge)
        jax <- import("jax")
        jnp <- import("jax.numpy")
        devices <- length(jax$devices())
        runs <- 0
        halves <- jnp$reshape(jnp$array(x, dtype = "float32"), shape(2, nrow(x) / 2, ncol(x)))
        centred <- jax$pmap(
          function(part) {
            runs <<- runs + 1
            part - jax$lax$pmean(op_mean(part, axis = 1), axis_name = "half")
          },
          axis_name = "half"
        )
        mapped <- as.array(centred(halves))
        again <- as.array(centred(halves))

        P <- jax$sharding$PartitionSpec
        auto <- jax$sharding$AxisType$Auto
        mesh <- jax$make_mesh(tuple(2L), tuple("half"), axis_types = tuple(auto))
        totals <- jax$jit(jax$shard_map(
          \(part) jax$lax$psum(op_sum(part, axis = 1), "half"),
          mesh = mesh, in_specs = P("half"), out_specs = P()
        ))
        rows <- jax$shard_map(
          \(part) jnp$full(shape(1), part$shape[[1]]),
          mesh = mesh, in_specs = P("half"), out_specs = P("half")
        )
        list(
          devices = devices, mapped = mapped, again = again, runs = runs,
          totals = as.array(totals(jnp$array(x))), rows = as.array(rows(jnp$array(x)))
        )
      },
      list(cars_x),
      libpath = .libPaths(),
      env = c(
        callr::rcmd_safe_env(),
        KERAS_BACKEND = "jax", JAX_PLATFORMS = "cpu",
        XLA_FLAGS = "--xla_force_host_platform_device_count=2"
      )
    )
    expect_equal(results$devices, 2)
    centred <- sweep(cars_x, 2, colMeans(cars_x))
    # tolerance: columns of mean zero, whose single rows are rounded in float32
    expect_equal(rbind(results$mapped[1, , ], results$mapped[2, , ]), centred, tolerance = 1e-5)
    expect_equal(results$again, results$mapped)
    expect_equal(results$runs, 1)
    expect_equal(as.vector(results$totals), colSums(cars_x), tolerance = 1e-5)
    expect_equal(as.vector(results$rows), c(16, 16))
  })

  test_that("a gradient of one's own takes a plain number", {
    softplus <- op_custom_gradient(function(x) {
      e <- exp(x)
      list(log(1 + e), \(upstream) upstream * (1 - 1 / (1 + e)))
    })
    expect_value(jax$grad(softplus)(0), 0.5)
    expect_value(jax$grad(softplus)(100), 1)
    doubled <- jax$custom_vjp(\(x) sin(x))
    doubled$defvjp(\(x) tuple(sin(x), x), \(x, upstream) tuple(2 * cos(x) * upstream))
    expect_value(jax$grad(doubled)(0.5), 2 * cos(0.5))
  })
})

on_backend("tensorflow", {
  w <- tf$constant(weights, dtype = "float32")
  x <- tf$constant(cars_x, dtype = "float32")
  y <- tf$constant(cars_y, dtype = "float32")

  losses_of <- function(w) {
    z <- op_sum(x * w, axis = 2)
    log(1 + exp(z)) - y * z
  }

  test_that("tapes nest, as deep as is asked for", {
    for (t in c(-1, 0, 0.3)) {
      t <- tf$Variable(t)
      with(tf$GradientTape() %as% third_tape, {
        with(tf$GradientTape() %as% second_tape, {
          with(tf$GradientTape() %as% first_tape, value <- wave(t))
          first <- first_tape$gradient(value, t)
        })
        second <- second_tape$gradient(first, t)
      })
      third <- third_tape$gradient(second, t)
      expect_value(list(first, second, third), as.list(wave_slopes(as.numeric(t))))
    }
  })

  test_that("gradients of single samples are a Jacobian, or a vectorized map with a tape in it", {
    with(tf$GradientTape() %as% tape, {
      tape$watch(w)
      losses <- losses_of(w)
    })
    expect_value(tape$jacobian(losses, w), slopes)
    of_one <- function(sample) {
      .[x, y] <- sample
      with(tf$GradientTape() %as% tape, {
        tape$watch(w)
        loss <- loss_of_one(w, x, y)
      })
      tape$gradient(loss, w)
    }
    expect_value(tf$vectorized_map(of_one, tuple(x, y)), slopes)
    expect_value(tf_function(\(x, y) tf$vectorized_map(of_one, tuple(x, y)))(x, y), slopes)
    model <- keras_model_sequential(input_shape = 3) |> layer_dense(1, use_bias = FALSE)
    set_weights(model, list(matrix(weights)))
    with(tf$GradientTape() %as% tape, {
      z <- op_squeeze(model(x), axis = 2)
      losses <- log(1 + exp(z)) - y * z
    })
    .[each] <- tape$jacobian(losses, model$trainable_weights)
    expect_value(op_squeeze(each, axis = 3), slopes)
  })

  test_that("Jacobians, Hessians, batches of Jacobians and directions", {
    t <- tf$constant(at, dtype = "float32")
    with(tf$GradientTape() %as% tape, {
      tape$watch(t)
      value <- curve(t)
    })
    expect_value(tape$jacobian(value, t), curve_jacobian)
    with(tf$GradientTape() %as% outer_tape, {
      outer_tape$watch(w)
      with(tf$GradientTape() %as% tape, {
        tape$watch(w)
        loss <- sum(losses_of(w))
      })
      gradient <- tape$gradient(loss, w)
    })
    expect_value(gradient, colSums(slopes))
    expect_value(outer_tape$jacobian(gradient, w), curvature)
    points <- tf$constant(rbind(at, 2 * at), dtype = "float32")
    with(tf$GradientTape() %as% tape, {
      tape$watch(points)
      squares <- points^2
    })
    diagonals <- tape$batch_jacobian(squares, points)
    expect_value(diagonals[1, , ], diag(2 * at))
    expect_value(diagonals[2, , ], diag(4 * at))
    direction <- c(1, -1, 2)
    forward <- tf$autodiff$ForwardAccumulator(t, tf$constant(direction, dtype = "float32"))
    value <- with(forward, curve(t))
    expect_value(forward$jvp(value), as.vector(curve_jacobian %*% direction))
  })
})

on_backend("torch", {
  torch <- import("torch")
  w <- torch$tensor(weights, dtype = torch$float32)
  x <- torch$tensor(cars_x, dtype = torch$float32)
  y <- torch$tensor(cars_y, dtype = torch$float32)

  test_that("a gradient has a gradient, of any order", {
    first <- torch$func$grad(wave)
    second <- torch$func$grad(first)
    third <- torch$func$grad(second)
    for (t in c(-1, 0, 0.3)) {
      t <- torch$tensor(t)
      expect_value(list(first(t), second(t), third(t)), as.list(wave_slopes(as.numeric(t))))
      t$requires_grad <- TRUE
      .[slope] <- torch$autograd$grad(wave(t), t, create_graph = TRUE)
      .[bend] <- torch$autograd$grad(slope, t)
      expect_value(list(slope, bend), as.list(wave_slopes(as.numeric(t))[1:2]))
    }
  })

  test_that("gradients of single samples are a vmap of the gradient", {
    of_each <- torch$func$vmap(torch$func$grad(loss_of_one), in_dims = tuple(NULL, 0L, 0L))
    expect_value(of_each(w, x, y), slopes)
    by_columns <- torch$func$vmap(
      torch$func$grad(loss_of_one),
      in_dims = tuple(NULL, 1L, 0L), out_dims = 1L
    )
    expect_value(by_columns(w, torch$t(x), y), t(slopes))
  })

  test_that("Jacobians forward and reverse, Hessians and directions", {
    t <- torch$tensor(at, dtype = torch$float32)
    for (jacobian in list(torch$func$jacfwd, torch$func$jacrev)) {
      expect_value(jacobian(curve)(t), curve_jacobian)
    }
    expect_value(torch$autograd$functional$jacobian(curve, t), curve_jacobian)
    total <- \(w) sum(torch$func$vmap(loss_of_one, in_dims = tuple(NULL, 0L, 0L))(w, x, y))
    expect_value(torch$func$hessian(total)(w), curvature)
    expect_value(torch$autograd$functional$hessian(total, w), curvature)
    direction <- torch$tensor(c(1, -1, 2))
    .[value, along] <- torch$func$jvp(curve, tuple(t), tuple(direction))
    expect_value(along, as.vector(curve_jacobian %*% c(1, -1, 2)))
    .[value, pull] <- torch$func$vjp(curve, t)
    .[back] <- pull(direction)
    expect_value(back, as.vector(c(1, -1, 2) %*% curve_jacobian))
  })

  test_that("the gradient of each sample reaches a Keras model's weights", {
    model <- keras_model_sequential(input_shape = 3) |> layer_dense(1, use_bias = FALSE)
    set_weights(model, list(matrix(weights)))
    loss <- function(trainable, x, y) {
      .[z, others] <- model$stateless_call(trainable, list(), torch$unsqueeze(x, 0L))
      log(1 + exp(z[1, 1])) - y * z[1, 1]
    }
    trainable <- lapply(model$trainable_variables, \(variable) variable$value$detach())
    .[each] <- torch$func$vmap(torch$func$grad(loss), in_dims = tuple(NULL, 0L, 0L))(
      trainable, x, y
    )
    expect_value(op_squeeze(each, axis = 3), slopes)
  })
})

on_backend("numpy", {
  test_that("NumPy computes the value of a function with a gradient, and trains nothing", {
    negated <- op_custom_gradient(\(x) list(x * 3, \(upstream) -upstream))
    expect_value(negated(op_array(2)), 6)
    model <- keras_model_sequential(input_shape = 3) |> layer_dense(1)
    compile(model, "sgd", "mse")
    expect_refused(fit(model, cars_x, cars_y, verbose = 0), "computes no gradients")
  })

  test_that("a number that Python hands to an R function comes back without dimensions", {
    shape_of <- reticulate::py_run_string("
import numpy as np
def shape_of(f, x):
    return np.shape(f(x))
")$shape_of
    expect_length(shape_of(\(x) x, r_to_py(op_sum(op_ones(3)))), 0)
    array0 <- import("numpy", convert = FALSE)$array(2.5, dtype = "float32")
    expect_length(shape_of(\(x) x * 2, array0), 0)
    .[root, steps] <- op_while_loop(
      \(x, i) i < 10, \(x, i) list((x + 2 / x) / 2, i + 1),
      list(op_convert_to_tensor(1), op_convert_to_tensor(0))
    )
    expect_value(root, sqrt(2))
    expect_null(dim(root))
  })
})
