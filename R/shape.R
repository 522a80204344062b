#' Shape of a tensor
#'
#' `shape()` writes the sizes of a tensor's dimensions. It becomes a tuple of whole numbers
#' wherever a Python function gets it, so that no `L` and no `tuple()` is needed.
#'
#' While a function is traced, a size may be known only when it runs: `op_shape(x)[[1]]` is then
#' the framework's own value for it. It can be computed with, and be part of a shape, as a number
#' can. Printed it is `NA`. Of a symbolic tensor, such as `keras_input(4)`, nobody knows it: `NULL`.
#'
#' @param ... Sizes: whole numbers, `NA` or `NULL` for a size that is not known, a size as a scalar
#'   tensor, vectors of these, other shapes, or a tensor with dimensions, whose sizes it stands for.
#'
#' @returns An object of class `kerasbridge_shape`: a list with a size for each dimension, an
#'   integer, `NULL`, or the framework's value. It can be subset, compared with `==`, destructured
#'   with `.[a, b] <-`, and turned into numbers with `as.integer()` (an unknown size is `NA`) or
#'   `prod()`.
#' @examples
#' s <- shape(NA, 28, 28)
#' s
#' s[2]
#' prod(s[-1])
#' as.integer(s)
#' @export
shape <- function(...) {
  sizes <- lapply(list2(...), shape_sizes, call = current_env())
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
  if (is_py_object(x)) {
    sizes <- call_py(bound$shape_sizes, x)
    if (is.null(sizes)) {
      abort_argument("A shape holds whole numbers, not {.obj_type_friendly {x}}.", call)
    }
    return(sizes)
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
  vapply(unclass(x), \(size) if (is.integer(size)) size else NA_integer_, integer(1))
}

# Is a size known only when the traced function runs?
is_dynamic <- function(shape) any(vapply(unclass(shape), is_py_object, logical(1)))

#' @export
as.double.kerasbridge_shape <- function(x, ...) as.double(as.integer(x))

#' @export
as.list.kerasbridge_shape <- function(x, ...) unclass(x)

# What torch and TensorFlow have for `x$shape`; on JAX it is a list.
framework_shapes <- c("torch.Size", "tensorflow.python.framework.tensor_shape.TensorShape")

#' @export
as.list.torch.Size <- function(x, ...) as.list(as_shape(x))

#' @export
as.list.tensorflow.python.framework.tensor_shape.TensorShape <- as.list.torch.Size

# reticulate has a method for them too.
#' @exportS3Method base::chooseOpsMethod
chooseOpsMethod.kerasbridge_shape <- function(x, y, mx, my, cl, reverse) {
  inherits(y, framework_shapes)
}

#' @export
c.kerasbridge_shape <- function(...) shape(...)

#' @export
Ops.kerasbridge_shape <- function(e1, e2) {
  if (!.Generic %in% c("==", "!=")) {
    if (is_dynamic(as_shape(e1)) || is_dynamic(as_shape(e2))) {
      results <- Map(match.fun(.Generic), as.list(e1), as.list(e2))
      return(if (length(results) == 1L) results[[1L]] else results)
    }
    sizes <- lapply(list(e1, e2), \(e) if (inherits(e, "kerasbridge_shape")) as.integer(e) else e)
    return(do.call(.Generic, sizes))
  }
  same <- identical(as.integer(as_shape(e1)), as.integer(as_shape(e2)))
  if (.Generic == "==") same else !same
}

#' @export
Summary.kerasbridge_shape <- function(..., na.rm = FALSE) {
  combine <- switch(.Generic, prod = `*`, sum = `+`, max = op_maximum, min = op_minimum)
  if (!is.null(combine) && is_dynamic(c(...))) {
    return(Reduce(combine, unclass(c(...))))
  }
  sizes <- unlist(lapply(list(...), as.integer))
  do.call(.Generic, list(as.double(sizes), na.rm = na.rm))
}

# reticulate calls this wherever a shape meets Python.
#' @exportS3Method reticulate::r_to_py
r_to_py.kerasbridge_shape <- function(x, convert = FALSE) {
  do.call(tuple, c(unclass(x), list(convert = convert)))
}
