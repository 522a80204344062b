# What R's own functions do with tensors: one set of methods for the tensors and variables of
# every framework, registered when the framework is loaded (see register_tensor_methods()).

binary_operators <- c(
  "+", "-", "*", "/", "^", "%%", "%/%", "%*%", "==", "!=", "<", "<=", ">", ">=", "&", "|"
)

math_functions <- c(
  "abs", "sign", "sqrt", "exp", "log1p", "expm1", "floor", "ceiling", "trunc",
  "cos", "sin", "tan", "cosh", "sinh", "tanh", "acos", "asin", "atan", "acosh", "asinh", "atanh",
  "cumsum", "cumprod", "Re", "Im", "Mod", "Arg", "Conj", "is.finite", "is.infinite", "is.nan"
)

summary_functions <- c("sum", "prod", "max", "min", "any", "all", "mean")

# Is `x` a tensor or variable of a framework (NumPy's arrays are not: they keep their methods)?
is_tensor <- function(x) inherits(x, the$tensor_classes)

# Method name -> function, for every tensor class.
tensor_methods <- function() {
  binary <- sapply(setdiff(binary_operators, "-"), binary_method, simplify = FALSE)
  c(
    binary,
    sapply(math_functions, math_method, simplify = FALSE),
    sapply(summary_functions, summary_method, simplify = FALSE),
    other_tensor_methods
  )
}

binary_method <- function(operator) {
  function_of <- function(e1, e2) NULL
  body(function_of) <- bquote({
    if (missing(e2)) e1 else call_py(.(as.name("binary"))[[.(operator)]], arg_data(e1), arg_data(e2))
  })
  names(formals(function_of)) <- if (operator == "%*%") c("x", "y") else c("e1", "e2")
  if (operator == "%*%") {
    body(function_of) <- quote(call_py(binary[["%*%"]], arg_data(x), arg_data(y)))
  }
  environment(function_of) <- environment(binary_method)
  function_of
}

# The operators' Python functions, each looked up once.
binary <- new.env(parent = emptyenv())

fill_binary <- function() {
  bind_later <- function(operator) {
    delayedAssign(operator, py_call(bound$tensor_binary, operator), assign.env = binary)
  }
  for (operator in binary_operators) bind_later(operator)
}

math_method <- function(name) {
  force(name)
  function(x, ...) call_py(bound$tensor_math, name, x)
}

# Over all elements; with `axis`, counted from 1, over these.
summary_method <- function(name) {
  force(name)
  function(x, ..., axis = NULL, keepdims = FALSE, na.rm = FALSE) {
    if (isTRUE(na.rm)) {
      abort_argument(c(
        "{.code na.rm = TRUE} has no meaning for a tensor.",
        i = "See {.code op_nansum()} and its relatives."
      ), current_call())
    }
    call_py(bound$tensor_math, name, x, axis, keepdims, ...)
  }
}

other_tensor_methods <- list(
  "-" = function(e1, e2) {
    if (missing(e2)) {
      return(call_py(bound$tensor_negative, e1))
    }
    call_py(binary[["-"]], arg_data(e1), arg_data(e2))
  },
  "!" = function(x) call_py(bound$tensor_not, x),
  log = function(x, base = exp(1)) {
    if (missing(base)) call_py(bound$tensor_math, "log", x) else log(x) / log(base)
  },
  log2 = function(x) call_py(bound$tensor_math, "log2", x),
  log10 = function(x) call_py(bound$tensor_math, "log10", x),
  round = function(x, digits = 0, ...) call_py(bound$tensor_math, "round", x, digits),
  range = function(x, ..., na.rm = FALSE) {
    c(as.vector(call_py(bound$tensor_math, "min", x)), as.vector(call_py(bound$tensor_math, "max", x)))
  },
  t = function(x) call_py(bound$tensor_math, "t", x),
  aperm = function(a, perm = NULL, ...) call_py(bound$tensor_math, "aperm", a, perm),
  dim = function(x) call_py(bound$tensor_dim, x) |> dim_of_sizes(),
  length = function(x) {
    sizes <- dim_of_sizes(call_py(bound$tensor_dim, x))
    if (length(sizes)) as.integer(prod(sizes)) else 1L
  },
  as.array = function(x, ...) call_py(bound$tensor_to_r, x) |> as_r(),
  as.matrix = function(x, ...) as.matrix(as.array(x)),
  as.vector = function(x, mode = "any") as.vector(as.array(x), mode),
  as.numeric = function(x, ...) as.double(as.array(x)),
  as.double = function(x, ...) as.double(as.array(x)),
  as.integer = function(x, ...) as.integer(as.array(x)),
  as.logical = function(x, ...) as.logical(as.array(x)),
  as.character = function(x, ...) as.character(as.array(x)),
  format = function(x, ...) py_repr_of(x),
  print = function(x, ...) {
    cat(py_repr_of(x), "\n", sep = "")
    invisible(x)
  },
  str = function(object, ...) {
    sizes <- format(as_shape(call_py(bound$tensor_dim, object)))
    cat(" <", class(object)[[1L]], " ", sizes, ">\n", sep = "")
  },
  all.equal = function(target, current, ...) all.equal(plain(target), plain(current), ...),
  chooseOpsMethod = function(x, y, mx, my, cl, reverse) TRUE,
  "[" = function(x, ..., drop = TRUE) subset_tensor(x, "r", enquos_of(...), parent.frame(), drop),
  "[<-" = function(x, ..., value) {
    assign_subset(x, "r", enquos_of(...), parent.frame(), value)
  },
  "@" = function(object, name) subsettable(object, name),
  "@<-" = function(object, name, value) value
)

plain <- function(x) if (is_tensor(x)) as.array(x) else x

# Python's own representation, as the framework prints it.
py_repr_of <- function(x) py_repr(x)

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
    for (generic in names(methods)) {
      registerS3method(generic, class, methods[[generic]], envir = asNamespace("kerasbridge"))
    }
  }
}
