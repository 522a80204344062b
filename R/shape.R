#' Shape of a tensor
#'
#' `shape()` writes the sizes of a tensor's dimensions. It becomes a tuple of whole numbers
#' wherever a Python function gets it, so that no `L` and no `tuple()` is needed.
#'
#' @param ... Sizes: whole numbers, `NA` or `NULL` for a size that is not known, vectors of
#'   these, other shapes, or one tensor, whose shape it then is.
#'
#' @returns An object of class `kerasbridge_shape`: a list with an integer or `NULL` for each
#'   dimension. It can be subset, compared with `==`, destructured with `.[a, b] <-`, and
#'   turned into numbers with `as.integer()` (an unknown size is `NA`) or `prod()`.
#' @examples
#' s <- shape(NA, 28, 28)
#' s
#' s[2]
#' prod(s[-1])
#' as.integer(s)
#' @export
shape <- function(...) {
  sizes <- lapply(list(...), shape_sizes, call = current_env())
  new_shape(unlist(sizes, recursive = FALSE))
}

new_shape <- function(sizes) structure(as.list(sizes), class = "kerasbridge_shape")

shape_sizes <- function(x, call) {
  if (is.null(x)) {
    return(list(NULL))
  }
  if (inherits(x, "kerasbridge_shape")) {
    return(unclass(x))
  }
  if (is_tensor(x)) {
    return(shape_sizes(call_py(bound$tensor_dim, x), call))
  }
  if (is.list(x)) {
    return(unlist(lapply(x, shape_sizes, call = call), recursive = FALSE))
  }
  if (!is.numeric(x) && !(is.logical(x) && all(is.na(x)))) {
    abort_argument("A shape holds whole numbers, not {.obj_type_friendly {x}}.", call)
  }
  whole <- is.na(x) | (x == round(x) & x >= -1 & x <= .Machine$integer.max)
  if (!all(whole)) {
    abort_argument(
      "A shape holds whole numbers from 0, or {.code NA}: not {.val {x[!whole][[1]]}}.", call
    )
  }
  lapply(x, \(size) if (is.na(size) || size == -1) NULL else as.integer(size))
}

# Results that are shapes, and shape arguments.
as_shape <- function(x) {
  if (inherits(x, "kerasbridge_shape")) x else new_shape(shape_sizes(x, caller_env()))
}

#' @export
format.kerasbridge_shape <- function(x, ...) {
  sizes <- as.integer(x)
  paste0("shape(", paste(ifelse(is.na(sizes), "NA", sizes), collapse = ", "), ")")
}

#' @export
print.kerasbridge_shape <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}

#' @export
`[.kerasbridge_shape` <- function(x, i) new_shape(unclass(x)[i])

#' @export
as.integer.kerasbridge_shape <- function(x, ...) {
  vapply(unclass(x), \(size) if (is.null(size)) NA_integer_ else size, integer(1))
}

#' @export
as.double.kerasbridge_shape <- function(x, ...) as.double(as.integer(x))

#' @export
as.list.kerasbridge_shape <- function(x, ...) unclass(x)

#' @export
c.kerasbridge_shape <- function(...) shape(...)

#' @export
Ops.kerasbridge_shape <- function(e1, e2) {
  if (!.Generic %in% c("==", "!=")) {
    sizes <- lapply(list(e1, e2), \(e) if (inherits(e, "kerasbridge_shape")) as.integer(e) else e)
    return(do.call(.Generic, sizes))
  }
  same <- identical(as.integer(as_shape(e1)), as.integer(as_shape(e2)))
  if (.Generic == "==") same else !same
}

#' @export
Summary.kerasbridge_shape <- function(..., na.rm = FALSE) {
  sizes <- unlist(lapply(list(...), as.integer))
  do.call(.Generic, list(as.double(sizes), na.rm = na.rm))
}

# reticulate calls this wherever a shape meets Python.
#' @exportS3Method reticulate::r_to_py
r_to_py.kerasbridge_shape <- function(x, convert = FALSE) {
  do.call(tuple, c(unclass(x), list(convert = convert)))
}
