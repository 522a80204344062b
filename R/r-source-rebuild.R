# From the R source that is stored with a model to its classes and functions: the way back of
# r-source.R. Only here is stored code evaluated.

# The classes and functions of a stored source, by name, as they can be given to Keras.
rebuild_source <- function(text, call = caller_env()) {
  stored <- read_source(text)
  check_packages(stored, call)
  session <- new_environment(list(stored = stored, classes = list(), environments = list()))
  session$environments <- lapply(stored$environments, \(record) new_environment())
  for (id in seq_along(session$environments)) {
    parent.env(session$environments[[id]]) <-
      restored_environment(stored$environments[[id]]$parent, session)
  }
  for (id in seq_along(session$environments)) {
    bind_variables(stored$environments[[id]]$variables, session$environments[[id]], session)
  }
  lapply(stored$objects, restore_value, session)
}

check_packages <- function(stored, call) {
  packages <- unique(unlist(lapply(
    stored$environments, \(record) lapply(record$variables, \(value) value$package)
  )))
  missing <- Filter(\(package) !requireNamespace(package, quietly = TRUE), packages)
  if (length(missing)) {
    abort_argument(c(
      "The R source in the file needs {cli::qty(missing)}package{?s} that {?is/are} not installed:",
      "*" = "{.pkg {missing}}"
    ), call)
  }
}

# Each variable is made when it is first looked for, so that two may refer to each other.
bind_variables <- function(variables, env, session) {
  bind_later <- function(value, name) {
    force(value)
    delayedAssign(name, restore_value(value, session), assign.env = env)
  }
  for (name in names(variables)) bind_later(variables[[name]], name)
}

restored_environment <- function(id, session) {
  if (is.numeric(id)) {
    session$environments[[id]]
  } else if (startsWith(id, "package:")) {
    asNamespace(sub("^package:", "", id))
  } else {
    globalenv()
  }
}

restore_value <- function(value, session) {
  if (!is.null(value$class)) {
    restore_class(value$class, session)
  } else if (!is.null(value$`function`)) {
    restore_function(value, session)
  } else if (!is.null(value$package)) {
    restore_export(value$package, value$name)
  } else if (!is.null(value$module)) {
    import(value$module)
  } else {
    restore_data(value)
  }
}

restore_export <- function(package, name) {
  namespace <- asNamespace(package)
  if (exists(name, envir = namespace, inherits = FALSE)) {
    get(name, envir = namespace)
  } else {
    getExportedValue(package, name) # data of the package
  }
}

restore_function <- function(value, session) {
  expr <- parse(text = unlist(value$`function`), keep.source = TRUE, encoding = "UTF-8")[[1L]]
  f <- eval(expr, restored_environment(value$environment, session))
  for (name in names(value$attributes)) {
    attr(f, name) <- restore_value(value$attributes[[name]], session)
  }
  f
}

restore_class <- function(id, session) {
  key <- as.character(id)
  if (is.null(session$classes[[key]])) {
    session$classes[[key]] <- made_class(session$stored$classes[[id]], session)
  }
  session$classes[[key]]
}

made_class <- function(record, session) {
  env <- restored_environment(record$environment, session)
  bases <- lapply(record$bases, restore_base, session)
  members <- lapply(record$members, restore_value, session)
  private <- lapply(record$private, restore_value, session)
  if (record$made_by == "R6") {
    return(made_generator(record$name, bases, members, private, env))
  }
  definition <- new_definition(
    record$name, bases, members, env,
    doc = record$doc, private = private,
    made_by = record$made_by
  )
  if (record$made_by == "py_class") {
    class_of(definition)
  } else {
    class_function(definition)
  }
}

made_generator <- function(name, bases, members, private, env) {
  check_installed("R6", "to rebuild a class of the file.")
  active <- vapply(members, \(x) identical(attr(x, "member"), "property"), logical(1))
  parent <- if (length(bases)) base_value(bases[[1L]])
  generator <- R6::R6Class(
    name,
    public = members[!active],
    active = lapply(members[active], plain_function),
    private = if (length(private)) private,
    parent_env = new_environment(list(.parent = parent), env)
  )
  generator$inherit <- quote(.parent) # R6 keeps an expression, and evaluates it there
  generator
}

restore_base <- function(base, session) {
  if (!is.null(base$class)) {
    return(restore_class(base$class, session))
  }
  if (!is.null(base$expression)) {
    return(new_quosure(
      parse_expr(base$expression), restored_environment(base$environment, session)
    ))
  }
  Reduce(py_get_attr, strsplit(base$name, ".", fixed = TRUE)[[1L]], import(base$module))
}
