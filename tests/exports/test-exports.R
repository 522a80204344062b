# Exported models predict in the programs that run them what they predict here.

model <- function() {
  set_random_seed(1)
  keras_model_sequential(input_shape = c(8, 8, 1), name = "net") |>
    layer_conv_2d(4, 3, strides = 2, activation = "relu") |>
    layer_flatten() |>
    layer_dense(3, activation = "softmax", name = "out")
}

set.seed(1)
images <- array(runif(5 * 64), c(5, 8, 8, 1))

# Single precision, for runtimes that are told nothing of R's data.
as_input <- function(x) import("numpy", convert = FALSE)$asarray(x, dtype = "float32")

endings <- c(
  tf_saved_model = "", onnx = ".onnx", openvino = ".xml", litert = ".tflite", torch = ".pt2"
)

# What each program makes of the file and the images.
run_by <- list(
  tf_saved_model = function(path) {
    tf <- import("tensorflow", convert = FALSE)
    tf$saved_model$load(path)$serve(tf$constant(as_input(images)))
  },
  onnx = function(path) {
    session <- import("onnxruntime")$InferenceSession(path)
    name <- session$get_inputs()[[1L]]$name
    session$run(NULL, reticulate::py_dict(name, list(as_input(images))))[[1L]]
  },
  openvino = function(path) {
    # Where the processor has them, it would compute with sixteen bits.
    exact <- dict(INFERENCE_PRECISION_HINT = "f32")
    compiled <- import("openvino", convert = FALSE)$Core()$compile_model(path, "CPU", exact)
    py_to_r(compiled(as_input(images))$to_tuple()[[0L]])
  },
  litert = function(path) {
    interpreter <- import("ai_edge_litert.interpreter")$Interpreter(path)
    input <- interpreter$get_input_details()[[1L]]$index
    interpreter$resize_tensor_input(input, dim(images))
    interpreter$allocate_tensors()
    interpreter$set_tensor(input, as_input(images))
    interpreter$invoke()
    interpreter$get_tensor(interpreter$get_output_details()[[1L]]$index)
  },
  torch = function(path) {
    torch <- import("torch", convert = FALSE)
    serve <- torch$export$load(path)$module()
    each <- lapply(seq_len(5L), \(i) {
      as.array(serve(torch$as_tensor(as_input(images[i, , , , drop = FALSE])))$detach())
    })
    do.call(rbind, each)
  }
)

# The end of each pair: where nothing is said, the file is written.
refused <- list(
  tensorflow = list(torch = "from a model of the tensorflow backend"),
  jax = list(
    openvino = "from a model of the jax backend", litert = "from a model of the jax backend",
    torch = "from a model of the jax backend"
  ),
  torch = list(
    tf_saved_model = 'py_install\\("torch_xla"\\)', litert = 'py_install\\("litert_torch"\\)'
  ),
  numpy = sapply(names(endings), \(format) "from a model of the numpy backend", simplify = FALSE)
)[[config_backend()]]

for (format in names(endings)) {
  test_that(paste("a model is exported to", format, "and runs there, or why not is told"), {
    folder <- withr::local_tempdir()
    path <- file.path(folder, paste0("net", endings[[format]]))
    net <- model()
    expected <- predict(net, images, verbose = 0)
    if (!is.null(refused[[format]])) {
      expect_refused(export_savedmodel(net, path, format = format), refused[[format]])
      expect_length(list.files(folder, all.files = TRUE, no.. = TRUE), 0L)
    } else {
      expect_no_warning(export_savedmodel(net, path, format = format))
      # The programs add up in another order than Keras.
      expect_equal(
        unname(value_of(run_by[[format]](path))), expected,
        tolerance = 1e-4
      )
    }
  })
}

test_that("a package that is missing is named with the call that installs it", {
  # For this process they are not there.
  hide <- "
def hide(*names):
    import importlib.util
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name in names else found(name, *rest)
    return lambda: setattr(importlib.util, 'find_spec', found)
"
  show_again <- reticulate::py_run_string(hide, local = TRUE)$hide("onnx", "openvino")
  withr::defer(show_again())
  path <- withr::local_tempfile(fileext = ".onnx")
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_refused(export_savedmodel(model(), path, format = "onnx"), 'py_install\\("onnx"\\)')
  })
  on_backend(c("tensorflow", "torch"), expect_refused(
    export_savedmodel(model(), path, format = "openvino"), 'py_install\\("openvino"\\)'
  ))
  expect_false(file.exists(path))
})

test_that("TensorBoard shows what its callback has written", {
  skip_if(!trains(), "NumPy computes no gradients")
  logs <- withr::local_tempdir()
  net <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  compile(net, "sgd", "mse")
  callback <- callback_tensorboard(log_dir = logs, histogram_freq = 1)
  history <- fit(net, matrix(1:4), 1:4, epochs = 2, verbose = 0, callbacks = callback)
  events <- list.files(logs, "^events[.]out", recursive = TRUE, full.names = TRUE)
  read <- import("tensorboard.backend.event_processing.event_accumulator")
  written <- read$EventAccumulator(events[[1L]])$Reload()
  loss <- vapply(written$Tensors("epoch_loss"), \(event) {
    as.double(import("tensorboard.util.tensor_util")$make_ndarray(event$tensor_proto))
  }, 0)
  expect_equal(loss, history$metrics$loss, tolerance = float32_tolerance)

  skip_if(config_backend() != "jax", "one backend's logs are as good as another's")
  seen <- NULL
  url <- tensorboard(logs, launch_browser = \(url) seen <<- url)
  withr::defer(tensorboard(action = "stop"))
  expect_identical(seen, url)
  tags <- character()
  for (try in 1:100) {
    tags <- names(jsonlite::read_json(paste0(url, "data/plugin/scalars/tags"))$train)
    if ("epoch_loss" %in% tags) break
    Sys.sleep(0.2)
  }
  expect_true("epoch_loss" %in% tags)
  expect_identical(tensorboard(logs, "stop"), url)
  expect_identical(tensorboard(action = "stop"), character())
  expect_error(suppressWarnings(readLines(url)))
})

test_that("tensorboard() refuses what it cannot use", {
  expect_refused(tensorboard(1), "log_dir")
  expect_refused(tensorboard("logs", port = "http"), "port")
  expect_refused(tensorboard("logs", launch_browser = "firefox"), "launch_browser")
  expect_error(tensorboard("logs", "begin"), "action")
})
