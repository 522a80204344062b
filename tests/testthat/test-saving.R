# Models and weights in files.

net <- function(activation = "tanh") {
  set_random_seed(7)
  keras_model_sequential(input_shape = 4, name = "net") |>
    layer_dense(5, activation = activation) |>
    layer_layer_normalization() |>
    layer_reshape(target_shape = c(5, 1)) |>
    layer_lstm(3) |>
    layer_dense(3, activation = "softmax", name = "out")
}

flowers <- scale(as.matrix(iris[, 1:4]))

predicted <- function(model) predict(model, flowers, verbose = 0)

trained <- function() {
  model <- net()
  model |> compile(optimizer_adam(0.01), "sparse_categorical_crossentropy", metrics = "accuracy")
  if (trains()) fit(model, flowers, iris$Species, epochs = 1, verbose = 0)
  model
}

keras_file <- function(env = parent.frame()) {
  withr::local_tempfile(fileext = ".keras", .local_envir = env)
}

# The files in a directory, those with a hidden name too.
files_in <- function(path) list.files(path, all.files = TRUE, no.. = TRUE)

test_that("a model comes back as it was: weights, configuration and the optimizer's state", {
  file <- keras_file()
  model <- trained()
  expect_identical(withVisible(save_model(model, file))$visible, FALSE)
  again <- load_model(file)
  expect_equal(predicted(again), predicted(model), tolerance = float32_tolerance)
  expect_equal(
    evaluate(again, flowers, iris$Species, verbose = 0),
    evaluate(model, flowers, iris$Species, verbose = 0),
    tolerance = float32_tolerance
  )
  if (trains()) {
    state <- \(model) lapply(model$optimizer$variables, as.array)
    expect_identical(state(again), state(model))
  }
  expect_false(load_model(file, compile = FALSE)$compiled)
})

test_that("a model comes back from a directory and from a raw vector", {
  folder <- withr::local_tempfile()
  model <- net()
  save_model(model, folder, zipped = FALSE)
  expect_setequal(
    list.files(folder), c("assets", "config.json", "metadata.json", "model.weights.h5")
  )
  expect_identical(predicted(load_model(folder)), predicted(model))
  save_model(model, folder, zipped = FALSE, overwrite = TRUE)
  expect_identical(predicted(load_model(folder)), predicted(model))

  bytes <- serialize_model(model)
  expect_type(bytes, "raw")
  expect_identical(predicted(unserialize_model(bytes)), predicted(model))
  expect_identical(predicted(unserialize_model(save_model(model))), predicted(model))
  expect_refused(unserialize_model("model"), "raw vector")
})

test_that("a serialized model stands for the model", {
  model <- net()
  value <- serialize_model(model)
  expect_s3_class(value, "keras_serialized_model")
  expect_output(print(value), "<Sequential .*<serialized model: [0-9.]+ kB>")
  expect_output(str(list(value)), "<serialized model: [0-9.]+ kB>")
  expect_identical(predicted(value), predicted(model))
  expect_identical(summary(value), summary(model))
  expect_identical(value$count_params(), model$count_params())
  expect_identical(get_weights(value), get_weights(model))
  expect_identical(py_repr(value$layers[[1]]), py_repr(value$layers[[1]])) # once in a session
  file <- keras_file()
  save_model(value, file)
  expect_identical(predicted(load_model(file)), predicted(model))
  bytes <- as.raw(value)
  expect_null(attributes(bytes))
  expect_identical(predicted(unserialize_model(bytes)), predicted(model))

  broken <- unserialize(serialize(value, NULL))
  broken[seq_along(broken)] <- as.raw(0)
  expect_output(print(broken), "^<serialized model: [0-9.]+ kB>$")
  expect_refused(predict(broken, matrix(0, 1, 4)), "not a whole one")

  models <- asNamespace("kerasbridge")$live_models
  before <- length(models)
  rm(value)
  gc()
  expect_lt(length(models), before)
})

test_that("a serialized model that is trained is another one", {
  if (!trains()) {
    return(expect_refused(fit(serialize_model(net()), flowers, iris$Species), "no gradients"))
  }
  model <- trained()
  value <- serialize_model(model)
  copy <- value
  for (object in list(value, model)) {
    fit(object, flowers, iris$Species, epochs = 2, shuffle = FALSE, verbose = 0)
  }
  expect_equal(predicted(copy), predicted(model), tolerance = float32_tolerance)
  sent <- unserialize(serialize(copy, NULL))
  expect_identical(predicted(sent), predicted(value))
  expect_identical(predicted(unserialize_model(sent)), predicted(value))
  activation <- \(x) op_tanh(2 * x)
  register_keras_serializable(activation)
  sourced <- serialize_model(net(activation), r_source = TRUE)
  compile(sourced, "sgd", "mse")
  file <- keras_file()
  writeBin(as.raw(sourced), file)
  expect_output(print(stored_r_source(file)), "op_tanh")

  compile(value, "sgd", "sparse_categorical_crossentropy")
  sent <- unserialize(serialize(value, NULL))
  expect_named(evaluate(sent, flowers, iris$Species, verbose = 0), "loss")
})

test_that("what exists is replaced only when that is asked for", {
  folder <- withr::local_tempdir()
  model <- net()
  writers <- list(
    net.keras = save_model, net.weights.h5 = save_model_weights, net.json = save_model_config,
    net.weights.json = \(...) save_model_weights(..., max_shard_size = 1)
  )
  for (name in names(writers)) {
    path <- file.path(folder, name)
    writers[[name]](model, path)
    before <- readBin(path, "raw", 1e6)
    expect_refused(writers[[name]](model, path), "exists already.*overwrite = TRUE")
    expect_identical(readBin(path, "raw", 1e6), before)
    expect_no_error(writers[[name]](model, path, overwrite = TRUE))
  }
})

test_that("a path that cannot be is refused before anything is written", {
  folder <- withr::local_tempdir()
  model <- net()
  expect_refused(save_model(model, file.path(folder, "net.txt")), "must end in \"[.]keras\"")
  expect_refused(save_model(model, file.path(folder, "a.keras"), zipped = FALSE), "must not end")
  expect_refused(save_model_weights(model, file.path(folder, "net.h5")), "[.]weights[.]h5")
  expect_refused(save_model(model, file.path(folder, "no", "net.keras")), "no directory")
  expect_refused(save_model(model, c("a.keras", "b.keras")), "`filepath` must be")
  expect_refused(save_model("net", file.path(folder, "net.keras")), "must be a Keras model")
  expect_refused(save_model(model, file.path(folder, "net.keras"), r_source = NA), "`r_source`")
  expect_refused(load_model(file.path(folder, "net.keras")), "There is no file")
  expect_refused(load_model_weights(model, file.path(folder, "net.weights.h5")), "no file")
  expect_refused(load_model_config(file.path(folder, "net.json")), "no file")
  expect_identical(files_in(folder), character())
})

test_that("what is no whole file is told from one that is", {
  file <- keras_file()
  save_model(net(), file)
  bytes <- readBin(file, "raw", file.size(file))
  writeBin(bytes[seq_len(length(bytes) %/% 2)], file)
  expect_refused(load_model(file), "not a whole one")
})

test_that("weights come back, from one file and from several", {
  folder <- withr::local_tempdir()
  model <- net()
  weights <- get_weights(model)
  other <- clone_model(model)
  one <- file.path(folder, "one.weights.h5")
  save_model_weights(model, one)
  expect_identical(get_weights(load_model_weights(other, one)), weights)

  listing <- file.path(folder, "many.weights.json")
  save_model_weights(model, listing, max_shard_size = 2e-7) # some 200 bytes
  shards <- setdiff(files_in(folder), c("one.weights.h5", "many.weights.json"))
  expect_gt(length(shards), 1)
  other <- clone_model(model)
  expect_identical(get_weights(load_model_weights(other, listing)), weights)

  # Written over, by fewer: the files of the earlier weights that are left over go.
  set_weights(model, lapply(weights, \(weight) weight + 1))
  save_model_weights(model, listing, overwrite = TRUE, max_shard_size = 1)
  expect_setequal(
    files_in(folder), c("one.weights.h5", "many.weights.json", "many_00000.weights.h5")
  )
  expect_identical(get_weights(load_model_weights(other, listing)), get_weights(model))
})

test_that("weights of another size are refused or left out", {
  file <- withr::local_tempfile(fileext = ".weights.h5")
  save_model_weights(net(), file)
  other <- keras_model_sequential(input_shape = 4, name = "net") |> layer_dense(2)
  before <- get_weights(other)
  expect_error(load_model_weights(other, file), class = "kerasbridge_error")
  load_model_weights(other, file, skip_mismatch = TRUE)
  expect_identical(get_weights(other), before)
})

test_that("a model's configuration is written and read", {
  file <- withr::local_tempfile(fileext = ".json")
  save_model_config(net(), file)
  expect_identical(load_model_config(file)$name, "net")
  expect_identical(jsonlite::parse_json(save_model_config(net()))$config$name, "net")
})

test_that("all classes and functions that are unknown are named, with the ways out", {
  file <- keras_file()
  layer_own <- new_layer_class("Own", call = function(inputs) 2 * inputs)
  own_activation <- function(x) x + 1
  model <- keras_model_sequential(input_shape = 2) |>
    layer_own() |>
    layer_dense(1, activation = own_activation, kernel_initializer = "ones")
  own_loss <- function(y_true, y_pred) op_mean(abs(y_true - y_pred), axis = -1)
  model |> compile(loss = own_loss)
  save_model(model, file)

  condition <- expect_refused(
    load_model(file), "does not know: Own, own_activation, own_loss[.]",
    "kerasbridge.errors.UnknownObjectError"
  )
  expect_match(conditionMessage(condition), "register_keras_serializable(Own)", fixed = TRUE)
  expect_match(conditionMessage(condition), "custom_objects = list", fixed = TRUE)
  expect_refused(load_model(file, compile = FALSE), "does not know: Own, own_activation[.]")
  expect_refused(
    load_model(file, list(layer_own, own_activation = own_activation)), "know: own_loss[.]"
  )
  expect_refused(load_model(file, list(\(x) x)), "must have names")

  expect_no_error(load_model(file, list(layer_own, own_activation, own_loss)))
  known <- list(layer_own, own_activation = own_activation, own_loss = own_loss)
  again <- load_model(file, known)
  expect_value(again(matrix(c(1, 2), 1)), matrix(7))
  expect_identical(again$loss$`__name__`, "own_loss")
})

test_that("a function that custom_metric() has named needs no further name", {
  file <- keras_file()
  of_mean <- custom_metric("mean_pred", \(y_true, y_pred) op_mean(y_pred))
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1, kernel_initializer = "ones")
  model |> compile("sgd", "mse", metrics = of_mean)
  save_model(model, file)
  for (known in list(list(of_mean), of_mean)) {
    again <- load_model(file, custom_objects = known)
    found <- evaluate(again, matrix(1:4, 2), c(0, 0), verbose = 0)
    expect_equal(found$mean_pred, 5)
  }
  expect_no_error(load_model(file, custom_objects = list(of_mean)))
})

test_that("what is registered is found again", {
  withr::defer(set_custom_objects())
  file <- keras_file()
  layer_own <- new_layer_class("Own", call = function(inputs) 2 * inputs)
  own_activation <- function(x) x + 1
  register_keras_serializable(layer_own, package = "mine")
  register_keras_serializable(own_activation, package = "mine")
  model <- keras_model_sequential(input_shape = 2) |>
    layer_own() |>
    layer_dense(1, activation = own_activation, kernel_initializer = "ones")
  save_model(model, file)
  expect_value(load_model(file)(matrix(c(1, 2), 1)), matrix(7))
  set_custom_objects()
  expect_refused(
    load_model(file),
    "know: mine>Own, mine>own_activation[.](.|\n)*serializable[(]Own, package = \"mine\"[)]"
  )
})

test_that("each function has a name of its own in the file, and none of Keras's", {
  file <- keras_file()
  relu <- function(x) x - 1 # not Keras's
  model <- keras_model_sequential(input_shape = 1) |>
    layer_lambda(\(x) 2 * x) |>
    layer_lambda(\(x) x + 3) |>
    layer_activation(relu) |>
    layer_activation(relu)
  save_model(model, file)
  expect_refused(load_model(file), "know: r_function, r_function_2, relu_2[.]")
  again <- load_model(
    file, list(r_function = \(x) 2 * x, r_function_2 = \(x) x + 3, relu_2 = relu)
  )
  expect_value(again(matrix(5)), matrix(11))
})

test_that("a save that is killed leaves the earlier file, and nothing under a new name", {
  folder <- withr::local_tempdir()
  old <- file.path(folder, "old.keras")
  model <- net()
  save_model(model, old)
  before <- tools::md5sum(old)
  # A layer that stops in the middle of writing the weights, until it is killed.
  killed_save <- function(path, started) {
    library(kerasbridge)
    layer_slow <- new_layer_class(
      "Slow",
      call = function(inputs) inputs,
      save_own_variables = function(store) {
        file.create(started)
        Sys.sleep(600)
      }
    )
    model <- keras_model_sequential(input_shape = 4) |> layer_dense(50) |> layer_slow()
    save_model(model, path, overwrite = TRUE)
  }
  paths <- c(old, file.path(folder, "new.keras"))
  started <- paste0(paths, ".started")
  processes <- Map(\(path, started) callr::r_bg(killed_save, list(path, started)), paths, started)
  for (i in seq_along(paths)) {
    while (processes[[i]]$is_alive() && !file.exists(started[[i]])) Sys.sleep(0.05)
    expect_true(processes[[i]]$is_alive(), label = "the process that saves is alive")
    processes[[i]]$signal(tools::SIGKILL)
    processes[[i]]$wait()
  }
  expect_identical(tools::md5sum(old), before)
  expect_identical(predicted(load_model(old)), predicted(model))
  expect_false(file.exists(file.path(folder, "new.keras")))
  # What they left is hidden, and goes with the next save.
  expect_gt(length(grep("^[.]", files_in(folder))), 0)
  save_model(model, old, overwrite = TRUE)
  expect_length(grep("^[.]", files_in(folder)), 0)
})

# Plain Python, on each backend, without what R sets for its own libraries.
other_side <- "
import json, sys
import keras, numpy as np
folder, ours = sys.argv[1:]
x = np.array(json.load(open(f'{folder}/x.json')), dtype='float32')
model = keras.models.load_model(f'{folder}/{ours}.keras')
first = model.predict(x, verbose=0)
for w in model.weights:
    w.assign(np.zeros(w.shape))
model.load_weights(f'{folder}/{ours}.weights.h5')
second = model.predict(x, verbose=0)
name = keras.config.backend()
keras.utils.set_random_seed(3)
inputs = keras.Input((4,))
hidden = keras.layers.Reshape((2, 2))(keras.layers.Dense(4, activation='gelu')(inputs))
model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GRU(3)(hidden)))
model.compile('adam', 'mse')
model.save(f'{folder}/from_{name}.keras')
model.save_weights(f'{folder}/from_{name}.weights.h5')
shown = {'first': first, 'second': second, 'own': model.predict(x, verbose=0)}
json.dump({k: v.tolist() for k, v in shown.items()}, open(f'{folder}/{name}.json', 'w'))
"

test_that("files go from R to Python's Keras and back, whatever the backends", {
  folder <- withr::local_tempdir()
  model <- trained()
  save_model(model, file.path(folder, "ours.keras"))
  save_model_weights(model, file.path(folder, "ours.weights.h5"))
  jsonlite::write_json(unname(unclass(flowers[1:20, ])), file.path(folder, "x.json"), digits = NA)
  script <- file.path(folder, "other_side.py")
  writeLines(other_side, script)
  # One partner each, so that each is one once.
  backends <- switch(config_backend(), jax = "tensorflow", tensorflow = "torch", "jax")
  started <- function(backend) {
    setting <- c("-u", "LD_LIBRARY_PATH", "-u", "R_HOME", paste0("KERAS_BACKEND=", backend))
    processx::process$new(
      "env", c(setting, reticulate::py_exe(), script, folder, "ours"),
      stderr = file.path(folder, paste0(backend, ".err"))
    )
  }
  processes <- lapply(backends, started)
  x <- flowers[1:20, ]
  ours <- unname(predict(model, x, verbose = 0))
  for (i in seq_along(backends)) {
    processes[[i]]$wait()
    errors <- paste(readLines(file.path(folder, paste0(backends[[i]], ".err"))), collapse = "\n")
    expect_identical(processes[[i]]$get_exit_status(), 0L, info = errors)
    theirs <- jsonlite::fromJSON(file.path(folder, paste0(backends[[i]], ".json")))
    expect_equal(theirs$first, ours, tolerance = 1e-5)
    expect_equal(theirs$second, ours, tolerance = 1e-5)
    path <- file.path(folder, paste0("from_", backends[[i]]))
    read <- load_model(paste0(path, ".keras"))
    expect_equal(predict(read, x, verbose = 0), theirs$own, tolerance = 1e-5)
    fresh <- clone_model(read)
    load_model_weights(fresh, paste0(path, ".weights.h5"))
    expect_equal(predict(fresh, x, verbose = 0), theirs$own, tolerance = 1e-5)
  }
})

test_that("a model is exported, or what is missing is named", {
  folder <- withr::local_tempdir()
  model <- net()
  at <- function(name) file.path(folder, name)
  x <- unclass(flowers[1:3, ])
  saved <- at("saved")
  switch(config_backend(),
    tensorflow = ,
    jax = {
      export_savedmodel(model, saved)
      served <- import("tensorflow")$saved_model$load(saved)
      tensor <- import("tensorflow")$constant(unname(x), dtype = "float32")
      expect_equal(
        as.array(served$serve(tensor)), unname(predict(model, x, verbose = 0)),
        tolerance = float32_tolerance
      )
      expect_refused(export_savedmodel(model, saved), "exists already")
      expect_no_error(export_savedmodel(model, saved, overwrite = TRUE))
    },
    torch = {
      expect_refused(export_savedmodel(model, saved), "needs Python packages.*\"torch_xla\"")
      program <- at("net.pt2")
      small <- keras_model_sequential(input_shape = 4) |> layer_dense(2)
      predict(small, x, verbose = 0)
      export_savedmodel(small, program, format = "torch")
      torch <- import("torch")
      loaded <- torch$export$load(program)$module()
      tensor <- torch$tensor(unname(x)[1, , drop = FALSE], dtype = torch$float32)
      expect_equal(
        as.array(loaded(tensor)), unname(predict(small, x[1, , drop = FALSE], verbose = 0)),
        tolerance = float32_tolerance
      )
      expect_refused(
        export_savedmodel(model, at("net.tflite"), format = "litert"), "\"litert_torch\""
      )
    },
    numpy = expect_error(export_savedmodel(model, saved), class = "kerasbridge_error")
  )
  if (trains()) {
    expect_refused(export_savedmodel(model, at("net.onnx"), format = "onnx"), "package.*\"onnx\"")
  }
  if (config_backend() == "tensorflow") {
    small <- keras_model_sequential(input_shape = 4) |> layer_dense(2)
    export_savedmodel(small, at("net.tflite"), format = "litert")
    lite <- import("tensorflow")$lite$Interpreter(at("net.tflite"))
    expect_equal(unlist(lite$get_input_details()[[1]]$shape), c(1, 4), ignore_attr = TRUE)
  }
  expect_identical(grep("^[.]", files_in(folder), value = TRUE), character())
})

test_that("files of weights of two models never mix", {
  folder <- withr::local_tempdir()
  listing <- file.path(folder, "net.weights.json")
  net <- keras_model_sequential(input_shape = 3) |> layer_dense(2) |> layer_dense(4)
  save_model_weights(net, listing, max_shard_size = 4e-8)
  first <- readLines(listing, warn = FALSE)
  written <- list.files(folder, pattern = "[.]h5$")
  expect_gt(length(written), 1)
  doubled <- lapply(get_weights(net), \(weight) 2 * weight + 1)
  set_weights(net, doubled)
  save_model_weights(net, listing, overwrite = TRUE, max_shard_size = 4e-8)
  second <- readLines(listing, warn = FALSE)

  # As after a write that ended between the files and their list.
  writeLines(first, listing)
  expect_refused(load_model_weights(net, listing), "of two models")
  writeLines(second, listing)
  set_weights(net, lapply(doubled, \(weight) 0 * weight))
  load_model_weights(net, listing)
  expect_equal(get_weights(net), doubled, tolerance = float32_tolerance)
  unlink(file.path(folder, written[[1]]))
  expect_refused(load_model_weights(net, listing), "which is missing")
})

# The disk is full ------------------------------------------------------------------------------

# A command of the shell in which `folder` is a disk of 2 MB, or files can have 1 MB where the
# system lets no user mount one.
small_disk <- function(folder) {
  mount <- sprintf("mount -t tmpfs -o size=2m none %s", shQuote(folder))
  mounted <- processx::run("unshare", c("-rm", "sh", "-c", mount), error_on_status = FALSE)
  if (mounted$status == 0) {
    run <- sprintf("exec unshare -rm sh -c '%s && exec \"$0\" \"$1\"' \"$0\" \"$1\"", mount)
    list(command = run, said = "No space left on device")
  } else {
    list(command = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$1\"", said = "File too large")
  }
}

test_that("on a full disk saving is a condition, and leaves what was there", {
  skip_if_not_installed("processx")
  skip_on_os(c("windows", "mac"))
  folder <- withr::local_tempdir()
  disk <- small_disk(folder)
  checkpoint <- "fit_with(callback_model_checkpoint('one%s', 'loss', save_weights_only = %s))"
  saved <- list(
    weights = "save_model_weights(large, 'one.weights.h5', overwrite = TRUE)",
    shards = "save_model_weights(large, 'many.weights.json', TRUE, max_shard_size = 0.0014)",
    keras = "save_model(large, 'one.keras', overwrite = TRUE)",
    h5 = "suppressWarnings(save_model(large, 'one.h5', overwrite = TRUE))",
    directory = "save_model(large, 'one', overwrite = TRUE, zipped = FALSE)",
    checkpoint = if (trains()) sprintf(checkpoint, ".keras", FALSE),
    checkpoint_h5 = if (trains()) sprintf(checkpoint, ".h5", FALSE),
    checkpoint_weights = if (trains()) sprintf(checkpoint, ".weights.h5", TRUE),
    backup = if (trains()) "fit_with(callback_backup_and_restore('backup'))",
    export = switch(config_backend(),
      tensorflow = "export_savedmodel(large, 'served')",
      torch = "export_savedmodel(large, 'net.pt2', format = 'torch')"
    )
  )
  saved <- unlist(saved)
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(kerasbridge)",
    sprintf("setwd(%s)", deparse(folder)),
    "small <- keras_model_sequential(input_shape = 2) |> layer_dense(1)",
    "large <- keras_model_sequential(input_shape = 500) |> layer_dense(600) |> layer_dense(600)",
    "x <- matrix(0, 1, 500)",
    "y <- matrix(0, 1, 600)",
    "predict(large, x, verbose = 0) |> invisible()",
    if (trains()) c("compile(small, 'sgd', 'mse')", "compile(large, 'sgd', 'mse')"),
    "fit_with <- \\(callback) fit(large, x, y, verbose = 0, callbacks = callback)",
    "save_model_weights(small, 'one.weights.h5')",
    "save_model(small, 'one.keras')",
    "suppressWarnings(save_model(small, 'one.h5'))",
    "save_model(small, 'one', zipped = FALSE)",
    "save_model_weights(small, 'many.weights.json', max_shard_size = 0.0014)",
    "sums <- \\() {",
    "  unlink('backup', recursive = TRUE)",
    "  tools::md5sum(list.files(all.files = TRUE, recursive = TRUE))",
    "}",
    "before <- sums()",
    "said <- function(name, expr) {",
    "  told <- tryCatch({expr; 'nothing'}, kerasbridge_error = conditionMessage)",
    sprintf("  full <- grepl('[(](%s|is the disk full[?])[)]: nothing is', told)", disk$said),
    "  after <- if (identical(sums(), before)) 'as before' else names(sums())",
    "  cat(sprintf('%s: %s, %s\\n', name, if (full) 'full' else told, toString(after)))",
    "}",
    sprintf("said('%s', %s)", names(saved), saved),
    "invisible(gc())",
    "invisible(import('gc')$collect())",
    "invisible(load_model_weights(small, 'one.weights.h5'))",
    "invisible(load_model_weights(small, 'many.weights.json'))",
    "for (file in c('one.keras', 'one.h5', 'one')) load_model(file, compile = FALSE)",
    "cat(sort(list.files(all.files = TRUE, no.. = TRUE), method = 'radix'), 'and alive')"
  ))
  withr::local_envvar(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  ended <- processx::run(
    "sh", c("-c", disk$command, file.path(R.home("bin"), "Rscript"), script),
    error_on_status = FALSE, timeout = 240
  )
  expect_equal(ended$status, 0, info = ended$stderr)
  shown <- trimws(strsplit(ended$stdout, "\n")[[1]])
  left <- "many.weights.json many_00000.weights.h5 one one.h5 one.keras one.weights.h5 and alive"
  expect_equal(shown, c(sprintf("%s: full, as before", names(saved)), left))
})
