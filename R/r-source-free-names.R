# The names that a function uses and does not define itself.

# As list(function = , any = ): names that are called, and names that are read. A local variable
# counts as defined from its first assignment on, and what is assigned on one branch only may be
# read from outside. Code that is only quoted, and formulas, use nothing.
free_names <- function(f) {
  found <- new_environment(list(`function` = character(), any = character(), inside = character()))
  walk_function(formals(f), body(f), character(), found)
  list(`function` = unique(found$`function`), any = unique(found$any))
}

# Defaults and the body see each other's variables: a default is evaluated when it is needed.
walk_function <- function(formals, body, defined, found) {
  defined <- union(defined, names(formals))
  inside <- union(defined, assigned_names(body))
  around <- found$inside
  found$inside <- inside
  walk_each(as.list(formals), inside, found)
  walk_names(body, defined, found)
  found$inside <- around
}

# Walks an expression; gives the names that are surely defined after it.
walk_names <- function(expr, defined, found) {
  if (identical(expr, quote(expr = ))) {
    return(defined)
  }
  if (is.symbol(expr)) {
    name <- as.character(expr)
    if (!name %in% defined && !is_dots(name)) found$any <- c(found$any, name)
    return(defined)
  }
  if (!is.call(expr)) {
    return(defined)
  }
  head <- expr[[1L]]
  if (!is.symbol(head)) {
    return(walk_all(as.list(expr), defined, found))
  }
  name <- as.character(head)
  if (!name %in% defined) found$`function` <- c(found$`function`, name)
  walk <- walkers[[name]]
  if (is.null(walk)) walk_all(as.list(expr)[-1L], defined, found) else walk(expr, defined, found)
}

is_dots <- function(name) grepl("^[.][.]([.]|[0-9]+)$", name)

# One after the other: what the first defines, the next knows.
walk_all <- function(exprs, defined, found) {
  for (i in seq_along(exprs)) defined <- walk_names(exprs[[i]], defined, found)
  defined
}

# Each on its own: what one defines, the other does not know.
walk_each <- function(exprs, defined, found) {
  for (i in seq_along(exprs)) walk_names(exprs[[i]], defined, found)
  defined
}

walk_nothing <- function(expr, defined, found) defined

walk_assignment <- function(expr, defined, found) {
  defined <- walk_names(expr[[3L]], defined, found)
  walk_target(expr[[2L]], defined, found)
}

# `x <- ` defines; `x[i] <- ` and `names(x) <- ` read `x`, call a function and define; the targets
# of `.[a, b] <- ` are what is in it.
walk_target <- function(target, defined, found) {
  if (!is.call(target)) {
    return(union(defined, as.character(target)))
  }
  if (is_call(target, "[") && identical(target[[2L]], quote(.))) {
    return(union(defined, all.names(target, functions = FALSE)))
  }
  if (is.symbol(target[[1L]])) {
    found$`function` <- c(found$`function`, paste0(as.character(target[[1L]]), "<-"))
  }
  walk_names(target, defined, found)
  base <- target_base(target)
  if (is.symbol(base)) union(defined, as.character(base)) else defined
}

target_base <- function(target) {
  while (is.call(target) && length(target) > 1L) target <- target[[2L]]
  target
}

walkers <- list(
  `<-` = walk_assignment,
  `=` = walk_assignment,
  `<<-` = function(expr, defined, found) {
    walk_names(expr[[3L]], defined, found)
    walk_names(target_base(expr[[2L]]), character(), found)
    if (is.call(expr[[2L]])) walk_target(expr[[2L]], defined, found)
    defined
  },
  `%<-%` = function(expr, defined, found) {
    defined <- walk_names(expr[[3L]], defined, found)
    union(defined, all.names(expr[[2L]], functions = FALSE))
  },
  `%py_class%` = function(expr, defined, found) {
    spec <- expr[[2L]]
    if (is.call(spec)) walk_each(as.list(spec)[-1L], defined, found)
    walk_names(expr[[3L]], defined, found)
    union(defined, as.character(if (is.call(spec)) spec[[1L]] else spec))
  },
  # When it runs, all that the function around it assigns may be there.
  `function` = function(expr, defined, found) {
    walk_function(expr[[2L]], expr[[3L]], found$inside, found)
    defined
  },
  `for` = function(expr, defined, found) {
    defined <- walk_names(expr[[3L]], defined, found)
    defined <- union(defined, as.character(expr[[2L]]))
    walk_names(expr[[4L]], defined, found)
    defined
  },
  `while` = function(expr, defined, found) {
    defined <- walk_names(expr[[2L]], defined, found)
    walk_names(expr[[3L]], defined, found)
    defined
  },
  `if` = function(expr, defined, found) {
    defined <- walk_names(expr[[2L]], defined, found)
    then <- walk_names(expr[[3L]], defined, found)
    if (length(expr) < 4L) {
      return(if (leaves(expr[[3L]])) defined else intersect(then, defined))
    }
    otherwise <- walk_names(expr[[4L]], defined, found)
    if (leaves(expr[[3L]])) {
      otherwise
    } else if (leaves(expr[[4L]])) {
      then
    } else {
      intersect(then, otherwise)
    }
  },
  switch = function(expr, defined, found) {
    defined <- walk_names(expr[[2L]], defined, found)
    walk_each(as.list(expr)[-(1:2)], defined, found)
  },
  `&&` = function(expr, defined, found) {
    defined <- walk_names(expr[[2L]], defined, found)
    walk_names(expr[[3L]], defined, found)
    defined
  },
  `$` = function(expr, defined, found) walk_names(expr[[2L]], defined, found),
  `::` = walk_nothing,
  quote = walk_nothing,
  expression = walk_nothing,
  `~` = walk_nothing
)
walkers$`||` <- walkers$`&&`
walkers$`@` <- walkers$`$`
walkers$`:::` <- walkers$`::`

# Does this branch end the function?
leaves <- function(expr) {
  if (is_call(expr, "{") && length(expr) > 1L) expr <- expr[[length(expr)]]
  is_call(expr, c("return", "stop", "next", "break"))
}

# Every name that is assigned anywhere in an expression, functions inside it left out.
assigned_names <- function(expr) {
  if (!is.call(expr) || is_call(expr, "function")) {
    return(character())
  }
  own <- if (is_call(expr, c("<-", "=", "%<-%"))) {
    target <- expr[[2L]]
    several <- is_call(target, "c") || is_call(target, "[") && identical(target[[2L]], quote(.))
    if (several) all.names(target, functions = FALSE) else as.character(target_base(target))
  } else if (is_call(expr, "for")) {
    as.character(expr[[2L]])
  }
  parts <- Filter(\(part) !identical(part, quote(expr = )), as.list(expr))
  c(own, unlist(lapply(parts, assigned_names)))
}
