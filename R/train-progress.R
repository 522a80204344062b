# R's turn while Python trains, evaluates or predicts.

# Where a batch begins, and rarely enough to cost nothing, Python gives R a turn: R's own events,
# time limits, timers of `later` (Shiny's, too), and what is shown of the progress. Nothing leaves
# a turn by a jump. What ended it is kept in `turns`: a reached time limit ends the training between
# two batches and is signalled then; an error of somebody's timer is a warning, afterwards.
#
# Each of `...` that is not NULL is told an event and the shim's state; TRUE asks to stop.
new_turns <- function(...) {
  shows <- Filter(Negate(is.null), list(...))
  turns <- new.env(parent = emptyenv())
  turns$warnings <- list()
  turns$stopping <- FALSE
  turns$take <- function(event, state) {
    tryCatch(
      # Elsewhere under Python they are suspended.
      allowInterrupts({
        process_events()
        for (show in shows) if (isTRUE(show(event, state))) turns$stopping <- TRUE
      }),
      interrupt = \(cnd) turns$stopping <- TRUE,
      error = \(cnd) keep_error(turns, cnd)
    )
    turns$stopping
  }
  turns$error_without_handler <- function(given) {
    met <- Filter(\(limit) endsWith(trimws(geterrmessage()), limit), time_limits())
    if (length(met)) keep_error(turns, simpleError(met)) else eval(given, globalenv())
  }
  turns
}

keep_error <- function(turns, cnd) {
  if (is_time_limit(cnd)) {
    turns$condition <- cnd
    turns$stopping <- TRUE
  } else {
    turns$warnings <- c(turns$warnings, list(conditionMessage(cnd)))
  }
}

# What was kept back during the turns.
signal_kept <- function(turns, history = NULL) {
  for (message in turns$warnings) warning(message, call. = FALSE)
  cnd <- turns$condition
  if (!is.null(cnd)) {
    cnd$history <- history
    stop(cnd)
  }
}

process_events <- function() {
  Sys.sleep(0)
  if (isNamespaceLoaded("later")) later::run_now(0)
}

# R has no class for it.
is_time_limit <- function(cnd) conditionMessage(cnd) %in% time_limits()

time_limits <- function() {
  gettext("reached elapsed time limit", "reached CPU time limit", domain = "R")
}
