# Classes that are written in R: one maker for each kind, and what their methods see.

inspect <- import("inspect")
builtins <- import("builtins")

signature_of <- function(f) py_to_r(builtins$str(inspect$signature(f)))

is_a <- function(object, class) builtins$isinstance(object, class)

# y = 2 x - 1, which one unit can learn
line <- function(n = 32) {
  x <- matrix(seq(-1, 1, length.out = n))
  list(x = x, y = 2 * x - 1)
}

line_model <- function() {
  set_random_seed(7)
  keras_model_sequential(input_shape = 1) |> layer_dense(1)
}

# What the methods see -------------------------------------------------------------------------

layer_scaled <- new_layer_class(
  "Scaled",
  initialize = function(by = 2, offset = -1, label = paste0("by ", by), ...) {
    super$initialize(...)
    self$by <- by
    self$offset <- offset
    self$label <- label
  },
  call = function(inputs) {
    "Scales its inputs."
    inputs * self$by + self$offset
  }
)

test_that("signatures, names, defaults and docs are what Python's introspection sees", {
  layer <- layer_scaled()
  expect_equal(signature_of(layer$call), "(inputs)")
  expect_equal(
    signature_of(r_to_py(layer_scaled)$`__init__`),
    "(self, by=2.0, offset=-1.0, label=None, *args, **kwargs)"
  )
  expect_equal(layer$call$`__name__`, "call")
  expect_equal(layer$call$`__doc__`, "Scales its inputs.")
  expect_equal(py_to_r(r_to_py(layer_scaled)$`__name__`), "Scaled")
  expect_equal(names(formals(layer_scaled)), c("object", "by", "offset", "label", "..."))
})

test_that("defaults are computed where the class was defined", {
  usual <- 3
  layer_usual <- new_layer_class(
    "Usual",
    initialize = function(by = usual, twice = 2 * by) {
      super$initialize()
      self$product <- by * twice
    }
  )
  expect_equal(layer_usual()$product, 18)
  expect_equal(layer_usual(by = 1)$product, 2)
  usual <- 5
  expect_equal(layer_usual()$product, 50)
  expect_equal(layer_scaled()$label, "by 2")
})

test_that("`...` passes arguments on by name, and a maker's error is the user's call", {
  layer <- layer_scaled(by = 3, name = "third", dtype = "float16")
  expect_equal(layer$name, "third")
  expect_equal(layer$compute_dtype, "float16")
  layer_strict <- new_layer_class("Strict", initialize = function(units) super$initialize())
  condition <- expect_error(layer_strict(units = 1, other = 2), "other")
  condition <- tryCatch(layer_scaled(nonsense = 2), error = identity)
  expect_match(conditionMessage(condition), "nonsense")
  expect_equal(conditionCall(condition), quote(layer_scaled(nonsense = 2)))
})

test_that("an argument may have the name of anything that the maker uses", {
  layer_odd <- new_layer_class(
    "Odd",
    initialize = function(definition, bound = 1, call_py = 2, s = 3) {
      super$initialize()
      self$sum <- definition + bound + call_py + s
    },
    total = function(o = 1, se = 2) self$sum + o + se
  )
  layer <- layer_odd(definition = 10)
  expect_equal(layer$sum, 16)
  expect_equal(layer$total(se = 4), 21)
})

test_that("an argument may have a name that Python has not", {
  layer_odd <- new_layer_class(
    "OddNames",
    initialize = function(lambda, drop.rate = 2, ...) { # nolint: object_name_linter.
      super$initialize(...)
      self$by <- lambda * drop.rate
    },
    call = function(x.in) self$by * x.in # nolint: object_name_linter.
  )
  expect_value(layer_odd(lambda = 3)(op_ones(1)), 6)
  expect_value(op_ones(1) |> layer_odd(3, drop.rate = 5), 15)
  expect_identical(layer_odd(lambda = 1, name = "odd")$name, "odd")
  if (trains()) {
    model <- keras_model_sequential(input_shape = 1) |> layer_rescaling(2)
    # nolint next: object_name_linter.
    model |> compile(loss = function(y.true, y.pred) op_mean((y.true - y.pred)^2, axis = -1))
    expect_equal(evaluate(model, matrix(1:2), c(3, 3), verbose = 0)$loss, 1)
  }
})

test_that("training and mask reach the call that asks for them", {
  layer_aware <- new_layer_class(
    "Aware",
    initialize = function() {
      super$initialize()
      self$supports_masking <- TRUE
    },
    call = function(inputs, mask = NULL, training = FALSE) {
      self$masked <- !is.null(mask)
      if (isTRUE(training)) inputs + 1 else inputs
    }
  )
  layer <- layer_aware()
  expect_value(layer(op_ones(c(1, 2)), training = TRUE), matrix(2, 1, 2))
  expect_value(layer(op_ones(c(1, 2))), matrix(1, 1, 2))
  expect_false(layer$masked)
  masked <- layer_masking()(array(c(1, 0), c(1, 2, 1)))
  layer(masked)
  expect_true(layer$masked)
})

test_that("active properties are read and assigned", {
  layer_knob <- new_layer_class(
    "Knob",
    initialize = function() {
      super$initialize()
      private$level <- 1
    },
    level = active_property(function(value) {
      if (missing(value)) {
        return(private$level)
      }
      private$level <- value * 10
    }),
    fixed = active_property(function() 42)
  )
  knob <- layer_knob()
  expect_equal(knob$level, 1)
  knob$level <- 3
  expect_equal(knob$level, 30)
  expect_equal(layer_knob()$level, 1)
  expect_equal(knob$fixed, 42)
  expect_error(knob$fixed <- 1, class = "python.builtin.AttributeError")
})

test_that("static and class methods belong to the class", {
  layer_made <- new_layer_class(
    "Made",
    initialize = function(size = 1) {
      super$initialize()
      self$size <- size
    },
    twice = static_method(function(x, by = 2) by * x),
    large = class_method(function(size = 100) cls(size)),
    limit = 9
  )
  expect_equal(layer_made$twice(4), 8)
  expect_equal(layer_made()$twice(4, by = 3), 12)
  for (name in c("get_config", "result", "on_epoch_end", "call")) {
    static <- do.call(
      new_metric_class, c(list("Static"), set_names(list(static_method(\(x) 2 * x)), name))
    )
    expect_identical(do.call(`$`, list(static, name))(3), 6)
  }
  expect_equal(layer_made$large()$size, 100)
  expect_true(is_a(layer_made$large(), layer_made))
  expect_equal(layer_made$limit, 9)
  expect_equal(signature_of(r_to_py(layer_made)$twice), "(x, by=2.0)")
  expect_equal(signature_of(r_to_py(layer_made)$large), "(size=100.0)")
})

test_that("private members are each object's own, and those of parents and children are one", {
  base <- new_wrapped_class(
    builtins$object, "Base",
    private = list(count = 0, step = function() 1, parents = "kept"),
    up = function() {
      private$count <- private$count + private$step()
      private$count
    },
    kept = function() private$parents
  )
  child <- new_wrapped_class(
    base, "Child",
    private = list(step = function() self$size),
    initialize = function(size) self$size <- size
  )
  one <- child(5)
  other <- child(7)
  expect_equal(c(one$up(), one$up(), other$up()), c(5, 10, 7))
  expect_equal(one$kept(), "kept")
  expect_equal(base()$up(), 1)
  expect_equal(names(formals(child)), "size")
})

test_that("super reaches each parent in turn", {
  first <- new_wrapped_class(builtins$object, "First", who = function() "first")
  second <- new_wrapped_class(first, "Second", who = function() c("second", super$who()))
  third <- new_wrapped_class(
    second, "Third",
    who = function() c("third", super()$who()),
    from = class_method(function() super$from_parent()),
    from_parent = class_method(function() "never")
  )
  expect_equal(unlist(third()$who()), c("third", "second", "first"))
  expect_error(third$from(), "from_parent")
})

test_that("the parent may be any expression, of Python or of R", {
  layer_biased <- new_layer_class(
    "Biased",
    inherit = keras$layers$Dense,
    initialize = function(units) super$initialize(as.integer(units), bias_initializer = "ones"),
    call = function(inputs) super$call(inputs) * 10
  )
  layer <- layer_biased(units = 2)
  expect_true(is_a(layer, keras$layers$Dense))
  expect_value(layer(matrix(0, 1, 3)), matrix(10, 1, 2))
  expect_refused(new_layer_class("Wrong", inherit = 3)(), "parent of Wrong must be a class")
})

test_that("classes that another Python package makes of Keras's are parents as well", {
  other <- py_run_string("
import keras

class Scaled(keras.layers.Layer):
    def __init__(self, factor, *, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.offset = factor, offset

    def call(self, inputs):
        return self.scaled(inputs) + self.offset

    def scaled(self, inputs):
        raise NotImplementedError('scaled()')

class Tunable:
    def __init__(self, name=None, tunable=True):
        self.name, self.tunable = name, tunable

    def build(self, hp):
        raise NotImplementedError

    def searched(self, *tried):
        return [self.build({'units': units}) for units in tried]
")
  layer_scaled <- new_layer_class(
    "ScaledInR", inherit = other$Scaled, scaled = function(inputs) inputs * self$factor
  )
  x <- matrix(1:2, 1)
  expect_value(layer_scaled(factor = 3, offset = 1, name = "mine")(x), matrix(c(4, 7), 1))
  expect_value((keras_model_sequential(input_shape = 2) |> layer_scaled(factor = 2))(x), 2 * x)
  expect_error(layer_scaled(), "factor")

  Units(other$Tunable) %py_class% {
    build <- function(hp) hp$units * 2
  }
  Named(other$Tunable) %py_class% {
    `__init__` <- function(self, name) super()$`__init__`(toupper(name), tunable = FALSE)
    build <- function(self, hp) paste(self$name, hp$units)
  }
  expect_equal(unlist(Units()$searched(1, 8)), c(2, 16))
  expect_true(Units(name = "a")$tunable)
  expect_identical(unlist(Named("net")$searched(4L)), "NET 4")
  expect_false(Named("net")$tunable)
})

test_that("members have names, and a name is a name", {
  expect_refused(new_layer_class("Unnamed", NULL, NULL, NULL, NULL, \(x) x), "must have names")
  expect_refused(new_loss_class("no name"), "`classname` must be a name")
})

test_that("a class prints its arguments and its methods", {
  expect_snapshot({
    layer_scaled
    new_metric_class("Nothing")
  })
})

# R6 --------------------------------------------------------------------------------------------

test_that("an R6 class generator is a class wherever one belongs", {
  skip_if_not_installed("R6")
  Shifted <- R6::R6Class(
    "Shifted",
    inherit = keras$layers$Layer,
    public = list(
      by = 1,
      initialize = function(by = 1, ...) {
        super$initialize(...)
        self$by <- by
        private$calls <- 0
      },
      call = function(inputs) {
        private$calls <- private$calls + 1
        inputs + self$by
      },
      get_config = function() c(super$get_config(), list(by = self$by))
    ),
    private = list(calls = NULL),
    active = list(seen = function() private$calls)
  )
  layer <- r_to_py(Shifted)(by = 4)
  expect_value(layer(op_ones(2)), c(5, 5))
  expect_equal(layer$seen, 1)
  expect_identical(r_to_py(Shifted), r_to_py(Shifted))

  layer_twice <- new_layer_class(
    "Twice",
    inherit = Shifted,
    call = function(inputs) 2 * super$call(inputs)
  )
  expect_value(layer_twice(by = 1)(op_ones(2)), c(4, 4))
  expect_value(new_wrapped_class(Shifted, "Same")(by = 2)(op_ones(1)), 3)

  model <- keras_model_sequential(input_shape = 1)
  model$add(layer)
  again <- from_config(
    model$get_config(), list(Shifted = Shifted), class = import("keras")$Sequential
  )
  expect_value(again(matrix(1)), matrix(5))
})

# Errors ----------------------------------------------------------------------------------------

test_that("an R error in a method is a condition whose call names class and method", {
  layer_failing <- new_layer_class(
    "Failing",
    initialize = function(when = "call") {
      if (when == "initialize") stop("not even made")
      super$initialize()
    },
    call = function(inputs) stop("not this one"),
    helper = static_method(function(x) stop("static"))
  )
  condition <- tryCatch(layer_failing(op_ones(2)), error = identity)
  expect_match(conditionMessage(condition), "not this one")
  expect_equal(conditionCall(condition), quote(Failing$call(...)))
  condition <- tryCatch(layer_failing(when = "initialize"), error = identity)
  expect_equal(conditionCall(condition), quote(Failing$initialize(...)))
  condition <- tryCatch(layer_failing$helper(1), error = identity)
  expect_equal(conditionCall(condition), quote(Failing$helper(...)))
  layer_typed <- new_layer_class(
    "Typed", call = function(inputs) abort("this type", class = "my_error", detail = 3)
  )
  condition <- expect_error(layer_typed(op_ones(2)), "^this type$", class = "my_error")
  expect_equal(condition$detail, 3)
  expect_s3_class(condition, "kerasbridge_error")
})

# Each kind of class ----------------------------------------------------------------------------

test_that("initializers, regularizers and constraints written in R are a layer's own", {
  initializer_fill <- new_initializer_class(
    "Fill",
    initialize = function(value = 2) self$value <- value,
    call = function(shape, dtype = NULL) op_full(shape, self$value, dtype = dtype),
    get_config = function() list(value = self$value)
  )
  regularizer_sum <- new_regularizer_class(
    "Sum",
    initialize = function(rate) self$rate <- rate,
    call = function(x) self$rate * sum(abs(x)),
    get_config = function() list(rate = self$rate)
  )
  constraint_below <- new_constraint_class(
    "Below",
    initialize = function(bound = 1) self$bound <- bound,
    call = function(w) op_minimum(w, self$bound),
    get_config = function() list(bound = self$bound)
  )
  expect_value(initializer_fill(value = 3)(shape(2, 2)), matrix(3, 2, 2))
  expect_value(constraint_below()(c(0, 5)), c(0, 1))
  layer <- layer_dense(
    units = 2,
    kernel_initializer = initializer_fill(value = 3),
    bias_initializer = initializer_fill,
    kernel_regularizer = regularizer_sum(rate = 0.5),
    kernel_constraint = constraint_below()
  )
  expect_value(layer(matrix(1, 1, 2)), matrix(8, 1, 2))
  expect_value(layer$losses[[1]], 0.5 * 4 * 3)
  again <- with_custom_object_scope(
    list(Fill = initializer_fill, Sum = regularizer_sum, Below = constraint_below),
    from_config(get_config(layer))
  )
  expect_value(again(matrix(1, 1, 2)), matrix(8, 1, 2))
  expect_equal(again$kernel_constraint$bound, 1)
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("a constraint holds in training", {
    constraint_below <- new_constraint_class("Below", call = function(w) op_minimum(w, 0.5))
    set_random_seed(7)
    model <- keras_model_sequential(input_shape = 1) |>
      layer_dense(1, kernel_constraint = constraint_below())
    compile(model, optimizer_sgd(0.3), "mse")
    fit(model, line()$x, line()$y, epochs = 30, verbose = 0)
    expect_value(model$layers[[1]]$kernel, matrix(0.5))
  })

  test_that("a loss and a metric written in R train and report a model", {
    loss_power <- new_loss_class(
      "Power",
      initialize = function(power = 2, ...) {
        super$initialize(...)
        self$power <- power
      },
      call = function(y_true, y_pred) op_mean(abs(y_true - y_pred)^self$power, axis = -1),
      get_config = function() modifyList(super$get_config(), list(power = self$power))
    )
    metric_largest <- new_metric_class(
      "Largest",
      initialize = function(name = "largest", ...) {
        super$initialize(name = name, ...)
        self$largest <- self$add_variable(shape = shape(), initializer = "zeros", name = "largest")
      },
      update_state = function(y_true, y_pred, sample_weight = NULL) {
        error <- max(abs(op_cast(y_true, self$dtype) - op_cast(y_pred, self$dtype)))
        self$largest$assign(op_maximum(self$largest, error))
      },
      result = function() self$largest$value
    )
    expect_value(loss_power(power = 1)(matrix(c(1, 2)), matrix(c(2, 4))), 1.5)
    metric <- metric_largest()
    metric$update_state(c(1, 2), c(1, 5))
    metric$update_state(c(1, 2), c(1, 3))
    expect_value(metric$result(), 3)
    metric$reset_state()
    expect_value(metric$result(), 0)

    for (loss in list(loss_power(), loss_power)) {
      model <- line_model()
      model |> compile(optimizer_sgd(0.3), loss, metrics = c(metric_largest, "mae"))
      history <- model |> fit(line(128)$x, line(128)$y, epochs = 10, batch_size = 8, verbose = 0)
      expect_setequal(names(history$metrics), c("loss", "largest", "mae"))
      # a linear target, met closely after 160 steps of gradient descent
      expect_lt(tail(history$metrics$loss, 1), 1e-4)
      expect_lt(tail(history$metrics$largest, 1), 0.05)
      result <- evaluate(model, line()$x, line()$y, verbose = 0)
      predicted <- predict(model, line()$x, verbose = 0)
      expect_equal(result$largest, max(abs(predicted - line()$y)), tolerance = 1e-4)
    }
    expect_equal(from_config(get_config(loss_power(power = 3)))$power, 3)
  })

  test_that("an optimizer written in R, with a schedule written in R, trains a model", {
    schedule_halving <- new_learning_rate_schedule_class(
      "Halving",
      initialize = function(start, every) {
        self$start <- start
        self$every <- every
      },
      call = function(step) self$start * 0.5^op_floor(op_cast(step, "float32") / self$every),
      get_config = function() list(start = self$start, every = self$every)
    )
    optimizer_momentum <- new_optimizer_class(
      "Momentum",
      initialize = function(learning_rate = 0.01, momentum = 0.5, ...) {
        super$initialize(learning_rate = learning_rate, ...)
        self$momentum <- momentum
      },
      build = function(variables) {
        super$build(variables)
        self$velocities <- lapply(
          variables, \(variable) self$add_variable_from_reference(variable, name = "velocity")
        )
      },
      update_step = function(gradient, variable, learning_rate) {
        velocity <- self$velocities[[self$`_get_variable_index`(variable) + 1]]
        step <- self$momentum * op_convert_to_tensor(velocity) - learning_rate * gradient
        self$assign(velocity, step)
        self$assign_add(variable, step)
      },
      get_config = function() modifyList(super$get_config(), list(momentum = self$momentum))
    )
    schedule <- schedule_halving(start = 0.4, every = 10)
    expect_value(schedule(0), 0.4)
    expect_value(schedule(25), 0.1)
    model <- line_model()
    optimizer <- optimizer_momentum(schedule_halving(start = 0.2, every = 100))
    compile(model, optimizer, "mse")
    history <- fit(model, line(128)$x, line(128)$y, epochs = 10, batch_size = 8, verbose = 0)
    # a linear target, met closely after 160 steps
    expect_lt(tail(history$metrics$loss, 1), 1e-4)
    expect_equal(as.integer(optimizer$iterations), 160L)
    expect_value(optimizer$learning_rate, 0.1)
    config <- get_config(optimizer)
    expect_equal(config$momentum, 0.5)
    again <- from_config(config, list(Halving = schedule_halving))
    expect_value(again$learning_rate, 0.2)
  })

  test_that("a callback written in R sees training from begin to end, and may stop it", {
    callback_watch <- new_callback_class(
      "Watch",
      initialize = function(stop_at = 3) {
        super$initialize()
        private$stop_at <- stop_at
        self$seen <- list()
      },
      on_train_begin = function(logs = NULL) self$began <- TRUE,
      on_train_batch_end = function(batch, logs = NULL) private$batches <- private$batches + 1,
      on_epoch_end = function(epoch, logs = NULL) {
        self$seen <- c(self$seen, list(logs$loss))
        if (epoch >= private$stop_at) self$model$stop_training <- TRUE
      },
      batches = active_property(function() private$batches),
      private = list(batches = 0, stop_at = NULL)
    )
    model <- line_model()
    compile(model, optimizer_sgd(0.1), "mse")
    watch <- callback_watch(stop_at = 4)
    history <- fit(
      model, line()$x, line()$y,
      epochs = 10, batch_size = 16, callbacks = watch, verbose = 0
    )
    expect_true(watch$began)
    expect_equal(watch$batches, 8)
    expect_equal(as.numeric(unlist(watch$seen)), history$metrics$loss)
    expect_length(history$metrics$loss, 4)
  })

  test_that("a model written in R trains, with arguments of its own", {
    model_wide <- new_model_class(
      "Wide",
      initialize = function(units, ...) {
        super$initialize(...)
        self$units <- units
        self$hidden <- layer_dense(units = units, activation = "relu")
        self$drop <- layer_dropout(rate = 0.5)
        self$out <- layer_dense(units = 1)
      },
      call = function(inputs, training = FALSE) {
        hidden <- self$hidden(inputs)
        if (isTRUE(training)) hidden <- hidden + self$drop(hidden, training = FALSE) * 0
        self$out(hidden)
      },
      get_config = function() modifyList(super$get_config(), list(units = self$units))
    )
    set_random_seed(3)
    model <- model_wide(units = 8)
    expect_s3_class(model, "keras.src.models.model.Model")
    compile(model, optimizer_adam(0.05), "mse", metrics = "mae")
    history <- fit(model, line(128)$x, line(128)$y, epochs = 10, batch_size = 8, verbose = 0)
    # eight units and 160 steps of Adam bend little from a line
    expect_lt(tail(history$metrics$loss, 1), 0.01)
    expect_equal(dim(predict(model, line()$x, verbose = 0)), c(32L, 1L))
    expect_equal(count_params(model), 8 + 8 + 8 + 1)
    expect_equal(from_config(get_config(model))$units, 8)
  })
})

# Configuration ---------------------------------------------------------------------------------

test_that("a layer without get_config() of its own is made again from its arguments", {
  layer <- layer_scaled(by = 3, name = "third")
  config <- get_config(layer)
  expect_equal(config$by, 3)
  again <- from_config(config)
  expect_equal(c(again$name, again$label), c("third", "by 3"))
  expect_equal(c(again$by, again$offset), c(3, -1))
})

test_that("from_config() may be written in R, and is the class's", {
  layer_sized <- new_layer_class(
    "Sized",
    initialize = function(size) {
      super$initialize()
      self$size <- size
    },
    get_config = function() list(half = self$size / 2),
    from_config = function(config) cls(size = 2 * config$half)
  )
  expect_equal(from_config(get_config(layer_sized(size = 6)))$size, 6)
})

test_that("models with R's layers are cloned and made again by name", {
  model <- keras_model_sequential(input_shape = 2) |> layer_scaled(by = 5)
  expect_value(clone_model(model)(matrix(1, 1, 2)), matrix(4, 1, 2))
  expect_error(from_config(get_config(model)), "Scaled")

  config <- keras$saving$serialize_keras_object(model$layers[[1]])
  again <- with_custom_object_scope(
    list(Scaled = layer_scaled), keras$saving$deserialize_keras_object(config)
  )
  expect_equal(again$by, 5)

  register_keras_serializable(package = "tests", name = "Scaled")(layer_scaled)
  again <- from_config(get_config(
    keras_model_sequential(input_shape = 2) |> layer_scaled(by = 5)
  ))
  expect_value(again(matrix(1, 1, 2)), matrix(4, 1, 2))
})

test_that("a class or function is registered under the name that it is given", {
  withr::defer(set_custom_objects())
  layer_fives <- new_layer_class("Fives", call = \(inputs) 5 * inputs)
  expect_identical(register_keras_serializable(layer_fives, package = "tests"), layer_fives)
  expect_identical(get_registered_name(layer_fives), "tests>Fives")
  saved <- keras$saving$serialize_keras_object(layer_fives())
  expect_value(keras$saving$deserialize_keras_object(saved)(matrix(1, 1, 2)), matrix(5, 1, 2))

  register_keras_serializable(layer_fives, "Other")
  expect_identical(get_registered_name(layer_fives), "kerasbridge>Other")
  outside <- list2env(list(layer_fives = layer_fives), parent = globalenv())
  eval(quote(kerasbridge::register_keras_serializable(layer_fives, "Other")), outside)
  expect_identical(get_registered_name(layer_fives), "Custom>Other")

  twice <- \(x) 2 * x
  registered <- register_keras_serializable(twice, package = "tests")
  expect_identical(get_registered_name(registered), "tests>twice")
  expect_identical(registered(3), 6)
  config <- get_config(layer_activation(activation = registered))
  layer <- from_config(config)
  expect_value(layer(matrix(1, 1, 2)), matrix(2, 1, 2))

  registered <- register_keras_serializable(package = "tests", name = "named")(\(x) 3 * x)
  expect_identical(get_registered_object("tests>named")(2), 6)

  expect_refused(register_keras_serializable("tests"), "`object` must be a class or function")
  expect_refused(register_keras_serializable(name = 1), "`name` must be a string")
  expect_refused(register_keras_serializable(package = 1), "`package` must be a string")
})

# Python is left alone --------------------------------------------------------------------------

on_backend("numpy", {
  test_that("classes at the top level of a package start no Python, and work when it does", {
    skip_if_not_installed("callr")
    path <- withr::local_tempdir()
    package <- file.path(path, "source", "classes")
    dir.create(file.path(package, "R"), recursive = TRUE)
    writeLines(c("Package: classes", "Version: 0.0.1"), file.path(package, "DESCRIPTION"))
    writeLines(
      c("import(kerasbridge)", "export(layer_top, layer_dense_top, Top)"),
      file.path(package, "NAMESPACE")
    )
    writeLines(c(
      "usual <- 2",
      "stopifnot(!reticulate::py_available())",
      "layer_top <- Layer('Top', initialize = function(by = usual) {",
      "  super$initialize()",
      "  self$by <- by",
      "}, call = function(inputs) inputs * self$by)",
      "layer_dense_top <- new_layer_class('DenseTop', inherit = keras$layers$Dense)",
      "Top(keras$layers$Layer) %py_class% {",
      "  double <- function(self, x) usual * x",
      "}",
      "stopifnot(!reticulate::py_available())"
    ), file.path(package, "R", "classes.R"))
    results <- callr::r(
      function(package, library) {
        install.packages(
          package, library,
          repos = NULL, type = "source", quiet = TRUE, INSTALL_opts = "--no-test-load"
        )
        classes <- loadNamespace(basename(package), lib.loc = library)
        before <- reticulate::py_available()
        list(
          before = before,
          scaled = as.array(classes$layer_top()(kerasbridge::op_ones(2))),
          dense = classes$layer_dense_top(units = 3L)$units,
          double = classes$Top()$double(4),
          after = reticulate::py_available()
        )
      },
      list(package, path),
      libpath = .libPaths(), env = c(callr::rcmd_safe_env(), KERAS_BACKEND = "numpy")
    )
    expect_equal(
      results,
      list(before = FALSE, scaled = array(2, 2), dense = 3L, double = 8, after = TRUE)
    )
  })
})

# `self` by name ----------------------------------------------------------------------------------

test_that("`self` may be the first formal of a method in every maker of classes", {
  call <- list(with = function(self, x) x * self$by, without = function(x) x * self$by)
  initialize <- list(
    with = function(self, by = 2) {
      super$initialize()
      self$by <- by
    },
    without = function(by = 2) {
      super$initialize()
      self$by <- by
    }
  )
  makers <- list(
    new_layer_class, new_model_class, new_regularizer_class,
    new_constraint_class, Layer, Model, Constraint
  )
  for (make in makers) {
    for (i in names(initialize)) {
      for (j in names(call)) {
        made <- make(
          "Selfish",
          initialize = initialize[[i]], call = call[[j]],
          twice = active_property(function(self) 2 * self$by),
          fresh = class_method(function(cls) cls(by = 5)),
          plus = static_method(function(x, y) x + y),
          shown = function(self, prefix) private$shown(prefix),
          private = list(shown = function(self, prefix) paste(prefix, self$by))
        )
        object <- made(by = 3)
        expect_identical(as.numeric(object(op_ones(1))), 3)
        expect_identical(object$twice, 6)
        expect_identical(made$fresh()$by, 5)
        expect_identical(made$plus(1, 2), 3)
        expect_identical(object$shown("by"), "by 3")
      }
    }
  }
})

test_that("the makers whose objects do something else of their own may name `self`, too", {
  cosine <- new_learning_rate_schedule_class(
    "ScheduleSelf",
    initialize = function(self, by = 2) self$by <- by,
    call = function(self, step) self$by * step
  )
  expect_value(cosine(by = 3)$`__call__`(op_convert_to_tensor(2)), 6)
  filled <- new_initializer_class(
    "FilledSelf",
    initialize = function(self, value) self$value <- value,
    call = function(self, shape, dtype = NULL) op_full(shape, self$value, dtype = dtype)
  )
  expect_value(filled(3)(shape(2, 1)), matrix(3, 2, 1))
  steps <- new_optimizer_class(
    "StepsSelf",
    initialize = function(self, by = 1) {
      super$initialize(learning_rate = 0.5)
      self$by <- by
    },
    update_step = function(self, gradient, variable, learning_rate) {
      self$assign_sub(variable, self$by * op_cast(learning_rate, variable$dtype) * gradient)
    }
  )
  weight <- keras_variable(c(1, 2))
  steps(by = 2)$apply(list(op_convert_to_tensor(c(1, 3))), list(weight))
  expect_value(weight, c(0, -1))
  twelve <- new_wrapped_class(
    keras$regularizers$L2, "TwelveSelf",
    initialize = function(self) super$initialize(12), shown = function(self) self$l2
  )
  expect_equal(as.numeric(twelve()$shown()), 12)
  batches <- function(...) {
    new_dataset_class(
      "BatchesSelf",
      initialize = function(self, size = 2) {
        super$initialize()
        self$size <- size
      },
      length = function(self) 3,
      getitem = function(self, index) {
        "The batch number `index`."
        list(matrix(index, self$size, 1), rep(0, self$size))
      },
      ...
    )
  }
  data <- batches(size_of = function(self) self$size, )(size = 1)
  expect_identical(data$num_batches, 3L)
  expect_identical(data$size_of(), 1)
  expect_value(data$`__getitem__`(1L)[[1L]], matrix(2))
  model <- keras_model_sequential(input_shape = 1) |> layer_rescaling(10)
  expect_equal(predict(model, data, verbose = 0), matrix(c(10, 20, 30)))
})

test_that("`public` has methods and attributes in every maker", {
  public <- list(twice = function(self, x) 2 * x, plus = function(x) x + self$limit, limit = 9)
  makers <- list(
    new_layer_class, new_model_class, new_loss_class, new_metric_class, new_callback_class,
    new_optimizer_class, new_learning_rate_schedule_class, new_initializer_class,
    new_regularizer_class, new_constraint_class, new_dataset_class, Layer, Model, Loss, Metric,
    Callback, LearningRateSchedule, Constraint,
    function(...) new_wrapped_class(keras$callbacks$Callback, ...)
  )
  for (make in makers) {
    base <- identical(make, new_optimizer_class)
    made <- make(
      "Public",
      initialize = if (base) function() super$initialize(0.1),
      public = public,
    )
    object <- made()
    expect_identical(object$twice(2), 4)
    expect_identical(object$plus(1), 10)
    expect_identical(object$limit, 9)
  }
  # What has an argument of its own is the same method in `public`.
  half <- Constraint("Half", public = list(call = function(w) w / 2))
  expect_value(half()(op_ones(2)), c(0.5, 0.5))
  data <- new_dataset_class("Few", public = list(
    length = function() 2, getitem = function(index) list(matrix(index), 0)
  ))()
  expect_value(data$`__getitem__`(1L)[[1L]], matrix(2))
  expect_identical(data$num_batches, 2L)
})

test_that("the makers' own arguments come in keras3's order", {
  begun <- ended <- NULL
  callback <- Callback(
    "Placed",
    function(epoch, logs = NULL) begun <<- epoch, function(epoch, logs = NULL) ended <<- epoch
  )()
  callback$on_epoch_begin(0L) # as Python calls them
  callback$on_epoch_end(1L)
  expect_identical(c(begun, ended), 1:2)
  count <- Metric(
    "Placed",
    function(...) {
      super$initialize(...)
      self$n <- self$add_variable(shape(), "zeros", name = "n")
    },
    function(y_true, y_pred, sample_weight = NULL) self$n$assign_add(op_sum(y_true)),
    function() self$n / 2
  )()
  count$update_state(c(1, 5), c(0, 0))
  expect_value(count$result(), 3)
  shrunk <- Constraint("Placed", function(w) w / 4, function() list(a = 1))()
  expect_value(shrunk(c(4, 8)), 1:2)
  expect_identical(shrunk$get_config(), list(a = 1))
  model <- Model("Placed", function(by) {
    super$initialize()
    self$by <- by
  }, function(inputs) inputs * self$by)(by = 3)
  expect_value(model(op_ones(2)), c(3, 3))
  gap <- Loss("Placed", function(y_true, y_pred) op_abs(y_true - y_pred))()
  expect_value(gap(matrix(c(1, 2)), matrix(c(2, 5))), 2)
})

test_that("losses, metrics and callbacks may name `self`", {
  loss_scaled <- Loss(
    "ScaledSelf",
    initialize = function(self, by = 1, ...) {
      super$initialize(...)
      self$by <- by
    },
    call = function(self, y_true, y_pred) self$by * op_mean(abs(y_true - y_pred), axis = -1)
  )
  expect_value(loss_scaled(by = 10)(matrix(c(1, 2)), matrix(c(2, 4))), 15)

  metric_count <- Metric(
    "CountSelf",
    initialize = function(self, ...) {
      super$initialize(...)
      self$n <- self$add_variable(shape(), initializer = "zeros", name = "n")
    },
    update_state = function(self, y_true, y_pred, sample_weight = NULL) {
      self$n$assign_add(op_cast(op_shape(y_true)[[1]], "float32"))
    },
    result = function(self) op_convert_to_tensor(self$n)
  )
  metric <- metric_count()
  metric$update_state(op_ones(c(3, 1)), op_ones(c(3, 1)))
  expect_value(metric$result(), 3)

  callback <- Callback("EpochsSelf", on_epoch_end = function(self, epoch, logs = NULL) {
    self$last <- epoch
  })()
  callback$on_epoch_end(4L) # as Python calls it, which counts from 0
  expect_identical(callback$last, 5L)
})

test_that("an R6 class may name `self` in its methods", {
  skip_if_not_installed("R6")
  Shifted <- R6::R6Class(
    "ShiftedSelf",
    inherit = keras$layers$Layer,
    public = list(
      initialize = function(self, by) {
        super$initialize()
        self$by <- by
      },
      call = function(self, x) x + private$doubled()
    ),
    private = list(doubled = function(self) 2 * self$by),
    active = list(half = function(self) self$by / 2)
  )
  layer <- r_to_py(Shifted)(4)
  expect_value(layer(op_ones(2)), c(9, 9))
  expect_identical(layer$half, 2)
})

test_that("an argument may have any name, also those that the package's own functions have", {
  for (name in c("f", "frame", "layer", "x", "call", "definition", "args", "kwargs", "fn", "n")) {
    initialize <- rlang::inject(function(held, ...) {
      super$initialize(...)
      self$held <- !!as.symbol(name)
    })
    names(formals(initialize))[[1L]] <- name
    layer_holding <- new_layer_class(
      "Holding",
      initialize = initialize, call = function(inputs) self$held(inputs)
    )
    given <- rlang::set_names(list(\(x) x * 2), name)
    expect_value(do.call(layer_holding, given)(op_ones(2)), c(2, 2))
    expect_value(do.call(layer_holding, c(list(op_ones(2)), given)), c(2, 2))
  }
  expect_refused(
    new_layer_class("Taking", initialize = function(object, ...) NULL),
    "`initialize()` of a layer has no argument `object`",
    fixed = TRUE
  )
})

test_that("weights are added with shapes as R writes them", {
  shapes <- list(
    list(given = 3, dim = 3L), list(given = c(3, 2), dim = c(3L, 2L)), list(given = 3:2, dim = 3:2),
    list(given = list(3, 2), dim = 3:2), list(given = shape(3, 2), dim = 3:2)
  )
  for (shape in shapes) {
    layer_adding <- new_layer_class("Adding",
      build = function(input_shape) {
        self$named <- self$add_weight(shape = shape$given, initializer = "ones", name = "named")
        self$placed <- self$add_weight(shape$given, "ones", "float32")
      },
      call = function(inputs) inputs * op_sum(self$named) + op_sum(self$placed)
    )
    size <- prod(shape$dim)
    layer <- layer_adding()
    expect_value(layer(op_ones(1)), 2 * size)
    expect_identical(unique(lapply(layer$weights, \(w) dim(w))), list(shape$dim))
  }
  Counting <- new_metric_class("Counting",
    initialize = function(...) {
      super$initialize(...)
      self$total <- self$add_variable(2, "zeros")
    },
    update_state = function(y_true, y_pred, sample_weight = NULL) self$total$assign_add(c(1, 2)),
    result = function() self$total
  )
  metric <- Counting()
  metric$update_state(1, 1)
  expect_value(metric$result(), c(1, 2))
  refusing <- new_layer_class("Refusing", build = function(input_shape) self$add_weight(2.5))
  expect_error(refusing()$build(shape(1)), "`shape` must be a whole number, not 2.5")
})

test_that("compute_output_shape() gives a shape as R writes it", {
  x <- keras_input(4)
  shapes <- list(
    \(input_shape) list(input_shape[[1]], input_shape[[2]] * 2),
    \(input_shape) list(NULL, 8), \(input_shape) c(NA, 8), \(input_shape) shape(NA, 8)
  )
  for (given in shapes) {
    layer_doubled <- new_layer_class("Doubled",
      call = function(inputs) op_concatenate(list(inputs, inputs), axis = -1),
      compute_output_shape = function(input_shape) given(input_shape)
    )
    expect_identical(as.list(dim(layer_doubled()(x))), list(NA_integer_, 8L))
  }
  layer_two <- new_layer_class("Two",
    call = function(inputs) list(a = inputs, b = op_sum(inputs, axis = -1)),
    compute_output_shape = function(input_shape) list(a = c(NA, 4), b = shape(NA))
  )
  made <- layer_two()(x)
  expect_identical(dim(made$a), c(NA, 4L))
  expect_identical(dim(made$b), NA_integer_)
  layer_half <- new_layer_class("Half",
    call = function(inputs) inputs, compute_output_shape = function(input_shape) c(NA, 2.5)
  )
  expect_error(layer_half()(x), "`compute_output_shape\\(\\)` must be a whole number, not 2.5")
})

test_that("a layer is called on a number as on a longer vector", {
  layer_tripled <- new_layer_class("Tripled", call = function(inputs) inputs * 3)
  expect_value(layer_tripled()(2), 6)
  expect_value(layer_tripled()(c(2, 3)), c(6, 9))
  expect_value(layer_activation(activation = "relu")(-1), 0)
})

on_backend(c("tensorflow", "jax", "torch"), {
  test_that("epochs and batches count from 1 in callbacks, also by way of `super`", {
    told <- character()
    tell <- function(what) function(epoch, logs = NULL) told <<- c(told, paste(what, epoch))
    Telling <- new_callback_class("Telling",
      on_epoch_begin = tell("epoch"), on_batch_begin = tell("batch"),
      on_train_batch_end = tell("trained"), on_test_batch_end = tell("tested"),
      on_predict_batch_end = tell("predicted"), on_train_begin = \(logs) told <<- c(told, "begin")
    )
    Child <- new_callback_class("Child",
      inherit = Telling,
      on_epoch_begin = function(epoch, logs = NULL) {
        super$on_epoch_begin(epoch, logs)
        told <<- c(told, paste("child", epoch))
      }
    )
    by_name <- callback_lambda(
      on_epoch_begin = tell("epoch"), on_batch_begin = tell("batch"),
      on_train_batch_end = tell("trained"), on_test_batch_end = tell("tested"),
      on_predict_batch_end = tell("predicted"), on_train_begin = \(logs) told <<- c(told, "begin")
    )
    model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
    model |> compile("sgd", "mse", steps_per_execution = 1)
    x <- matrix(1:4 / 4)
    run <- function(callback) {
      told <<- character()
      fit(model, x, x[, 1], epochs = 2, batch_size = 2, verbose = 0, callbacks = callback)
      evaluate(model, x, x[, 1], batch_size = 4, verbose = 0, callbacks = callback)
      predict(model, x, batch_size = 2, verbose = 0, callbacks = callback)
      told
    }
    epoch <- c("batch 1", "trained 1", "batch 2", "trained 2")
    rest <- c("tested 1", "predicted 1", "predicted 2")
    expect_identical(run(Telling()), c("begin", "epoch 1", epoch, "epoch 2", epoch, rest))
    expect_identical(run(by_name), c("begin", "epoch 1", epoch, "epoch 2", epoch, rest))
    expect_identical(
      run(Child()),
      c("begin", "epoch 1", "child 1", epoch, "epoch 2", "child 2", epoch, rest)
    )
  })
})

test_that("logs that callback_lambda()'s functions give back are what the next callback sees", {
  skip_if_not(trains())
  seen <- NULL
  callbacks <- list(
    callback_lambda(on_epoch_end = \(epoch, logs) c(logs, doubled = 2 * logs$loss)),
    callback_lambda(on_epoch_end = \(epoch, logs) seen <<- logs)
  )
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  model |> compile("sgd", "mse")
  history <- fit(model, matrix(1:2), 1:2, epochs = 1, verbose = 0, callbacks = callbacks)
  expect_equal(seen$doubled, 2 * seen$loss)
})
