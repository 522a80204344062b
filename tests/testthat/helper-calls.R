# The table of calls: tests/calls/*.toml gives for every wrapper a real call and what it must give.
#
# An entry is named after the wrapper and holds
#   r       R source of the call
#   python  Python source of the same value, 0-based (np, scipy, keras and ops are at hand), or
#   shape   the sizes of the result, and for a layer also
#   input   R source of what the layer is called on, and
#   weights the sizes of its weights, in order, and
#   layer   Python source of the same layer: with the same weights it gives the same output; or
#   value   a plain R value, as R source
#   backends   the only backends to run it on, for what no backend does differently and takes long
#   needs      a Python package beside those of constraints.txt: tests/exports has such
#   tolerance  with its reason in a comment, where the default of 1e-5 does not do
#   error   per backend, a class of the condition where the backend itself cannot do it
# An entry may also be an array of tables, `[[op_take]]`: several calls, each with what it must
# give.
# `[setup]` holds r and python source that is run before the first call of the file.

calls_files <- function() {
  list.files(testthat::test_path("..", "calls"), pattern = "[.]toml$", full.names = TRUE)
}

read_calls <- function(file) RcppTOML::parseTOML(file, escape = FALSE)

# The calls of an entry: itself, or each table of an array.
calls_of <- function(entry) if (is.null(names(entry))) entry else list(entry)

# The table is for the backends that train; what is slow, for the one that its entry names.
backends_of_calls <- c("tensorflow", "jax", "torch")

# A test for each entry that is chosen, and is for this backend.
test_calls <- function(choose) {
  for (file in calls_files()) {
    table <- read_calls(file)
    setup <- table$setup
    table$setup <- NULL
    env <- new.env(parent = parent.frame())
    prepared <- FALSE
    for (name in names(Filter(choose, table))) {
      if (!config_backend() %in% (table[[name]]$backends %||% backends_of_calls)) next
      test_that(paste0(name, "() gives what it must"), {
        if (!prepared) {
          reticulate::py_run_string("import numpy as np, scipy, keras\nfrom keras import ops")
          if (!is.null(setup$python)) reticulate::py_run_string(setup$python)
          if (!is.null(setup$r)) eval(parse(text = setup$r), env)
          prepared <<- TRUE
        }
        for (call in calls_of(table[[name]])) run_call(name, call, env)
      })
    }
  }
}

run_call <- function(name, call, env) {
  backend <- config_backend()
  refused <- call$error[[backend]]
  if (!is.null(refused)) {
    condition <- tryCatch(
      {
        checked_value(call, env)
        NULL
      },
      error = identity
    )
    testthat::expect_true(
      any(grepl(refused, class(condition), fixed = TRUE)),
      label = sprintf("%s on %s: %s among %s", name, backend, refused, toString(class(condition)))
    )
    return(invisible())
  }
  value <- checked_value(call, env)
  if (is.null(call$input)) {
    check_output(name, value, call, env)
  } else {
    check_layer(name, value, eval(parse(text = call$input), env), call, env)
  }
}

checked_value <- function(call, env) eval(parse(text = call$r), env)

check_layer <- function(name, layer, input, call, env) {
  output <- layer(input)
  check_output(name, output, call, env)
  if (!is.null(call$weights)) {
    testthat::expect_equal(
      lapply(layer$weights, \(weight) as.integer(op_shape(weight))),
      lapply(call$weights, as.integer),
      ignore_attr = TRUE, label = paste(name, "weights")
    )
  }
  if (!is.null(call$layer)) {
    twin <- reticulate::py_eval(call$layer, convert = FALSE)
    testthat::expect_equal(
      plain_tree(output), plain_tree(twin_output(twin, layer, input)),
      tolerance = call$tolerance %||% 1e-5, ignore_attr = TRUE, label = paste(name, "output")
    )
  }
}

# What `twin` makes of `input` with the weights of `layer`. A layer without weights is called
# once: each call of a random one draws anew.
twin_output <- function(twin, layer, input) {
  if (length(layer$weights)) {
    twin(input)
    twin$set_weights(layer$weights)
  }
  twin(input)
}

check_output <- function(name, output, call, env) {
  tolerance <- call$tolerance %||% 1e-5
  if (!is.null(call$python)) {
    testthat::expect_equal(
      plain_tree(output), plain_tree(python_value(call$python)),
      tolerance = tolerance, ignore_attr = c("class", "names", "dimnames"), label = name
    )
  }
  if (!is.null(call$value)) {
    testthat::expect_equal(
      plain_tree(output), eval(parse(text = call$value), env),
      tolerance = tolerance, ignore_attr = TRUE, label = name
    )
  }
  if (!is.null(call$shape)) {
    testthat::expect_equal(
      as.integer(shape(output)), as.integer(call$shape), label = paste(name, "shape")
    )
  }
}

python_value <- function(source) {
  main <- reticulate::py_run_string("", convert = FALSE)
  value <- reticulate::py_eval(source, convert = FALSE)
  kerasbridge:::call_py(kerasbridge:::bound$tensor_to_r, value) |>
    kerasbridge:::as_r()
}

plain_tree <- function(x) {
  if (inherits(x, "python.builtin.object")) x <- tensor_value(x)
  if (inherits(x, "kerasbridge_shape")) x <- as.integer(x)
  if (identical(dim(x), 1L)) dim(x) <- NULL # R has no array without axes
  if (is.list(x)) lapply(x, plain_tree) else x
}

tensor_value <- function(x) {
  kerasbridge:::as_r(kerasbridge:::call_py(kerasbridge:::bound$tensor_to_r, x))
}

# The end of three steps that an optimizer takes down sum(x^2), from a fixed start.
three_steps <- function(optimizer) {
  x <- keras_variable(matrix(c(1, -2, 3, 0.5), 2), name = "x")
  optimizer$build(list(x))
  for (step in 1:3) optimizer$apply(list(2 * op_convert_to_tensor(x)), list(x))
  as.array(x)
}
