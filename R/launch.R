# Several R processes that compute together: started, watched and ended from here.

#' Run a script or a function in several processes
#'
#' \ifelse{html}{\figure{experimental.svg}{options: alt='Experimental'}}{\strong{Experimental.}}
#' Starts R processes that train together, and waits for them. Each knows its number and where the
#' others are, and joins them as soon as Keras is loaded. The code needs no change to run in one
#' process or in many: `distribution_set(distribution_data_parallel())` splits every batch among
#' the processes there are, and [fit()], [evaluate()] and [predict()] give what one process gives.
#'
#' When a process fails, the others are ended at once, and the error of the failed one is
#' signaled here, with its trace. Interrupting `launch()` ends all of them.
#'
#' Processes on this machine share its cores: unless `env` or this session's environment has
#' `OMP_NUM_THREADS`, it is set so that each has its part.
#'
#' @param what A path to an R script, a function, or an expression. A function is called in each
#'   process with the arguments `...`; an expression is evaluated in each process. Both see the
#'   variables and functions of yours that they name, and what these functions name in turn, as they
#'   are here, and the packages that are attached here. A call that makes a function, or a path in
#'   another way than by `file.path()`, `paste0()` or `normalizePath()`, is an expression: give its
#'   value a name first.
#' @param ... Arguments of the function, by name or not; unused for a script or an expression.
#' @param processes Integer: number of processes. Default: one for each of `hosts`, or 2.
#' @param devices_per_process Integer: number of devices that each process makes of its CPU (JAX
#'   only), to try on one machine what is meant for many devices. `NULL`, the default, leaves the
#'   devices as they are.
#' @param backend `"jax"` or `"torch"`. Default: the backend of this session.
#' @param env Named character vector: further environment variables of the processes.
#' @param hosts Character vector of hosts that `ssh` reaches without a password, as `"host"` or
#'   `"user@host"`, one process each in turn. Each needs this package where its `Rscript` finds it,
#'   and a script at the same path. A function or an expression is sent with its arguments and
#'   variables; files are not, and the working directory is the one in which `ssh` begins, so give
#'   data as arguments, or by absolute paths that all hosts have. `NULL`, the default, starts the
#'   processes on this machine.
#' @param timeout Number of seconds after which all processes are ended with an error. Default
#'   `Inf`.
#' @param output What becomes of the processes' output: `"prefix"`, the default, shows each line
#'   behind the number of its process; `"first"` shows that of the first process; `"none"` keeps it
#'   for the error message alone.
#' @param ssh Character vector: the command, with its options, that runs a command on a host. By
#'   default it notices within twenty seconds that a host is gone.
#'
#' @returns The value of the first process: that of the function or expression; for a script, that
#'   of its last line. What Python holds (models, tensors) does not cross: return
#'   [serialize_model()] of a model, `as.array()` of a tensor. Training histories cross.
#' @seealso [distribution_initialize()] for processes that something else has started.
#' @examplesIf can_run_keras() && config_backend() %in% c("jax", "torch") && interactive()
#' launch(processes = 2, function(epochs) {
#'   library(kerasbridge)
#'   set_random_seed(1)
#'   distribution_set(distribution_data_parallel())
#'   model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, activation = "softmax")
#'   model |> compile("sgd", "sparse_categorical_crossentropy")
#'   fit(model, scale(iris[, 1:4]), iris$Species, epochs = epochs, batch_size = 30)
#' }, epochs = 3)
#' @export
launch <- function(what, ..., processes = if (is.null(hosts)) 2 else length(hosts),
                   devices_per_process = NULL, backend = NULL, env = character(),
                   hosts = NULL, timeout = Inf,
                   output = c("prefix", "first", "none"),
                   ssh = c("ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=5")) {
  output <- match.arg(output)
  check_installed("processx", "to start processes.")
  if (!is.null(hosts)) check_words(hosts, "hosts", "names of hosts")
  check_words(ssh, "ssh", "a command and its options")
  processes <- check_count(processes, "processes")
  if (!is.null(devices_per_process)) {
    devices_per_process <- check_count(devices_per_process, "devices_per_process")
  }
  check_timeout(timeout)
  backend <- check_launchable(backend %||% the$choice$backend)
  check_environment(env)

  folder <- tempfile("kerasbridge-launch-")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE), add = TRUE)
  task <- as_task(substitute(what), parent.frame(), list(...))
  saveRDS(task, file.path(folder, "task.rds"))

  variables <- c(launch_environment(backend, processes, devices_per_process, hosts), env)
  on.exit(for (host in unique(hosts)) clear_host(folder, host, ssh), add = TRUE, after = FALSE)
  for (host in unique(hosts)) send_task(folder, host, ssh)
  children <- list()
  on.exit(for (child in children) end_process(child), add = TRUE, after = FALSE)
  for (rank in seq_len(processes) - 1L) {
    children[[rank + 1L]] <- start_process(folder, rank, variables, hosts, ssh)
  }
  await(children, folder, timeout, output)
  value <- read_result(folder, children[[1L]])$value
  check_done(task, value)
  value
}

check_count <- function(x, arg, call = caller_env()) {
  if (!is.numeric(x) || length(x) != 1L || is.na(x) || x < 1 || x != round(x)) {
    abort_argument("{.arg {arg}} must be a whole number of at least 1.", call)
  }
  as.integer(x)
}

check_words <- function(x, arg, what, call = caller_env()) {
  if (!is.character(x) || !length(x) || anyNA(x) || !all(nzchar(x))) {
    abort_argument("{.arg {arg}} must be a character vector: {what}.", call)
  }
}

check_timeout <- function(x, call = caller_env()) {
  if (!is.numeric(x) || length(x) != 1L || is.na(x) || x <= 0) {
    abort_argument("{.arg timeout} must be a positive number of seconds.", call)
  }
}

# A function that tells whether so many seconds are over.
timer <- function(seconds) {
  end <- proc.time()[["elapsed"]] + seconds
  \() proc.time()[["elapsed"]] > end
}

check_environment <- function(env, call = caller_env()) {
  if (length(env) && (!is.character(env) || is.null(names(env)) || !all(nzchar(names(env))))) {
    abort_argument("{.arg env} must be a named character vector.", call)
  }
}

check_launchable <- function(backend, call = caller_env()) {
  backend <- check_backend(backend, call)
  if (!backend %in% c("jax", "torch")) {
    abort_argument(c(
      "Keras trains in one process alone on the {backend} backend.",
      i = "Several processes work with {.code backend = \"jax\"} or {.code backend = \"torch\"}."
    ), call)
  }
  backend
}

# What the processes run: a script, a function with its arguments, or an expression, the latter two
# with the variables that they need.
as_task <- function(expr, env, args, call = caller_env()) {
  value <- if (names_task(expr)) eval(expr, env)
  if (is_string(value) && (names_script(expr) || file.exists(value))) {
    if (!file.exists(value)) {
      abort_argument("There is no script at {.file {value}}.", call)
    }
    if (length(args)) abort_argument("A script takes no arguments: leave out `...`.", call)
    return(list(kind = "script", path = normalizePath(value)))
  }
  if (is.function(value) && !is_py_object(value)) {
    functions <- Filter(is.function, c(list(value), args))
    globals <- do.call(c, lapply(functions, \(f) needed_by(f)$globals))
    check_not_held(globals, call)
    packages <- attached_packages()
    return(list(kind = "function", f = value, args = args, globals = globals, packages = packages))
  }
  if (length(args)) {
    abort_argument(c(
      "An expression takes no arguments: leave out `...`.",
      i = "For a function that a call gives, give it a name first: `f <- ...; launch(f, ...)`."
    ), call)
  }
  needed <- needed_in(expr, env)
  check_not_held(c(needed$variables, needed$globals), call)
  c(list(kind = "expression", expr = expr, packages = attached_packages()), needed)
}

# Is this looked at here, for the function or the path that it gives?
names_task <- function(expr) {
  is.character(expr) || is.symbol(expr) || is.function(expr) ||
    is_call(expr, c("function", "\\", "::", ":::", "$", "[[", "@")) || makes_path(expr)
}

makes_path <- function(expr) {
  is_call(expr, c("file.path", "system.file", "normalizePath", "path.expand", "paste", "paste0"))
}

names_script <- function(expr) {
  is.character(expr) || is.symbol(expr) ||
    makes_path(expr) && !is_call(expr, c("paste", "paste0"))
}

check_not_held <- function(variables, call) {
  held <- unique(names(variables)[vapply(variables, is_py_object, NA)])
  if (length(held)) {
    abort_argument(c(
      "What is to be run names {.var {held}}, which Python holds in this process alone.",
      i = "Make it there, or send {.code serialize_model()} of a model."
    ), call)
  }
}

# A call that gave a function or the path of a script was meant to be run, and was not.
check_done <- function(task, value, call = caller_env()) {
  if (task$kind != "expression" || is_call(task$expr, "{")) {
    return(invisible())
  }
  given <- if (is.function(value)) {
    "a function"
  } else if (is_string(value) && grepl("[.][rR]$", value) && file.exists(value)) {
    "the path of a script"
  }
  if (!is.null(given)) {
    abort_argument(c(
      "The expression gives {given}, which was not run.",
      i = "Give it a name first: `what <- {deparse1(task$expr)}; launch(what)`."
    ), call)
  }
}

attached_packages <- function() {
  known <- c("base", "datasets", "graphics", "grDevices", "methods", "stats", "utils")
  rev(setdiff(sub("^package:", "", grep("^package:", search(), value = TRUE)), known))
}

# What every process finds in its environment. What must be there before a framework starts is
# there before R starts.
launch_environment <- function(backend, processes, devices_per_process, hosts) {
  host <- if (is.null(hosts)) "127.0.0.1" else sub("^.*@", "", hosts[[1L]])
  variables <- c(
    KERAS_BACKEND = backend,
    KERASBRIDGE_LAUNCHED = "1",
    KERAS_DISTRIBUTION_JOB_ADDRESSES = paste0(host, ":", free_port()),
    KERAS_DISTRIBUTION_NUM_PROCESSES = as.character(processes)
  )
  if (!is.null(devices_per_process)) {
    flag <- paste0("--xla_force_host_platform_device_count=", devices_per_process)
    variables[["XLA_FLAGS"]] <- trimws(paste(Sys.getenv("XLA_FLAGS"), flag))
  }
  # Each would start a thread for every core, which then wait for those of the others.
  if (is.null(hosts) && processes > 1L && !nzchar(Sys.getenv("OMP_NUM_THREADS"))) {
    threads <- max(1L, parallel::detectCores() %/% processes, na.rm = TRUE)
    variables[["OMP_NUM_THREADS"]] <- as.character(threads)
  }
  variables
}

# A port that nobody listens on now, found without a draw of the user's random numbers.
free_port <- function() {
  for (port in 20000L + (Sys.getpid() + 503L * seq_len(50L)) %% 25000L) {
    socket <- tryCatch(serverSocket(port), error = \(e) NULL, warning = \(w) NULL)
    if (!is.null(socket)) {
      close(socket)
      return(port)
    }
  }
  cli_abort("Found no free port on this machine.", class = "kerasbridge_error")
}

start_process <- function(folder, rank, variables, hosts, ssh) {
  host <- if (!is.null(hosts)) rep_len(hosts, rank + 1L)
  local <- if (is.null(host)) rank else sum(host == host[[rank + 1L]]) - 1L
  variables <- c(
    variables,
    KERAS_DISTRIBUTION_PROCESS_ID = as.character(rank),
    KERASBRIDGE_LOCAL_RANK = as.character(local)
  )
  expr <- paste0("kerasbridge:::run_task('", folder, "', ", rank, "L)")
  rscript <- file.path(R.home("bin"), "Rscript")
  out <- file.path(folder, paste0("out-", rank))
  if (is.null(hosts)) {
    command <- c(rscript, "-e", expr)
    libraries <- c(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
    environment <- c("current", libraries, variables)
  } else {
    given <- paste0(names(variables), "=", shQuote(variables), collapse = " ")
    # with a terminal, the remote process ends when its connection does
    terminal <- if (basename(ssh[[1L]]) == "ssh") "-tt"
    host <- host[[rank + 1L]]
    command <- c(ssh, terminal, host, paste("env", given, "Rscript -e", shQuote(expr)))
    environment <- "current"
  }
  process <- processx::process$new(
    command[[1L]], command[-1L],
    env = environment, stdout = "|", stderr = "2>&1", cleanup = TRUE, cleanup_tree = TRUE
  )
  child <- new.env(parent = emptyenv())
  child$process <- process
  child$rank <- rank
  child$lines <- character()
  child$host <- host
  child$ssh <- ssh
  child
}

# The task on another host, in a folder of the same name, which may be the same folder.
send_task <- function(folder, host, ssh) {
  task <- shQuote(file.path(folder, "task.rds"))
  sent <- shQuote(file.path(folder, paste0("task-", host)))
  script <- paste("mkdir -p", shQuote(folder), "&& cat >", sent, "&& mv", sent, task)
  command <- c(ssh, host, script)
  sent <- processx::run(
    command[[1L]], command[-1L],
    stdin = file.path(folder, "task.rds"), error_on_status = FALSE, timeout = 60
  )
  if (!identical(sent$status, 0L)) {
    abort_launch(c("Host {.val {host}} does not take the task.", escaped(trimws(sent$stderr))))
  }
}

# What was sent to a host and written there; a host that is gone keeps it.
clear_host <- function(folder, host, ssh) {
  command <- c(ssh, host, paste("rm -rf", shQuote(folder)))
  processx::run(command[[1L]], command[-1L], error_on_status = FALSE, timeout = 10)
}

# The result of a process on another host, brought here once.
fetch_result <- function(folder, child) {
  path <- result_path(folder, child$rank)
  if (is.null(child$host) || isTRUE(child$fetched) || child$process$is_alive()) {
    return(path)
  }
  child$fetched <- TRUE
  command <- c(child$ssh, child$host, paste("cat", shQuote(path)))
  fetched <- paste0(path, "-fetched")
  got <- processx::run(
    command[[1L]], command[-1L],
    stdout = fetched, error_on_status = FALSE, timeout = 60
  )
  if (identical(got$status, 0L)) file.rename(fetched, path)
  path
}

# What a process has started outlives it, and is ended with it.
end_process <- function(child) {
  child$process$kill_tree()
  child$process$kill()
}

# Wait for all; the first that fails ends the others.
await <- function(children, folder, timeout, output) {
  late <- timer(timeout)
  repeat {
    running <- Filter(\(child) child$process$is_alive(), children)
    streams <- lapply(running, \(child) child$process)
    if (length(streams)) processx::poll(streams, 100)
    for (child in children) show_output(child, output)
    for (child in children) check_process(child, children, folder)
    if (!length(running)) {
      return(invisible())
    }
    if (late()) {
      ranks <- vapply(running, \(child) child$rank + 1L, 1L)
      abort_launch("The processes were ended after {timeout} seconds; still running: {ranks}.")
    }
  }
}

show_output <- function(child, output) {
  lines <- character()
  # not to the end of the stream, which something that the process has started may hold open
  repeat {
    more <- child$process$read_output_lines()
    if (!length(more)) break
    lines <- c(lines, more)
  }
  if (!length(lines)) {
    return(invisible())
  }
  child$lines <- utils::tail(c(child$lines, lines), 200L)
  if (output == "prefix") {
    cat(paste0("[", child$rank + 1L, "] ", lines, "\n"), sep = "")
  } else if (output == "first" && child$rank == 0L) {
    cat(paste0(lines, "\n"), sep = "")
  }
}

# A process that ended without its value has failed: R told why, or nobody could.
check_process <- function(child, children, folder) {
  if (child$process$is_alive() || isTRUE(child$done)) {
    return(invisible())
  }
  result <- read_result(folder, child)
  if (is.null(result$error) && !is.null(result)) {
    child$done <- TRUE
    return(invisible())
  }
  cause <- cause_among(children, folder)
  for (other in children) end_process(other)
  number <- cause$rank + 1L
  error <- read_result(folder, cause)$error
  if (!is.null(error)) {
    abort_launch("Process {number} of {length(children)} failed.", rank = number, parent = error)
  }
  why <- how_ended(cause$process)
  last <- utils::tail(cause$lines, 5L)
  abort_launch(
    c(paste("Process {number} of {length(children)}", paste0(why, ".")), escaped(last)),
    rank = number
  )
}

# The process that failed first. Those that lost their partner fail after it, and may have told so
# before the end of the partner is seen.
cause_among <- function(children, folder) {
  patience <- timer(2)
  repeat {
    ended <- Filter(\(child) !child$process$is_alive(), children)
    results <- lapply(ended, \(child) read_result(folder, child))
    has_value <- vapply(results, \(result) !is.null(result) && is.null(result$error), NA)
    ended <- ended[!has_value]
    results <- results[!has_value]
    followed <- unlist(Map(tells_of_partner, ended, results))
    silent <- vapply(results, is.null, NA)
    times <- vapply(results, \(result) result$time %||% Inf, 0)
    if (!all(followed) || any(silent) || patience()) {
      # an error that was told comes before an end that nobody can tell of
      return(ended[[order(followed & !silent, followed, times)[[1L]]]])
    }
    Sys.sleep(0.1)
  }
}

tells_of_partner <- function(child, result) {
  text <- if (is.null(result)) child$lines else conditionMessage(result$error)
  any(grepl("(closed|reset) by peer|another task died|Broken pipe|[Hh]eartbeat", text))
}

how_ended <- function(process) {
  status <- process$get_exit_status()
  if (is.na(status)) {
    "was lost"
  } else if (status < 0) {
    paste("was killed by signal", -status)
  } else {
    paste("ended with status", status)
  }
}

escaped <- function(lines) {
  lines <- gsub("}", "}}", gsub("{", "{{", lines, fixed = TRUE), fixed = TRUE)
  if (length(lines)) set_names(lines, " ")
}

abort_launch <- function(message, ..., .envir = parent.frame()) {
  cli_abort(
    message, ...,
    class = c("kerasbridge_launch_error", "kerasbridge_error"), call = quote(launch()),
    .envir = .envir
  )
}

result_path <- function(folder, rank) file.path(folder, paste0("result-", rank, ".rds"))

read_result <- function(folder, child) {
  path <- fetch_result(folder, child)
  if (file.exists(path)) readRDS(path)
}

# In a process that launch() has started.
run_task <- function(folder, rank) {
  task <- readRDS(file.path(folder, "task.rds"))
  failed <- NULL
  value <- tryCatch(
    withCallingHandlers(first_value(task, rank), error = entrace),
    error = \(e) failed <<- e
  )
  result <- if (is.null(failed)) {
    list(value = value)
  } else {
    list(error = without_python(failed), time = as.numeric(Sys.time()))
  }
  path <- result_path(folder, rank)
  saveRDS(result, paste0(path, "-"))
  file.rename(paste0(path, "-"), path)
  if (!is.null(failed)) {
    message("Error: ", conditionMessage(failed))
    # On JAX, a process that ends in order first waits for the others, which wait for this one.
    unlink(tempdir(), recursive = TRUE)
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }
}

# The value of the first process; the others compute theirs and keep it.
first_value <- function(task, rank) {
  value <- run_code(task)
  if (rank == 0L) as_crossing(value)
}

run_code <- function(task) {
  attach_packages(task$packages)
  list2env(task$globals %||% list(), globalenv())
  switch(task$kind,
    script = source(task$path, local = new.env(parent = globalenv()))$value,
    `function` = do.call(task$f, task$args),
    expression = eval(task$expr, list2env(task$variables, parent = task$parent))
  )
}

attach_packages <- function(packages) {
  for (package in packages) {
    suppressPackageStartupMessages(library(package, character.only = TRUE))
  }
}

# A value that another process can read: what Python holds is a pointer of this one.
as_crossing <- function(value) {
  if (inherits(value, "python.builtin.object")) {
    class <- class(value)[[1L]]
    cli_abort(c(
      "The value is a {.cls {class}}, which Python holds in this process alone.",
      i = "Return {.code serialize_model()} of a model, or {.code as.array()} of a tensor."
    ), class = "kerasbridge_error", call = NULL)
  }
  each_element(value, as_crossing)
}

# What `f` makes of each element of a list, whatever its class makes of subscripts; all else as is.
each_element <- function(x, f) {
  if (typeof(x) != "list") {
    return(x)
  }
  elements <- lapply(unclass(x), f)
  attributes(elements) <- attributes(x)
  elements
}

# An error for another process: entrace() has made it, and keeps the user's own, with its classes.
without_python <- function(condition) {
  attr(condition, "py_object") <- NULL
  fields <- unclass(condition)
  plain <- !vapply(fields, inherits, NA, "python.builtin.object")
  # without those whose methods would look for the exception itself, and without the plainest
  left <- c("python.builtin.BaseException", "python.builtin.object", "simpleError")
  own <- if (!is.null(fields$error)) setdiff(class(fields$error), c(left, class(condition)))
  structure(fields[plain], class = c(own, class(condition)))
}

is_launched <- function() nzchar(Sys.getenv("KERASBRIDGE_LAUNCHED"))

join_cluster <- function(module) py_call(shim_attr("distribution.clusters.join_when_launched"))
