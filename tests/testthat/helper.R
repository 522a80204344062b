# Code for the backends that it names: elsewhere it is not entered.
on_backend <- function(backends, code) {
  if (config_backend() %in% backends) code
  invisible()
}

trains <- function() config_backend() != "numpy"

# The plain R value of a tensor: its values, and its sizes where it has more than one dimension.
value_of <- function(x) {
  if (is.list(x) && !is.object(x)) {
    return(lapply(x, value_of))
  }
  if (inherits(x, "python.builtin.object")) x <- as.array(x)
  if (length(dim(x)) == 1L) as.vector(x) else x
}

# Float32 holds seven digits, and the frameworks' functions differ from R's in the last of them.
float32_tolerance <- 1e-5

expect_value <- function(object, expected, tolerance = float32_tolerance) {
  expect_equal(value_of(object), value_of(expected), tolerance = tolerance)
}

# The condition that an expression ends in, its own class among others.
expect_refused <- function(object, message, class = "kerasbridge_error", ...) {
  expect_error(object, message, class = class, ...)
}

# Every way in which the backend meets a function of a tensor of `value`; each gives the result
# as R data. `variable` says which of them hold a variable.
ways_to_compute <- function() {
  symbolic <- function(f, value) {
    input <- keras_input(batch_shape = dim(value), dtype = dtype_of(value))
    keras_model(input, f(input))(op_convert_to_tensor(value))
  }
  ways <- list(
    tensor = \(f, value) f(op_convert_to_tensor(value)),
    variable = \(f, value) f(variable_of(value)),
    symbolic = symbolic
  )
  c(ways, switch(config_backend(),
    jax = list(traced = \(f, value) import("jax")$jit(f)(op_convert_to_tensor(value))),
    tensorflow = list(
      `tf$Variable` = \(f, value) f(tf$Variable(op_convert_to_tensor(value))),
      graph = \(f, value) tf_function(f)(op_convert_to_tensor(value))
    ),
    torch = list(
      Parameter = \(f, value) {
        f(import("torch")$nn$Parameter(op_convert_to_tensor(value), requires_grad = FALSE))
      }
    )
  ))
}

# Only numbers with a fraction can be trained.
variable_of <- function(value) {
  keras_variable(value, dtype = dtype_of(value), trainable = is.double(value))
}

dtype_of <- function(value) switch(typeof(value), double = "float32", integer = "int32", "bool")

# Tensors and variables whose values are at hand.
eager_tensors <- function(value) {
  ways <- ways_to_compute()
  lapply(ways[setdiff(names(ways), c("symbolic", "traced", "graph"))], \(way) way(identity, value))
}

# `f`, compiled as the backend does it.
compiled <- function(f) {
  switch(config_backend(),
    jax = import("jax")$jit(f),
    tensorflow = tf_function(f),
    f
  )
}

# The derivative of an R function of one number.
gradient_at <- function(f, x) {
  switch(config_backend(),
    jax = import("jax")$grad(f)(op_convert_to_tensor(x)),
    tensorflow = {
      x <- tf$Variable(x)
      with(tf$GradientTape() %as% tape, y <- f(x))
      tape$gradient(y, x)
    },
    torch = {
      x <- import("torch")$tensor(x, requires_grad = TRUE)
      f(x)$backward()
      x$grad
    }
  )
}

# For the Python of another process: there is no TensorFlow.
hide_tensorflow <- paste(
  "import importlib.util as util, sys", "found = util.find_spec",
  "util.find_spec = lambda name, *a: None if name == 'tensorflow' else found(name, *a)",
  "sys.modules['tensorflow'] = None",
  sep = "\n"
)
