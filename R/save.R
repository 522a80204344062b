# Models and weights in files. saving.py writes and reads them; what R wrote is r-source.R's.

#' Save a model to a file, and load it
#'
#' `save_model()` writes all that makes up a model, its architecture, its weights and the state of
#' its optimizer, to one `.keras` file, from which `load_model()` restores it: in any session, on
#' any backend, and in Python's Keras as well. `serialize_model()` and `unserialize_model()` do the
#' same with a raw vector in place of the file.
#'
#' Such a vector goes to another R process, and into an `.rds` file, as the model itself cannot. It
#' also stands for the model: printed, and given to [predict()], [evaluate()], [fit()], [compile()],
#' [summary()], `$` or another function of models, it is unserialized first, once in a session.
#' [fit()] and [compile()] change the vector too, in all of its copies. `unserialize_model()` gives
#' a model of its own each time, and takes what a class of your own needs; [as.raw()] gives the
#' bytes alone, for [writeBin()]. `bundle::bundle()` keeps a model in the same way.
#'
#' A file appears under its name when it is complete. Whatever happens while it is written, an
#' earlier one of that name stays as it was until then. What a process that was killed leaves is in
#' a hidden directory beside it, whose name starts with a dot and the file's name: the next that
#' saves into the same folder removes it. Of several processes that train together, all call
#' `save_model()`, and the first one writes.
#'
#' @section Classes and functions of your own:
#' A file refers to them by name, whether they are written in R or in Python, so a session that
#' loads it must know them: from [register_keras_serializable()], or from `custom_objects`. An
#' error names all that it does not know.
#'
#' With `r_source = TRUE` the file also holds the R source of what was written in R: classes, their
#' parents, functions, and the variables that these use, as far as they are plain data (vectors,
#' lists, factors, data frames) or such functions themselves. What belongs to a package is
#' stored as its name. A variable that holds anything else is refused, by its name. Names that a
#' function computes, as with [get()], are not seen.
#'
#' To run code from a file is to trust who wrote it. `load_model()` does so only with
#' `trust_r_source = TRUE`; without that nothing of the source is parsed or evaluated.
#' [stored_r_source()] shows what a file holds.
#'
#' @param model A model; for `load_model()` the path of a file, for `unserialize_model()` what
#'   `serialize_model()` gave.
#' @param filepath Path of the file. It must end in `.keras`, but not with `zipped = FALSE`. `NULL`,
#'   the default of `save_model()`, gives a raw vector.
#' @param overwrite `TRUE` replaces a file that exists. The default, `FALSE`, refuses.
#' @param zipped `TRUE` writes one zip file, `FALSE` a directory. `NULL`, the default, zips local
#'   files.
#' @param ... Must be empty.
#' @param r_source Whether to store the R source of the model's classes and functions. Default
#'   `FALSE`.
#' @param custom_objects A named list of classes and functions: for each name in the file what it
#'   stands for. An R-made class needs no name, nor does a function given by its variable.
#' @param compile Whether to compile the model as it was. Default `TRUE`.
#' @param safe_mode `TRUE`, the default, refuses Python lambdas, whose code could do anything.
#' @param trust_r_source Whether to run the R source that the file holds. Default `FALSE`.
#'
#' @returns `save_model()` gives the model, invisibly, and a raw vector when `filepath` is `NULL`.
#'   `serialize_model()` gives a raw vector of class `keras_serialized_model`. `load_model()` and
#'   `unserialize_model()` give a model.
#' @source `keras.saving.save_model`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/saving/save_model>;
#'   `keras.saving.load_model`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/saving/load_model>
#' @concept keras.saving.save_model
#' @concept keras.saving.load_model
#' @seealso [save_model_weights()] for the weights alone; [export_savedmodel()] for programs that
#'   do not know Keras.
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 3) |> layer_dense(1)
#' path <- tempfile(fileext = ".keras")
#' save_model(model, path)
#' x <- matrix(1:6, 2)
#' all.equal(predict(load_model(path), x, verbose = 0), predict(model, x, verbose = 0))
#'
#' # A function of one's own, in a file that holds its source
#' steepness <- 2
#' steep <- function(x) op_tanh(steepness * x)
#' model <- keras_model_sequential(input_shape = 3) |> layer_dense(1, activation = steep)
#' save_model(model, path, overwrite = TRUE, r_source = TRUE)
#' rm(steep, steepness)
#' stored_r_source(path)
#' load_model(path, trust_r_source = TRUE)
#' @export
save_model <- function(model, filepath = NULL, overwrite = FALSE, zipped = NULL, ...,
                       r_source = FALSE) {
  check_dots_empty()
  check_flag(overwrite)
  if (is.null(filepath)) {
    return(serialize_model(model, r_source = r_source))
  }
  check_path(filepath)
  check_flag(r_source)
  check_model(model)
  call_py(
    bound$saving_save_model, model, path.expand(filepath), overwrite, zipped,
    if (r_source) model_source(model, current_env()), same_function
  )
  invisible(model)
}

#' @rdname save_model
#' @export
load_model <- function(model, custom_objects = NULL, compile = TRUE, safe_mode = TRUE, ...,
                       trust_r_source = FALSE) {
  check_dots_empty()
  check_path(model)
  check_flag(compile)
  check_flag(trust_r_source)
  custom_objects <- named_as_written(custom_objects, substitute(custom_objects))
  objects <- objects_for(model, custom_objects, trust_r_source, current_env())
  call_py(
    bound$saving_load_model, path.expand(model), objects, compile, safe_mode, "load_model"
  )
}

#' @rdname save_model
#' @export
serialize_model <- function(model, r_source = FALSE) {
  check_flag(r_source)
  check_model(model)
  source <- if (r_source) model_source(model, current_env())
  path <- tempfile(fileext = ".keras")
  on.exit(unlink(path))
  call_py(bound$saving_save_model, model, path, FALSE, TRUE, source, same_function, TRUE)
  new_serialized(readBin(path, "raw", file.size(path)), r_source)
}

#' @rdname save_model
#' @export
unserialize_model <- function(model, custom_objects = NULL, compile = TRUE, safe_mode = TRUE,
                              trust_r_source = FALSE) {
  if (!is.raw(model)) {
    abort_argument(
      "{.arg model} must be a raw vector, as {.fn serialize_model} gives it, not
       {.obj_type_friendly {model}}.", current_env()
    )
  }
  check_flag(compile)
  check_flag(trust_r_source)
  path <- tempfile(fileext = ".keras")
  on.exit(unlink(path))
  writeBin(as.raw(model), path)
  custom_objects <- named_as_written(custom_objects, substitute(custom_objects))
  objects <- objects_for(path, custom_objects, trust_r_source, current_env())
  call_py(bound$saving_load_model, path, objects, compile, safe_mode, "unserialize_model")
}

check_path <- function(path, arg = caller_arg(path), call = caller_env()) {
  if (!is_string(path) || !nzchar(path)) {
    abort_argument("{.arg {arg}} must be the path of a file, a string.", call)
  }
}

check_flag <- function(x, arg = caller_arg(x), call = caller_env()) {
  if (!is_bool(x)) {
    abort_argument(
      "{.arg {arg}} must be {.code TRUE} or {.code FALSE}, not {.obj_type_friendly {x}}.", call
    )
  }
}

check_model <- function(x, arg = caller_arg(x), call = caller_env()) {
  if (inherits(x, "keras_serialized_model")) {
    return(invisible())
  }
  if (!inherits(x, "keras.src.layers.layer.Layer")) {
    abort_argument("{.arg {arg}} must be a Keras model, not {.obj_type_friendly {x}}.", call)
  }
  check_of_this_session(x, call)
}

# The source of what the model uses of R's, `NULL` where it uses nothing.
model_source <- function(model, call) {
  objects <- call_py(bound$saving_written_in_r, model, same_function)
  if (length(objects)) source_of(objects, call)
}

same_function <- function(f, g) identical(f, g)

# What a model in this file may refer to: the user's objects, and those in the file where they
# are trusted.
objects_for <- function(path, custom_objects, trust_r_source, call) {
  objects <- name_objects(custom_objects, call)
  if (trust_r_source) {
    source <- call_py(bound$saving_source, path)
    if (!is.null(source)) {
      stored <- rebuild_source(source, call)
      objects <- c(objects, stored[setdiff(names(stored), names(objects))])
    }
  }
  python_objects(objects)
}

known_objects <- function(objects, call = caller_env()) python_objects(name_objects(objects, call))

# A function in a list of custom objects that has no name, under that of its variable: unless it has
# a name of its own, as a class has.
named_as_written <- function(objects, expr) {
  if (is.function(objects) && is.null(own_name(objects)) && is.symbol(expr)) {
    return(set_names(list(objects), as.character(expr)))
  }
  written <- is.list(objects) && is_call(expr, c("list", "c")) && length(expr) > length(objects)
  if (!written) {
    return(objects)
  }
  parts <- as.list(expr)[-1L]
  given <- names(objects) %||% character(length(objects))
  nameless <- vapply(objects, \(object) is_plain_function(object) && is.null(own_name(object)), NA)
  for (i in which(!nzchar(given) & nameless)) {
    if (is.symbol(parts[[i]])) given[[i]] <- as.character(parts[[i]])
  }
  set_names(objects, given)
}

# A named list of classes and functions; classes know their names.
name_objects <- function(objects, call) {
  objects <- if (is.null(objects) || is.list(objects)) as.list(objects) else list(objects)
  given <- names(objects) %||% character(length(objects))
  for (i in which(!nzchar(given))) {
    name <- own_name(objects[[i]])
    if (is.null(name)) {
      abort_argument(
        "Functions in a list of custom objects must have names: {.code list(my_loss = my_loss)}.",
        call
      )
    }
    given[[i]] <- name
  }
  set_names(objects, given)
}

# That of a class, or the one that custom_metric() has given to a function.
own_name <- function(object) {
  if (inherits(object, "python.builtin.type")) {
    return(as_r(object$`__name__`))
  }
  definition_of(object)$name %||% attr(object, "name", exact = TRUE)
}

# The same for Keras: R functions under the names that the list gives them.
python_objects <- function(objects) {
  for (i in which(vapply(objects, is_plain_function, NA))) {
    objects[[i]] <- named_callable(objects[[i]], sub("^.*>", "", names(objects)[[i]]))
  }
  do.call(dict_of, objects)
}

#' Save the weights of a model, and load them
#'
#' `save_model_weights()` writes only the weights. `load_model_weights()` puts them into a model of
#' the same architecture, on any backend.
#'
#' @param model A model that is built.
#' @param filepath Path of the file. One that is written must end in `.weights.h5`, or in
#'   `.weights.json` with `max_shard_size`. Read are these, `.keras` files and older `.h5` files.
#' @param overwrite `TRUE` replaces a file that exists. The default, `FALSE`, refuses.
#' @param max_shard_size Number: largest size of a file in GB. The weights are then written to
#'   several files, which the `.weights.json` beside them lists. `NULL`, the default, writes one.
#' @param skip_mismatch `TRUE` leaves out layers whose weights differ in number or shape from the
#'   model's, with a warning. By default, `FALSE`, they are an error.
#' @param ... Must be empty.
#' @returns The model, invisibly. `load_model_weights()` changes it in place.
#' @source `keras.Model.save_weights`, `keras.Model.load_weights`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model>
#' @concept keras.Model.save_weights
#' @concept keras.Model.load_weights
#' @seealso [save_model()]
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 3) |> layer_dense(1)
#' path <- tempfile(fileext = ".weights.h5")
#' save_model_weights(model, path)
#' load_model_weights(model, path)
#' @export
save_model_weights <- function(model, filepath, overwrite = FALSE, max_shard_size = NULL, ...) {
  check_dots_empty()
  check_path(filepath)
  check_flag(overwrite)
  check_model(model)
  path <- path.expand(filepath)
  call_py(bound$saving_save_weights, model, path, overwrite, max_shard_size)
  invisible(model)
}

#' @rdname save_model_weights
#' @export
load_model_weights <- function(model, filepath, skip_mismatch = FALSE, ...) {
  check_dots_empty()
  check_path(filepath)
  check_flag(skip_mismatch)
  check_model(model)
  call_py(bound$saving_load_weights, model, path.expand(filepath), skip_mismatch)
  invisible(model)
}

#' Save the configuration of a model, and load it
#'
#' `save_model_config()` writes the architecture of a model as JSON, without its weights.
#' `load_model_config()` makes a model of it, with new weights.
#'
#' @param model A model.
#' @param filepath Path of the file. `NULL`, the default of `save_model_config()`, gives the text.
#' @param overwrite `TRUE` replaces a file that exists. The default, `FALSE`, refuses.
#' @inheritParams save_model
#' @returns `save_model_config()` gives the model, invisibly, or a string of JSON;
#'   `load_model_config()` a model.
#' @source `keras.Model.to_json`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#to_json>;
#'   `keras.models.model_from_json`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/models/model_from_json>
#' @concept keras.Model.to_json
#' @concept keras.models.model_from_json
#' @examplesIf can_run_keras()
#' model <- keras_model_sequential(input_shape = 3, name = "net") |> layer_dense(1)
#' path <- tempfile(fileext = ".json")
#' save_model_config(model, path)
#' load_model_config(path)$name
#' @export
save_model_config <- function(model, filepath = NULL, overwrite = FALSE) {
  check_flag(overwrite)
  check_model(model)
  json <- call_py(bound$saving_to_json, model, same_function)
  if (is.null(filepath)) {
    return(json)
  }
  check_path(filepath)
  call_py(bound$saving_write_text, path.expand(filepath), overwrite, json)
  invisible(model)
}

#' @rdname save_model_config
#' @export
load_model_config <- function(filepath, custom_objects = NULL) {
  check_path(filepath)
  if (!file.exists(filepath)) {
    abort_argument("There is no file {.file {filepath}}.", current_env())
  }
  custom_objects <- named_as_written(custom_objects, substitute(custom_objects))
  json <- paste(readLines(filepath, encoding = "UTF-8", warn = FALSE), collapse = "\n")
  call_py(bound$saving_from_json, json, known_objects(custom_objects), "load_model_config")
}

#' Export a model for programs without Keras
#'
#' Writes what a model computes in a form that other programs run: TensorFlow Serving, ONNX
#' Runtime, a telephone. The classes of the model are not needed there, and it cannot be trained
#' further.
#'
#' | `format` | `export_dir_base` | backends | needs |
#' |---|---|---|---|
#' | `"tf_saved_model"` | a directory | TensorFlow, JAX, PyTorch | tensorflow; PyTorch: torch_xla |
#' | `"onnx"` | `.onnx` | TensorFlow, JAX, PyTorch | onnx and tf2onnx, jax2onnx or onnxscript |
#' | `"openvino"` | `.xml` | TensorFlow, PyTorch | openvino |
#' | `"litert"` | `.tflite` | TensorFlow, PyTorch | PyTorch: litert-torch |
#' | `"torch"` | `.pt2` | PyTorch | |
#'
#' A format that the backend cannot write is refused, and a Python package that is missing is named
#' with the call that installs it.
#'
#' @param object A model that is built.
#' @param export_dir_base Path to write to: a directory, or a file for all formats but the first.
#' @param overwrite `TRUE` replaces what exists. The default, `FALSE`, refuses.
#' @param ... Further arguments of the model's `export` method, by name.
#' @param format What to write. The default is `"tf_saved_model"`.
#' @param verbose Whether to say what is exported. Default `FALSE`.
#' @returns The model, invisibly.
#' @source `keras.Model.export`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/Model#export>
#' @concept keras.Model.export
#' @seealso [layer_tfsm()] to use a TensorFlow SavedModel as a layer, and [export_archive()] for
#'   several endpoints.
#' @examplesIf can_run_keras() && config_backend() == "tensorflow"
#' model <- keras_model_sequential(input_shape = 3) |> layer_dense(1)
#' path <- tempfile()
#' export_savedmodel(model, path)
#' layer_tfsm(filepath = path)(matrix(c(1, 2, 3), 1))
#' @export
export_savedmodel <- function(object, export_dir_base, overwrite = FALSE, ...,
                              format = "tf_saved_model", verbose = FALSE) {
  check_path(export_dir_base)
  check_flag(overwrite)
  check_model(object)
  path <- path.expand(export_dir_base)
  call_py(bound$saving_export, object, path, overwrite, format, verbose, dict_of(...))
  invisible(object)
}
