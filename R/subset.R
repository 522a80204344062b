# Subscripts: R captures them as they are written, the shim decides what they mean.
#
# Each subscript crosses as one letter of a code and the values that belong to it:
# `_` empty, `v` a value, `r` a range (start, stop), `s` a range with a step, `n` a new axis,
# `.` the ellipsis.

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
subsettable <- function(object, name) {
  style <- if (is.character(name)) name else as.character(name)
  if (!style %in% c("r", "py")) {
    abort_argument("A tensor has {.code @r} and {.code @py}, not {.code @{style}}.", caller_call())
  }
  structure(list(object), class = if (style == "r") "kerasbridge_at_r" else "kerasbridge_at_py")
}

caller_call <- function() sys.call(-2L)

#' @export
`[.kerasbridge_at_r` <- function(x, ..., drop = TRUE) {
  subset_tensor(.subset2(x, 1L), "r", enquos_of(...), parent.frame(), drop)
}

#' @export
`[.kerasbridge_at_py` <- function(x, ..., drop = TRUE) {
  subset_tensor(.subset2(x, 1L), "py", enquos_of(...), parent.frame(), drop)
}

#' @export
`[<-.kerasbridge_at_r` <- function(x, ..., value) {
  assign_subset(.subset2(x, 1L), "r", enquos_of(...), parent.frame(), value)
}

#' @export
`[<-.kerasbridge_at_py` <- function(x, ..., value) {
  assign_subset(.subset2(x, 1L), "py", enquos_of(...), parent.frame(), value)
}

# The expressions in `...`, empty ones included.
enquos_of <- function(...) as.list(substitute(alist(...)))[-1L]

subset_tensor <- function(x, style, exprs, env, drop = TRUE) {
  subscripts <- captured(exprs, env)
  do.call(
    call_py,
    c(list(bound$subset_get, x, style, subscripts$code, drop), subscripts$values),
    quote = TRUE
  )
}

assign_subset <- function(x, style, exprs, env, value) {
  subscripts <- captured(exprs, env)
  do.call(
    call_py,
    c(list(bound$subset_set, x, style, subscripts$code, arg_data(value)), subscripts$values),
    quote = TRUE
  )
}

# Subscripts as a code and their values.
captured <- function(exprs, env) {
  code <- character(length(exprs))
  values <- vector("list", length(exprs))
  for (i in seq_along(exprs)) {
    if (identical(exprs[[i]], quote(expr = ))) {
      code[[i]] <- "_"
      next
    }
    expr <- exprs[[i]]
    if (is.numeric(expr)) {
      code[[i]] <- "v"
      values[[i]] <- list(expr)
    } else if (is.call(expr) && identical(expr[[1L]], quote(`:`))) {
      ends <- range_ends(expr)
      code[[i]] <- if (length(ends) == 2L) "r" else "s"
      values[[i]] <- lapply(ends, eval, env)
    } else if (identical(expr, quote(..)) || identical(expr, quote(...))) {
      code[[i]] <- "."
    } else {
      value <- eval(expr, env)
      code[[i]] <- if (is.null(value)) "n" else "v"
      values[i] <- list(if (!is.null(value)) list(subscript_value(value)))
    }
  }
  list(code = paste(code, collapse = ""), values = unlist(values, recursive = FALSE))
}

# `1:9:2` parses as `(1:9):2`.
range_ends <- function(expr) {
  left <- expr[[2L]]
  if (is.call(left) && identical(left[[1L]], quote(`:`))) {
    list(left[[2L]], left[[3L]], expr[[3L]])
  } else {
    list(left, expr[[3L]])
  }
}

subscript_value <- function(value) {
  if (typeof(value) == "environment") value else pack(value, "subscript", caller_env(4))
}
