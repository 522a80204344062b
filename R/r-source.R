# The source of what R wrote, stored with a model: classes and functions as text, and the
# variables that they use. save_model() captures, here; load_model() rebuilds, in
# r-source-rebuild.R, and only when it is told to trust the file. saving.py keeps the text in the
# file and reads no more of it than the names.
#
# The text is JSON. `objects` has for each name of the model's file what it stands for;
# `environments` has the variables, each where the functions find it, and `classes` the classes.
# A value is one of
#   function, environment, attributes   source text, and where it is evaluated
#   class                               a place in `classes`
#   package, name                       something of a package
#   module                              a Python module
#   type, values, attributes            plain data

source_version <- 1L

#' The R source that is stored with a model
#'
#' [save_model()] with `r_source = TRUE` stores the R source of the classes and functions that the
#' model uses, and the variables that these use. `stored_r_source()` shows all of it, and runs
#' none.
#'
#' @param filepath Path of the saved model.
#' @returns A named character vector, which prints as text to read: the source of each function and
#'   class that the model refers to, of the classes' parents, and of the variables. `NULL` if the
#'   file holds no source.
#' @examplesIf can_run_keras()
#' halved <- function(x) x / 2
#' model <- keras_model_sequential(input_shape = 3) |> layer_dense(1, activation = halved)
#' path <- tempfile(fileext = ".keras")
#' save_model(model, path, r_source = TRUE)
#' stored_r_source(path)
#' @export
stored_r_source <- function(filepath) {
  check_path(filepath)
  text <- call_py(bound$saving_source, path.expand(filepath))
  if (is.null(text)) {
    return(NULL)
  }
  stored <- read_source(text)
  variables <- unlist(lapply(stored$environments, `[[`, "variables"), recursive = FALSE)
  values <- c(Filter(\(value) is.null(value$class), stored$objects), variables)
  values <- values[!vapply(values, \(value) is.character(value$package), NA)]
  classes <- set_names(stored$classes, vapply(stored$classes, `[[`, "", "name"))
  shown <- c(
    vapply(values, shown_value, "", stored), vapply(classes, shown_class, "", stored)
  )
  structure(shown, class = "kerasbridge_r_source")
}

#' @export
print.kerasbridge_r_source <- function(x, ...) {
  cat(sprintf("# %s\n%s\n", names(x), x), sep = "\n")
  invisible(x)
}

shown_value <- function(value, stored) {
  if (!is.null(value$class)) {
    stored$classes[[value$class]]$name
  } else if (!is.null(value$`function`)) {
    paste(unlist(value$`function`), collapse = "\n")
  } else if (!is.null(value$package)) {
    paste0(value$package, "::", value$name)
  } else if (!is.null(value$module)) {
    paste0('import("', value$module, '")')
  } else {
    paste(deparse(restore_data(value), 80L, control = exactly), collapse = "\n")
  }
}

shown_class <- function(class, stored) {
  members <- c(class$members, class$private)
  shown <- Map(
    \(member, name) paste0(name, " = ", shown_value(member, stored)), members, names(members)
  )
  parents <- vapply(class$bases, \(base) base$expression %||% shown_value(base, stored), "")
  paste(c(paste0(class$name, "(", toString(parents), ")"), unlist(shown)), collapse = "\n")
}

# What the model's classes and functions, by name, are made of. `call` is the user's.
source_of <- function(objects, call = caller_env()) {
  store <- new_environment(list(
    environments = list(), records = list(), classes = list(), class_records = list(),
    refused = character()
  ))
  capture <- function(object, name) {
    if (is.function(object)) {
      capture_function(object, name, store)
    } else {
      capture_class(object, store)
    }
  }
  captured <- Map(capture, objects, names(objects))
  if (length(store$refused)) {
    abort_argument(c(
      "{.code r_source = TRUE} stores R functions, classes and plain data, and cannot store:",
      set_names(cli_literal(store$refused), "*"),
      i = "Make such things inside the function that uses them."
    ), call)
  }
  to_text(list(
    version = source_version, objects = captured, classes = store$class_records,
    environments = store$records
  ))
}

# Text that cli is to show as it is.
cli_literal <- function(x) gsub("}", "}}", gsub("{", "{{", x, fixed = TRUE), fixed = TRUE)

to_text <- function(source) {
  text <- jsonlite::toJSON(source, auto_unbox = TRUE, null = "null", na = "null", pretty = TRUE)
  enc2utf8(as.character(text))
}

read_source <- function(text) {
  stored <- jsonlite::fromJSON(text, simplifyVector = FALSE)
  if (!identical(stored$version, source_version)) {
    abort_argument(
      "The R source in the file is of a version that this package does not know.", caller_env()
    )
  }
  stored
}

# A value of a variable, or of a member of a class. `where` names it for a refusal.
capture_value <- function(x, where, store) {
  if (inherits(x, "kerasbridge_wrapper")) {
    return(list(package = "kerasbridge", name = attr(x, "wrapper")))
  }
  definition <- if (is_py_object(x)) py_definition(x) else definition_of(x)
  if (!is.null(definition)) {
    return(capture_class(definition, store))
  }
  if (inherits(x, "python.builtin.module")) {
    return(list(module = as_r(x$`__name__`)))
  }
  if (is.function(x) && !is_py_object(x)) {
    return(capture_function(x, where, store))
  }
  plain_data(x) %||% refuse_value(x, where, store)
}

# The definition of a Python class that R wrote.
py_definition <- function(x) {
  if (inherits(x, "python.builtin.type")) as_r(call_py(bound$class_own_definition, x))
}

refuse_value <- function(x, where, store) {
  store$refused <- union(store$refused, paste0(where, ", ", kind_of_value(x)))
  NULL
}

kind_of_value <- function(x) {
  if (inherits(x, "connection")) {
    "a connection"
  } else if (is_py_object(x)) {
    paste("a Python object of the class", class(x)[[1L]])
  } else if (is.environment(x)) {
    "an environment"
  } else if (typeof(x) == "externalptr") {
    "an external pointer"
  } else if (is.language(x)) {
    "R code"
  } else {
    paste("an object of the class", class(x)[[1L]])
  }
}

capture_function <- function(f, where, store, bound_names = character()) {
  if (is.primitive(f)) {
    return(list(package = "base", name = primitive_name(f)))
  }
  found <- in_package(f)
  if (!is.null(found)) {
    return(found)
  }
  source <- source_lines(f)
  if (is.null(source)) {
    store$refused <- union(store$refused, paste0(where, ", whose code is not all text"))
    return(NULL)
  }
  capture_variables(free_names(f), environment(f), where, store, bound_names)
  captured <- list(
    `function` = as.list(source), environment = capture_environment(environment(f), store)
  )
  attributes <- attributes(f)[setdiff(names(attributes(f)), "srcref")]
  if (length(attributes)) {
    attribute <- \(x, name) capture_value(x, paste0(where, "'s attribute ", name), store)
    captured$attributes <- Map(attribute, attributes, names(attributes))
  }
  captured
}

primitive_name <- function(f) sub('^[.]Primitive\\("(.*)"\\)$', "\\1", deparse(f)[[1L]])

# A function of a package, by its name there.
in_package <- function(f) {
  namespace <- environment(f)
  if (!isNamespace(namespace)) {
    return(NULL)
  }
  for (name in ls(namespace, all.names = TRUE)) {
    if (is.function(namespace[[name]]) && identical(namespace[[name]], f)) {
      return(list(package = getNamespaceName(namespace)[[1L]], name = name))
    }
  }
}

# The lines of a function's source: as they were written, where they still say what it is.
source_lines <- function(f) {
  written <- attr(f, "srcref")
  written <- if (!is.null(written)) as.character(written)
  deparsed <- deparse(zap_srcref(plain_function(f)), width.cutoff = 80L, control = exactly)
  for (lines in list(written, deparsed)) {
    if (says(lines, f)) {
      return(enc2utf8(lines))
    }
  }
}

exactly <- c("keepNA", "keepInteger", "niceNames", "showAttributes", "digits17")

plain_function <- function(f) {
  attributes(f) <- NULL
  f
}

says <- function(lines, f) {
  expr <- tryCatch(parse_expr(paste(lines, collapse = "\n")), error = \(e) NULL)
  if (!is_call(expr, "function")) {
    return(FALSE)
  }
  same_code(eval(expr, baseenv()), f)
}

same_code <- function(f, g) {
  identical(as.list(formals(f)), as.list(formals(g))) &&
    identical(zap_srcref(body(f)), zap_srcref(body(g)))
}

# Variables by name, from where a function looks for them. What is found nowhere is not the
# user's to store: a name of a data frame's column, or `self` in a method.
capture_variables <- function(free, env, where, store, bound_names = character()) {
  for (mode in names(free)) {
    for (name in setdiff(free[[mode]], bound_names)) {
      capture_variable(name, mode, env, where, store)
    }
  }
}

capture_variable <- function(name, mode, env, where, store) {
  home <- env
  while (!exists(name, envir = home, mode = mode, inherits = FALSE)) {
    home <- parent.env(home)
    if (identical(home, emptyenv())) {
      return(invisible())
    }
  }
  package <- package_of(home)
  if (identical(package, "base") || identical(package, "namespace")) {
    return(invisible())
  }
  if (is.null(package) && identical(home[[name]], quote(expr = ))) {
    return(invisible())
  }
  id <- if (is.null(package)) capture_environment(home, store) else global_record(store)
  if (!is.null(store$records[[id]]$variables[[name]])) {
    return(invisible())
  }
  value <- if (is.null(package)) {
    store$records[[id]]$variables[[name]] <- list(type = "NULL") # met again, it is known
    capture_value(home[[name]], paste0(name, " (used by ", where, ")"), store)
  } else {
    list(package = package, name = name)
  }
  store$records[[id]]$variables[[name]] <- value
  invisible()
}

# The package whose functions an environment holds, if it holds a package's.
package_of <- function(env) {
  if (identical(env, baseenv()) || identical(env, .BaseNamespaceEnv)) {
    return("base")
  }
  if (isNamespace(env) || isTRUE(startsWith(attr(env, "name") %||% "", "imports:"))) {
    return("namespace")
  }
  attached <- attr(env, "name") %||% ""
  if (startsWith(attached, "package:")) sub("^package:", "", attached)
}

# An environment's place among the records, or the name of one that every session has.
capture_environment <- function(env, store) {
  if (identical(env, globalenv())) {
    return(global_record(store))
  }
  if (identical(env, baseenv()) || identical(env, emptyenv())) {
    return("package:base")
  }
  if (isNamespace(env)) {
    return(paste0("package:", getNamespaceName(env)[[1L]]))
  }
  if (!is.null(package_of(env)) || env_position(env) > 0L) {
    return(global_record(store))
  }
  id <- record_of(env, store)
  if (is.null(store$records[[id]]$parent)) {
    store$records[[id]]$parent <- capture_environment(parent.env(env), store)
  }
  id
}

env_position <- function(env) {
  for (place in seq_along(search())) {
    if (identical(as.environment(place), env)) {
      return(place)
    }
  }
  0L
}

global_record <- function(store) {
  id <- record_of(globalenv(), store)
  store$records[[id]]$parent <- "global"
  id
}

record_of <- function(env, store) {
  for (id in seq_along(store$environments)) {
    if (identical(store$environments[[id]], env)) {
      return(id)
    }
  }
  id <- length(store$environments) + 1L
  store$environments[[id]] <- env
  store$records[[id]] <- list(parent = NULL, variables = list())
  id
}

# Names that a method finds in the scope of its object.
scope_names <- c("self", "super", "private", "cls")

capture_class <- function(definition, store) {
  for (id in seq_along(store$classes)) {
    if (identical(store$classes[[id]], definition)) {
      return(list(class = id))
    }
  }
  id <- length(store$classes) + 1L
  store$classes[[id]] <- definition
  store$class_records[[id]] <- list()
  member <- function(x, name) {
    where <- paste0(definition$name, "$", name)
    if (is_r_function(x)) {
      capture_function(x, where, store, scope_names)
    } else {
      capture_value(x, where, store)
    }
  }
  members <- function(x) if (length(x)) Map(member, x, names(x))
  store$class_records[[id]] <- list(
    name = definition$name,
    made_by = definition$made_by,
    bases = unname(lapply(definition$bases, capture_base, definition, store)),
    members = members(definition$members),
    private = members(definition$private),
    doc = definition$doc,
    environment = capture_environment(definition$env, store)
  )
  list(class = id)
}

# A parent: a class that R wrote, or the expression by which Python's is found.
capture_base <- function(base, definition, store) {
  value <- base_value(base)
  parent <- if (is_py_object(value)) py_definition(value) else definition_of(value)
  if (!is.null(parent)) {
    return(capture_class(parent, store))
  }
  if (is_quosure(base)) {
    expr <- quo_get_expr(base)
    free <- free_names(new_function(NULL, expr))
    capture_variables(free, quo_get_env(base), paste("the parents of", definition$name), store)
    return(list(
      expression = deparse1(expr), environment = capture_environment(quo_get_env(base), store)
    ))
  }
  if (is.language(base)) {
    return(list(expression = deparse1(base), environment = "package:kerasbridge"))
  }
  list(module = as_r(value$`__module__`), name = as_r(value$`__qualname__`))
}
