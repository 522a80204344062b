# Weights, layers and configuration of layers and models.

#' Weights of a layer or model
#'
#' `get_weights()` copies the weights to R, `set_weights()` puts such copies back, and
#' `count_params()` counts their elements.
#'
#' @param object A layer or model that is built.
#' @param trainable `TRUE` for the weights that training changes, `FALSE` for the others. `NA`,
#'   the default, for all.
#' @param weights A list of arrays with the sizes of the weights, in the order of
#'   `get_weights()`.
#'
#' @returns `get_weights()` gives a list of R arrays, `count_params()` a number, and
#'   `set_weights()` the object, invisibly.
#' @source `keras.Layer.get_weights`, `keras.Layer.set_weights`, `keras.Layer.count_params`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Layer>
#' @concept keras.Layer.get_weights
#' @concept keras.Layer.set_weights
#' @concept keras.Layer.count_params
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
#' set_weights(model, list(matrix(c(1, 2), 2), 0.5))
#' get_weights(model)
#' count_params(model)
#' predict(model, matrix(c(1, 1), 1), verbose = 0)
#' @export
get_weights <- function(object, trainable = NA) {
  call_py(bound$weights_get, object, if (!is.na(trainable)) trainable)
}

#' @rdname get_weights
#' @export
set_weights <- function(object, weights) {
  call_py(bound$weights_put, object, arg_data(weights))
  invisible(object)
}

#' @rdname get_weights
#' @export
count_params <- function(object) call_py(bound$weights_count, object)

#' Freeze or unfreeze weights
#'
#' Frozen weights are used, but training does not change them. Without further arguments all of
#' the object is frozen or unfrozen; otherwise only the layers that are chosen, and the other
#' layers keep what they were.
#'
#' @param object A layer or model.
#' @param from,to First and last of the layers: a name, a position counted from 1, or the layer
#'   itself.
#' @param which The layers: names, positions counted from 1, layers, a logical vector with one
#'   value per layer, or a function that tells of a layer whether it is chosen.
#'
#' @section Compiled models:
#' Call [compile()] after freezing: a compiled model keeps training what it trained.
#'
#' @returns The object, invisibly.
#' @source `keras.Layer.trainable`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Layer#trainable>
#' @concept keras.Layer.trainable
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |>
#'   layer_dense(3, name = "base") |>
#'   layer_dense(1, name = "head")
#' freeze_weights(model, to = "base")
#' length(model$trainable_weights)
#' unfreeze_weights(model)
#' length(model$trainable_weights)
#' @export
freeze_weights <- function(object, from = NULL, to = NULL, which = NULL) {
  set_trainable(object, FALSE, from, to, which)
}

#' @rdname freeze_weights
#' @export
unfreeze_weights <- function(object, from = NULL, to = NULL, which = NULL) {
  set_trainable(object, TRUE, from, to, which)
}

set_trainable <- function(object, trainable, from, to, which) {
  if (is_plain_function(which)) which <- vapply(object$layers, \(layer) isTRUE(which(layer)), NA)
  if (is.logical(which)) which <- as.list(base::which(which))
  if (is_py_object(which)) which <- list(which)
  call_py(bound$weights_set_trainable, object, trainable, from, to, which)
  invisible(object)
}

#' Layers of a model
#'
#' `get_layer()` finds a layer by its name or position, `pop_layer()` takes the last one off a
#' Sequential model.
#'
#' @param object A model.
#' @param name Name of the layer.
#' @param index Position of the layer among `model$layers`, counted from 1, or from the last with
#'   a minus.
#' @param rebuild Whether to build the model anew at once. Default `TRUE`.
#'
#' @returns A layer; `pop_layer()` gives the one that was taken off, invisibly.
#' @source `keras.Model.get_layer`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#get_layer>;
#'   `keras.Sequential.pop`: <https://www.tensorflow.org/api_docs/python/tf/keras/Sequential#pop>
#' @concept keras.Model.get_layer
#' @concept keras.Sequential.pop
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |>
#'   layer_dense(3, name = "hidden") |>
#'   layer_dense(1)
#' get_layer(model, "hidden")$units
#' get_layer(model, index = -1)$units
#' pop_layer(model)
#' length(model$layers)
#' @export
get_layer <- function(object, name = NULL, index = NULL) {
  call_py(bound$weights_layer, object, name, index)
}

#' @rdname get_layer
#' @export
pop_layer <- function(object, rebuild = TRUE) {
  check_flag(rebuild)
  invisible(call_py(bound$weights_pop, object, rebuild))
}

#' Reset the state of a layer or metric
#'
#' A stateful recurrent layer forgets what it has seen, and a metric starts anew. A model resets
#' every layer in it that has a state; what preprocessing layers have learned from data, such as a
#' vocabulary, stays.
#'
#' @param object A layer, a model, or a metric. Anything else is refused; a layer that has no
#'   state stays as it is.
#' @returns The object, invisibly.
#' @source `keras.Metric.reset_state`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Metric#reset_state>
#' @concept keras.Metric.reset_state
#' @examplesIf can_run_keras()
#' metric <- metric_sum()
#' metric$update_state(c(1, 2))
#' reset_state(metric)
#' metric$result()
#' @export
reset_state <- function(object) {
  call_py(bound$weights_reset, object)
  invisible(object)
}

#' Quantize the weights of a layer or model
#'
#' Replaces weights by numbers of few bits, which need less memory. The object is changed in
#' place, and can be quantized once only.
#'
#' @param object A built layer or model.
#' @param mode `"int8"`, `"int4"` or `"float8"`, or a configuration, made by a
#'   `quantizer_*_config()`.
#' @param config The same configuration, by its own name: then `mode` need not be given.
#' @param filters What layers of a model: regular expressions of Python's that are searched for in
#'   their names, or a function of a layer that gives `TRUE` or `FALSE`. `NULL`, the default, for
#'   all.
#' @param ... Further arguments of the object's `quantize` method, by name.
#'
#' @section How close:
#' Let `w` be the weights of one output unit. With `"int8"` they become multiples of
#' `max(abs(w)) / 127`, and so do the inputs of each sample, of their own largest value; with
#' `"int4"` the weights are multiples of `max(abs(w)) / 7`, and the inputs stay as they are.
#' `"float8"` keeps the weights in float32 and rounds them, and the inputs, to three binary
#' digits after the leading one whenever they are used.
#'
#' @section Errors:
#' Every backend has the three modes, for dense, einsum-dense, embedding and attention layers. A
#' layer of another kind is an error of class `python.builtin.NotImplementedError`; in a model it
#' stays as it is, with a warning from Python. A layer that is not built or already quantized, and
#' an unknown mode, are errors of class `python.builtin.ValueError`.
#'
#' @returns The object, invisibly.
#' @source `keras.Model.quantize`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#quantize>;
#'   `keras.Layer.quantize`: <https://www.tensorflow.org/api_docs/python/tf/keras/Layer#quantize>
#' @concept keras.Model.quantize
#' @concept keras.Layer.quantize
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(3)
#' quantize_weights(model, "int8")
#' get_weights(model)
#' @export
quantize_weights <- function(object, mode = NULL, config = NULL, filters = NULL, ...) {
  options <- Filter(Negate(is.null), list2(config = config, filters = filters, ...))
  call_py(bound$weights_quantize, object, mode, dict_of(!!!options))
  invisible(object)
}

#' Configuration of a layer, model or other Keras object
#'
#' `get_config()` gives the arguments from which an object like this one can be made again, without
#' its weights, and `from_config()` makes it. The class of the object travels with the list, as its
#' attribute `class_of`.
#'
#' @param object A layer, model, optimizer, loss, metric …
#' @param config What `get_config()` gave.
#' @param class What to make: a wrapper such as `layer_dense`, or a Python class. Needed for a
#'   list that does not come from `get_config()`.
#' @param ... Must be empty.
#' @param custom_objects A named list of your own classes and functions that the configuration
#'   refers to by name.
#'
#' @returns `get_config()` gives a named list, in which Python's lists and tuples are lists;
#'   `from_config()` a new object.
#' @source `keras.Layer.get_config`, `keras.Layer.from_config`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Layer>
#' @concept keras.Layer.get_config
#' @concept keras.Layer.from_config
#' @examplesIf can_run_keras()
#' config <- get_config(layer_reshape(target_shape = c(2, 3)))
#' config$target_shape
#' from_config(config)
#' @export
get_config <- function(object) {
  config <- call_py(bound$config_of, object)
  if (is.list(config)) attr(config, "class_of") <- object$`__class__`
  config
}

#' @rdname get_config
#' @export
from_config <- function(config, custom_objects = NULL, ..., class = NULL) {
  check_dots_empty()
  class <- class %||% attr(config, "class_of", exact = TRUE)
  if (is.null(class) || !is.list(config)) {
    abort_argument(c(
      "{.arg config} must be a list that {.fn get_config} gave, not
       {.obj_type_friendly {config}}.",
      i = "For another list say of which {.arg class} it is:
           {.code from_config(config, class = layer_dense)}."
    ), current_env())
  }
  custom_objects <- named_as_written(custom_objects, substitute(custom_objects))
  call_py(bound$config_make, class, config, known_objects(custom_objects))
}

#' The values of all variables of an object
#'
#' `get_state_tree()` gives the variables of a model, optimizer or metric as nested named lists of
#' R arrays, and `set_state_tree()` puts such values back: into the same object, or into another
#' whose parts have the same names. A name that the object lacks is an error.
#'
#' @param object A model, layer, optimizer or metric.
#' @param value_format What the values are: `"array"`, the default, for R's arrays,
#'   `"backend_tensor"` for tensors, or `"numpy_array"`.
#' @param state_tree What `get_state_tree()` gave.
#' @returns `get_state_tree()` gives nested named lists; `set_state_tree()` the object, invisibly.
#' @source `keras.Model.get_state_tree`, `keras.Model.set_state_tree`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model>
#' @concept keras.Model.get_state_tree
#' @concept keras.Model.set_state_tree
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1, name = "last")
#' model |> compile("sgd", "mse")
#' names(get_state_tree(model))
#' @export
get_state_tree <- function(object, value_format = "array") {
  value_format <- arg_match0(value_format, c("array", "backend_tensor", "numpy_array"))
  as_r(call_py(bound$weights_state_tree, object, value_format))
}

#' @rdname get_state_tree
#' @export
set_state_tree <- function(object, state_tree) {
  call_py(bound$weights_set_state_tree, object, state_tree)
  invisible(object)
}
