# reticulate is loaded when something of it is first used: it loads Matrix, which alone takes
# longer than all of library(kerasbridge) without it. Methods of its generics are registered
# when it loads: `@exportS3Method reticulate::r_to_py`.

# Functions of reticulate that are functions of this package.
reticulate_exports <- c(
  "import", "np_array", "tuple", "dict", "r_to_py", "py_to_r", "py_require", "iterate",
  "iter_next", "as_iterator", "%as%", "py_eval", "py_run_string", "py_last_error", "array_reshape"
)

# And those that only the code here uses.
reticulate_internals <- c(
  "import_from_path", "is_py_object", "py_available", "py_call", "py_capture_output",
  "py_get_attr", "py_has_attr", "py_is_null_xptr", "py_repr"
)

bind_reticulate <- function(namespace) {
  bind_later <- function(name) {
    delayedAssign(name, getExportedValue("reticulate", name), assign.env = namespace)
  }
  for (name in c(reticulate_exports, reticulate_internals)) bind_later(name)
}

# Run `action` when reticulate is loaded, or at once.
when_reticulate_loads <- function(action) {
  if (isNamespaceLoaded("reticulate")) {
    action()
  } else {
    setHook(packageEvent("reticulate", "onLoad"), \(...) action(), action = "append")
  }
}

python_started <- function() isNamespaceLoaded("reticulate") && reticulate::py_available()

#' Functions of other packages
#'
#' What a script needs of reticulate, generics, magrittr, tibble and zeallot, at hand after
#' `library(kerasbridge)`.
#'
#' @name reexports
#' @aliases import np_array tuple dict r_to_py py_to_r py_require iterate iter_next
#'   array_reshape as_iterator %as% py_eval py_run_string py_last_error compile fit generate %<-%
#'   %>% %<>%
#' @importFrom generics compile fit generate
#' @importFrom magrittr %>% %<>%
#' @importFrom zeallot %<-%
#' @export import np_array tuple dict r_to_py py_to_r py_require iterate iter_next
#' @export array_reshape as_iterator %as% py_eval py_run_string py_last_error compile fit generate
#' @export %<-% %>% %<>%
#' @keywords internal
NULL
