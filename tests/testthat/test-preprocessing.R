test_that("layers learn from R data", {
  layer <- layer_normalization()
  adapt(layer, matrix(c(0, 2, 4, 10, 20, 30), 3))
  expect_equal(as.array(layer(matrix(c(2, 20), 1))), matrix(0, 1, 2))

  words <- layer_string_lookup()
  adapt(words, c("b", "a", "b"))
  expect_identical(get_vocabulary(words), c("[UNK]", "b", "a"))
  if (trains()) {
    expect_equal(as.array(words(c("a", "z"))), array(c(2L, 0L)))
  } else {
    # Keras on NumPy has no dtype for strings
    expect_refused(words(c("a", "z")), "Text is no number", class = "python.builtin.ValueError")
  }
})

test_that("a vocabulary is set and read", {
  layer <- layer_string_lookup()
  set_vocabulary(layer, c("red", "green"))
  expect_identical(get_vocabulary(layer, include_special_tokens = FALSE), c("red", "green"))
})
