# What a newcomer reads in the first hour: the commonest mistakes, and what is said of each.

local_folder <- function(env = parent.frame()) {
  withr::local_dir(withr::local_tempdir(.local_envir = env), .local_envir = env)
}

x <- matrix(seq_len(40) / 40, 10, 4)
y <- seq_len(10) / 10
codes <- rep(0:2, length.out = 10)
images <- array(0, c(2, 28, 28, 1))

regression <- function() {
  keras_model_sequential(input_shape = 4, name = "net") |>
    layer_dense(8, name = "hidden") |>
    layer_dense(1, name = "out")
}
classifier <- function() {
  keras_model_sequential(input_shape = 4, name = "net") |>
    layer_dense(3, activation = "softmax", name = "out")
}
reader <- function() {
  keras_model_sequential(input_shape = c(28, 28, 1), name = "reader") |>
    layer_conv_2d(4, 3, name = "conv") |>
    layer_flatten() |>
    layer_dense(10, activation = "softmax")
}
recurrent <- function() {
  keras_model_sequential(input_shape = c(5, 2), name = "recurrent") |> layer_lstm(4)
}
two_inputs <- function() {
  a <- keras_input(2, name = "a")
  b <- keras_input(3, name = "b")
  keras_model(list(a, b), layer_concatenate(list(a, b)) |> layer_dense(1), name = "net")
}
reader_of_codes <- function() {
  keras_model_sequential(input_shape = 2, name = "net") |>
    layer_embedding(input_dim = 5, output_dim = 2, name = "codes")
}
two_outputs <- function(...) {
  x <- keras_input(4, name = "x")
  outputs <- list(a = layer_dense(x, 1, name = "a"), b = layer_dense(x, 1, name = "b"))
  model <- keras_model(x, outputs, name = "net")
  compile(model, "sgd", ...)
  model
}
compiled_with <- function(model, loss = "mse") {
  compile(model, "sgd", loss)
  model
}
trained <- function(loss, y) fit(compiled_with(classifier(), loss), x, y, epochs = 1)

# Each is said in the same words on every backend.
mistakes <- expression(
  `too few columns` = predict(regression(), x[, 1:3]),
  `too few columns for a layer` = {
    layer <- layer_dense(units = 2, name = "hidden")
    layer(x)
    layer(x[, 1:3])
  },
  `too few columns, called` = regression()(x[, 1:3]),
  `one image alone` = predict(reader(), images[1, , , , drop = FALSE] |> array(c(28, 28, 1))),
  `one image, a matrix` = predict(reader(), images[1, , , ]),
  `one sample, a vector` = predict(regression(), x[1, ]),
  `series without features` = predict(recurrent(), matrix(0, 3, 5)),
  `a vector for a layer` = layer_dense(units = 2, name = "dense")(c(1, 2, 3)),
  `a matrix for images` = layer_conv_2d(filters = 2, kernel_size = 3, name = "conv")(x),
  `a matrix for series` = layer_lstm(units = 2, name = "lstm")(x),
  `layers that do not fit` = keras_input(4) |> layer_conv_1d(2, 3, name = "conv"),
  `layers that do not fit, stacked` = keras_model_sequential(input_shape = 4) |>
    layer_conv_2d(2, 3, name = "conv"),
  `one state of a recurrent layer, stacked` = keras_input(c(5, 2)) |>
    layer_lstm(4) |>
    layer_lstm(4, name = "second"),
  `a window larger than the image` = keras_input(c(2, 2, 1)) |>
    layer_max_pooling_2d(c(3, 3), name = "pool"),
  `joining what differs` = layer_concatenate(list(keras_input(c(2, 3)), keras_input(c(4, 5)))),
  `adding what differs` = layer_add(list(keras_input(3), keras_input(5))),
  `another number of elements` = keras_input(10) |> layer_reshape(c(3, 4), name = "reshape"),
  `unknown sizes` = keras_input(c(NA, 2)) |> layer_flatten() |> layer_dense(3, name = "out"),
  `one of two inputs` = predict(two_inputs(), x[, 1:2]),
  `inputs of other names` = predict(two_inputs(), list(a = x[, 1:2], c = x[, 1:3])),
  `a factor among the columns` = predict(classifier(), iris[1:10, 2:5]),
  `not compiled` = evaluate(regression(), x, y),
  `a checkpoint of another ending` = callback_model_checkpoint("a.rds"),
  `an empty model` = predict(keras_model_sequential(name = "net"), x),
  `weights of no model yet` = save_model_weights(keras_model_sequential() |> layer_dense(2),
    "net.weights.h5"
  ),
  `misspelt loss` = compile(classifier(), "sgd", "mean_square_error"),
  `misspelt optimizer` = compile(classifier(), "adamm", "mse"),
  `misspelt activation` = layer_dense(units = 2, activation = "rellu"),
  `misspelt initializer` = layer_dense(units = 2, kernel_initializer = "glorot"),
  `misspelt argument` = layer_dense(units = 2, activatoin = "relu"),
  `no units` = layer_dense(units = 0),
  `units left out` = layer_dense(keras_input(3)),
  `half a unit` = layer_dense(units = 1.5),
  `a rate above 1` = layer_dropout(rate = 2),
  `a window of three sizes` = layer_conv_2d(filters = 2, kernel_size = c(3, 3, 3)),
  `a padding of no name` = layer_conv_2d(filters = 2, kernel_size = 3, padding = "samee"),
  `a learning rate of text` = optimizer_adam(learning_rate = "fast"),
  `another name for the rate` = optimizer_adam(lr = 0.01),
  `a dtype of no name` = op_cast(x, "float"),
  `an axis of 0` = op_sum(x, axis = 0),
  `an axis too many` = op_sum(x, axis = 3),
  `matrices that do not fit` = op_matmul(matrix(1, 2, 3), matrix(1, 2, 3)),
  `other elements` = op_reshape(1:6, c(4, 2)),
  `columns that differ` = op_concatenate(list(matrix(1, 2, 2), matrix(1, 3, 3)), axis = 1),
  `lengths that differ` = op_stack(list(1:2, 1:3)),
  `the value of no data` = as.array(keras_input(3)),
  `a layer for a model` = fit(layer_dense(units = 1), x, y),
  `an optimizer for a model` = predict(optimizer_adam(), x),
  `layers that lead nowhere` = keras_model(keras_input(3), keras_input(3) |> layer_dense(1)),
  `a number for an output` = keras_model(keras_input(3), 3),
  `a query without a value` = layer_multi_head_attention(num_heads = 2, key_dim = 2)(
    keras_input(c(3, 4))
  ),
  `a layer that cannot run backwards` = keras_input(c(3, 2)) |>
    layer_bidirectional(layer_dense(units = 2)),
  `no such file` = load_model("none.keras"),
  `no such weights` = load_model_weights(regression(), "none.weights.h5"),
  `no such image` = image_load("none.png"),
  `a file of something else` = {
    writeLines("x", "broken.keras")
    load_model("broken.keras")
  },
  `weights of something else` = {
    writeLines("x", "broken.weights.h5")
    load_model_weights(regression(), "broken.weights.h5")
  },
  `weights of another model` = {
    save_model_weights(regression(), "net.weights.h5")
    load_model_weights(classifier(), "net.weights.h5")
  },
  `another ending` = save_model(regression(), "model.rds"),
  `a file that exists` = {
    save_model(regression(), "net.keras")
    save_model(regression(), "net.keras")
  },
  `no such folder` = save_model(regression(), "none/net.keras"),
  `a format of no name` = export_savedmodel(regression(), "net.on", format = "onx"),
  `a list for an optimizer` = compile(regression(), list("adam"), "mse"),
  `weights, too few` = set_weights(regression(), list(1)),
  `weights of another shape` = set_weights(regression(), list(
    matrix(0, 3, 8), numeric(8), matrix(0, 8, 1), 0
  )),
  `a layer of no name` = get_layer(regression(), "hiden"),
  `a layer too many` = get_layer(regression(), index = 5),
  `labels of text` = to_categorical(c("a", "b")),
  `codes counted from 1` = to_categorical(1:3, 3),
  `another session's model` = predict(saved_elsewhere(regression()), x),
  `text without a vocabulary` = layer_text_vectorization(name = "words")("a b")
)

# What needs a backend that trains.
in_training <- expression(
  `too few columns` = fit(compiled_with(regression()), x[, 1:3], y),
  `two inputs, swapped` = evaluate(compiled_with(two_inputs()), list(x[, 1:3], x[, 1]), y),
  `not compiled` = fit(regression(), x, y),
  `targets of two columns` = trained("mse", x[, 1:2]),
  `codes for one-hot` = trained("categorical_crossentropy", codes),
  `a factor for one-hot` = trained("categorical_crossentropy", factor(codes)),
  `one-hot for codes` = trained("sparse_categorical_crossentropy", to_categorical(codes, 3)),
  `a class too many` = trained("categorical_crossentropy", to_categorical(codes, 4)),
  `yes and no for three` = trained("binary_crossentropy", rep(0:1, 5)),
  `a metric of no name` = {
    model <- classifier()
    compile(model, "sgd", "mse", metrics = "acuracy")
    fit(model, x, to_categorical(codes, 3), epochs = 1)
  },
  `text for numbers` = fit(compiled_with(regression()), matrix(c("a", "b"), 2, 4), 1:2),
  `a loss of no name, for one output` = fit(
    compiled_with(regression(), list(wrong = "mse")), x, y
  ),
  `a loss of no output` = fit(two_outputs(list(wrong = "mse")), x, list(a = y, b = y)),
  `a metric of no output` = fit(
    two_outputs("mse", metrics = list(wrong = "mae")), x, list(a = y, b = y)
  ),
  `two outputs and one target` = fit(two_outputs("mse"), x, y),
  `targets of other names` = fit(two_outputs("mse"), x, list(a = y, c = y)),
  `text for a callback` = fit(compiled_with(regression()), x, y, callbacks = "early"),
  `all for validation` = fit(compiled_with(regression()), x, y, validation_split = 1),
  `validation without targets` = fit(compiled_with(regression()), x, y, validation_data = x),
  `stopping on nothing` = fit(compiled_with(regression()), x, y,
    epochs = 2, callbacks = callback_early_stopping(monitor = "val_los")
  )
)

# What a framework knows too little of, or a backend does in its own way.
by_backend <- expression(
  `shapes that do not fit` = op_ones(c(2, 3)) + op_ones(c(4, 5)),
  `text in arithmetic` = op_add("a", 1),
  `a function of two arguments` = op_einsum("ij,jk", matrix(1, 2, 3), matrix(1, 2, 3)),
  `the backend of another session` = use_backend(setdiff(c("jax", "torch"), config_backend())[[1]]),
  `a code beyond the embedding` = predict(reader_of_codes(), matrix(5, 1, 2), verbose = 0),
  `a tensor of another framework` = op_ones(2) + foreign_tensor(),
  `a subscript too large` = op_ones(c(2, 3))@r[3, 1]
)

foreign_tensor <- function() {
  if (config_backend() == "jax") import("torch")$ones(2L) else import("jax")$numpy$ones(2L)
}

saved_elsewhere <- function(object) {
  saveRDS(object, "object.rds")
  readRDS("object.rds")
}

here <- environment()

said <- function(expr) {
  result <- suppressWarnings(tryCatch(eval(expr, here), error = identity))
  if (inherits(result, "error")) conditionMessage(result) else "no error"
}

show_said <- function(mistakes) {
  for (name in names(mistakes)) {
    cat("## ", name, "\n", said(mistakes[[name]]), "\n\n", sep = "")
  }
}

# Words of Python and of a terminal.
foreign <- paste(
  "\\bNone\\b|\\bTrue\\b|\\bFalse\\b|inspect[.]_empty|<class|jnp[.]|tf[.]Tensor|torch[.]",
  "\033|Exception encountered|Arguments received|dict|kwargs|TF_|\\b[A-Z]\\w+Error:",
  "\\(\\d+,\\)|<dtype:|ndarray|\\bcall\\(|keras[.]src|\\b\\d+[.]0\\b|\\w=(?:\\w|['\"<])",
  sep = "|"
)

test_that("mistakes are told in R's words, the same on every backend", {
  local_folder()
  withr::local_options(keras.verbose = 0)
  expect_gte(length(mistakes) + length(in_training), 60L)
  expect_snapshot(show_said(mistakes))
  expect_no_match(vapply(mistakes, said, ""), foreign)
})

test_that("mistakes in training are told in R's words, the same on every backend", {
  withr::local_options(keras.verbose = 0)
  if (!trains()) {
    refused <- vapply(in_training[c(1, 3:9)], said, "")
    expect_match(refused, "The numpy backend computes no gradients", fixed = TRUE, all = TRUE)
    skip("the snapshot is of the backends that train")
  }
  expect_snapshot(show_said(in_training))
  expect_no_match(vapply(in_training, said, ""), foreign)
})

test_that("what a backend does in its own way is told in R's words", {
  expect_snapshot(show_said(by_backend), variant = config_backend())
  expect_no_match(vapply(by_backend, said, ""), foreign)
})

test_that("a package that is missing is named with the call that installs it", {
  skip_if(reticulate::py_module_available("onnx"))
  also <- c(tensorflow = "tf2onnx", jax = "jax2onnx", torch = "onnxscript")[config_backend()]
  file <- withr::local_tempfile(fileext = ".onnx")
  if (trains()) {
    expect_refused(
      export_savedmodel(regression(), file, format = "onnx"),
      sprintf('needs Python packages that are missing: `py_install(c("onnx", "%s"))`', also),
      fixed = TRUE
    )
  } else {
    expect_refused(
      export_savedmodel(regression(), file, format = "onnx"), "from a model of the numpy backend"
    )
  }
})

test_that("the exception keeps its class and Python's words", {
  condition <- expect_refused(layer_dense(units = 0), "`units` must be a positive whole number")
  expect_s3_class(condition, "python.builtin.ValueError")
  expect_match(py_last_error()$value, "expected a positive integer")
})

# Warnings -------------------------------------------------------------------------------------

test_that("a warning of Python's is one of R's, of the call that the user made, and once", {
  warnings <- import("warnings")
  layer_warning <- new_layer_class("Warning", call = function(inputs) {
    for (i in 1:3) warnings$warn("sizes of None")
    inputs
  })
  layer <- layer_warning()
  caught <- list()
  result <- withCallingHandlers(layer(op_ones(2)), warning = \(w) {
    caught <<- c(caught, list(w))
    invokeRestart("muffleWarning")
  })
  expect_value(result, c(1, 1))
  expect_length(caught, 1L)
  expect_equal(conditionMessage(caught[[1L]]), "sizes of NULL")
  expect_equal(conditionCall(caught[[1L]]), quote(layer(op_ones(2))))
  expect_s3_class(caught[[1L]], "kerasbridge_warning")
})

test_that("what Keras logs as a warning is one of R's", {
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  expect_warning(
    save_model(model, withr::local_tempfile(fileext = ".h5")), "An HDF5 file is Keras's older"
  )
})

test_that("a handler of a warning may jump", {
  warnings <- import("warnings")
  warning <- tryCatch(warnings$warn("once more"), warning = conditionMessage)
  expect_equal(warning, "once more")
  expect_value(op_sum(c(1, 2)), 3)
})

# The console ----------------------------------------------------------------------------------

test_that("a session shows nothing that nobody asked for", {
  skip_if_not_installed("processx")
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(kerasbridge)",
    "model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)",
    "if (config_backend() == 'tensorflow') {",
    "  f <- tf$`function`(function(x) x + 1)",
    "  for (i in 1:8) f(tf$ones(as.integer(i)))",
    "}",
    "try(op_matmul(matrix(1, 2, 3), matrix(1, 2, 3)), silent = TRUE)",
    "cat(dim(predict(model, matrix(0, 3, 2), verbose = 0)))"
  ))
  withr::local_envvar(
    R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep), TF_CPP_MIN_LOG_LEVEL = NA
  )
  ended <- processx::run(
    file.path(R.home("bin"), "Rscript"), script,
    error_on_status = FALSE, timeout = 120
  )
  expect_equal(ended$stderr, "")
  expect_equal(ended$stdout, "3 1")
})

test_that("what is shown outside a terminal has no colours and no lines written anew", {
  skip_if_not_installed("processx")
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(kerasbridge)",
    "x <- matrix(0, 64, 2)",
    "y <- numeric(64)",
    "model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)",
    "invisible(predict(model, x))",
    "if (config_backend() != 'numpy') {",
    "  compile(model, 'sgd', 'mse')",
    "  invisible(fit(model, x, y))",
    "  invisible(evaluate(model, x, y))",
    "  invisible(model$fit(op_convert_to_tensor(x), op_convert_to_tensor(y)))",
    "}",
    "writeLines('a', file <- tempfile())",
    "got <- get_file('a', origin = paste0('file://', file), cache_dir = tempdir())",
    "cat(readLines(got))"
  ))
  withr::local_envvar(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  ended <- processx::run(
    file.path(R.home("bin"), "Rscript"), script,
    error_on_status = FALSE, timeout = 120
  )
  expect_equal(ended$status, 0, info = ended$stderr)
  shown <- paste0(ended$stdout, ended$stderr)
  expect_match(shown, "a$")
  expect_no_match(shown, "[\033\r\b]")
  # Keras's own bar is left at its last state
  if (trains()) expect_match(ended$stdout, "\n2/2 .* - loss: ")
})
