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
  cases <- list(
    `weighted sum` = \() trained(squared("sum"), weights),
    `masked mean` = \() masked("sum_over_batch_size"),
    sum = \() trained(squared("sum")),
    `weighted mean` = \() trained(squared("sum_over_batch_size"), weights),
    `mean by weights` = \() trained(squared("mean_with_sample_weight"), weights),
    `loss of an activity` = \() trained("mse", weights, "l2"),
    `masked sum` = \() masked("sum"),
    `masked mean by weights` = \() masked("mean_with_sample_weight")
  )
  # JAX, which compiles for each, computes a batch as one
  if (config_backend() == "jax") cases <- cases[1:2]
  lapply(cases, \(case) case())
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

# One batch at a time, what is written and read at once, logs that are written once, and what
# training found where no seed was set.
single_batches <- function(x, folder) {
  rank <- Sys.getenv("KERAS_DISTRIBUTION_PROCESS_ID", "0")
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(2)
  model |> compile(optimizer_sgd(0.1), "mse")
  trained <- lapply(1:3, \(i) train_on_batch(model, x[1:10, ], x[1:10, 2:3]))
  path <- file.path(folder, "model.keras")
  save_model(model, path, overwrite = TRUE)
  log <- callback_csv_logger(file.path(folder, "log.csv"))
  fit(model, x, x[, 2:3], epochs = 2, batch_size = 50, verbose = 0, callbacks = log)
  predicted <- list(
    predict_on_batch(model, x[1:6, ]), predict(model, x[1:7, ], verbose = 0),
    predict(model, x[1, , drop = FALSE], verbose = 0) # fewer rows than processes
  )
  saveRDS(predicted, file.path(folder, paste0("predicted-", rank, ".rds")))
  list(
    trained, test_on_batch(model, x[1:8, ], x[1:8, 2:3]), predicted,
    loaded = get_weights(load_model(path)), log = read.csv(file.path(folder, "log.csv"))
  )
}

# The same rows, in every form that R has for them.
forms_of_data <- function(x) {
  y <- x[, 2:3]
  batch <- 0L
  batches <- function() {
    batch <<- batch %% 4L + 1L
    if (batch < 4L) lapply(list(x, y), \(part) part[50L * (batch - 1L) + 1:50, ])
  }
  data_set <- \(...) tensor_slices_dataset(list(...)) |> dataset_batch(50)
  forms <- list(
    matrix = \(...) fit(..., x, y, shuffle = FALSE, batch_size = 50),
    `data frame` = \(...) fit(..., as.data.frame(x), y, shuffle = FALSE, batch_size = 50),
    `data set` = \(...) fit(..., data_set(x, y)),
    `function` = \(...) fit(..., batches, steps_per_epoch = 3)
  )
  lapply(forms, function(train) {
    set_random_seed(1)
    model <- keras_model_sequential(input_shape = 4) |> layer_dense(2)
    model |> compile(optimizer_sgd(0.1), "mse")
    history <- train(model, epochs = 2, verbose = 0)
    list(
      history$metrics, get_weights(model), evaluate(model, data_set(x, y), verbose = 0),
      predict(model, as.data.frame(x[1:7, ]), verbose = 0)
    )
  })
}

# Each process brings its own rows: of batches of 50, the first of two the first half.
own_rows <- function(x) {
  rank <- as.integer(Sys.getenv("KERAS_DISTRIBUTION_PROCESS_ID", "0"))
  processes <- as.integer(Sys.getenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "1"))
  size <- 50L %/% processes
  mine <- (seq_len(nrow(x)) - 1L) %/% size %% processes == rank
  former <- distribution_get()
  on.exit(distribution_set(former))
  distribution_set(distribution_data_parallel(auto_shard_dataset = FALSE))
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(2)
  model |> compile(optimizer_sgd(0.1), "mse")
  run <- \(f, ...) f(model, x[mine, ], x[mine, 2:3], batch_size = size, verbose = 0, ...)
  history <- run(fit, epochs = 3, shuffle = FALSE)
  list(history$metrics, run(evaluate), get_weights(model))
}

# Weights, among them what a layer counts itself, of models from another seed in each process.
own_seeds <- function(x, folder) {
  rank <- as.integer(Sys.getenv("KERAS_DISTRIBUTION_PROCESS_ID", "0"))
  set_random_seed(rank + 1L)
  trained <- tryCatch(
    {
      model <- keras_model_sequential(input_shape = 4) |>
        layer_dense(3) |>
        layer_batch_normalization() |>
        layer_dense(2)
      model |> compile(optimizer_sgd(0.1), "mse")
      fit(model, x, x[, 2:3], batch_size = 50, epochs = 2, shuffle = FALSE, verbose = 0)
      get_weights(model)
    },
    kerasbridge_error = conditionMessage
  )
  saveRDS(trained, file.path(folder, paste0("own-seed-", rank, ".rds")))
}

# Weights in several files, read again; and what Orbax has written, in parts on JAX.
checkpoints <- function(x, folder) {
  set_random_seed(1)
  model <- keras_model_sequential(input_shape = 4) |>
    layer_dense(300) |>
    layer_dense(2)
  model |> compile(optimizer_sgd(0.01), "mse")
  orbax <- callback_orbax_checkpoint(file.path(folder, "orbax"), max_to_keep = 2)
  suppressWarnings( # of parts that have nothing to be merged
    fit(model, x, x[, 2:3], batch_size = 50, epochs = 3, verbose = 0, callbacks = orbax)
  )
  path <- file.path(folder, "parts.weights.json")
  save_model_weights(model, path, max_shard_size = 6e-6)
  kept <- get_weights(model)
  fit(model, x, x[, 2:3], epochs = 1, verbose = 0)
  load_model_weights(model, path)
  list(all.equal(get_weights(model), kept), dir(folder, "parts"), dir(file.path(folder, "orbax")))
}

shared_cases <- function(x, folder, reductions, whole_batch, single_batches, forms_of_data,
                         own_rows, own_seeds, checkpoints) {
  library(kerasbridge)
  told <- tryCatch(distribution_initialize(), message = conditionMessage, error = conditionMessage)
  distribution_set(distribution_data_parallel())
  list(
    single = single_batches(x, folder), reductions = reductions(x), whole_batch = whole_batch(x),
    forms = forms_of_data(x), shown = format(distribution_get()), told = told,
    checkpoints = checkpoints(x, folder), own_rows = own_rows(x), own_seeds = own_seeds(x, folder)
  )
}

test_that("two processes compute what one computes, case by case", {
  if (!can_share) {
    return(expect_refused(launch(1, backend = config_backend()), "jax.*torch"))
  }
  folders <- c(withr::local_tempdir(), withr::local_tempdir())
  args <- list(
    folders[[1L]], bare(reductions), bare(whole_batch), bare(single_batches), bare(forms_of_data),
    bare(own_rows), bare(own_seeds), bare(checkpoints)
  )
  # the programs are compiled in a third of the time without XLA's optimizations
  env <- c(XLA_FLAGS = "--xla_backend_optimization_level=0")
  one <- alone(shared_cases, c(list(flowers), args), env)
  size <- list(processes = 2, env = env, output = "none", timeout = 300)
  args[[1L]] <- folders[[2L]]
  two <- do.call(launch, c(list(shared_cases, flowers), args, size))
  expect_equal(two$single, one$single, tolerance = 1e-5)
  predicted <- lapply(file.path(folders[[2L]], paste0("predicted-", 0:1, ".rds")), readRDS)
  expect_identical(predicted[[2L]], predicted[[1L]])
  expect_match(two$shown, "DataParallel")
  expect_match(two$told, "process 1 of 2, meeting at 127.0.0.1:[0-9]+ \\(from launch\\(\\)\\)")
  for (form in names(one$forms)) {
    expect_equal(one$forms[[form]], one$forms$matrix, tolerance = 1e-5, info = form)
    expect_equal(two$forms[[form]], one$forms$matrix, tolerance = 1e-5, info = form)
  }
  for (case in names(one$reductions)) {
    # sums over processes are rounded in another order
    expect_equal(two$reductions[[case]], one$reductions[[case]], tolerance = 1e-5, info = case)
  }
  parts <- c("parts.weights.json", "parts_00000.weights.h5", "parts_00001.weights.h5")
  expect_identical(one$checkpoints, list(TRUE, parts, c("1", "2")))
  expect_identical(two$checkpoints, one$checkpoints)
  expect_equal(two$own_rows, one$own_rows, tolerance = 1e-5)
  # PyTorch begins with the first process's weights; its statistics are means of those of the parts
  seeds <- lapply(file.path(folders[[2L]], paste0("own-seed-", 0:1, ".rds")), readRDS)
  if (config_backend() == "torch") {
    expect_identical(seeds[[2L]], seeds[[1L]])
    one_seed <- readRDS(file.path(folders[[1L]], "own-seed-0.rds"))
    expect_equal(seeds[[1L]], one_seed, tolerance = 0.2)
  } else {
    expect_match(unlist(seeds), "different values.*`set_random_seed\\(1\\)`")
  }
  expect_identical(one$whole_batch, "trained")
  refused <- switch(config_backend(), torch = "loss_dice\\(\\) of a whole batch", "trained")
  expect_match(two$whole_batch, refused)
  expect_identical(children(), 0L)
})
