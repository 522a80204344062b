#' kerasbridge: deep learning from R with Keras, TensorFlow, JAX and PyTorch
#'
#' Everything that Keras 3 can do, from R, on the backend of your choice:
#'
#' * [use_backend()] chooses TensorFlow, JAX or PyTorch, and sees that Python has it.
#' * [keras_model_sequential()] and `layer_*()` build models, [compile()], [fit()],
#'   [evaluate()] and [predict()] train and use them.
#' * `op_*()` compute with tensors, with axes and positions counted from 1; tensors also answer to
#'   R's operators, mathematics and [subscripts][subset-tensors].
#' * [keras], [tf] and [import()] give the Python modules themselves, untouched and 0-based.
#'
#' @keywords internal
#' @import rlang
#' @importFrom cli cli_abort
#' @importFrom stats predict
#' @importFrom utils str
#' @useDynLib kerasbridge, .registration = TRUE
"_PACKAGE"

.onLoad <- function(libname, pkgname) {
  the$tensor_classes <- character()
  fill_bound(wrapper_names())
  fill_operators()
  fill_finishers()
  bind_reticulate(topenv())
  bind_keras_callback(topenv())
  register_pointer_methods()
  register_layout_methods()
  delayedAssign("keras", lazy_module("keras"), assign.env = topenv())
  delayedAssign("tf", lazy_module("tensorflow"), assign.env = topenv())
  choose_backend(default_backend())
  when_reticulate_loads(on_reticulate_load)
}

on_reticulate_load <- function() {
  prepare_calls()
  declare_requirements()
  setHook("reticulate.onPyInit", on_python_start, action = "append")
  for (module in c("tensorflow", "torch", "jax", "keras")) {
    when_loaded(module, register_tensor_methods)
  }
  when_loaded("torch._dynamo", trace_for_dynamo)
  when_loaded("keras", \(module) py_call(shim_attr("crossing.notices.of_log")))
  if (is_launched()) when_loaded("keras", join_cluster)
}

# What Python prints is R's output, in order and for sink() to take, unless the user keeps
# reticulate from that.
write_in_r <- function() {
  if (Sys.getenv("RETICULATE_REMAP_OUTPUT_STREAMS") == "0") {
    return(invisible())
  }
  py_call(
    shim_attr("crossing.streams.install"),
    \(text) cat(text), \(text) cat(text, file = stderr()), interactive() || isatty(stdout())
  )
}

# The generated wrappers of this namespace.
wrapper_names <- function() {
  namespace <- topenv()
  Filter(\(name) inherits(namespace[[name]], "kerasbridge_wrapper"), names(namespace))
}

# Python has just started, and no framework is imported yet.
on_python_start <- function() {
  py_call(shim_attr("imports.install"))
  py_call(shim_attr("crossing.processes.install"))
  open_door()
  write_in_r()
  watch_memory()
  py_call(shim_attr("crossing.notices.install"), keep_warning)
  # The load hooks below need it, and may run in the middle of another import.
  force(bound$tensor_classes)
}

# Act on a module that is imported, or when it will be, by R or by Python: reticulate runs the hook.
when_loaded <- function(module, act) {
  force(act)
  if (py_available() && is_imported(module)) {
    act(module)
  } else {
    hook <- function(...) act(module)
    setHook(paste("reticulate", module, "load", sep = "::"), hook, action = "append")
  }
}

# torch$compile() works on Python's bytecode. An R function has none: it is traced.
trace_for_dynamo <- function(module) py_call(shim_attr("crossing.dynamo.install"))

is_imported <- function(module) {
  import("sys", convert = FALSE)$modules$`__contains__`(module) |> py_to_r()
}

lazy_module <- function(module) {
  import(module, delay_load = list(environment = "kerasbridge", before_load = before_keras))
}

#' The Python modules of Keras and TensorFlow
#'
#' `keras` and `tf` are the Python modules, imported when they are first used. Their functions
#' are Python's own: axes and positions count from 0, and whole numbers are written with `L`.
#'
#' @returns A Python module, and what it has behind `$`.
#' @source `keras`: <https://www.tensorflow.org/api_docs/python/tf/keras>
#' @concept keras
#' @examplesIf can_run_keras()
#' keras$`__version__`
#' keras$ops$argmax(c(3, 1, 2))
#' @export
keras <- NULL

#' @rdname keras
#' @export
tf <- NULL

#' Can Keras run in this session?
#'
#' `TRUE` when a Python with Keras and the chosen backend is at hand. Examples ask before they
#' run.
#'
#' Downloads nothing under `R CMD check`: where reticulate would have to make an environment first,
#' it is `FALSE` there.
#'
#' @returns `TRUE` or `FALSE`. Starts Python.
#' @examples
#' can_run_keras()
#' @export
can_run_keras <- function() {
  if (is.null(the$can_run)) {
    the$can_run <- tryCatch(
      {
        checked <- nzchar(Sys.getenv("_R_CHECK_PACKAGE_NAME_"))
        (!checked || has_environment()) && {
          call_py(bound$version_of, "keras")
          is.character(keras$`__version__`)
        }
      },
      error = \(e) FALSE
    )
  }
  the$can_run
}
