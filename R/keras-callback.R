# Callbacks as R6 objects, the form of older scripts: the object stays R's, with fields of its own
# that can be read after training.

#' Callbacks as R6 objects
#'
#' The parent of R6 classes whose objects are callbacks of [fit()], `evaluate()` and `predict()`.
#' An object has `model` and `params`, and what else its class gives it, which is there to be read
#' when the training is over. [new_callback_class()] writes the same without R6.
#'
#' The methods are those of [new_callback_class()], such as `on_epoch_end(epoch, logs)` and
#' `on_train_batch_begin(batch, logs)`, or `on_batch_end(batch, logs)`; those that a class has not
#' are not called. In this older form epochs and batches count from 0. R6 must be installed.
#'
#' @returns An R6 class generator, for `inherit =` of `R6::R6Class()`.
#' @source `keras.callbacks.Callback`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/callbacks/Callback>
#' @concept keras.callbacks.Callback
#' @name KerasCallback
#' @aliases KerasCallback
#' @seealso [callback_lambda()]
#' @examplesIf can_run_keras() && config_backend() != "numpy" && requireNamespace("R6")
#' Losses <- R6::R6Class("Losses", inherit = KerasCallback, public = list(
#'   losses = numeric(),
#'   on_epoch_end = function(epoch, logs = NULL) self$losses <- c(self$losses, logs$loss)
#' ))
#' seen <- Losses$new()
#' model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
#' model |> compile("sgd", "mse")
#' model |> fit(cars$speed / 10, cars$dist / 50, epochs = 2, verbose = 0, callbacks = seen)
#' seen$losses
#' @export KerasCallback
NULL

# Made when it is first used: R6 is loaded for nobody else.
bind_keras_callback <- function(namespace) {
  delayedAssign("KerasCallback", keras_callback_class(), assign.env = namespace)
}

# What a class maker puts into the scope of a method.
utils::globalVariables("super")

# Without R6 nobody can make a class that inherits from it.
keras_callback_class <- function() {
  if (is_installed("R6")) {
    R6::R6Class("KerasCallback", public = list(
      model = NULL, params = NULL,
      initialize = function() NULL,
      set_context = function(params = NULL, model = NULL) {
        self$params <- params
        self$model <- model
      }
    ))
  }
}

# What stands for the object in Python: a callback with those methods that the object has.
#' @exportS3Method reticulate::r_to_py
r_to_py.KerasCallback <- function(x, convert = FALSE) {
  forward <- function(hook) {
    arguments <- own_formals(x[[hook]], "method")
    object <- if (takes_object(x[[hook]], "method")) list(quote(x))
    call <- call2(call("$", quote(x), as.symbol(hook)), !!!object, !!!syms(names(arguments)))
    new_function(arguments, call, environment())
  }
  members <- lapply(set_names(grep("^on_", names(x), value = TRUE)), forward)
  members$set_params <- function(params) {
    super$set_params(params)
    x$set_context(params, x$model)
  }
  members$set_model <- function(model) {
    super$set_model(model)
    x$set_context(x$params, model)
  }
  base <- parent_class(quo(NULL), quote(keras$callbacks$Callback))
  r_to_py(new_class(class(x)[[1L]], base, members, list(), current_env())(), convert)
}
