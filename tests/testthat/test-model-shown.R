# Models in one line, and as a table.

net <- function() {
  inner <- keras_model_sequential(input_shape = 8, name = "inner") |> layer_dense(2, name = "deep")
  input <- keras_input(4, name = "input")
  hidden <- input |> layer_dense(8, name = "hidden")
  keras_model(input, layer_concatenate(list(inner(hidden), hidden), name = "joined"), name = "net")
}

test_that("a model and a layer print in one line", {
  expect_output(print(net()), '^<Functional "net": 4 layers, 58 parameters>$')
  expect_output(print(layer_dense(units = 2, name = "a")), '^<Dense "a": not built yet>$')
})

test_that("every object of Keras prints in one line of R", {
  lines <- list(
    "<Adam \"adam\": learning_rate = 0.001>" = optimizer_adam(name = "adam"),
    "<SGD \"slow\": learning_rate = <CosineDecay>, nesterov = TRUE>" = optimizer_sgd(
      learning_rate_schedule_cosine_decay(0.1, 100), nesterov = TRUE, name = "slow"
    ),
    "<PolynomialDecay: initial_learning_rate = 0.1, decay_steps = 10>" =
      learning_rate_schedule_polynomial_decay(0.1, 10),
    "<BinaryCrossentropy \"binary_crossentropy\": from_logits = TRUE>" =
      loss_binary_crossentropy(from_logits = TRUE),
    "<AUC \"auc\": num_thresholds = 50>" = metric_auc(num_thresholds = 50, name = "auc"),
    "<RandomNormal: mean = 0, stddev = 0.1>" = initializer_random_normal(stddev = 0.1),
    "<GlorotUniform>" = initializer_glorot_uniform(),
    "<L2: l2 = 0.02>" = regularizer_l2(0.02),
    "<MaxNorm: max_value = 2>" = constraint_maxnorm(),
    "<EarlyStopping>" = callback_early_stopping(),
    "<DTypePolicy \"float16\">" = dtype_policy("float16"),
    "<GRUCell \"cell\": not built yet>" = rnn_cell_gru(units = 2, name = "cell"),
    "<Of_mine \"of_mine\">" = new_loss_class("Of_mine", call = \(y_true, y_pred) 0)()
  )
  of_own_layers <- new_layer_class("Counting", initialize = function(...) {
    super$initialize(...)
    self$layers <- 3L
  }, call = function(inputs) inputs)
  counting <- of_own_layers(name = "counting")
  lines <- c(lines, list(
    "<InputSpec: min_ndim = 2>" = layer_dense(units = 2)$input_spec,
    "<LogitsDistillation: temperature = 3, loss = <function>>" = distillation_logits(),
    "<Int4QuantizationConfig: block_size = 128>" = quantizer_int4_quantization_config(),
    "<PyDataset>" = import("keras")$utils$PyDataset(),
    "<Counting \"counting\": not built yet>" = counting
  ))
  for (line in names(lines)) expect_identical(capture.output(print(lines[[line]])), line)
  summed <- summary(keras_model_sequential(input_shape = 2) |> counting())$layers
  expect_equal(summed$type[summed$name == "counting"], "Counting")
  names <- "a_name_that_is_long_for_a_printed_line"
  long <- capture.output(print(optimizer_sgd(0.1, momentum = 0.25, nesterov = TRUE, name = names)))
  expect_identical(long, sprintf("<SGD \"%s\": learning_rate = 0.1>", names))
  layers <- (keras_model_sequential(input_shape = 2) |> layer_dense(1, name = "only"))$layers
  expect_identical(capture.output(print(layers))[1:2], c("[[1]]", "<Dense \"only\": 3 parameters>"))
})

test_that("a summary is an object whose print fits 80 columns", {
  x <- summary(net())
  expect_s3_class(x, "keras_model_summary")
  expect_equal(x$parameters, 58)
  expect_equal(x$layers$name[x$layers$depth == 1], "deep")
  expect_equal(x$layers$parameters, c(0, 40, 18, 18, 0)[match(
    x$layers$name, c("input", "hidden", "inner", "deep", "joined")
  )])
  expect_equal(x$layers$shape[x$layers$name == "joined"], "(NA, 10)")
  expect_setequal(x$layers$after[[which(x$layers$name == "joined")]], c("inner", "hidden"))
  withr::local_options(width = 120)
  expect_lte(max(nchar(capture.output(print(x)))), 80L)
})

test_that("the columns of a summary stand below each other, however narrow and in any script", {
  named <- keras_model_sequential(input_shape = 4) |>
    layer_dense(3, name = "\u5168\u7d50\u5408\u5c64\u306e\u540d\u524d\u304c\u9577\u3044") |>
    layer_dense(2, name = "a_name_that_is_longer_than_its_column")
  for (width in c(40L, 60L, 80L)) {
    withr::local_options(width = width)
    lines <- capture.output(print(summary(named)))
    table <- lines[seq_len(max(grep("^---", lines)))][-1L]
    expect_identical(unique(nchar(table, "width")), width)
    expect_match(table[-c(1L, 3L, length(table))], "(parameters|[0-9]+)$")
  }
  expect_match(table, "a_name_that_is_longer_than_its_...", fixed = TRUE, all = FALSE)
})
