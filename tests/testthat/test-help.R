# A help page is found under the name that Keras has for its object, as people look for it.

test_that("help.search() finds a page by the name in Keras", {
  found <- function(name) {
    help.search(name, package = "kerasbridge", ignore.case = FALSE, agrep = FALSE)$matches
  }
  expect_in("layer_dense", found("keras.layers.Dense")$Topic)
  expect_in("fit.keras.src.models.model.Model", found("keras.Model.fit")$Topic)
  expect_in("save_model_weights", found("keras.Model.load_weights")$Topic)
  expect_identical(nrow(found("keras.layers.NoSuchLayer")), 0L)
  expect_in("layer_dense", help.search("keras.layers.Dense", package = "kerasbridge")$matches$Topic)
})
