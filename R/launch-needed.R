# What code needs of this session to run in another process: the user's variables and functions that
# it names, and those that these functions name in turn.

# As list(variables = , globals = , parent = ): what the expression finds in the frames around it,
# what it or a function finds in the global environment, and where it looks after that. A
# function takes its own environment along, unless that is the global one.
needed_in <- function(expr, env) {
  store <- nothing_needed()
  free <- unlist(free_names(new_function(NULL, expr)))
  # names in formulas and quoted code are looked for as well, unless the expression assigns them
  quoted <- setdiff(all.names(expr, unique = TRUE), c(free, assigned_names(expr)))
  for (name in unique(free)) need(name, env, store, own = TRUE)
  for (name in quoted) need(name, env, store, own = TRUE, held = FALSE)
  list(variables = store$variables, globals = store$globals, parent = topenv(env))
}

needed_by <- function(f) {
  store <- nothing_needed()
  need_function(f, store)
  list(globals = store$globals)
}

# Where what is found is gathered, with the names that were seen.
nothing_needed <- function() {
  new_environment(list(variables = list(), globals = list(), seen = character()))
}

need_function <- function(f, store) {
  if (is.primitive(f) || is_py_object(f)) {
    return(invisible())
  }
  for (name in unique(unlist(free_names(f)))) need(name, environment(f), store)
}

# Take what a name stands for: of the expression's `own` frames, or of the global environment.
# What Python holds is passed over unless `held`.
need <- function(name, env, store, own = FALSE, held = TRUE) {
  home <- home_of(name, env)
  key <- if (!is.null(home)) paste(obj_address(home), name, own)
  if (is.null(home) || key %in% store$seen || identical(home[[name]], quote(expr = ))) {
    return(invisible())
  }
  value <- home[[name]]
  if (is_py_object(value) && !held) {
    return(invisible())
  }
  store$seen <- c(store$seen, key)
  if (identical(home, globalenv())) {
    store$globals[name] <- list(value)
  } else if (own) {
    store$variables[name] <- list(value)
  }
  if (is.function(value)) need_function(value, store)
}

# The environment in which the user has given something this name, if not in a package.
home_of <- function(name, env) {
  while (!identical(env, emptyenv()) && is.null(package_of(env))) {
    if (exists(name, envir = env, inherits = FALSE)) {
      return(env)
    }
    if (identical(env, globalenv())) break
    env <- parent.env(env)
  }
}
