# %py_class% ---------------------------------------------------------------------------------

test_that("%py_class% defines a Python class where it stands", {
  Counter() %py_class% {
    "Counts."
    start <- 10
    initialize <- function(self, by = 1) self$by <- by
    up <- function(self, times = 1) self$start + self$by * times
  }
  expect_identical(py_to_r(Counter$`__name__`), "Counter")
  expect_identical(py_to_r(Counter$`__doc__`), "Counts.")
  counter <- Counter(by = 2)
  expect_identical(counter$up(), 12)
  expect_identical(counter$up(times = 5), 20)
  expect_identical(Counter()$up(), 11)
  inspect <- import("inspect")
  expect_identical(inspect$getfullargspec(Counter$up)$args, c("self", "times"))
})

test_that("a class extends another, with super() and with what both define", {
  Animal() %py_class% {
    initialize <- function(self, name) self$name <- name
    says <- function(self) "..."
    introduces <- function(self) paste(self$name, "says", self$says())
  }
  Dog(Animal) %py_class% {
    `__init__` <- function(self, name, age) {
      super()$`__init__`(name)
      self$age <- age
    }
    says <- function(self) paste0("woof", super()$says())
    `__len__` <- function(self) self$age
  }
  Puppy(Dog) %py_class% {
    initialize <- function(self, name) super()$initialize(name, 1L)
    says <- function(self) toupper(super()$says())
  }
  dog <- Dog("Rex", age = 3L)
  expect_identical(dog$introduces(), "Rex says woof...")
  expect_identical(reticulate::import_builtins()$len(dog), 3L)
  puppy <- Puppy("Bit")
  expect_identical(puppy$introduces(), "Bit says WOOF...")
  expect_identical(puppy$age, 1L)
  expect_true(reticulate::import_builtins()$isinstance(puppy, Animal))
})

# Whether `self` is a formal is each method's own choice, in every maker of classes.
test_that("a method names `self` as its first formal, or finds it in its scope", {
  Account() %py_class% {
    initialize <- function(start, rate = 2) {
      self$held <- start
      self$rate <- rate
    }
    total <- function(times) self$held * self$rate * times
    added <- function(self, more) self$held + more
    held_twice %<-active% function() 2 * self$held
    held_thrice %<-active% function(self) 3 * self$held
    level %<-active% function(self, value) {
      if (missing(value)) self$held else self$held <- value
    }
    made <- class_method(function(start) cls(start, rate = 10))
    made_too <- class_method(function(cls, start) cls(start, rate = 20))
    sum <- static_method(function(x, y) x + y)
    of_self <- static_method(function(self, y) self - y)
  }
  expect_identical(import("inspect")$getfullargspec(Account$total)$args, c("self", "times"))
  account <- Account(1, 5)
  expect_identical(account$total(3), 15)
  expect_identical(account$total(times = 2), 10)
  expect_identical(Account(rate = 3, start = 2)$total(1), 6)
  expect_identical(account$added(4), 5)
  expect_identical(c(account$held_twice, account$held_thrice, account$level), c(2, 3, 1))
  account$level <- 7
  expect_identical(account$held, 7)
  expect_identical(Account$made(2)$total(1), 20)
  expect_identical(Account$made_too(2)$total(1), 40)
  expect_identical(Account$sum(5, 3), 8)
  expect_identical(Account$of_self(5, 3), 2)

  Heir(Account) %py_class% {
    initialize <- function(start) super$initialize(start, rate = 100)
    total <- function(self, times) super()$total(times) + 1
  }
  expect_identical(Heir(1)$total(2), 201)
})

test_that("methods see the variables around the class", {
  factor <- 3
  Scaler() %py_class% {
    scale <- function(self, x) x * factor
  }
  expect_identical(Scaler()$scale(2), 6)
  factor <- 4
  expect_identical(Scaler()$scale(2), 8)
})

test_that("a method's R error is told", {
  Failing() %py_class% {
    fail <- function(self) stop("it failed")
  }
  expect_error(Failing()$fail(), "it failed")
})

on_backend("torch", {
  test_that("a torch module trains, and compiles", {
    torch <- import("torch")
    runs <- 0L
    LinearModel(torch$nn$Module) %py_class% {
      `__init__` <- function(self) {
        super()$`__init__`()
        self$w <- torch$nn$Parameter(torch$ones(2L, 1L))
        self$b <- torch$nn$Parameter(torch$zeros(1L))
      }
      forward <- function(self, inputs) {
        runs <<- runs + 1L
        torch$matmul(inputs, self$w) + self$b
      }
    }
    model <- LinearModel()
    inputs <- torch$ones(shape(3, 2))
    expect_value(model(inputs), matrix(2, 3, 1))
    expect_identical(length(iterate(model$parameters())), 2L)
    expect_identical(names(model$state_dict()), c("w", "b"))

    optimizer <- torch$optim$SGD(model$parameters(), lr = 0.1)
    step <- function() {
      loss <- mean(model(inputs)^2)
      loss$backward()
      optimizer$step()
      model$zero_grad()
      loss
    }
    expect_value(step(), 4)
    # the loss's gradient is 4 for each of the weights and the bias
    expect_value(model$w, matrix(0.6, 2, 1))
    expect_value(model$b, -0.4)
    expect_null(model$w$grad)
    expect_value(step(), 0.64)

    compiled <- torch$compile(model)
    expected <- model(inputs)
    runs <- 0L
    expect_value(compiled(inputs), expected)
    # the graph's parameters are the module's
    with(torch$no_grad(), model$b$add_(1))
    expect_value(compiled(inputs), expected + 1)
    expect_identical(runs, 1L)
    mean(compiled(inputs))$backward()
    expect_value(model$w$grad, matrix(1, 2, 1))
  })
})

on_backend("tensorflow", {
  test_that("a TensorFlow module tracks its variables", {
    Dense(tf$Module) %py_class% {
      initialize <- function(self, units) {
        super()$initialize(name = "dense")
        self$w <- tf$Variable(tf$ones(shape(2, units)))
      }
      `__call__` <- function(self, x) tf$matmul(x, self$w)
    }
    dense <- Dense(3)
    expect_identical(dense$name, "dense")
    expect_identical(length(dense$trainable_variables), 1L)
    expect_value(dense(tf$ones(shape(1, 2))), matrix(2, 1, 3))
  })
})

# new_layer_class() --------------------------------------------------------------------------

layer_plain_dense <- new_layer_class(
  "PlainDense",
  initialize = function(units, activation = NULL, ...) {
    super$initialize(...)
    self$units <- units
    self$activation <- activation
  },
  build = function(input_shape) {
    .[batch, features] <- input_shape
    self$w <- self$add_weight(shape(features, self$units), initializer = "ones", name = "w")
    self$b <- self$add_weight(shape(self$units), initializer = "zeros", name = "b")
  },
  call = function(inputs) {
    y <- op_matmul(inputs, self$w) + self$b
    if (is.null(self$activation)) y else self$activation(y)
  }
)

test_that("a layer defined in R is called on tensors", {
  dense <- layer_plain_dense(units = 32, activation = op_relu)
  outputs <- dense(op_ones(c(2, 784)))
  expect_identical(format(op_shape(outputs)), "shape(2, 32)")
  expect_value(outputs, matrix(784, 2, 32))
  expect_identical(lapply(dense$weights, dim), list(c(784L, 32L), 32L))
  expect_identical(dense$weights[[1]]$name, "w")
  expect_value(layer_plain_dense(units = 1, activation = op_relu)(op_full(c(1, 2), -1)), matrix(0))
})

test_that("it composes with tensors, models and symbolic inputs, and takes a layer's options", {
  expect_value(op_ones(c(1, 3)) |> layer_plain_dense(2), matrix(3, 1, 2))
  model <- keras_model_sequential(input_shape = 3) |>
    layer_plain_dense(4, name = "first") |>
    layer_plain_dense(1)
  expect_identical(model$layers[[1]]$name, "first")
  expect_value(model(op_ones(c(2, 3))), matrix(12, 2, 1))
  expect_identical(model$count_params(), 3L * 4L + 4L + 4L + 1L)
  input <- keras_input(3)
  functional <- keras_model(input, input |> layer_plain_dense(4) |> layer_plain_dense(1))
  expect_value(functional(op_ones(c(2, 3))), matrix(12, 2, 1))
  expect_identical(names(formals(layer_plain_dense)), c("object", "units", "activation", "..."))
})

test_that("a layer knows training, masks, its config and its parent", {
  layer_noisy <- new_layer_class(
    "Noisy",
    initialize = function(amount = 1, ...) {
      super$initialize(...)
      self$amount <- amount
    },
    call = function(inputs, training = FALSE) {
      if (isTRUE(training)) inputs + self$amount else inputs
    },
    get_config = function() modifyList(super$get_config(), list(amount = self$amount))
  )
  layer <- layer_noisy(amount = 5)
  expect_value(layer(op_ones(2)), c(1, 1))
  expect_value(layer(op_ones(2), training = TRUE), c(6, 6))
  expect_identical(layer$get_config()$amount, 5)
  again <- layer$`__class__`$from_config(layer$get_config())
  expect_identical(again$amount, 5)

  layer_noisier <- new_layer_class(
    "Noisier",
    inherit = layer_noisy,
    initialize = function(...) super$initialize(amount = 10, ...),
    call = function(inputs, training = FALSE) super$call(inputs, training = training) * 2
  )
  expect_value(layer_noisier()(op_ones(2), training = TRUE), c(22, 22))
  expect_identical(import("builtins")$type(layer_noisier())$`__name__`, "Noisier")
})

test_that("a class's name must be one", {
  expect_refused(new_layer_class("not a name"), "`classname` must be a name")
  expect_refused(new_layer_class(1), "`classname` must be a name")
})

test_that("printing tells what the function makes", {
  expect_output(print(layer_plain_dense), "class PlainDense, defined in R with initialize")
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("a layer defined in R trains inside a model", {
    set_random_seed(1)
    x <- matrix(runif(640), 320)
    y <- x %*% c(2, -1) + 0.5
    model <- keras_model_sequential(input_shape = 2) |> layer_plain_dense(1)
    compile(model, optimizer = optimizer_sgd(learning_rate = 0.3), loss = "mse")
    fit(model, x, y, epochs = 10, verbose = 0)
    # a linear target, met closely after 100 steps
    expect_equal(as.numeric(model$layers[[1]]$w), c(2, -1), tolerance = 0.1)
    expect_equal(as.numeric(model$layers[[1]]$b), 0.5, tolerance = 0.1)
  })
})

on_backend("torch", {
  test_that("a layer defined in R is compiled with its model", {
    runs <- 0L
    layer_scaled <- new_layer_class(
      "Scaled",
      build = function(input_shape) self$w <- self$add_weight(shape(1), initializer = "ones"),
      call = function(inputs) {
        runs <<- runs + 1L
        inputs * self$w
      }
    )
    trained <- function(jit_compile) {
      model <- keras_model_sequential(input_shape = 1) |> layer_scaled()
      compile(model, optimizer_sgd(0.1), "mse", jit_compile = jit_compile)
      runs <<- 0L
      fit(model, matrix(1, 8), matrix(3, 8), batch_size = 2, epochs = 3, verbose = 0)
      as.numeric(model$layers[[1]]$w)
    }
    # fit() itself runs the layer once, on symbolic inputs; then come 3 times 4 batches, or a trace
    eager <- trained(FALSE)
    expect_identical(runs, 1L + 12L)
    expect_value(trained(TRUE), eager)
    expect_identical(runs, 1L + 1L)
  })
})
