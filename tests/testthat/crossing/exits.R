# Run in a process of its own: every way in which R code leaves, from every place where Python calls
# it. The value is a data frame with one row an exit; `reached` names the row under way in a file.

library(kerasbridge)

trains <- config_backend() != "numpy"

main <- py_run_string("
done = []

def traced(f):
    try:
        f()
    except Exception:
        done.append('error')
        raise
    finally:
        done.append('finally')

def one(f):
    try:
        yield f()
    finally:
        done.append('closed')

class Shown:
    def __init__(self, f):
        self.f = f

    def __repr__(self):
        self.f()
        return 'shown'

class Asked(Shown):
    @property
    def value(self):
        return self.f()

    def __getitem__(self, i):
        return self.f()

    def __len__(self):
        self.f()
        return 1

class Held(Shown):
    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.f()
")

# What `inside` does when it is called in Python; each way gives "left".
exits <- list(
  message = \(enter) tryCatch(enter(\() message("out")), message = \(m) "left"),
  warning = \(enter) tryCatch(enter(\() warning("out")), warning = \(w) "left"),
  condition = \(enter) tryCatch(enter(\() rlang::signal("out", "mine")), mine = \(c) "left"),
  try_fetch = \(enter) rlang::try_fetch(enter(\() message("out")), message = \(m) "left"),
  callCC = \(enter) callCC(\(k) enter(\() k("left"))),
  restart = \(enter) withRestarts(enter(\() invokeRestart("away", "left")), away = identity),
  `restart with an error` = \(enter) {
    tried <- withRestarts(
      enter(\() tryCatch(rlang::abort("out"), error = \(e) invokeRestart("away", e))),
      away = identity
    )
    if (inherits(tried, "rlang_error")) "left"
  },
  return = \(enter) {
    (\() {
      here <- environment()
      enter(\() rlang::return_from(here, "left"))
    })()
  },
  error = \(enter) {
    tryCatch(enter(\() stop("out")), error = \(e) if (grepl("out", conditionMessage(e))) "left")
  },
  req = \(enter) {
    req <- \() rlang::abort("", class = c("shiny.silent.error", "validation"))
    tryCatch(enter(req), shiny.silent.error = \(e) "left")
  },
  expect_message = \(enter) {
    testthat::expect_message(enter(\() message("out")), "out")
    "left"
  },
  local_options = \(enter) {
    tryCatch(
      withr::with_options(list(digits = 3), enter(\() message(getOption("digits")))),
      message = \(m) if (conditionMessage(m) == "3\n" && getOption("digits") == 7) "left"
    )
  },
  time_limit = \(enter) {
    endless <- \() {
      setTimeLimit(elapsed = 0.2, transient = TRUE)
      repeat Sys.sleep(0.01)
    }
    tryCatch(enter(endless), error = \(e) if (grepl("time limit", conditionMessage(e))) "left")
  }
)
exits$`an interrupt` <- \(enter) tryCatch(enter(rlang::interrupt), interrupt = \(i) "left")
exits$`a signal` <- \(enter) {
  signal <- function() {
    tools::pskill(Sys.getpid(), tools::SIGINT)
    Sys.sleep(0.1)
  }
  tryCatch(enter(signal), interrupt = \(i) "left")
}
exits$`warn = 2` <- \(enter) {
  strict <- \() withr::with_options(list(warn = 2), warning("out"))
  tryCatch(enter(strict), error = \(e) if (grepl("out", conditionMessage(e))) "left")
}
exits$try <- \(enter) if (inherits(try(enter(\() stop("out")), silent = TRUE), "try-error")) "left"
if (rlang::is_installed("shiny")) {
  exits$`shiny's req` <- \(enter) {
    tryCatch(enter(\() shiny::req(FALSE)), shiny.silent.error = \(e) "left")
  }
}
# Python goes on after a message that nobody catches; an error's own way is another test's.
exits$nothing <- \(enter) {
  withCallingHandlers(enter(\() message("in")), message = \(m) invokeRestart("muffleMessage"))
  "left"
}

x <- matrix(stats::runif(8), ncol = 2)
y <- stats::runif(4)
training <- if (trains) {
  keras_model_sequential(input_shape = 2) |> layer_dense(1)
}
if (trains) training |> compile("sgd", "mse")
fitting <- function(model, ...) fit(model, x, y, batch_size = 4, verbose = 0, ...)

# A function that Python is to call, wherever the place is, and the value of the place after it.
inside <- NULL
then <- function(value) {
  inside()
  value
}

calling <- new_layer_class("Calling", call = function(inputs) then(inputs))

places <- list(
  `function` = \() main$traced(\() inside()),
  `function in a function` = \() main$traced(\() main$traced(\() inside())),
  `next` = \() iterate(main$one(\() inside())),
  repr = \() capture.output(print(main$Shown(\() inside()))),
  with = \() with(main$Held(\() inside()), NULL),
  property = \() main$Asked(\() inside())$value,
  `[` = \() reticulate::py_get_item(main$Asked(\() inside()), 1L),
  length = \() reticulate::import_builtins()$len(main$Asked(\() inside())),
  layer = \() calling(op_ones(c(1, 2))),
  map = \() op_map(op_ones(2), \(x) then(x)),
  compiled = \() {
    f <- \(x) then(x * 2)
    switch(config_backend(),
      jax = import("jax")$jit(f)(op_ones(2)),
      tensorflow = tf_function(f)(op_ones(2)),
      torch = import("torch")$compile(r_to_py(f), backend = "eager")(op_ones(2)),
      f(op_ones(2))
    )
  }
)
places$cond <- \() op_cond(TRUE, \() then(op_ones(1)), \() op_ones(1))
places$scan <- \() {
  op_scan(\(carry, x) then(list(carry + x, carry)), op_zeros(1), op_ones(c(3, 1)))
}
places$while_loop <- \() {
  op_while_loop(\(x) op_sum(x) < 3, \(x) then(list(x + 1)), list(op_zeros(1)))
}
places$fori_loop <- \() op_fori_loop(1, 3, \(i, x) then(x + 1), op_zeros(1))
places$switch <- \() op_switch(1L, list(\() then(op_ones(1)), \() op_zeros(1)))
places$vectorized_map <- \() op_vectorized_map(op_ones(c(2, 2)), \(x) then(x * 2))
places$initializer <- \() {
  starting <- \(shape, dtype = NULL) then(op_ones(shape, dtype = dtype))
  layer_dense(units = 1, kernel_initializer = starting)$build(shape(NULL, 2))
}
if (config_backend() == "jax") {
  jax <- import("jax")
  places$grad <- \() jax$grad(\(x) then(op_sum(x * x)))(op_ones(2))
  places$pure_callback <- \() {
    jax$pure_callback(\(x) then(x), jax$ShapeDtypeStruct(tuple(2L), "float32"), op_ones(2))
  }
}
if (config_backend() == "torch") {
  places$hook <- \() {
    x <- import("torch")$ones(2L, requires_grad = TRUE)
    x$register_hook(\(gradient) then(NULL))
    x$sum()$backward()
  }
}
if (config_backend() == "tensorflow") {
  places$tape <- \() {
    x <- tf$Variable(op_ones(2))
    with(tf$GradientTape() %as% tape, {
      inside()
      loss <- op_sum(x * x)
    })
    tape$gradient(loss, x)
  }
  places$`custom gradient` <- \() {
    tf$custom_gradient(\(x) then(list(x, \(upstream) upstream)))(op_ones(2))
  }
  places$py_function <- \() tf$py_function(\() inside(), list(), list())
}
if (trains) {
  places$callback <- \() {
    fitting(training, callbacks = callback_lambda(on_train_batch_end = \(batch, logs) inside()))
  }
  ending <- new_callback_class("Ending", on_epoch_end = function(epoch, logs) inside())
  places$`callback class` <- \() fitting(training, callbacks = ending())
  places$evaluate <- \() {
    called <- callback_lambda(on_test_begin = \(logs) inside())
    evaluate(training, x, y, verbose = 0, callbacks = called)
  }
  places$predict <- \() {
    called <- callback_lambda(on_predict_batch_begin = \(batch, logs) inside())
    predict(training, x, verbose = 0, callbacks = called)
  }
  places$source <- \() {
    given <- FALSE
    batches <- function() then(if (given <<- !given) list(x, y))
    fit(training, batches, epochs = 1, verbose = 0)
  }
  Batches <- new_wrapped_class(
    keras$utils$PyDataset, "Batches",
    initialize = function(...) super$initialize(...),
    `__len__` = function() 1L,
    `__getitem__` = function(index) then(list(x, y))
  )
  places$`data set` <- \() fit(training, Batches(), epochs = 1, verbose = 0)
  places$`data set of a function` <- \() {
    given <- FALSE
    data <- dataset_from_function(\() then(if (given <<- !given) list(x, y)))
    fit(training, data, epochs = 1, verbose = 0)
  }
  trained <- \(..., loss = "mse", metrics = NULL, optimizer = "sgd") {
    model <- keras_model_sequential(input_shape = 2) |> layer_dense(1, ...)
    model |> compile(optimizer, loss, metrics)
    fitting(model)
  }
  # A model calls its layers when it is made, which is the place `layer`.
  places$`call in a training` <- \() {
    begun <- FALSE
    layer <- new_layer_class(
      "InTraining", call = function(inputs) if (begun) then(inputs) else inputs
    )
    model <- keras_model_sequential(input_shape = 2) |> layer_dense(1) |> layer()
    model |> compile("sgd", "mse")
    begun <- TRUE
    fitting(model)
  }
  places$build <- \() {
    layer <- new_layer_class(
      "Built", build = function(input_shape) inside(), call = function(inputs) inputs
    )
    model <- keras_model_sequential() |> layer_dense(1) |> layer()
    model |> compile("sgd", "mse")
    fitting(model)
  }
  squared <- \(y_true, y_pred) then(op_mean(op_square(y_true - y_pred)))
  places$loss <- \() trained(loss = squared)
  places$`loss class` <- \() trained(loss = new_loss_class("Lost", call = squared)())
  places$metric <- \() trained(metrics = list(\(y_true, y_pred) then(op_mean(y_pred))))
  places$`metric class` <- \() {
    metric <- new_metric_class(
      "Measured",
      update_state = function(y_true, y_pred, sample_weight = NULL) inside(),
      result = function() op_sum(op_ones(1))
    )
    trained(metrics = list(metric()))
  }
  places$regularizer <- \() trained(kernel_regularizer = \(w) then(op_sum(w)))
  places$constraint <- \() trained(kernel_constraint = \(w) then(w))
  places$schedule <- \() {
    schedule <- new_learning_rate_schedule_class("Scheduled", call = function(step) then(0.1))
    trained(optimizer = optimizer_sgd(schedule()))
  }
}

works <- function() {
  if (trains) all(is.finite(unlist(fitting(training)$metrics))) else sum(value(op_ones(3))) == 3
}
value <- function(tensor) as.array(tensor)

run <- function(place, exit) {
  calls <- 0L
  ends <- 0L
  main$done <- list()
  enter <- function(leave) {
    inside <<- function() {
      calls <<- calls + 1L
      on.exit(ends <<- ends + 1L)
      leave()
    }
    places[[place]]()
  }
  result <- tryCatch(exits[[exit]](enter), error = \(e) conditionMessage(e))
  inside <<- \() NULL
  data.frame(
    place = place, exit = exit, value = if (is.character(result)) result else class(result)[[1L]],
    calls = calls, ends = ends, done = paste(unlist(main$done), collapse = " "), works = works()
  )
}

rows <- expand.grid(exit = names(exits), place = names(places), stringsAsFactors = FALSE)
# What a time limit does to a training is a test of its own: it ends between two batches.
training_places <- c(
  "callback", "callback class", "evaluate", "predict", "source", "data set", "loss", "metric"
)
rows <- rows[!(rows$exit == "time_limit" & rows$place %in% training_places), ]
# Each way leads through the places that differ most. Their relatives are left in one way of each
# kind, and the rarer ways lead through one place of each kind.
relatives <- c(
  "property", "[", "length", "cond", "grad", "hook", "py_function", "callback class", "evaluate",
  "predict", "source", "data set", "scan", "while_loop", "fori_loop", "switch", "vectorized_map",
  "initializer", "pure_callback", "tape", "custom gradient", "data set of a function",
  "call in a training", "build", "loss class", "metric class", "regularizer", "constraint",
  "schedule"
)
rarer <- c("an interrupt", "warn = 2", "try", "shiny's req")
kinds <- list(
  places = c("function", "next", "map", "callback"),
  exits = c("message", "callCC", "error", "a signal")
)
rows <- rows[!(rows$place %in% relatives) | rows$exit %in% kinds$exits, ]
rows <- rows[!(rows$exit %in% rarer) | rows$place %in% kinds$places, ]
if (exists("only")) rows <- rows[eval(only, rows), ]
table <- Map(function(place, exit) {
  cat(place, "/", exit, "\n", file = reached)
  run(place, exit)
}, rows$place, rows$exit)
do.call(rbind, unname(table))
