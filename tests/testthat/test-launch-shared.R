# What two processes compute in one launch, and what one computes alone: a table of cases, each with
# its own part in the session that computes them all.

can_share <- config_backend() %in% c("jax", "torch")

# Every reduction of a loss, with weighted rows, a mask and a regularizer of what a layer gives.
reductions <- function(x) {
  y <- x[, 2:3]
  weights <- seq_len(nrow(x)) / 75
  trained <- function(loss, sample_weight = NULL, regularizer = NULL) {
    set_random_seed(1)
    model <- keras_model_sequential(input_shape = 4) |>
      layer_dense(8, "tanh", activity_regularizer = regularizer) |>
      layer_dense(2)
    model |> compile(optimizer_sgd(0.002), loss, metrics = "mae")
    history <- fit(
      model, x, y,
      epochs = 2, batch_size = 33, sample_weight = sample_weight, verbose = 0
    )
    evaluated <- evaluate(model, x, y, sample_weight = sample_weight, batch_size = 40, verbose = 0)
    list(history$metrics, evaluated, get_weights(model))
  }
  masked <- function(reduction) {
    set_random_seed(1)
    numbers <- matrix(seq(0L, 1673L, 7L) %% 5L, 40)
    model <- keras_model_sequential(input_shape = 6) |>
      layer_embedding(5, 3, mask_zero = TRUE) |>
      layer_dense(1)
    model |> compile(optimizer_sgd(0.01), loss_mean_squared_error(reduction = reduction))
    target <- array(numbers / 2, c(40, 6, 1))
    history <- fit(model, numbers, target, epochs = 2, batch_size = 13, verbose = 0)
    list(history$metrics, get_weights(model))
  }
  squared <- \(reduction) loss_mean_squared_error(reduction = reduction)
  list(
    sum = trained(squared("sum")),
    `weighted sum` = trained(squared("sum"), weights),
    `weighted mean` = trained(squared("sum_over_batch_size"), weights),
    `mean by weights` = trained(squared("mean_with_sample_weight"), weights),
    `loss of an activity` = trained("mse", weights, "l2"),
    `masked mean` = masked("sum_over_batch_size"),
    `masked sum` = masked("sum"),
    `masked mean by weights` = masked("mean_with_sample_weight")
  )
}

# A loss that is made of all rows of a batch together.
whole_batch <- function(x) {
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(2, "sigmoid")
  model |> compile("sgd", "dice")
  tryCatch(
    {
      fit(model, x, abs(x[, 1:2]), verbose = 0)
      "trained"
    },
    kerasbridge_error = conditionMessage
  )
}

shared_cases <- function(x, reductions, whole_batch) {
  library(kerasbridge)
  distribution_set(distribution_data_parallel())
  list(reductions = reductions(x), whole_batch = whole_batch(x))
}

test_that("two processes compute what one computes, case by case", {
  if (!can_share) {
    return(expect_refused(launch(1, backend = config_backend()), "jax.*torch"))
  }
  args <- list(flowers, bare(reductions), bare(whole_batch))
  # the programs are compiled in a third of the time without XLA's optimizations
  env <- c(XLA_FLAGS = "--xla_backend_optimization_level=0")
  one <- alone(shared_cases, args, env)
  size <- list(processes = 2, env = env, output = "none", timeout = 300)
  two <- do.call(launch, c(list(shared_cases), args, size))
  for (case in names(one$reductions)) {
    # sums over processes are rounded in another order
    expect_equal(two$reductions[[case]], one$reductions[[case]], tolerance = 1e-5, info = case)
  }
  expect_identical(one$whole_batch, "trained")
  refused <- switch(config_backend(), torch = "loss_dice\\(\\) of a whole batch", "trained")
  expect_match(two$whole_batch, refused)
  expect_identical(children(), 0L)
})
