# Preprocessing layers: what they learn from data, and the features of a feature space.

#' Let a preprocessing layer learn from data
#'
#' Some preprocessing layers need to see data before they can be used:
#' [layer_text_vectorization()], [layer_string_lookup()] and [layer_integer_lookup()] learn their
#' vocabulary, [layer_normalization()] the mean and variance, [layer_discretization()] the
#' boundaries of its bins, and [layer_feature_space()] all of that for a table. Learning anew
#' forgets what was learned before.
#'
#' @param object A preprocessing layer.
#' @param data What to learn from: an R vector, matrix or array, a character vector for layers
#'   that take text, a data frame or named list for a feature space, a tensor, or a data set.
#' @param ... Must be empty.
#' @param batch_size Number of samples that are looked at together, where the layer has a choice.
#' @param steps Number of batches to look at, when the data has no end.
#'
#' @returns The layer, invisibly.
#' @source `keras.layers.Normalization.adapt`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/layers/Normalization#adapt>;
#'   `keras.layers.TextVectorization.adapt`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/layers/TextVectorization#adapt>
#' @concept keras.layers.Normalization.adapt
#' @concept keras.layers.TextVectorization.adapt
#' @seealso [get_vocabulary()] for what a lookup layer learned.
#' @examplesIf can_run_keras()
#' layer <- layer_normalization()
#' adapt(layer, matrix(c(0, 2, 4, 10, 20, 30), 3))
#' layer(matrix(c(2, 20), 1))
#'
#' words <- layer_text_vectorization(output_sequence_length = 3)
#' adapt(words, c("to be or not", "to be"))
#' words("to be")
#' @export
adapt <- function(object, data, ..., batch_size = NULL, steps = NULL) {
  check_dots_empty()
  options <- dict_of(batch_size = batch_size, steps = steps)
  if (is.data.frame(data) && inherits(object, feature_space_class)) {
    data <- space_frame(data, object, current_env())
  }
  call_py(bound$layer_adapt, object, arg_data(data), options)
  invisible(object)
}

feature_space_class <- "keras.src.layers.preprocessing.feature_space.FeatureSpace"

# A feature space is a function of a data frame, with its factors, as well.
#' @exportS3Method reticulate::py_to_r_wrapper
py_to_r_wrapper.keras.src.layers.preprocessing.feature_space.FeatureSpace <- function(x) {
  space <- NextMethod()
  function(data, ...) {
    if (is.data.frame(data)) data <- space_frame(data, x, current_env())
    space(data, ...)
  }
}

#' Vocabulary of a lookup layer
#'
#' The terms that a [layer_text_vectorization()], [layer_string_lookup()] or
#' [layer_integer_lookup()] knows, in the order of their codes: the first term has code 0.
#'
#' @param object A lookup layer.
#' @param include_special_tokens Whether to include the terms for padding and for what is not in
#'   the vocabulary. Default `TRUE`.
#' @param vocabulary The terms: a character or integer vector, or the path of a text file with one
#'   term in a line.
#' @param idf_weights Weight of each term in the mode `"tf_idf"`: a number for each.
#' @param ... Must be empty.
#'
#' @returns `get_vocabulary()` gives a character or integer vector; `set_vocabulary()` the layer,
#'   invisibly.
#' @source `keras.layers.TextVectorization.get_vocabulary`,
#'   `keras.layers.TextVectorization.set_vocabulary`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/layers/TextVectorization>
#' @concept keras.layers.TextVectorization.get_vocabulary
#' @concept keras.layers.TextVectorization.set_vocabulary
#' @examplesIf can_run_keras()
#' layer <- layer_string_lookup()
#' set_vocabulary(layer, c("red", "green"))
#' get_vocabulary(layer)
#' layer(c("green", "blue"))
#' @export
get_vocabulary <- function(object, include_special_tokens = TRUE) {
  options <- dict_of(include_special_tokens = include_special_tokens)
  terms <- as_r(call_py(bound$layer_vocabulary, object, options))
  dim(terms) <- NULL
  terms
}

#' @rdname get_vocabulary
#' @export
set_vocabulary <- function(object, vocabulary, idf_weights = NULL, ...) {
  check_dots_empty()
  call_py(bound$layer_set_vocabulary, object, vocabulary, idf_weights)
  invisible(object)
}

#' Features of a feature space
#'
#' What [layer_feature_space()] does with one column: `feature_float*()` are for numbers,
#' `feature_integer_*()` and `feature_string_*()` for categories, `feature_cross()` combines
#' columns of categories, and `feature_custom()` uses a preprocessing layer of your own.
#'
#' @param name Name of the feature. `NULL`, the default, makes one up.
#' @param scale,offset Every number becomes `number * scale + offset`.
#' @param num_bins Number of bins: of equally many values, or of a hash.
#' @param bin_boundaries Boundaries between the bins. `NULL`, the default, learns them.
#' @param max_tokens Largest number of categories. `NULL`, the default, sets no limit.
#' @param num_oov_indices Number of codes for categories that were not seen. Default 1.
#' @param output_mode `"one_hot"`, the default, for a column per category, or `"int"` for codes.
#' @param feature_names Names of the columns to combine.
#' @param crossing_dim Number of codes that combinations are hashed to.
#' @param dtype Type of the column, such as `"float32"` or `"string"`.
#' @param preprocessor A layer that is applied to the column.
#'
#' @returns A feature, for the argument `features` or `crosses` of [layer_feature_space()].
#' @source `keras.utils.FeatureSpace`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/utils/FeatureSpace>
#' @concept keras.utils.FeatureSpace
#' @examplesIf can_run_keras() && config_backend() == "tensorflow"
#' space <- layer_feature_space(
#'   features = list(speed = feature_float_rescaled(scale = 0.1), dist = feature_float())
#' )
#' adapt(space, cars)
#' space(cars[1:2, ])
#' @name features
NULL

feature <- function(kind, ...) call_py(bound$layer_feature, kind, dict_of(...))

#' @rdname features
#' @export
feature_float <- function(name = NULL) feature("float", name = name)

#' @rdname features
#' @export
feature_float_rescaled <- function(scale = 1, offset = 0, name = NULL) {
  feature("float_rescaled", scale = scale, offset = offset, name = name)
}

#' @rdname features
#' @export
feature_float_normalized <- function(name = NULL) feature("float_normalized", name = name)

#' @rdname features
#' @export
feature_float_discretized <- function(num_bins, bin_boundaries = NULL, output_mode = "one_hot",
                                      name = NULL) {
  feature(
    "float_discretized",
    num_bins = as.integer(num_bins), bin_boundaries = bin_boundaries, output_mode = output_mode,
    name = name
  )
}

#' @rdname features
#' @export
feature_integer_categorical <- function(max_tokens = NULL, num_oov_indices = 1,
                                        output_mode = "one_hot", name = NULL) {
  categorical("integer_categorical", max_tokens, num_oov_indices, output_mode, name)
}

#' @rdname features
#' @export
feature_string_categorical <- function(max_tokens = NULL, num_oov_indices = 1,
                                       output_mode = "one_hot", name = NULL) {
  categorical("string_categorical", max_tokens, num_oov_indices, output_mode, name)
}

categorical <- function(kind, max_tokens, num_oov_indices, output_mode, name) {
  feature(
    kind,
    max_tokens = if (!is.null(max_tokens)) as.integer(max_tokens),
    num_oov_indices = as.integer(num_oov_indices), output_mode = output_mode, name = name
  )
}

#' @rdname features
#' @export
feature_integer_hashed <- function(num_bins, output_mode = "one_hot", name = NULL) {
  feature("integer_hashed", num_bins = as.integer(num_bins), output_mode = output_mode, name = name)
}

#' @rdname features
#' @export
feature_string_hashed <- function(num_bins, output_mode = "one_hot", name = NULL) {
  feature("string_hashed", num_bins = as.integer(num_bins), output_mode = output_mode, name = name)
}

#' @rdname features
#' @export
feature_cross <- function(feature_names, crossing_dim, output_mode = "one_hot") {
  feature(
    "cross",
    feature_names = as.list(feature_names), crossing_dim = as.integer(crossing_dim),
    output_mode = output_mode
  )
}

#' @rdname features
#' @export
feature_custom <- function(dtype, preprocessor, output_mode) {
  feature("feature", dtype = dtype, preprocessor = preprocessor, output_mode = output_mode)
}
