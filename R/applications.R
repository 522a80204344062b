# nolint start: line_length_linter. Addresses are as long as they are.
#' Prepare images for a ready-made model, and name what it recognized
#'
#' Each `application_*()` model with ImageNet weights expects pixels scaled in its own way:
#' `application_preprocess_inputs()` scales them so. `application_decode_predictions()` turns what
#' the model predicts into the names of the most probable of the 1000 classes of ImageNet.
#'
#' @param model A model made by an `application_*()` function, whose name tells how.
#' @param x Images, with values from 0 to 255: a tensor or R array of the shape
#'   `(height, width, 3)` or `(batch, height, width, 3)`.
#' @param preds What the model predicts with its classifier: a tensor or matrix of the shape
#'   `(batch, 1000)`.
#' @param top How many classes to name for each image.
#' @param ... Must be empty.
#' @param data_format `"channels_last"` or `"channels_first"`; by default
#'   [config_image_data_format()].
#' @param architecture What the model is, such as `"resnet_v2"`, where it has a name of your own.
#'
#' @returns `application_preprocess_inputs()` gives a float tensor of the shape of `x`.
#'   `application_decode_predictions()` gives a list with a data frame for each image: the best
#'   classes first, with the columns `class_name` (WordNet id), `class_description` and `score`.
#'   The names are downloaded once and kept in `~/.keras/models`.
#' @source `keras.applications.imagenet_utils.preprocess_input`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/applications/imagenet_utils/preprocess_input>;
#'   `keras.applications.imagenet_utils.decode_predictions`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/applications/imagenet_utils/decode_predictions>
#' @concept keras.applications.imagenet_utils.preprocess_input
#' @concept keras.applications.imagenet_utils.decode_predictions
#' @seealso [imagenet_preprocess_input()] to choose the scaling yourself.
#' @examplesIf can_run_keras()
#' model <- application_mobilenet_v2(weights = NULL, input_shape = c(32, 32, 3))
#' image <- array(c(0, 127.5, 255), c(1, 32, 32, 3))
#' range(as.array(application_preprocess_inputs(model, image)))
#' @export
# nolint end
application_preprocess_inputs <- function(model, x, ..., data_format = NULL, architecture = NULL) {
  check_dots_empty()
  x <- op_convert_to_tensor(x)
  call_py(bound$application_preprocess, model, x, architecture, data_format)
}

#' @rdname application_preprocess_inputs
#' @export
application_decode_predictions <- function(model, preds, top = 5L, ..., architecture = NULL) {
  check_dots_empty()
  preds <- op_convert_to_tensor(preds)
  images <- call_py(bound$application_decode, model, preds, as.integer(top), architecture)
  lapply(images, \(columns) as.data.frame(lapply(columns, unlist)))
}
