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
#' | `2:5`, `2:-2`, `2:NULL` | a range, both ends included |
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

# What `x@r` and `x@py` give: the tensor, waiting for its subscripts.
subsettable <- function(object, name, call = sys.call(-1L)) {
  waiting <- list(object)
  class(waiting) <- switch(name,
    r = "kerasbridge_at_r",
    py = "kerasbridge_at_py",
    abort_argument("A tensor has {.code @r} and {.code @py}, not {.code @{name}}.", call)
  )
  waiting
}

# NumPy arrays have no other method from here: their `[` is reticulate's.
#' @export
`@.numpy.ndarray` <- function(object, name) subsettable(object, name)

#' @export
`@<-.numpy.ndarray` <- function(object, name, value) value

#' @export
`[.kerasbridge_at_r` <- function(x, ..., drop = TRUE) {
  exprs <- substitute(alist(...))
  call_py(bound$subset_get, .subset2(x, 1L), "r", drop, captured(exprs, parent.frame()))
}

#' @export
`[.kerasbridge_at_py` <- function(x, ..., drop = TRUE) {
  exprs <- substitute(alist(...))
  call_py(bound$subset_get, .subset2(x, 1L), "py", drop, captured(exprs, parent.frame()))
}

#' @export
`[<-.kerasbridge_at_r` <- function(x, ..., value) {
  exprs <- substitute(alist(...))
  subscripts <- captured(exprs, parent.frame())
  call_py(bound$subset_set, .subset2(x, 1L), "r", arg_data(value), subscripts)
}

#' @export
`[<-.kerasbridge_at_py` <- function(x, ..., value) {
  exprs <- substitute(alist(...))
  subscripts <- captured(exprs, parent.frame())
  call_py(bound$subset_set, .subset2(x, 1L), "py", arg_data(value), subscripts)
}

# The subscripts in a call of alist(), evaluated as far as R can.
captured <- function(exprs, env, call = sys.call(-1L)) {
  parts <- list()
  i <- 1L
  while (i < length(exprs)) {
    i <- i + 1L
    if (identical(exprs[[i]], quote(expr = ))) {
      parts <- c(parts, "_")
    } else if (is.numeric(exprs[[i]])) {
      parts <- c(parts, exprs[[i]])
    } else {
      parts <- c(parts, captured_part(exprs[[i]], env, call))
    }
  }
  parts
}

captured_part <- function(expr, env, call) {
  if (is_range(expr)) {
    # `1:9:2` parses as `(1:9):2`
    first <- expr[[2L]]
    if (!is_range(first)) {
      return(list("r", eval(first, env), eval(expr[[3L]], env)))
    }
    return(list("s", eval(first[[2L]], env), eval(first[[3L]], env), eval(expr[[3L]], env)))
  }
  if (
    identical(expr, quote(..)) || identical(expr, quote(...)) || identical(expr, quote(all_dims()))
  ) {
    return(".")
  }
  value <- eval(expr, env)
  if (is.null(value)) "n" else list(subscript_value(value, call))
}

is_range <- function(expr) is.call(expr) && identical(expr[[1L]], quote(`:`))

subscript_value <- function(value, call) {
  if (is.character(value)) {
    abort_argument("A subscript must be whole numbers or logical, not strings.", call)
  }
  if (typeof(value) == "environment") value else pack(value, "subscript", call)
}
