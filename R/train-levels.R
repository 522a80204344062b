# The levels of a target: a factor's, a character vector's or a logical's, kept with the model.

# Targets as they cross, and the levels of each, `NULL` for those that have none. `learn` is for
# training, whose levels the model keeps.
as_targets <- function(y, terms, arg = "y", call = caller_env(), learn = FALSE) {
  if (is.data.frame(y)) {
    y <- if (length(y) == 1L) y[[1L]] else as.list(y)
  }
  if (!is.list(y) || is_py_object(y)) {
    target <- as_target(y, terms$levels[["y"]], arg, call, learn)
    return(list(data = target$data, levels = list(y = target$levels)))
  }
  keys <- names(y) %||% seq_along(y)
  targets <- Map(\(part, key) as_target(part, terms$levels[[as.character(key)]], arg, call, learn),
    y, keys
  )
  levels <- set_names(lapply(targets, \(target) target$levels), keys)
  list(data = lapply(targets, \(target) target$data), levels = levels)
}

as_target <- function(y, known, arg, call, learn) {
  if (is.character(y) && is.null(dim(y))) y <- factor(check_text(y, arg, call))
  if (is.factor(y)) {
    levels <- known_or_own(levels(y), known, learn)
    check_levels(y, levels, arg, call)
    y <- factor(y, levels)
  } else {
    levels <- if (is_logical(y) && length(y) == NROW(y)) c("FALSE", "TRUE")
  }
  list(data = if (typeof(y) == "environment" || is.null(y)) y else pack_part(y, arg, call),
    levels = levels
  )
}

# The levels that codes are counted by: those that the model has, unless it learns others.
known_or_own <- function(own, known, learn) {
  if (is.null(known) || (learn && !all(own %in% known))) own else known
}

check_levels <- function(y, levels, arg, call) {
  others <- setdiff(as.character(unique(y)), c(levels, NA))
  if (length(others)) {
    abort_argument(c(
      "{cli::qty(others)}The level{?s} {.val {others}} of {.arg {arg}} {?was/were} not trained on.",
      i = "It knows {.val {levels}}."
    ), call)
  }
}

# The rows that `validation_split` keeps out are the last ones: of data in order, other data.
warn_of_order <- function(y, split) {
  if (split == 0 || !(is.factor(y) || is.character(y)) || !is.null(dim(y))) {
    return(invisible())
  }
  kept_out <- seq_along(y) > length(y) * (1 - split)
  unseen <- setdiff(as.character(y[kept_out]), as.character(y[!kept_out]))
  if (length(unseen)) {
    warn(c(
      cli::format_inline(
        "The rows that {.arg validation_split} keeps out have the level{?s} {.val {unseen}} of
         {.arg y}, which the other rows lack.",
        keep_whitespace = FALSE
      ),
      i = "They are the last rows of the data: put the rows into a random order before."
    ), class = "kerasbridge_warning")
  }
}

# Validation data, its targets by the levels of the training.
as_validation <- function(data, model, terms, call) {
  arg <- "validation_data"
  if (is.null(data) || is_source_function(data) || !is.list(data) && !is_r_data(data)) {
    return(as_inputs(data, model, terms, arg, call)$data)
  }
  parts <- c("x", "y", "sample_weight")
  if (is.data.frame(data) || !is.list(data) || !length(data) %in% 2:3) {
    given <- if (is.list(data) && !is.data.frame(data)) {
      cli::format_inline("a list of {length(data)}")
    } else {
      cli::format_inline("{.obj_type_friendly {data}}")
    }
    abort_argument(c(
      "{.arg {arg}} must be {.code list(x, y)}, {.code list(x, y, sample_weight)} or a data set,
       not {given}.",
      i = "Inputs alone have nothing to be compared with."
    ), call)
  }
  names <- names(data) %||% parts[seq_along(data)]
  names[!nzchar(names)] <- setdiff(parts, names)[seq_len(sum(!nzchar(names)))]
  if (!setequal(names, parts[seq_along(data)])) {
    abort_argument(
      "The elements of {.arg {arg}} must be {.val x}, {.val y} and perhaps {.val sample_weight},
       not {.val {names(data)}}.", call
    )
  }
  names(data) <- names
  c(
    list(
      as_inputs(data$x, model, terms, paste0(arg, "$x"), call)$data,
      as_targets(data$y, terms, paste0(arg, "$y"), call)$data
    ),
    if (!is.null(data$sample_weight)) {
      list(pack_part(data$sample_weight, paste0(arg, "$sample_weight"), call))
    }
  )
}

is_r_data <- function(x) is.atomic(x) && !is.null(x)

# Weights named by the levels of a target, under the levels' codes.
by_code <- function(class_weight, levels) {
  if (is.null(class_weight)) {
    return(NULL)
  }
  class_weight <- as.list(class_weight)
  if (!is.null(levels) && all(names(class_weight) %in% levels)) {
    names(class_weight) <- match(names(class_weight), levels) - 1L
  }
  class_weight
}

# What a model predicts, with the names of rows and classes; by `type` its probabilities or classes.
as_prediction <- function(values, type, rows, model, levels, call) {
  if (is.list(values)) {
    one <- function(part, key) {
      as_prediction(part, type, rows, model, list(y = levels[[as.character(key)]]), call)
    }
    return(Map(one, values, names(values) %||% seq_along(values)))
  }
  levels <- levels[["y"]]
  if (is.null(type)) {
    return(named_prediction(values, rows, levels))
  }
  if (is.null(levels) || length(dim(values)) != 2L || !is_for_levels(values, levels)) {
    abort_argument(c(
      "{.code type = {.val {type}}} needs a model that was trained on a factor.",
      i = "This one predicts numbers: leave {.arg type} out."
    ), call)
  }
  prob <- probabilities(values, call_py(bound$terms_from_logits, model))
  if (type == "prob") {
    return(named_prediction(prob, rows, levels))
  }
  class <- max.col(replace(prob, is.na(prob), 0), ties.method = "first")
  class[rowSums(is.na(prob)) > 0] <- NA
  class <- factor(levels[class], levels)
  if (is.null(rows) || length(rows) != length(class)) class else set_names(class, rows)
}

is_for_levels <- function(values, levels) {
  units <- dim(values)[[2L]]
  units == length(levels) || units == 1L && length(levels) == 2L
}

# A column for each class: of one unit, the other's probability is what is left.
probabilities <- function(values, logits) {
  if (ncol(values) == 1L) {
    p <- if (logits) stats::plogis(values) else values
    return(cbind(1 - p, p, deparse.level = 0L))
  }
  if (!logits) {
    return(values)
  }
  odds <- exp(values - apply(values, 1L, max))
  odds / rowSums(odds)
}

named_prediction <- function(values, rows, levels) {
  dim <- dim(values)
  if (length(rows) != c(dim, 0L)[[1L]]) rows <- NULL
  classes <- if (length(dim) == 2L && length(levels) && is_for_levels(values, levels)) {
    if (dim[[2L]] == 1L) levels[[2L]] else levels
  }
  if (!is.null(rows) || !is.null(classes)) {
    names <- vector("list", length(dim))
    if (!is.null(rows)) names[[1L]] <- rows
    if (!is.null(classes)) names[[2L]] <- classes
    dimnames(values) <- names
  }
  values
}
