# Every default that R shows is Keras's own.

# What a class cannot be made without. Keras gets the same values, as R's objects cross.
required <- expression(
  backup_dir = tempfile(), filename = tempfile(), filepath = "a.keras", directory = tempfile(),
  schedule = \(epoch, lr) lr, custom_objects = list(), shape = c(1L, 1L), axis_names = c("a", "b"),
  axes = c("a", "b"), mode = "int8", initializer = 1, activation = "relu", output_size = 2L,
  rate = 0.5, pool_size = 2L, layer = layer_lstm(units = 2), height = 2L, width = 2L,
  filters = 2L, kernel_size = 3L, units = 2L, equation = "ab,bc->ac", output_shape = 2L,
  input_dim = 3L, output_dim = 2L, stddev = 1, head_dim = 2L,
  num_query_heads = 2L, num_key_value_heads = 1L, num_bins = 3L, call_fn = \(inputs) inputs,
  f = op_relu, max_number = 3L, num_heads = 2L, key_dim = 2L, dims = c(2L, 1L),
  layers = list(layer_dense(units = 2)), factor = 0.5, height_factor = 0.5, width_factor = 0.5,
  n = 2L, scale = 2, target_shape = c(2L, 3L), cell = rnn_cell_gru(units = 2),
  initial_learning_rate = 0.1, decay_steps = 10L, first_decay_steps = 10L, decay_rate = 0.5,
  boundaries = list(5L), values = c(1, 0.5), num_classes = 2L, fn = op_relu, recall = 0.5,
  precision = 0.5, specificity = 0.5, sensitivity = 0.5, name = "scope",
  inner_optimizer = optimizer_sgd(), default_optimizer = optimizer_sgd(),
  optimizer_map = list(a = optimizer_sgd()), target = 3L, dataset = list("text"),
  tokenizer = \(text) text, cells = list(rnn_cell_gru(units = 2)),
  model = keras_model_sequential(input_shape = 2), teacher = keras_model_sequential(),
  student = keras_model_sequential(), distillation_losses = distillation_logits()
)

# Where R counts from 1, or one argument means another thing than elsewhere.
required_of <- list(
  layer_dot = expression(axes = -1L),
  metric_iou = expression(num_classes = 2L, target_class_ids = list(0L)),
  metric_one_hot_iou = expression(num_classes = 2L, target_class_ids = list(0L)),
  dtype_policy_quantized_float8 = expression(mode = "float8"),
  dtype_policy_awq = expression(mode = "awq/4/128"),
  dtype_policy_gptq = expression(mode = "gptq/4/128"),
  dtype_policy_int4 = expression(mode = "int4/128"),
  layer_feature_space = expression(features = list(a = "float")),
  layer_random_posterization = expression(factor = 4L)
)

# What Keras itself refuses to make of its own defaults.
refused_by_keras <- c(
  "distribution_model_parallel", "layer_category_encoding", "layer_discretization"
)

not_made <- c(
  distribution_layout_map = "a map of devices, which a single process has none of",
  callback_orbax_checkpoint = "needs the Python package orbax",
  sklearn_classifier = "needs the Python package scikit-learn",
  sklearn_regressor = "needs the Python package scikit-learn",
  sklearn_transformer = "needs the Python package scikit-learn",
  layer_tfsm = "reads a file of TensorFlow's",
  keras_file_editor = "reads a file",
  layer_flax_module_wrapper = "wraps a module of flax",
  layer_torch_module_wrapper = "wraps a module of torch",
  layer_jax_model_wrapper = "runs on JAX alone"
)

shim_side <- reticulate::import_from_path("defaults", path = test_path("."))

# Where a parameter is required, the table has no default for it.
parameters_of <- function(signature, required) {
  chosen <- Filter(\(parameter) (length(parameter) == 2L) == required, signature$parameters)
  vapply(chosen, `[[`, "", 1L)
}

test_that("a class made with nothing but what it needs is Keras's own default object", {
  table <- kerasbridge:::wrapper_table()
  classes <- Filter(shim_side$is_class, names(table))
  expect_gt(length(classes), 250)
  refusing <- character()
  shown <- list()
  # On torch this one is not Keras's, which has none there.
  ours <- if (config_backend() == "torch") "distribution_data_parallel"
  for (name in setdiff(classes, c(names(not_made), ours))) {
    names <- parameters_of(table[[name]], required = TRUE)
    own <- required_of[[name]]
    names <- union(names, names(own))
    arguments <- lapply(stats::setNames(nm = names), \(it) eval(own[[it]] %||% required[[it]]))
    refused <- \(e) grep("^python.builtin", class(e), value = TRUE)[[1L]]
    set_random_seed(1)
    made <- tryCatch(
      {
        object <- do.call(get(name), arguments)
        shown[[name]] <- capture.output(print(object))
        shim_side$state(object)
      },
      error = refused
    )
    set_random_seed(1)
    twin <- tryCatch(shim_side$default(name, do.call(dict, arguments)), error = refused)
    expect_identical(made, twin, label = name)
    if (startsWith(twin, "python")) refusing <- c(refusing, name)
  }
  no_devices <- if (config_backend() %in% c("torch", "numpy")) {
    setdiff(c("distribution_data_parallel", "distribution_device_mesh"), ours)
  }
  expect_setequal(refusing, c(refused_by_keras, no_devices))
  # Each is shown in a line, and not as Python shows objects; distributions have a line a part.
  shown <- shown[!startsWith(names(shown), "distribution_")]
  expect_gt(length(shown), 250)
  expect_identical(names(shown)[lengths(shown) != 1L], character())
  expect_no_match(unlist(shown), "0x|<keras[.]src|^<function")
})

test_that("the defaults of every wrapper become Keras's own on their way", {
  table <- kerasbridge:::wrapper_table()
  wrong <- lapply(stats::setNames(nm = names(table)), function(name) {
    shown <- formals(args(unclass(get(name))))
    names <- parameters_of(table[[name]], required = FALSE)
    defaults <- lapply(stats::setNames(nm = names), \(it) eval(shown[[it]]))
    shim_side$differing(name, do.call(dict, defaults))
  })
  expect_identical(unlist(wrong), NULL)
})
