# What the door adds when Python calls an R function, in microseconds over reticulate's own way; and
# what a call from another thread takes. These are times, not ratios: the targets are. And the share
# of a training that R's turns take, with a timer of `later` every 50 ms.

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
report("crossing", data.frame(
  case = c(
    "a crossing, over reticulate's, in \u00b5s", "a hop between threads, in \u00b5s",
    "R's events during fit(), of its time"
  ),
  ratio = c(
    as.numeric(reticulate::py_to_r(
      python$over(reticulate::r_to_py(nothing, convert = TRUE), times, runs)
    )),
    as.numeric(reticulate::py_to_r(python$hop(nothing, as.integer(times * 10L)))),
    share_of_turns(bench_size(full = 20000L, small = 200L))
  ),
  target = c(3, 200, 0.01)
))
