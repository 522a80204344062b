#' Options
#'
#' What can be set with [options()] for the whole session.
#'
#' @section Training:
#' * `kerasbridge.interrupt`: what [fit()] does at Ctrl-C, see [kerasbridge_interrupts]:
#'   `"return"`, the default in an interactive session, or `"leave"`, the default elsewhere.
#' * `keras.verbose`: the default of `verbose` in [fit()], [evaluate()] and [predict()]: `"auto"`,
#'   `0`, `1` or `2`.
#'
#' @section R functions on other threads:
#' * `kerasbridge.thread_timeout`: seconds that another thread of Python waits for R, which runs on
#'   its main thread only, until its call of an R function is an error. Default 60. The next call of
#'   a function of this package heeds a change.
#'
#' @returns [options()] gives a list of what was set before; `getOption()` what is set now, or
#'   `NULL`.
#'
#' @examples
#' getOption("kerasbridge.interrupt", "not set")
#' @name kerasbridge_options
#' @aliases kerasbridge-options
NULL
