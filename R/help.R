#' The Python documentation of a function
#'
#' Shows what Python says of an object: for a function of this package, the documentation of the
#' Keras object that it calls, as the installed Keras has it. Mind that it speaks Python: axes
#' and positions count from 0 there.
#'
#' @param object A function of this package, a class made with `new_*_class()`, or any Python
#'   object.
#' @returns `NULL`, invisibly; the documentation is printed, or shown in the pager for a Python
#'   object.
#' @examplesIf can_run_keras()
#' py_help(op_relu)
#' @export
py_help <- function(object) {
  if (inherits(object, "kerasbridge_wrapper")) {
    cat(call_py(bound$wrapper_help, attr(object, "wrapper")), "\n", sep = "")
    return(invisible())
  }
  if (inherits(object, "kerasbridge_class")) object <- class_of(attr(object, "definition"))
  reticulate::py_help(object)
  invisible()
}
