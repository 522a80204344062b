# Forms of calls that scripts for keras3 and keras have.

test_that("a configuration knows its class", {
  config <- get_config(layer_dense(units = 3, activation = "relu"))
  expect_identical(from_config(config)$units, 3L)
  expect_equal(from_config(get_config(optimizer_sgd(0.5)))$learning_rate |> as.numeric(), 0.5)
  bare <- as.list(unclass(config))
  attributes(bare) <- list(names = names(config))
  expect_identical(from_config(bare, class = layer_dense)$units, 3L)
  expect_refused(from_config(bare), "class")
  expect_refused(from_config(layer_dense), "config")
})

test_that("functions in custom objects need no names", {
  thrice <- \(x) 3 * x
  expect_equal(with_custom_object_scope(list(thrice), get_registered_object("thrice")(2)), 6)
  expect_refused(with_custom_object_scope(list(\(x) x), 1), "must have names")
  with_custom_object_scope(thrice, expect_equal(get_registered_object("thrice")(2), 6))
})

test_that("a class alone is a custom object under its own name", {
  withr::defer(set_custom_objects())
  layer_own <- new_layer_class("Own", call = \(inputs) 3 * inputs)
  model <- keras_model_sequential(input_shape = 1) |> layer_own()
  x <- matrix(2)
  path <- withr::local_tempfile(fileext = c(".keras", ".json"))
  save_model(model, path[[1L]])
  save_model_config(model, path[[2L]])
  expect_equal(predict(load_model(path[[1L]], layer_own), x, verbose = 0), matrix(6))
  expect_value(load_model_config(path[[2L]], layer_own)(x), matrix(6))
  expect_value(unserialize_model(serialize_model(model), layer_own)(x), matrix(6))
  expect_value(from_config(get_config(model), layer_own)(x), matrix(6))
  found <- with_custom_object_scope(layer_own, get_registered_object("Own"))
  expect_identical(found$`__name__`, "Own")
  expect_identical(names(set_custom_objects(layer_own)), "Own")
})

test_that("classes of layers compose, Python's and R's", {
  Scale <- reticulate::py_run_string("
import keras
class Scale(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = range(units)[-1] + 1
    def call(self, inputs):
        return inputs * self.units
", local = TRUE)$Scale
  expect_value(create_layer(Scale, op_ones(2), list(units = 3)), c(3, 3))
  layer_scale <- create_layer_wrapper(Scale)
  model <- keras_model_sequential(input_shape = 2) |> layer_scale(units = 2)
  expect_value(model(matrix(1, 1, 2)), matrix(2, 1, 2))
  expect_identical(layer_scale(units = 4)$units, 4L)
  expect_identical(layer_scale(NULL, 4)$units, 4L)
  layer_own_dense <- create_layer_wrapper(keras$layers$Dense)
  expect_identical(dim(op_ones(c(1, 2)) |> layer_own_dense(3, "relu", name = "d")), c(1L, 3L))
  expect_identical(layer_own_dense(NULL, 3, "relu", name = "d")$name, "d")
  stack <- keras_model_sequential(input_shape = 2)
  expect_identical(create_layer(keras$layers$Dense, stack, list(3, name = "last")), stack)
  expect_identical(stack$layers[[1L]]$name, "last")
  expect_identical(stack$layers[[1L]]$units, 3L)

  layer_shift <- Layer("Shift", function(by = 1) {
    super$initialize()
    self$by <- by
  }, function(inputs) inputs + self$by, public = list(twice = \() 2 * self$by), )
  expect_identical(create_layer_wrapper(layer_shift), layer_shift)
  expect_value(op_ones(2) |> layer_shift(by = 3), c(4, 4))
  expect_value((keras_model_sequential(input_shape = 1) |> layer_shift())(matrix(1)), matrix(2))
  expect_equal(layer_shift(by = 5)$twice(), 10)
})

test_that("a Python class of any package can be a parent", {
  HyperModel <- reticulate::py_run_string("
class HyperModel:
    def __init__(self, name=None, tunable=True):
        self.name = name
        self.tunable = tunable
    def build(self, hp):
        raise NotImplementedError
    def run(self, hp):
        return self.build(hp) * 2
", local = TRUE)$HyperModel
  Tuned(HyperModel) %py_class% {
    build <- function(self, hp) hp + 1
  }
  tuned <- Tuned(name = "mine")
  expect_identical(tuned$name, "mine")
  expect_equal(tuned$run(2), 6)
  Counted(HyperModel) %py_class% {
    initialize <- function(k) {
      super$initialize(name = "counted")
      self$k <- k
    }
    build <- function(hp) self$k + hp
  }
  counted <- Counted(3)
  expect_equal(counted$run(4), 14)
  expect_identical(counted$name, "counted")
  expect_true(counted$tunable)
  wrapped <- new_wrapped_class(HyperModel, "Wrapped", build = function(hp) hp + 10)
  expect_equal(wrapped(name = "other")$run(1), 22)
})

test_that("a comma may trail", {
  input <- keras_input(2)
  model <- keras_model(input, layer_dense(input, 1), )
  expect_length(model$layers, 2)
  callback <- Callback("Empty", on_epoch_end = function(epoch, logs = NULL) NULL, )
  expect_s3_class(callback(), "keras.src.callbacks.callback.Callback")
  if (trains()) {
    model |> compile(optimizer = "sgd", loss = "mse", metrics = "mae", )
    expect_identical(model$loss, "mse")
    x <- matrix(1:4)
    fit(model, matrix(1:4, 2), 1:2, epochs = 1, verbose = 0, )
    expect_identical(names(evaluate(model, matrix(1:4, 2), 1:2, verbose = 0, )), c("loss", "mae"))
  }
  expect_identical(dim(predict(model, matrix(1:4, 2), verbose = 0, )), c(2L, 1L))
})

test_that("a comma may trail where further arguments are passed on to Python, too", {
  a <- op_convert_to_tensor(matrix(1:4 + 0, 1))
  b <- 10 * a
  expect_value(a |> layer_reshape(target_shape = 4, ), matrix(1:4, 1))
  expect_value(layer_reshape(target_shape = c(2, 2), name = "r", )(a)@r[1, 2, ], 3:4)
  expect_value(layer_permute(dims = 1, )(a), matrix(1:4, 1))
  expect_value(layer_add(a, b, ), matrix(11 * 1:4, 1))
  expect_value(layer_concatenate(a, b, ), matrix(c(1:4, 10 * 1:4), 1))
  expect_identical(metric_mean(name = "m", )$name, "m")
  expect_identical(loss_mean_squared_error(name = "l", )$name, "l")
  expect_value(op_add(a, b, ), matrix(11 * 1:4, 1))
  expect_value(op_sum(a, 2, FALSE, ), 10)
  expect_value(op_meshgrid(1:2, 3:5, )[[2L]], matrix(3:5, 3, 2))
  expect_value(op_einsum("ij,ij->i", a, b, ), 300)
  expect_identical(shape(2, ), shape(2))
  expect_identical(keras_model_sequential(input_shape = 3, name = "net", )$name, "net")
  expect_identical(zip_lists(list(a = 1), list(a = 2), ), list(a = list(1, 2)))
  expect_identical(named_list(a = 1, ), list(a = 1))
  expect_value(layer_dense(units = 1, kernel_initializer = "ones", )(a, ), matrix(10))
  model <- keras_model_sequential(layers = list(layer_dense(units = 2)), )
  model(a)
  suppressWarnings(quantize_weights(model, "int8", ))
  expect_identical(model$layers[[1L]]$quantization_mode, "int8")
  expect_error(layer_add(a, , b), "argument is empty")
  in_front <- function(...) layer_reshape(target_shape = 4, ...)
  expect_identical(in_front(name = "own", )$name, "own")
})

test_that("every wrapper passes its further arguments where a comma may trail", {
  takes_comma <- function(body) {
    text <- paste(deparse(body), collapse = " ")
    grepl("call_with_dots|dots_data[(][.]{3}[)]|call_py[(].*, +[.]{3}[)]", text)
  }
  for (name in names(wrapper_table())) {
    f <- get(name)
    if ("..." %in% names(formals(f))) expect_true(takes_comma(body(f)), label = name)
  }
})

test_that("NULL is no loss, and no weights", {
  mse <- loss_mean_squared_error()
  expect_value(mse(matrix(c(1, 2), 2), matrix(c(1, 4), 2), NULL), 2)
  expect_value(metric_mean()(c(1, 3), NULL), 2)
  expect_value(layer_dropout(rate = 0.5)(op_ones(2), training = NULL), c(1, 1))
  if (!trains()) {
    skip("numpy cannot train")
  }
  input <- keras_input(1)
  untrained <- layer_dense(units = 1)
  trained <- layer_dense(units = 1)
  model <- keras_model(input, list(untrained(input), trained(input)))
  before <- get_weights(untrained)
  expected <- mean(abs(predict(model, matrix(1:2, 2), verbose = 0)[[2L]] - 1))
  model |> compile("sgd", loss = list(NULL, loss_mean_absolute_error()))
  history <- model |> fit(matrix(1:2, 2), list(c(0, 0), c(1, 1)), epochs = 1, verbose = 0)
  expect_equal(history$metrics$loss, expected, tolerance = float32_tolerance)
  expect_identical(get_weights(untrained), before)
})

test_that("a callback changes the logs that later ones see", {
  if (!trains()) {
    skip("numpy cannot train")
  }
  seen <- list()
  double_loss <- Callback("DoubleLoss", on_epoch_end = function(epoch, logs = NULL) {
    logs$double_loss <- 2 * logs$loss
    logs
  })
  watch <- Callback("Watch", on_epoch_end = function(epoch, logs = NULL) {
    seen <<- logs
    list(other = 1)
  })
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  model |> compile("sgd", "mse")
  callbacks <- list(double_loss(), watch())
  model |> fit(matrix(1:2, 2), 1:2, epochs = 1, verbose = 0, callbacks = callbacks)
  expect_equal(seen$double_loss, 2 * seen$loss)
  expect_null(seen$other)
})

test_that("an R6 object is a callback, with fields of its own that stay R's", {
  skip_if_not_installed("R6")
  Losses <- R6::R6Class("Losses",
    inherit = KerasCallback,
    public = list(
      losses = NULL, count = 0,
      initialize = function(count) self$count <- count,
      on_train_begin = function(logs = NULL) private$size <- self$model$count_params(),
      on_train_batch_end = function(batch, logs) self$note(),
      on_epoch_end = function(epoch, logs = NULL) self$losses <- c(self$losses, logs$loss),
      note = function() self$count <- self$count + 1
    ),
    private = list(size = 0),
    active = list(twice = function() 2 * private$size)
  )
  seen <- Losses$new(10)
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  if (!trains()) {
    expect_refused(predict(model, matrix(1), callbacks = list("seen")), "callbacks")
    skip("numpy cannot train")
  }
  compile(model, "sgd", "mse")
  fitted <- fit(model, matrix(1:4), 1:4, epochs = 2, batch_size = 2, verbose = 0, callbacks = seen)
  expect_equal(seen$losses, fitted$metrics$loss)
  expect_equal(c(seen$count, seen$twice, seen$params$epochs), c(14, 4, 2))
  Failing <- R6::R6Class("Failing", inherit = KerasCallback, public = list(
    on_epoch_end = function(epoch, logs) stop("no more")
  ))
  expect_error(
    fit(model, matrix(1), 1, verbose = 0, callbacks = list(seen, Failing$new())), "no more"
  )
  expect_refused(fit(model, matrix(1), 1, callbacks = Losses), "`callbacks` holds a class, Losses")
})

test_that("an R6 callback may name `self`, stops a training, and evaluates and predicts", {
  skip_if_not_installed("R6")
  Named <- R6::R6Class("Named", inherit = KerasCallback, public = list(
    epochs = integer(), batches = integer(), tested = NULL, predicted = integer(),
    on_epoch_end = function(self, epoch, logs) self$epochs <- c(self$epochs, epoch),
    on_batch_end = function(self, batch, logs = NULL) {
      self$batches <- c(self$batches, batch)
      if (length(self$batches) == 3) self$model$stop_training <- TRUE
    },
    on_test_end = function(self, logs) self$tested <- logs$loss,
    on_predict_batch_end = function(self, batch, logs = NULL) {
      self$predicted <- c(self$predicted, batch)
    }
  ))
  seen <- Named$new()
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  compile(model, "sgd", "mse")
  predict(model, matrix(1:4), batch_size = 2, verbose = 0, callbacks = seen)
  expect_identical(seen$predicted, 0:1)
  result <- evaluate(model, matrix(1:4), 1:4, verbose = 0, callbacks = seen)
  expect_equal(seen$tested, result$loss)
  if (trains()) {
    fit(model, matrix(1:4), 1:4, epochs = 9, batch_size = 2, verbose = 0, callbacks = seen)
    expect_identical(seen$epochs, 0:1)
    expect_identical(seen$batches, c(0L, 1L, 0L))
  }
})

test_that("recurrent cells compose", {
  x <- op_ones(c(2, 3, 4))
  expect_identical(dim(x |> layer_rnn(rnn_cell_gru(units = 5))), c(2L, 5L))
  expect_identical(dim(x |> layer_rnn(list(rnn_cell_lstm(2), rnn_cell_simple(6)))), c(2L, 6L))
  expect_length(rnn_cells_stack(rnn_cell_gru(units = 5))$cells, 1L)
  stacked <- layer_rnn(cell = rnn_cells_stack(list(rnn_cell_gru(2), rnn_cell_gru(3))))
  expect_identical(dim(stacked(x)), 2:3)
  cell <- rnn_cell_gru(units = 5)
  layer <- layer_rnn(cell = cell, return_sequences = TRUE, return_state = TRUE)
  .[whole, last] <- layer(x)
  expect_value(whole[, 3, ], last)
  expect_value(cell(x[, 1, ], list(op_zeros(c(2, 5))))[[1L]], whole[, 1, ])
  model <- keras_model_sequential(input_shape = shape(NULL, 4)) |> stacked() |> layer_dense(2)
  expect_identical(dim(model(x)), c(2L, 2L))
})

test_that("a framework's own shape is a list, and compares with shape()", {
  x <- op_ones(c(2, 3))
  expect_identical(as.list(x$shape), as.list(shape(2, 3)))
  expect_true(x$shape == shape(2, 3))
  expect_true(shape(2, 3) == x$shape)
  expect_false(x$shape == shape(3, 2))
  expect_true(x$shape != shape(3, 2))
  expect_identical(format(shape(x$shape, 4)), "shape(2, 3, 4)")
  expect_true(keras_input(3)$shape == shape(NA, 3))
})

test_that("one of something stands where Keras wants several", {
  expect_identical(dim(initializer_glorot_normal(input_axes = 1, output_axes = 2)(2:3)), 2:3)
  expect_value(layer_pipeline(layer_rescaling(scale = 2))(op_ones(2)), c(2, 2))
  expect_identical(unlist(distribution_tensor_layout("batch")$axes), "batch")
  series <- op_convert_to_tensor(matrix(1:6 + 0, 2))
  expect_value(layer_permute(dims = 1)(series), matrix(1:6, 2))
  expect_value(op_slice(1:5, 2, 3), 2:4)
  expect_value(aperm(op_convert_to_tensor(1:3), 1), 1:3)
  expect_value(op_transpose(1:3, 1), 1:3)
})

test_that("layers to freeze are chosen in every form", {
  model <- keras_model_sequential(input_shape = 1) |>
    layer_dense(2, name = "a") |>
    layer_dropout(0.5, name = "b") |>
    layer_dense(3, name = "c")
  frozen <- function(...) {
    unfreeze_weights(model)
    freeze_weights(model, ...)
    names(which(!vapply(stats::setNames(nm = c("a", "b", "c")), \(name) {
      get_layer(model, name)$trainable
    }, NA)))
  }
  expect_identical(frozen(which = c("a", "c")), c("a", "c"))
  expect_identical(frozen(which = c(1, -1)), c("a", "c"))
  expect_identical(frozen(which = c(TRUE, FALSE, TRUE)), c("a", "c"))
  expect_identical(frozen(which = \(layer) layer$name != "b"), c("a", "c"))
  expect_identical(frozen(which = get_layer(model, "c")), "c")
  expect_identical(frozen(from = get_layer(model, "b")), c("b", "c"))
  expect_identical(frozen(to = 2), c("a", "b"))
})

test_that("op_subset() is `[` in every form, and assigns", {
  m <- matrix(1:6, 2)
  x <- op_convert_to_tensor(m)
  expect_value(op_subset(x, 1, ), m[1, ])
  expect_value(op_subset(x, .., 2:3), m[, 2:3])
  expect_value(op_subset(x, 2, newaxis, 1), 2)
  expect_value(op_subset(m, m > 4), 5:6)
  expect_value(op_subset(x, -1, c(1, 3)), c(2, 6))
  expect_value(op_subset(x, all_dims(), 2:NA), m[, 2:3])
  i <- 2
  expect_value(lapply(list(x, 2L * x), op_subset, i)[[2L]], 2L * m[2, ])
  v <- keras_variable(m + 0)
  op_subset(v, 2, 2:3) <- c(7, 8)
  expect_value(v, rbind(m[1, ], c(2, 7, 8)))
  expect_refused(op_subset(x, 3, ), "Subscript 1 is 3, but dimension 1 has size 2")
  on_backend(c("jax", "torch"), {
    y <- op_convert_to_tensor(m)
    op_subset(y, 1, 2) <- 10L
    expect_value(op_subset(y, 1, ), c(1L, 10L, 5L))
    expect_value(op_subset_set(y, 2, .., value = 0L)[2, ], c(0L, 0L, 0L))
  })
})

test_that("a vocabulary is a vector of its type, also when there is none", {
  layer <- layer_string_lookup(vocabulary = c("a", "b"))
  expect_identical(get_vocabulary(layer, FALSE), c("a", "b"))
  numbers <- layer_integer_lookup(vocabulary = c(3L, 5L))
  expect_identical(get_vocabulary(numbers, include_special_tokens = FALSE), c(3L, 5L))
  expect_identical(get_vocabulary(layer_string_lookup(vocabulary = "a")), c("[UNK]", "a"))
  expect_identical(get_vocabulary(layer_string_lookup(), FALSE), character())
  expect_identical(get_vocabulary(layer_text_vectorization(), FALSE), character())
  expect_identical(get_vocabulary(layer_integer_lookup(), FALSE), integer())
  expect_identical(get_vocabulary(layer_integer_lookup(vocabulary = c(3e9, 5)), FALSE), c(3e9, 5))
})

test_that("a registered class and function are saved with the model", {
  withr::defer(set_custom_objects())
  layer_noted <- new_layer_class("Noted", call = \(inputs) 2 * inputs)
  register_keras_serializable(layer_noted, package = NULL)
  quadruple <- register_keras_serializable(\(x) 4 * x, "quadruple", "forms")
  model <- keras_model_sequential(input_shape = 1) |>
    layer_noted() |>
    layer_activation(activation = quadruple)
  path <- withr::local_tempfile(fileext = ".keras")
  save_model(model, path)
  expect_equal(predict(load_model(path), matrix(1), verbose = 0), matrix(8))
})

test_that("%<>% pipes and assigns", {
  x <- c(3, 1)
  x %<>% sort() # nolint: assignment_linter.
  expect_identical(x, c(1, 3))
})

test_that("install_keras() refuses what it cannot install, before it makes anything", {
  expect_refused(install_keras(backend = "theano"), "backend")
  expect_refused(install_keras(1), "envname")
  expect_refused(install_keras(wheels = 1), "`wheels` must be a folder")
  expect_refused(install_keras(wheels = "not-there"), 'there is none at "not-there"')
  expect_refused(install_keras(wheels = withr::local_tempdir()), "has no wheel")
})

test_that("a recurrent cell written in R runs alone and in a stack", {
  cell_sum <- new_layer_class(
    "Summing",
    initialize = function(units, ...) {
      super$initialize(...)
      self$units <- as.integer(units)
      self$state_size <- self$units
    },
    build = function(input_shape) {
      size <- input_shape[[length(input_shape)]]
      self$kernel <- self$add_weight(shape(size, self$units), "ones")
      self$recurrent <- self$add_weight(shape(self$units, self$units), "ones")
    },
    call = function(inputs, states) {
      state <- op_matmul(inputs, self$kernel) + op_matmul(states[[1]], self$recurrent)
      list(state, list(state))
    }
  )
  x <- array(as.double(1:4), c(1, 4, 1))
  run <- \(...) as.vector(value_of(layer_rnn(...)(x)))
  expect_equal(run(cell = cell_sum(units = 1)), 10)
  expect_equal(run(cell = cell_sum(units = 1), return_sequences = TRUE), cumsum(1:4))
  two <- list(cell_sum(units = 1), cell_sum(units = 1))
  expect_equal(run(cell = two, return_sequences = TRUE), cumsum(cumsum(1:4)))
  both <- \(...) as.vector(value_of(layer_bidirectional(layer = layer_rnn(...))(x)))
  expect_equal(both(cell = cell_sum(units = 1)), c(10, 10))
  expect_equal(both(cell = two), c(20, 30)) # the sums of sums, from either end
  model <- keras_model_sequential(input_shape = c(4, 1)) |> layer_rnn(cell = cell_sum(units = 2))
  expect_identical(dim(model(x)), c(1L, 2L))
})

test_that("a feature space crosses and hashes", {
  skip_if_not(reticulate::py_module_available("tensorflow"))
  rows <- list(a = c("x", "y", "x"), b = c(1L, 2L, 1L), c = c(1, 2, 3))
  space <- layer_feature_space(
    features = list(
      a = feature_string_categorical(), b = feature_integer_categorical(),
      c = feature_float_normalized()
    ),
    crosses = list(feature_cross(c("a", "b"), 8)), output_mode = "concat"
  )
  adapt(space, tensor_slices_dataset(rows))
  encoded <- value_of(space(rows))
  # two categories and the unknown, twice; the number; the crossing
  expect_identical(dim(encoded), c(3L, 15L))
  expect_equal(rowSums(encoded), 3 + c(-1, 0, 1) * sqrt(1.5), tolerance = 1e-4)
  expect_equal(encoded[1, -7], encoded[3, -7])

  space <- layer_feature_space(
    features = list(a = feature_string_hashed(4), b = feature_integer_hashed(5)),
    output_mode = "dict"
  )
  adapt(space, tensor_slices_dataset(rows[1:2]))
  hashed <- space(rows[1:2])
  expect_identical(lapply(hashed, dim), list(a = c(3L, 4L), b = c(3L, 5L)))
  for (part in hashed) {
    expect_value(op_sum(part, axis = 2), c(1, 1, 1))
    expect_identical(value_of(part)[1, ], value_of(part)[3, ])
  }
})

test_that("a metric may have several results", {
  skip_if_not(trains())
  metric_both <- new_metric_class(
    "Both",
    initialize = function(...) {
      super$initialize(...)
      self$total <- self$add_variable(shape(), "zeros")
    },
    update_state = function(y_true, y_pred, sample_weight = NULL) {
      self$total$assign_add(op_sum(y_true))
    },
    result = function() list(once = self$total, twice = 2 * self$total),
    reset_state = function() self$total$assign(0)
  )
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  compile(model, "sgd", "mse", metrics = list(metric_both()))
  x <- matrix(1:4)
  history <- fit(model, x, x, epochs = 2, verbose = 0)
  expect_setequal(names(history$metrics), c("loss", "once", "twice"))
  expect_equal(history$metrics$twice, c(20, 20))
  expect_equal(evaluate(model, x, x, verbose = 0)[c("once", "twice")], list(once = 10, twice = 20))
})
