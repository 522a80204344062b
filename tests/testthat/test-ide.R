# What RStudio and Positron ask of an object: a line for the Environment pane, names that complete
# `$`, a table for View().

# The lines of str(), as the pane has them.
pane <- function(x) capture.output(str(x))

small_model <- function() {
  keras_model_sequential(input_shape = 4, name = "net") |> layer_dense(3, name = "out")
}

test_that("the pane shows an object of Keras in a line of R", {
  model <- small_model()
  expect_identical(pane(model), ' <Sequential "net": 1 layer, 15 parameters>')
  expect_identical(pane(get_layer(model, "out")), ' <Dense "out": 15 parameters>')
  expect_identical(
    pane(optimizer_adam(name = "adam")), ' <Adam "adam": learning_rate = 0.001>'
  )
  expect_identical(pane(list(model))[[2L]], ' $ : <Sequential "net": 1 layer, 15 parameters>')
})

test_that("the pane shows a tensor, and what stands for one, by its sizes", {
  name <- c(
    tensorflow = "tensorflow.python.framework.ops.EagerTensor",
    jax = "jaxlib._jax.ArrayImpl", torch = "torch.Tensor", numpy = "numpy.ndarray"
  )[[config_backend()]]
  expect_identical(pane(op_ones(c(2, 3))), sprintf(" <%s shape(2, 3)>", name))
  expect_match(pane(keras_variable(c(1, 2, 3))), "^ <keras.src.backend.Variable shape\\(3\\)>$")
  expect_match(pane(keras_input(4)), "^ <[a-z._]+KerasTensor shape\\(NA, 4\\)>$")
})

test_that("the pane shows a data set, and asks for none of its batches", {
  dataset <- tensor_slices_dataset(1:4) |> dataset_batch(2)
  expect_match(pane(dataset), "^ <data set of [A-Za-z.]+, 2 elements>$")
  asked <- 0
  source <- dataset_from_function(function() asked <<- asked + 1)
  expect_identical(pane(source), " <source of batches from a function>")
  expect_identical(asked, 0)
})

a_history <- function(metrics) {
  getFromNamespace("new_history", "kerasbridge")(list(
    params = list(epochs = 2L), metrics = metrics, epoch = list(1L, 2L), validated = list(1L, 2L)
  ))
}

test_that("the pane shows a history in one line, however much was measured", {
  history <- a_history(list(loss = c(0.9, 0.5), val_loss = c(1, 0.75)))
  expect_identical(pane(history), " <training history: 2 epochs of loss, val_loss>")
  many <- set_names(rep(list(c(1, 2)), 20), paste0("metric_", 1:20))
  expect_lte(nchar(pane(a_history(many))), 80L)
})

# utils' own function, but for the window that it opens.
view <- utils::View
environment(view) <- list2env(
  list(.External2 = function(viewer, x, title) list(x = x, title = title), C_dataviewer = NULL),
  parent = environment(view)
)

test_that("View() of a history shows the table of its epochs", {
  history <- a_history(list(loss = c(0.9, 0.5), val_loss = c(1, 0.75)))
  shown <- view(history)
  expect_identical(shown$title, "Data: history")
  expect_identical(names(shown$x), c("epoch", "value", "metric", "data"))
  expect_equal(as.numeric(shown$x$value), c(0.9, 0.5, 1, 0.75))
  expect_identical(trimws(as.character(shown$x$data)), rep(c("training", "validation"), each = 2))
})

test_that("View() of a model shows the table of its layers", {
  shown <- view(small_model())
  expect_identical(shown$title, "Data: small_model()")
  expect_identical(
    names(shown$x), c("name", "type", "shape", "dtype", "parameters", "trainable", "depth", "after")
  )
  table <- as.data.frame(small_model())
  expect_identical(table[c("name", "type")], data.frame(name = "out", type = "Dense"))
  input <- keras_input(2, name = "a")
  output <- layer_dense(input, 2, name = "b")
  joined <- keras_model(input, layer_add(input, output, name = "c"))
  expect_identical(as.data.frame(joined)$after, c("", "a", "a, b"))
  expect_equal(sum(table$parameters), count_params(small_model()))
  expect_identical(as.data.frame(summary(small_model()))$shape, table$shape)
})

# What the console offers after the text of a line, objects being found by their names.
completions <- function(line, ...) {
  objects <- list(...)
  list2env(objects, globalenv())
  on.exit(rm(list = names(objects), envir = globalenv()))
  utils:::.assignLinebuffer(line)
  utils:::.assignEnd(nchar(line))
  utils:::.guessTokenFromLine()
  utils:::.completeToken()
  utils:::.retrieveCompletions()
}

test_that("`$` completes the members of models, tensors and modules", {
  model <- small_model()
  expect_identical(completions("net_$get_la", net_ = model), "net_$get_layer")
  expect_identical(completions("sum(x_$sha", x_ = op_ones(c(2, 2)))[[1L]], "x_$shape")
  expect_identical(completions("keras$layers$DepthwiseConv2"), "keras$layers$DepthwiseConv2D")
  expect_in(c("metrics", "params"), .DollarNames(a_history(list(loss = c(1, 2)))))
})

test_that("a method's arguments are those that it has in R", {
  completed <- .DollarNames(small_model(), "fit")
  expect_identical(attr(completed, "helpHandler"), "reticulate:::help_handler")
  arguments <- getFromNamespace("help_formals_handler.python.builtin.object", "reticulate")
  layer <- new_layer_class(
    "Scaling",
    call = function(inputs, by = 2) inputs * by, scaled = function(width, height = 3) NULL
  )()
  expect_identical(arguments("call", layer)$formals, c("inputs", "by"))
  expect_identical(arguments("scaled", layer)$formals, c("width", "height"))
})

test_that("layers complete in a pipe", {
  expect_in(c("layer_dense", "layer_dot"), completions("model |> layer_d"))
  expect_in("units=", completions("layer_dense(uni"))
})
