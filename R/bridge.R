# One call, from R to Python and back. Wrappers do nothing else.

# Python callables by wrapper name, each bound when it is first used.
bound <- new.env(parent = emptyenv())

# What the shim offers besides the generated wrappers: name in `bound` -> place in the shim.
shim_functions <- c(
  as_code = "arrays.codes",
  as_integer64 = "arrays.integer64",
  as_raw = "arrays.raw",
  as_shaped = "arrays.shaped",
  callable_named = "callables.named",
  class_build = "classes.build",
  class_new = "classes.new",
  class_super = "classes.super_of",
  keras_object = "bindings.keras_object",
  layer_call = "compose.call_layer",
  model_compile = "training.compile",
  model_evaluate = "training.evaluate",
  model_fit = "training.fit",
  model_new = "training.new_model",
  model_on_batch = "training.on_batch",
  model_predict = "training.predict",
  seed_all = "seeds.seed_all",
  sequential_new = "training.new_sequential",
  subset_get = "indexing.get",
  subset_set = "indexing.set",
  tensor_binary = "operators.binary",
  tensor_classes = "frameworks.tensor_classes",
  tensor_dim = "operators.dim",
  tensor_math = "operators.math",
  tensor_negative = "operators.negative",
  tensor_not = "operators.logical_not",
  tensor_to_r = "arrays.to_r",
  tf_function = "tracing.tf_function",
  version_of = "backends.version_of"
)

# Call a Python callable with R arguments. A tensor stays a tensor, plain values become R's,
# and a Python error becomes an R condition whose call is the function that the user called.
call_py <- function(f, ...) {
  result <- withCallingHandlers(py_call(f, ...), error = tell_in_r)
  if (startsWith(class(result)[[1L]], "python.builtin.")) py_to_r(result) else result
}

fill_bound <- function(wrappers) {
  bind_later <- function(name, maker) {
    delayedAssign(name, maker(name), assign.env = bound)
  }
  for (name in wrappers) bind_later(name, bind_wrapper)
  for (name in names(shim_functions)) bind_later(name, shim_function)
}

bind_wrapper <- function(name) call_py(shim("bindings")$bind, name)

shim_function <- function(name) {
  place <- strsplit(shim_functions[[name]], ".", fixed = TRUE)[[1L]]
  py_get_attr(shim(place[[1L]]), place[[2L]])
}

# A module of the Python package inside this one.
shim <- function(module) {
  import_from_path(paste0("kerasbridge.", module), path = shim_path(), convert = TRUE)
}

shim_path <- function() system.file("python", package = "kerasbridge", mustWork = TRUE)

# A generated function: knows its name, so that it can be handed to Keras as Keras's own object.
wrapper <- function(name, f) {
  structure(f, class = c("kerasbridge_wrapper", "function"), wrapper = name)
}

#' @export
r_to_py.kerasbridge_wrapper <- function(x, convert = FALSE) {
  py_call(bound$keras_object, attr(x, "wrapper"))
}

#' @export
print.kerasbridge_wrapper <- function(x, ...) {
  name <- attr(x, "wrapper")
  cat(format(args(unclass(x)))[[1L]], "\n", sep = "")
  cat("# calls ", wrapped_object(name), " through kerasbridge\n", sep = "")
  invisible(x)
}

wrapped_object <- function(name) {
  wrapper_table()[[name]]$python
}

wrapper_table <- function() {
  if (is.null(the$signatures)) {
    the$signatures <- jsonlite::read_json(file.path(shim_path(), "kerasbridge", "signatures.json"))
  }
  the$signatures
}

# State of the session.
the <- new.env(parent = emptyenv())
