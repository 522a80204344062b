# What serialize_model() gives: bytes that cross to another process as they are, and that stand for
# the model there. Copies of a value share a cell, which crosses too. The model itself is not in it,
# since a pointer would not cross; each session finds its own by the cell's address.

new_serialized <- function(bytes, r_source) {
  cell <- new.env(parent = emptyenv())
  cell$r_source <- r_source
  structure(bytes, class = "keras_serialized_model", cell = cell)
}

# The models that were made of such values in this session, each for as long as its cell is there.
live_models <- new.env(parent = emptyenv())

model_of <- function(x) {
  cell <- attr(x, "cell")
  address <- obj_address(cell)
  if (is.null(live_models[[address]])) {
    live_models[[address]] <- unserialize_model(x)
    reg.finalizer(cell, forget_model)
  }
  live_models[[address]]
}

forget_model <- function(cell) rm(list = obj_address(cell), envir = live_models)

# What changes the model changes the bytes: the value can be sent on, and kept.
changed <- function(x, change, ...) {
  model <- model_of(x)
  cell <- attr(x, "cell")
  on.exit(cell$bytes <- as.raw(serialize_model(model, cell$r_source)))
  change(model, ...)
}

#' @export
as.raw.keras_serialized_model <- function(x) {
  attr(x, "cell")$bytes %||% as.raw(unclass(x))
}

# Functions that hand a model to Python hand over this one's.
#' @exportS3Method reticulate::r_to_py
r_to_py.keras_serialized_model <- function(x, convert = FALSE) model_of(x)

#' @export
format.keras_serialized_model <- function(x, ...) {
  size <- structure(length(as.raw(x)), class = "object_size")
  paste0("<serialized model: ", format(size, units = "auto", standard = "SI"), ">")
}

# Where it cannot be read, as on a machine without Keras, it is shown all the same.
#' @export
print.keras_serialized_model <- function(x, ...) {
  line <- tryCatch(call_py(bound$object_line, model_of(x)), error = \(e) NULL)
  cat(c(line, format(x)), sep = "\n")
  invisible(x)
}

#' @export
str.keras_serialized_model <- function(object, ...) cat("", format(object), "\n")

#' @export
summary.keras_serialized_model <- function(object, ...) summary(model_of(object), ...)

#' @export
plot.keras_serialized_model <- function(x, ...) {
  plot(model_of(x), ...)
  invisible(x)
}

#' @exportS3Method stats::predict
predict.keras_serialized_model <- function(object, ...) predict(model_of(object), ...)

#' @export
#' @rawNamespace S3method(generics::evaluate,keras_serialized_model)
#' @rawNamespace S3method(tensorflow::evaluate,keras_serialized_model)
#' @rawNamespace S3method(tfdatasets::evaluate,keras_serialized_model)
evaluate.keras_serialized_model <- function(object, ...) evaluate(model_of(object), ...)

#' @exportS3Method generics::fit
fit.keras_serialized_model <- function(object, ...) changed(object, fit, ...)

#' @exportS3Method generics::compile
compile.keras_serialized_model <- function(object, ...) {
  changed(object, compile, ...)
  invisible(object)
}

#' @export
`$.keras_serialized_model` <- function(x, name) do.call(`$`, list(model_of(x), name))

# Models as the package bundle keeps them, whose unbundle() calls `situate`.
#' @exportS3Method bundle::bundle
bundle.keras.src.models.model.Model <- function(x, ...) {
  situate <- new_function(
    pairlist2(object = ), quote(kerasbridge::unserialize_model(object)), baseenv()
  )
  structure(
    list(object = serialize_model(x), situate = situate),
    class = c("bundled_keras_model", "bundle")
  )
}
