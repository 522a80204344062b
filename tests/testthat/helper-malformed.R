# Malformed calls: a table of places for a value, by what belongs there, and a table of values that
# do not belong there. Every pair is a call that must be refused by a condition of the package's.

# What belongs nowhere: no data, no number, no name.
no_data <- expression(
  environment = globalenv(),
  `own environment` = new.env(),
  closure = function(x) x,
  primitive = sum,
  call = quote(a + b),
  symbol = quote(a),
  formula = y ~ x,
  expression = expression(a),
  pairlist = pairlist(a = quote(b)),
  `S4 object` = methods::getClass("numeric"),
  `generator of R6` = R6::R6Class("Some"),
  `external pointer` = foreign_pointer(),
  `object of another session` = of_another_session,
  `list of functions` = list(sum),
  `list of environments` = list(globalenv()),
  `list that ends nowhere` = nested(200)
)

no_tensor <- c(no_data, expression(
  `NULL` = NULL,
  `missing integer` = c(1L, NA),
  `missing logical` = NA,
  `missing string` = NA_character_,
  `missing level` = factor(c("a", NA)),
  `string of bytes` = bytes("\xff\xfe"),
  `ragged list` = list(1:2, 1:3),
  `ragged nested list` = list(list(1, 2), list(3)),
  date = Sys.Date(),
  time = Sys.time(),
  difftime = Sys.time() - Sys.time(),
  `data frame of lists` = data.frame(a = I(list(1, "b"))),
  `list of dates` = list(Sys.Date())
))

no_integer <- c(no_data, expression(
  fraction = 2.5,
  missing = NA,
  `missing integer` = NA_integer_,
  `NaN` = NaN,
  `Inf` = Inf,
  `-Inf` = -Inf,
  logical = TRUE,
  string = "three",
  `missing string` = NA_character_,
  complex = 1i,
  `empty string` = "",
  date = Sys.Date(),
  `data frame` = data.frame(a = 2),
  `list of strings` = list("a")
))

no_axis <- c(no_integer, expression(zero = 0, `beyond the last` = 9, `before the first` = -9))

# `NA` is a size that is not known, and a data frame a list of sizes.
unknown_size <- c("missing", "missing integer", "NaN", "data frame")
no_size <- c(no_integer[setdiff(names(no_integer), unknown_size)], expression(negative = -3))

# Python's classes can be dtypes.
no_dtype <- c(no_data[names(no_data) != "generator of R6"], expression(
  string = "float31", number = 32, missing = NA, complex = 1i, `empty string` = "",
  date = Sys.Date()
))

# A function can be an activation, and an R6 class a Python class.
no_name <- c(
  no_data[setdiff(names(no_data), c("closure", "primitive", "generator of R6"))],
  expression(string = "no such thing", number = 2.5, `empty string` = "", date = Sys.Date())
)

no_object <- c(no_data, expression(string = "no such thing", number = 2.5, `empty string` = ""))

no_path <- c(no_data, expression(
  `no file` = "/no/such/folder/file.keras", number = 2.5, missing = NA_character_,
  `empty string` = "", `NULL` = NULL, several = c("a.keras", "b.keras")
))

# Each call has one `bad` in it.
malformed_calls <- list(
  list(no_tensor, expression(
    op_convert_to_tensor(bad), as_tensor(bad), op_sum(bad), op_add(1, bad), op_matmul(bad, diag(2)),
    op_reshape(bad, c(2, 2)), op_concatenate(list(bad, 1)), op_cast(bad, "int32"), op_exp(bad),
    x + bad, keras_variable(bad), loss_mean_squared_error(bad, c(1, 2)),
    dense(bad), model(bad), predict(model, bad), fit(model, bad, y), fit(model, x, bad),
    evaluate(model, bad, y), train_on_batch(model, bad, y), predict_on_batch(model, bad),
    set_weights(model, bad), adapt(layer_normalization(), bad), metric_mean()(bad)
  )),
  list(no_integer, expression(
    layer_dense(units = bad), layer_conv_2d(filters = bad, kernel_size = 3), op_eye(bad),
    layer_embedding(input_dim = bad, output_dim = 2), op_one_hot(1:2, bad), op_top_k(x, k = bad),
    layer_lstm(units = bad), fit(model, x, y, epochs = bad), fit(model, x, y, batch_size = bad),
    set_random_seed(bad), op_take(x, bad), to_categorical(0:1, bad), layer_repeat_vector(n = bad)
  )),
  list(no_axis, expression(
    op_sum(x, axis = bad), op_flip(x, axis = bad), op_concatenate(list(x, x), axis = bad),
    op_expand_dims(x, bad), sum(x, axis = bad)
  )),
  list(no_size, expression(
    op_reshape(x, bad), op_ones(bad), op_broadcast_to(x, bad), keras_input(shape = bad),
    random_normal(bad), shape(bad), layer_reshape(target_shape = bad)
  )),
  list(no_dtype, expression(
    op_cast(x, bad), op_zeros(2, dtype = bad), keras_input(2, dtype = bad)
  )),
  list(no_name, expression(
    layer_dense(units = 2, activation = bad), layer_dense(units = 2, kernel_initializer = bad),
    layer_dense(units = 2, kernel_regularizer = bad),
    layer_dense(units = 2, kernel_constraint = bad)
  )),
  list(no_object, expression(
    compile(model, optimizer = bad), fit(model, x, y, callbacks = bad), use_backend(bad),
    get_layer(model, bad), layer_dense(bad, units = 2), keras_model(bad, bad),
    from_config(list(), class = bad), fit(model, x, y, verbose = bad), x@r[bad]
  )),
  list(no_name, expression(register_keras_serializable(bad))),
  list(no_name[names(no_name) != "list of functions"], expression(compile(model, loss = bad))),
  list(no_path, expression(load_model(bad), load_model_weights(model, bad)))
)

# What a value is when it was saved by a session that is gone.
saved_elsewhere <- function(object) {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(object, file)
  readRDS(file)
}

foreign_pointer <- function() methods::new("externalptr")

bytes <- function(x) {
  Encoding(x) <- "bytes"
  x
}

nested <- function(depth) {
  x <- list(quote(end))
  for (i in seq_len(depth)) x <- list(x)
  x
}

# What every `by`-th pair from `first` on ends in. `started` has the pair that is being tried,
# should R not survive it.
try_malformed <- function(started, first, by) {
  library(kerasbridge)
  of_another_session <- saved_elsewhere(op_ones(2))
  x <- op_convert_to_tensor(matrix(c(1, 2, 3, 4), 2))
  y <- c(0, 1)
  dense <- layer_dense(units = 1)
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  if (config_backend() != "numpy") compile(model, "sgd", "mse")
  options(keras.verbose = 0)
  here <- environment()
  pairs <- malformed_pairs()
  rows <- lapply(pairs[seq(first, length(pairs), by)], function(pair) {
    label <- paste0(deparse1(pair$call), " with bad = ", pair$name)
    writeLines(label, started)
    local <- new.env(parent = here)
    local$bad <- eval(pair$value, here)
    outcome <- suppressWarnings(suppressMessages(tryCatch(
      list("no error", class(eval(pair$call, local))),
      error = \(e) list(conditionMessage(e), class(e))
    )))
    data.frame(
      label = label, value = pair$name, said = outcome[[1L]],
      class = paste(outcome[[2L]], collapse = " ")
    )
  })
  do.call(rbind, rows)
}

malformed_pairs <- function() {
  pairs <- list()
  for (group in malformed_calls) {
    for (call in as.list(group[[2L]])) {
      values <- as.list(group[[1L]])
      pairs <- c(pairs, Map(\(value, name) list(call = call, value = value, name = name),
        values, names(values), USE.NAMES = FALSE
      ))
    }
  }
  pairs
}
