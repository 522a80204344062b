# What R's data mean to a model on the way in and back: names of columns and of rows.

# What R knows of a model beyond Keras: `columns`, on which it was trained, and `levels` of its
# targets. It is kept with the model, and saved with it.
model_terms <- function(model) {
  stored <- call_py(bound$terms_of, model)
  if (is.null(stored)) list() else jsonlite::parse_json(stored, simplifyVector = TRUE)
}

keep_terms <- function(model, terms, known) {
  if (!identical(terms, known)) {
    call_py(bound$terms_keep, model, as.character(jsonlite::toJSON(terms, null = "null")))
  }
}

# Data for the inputs of `model`: as it crosses, with the names of its columns and rows.
as_inputs <- function(x, model, terms = list(), arg = caller_arg(x), call = caller_env()) {
  if (is_source_function(x)) {
    return(list(data = r_source_of_batches(x, arg, call)))
  }
  if (typeof(x) == "environment" || is.null(x)) {
    return(list(data = x))
  }
  rows <- row_names(x)
  if (is.data.frame(x)) {
    inputs <- call_py(bound$terms_inputs, model)
    names <- unlist(inputs$names)
    if (length(names) > 1L) {
      columns <- named_columns(x, names, arg, call)
      data <- Map(\(column, dtype) frame_column(column, dtype, arg, call), columns, inputs$dtypes)
      return(list(data = data, rows = rows, inputs = names))
    }
    x <- frame_matrix(x, terms$columns, arg, call)
  } else if (is.matrix(x)) {
    x <- in_order(x, terms$columns)
  }
  columns <- if (is.matrix(x)) colnames(x)
  list(data = pack(x, arg, call), rows = rows, columns = columns)
}

row_names <- function(x) {
  if (is.data.frame(x)) {
    if (.row_names_info(x) > 0L) row.names(x)
  } else if (is.list(x) && !is.object(x)) {
    for (part in x) if (!is.null(row_names(part))) return(row_names(part))
  } else if (is.array(x)) {
    dimnames(x)[[1L]]
  }
}

# A matrix with the columns that the model was trained on has them in their order.
in_order <- function(x, columns) {
  known <- colnames(x)
  if (is.null(columns) || identical(known, columns) || !setequal(known, columns) ||
        anyDuplicated(known)) {
    return(x)
  }
  x[, columns, drop = FALSE]
}

# The columns of a data frame that a model takes one by one.
named_columns <- function(x, names, arg, call) {
  if (!all(names %in% names(x))) {
    abort_argument(c(
      "The columns of {.arg {arg}} must have the names of the model's inputs.",
      i = "The inputs are {.val {names}}.",
      i = "The columns are {.val {names(x)}}."
    ), call)
  }
  as.list(x)[names]
}

# One column as one input: a factor as its levels where strings are wanted, as its codes elsewhere.
frame_column <- function(column, dtype, arg, call) {
  if (identical(dtype, "string") && is.factor(column)) {
    column <- as.character(column)
  }
  pack_part(column, arg, call)
}

# A part of a batch is an array, whatever its length.
pack_part <- function(x, arg, call) {
  packed <- pack(x, arg, call)
  if (is.atomic(packed) && is.null(dim(packed))) as_vector_array(packed) else packed
}

# The numeric matrix of a data frame's columns, those that the model was trained on where it was.
frame_matrix <- function(x, columns, arg, call) {
  if (!is.null(columns)) {
    x <- chosen_columns(x, columns, "on which the model was trained", arg, call)
  }
  check_numbers(x, arg, call)
  x[] <- lapply(x, \(column) if (inherits(column, "integer64")) as.double(column) else column)
  values <- unlist(x, use.names = FALSE) %||% double()
  dim(values) <- c(nrow(x), if (nrow(x)) length(values) %/% nrow(x) else length(x))
  if (ncol(values) == length(x)) colnames(values) <- names(x)
  values
}

# Those columns of a data frame that are asked for, and `why` they are.
chosen_columns <- function(x, columns, why, arg, call) {
  lacking <- setdiff(columns, names(x))
  if (length(lacking)) {
    abort_argument(c(
      "{.arg {arg}} has no column {.val {lacking}}, {why}.",
      i = "Its columns are {.val {names(x)}}."
    ), call)
  }
  x[columns]
}

check_numbers <- function(x, arg, call) {
  numbers <- vapply(x, is_numbers, NA)
  if (all(numbers)) {
    return(invisible())
  }
  kinds <- vapply(x[!numbers], \(column) class(column)[[1L]], "")
  shown <- paste0("`", names(kinds), "` (", kinds, ")")
  abort_argument(c(
    "{.arg {arg}} has columns that hold no numbers: {shown}.",
    i = "{.fn layer_feature_space} takes a data frame with such columns as it is.",
    i = "{.code model.matrix(~ . - 1, {arg})} has a column of 0 and 1 for each level."
  ), call)
}

is_numbers <- function(x) {
  (is.numeric(x) || is.logical(x)) && !inherits(x, c("factor", "Date", "POSIXt", "difftime"))
}

# The columns of a data frame that a feature space takes, its factors and characters as strings.
space_frame <- function(x, space, call) {
  x <- chosen_columns(x, names(space$features), "which the feature space takes", "data", call)
  x <- lapply(x, \(column) if (is.factor(column)) as.character(column) else column)
  lapply(x, pack_part, "data", call)
}

# Inputs as arrays in Python, after a look at them: a number that is none makes every loss NaN.
looked_at <- function(inputs) {
  x <- inputs$data
  if (typeof(x) == "environment" || is.null(x) || isFALSE(getOption("kerasbridge.check_finite"))) {
    return(x)
  }
  x <- call_py_raw(bound$batches_converted, x, "x")
  for (found in call_py(bound$batches_not_finite, x)) warn_not_finite(found, inputs$columns)
  x
}

warn_not_finite <- function(found, columns) {
  places <- as.integer(unlist(found$columns))
  named <- if (is.null(columns)) places else columns[places]
  arg <- if (is.null(found$place)) "x" else paste0("x$", found$place)
  kind <- if (isTRUE(found$missing)) "missing" else "infinite"
  text <- c(
    cli::format_inline(
      "{.arg {arg}} has {found$count} {kind} value{cli::qty(as.integer(found$count))}{?s}"
    ),
    if (length(named)) {
      cli::format_inline(", in the column{cli::qty(length(named))}{?s} {.val {named}}")
    },
    "."
  )
  warn(c(
    paste(text, collapse = ""),
    i = "A loss that is computed from such numbers is NaN, and so are the weights after it.",
    i = cli::format_inline("{.code options(kerasbridge.check_finite = FALSE)} ends this check.")
  ), class = "kerasbridge_warning")
}
