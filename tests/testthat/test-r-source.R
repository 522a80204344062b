# The R source that is stored with a model, and what a new session makes of it.

# The value of `code`, a function, in an R session of its own.
in_new_session <- function(code, ...) callr::r(code, list(...))

x <- matrix(c(1, 2, 3, 4), 2)

source_json <- function(file) {
  jsonlite::parse_json(kerasbridge:::call_py(kerasbridge:::bound$saving_source, file))
}

test_that("names that a function uses are told from those it defines", {
  reads <- function(code) {
    f <- eval(parse(text = paste("function(x, ...) {", code, "}")))
    sort(kerasbridge:::free_names(f)$any)
  }
  expect_identical(reads("x + a"), "a")
  expect_identical(reads("y <- a; y + g(b)"), c("a", "b"))
  expect_identical(reads("(\\(n = k) n)()"), "k")
  expect_identical(reads("list(..., ..1)"), character())
  # Read before it is assigned, or assigned on one branch only: it may come from outside.
  expect_identical(reads("s <- s * 2; s"), "s")
  expect_identical(reads("if (x) w <- 1; w"), "w")
  expect_identical(reads("for (i in x) z <- i; z"), "z")
  expect_identical(reads("if (x) w <- 1 else w <- 2; w"), character())
  expect_identical(reads("if (x) return(0) else w <- 2; w"), character())
  # A function inside finds what is assigned until it runs.
  expect_identical(reads("f <- \\() late + y; late <- 1; f()"), "y")
  expect_identical(reads("count <<- count + 1"), "count")
  expect_identical(reads("x[i] <- 1; names(x) <- b; y[1] <- 2"), c("b", "i", "y"))
  expect_identical(reads(".[u, v] <- x; c(a, b) %<-% x; u + v + a + b"), character())
  expect_identical(reads("list(quote(no), y ~ no, obj$no, pkg::no)"), "obj")

  calls <- kerasbridge:::free_names(\(f) {
    f(1)
    mine(x[1])
    part(x) <- 2
  })$`function`
  expect_in(c("mine", "part<-"), calls)
  expect_false("f" %in% calls)
})

test_that("plain data comes back exactly", {
  values <- list(
    NULL, TRUE, c(TRUE, NA), c(a = 1L, b = NA), c(0.1, 1 / 3, pi, -0, 1e-320, 2^1023),
    c(NA, NaN, Inf, -Inf), c(1 + 2i, NA), c("a", NA, "\u00e9\u4e2d \"quoted\" \\"), as.raw(0:255),
    factor(c("u", "v", NA)), iris, matrix(1:6, 2, dimnames = list(NULL, c("a", "b", "c"))),
    as.Date("2024-02-29"), list(), list(1, list("b", NULL), d = NULL), character(),
    shape(NA, 3), structure(1:2, class = "own", note = list(1))
  )
  for (value in values) {
    text <- kerasbridge:::to_text(kerasbridge:::plain_data(value))
    back <- kerasbridge:::restore_data(jsonlite::fromJSON(text, simplifyVector = FALSE))
    expect_identical(back, value)
  }
})

# A model that uses all that R can write, and what it predicts.
everything <- function() {
  scale <- 2.5
  settings <- list(offset = 0.1, levels = factor(c("low", "high")))
  helper <- function(x) op_relu(x) * rate()
  rate <- local({
    base <- 0.5
    function() base * length(settings$levels)
  })
  layer_scaled <- new_layer_class(
    "Scaled",
    initialize = function(by = 2, ...) {
      super$initialize(...)
      self$by <- by
      private$count <- 3
    },
    call = function(inputs) {
      helper(inputs) * self$by * private$count * private$twice() + settings$offset
    },
    private = list(twice = function() private$factor * 1, factor = 2)
  )
  layer_more <- new_layer_class(
    "More",
    inherit = layer_scaled,
    call = function(inputs) super$call(inputs) + self$plus + cls_value(self),
    plus = active_property(function() 0.5 * scale),
    tripled = static_method(function(x) 3 * x),
    named = class_method(function() cls$`__name__`)
  )
  cls_value <- function(object) object$tripled(2)
  Shifted(keras$layers$Layer) %py_class% {
    "Adds a constant."
    initialize <- function(self, by = 1, ...) {
      super()$initialize(...)
      self$by <- by
    }
    call <- function(self, inputs) inputs + self$by
    get_config <- function(self) c(super()$get_config(), list(by = self$by))
  }
  Halved <- R6::R6Class("Halved",
    inherit = keras$layers$Layer,
    public = list(call = function(inputs) inputs * private$half),
    private = list(half = 0.5)
  )
  initializer_ramp <- new_initializer_class(
    "Ramp",
    call = function(shape, dtype = NULL) {
      op_reshape(op_arange(prod(unlist(shape))) / 10, shape)
    },
    get_config = function() list()
  )
  regularizer_small <- new_regularizer_class(
    "Small", call = function(weights) 0.01 * sum(weights^2), get_config = function() list()
  )
  constraint_positive <- new_constraint_class(
    "Positive", call = function(weights) op_relu(weights), get_config = function() list()
  )
  loss_cubed <- new_loss_class(
    "Cubed", call = function(y_true, y_pred) op_mean(abs(y_true - y_pred)^3, axis = -1)
  )
  bias <- function(y_true, y_pred) scale * op_mean(y_pred - y_true)
  decay <- new_learning_rate_schedule_class(
    "Decay",
    initialize = function(start = 0.1) self$start <- start,
    call = function(step) self$start * 0.5^op_cast(step, "float32"),
    get_config = function() list(start = self$start)
  )
  optimizer_plain <- new_optimizer_class("Plain", inherit = keras$optimizers$SGD)
  model <- keras_model_sequential(input_shape = 2) |>
    layer_dense(
      3,
      activation = \(x) x * scale, kernel_initializer = initializer_ramp(),
      kernel_regularizer = regularizer_small(), kernel_constraint = constraint_positive()
    ) |>
    layer_more(by = 3) |>
    layer_lambda(\(x) x / 2) |>
    layer_dense(1, kernel_regularizer = \(w) sum(w^2) * 0.001)
  model$add(Shifted(by = 4))
  model$add(r_to_py(Halved)())
  model |> compile(optimizer_plain(decay(0.2)), loss_cubed(), metrics = bias)
  model
}

# What a session sees of a model.
seen <- function(model, x) {
  list(
    predicted = predict(model, x, verbose = 0),
    # Keras cannot add a regularizer to a loss on NumPy, in Python neither.
    evaluated = tryCatch(
      evaluate(model, x, matrix(c(1, 2)), verbose = 0),
      python.builtin.AttributeError = conditionMessage
    ),
    layers = vapply(model$layers, \(layer) class(layer)[[1]], ""),
    optimizer = class(model$optimizer)[[1]],
    rate = as.numeric(model$optimizer$learning_rate),
    static = model$layers[[2]]$tripled(2),
    class = model$layers[[2]]$named(),
    doc = model$layers[[5]]$`__doc__`
  )
}

# A model class, with layers, that captured a number.
pair <- function() {
  units <- 3
  model_pair <- new_model_class(
    "Pair",
    initialize = function(slope = 2, ...) {
      super$initialize(...)
      self$slope <- slope
      self$inner <- layer_dense(units = units, kernel_initializer = "ones")
    },
    call = function(inputs) self$slope * self$inner(inputs),
    get_config = function() list(slope = self$slope)
  )
  model_pair(slope = 5)
}

# What a script defines that saves a model and another that loads it.
define_own <- function() {
  list(
    layer = new_layer_class("Own", call = function(inputs) 2 * inputs),
    activation = function(x) x + 1
  )
}

test_that("a new session rebuilds what R wrote, or knows it by itself", {
  skip_if_not_installed("R6")
  folder <- withr::local_tempdir()
  model <- everything()
  save_model(model, file.path(folder, "everything.keras"), r_source = TRUE)
  expected <- seen(model, x)
  expect_identical(is.character(expected$evaluated), config_backend() == "numpy")
  model <- pair()
  pairs <- model(x)
  expect_value(pairs, 5 * matrix(rowSums(x), 2, 3))
  save_model(model, file.path(folder, "pair.keras"), r_source = TRUE)
  own <- define_own()
  activation <- own$activation
  model <- keras_model_sequential(input_shape = 2)
  model$add(own$layer())
  model <- model |> layer_dense(1, activation = activation, kernel_initializer = "ones")
  save_model(model, file.path(folder, "own.keras"))

  found <- in_new_session(function(folder, seen, define_own, x) {
    library(kerasbridge)
    at <- function(name) file.path(folder, paste0(name, ".keras"))
    model <- load_model(at("everything"), trust_r_source = TRUE)
    first <- seen(model, x)
    if (config_backend() != "numpy") fit(model, x, matrix(c(1, 2)), epochs = 1, verbose = 0)
    # What was rebuilt is saved and rebuilt like what was written.
    bytes <- serialize_model(model, r_source = TRUE)
    again <- unserialize_model(bytes, trust_r_source = TRUE)
    own <- define_own()
    given <- load_model(at("own"), list(own$layer, activation = own$activation))
    activation <- own$activation
    register_keras_serializable(own$layer, package = "mine")
    unknown <- tryCatch(load_model(at("own")), error = conditionMessage)
    register_keras_serializable(activation)
    list(
      first = first, left = ls(globalenv()),
      second = predict(model, x, verbose = 0), again = predict(again, x, verbose = 0),
      pairs = as.array(load_model(at("pair"), trust_r_source = TRUE)(x)),
      given = as.array(given(x)), unknown = unknown,
      registered = as.array(load_model(at("own"))(x))
    )
  }, folder, seen, define_own, x)
  expect_equal(found$first, expected, tolerance = float32_tolerance)
  expect_identical(found$again, found$second)
  expect_identical(found$left, character())
  expect_equal(found$pairs, as.array(pairs))
  expect_equal(found$given, matrix(2 * rowSums(x) + 1))
  expect_match(found$unknown, "does not know: activation[.]")
  expect_equal(found$registered, found$given)
})

# A copy of a model's file with other R source.
rewrite <- function(from, to, stored) {
  reticulate::py_run_string("
import zipfile
def rewrite(source, target, text):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, 'w') as new:
        for name in old.namelist():
            new.writestr(name, text if name == 'r_source.json' else old.read(name))
")
  text <- kerasbridge:::to_text(stored)
  reticulate::import_main()$rewrite(from, to, text)
}

test_that("nothing that is stored runs without being trusted", {
  file <- withr::local_tempfile(fileext = ".keras")
  trace <- withr::local_tempfile()
  act <- function(x) x
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1, activation = act)
  save_model(model, file, r_source = TRUE)
  # The same file with code that leaves a trace when it is so much as parsed as a call to run, and
  # with source that R cannot parse.
  stored <- source_json(file)
  evil <- withr::local_tempfile(fileext = ".keras")
  stored$objects$act$`function` <- list(sprintf("file.create('%s')", trace))
  stored$objects$broken <- list(`function` = list("function(x) {"), environment = "global")
  rewrite(file, evil, stored)

  message <- "know: act[.](.|\n)*source of act, broken is stored(.|\n)*trust_r_source = TRUE"
  expect_refused(load_model(evil), message, "kerasbridge.errors.UnknownObjectError")
  expect_match(stored_r_source(evil)[["act"]], "file.create")
  expect_value(load_model(evil, list(act = \(x) 7 + 0 * x))(x), matrix(7, 2, 1))
  bytes <- readBin(evil, "raw", file.size(evil))
  expect_refused(unserialize_model(bytes), message)
  expect_false(file.exists(trace))

  # What is given by name is used, whatever the file holds.
  expect_value(
    load_model(file, list(act = \(x) 7 + 0 * x), trust_r_source = TRUE)(x), matrix(7, 2, 1)
  )
})

test_that("what cannot be stored is refused by name, all at once, and nothing is written", {
  file <- withr::local_tempfile(fileext = ".keras")
  con <- file(withr::local_tempfile(), "w")
  withr::defer(close(con))
  tensor <- op_ones(2)
  memory <- new.env()
  formula <- y ~ x
  layer_odd <- new_layer_class(
    "Odd",
    call = function(inputs) {
      writeLines("called", con)
      inputs + sum(tensor) + length(memory) + length(formula)
    }
  )
  model <- keras_model_sequential(input_shape = 2)
  model$add(layer_odd())
  condition <- expect_refused(save_model(model, file, r_source = TRUE), "cannot store")
  message <- conditionMessage(condition)
  expect_match(message, "con (used by Odd$call), a connection", fixed = TRUE)
  expect_match(message, "tensor (used by Odd$call), a Python object", fixed = TRUE)
  expect_match(message, "memory (used by Odd$call), an environment", fixed = TRUE)
  expect_match(message, "formula (used by Odd$call), R code", fixed = TRUE)
  expect_identical(conditionCall(condition)[[1]], quote(save_model))
  expect_false(file.exists(file))
})

test_that("the stored source reads as it was written, and packages are stored by name", {
  file <- withr::local_tempfile(fileext = ".keras")
  env <- new.env(parent = globalenv())
  lines <- c("function(x) {", "  # half of it, and no more", "  stats::sd(1:3) * half * x", "}")
  env$half <- 0.5
  env$act <- eval(parse(text = lines, keep.source = TRUE), env)
  model <- keras_model_sequential(input_shape = 2) |>
    layer_dense(1, activation = env$act) |>
    layer_lambda(\(x) op_sqrt(op_square(x)))
  save_model(model, file, r_source = TRUE)
  shown <- stored_r_source(file)
  expect_true(paste(lines, collapse = "\n") %in% shown)
  expect_identical(shown[["half"]], "0.5")
  expect_output(print(shown), "# half of it, and no more", fixed = TRUE)

  folder <- withr::local_tempfile()
  save_model(model, folder, zipped = FALSE, r_source = TRUE)
  expect_identical(stored_r_source(folder), shown)
  expect_equal(
    as.array(load_model(folder, trust_r_source = TRUE)(x)), as.array(model(x))
  )
  plain <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  save_model(plain, file, overwrite = TRUE, r_source = TRUE)
  expect_null(stored_r_source(file))
})

test_that("source of another version, or one that needs a package, is refused", {
  file <- withr::local_tempfile(fileext = ".keras")
  model <- keras_model_sequential(input_shape = 2) |> layer_lambda(\(x) op_sqrt(x))
  save_model(model, file, r_source = TRUE)
  other <- withr::local_tempfile(fileext = ".keras")
  stored <- source_json(file)
  rewrite(file, other, replace(stored, "version", 99))
  expect_refused(load_model(other, trust_r_source = TRUE), "version")
  stored$environments[[1]]$variables <- list(sd = list(package = "nosuchpackage", name = "sd"))
  rewrite(file, other, stored)
  expect_refused(load_model(other, trust_r_source = TRUE), "nosuchpackage")
})
