# A training that is interrupted from outside, again and again. Prints "fine" for each that lost
# nothing.

suppressPackageStartupMessages(library(kerasbridge))
options(kerasbridge.interrupt = "return")

x <- matrix(seq_len(640) / 640)
y <- seq_len(640) / 640
model <- keras_model_sequential(input_shape = 1) |>
  layer_dense(8, activation = "tanh") |>
  layer_dense(1)
model |> compile("adam", "mse", metrics = "mae")
busy <- callback_lambda(on_train_batch_end = \(batch, logs) if (batch == 4) sum(sqrt(1:20000)))
invisible(fit(model, x, y, epochs = 1, verbose = 0, callbacks = busy))

# Until the other process says that it has sent all its interrupts: late ones are met here.
all_sent <- function() {
  said <- FALSE
  while (!said) {
    tryCatch(
      {
        said <- length(readLines(input, 1L)) == 1L
        Sys.sleep(0.05)
      },
      interrupt = identity
    )
  }
}

input <- file("stdin", open = "r")
runs <- as.integer(commandArgs(TRUE)[[1L]])
for (i in seq_len(runs)) {
  history <- tryCatch(
    suppressMessages({
      cat(if (i %% 2) "training once\n" else "training twice\n")
      fit(
        model, x, y,
        epochs = 1e5, verbose = 0, validation_split = 0.2, callbacks = if (i %% 3) busy
      )
    }),
    interrupt = \(cnd) cnd$history
  )
  all_sent()
  again <- fit(model, x, y, epochs = 1, verbose = 0)
  weights <- unlist(get_weights(model))
  told <- is.null(history) || inherits(history, "keras_training_history") && history$interrupted
  fine <- told && all(is.finite(weights)) && length(again) == 1L && !again$interrupted
  cat(if (fine) "fine\n" else c("NOT FINE:", class(history), again$interrupted, told, "\n"))
}
