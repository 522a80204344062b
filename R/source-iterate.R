# What a data set is and holds: its elements one by one, its size and structure.

tf_dataset_class <- "tensorflow.python.data.ops.dataset_ops.DatasetV2"

described_dataset <- function(dataset, call = caller_env()) {
  call_py(bound$dataset_described, dataset)
}

#' The elements of a data set
#'
#' * `dataset_collect()` gives all elements, or the first `iter_max`, as a list.
#' * `as_array_iterator()` gives them one by one as R arrays: [iter_next()] is `NULL` at the end.
#'   [as_iterator()] gives tensors.
#' * `as.data.frame()` puts samples below each other; a part with several columns becomes several,
#'   and the codes of known classes, as of [image_dataset_from_directory()], a factor.
#' * `length()` is the number of elements: `Inf` without an end, `NA` where it is not known.
#'
#' @param dataset A [data set][datasets].
#' @param iter_max Largest number of elements. Default all.
#' @returns A list, an iterator, a data frame, or a number.
#' @examplesIf can_run_keras()
#' data <- tensor_slices_dataset(list(x = matrix(1:6, 3), y = c("a", "b", "c")))
#' length(data)
#' as.data.frame(data)
#' iterator <- as_array_iterator(data)
#' iter_next(iterator)
#' @export
dataset_collect <- function(dataset, iter_max = Inf) {
  iterator <- call_py(bound$dataset_iterator, dataset)
  elements <- list()
  while (length(elements) < iter_max) {
    element <- iter_next(iterator, completed = the)
    if (identical(element, the)) break
    elements[[length(elements) + 1L]] <- element
  }
  elements
}

#' @rdname dataset_collect
#' @export
as_array_iterator <- function(dataset) UseMethod("as_array_iterator")

#' @rdname dataset_collect
#' @usage NULL
#' @export
as_array_iterator.default <- function(dataset) call_py(bound$dataset_array_iterator, dataset)

#' @exportS3Method tfdatasets::as_array_iterator
as_array_iterator.grain._src.python.dataset.dataset.IterDataset <- as_array_iterator.default

#' @exportS3Method tfdatasets::as_array_iterator
as_array_iterator.grain._src.python.dataset.dataset.MapDataset <- as_array_iterator.default

# Methods for the data sets of each engine.
#' @export
length.tensorflow.python.data.ops.dataset_ops.DatasetV2 <- function(x) {
  as.numeric(call_py(bound$dataset_size, x) %||% NA)
}

#' @export
length.grain._src.python.dataset.dataset.IterDataset <-
  length.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
length.grain._src.python.dataset.dataset.MapDataset <-
  length.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
format.tensorflow.python.data.ops.dataset_ops.DatasetV2 <- function(x, ...) {
  about <- described_dataset(x)
  size <- about$size %||% NA
  told <- if (is.na(size)) "unknown size" else if (is.infinite(size)) "no end" else
    paste(format(size, big.mark = ","), if (size == 1) "element" else "elements")
  parts <- vapply(about$parts, \(part) {
    shape <- if (is.null(part$shape)) "shape unknown" else format(as_shape(part$shape))
    paste0("  ", if (nzchar(part$name)) paste0(part$name, ": "), part$dtype, " ", shape)
  }, "")
  c(paste0("<data set of ", about$engine, ", ", told, ">"), parts)
}

#' @export
format.grain._src.python.dataset.dataset.IterDataset <-
  format.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
format.grain._src.python.dataset.dataset.MapDataset <-
  format.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
print.tensorflow.python.data.ops.dataset_ops.DatasetV2 <- function(x, ...) {
  if (py_is_null_xptr(x)) {
    return(print_pointer(x))
  }
  cat(format(x), sep = "\n")
  invisible(x)
}

#' @export
print.grain._src.python.dataset.dataset.IterDataset <-
  print.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
print.grain._src.python.dataset.dataset.MapDataset <-
  print.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
str.tensorflow.python.data.ops.dataset_ops.DatasetV2 <- function(object, ...) {
  if (py_is_null_xptr(object)) {
    return(print_pointer(object))
  }
  cat(" ", format(object)[[1L]], "\n", sep = "")
}

#' @export
str.grain._src.python.dataset.dataset.IterDataset <-
  str.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
str.grain._src.python.dataset.dataset.MapDataset <-
  str.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
as.data.frame.tensorflow.python.data.ops.dataset_ops.DatasetV2 <- function(x, ...) {
  iterator <- as_array_iterator.default(x)
  rows <- list()
  while (!is.null(element <- iter_next(iterator))) {
    rows[[length(rows) + 1L]] <- samples_frame(element)
  }
  frame <- do.call(rbind, rows) %||% data.frame()
  levels <- if (py_has_attr(x, "class_names")) unlist(x$class_names)
  if (length(levels) && is.integer(frame$y)) frame$y <- factor(levels[frame$y + 1L], levels)
  frame
}

#' @export
as.data.frame.grain._src.python.dataset.dataset.IterDataset <-
  as.data.frame.tensorflow.python.data.ops.dataset_ops.DatasetV2

#' @export
as.data.frame.grain._src.python.dataset.dataset.MapDataset <-
  as.data.frame.tensorflow.python.data.ops.dataset_ops.DatasetV2

# One element as rows: a batch has one for each sample. An element with a single value among its
# parts is no batch.
samples_frame <- function(element) {
  parts <- flat_parts(element, "")
  if (is.null(names(parts))) names(parts) <- "x"
  single <- any(vapply(parts, \(part) is.null(dim(part)), NA))
  columns <- lapply(parts, \(part) {
    if (single) return(if (length(part) == 1L) as.vector(part) else t(as.vector(part)))
    sizes <- dim(part)
    if (length(sizes) == 1L) as.vector(part) else matrix(part, sizes[[1L]])
  })
  frames <- lapply(names(columns), \(name) {
    column <- columns[[name]]
    if (is.null(dim(column))) {
      return(structure(data.frame(column), names = name))
    }
    structure(as.data.frame(column), names = paste0(name, ".", seq_len(ncol(column))))
  })
  do.call(cbind, frames)
}

# The parts of nested lists under their names: those without have a letter as in `list(x, y)`.
flat_parts <- function(element, name) {
  if (!is.list(element)) {
    return(structure(list(element), names = if (nzchar(name)) name else "x"))
  }
  names <- names(element) %||%
    if (length(element) <= 3L) c("x", "y", "sample_weight")[seq_along(element)] else
      paste0("V", seq_along(element))
  if (nzchar(name)) names <- paste0(name, ".", names)
  unlist(Map(flat_parts, unname(element), names), recursive = FALSE)
}

#' Anything as a data set
#'
#' `as_dataset()` cuts R arrays, data frames and lists of these along their first dimension, as
#' [tensor_slices_dataset()] does; a data set stays what it is. `as_tf_dataset()` is for scripts
#' that check what they have: a data set passes.
#'
#' @param x,dataset R data, or a data set.
#' @param ... Not used.
#' @returns A data set.
#' @examplesIf can_run_keras()
#' as_dataset(cars)
#' @export
as_dataset <- function(x, ...) UseMethod("as_dataset")

#' @rdname as_dataset
#' @usage NULL
#' @export
as_dataset.default <- function(x, ...) {
  check_dots_empty()
  new_source("tensor_slices_dataset", tensors = arg_data(x))
}

#' @export
as_dataset.python.builtin.object <- function(x, ...) {
  if (is_tensor(x)) {
    return(tensor_slices_dataset(x))
  }
  as_tf_dataset(x)
}

#' @rdname as_dataset
#' @export
as_tf_dataset <- function(dataset) {
  call_py(bound$dataset_engine, dataset)
  dataset
}

#' Structure of a data set
#'
#' `output_types()` and `output_shapes()` give the dtype and shape of each part of an element;
#' `layer_input_from_dataset()` makes an input of each named part, of the shape that a sample has
#' in it.
#'
#' @param object,dataset A [data set][datasets]; for `layer_input_from_dataset()` one of batches
#'   or of single samples whose elements are named lists, or `list(x, y)` with such an `x`.
#' @returns A string or a shape, or lists of these; a named list of [keras_input()]s.
#' @examplesIf can_run_keras()
#' data <- tensor_slices_dataset(list(speed = cars$speed, dist = cars$dist))
#' output_types(data)
#' output_shapes(data)
#' @export
output_types <- function(object) {
  structure_of(described_dataset(object)$named, \(part) part$dtype)
}

#' @rdname output_types
#' @export
output_shapes <- function(object) {
  structure_of(described_dataset(object)$named, \(part) {
    if (is.null(part$shape)) NULL else as_shape(part$shape)
  })
}

structure_of <- function(x, f) {
  if (identical(names(x), c("name", "dtype", "shape"))) f(x) else lapply(x, structure_of, f)
}

#' @rdname output_types
#' @export
layer_input_from_dataset <- function(dataset) {
  about <- described_dataset(dataset)$named
  if (is.null(names(about))) about <- about[[1L]]
  if (is.null(names(about))) {
    abort_argument("{.arg dataset} must have named parts.", current_env())
  }
  shapes <- lapply(about, \(part) as.integer(as_shape(part$shape)))
  if (all(lengths(shapes) > 0L)) shapes <- lapply(shapes, `[`, -1L) # batches
  Map(\(part, shape, name) {
    keras_input(shape = if (length(shape)) shape else 1L, dtype = part$dtype, name = name)
  }, about, shapes, names(about))
}

#' Loops over a data set that end with it
#'
#' `make_iterator_one_shot()` starts a run over a data set and `iterator_get_next()` gives its
#' next element, which is an error at the end. `until_out_of_range()` evaluates an expression again
#' and again until then, `with_dataset()` once; `out_of_range_handler()` is their handler, for
#' `tryCatch(error = )`. `next_batch()` gives the first element. New code does better with
#' [as_iterator()] and [iter_next()], or with [dataset_collect()].
#'
#' @param dataset A [data set][datasets].
#' @param iterator What `make_iterator_one_shot()` gave.
#' @param name Not used.
#' @param expr Code to evaluate.
#' @param e A condition.
#' @returns An iterator, an element, or `NULL`, invisibly.
#' @examplesIf can_run_keras()
#' iterator <- make_iterator_one_shot(range_dataset(0, 3))
#' total <- 0
#' until_out_of_range(total <- total + as.numeric(iterator_get_next(iterator)))
#' total
#' @name until_out_of_range
NULL

#' @rdname until_out_of_range
#' @export
make_iterator_one_shot <- function(dataset) call_py(bound$dataset_iterator, dataset)

#' @rdname until_out_of_range
#' @export
iterator_get_next <- function(iterator, name = NULL) call_py(bound$dataset_next, iterator)

#' @rdname until_out_of_range
#' @export
next_batch <- function(dataset) iterator_get_next(make_iterator_one_shot(dataset))

#' @rdname until_out_of_range
#' @export
until_out_of_range <- function(expr) {
  expr <- substitute(expr)
  user <- parent.frame()
  tryCatch(repeat eval(expr, user), error = out_of_range_handler)
}

#' @rdname until_out_of_range
#' @export
with_dataset <- function(expr) tryCatch(invisible(expr), error = out_of_range_handler)

#' @rdname until_out_of_range
#' @export
out_of_range_handler <- function(e) {
  if (!any(grepl("OutOfRangeError|StopIteration", class(e)))) stop(e)
  invisible(NULL)
}
