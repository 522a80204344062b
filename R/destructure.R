#' Assign several values at once
#'
#' `.[a, b] <- value` takes the elements of a list, tuple, vector or shape apart and assigns
#' each to a name of its own.
#'
#' * An empty slot skips a value: `.[a, , c] <- value`.
#' * A nested pattern takes a nested value apart: `.[loss, .[grads, aux]] <- value`.
#' * `..` takes any number of values that no other slot takes, and drops them.
#'
#' The number of slots and of values must agree, unless one slot is `..`.
#'
#' @returns The assigned names hold their values in the calling frame.
#' @examples
#' .[train, test] <- list(1:3, 4:5)
#' train
#'
#' .[first, , .[x, y], ..] <- list("a", "skipped", c(1, 2), "more", "values")
#' y
#' @name destructure
#' @aliases .
#' @export
. <- structure(list(), class = "kerasbridge_destructurer")

#' @export
print.kerasbridge_destructurer <- function(x, ...) {
  cat("Assign several values at once: .[a, b] <- list(1, 2)\n")
  invisible(x)
}

#' @export
`[<-.kerasbridge_destructurer` <- function(x, ..., value) {
  pattern <- as.list(substitute(list(...)))[-1L]
  assign_pattern(pattern, value, parent.frame(), current_call())
  x
}

# R leaves a `.` in the calling frame after `.[…] <- value`: it is this object, and works again.
assign_pattern <- function(pattern, value, env, call) {
  values <- destructured(value)
  slots <- seq_along(pattern)
  rest <- which(vapply(pattern, identical, logical(1), quote(..)))
  check_lengths(length(pattern), length(values), rest, call)
  if (length(rest) == 1L) {
    after <- length(pattern) - rest
    taken <- c(seq_len(rest - 1L), NA, length(values) - rev(seq_len(after)) + 1L)
  } else {
    taken <- slots
  }
  named <- slots[!vapply(pattern, identical, logical(1), quote(expr = ))]
  for (slot in setdiff(named, rest)) {
    assign_slot(pattern[[slot]], values[[taken[[slot]]]], env, call)
  }
}

assign_slot <- function(target, value, env, call) {
  if (is.call(target) && identical(target[[1L]], quote(`[`)) && identical(target[[2L]], quote(.))) {
    return(assign_pattern(as.list(target)[-(1:2)], value, env, call))
  }
  if (is.symbol(target) || is.character(target)) {
    return(assign(as.character(target), value, envir = env))
  }
  eval(call("<-", target, call("quote", value)), env)
}

check_lengths <- function(slots, values, rest, call) {
  if (length(rest) > 1L) {
    abort("Only one slot can be `..`.", class = "kerasbridge_error", call = call)
  }
  enough <- if (length(rest) == 1L) values >= slots - 1L else values == slots
  if (!enough) {
    wanted <- slots - length(rest)
    least <- if (length(rest)) "at least "
    abort_argument("Cannot take {values} value{?s} apart into {least}{wanted} name{?s}.", call)
  }
}

# The elements that can be assigned to names of their own.
destructured <- function(value) {
  if (inherits(value, "kerasbridge_shape")) {
    return(unclass(value))
  }
  if (inherits(value, "python.builtin.object")) {
    return(iterate(value))
  }
  as.list(value)
}
