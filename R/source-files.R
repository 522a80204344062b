# Files, frames and databases as data sets. sources/files.py reads them; R knows what is R's.

#' Data sets from files, frames and databases
#'
#' Reads a table a batch at a time, so that it may be larger than memory: the data set yields
#' batches for [fit()], [evaluate()] and [predict()], and starts over at each epoch.
#'
#' What can be read:
#'
#' * paths of Parquet, Feather, Arrow IPC, ORC and CSV files, or of a folder of these, by `pyarrow`;
#' * the path of an HDF5 file, whose arrays are the columns, or arrays opened by hdf5r, by `h5py`;
#'   their samples are the first dimension;
#' * a data frame or tibble, polars and pandas data, Arrow's tables and data sets, a relation of
#'   DuckDB, and the streams of nanoarrow, which can be read once;
#' * a DBI connection with a `query`, or the result of `DBI::dbSendQuery()`, which can be fetched
#'   once.
#'
#' @section Batches:
#' The inputs are a matrix with the columns side by side when all are numbers, else a named list of
#' columns, as [layer_feature_space()] takes them; HDF5 arrays stay arrays. A factor or text as
#' target becomes codes counted from 0: its levels are in `class_names` of the data set.
#'
#' @param x What to read.
#' @param target Names of the columns that are the targets. `NULL`, the default, is none.
#' @param batch_size Number of rows in a batch. Default 32.
#' @param ... Must be empty.
#' @param query A query in SQL, for a DBI connection.
#' @param columns Names of the columns that are the inputs. `NULL`, the default, are all others.
#' @param named Whether the inputs are a named list of columns. `NULL`, the default, when one is
#'   text.
#' @param levels Levels of a target that is text, in the order of their codes. `NULL`, the default,
#'   looks for them; a query must say.
#' @param shuffle Number of rows among which to shuffle. 0, the default, keeps the order.
#' @param seed Whole number from which the order of all epochs follows. `NULL`, the default,
#'   differs each time.
#' @param drop_remainder Whether to leave out a last batch that is not full. Default `FALSE`.
#' @param format Format of the files, where their names do not say: `"parquet"`, `"csv"`,
#'   `"feather"`, `"ipc"` or `"orc"`.
#' @returns A [data set][datasets] of batches.
#' @examplesIf can_run_keras() && reticulate::py_module_available("pyarrow")
#' file <- tempfile(fileext = ".csv")
#' write.csv(iris, file, row.names = FALSE)
#' data <- dataset_from(file, target = "Species", batch_size = 50, shuffle = 150)
#' data
#' data$class_names
#' @export
dataset_from <- function(x, target = NULL, batch_size = 32, ..., query = NULL, columns = NULL,
                         named = NULL, levels = NULL, shuffle = 0, seed = NULL,
                         drop_remainder = FALSE, format = NULL) {
  check_dots_empty()
  if (is.data.frame(x) && is_string(target) && is.factor(x[[target]])) {
    levels <- levels %||% levels(x[[target]])
  }
  options <- dict_of(
    target = as_list_of(target), batch_size = batch_size, columns = as_list_of(columns),
    named = named, levels = as_list_of(levels), shuffle = shuffle, seed = seed,
    drop_remainder = drop_remainder, format = format
  )
  call_py(
    bound$dataset_files, readable(x, query, current_env()),
    getOption("kerasbridge.dataset_engine"), options
  )
}

# What the shim reads: paths, Python objects, columns, or a table that R's own code fetches.
readable <- function(x, query, call) {
  if (inherits(x, "DBIConnection")) {
    return(fetched(\() DBI::dbSendQuery(x, check_query(query, call)), call))
  }
  if (!is.null(query)) {
    abort_argument("{.arg query} is for a DBI connection, not {.obj_type_friendly {x}}.", call)
  }
  if (inherits(x, "DBIResult")) {
    return(fetched(once(x, call), call))
  }
  if (inherits(x, c("H5D", "H5File"))) {
    return(hdf5_table(list(x), call))
  }
  if (inherits(x, "nanoarrow_array_stream")) {
    return(arrow_stream(x))
  }
  if (is.character(x)) {
    return(as.list(path.expand(x)))
  }
  if (is.data.frame(x)) {
    return(frame_columns(x, call))
  }
  if (is.list(x) && !is.object(x) && all(vapply(x, inherits, NA, "H5D"))) {
    return(hdf5_table(x, call))
  }
  if (is_py_object(x)) {
    return(x)
  }
  if (inherits(x, c("ArrowTabular", "Dataset", "RecordBatchReader", "arrow_dplyr_query"))) {
    check_installed("nanoarrow", "to read Arrow's data.", call = call)
    return(arrow_stream(nanoarrow::as_nanoarrow_array_stream(x)))
  }
  abort_argument("{.arg x} must be paths, a table or a query, not {.obj_type_friendly {x}}.", call)
}

# Columns of a data frame: a factor is its levels' text, as it is in a file.
frame_columns <- function(x, call) {
  x <- lapply(x, \(column) if (is.factor(column)) as.character(column) else column)
  for (name in names(x)) {
    if (!is.null(dim(x[[name]])) || is.list(x[[name]])) {
      abort_argument("The column {.field {name}} of {.arg x} must be a vector.", call)
    }
  }
  Map(\(column, name) pack_column(column, name, call), x, names(x))
}

pack_column <- function(column, name, call) as_vector_array(pack(column, name, call))

check_query <- function(query, call) {
  if (!is_string(query)) {
    abort_argument("{.arg query} must be a query in SQL: a string.", call)
  }
  query
}

once <- function(result, call) {
  taken <- FALSE
  function() {
    if (taken) {
      abort_argument(c(
        "A result can be fetched once, and this one was: one epoch.",
        i = "With the connection and {.arg query} it is sent anew for each."
      ), call)
    }
    taken <<- TRUE
    result
  }
}

# The rows of a query, which R fetches. The first ones tell the columns.
fetched <- function(send, call) {
  held <- send()
  shown <- DBI::dbFetch(held, n = 1L)
  first <- if (nrow(shown)) shown
  if (is.null(first)) {
    DBI::dbClearResult(held)
    abort_argument("{.arg x} has no rows.", call)
  }
  open <- function() {
    result <- held %||% send()
    before <- if (!is.null(held)) shown
    held <<- NULL
    function(n) {
      if (is.null(result)) {
        return(NULL)
      }
      rows <- DBI::dbFetch(result, n = as.integer(n) - (if (is.null(before)) 0L else 1L))
      if (!is.null(before)) rows <- rbind(before, rows)
      before <<- NULL
      if (nrow(rows)) {
        return(frame_columns(rows, call))
      }
      DBI::dbClearResult(result)
      result <<- NULL
      NULL
    }
  }
  call_py_raw(bound$dataset_fetches, frame_columns(shown, call), open)
}

hdf5_table <- function(x, call) {
  files <- unique(vapply(x, \(part) part$get_filename(), ""))
  names <- unlist(lapply(x, \(part) {
    if (inherits(part, "H5File")) part$ls(recursive = TRUE)$name else part$get_obj_name()
  }))
  if (length(files) != 1L) {
    abort_argument("{.arg x} must be arrays of one file.", call)
  }
  for (part in x) if (inherits(part, "H5File")) part$flush()
  call_py_raw(bound$dataset_hdf5, files, as.list(names))
}

arrow_stream <- function(x) {
  check_installed("nanoarrow", "to read a stream of Arrow's.")
  stream <- nanoarrow::nanoarrow_allocate_array_stream()
  nanoarrow::nanoarrow_pointer_export(x, stream)
  call_py_raw(bound$dataset_stream, nanoarrow::nanoarrow_pointer_addr_dbl(stream))
}
