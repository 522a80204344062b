# Further names that scripts for keras3 use, each a line over what this package has.

#' Names that scripts for keras3 use
#'
#' Thin functions, so that a script written for keras3 runs as it is. New code does better with
#' what they stand for.
#'
#' * `as_tensor()` is [op_convert_to_tensor()], with a `shape` to fill or to take;
#' * `op_convert_to_array()` is `as.array()`;
#' * `op_pmax()` and `op_pmin()` are [op_maximum()] and [op_minimum()] of any number of tensors;
#' * `op_subset(x, ...)` is `x[...]`, and `op_subset(x, ...) <- value` and
#'   `op_subset_set(x, ..., value)` are its assignment;
#' * `all_dims()` is `..` in a subscript: as many whole dimensions as are left;
#' * `layer_input()` is [keras_input()];
#' * `config_set_backend()` is [use_backend()];
#' * `custom_metric()` gives an R function the name under which [fit()] reports it;
#' * `named_list()` is `list()`, where an element without a name gets that of its variable;
#' * `zip_lists()` turns lists of the same length, or with the same names, inside out;
#' * `create_layer()` makes a layer of a Python class and composes it, and `create_layer_wrapper()`
#'   makes of the class a function that does so;
#' * `set_custom_objects()` and `with_custom_object_scope()` make your own classes and functions
#'   known by name, for the session or for the evaluation of `expr`.
#'
#' @param x,tensor A tensor or R data.
#' @param dtype Type of the tensor.
#' @param shape Shape of the tensor: one number fills it.
#' @param x1,x2,... Tensors; subscripts; or elements of a list.
#' @param value What to assign.
#' @param batch_size,sparse,ragged,name,batch_shape,optional As in [keras_input()].
#' @param backend Name of a backend.
#' @param metric_fn R function of `y_true` and `y_pred`.
#' @param layer_class A class of layers: Python's, or one made in R.
#' @param object What to compose the layer with.
#' @param args A named list of the class's arguments.
#' @param objects A named list of classes and functions.
#' @param clear Whether to forget all others first.
#' @param expr Code to evaluate.
#' @returns What the function that it stands for gives.
#' @examplesIf can_run_keras()
#' as_tensor(0, shape = c(2, 2))
#' op_pmax(c(1, 5), c(3, 3), c(2, 4))
#' zip_lists(list(1, 2), list("a", "b"))
#' @name keras3-names
NULL

#' @rdname keras3-names
#' @export
as_tensor <- function(x, dtype = NULL, shape = NULL) {
  if (is.null(shape)) {
    return(op_convert_to_tensor(x, dtype = dtype))
  }
  x <- op_convert_to_tensor(x, dtype = dtype)
  if (length(x) == 1L) op_broadcast_to(x, shape) else op_reshape(x, shape)
}

#' @rdname keras3-names
#' @export
op_convert_to_array <- function(x, dtype = NULL) {
  as.array(if (is.null(dtype)) op_convert_to_tensor(x) else op_cast(x, dtype))
}

#' @rdname keras3-names
#' @export
op_pmax <- function(x1, x2, ...) Reduce(op_maximum, list(x1, x2, ...))

#' @rdname keras3-names
#' @export
op_pmin <- function(x1, x2, ...) Reduce(op_minimum, list(x1, x2, ...))

#' @rdname keras3-names
#' @export
op_subset <- function(x, ...) {
  call_py(bound$subset_get, as_subsettable(x), "r", TRUE, captured(...))
}

# R's data have subscripts of their own.
as_subsettable <- function(x) if (is_py_object(x)) x else op_convert_to_tensor(x)

#' @rdname keras3-names
#' @export
`op_subset<-` <- function(x, ..., value) {
  subscripts <- captured(...)
  call_py(bound$subset_set, as_subsettable(x), "r", arg_data(value), subscripts)
}

#' @rdname keras3-names
#' @export
op_subset_set <- function(tensor, ..., value) {
  subscripts <- captured(...)
  call_py(bound$subset_set, as_subsettable(tensor), "r", arg_data(value), subscripts)
}

#' @rdname keras3-names
#' @export
all_dims <- function() {
  abort_argument("{.fn all_dims} is a subscript, as in {.code x[all_dims(), 1]}.", current_env())
}

#' @rdname keras3-names
#' @export
layer_input <- function(shape = NULL, batch_size = NULL, dtype = NULL, sparse = NULL,
                        ragged = NULL, batch_shape = NULL, name = NULL, tensor = NULL,
                        optional = FALSE) {
  keras_input(
    shape = shape, batch_size = batch_size, dtype = dtype, sparse = sparse, ragged = ragged,
    batch_shape = batch_shape, name = name, tensor = tensor, optional = optional
  )
}

#' @rdname keras3-names
#' @export
config_set_backend <- function(backend) use_backend(backend)

#' @rdname keras3-names
#' @export
custom_metric <- function(name, metric_fn) structure(metric_fn, name = name)

#' @rdname keras3-names
#' @export
named_list <- function(...) dots_list(..., .named = TRUE)

#' @rdname keras3-names
#' @export
zip_lists <- function(...) {
  lists <- list2(...)
  names <- names(lists[[1L]])
  same <- vapply(lists, \(x) length(x) == length(lists[[1L]]), logical(1))
  if (!all(same) || !(is.null(names) || all(vapply(lists, \(x) setequal(names(x), names), NA)))) {
    abort_argument("The lists must have the same length and the same names.", current_env())
  }
  at <- if (is.null(names)) seq_along(lists[[1L]]) else names
  structure(lapply(at, \(i) lapply(lists, `[[`, i)), names = names)
}

#' @rdname keras3-names
#' @export
set_custom_objects <- function(objects = list(), clear = TRUE) {
  objects <- named_as_written(objects, substitute(objects))
  call_py(bound$config_register, known_objects(objects), clear)
  invisible(get_custom_objects())
}

#' @rdname keras3-names
#' @export
with_custom_object_scope <- function(objects, expr) {
  objects <- named_as_written(objects, substitute(objects))
  with(custom_object_scope(known_objects(objects)), expr)
}

#' @rdname keras3-names
#' @export
create_layer <- function(layer_class, object = NULL, args = list()) {
  composed <- inject(call_py(bound$class_composed, layer_class, arg_data(object), !!!args))
  composed %||% object
}

#' @rdname keras3-names
#' @export
create_layer_wrapper <- function(layer_class) {
  if (inherits(layer_class, c("kerasbridge_class", "kerasbridge_wrapper"))) {
    return(layer_class)
  }
  function(object = NULL, ...) create_layer(layer_class, object, list2(...))
}
