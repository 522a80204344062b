# Python exceptions as R conditions.

# Signal a Python exception again as a condition of class `kerasbridge_error`. Its call is the
# function that called call_py(); the Python traceback stays at hand in py_last_error().
tell_in_r <- function(e) {
  if (!inherits(e, "python.builtin.BaseException") || inherits(e, "kerasbridge_error")) {
    return(invisible())
  }
  stop(structure(
    list(message = told_message(e), call = users_call()),
    class = c("kerasbridge_error", class(e)),
    py_object = attr(e, "py_object")
  ))
}

told_message <- function(e) {
  message <- unclass(e)$message
  if (!inherits(e, own_errors)) {
    return(message)
  }
  message <- sub("^(kerasbridge\\.)?(errors\\.)?\\w+: ", "", message)
  sub("\nRun `reticulate::py_last_error()` for details.", "", message, fixed = TRUE)
}

own_errors <- c("kerasbridge.errors.ArgumentError", "kerasbridge.errors.SubscriptError")

# The call that led to the innermost call_py().
users_call <- function() {
  frames <- seq_len(sys.nframe())
  is_bridge <- vapply(frames, \(n) identical(sys.function(n), call_py), logical(1))
  inner <- max(frames[is_bridge])
  parent <- sys.parents()[[inner]]
  if (parent > 0L) sys.call(parent)
}

# Refuse an argument: the message names it, the call is the user's.
abort_argument <- function(message, call = caller_env(2), ..., .envir = parent.frame()) {
  cli::cli_abort(message, class = "kerasbridge_error", call = call, ..., .envir = .envir)
}
