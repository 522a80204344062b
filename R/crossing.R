# Python calls R: R's half of the door, and the way of a jump through Python.

# Whatever calls R from now on comes through the door: on the main thread, and in this process.
open_door <- function() {
  py_call(shim_attr("crossing.threads.install"))
  py_call(
    shim_attr("crossing.entry.install"), \(class) as.list(class),
    r_to_py(door, convert = TRUE), r_to_py(door_to_python, convert = TRUE)
  )
  py_call(shim_attr("crossing.forks.install"))
  .Call(door_watch_forks, as.numeric(py_to_r(py_call(shim_attr("crossing.forks.addresses")))))
}

# How long another thread waits for R, in seconds: C calls this when the option has changed.
set_thread_timeout <- function(seconds) {
  if (!is.null(seconds) && (!is_bare_numeric(seconds, 1L) || is.na(seconds) || seconds <= 0)) {
    abort_argument(
      "The option {.code kerasbridge.thread_timeout} must be a number of seconds above 0.",
      sys.call(-1L)
    )
  }
  py_call(bound$thread_timeout, seconds)
}

# R evaluates what Python calls here.
door <- function(.function, ...) .External2(door_enter, leave, .function, ...)

# The same for a function whose arguments stay in Python: the function itself is one of them.
door_to_python <- function(.function, ...) door(py_to_r(.function), ...)

# R code that Python called jumps: to a handler, a restart, a function that returns. Python is left
# by an exception, so that its `finally` and `with` run, and R goes on when it comes out.
leave <- function(token, interrupt) {
  if (interrupt) invokeRestart(to_python, "KeyboardInterrupt")
  jump <- new.env(parent = emptyenv())
  jump$token <- token
  jump$frame <- frame_in_python()
  # C++ may keep only the text of the exception: it is held here until the jump goes on.
  jump$leaving <- py_call(bound$leaving, jump)
  the$jumps <- c(pending_jumps(), jump)
  invokeRestart(to_python, jump$leaving)
}

# reticulate's restart that hands an exception to Python.
to_python <- "raise_py_exception"

# The function that has entered Python last. What a jump leads to lies below it.
frame_in_python <- function() {
  entered <- which(vapply(sys.calls(), \(call) identical(call[[1L]], r_entry_call), NA))
  before <- max(entered) - 1L
  if (before > 0L) sys.frames()[[before]]
}

r_entry_call <- quote(reticulate:::call_r_function)

# A jump can go on as long as the function that had entered Python is running.
is_pending <- function(jump) {
  !is.null(jump$token) && any(vapply(sys.frames(), identical, NA, jump$frame))
}

# Of the jumps that no longer can, nothing is kept.
pending_jumps <- function() {
  pending <- vapply(the$jumps, is_pending, NA)
  lapply(the$jumps[!pending], forget)
  the$jumps[pending]
}

forget <- function(jump) rm(list = names(jump), envir = jump)

# reticulate asks for the message of an exception when it raises it in R, before any handler sees
# it: wherever that is, a jump that the exception carries goes on.
#' @export
conditionMessage.python.builtin.BaseException <- function(c) {
  if (length(the$jumps)) go_on(attr(c, "py_object"))
  NextMethod()
}

go_on <- function(exception) {
  the$jumps <- pending_jumps()
  jump <- if (length(the$jumps)) py_to_r(py_call(bound$leaving_of, exception))
  if (is.environment(jump) && is_pending(jump)) {
    token <- jump$token
    # It leaves the function that had entered Python, and all that this one has called.
    ended <- sys.frames()
    ended <- ended[cumsum(vapply(ended, identical, NA, jump$frame)) > 0L]
    lapply(Filter(\(other) any(vapply(ended, identical, NA, other$frame)), the$jumps), forget)
    the$jumps <- pending_jumps()
    .Call(door_continue, token)
  }
}
