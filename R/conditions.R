# Python exceptions as R conditions.

# The shim hands a Python exception back as a value, so that a call that succeeds pays nothing for
# the one that may fail. It is raised here: as a condition of class `kerasbridge_error` whose call
# is the function that the user called. The Python traceback stays at hand in py_last_error().
raise_failure <- function(failure, call) {
  condition <- tryCatch(py_call(py_get_attr(failure, "raise_again")), error = identity)
  crossed <- as_r(py_call(bound$condition_crossed, failure))
  if (is.null(crossed)) {
    stop(told(condition, failure, call))
  }
  trace <- whole_trace(crossed$trace, crossed$python_frames)
  if (!is.null(trace)) keep_trace(condition, trace)
  if (is.null(crossed$r_class)) {
    stop(told(condition, failure, call))
  }
  cnd_signal(passed_on(crossed, trace))
}

# An R condition that passed through Python is signalled as it was: its call is the method or
# function that failed. rlang::last_trace() shows how it came there.
passed_on <- function(crossed, trace) {
  fields <- crossed[setdiff(names(crossed), c("r_class", "python_frames", "trace"))]
  fields$trace <- trace
  usual <- c("rlang_error", "error", "condition")
  classes <- c(setdiff(c("kerasbridge_error", crossed$r_class), usual), usual)
  structure(fields, class = classes)
}

# reticulate keeps R's trace with the exception, where py_last_error() finds it.
keep_trace <- function(condition, trace) {
  holder <- r_to_py(error_cnd(message = "", trace = trace))
  reticulate::py_set_attr(attr(condition, "py_object"), "trace", py_get_attr(holder, "trace"))
}

# R's trace of an error with the Python frames where they belong: before each R function that
# Python called, and at the end if it is Python that failed. Without the calls that lead from one
# language to the other.
whole_trace <- function(trace, python_frames) {
  if (!inherits(trace, "rlang_trace") || isTRUE(attr(trace, "whole"))) {
    return(trace)
  }
  heads <- vapply(trace$call, call_head, "")
  entries <- which(heads == r_entry)
  shown <- !is_between(trace, heads, entries)
  joined <- with_python(trace[c("call", "parent", "namespace", "scope")], entries, python_frames)
  shown <- replace(rep(TRUE, nrow(joined)), joined$row > 0L, shown)
  joined <- only_shown(joined, shown)
  joined$row <- NULL
  structure(joined, class = class(trace), version = attr(trace, "version"), whole = TRUE)
}

# The function by which Python calls R, and what comes after a call that failed.
r_entry <- "reticulate:::call_r_function"
signalling <- c(".handleSimpleError", "finished", "raise_failure")

call_head <- function(call) if (is_call(call)) expr_deparse(call[[1L]])[[1L]] else ""

# The calls of reticulate and our own that say nothing: from an entry to the user's function, too.
is_between <- function(trace, heads, entries) {
  rows <- seq_along(heads)
  between <- trace$namespace %in% "reticulate" |
    heads %in% c("call_py", "call_py_raw", ".kerasbridge$call_py", "rlang::`%||%`") |
    trace$namespace %in% "kerasbridge" & heads == "`<fn>`" # of with_self()
  for (entry in entries) {
    called <- rows[heads == "do.call" & rows > entry]
    if (length(called)) between[entry:called[[1L]]] <- TRUE
  }
  ours <- trace$namespace %in% c("base", "kerasbridge")
  failed <- rows[heads %in% signalling & ours & rows > max(0L, entries)]
  if (length(failed)) between[failed[[1L]]:length(rows)] <- TRUE
  between
}

# A frame of Python is a row whose call is its text, below the row before it.
with_python <- function(trace, entries, segments) {
  rows <- seq_len(nrow(trace))
  wanted <- length(entries) + 1L
  segments <- c(vector("list", wanted), segments)[length(segments) + seq_len(wanted)]
  segment <- rep(seq_along(segments), lengths(segments))
  before <- c(entries, nrow(trace) + 1L)[segment]
  order <- order(c(rows, before - 0.5))
  row <- c(rows, rep(0L, length(before)))[order]
  place <- match(rows, row)
  parent <- c(c(0L, place)[trace$parent + 1L], integer(length(before)))[order]
  below <- which(row == 0L | row %in% intersect(entries, before))
  parent[below] <- below - 1L
  both <- function(own, python) c(own, rep(python, length(before)))[order]
  joined <- data.frame(
    parent = parent, visible = TRUE, namespace = both(trace$namespace, NA),
    scope = both(trace$scope, NA), row = row
  )
  joined$call <- c(trace$call, lapply(unlist(segments), as.symbol))[order]
  joined
}

# The rows that are shown, each below the nearest other one that led to it.
only_shown <- function(trace, shown) {
  above <- function(parent) {
    while (parent > 0L && !shown[[parent]]) parent <- trace$parent[[parent]]
    match(parent, which(shown), 0L)
  }
  parent <- vapply(trace$parent, above, 1L)
  trace$parent <- parent
  trace[shown, ]
}

told <- function(e, failure, call) {
  structure(
    list(message = told_message(failure), call = as_written(call)),
    class = c("kerasbridge_error", class(e)),
    py_object = attr(e, "py_object")
  )
}

# As text, in documents and logs, an error is R's with its call; reticulate gives the exception
# alone.
#' @export
as.character.kerasbridge_error <- function(x, ...) paste0(cnd_message(x, prefix = TRUE), "\n")

# messages.py has told it. What it knows no rule for may be clearer from where it came.
told_message <- function(failure) {
  message <- as_r(failure$message)
  if (as_r(failure$known)) {
    return(message)
  }
  paste0(message, "\nRun `reticulate::py_last_error()` for details.")
}

# The call of a tensor's method as the user wrote it, with the generic's name: `x + y`.
as_written <- function(call) {
  if (is_call(call) && is_symbol(call[[1L]])) {
    name <- as_string(call[[1L]])
    classes <- c(
      the$tensor_classes, "numpy.ndarray", "kerasbridge_at_r", "kerasbridge_at_py",
      "keras.src.models.model.Model"
    )
    suffix <- Find(\(suffix) endsWith(name, suffix), paste0(".", classes))
    if (!is.null(suffix)) call[[1L]] <- as.symbol(substr(name, 1L, nchar(name) - nchar(suffix)))
  }
  call
}

# A warning of Python's is kept until the outermost call into Python is over, and is then R's: a
# handler of it that jumps crosses no Python, and a call that warns of nothing pays nothing.
keep_warning <- function(text) {
  frame <- entry_to_python()
  first <- is.null(the$warnings)
  the$warnings <- c(the$warnings, text)
  if (is.null(frame)) {
    signal_warnings(NULL)
  } else if (first) {
    leave <- bquote(.(signal_warnings)(quote(.(frame$call))))
    do.call(on.exit, list(leave, add = TRUE), envir = frame$env)
    # A finalizer of R's reaches no frame, and no handler sees what it signals.
    if (is.null(do.call(sys.on.exit, list(), envir = frame$env))) signal_warnings(NULL)
  }
}

signal_warnings <- function(call) {
  texts <- unique(the$warnings)
  the$warnings <- NULL
  for (text in texts) {
    warning(structure(
      list(message = text, call = as_written(call)),
      class = c("kerasbridge_warning", "warning", "condition")
    ))
  }
}

# The outermost function that has called Python, and whose call that was; `NULL` for none.
entry_to_python <- function() {
  heads <- vapply(sys.calls(), call_head, "")
  entry <- match(r_entry, heads) - 1L
  if (is.na(entry) || entry < 1L) {
    return(NULL)
  }
  callers <- c("call_py", "call_py_raw")
  user <- if (heads[[entry]] == "call_py_for") {
    sys.frame(entry)$.frame
  } else if (!heads[[entry]] %in% callers && is_ours(sys.function(entry))) {
    entry # has called C at once
  } else {
    ours <- which(heads[seq_len(entry)] %in% callers)
    if (length(ours)) sys.parents()[[max(ours)]] else 0L
  }
  list(env = sys.frame(entry), call = if (user > 0L) sys.call(user))
}

is_ours <- function(f) identical(topenv(environment(f)), topenv())

# Refuse an argument: the message names it, the call is the user's.
abort_argument <- function(message, call = caller_env(2), ..., .envir = parent.frame()) {
  call <- as_written(error_call(call))
  cli::cli_abort(message, class = "kerasbridge_error", call = call, ..., .envir = .envir)
}

# What another process sent is a list of its own, whose exception stayed there.
#' @export
`$.kerasbridge_error` <- function(x, name) {
  if (is_from_elsewhere(x)) unclass(x)[[name]] else NextMethod()
}

#' @export
`[[.kerasbridge_error` <- function(x, i, ...) {
  if (is_from_elsewhere(x)) unclass(x)[[i, ...]] else NextMethod()
}

is_from_elsewhere <- function(x) {
  inherits(x, "python.builtin.BaseException") && py_is_null_xptr(x)
}

# callr and others write into the conditions that they send: into the list that these are, not
# into Python's exception.
#' @export
`[<-.kerasbridge_error` <- function(x, i, value) {
  class <- class(x)
  x <- unclass(x)
  x[i] <- value
  structure(x, class = class)
}
