# Models as drawings.

placed <- getFromNamespace("placed", "kerasbridge")

# Two branches of different lengths, and a model in the model beside a layer.
net <- function() {
  inner <- keras_model_sequential(input_shape = 8, name = "inner") |>
    layer_dense(4, name = "deep") |>
    layer_dense(2, name = "deeper")
  a <- keras_input(4, name = "a")
  b <- keras_input(3, dtype = "int32", name = "b")
  left <- a |> layer_dense(8, name = "hidden") |> layer_dense(8, name = "left")
  right <- b |>
    layer_embedding(5, 8, name = "words") |>
    layer_flatten(name = "flat") |>
    layer_dense(8, name = "right")
  both <- layer_add(list(left, right), name = "both")
  keras_model(list(a, b), list(inner(both), layer_dense(both, 1, name = "score")), name = "net")
}

test_that("layers are below those that they take from, and none is on another", {
  boxes <- placed(summary(net())$layers)$boxes
  at <- function(name, what = "level") boxes[[what]][boxes$name == name]
  order <- c("a", "hidden", "left", "both", "inner", "deep", "deeper")
  expect_true(all(diff(vapply(order, at, 0)) > 0))
  expect_identical(at("score"), at("inner"))
  expect_identical(at("inner", "bottom"), at("deeper"))
  expect_lt(at("deep", "half"), at("inner", "half"))
  expect_true(abs(at("deep", "x") - at("inner", "x")) + at("deep", "half") <= at("inner", "half"))
  outer <- boxes[boxes$depth == 0, ]
  for (i in seq_len(nrow(outer))) {
    same <- outer$level <= outer$bottom[[i]] & outer$bottom >= outer$level[[i]]
    apart <- abs(outer$x - outer$x[[i]]) >= outer$half + outer$half[[i]]
    expect_true(all(apart | !same | seq_along(same) == i))
  }
})

test_that("connections lead from layer to layer, and through none", {
  layers <- summary(net())$layers
  drawing <- placed(layers)
  boxes <- drawing$boxes
  expect_length(drawing$edges, sum(lengths(boxes$after)))
  for (edge in drawing$edges) {
    ends <- edge[c(1L, 3L), ]
    # A point on each piece, and whether it is in a box of a layer that has none of its own.
    on <- (edge[-1L, ] + edge[-3L, ]) / 2
    plain <- boxes[boxes$level == boxes$bottom, ]
    inside <- vapply(1:2, \(i) {
      any(abs(plain$x - on[i, "x"]) < plain$half & abs(plain$level - on[i, "level"]) < 0.29)
    }, NA)
    expect_identical(inside, c(FALSE, FALSE))
    expect_gt(ends[2L, "level"], ends[1L, "level"])
  }
})

test_that("a model is drawn on a small device, and an empty one is refused", {
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file, 1, 1)
  withr::defer(grDevices::dev.off())
  expect_no_error(plot(net()))
  expect_refused(plot(keras_model_sequential()), "`x` has no layers to draw")
})

test_that("a model is drawn in the graphics device and in a document", {
  skip_if_not(rmarkdown::pandoc_available())
  folder <- withr::local_tempdir()
  writeLines(c("```{r}", "plot(model)", "```"), file.path(folder, "model.Rmd"))
  model <- net()
  withr::local_dir(folder)
  env <- rlang::env(model = model, plot = plot)
  knitr::knit("model.Rmd", quiet = TRUE, envir = env)
  picture <- file.path("figure", "unnamed-chunk-1-1.png")
  expect_gt(file.size(picture), 5000)
  expect_identical(withVisible(withr::with_pdf("model.pdf", plot(model)))$visible, FALSE)
})

test_that("a model is drawn into a file by pydot, where it is installed", {
  file <- withr::local_tempfile(fileext = ".png")
  drawing <- quote(plot(net(), to_file = file, show_shapes = TRUE))
  if (reticulate::py_module_available("pydot")) {
    eval(drawing)
    expect_gt(file.size(file), 5000)
  } else {
    expect_error(eval(drawing), "pydot")
    expect_false(file.exists(file))
  }
})
