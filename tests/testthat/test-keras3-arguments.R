# Arguments of keras3's functions: names, places and defaults, as keras3-arguments.txt has them, one
# function a line. Every argument is accepted at the same place, and has the same default.

# What keras3 has and this package has not, or elsewhere, with the reason.
exceptions <- c(
  image_smart_resize = "`backend_module` is a module of Keras's own inside; use_backend() chooses",
  optimizer_loss_scale = "Keras refuses what belongs to `inner_optimizer`; the rest is in `...`",
  layer_conv_lstm_1d = "`unroll` comes in `...`, by name as in keras3",
  layer_conv_lstm_2d = "`unroll` comes in `...`, by name as in keras3",
  layer_conv_lstm_3d = "`unroll` comes in `...`, by name as in keras3",
  layer_jax_model_wrapper = "`dtype` comes in `...`, by name as in keras3",
  layer_string_lookup = "`vocabulary_dtype` is always \"string\", which Keras itself sets"
)

# Defaults that differ, with the reason.
other_defaults <- c(
  "dataset_cifar100(label_mode)" = "the first of keras3's choices",
  "dataset_reuters_word_index(path)" = "Keras's own: the file is JSON",
  "get_state_tree(value_format)" = "R's arrays can be compared, and put back in another session",
  "install_keras(extra_packages)" = "`use_backend()` declares what a session needs",
  "install_keras(python_version)" = "`use_backend()` declares what a session needs",
  "install_keras(backend)" = "one backend at a time",
  "keras_model_sequential(input_optional)" = "NULL leaves it to Keras, whose default is the same",
  "keras_model_sequential(trainable)" = "NULL leaves it to Keras, whose default is the same",
  "op_arange(step)" = "NULL is 1, or -1 for an end below the start, as in seq()",
  "op_image_extract_patches(data_format)" = "NULL is config_image_data_format()",
  "op_tensordot(axes)" = "Keras's own: the number of axes, no position",
  "optimizer_muon(weight_decay)" = "Keras's own has changed",
  "optimizer_muon(adam_lr_ratio)" = "Keras's own has changed",
  "optimizer_muon(ns_steps)" = "Keras's own has changed"
)

# `name(a, ..., b = 1)` as a name, its formals, and their defaults.
read_signature <- function(line) {
  name <- sub("[(].*", "", line)
  f <- eval(str2lang(paste0("function", substring(line, nchar(name) + 1L), " NULL")), baseenv())
  list(name = name, formals = as.character(names(formals(f))), defaults = formals(f))
}

# Tuples, lists and vectors of the same values are one default.
default_value <- function(default) {
  plain <- c("-", "c", "list", "tuple", "named_list")
  if (!is_call(default, plain)) {
    return(default)
  }
  unlist(eval(default, list(tuple = list, named_list = list)))
}

same_default <- function(theirs, ours) {
  theirs <- default_value(theirs)
  ours <- default_value(ours)
  if (is.numeric(theirs) && is.numeric(ours)) {
    return(isTRUE(all.equal(theirs, ours, check.attributes = FALSE)))
  }
  identical(theirs, ours)
}

# Arguments of `theirs` that `ours` has not at their place. Those before `...` are counted, those
# after it have names.
misplaced <- function(theirs, ours) {
  dots <- match("...", theirs, nomatch = length(theirs) + 1L)
  places <- seq_len(dots - 1L)
  counted <- theirs[places] != c(ours, character(length(theirs)))[places]
  named <- theirs[-seq_len(dots)]
  c(theirs[places][counted], setdiff(named, ours), if ("..." %in% theirs) setdiff("...", ours))
}

test_that("every argument of keras3 is at the same place", {
  signatures <- lapply(readLines(test_path("keras3-arguments.txt")), read_signature)
  wrong <- lapply(signatures, function(signature) {
    ours <- names(formals(args(unclass(get(signature$name)))))
    misplaced(signature$formals, ours)
  })
  names(wrong) <- vapply(signatures, `[[`, "", "name")
  wrong <- wrong[lengths(wrong) > 0L]
  expect_identical(wrong[setdiff(names(wrong), names(exceptions))], wrong[0L])
  expect_setequal(names(exceptions), names(wrong))
})

test_that("every default of keras3 is the same, or differs for a reason", {
  signatures <- lapply(readLines(test_path("keras3-arguments.txt")), read_signature)
  differing <- unlist(lapply(signatures, function(signature) {
    ours <- formals(args(unclass(get(signature$name))))
    theirs <- Filter(\(default) !identical(default, quote(expr = )), signature$defaults)
    both <- intersect(names(theirs), names(ours))
    other <- !vapply(both, \(name) same_default(theirs[[name]], ours[[name]]), NA)
    if (any(other)) paste0(signature$name, "(", both[other], ")")
  }))
  names <- grep("^optimizer_.*[(]name[)]$", differing, value = TRUE)
  expect_setequal(setdiff(differing, names), names(other_defaults))
  # Without a name Keras makes one of the class's, and counts those of a session.
  letters_of <- \(name) gsub("_", "", tolower(sub("_[0-9]+$", "", name)))
  for (signature in Filter(\(s) paste0(s$name, "(name)") %in% names, signatures)) {
    expect_identical(letters_of(get(signature$name)()$name), letters_of(signature$defaults$name))
  }
})

test_that("the page for those who come from keras3 has each exception", {
  page <- test_path("..", "..", "vignettes", "articles", "from-keras3.Rmd")
  skip_if_not(file.exists(page), "the pages of the site are beside the source only")
  text <- paste(readLines(page), collapse = "\n")
  for (name in names(exceptions)) expect_match(text, paste0("`", name, "("), fixed = TRUE)
})

test_that("what comes in `...` is accepted there", {
  layer <- layer_conv_lstm_1d(filters = 1, kernel_size = 2, unroll = TRUE)
  expect_true(layer$unroll)
  expect_refused(optimizer_loss_scale(optimizer_sgd(), clipnorm = 1), "inner_optimizer")
  expect_error(layer_string_lookup(vocabulary_dtype = "int64"), class = "kerasbridge_error")
})

test_that("options of losses and metrics follow the data", {
  y_true <- rbind(c(0, 1), c(1, 0))
  y_pred <- rbind(c(-1, 2), c(0.5, -3))
  expected <- rowMeans(log1p(exp(ifelse(y_true == 1, -y_pred, y_pred))))
  expect_value(loss_binary_crossentropy(y_true, y_pred, TRUE), expected)
  expect_value(metric_binary_crossentropy(y_true, y_pred, TRUE), expected)
  expect_value(metric_mean_absolute_error(y_true, y_pred), rowMeans(abs(y_true - y_pred)))
  expect_value(metric_hinge()(c(1, -1), c(0.5, 0.5)), 1)
  expect_value(loss_huber(c(0, 0), c(2, 0), 1), 0.75)
  expect_refused(metric_hinge(y_true), "y_true")
})

test_that("positions that are given can count from 0", {
  x <- op_convert_to_tensor(matrix(1:6, 2))
  expect_value(op_take(x, 0, axis = 2, zero_indexed = TRUE), 1:2)
  expect_value(op_take(x, c(2, 0), 2, TRUE), matrix(c(5L, 6L, 1L, 2L), 2))
  expect_value(op_one_hot(c(0, 2), 3, zero_indexed = TRUE), rbind(c(1, 0, 0), c(0, 0, 1)))
  expect_value(
    op_take_along_axis(x, matrix(c(1L, 0L), 2), axis = 2, zero_indexed = TRUE),
    matrix(c(3L, 2L), 2)
  )
  bins <- c(0, 3, 4.5)
  expect_value(op_digitize(c(-1, 3.5), bins, TRUE), findInterval(c(-1, 3.5), bins))
  expect_refused(op_take(x, 0.5, axis = 2, zero_indexed = TRUE), "indices")
  expect_refused(op_take(x, 0, axis = 2), "not 0")
  likely <- rbind(c(-100, 0, -100), c(-100, -100, 0))
  expect_value(random_categorical(likely, 2), rbind(c(2, 2), c(3, 3)))
  expect_value(random_categorical(likely, 2, zero_indexed = TRUE), rbind(c(1, 1), c(2, 2)))
})

test_that("functions come after what they are applied to", {
  m <- matrix(c(1, 2, 3, 4), 2)
  expect_value(m |> op_map(\(row) sum(row)), c(4, 6))
  expect_value(m |> op_vectorized_map(\(row) row + 1), m + 1)
  path <- withr::local_tempfile(fileext = ".png")
  array(c(0, 255), c(2, 2, 3)) |> image_array_save(path, scale = FALSE)
  expect_identical(unlist(image_load(path)$size), c(2L, 2L))
})

test_that("a model's input has options of its own", {
  model <- keras_model_sequential(
    input_shape = 3, "net", input_dtype = "int32", input_batch_size = 2, input_name = "given"
  )
  expect_identical(model$name, "net")
  model |> layer_dense(2)
  expect_identical(model$inputs[[1]]$name, "given")
  expect_identical(model$inputs[[1]]$dtype, "int32")
  expect_identical(as.integer(shape(model$inputs[[1]])), 2:3)
  model |> layer_dense(1)
  pop_layer(model, rebuild = FALSE)
  expect_length(model$layers, 1)
  expect_identical(as.integer(shape(layer_input(c(2, 3), optional = TRUE))), c(NA, 2L, 3L))
  layers <- list(layer_dense(units = 1, kernel_initializer = "ones"))
  frozen <- keras_model_sequential(layers = layers, trainable = FALSE)
  expect_value(frozen(matrix(1:3, 1)), matrix(6))
  expect_false(frozen$trainable)
  expect_length(frozen$trainable_weights, 0)
  batched <- keras_model_sequential(input_batch_shape = c(4, 3)) |> layer_rescaling(2)
  expect_identical(as.integer(shape(batched$inputs[[1]])), 4:3)
  made <- keras_input(3, name = "made")
  of_tensor <- keras_model_sequential(input_tensor = made) |> layer_rescaling(2)
  expect_identical(of_tensor$inputs[[1]]$name, "made")
})

test_that("the state of a model comes in three formats", {
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1, name = "only")
  model |> compile("sgd", "mse")
  state <- \(...) get_state_tree(model, ...)$trainable_variables[[1]]$only$kernel
  kernel <- state()
  expect_identical(dim(kernel), c(1L, 1L))
  expect_s3_class(state("numpy_array"), "numpy.ndarray")
  expect_value(op_convert_to_tensor(state("backend_tensor")), kernel)
  expect_error(get_state_tree(model, "tensor"), "value_format")
})

test_that("a feature space takes its features under either name", {
  space <- layer_feature_space(feature_names = list(a = "float"))
  expect_identical(names(space$features), "a")
})
