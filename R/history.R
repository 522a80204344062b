#' The history of a training
#'
#' What [fit()] gives back: the loss and metrics after each epoch.
#'
#' @param x A training history.
#' @param ... Not used.
#' @param row.names,optional Not used: as in [as.data.frame()].
#' @param y Not used.
#' @param metrics Names of the metrics to plot; by default all.
#' @param smooth Whether ggplot2 draws a smoothed line in place of the one through the points.
#'
#' @details A history is a list with
#'
#' * `metrics`: a named list with one number per epoch for each metric; validation metrics have
#'   names that begin with `val_`,
#' * `params`: a named list with `epochs`, `steps` and `verbose`,
#' * `interrupted`: whether the training was [interrupted][kerasbridge_interrupts] before its end,
#'   and then `interrupted_at`, a list of `epoch`, `step` and `steps`: the last step that was done,
#'   and how many the epoch has (`NULL` when that is not known).
#'
#' `length(history)` is the number of its epochs. An interrupted epoch is the last of them, with its
#' metrics as far as it came; `fit(initial_epoch = length(history))` begins it again.
#'
#' @returns `as.data.frame()` and [tibble::as_tibble()] give one row for each epoch and metric,
#'   with columns `epoch` (integer), `value` (double), `metric` (factor) and `data` (factor with
#'   levels `training` and `validation`). `plot()` gives a ggplot when ggplot2 is installed, and
#'   draws with base graphics otherwise.
#' @source `keras.callbacks.History`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/callbacks/History>
#' @concept keras.callbacks.History
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
#' model |> compile("sgd", "mse")
#' history <- model |> fit(cars$speed / 10, cars$dist / 50, epochs = 3, verbose = 0)
#' tibble::as_tibble(history)
#' plot(history)
#' @name keras_training_history
NULL

new_history <- function(fitted) {
  metrics <- lapply(fitted$metrics, as.double)
  at <- fitted$interrupted
  history <- list(params = fitted$params, metrics = metrics, interrupted = !is.null(at))
  if (!is.null(at)) history$interrupted_at <- at[c("epoch", "step", "steps")]
  structure(
    history,
    class = "keras_training_history",
    epochs = as.integer(unlist(fitted$epoch)),
    validated = as.integer(unlist(fitted$validated))
  )
}

history_epochs <- function(x) {
  attr(x, "epochs") %||% seq_along(x$metrics[[1L]])
}

#' @rdname keras_training_history
#' @export
length.keras_training_history <- function(x) length(history_epochs(x))

#' @rdname keras_training_history
#' @export
print.keras_training_history <- function(x, ...) {
  epochs <- history_epochs(x)
  last <- vapply(x$metrics, \(values) values[[length(values)]] %||% NA_real_, double(1))
  cat("Trained for ", length(epochs), if (length(epochs) == 1L) " epoch" else " epochs", sep = "")
  if (isTRUE(x$interrupted)) cat(", the last one interrupted after step", x$interrupted_at$step)
  if (length(last)) {
    cat(". In the last one:\n")
    width <- max(nchar(names(last)))
    labels <- formatC(names(last), width = width)
    cat(sprintf("%s: %s\n", labels, format(last, digits = 4)), sep = "")
  } else {
    cat(".\n")
  }
  invisible(x)
}

# One line: what the panes of RStudio and Positron show of it.
#' @export
str.keras_training_history <- function(object, ...) {
  epochs <- length(object)
  line <- paste0(
    "training history: ", epochs, if (epochs == 1L) " epoch" else " epochs", " of ",
    paste(names(object$metrics), collapse = ", ")
  )
  cat(" <", cut_to(line, 76L), ">\n", sep = "")
}

#' @rdname keras_training_history
#' @export
as.data.frame.keras_training_history <- function(x, row.names = NULL, optional = FALSE, ...) {
  epochs <- history_epochs(x)
  # With `validation_freq`, a validation metric has fewer values than there are epochs.
  names <- names(x$metrics)
  metrics <- metric_of(names)
  frames <- lapply(seq_along(names), function(i) {
    values <- x$metrics[[i]]
    data.frame(
      epoch = if (length(values) == length(epochs)) epochs else attr(x, "validated"),
      value = values,
      metric = rep(metrics[[i]], length(values)),
      data = rep(data_of(names[[i]]), length(values))
    )
  })
  all <- do.call(rbind, frames)
  all$metric <- factor(all$metric, unique(metrics))
  all$data <- factor(all$data, c("training", "validation"))
  all
}

# Keras's name for a value says of which metric it is, and on which data.
metric_of <- function(name) sub("^val_", "", name)

data_of <- function(name) ifelse(grepl("^val_", name), "validation", "training")

#' @rdname keras_training_history
#' @exportS3Method tibble::as_tibble
as_tibble.keras_training_history <- function(x, ...) {
  tibble::as_tibble(as.data.frame(x), ...)
}

#' @rdname keras_training_history
#' @export
plot.keras_training_history <- function(x, y, metrics = NULL, smooth = FALSE, ...) {
  data <- as.data.frame(x)
  if (!is.null(metrics)) {
    unknown <- setdiff(metrics, levels(data$metric))
    if (length(unknown)) {
      abort_argument(c(
        "{.arg metrics} must be among {.val {levels(data$metric)}}.",
        x = "There is no {.val {unknown}}."
      ), current_env())
    }
    data <- droplevels(data[data$metric %in% metrics, ])
  }
  if (is_installed("ggplot2")) {
    return(history_ggplot(data, smooth))
  }
  history_base_plot(data)
  invisible(x)
}

history_ggplot <- function(data, smooth) {
  compared <- any(data$data == "validation")
  mapping <- if (compared) {
    ggplot2::aes(.data$epoch, .data$value, colour = .data$data, fill = .data$data)
  } else {
    ggplot2::aes(.data$epoch, .data$value)
  }
  p <- ggplot2::ggplot(data, mapping)
  if (smooth) {
    p <- p + ggplot2::geom_smooth(se = FALSE, method = "loess", formula = y ~ x, na.rm = TRUE)
  } else {
    p <- p + ggplot2::geom_line()
  }
  p +
    ggplot2::geom_point(shape = 21, na.rm = TRUE, colour = 1) +
    ggplot2::facet_grid(ggplot2::vars(.data$metric), switch = "y", scales = "free_y") +
    ggplot2::scale_x_continuous(breaks = \(limits) unique(round(pretty(limits)))) +
    ggplot2::labs(x = "epoch", y = NULL, colour = NULL, fill = NULL) +
    ggplot2::theme(strip.placement = "outside", strip.background = ggplot2::element_blank())
}

history_base_plot <- function(data) {
  panels <- split(data, data$metric)
  old <- graphics::par(mfrow = c(length(panels), 1), mar = c(4, 4, 1, 1))
  on.exit(graphics::par(old))
  colours <- c(training = "#3366AA", validation = "#CC6633")
  for (name in names(panels)) {
    panel <- panels[[name]]
    graphics::plot(
      panel$epoch, panel$value,
      col = colours[as.character(panel$data)], pch = 19, xlab = "epoch", ylab = name
    )
    shown <- unique(as.character(panel$data))
    if (length(shown) > 1L) graphics::legend("topright", shown, col = colours[shown], pch = 19)
  }
}
