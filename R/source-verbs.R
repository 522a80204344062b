# Verbs of data sets: what happens to their elements. Each is one call of the engine's own.

run_verb <- function(.verb, .dataset, ...) {
  call_py_for(sys.parent(), bound$dataset_verb, .verb, .dataset, dict_of(...))
}

# A function of elements: an R function, a purrr-style formula, or a Python callable. What it
# gives crosses as R data does everywhere.
arg_element_function <- function(f, arg = caller_arg(f), call = caller_env()) {
  if (is_formula(f)) f <- as_function(f)
  if (!is.function(f)) {
    if (is.environment(f)) return(f) # a layer, a Python function
    abort_argument("{.arg {arg}} must be a function, not {.obj_type_friendly {f}}.", call)
  }
  if (!is_plain_function(f)) {
    return(f)
  }
  named_callable(function(...) pack(f(...), arg, call), "r_function")
}

#' Do something to the elements of a data set
#'
#' * `dataset_map()` replaces each element by what a function makes of it, and
#'   `dataset_map_and_batch()` puts the results into batches.
#' * `dataset_filter()` keeps the elements for which a function gives `TRUE`,
#'   `dataset_take_while()` those before the first for which it does not.
#' * `dataset_flat_map()` and `dataset_interleave()` replace each element by those of the data set
#'   that a function makes of it, one after the other or by turns.
#' * `dataset_reduce()` combines all elements to a single value; `dataset_scan()` keeps a state
#'   from one to the next.
#'
#' @section R functions:
#' An element that is a list, such as `list(x, y)`, comes as several arguments, and one that is a
#' named list or a single tensor as one. `tf.data` traces the function once: it gets tensors
#' without values, and what it does with them is repeated for each element, in parallel and
#' without R. With `traced = FALSE` the function gets R arrays and is run by R for each element;
#' the verbs that follow are then those of the engine `grain`, which runs every R function in
#' that way.
#'
#' @param dataset A [data set][datasets].
#' @param map_func,predicate,scan_func A function of the parts of an element, or a formula such
#'   as `~ .x * 2`. `scan_func` gets the state and an element, and gives
#'   `list(new_state, element)`.
#' @param num_parallel_calls Number of elements to work on at the same time.
#' @param num_parallel_batches Number of batches to work on at the same time.
#' @param batch_size,drop_remainder As in [dataset_batch()].
#' @param traced `FALSE` runs an R function on R arrays, see below.
#' @param cycle_length Number of data sets to take turns. `NULL`, the default, leaves it to the
#'   engine.
#' @param block_length Number of elements to take from one before the next. Default 1.
#' @param deterministic Whether to keep the order when working in parallel.
#' @param initial_state The state before the first element.
#' @param reduce_func A function of the state and an element, which gives the new state.
#' @param name Name of the operation in TensorFlow.
#' @returns A data set; `dataset_reduce()` gives the last state.
#' @examplesIf can_run_keras()
#' range_dataset(0, 6) |>
#'   dataset_filter(\(x) x %% 2 == 0) |>
#'   dataset_map(\(x) list(x, x^2)) |>
#'   as.data.frame()
#' range_dataset(1, 5) |> dataset_map(\(x) rev(c(x, 0)), traced = FALSE) |> dataset_collect(1)
#' @name dataset_map
NULL

#' @rdname dataset_map
#' @export
dataset_map <- function(dataset, map_func, num_parallel_calls = NULL, traced = TRUE) {
  map_func <- arg_element_function(map_func)
  if (!traced) {
    return(call_py(bound$dataset_run_in_r, "dataset_map", dataset, map_func))
  }
  run_verb("dataset_map", dataset, map_func = map_func, num_parallel_calls = num_parallel_calls)
}

#' @rdname dataset_map
#' @export
dataset_map_and_batch <- function(dataset, map_func, batch_size, num_parallel_batches = NULL,
                                  drop_remainder = FALSE, num_parallel_calls = NULL) {
  calls <- num_parallel_calls %||%
    if (!is.null(num_parallel_batches)) num_parallel_batches * batch_size
  dataset_map(dataset, map_func, num_parallel_calls = calls) |>
    dataset_batch(batch_size, drop_remainder = drop_remainder)
}

#' @rdname dataset_map
#' @export
dataset_filter <- function(dataset, predicate, traced = TRUE) {
  predicate <- arg_element_function(predicate)
  if (!traced) {
    return(call_py(bound$dataset_run_in_r, "dataset_filter", dataset, predicate))
  }
  run_verb("dataset_filter", dataset, predicate = predicate)
}

#' @rdname dataset_map
#' @export
dataset_take_while <- function(dataset, predicate, name = NULL) {
  run_verb("dataset_take_while", dataset, predicate = arg_element_function(predicate), name = name)
}

#' @rdname dataset_map
#' @export
dataset_flat_map <- function(dataset, map_func) {
  run_verb("dataset_flat_map", dataset, map_func = arg_element_function(map_func))
}

#' @rdname dataset_map
#' @export
dataset_interleave <- function(dataset, map_func, cycle_length = NULL, block_length = 1,
                               num_parallel_calls = NULL, deterministic = NULL, name = NULL) {
  run_verb(
    "dataset_interleave", dataset,
    map_func = arg_element_function(map_func), cycle_length = cycle_length,
    block_length = block_length, num_parallel_calls = num_parallel_calls,
    deterministic = deterministic, name = name
  )
}

#' @rdname dataset_map
#' @export
dataset_reduce <- function(dataset, initial_state, reduce_func) {
  run_verb(
    "dataset_reduce", dataset,
    initial_state = arg_data(initial_state), reduce_func = arg_element_function(reduce_func)
  )
}

#' @rdname dataset_map
#' @export
dataset_scan <- function(dataset, initial_state, scan_func) {
  run_verb(
    "dataset_scan", dataset,
    initial_state = arg_data(initial_state), scan_func = arg_element_function(scan_func)
  )
}

#' Batches, windows and groups of elements
#'
#' * `dataset_batch()` puts consecutive elements together along a new first dimension,
#'   `dataset_padded_batch()` also those of different sizes, filled up to the largest of the
#'   batch.
#' * `dataset_unbatch()` takes batches apart, `dataset_rebatch()` makes them another size.
#' * `dataset_window()` gives data sets of consecutive elements.
#' * `dataset_bucket_by_sequence_length()` makes batches of elements of similar length,
#'   `dataset_group_by_window()` reduces elements with the same key together.
#'
#' @inheritParams dataset_map
#' @param batch_size Number of elements in a batch.
#' @param drop_remainder Whether to leave out a last batch that is not full. Default `FALSE`.
#' @param padded_shapes Shapes to fill up to: a shape, or a list of these. `NULL`, the default,
#'   takes the largest of the batch.
#' @param padding_values What to fill with: one value, or one for each part. Default 0 and `""`.
#' @param size,shift,stride Number of elements of a window, how far the next starts after it
#'   (default `size`), and the distance between its elements (default 1).
#' @param element_length_func A function of an element that gives its length.
#' @param bucket_boundaries,bucket_batch_sizes Lengths at which a new bucket begins, and the
#'   batch size of each bucket: one more than boundaries.
#' @param pad_to_bucket_boundary,no_padding Whether to fill up to the boundary, and whether not
#'   to fill up at all.
#' @param key_func A function of an element that gives a whole number.
#' @param reduce_func A function of a key and the data set of a window that gives a data set.
#' @param window_size,window_size_func Number of elements to reduce together, or a function of the
#'   key that gives it.
#' @returns A data set.
#' @examplesIf can_run_keras()
#' range_dataset(0, 10) |> dataset_batch(4) |> dataset_collect()
#' range_dataset(0, 5) |>
#'   dataset_window(2, shift = 1, drop_remainder = TRUE) |>
#'   dataset_flat_map(\(window) dataset_batch(window, 2)) |>
#'   dataset_collect()
#' @name dataset_batch
NULL

#' @rdname dataset_batch
#' @export
dataset_batch <- function(dataset, batch_size, drop_remainder = FALSE, num_parallel_calls = NULL,
                          deterministic = NULL, name = NULL) {
  run_verb(
    "dataset_batch", dataset,
    batch_size = batch_size, drop_remainder = drop_remainder,
    num_parallel_calls = num_parallel_calls, deterministic = deterministic, name = name
  )
}

#' @rdname dataset_batch
#' @export
dataset_padded_batch <- function(dataset, batch_size, padded_shapes = NULL, padding_values = NULL,
                                 drop_remainder = FALSE, name = NULL) {
  run_verb(
    "dataset_padded_batch", dataset,
    batch_size = batch_size, padded_shapes = shapes_of(padded_shapes),
    padding_values = padding_values, drop_remainder = drop_remainder, name = name
  )
}

# A shape, or a list of shapes: a plain list of single sizes is one shape.
shapes_of <- function(x) {
  if (is.null(x) || is_py_object(x) || inherits(x, "kerasbridge_shape")) {
    return(x)
  }
  if (is.list(x) && any(lengths(x) > 1L | vapply(x, is.list, NA))) {
    shapes <- lapply(x, shapes_of)
    return(if (is.null(names(x))) do.call(tuple, shapes) else shapes)
  }
  as_shape(x)
}

#' @rdname dataset_batch
#' @export
dataset_unbatch <- function(dataset, name = NULL) run_verb("dataset_unbatch", dataset, name = name)

#' @rdname dataset_batch
#' @export
dataset_rebatch <- function(dataset, batch_size, drop_remainder = FALSE, name = NULL) {
  run_verb(
    "dataset_rebatch", dataset,
    batch_size = batch_size, drop_remainder = drop_remainder, name = name
  )
}

#' @rdname dataset_batch
#' @export
dataset_window <- function(dataset, size, shift = NULL, stride = 1, drop_remainder = FALSE) {
  run_verb(
    "dataset_window", dataset,
    size = size, shift = shift, stride = stride, drop_remainder = drop_remainder
  )
}

#' @rdname dataset_batch
#' @export
dataset_bucket_by_sequence_length <- function(dataset, element_length_func, bucket_boundaries,
                                              bucket_batch_sizes, padded_shapes = NULL,
                                              padding_values = NULL,
                                              pad_to_bucket_boundary = FALSE, no_padding = FALSE,
                                              drop_remainder = FALSE, name = NULL) {
  run_verb(
    "dataset_bucket_by_sequence_length", dataset,
    element_length_func = arg_element_function(element_length_func),
    bucket_boundaries = as.list(bucket_boundaries),
    bucket_batch_sizes = as.list(bucket_batch_sizes), padded_shapes = shapes_of(padded_shapes),
    padding_values = padding_values, pad_to_bucket_boundary = pad_to_bucket_boundary,
    no_padding = no_padding, drop_remainder = drop_remainder, name = name
  )
}

#' @rdname dataset_batch
#' @export
dataset_group_by_window <- function(dataset, key_func, reduce_func, window_size = NULL,
                                    window_size_func = NULL, name = NULL) {
  run_verb(
    "dataset_group_by_window", dataset,
    key_func = arg_element_function(key_func), reduce_func = arg_element_function(reduce_func),
    window_size = window_size,
    window_size_func = if (!is.null(window_size_func)) arg_element_function(window_size_func),
    name = name
  )
}

#' Order, number and place of the elements of a data set
#'
#' * `dataset_shuffle()` draws each element at random from the next `buffer_size` ones: as many as
#'   there are mix all. `dataset_shuffle_and_repeat()` begins anew at the end.
#' * `dataset_repeat()` runs over the data several times, `dataset_take()` and `dataset_skip()`
#'   keep or leave out the first elements, `dataset_shard()` keeps every `num_shards`-th.
#' * `dataset_concatenate()` puts data sets one after the other, `zip_datasets()` side by side:
#'   an element is the list of theirs. `choose_from_datasets()` takes from the one whose number,
#'   counted from 0, is next in `choice_dataset`, `sample_from_datasets()` from one at random.
#' * `dataset_enumerate()` numbers the elements; `dataset_unique()` keeps the first of equal ones;
#'   `dataset_rejection_resample()` drops some so that classes have given shares.
#' * `dataset_cache()` keeps what was made for the next run, `dataset_snapshot()` on disk.
#'   `dataset_prefetch()` works ahead, `dataset_prefetch_to_device()` onto a device.
#' * `dataset_options()` sets `tf$data$Options`, by the names of its attributes.
#'
#' @inheritParams dataset_map
#' @param buffer_size Number of elements to draw from, or to have ready.
#' @param seed Whole number from which the order follows. `NULL`, the default, differs each time.
#' @param reshuffle_each_iteration Whether each run has another order. Default `TRUE`.
#' @param count Number of elements, or of runs; `NULL` and -1 are all, or without end.
#' @param num_shards,index Number of parts, and which to keep, counted from 0.
#' @param ... Data sets. For `zip_datasets()` named ones give a named list, and a single list of
#'   them is taken as they are. For `dataset_options()` options by name.
#' @param datasets A list of data sets.
#' @param choice_dataset A data set of whole numbers.
#' @param stop_on_empty_dataset Whether to end with the first data set that ends.
#' @param weights Shares of the data sets. `NULL`, the default, are equal ones.
#' @param start Number of the first element. Default 0.
#' @param filename Where to keep the elements. `NULL`, the default, is in memory.
#' @param device Name of a device, such as `"/gpu:0"`.
#' @param class_func A function of an element that gives its class, counted from 0.
#' @param target_dist,initial_dist Shares of the classes, wanted and as they are.
#' @param path,compression,reader_func,shard_func Where and how to keep elements: see
#'   `tf$data$Dataset$snapshot`.
#' @returns A data set; `dataset_options()` without options gives those that are set.
#' @examplesIf can_run_keras()
#' range_dataset(0, 5) |> dataset_skip(1) |> dataset_repeat(2) |> dataset_take(6) |>
#'   dataset_batch(6) |> as_array_iterator() |> iter_next()
#' zip_datasets(n = range_dataset(0, 3), m = range_dataset(5, 8)) |> as.data.frame()
#' @name dataset_shuffle
NULL

#' @rdname dataset_shuffle
#' @export
dataset_shuffle <- function(dataset, buffer_size, seed = NULL, reshuffle_each_iteration = NULL) {
  run_verb(
    "dataset_shuffle", dataset,
    buffer_size = buffer_size, seed = seed, reshuffle_each_iteration = reshuffle_each_iteration
  )
}

#' @rdname dataset_shuffle
#' @export
dataset_shuffle_and_repeat <- function(dataset, buffer_size, count = NULL, seed = NULL) {
  dataset |> dataset_shuffle(buffer_size, seed = seed) |> dataset_repeat(count)
}

#' @rdname dataset_shuffle
#' @export
dataset_repeat <- function(dataset, count = NULL) run_verb("dataset_repeat", dataset, count = count)

#' @rdname dataset_shuffle
#' @export
dataset_take <- function(dataset, count) run_verb("dataset_take", dataset, count = count)

#' @rdname dataset_shuffle
#' @export
dataset_skip <- function(dataset, count) run_verb("dataset_skip", dataset, count = count)

#' @rdname dataset_shuffle
#' @export
dataset_shard <- function(dataset, num_shards, index) {
  run_verb("dataset_shard", dataset, num_shards = num_shards, index = index)
}

#' @rdname dataset_shuffle
#' @export
dataset_concatenate <- function(dataset, ...) {
  run_verb("dataset_concatenate", dataset, others = unname(list2(...)))
}

#' @rdname dataset_shuffle
#' @export
zip_datasets <- function(...) {
  datasets <- list2(...)
  if (length(datasets) == 1L && !is.environment(datasets[[1L]])) datasets <- datasets[[1L]]
  call_py(bound$dataset_verb_of_several, "zip_datasets", datasets, dict())
}

#' @rdname dataset_shuffle
#' @export
choose_from_datasets <- function(datasets, choice_dataset, stop_on_empty_dataset = TRUE) {
  call_py(
    bound$dataset_verb_of_several, "choose_from_datasets", datasets,
    dict_of(choice_dataset = choice_dataset, until_empty = stop_on_empty_dataset)
  )
}

#' @rdname dataset_shuffle
#' @export
sample_from_datasets <- function(datasets, weights = NULL, seed = NULL,
                                 stop_on_empty_dataset = TRUE) {
  call_py(
    bound$dataset_verb_of_several, "sample_from_datasets", datasets,
    dict_of(weights = as_list_of(weights), seed = seed, until_empty = stop_on_empty_dataset)
  )
}

#' @rdname dataset_shuffle
#' @export
dataset_enumerate <- function(dataset, start = 0L) {
  run_verb("dataset_enumerate", dataset, start = start)
}

#' @rdname dataset_shuffle
#' @export
dataset_unique <- function(dataset, name = NULL) run_verb("dataset_unique", dataset, name = name)

#' @rdname dataset_shuffle
#' @export
dataset_rejection_resample <- function(dataset, class_func, target_dist, initial_dist = NULL,
                                       seed = NULL, name = NULL) {
  run_verb(
    "dataset_rejection_resample", dataset,
    class_func = arg_element_function(class_func), target_dist = as_list_of(target_dist),
    initial_dist = as_list_of(initial_dist), seed = seed, name = name
  )
}

#' @rdname dataset_shuffle
#' @export
dataset_cache <- function(dataset, filename = NULL) {
  if (!is.null(filename)) filename <- path.expand(filename)
  run_verb("dataset_cache", dataset, filename = filename)
}

#' @rdname dataset_shuffle
#' @export
dataset_snapshot <- function(dataset, path, compression = c("AUTO", "GZIP", "SNAPPY", "None"),
                             reader_func = NULL, shard_func = NULL) {
  compression <- arg_match(compression)
  run_verb(
    "dataset_snapshot", dataset,
    path = path.expand(path), compression = if (compression != "None") compression,
    reader_func = reader_func, shard_func = shard_func
  )
}

#' @rdname dataset_shuffle
#' @export
dataset_prefetch <- function(dataset, buffer_size = NULL) {
  run_verb("dataset_prefetch", dataset, buffer_size = buffer_size)
}

#' @rdname dataset_shuffle
#' @export
dataset_prefetch_to_device <- function(dataset, device, buffer_size = NULL) {
  run_verb("dataset_prefetch_to_device", dataset, device = device, buffer_size = buffer_size)
}

#' @rdname dataset_shuffle
#' @export
dataset_options <- function(dataset, ...) {
  values <- list2(...)
  run_verb("dataset_options", dataset, values = if (length(values)) values else dict())
}

#' Columns of a data set as inputs and targets
#'
#' `dataset_prepare()` makes `list(x, y)` of elements that are named lists, such as the records of
#' a [text_line_dataset()]. `dataset_use_spec()` passes them through an adapted
#' [layer_feature_space()]. `dataset_decode_delim()` makes such records of lines.
#'
#' @inheritParams dataset_map
#' @param x,y Names of columns, as in `c(cyl, disp)`. Without `y` there are no targets.
#' @param named Whether elements are `list(x = , y = )` (the default) or `list(x, y)`.
#' @param named_features Whether the inputs stay a named list. By default they are put side by
#'   side.
#' @param record_spec Names and types, from [csv_record_spec()].
#' @param parallel_records Number of records to work on at the same time.
#' @param batch_size,drop_remainder,num_parallel_batches As in [dataset_map_and_batch()].
#'   `NULL`, the default, makes no batches.
#' @param spec An adapted [layer_feature_space()].
#' @returns A data set.
#' @examplesIf can_run_keras()
#' tensor_slices_dataset(mtcars) |>
#'   dataset_prepare(x = c(cyl, disp), y = mpg, named = FALSE, batch_size = 2) |>
#'   dataset_collect(1)
#' @export
dataset_prepare <- function(dataset, x, y = NULL, named = TRUE, named_features = FALSE,
                            parallel_records = NULL, batch_size = NULL,
                            num_parallel_batches = NULL, drop_remainder = FALSE) {
  columns <- names(described_dataset(dataset)$named)
  if (is.null(columns)) {
    abort_argument("{.arg dataset} must have named columns.", current_env())
  }
  at <- as.list(set_names(seq_along(columns), columns))
  x <- columns[eval_tidy(enquo(x), at)]
  y <- columns[eval_tidy(enquo(y), at)]
  prepare <- function(record) {
    inputs <- record[x]
    if (!named_features) inputs <- call_py(bound$dataset_columns, unname(inputs))
    parts <- if (length(y)) list(x = inputs, y = record[[y]]) else list(x = inputs)
    if (named) parts else unname(parts)
  }
  prepared <- dataset_map(dataset, prepare, num_parallel_calls = parallel_records)
  if (is.null(batch_size)) {
    return(prepared)
  }
  dataset_batch(prepared, batch_size, drop_remainder = drop_remainder)
}

#' @rdname dataset_prepare
#' @export
dataset_use_spec <- function(dataset, spec) {
  dataset_map(dataset, function(x, y) if (missing(y)) spec(x) else list(spec(x), y))
}

#' @rdname dataset_prepare
#' @export
dataset_decode_delim <- function(dataset, record_spec, parallel_records = NULL) {
  if (!inherits(record_spec, "kerasbridge_record_spec")) {
    abort_argument(
      "{.arg record_spec} must come from {.fn csv_record_spec} or its relatives.", current_env()
    )
  }
  run_verb(
    "dataset_decode_delim", dataset, record = unclass(record_spec), parallel = parallel_records
  )
}
