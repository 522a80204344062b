#' Install Keras into a virtual environment
#'
#' Makes a virtual environment, or takes the one of that name, and installs Keras and its backends
#' there. Most users need none: without an environment of their own, [use_backend()] declares what
#' a session needs, and reticulate provides it.
#'
#' @param envname Name or path of the virtual environment. The default, `"r-keras"`, is one that
#'   reticulate finds by itself.
#' @param ... Further arguments of [reticulate::virtualenv_install()].
#' @param extra_packages Names of further Python packages.
#' @param python_version Version of Python for a new environment, such as `"3.12"` or `">=3.11"`.
#'   `NULL`, the default, takes any that Keras runs on.
#' @param backend One or more of `"tensorflow"`, `"jax"`, `"torch"` and `"numpy"`.
#' @param gpu `TRUE` installs the packages for a GPU, `FALSE` those for the CPU. `NA`, the default,
#'   looks for an NVIDIA GPU.
#' @param restart_session Whether to say that R must be restarted, when it runs Python already.
#'   Default `TRUE`.
#' @returns The path of the environment's Python, invisibly.
#' @examples
#' if (interactive()) install_keras(backend = "jax")
#' @export
install_keras <- function(envname = "r-keras", ..., extra_packages = NULL, python_version = NULL,
                          backend = "tensorflow", gpu = NA, restart_session = TRUE) {
  check_one_string(envname)
  check_flag(restart_session)
  for (one in backend) check_backend(one)
  packages <- unique(c(unlist(lapply(backend, backend_requirements, gpu)), extra_packages))
  if (!reticulate::virtualenv_exists(envname)) {
    version <- python_version %||% backend_table()$python
    reticulate::virtualenv_create(envname, version = version, packages = NULL)
  }
  reticulate::virtualenv_install(envname, packages, ...)
  if (restart_session && python_started()) {
    cli::cli_inform("Restart R to use the Python of {.val {envname}}.")
  }
  invisible(reticulate::virtualenv_python(envname))
}
