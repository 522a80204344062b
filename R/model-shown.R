# How models are shown: in one line, as a table, and as a drawing.

#' Show a model
#'
#' A model prints in one line. `summary()` gives its layers as a table, with the shapes of what they
#' give and the numbers of their parameters; a model in a model is followed by its own layers.
#' `plot()` draws the graph of the layers in the graphics device, from the inputs down.
#'
#' @param object,x A model; for `print()`, also what `summary()` gave.
#' @param ... Not used.
#' @returns `summary()` gives a list of class `keras_model_summary`: `name`, `type`, `parameters`,
#'   `trainable`, and `layers`, a data frame with a row for each layer. `plot()` gives the model,
#'   invisibly.
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 4, name = "net") |>
#'   layer_dense(8, activation = "relu") |>
#'   layer_dense(3)
#' model
#' summary(model)
#' plot(model)
#' @export
summary.keras.src.models.model.Model <- function(object, ...) {
  check_of_this_session(object)
  described <- call_py(bound$model_describe, object)
  column <- function(name, type) vapply(described$layers, \(row) row[[name]], type)
  layers <- data.frame(
    name = column("name", ""), type = column("type", ""), shape = column("shape", ""),
    dtype = column("dtype", ""), parameters = as.double(column("parameters", 0)),
    trainable = column("trainable", NA), depth = as.integer(column("depth", 0))
  )
  layers$after <- lapply(described$layers, \(row) as.character(unlist(row$after)))
  described$layers <- layers
  structure(described, class = "keras_model_summary")
}

#' @rdname summary.keras.src.models.model.Model
#' @export
print.keras_model_summary <- function(x, ...) {
  layers <- x$layers
  number <- \(n) format(n, big.mark = ",", scientific = FALSE, trim = TRUE)
  cat("Model \"", x$name, "\" (", x$type, ")\n", sep = "")
  if (nrow(layers)) {
    width <- min(getOption("width"), 80L)
    indented <- paste0(strrep("  ", layers$depth), layers$name, " (", layers$type, ")")
    count <- paste0(number(layers$parameters), ifelse(layers$trainable, "", " frozen"))
    right <- max(nchar(count), 10L)
    left <- (width - right - 2L) %/% 2L
    middle <- width - right - 2L - left
    rows <- paste(
      formatC(cut_to(c("layer", indented), left), width = -left),
      formatC(cut_to(c("output", layers$shape), middle), width = -middle),
      formatC(c("parameters", count), width = right)
    )
    rule <- strrep("-", width)
    cat(rule, rows[[1L]], rule, rows[-1L], rule, sep = "\n")
  }
  frozen <- x$parameters - x$trainable
  cat(number(x$parameters), " parameters", sep = "")
  if (frozen > 0) cat(": ", number(x$trainable), " trainable, ", number(frozen), " not", sep = "")
  cat("\n")
  invisible(x)
}

cut_to <- function(text, width) {
  long <- nchar(text) > width
  text[long] <- paste0(substr(text[long], 1L, width - 3L), "...")
  text
}

#' @rdname summary.keras.src.models.model.Model
#' @export
print.keras.src.models.model.Model <- function(x, ...) {
  if (py_is_null_xptr(x)) {
    return(print_pointer(x))
  }
  cat(call_py(bound$model_line, x), "\n", sep = "")
  invisible(x)
}

#' @rdname summary.keras.src.models.model.Model
#' @export
plot.keras.src.models.model.Model <- function(x, ...) {
  layers <- summary(x)$layers
  layers$label <- paste0(strrep("  ", layers$depth), layers$name, " (", layers$type, ")")
  boxes <- placed(layers)
  graphics::plot.new()
  graphics::plot.window(c(0, 1), c(max(boxes$level) + 0.5, 0.5))
  for (i in seq_len(nrow(boxes))) {
    from <- match(boxes$after[[i]], boxes$name)
    if (length(from)) {
      graphics::arrows(
        boxes$x[from], boxes$level[from] + 0.3, boxes$x[[i]], boxes$level[[i]] - 0.3,
        length = 0.08
      )
    }
  }
  half <- 0.45 / max(table(boxes$level))
  graphics::rect(
    boxes$x - half, boxes$level - 0.3, boxes$x + half, boxes$level + 0.3,
    col = "white"
  )
  shown <- paste0(boxes$label, "\n", boxes$shape, " ", boxes$dtype)
  fit <- min(1, 2 * half / max(graphics::strwidth(shown)), 0.5 / max(graphics::strheight(shown)))
  graphics::text(boxes$x, boxes$level, shown, cex = max(0.3, 0.95 * fit))
  invisible(x)
}

# Each layer on the level below all those whose output it takes; the layers of a model in the model
# below one another.
placed <- function(layers) {
  level <- numeric(nrow(layers))
  for (i in seq_len(nrow(layers))) {
    same <- layers$depth == layers$depth[[i]] & seq_along(level) < i
    before <- level[same & layers$name %in% layers$after[[i]]]
    nested <- layers$depth[[i]] > 0L || i > 1L && layers$depth[[i - 1L]] > layers$depth[[i]]
    last <- if (nested) max(level[seq_len(i - 1L)], 0) else 0
    level[[i]] <- max(before, last, 0) + 1
  }
  layers$level <- level
  layers$x <- stats::ave(level, level, FUN = \(same) (seq_along(same) - 0.5) / length(same))
  layers
}
