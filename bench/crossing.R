# What the door adds when Python calls an R function to what reticulate's own way takes, and what a
# call from another thread takes; both as multiples of an empty py_call() from R, the way in. Where
# that takes 4 microseconds, the targets are 3 and 200. And the share of a training that R's turns
# take, with a timer of `later` every 50 ms.

source(file.path("bench", "measure.R"))
library(kerasbridge)

# Short runs, the best of many: what else the machine does takes longer than one of them.
times <- bench_size(full = 100L, small = 50L)
runs <- bench_size(full = 500L, small = 3L)

python <- reticulate::py_run_string("
import statistics
import threading
import time
import rpycall
import rpytools.call
from kerasbridge.crossing.callables import r_function

def once(call, function, times):
    start = time.perf_counter()
    for _ in range(times):
        call(function, 1)
    return (time.perf_counter() - start) / times * 1e6

# In turns, so that what else the machine does meets both.
def over(f, times, runs):
    function = r_function(f)
    ours, bare = rpytools.call.call_r_function, rpycall.call_r_function
    pairs = [(once(ours, function, times), once(bare, function, times)) for _ in range(runs)]
    return min(a for a, _ in pairs) - min(b for _, b in pairs)

def hop(f, times):
    seconds = []
    def work():
        for _ in range(times):
            start = time.perf_counter()
            f(1)
            seconds.append(time.perf_counter() - start)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return statistics.median(seconds) * 1e6

def turns_timed():
    from kerasbridge.models import progress
    tell, seconds = progress.Run.tell, []
    def timed(run, event):
        start = time.perf_counter()
        tell(run, event)
        seconds.append(time.perf_counter() - start)
    progress.Run.tell = timed
    return seconds
", convert = FALSE)

share_of_turns <- function(steps) {
  x <- matrix(stats::runif(steps * 4), ncol = 2)
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
  model |> compile("sgd", "mse", steps_per_execution = 1)
  training <- \() fit(model, x, x[, 1], batch_size = 2, epochs = 1, verbose = 0)
  training()
  ticks <- 0L
  tick <- function() {
    ticks <<- ticks + 1L
    later::later(tick, 0.05)
  }
  tick()
  seconds <- python$turns_timed()
  start <- now()
  training()
  whole <- now() - start
  stopifnot(ticks > 1L)
  sum(unlist(reticulate::py_to_r(seconds))) / whole
}

nothing <- \(x) NULL
added <- as.numeric(reticulate::py_to_r(
  python$over(reticulate::r_to_py(nothing, convert = TRUE), times, runs)
))
hop <- as.numeric(reticulate::py_to_r(python$hop(nothing, as.integer(times * 10L))))

# The way in, the best of as many runs.
same <- reticulate::py_eval("lambda x: x")
one <- reticulate::py_eval("object()", convert = FALSE)
bare <- 1e6 * min(replicate(runs, per_call(\() reticulate::py_call(same, one), times)))

report("crossing", data.frame(
  case = c(
    "what the door adds to a crossing, in empty calls", "a hop between threads, in empty calls",
    "R's events during fit(), of its time"
  ),
  ratio = c(added / bare, hop / bare, share_of_turns(bench_size(full = 20000L, small = 200L))),
  target = c(3 / 4, 50, 0.01),
  us = c(added, hop, NA),
  bare_us = c(bare, bare, NA)
))
