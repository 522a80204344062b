# Python calls R: R's half of the door, and the way of a jump through Python.

# Whatever calls R from now on comes through the door: on the main thread, and in this process.
open_door <- function() {
  py_call(shim_attr("crossing.threads.install"), thread_timeout())
  py_call(
    shim_attr("crossing.entry.install"), \(class) as.list(class),
    r_to_py(door, convert = TRUE), r_to_py(door_to_python, convert = TRUE)
  )
  py_call(shim_attr("crossing.forks.install"))
  .Call(door_watch_forks, as.numeric(py_to_r(py_call(shim_attr("crossing.forks.addresses")))))
}

# How long another thread waits for R, in seconds.
thread_timeout <- function() getOption("kerasbridge.thread_timeout", 60)

# R evaluates what Python calls here.
door <- function(.function, ...) .External(door_enter, leave, environment(), .function, ...)

# The same for a function whose arguments stay in Python: the function itself is one of them.
door_to_python <- function(.function, ...) door(py_to_r(.function), ...)

# R code that Python called jumps: to a handler, a restart, a function that returns. Python is left
# by an exception, so that its `finally` and `with` run, and R goes on when it comes out.
leave <- function(token, interrupt) {
  if (interrupt) invokeRestart(to_python, "KeyboardInterrupt")
  jump <- new.env(parent = emptyenv())
  jump$token <- token
  jump$frame <- frame_in_python()
  the$jumps <- c(Filter(is_pending, the$jumps), jump)
  invokeRestart(to_python, py_call(bound$leaving, jump))
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

# reticulate asks for the message of an exception when it raises it in R, before any handler sees
# it: wherever that is, a jump that the exception carries goes on.
#' @export
conditionMessage.python.builtin.BaseException <- function(c) {
  if (length(the$jumps)) go_on(attr(c, "py_object"))
  NextMethod()
}

go_on <- function(exception) {
  the$jumps <- Filter(is_pending, the$jumps)
  jump <- if (length(the$jumps)) py_to_r(py_call(bound$leaving_of, exception))
  if (is.environment(jump) && is_pending(jump)) {
    token <- jump$token
    jump$token <- NULL
    .Call(door_continue, token)
  }
}
