#' Functions of other packages
#'
#' What a script needs of reticulate, generics, tibble and zeallot, at hand after
#' `library(kerasbridge)`.
#'
#' @name reexports
#' @aliases import py_help np_array tuple dict r_to_py py_to_r py_require iterate iter_next
#'   as_iterator %as% py_eval py_run_string py_last_error compile fit evaluate generate %<-%
#' @importFrom reticulate import np_array tuple dict r_to_py py_to_r py_require iterate iter_next
#' @importFrom reticulate as_iterator %as% py_eval py_run_string py_last_error
#' @importFrom generics compile fit evaluate generate
#' @importFrom zeallot %<-%
#' @export import np_array tuple dict r_to_py py_to_r py_require iterate iter_next as_iterator
#' @export %as% py_eval py_run_string py_last_error compile fit evaluate generate
#' @export %<-%
#' @keywords internal
NULL
