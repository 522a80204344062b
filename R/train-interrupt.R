# Ctrl-C while Python trains, evaluates or predicts: an ordinary event, met between two batches.

# The shim counts interrupts. Where R code runs under Python (a callback, a generator) and R itself
# meets one, it is counted as well, and the code goes on; it is left at the second.
#
# reticulate processes R's events from time to time, in a context without handlers, where a time
# limit that is reached would end a script and be lost to a session. All that R asks there is the
# option `error`. An error of the call itself is the user's option's again.
#
# From before the call until its result is R's, an interrupt is the shim's: reticulate, which then
# converts, would make an error of it. One that came too late for the work is R's after it; `told`
# makes a history of the result, which goes with it.
interruptible <- function(expr, turns, told = function(value) NULL) {
  given <- options(error = function() turns$error_without_handler(given$error))
  on.exit(options(given))
  crews <- the$crews
  on.exit(end_crews(crews), add = TRUE)
  held <- call_py(bound$interrupts_hold)
  on.exit(if (held) call_py(bound$interrupts_release), add = TRUE)
  value <- withCallingHandlers(
    expr,
    error = function(cnd) options(given),
    interrupt = function(cnd) {
      if (!inherits(cnd, "kerasbridge_interrupt") && !py_to_r(py_call(bound$interrupt_met))) {
        tryInvokeRestart("resume")
      }
    }
  )
  if (held) {
    held <- FALSE
    if (call_py(bound$interrupts_release)) leave_with_interrupt(sys.call(-1L), told(value))
  }
  value
}

# What fit() gives back once its training has ended, in whichever way.
end_of_fit <- function(fitted, turns, call) {
  history <- new_history(fitted)
  signal_kept(turns, history)
  if (history$interrupted) {
    if (fitted$interrupted$at_once || interrupt_mode(call) == "leave") {
      leave_with_interrupt(call, history)
    }
    cli::cli_inform(c("!" = told_interrupt(history)))
  }
  history
}

# The result of evaluate() or predict(), which has none when it was left.
end_of_turns <- function(result, turns, call) {
  force(result) # the turns come with it
  signal_kept(turns)
  if (inherits(result, "kerasbridge.models.progress.Interrupted")) leave_with_interrupt(call)
  result
}

told_interrupt <- function(history) {
  at <- history$interrupted_at
  if (is.null(at)) {
    return("Interrupted.")
  }
  of <- if (is.null(at$steps)) "" else paste(" of", at$steps)
  paste0(
    "Interrupted in epoch ", at$epoch, ", after step ", at$step, of,
    ". The model keeps its weights; {.code initial_epoch = length(history)} goes on."
  )
}

interrupt_mode <- function(call) {
  mode <- getOption("kerasbridge.interrupt") %||% if (is_interactive()) "return" else "leave"
  if (!identical(mode, "return") && !identical(mode, "leave")) {
    abort_argument(
      "The option {.code kerasbridge.interrupt} must be {.val return} or {.val leave}.", call
    )
  }
  mode
}

# R's own interrupt goes on: a handler of the user's takes it, or it ends what is running.
leave_with_interrupt <- function(call, history = NULL) {
  message <- cli::format_inline(told_interrupt(history))
  cnd <- structure(
    class = c("kerasbridge_interrupt", "interrupt", "condition"),
    list(message = message, call = call, history = history)
  )
  signalCondition(cnd)
  invokeRestart("abort")
}

#' Interrupting a training
#'
#' Ctrl-C and the stop button of RStudio end a [fit()] between two batches. Nothing is lost: the
#' current step ends, the callbacks' `on_train_end` runs, the model keeps its weights and its
#' optimizer's state, and there is a history.
#'
#' @details
#' What [fit()] does then is an option:
#'
#' * `options(kerasbridge.interrupt = "return")`, the default in an interactive session: it returns
#'   the history, whose `interrupted` is `TRUE`, and says after which epoch and step.
#' * `options(kerasbridge.interrupt = "leave")`, the default in scripts: R's interrupt goes on, as
#'   a condition of classes `kerasbridge_interrupt` and `interrupt`, which
#'   `tryCatch(interrupt = )` takes. Its `history` is the history.
#'
#' A second Ctrl-C leaves at once, in both: with the interrupt, without `on_train_end`. R code that
#' Python has called (a callback, a generator, a layer's `call`) is not disturbed by the first, and
#' is left at the second.
#'
#' The interrupted epoch is the last one of the history, so
#' `fit(initial_epoch = length(history))` begins that epoch again, with the weights as they are. An
#' interrupt in the last step of an epoch waits for one step of the next.
#'
#' [evaluate()] and [predict()] leave with the interrupt between two batches, [adapt()] at once; the
#' model or the layer is as it was.
#'
#' A time limit (`setTimeLimit()`, `R.utils::withTimeout()`) that is reached during [fit()] ends it
#' in the same way. R's error follows then, and carries the history as well.
#'
#' @returns [fit()] gives the history up to there, or leaves with a condition that has it in
#'   `history`.
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
#' model |> compile("sgd", "mse")
#' ask <- callback_lambda(on_train_batch_begin = \(batch, logs) if (batch == 2) tools::pskill(
#'   Sys.getpid(), tools::SIGINT
#' ))
#' # What follows a Ctrl-C in the third batch.
#' left <- tryCatch(
#'   fit(model, matrix(1:320 / 320), 1:320 / 320, callbacks = ask, verbose = 0),
#'   interrupt = \(cnd) cnd$history
#' )
#' left
#' @name kerasbridge_interrupts
NULL
