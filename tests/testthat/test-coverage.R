test_that("every wrapper has an entry in the table of calls", {
  signatures <- system.file("python/kerasbridge/signatures.json", package = "kerasbridge")
  wrappers <- names(jsonlite::read_json(signatures))
  called <- unlist(lapply(calls_files(), \(file) names(read_calls(file))))
  expect_identical(setdiff(wrappers, called), character())
  expect_identical(setdiff(called, c(wrappers, "setup")), character())
})

test_that("every name of keras3 is exported", {
  names <- readLines(test_path("keras3-names.txt"))
  expect_identical(setdiff(names, getNamespaceExports("kerasbridge")), character())
})
