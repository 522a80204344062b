#' Configure a model for training
#'
#' Says what [fit()] minimizes, how, and what it reports.
#'
#' @param object A Keras model.
#' @param optimizer A name such as `"adam"`, or an `optimizer_*()`.
#' @param loss What to minimize: a name, a `loss_*()`, or an R function of `y_true` and `y_pred`
#'   that gives one value per sample. A list or named list of these for several outputs.
#' @param metrics What to report besides: names, `metric_*()`s and R functions, alone or in a list
#'   or `c()`. An R function is reported under its name in a named list, or else its own.
#' @param ... Further arguments of the model's `compile` method, by name.
#' @param loss_weights Weights of the outputs' losses: a list or named list of numbers.
#' @param weighted_metrics Metrics to which sample and class weights apply.
#' @param run_eagerly `TRUE` runs R code at every step instead of tracing it once. Default `FALSE`.
#' @param steps_per_execution Number of batches in one call of the compiled function. `"auto"`, the
#'   default, measures the first steps of a training on TensorFlow and JAX, and takes more than one
#'   a call where they are short and no callback is told of each batch. The steps are the same;
#'   the history's `params` has the number.
#' @param jit_compile Whether to compile with XLA. `"auto"`, the default, leaves it to Keras.
#' @param auto_scale_loss Whether to scale the loss when the dtype policy is `"mixed_float16"`.
#'
#' @returns The model, invisibly.
#' @source `keras.Model.compile`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#compile>
#' @concept keras.Model.compile
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' mean_cubed_error <- function(y_true, y_pred) op_mean(abs(y_true - y_pred)^3, axis = -1)
#' model <- keras_model_sequential(input_shape = 4) |> layer_dense(1)
#' model |> compile(optimizer = "adam", loss = mean_cubed_error, metrics = c("mae"))
#' @exportS3Method generics::compile
compile.keras.src.models.model.Model <- function(object, optimizer = "rmsprop", loss = NULL,
                                                 metrics = NULL, ..., loss_weights = NULL,
                                                 weighted_metrics = NULL, run_eagerly = FALSE,
                                                 steps_per_execution = "auto",
                                                 jit_compile = "auto",
                                                 auto_scale_loss = TRUE) {
  check_of_this_session(object)
  refuse_partial_names()
  user <- parent.frame()
  outputs <- output_names(object)
  call_py(
    bound$model_compile, object,
    dict_of(
      optimizer = optimizer,
      loss = name_functions(loss, expr_given(substitute(loss), user)),
      metrics = as_metrics(named_metrics(metrics, expr_given(substitute(metrics), user), outputs)),
      loss_weights = loss_weights,
      weighted_metrics = as_metrics(
        named_metrics(weighted_metrics, expr_given(substitute(weighted_metrics), user), outputs)
      ),
      run_eagerly = run_eagerly,
      steps_per_execution = steps_per_execution,
      jit_compile = jit_compile,
      auto_scale_loss = auto_scale_loss,
      ...
    )
  )
  invisible(object)
}

# R functions among losses and metrics, each under the name by which the user called it.
name_functions <- function(value, expr) {
  if (is.function(value)) {
    return(name_function(value, expr))
  }
  if (!is.list(value) || is_py_object(value)) {
    return(value)
  }
  written <- is.call(expr) && as.character(expr[[1L]])[[1L]] %in% c("c", "list")
  parts <- if (written) as.list(expr)[-1L] else list()
  for (i in seq_along(value)) {
    part <- if (length(parts) == length(value)) parts[[i]]
    value[i] <- list(name_functions(value[[i]], part)) # which may be NULL
  }
  value
}

name_function <- function(f, expr) {
  if (!is_plain_function(f)) {
    return(f)
  }
  named_callable(f, if (is.symbol(expr)) as.character(expr) else "r_function")
}

# The names of a model's outputs, as far as it knows them before it sees data.
output_names <- function(model) {
  if (reticulate::py_has_attr(model, "output_names")) as.character(model$output_names)
}

# Metrics in a named list, whose names are those of outputs, or of the metrics themselves.
named_metrics <- function(value, expr, outputs) {
  by_output <- length(outputs) > 1L || length(names(value)) && all(names(value) %in% outputs)
  if (!is.list(value) || is_py_object(value) || is.null(names(value))) {
    return(name_functions(value, expr))
  }
  for (i in seq_along(value)) {
    name <- names(value)[[i]]
    if (is_plain_function(value[[i]]) && !name %in% c("", outputs)) {
      value[[i]] <- named_callable(value[[i]], name)
    } else if (is.list(value[[i]]) && !is.null(names(value[[i]]))) {
      value[[i]] <- named_metrics(value[[i]], NULL, character())
    }
  }
  value <- name_functions(value, expr)
  if (by_output) value else unname(value)
}

# One metric is a list of one.
as_metrics <- function(metrics) {
  if (is.null(metrics) || is.list(metrics)) {
    metrics
  } else if (is.character(metrics)) {
    as.list(metrics)
  } else {
    list(metrics)
  }
}

#' Train a model
#'
#' Runs over the data in batches, `epochs` times, and reports the loss and metrics of each epoch.
#'
#' @param object A compiled Keras model.
#' @param x Inputs: an R matrix or array whose first dimension is the samples, a list or named list
#'   of these, a data frame or tibble, a tensor, a data set, or a function or Python generator that
#'   gives one batch after the other ([dataset_from_function()]). The columns of a data frame are
#'   the model's inputs, by name, where it has several, and a numeric matrix otherwise.
#' @param y Targets: an R vector, matrix, array, or a list of these; a factor, or what can be made
#'   one, a character vector (codes, counted from 0). Left out when `x` gives them.
#' @param ... Not used.
#' @param batch_size Number of samples in a batch. Default 32.
#' @param epochs Number of runs over the data. Default 10.
#' @param callbacks A callback, or a list of these.
#' @param validation_split Fraction of the samples, from the end and before shuffling, that is kept
#'   out of training and evaluated after each epoch.
#' @param validation_data Data to evaluate after each epoch: `list(x, y)`,
#'   `list(x, y, sample_weight)`, also with these as names, or what else `x` can be that has
#'   targets.
#' @param shuffle Whether to shuffle the samples before each epoch: arrays, and the batches of a
#'   `PyDataset` with a length. Other data sets have an order of their own.
#' @param class_weight Weights of the classes: a named list or vector whose names are the levels of
#'   a factor `y`, or class codes, counted from 0. A class that is left out has the weight 1.
#' @param sample_weight Weights of the samples: a vector with one number per sample.
#' @param initial_epoch Number of the first epoch, counted from 1.
#' @param steps_per_epoch,validation_steps Number of batches in an epoch, when the data has no end.
#' @param validation_batch_size Number of samples in a validation batch.
#' @param validation_freq Number of epochs from one validation to the next, or the epochs
#'   (several, counted from 1) after which to validate.
#' @param verbose `1` shows a progress bar, `2` a line per epoch, `0` nothing. `"auto"`, the
#'   default, is 1 in an interactive session and 2 otherwise.
#' @param view_metrics `TRUE` draws the loss and metrics as they come, on a page in the Viewer or
#'   else in the browser, with the speed and the time left. With httpuv installed it has a button
#'   that does what Ctrl-C does. `"auto"`, the default, does so in an interactive session that has
#'   a Viewer (RStudio, Positron), for more than one epoch, unless `verbose` is 0;
#'   `options(keras.view_metrics = )` sets another default.
#'
#' @section Names and levels:
#' The model keeps the levels of a factor, character or logical `y`, and the names of the columns
#' of a matrix or data frame `x`; [save_model()] saves both. Later data is read by them: columns in
#' any order, levels by name. [predict()] names its columns by the levels, and gives classes.
#'
#' @section Missing values:
#' Missing targets and missing integers are refused. A missing or infinite number in `x` is warned
#' of, with the names of the columns, since all weights become `NaN`. With
#' `options(kerasbridge.check_finite = FALSE)` nobody looks.
#'
#' @returns A [training history][keras_training_history], invisibly.
#' @source `keras.Model.fit`: <https://www.tensorflow.org/api_docs/python/tf/keras/Model#fit>
#' @concept keras.Model.fit
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' x <- scale(as.matrix(iris[, 1:4]))
#' model <- keras_model_sequential(input_shape = 4) |>
#'   layer_dense(16, activation = "relu") |>
#'   layer_dense(3, activation = "softmax")
#' model |> compile("adam", "sparse_categorical_crossentropy", metrics = "accuracy")
#' history <- model |> fit(x, iris$Species, epochs = 5, verbose = 0)
#' history
#' @exportS3Method generics::fit
fit.keras.src.models.model.Model <- function(object, x = NULL, y = NULL, ..., batch_size = NULL,
                                             epochs = 10, callbacks = NULL, validation_split = 0,
                                             validation_data = NULL, shuffle = TRUE,
                                             class_weight = NULL, sample_weight = NULL,
                                             initial_epoch = 1, steps_per_epoch = NULL,
                                             validation_steps = NULL,
                                             validation_batch_size = NULL, validation_freq = 1,
                                             verbose = getOption("keras.verbose", "auto"),
                                             view_metrics = "auto") {
  check_dots_empty()
  check_of_this_session(object)
  check_memory_threshold()
  call <- current_env()
  verbose <- as_verbose(verbose)
  view <- new_view(view_metrics, object, epochs, verbose)
  known <- model_terms(object)
  inputs <- as_inputs(x, object, known, "x", call)
  targets <- as_targets(y, known, "y", call, learn = TRUE)
  warn_of_order(y, check_fraction(validation_split))
  terms <- learnt_terms(known, inputs, targets)
  options <- dict_of(
    batch_size = batch_size,
    epochs = epochs,
    callbacks = as_layers(callbacks),
    validation_split = validation_split,
    validation_data = as_validation(validation_data, object, terms, call),
    shuffle = if (missing(shuffle)) NULL else shuffle,
    class_weight = by_code(class_weight, terms$levels[["y"]]),
    sample_weight = arg_data(sample_weight),
    initial_epoch = initial_epoch,
    steps_per_epoch = steps_per_epoch,
    validation_steps = validation_steps,
    validation_batch_size = validation_batch_size,
    validation_freq = validation_freq,
    verbose = verbose
  )
  x <- looked_at(inputs)
  keep_terms(object, terms, known)
  display <- new_display(verbose, epochs)
  turns <- new_turns(display, view$show)
  ended <- "failed"
  at <- NULL
  on.exit(view$end(ended, at))
  shown <- if (has_bar(verbose) || !is.null(view$show)) "step" else if (!is.null(display)) "epoch"
  fitted <- interruptible(
    call_py(bound$model_fit, object, x, targets$data, options, turns$take, shown),
    turns, new_history
  )
  at <- fitted$interrupted
  ended <- if (is.null(at)) "done" else "interrupted"
  for (news in fitted$news) warn(news, class = "kerasbridge_warning")
  invisible(end_of_fit(fitted, turns, sys.call()))
}

# What a model knows after it has been trained on these: a source's batches say nothing of it.
learnt_terms <- function(known, inputs, targets) {
  if (!is.null(inputs$columns)) known$columns <- inputs$columns
  levels <- Filter(Negate(is.null), targets$levels)
  if (length(levels)) known$levels <- levels
  known
}

check_fraction <- function(x, arg = caller_arg(x), call = caller_env()) {
  if (!is.numeric(x) || length(x) != 1L || is.na(x) || x < 0 || x >= 1) {
    abort_argument("{.arg {arg}} must be a number from 0 to below 1.", call)
  }
  x
}

as_verbose <- function(verbose, elsewhere = 2L, call = caller_env()) {
  if (identical(verbose, "auto")) {
    return(if (is_interactive()) 1L else elsewhere)
  }
  if (!(is.numeric(verbose) || is.logical(verbose)) || !all(verbose %in% 0:2) ||
        length(verbose) != 1L) {
    abort_argument("{.arg verbose} must be 0, 1, 2 or {.val auto}.", call)
  }
  as.integer(verbose)
}

#' Evaluate a model
#'
#' Computes the loss and metrics on data, batch by batch, with the weights as they are.
#'
#' @inheritParams fit.keras.src.models.model.Model
#' @param ... Further arguments of the method; for a model not used.
#' @param steps Number of batches, when the data has no end.
#' @returns A named list of numbers: the loss, and the metrics.
#' @source `keras.Model.evaluate`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#evaluate>
#' @concept keras.Model.evaluate
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
#' model |> compile(loss = "mse", metrics = "mae")
#' evaluate(model, matrix(1:6, 3), 1:3, verbose = 0)
#' @export
evaluate <- function(object, ...) UseMethod("evaluate")

# What is no model belongs to the generic of another package, which this one may hide. Under the
# name evaluate.default, their generics would find this again from here.
#' @rawNamespace S3method(evaluate,default,evaluate_elsewhere)
evaluate_elsewhere <- function(object, ...) {
  for (package in intersect(c("tensorflow", "tfdatasets", "generics"), loadedNamespaces())) {
    namespace <- asNamespace(package)
    theirs <- get0("evaluate", namespace, mode = "function", inherits = FALSE)
    for (class in class(object)) {
      method <- utils::getS3method("evaluate", class, optional = TRUE, envir = namespace)
      if (!is.null(theirs) && !is.null(method)) {
        return(theirs(object, ...))
      }
    }
  }
  abort_argument(
    "{.arg object} must be a Keras model, not {.obj_type_friendly {object}}.", current_env()
  )
}

# Also a method of other packages' generics of this name, whichever is attached last. That of
# generics calls the first argument `x`, which here is the data: there, it must not be named.
#' @rdname evaluate
#' @export
#' @rawNamespace S3method(generics::evaluate,keras.src.models.model.Model)
#' @rawNamespace S3method(tensorflow::evaluate,keras.src.models.model.Model)
#' @rawNamespace S3method(tfdatasets::evaluate,keras.src.models.model.Model)
evaluate.keras.src.models.model.Model <- function(object, x = NULL, y = NULL, ...,
                                                  batch_size = NULL,
                                                  verbose = getOption("keras.verbose", "auto"),
                                                  sample_weight = NULL, steps = NULL,
                                                  callbacks = NULL) {
  check_dots_empty()
  check_of_this_session(object)
  call <- current_env()
  terms <- model_terms(object)
  inputs <- as_inputs(x, object, terms, "x", call)
  targets <- as_targets(y, terms, "y", call)
  options <- dict_of(
    batch_size = batch_size,
    verbose = as_verbose(verbose),
    sample_weight = arg_data(sample_weight),
    steps = steps,
    callbacks = as_layers(callbacks)
  )
  x <- looked_at(inputs)
  turns <- new_turns(new_display(as_verbose(verbose)))
  interruptible(
    call_py(bound$model_evaluate, object, x, targets$data, options, turns$take),
    turns
  ) |> end_of_turns(turns, sys.call())
}

#' Predict with a model
#'
#' Runs the model over data, batch by batch.
#'
#' @inheritParams evaluate
#' @param verbose `1` shows a progress bar, `2` a line at the end, `0` nothing. `"auto"`, the
#'   default, is 1 in an interactive session and 0 otherwise.
#' @param type What to predict. `NULL`, the default, gives the model's outputs as they are. For a
#'   model that was trained on a factor or a logical, `"prob"` gives the probability of each level,
#'   and `"class"` the likeliest.
#' @param newdata Another name for `x`, by which many functions of R call `predict()`.
#' @returns An R array whose first dimension is the samples; a list of these for several outputs.
#'   The rows have the names of the rows of `x`, and the columns, for a model that was trained on
#'   a factor, the names of its levels (of the second level, where one unit stands for two).
#'   `type = "prob"` gives a matrix with a column for each level, `type = "class"` a factor.
#' @source `keras.Model.predict`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#predict>
#' @concept keras.Model.predict
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
#' predict(model, matrix(1:6, 3), verbose = 0)
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' x <- scale(iris[, 1:4])
#' model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, activation = "softmax")
#' model |> compile("adam", "sparse_categorical_crossentropy")
#' model |> fit(x, iris$Species, epochs = 2, verbose = 0)
#' predict(model, newdata = x[c(1, 51, 101), ], type = "class", verbose = 0)
#' @exportS3Method stats::predict
predict.keras.src.models.model.Model <- function(object, x = newdata, ..., type = NULL,
                                                 batch_size = NULL,
                                                 verbose = getOption("keras.verbose", "auto"),
                                                 steps = NULL, callbacks = NULL, newdata) {
  check_dots_empty()
  check_of_this_session(object)
  call <- current_env()
  type <- check_type(type)
  if (!missing(x) && !missing(newdata)) {
    abort_argument("{.arg newdata} is another name for {.arg x}: give one of them.", call)
  }
  terms <- model_terms(object)
  inputs <- as_inputs(x, object, terms, if (missing(newdata)) "x" else "newdata", call)
  verbose <- as_verbose(verbose, elsewhere = 0L)
  options <- dict_of(
    batch_size = batch_size,
    verbose = verbose,
    steps = steps,
    callbacks = as_layers(callbacks)
  )
  turns <- new_turns(new_display(verbose))
  values <- interruptible(
    as_r(call_py(bound$model_predict, object, inputs$data, options, turns$take, new_array)),
    turns
  ) |> end_of_turns(turns, sys.call())
  as_prediction(values, type, inputs$rows, object, terms$levels, call)
}

check_type <- function(type, call = caller_env()) {
  if (is.null(type) || identical(type, "raw") || identical(type, "response")) {
    return(NULL)
  }
  if (!is_string(type, c("class", "prob"))) {
    abort_argument("{.arg type} must be {.val class}, {.val prob} or {.code NULL}.", call)
  }
  type
}

#' Train, evaluate or predict on one batch
#'
#' One step of training, one evaluation, or one prediction, on a single batch of data.
#'
#' @inheritParams fit.keras.src.models.model.Model
#' @returns A named list of numbers: the loss and metrics. `predict_on_batch()` gives an R array.
#' @source `keras.Model.train_on_batch`, `keras.Model.test_on_batch`,
#'   `keras.Model.predict_on_batch`: <https://www.tensorflow.org/api_docs/python/tf/keras/Model>
#' @concept keras.Model.train_on_batch
#' @concept keras.Model.test_on_batch
#' @concept keras.Model.predict_on_batch
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
#' model |> compile("sgd", "mse")
#' train_on_batch(model, matrix(1:6 / 6, 3), 1:3 / 3)
#' @export
train_on_batch <- function(object, x, y = NULL, sample_weight = NULL, class_weight = NULL) {
  call <- current_env()
  terms <- model_terms(object)
  targets <- as_targets(y, terms, "y", call)
  options <- dict_of(
    sample_weight = arg_data(sample_weight),
    class_weight = by_code(class_weight, terms$levels[["y"]] %||% targets$levels[["y"]])
  )
  x <- as_inputs(x, object, terms, "x", call)$data
  call_py(bound$model_on_batch, object, "train", x, targets$data, options)
}

#' @rdname train_on_batch
#' @export
test_on_batch <- function(object, x, y = NULL, sample_weight = NULL, ...) {
  check_dots_empty()
  call <- current_env()
  terms <- model_terms(object)
  options <- dict_of(sample_weight = arg_data(sample_weight))
  y <- as_targets(y, terms, "y", call)$data
  x <- as_inputs(x, object, terms, "x", call)$data
  call_py(bound$model_on_batch, object, "test", x, y, options)
}

#' @rdname train_on_batch
#' @export
predict_on_batch <- function(object, x) {
  terms <- model_terms(object)
  inputs <- as_inputs(x, object, terms, "x", current_env())
  values <- as_r(call_py(bound$model_on_batch, object, "predict", inputs$data, NULL, dict()))
  as_prediction(values, NULL, inputs$rows, object, terms$levels, current_env())
}

# Layers, optimizers and other objects of Python are no models.
#' @exportS3Method generics::compile
compile.python.builtin.object <- function(object, ...) refuse_no_model(object)

#' @exportS3Method generics::fit
fit.python.builtin.object <- function(object, ...) refuse_no_model(object)

#' @export
evaluate.python.builtin.object <- function(object, ...) refuse_no_model(object)

#' @exportS3Method stats::predict
predict.python.builtin.object <- function(object, ...) refuse_no_model(object)

refuse_no_model <- function(object) {
  check_of_this_session(object, caller_env())
  class <- short_class(object)
  article <- if (grepl("^[AEIOU]", class)) "an" else "a"
  abort_argument("{.arg object} must be a Keras model, not {article} {class}.", caller_env())
}
