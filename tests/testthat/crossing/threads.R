# Run in a process of its own: R functions called from other threads and in forked copies, each
# `times` times. Gives a value for every row, which `expected` in the test has.

library(kerasbridge)

backend <- config_backend()
main <- py_run_string("
import concurrent.futures
import queue
import threading
import time

def in_thread(f, wait):
    got = queue.Queue()
    thread = threading.Thread(target=lambda: got.put(f(20)))
    thread.start()
    if wait == 'join':
        thread.join()
    elif wait == 'sleep':
        while thread.is_alive():
            time.sleep(0.05)
    return got.get()

def in_pool(f):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return sum(pool.map(f, range(10)))

def hops(f, times):
    def work():
        for _ in range(times):
            f(1)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def pulled(iterator):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(list, iterator).result()

def giving(iterator):
    return lambda: iterator

def error_of(f):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return str(pool.submit(f, 1).exception())
")

Batches <- new_wrapped_class(
  keras$utils$PyDataset, "Batches",
  initialize = function(...) super$initialize(...),
  `__len__` = function() 5L,
  `__getitem__` = function(index) list(matrix(as.numeric(index), 2, 1), matrix(0, 2, 1))
)
doubling <- keras_model_sequential(input_shape = 1) |>
  layer_dense(1, kernel_initializer = initializer_constant(2))
batches <- function(workers, shuffle = FALSE) {
  data <- Batches(workers = workers)
  if (backend != "numpy") {
    doubling |> compile(optimizer_sgd(0), "mse")
    losses <- fit(doubling, data, verbose = 0, shuffle = FALSE, epochs = 2)$metrics$loss
    stopifnot(all.equal(losses, rep(24, 2), tolerance = 1e-5))
  }
  predict(doubling, data, verbose = 0)[, 1L]
}

caught <- function(expr, class = "error") {
  handler <- list(\(e) conditionMessage(e))
  do.call(tryCatch, c(list(quote(expr)), stats::setNames(handler, class)))
}

rows <- list(
  join = \() main$in_thread(\(x) x + 1, "join"),
  queue = \() main$in_thread(\(x) x + 1, "get"),
  sleep = \() main$in_thread(\(x) x + 1, "sleep"),
  futures = \() main$in_pool(\(x) x + 1),
  `R in Python in R` = \() main$in_thread(\(x) main$in_pool(\(y) y + x), "join"),
  py_iterator = \() {
    numbers <- as.list(1:3)
    pull <- \() {
      number <- numbers[1L]
      numbers <<- numbers[-1L]
      if (length(number)) number[[1L]]
    }
    unlist(main$pulled(reticulate::py_iterator(pull)))
  },
  error = \() main$error_of(\(x) stop("in a thread")),
  message = \() tryCatch(main$in_pool(\(x) message("out")), message = conditionMessage),
  `workers = 0` = \() batches(0L),
  `workers = 1` = \() batches(1L),
  `workers = 2` = \() batches(2L),
  `workers = 4` = \() batches(4L),
  multiprocessing = \() {
    data <- Batches(workers = 2L, use_multiprocessing = TRUE)
    caught(predict(doubling, data, verbose = 0))
  },
  fork = \() unlist(parallel::mclapply(1:2, \(i) i + 1)),
  `fork with Python` = \() {
    unlist(parallel::mclapply(1:2, \(i) reticulate::py_eval("1 + 1")))
  }
)
if (backend != "numpy") {
  rows$`fork with a framework` <- \() {
    unlist(parallel::mclapply(1:2, \(i) caught(as.array(op_ones(2) + i))))
  }
}
if (backend == "tensorflow") {
  rows$py_function <- \() as.array(tf$py_function(\(x) x * 2, list(tf$constant(21)), tf$float32))
}
if (backend == "torch") {
  data <- import("torch")$utils$data
  Numbers <- new_wrapped_class(
    data$Dataset, "Numbers",
    `__len__` = function() 5L, `__getitem__` = function(index) as.numeric(index)
  )
  rows$DataLoader <- \() {
    iterate(data$DataLoader(Numbers(), num_workers = 0L), \(batch) as.numeric(batch$numpy()))
  }
}

# The option is read while the session runs.
timeout <- \() {
  op_ones(1)
  kerasbridge:::shim("crossing.threads")$timeout
}
timeouts <- list(default = timeout())
refused <- list("soon", 0, -1, NA_real_, c(1, 2), numeric())
timeouts$refused <- vapply(refused, FUN.VALUE = "", \(value) {
  options(kerasbridge.thread_timeout = value)
  caught(op_ones(1), "kerasbridge_error")
})
options(kerasbridge.thread_timeout = NULL)
timeouts$again <- timeout()
options(kerasbridge.thread_timeout = 2)
timeouts$changed <- timeout()

values <- lapply(stats::setNames(nm = names(rows)), function(name) {
  cat(name, "\n", file = reached)
  given <- replicate(times, rows[[name]](), simplify = FALSE)
  stopifnot(all(vapply(given, identical, NA, given[[1L]])))
  given[[1L]]
})
# What waits for TensorFlow's own threads can only end.
if (backend == "tensorflow") {
  cat("from_generator\n", file = reached)
  values$from_generator <- caught({
    data <- tf$data$Dataset$from_generator(\() list(1, 2), output_types = tf$float32)
    iterate(data, as.numeric)
  })
  cat("from_generator of an iterator\n", file = reached)
  values$`from_generator of an iterator` <- caught({
    given <- main$giving(reticulate::py_iterator(\() 1))
    iterate(tf$data$Dataset$from_generator(given, output_types = tf$float32), as.numeric)
  })
  cat("py_function in a graph\n", file = reached)
  doubled <- tf_function(\(x) tf$py_function(\(x) x * 2, list(x), tf$float32))
  values$`py_function in a graph` <- caught(doubled(tf$constant(21)))
}
cat("hops\n", file = reached)
main$hops(\(x) NULL, hops)
values$timeouts <- timeouts
values$works <- as.array(op_ones(2) + 1)
values
