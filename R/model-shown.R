# How models are shown: in one line, and as a table.

#' Show a model
#'
#' A model prints in one line. `summary()` gives its layers as a table, with the shapes of what they
#' give and the numbers of their parameters; a model in a model is followed by its own layers.
#' `plot()` draws the graph of the layers in the graphics device, from the inputs down.
#' `as.data.frame()` gives the table itself, which `View()` shows.
#'
#' @param object,x A model; for `print()` and `as.data.frame()`, also what `summary()` gave.
#' @param to_file Path of an image to draw into instead, as [plot_model()] does, which takes `...`.
#' @param row.names,optional,... Not used.
#' @returns `summary()` gives a list of class `keras_model_summary`: `name`, `type`, `parameters`,
#'   `trainable`, and `layers`, a data frame with a row for each layer. `as.data.frame()` gives this
#'   data frame, with the names of the layers that come before as text in the column `after`.
#'   `plot()` gives the model, invisibly.
#' @source `keras.Model.summary`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#summary>
#' @concept keras.Model.summary
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 4, name = "net") |>
#'   layer_dense(8, activation = "relu") |>
#'   layer_dense(3)
#' model
#' summary(model)
#' as.data.frame(model)[c("name", "shape", "parameters")]
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
      format(cut_to(c("layer", indented), left), width = left),
      format(cut_to(c("output", layers$shape), middle), width = middle),
      format(c("parameters", count), width = right, justify = "right")
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

# Text of so many columns of the console, of which some characters take two.
cut_to <- function(text, width) {
  long <- nchar(text, "width") > width
  text[long] <- paste0(strtrim(text[long], width - 3L), "...")
  text
}

#' @rdname summary.keras.src.models.model.Model
#' @export
as.data.frame.keras.src.models.model.Model <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(summary(x))
}

#' @rdname summary.keras.src.models.model.Model
#' @export
as.data.frame.keras_model_summary <- function(x, row.names = NULL, optional = FALSE, ...) {
  layers <- x$layers
  layers$after <- vapply(layers$after, toString, "")
  layers
}

#' @rdname summary.keras.src.models.model.Model
#' @export
print.keras.src.models.model.Model <- function(x, ...) {
  if (py_is_null_xptr(x)) {
    return(print_pointer(x))
  }
  cat(call_py(bound$object_line, x), "\n", sep = "")
  invisible(x)
}
