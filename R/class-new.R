# One maker for each kind of class that Keras lets its users write. They differ in their base.

#' Define a model, loss, metric, callback or another Keras class in R
#'
#' Each function makes a class from R functions, its methods, as [new_layer_class()] does for
#' layers. What it returns makes objects of the class and is used wherever Keras's own are: in
#' [compile()], in [fit()], as an argument of a layer.
#'
#' In every method, `self` is the object, whether it is named as the first argument or not,
#' `super$method()` calls the parent's method, and `private` is an environment that belongs to the
#' object and that Python does not see.
#'
#' @section Methods:
#' * Model: `initialize()`, `call(inputs, training)`, `train_step(data)`, `test_step(data)`,
#'   `predict_step(data)`, `compute_loss(x, y, y_pred, sample_weight)`, `get_config()`.
#' * Loss: `call(y_true, y_pred)`, which gives a loss for each sample.
#' * Metric: `initialize()` with `self$add_variable()`, `update_state(y_true, y_pred,
#'   sample_weight)`, `result()`, `reset_state()`.
#' * Callback: `on_train_begin(logs)`, `on_epoch_end(epoch, logs)`,
#'   `on_train_batch_end(batch, logs)` and their relatives. Epochs and batches count from 1.
#' * Data set: `length()`, the number of batches, `getitem(index)`, which gives batch number
#'   `index`, counted from 1, as [dataset_from_function()] says, and `on_epoch_end()`.
#' * Optimizer: `build(variables)`, `update_step(gradient, variable, learning_rate)`.
#' * Learning rate schedule: `call(step)`. Initializer: `call(shape, dtype)`. Regularizer and
#'   constraint: `call(weights)`.
#'
#' @param classname Name of the class, as Keras reports it.
#' @param ... Methods, as functions, and attributes, as other values, all by name.
#' @param initialize,call,get_config Methods that most classes have: the constructor, what the
#'   object does when it is called, and the options from which it can be made again.
#' @param train_step,predict_step,test_step,compute_loss,compute_metrics Methods of a model, see
#'   there.
#' @param update_state,result Methods of a metric.
#' @param length,getitem Methods of a data set.
#' @param on_epoch_begin,on_epoch_end,on_train_begin,on_train_end Methods of a callback.
#' @param on_train_batch_begin,on_train_batch_end,on_test_begin,on_test_end More of these.
#' @param on_test_batch_begin,on_test_batch_end,on_predict_begin,on_predict_end More of these.
#' @param on_predict_batch_begin,on_predict_batch_end And the last.
#' @param public Named list of further methods and attributes, as those in `...`.
#' @param private Named list of functions and values: the start of each object's `private`.
#' @param inherit The parent class: a Keras class, what another `new_*_class()` gave, or an R6
#'   class generator. By default Keras's own base class.
#' @param parent_env The environment in which the methods are evaluated.
#' @param base Any Python class to inherit from.
#'
#' @returns A function with the arguments of `initialize` that makes an object.
#' @source `keras.Model`: <https://www.tensorflow.org/api_docs/python/tf/keras/Model>;
#'   `keras.Loss`: <https://www.tensorflow.org/api_docs/python/tf/keras/Loss>; `keras.Metric`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Metric>; `keras.Optimizer`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Optimizer>; `keras.callbacks.Callback`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/callbacks/Callback>;
#'   `keras.initializers.Initializer`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/initializers/Initializer>;
#'   `keras.regularizers.Regularizer`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/regularizers/Regularizer>;
#'   `keras.constraints.Constraint`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/constraints/Constraint>;
#'   `keras.utils.PyDataset`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/utils/PyDataset>;
#'   `keras.layers.Wrapper`: <https://www.tensorflow.org/api_docs/python/tf/keras/layers/Wrapper>;
#'   `keras.optimizers.schedules.LearningRateSchedule`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/optimizers/schedules/LearningRateSchedule>
#' @concept keras.Model
#' @concept keras.Loss
#' @concept keras.Metric
#' @concept keras.Optimizer
#' @concept keras.callbacks.Callback
#' @concept keras.optimizers.schedules.LearningRateSchedule
#' @concept keras.initializers.Initializer
#' @concept keras.regularizers.Regularizer
#' @concept keras.constraints.Constraint
#' @concept keras.utils.PyDataset
#' @concept keras.layers.Wrapper
#' @examplesIf can_run_keras()
#' loss_scaled <- new_loss_class(
#'   "Scaled",
#'   call = function(y_true, y_pred) op_mean(abs(y_true - y_pred) / 10, axis = -1)
#' )
#' loss_scaled()(array(c(1, 2), c(2, 1)), array(c(2, 4), c(2, 1)))
#'
#' callback_counter <- new_callback_class(
#'   "Counter",
#'   initialize = function() {
#'     super$initialize()
#'     self$epochs <- 0
#'   },
#'   on_epoch_end = function(epoch, logs = NULL) self$epochs <- self$epochs + 1
#' )
#' @name new_class
NULL

#' @rdname new_class
#' @export
new_model_class <- function(classname, initialize = NULL, call = NULL, train_step = NULL,
                            predict_step = NULL, test_step = NULL, compute_loss = NULL,
                            compute_metrics = NULL, ..., get_config = NULL, public = list(),
                            private = list(), inherit = NULL, parent_env = parent.frame()) {
  members <- list2(
    initialize = initialize, call = call, train_step = train_step, predict_step = predict_step,
    test_step = test_step, compute_loss = compute_loss, compute_metrics = compute_metrics,
    get_config = get_config, ...
  )
  base <- parent_class(enquo(inherit), quote(keras$Model))
  new_class(classname, base, c(members, public), private, parent_env)
}

#' @rdname new_class
#' @export
new_loss_class <- function(classname, call = NULL, ..., initialize = NULL, get_config = NULL,
                           public = list(), private = list(), inherit = NULL,
                           parent_env = parent.frame()) {
  members <- list2(call = call, initialize = initialize, get_config = get_config, ...)
  base <- parent_class(enquo(inherit), quote(keras$Loss))
  new_class(classname, base, c(members, public), private, parent_env)
}

#' @rdname new_class
#' @export
new_metric_class <- function(classname, initialize = NULL, update_state = NULL, result = NULL,
                             ..., get_config = NULL, public = list(), private = list(),
                             inherit = NULL, parent_env = parent.frame()) {
  members <- list2(
    initialize = initialize, update_state = update_state, result = result,
    get_config = get_config, ...
  )
  base <- parent_class(enquo(inherit), quote(keras$Metric))
  new_class(classname, base, c(members, public), private, parent_env)
}

#' @rdname new_class
#' @export
new_callback_class <- function(classname, on_epoch_begin = NULL, on_epoch_end = NULL,
                               on_train_begin = NULL, on_train_end = NULL,
                               on_train_batch_begin = NULL, on_train_batch_end = NULL,
                               on_test_begin = NULL, on_test_end = NULL,
                               on_test_batch_begin = NULL, on_test_batch_end = NULL,
                               on_predict_begin = NULL, on_predict_end = NULL,
                               on_predict_batch_begin = NULL, on_predict_batch_end = NULL, ...,
                               initialize = NULL, public = list(), private = list(),
                               inherit = NULL, parent_env = parent.frame()) {
  members <- list2(
    on_epoch_begin = on_epoch_begin, on_epoch_end = on_epoch_end, on_train_begin = on_train_begin,
    on_train_end = on_train_end, on_train_batch_begin = on_train_batch_begin,
    on_train_batch_end = on_train_batch_end, on_test_begin = on_test_begin,
    on_test_end = on_test_end, on_test_batch_begin = on_test_batch_begin,
    on_test_batch_end = on_test_batch_end, on_predict_begin = on_predict_begin,
    on_predict_end = on_predict_end, on_predict_batch_begin = on_predict_batch_begin,
    on_predict_batch_end = on_predict_batch_end, initialize = initialize, ...
  )
  base <- parent_class(enquo(inherit), quote(keras$callbacks$Callback))
  new_class(classname, base, hooks(c(members, public)), private, parent_env)
}

#' @rdname new_class
#' @export
new_optimizer_class <- function(classname, ..., initialize = NULL, get_config = NULL,
                                public = list(), private = list(), inherit = NULL,
                                parent_env = parent.frame()) {
  members <- list2(initialize = initialize, get_config = get_config, ...)
  base <- parent_class(enquo(inherit), quote(keras$optimizers$Optimizer))
  new_class(classname, base, c(members, public), private, parent_env)
}

#' @rdname new_class
#' @export
new_learning_rate_schedule_class <- function(
  classname, call = NULL, initialize = NULL, get_config = NULL, ..., public = list(),
  private = list(), inherit = NULL, parent_env = parent.frame()
) {
  members <- list2(call = call, initialize = initialize, get_config = get_config, ...)
  base <- parent_class(enquo(inherit), quote(keras$optimizers$schedules$LearningRateSchedule))
  new_class(classname, base, called(c(members, public)), private, parent_env)
}

#' @rdname new_class
#' @export
new_initializer_class <- function(classname, ..., initialize = NULL, call = NULL,
                                  get_config = NULL, public = list(), private = list(),
                                  inherit = NULL, parent_env = parent.frame()) {
  members <- list2(initialize = initialize, call = call, get_config = get_config, ...)
  base <- parent_class(enquo(inherit), quote(keras$initializers$Initializer))
  new_class(classname, base, called(c(members, public)), private, parent_env)
}

#' @rdname new_class
#' @export
new_regularizer_class <- function(classname, ..., initialize = NULL, call = NULL,
                                  get_config = NULL, public = list(), private = list(),
                                  inherit = NULL, parent_env = parent.frame()) {
  members <- list2(initialize = initialize, call = call, get_config = get_config, ...)
  base <- parent_class(enquo(inherit), quote(keras$regularizers$Regularizer))
  new_class(classname, base, called(c(members, public)), private, parent_env)
}

#' @rdname new_class
#' @export
new_constraint_class <- function(classname, call = NULL, get_config = NULL, ...,
                                 initialize = NULL, public = list(), private = list(),
                                 inherit = NULL, parent_env = parent.frame()) {
  members <- list2(call = call, get_config = get_config, initialize = initialize, ...)
  base <- parent_class(enquo(inherit), quote(keras$constraints$Constraint))
  new_class(classname, base, called(c(members, public)), private, parent_env)
}

#' @rdname new_class
#' @export
new_dataset_class <- function(classname, ..., initialize = NULL, length = NULL, getitem = NULL,
                              on_epoch_end = NULL, public = list(), private = list(),
                              inherit = NULL, parent_env = parent.frame()) {
  members <- list2(
    initialize = initialize, length = length, getitem = getitem, on_epoch_end = on_epoch_end, ...
  )
  base <- parent_class(enquo(inherit), quote(keras$utils$PyDataset))
  new_class(classname, base, counting(c(members, public)), private, parent_env)
}

# The method `call`, as Python names it where Keras calls the object itself.
called <- function(members) {
  names(members)[names(members) == "call"] <- "__call__"
  members
}

# The methods of a data set, as Python names them and counts.
counting <- function(members) {
  members <- Filter(Negate(is.null), members)
  members$`__len__` <- giving(members$length, as.integer)
  members$`__getitem__` <- counted_from_1(giving(members$getitem, as_dataset_batch))
  members[!names(members) %in% c("length", "getitem")]
}

# A method whose value passes a function on its way to Python, however the method returns it.
giving <- function(f, finish) {
  if (!is.null(f)) body(f) <- bquote(.(finish)((function() .(body(f)))()))
  f
}

# The methods of a callback: Python knows which of them get the number of an epoch or a batch.
hooks <- function(members) {
  at <- startsWith(names(members), "on_") & vapply(members, is_r_function, NA)
  members[at] <- lapply(members[at], \(f) structure(f, member = attr(f, "member") %||% "hook"))
  members
}

# A method whose first argument is a position, which Python counts from 0.
counted_from_1 <- function(f) {
  if (!is.null(f)) attr(f, "member") <- "counted"
  f
}

#' @rdname new_class
#' @export
new_wrapped_class <- function(base, classname, ..., initialize = NULL, public = list(),
                              private = list(), parent_env = parent.frame()) {
  base <- parent_class(enquo(base))
  members <- list2(initialize = initialize, ...)
  new_class(classname, base, c(members, public), private, parent_env)
}

#' @rdname new_class
#' @export
Model <- new_model_class

#' @rdname new_class
#' @export
Loss <- new_loss_class

#' @rdname new_class
#' @export
Metric <- new_metric_class

#' @rdname new_class
#' @export
Callback <- new_callback_class

#' @rdname new_class
#' @export
LearningRateSchedule <- new_learning_rate_schedule_class

#' @rdname new_class
#' @export
Constraint <- new_constraint_class

new_class <- function(classname, base, members, private, env) {
  class_function(new_definition(classname, list(base), members, env, private = private))
}

#' Mark a method of a class
#'
#' In `new_*_class()` and [`%py_class%`], a function marked with `active_property()` is a value
#' that is computed when it is read: as a function of nothing, or, when it can be assigned as
#' well, of one argument, which is missing when the value is read. `static_method()` and
#' `class_method()` make methods of the class rather than of its objects; a class method sees the
#' class as `cls`.
#'
#' `mark_active()` is another name of `active_property()`. In a [`%py_class%`], `name %<-active% f`
#' makes an active property of the function `f`; elsewhere it is [makeActiveBinding()].
#'
#' @param fn,value A function.
#' @param sym Name of the property.
#' @returns The function, marked.
#' @examplesIf can_run_keras()
#' layer_square <- new_layer_class(
#'   "Square",
#'   call = function(inputs) inputs^2,
#'   power = active_property(function() 2)
#' )
#' layer_square()$power
#' @export
active_property <- function(fn) structure(fn, member = "property")

#' @rdname active_property
#' @export
mark_active <- active_property

#' @rdname active_property
#' @export
`%<-active%` <- function(sym, value) { # nolint: object_name_linter. keras3 has named it
  makeActiveBinding(substitute(sym), value, parent.frame())
  invisible(value)
}

#' @rdname active_property
#' @export
static_method <- function(fn) structure(fn, member = "static")

#' @rdname active_property
#' @export
class_method <- function(fn) structure(fn, member = "class")

# An R6 class generator given where a Python class belongs.
#' @exportS3Method reticulate::r_to_py
r_to_py.R6ClassGenerator <- function(x, convert = FALSE) class_of(r6_definition(x))

# The definition is kept with the generator, so that one generator is one Python class.
r6_definition <- function(generator) {
  if (is.null(generator$kerasbridge_definition)) {
    active <- lapply(generator$active, active_property)
    members <- c(generator$public_fields, generator$public_methods, active)
    members$clone <- NULL
    base <- eval(generator$inherit, generator$parent_env)
    assign("kerasbridge_definition", new_definition(
      generator$classname %||% "R6Class",
      if (is.null(base)) list() else list(base),
      members,
      generator$parent_env,
      private = c(generator$private_fields, generator$private_methods),
      made_by = "R6"
    ), envir = generator)
  }
  generator$kerasbridge_definition
}

#' Register a class or function for saving
#'
#' Gives a class or function of your own the name under which Keras saves it and finds it again,
#' so that models which use it load without `custom_objects`.
#'
#' @param object What to register: what a `new_*_class()` gave, a Python class, or a function.
#'   Without it, the result is a function that registers what it is given.
#' @param name String: the second part of the name. `NULL`, the default, uses the object's own.
#' @param package String: the first part of the name, as a namespace. `NULL`, the default, is the
#'   name of the package that calls this, and `"Custom"` outside of packages.
#'
#' @returns A class as it was given, invisibly. Of an R function, the Python function that stands
#'   for it: use that in models. Without `object`, a function.
#' @source `keras.saving.register_keras_serializable`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/saving/register_keras_serializable>
#' @concept keras.saving.register_keras_serializable
#' @seealso Its relatives, the [utilities][utilities].
#' @concept utilities
#' @examplesIf can_run_keras()
#' layer_double <- new_layer_class("Double", call = \(inputs) 2 * inputs)
#' register_keras_serializable(layer_double, package = "mine")
#' names(get_custom_objects())
#'
#' twice <- register_keras_serializable(package = "mine", name = "twice")(\(x) 2 * x)
#' layer_activation(activation = twice)
#' @export
register_keras_serializable <- function(object = NULL, name = NULL, package = NULL) {
  if (!is.null(name)) check_one_string(name)
  package <- package %||% utils::packageName(parent.frame()) %||% "Custom"
  check_one_string(package)
  if (is.null(object)) {
    return(\(object) register_object(object, substitute(object), name, package))
  }
  register_object(object, substitute(object), name, package)
}

register_object <- function(object, written, name, package) {
  if (!is_plain_function(object)) {
    call_py(bound$config_serializable, object, package, name)
    return(invisible(object))
  }
  written <- if (is.symbol(written)) as.character(written) else "r_function"
  callable <- named_callable(object, written)
  the$registered <- c(the$registered, list(list(f = object, callable = callable)))
  call_py_raw(bound$config_serializable, callable, package, name) |>
    py_to_r() |>
    invisible()
}

check_one_string <- function(x, arg = caller_arg(x), call = caller_env()) {
  if (!is_string(x)) {
    abort_argument("{.arg {arg}} must be a string, not {.obj_type_friendly {x}}.", call)
  }
}
