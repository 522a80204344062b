# Python exceptions as R conditions.

# The shim hands a Python exception back as a value, so that a call that succeeds pays nothing for
# the one that may fail. It is raised here: as a condition of class `kerasbridge_error` whose call
# is the function that the user called. The Python traceback stays at hand in py_last_error().
raise_failure <- function(failure, call) {
  condition <- tryCatch(py_call(py_get_attr(failure, "raise_again")), error = identity)
  parts <- as_r(py_call(bound$condition_of_r, failure))
  stop(if (is.null(parts)) told(condition, call) else passed_on(parts))
}

# An R condition that passed through Python is signalled as it was: its call is the method or
# function that failed.
passed_on <- function(parts) {
  fields <- parts[setdiff(names(parts), c("r_class", "trace"))]
  if (inherits(parts$trace, "rlang_trace")) fields$trace <- parts$trace
  structure(fields, class = union("kerasbridge_error", parts$r_class))
}

told <- function(e, call) {
  structure(
    list(message = told_message(e), call = as_written(call)),
    class = c("kerasbridge_error", class(e)),
    py_object = attr(e, "py_object")
  )
}

told_message <- function(e) {
  message <- sub(jax_hint, "", unclass(e)$message)
  if (!inherits(e, own_errors)) {
    return(message)
  }
  message <- sub("^(kerasbridge\\.)?(errors\\.)?\\w+: ", "", message)
  sub("\nRun `reticulate::py_last_error()` for details.", "", message, fixed = TRUE)
}

# What JAX adds about its own internals.
jax_hint <- "\n-+\nFor simplicity, JAX has removed its internal frames[^\n]*"

own_errors <- c("kerasbridge.errors.ArgumentError", "kerasbridge.errors.SubscriptError")

# The call of a tensor's method as the user wrote it, with the generic's name: `x + y`.
as_written <- function(call) {
  if (is_call(call) && is_symbol(call[[1L]])) {
    name <- as_string(call[[1L]])
    classes <- c(the$tensor_classes, "numpy.ndarray", "kerasbridge_at_r", "kerasbridge_at_py")
    suffix <- Find(\(suffix) endsWith(name, suffix), paste0(".", classes))
    if (!is.null(suffix)) call[[1L]] <- as.symbol(substr(name, 1L, nchar(name) - nchar(suffix)))
  }
  call
}

# Refuse an argument: the message names it, the call is the user's.
abort_argument <- function(message, call = caller_env(2), ..., .envir = parent.frame()) {
  call <- as_written(error_call(call))
  cli::cli_abort(message, class = "kerasbridge_error", call = call, ..., .envir = .envir)
}
