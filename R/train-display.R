# What fit(), evaluate() and predict() show of their progress.

# A function of the shim's events, for `new_turns()`; NULL where nothing is shown. A terminal that
# can rewrite its line gets a bar; a log, a document and a test get a line per epoch. Handlers of
# progressr are signalled once an epoch where that package is loaded.
new_display <- function(verbose, epochs = 1, call_env = parent.frame()) {
  told <- if (is.numeric(verbose)) verbose else 0
  signal <- progress_signal(epochs, call_env)
  if (told == 0 && is.null(signal)) {
    return(NULL)
  }
  bar <- if (has_bar(told)) new_bar()
  function(event, state) {
    if (!is.null(bar) && event %in% c("step", "epoch") && length(state)) bar(event, state)
    if (event == "epoch") {
      if (told > 0) cat(epoch_line(state), "\n", sep = "")
      if (!is.null(signal)) signal(epoch_line(state))
    }
  }
}

has_bar <- function(verbose) verbose == 1 && cli::is_dynamic_tty()

# As in: Epoch 2 of 10, its steps, its seconds, and the metrics with four digits.
epoch_line <- function(state) {
  head <- switch(state$what,
    train = sprintf("Epoch %d/%d: ", state$epoch, state$epochs),
    test = "Evaluated: ",
    predict = "Predicted: "
  )
  steps <- paste(state$step, if (state$step == 1L) "step" else "steps")
  paste0(head, steps, " in ", shown_seconds(state$seconds), shown_metrics(state$metrics))
}

shown_metrics <- function(metrics) {
  if (!length(metrics)) {
    return("")
  }
  values <- vapply(metrics, \(value) formatC(value, digits = 4L, format = "g", flag = "#"), "")
  paste0(" - ", names(metrics), ": ", values, collapse = "")
}

shown_seconds <- function(seconds) {
  if (seconds < 10) {
    sprintf("%.1fs", seconds)
  } else if (seconds < 600) {
    sprintf("%.0fs", seconds)
  } else {
    sprintf("%.0fmin", seconds / 60)
  }
}

# A bar for the epoch under way. It is gone when its epoch is done.
new_bar <- function() {
  held <- new.env(parent = emptyenv())
  function(event, state) {
    if (event == "epoch") {
      if (!is.null(held$id)) cli::cli_progress_done(id = held$id, .envir = held)
      held$id <- NULL
      return(invisible())
    }
    if (is.null(held$id)) {
      held$id <- cli::cli_progress_bar(
        total = state$steps %||% NA,
        format = paste(
          "{cli::pb_extra$head} {cli::pb_bar} {cli::pb_current}/{cli::pb_total}",
          "{cli::pb_eta_str} {cli::pb_extra$metrics}"
        ),
        extra = list(head = "", metrics = ""), clear = TRUE, .auto_close = FALSE, .envir = held
      )
    }
    head <- if (state$what == "train") sprintf("Epoch %d/%d", state$epoch, state$epochs) else ""
    cli::cli_progress_update(
      id = held$id, set = state$step, .envir = held,
      extra = list(head = head, metrics = sub("^ - ", "", shown_metrics(state$metrics)))
    )
  }
}

progress_signal <- function(epochs, envir) {
  if (isNamespaceLoaded("progressr")) {
    progressr::progressor(steps = epochs, auto_finish = FALSE, envir = envir)
  }
}
