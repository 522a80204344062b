# Several devices of one process, and how meshes, layouts and distributions are shown.

mesh_of <- function(...) {
  distribution_device_mesh(c(...), list("batch", "model"), paste0("cpu:", 0:7))
}

test_that("a mesh, a layout and a map of layouts say who has what", {
  mesh <- mesh_of(2, 4)
  expect_output(print(mesh), paste0(
    "<DeviceMesh: 8 devices, batch 2 x model 4>\n",
    "  batch 1: cpu:0 cpu:1 cpu:2 cpu:3\n",
    "  batch 2: cpu:4 cpu:5 cpu:6 cpu:7"
  ), fixed = TRUE)
  expect_identical(
    format(distribution_tensor_layout(list(NULL, "model"), mesh)),
    "<TensorLayout: axis 1 whole, axis 2 in 4 along \"model\">"
  )
  map <- distribution_layout_map(mesh)
  map["dense.*kernel"] <- list(NULL, "model")
  map[["bias"]] <- "model"
  map["out/.*"] <- distribution_tensor_layout(list("batch"))
  map["bias"] <- NULL
  expect_identical(format(map), paste0(
    "<LayoutMap: 2 rules on a mesh of batch 2 x model 4>\n",
    "  dense.*kernel  axis 1 whole, axis 2 in 4 along \"model\"\n",
    "  out/.*         axis 1 in 2 along \"batch\"\n",
    "  Every device has all other weights whole."
  ))
  expect_identical(map["dense_1/kernel"]$axes, list(NULL, "model"))
  expect_null(map["dense/bias"])
  map["dense.*kernel"] <- c("model", NA)
  expect_identical(map[["dense/kernel"]]$axes, list("model", NULL))
})

test_that("a rule that cannot be is refused, and changes nothing", {
  map <- distribution_layout_map(mesh_of(4, 2))
  expect_refused(map["dense"] <- list(NULL, "modle"), "The mesh has no axis 'modle'.*`model`")
  expect_refused(map["(dense"] <- list(NULL, "model"), "is no regular expression")
  expect_refused(map[c("a", "b")] <- list(NULL, "model"), "one string")
  expect_refused(map["dense"] <- 1:2, "The mesh has no axis 1")
  expect_refused(map["dense"] <- TRUE, "list\\(NULL, \"model\"\\)")
  expect_identical(as_r(map$`__len__`()), 0L)
})

# In one process of eight devices: everything whole, and then on some of the devices. Sums over
# devices are rounded in another order than those of one, hence the tolerance.
on_devices <- function(x, y, train) {
  library(kerasbridge)
  some <- \(n) \() distribution_data_parallel(devices = distribution_list_devices()[seq_len(n)])
  list(
    one = train(x, y, \() NULL), several = lapply(c(2, 4, 8), \(n) train(x, y, some(n))),
    shown = format(some(4)())
  )
}

# A transformer's block whose heads, and whose units between two dense layers, four devices share;
# two such groups share a batch.
block <- function(x, y) {
  library(kerasbridge)
  train <- function(distribution) {
    set_random_seed(1)
    distribution_set(distribution)
    input <- keras_input(dim(x)[-1])
    attended <- layer_multi_head_attention(num_heads = 4, key_dim = 4, name = "attention")
    hidden <- layer_layer_normalization()(layer_add(list(input, attended(input, input))))
    dense <- hidden |>
      layer_dense(32, "gelu", name = "up") |>
      layer_dense(dim(x)[[3]], name = "down")
    output <- layer_layer_normalization()(layer_add(list(hidden, dense))) |>
      layer_global_average_pooling_1d() |>
      layer_dense(4, activation = "softmax")
    model <- keras_model(input, output)
    model |> compile("adam", "sparse_categorical_crossentropy")
    history <- fit(model, x, y, epochs = 2, batch_size = 32, verbose = 0)
    result <- list(loss = history$metrics$loss, weights = get_weights(model))
    held <- lapply(model$weights, \(weight) dim(weight$value$addressable_data(0L)))
    names(held) <- vapply(model$weights, \(weight) weight$path, "")
    list(result = result, held = held)
  }
  mesh <- distribution_device_mesh(c(2, 4), list("batch", "model"))
  map <- distribution_layout_map(mesh)
  map["attention/(query|key|value)/kernel"] <- list(NULL, "model", NULL)
  map["attention/attention_output/kernel"] <- list("model", NULL, NULL)
  map["up/kernel"] <- list(NULL, "model")
  map["up/bias"] <- list("model")
  map["down/kernel"] <- list("model", NULL)
  distribution <- distribution_model_parallel(layout_map = map, batch_dim_name = "batch")
  list(whole = train(NULL)$result, split = train(distribution), shown = format(distribution))
}

test_that("several devices of one process compute what one computes", {
  if (config_backend() != "jax") {
    on_two <- \() distribution_data_parallel(devices = c("cpu:0", "cpu:1"))
    if (config_backend() == "torch") return(expect_refused(on_two(), "leave out `devices`"))
    return(expect_match(format(on_two()), "each batch in 2 parts along \"batch\"", fixed = TRUE))
  }
  # the programs are compiled in a third of the time without XLA's optimizations
  flags <- "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
  windows <- aperm(array(scale(sunspots)[1:2560], c(8, 8, 40)), c(3, 1, 2))
  computed <- alone(
    \(on_devices, block, flowers, train, windows) {
      list(data = on_devices(flowers, iris$Species, train), model = block(windows, rep(0:3, 10)))
    },
    list(bare(on_devices), bare(block), flowers, bare(train_once), windows), c(XLA_FLAGS = flags)
  )
  data <- computed$data
  for (several in data$several) expect_equal(several, data$one, tolerance = 1e-5)
  expect_identical(data$shown, paste0(
    "<DataParallel: each batch in 4 parts along \"batch\", batch 4>\n",
    "  cpu:0 cpu:1 cpu:2 cpu:3\n  Every device has all weights whole."
  ))

  model <- computed$model
  expect_equal(model$split$result, model$whole, tolerance = 1e-5)
  held <- model$split$held
  expect_identical(held$`attention/query/kernel`, c(8L, 1L, 4L))
  expect_identical(held$`up/kernel`, c(8L, 8L))
  expect_identical(held$`down/kernel`, c(8L, 8L))
  expect_identical(held$`down/bias`, 8L)
  expect_match(model$shown, "each batch in 2 parts along \"batch\", batch 2 x model 4")
  expect_match(model$shown, "down/kernel .* axis 1 in 4 along \"model\", axis 2 whole")
})

# On two devices of one process, made of its CPU, and on one.
mirrored <- function(x, y) {
  library(kerasbridge)
  cpu <- tf$config$list_physical_devices("CPU")[[1L]]
  device <- tf$config$LogicalDeviceConfiguration()
  tf$config$set_logical_device_configuration(cpu, list(device, device))
  train <- function(scope) {
    set_random_seed(1)
    model <- with(scope, {
      keras_model_sequential(input_shape = 4) |>
        layer_dense(8, activation = "tanh") |>
        layer_dense(3, activation = "softmax") |>
        compile("adam", "sparse_categorical_crossentropy", metrics = "accuracy")
    })
    history <- fit(model, x, y, epochs = 3, batch_size = 30, validation_split = 0.2, verbose = 0)
    list(
      history$metrics, get_weights(model), predict(model, x, verbose = 0),
      evaluate(model, x, y, batch_size = 50, verbose = 0)
    )
  }
  strategy <- tf$distribute$MirroredStrategy(list("CPU:0", "CPU:1"))
  one <- tf$distribute$get_strategy()
  list(
    devices = strategy$num_replicas_in_sync,
    two = train(strategy$scope()), one = train(one$scope())
  )
}

# One of two workers, as TF_CONFIG tells it.
worker <- function(x, y) {
  library(kerasbridge)
  strategy <- tf$distribute$MultiWorkerMirroredStrategy()
  model <- with(strategy$scope(), {
    keras_model_sequential(input_shape = 4) |>
      layer_dense(3, activation = "softmax") |>
      compile("sgd", "sparse_categorical_crossentropy")
  })
  tryCatch(fit(model, x, y, verbose = 0), kerasbridge_error = conditionMessage)
}

test_that("on TensorFlow, several devices of one process work, and several processes are refused", {
  if (config_backend() != "tensorflow") {
    return(expect_refused(launch(identity, backend = "tensorflow"), "\"jax\".*\"torch\""))
  }
  computed <- alone(mirrored, list(flowers, iris$Species))
  expect_identical(computed$devices, 2L)
  expect_equal(computed$two, computed$one, tolerance = 1e-5)

  others <- "Several processes work on JAX and PyTorch.*MirroredStrategy"
  expect_refused(distribution_initialize("localhost", 2, 0), others)
  ports <- asNamespace("kerasbridge")$free_port() + 0:1
  workers <- lapply(0:1, function(number) {
    cluster <- list(worker = paste0("127.0.0.1:", ports))
    told <- list(cluster = cluster, task = list(type = "worker", index = number))
    config <- as.character(jsonlite::toJSON(told, auto_unbox = TRUE))
    env <- c(callr::rcmd_safe_env(), KERAS_BACKEND = "tensorflow", TF_CONFIG = config)
    callr::r_bg(worker, list(flowers, iris$Species), env = env)
  })
  withr::defer(for (process in workers) process$kill())
  for (process in workers) {
    process$wait(120000)
    expect_match(process$get_result(), others)
  }
})
