# What R has let go of in Python, R's collector learns from the shim (memory/watch.py): the two
# functions here are all that it needs of R.

# Python has just started.
watch_memory <- function() {
  py_call(shim_attr("memory.watch.install"), collect_garbage, threshold_wanted)
}

# Called by Python, wherever R has just called it: an interrupt waits until this is over.
collect_garbage <- function(full) {
  suspendInterrupts(gc(verbose = FALSE, full = full))
  NULL
}

# The option as the watch takes it. It reads it at any moment, which is none for a complaint: that
# is for the functions that the user calls.
threshold_wanted <- function() {
  threshold <- getOption("kerasbridge.memory_threshold")
  if (is_threshold(threshold)) threshold
}

is_threshold <- function(x) is.numeric(x) && length(x) == 1L && !is.na(x) && x > 0

check_memory_threshold <- function(call = caller_env()) {
  threshold <- getOption("kerasbridge.memory_threshold")
  if (!is.null(threshold) && !is_threshold(threshold)) {
    abort_argument(c(
      "The option {.code kerasbridge.memory_threshold} must be a number of bytes above 0, not
       {.obj_type_friendly {threshold}}.",
      i = "{.code options(kerasbridge.memory_threshold = NULL)} returns to the default."
    ), call)
  }
}

#' Memory that Python holds for R
#'
#' R frees a tensor when its garbage collector runs, and that runs when R's own memory fills. To R
#' a tensor is a few hundred bytes, whatever it weighs in Python, so that a loop over large tensors
#' would fill the machine before R looks once. The package therefore watches how much memory is in
#' use, and on a GPU how much of the GPU's, and has R collect, and Python after it, when
#' more than a threshold has come in since the last collection. It sees all of it: tensors from
#' `op_*()`, from R's operators and from the frameworks' own functions, models, gradient tapes, and
#' whatever else Python keeps.
#'
#' @section The threshold:
#' By default a sixteenth of what is free in memory, but at least 64 MB and at most 256 MB; of a
#' GPU's memory a sixteenth, and at least 64 MB. `options(kerasbridge.memory_threshold = 2e9)` sets
#' it in bytes, and `Inf` ends the collecting. A change is noticed once 64 MB more are in use.
#'
#' A lower threshold keeps the process smaller; a higher one collects less often, which is worth
#' something only where R's own memory is so large that its collections take long. The
#' package adapts by itself: a collection that frees nothing doubles the threshold, and one that
#' helps takes it back. All of R, and Python's cycles of objects, such as models that were removed,
#' are gone through when the usual, quick collection does not help, and besides in at most a
#' twentieth of the time.
#'
#' @section What else is done:
#' * When a framework is out of memory, R collects at once and the call is made once more, unless
#'   it is one of `fit()`, `evaluate()`, `predict()` and their relatives for a batch, which have
#'   changed something or called your code by then.
#' * [clear_session()] runs both collectors, R's and Python's.
#' * On Linux freed blocks stay with the process for the next tensor, since clearing a fresh page
#'   takes the system longer than most work on it. When they come to a quarter of what the system
#'   has free, they are returned.
#' * The watch is a thread that looks a few times in a second, more often when memory fills. A call
#'   takes no longer for it.
#'
#' @returns A data frame with a row for the memory of the process and one for each device that a
#'   framework has started: `memory`, its name; `used`, `grown` since the last collection, and the
#'   `threshold`, in bytes. Its attribute `"collections"` counts the quick and the thorough ones.
#' @examplesIf can_run_keras()
#' memory_in_use()
#' @export
memory_in_use <- function() {
  check_memory_threshold(current_env())
  state <- call_py(bound$memory_state)
  column <- function(name, type) vapply(state$memory, \(memory) memory[[name]], type)
  in_use <- data.frame(
    memory = column("name", ""), used = column("used", 0), grown = column("grown", 0),
    threshold = column("threshold", 0)
  )
  attr(in_use, "collections") <- c(quick = state$quick, thorough = state$thorough)
  in_use
}
