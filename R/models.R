#' Models
#'
#' `keras_model_sequential()` starts a stack of layers, to which `layer_*()` functions add.
#' `keras_model()` makes a model of any graph of layers, from the symbolic tensors that go in
#' (see [keras_input()]) and those that come out.
#'
#' @param input_shape Shape of one sample, without the batch: the model is then built at once.
#'   Without it, the first data that the model sees decides.
#' @param ... Further arguments of the Keras class, by name. For a Sequential model also those of
#'   its input, without the prefix `input_`.
#' @param input_dtype,input_batch_size,input_sparse,input_ragged,input_batch_shape What the
#'   Sequential model's input is like; see [keras_input()].
#' @param input_name,input_tensor,input_optional More of the same.
#' @param layers A list of layers to start with.
#' @param name The model's name.
#' @param trainable Whether the model's weights are trained.
#' @param inputs,outputs Symbolic tensors, or lists or named lists of these.
#'
#' @returns A Keras model: call it on data, or give it to [compile()] and [fit()].
#' @source `keras.Sequential`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Sequential>; `keras.Model`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model>
#' @concept keras.Sequential
#' @concept keras.Model
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 4) |>
#'   layer_dense(units = 8, activation = "relu") |>
#'   layer_dense(units = 3)
#' dim(predict(model, as.matrix(iris[, 1:4]), verbose = 0))
#'
#' input <- keras_input(shape = 4)
#' output <- input |> layer_dense(units = 3)
#' keras_model(input, output)
#' @export
keras_model_sequential <- function(input_shape = NULL, name = NULL, ..., input_dtype = NULL,
                                   input_batch_size = NULL, input_sparse = NULL,
                                   input_ragged = NULL, input_batch_shape = NULL,
                                   input_name = NULL, input_tensor = NULL, input_optional = NULL,
                                   trainable = NULL, layers = NULL) {
  options <- list2(
    name = name, trainable = trainable, dtype = input_dtype, batch_size = input_batch_size,
    sparse = input_sparse, ragged = input_ragged, batch_shape = input_batch_shape,
    input_name = input_name, tensor = input_tensor, optional = input_optional, ...
  )
  call_py(
    bound$sequential_new, as_layers(layers), arg_shape(input_shape),
    do.call(dict_of, Filter(Negate(is.null), options))
  )
}

as_layers <- function(layers) if (is_py_object(layers)) list(layers) else layers

#' @rdname keras_model_sequential
#' @export
keras_model <- function(inputs = NULL, outputs = NULL, ..., name = NULL) {
  options <- Filter(Negate(is.null), list2(name = name, ...))
  call_py(bound$model_new, inputs, outputs, do.call(dict_of, options))
}

# Layers and models are functions in R: a call applies them to tensors or R data.
#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.layers.layer.Layer <- function(x) {
  force(x)
  function(...) {
    check_of_this_session(x)
    if (...length() == 1L && is.null(...names())) {
      call_py(bound$layer_call, x, arg_data(..1))
    } else {
      apply_layer(x, ...)
    }
  }
}

# So are losses, metrics, regularizers, constraints and quantizers.
#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.losses.loss.Loss <- py_to_r_wrapper.keras.src.layers.layer.Layer

#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.metrics.metric.Metric <- py_to_r_wrapper.keras.src.layers.layer.Layer

#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.regularizers.regularizers.Regularizer <-
  py_to_r_wrapper.keras.src.layers.layer.Layer

#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.constraints.constraints.Constraint <-
  py_to_r_wrapper.keras.src.layers.layer.Layer

#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.quantizers.quantizers.Quantizer <-
  py_to_r_wrapper.keras.src.layers.layer.Layer

# An initializer is a function of the sizes.
#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.initializers.initializer.Initializer <- function(x) {
  force(x)
  function(shape, dtype = NULL, ...) {
    check_of_this_session(x)
    call_py(bound$initializer_call, x, arg_shape(shape), dtype, dict_of(...))
  }
}

apply_layer <- function(.layer, ...) {
  pack_given <- \(x, call) if (is.null(x)) NULL else pack(x, arg = "input", call = call)
  arguments <- lapply(list2(...), pack_given, call = caller_env())
  inject(call_py(bound$layer_call, .layer, !!!arguments))
}
