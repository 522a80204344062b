# Python classes whose methods are R functions. R captures the functions; classes.py builds.

#' Define a Python class in R
#'
#' `Name(Base, ...) %py_class% { ... }` defines a Python class and assigns it to `Name`. The
#' functions of the body are its methods, with `self` as first argument; other values are class
#' attributes. A string at the start of the body is the class's documentation.
#'
#' In a method, `super()$method()` calls the parent's method. `initialize` is another name for
#' `__init__`.
#'
#' @param spec The name of the class, called with its base classes: `LinearModel(torch$nn$Module)`.
#' @param body The methods and attributes, in braces.
#'
#' @returns The Python class, invisibly. Call it to make an object.
#' @examplesIf can_run_keras()
#' Counter() %py_class% {
#'   "Counts."
#'   initialize <- function(self, start = 0) self$n <- start
#'   up <- function(self, by = 1) {
#'     self$n <- self$n + by
#'     self$n
#'   }
#' }
#' counter <- Counter(10)
#' counter$up(5)
#' @export
`%py_class%` <- function(spec, body) {
  spec <- substitute(spec)
  env <- parent.frame()
  name <- as.character(if (is.call(spec)) spec[[1L]] else spec)
  bases <- if (is.call(spec)) lapply(as.list(spec)[-1L], eval, env) else list()
  captured <- class_body(substitute(body), env)
  definition <- new_definition(
    name, bases, captured$members, env,
    doc = captured$doc, explicit_self = TRUE
  )
  class <- class_of(definition)
  assign(name, class, envir = env)
  invisible(class)
}

# The definitions in a class body, evaluated in an environment of their own.
class_body <- function(body, env) {
  members <- new.env(parent = env)
  statements <- if (is_call(body, "{")) as.list(body)[-1L] else list(body)
  doc <- if (length(statements) && is.character(statements[[1L]])) statements[[1L]]
  for (statement in statements) eval(statement, members)
  defined <- as.list(members, all.names = TRUE, sorted = TRUE)
  list(members = defined, doc = doc)
}

#' Define a Keras layer in R
#'
#' `new_layer_class()` makes a layer from R functions. The result is used like any `layer_*()`:
#' piped into, called on tensors, or as a layer object.
#'
#' In every method, `self` is the layer, and `super$method()` calls the method of the parent class
#' (`super$initialize()` the constructor). R code runs while Keras traces the layer; the compiled
#' model runs without it.
#'
#' @param classname Name of the class, as Keras reports it, such as `"SimpleDense"`.
#' @param initialize Function that stores the layer's options in `self`. It should call
#'   `super$initialize(...)`.
#' @param call Function of the inputs that computes the outputs. It may have arguments `training`
#'   and `mask`.
#' @param build Function of the input's shape that creates the weights, with `self$add_weight()`.
#' @param get_config Function that gives the named list of options from which the layer can be
#'   made again.
#' @param ... Further methods and attributes.
#' @param inherit The parent class: a Keras class, or what another `new_*_class()` gave. By default
#'   `keras$layers$Layer`.
#' @param parent_env The environment in which the methods are evaluated.
#'
#' @returns A function with the arguments of `initialize`, after a first argument `object` to
#'   compose with.
#' @examplesIf can_run_keras()
#' layer_scaled <- new_layer_class(
#'   "Scaled",
#'   initialize = function(by = 2, ...) {
#'     super$initialize(...)
#'     self$by <- by
#'   },
#'   call = function(inputs) inputs * self$by
#' )
#' op_ones(c(1, 3)) |> layer_scaled(by = 5)
#' @export
new_layer_class <- function(classname, ..., initialize = NULL, call = NULL, build = NULL,
                            get_config = NULL, inherit = NULL, parent_env = parent.frame()) {
  members <- list(
    initialize = initialize, call = call, build = build, get_config = get_config, ...
  )
  definition <- new_definition(
    classname, list(inherit %||% quote(keras$layers$Layer)), members, parent_env
  )
  class_function(definition, composes = TRUE)
}

# What a class will be made of. Nothing of Python is touched before the class is used.
new_definition <- function(name, bases, members, env, doc = NULL, private = list(),
                           explicit_self = FALSE) {
  check_class_name(name)
  definition <- new.env(parent = emptyenv())
  definition$name <- name
  definition$bases <- bases
  definition$members <- Filter(Negate(is.null), members)
  definition$env <- env
  definition$doc <- doc
  definition$private <- private
  definition$explicit_self <- explicit_self
  definition
}

check_class_name <- function(name, call = caller_env(2)) {
  if (!is_string(name) || make.names(name) != name) {
    abort_argument("{.arg classname} must be a name, such as {.val SimpleDense}.", call)
  }
}

# The Python class of a definition, built when it is first needed.
class_of <- function(definition) {
  if (is.null(definition$class)) {
    definition$class <- call_py(
      bound$class_build, definition$name, lapply(definition$bases, base_class),
      class_methods(definition), class_attributes(definition),
      "kerasbridge.r", definition$doc
    )
  }
  definition$class
}

base_class <- function(base) {
  if (is.language(base)) base <- eval(base, asNamespace("kerasbridge"))
  if (inherits(base, c("kerasbridge_class", "R6ClassGenerator"))) r_to_py(base) else base
}

class_methods <- function(definition) {
  functions <- Filter(is_r_function, definition$members)
  unname(Map(function(f, name) as_method(f, name, definition), functions, names(functions)))
}

class_attributes <- function(definition) {
  do.call(named_list, Filter(Negate(is_r_function), definition$members))
}

is_r_function <- function(x) is.function(x) && !is_py_object(x)

# A method as the builder takes it. Python calls `function`; it calls the user's function where
# `self` and `super` are known.
as_method <- function(f, name, definition) {
  formals <- formals(args(f))
  if (definition$explicit_self) formals <- formals[-1L]
  list(
    name = switch(name, initialize = "__init__", finalize = "__del__", name),
    `function` = with_self(f, definition),
    formals = as.list(names(formals)),
    required = as.list(unname(vapply(formals, identical, logical(1), quote(expr = )))),
    kind = attr(f, "member", exact = TRUE) %||% "method"
  )
}

# A static method needs nothing; a class method sees `cls`, every other one `self`.
with_self <- function(f, definition) {
  kind <- attr(f, "member", exact = TRUE) %||% "method"
  if (kind == "static") {
    return(f)
  }
  defined_in <- environment(f)
  explicit <- definition$explicit_self
  function(self, ...) {
    environment(f) <- method_scope(self, kind, definition, defined_in)
    if (explicit) f(self, ...) else f(...)
  }
}

# Where a method is evaluated: its own environment, with the object in sight.
method_scope <- function(self, kind, definition, defined_in) {
  scope <- new.env(parent = defined_in)
  if (kind == "class") {
    scope$cls <- self
    return(scope)
  }
  scope$self <- self
  scope$super <- super_proxy(definition, self)
  if (length(definition$private)) scope$private <- private_of(self, definition)
  scope
}

# The object's own environment, made when a method first needs it.
private_of <- function(self, definition) {
  private <- as_r(call_py(bound$class_private, self))
  if (is.null(private)) {
    private <- list2env(definition$private, parent = emptyenv())
    call_py(bound$class_private, self, private)
    for (name in names(Filter(is.function, definition$private))) {
      environment(private[[name]]) <- method_scope(self, "method", definition, definition$env)
    }
  }
  private
}

# `super$method()` and `super()$method()`: the parent's methods, bound to `self`.
super_proxy <- function(definition, self) {
  proxy <- structure(
    function(...) proxy,
    class = "kerasbridge_super", definition = definition, self = self
  )
  proxy
}

#' @export
`$.kerasbridge_super` <- function(x, name) {
  name <- switch(name, initialize = "__init__", finalize = "__del__", name)
  py_to_r(call_py_raw(bound$class_super, class_of(attr(x, "definition")), attr(x, "self"), name))
}

#' @export
`[[.kerasbridge_super` <- function(x, i) `$.kerasbridge_super`(x, i)

# The R function of a class: makes an object, and composes it when the class is a layer.
class_function <- function(definition, composes = FALSE) {
  formals <- formals(args(definition$members$initialize %||% function(...) NULL))
  arguments <- lapply(names(formals), as.symbol)
  names(arguments) <- ifelse(names(formals) == "...", "", names(formals))
  make <- as.call(c(quote(list), arguments))
  f <- function() NULL
  formals(f) <- c(if (composes) alist(object = NULL), formals)
  body(f) <- if (composes) {
    bquote(new_instance(definition, arg_data(object), .(make)))
  } else {
    bquote(new_instance(definition, NULL, .(make)))
  }
  environment(f) <- new_environment(list(definition = definition), parent = topenv())
  structure(f, class = c("kerasbridge_class", "function"), definition = definition)
}

new_instance <- function(definition, object, arguments) {
  do.call(
    call_py,
    c(list(bound$class_new, class_of(definition), object, definition$name), arguments),
    quote = TRUE
  )
}

#' @exportS3Method reticulate::r_to_py
r_to_py.kerasbridge_class <- function(x, convert = FALSE) class_of(attr(x, "definition"))

#' @export
print.kerasbridge_class <- function(x, ...) {
  definition <- attr(x, "definition")
  cat(format(args(unclass(x)))[[1L]], "\n", sep = "")
  cat("# makes objects of the class ", definition$name, ", defined in R with ", sep = "")
  cat(names(definition$members), sep = ", ")
  cat("\n")
  invisible(x)
}
