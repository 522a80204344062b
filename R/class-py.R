# Python classes whose methods are R functions. R captures the functions; classes.py builds.

#' Define a Python class in R
#'
#' `Name(Base, ...) %py_class% { ... }` defines a Python class and assigns it to `Name`. The
#' functions of the body are its methods; other values are class attributes. A string at the start
#' of the body is the class's documentation.
#'
#' A method whose first argument is named `self` gets the object there, as in Python; every other
#' method finds `self` in its scope. So does each method of every class made in R. In a method,
#' `super()$method()` calls the parent's method. `initialize` is another name for `__init__`.
#'
#' @param spec The name of the class, called with its base classes: `LinearModel(torch$nn$Module)`.
#' @param body The methods and attributes, in braces.
#'
#' @returns The Python class, invisibly. Call it to make an object. At the top level of a package,
#'   a function in its place, which makes the class when it is first used: a package that is built
#'   or loaded starts no Python.
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
  bases <- if (is.call(spec)) lapply(as.list(spec)[-1L], new_quosure, env) else list()
  captured <- class_body(substitute(body), env)
  definition <- new_definition(
    name, bases, captured$members, env,
    doc = captured$doc, made_by = "py_class"
  )
  class <- if (isNamespace(env)) class_function(definition) else class_of(definition)
  assign(name, class, envir = env)
  invisible(class)
}

# The definitions in a class body, evaluated in an environment of their own.
class_body <- function(body, env) {
  members <- new.env(parent = env)
  statements <- if (is_call(body, "{")) as.list(body)[-1L] else list(body)
  doc <- if (length(statements) && is.character(statements[[1L]])) statements[[1L]]
  for (statement in statements) eval(statement, members)
  names <- ls(members, all.names = TRUE)
  list(members = lapply(set_names(names), member_of, members), doc = doc)
}

# What a class body has under this name: an active binding is a property, and is not run.
member_of <- function(name, members) {
  if (!bindingIsActive(as.symbol(name), members)) {
    return(get(name, members))
  }
  active_property(activeBindingFunction(as.symbol(name), members))
}

#' Define a Keras layer in R
#'
#' `new_layer_class()` makes a layer from R functions. The result is used like any `layer_*()`:
#' piped into, called on tensors, or as a layer object.
#'
#' In every method, `self` is the layer, whether it is named as the first argument or not, and
#' `super$method()` calls the method of the parent class (`super$initialize()` the constructor).
#' R code runs while Keras traces the layer; the compiled model runs without it.
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
#' @param public Named list of further methods and attributes.
#' @param private Named list of functions and values: the start of each layer's `private`, an
#'   environment that Python does not see.
#' @param inherit The parent class: a Keras class, what another `new_*_class()` gave, or an R6
#'   class generator. By default `keras$layers$Layer`.
#' @param parent_env The environment in which the methods are evaluated.
#'
#' @returns A function with the arguments of `initialize`, after a first argument `object` to
#'   compose with.
#' @source `keras.Layer`: <https://www.tensorflow.org/api_docs/python/tf/keras/Layer>
#' @concept keras.Layer
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
new_layer_class <- function(classname, initialize = NULL, call = NULL, build = NULL,
                            get_config = NULL, ..., public = list(), private = list(),
                            inherit = NULL, parent_env = parent.frame()) {
  members <- list2(
    initialize = initialize, call = call, build = build, get_config = get_config, ...
  )
  base <- parent_class(enquo(inherit), quote(keras$layers$Layer))
  class_function(new_definition(
    classname, list(base), c(members, public), parent_env,
    private = private, made_by = "new_layer_class"
  ))
}

#' @rdname new_layer_class
#' @export
Layer <- new_layer_class

# The parent class that was asked for, or the usual one. What must be looked up in Python, such as
# `keras$layers$Dense`, waits until the class is used.
parent_class <- function(inherit, default = NULL) {
  if (quo_is_call(inherit)) inherit else eval_tidy(inherit) %||% default
}

# What a class will be made of. Nothing of Python is touched before the class is used. What
# composes with another object is made by `new_layer_class`.
new_definition <- function(name, bases, members, env, doc = NULL, private = list(),
                           made_by = "new_class") {
  check_class_name(name)
  check_members(members)
  if (made_by == "new_layer_class") check_composes(members)
  definition <- new.env(parent = emptyenv())
  definition$name <- name
  definition$bases <- bases
  definition$members <- Filter(Negate(is.null), members)
  definition$env <- env
  definition$doc <- doc
  definition$private <- private
  definition$made_by <- made_by
  definition
}

check_class_name <- function(name, call = caller_env(2)) {
  if (!is_string(name) || make.names(name) != name) {
    abort_argument("{.arg classname} must be a name, such as {.val SimpleDense}.", call)
  }
}

check_members <- function(members, call = caller_env(2)) {
  if (length(members) && !is_named(members)) {
    abort_argument("Methods and attributes of a class must have names.", call)
  }
}

check_composes <- function(members, call = caller_env(2)) {
  if (is_function(members$initialize) && "object" %in% fn_fmls_names(members$initialize)) {
    abort_argument(
      "{.fn initialize} of a layer has no argument {.arg object}: by that name the layer gets what
       it is applied to.",
      call
    )
  }
}

# The Python class of a definition, built when it is first needed, and again in a session that
# finds it in a workspace.
class_of <- function(definition) {
  if (is.null(definition$class) || py_is_null_xptr(definition$class)) {
    definition$class <- call_py(
      bound$class_build, definition$name, lapply(definition$bases, base_class),
      class_methods(definition), class_attributes(definition),
      "kerasbridge.r", definition$doc
    )
  }
  definition$class
}

base_class <- function(base) {
  base <- base_value(base)
  definition <- definition_of(base)
  if (is.null(definition)) base else class_of(definition)
}

base_value <- function(base) {
  if (is_quosure(base)) {
    eval_tidy(base)
  } else if (is.language(base)) {
    eval(base, asNamespace("kerasbridge"))
  } else {
    base
  }
}

# The definition of a class that is written in R, however the class is given.
definition_of <- function(class) {
  if (inherits(class, "kerasbridge_class")) {
    attr(class, "definition")
  } else if (inherits(class, "R6ClassGenerator")) {
    r6_definition(class)
  }
}

class_methods <- function(definition) {
  functions <- Filter(is_r_function, definition$members)
  unname(Map(function(f, name) as_method(f, name, definition), functions, names(functions)))
}

class_attributes <- function(definition) {
  attributes <- Filter(Negate(is_r_function), definition$members)
  do.call(dict_of, c(attributes, list(`_r_definition` = definition)))
}

is_r_function <- function(x) {
  is.function(x) && !inherits(x, c("python.builtin.object", "kerasbridge_class"))
}

# A method as the builder takes it. Python calls `function`; it calls the user's function where
# `self` and `super` are known.
as_method <- function(f, name, definition) {
  kind <- member_kind(f, name)
  formals <- own_formals(f, kind)
  list(
    name = python_name(name),
    `function` = with_self(f, name, kind, definition),
    formals = as.list(names(formals)),
    required = as.list(unname(vapply(formals, identical, logical(1), quote(expr = )))),
    defaults = do.call(dict_of, Filter(Negate(is.null), lapply(formals, plain_default))),
    kind = kind,
    doc = docstring(f)
  )
}

# Keras calls `from_config` on the class, and it is one of its methods without being marked.
member_kind <- function(f, name) {
  attr(f, "member", exact = TRUE) %||% if (name == "from_config") "class" else "method"
}

# Does a method ask for its object by name, as its first formal? A class method asks for the class,
# as `cls` or `self`; a static method has no object, and its formals are its own.
takes_object <- function(f, kind) {
  names <- switch(kind, static = character(), class = c("cls", "self"), "self")
  isTRUE(names(formals(args(f)))[1L] %in% names)
}

# The arguments with which a method is called.
own_formals <- function(f, kind) {
  formals <- formals(args(f))
  if (takes_object(f, kind)) formals[-1L] else formals
}

python_name <- function(name) switch(name, initialize = "__init__", finalize = "__del__", name)

# A default that Python can show. R computes all others, when the argument is left out.
plain_default <- function(default) {
  if (is_call(default, "-", n = 1L) && is.numeric(default[[2L]])) default <- -default[[2L]]
  if (!is.language(default) && is_scalar_atomic(default) && !is.na(default)) default
}

# A string that a function's body starts with, and does not end with.
docstring <- function(f) {
  body <- body(f)
  if (is_call(body, "{") && length(body) > 2L && is.character(body[[2L]])) body[[2L]]
}

# A static method needs nothing; a class method sees `cls`, every other one `self`, which it may
# also have as its first formal. The call is written as users know it, `Scaled$call(...)`, for the
# conditions that it may end in.
with_self <- function(f, name, kind, definition) {
  defined_in <- environment(f)
  class <- as.symbol(definition$name)
  shown <- switch(name, `__call__` = "call", name)
  call <- call2(call("$", class, as.symbol(shown)), quote(...))
  if (kind == "static") {
    scope <- NULL
  } else {
    scope <- quote(environment(f) <- method_scope(.object, kind, definition, defined_in))
    if (takes_object(f, kind)) call <- call2(call[[1L]], quote(.object), quote(...))
  }
  new_function(
    if (kind == "static") pairlist2(... = ) else pairlist2(.object = , ... = ),
    bquote({
      .(scope)
      .(class) <- structure(list(f), names = shown)
      .(call)
    })
  )
}

# Where a method is evaluated: its own environment, with the object in sight.
method_scope <- function(object, kind, definition, defined_in) {
  scope <- new.env(parent = defined_in)
  assign(if (kind == "class") "cls" else "self", object, scope)
  scope$super <- super_proxy(definition, object)
  if (kind != "class") delayedAssign("private", private_of(object), assign.env = scope)
  scope
}

# The object's own environment, made when a method first needs it.
private_of <- function(self) {
  private <- as_r(call_py(bound$class_private, self))
  if (is.null(private)) {
    definition <- as_r(call_py(bound$class_definition, self))
    private <- list2env(private_members(definition, self), parent = emptyenv())
    call_py(bound$class_private, self, private)
  }
  private
}

# The private members that an object starts with: those of its class over those of the parents.
private_members <- function(definition, self) {
  members <- list()
  for (base in definition$bases) {
    parent <- definition_of(base_value(base))
    if (!is.null(parent)) members <- c(members, private_members(parent, self))
  }
  own <- lapply(definition$private, function(member) {
    if (is_r_function(member)) private_method(member, self, definition) else member
  })
  members <- c(own, members)
  members[!duplicated(names(members))]
}

private_method <- function(f, self, definition) {
  environment(f) <- method_scope(self, "method", definition, environment(f))
  if (takes_object(f, "method")) function(...) f(self, ...) else f
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
  class <- class_of(attr(x, "definition"))
  py_to_r(call_py_raw(bound$class_super, class, attr(x, "self"), python_name(name)))
}

#' @export
`[[.kerasbridge_super` <- function(x, i) `$.kerasbridge_super`(x, i)

# The R function of a class: makes an object, and composes it when the class is a layer. Defaults
# are evaluated where the class was defined, so the call names the namespace of what it needs.
class_function <- function(definition) {
  composes <- definition$made_by == "new_layer_class"
  formals <- constructor_formals(definition)
  arguments <- lapply(names(formals), as.symbol)
  names(arguments) <- ifelse(names(formals) == "...", "", names(formals))
  made <- call2(
    quote(.kerasbridge$call_py),
    quote(.kerasbridge$bound$class_new), quote(.kerasbridge$class_of(.definition)),
    if (composes) quote(.kerasbridge$arg_data(object)), definition$name, !!!arguments
  )
  f <- new_function(
    c(if (composes) pairlist2(object = NULL), formals),
    if (composes) call2(quote(rlang::`%||%`), made, quote(object)) else made,
    new_environment(
      list(.definition = definition, .kerasbridge = asNamespace("kerasbridge")),
      parent = definition$env
    )
  )
  structure(f, class = c("kerasbridge_class", "function"), definition = definition)
}

# The arguments of the constructor, which may be a parent's.
constructor_formals <- function(definition) {
  initialize <- definition$members$initialize %||% definition$members$`__init__`
  if (!is.null(initialize)) {
    return(own_formals(initialize, "method"))
  }
  for (base in definition$bases) {
    parent <- if (!is.language(base)) definition_of(base)
    if (!is.null(parent)) {
      return(constructor_formals(parent))
    }
  }
  pairlist2(... = )
}

#' @exportS3Method reticulate::r_to_py
r_to_py.kerasbridge_class <- function(x, convert = FALSE) class_of(attr(x, "definition"))

# Static and class methods, and attributes, of the Python class.
#' @export
`$.kerasbridge_class` <- function(x, name) {
  py_to_r(reticulate::py_get_attr(class_of(attr(x, "definition")), name))
}

#' @export
print.kerasbridge_class <- function(x, ...) {
  definition <- attr(x, "definition")
  cat(shown_signature(x), sep = "\n")
  members <- paste(names(definition$members), collapse = ", ")
  cat("# makes objects of the class ", definition$name, ", defined in R", sep = "")
  cat(if (nzchar(members)) paste0(" with ", members), "\n", sep = "")
  invisible(x)
}

# Assigning a part of an attribute assigns the attribute too, which Python may not allow.
#' @export
`$<-.keras.src.layers.layer.Layer` <- function(x, name, value) {
  check_of_this_session(x)
  call_py(bound$class_assign, x, name, value)
  x
}

#' @export
`$<-.keras.src.callbacks.callback.Callback` <- `$<-.keras.src.layers.layer.Layer`

#' @export
`$<-.keras.src.optimizers.base_optimizer.BaseOptimizer` <- `$<-.keras.src.layers.layer.Layer`

# What an object of Keras keeps in an attribute, as R's list.
#' @exportS3Method reticulate::py_to_r
py_to_r.keras.src.utils.tracking.TrackedList <- function(x) {
  py_to_r(call_py_raw(bound$class_untracked, x))
}

#' @exportS3Method reticulate::py_to_r
py_to_r.keras.src.utils.tracking.TrackedDict <- py_to_r.keras.src.utils.tracking.TrackedList
