# Data sets: where their elements come from. The engine, tf.data or grain, is the shim's.

new_source <- function(.source, ...) {
  engine <- getOption("kerasbridge.dataset_engine")
  call_py_for(sys.parent(), bound$dataset_source, .source, engine, dict_of(...))
}

#' Data sets
#'
#' A data set yields elements one after the other, and is never whole in memory: verbs such as
#' [dataset_map()] and [dataset_batch()] say what happens to each, and [fit()], [evaluate()] and
#' [predict()] take it on every backend. An element is a tensor, a list (`list(x, y)`), or a named
#' list of tensors.
#'
#' * `tensor_slices_dataset()` cuts data along its first dimension: one element per sample.
#' * `tensors_dataset()` is a single element: all of the data.
#' * `range_dataset()` counts, `random_integer_dataset()` draws whole numbers below 2^32 without
#'   end.
#' * `text_line_dataset()` reads lines; with a `record_spec`, or as `csv_dataset()`, their
#'   [fields][record_specs]. `fixed_length_record_dataset()` and `tfrecord_dataset()` read binary
#'   records, `make_csv_dataset()` batches of columns.
#' * `file_list_dataset()` yields the names of files; `read_files()` what a reader makes of each.
#' * `sql_dataset()` and `sqlite_dataset()` yield the rows of a query.
#' * `sparse_tensor_slices_dataset()` cuts a `tf$SparseTensor`.
#'
#' [dataset_from()] reads files, frames and databases a batch at a time.
#'
#' @section Engines:
#' The work is done by `tf.data` where TensorFlow is installed, whatever backend Keras runs on,
#' and else by `grain`. `options(kerasbridge.dataset_engine = "grain")` chooses. The few functions
#' that one engine has not say so.
#'
#' @param tensors R arrays, a data frame, tensors, or a list or named list of these. Doubles
#'   become `config_floatx()`, a factor its codes, counted from 0.
#' @param sparse_tensor A `tf$SparseTensor`.
#' @param from,to,by First number, the number before which to end, and the step.
#' @param dtype Type of the numbers. Default `"int64"`.
#' @param seed Whole number from which random choices follow. `NULL`, the default, differs each
#'   time.
#' @param filenames,filename,files Paths of files: a character vector, or a data set of these for
#'   `read_files()`.
#' @param compression_type `NULL`, `"GZIP"` or `"ZLIB"`.
#' @param buffer_size Number of bytes to read at once, or of elements to draw from.
#' @param num_parallel_reads,parallel_files,parallel_records Number of files or records to read
#'   at the same time.
#' @param parallel_interleave Number of elements to take from one file before the next.
#' @param name Name of the operation in TensorFlow.
#' @param record_spec Names and types of fields, from [csv_record_spec()] or [sql_record_spec()].
#' @param record_bytes,header_bytes,footer_bytes Number of bytes of a record, and of what to pass
#'   over at the start and end of each file.
#' @param file_pattern Path with `*` and `?`, or several.
#' @param shuffle Whether to shuffle. Default `TRUE`.
#' @param reader Function of a file's name that gives a data set.
#' @param num_shards,shard_index Into how many parts to cut the files, and which to read, counted
#'   from 0.
#' @param driver_name,data_source_name Kind of the database, `"sqlite"`, and its path.
#' @param query A query in SQL.
#' @param batch_size Number of rows in a batch.
#' @param column_names,column_defaults,label_name,select_columns Names of the columns; values for
#'   missing ones, or types; the column that is the target; the columns to read.
#' @param field_delim,use_quote_delim,na_value,header How the file is written.
#' @param num_epochs Number of runs over the files. `NULL`, the default, is without end.
#' @param shuffle_buffer_size,shuffle_seed As in [dataset_shuffle()].
#' @param prefetch_buffer_size,num_parallel_parser_calls,sloppy,num_rows_for_inference How
#'   TensorFlow reads: see `tf$data$experimental$make_csv_dataset`.
#' @param ... For `read_files()`, further arguments of `reader`; else not used.
#'
#' @returns A data set: a Python object of the engine.
#' @examplesIf can_run_keras()
#' data <- tensor_slices_dataset(list(as.matrix(iris[, 1:4]), iris$Species)) |>
#'   dataset_shuffle(150) |>
#'   dataset_batch(32)
#' data
#'
#' range_dataset(1, 10, by = 3) |> dataset_collect()
#' @name datasets
NULL

#' @rdname datasets
#' @export
tensors_dataset <- function(tensors) new_source("tensors_dataset", tensors = arg_data(tensors))

#' @rdname datasets
#' @export
tensor_slices_dataset <- function(tensors) {
  new_source("tensor_slices_dataset", tensors = arg_data(tensors))
}

#' @rdname datasets
#' @export
sparse_tensor_slices_dataset <- function(sparse_tensor) {
  new_source("sparse_tensor_slices_dataset", sparse_tensor = sparse_tensor)
}

#' @rdname datasets
#' @export
range_dataset <- function(from = 0, to = 0, by = 1, ..., dtype = "int64") {
  check_dots_empty()
  new_source("range_dataset", start = from, stop = to, step = by, dtype = dtype)
}

#' @rdname datasets
#' @export
random_integer_dataset <- function(seed = NULL) new_source("random_integer_dataset", seed = seed)

#' @rdname datasets
#' @export
text_line_dataset <- function(filenames, compression_type = NULL, ..., buffer_size = NULL,
                              num_parallel_reads = NULL, name = NULL, record_spec = NULL,
                              parallel_records = NULL) {
  check_dots_empty()
  lines <- new_source(
    "text_line_dataset",
    filenames = arg_paths(filenames), compression_type = compression_type,
    buffer_size = buffer_size, num_parallel_reads = num_parallel_reads, name = name
  )
  if (is.null(record_spec)) {
    return(lines)
  }
  dataset_decode_delim(lines, record_spec, parallel_records = parallel_records)
}

#' @rdname datasets
#' @export
csv_dataset <- function(filenames, record_spec = csv_record_spec(filenames[[1L]]),
                        parallel_records = NULL) {
  text_line_dataset(filenames, record_spec = record_spec, parallel_records = parallel_records)
}

#' @rdname datasets
#' @export
fixed_length_record_dataset <- function(filenames, record_bytes, header_bytes = NULL,
                                        footer_bytes = NULL, buffer_size = NULL) {
  new_source(
    "fixed_length_record_dataset",
    filenames = arg_paths(filenames), record_bytes = record_bytes, header_bytes = header_bytes,
    footer_bytes = footer_bytes, buffer_size = buffer_size
  )
}

#' @rdname datasets
#' @export
tfrecord_dataset <- function(filenames, compression_type = NULL, buffer_size = NULL,
                             num_parallel_reads = NULL) {
  new_source(
    "tfrecord_dataset",
    filenames = arg_paths(filenames), compression_type = compression_type,
    buffer_size = buffer_size, num_parallel_reads = num_parallel_reads
  )
}

#' @rdname datasets
#' @export
file_list_dataset <- function(file_pattern, shuffle = NULL, seed = NULL) {
  new_source(
    "file_list_dataset",
    file_pattern = arg_paths(file_pattern), shuffle = shuffle, seed = seed
  )
}

#' @rdname datasets
#' @export
read_files <- function(files, reader, ..., parallel_files = 1, parallel_interleave = 1,
                       num_shards = NULL, shard_index = NULL) {
  if (is.character(files)) files <- file_list_dataset(files, shuffle = FALSE)
  if (!is.null(num_shards)) files <- dataset_shard(files, num_shards, shard_index %||% 0)
  further <- list2(...)
  read <- function(file) do.call(reader, c(list(file), further))
  dataset_interleave(
    files, read, cycle_length = parallel_files, block_length = parallel_interleave
  )
}

#' @rdname datasets
#' @export
make_csv_dataset <- function(file_pattern, batch_size, column_names = NULL, column_defaults = NULL,
                             label_name = NULL, select_columns = NULL, field_delim = ",",
                             use_quote_delim = TRUE, na_value = "", header = TRUE,
                             num_epochs = NULL, shuffle = TRUE, shuffle_buffer_size = 10000,
                             shuffle_seed = NULL, prefetch_buffer_size = 1,
                             num_parallel_reads = 1, num_parallel_parser_calls = 2,
                             sloppy = FALSE, num_rows_for_inference = 100) {
  whole <- function(x) if (is.null(x)) NULL else as.integer(x)
  options <- dict_of(
    column_names = as_list_of(column_names),
    column_defaults = as_list_of(column_defaults),
    label_name = label_name,
    select_columns = as_list_of(select_columns),
    field_delim = field_delim,
    use_quote_delim = use_quote_delim,
    na_value = na_value,
    header = header,
    num_epochs = whole(num_epochs),
    shuffle = shuffle,
    shuffle_buffer_size = whole(shuffle_buffer_size),
    shuffle_seed = whole(shuffle_seed),
    prefetch_buffer_size = whole(prefetch_buffer_size),
    num_parallel_reads = whole(num_parallel_reads),
    sloppy = sloppy,
    num_rows_for_inference = whole(num_rows_for_inference)
  )
  new_source(
    "make_csv_dataset",
    file_pattern = arg_paths(file_pattern), batch_size = batch_size, options = options
  )
}

#' @rdname datasets
#' @export
sql_dataset <- function(driver_name, data_source_name, query, record_spec) {
  rows <- new_source(
    "sql_dataset",
    driver_name = driver_name, data_source_name = path.expand(data_source_name), query = query,
    types = as.list(record_spec$types)
  )
  names <- record_spec$names
  dataset_map(rows, function(...) structure(list(...), names = names))
}

#' @rdname datasets
#' @export
sqlite_dataset <- function(filename, query, record_spec) {
  sql_dataset("sqlite", filename, query, record_spec)
}

# Paths as R writes them; in a traced function they are tensors.
arg_paths <- function(x, arg = caller_arg(x), call = caller_env()) {
  if (!is.character(x)) {
    if (is.environment(x)) return(x)
    abort_argument("{.arg {arg}} must be paths, not {.obj_type_friendly {x}}.", call)
  }
  as.list(path.expand(x))
}

# A vector crosses as a list also where it has a single element.
as_list_of <- function(x) if (is.null(x)) NULL else as.list(unname(x))

#' Fields of text records and of queries
#'
#' What [text_line_dataset()] and [sql_dataset()] need to know: the names and types of the
#' fields. `csv_record_spec()` and `tsv_record_spec()` look for them in the first 1000 lines of a
#' file, `delim_record_spec()` with any separator.
#'
#' @param example_file A file with such records.
#' @param delim The character between the fields.
#' @param skip Number of lines before the data or its header. With `names` for a file with a
#'   header, one more.
#' @param names Names of the fields. `NULL`, the default, takes them from the header.
#' @param types Types of the fields: a vector of `"integer"`, `"double"` and `"character"`, or
#'   their first letters in one string, as in `"ddi"`. `NULL`, the default, finds them out. They
#'   become `int32`, `float32` and strings.
#' @param defaults What an empty field stands for: a list with a value for each. `NULL`, the
#'   default, is 0 or `""`.
#' @returns An object for the argument `record_spec`.
#' @examples
#' file <- tempfile(fileext = ".csv")
#' write.csv(cars, file, row.names = FALSE)
#' spec <- csv_record_spec(file)
#' spec$names
#' @examplesIf can_run_keras()
#' cars_again <- text_line_dataset(file, record_spec = spec)
#' dataset_collect(cars_again, 1)
#' @name record_specs
NULL

#' @rdname record_specs
#' @export
delim_record_spec <- function(example_file, delim = ",", skip = 0, names = NULL, types = NULL,
                              defaults = NULL) {
  if (!is_string(example_file) || !file.exists(example_file)) {
    abort_argument("{.arg example_file} must be the path of a file.", current_env())
  }
  example <- utils::read.table(
    example_file,
    sep = delim, quote = "\"", skip = skip, header = is.null(names), nrows = 1000L,
    comment.char = "", check.names = FALSE, fill = TRUE, stringsAsFactors = FALSE
  )
  has_header <- is.null(names)
  names <- names %||% colnames(example)
  types <- field_types(types, example, current_env())
  if (length(names) != length(types)) {
    abort_argument(
      "{.arg names} must be one for each of the {length(types)} fields, not {length(names)}.",
      current_env()
    )
  }
  spec <- list(
    names = as.list(names),
    types = as.list(types),
    delim = delim,
    skip = as.integer(skip + has_header),
    defaults = field_defaults(defaults, types)
  )
  structure(spec, class = "kerasbridge_record_spec")
}

#' @rdname record_specs
#' @export
csv_record_spec <- function(example_file, skip = 0, names = NULL, types = NULL, defaults = NULL) {
  delim_record_spec(example_file, ",", skip, names, types, defaults)
}

#' @rdname record_specs
#' @export
tsv_record_spec <- function(example_file, skip = 0, names = NULL, types = NULL, defaults = NULL) {
  delim_record_spec(example_file, "\t", skip, names, types, defaults)
}

#' @rdname record_specs
#' @export
sql_record_spec <- function(names, types) {
  structure(
    list(names = names, types = field_types(types, NULL, current_env(), double = "float64")),
    class = "kerasbridge_record_spec"
  )
}

# dtypes of fields: those that are asked for, or those of an example.
field_types <- function(types, example, call, double = "float32") {
  dtypes <- c(i = "int32", d = double, c = "string", l = "string")
  found <- vapply(example, \(column) substr(typeof(column), 1L, 1L), "")
  letters <- if (is.null(types)) {
    found
  } else if (length(types) == 1L && !types %in% c("integer", "double", "character")) {
    strsplit(types, "")[[1L]]
  } else {
    substr(types, 1L, 1L)
  }
  if (!all(letters %in% names(dtypes))) {
    abort_argument(
      "{.arg types} must be {.val integer}, {.val double} or {.val character}, or their first
       letters in one string.", call
    )
  }
  unname(dtypes[letters])
}

field_defaults <- function(defaults, types) {
  if (!is.null(defaults)) {
    return(as.list(defaults))
  }
  lapply(types, \(type) switch(type, string = "", int32 = 0L, 0))
}
