# Training that is written in R: steps, loops, derivatives and control flow, on each backend.

# y = 2 x1 - x2 + 1, which one unit can learn
plane <- function(n = 64) {
  set.seed(1)
  x <- matrix(runif(2 * n, -1, 1), n)
  list(x = x, y = x %*% c(2, -1) + 1)
}

one_unit <- function() {
  set_random_seed(7)
  keras_model_sequential(input_shape = 2) |> layer_dense(1)
}

# The weights of `plane()`, to the precision that gradient descent reaches in these tests.
expect_plane <- function(weights) {
  expect_equal(unlist(value_of(weights)), c(2, -1, 1), tolerance = 0.01)
}

counter <- function() {
  runs <- 0
  list(add = function() runs <<- runs + 1, runs = function() runs)
}

# One step of training, validation and prediction ----------------------------------------------

# The step of each backend, in Keras's own terms.
train_step <- switch(config_backend(),
  tensorflow = function(data) {
    steps$add()
    .[x, y] <- data
    with(tf$GradientTape() %as% tape, {
      y_pred <- self(x, training = TRUE)
      loss <- self$compute_loss(y = y, y_pred = y_pred)
    })
    gradients <- tape$gradient(loss, self$trainable_weights)
    self$optimizer$apply(gradients, self$trainable_weights)
    for (metric in self$metrics) {
      if (metric$name == "loss") metric$update_state(loss) else metric$update_state(y, y_pred)
    }
    lapply(named_metrics(self$metrics), \(metric) metric$result())
  },
  torch = function(data) {
    steps$add()
    .[x, y] <- data
    self$zero_grad()
    y_pred <- self(x, training = TRUE)
    loss <- self$compute_loss(y = y, y_pred = y_pred)
    loss$backward()
    weights <- self$trainable_weights
    gradients <- lapply(weights, \(weight) weight$value$grad)
    with(import("torch")$no_grad(), self$optimizer$apply(gradients, weights))
    for (metric in self$metrics) {
      if (metric$name == "loss") metric$update_state(loss) else metric$update_state(y, y_pred)
    }
    lapply(named_metrics(self$metrics), \(metric) metric$result())
  },
  jax = function(state, data) {
    steps$add()
    .[trainable, others, optimizer, metrics] <- state
    .[x, y] <- data
    gradient_of <- import("jax")$value_and_grad(self$compute_loss_and_updates, has_aux = TRUE)
    .[.[loss, .[unscaled, y_pred, others, metrics]], gradients] <- gradient_of(
      trainable, others, metrics, x, y, NULL,
      training = TRUE, optimizer_variables = optimizer
    )
    .[trainable, optimizer] <- self$optimizer$stateless_apply(optimizer, gradients, trainable)
    updated <- list()
    logs <- list()
    for (metric in self$metrics) {
      mine <- metrics[length(updated) + seq_along(metric$variables)]
      mine <- if (metric$name == "loss") {
        metric$stateless_update_state(mine, unscaled)
      } else {
        metric$stateless_update_state(mine, y, y_pred)
      }
      logs[[metric$name]] <- metric$stateless_result(mine)
      updated <- c(updated, mine)
    }
    list(logs, list(trainable, others, optimizer, updated))
  }
)

named_metrics <- function(metrics) {
  names(metrics) <- vapply(metrics, \(metric) metric$name, "")
  metrics
}

steps <- counter()

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("a train_step() written in R trains, with fit() around it as usual", {
    calls <- counter()
    steps <<- counter()
    model_own <- new_model_class(
      "Own",
      initialize = function(...) {
        super$initialize(...)
        self$dense <- layer_dense(units = 1)
      },
      call = function(inputs) {
        calls$add()
        self$dense(inputs)
      },
      train_step = train_step
    )
    set_random_seed(7)
    model <- model_own()
    model |> compile(
      optimizer_sgd(0.2), "mse",
      metrics = list(metric_mean_absolute_error(name = "mae"))
    )
    epochs <- counter()
    history <- model |> fit(
      plane()$x, plane()$y,
      epochs = 25, batch_size = 8, verbose = 0, validation_split = 0.25,
      callbacks = list(callback_lambda(on_epoch_end = \(epoch, logs) epochs$add()))
    )
    expect_length(history$metrics$loss, 25)
    expect_setequal(names(history$metrics), c("loss", "mae", "val_loss", "val_mae"))
    # 150 steps of gradient descent on a linear target
    expect_lt(tail(history$metrics$loss, 1), 1e-3)
    expect_lt(tail(history$metrics$val_mae, 1), 0.05)
    expect_plane(get_weights(model))
    expect_equal(epochs$runs(), 25)
    if (config_backend() == "torch") {
      # eager: once a step
      expect_equal(steps$runs(), 150)
    } else {
      # traced: however many steps there are
      expect_lte(steps$runs(), 4)
      expect_lte(calls$runs(), 8)
    }
  })

  test_that("test_step() and predict_step() may be written in R", {
    model_ten <- new_model_class(
      "Ten",
      initialize = function(...) {
        super$initialize(...)
        self$dense <- layer_dense(units = 1, kernel_initializer = "ones")
      },
      call = function(inputs) self$dense(inputs),
      predict_step = if (config_backend() == "jax") {
        function(state, data) {
          .[outputs, state] <- super$predict_step(state, data)
          tuple(outputs * 10, state)
        }
      } else {
        function(data) super$predict_step(data) * 10
      },
      test_step = if (config_backend() == "jax") {
        function(state, data) {
          .[logs, state] <- super$test_step(state, data)
          tuple(c(logs, list(twice = 2 * logs$loss)), state)
        }
      } else {
        function(data) {
          logs <- super$test_step(data)
          c(logs, list(twice = 2 * logs$loss))
        }
      }
    )
    model <- model_ten()
    model |> compile("sgd", "mse")
    x <- matrix(1:4, 2)
    expect_value(predict(model, x, verbose = 0), matrix(c(40, 60)))
    result <- evaluate(model, x, matrix(0, 2, 1), verbose = 0)
    expect_equal(result$loss, mean(c(4, 6)^2))
    expect_equal(result$twice, 2 * result$loss)
  })

  test_that("compiled training runs R code while it traces, and not for each of 1000 steps", {
    calls <- counter()
    losses <- counter()
    metrics <- counter()
    updates <- counter()
    steps <<- counter()
    layer_counted <- new_layer_class("Counted", call = function(inputs) {
      calls$add()
      inputs * 2
    })
    counted_loss <- function(y_true, y_pred) {
      losses$add()
      op_mean((y_true - y_pred)^2, axis = -1)
    }
    counted_metric <- function(y_true, y_pred) {
      metrics$add()
      op_mean(abs(y_true - y_pred), axis = -1)
    }
    metric_counted <- new_metric_class(
      "CountedSum",
      initialize = function(...) {
        super$initialize(...)
        self$total <- self$add_variable(shape = shape(), initializer = "zeros", name = "total")
      },
      update_state = function(y_true, y_pred, sample_weight = NULL) {
        updates$add()
        self$total$assign_add(sum(op_cast(y_true, "float32")))
      },
      result = function() self$total$value
    )
    eager <- config_backend() == "torch"
    epochs <- if (eager) 10 else 25
    data <- plane(if (eager) 64 else 320)
    trained <- function(model_class) {
      set_random_seed(7)
      input <- keras_input(2)
      model <- model_class(input, input |> layer_counted() |> layer_dense(1))
      model |> compile(
        optimizer_sgd(0.05), counted_loss,
        metrics = list(counted_metric, metric_counted(name = "sum"))
      )
      before <- calls$runs()
      history <- fit(model, data$x, data$y, batch_size = 8, epochs = epochs, verbose = 0)
      expect_equal(as.integer(model$optimizer$iterations), if (eager) 80 else 1000)
      expect_equal(tail(history$metrics$sum, 1), sum(data$y), tolerance = float32_tolerance)
      expect_lt(tail(history$metrics$loss, 1), history$metrics$loss[[1]] / 10)
      calls$runs() - before
    }
    # eager: once a step, and up to four times to find out about shapes
    expect_runs <- function(runs) {
      if (eager) {
        expect_true(all(runs >= 80 & runs <= 84), label = toString(runs))
      } else {
        expect_true(all(runs >= 1 & runs <= 4), label = toString(runs))
      }
    }
    runs <- trained(keras_model)
    expect_runs(c(runs, losses$runs(), metrics$runs(), updates$runs()))

    so_far <- c(losses$runs(), metrics$runs(), updates$runs())
    runs <- trained(new_model_class("Stepping", train_step = train_step))
    expect_runs(c(runs, steps$runs(), c(losses$runs(), metrics$runs(), updates$runs()) - so_far))
  })

  test_that("frozen weights stay, and the others learn", {
    set_random_seed(7)
    model <- keras_model_sequential(input_shape = 2) |>
      layer_dense(4, name = "base") |>
      layer_dense(1, name = "head")
    freeze_weights(model, to = "base")
    base <- get_weights(get_layer(model, "base"))
    head <- get_weights(get_layer(model, "head"))
    model |> compile(optimizer_sgd(0.05), "mse")
    history <- fit(model, plane()$x, plane()$y, epochs = 5, verbose = 0)
    expect_identical(get_weights(get_layer(model, "base")), base)
    expect_false(isTRUE(all.equal(get_weights(get_layer(model, "head")), head)))
    expect_lt(history$metrics$loss[5], history$metrics$loss[1])
    unfreeze_weights(model)
    expect_length(model$trainable_weights, 4)
    expect_equal(count_params(model), 2 * 4 + 4 + 4 + 1)
  })
})

# Loops from scratch ---------------------------------------------------------------------------

on_backend("tensorflow", {
  test_that("a loop with tf_function() and a tape trains a Keras model", {
    model <- one_unit()
    optimizer <- optimizer_sgd(0.2)
    metric <- metric_mean()
    traces <- counter()
    step <- tf_function(function(x, y) {
      traces$add()
      with(tf$GradientTape() %as% tape, loss <- mean((model(x, training = TRUE) - y)^2))
      optimizer$apply(tape$gradient(loss, model$trainable_weights), model$trainable_weights)
      metric$update_state(loss)
      loss
    })
    x <- tf$constant(plane()$x, dtype = "float32")
    y <- tf$constant(plane()$y, dtype = "float32")
    for (i in 1:100) loss <- step(x, y)
    expect_lt(as.numeric(loss), 1e-3)
    expect_gt(as.numeric(metric$result()), as.numeric(loss))
    expect_plane(get_weights(model))
    # the first call makes the optimizer's variables, and is traced again without
    expect_lte(traces$runs(), 2)
  })

  test_that("a data set is gone through batch by batch, and per-sample gradients are a Jacobian", {
    dataset <- tf$data$Dataset$from_tensor_slices(
      tuple(tf$constant(plane()$x, dtype = "float32"), tf$constant(plane()$y, dtype = "float32"))
    )$batch(16L)
    model <- one_unit()
    optimizer <- optimizer_sgd(0.2)
    sizes <- integer()
    for (epoch in 1:25) {
      iterate(dataset, function(batch) {
        .[x, y] <- batch
        sizes <<- c(sizes, nrow(x))
        with(tf$GradientTape() %as% tape, loss <- mean((model(x) - y)^2))
        optimizer$apply(tape$gradient(loss, model$trainable_weights), model$trainable_weights)
      })
    }
    expect_equal(sizes, rep(16L, 100))
    expect_plane(get_weights(model))
    w <- tf$Variable(c(1, 2))
    x <- tf$constant(plane()$x[1:3, ], dtype = "float32")
    with(tf$GradientTape() %as% tape, losses <- op_sum(x * w, axis = 2)^2)
    expect_value(
      tape$jacobian(losses, w),
      2 * as.vector(plane()$x[1:3, ] %*% c(1, 2)) * plane()$x[1:3, ]
    )
  })
})

on_backend("torch", {
  test_that("a loop with torch$optim and a DataLoader trains a Keras model as a module", {
    torch <- import("torch")
    model <- one_unit()
    expect_true(import("builtins")$isinstance(model, torch$nn$Module))
    expect_length(iterate(model$parameters()), 2)
    optimizer <- torch$optim$SGD(model$parameters(), lr = 0.2)
    data <- torch$utils$data$TensorDataset(
      torch$tensor(plane()$x, dtype = torch$float32), torch$tensor(plane()$y, dtype = torch$float32)
    )
    loader <- torch$utils$data$DataLoader(data, batch_size = 16L, shuffle = TRUE)
    steps <- 0
    for (epoch in 1:25) {
      iterate(loader, function(batch) {
        .[x, y] <- batch
        loss <- torch$nn$functional$mse_loss(model(x), y)
        optimizer$zero_grad()
        loss$backward()
        optimizer$step()
        steps <<- steps + 1
      })
    }
    expect_equal(steps, 100)
    expect_plane(get_weights(model))
  })

  test_that("a torch module written in R is a Keras layer, and trains in fit()", {
    torch <- import("torch")
    Line(torch$nn$Module) %py_class% {
      initialize <- function(self) {
        super()$initialize()
        self$w <- torch$nn$Parameter(torch$zeros(2L, 1L))
        self$b <- torch$nn$Parameter(torch$zeros(1L))
      }
      forward <- function(self, inputs) torch$matmul(inputs, self$w) + self$b
    }
    model <- keras_model_sequential(input_shape = 2) |> layer_torch_module_wrapper(Line())
    model |> compile(optimizer_sgd(0.2), "mse")
    fit(model, plane()$x, plane()$y, epochs = 25, batch_size = 16, verbose = 0)
    expect_plane(get_weights(model))
    expect_length(iterate(model$parameters()), 2)
    expect_refused(
      layer_jax_model_wrapper(call_fn = \(inputs) inputs), "torch", "python.builtin.ValueError"
    )
  })

  test_that("a Keras model written in R is a part of a torch module written in R", {
    torch <- import("torch")
    Whole(torch$nn$Module) %py_class% {
      initialize <- function(self) {
        super()$initialize()
        self$keras <- keras_model_sequential(input_shape = 2, name = "inner") |>
          layer_dense(1, name = "unit") # names by which torch finds its parameters again
        self$scale <- torch$nn$Parameter(torch$ones(1L))
      }
      forward <- function(self, inputs) self$keras(inputs) * self$scale
    }
    whole <- Whole()
    expect_setequal(
      vapply(iterate(whole$named_parameters()), \(pair) sub("[.].*", "", pair[[1]]), ""),
      c("keras", "scale")
    )
    x <- torch$tensor(plane()$x, dtype = torch$float32)
    y <- torch$tensor(plane()$y, dtype = torch$float32)
    optimizer <- torch$optim$Adam(whole$parameters(), lr = 0.05)
    for (i in 1:300) {
      optimizer$zero_grad()
      torch$nn$functional$mse_loss(whole(x), y)$backward()
      optimizer$step()
    }
    weights <- unlist(get_weights(whole$keras)) * as.numeric(whole$scale)
    expect_equal(weights, c(2, -1, 1), tolerance = 0.01)
    saved <- whole$state_dict()
    again <- Whole()
    again$load_state_dict(saved)
    expect_value(again(x), whole(x))
  })
})

on_backend("jax", {
  jax <- import("jax")
  jnp <- import("jax.numpy")

  test_that("a compiled loop over a state tree trains a Keras model without touching it", {
    model <- one_unit()
    optimizer <- optimizer_sgd(0.2)
    optimizer$build(model$trainable_variables)
    metric <- metric_mean()
    traces <- counter()
    before <- get_weights(model)
    values <- \(variables) lapply(variables, \(variable) variable$value)

    loss_of <- function(trainable, others, x, y) {
      .[y_pred, others] <- model$stateless_call(trainable, others, x, training = TRUE)
      tuple(mean((y_pred - y)^2), others)
    }
    gradient_of <- jax$value_and_grad(loss_of, has_aux = TRUE)
    step <- jax$jit(function(state, x, y) {
      traces$add()
      .[.[loss, others], gradients] <- gradient_of(state$trainable, state$others, x, y)
      .[trainable, slots] <- optimizer$stateless_apply(state$slots, gradients, state$trainable)
      tuple(loss, list(
        trainable = trainable, others = others, slots = slots,
        metric = metric$stateless_update_state(state$metric, loss)
      ))
    })
    state <- list(
      trainable = values(model$trainable_variables),
      others = values(model$non_trainable_variables),
      slots = values(optimizer$variables),
      metric = values(metric$variables)
    )
    x <- jnp$array(plane()$x, dtype = "float32")
    y <- jnp$array(plane()$y, dtype = "float32")
    for (i in 1:100) .[loss, state] <- step(state, x, y)
    expect_equal(traces$runs(), 1)
    expect_lt(as.numeric(loss), 1e-3)
    expect_gt(as.numeric(metric$stateless_result(state$metric)), as.numeric(loss))
    expect_plane(state$trainable)
    expect_identical(get_weights(model), before)
    set_weights(model, value_of(state$trainable))
    expect_plane(get_weights(model))
  })

  test_that("JAX functions written in R are a Keras layer, with parameters and a state", {
    layer <- layer_jax_model_wrapper(
      call_fn = function(params, state, inputs, training) {
        outputs <- op_matmul(inputs, params$w) + params$b
        list(outputs, list(steps = if (training) state$steps + 1 else state$steps))
      },
      init_fn = function(rng, inputs) {
        list(
          list(w = jax$random$normal(rng, shape(ncol(inputs), 1)), b = jnp$zeros(shape(1))),
          list(steps = jnp$zeros(shape()))
        )
      },
      seed = 3L
    )
    model <- keras_model_sequential(input_shape = 2)
    model$add(layer)
    expect_equal(count_params(model), 2 + 1 + 1)
    model |> compile(optimizer_sgd(0.2), "mse")
    before <- as.array(layer$state$steps)
    fit(model, plane()$x, plane()$y, epochs = 25, batch_size = 16, verbose = 0)
    expect_plane(list(layer$params$w, layer$params$b))
    # one for each of the four batches of an epoch
    expect_value(layer$state$steps - before, 100)
    predicted <- predict(model, plane()$x, verbose = 0)
    expect_equal(predicted, plane()$y, tolerance = 0.01)
    expect_value(layer$state$steps - before, 100)
  })

  test_that("a Flax module is a Keras layer, and may be written in R", {
    if (!reticulate::py_module_available("flax")) {
      expect_error(import("flax.linen"), class = "python.builtin.ModuleNotFoundError")
      expect_refused(layer_flax_module_wrapper(module = NULL), "flax", "python.builtin.ImportError")
    } else {
      linen <- import("flax.linen")
      Centred(linen$Module) %py_class% {
        setup <- function(self) {
          self$norm <- linen$BatchNorm(momentum = 0.5)
          self$line <- linen$Dense(features = 1L)
        }
        `__call__` <- function(self, inputs, training = FALSE) {
          self$line(self$norm(inputs, use_running_average = !training))
        }
      }
      modules <- list(linen$Dense(features = 1L), Centred())
      for (i in 1:2) {
        set_random_seed(7)
        model <- keras_model_sequential(input_shape = 2) |>
          layer_flax_module_wrapper(modules[[i]])
        # kernel and bias; then scales, shifts, means and variances of two columns
        expect_equal(count_params(model), c(3, 11)[i])
        expect_length(model$trainable_weights, c(2, 4)[i])
        model |> compile(optimizer_sgd(0.3), "mse")
        fit(model, plane()$x, plane()$y, epochs = 60, batch_size = 64, verbose = 0)
        # the running averages lag behind the statistics of the batch by 2^-60
        expect_equal(predict(model, plane()$x, verbose = 0), plane()$y, tolerance = 0.01)
      }
    }
  })

  test_that("derivatives nest, and map over the axis that is asked for", {
    f <- \(t) exp(2 * t) * sin(t)
    # (e^2t sin t)'' = e^2t (3 sin t + 4 cos t)
    expect_value(jax$grad(jax$grad(f))(0.3), exp(0.6) * (3 * sin(0.3) + 4 * cos(0.3)))
    m <- matrix(c(1, 2, 3, 4, 5, 6), 3)
    slope <- jax$grad(\(w, row) sum((w * row)^2))
    per_sample <- jax$vmap(slope, in_axes = tuple(NULL, 0L))
    expect_value(per_sample(jnp$array(c(1, 2)), jnp$array(m)), 2 * m^2 %*% diag(c(1, 2)))
    expect_value(jax$vmap(\(x) sum(x), in_axes = 1L)(jnp$array(m)), c(6, 15))
    expect_value(
      jax$vmap(\(x, s) x * s, in_axes = tuple(1L, NULL), out_axes = 1L)(jnp$array(m), 2), 2 * m
    )
    a <- matrix(c(2, 1, 1, 3), 2)
    quadratic <- \(x) sum(x * op_matmul(a, x)) / 2
    expect_value(jax$hessian(quadratic)(jnp$array(c(1, 2))), a)
    expect_value(jax$jacobian(\(x) op_matmul(a, x))(jnp$array(c(1, 2))), a)
  })
})

# Control flow ---------------------------------------------------------------------------------

test_that("op_cond() and op_switch() choose among R closures", {
  scale <- 10
  x <- op_convert_to_tensor(c(1, 2))
  for (positive in c(TRUE, FALSE)) {
    chosen <- op_cond(positive, \() x * scale, \() x - scale)
    expect_value(chosen, if (positive) c(10, 20) else c(-9, -8))
  }
  traced <- compiled(\(x) op_cond(sum(x) > 0, \() x * scale, \() x - scale))
  expect_value(traced(x), c(10, 20))
  expect_value(traced(-x), c(-11, -12))
  branches <- list(\(x, y) x + y, \(x, y) x * y, \(x, y) x - y * scale)
  for (i in 1:3) {
    expect_value(op_switch(i, branches, 5, 2), c(7, 10, -15)[i])
  }
})

test_that("op_while_loop() and op_fori_loop() carry the state of R closures", {
  # Newton's method for the square root of 2
  root <- op_while_loop(
    \(x, i) i < 10,
    \(x, i) list((x + 2 / x) / 2, i + 1),
    list(op_convert_to_tensor(1), op_convert_to_tensor(0))
  )
  expect_value(root[[1]], sqrt(2))
  expect_value(root[[2]], 10)
  by <- 3
  total <- op_fori_loop(1, 5, \(i, sum) sum + op_cast(i, "float32") * by, op_convert_to_tensor(0))
  # from the lower end to before the upper one
  expect_value(total, sum(1:4) * by)
})

test_that("op_scan(), op_map(), op_vectorized_map() and op_associative_scan() run R closures", {
  xs <- op_convert_to_tensor(c(1, 2, 3, 4))
  .[carry, sums] <- op_scan(
    \(carry, x) list(carry + x, carry + x), op_convert_to_tensor(0), xs
  )
  expect_value(carry, 10)
  expect_equal(as.vector(as.array(sums)), cumsum(1:4))
  by <- 2
  m <- matrix(c(1, 2, 3, 4, 5, 6), 3)
  expect_value(op_map(op_convert_to_tensor(m), \(row) row * by), m * 2)
  expect_value(op_map(m, \(row) sum(row) * by), rowSums(m) * 2)
  expect_value(op_vectorized_map(m, \(row) row * by + 1), m * 2 + 1)
  expect_value(op_associative_scan(\(a, b) a * b, xs), cumprod(1:4))
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("op_custom_gradient() takes the gradient that R computes", {
    # log(1 + e^x), whose plain gradient is NaN for a large x
    softplus <- op_custom_gradient(function(x) {
      e <- exp(x)
      list(log(1 + e), \(upstream) upstream * (1 - 1 / (1 + e)))
    })
    expect_value(gradient_at(softplus, 0), 0.5)
    expect_value(gradient_at(softplus, 100), 1)
  })
})
