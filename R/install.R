#' Install Keras into a virtual environment
#'
#' Makes a virtual environment, or takes the one of that name, and installs Keras and its backends
#' there. Most users need none: without an environment of their own, [use_backend()] declares what
#' a session needs, and reticulate provides it.
#'
#' @param envname Name or path of the virtual environment. The default, `"r-keras"`, is the one that
#'   a session takes by itself, where it has the session's backend and nothing else was chosen.
#'   Another is chosen by [reticulate::use_virtualenv()].
#' @param ... Further arguments of [reticulate::virtualenv_install()].
#' @param extra_packages Names of further Python packages.
#' @param python_version Version of Python for a new environment, such as `"3.12"` or `">=3.11"`.
#'   `NULL`, the default, takes any that Keras runs on.
#' @param backend One or more of `"tensorflow"`, `"jax"`, `"torch"` and `"numpy"`.
#' @param gpu `TRUE` installs the packages for a GPU, `FALSE` those for the CPU. `NA`, the default,
#'   looks for an NVIDIA GPU.
#' @param wheels Folder of Python's packages as `pip download` has fetched them, to install from
#'   without a network. `NULL`, the default, installs from the network.
#' @param restart_session Whether to say that R must be restarted, when it runs Python already.
#'   Default `TRUE`.
#' @returns The path of the environment's Python, invisibly.
#' @examples
#' if (interactive()) install_keras(backend = "jax")
#' @export
install_keras <- function(envname = "r-keras", ..., extra_packages = NULL, python_version = NULL,
                          backend = "tensorflow", gpu = NA, restart_session = TRUE,
                          wheels = NULL) {
  check_one_string(envname)
  check_wheels(wheels)
  check_flag(restart_session)
  for (one in backend) check_backend(one)
  packages <- unique(c(unlist(lapply(backend, backend_requirements, gpu)), extra_packages))
  if (!reticulate::virtualenv_exists(envname)) {
    version <- python_version %||% backend_table()$python
    # without packages, for `NULL` would have the newest pip fetched first
    reticulate::virtualenv_create(envname, version = version, packages = FALSE)
  }
  from <- if (!is.null(wheels)) c("--no-index", "--find-links", shQuote(normalizePath(wheels)))
  options <- utils::modifyList(list(pip_options = from), list(...))
  do.call(reticulate::virtualenv_install, c(list(envname, packages), options))
  if (!python_started()) {
    prefer_installed(the$choice$backend)
  } else if (restart_session) {
    cli::cli_inform("Restart R to use the Python of {.val {envname}}.")
  }
  invisible(reticulate::virtualenv_python(envname))
}

check_wheels <- function(wheels, call = caller_env()) {
  if (is.null(wheels)) {
    return()
  }
  if (!is_string(wheels) || !dir.exists(wheels)) {
    abort_argument("{.arg wheels} must be a folder, and there is none at {.val {wheels}}.", call)
  }
  if (!length(list.files(wheels, "[.]whl$"))) {
    abort_argument("The folder {.val {wheels}} has no wheel: `pip download -d` fills one.", call)
  }
}

# The session's Python, unless the user chooses another: the environment that install_keras() makes,
# if it has what the session needs. Else reticulate makes one.
prefer_installed <- function(backend) {
  if (!reticulate::virtualenv_exists("r-keras")) {
    return(invisible())
  }
  own <- reticulate::virtualenv_python("r-keras")
  if (!Sys.getenv("RETICULATE_PYTHON_FALLBACK") %in% c("", own)) {
    return(invisible())
  }
  if (has_packages(own, backend)) {
    Sys.setenv(RETICULATE_PYTHON_FALLBACK = own)
  } else {
    Sys.unsetenv("RETICULATE_PYTHON_FALLBACK")
  }
}

# Has the environment of this Python a Keras that is supported, and the backend? By its files: a
# Python that was started to tell would take a second of every session.
has_packages <- function(python, backend) {
  libraries <- c("lib/python*/site-packages", "Lib/site-packages")
  packages <- list.files(Sys.glob(file.path(dirname(dirname(python)), libraries)))
  pattern <- "^keras-([0-9.]+)[.]dist-info$"
  version <- sub(pattern, "\\1", grep(pattern, packages, value = TRUE))
  length(version) == 1L && numeric_version(version) >= oldest_keras() &&
    backend_table()$backends[[backend]]$module %in% packages
}
