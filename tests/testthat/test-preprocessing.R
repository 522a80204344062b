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

# Text of three words each, and what the layers make of it on every backend.
texts <- c("red green red", "blue red green")

text_layers <- function() {
  list(
    vectorized = layer_text_vectorization(
      vocabulary = c("red", "green"), output_sequence_length = 3, name = "vectorized"
    ),
    looked_up = layer_string_lookup(vocabulary = texts[1], name = "looked_up"),
    hashed = layer_hashing(num_bins = 1, name = "hashed")
  )
}

test_that("layers of text work in the data, the same on every backend", {
  expected <- list(
    vectorized = rbind(c(2L, 3L, 2L), c(1L, 2L, 3L)), looked_up = c(1L, 0L), hashed = c(0L, 0L)
  )
  layers <- text_layers()
  on_backend(c("tensorflow", "jax", "torch"), for (name in names(layers)) {
    layer <- layers[[name]]
    data <- tensor_slices_dataset(list(texts, c(0, 1))) |>
      dataset_batch(2) |>
      dataset_map(\(x, y) list(layer(x), y))
    batch <- iter_next(as_array_iterator(data))
    expect_value(batch[[1]], expected[[name]])
    model <- keras_model_sequential() |>
      layer_embedding(4, 1) |>
      layer_flatten() |>
      layer_dense(1)
    compile(model, "sgd", "mse")
    # Keras would warn that it does not shuffle a data set, which nobody asked for
    expect_no_warning(history <- fit(model, data, epochs = 1, verbose = 0))
    expect_true(is.finite(history$metrics$loss))
  })
})

test_that("a layer of text inside a model shows the form that works where strings are no tensors", {
  for (layer in text_layers()) {
    text <- keras_input(1, dtype = "string")
    on_backend(c("jax", "torch"), {
      model <- keras_model(text, layer(text))
      expect_refused(
        predict(model, matrix(texts, 2), verbose = 0),
        paste0('"', layer$name, '" takes text.*dataset_map.*list[(]', layer$name),
        class = "python.builtin.ValueError"
      )
    })
    on_backend("tensorflow", {
      model <- keras_model(text, layer(text))
      expect_identical(nrow(predict(model, matrix(texts, 2), verbose = 0)), 2L)
    })
  }
})
