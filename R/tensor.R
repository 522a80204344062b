# What R's own functions do with tensors: one set of methods for the tensors and variables of
# every framework, registered when the framework is loaded (see register_tensor_methods()).

binary_operators <- c(
  "+", "-", "*", "/", "^", "%%", "%/%", "%*%", "==", "!=", "<", "<=", ">", ">=", "&", "|"
)

math_functions <- c(
  "abs", "sign", "sqrt", "exp", "log1p", "expm1", "floor", "ceiling", "trunc",
  "cos", "sin", "tan", "cosh", "sinh", "tanh", "acos", "asin", "atan", "acosh", "asinh", "atanh",
  "cumsum", "cumprod", "Re", "Im", "Mod", "Arg", "Conj", "is.finite", "is.infinite",
  "is.nan", "is.na"
)

summary_functions <- c("sum", "prod", "max", "min", "any", "all", "mean")

# Is `x` a tensor or variable of a framework? NumPy's arrays are only when Keras runs on NumPy.
is_tensor <- function(x) inherits(x, the$tensor_classes)

# Method name -> function, for every tensor class.
tensor_methods <- function() {
  c(
    sapply(binary_operators, binary_method, simplify = FALSE),
    sapply(math_functions, math_method, simplify = FALSE),
    sapply(summary_functions, summary_method, simplify = FALSE),
    other_tensor_methods
  )
}

# Python's side of each operator and function, looked up once.
operators <- new.env(parent = emptyenv())

fill_operators <- function() {
  bind_later <- function(name) {
    delayedAssign(name, py_call(bound$tensor_operator, name), assign.env = operators)
  }
  others <- c("negative", "!", "log", "log2", "log10", "round", "t", "aperm")
  for (name in c(binary_operators, math_functions, summary_functions, others)) bind_later(name)
}

# The bodies name their operator, so that a call looks nothing up but its function.
binary_method <- function(name) {
  call <- bquote(call_py(operators[[.(name)]], arg_data(e1), arg_data(e2))) |> in_one_call()
  if (name == "+") call <- bquote(if (missing(e2)) e1 else .(call))
  if (name == "-") {
    call <- bquote(if (missing(e2)) .External(call_python, operators$negative, e1) else .(call))
  }
  new_function(pairlist2(e1 = , e2 = ), call, topenv())
}

math_method <- function(name) {
  call <- bquote(.External(call_python, operators[[.(name)]], x))
  new_function(pairlist2(x = , ... = ), call, topenv())
}

# Over all elements; with `axis`, counted from 1, over these.
summary_method <- function(name) {
  call <- bquote({
    if (!is.logical(na.rm) || is.na(na.rm) || na.rm) refuse_na_rm(current_call())
    if (missing(axis) && missing(keepdims) && missing(...)) {
      .External(call_python, operators[[.(name)]], x)
    } else {
      call_py(operators[[.(name)]], x, axis, keepdims, ...)
    }
  })
  formals <- pairlist2(x = , ... = , axis = NULL, keepdims = FALSE, na.rm = FALSE)
  new_function(formals, call, topenv())
}

refuse_na_rm <- function(call) {
  abort_argument(c(
    "{.arg na.rm} must be {.code FALSE}: {.code na.rm = TRUE} has no meaning for a tensor.",
    i = "See {.code op_nansum()} and its relatives."
  ), call)
}

other_tensor_methods <- list(
  "!" = function(x) call_py(operators$`!`, x),
  log = function(x, base = exp(1)) {
    if (missing(base)) call_py(operators$log, x) else log(x) / log(base)
  },
  log2 = function(x) call_py(operators$log2, x),
  log10 = function(x) call_py(operators$log10, x),
  round = function(x, digits = 0, ...) call_py(operators$round, x, digits),
  range = function(x, ..., na.rm = FALSE) {
    c(as.vector(call_py(operators$min, x)), as.vector(call_py(operators$max, x)))
  },
  t = function(x) call_py(operators$t, x),
  aperm = function(a, perm = NULL, ...) call_py(operators$aperm, a, perm),
  dim = function(x) call_py(bound$tensor_dim, x) |> dim_of_sizes(),
  length = function(x) {
    sizes <- dim_of_sizes(call_py(bound$tensor_dim, x))
    if (length(sizes)) as.integer(prod(sizes)) else 1L
  },
  as.array = function(x, ...) {
    values <- as_r(call_py(bound$tensor_to_r, x))
    # R has no array without dimensions: a number stands for it.
    if (length(values) == 1L && !length(dim(x))) dim(values) <- NULL
    values
  },
  as.matrix = function(x, ...) as.matrix(as.array(x)),
  as.vector = function(x, mode = "any") as.vector(as.array(x), mode),
  as.numeric = function(x, ...) as.double(as.array(x)),
  as.double = function(x, ...) as.double(as.array(x)),
  as.integer = function(x, ...) as.integer(as.array(x)),
  as.logical = function(x, ...) as.logical(as.array(x)),
  as.character = function(x, ...) as.character(as.array(x)),
  format = function(x, ...) {
    if (py_is_null_xptr(x)) shown_pointer(x) else call_py(bound$tensor_shown, x)
  },
  print = function(x, ...) {
    cat(format(x), "\n", sep = "")
    invisible(x)
  },
  str = function(object, ...) {
    if (py_is_null_xptr(object)) {
      return(print_pointer(object))
    }
    sizes <- format(as_shape(call_py(bound$tensor_dim, object)))
    cat(" <", class(object)[[1L]], " ", sizes, ">\n", sep = "")
  },
  all.equal = function(target, current, ...) all.equal(plain(target), plain(current), ...),
  chooseOpsMethod = function(x, y, mx, my, cl, reverse) TRUE,
  "[" = function(x, ..., drop = TRUE) {
    plain <- if (missing(drop)) {
      .External2(subscripts_plain, x, substitute(alist(...)), r_selectors, r_selector)
    }
    if (is.null(plain)) call_py(bound$subset_get, x, "r", drop, captured(...)) else plain
  },
  "[<-" = function(x, ..., value) {
    subscripts <- captured(...)
    call_py(bound$subset_set, x, "r", arg_data(value), subscripts)
  },
  "@" = function(object, name) .Call(subscripts_await, object, name, at_classes, refuse_at),
  "@<-" = function(object, name, value) value
)

plain <- function(x) {
  if (is_tensor(x)) as.array(x) else if (inherits(x, "numpy.ndarray")) as_r(x) else x
}

# reticulate has none, and for R any two of its objects are equal.
#' @export
all.equal.numpy.ndarray <- function(target, current, ...) {
  all.equal(plain(target), plain(current), ...)
}

# What image_load() gives.
#' @export
as.array.PIL.Image.Image <- function(x, ...) as_r(call_py(bound$tensor_to_r, x))

# Sizes as R's dim(): NULL for a scalar, NA for a size that is not known.
dim_of_sizes <- function(sizes) {
  if (length(sizes) == 0L) {
    return(NULL)
  }
  vapply(sizes, \(size) if (is.null(size)) NA_integer_ else as.integer(size), integer(1))
}

as_r <- function(x) if (inherits(x, "python.builtin.object")) py_to_r(x) else x

# Called when a framework has been imported, by R or by Python.
register_tensor_methods <- function(module) {
  classes <- call_py(bound$tensor_classes, module)
  the$tensor_classes <- union(the$tensor_classes, classes)
  methods <- tensor_methods()
  for (class in classes) {
    for (generic in setdiff(names(methods), if (class == "numpy.ndarray") c("[", "[<-"))) {
      registerS3method(generic, class, methods[[generic]], envir = asNamespace("kerasbridge"))
    }
  }
  for (class in call_py(bound$size_classes, module)) {
    for (generic in c(binary_operators, "chooseOpsMethod")) {
      registerS3method(generic, class, methods[[generic]], envir = asNamespace("kerasbridge"))
    }
  }
}
