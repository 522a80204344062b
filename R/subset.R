# Subscripts: R captures them as they are written, the shim decides what they mean.
#
# They cross as one list: values, and a string where a subscript is not just a value: "_" empty,
# "r" a range and "s" a range with a step (their ends follow), "n" a new axis, "." the ellipsis.

#' Subscripts of tensors
#'
#' `x[...]` and `x@r[...]` select from a tensor, a variable or a NumPy array with R's rules;
#' `x@py[...]` selects with Python's. Both can be assigned to.
#'
#' With `@r`, positions count from 1 and ranges include both ends:
#'
#' | subscript | selects |
#' |---|---|
#' | `2` | one position; the dimension is dropped, unless `drop = FALSE` |
#' | `-1` | the last position (negative subscripts count from the end) |
#' | `2:5`, `2:-2`, `2:NULL`, `2:NA` | a range, both ends included; open with `NULL` or `NA` |
#' | `1:9:2`, `9:1:-2` | a range with a step |
#' | `c(1, 3)` | these positions; on several axes, every combination, as in R |
#' | a logical vector | the positions where it is true |
#' | a matrix with a column for each dimension | the elements at these coordinates |
#' | a logical array or tensor of the shape of `x` | the elements where it is true |
#' | empty | the whole dimension |
#' | `NULL` or `newaxis` | a new dimension of size 1 |
#' | `..` | as many whole dimensions as are left |
#' | a tensor of whole numbers | these positions, known only when the tensor is computed |
#'
#' Dimensions without a subscript are taken whole. A subscript of 0, one beyond the dimension,
#' and one that is not a whole number are errors.
#'
#' With `@py` the same forms follow Python: positions count from 0 and ranges leave their end
#' out.
#'
#' Assignment changes variables, torch tensors and NumPy arrays in place. A JAX array is replaced
#' by a new one. A TensorFlow constant refuses, as in Python.
#'
#' @returns A tensor of the same dtype, of the framework that `x` is of; `x@r` and `x@py` without a
#'   subscript give what takes one. An assignment gives the changed `x`. What is not a subscript is
#'   an error of class `kerasbridge_error`.
#' @name subset-tensors
#' @examplesIf can_run_keras()
#' x <- op_reshape(1:12, c(3, 4))
#' x[1, ]
#' x[-1, 2:3]
#' x@r[, 1:4:2]
#' x@py[0, ..]
NULL

#' @rdname subset-tensors
#' @export
newaxis <- NULL

# The classes of what `x@r` and `x@py` give: the tensor, waiting for its subscripts.
at_classes <- list(r = "kerasbridge_at_r", py = "kerasbridge_at_py")

refuse_at <- function(name) {
  call <- sys.call(-1L)
  abort_argument("A tensor has {.code @r} and {.code @py}, not {.code @{name}}.", call)
}

# NumPy arrays have `@r` and `@py` as well; their `[` is reticulate's.
#' @export
`@.numpy.ndarray` <- function(object, name) {
  .Call(subscripts_await, object, name, at_classes, refuse_at)
}

# But a place that reticulate has no word for makes them R's, as a tensor's are.
#' @export
`[.numpy.ndarray` <- function(x, ...) {
  if (has_marks(substitute(alist(...)))) {
    call_py(bound$subset_get, x, "r", TRUE, captured(...))
  } else {
    NextMethod()
  }
}

#' @export
`[<-.numpy.ndarray` <- function(x, ..., value) {
  if (has_marks(substitute(alist(...)))) {
    subscripts <- captured(...)
    call_py(bound$subset_set, x, "r", arg_data(value), subscripts)
  } else {
    NextMethod()
  }
}

has_marks <- function(exprs) {
  marks <- list(quote(..), quote(newaxis), quote(all_dims()), NULL)
  any(vapply(as.list(exprs)[-1L], \(expr) list(expr) %in% marks, NA))
}

#' @export
`@<-.numpy.ndarray` <- function(object, name, value) value

#' @export
`[.kerasbridge_at_r` <- function(x, ..., drop = TRUE) {
  x <- .subset2(x, 1L)
  plain <- if (missing(drop)) {
    .External2(subscripts_plain, x, substitute(alist(...)), r_selectors, r_selector)
  }
  if (is.null(plain)) call_py(bound$subset_get, x, "r", drop, captured(...)) else plain
}

#' @export
`[.kerasbridge_at_py` <- function(x, ..., drop = TRUE) {
  x <- .subset2(x, 1L)
  plain <- if (missing(drop)) {
    .External2(subscripts_plain, x, substitute(alist(...)), py_selectors, py_selector)
  }
  if (is.null(plain)) call_py(bound$subset_get, x, "py", drop, captured(...)) else plain
}

# What selects by plain subscripts that were met before: functions of a tensor, by the string that
# src/subscripts.c makes of them.
r_selectors <- new.env(parent = emptyenv())
py_selectors <- new.env(parent = emptyenv())

r_selector <- function(key) keep_selector(r_selectors, "r", key)

py_selector <- function(key) keep_selector(py_selectors, "py", key)

# Generated code can have any number of literals: all are let go then, and met anew.
keep_selector <- function(kept, counted, key) {
  if (length(kept) >= 1000L) rm(list = ls(kept, all.names = TRUE), envir = kept)
  kept[[key]] <- call_py(bound$subset_selector, counted, key)
}

#' @export
`[<-.kerasbridge_at_r` <- function(x, ..., value) {
  subscripts <- captured(...)
  call_py(bound$subset_set, .subset2(x, 1L), "r", arg_data(value), subscripts)
}

#' @export
`[<-.kerasbridge_at_py` <- function(x, ..., value) {
  subscripts <- captured(...)
  call_py(bound$subset_set, .subset2(x, 1L), "py", arg_data(value), subscripts)
}

# The subscripts in `...`, evaluated as far as R can. A call may hold values in place of code, as
# do.call() makes it, and each argument has its own environment, as in lapply(tensors, `[`, i).
captured <- function(...) {
  exprs <- substitute(alist(...))
  parts <- list()
  i <- 1L
  while (i < length(exprs)) {
    if (identical(exprs[[i + 1L]], quote(expr = ))) {
      parts <- c(parts, "_")
      i <- i + 1L
      next
    }
    expr <- exprs[[i + 1L]]
    if (is.numeric(expr) && length(expr) == 1L && !is.object(expr)) {
      parts <- c(parts, expr)
    } else if (is_range(expr)) {
      parts <- c(parts, captured_range(expr, quote_env(expr, i, ...)))
    } else if (is_ellipsis(expr)) {
      parts <- c(parts, ".")
    } else {
      value <- ...elt(i)
      call <- sys.call(sys.parent())
      parts <- c(parts, if (is.null(value)) "n" else list(subscript_value(value, call)))
    }
    i <- i + 1L
  }
  parts
}

is_ellipsis <- function(expr) {
  identical(expr, quote(..)) || identical(expr, quote(...)) || identical(expr, quote(all_dims()))
}

# Where the i-th argument in `...` was written; a range of literal numbers needs no such place.
quote_env <- function(expr, i, ...) {
  if (is.numeric(expr[[2L]]) && is.numeric(expr[[3L]])) baseenv() else env_of(i, ...)
}

# enquos() would do the same, and takes longer than all the rest.
env_of <- function(i, arg, ...) if (i == 1L) quo_get_env(enquo(arg)) else env_of(i - 1L, ...)

# `1:9:2` parses as `(1:9):2`.
captured_range <- function(expr, env) {
  end <- function(expr) open_end(eval(expr, env))
  first <- expr[[2L]]
  if (is_range(first)) {
    list("s", end(first[[2L]]), end(first[[3L]]), end(expr[[3L]]))
  } else {
    list("r", end(first), end(expr[[3L]]))
  }
}

# A missing end is an open one.
open_end <- function(end) if (is.atomic(end) && length(end) == 1L && is.na(end)) NULL else end

is_range <- function(expr) is.call(expr) && identical(expr[[1L]], quote(`:`))

subscript_value <- function(value, call) {
  if (is.character(value)) {
    abort_argument("A subscript must be whole numbers or logical, not strings.", call)
  }
  if (typeof(value) == "environment") value else pack(value, "subscript", call)
}
