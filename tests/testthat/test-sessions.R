# Objects of Python that R brings from one session into another.

in_session <- function(code, ...) callr::r(code, list(...))

test_that("an object from an earlier session says so, whatever is done with it", {
  folder <- withr::local_tempdir()
  in_session(function(folder) {
    library(kerasbridge)
    input <- keras_input(2)
    objects <- list(
      model = keras_model_sequential(input_shape = 2) |> layer_dense(1),
      functional = keras_model(input, layer_dense(input, 1)),
      layer = layer_dense(units = 1),
      tensor = op_ones(2),
      variable = keras_variable(1),
      input = input,
      optimizer = optimizer_adam(),
      loss = loss_huber(),
      metric = metric_auc(),
      initializer = initializer_zeros()
    )
    saveRDS(objects, file.path(folder, "objects.rds"))
    # As at the end of an interactive session.
    assign("model", objects$model, globalenv())
    assign("tensor", objects$tensor, globalenv())
    save.image(file.path(folder, ".RData"))
  }, folder)

  found <- in_session(function(folder) {
    objects <- readRDS(file.path(folder, "objects.rds"))
    load(file.path(folder, ".RData"), globalenv())
    library(kerasbridge)
    outcome <- function(expr) class(tryCatch(expr, error = identity))
    shown <- function(expr) paste(capture.output(expr), collapse = "\n")
    x <- matrix(1, 1, 2)
    look <- function() {
      list(
        print = lapply(objects, \(object) shown(print(object))),
        format = lapply(objects, format),
        str = lapply(objects, \(object) shown(str(object))),
        summary = lapply(objects, \(object) outcome(summary(object))),
        attribute = lapply(objects, \(object) outcome(object$name)),
        call = lapply(Filter(is.function, objects), \(object) outcome(object(x))),
        model = list(
          outcome(predict(objects$model, x)), outcome(fit(objects$model, x, 1)),
          outcome(evaluate(objects$model, x, 1)), outcome(compile(objects$model, "sgd")),
          outcome(objects$model$trainable <- FALSE), outcome(save_model(objects$model)),
          outcome(predict(model, x)), outcome(model$layers), outcome(tensor$shape)
        ),
        image = c(shown(print(model)), shown(print(tensor)))
      )
    }
    # Before Python is started, and after.
    before <- look()
    op_ones(1)
    list(before, look())
  }, folder)

  for (seen in found) {
    expect_identical(seen$print$model, "<Sequential: a pointer from an earlier session>")
    expect_identical(seen$print$optimizer, "<Adam: a pointer from an earlier session>")
    for (text in c(seen$print, seen$format, seen$str, seen$image)) {
      expect_match(text, "^<\\w+: a pointer from an earlier session>$")
    }
    expect_gte(length(seen$call), 4)
    for (class in c(seen$summary, seen$attribute, seen$call, seen$model)) {
      expect_in(c("kerasbridge_earlier_session", "kerasbridge_error"), class)
    }
  }
})

# Models of other processes ----------------------------------------------------------------------

# A model of so many units, trained a little where the backend trains.
grown <- function(units) {
  library(kerasbridge)
  set_random_seed(units)
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(units) |> layer_dense(1)
  if (config_backend() != "numpy") {
    compile(model, "sgd", "mse")
    fit(model, scale(cars), cars$dist / 100, epochs = 2, verbose = 0)
  }
  serialize_model(model)
}
environment(grown) <- globalenv()

test_that("models that workers fit come back as models", {
  for (package in c("future.apply", "furrr")) skip_if_not_installed(package)
  workers <- parallel::makePSOCKcluster(2)
  withr::defer(parallel::stopCluster(workers))
  plan <- future::plan(future::cluster, workers = workers, persistent = TRUE)
  withr::defer(future::plan(plan))
  sizes <- 2:3
  data <- scale(cars)
  here <- lapply(sizes, \(units) predict(unserialize_model(grown(units)), data, verbose = 0))

  there <- list(
    parallel = parallel::parLapply(workers, sizes, grown),
    future.apply = future.apply::future_lapply(sizes, grown, future.seed = TRUE),
    furrr = furrr::future_map(sizes, grown, .options = furrr::furrr_options(seed = TRUE))
  )
  for (models in there) {
    expect_equal(lapply(models, predict, data, verbose = 0), here, tolerance = float32_tolerance)
  }
  models <- there$furrr
  expect_output(print(models), "<Sequential .*<Sequential ")
  # and go out again
  sent <- future.apply::future_lapply(models, \(model) predict(model, data, verbose = 0))
  expect_equal(sent, here, tolerance = float32_tolerance)

  # what cannot cross says what can, where it arrives
  lost <- parallel::clusterCall(workers[1], \() keras_model_sequential(input_shape = 1))[[1]]
  expect_refused(predict(lost, 1), "serialize_model", class = "kerasbridge_earlier_session")

  library <- withr::local_tempdir()
  bundle <- "bundle" # by a variable: the package is none that is declared
  fixture_package(
    library, bundle, c("export(bundle, unbundle)", "S3method(unbundle, bundle)"),
    "bundle <- function(x, ...) UseMethod('bundle')
     unbundle <- function(x) UseMethod('unbundle')
     unbundle.bundle <- function(x) x$situate(x$object)"
  )
  loadNamespace(bundle, lib.loc = library)
  withr::defer(unloadNamespace(bundle))
  bundled <- getExportedValue(bundle, "bundle")(unserialize_model(models[[1]]))
  expect_s3_class(bundled, c("bundled_keras_model", "bundle"), exact = TRUE)
  file <- withr::local_tempfile()
  saveRDS(bundled, file)
  unbundled <- parallel::clusterCall(workers[2], function(bundle, library, file, data) {
    model <- getExportedValue(loadNamespace(bundle, lib.loc = library), "unbundle")(readRDS(file))
    predict(model, data, verbose = 0)
  }, bundle, library, file, data)[[1]]
  expect_equal(unbundled, here[[1]], tolerance = float32_tolerance)
})
