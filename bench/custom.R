# A step of fit() with a layer class, a loss and a training step written in R, against the same
# written in Python, in one process. PyTorch runs R at every step: it has no target.

source(file.path("bench", "measure.R"))
library(kerasbridge)

backend <- config_backend()
steps <- bench_size(full = if (backend == "torch") 100L else 1000L, small = 10L)
runs <- bench_size(full = 7L, small = 1L)

python <- reticulate::py_run_string("
import keras
from keras import ops

class Scaled(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer='ones')

    def call(self, inputs):
        return ops.tanh(inputs * self.scale) + inputs

def loss(y_true, y_pred):
    error = ops.abs(y_true - y_pred)
    return ops.mean(ops.where(error < 1.0, error * error / 2, error - 0.5), axis=-1)

class TensorFlow(keras.Model):
    def train_step(self, data):
        import tensorflow as tf
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        return {'loss': loss}

class Torch(keras.Model):
    def train_step(self, data):
        import torch
        x, y = data
        self.zero_grad()
        loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        loss.backward()
        weights = self.trainable_weights
        gradients = [weight.value.grad for weight in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        return {'loss': loss}

class Jax(keras.Model):
    def train_step(self, state, data):
        import jax
        trainable, others, slots, metrics = state
        x, y = data
        gradient_of = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (_, _, others, _)), gradients = gradient_of(
            trainable, others, metrics, x, y, None, training=True, optimizer_variables=slots)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        return {'loss': loss}, (trainable, others, slots, metrics)
")

layer_scaled <- new_layer_class(
  "Scaled",
  build = function(input_shape) {
    self$scale <- self$add_weight(shape = shape(input_shape[[2]]), initializer = "ones")
  },
  call = function(inputs) tanh(inputs * self$scale) + inputs
)

huber <- function(y_true, y_pred) {
  error <- abs(y_true - y_pred)
  op_mean(op_where(error < 1, error * error / 2, error - 0.5), axis = -1)
}

train_step <- switch(backend,
  tensorflow = function(data) {
    .[x, y] <- data
    with(tf$GradientTape() %as% tape, {
      loss <- self$compute_loss(x = x, y = y, y_pred = self(x, training = TRUE))
    })
    gradients <- tape$gradient(loss, self$trainable_weights)
    self$optimizer$apply(gradients, self$trainable_weights)
    list(loss = loss)
  },
  torch = function(data) {
    .[x, y] <- data
    self$zero_grad()
    loss <- self$compute_loss(x = x, y = y, y_pred = self(x, training = TRUE))
    loss$backward()
    weights <- self$trainable_weights
    gradients <- lapply(weights, \(weight) weight$value$grad)
    with(import("torch")$no_grad(), self$optimizer$apply(gradients, weights))
    list(loss = loss)
  },
  jax = function(state, data) {
    .[trainable, others, slots, metrics] <- state
    .[x, y] <- data
    gradient_of <- import("jax")$value_and_grad(self$compute_loss_and_updates, has_aux = TRUE)
    .[.[loss, .[unscaled, y_pred, others, unused]], gradients] <- gradient_of(
      trainable, others, metrics, x, y, NULL,
      training = TRUE, optimizer_variables = slots
    )
    .[trainable, slots] <- self$optimizer$stateless_apply(slots, gradients, trainable)
    list(list(loss = loss), list(trainable, others, slots, metrics))
  }
)

set.seed(1)
rows <- 32L * steps
x <- matrix(stats::rnorm(rows * 16), rows)
y <- x %*% stats::rnorm(16)

epoch <- function(model_class, scaled, loss) {
  set_random_seed(1)
  input <- keras_input(16)
  hidden <- scaled(layer_dense(input, 32))
  model <- model_class(input, layer_dense(hidden, 1))
  compile(model, optimizer_sgd(0.01), loss)
  \() fit(model, x, y, batch_size = 32, epochs = 1, shuffle = FALSE, verbose = 0)
}

# By turns, so that both meet the machine in the same state; in the processor's time, since two
# equal models differ by a fifth on a clock while the machine does other things.
ratio_of <- function(in_r, in_python) {
  in_r()
  in_python()
  seconds <- vapply(seq_len(runs), function(run) {
    if (run %% 2L) {
      python <- processor_seconds(in_python)
      c(processor_seconds(in_r), python)
    } else {
      c(processor_seconds(in_r), processor_seconds(in_python))
    }
  }, c(r = 0, python = 0))
  stats::median(seconds["r", ]) / stats::median(seconds["python", ])
}

processor_seconds <- function(f) {
  gc(FALSE)
  before <- proc.time()
  f()
  used <- proc.time() - before
  used[["user.self"]] + used[["sys.self"]]
}

own_model <- new_model_class("Own", train_step = train_step)
python_model <- python[[c(tensorflow = "TensorFlow", torch = "Torch", jax = "Jax")[[backend]]]]

report("custom", data.frame(
  case = c("layer and loss", "layer, loss and train_step()"),
  ratio = c(
    ratio_of(
      epoch(keras_model, layer_scaled(), huber),
      epoch(keras_model, python$Scaled(), python$loss)
    ),
    ratio_of(
      epoch(own_model, layer_scaled(), huber),
      epoch(python_model, python$Scaled(), python$loss)
    )
  ),
  target = if (backend == "torch") NA else 1.1
))
