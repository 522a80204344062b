# What several devices or processes compute must be what one computes.

flowers <- scale(as.matrix(iris[, 1:4]))

# A model, trained on the devices and processes that the distribution says: neither the batches of
# 33 nor the last ones are a multiple of two, four or eight. `further` does more with the model.
train_once <- function(x, y, distribution, further = NULL) {
  library(kerasbridge)
  set_random_seed(1)
  distribution_set(distribution())
  # on PyTorch each process draws the mask of its own rows
  rate <- if (config_backend() == "torch") 0 else 0.2
  model <- keras_model_sequential(input_shape = 4) |>
    layer_dense(8, activation = "tanh") |>
    layer_dropout(rate) |>
    layer_dense(3, activation = "softmax")
  model |> compile("adam", "sparse_categorical_crossentropy", metrics = "accuracy")
  history <- fit(
    model, x, y,
    epochs = 3, batch_size = 33, validation_split = 0.1, verbose = 0,
    class_weight = c(setosa = 1, versicolor = 2, virginica = 1)
  )
  list(
    metrics = history$metrics, weights = get_weights(model),
    predicted = predict(model, x, batch_size = 40, verbose = 0),
    further = if (!is.null(further)) further(model, x, y)
  )
}

alone <- function(f, args, env = character()) {
  env <- c(callr::rcmd_safe_env(), KERAS_BACKEND = config_backend(), env)
  callr::r(f, args, env = env, timeout = 300)
}

# Processes of R whose parent is this one.
children <- function() {
  known <- ps::ps_children(recursive = TRUE)
  sum(vapply(known, \(p) tryCatch(ps::ps_name(p) %in% c("R", "Rscript"), error = \(e) FALSE), NA))
}

# A function that takes nothing of this session along.
bare <- function(f) {
  environment(f) <- globalenv()
  f
}
