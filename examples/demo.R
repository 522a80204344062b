# Learns to tell six kinds of land cover from Landsat images: four spectral bands of each pixel
# and its eight neighbours, 36 numbers in all (the Satellite data of the mlbench package).
#
#   make demo                  # on JAX
#   make demo BACKEND=torch    # or tensorflow

library(kerasbridge)

backend <- Sys.getenv("BACKEND", "jax")
use_backend(backend)
set_random_seed(1)

data("Satellite", package = "mlbench", envir = environment())
x <- scale(as.matrix(Satellite[, -37]))
y <- Satellite$classes

held_out <- sample(nrow(x), 1500)
cat(sprintf(
  "%s: %d pixels to learn from, %d held out, %d classes\n\n",
  backend, nrow(x) - length(held_out), length(held_out), nlevels(y)
))

model <- keras_model_sequential(input_shape = ncol(x)) |>
  layer_dense(64, activation = "relu") |>
  layer_dropout(0.3) |>
  layer_dense(64, activation = "relu") |>
  layer_dropout(0.3) |>
  layer_dense(nlevels(y), activation = "softmax")

model |> compile(
  optimizer = "adam",
  loss = "sparse_categorical_crossentropy",
  metrics = "accuracy"
)

# A factor is a target as it is: its levels are the classes.
history <- model |> fit(
  x[-held_out, ], y[-held_out],
  epochs = 30, batch_size = 128, validation_split = 0.2, verbose = 2
)

cat("\nHistory\n")
print(tibble::as_tibble(history))

cat("\nEvaluation on the held-out pixels\n")
str(evaluate(model, x[held_out, ], y[held_out], verbose = 0))

cat("\nPredicted class (columns) by true class (rows)\n")
probability <- predict(model, x[held_out, ], verbose = 0)
predicted <- factor(levels(y)[max.col(probability)], levels(y))
print(table(abbreviate(y[held_out], 12), abbreviate(predicted, 12)))

file <- file.path("examples", "output", paste0("demo-history-", backend, ".png"))
dir.create(dirname(file), showWarnings = FALSE, recursive = TRUE)
ggplot2::ggsave(file, plot(history), width = 7, height = 5, dpi = 150)
cat("\nThe history is plotted in ", file, "\n", sep = "")
