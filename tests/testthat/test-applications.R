# Weights make no difference here, so a model stands for itself by its name.
named_model <- function(name) keras_model_sequential(input_shape = 2, name = name)

# Black, grey and white; the three channels, so that their order shows.
pixels <- array(rep(c(0, 127.5, 255), each = 3), c(1, 3, 1, 3))

prepared <- function(name, x = pixels, ...) {
  drop(as.array(application_preprocess_inputs(named_model(name), x, ...)))
}

test_that("a model takes its weights from a file", {
  mobilenet <- function(weights) {
    application_mobilenet(
      input_shape = c(32, 32, 3), alpha = 0.25, include_top = FALSE, weights = weights
    )
  }
  model <- mobilenet(NULL)
  path <- withr::local_tempfile(fileext = ".weights.h5")
  save_model_weights(model, path)
  images <- array(seq(-1, 1, length.out = 3072), c(1, 32, 32, 3))
  expect_identical(as.array(mobilenet(path)(images)), as.array(model(images)))
})

test_that("images are scaled as the model needs them", {
  colours <- drop(pixels)
  expect_equal(prepared("mobilenetv2_1.00_224"), colours / 127.5 - 1)
  expect_equal(prepared("resnet50v2"), colours / 127.5 - 1)
  # float32 keeps 7 digits
  means <- rep(c(103.939, 116.779, 123.68), each = 3)
  expect_equal(prepared("resnet50"), colours[, 3:1] - means, tolerance = 1e-6)
  expect_equal(prepared("vgg16"), colours[, 3:1] - means, tolerance = 1e-6)
  standard <- (colours / 255 - rep(c(0.485, 0.456, 0.406), each = 3)) /
    rep(c(0.229, 0.224, 0.225), each = 3)
  expect_equal(prepared("densenet121"), standard, tolerance = 1e-6)
  expect_equal(prepared("efficientnetv2-b0"), colours) # scales by itself
})

test_that("whole numbers are taken, and a tensor is left as it is", {
  whole <- array(c(0L, 51L, 255L), c(1, 1, 1, 3))
  expect_equal(prepared("xception", whole), c(-1, -0.6, 1), tolerance = 1e-6)
  x <- op_convert_to_tensor(pixels)
  prepared("xception", x)
  expect_equal(as.array(x), pixels)
})

test_that("an architecture is told by the model's name or by the user", {
  expect_equal(prepared("mine", architecture = "xception"), drop(pixels) / 127.5 - 1)
  expect_error(prepared("mine"), "give `architecture`", class = "kerasbridge_error")
  expect_error(
    prepared("mine", architecture = "xcepton"), "Did you mean `xception`",
    class = "kerasbridge_error"
  )
  for (name in grep("^application_", getNamespaceExports("kerasbridge"), value = TRUE)) {
    default <- formals(getExportedValue("kerasbridge", name))$name
    if (is.character(default)) {
      expect_no_error(as.array(application_preprocess_inputs(named_model(default), pixels)))
    }
  }
})

test_that("predictions become names of classes", {
  utils <- reticulate::import("keras.src.applications.imagenet_utils")
  codes <- lapply(0:999, \(code) list(sprintf("n%04d", code), paste("class", code)))
  old <- utils$CLASS_INDEX
  utils$CLASS_INDEX <- set_names(codes, 0:999) # what Keras downloads once
  withr::defer(utils$CLASS_INDEX <- old)
  preds <- matrix(0, 2, 1000)
  preds[1, c(4, 8)] <- c(0.25, 0.75)
  preds[2, 1] <- 1
  best <- application_decode_predictions(named_model("vgg19"), preds, top = 2)
  expect_identical(best[[1]], data.frame(
    class_name = c("n0007", "n0003"),
    class_description = c("class 7", "class 3"),
    score = c(0.75, 0.25)
  ))
  expect_identical(best[[2]]$class_name[[1]], "n0000")
})
