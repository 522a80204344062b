# R functions as sources of batches. sources/feeds.py calls them on the thread that trains.

#' A source of batches from a function
#'
#' Makes a source of an R function that gives one batch each time it is called, for [fit()],
#' [evaluate()], [predict()] and `validation_data`. These take the function itself as well; the
#' source also calls it with arguments, and shows what the batches are made of.
#'
#' The function is called by R itself, between two steps of training, when the next batch is
#' needed: while a device still computes the last one, but never from a thread of a framework.
#'
#' @section Batches:
#' A batch is `list(x, y)`, `list(x, y, sample_weight)`, these by name, or the inputs alone for
#' [predict()]. Each of them is what [fit()] takes for all of the data: a matrix, an array, a
#' numeric data frame, a list of these for several inputs, a factor, a tensor. All batches have
#' the dtypes and numbers of dimensions of the first one.
#'
#' `NULL` is the end of an epoch. For the next epoch the function is called again, so one that
#' starts over lasts for any number of epochs; after one that gives `NULL` once more, training
#' stops. A function without an end needs `steps_per_epoch`. A generator of the package coro is a
#' function that does not start over.
#'
#' @param f A function that gives a batch.
#' @param ... Arguments for `f`, the same at every call.
#' @param workers Number of R processes that call `f` with the number of the batch, while this one
#'   trains: see [workers][kerasbridge_workers]. `0`, the default, calls it here.
#' @returns A source: a Python object that can be iterated. Printing it makes the first batch.
#' @examplesIf can_run_keras() && config_backend() != "numpy"
#' # Twenty batches of new data in each epoch
#' batches <- function(n, size) {
#'   i <- 0
#'   function() {
#'     if (i == n) {
#'       i <<- 0
#'       return(NULL)
#'     }
#'     i <<- i + 1
#'     x <- matrix(runif(size * 2), size)
#'     list(x, x[, 1] - x[, 2])
#'   }
#' }
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
#' model |> compile("sgd", "mse")
#' model |> fit(batches(20, 32), epochs = 2, verbose = 0)
#' dataset_from_function(batches(20, 32))
#' @export
dataset_from_function <- function(f, ..., workers = 0) {
  if (!is_plain_function(f)) {
    abort_argument(
      "{.arg f} must be a function that gives a batch, not {.obj_type_friendly {f}}.",
      current_env()
    )
  }
  args <- list2(...)
  if (!identical(as.numeric(workers), 0)) {
    workers <- check_count(workers, "workers")
    return(r_source_of_workers(f, args, workers, current_env()))
  }
  r_source_of_batches(\() do.call(f, args), "f", NULL)
}

is_source_function <- function(x) is_plain_function(x) && typeof(x) == "closure"

r_source_of_batches <- function(f, arg, call) {
  call_py_raw(bound$source_function, \() as_batch(f(), arg, call))
}

# What one call of a source gives, as it crosses.
as_batch <- function(batch, arg, call) {
  if (is.null(batch) || identical(batch, quote(.__exhausted__.))) { # coro's end of a generator
    return(NULL)
  }
  batch <- lapply(parts_of_batch(batch), as_batch_part, arg, call)
  if (is.null(names(batch))) batch else do.call(dict_of, batch)
}

# The list of inputs, targets and weights that a batch is: the inputs alone are one of them.
parts_of_batch <- function(batch) {
  parts <- c("x", "y", "sample_weight")
  whole <- is.list(batch) && !is.data.frame(batch) && !is_py_object(batch) &&
    (is.null(names(batch)) || all(names(batch) %in% parts))
  if (whole) batch else list(batch)
}

# What a data set of a class in R gives for one position.
as_dataset_batch <- function(batch) as_batch(batch, "getitem", NULL)

as_batch_part <- function(x, arg, call) {
  if (is.data.frame(x)) x <- frame_part(x, arg, call)
  if (is.list(x) && !is_py_object(x)) {
    lapply(x, as_batch_part, arg, call)
  } else if (typeof(x) == "environment" || is.null(x)) {
    x
  } else {
    pack_part(x, arg, call)
  }
}

# A data frame in a batch: its only column, the matrix of its numbers, or else its columns.
frame_part <- function(x, arg, call) {
  if (length(x) == 1L) {
    return(x[[1L]])
  }
  if (all(vapply(x, is_numbers, NA))) frame_matrix(x, NULL, arg, call) else as.list(x)
}

#' @export
format.kerasbridge.sources.feeds.Source <- function(x, ...) {
  crews <- the$crews
  on.exit(end_crews(crews))
  spec <- call_py(bound$source_spec, x)
  lines <- vapply(spec, function(part) {
    arrays <- vapply(part$arrays, function(array) {
      sizes <- paste(c("NA", unlist(array$shape)), collapse = ", ")
      paste0(array$dtype, " (", sizes, ")")
    }, "")
    paste0(part$part, ": ", paste(arrays, collapse = "; "))
  }, "")
  c(shown_source, lines)
}

shown_source <- "<source of batches from a function>"

# Its batches are not asked for: panes that show what there is do so again and again.
#' @export
str.kerasbridge.sources.feeds.Source <- function(object, ...) cat(" ", shown_source, "\n", sep = "")

#' @export
print.kerasbridge.sources.feeds.Source <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}
