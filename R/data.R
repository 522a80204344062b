# R data on its way to Python. R says what an object is (a factor, an integer64, a Date); which
# dtype and layout it gets is the shim's.

# An argument that may be a tensor or R data. Tensors and other Python objects pass untouched.
arg_data <- function(x) {
  if (.Call(call_crosses, x)) x else pack(x, caller_arg(x), parent.frame())
}

# The same for all that came in `...`.
dots_data <- function(...) {
  dots <- .External2(call_dots)
  for (i in seq_along(dots)) {
    if (typeof(dots[[i]]) != "environment") dots[[i]] <- pack(dots[[i]], "...", parent.frame())
  }
  dots
}

pack <- function(x, arg, call) {
  if (inherits(x, "python.builtin.object")) {
    return(x)
  }
  if (is.object(x)) {
    return(pack_object(x, arg, call))
  }
  switch(typeof(x),
    double = ,
    complex = pack_array(x),
    integer = ,
    logical = pack_array(check_no_na(x, arg, call)),
    character = pack_strings(check_no_na(x, arg, call), arg, call),
    raw = pack_dim(call_py(bound$as_raw, as.raw(x)), x),
    list = lapply(x, pack, arg = arg, call = call),
    closure = x,
    abort_argument("{.arg {arg}} must be a tensor or R data, not {.obj_type_friendly {x}}.", call)
  )
}

pack_object <- function(x, arg, call) {
  if (inherits(x, c("kerasbridge_wrapper", "kerasbridge_class"))) {
    return(x)
  }
  if (inherits(x, "kerasbridge_shape")) {
    return(pack(if (is_dynamic(x)) unclass(x) else as.integer(x), arg, call))
  }
  if (is.factor(x)) {
    codes <- pack_array(check_no_na(unclass(x), arg, call))
    return(call_py_raw(bound$as_code, codes, nlevels(x)))
  }
  if (inherits(x, "integer64")) {
    return(pack_dim(call_py_raw(bound$as_integer64, as_vector_array(unclass(x)), arg), x))
  }
  if (inherits(x, c("Date", "POSIXt", "difftime"))) {
    abort_argument(c(
      "{.arg {arg}} is a {.cls {class(x)[[1]]}}, which has no tensor.",
      i = "Write the number that you mean: {.code as.numeric({arg})}."
    ), call)
  }
  if (is.data.frame(x)) {
    return(lapply(x, pack, arg = arg, call = call))
  }
  if (inherits(x, "sparseMatrix")) {
    return(pack_sparse(x))
  }
  if (isS4(x) || is.environment(x)) {
    abort_argument("{.arg {arg}} must be a tensor or R data, not {.obj_type_friendly {x}}.", call)
  }
  pack(unclass(x), arg, call)
}

# Compressed columns as triplets; symmetric, triangular and pattern matrices become general ones.
pack_sparse <- function(x) {
  for (class in c("dMatrix", "generalMatrix", "CsparseMatrix")) x <- methods::as(x, class)
  columns <- rep(seq_len(ncol(x)) - 1L, diff(x@p))
  call_py_raw(
    bound$as_sparse, as_vector_array(x@i), as_vector_array(columns), as_vector_array(x@x),
    as.list(dim(x))
  )
}

# A single number crosses as a number, everything else as an array, which NumPy sees in place.
pack_array <- function(x) {
  if (length(x) == 1L && is.null(dim(x))) {
    attributes(x) <- NULL
    return(x)
  }
  as_vector_array(x)
}

as_vector_array <- function(x) {
  if (is.null(dim(x))) {
    attributes(x) <- NULL
    dim(x) <- length(x)
  }
  x
}

pack_strings <- function(x, arg, call) {
  x <- check_text(x, arg, call)
  if (length(x) == 1L && is.null(dim(x))) x else as_vector_array(x)
}

# Packed without the sizes of `x`: a single number has none.
pack_dim <- function(packed, x) {
  if (is.null(dim(x)) && length(x) != 1L) {
    return(packed)
  }
  call_py_raw(bound$as_shaped, packed, as.list(dim(x)))
}

check_no_na <- function(x, arg, call) {
  if (anyNA(x)) {
    kind <- if (is.character(x)) "strings" else paste0(typeof(x), "s")
    abort_argument(c(
      "{.arg {arg}} has missing values, and {kind} of a tensor have none.",
      i = "Replace them, or use doubles: {.code NA} is {.code NaN} there."
    ), call)
  }
  x
}

# Strings in UTF-8. Bytes that are no text have no such.
check_text <- function(x, arg, call) {
  if (!any(Encoding(x) == "bytes")) {
    x <- enc2utf8(x)
    if (all(validUTF8(x))) {
      return(x)
    }
  }
  abort_argument("{.arg {arg}} holds bytes that are no text in UTF-8.", call)
}

# An argument that may be a function: the shim sees the R function's own name and arguments.
arg_callable <- function(f) {
  if (!is_plain_function(f)) {
    return(f)
  }
  named_callable(f, callable_name(substitute(f), parent.frame()))
}

# A function of the user's, neither Python's own nor one that stands for something of Python's.
is_plain_function <- function(f) {
  stands_for <- c("python.builtin.object", "kerasbridge_wrapper", "kerasbridge_class")
  is.function(f) && !inherits(f, stands_for)
}

# The name that the user wrote for a function.
callable_name <- function(expr, env) {
  expr <- expr_given(expr, env)
  if (is.symbol(expr)) as.character(expr) else "r_function"
}

# The expression that was given for `expr`, where that is an argument of the function around it.
expr_given <- function(expr, env) {
  if (is.symbol(expr) && exists(as.character(expr), envir = env, inherits = FALSE)) {
    given <- eval(call("substitute", expr), env)
    if (is.language(given)) expr <- given
  }
  expr
}

# A function that is registered for saving is always the same to Keras.
named_callable <- function(f, name) {
  for (known in the$registered) if (identical(known$f, f)) return(known$callable)
  if (is.primitive(f)) f <- as_closure(f) # which reticulate makes callable
  formals <- formals(args(f))
  required <- vapply(formals, \(default) identical(default, quote(expr = )), logical(1))
  call_py_raw(
    bound$callable_named, f, attr(f, "name", exact = TRUE) %||% name,
    as.list(names(formals)), as.list(unname(required))
  )
}

# A shape argument: `NA` and `NULL` are an unknown size.
arg_shape <- function(x) {
  if (is.logical(x) || (is.list(x) && !is.object(x))) as_shape(x) else x
}

# Arrays and tensors that were asked for as they are, in R's lists.
#' @exportS3Method reticulate::py_to_r
py_to_r.kerasbridge.tensors.arrays.Kept <- function(x) {
  names <- as_r(py_call(py_get_attr(x, "names")))
  lapply(set_names(names), function(name) {
    part <- py_call(py_get_attr(x, "part"), name)
    if (inherits(part, "kerasbridge.tensors.arrays.Kept")) py_to_r(part) else part
  })
}
