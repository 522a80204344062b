# Helpers for the tests of packages that build on this one.

#' Tests of packages that use Keras
#'
#' For a package of your own: where nobody has Keras, as on a machine of CRAN, its tests of models
#' are skipped rather than failed; and a test names the backend that it is written for.
#'
#' @param backend `"tensorflow"`, `"jax"`, `"torch"` or `"numpy"`: the only backend on which the
#'   test is to run. `NULL`, the default, for any.
#' @param .local_envir The frame at whose end the choice is undone.
#'
#' @returns `skip_if_no_keras()` gives `TRUE`, invisibly, where the test goes on; elsewhere it skips
#'   it, which needs testthat. `local_backend()` gives the name of the backend, invisibly.
#'
#' @details
#' `local_backend()` is [use_backend()] for the rest of a function or a test, and for the R
#' processes that it starts: afterwards the environment is as it was, and so is the choice. A
#' session has one backend: where Keras runs on another one already, it is refused as
#' [use_backend()] refuses it. Start a process for each backend, with `KERAS_BACKEND` set.
#'
#' @seealso [can_run_keras()], which is the question by itself.
#' @examples
#' \dontrun{
#' test_that("the model has three outputs", {
#'   skip_if_no_keras()
#'   expect_identical(my_model()$output_shape[[2]], 3L)
#' })
#' }
#'
#' child_backend <- function() {
#'   local_backend("numpy")
#'   Sys.getenv("KERAS_BACKEND")
#' }
#' if (!reticulate::py_available()) child_backend()
#' @concept utilities
#' @export
skip_if_no_keras <- function(backend = NULL) {
  check_installed("testthat", "to skip a test.")
  if (!is.null(backend)) check_backend(backend)
  if (!can_run_keras()) testthat::skip("Keras cannot be run here")
  if (!is.null(backend) && config_backend() != backend) {
    testthat::skip(paste0("for ", backend, ", and Keras runs on ", config_backend()))
  }
  invisible(TRUE)
}

#' @rdname skip_if_no_keras
#' @export
local_backend <- function(backend, .local_envir = parent.frame()) {
  backend <- check_backend(backend)
  before <- the$choice
  use_backend(backend)
  # Once Keras runs, the choice is made.
  undo <- function() if (is.null(loaded_backend())) choose_backend(before)
  do.call(on.exit, list(as.call(list(undo)), add = TRUE), envir = .local_envir)
  invisible(backend)
}
