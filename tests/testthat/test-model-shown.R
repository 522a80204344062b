# Models in one line, as a table, and drawn.

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

test_that("a model is drawn, each layer below those that it takes from", {
  model <- net()
  withr::local_pdf(withr::local_tempfile(fileext = ".pdf"))
  expect_invisible(plot(model))
  boxes <- getFromNamespace("placed", "kerasbridge")(summary(model)$layers)
  level <- function(name) boxes$level[boxes$name == name]
  expect_lt(level("input"), level("hidden"))
  expect_lt(level("hidden"), level("inner"))
  expect_lt(level("inner"), level("deep"))
  expect_lt(level("deep"), level("joined"))
})
