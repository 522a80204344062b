# Plain data of R as JSON has it, and back.

# Plain data as text and lists: `NULL`, vectors, and lists of these, with attributes that are
# plain data as well. `NULL` for everything else.
plain_data <- function(x) {
  type <- typeof(x)
  if (!type %in% plain_types || isS4(x)) {
    return(NULL)
  }
  values <- if (type == "list") {
    parts <- lapply(unname(unclass_list(x)), plain_data)
    if (any(vapply(parts, is.null, logical(1)))) {
      return(NULL)
    }
    parts
  } else if (type != "NULL") {
    as.list(plain_text(x))
  }
  attributes <- lapply(attributes(x), plain_data)
  if (any(vapply(attributes, is.null, logical(1)))) {
    return(NULL)
  }
  c(list(type = type, values = values), if (length(attributes)) list(attributes = attributes))
}

plain_types <- c("NULL", "logical", "integer", "double", "complex", "character", "raw", "list")

unclass_list <- function(x) {
  attributes(x) <- NULL
  x
}

# Each element as text that gives it back exactly; NA as NA.
plain_text <- function(x) {
  attributes(x) <- NULL
  switch(typeof(x),
    double = exact_text(x),
    complex = paste(exact_text(Re(x)), exact_text(Im(x)), recycle0 = TRUE),
    character = enc2utf8(x),
    as.character(x)
  )
}

# The shortest of 15 digits, 17 digits and hexadecimal that is exact.
exact_text <- function(x) {
  text <- rep(NA_character_, length(x))
  for (format in c("%.15g", "%.17g", "%a")) {
    inexact <- is.na(text) & !(is.na(x) & !is.nan(x))
    if (!any(inexact)) break
    tried <- sprintf(format, x[inexact])
    back <- as.double(tried)
    fits <- back == x[inexact] | (is.nan(back) & is.nan(x[inexact]))
    text[inexact] <- ifelse(fits, tried, NA)
  }
  text
}

restore_data <- function(value) {
  text <- value$values
  if (value$type != "list") text <- vapply(text, \(x) x %||% NA_character_, character(1))
  x <- switch(value$type,
    `NULL` = NULL,
    list = lapply(text, restore_data),
    character = as.character(text),
    complex = restore_complex(text),
    raw = as.raw(strtoi(text, 16L)),
    as.vector(text, value$type)
  )
  if (!is.null(x)) attributes(x) <- lapply(value$attributes, restore_data)
  x
}

restore_complex <- function(text) {
  parts <- strsplit(as.character(text), " ", fixed = TRUE)
  part <- function(i) {
    text <- vapply(parts, `[[`, "", i)
    as.double(replace(text, text == "NA", NA))
  }
  complex(real = part(1L), imaginary = part(2L))
}
